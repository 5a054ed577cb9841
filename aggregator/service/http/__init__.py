"""The HTTP server: what it answers, to whom, and the documents it holds in memory."""

"""What the HTTP server answers, to whom, and from which memory."""

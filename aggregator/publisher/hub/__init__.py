"""Notifies a WebSub hub of documents that changed, and remembers what it must still be notified of."""

"""Tells a WebSub hub of documents that changed, and remembers what it still has to be told."""

"""The constructs that other programs know in a body beside Markdown, one module a kind. Pure."""

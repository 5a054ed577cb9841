"""YAML text to nodes with line and column, to typed values, and to messages that a person can act on. Pure."""

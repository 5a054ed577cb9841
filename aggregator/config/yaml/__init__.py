"""YAML: text to nodes with line and column, nodes to typed values, errors to messages that people can act on. Pure."""

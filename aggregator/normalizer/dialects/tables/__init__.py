"""The dialects: one file each, with a table `DIALECT`. Adding a dialect is adding a file here, and its cases. Pure."""

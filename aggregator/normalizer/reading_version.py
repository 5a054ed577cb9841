"""The version of what seeds are read to. Pure."""

READING_VERSION = 15
"""Raise this whenever the same bytes are read to another seed than before."""

"""Where seeds and feeds lie: a folder of this machine, or a URL of an object store. Pure."""

from __future__ import annotations


def is_url(place: str) -> bool:
    """Say whether a place is a URL of a store, and not a folder: an absolute path has no two slashes in a row."""
    return "://" in place

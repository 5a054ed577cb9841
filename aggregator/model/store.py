"""Locations of seeds and feeds: a folder on this machine, or a URL of an object store. Pure."""

from __future__ import annotations


def is_url(location: str) -> bool:
    """Return whether a location is the URL of a store, not a folder: absolute paths have no `//`."""
    return "://" in location

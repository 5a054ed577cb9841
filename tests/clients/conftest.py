"""A site that is served, for the readers to read."""

from serving import serving

__all__ = ["serving"]

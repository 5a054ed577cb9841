"""Our nginx and Caddy files before a site that was built once."""

from fronts import front

__all__ = ["front"]

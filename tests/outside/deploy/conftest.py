"""Our nginx and Caddy files before a site that was built once."""

from support.nginx_caddy import front

__all__ = ["front"]

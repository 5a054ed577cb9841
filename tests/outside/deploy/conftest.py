"""A built site behind nginx and Caddy."""

from support.nginx_caddy import front

__all__ = ["front"]

"""What only people at a terminal meet: the banner of `run`, the browser, suggestions for misspelt names."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import ip_address
from typing import Any

import click

from aggregator import __version__
from aggregator.config.settings import Config
from aggregator.model.store import is_url
from aggregator.model.words import did_you_mean

BROWSER_PATIENCE = 20.0
"""How long, in seconds, the browser waits for the server to listen."""

CONFIG = "config/aggregator.yaml"


def find_config() -> str:
    """Return the config file: `AGGREGATOR_CONFIG`, else the first `config/aggregator.yaml` from here upwards.

    Without any it is the one in the current folder, whose absence is reported.
    """
    if named := os.environ.get("AGGREGATOR_CONFIG"):
        return named
    folder = os.getcwd()
    while True:
        if os.path.isfile(found := os.path.join(folder, CONFIG)):
            return os.path.relpath(found)
        if (parent := os.path.dirname(folder)) == folder:
            return CONFIG
        folder = parent


def local_address(config: Config) -> str:
    """Return the address at which a browser on this machine finds the site."""
    host = config.server.host
    with suppress(ValueError):  # it is a name
        host = "127.0.0.1" if ip_address(host).is_unspecified else host
    return f"http://{f'[{host}]' if ':' in host else host}:{config.server.port}/"


def banner(config: Config, *, serves: bool) -> Iterator[str]:
    """Yield the lines with which `run` begins on a terminal."""

    def shown(folder: str) -> str:
        return folder if is_url(folder) else os.path.relpath(folder)

    yield f"aggregator {__version__}: {config.site.title}"
    if serves:
        yield f"  site    {local_address(config)}"
        yield f"  status  {local_address(config)}-/status"
    yield f"  seeds   {', '.join(shown(root.folder) for root in config.seeds)}"
    yield f"  feeds   {shown(config.feeds)}"
    yield "Ctrl-C stops."


def open_browser(config: Config) -> None:
    """Open the site in the browser once the server listens; returns at once."""
    threading.Thread(target=_open_when_served, args=(config,), daemon=True).start()


def _open_when_served(config: Config) -> None:
    import socket  # noqa: PLC0415 - only `--open` needs these
    import webbrowser  # noqa: PLC0415

    address = local_address(config)
    host = address.removeprefix("http://").rpartition(":")[0].strip("[]")
    ends = time.monotonic() + BROWSER_PATIENCE
    while time.monotonic() < ends:
        try:
            socket.create_connection((host, config.server.port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            webbrowser.open(address)
            return


class Group(click.Group):
    """A group of commands that suggests the command that was meant."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that `args` name.

        Raises:
            click.UsageError: if there is none, with a suggestion.
        """
        name = args[0]
        if self.get_command(ctx, name) is None and not name.startswith("-"):
            ctx.fail(f"No such command {name!r}{did_you_mean(name, self.list_commands(ctx))}.")
        return super().resolve_command(ctx, args)


def adjusted(config: Config, *, host: str, port: int | None) -> Config:
    """Return the config with another host or port for its server, if one was named on the command line."""
    from msgspec.structs import replace  # noqa: PLC0415 - only two commands need it

    changes: dict[str, Any] = {**({"host": host} if host else {}), **({"port": port} if port is not None else {})}
    return replace(config, server=replace(config.server, **changes)) if changes else config

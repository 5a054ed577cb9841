"""What a shell offers for an argument: click calls these functions while the shell completes a command."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

import click

from aggregator.cli import terminal
from aggregator.model.errors import AggregatorError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


def files(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Let the shell complete names of files."""
    from click.shell_completion import CompletionItem  # noqa: PLC0415 - only a shell that completes needs it

    return [CompletionItem(incomplete, type="file")]


def folders(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Let the shell complete names of folders."""
    from click.shell_completion import CompletionItem  # noqa: PLC0415 - as above

    return [CompletionItem(incomplete, type="dir")]


def feeds(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """Return the slugs of published feeds that begin with `incomplete`; none if the config cannot be read."""
    from aggregator.config.loading import load_config  # noqa: PLC0415 - as above

    with suppress(AggregatorError, OSError):
        config = load_config(context.params.get("config_path") or terminal.find_config())
        with os.scandir(config.feeds) as entries:
            found = sorted(one.name for one in entries if os.path.isfile(os.path.join(one.path, "rss.xml")))
        return [name for name in found if name.startswith(incomplete)]
    return []

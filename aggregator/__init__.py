"""Turns a folder of seeds (Markdown files with YAML front matter) into RSS, Atom and JSON feeds.

    from aggregator import build, load_config

    turn = build(load_config("config/aggregator.yaml"))
    print(turn.items, "items,", len(turn.written), "documents written")

Public are the names in `__all__`; everything else may change with any version.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from aggregator.config import Config
from aggregator.errors import AggregatorError, ConfigError, FolderError, LockedError, PublishError
from aggregator.model import FeedReport, Problem, Turn
from aggregator.site import Site, load_config
from aggregator.version import VERSION as __version__  # noqa: N811 - the name that packages have for it

__all__ = [
    "AggregatorError",
    "Config",
    "ConfigError",
    "FeedReport",
    "FolderError",
    "LockedError",
    "Problem",
    "PublishError",
    "Turn",
    "__version__",
    "build",
    "load_config",
]


def build(
    config: Config,
    *,
    now: int | None = None,
    fresh: bool = False,
    prune: bool = False,
    accept_deletions: bool = False,
    jobs: int | None = None,
    progress: Callable[[int, int], object] | None = None,
) -> Turn:
    """Bring the feeds of a site up to date, once, and say what was done.

    Where the config names a hub it is told of what changed; what it does not take is in the notes, and waits.

    Args:
        config: what `load_config` gave.
        now: the moment to build for, in seconds since 1970 (UTC); None is the present.
        fresh: read and render everything anew; remembered ids and last good versions stay.
        prune: remove the feeds that have lost their last item.
        accept_deletions: believe a folder that lost more than half of its seeds at once.
        jobs: how many processes parse; None uses every processor where that pays.
        progress: is called with how many of how many files have been read.

    Raises:
        LockedError: another process holds the state folder.
        FolderError: the seeds folder is gone or cannot be believed; nothing was withdrawn.
        ConfigError: a folder of the config cannot be used.

    """
    with Site(config, jobs=jobs) as site:
        return site.build(
            now=clock() if now is None else now, fresh=fresh, prune=prune, accept_deletions=accept_deletions,
            progress=progress,
        )  # fmt: skip


def clock() -> int:
    """Read the clock: whole seconds since 1970, UTC. The only place where this program does."""
    return int(time.time())

"""Turns a folder of seeds (Markdown files with YAML front matter) into RSS, Atom and JSON feeds.

    from aggregator import build, load_config

    turn = build(load_config("config/aggregator.yaml"))
    print(turn.items, "items,", len(turn.written), "documents written")

Public are the names in `__all__`; everything else may change with any version.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from aggregator.config.loading import load_config
from aggregator.config.settings import Config
from aggregator.model.errors import AggregatorError, ClusterError, ConfigError, FolderError, LockedError, PublishError
from aggregator.model.reports import FeedReport, Problem, Turn
from aggregator.model.version import VERSION as __version__  # noqa: N811 - the name that packages have for it
from aggregator.site.progress import Progress
from aggregator.site.site import Site

if TYPE_CHECKING:
    from concurrent.futures import Executor
from aggregator.site.clock import clock

__all__ = [
    "AggregatorError",
    "ClusterError",
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
    cluster: str = "",
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
        jobs: how many processes parse seeds and render; None uses every processor where that pays.
        cluster: a Dask cluster that does so instead: `tcp://host:port`, or `local:N` for N processes of this machine.
        progress: is called with how many of how many files have been read.

    Raises:
        LockedError: another process holds the state folder.
        ClusterError: the cluster cannot be used.
        FolderError: the seeds folder is gone or cannot be believed; nothing was withdrawn.
        ConfigError: a folder of the config cannot be used.

    """
    with (
        _cluster(cluster) if cluster else nullcontext() as executor,
        Site(config, jobs=jobs, cluster=executor, note=_log, progress=Progress(on_read=progress)) as site,
    ):
        return site.build(
            now=clock() if now is None else now, fresh=fresh, prune=prune, accept_deletions=accept_deletions
        )  # fmt: skip


def _cluster(address: str) -> AbstractContextManager[Executor]:
    from aggregator.site.cluster import cluster  # noqa: PLC0415 - few have one

    return cluster(address)


def _log(event: str, level: int = 20, **values: object) -> None:
    from aggregator.service.logs import log  # noqa: PLC0415 - few builds have anything to log

    log(event, level, **values)

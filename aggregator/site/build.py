"""One build: opens the site, takes a full turn, closes it. This is `aggregator.build`."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from aggregator.config.settings import Config
from aggregator.model.reports import Turn
from aggregator.site.clock import clock
from aggregator.site.progress import Progress
from aggregator.site.site import Site

if TYPE_CHECKING:
    from concurrent.futures import Executor


def build(
    config: Config,
    *,
    now: int | None = None,
    fresh: bool = False,
    prune: bool = False,
    accept_deletions: bool = False,
    adopt: bool = False,
    jobs: int | None = None,
    cluster: str = "",
    progress: Callable[[int, int], object] | None = None,
) -> Turn:
    """Bring the feeds of a site up to date, once, and return what was done.

    If the config names a WebSub hub, it is notified of every document that changed. Notifications that fail are listed
    in the turn's notes and sent by a later build.

    Args:
        config: the config that `load_config` returned.
        now: the time to build for, in seconds since 1970 (UTC); None is the present.
        fresh: read and render everything again; the ids and last good versions of items are kept.
        prune: remove feeds that have no items left.
        accept_deletions: withdraw items even if more than half of the seeds are gone at once.
        adopt: replace files of somebody else in the feeds folder, which otherwise stop the build.
        jobs: how many processes parse seeds and render; None means as many as speed it up.
        cluster: do this on a Dask cluster instead: `tcp://host:port`, or `local:N` for N processes of this machine.
        progress: a function that is called with the number of files read so far and the total.

    Raises:
        LockedError: if another process holds the state folder.
        ClusterError: if the cluster cannot be used.
        FolderError: if the seeds folder is missing or lost most of its seeds; nothing is withdrawn.
        ConfigError: if a folder of the config cannot be used.

    """
    with (
        _cluster(cluster) if cluster else nullcontext() as executor,
        Site(config, jobs=jobs, cluster=executor, note=_log, adopt=adopt, progress=Progress(on_read=progress)) as site,
    ):
        return site.build(
            now=clock() if now is None else now, fresh=fresh, prune=prune, accept_deletions=accept_deletions
        )  # fmt: skip


def _cluster(address: str) -> AbstractContextManager[Executor]:
    from aggregator.site.cluster import cluster  # noqa: PLC0415 - few sites use one

    return cluster(address)


def _log(event: str, level: int = 20, **values: object) -> None:
    import logging  # noqa: PLC0415 - few builds have anything to log

    logger = logging.getLogger("aggregator")
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
    logger.log(level, event, extra={"values": values, "people": ""})

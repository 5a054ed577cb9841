"""A watcher that could not be started leaves nothing behind."""

from __future__ import annotations

import logging

from support.site_folder import SiteFolder

from aggregator.service.inbox import Inbox
from aggregator.service.watch_backend import WatchBackend


def test_a_watcher_that_cannot_be_started_adds_no_log_handler(site: SiteFolder) -> None:
    """After several failures, one overflow causes one doubt, not one for each failure."""
    alarms = logging.getLogger("watchdog").handlers
    config = site.config()
    before = list(alarms)
    watching = WatchBackend(Inbox())
    site.seeds.rmdir()
    for _ in range(5):
        watching.start(config)
        assert watching.backend == "polling"
    assert alarms == before
    site.seeds.mkdir()
    watching.start(config)
    assert (watching.backend, len(alarms)) == ("native", len(before) + 1)
    watching.stop()
    assert alarms == before

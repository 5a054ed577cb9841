"""A daemon on a thread of the test process, stopped after each test."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator

import pytest
from support.running_daemon import DaemonThread
from support.site_folder import SiteFolder

from aggregator.service import logs


@pytest.fixture
def inside(site: SiteFolder) -> Iterator[DaemonThread]:
    """Return a daemon that runs on a thread of this process."""
    before = threading.excepthook
    made = DaemonThread(site)
    yield made
    if hasattr(made, "thread") and made.thread.is_alive():
        made.daemon.stop()
        made.thread.join(60)
    for logger in (logs.LOGGER, logging.getLogger()):
        for handler in [one for one in logger.handlers if getattr(one, "stream", None) is made._log]:
            logger.removeHandler(handler)
    logging.captureWarnings(capture=False)
    threading.excepthook = before
    made.close()

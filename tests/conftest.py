"""What most tests begin with: an empty site in a temporary folder, and a daemon for it."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from living import Running
from support import SiteFolder

# The machine may be busy: how long an example takes is measured elsewhere.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")
settings.register_profile(
    "at-length", max_examples=int(os.environ.get("AGGREGATOR_EXAMPLES", "5000")), deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip


@pytest.fixture
def site(tmp_path: Path) -> SiteFolder:
    """Make an empty site."""
    return SiteFolder(tmp_path)


@pytest.fixture
def make_site(tmp_path: Path) -> Callable[[str], SiteFolder]:
    """Make several sites."""

    def make(name: str) -> SiteFolder:
        root = tmp_path / name
        root.mkdir()
        return SiteFolder(root)

    return make


@pytest.fixture
def running(site: SiteFolder) -> Iterator[Running]:
    """Give a daemon that a test starts; it is ended whatever happens."""
    made = Running(site)
    yield made
    if hasattr(made, "process") and made.process.poll() is None:
        made.signal(signal.SIGCONT)
        made.process.kill()
        made.process.wait(10)

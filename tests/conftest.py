"""What most tests begin with: an empty site in a temporary folder, and a daemon for it."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from support.running_daemon import Running
from support.site_folder import SiteFolder

from aggregator.publisher.files import Writer

# Hundreds of commands are started: without their compiled form each takes a second to begin.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# The machine may be busy: how long an example takes is measured elsewhere.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")
settings.register_profile(
    "at-length", max_examples=int(os.environ.get("AGGREGATOR_EXAMPLES", "5000")), deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip

MEMORY = Path("/dev/shm")
ENOUGH = 4 * 1024**3
"""Bytes that must be free in memory for the usual run to take place there."""


def pytest_configure(config: pytest.Config) -> None:
    """Let the folders of the usual run lie in memory: it flushes thousands of files, which costs a third of its time.

    What is marked takes place on the disk, and so does everything where `PYTEST_DEBUG_TEMPROOT` or `--basetemp` say so.
    """
    usual = "not slow" in config.getoption("markexpr")
    if usual and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ENOUGH:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))


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
    """Return a daemon that a test starts; it is ended whatever happens."""
    made = Running(site)
    yield made
    if hasattr(made, "process") and made.process.poll() is None:
        made.signal(signal.SIGCONT)
        made.process.kill()
        made.process.wait(10)


@pytest.fixture
def writer(tmp_path: Path) -> Writer:
    """Make a writer into an empty folder, `feeds`."""
    made = Writer(str(tmp_path / "feeds"))
    made.prepare()
    return made


@pytest.fixture
def feeds(tmp_path: Path) -> Path:
    """Return the folder that `writer` keeps."""
    return tmp_path / "feeds"

"""Fixtures of most tests: an empty site in a temporary folder, a daemon and a writer."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import HealthCheck, settings
from support.deep_folders import make_deep_tree, remove_deep
from support.running_daemon import DaemonProcess
from support.site_folder import SiteFolder

from aggregator.publisher.files import FolderWriter

# Hundreds of commands are started: without compiled modules each takes a second to start.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# Background commands of a script start with SIGINT ignored, and so would every command that tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# The machine may be busy; times are measured elsewhere.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")
settings.register_profile(
    "at-length", max_examples=int(os.environ.get("AGGREGATOR_EXAMPLES", "5000")), deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip

MEMORY = Path("/dev/shm")
ENOUGH = 4 * 1024**3
"""Bytes that must be free in /dev/shm for the default run to use it."""


def pytest_configure(config: pytest.Config) -> None:
    """Put temporary folders of the default run into memory: flushing thousands of files takes a third of its time.

    Slow tests use the disk, and so does every test if `PYTEST_DEBUG_TEMPROOT` or `--basetemp` is set.
    """
    usual = "not slow" in config.getoption("markexpr")
    if usual and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ENOUGH:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out what passed in the run that wrote the JUnit file named by `AGGREGATOR_PASSED_IN`."""
    if not (file := os.environ.get("AGGREGATOR_PASSED_IN")):
        return
    cases = ET.parse(file).getroot().iter("testcase")
    passed = {(case.get("classname"), case.get("name")) for case in cases if len(case) == 0}
    for item in items[:]:
        module, _, rest = item.nodeid.partition("::")
        names = rest.split("::")
        path = ".".join((module.removesuffix(".py").replace("/", "."), *names[:-1]))
        if (path, names[-1]) in passed:
            items.remove(item)


@pytest.fixture
def site(tmp_path: Path) -> SiteFolder:
    """Return an empty site."""
    return SiteFolder(tmp_path)


@pytest.fixture
def make_site(tmp_path: Path) -> Callable[[str], SiteFolder]:
    """Return a function that creates several empty sites."""

    def make(name: str) -> SiteFolder:
        root = tmp_path / name
        root.mkdir()
        return SiteFolder(root)

    return make


@pytest.fixture
def make_deep(tmp_path: Path) -> Iterator[Callable[..., None]]:
    """Yield `make_deep_tree`; what it made is removed at the end, as pytest cannot remove it."""
    yield make_deep_tree
    remove_deep(tmp_path)


@pytest.fixture
def running(site: SiteFolder) -> Iterator[DaemonProcess]:
    """Yield a daemon that the test starts; it is killed at the end."""
    made = DaemonProcess(site)
    yield made
    if hasattr(made, "process") and made.process.poll() is None:
        made.signal(signal.SIGCONT)
        made.process.kill()
        made.process.wait(60)


@pytest.fixture
def writer(tmp_path: Path) -> FolderWriter:
    """Return a writer for an empty folder `feeds`."""
    made = FolderWriter(str(tmp_path / "feeds"))
    made.prepare()
    return made


@pytest.fixture
def feeds(tmp_path: Path) -> Path:
    """Return the folder of `writer`."""
    return tmp_path / "feeds"

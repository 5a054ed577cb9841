"""A site that is served, for the readers to read: one server for all tests of a module, a site of its own for each."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.running_daemon import free_port
from support.site_folder import SiteFolder
from support.web_servers import LoggedServer, aggregator_serves


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder in which every test's site lies in turn."""
    return tmp_path_factory.mktemp("readers")


@pytest.fixture(scope="module")
def serving(place: Path) -> Iterator[LoggedServer]:
    """Serve the feeds folder of the site in `place`, whichever that is at the time."""
    port = free_port()
    site = SiteFolder(place / "site")
    site.settings["site"] = {"title": "Test", "url": f"http://127.0.0.1:{port}/"}
    with aggregator_serves(site, place / "serve.log", port) as served:
        yield served


@pytest.fixture
def site(place: Path, serving: LoggedServer) -> SiteFolder:
    """Make an empty site under the address that is served, in the place of the last test's."""
    shutil.rmtree(place / "site")
    made = SiteFolder(place / "site")
    made.settings["site"] = {"title": "Test", "url": serving.url}
    return made

"""A served site for feed readers: one server for all tests of a module, and a new site for each test."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.running_daemon import free_port
from support.site_folder import SiteFolder
from support.web_servers import LoggedServer, aggregator_serves


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder that holds the current test's site."""
    return tmp_path_factory.mktemp("readers")


@pytest.fixture(scope="module")
def serving(folder: Path) -> Iterator[LoggedServer]:
    """Serve the feeds folder of the current site in `folder`."""
    port = free_port()
    site = SiteFolder(folder / "site")
    site.settings["site"] = {"title": "Test", "url": f"http://127.0.0.1:{port}/"}
    with aggregator_serves(site, folder / "serve.log", port) as served:
        yield served


@pytest.fixture
def site(folder: Path, serving: LoggedServer) -> SiteFolder:
    """Return an empty site at the served URL, in place of the last test's."""
    shutil.rmtree(folder / "site")
    made = SiteFolder(folder / "site")
    made.settings["site"] = {"title": "Test", "url": serving.url}
    return made

"""The sample site, served by the daemon, in Chromium."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.running_daemon import ROOT, free_port, wait_until

from aggregator.service.control import Request, ask

FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
LOOKS = [
    (1280, "light"), (360, "dark"),
    pytest.param(1280, "dark", marks=pytest.mark.slow), pytest.param(360, "light", marks=pytest.mark.slow),
]  # fmt: skip
"""Widths and colour schemes; the default run has each of them once."""
PICTURE = bytes.fromhex(  # a grey dot, in place of pictures that lie elsewhere
    "89504e470d0a1a0a0000000d4948445200000001000000010800000000 3a7e9b550000000a49444154789c63a80700008100 81"
    "4d2f39ff0000000049454e44ae426082".replace(" ", "")
)


class Sample:
    """A copy of the sample site, with the daemon that serves it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.address = f"http://127.0.0.1:{self.port}/"
        for name in ("config", "seeds"):
            shutil.copytree(ROOT / name, folder / name)
        config = folder / "config/aggregator.yaml"
        text = re.sub(r"port: \d+", f"port: {self.port}", config.read_text())
        config.write_text(re.sub(r"(?m)^  url: .*$", f'  url: "{self.address}"', text))

    def trust_local(self) -> None:
        """Show the owner's pages without a token, also after the daemon was started again."""
        config = self.folder / "config/aggregator.yaml"
        config.write_text(re.sub(r"(?m)^server:$", "server:\n  trust_local: true", config.read_text()))

    def link(self) -> str:
        """Return the path of a link that opens the owner's pages once."""
        return f"-/open?token={ask(str(self.folder / '.aggregator'), Request(do='issue'))}"

    def start(self) -> None:
        words = [sys.executable, "-m", "aggregator", "run", "--log-format", "json"]
        with (self.folder / "log").open("wb") as log:
            self.process = subprocess.Popen(
                words, cwd=self.folder, stderr=log, env={**os.environ, "PYTHONPATH": str(ROOT)}
            )
        wait_until(self.is_ready, 30, what="the daemon did not begin to serve")

    def is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(self.address + "healthz", timeout=2) as answer:
                return answer.status == 200 and (self.folder / "feeds/feeds.opml").exists()
        except OSError:
            return False

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)

    def seed(self, name: str, **keys: Any) -> None:
        lines = "".join(f"{key}: {value}\n" for key, value in keys.items())
        (self.folder / f"seeds/{name}").write_text(f"---\n{lines}---\n")


def _missing(what: str) -> None:
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what} is missing, and CI must have it")
    pytest.skip(f"{what} is missing")


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sample]:
    made = Sample(tmp_path_factory.mktemp("sample"))
    made.trust_local()
    made.start()
    yield made
    made.stop()


@pytest.fixture(scope="module")  # playwright runs an event loop in this thread as long as it lasts
def chromium() -> Iterator[Any]:
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        _missing("playwright (uv sync --all-groups)")
    if found is None:
        _missing("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=FLAGS)
        yield browser
        browser.close()


class Visit:
    """A visitor's window; errors and warnings of its console are in `complaints`."""

    def __init__(
        self, browser: Any, sample: Sample, *, width: int = 1280, scheme: str = "light", **options: Any
    ) -> None:
        self.sample = sample
        self.context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, locale="en-GB", timezone_id="UTC", **options
        )
        self.context.route(lambda url: not url.startswith(sample.address), self._elsewhere)
        self.page = self.context.new_page()
        self.complaints: list[str] = []
        self.page.on("console", lambda message: message.type == "error" and self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _elsewhere(self, route: Any) -> None:
        """Answer requests for pictures of other hosts with a grey dot: tests have no network."""
        route.fulfill(body=PICTURE, content_type="image/png")

    def open(self, path: str = "") -> Any:
        self.page.goto(self.sample.address + path)
        return self.page


@pytest.fixture
def visit(chromium: Any, sample: Sample) -> Iterator[Any]:
    visits: list[Visit] = []

    def begin(**options: Any) -> Visit:
        visits.append(Visit(chromium, sample, **options))
        return visits[-1]

    yield begin
    for one in visits:
        one.context.close()
        assert one.complaints == []

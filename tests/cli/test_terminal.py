"""What people at a terminal see: banner, log, browser, suggestions, the config found upwards."""

from __future__ import annotations

import logging
import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.command_line import ROOT, run
from support.running_daemon import free_port
from support.site_folder import SiteFolder

from aggregator.cli.terminal import banner
from aggregator.model.reports import Problem, Turn
from aggregator.service.people_log import PeopleFormatter, turn_line

SECONDS = 20.0


class Terminal:
    """A command on a pseudo-terminal; `text` is what it has printed so far."""

    def __init__(self, folder: Path, *words: str, **environment: str) -> None:
        self.screen, inner = pty.openpty()
        os.set_blocking(self.screen, False)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "aggregator", *words], cwd=folder, stdin=inner, stdout=inner, stderr=inner,
            env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        )  # fmt: skip
        os.close(inner)
        self.text = ""

    def wait_for(self, pattern: str) -> str:
        """Read until `pattern` is there; return the line that holds it."""
        ends = time.monotonic() + SECONDS
        while not (found := re.search(pattern, self.text)):
            assert time.monotonic() < ends, self.text
            try:
                self.text += os.read(self.screen, 65_536).decode().replace("\r", "")
            except BlockingIOError:
                time.sleep(0.01)
        start = self.text.rfind("\n", 0, found.start()) + 1
        return self.text[start:].split("\n")[0]


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Callable[..., Terminal]]:
    """Return a function that runs a command on a terminal in a new site; what still runs is stopped at the end."""
    run(tmp_path, "init", "site", "--url", "https://news.myplace.org/")
    made: list[Terminal] = []

    def start(*words: str, **environment: str) -> Terminal:
        made.append(Terminal(tmp_path / "site", *words, **environment))
        return made[-1]

    yield start
    for one in made:
        if one.process.poll() is None:
            one.process.kill()
            one.process.wait(10)
        os.close(one.screen)


@pytest.mark.slow
def test_run_begins_with_addresses_and_tells_events(terminal: Callable[..., Terminal], tmp_path: Path) -> None:
    """The banner has what to open and how to stop; each event is one line with paths and feeds, never text."""
    port = free_port()
    one = terminal("run", "--port", str(port), NO_COLOR="1")
    one.wait_for("Ctrl-C stops")
    assert f"site    http://127.0.0.1:{port}/\n" in one.text
    assert "status  aggregator status --open\n" in one.text
    one.wait_for("1 seed, 1 added → all, getting-started")
    seed = tmp_path / "site/seeds/tram.md"
    good = (
        "---\ntitle: The tram\nwebUrl: https://a.myplace.org/\npublishedDateTime: 2026-05-01\ntopics: [Cities]\n---\n"
    )
    seed.write_text(good)
    assert re.fullmatch(r"\d\d:\d\d:\d\d ✓ tram.md added → all, cities \(\d+ ms\)", one.wait_for(r"tram.md added.*\)"))
    (seed.parent / "twin.md").write_text(good)
    one.wait_for(r"✓ twin.md added; no feed changes: it duplicates tram.md \(\d+ ms\)")
    (seed.parent / "draft.md").write_text(good.replace("topics:", "draft: true\ntopics:"))
    one.wait_for(r"✓ draft.md added; no feed changes: it is unpublished, removed or deleted \(")
    seed.write_text(good.replace("The tram", "canary: [canary"))
    assert one.wait_for(r"✗ tram.md:2:\d+: .*\n").endswith("; the old version stays")
    assert one.text.count("✗") == 1
    seed.write_text(good.replace("The tram", "The tramway"))
    one.wait_for(r"✓ tram.md mended → all, cities")
    assert "canary" not in one.text
    assert "\x1b[" not in one.text
    one.process.send_signal(signal.SIGINT)
    assert one.process.wait(10) == 0


@pytest.mark.slow
def test_a_terminal_has_colour(terminal: Callable[..., Terminal]) -> None:
    """Green is done."""
    assert "\x1b[32m✓\x1b[0m" in terminal("run", "--port", str(free_port())).wait_for("1 seed, 1 added")


def test_open_shows_the_site_in_the_browser(terminal: Callable[..., Terminal], tmp_path: Path) -> None:
    """The browser is started with the address once it answers."""
    browser = tmp_path / "browser"
    browser.write_text('#!/bin/sh\necho "$1" > ' + str(tmp_path / "asked") + "\n")
    browser.chmod(0o755)
    port = free_port()
    one = terminal("run", "--open", "--port", str(port), BROWSER=f"{browser} %s")
    ends = time.monotonic() + SECONDS
    while not (tmp_path / "asked").exists() or not (tmp_path / "asked").read_text():
        assert time.monotonic() < ends, one.text
        time.sleep(0.01)
    assert (tmp_path / "asked").read_text() == f"http://127.0.0.1:{port}/\n"


def test_due_and_failed_turns_have_their_signs() -> None:
    """What is due names its seed; what could not be written is marked."""
    turn = Turn(now=0, seconds=0.0124, written=("solar/rss.xml", "solar/archive/2026-01/rss.xml", "index.html"))
    assert turn_line(turn, due="lift.md") == "⏰ lift.md is due → solar (12 ms)"
    assert turn_line(Turn(now=0, failed=("x",), changed=1), paths=["a.md"]) == "✗ a.md changed; no feed changes (0 ms)"
    assert turn_line(Turn(now=0, read=1, changed=1), paths=["a.md"], broken=["a.md"]) is None
    assert turn_line(turn, paths=["a.md", "b.md"], broken=["a.md"]) == "✓ a.md, b.md changed → solar (12 ms)"
    many = [f"{number}.md" for number in range(5)]
    assert "0.md, 1.md and 3 more removed" in (turn_line(Turn(now=0, removed=5), paths=many) or "")


def test_control_characters_of_names_are_escaped() -> None:
    """A file's name cannot move the cursor."""
    record = logging.LogRecord("x", logging.WARNING, "", 0, "problem", None, None)
    record.people = "✗ " + str(Problem(path="a\x1b[2J.md", message="m"))
    assert PeopleFormatter(colour=False).format(record).endswith("✗ a\\x1b[2J.md: m")


@pytest.mark.slow
def test_the_config_is_found_upwards(tmp_path: Path) -> None:
    """As git finds its folder; `AGGREGATOR_CONFIG` and `--config` come first."""
    run(tmp_path, "init", "site")
    run(tmp_path, "init", "other", "--title", "Other")
    inside = tmp_path / "site/seeds"
    assert "1 seed: 0 errors" in run(inside, "check").stdout
    run(inside, "build")
    other = str(tmp_path / "other/config/aggregator.yaml")
    run(inside, "build", AGGREGATOR_CONFIG=other)
    assert b"Other" in (tmp_path / "other/feeds/index.html").read_bytes()
    assert "no such config file" in run(inside, "check", "--config", "none.yaml", expect=2).stderr


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (["biuld"], "did you mean `build`?"),
        (["build", "--frsh"], "--fresh"),
        (["trigger", "getting-startd"], "did you mean `getting-started`?"),
    ],
)
def test_what_is_misspelt_is_suggested(tmp_path: Path, words: list[str], answer: str) -> None:
    """Commands, options and feeds."""
    run(tmp_path, "init", "site")
    run(tmp_path / "site", "build")
    code = 1 if words[0] == "trigger" else 2
    assert answer in run(tmp_path / "site", *words, expect=code).stderr


def test_the_version_has_a_short_option(tmp_path: Path) -> None:
    """`-V` is `--version`."""
    assert run(tmp_path, "-V").stdout == run(tmp_path, "--version").stdout


@pytest.mark.parametrize(
    ("server", "line"),
    [
        ({}, "  status  aggregator status --open"),
        ({"trust_local": True}, "  status  http://127.0.0.1:8080/-/status"),
        ({"token": "../token"}, "  status  http://127.0.0.1:8080/-/status"),
    ],
)
def test_the_banner_names_the_status_page_as_it_can_be_opened(site: SiteFolder, server: dict, line: str) -> None:
    """Its address answers 404 to whoever has neither a token nor the right of this machine: then a command opens it."""
    site.settings["server"] = server
    (site.root / "token").write_text("0123456789abcdef\n")
    assert line in list(banner(site.config(), serves=True))

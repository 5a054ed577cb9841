"""The placeholder in `site.url`: said by `check`, `build` and `run`, and avoided by `init --url`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.command_line import run
from support.running_daemon import DaemonProcess

WARNING = "warning: site.url: https://feeds.example.org/ is a placeholder"


@pytest.mark.parametrize("command", ["check", "build"])
def test_a_placeholder_is_one_warning(tmp_path: Path, command: str) -> None:
    """The line names file, line and column and what to write; the exit code is 0."""
    run(tmp_path, "init", "site")
    result = run(tmp_path / "site", command)
    assert result.stderr.startswith(f"config/aggregator.yaml:4:8: {WARNING}")
    assert result.stderr.count("\n") == 1
    assert "(write the address" in result.stderr
    assert json.loads(run(tmp_path / "site", command, "--json").stdout) is not None


@pytest.mark.parametrize("url", ["https://example.com", "https://a.b.example.net:8443/x/"])
def test_every_name_for_examples_is_a_placeholder(tmp_path: Path, url: str) -> None:
    """So are the domains themselves, with any port and path."""
    run(tmp_path, "init", "site", "--url", url)
    assert "is a placeholder" in run(tmp_path / "site", "check").stderr


def test_init_takes_address_and_title(tmp_path: Path) -> None:
    """The config holds both, whatever characters the title has, and nothing warns any more."""
    answer = run(tmp_path, "init", "site", "--url", "https://feeds.myexample.org", "--title", 'A: "b" {c} # d')
    assert "site.url" not in answer.stdout
    assert run(tmp_path / "site", "check", "--strict").stderr == ""
    assert run(tmp_path / "site", "build").stderr == ""
    feed = json.loads((tmp_path / "site/feeds/all/feed.json").read_text())
    assert (feed["title"], feed["feed_url"]) == ('A: "b" {c} # d', "https://feeds.myexample.org/all/feed.json")


@pytest.mark.parametrize(
    ("words", "answer"), [(["--url", "feeds.me"], "https://feeds.me"), (["--title", "a\x07b"], "U+0007")]
)
def test_init_refuses_what_the_config_would_refuse(tmp_path: Path, words: list[str], answer: str) -> None:
    """An address without a scheme or a title with a control character is a usage error, and nothing is created."""
    assert answer in run(tmp_path, "init", "site", *words, expect=2).stderr
    assert not (tmp_path / "site").exists()


def test_the_daemon_logs_the_placeholder(running: DaemonProcess) -> None:
    """`run` says it once in its log."""
    running.start()
    assert [line["path"] for line in running.lines("problem")] == [str(running.site.root / "config/feeds.yaml")]

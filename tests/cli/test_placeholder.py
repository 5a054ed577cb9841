"""The placeholder in `site.url`: said by `check`, `build` and `run`, and avoided by `init --url`."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from support.command_line import run
from support.running_daemon import DaemonProcess

WARNING = "warning: site.url: https://feeds.example.org/ is a placeholder"


def test_a_placeholder_is_one_warning_of_a_build(tmp_path: Path) -> None:
    """The line names file, line and column and what to write; the exit code is 0."""
    run(tmp_path, "init", "site")
    result = run(tmp_path / "site", "build")
    assert result.stderr.startswith(f"config/aggregator.yaml:4:8: {WARNING}")
    assert result.stderr.count("\n") == 1
    assert "(write the address" in result.stderr
    assert json.loads(run(tmp_path / "site", "build", "--json").stdout) is not None


def test_a_placeholder_is_one_of_the_problems_that_check_finds(tmp_path: Path) -> None:
    """It is counted, `--strict` fails for it, and it is there in every format."""
    run(tmp_path, "init", "site")
    site = tmp_path / "site"
    said = run(site, "check").stdout
    assert said.startswith(f"config/aggregator.yaml:4:8: {WARNING}")
    assert said.endswith("1 seed: 0 errors, 1 warning\n")
    run(site, "check", "--strict", expect=1)
    (found,) = json.loads(run(site, "check", "--json").stdout)
    assert (found["line"], found["warning"]) == (4, True)
    assert (
        "::warning file=config/aggregator.yaml,line=4,col=8::site.url"
        in run(site, "check", "--format", "github").stdout
    )


def test_a_folder_whose_pages_have_no_address_is_a_warning_before_it_is_published(tmp_path: Path) -> None:
    """Its posts would have links and ids below the placeholder; with `base`, or an address of the site, they do not."""
    run(tmp_path, "init", "site")
    config = tmp_path / "site/config/aggregator.yaml"
    text = config.read_text()
    for seeds in ("{folder: ../seeds, dialect: hugo}", "[{folder: ../seeds, dialect: plain, name: x}]"):
        config.write_text(re.sub("^(# )?seeds:.*", f"seeds: {seeds}", text, flags=re.MULTILINE))
        line, column = next(
            (number, row.index("{") + 1)
            for number, row in enumerate(config.read_text().splitlines(), 1)
            if seeds in row
        )
        key = "seeds[0]" if "[" in seeds else "seeds"
        for command in ("check", "build"):
            said = run(tmp_path / "site", command)
            assert (
                f"config/aggregator.yaml:{line}:{column}: warning: {key}: `base` is missing"
                in said.stdout + said.stderr
            )
        config.write_text(config.read_text().replace("dialect:", "base: https://blog.example.org/, dialect:"))
        assert "`base`" not in run(tmp_path / "site", "check").stdout


@pytest.mark.parametrize("url", ["https://example.com", "https://a.b.example.net:8443/x/"])
def test_every_name_for_examples_is_a_placeholder(tmp_path: Path, url: str) -> None:
    """So are the domains themselves, with any port and path."""
    run(tmp_path, "init", "site", "--url", url)
    assert "is a placeholder" in run(tmp_path / "site", "check").stdout


def test_init_takes_address_and_title(tmp_path: Path) -> None:
    """The config holds both, whatever characters the title has, and nothing warns any more."""
    answer = run(tmp_path, "init", "site", "--url", "https://feeds.myexample.org", "--title", 'A: "b" {c} # d')
    assert "site.url" not in answer.stdout
    assert run(tmp_path / "site", "check", "--strict").stdout == "1 seed: 0 errors, 0 warnings\n"
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

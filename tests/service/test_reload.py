"""A changed config is reloaded at run time; an invalid one never stops the daemon (guarantee G9)."""

from __future__ import annotations

import json
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest
from support.running_daemon import DaemonProcess, wait_until
from support.site_folder import SiteFolder


def config_of(site: SiteFolder) -> Path:
    """Return the daemon's config file."""
    return site.root / "config/feeds.yaml"


def setting(site: SiteFolder, **settings: Any) -> None:
    """Change the config as an editor would: write another file and rename it."""
    site.settings.update(settings)
    site.config("new")
    said = json.loads((site.root / "config/new.yaml").read_text())
    (site.root / "config/new.yaml").write_text(json.dumps({**said, "feeds": "../feeds"}))
    (site.root / "config/new.yaml").rename(config_of(site))


@pytest.fixture
def living(running: DaemonProcess) -> DaemonProcess:
    """Return a daemon on a site with two seeds, one of them with a topic."""
    running.site.write("good.md", title="good", quality=60, topics=["Sea"])
    running.site.write("better.md", title="better", quality=90)
    return running.start()


@pytest.mark.slow
def test_an_invalid_config_is_rejected_and_a_corrected_one_reloaded(living: DaemonProcess) -> None:
    """The old config stays, log and status name the error and its position, and changes are still published."""
    site = living.site
    good = config_of(site).read_text()
    config_of(site).write_text(good.replace('"rules"', '"ruels"'))
    wait_until(lambda: not living.status()["healthy"])
    assert "did you mean `rules`" in living.status()["problems"]["config"]
    assert "feeds.yaml:1:" in living.lines("config rejected")[0]["problem"]
    result = living.command("status")
    assert (result.returncode, "did you mean `rules`" in result.stderr) == (2, True)
    assert f"daemon: process {living.process.pid}, NOT HEALTHY" in result.stdout
    assert "  config: " in result.stdout
    site.write("more.md", title="more")
    living.wait_for_titles("good", "better", "more")
    config_of(site).write_text(good.replace('"min_quality": 50', '"min_quality": 80'))
    living.wait_for_titles("better", "more")
    wait_until(lambda: living.status()["healthy"])


@pytest.mark.slow
def test_a_deleted_config_changes_nothing_until_it_is_back(living: DaemonProcess) -> None:
    """The file is deleted and restored; the daemon is unhealthy meanwhile."""
    kept = config_of(living.site).rename(living.site.root / "kept")
    wait_until(lambda: "no such config file" in living.status()["problems"].get("config", ""))
    living.site.write("more.md", title="more")
    living.wait_for_titles("good", "better", "more")
    kept.rename(config_of(living.site))
    wait_until(lambda: living.status()["healthy"])


@pytest.mark.slow
def test_rules_queries_topics_and_time_zone_are_applied_without_a_restart(living: DaemonProcess) -> None:
    """After each change, the feeds equal a fresh build with the new config."""
    site = living.site
    site.write("local.md", title="local", publishedDateTime="2026-01-01 12:00")
    living.wait_for_titles("good", "better", "local")
    setting(site, rules={"min_quality": 80})
    living.wait_for_titles("better", "local")
    setting(site, rules={"min_quality": 50}, feeds_by_query=[{"slug": "top", "where": {"min_quality": 80}}])
    wait_until(lambda: site.titles("top") == ["better"])
    site.write_topic("sea", name="The Sea")
    wait_until(lambda: "The Sea" in (site.feeds / "sea/index.html").read_text())
    setting(site, timezone="Asia/Tokyo")
    wait_until(lambda: "2026-01-01T03:00:00Z" in (site.feeds / "all/feed.json").read_text())
    living.wait_for_fresh_build()
    (site.root / "config/topics/sea.yaml").unlink()
    wait_until(lambda: "The Sea" not in (site.feeds / "sea/index.html").read_text())
    living.wait_for_fresh_build()


@pytest.mark.slow
def test_a_time_zone_that_changes_while_the_folder_is_away_holds_for_every_seed(living: DaemonProcess) -> None:
    """Seeds that could not be read again at once are read when the folder is back."""
    site = living.site
    site.write("local.md", title="local", publishedDateTime="2026-01-01 12:00")
    living.wait_for_titles("good", "better", "local")
    site.seeds.rename(site.root / "away")
    wait_until(lambda: not living.status()["healthy"])
    setting(site, timezone="Asia/Tokyo")
    wait_until(lambda: living.lines("config reloaded"))
    (site.root / "away").rename(site.seeds)
    wait_until(lambda: "2026-01-01T03:00:00Z" in (site.feeds / "all/feed.json").read_text())
    living.wait_for_fresh_build()


@pytest.mark.slow
def test_another_seeds_folder_is_used_and_watched(living: DaemonProcess) -> None:
    """`seeds` changes; a folder that does not exist is rejected."""
    site = living.site
    setting(site, seeds="../nowhere")
    wait_until(lambda: "nowhere" in living.status()["problems"].get("config", ""))
    living.wait_for_titles("good", "better")
    shutil.copytree(site.seeds, site.root / "elsewhere")
    setting(site, seeds="../elsewhere")
    wait_until(lambda: living.status()["healthy"])
    site.write("../elsewhere/more.md", title="more")
    living.wait_for_titles("good", "better", "more")
    site.write("unseen.md", title="unseen")
    living.wait_for_fresh_build()


@pytest.mark.slow
def test_another_state_folder_is_used_with_its_socket(living: DaemonProcess) -> None:
    """After `state` changes, the socket is in the new folder, and the old one is free for others."""
    site = living.site
    setting(site, state="../state2")
    living.state = str(site.root / "state2")
    wait_until(lambda: os.path.exists(f"{living.state}/control.sock") and living.status()["healthy"])
    assert not (site.root / "state/control.sock").exists()
    site.write("more.md", title="more")
    living.wait_for_titles("good", "better", "more")


@pytest.mark.slow
def test_a_feeds_folder_that_cannot_be_used_is_rejected(living: DaemonProcess) -> None:
    """`feeds` names a file."""
    (living.site.root / "file").write_text("")
    said = json.loads(config_of(living.site).read_text())
    config_of(living.site).write_text(json.dumps({**said, "feeds": "../file"}))
    wait_until(lambda: "config" in living.status()["problems"])
    living.site.write("more.md", title="more")
    living.wait_for_titles("good", "better", "more")


@pytest.mark.slow
def test_of_fifty_rewrites_in_a_row_the_last_wins(living: DaemonProcess) -> None:
    """The file is rewritten in place as fast as possible, often with invalid content."""
    said = json.loads(config_of(living.site).read_text())
    for number in range(50):
        config_of(living.site).write_text("{broken" if number % 3 else json.dumps(said))
    config_of(living.site).write_text(json.dumps({**said, "rules": {"min_quality": 80}}))
    living.wait_for_titles("better")
    wait_until(lambda: living.status()["healthy"])
    assert len(living.lines("config reloaded")) <= 3


@pytest.mark.slow
def test_sighup_reloads_at_once(living: DaemonProcess) -> None:
    """It does so even if nothing has changed."""
    living.signal(signal.SIGHUP)
    wait_until(lambda: living.lines("config reloaded"))
    wait_until(lambda: living.status()["healthy"])

"""The hub gets one ping for every change and no others, whatever happens to it or to the daemon (WebSub)."""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing

import feedparser
import pytest
from support.running_daemon import ROOT, DaemonProcess, DaemonThread, RunningDaemon, time_limit, wait_until
from support.site_folder import SiteFolder
from support.websub_hubs import FeedServer, FlaskHub, Hub, Ping, Subscriber, needs

from aggregator.publisher.hub import client
from aggregator.publisher.hub.notifier import WebSub
from aggregator.publisher.hub.store import PingStore

FORMATS = ("atom.xml", "feed.json", "rss.xml")
LONG = 40.0
"""How long, in seconds, a retry may take: pauses double from 2 s on."""


def names(*slugs: str) -> list[str]:
    return [f"{slug}/{name}" for slug in slugs for name in FORMATS]


@pytest.fixture
def hub() -> Iterator[Hub]:
    with Hub() as made:
        yield made


@pytest.fixture
def pushing(site: SiteFolder, hub: Hub) -> SiteFolder:
    """Return a site with a hub and two feeds, `all` and `sea`."""
    site.settings["websub"] = {"hub": hub.url}
    site.write("a.md", title="A", topics=["Sea"])
    return site


def setting(site: SiteFolder, **settings: object) -> None:
    """Change the config."""
    site.settings.update(settings)
    site.config()


def all_pings_sent(daemon: RunningDaemon) -> bool:
    """Return whether no ping waits and some have succeeded."""
    found = daemon.status()["websub"]
    return found is not None and found["waiting"] == 0 and found["succeeded"] is not None


def settle(daemon: RunningDaemon, hub: Hub, *expected: str, seconds: float = LONG) -> None:
    """Wait until the hub got a ping for each of these documents, and none waits."""
    wait_until(
        lambda: hub.ping_counts().keys() >= set(expected) and all_pings_sent(daemon),
        seconds,
        what=f"no pings for all of {expected}",
    )


def test_a_subscriber_receives_what_was_saved(running: DaemonProcess, tmp_path) -> None:
    """With an independent hub: subscribe, verify, ping, fetch, sign, deliver."""
    needs("flask_websub")
    site = running.site
    with FlaskHub(tmp_path) as hub, FeedServer(site.feeds) as server, Subscriber() as subscriber:
        server.hub = hub.url
        site.settings |= {"websub": {"hub": hub.url}, "site": {"title": "Test", "url": server.url}}
        site.write("a.md", title="A")
        running.start()
        wait_until(lambda: all_pings_sent(running))
        topics = [server.url + name for name in names("all")]
        for topic in topics:
            subscriber.subscribe(hub.url, topic)
        assert subscriber.verified == topics
        site.write("b.md", title="B & more")
        wait_until(lambda: {topic for topic, _, _ in subscriber.got} == set(topics))
        for topic in topics:
            body = (site.feeds / topic.removeprefix(server.url)).read_bytes()
            assert b"more" in body
            assert subscriber.bodies(topic) == [body]
        assert running.stop() == 0


@pytest.mark.slow
def test_each_document_names_the_hub_and_the_address_of_its_ping(
    running: DaemonProcess, pushing: SiteFolder, hub: Hub
) -> None:
    """The hub and self links of each feed (WebSub §4) match the pings; the HTML page is no topic and names no hub."""
    running.start()
    settle(running, hub, *names("all", "sea"))
    topics = {ping.topic for ping in hub.pings}
    for slug in ("all", "sea"):
        for name in ("rss.xml", "atom.xml"):
            links = {
                link.rel: link.href for link in feedparser.parse((pushing.feeds / slug / name).read_bytes()).feed.links
            }
            assert links["hub"] == hub.url
            assert links["self"] in topics
        feed = json.loads((pushing.feeds / slug / "feed.json").read_bytes())
        assert feed["hubs"] == [{"type": "WebSub", "url": hub.url}]
        assert feed["feed_url"] in topics
        assert 'rel="hub"' not in (pushing.feeds / slug / "index.html").read_text()
    assert len(topics) == 6


@pytest.mark.slow
def test_no_ping_is_sent_if_nothing_changed(running: DaemonProcess, pushing: SiteFolder, hub: Hub) -> None:
    """Saving again, regenerating, restarting and rebuilding send no ping; a change of one feed pings for that one only."""
    pushing.write("b.md", title="B", topics=["Land"])
    running.start()
    settle(running, hub, *names("all", "sea", "land"))
    hub.pings.clear()
    pushing.write("a.md", title="A", topics=["Sea"])
    running.trigger()
    running.stop()
    (pushing.root / "state/index.db").unlink()
    running.start()
    running.trigger()
    wait_until(lambda: all_pings_sent(running))
    assert hub.pings == []
    pushing.write("b.md", title="C", topics=["Land"])
    settle(running, hub, *names("all", "land"))
    assert hub.ping_counts() == dict.fromkeys(names("all", "land"), 1)


def refuse(hub: Hub) -> Callable[[], Hub]:
    """Stop the hub; return a function that starts it again on the same port."""
    hub.__exit__()
    return lambda: Hub(hub.port)


def overload(hub: Hub) -> Callable[[], Hub]:
    hub.answer = lambda _: (503, {})

    def end() -> Hub:
        hub.pings.clear()
        hub.answer = lambda _: (204, {})
        return hub

    return end


@pytest.mark.slow
@pytest.mark.parametrize(("kill", "fail"), [
    (True, overload), pytest.param(False, refuse, marks=pytest.mark.slow), pytest.param(False, overload, marks=pytest.mark.slow),
    pytest.param(True, refuse, marks=pytest.mark.slow),
])  # fmt: skip
def test_changes_while_the_hub_was_down_are_pinged_once(
    running: DaemonProcess, pushing: SiteFolder, fail: Callable[[Hub], Callable[[], Hub]], kill: bool
) -> None:
    """Several changes, even across a `kill -9`, become one ping each; the daemon stays healthy and reports what waits."""
    with Hub() as hub:
        pushing.settings["websub"] = {"hub": hub.url}
        running.start()
        settle(running, hub, *names("all", "sea"))
        mend = fail(hub)
        for title in ("B", "C"):
            pushing.write("a.md", title=title, topics=["Sea"])
            running.wait_for_titles(title)
            wait_until(lambda: running.status()["websub"]["waiting"] == 6)
        wait_until(lambda: running.status()["websub"]["failing_since"])
        status = running.status()
        assert (status["healthy"], status["warnings"]) == (True, {})
        if kill:
            running.process.kill()
            running.process.wait(60)
            pushing.write("a.md", title="D", topics=["Sea"])
            running.start()
        assert "6 documents waiting" in running.command("status").stdout
        with mend() as back:
            settle(running, back, *names("all", "sea"))
            assert back.ping_counts() == dict.fromkeys(names("all", "sea"), 1)
            running.stop()


@pytest.mark.slow
def test_a_hub_that_hangs_gets_its_pings_again_and_delays_nothing(
    inside: DaemonThread, pushing: SiteFolder, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Turns go on while the hub hangs; unanswered pings are sent again later."""
    monkeypatch.setattr(client, "PATIENCE", 0.5)
    inside.start()
    settle(inside, hub, *names("all", "sea"))
    hub.awake.clear()
    for title in "BCDE":
        pushing.write("a.md", title=title, topics=["Sea"])
        inside.wait_for_titles(title)
    wait_until(lambda: "no answer" in inside.status()["websub"]["reason"])
    assert inside.status()["healthy"]
    answered: list[str] = []
    hub.answer = lambda ping: (answered.append(ping.topic), (204, {}))[1]
    wait_until(lambda: all(ping.when < time.monotonic() - 0.6 for ping in hub.pings))
    hub.awake.set()
    wait_until(lambda: inside.status()["websub"]["waiting"] == 0, LONG)
    assert len(set(answered)) == 6


@pytest.mark.slow
def test_sigterm_while_the_hub_hangs_stops_within_five_seconds(
    running: DaemonProcess, pushing: SiteFolder, hub: Hub
) -> None:
    """The next start sends the pings that were under way."""
    hub.awake.clear()
    running.start()
    wait_until(lambda: len(hub.pings) == 2)
    began = time.monotonic()
    assert running.stop() == 0
    assert time.monotonic() - began < time_limit(5)
    hub.awake.set()
    wait_until(lambda: threading.active_count() < 10)
    hub.pings.clear()
    running.start()
    settle(running, hub, *names("all", "sea"))
    assert hub.ping_counts() == dict.fromkeys(names("all", "sea"), 1)


@pytest.mark.slow
def test_no_kill_loses_a_change(running: DaemonProcess, pushing: SiteFolder, hub: Hub) -> None:
    """Killed at any moment while writing and pinging: in the end the hub has fetched each document's last version."""
    seen: dict[str, bytes] = {}

    def fetch(ping: Ping) -> tuple[int, dict[str, str]]:
        seen[ping.topic] = (pushing.feeds / ping.topic.removeprefix("https://feeds.example.org/")).read_bytes()
        return 204, {}

    hub.answer = fetch
    chance = random.Random(1)
    for number in range(8):
        running.start()
        pushing.write("a.md", title=f"T{number}", topics=["Sea"])
        time.sleep(chance.uniform(0.02, 0.12))
        running.process.kill()
        running.process.wait(60)
    running.start()
    wait_until(lambda: all_pings_sent(running), LONG)
    running.wait_for_titles("T7")
    wait_until(lambda: all_pings_sent(running), LONG)
    published = {
        f"https://feeds.example.org/{name}": (pushing.feeds / name).read_bytes() for name in names("all", "sea")
    }
    wait_until(lambda: seen == published)


@pytest.mark.slow
def test_a_changed_config_changes_the_hub(running: DaemonProcess, pushing: SiteFolder, hub: Hub) -> None:
    """A new hub gets pings for all feeds, since each now names it; without a hub the thread ends."""
    running.start()
    settle(running, hub, *names("all", "sea"))
    with Hub() as other:
        hub.pings.clear()
        setting(pushing, websub={"hub": other.url})
        wait_until(lambda: other.ping_counts().keys() == set(names("all", "sea")) and all_pings_sent(running))
        assert running.status()["websub"]["url"] == other.url
        assert hub.pings == []
        setting(pushing, websub={"hub": ""})
        wait_until(lambda: running.status()["websub"] is None)
        wait_until(lambda: "websub" not in running.status()["threads"])
        other.pings.clear()
        pushing.write("b.md", title="B")
        running.wait_for_titles("A", "B")
        assert other.pings == hub.pings == []


def test_a_hub_that_stays_away_becomes_a_warning(inside: DaemonThread, pushing: SiteFolder) -> None:
    """After ten minutes there is a warning; the daemon stays healthy, since its feeds are complete and served."""
    with Hub() as gone:
        pushing.settings["websub"] = {"hub": gone.url}
    inside.start()
    wait_until(lambda: (inside.status()["websub"] or {}).get("failing_since"))
    assert inside.status()["warnings"] == {}
    inside.step = 700
    wait_until(
        lambda: "cannot be reached: no connection: Connection refused" in inside.status()["warnings"].get("websub", "")
    )
    assert inside.status()["healthy"]


def test_a_thread_that_dies_is_started_again(
    inside: DaemonThread, pushing: SiteFolder, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is logged, and pending pings are sent (guarantee G11)."""
    inside.start()
    settle(inside, hub, *names("all", "sea"))
    wait_until(lambda: inside.status()["threads"].get("websub"))
    real = PingStore.put
    monkeypatch.setattr("aggregator.publisher.hub.notifier.RESTART", 0.0)
    monkeypatch.setattr(PingStore, "put", lambda *_, **__: 1 / 0)
    hub.pings.clear()
    pushing.write("a.md", title="B", topics=["Sea"])
    wait_until(lambda: any(line["thread"] == "websub" for line in inside.lines("thread died")))
    monkeypatch.setattr(PingStore, "put", real)
    settle(inside, hub, *names("all", "sea"))
    wait_until(lambda: inside.status()["healthy"])


@pytest.mark.slow
def test_a_store_that_cannot_be_written_makes_the_daemon_unhealthy(
    inside: DaemonThread, pushing: SiteFolder, hub: Hub
) -> None:
    """If another process locks the store, log and status say so until it recovers; the hub still gets its pings."""
    inside.start()
    settle(inside, hub, *names("all", "sea"))
    hub.pings.clear()
    with closing(sqlite3.connect(f"{inside.state}/websub.db")) as other:
        other.execute("BEGIN EXCLUSIVE")
        pushing.write("a.md", title="B", topics=["Sea"])
        wait_until(lambda: "websub.db cannot be used" in inside.status()["problems"].get("websub", ""), 15)
        other.rollback()
    assert inside.lines("pings are not stored")
    wait_until(lambda: inside.status()["healthy"], 20)
    settle(inside, hub, *names("all", "sea"))


@pytest.mark.slow
def test_log_lines_contain_no_text_of_a_seed_or_a_hub(running: DaemonProcess, pushing: SiteFolder, hub: Hub) -> None:
    """Neither the hub's answers nor items' titles are logged."""
    hub.answer = lambda ping: (400 if "atom" in ping.topic else 204, {"X-Words": "canary7b3f"})
    pushing.write("b.md", title="canary7b3f")
    running.start()
    wait_until(lambda: running.lines("ping refused") and running.lines("hub told"))
    assert "canary7b3f" not in running.log_file.read_text()
    assert running.stop() == 0


def test_a_build_pings_the_hub(pushing: SiteFolder, hub: Hub) -> None:
    """A build sends one ping for each document; one that changes nothing sends none."""
    assert pushing.build().notes == ()
    assert hub.ping_counts() == dict.fromkeys(names("all", "sea"), 1)
    hub.pings.clear()
    assert pushing.build().notes == ()
    pushing.write("b.md", title="B")
    pushing.build()
    assert hub.ping_counts() == dict.fromkeys(names("all"), 1)


@pytest.mark.slow
def test_pings_that_a_build_could_not_send_are_sent_by_the_next(
    pushing: SiteFolder, hub: Hub, running: DaemonProcess
) -> None:
    """Each ping is tried once; the report says what waits and why; a daemon sends it, too."""
    hub.answer = lambda _: (503, {})
    (note,) = pushing.build().notes
    assert f"documents that the hub {hub.url} is still to be told of: 6; it answered 503" in note
    assert len(hub.pings) == 2
    assert "notifications waiting: 6" in running.command("status").stdout
    hub.answer = lambda _: (204, {}) if len(hub.pings) < 6 else (500, {})
    hub.pings.clear()
    (note,) = pushing.build().notes
    assert "still to be told of: 1; " in note
    hub.answer = lambda _: (204, {})
    running.start()
    settle(running, hub)
    assert set(hub.ping_counts()) == set(names("all", "sea"))


def test_a_build_does_not_wait_for_a_hub_that_hangs(
    pushing: SiteFolder, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The build ends in a bounded time and reports it."""
    monkeypatch.setattr("aggregator.site.site.HUB_TIMEOUT", 1.0)
    hub.awake.clear()
    settle, began = WebSub.settle, []

    def settle_once_pinged(self: WebSub, seconds: float) -> bool:
        wait_until(lambda: hub.pings, LONG)
        began.append(time.monotonic())
        return settle(self, seconds)

    monkeypatch.setattr(WebSub, "settle", settle_once_pinged)
    (note,) = pushing.build().notes
    assert time.monotonic() - began[0] < time_limit(8)
    assert "still to be told of: 6; " in note
    assert "1 s were not enough" in note


def test_a_build_reports_that_it_had_no_time_to_compare(
    pushing: SiteFolder, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the time is over before the number of documents is known, the build still notes that the hub was not notified."""
    monkeypatch.setattr("aggregator.site.site.HUB_TIMEOUT", 0.0)
    monkeypatch.setattr("aggregator.publisher.hub.notifier._Session.start", lambda _: None)
    monkeypatch.setattr("aggregator.publisher.hub.notifier._Session.end", lambda _: None)
    (note,) = pushing.build().notes
    assert "still to be told of: not counted yet; 0 s were not enough" in note


@pytest.mark.slow
def test_a_signal_ends_a_build_that_waits_for_its_hub(pushing: SiteFolder, hub: Hub, running: DaemonProcess) -> None:
    """SIGINT ends it within seconds."""
    hub.awake.clear()
    pushing.config()
    words = [sys.executable, "-m", "aggregator", "build", "--config", "config/feeds.yaml"]
    process = subprocess.Popen(
        words, cwd=pushing.root, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=-3, stderr=-3
    )
    wait_until(lambda: hub.pings, 20)
    process.send_signal(signal.SIGINT)
    began = time.monotonic()
    process.wait(60)
    assert time.monotonic() - began < time_limit(5)

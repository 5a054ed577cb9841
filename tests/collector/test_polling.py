"""What happens over several polls: points 1 to 6, 9 and 21, at a real server, with a real database and real seeds."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest
from support.collecting import DAY, Planet, Post, conditional, posts, rss
from support.scripted_server import Reply, Seen

from aggregator.collector import database, polling
from aggregator.collector.asking import Limits
from aggregator.collector.domains import domain_of
from aggregator.collector.schedule import Schedule
from aggregator.collector.state import SourceState
from aggregator.model.errors import AggregatorError
from aggregator.model.sources import Source, SourceList

HOUR = 3600


def feed(planet: Planet, count: int = 3, **values) -> bytes:
    return rss(posts(count, newest=planet.clock.time - 100, **values))


def test_point_1_one_unconditional_request_then_never_again(planet: Planet) -> None:
    """A 304 keeps the validators, may bring newer ones, and a 200 replaces both."""
    planet.add()
    body = feed(planet)
    replies = [
        Reply(200, [("ETag", 'W/"1"'), ("Last-Modified", "then")], body),
        Reply(304),
        Reply(304, [("ETag", '"2"')]),
        Reply(500),
        Reply(200, [("ETag", '"3"')], body + b" "),
        Reply(304),
    ]
    planet.answers_with(lambda _: replies[len(planet.server.seen) - 1])
    for _ in replies:
        planet.next_poll()
    sent = [(seen.headers.get("if-none-match"), seen.headers.get("if-modified-since")) for seen in planet.server.seen]
    assert sent == [(None, None), ('W/"1"', "then"), ('W/"1"', "then"), ('"2"', "then"), ('"2"', "then"), ('"3"', None)]
    assert planet.shown() == ["On post0", "On post1", "On post2"]


@pytest.mark.parametrize(
    "trouble",
    [
        Reply(500), Reply(404), Reply(429), Reply(raw=b""), Reply(200, body=b"x" * 99, cut=9), Reply(200, pause=9, body=b"x"),
        Reply(200, body=b"this is no feed"), Reply(302, [("Location", "/elsewhere")]), Reply(503, [("Retry-After", "7200")]),
    ],
)  # fmt: skip
def test_point_1_no_error_loses_the_validators(planet: Planet, trouble: Reply) -> None:
    """Whatever goes wrong in between, the next request is conditional again, but after another whole 200."""
    planet.add()
    body = feed(planet)
    planet.answers_with(body)
    planet.next_poll()
    planet.answers_with(trouble)
    planet.clock.set(planet.state().next_at)
    planet.poll(limits=Limits(total=0.5))
    planet.answers_with(body)
    planet.next_poll()
    last = [seen for seen in planet.server.seen if seen.path == "/feed"][-1]
    assert last.is_conditional or b"no feed" in trouble.body


def test_point_1_validators_never_go_to_the_target_of_a_redirect(planet: Planet) -> None:
    """Each address gets back what it sent itself."""
    planet.add()
    body = feed(planet)
    planet.answers_with(lambda seen: conditional(seen, body))
    planet.next_poll()
    planet.answers_with(Reply(302, [("Location", planet.server.url("new.example", "/f"))]))
    planet.answers_with(lambda _: Reply(200, [("ETag", '"theirs"')], body), "new.example", "/f")
    for _ in range(3):
        planet.next_poll()
    there = [seen.headers.get("if-none-match") for seen in planet.server.seen if seen.host == "new.example"]
    assert there == [None, '"theirs"', '"theirs"']
    assert all(seen.is_conditional for seen in planet.server.seen[1:] if seen.host == "blog.example")


KILLED = """
import asyncio, sys
sys.path.insert(0, {tests!r})
from support.collecting import *
from aggregator.collector.asking import Asker, Limits
clock = MovedClock({now})
async def resolve(host, port): return ["127.0.0.1"]
settings = msgspec.msgpack.decode(bytes.fromhex({settings!r}), type=polling.Settings)
asker = Asker(site="http://x.example/", clock=clock, turns=Turns(clock), resolve=resolve)
with polling.open_collector(settings, clock=clock, asker=asker) as collector:
    asyncio.run(polling.poll_once(collector, (), []))
"""


def in_a_process(planet: Planet) -> subprocess.Popen[bytes]:
    """Poll what is due in a process of its own, which can be killed."""
    settings = msgspec.msgpack.encode(planet.settings).hex()
    tests = str(Path(__file__).parents[1])
    script = "import msgspec\n" + KILLED.format(tests=tests, now=planet.clock.time, settings=settings)
    return subprocess.Popen([sys.executable, "-c", script], cwd=Path(__file__).parents[2])


def test_point_1_a_poll_that_a_kill_cut_short_counts_as_one(planet: Planet) -> None:
    """Killed while the answer is coming: no other request before the interval is over, and nothing is lost by it."""
    planet.add()
    body = feed(planet)
    asked: list[Seen] = []

    def slow(seen: Seen) -> Reply:
        asked.append(seen)
        return Reply(200, [("ETag", '"1"')], body, pause=30)

    planet.answers_with(slow)
    process = in_a_process(planet)
    deadline = time.monotonic() + 30
    while not asked and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    planet.answers_with(body)
    first = planet.state()
    assert (first.outcome, first.asked_at) == ("begun", planet.clock.now())
    assert planet.poll().polled == ()
    assert planet.clock.now() + HOUR <= first.next_at
    planet.next_poll()
    assert [seen.is_conditional for seen in planet.server.seen] == [False, False]
    assert len(planet.shown()) == 3


def test_point_1_a_document_that_a_kill_left_behind_is_taken_in_without_asking(planet: Planet) -> None:
    """The answer is stored whole with its validators: the next process goes on with it, as the server says 304 now."""
    source = planet.add()
    planet.answers_with(feed(planet))
    with planet.collector() as collector:

        async def killed() -> None:
            async def stop(_source) -> bool:
                raise KeyboardInterrupt

            collector._take_in = stop
            await collector.poll(source.url)

        with pytest.raises(KeyboardInterrupt):
            asyncio.run(killed())
    assert planet.shown() == []
    assert planet.state().validators
    assert planet.poll().polled == ()
    assert len(planet.shown()) == 3
    planet.next_poll()
    assert [seen.is_conditional for seen in planet.server.seen] == [False, True]


class Stopped(BaseException):
    """The program is stopped by what it reads."""


def left_behind(planet: Planet) -> Source:
    """Return a source whose document was received by a process that ended before it was taken in."""
    source = planet.add()
    planet.answers_with(feed(planet))
    with planet.collector() as collector:
        collector._intake.parse = stopping
        with pytest.raises(Stopped):
            asyncio.run(collector.poll(source.url))
    return source


def stopping(_pending: object) -> None:
    raise Stopped


def test_point_1_a_document_that_stops_the_program_is_given_up_after_three_times(planet: Planet) -> None:
    """It does not stop every process that ever starts, and is named."""
    left_behind(planet)
    for _ in range(3):
        with planet.collector() as collector:
            collector._intake.parse = stopping
            with pytest.raises(Stopped):
                asyncio.run(collector.resume())
    planet.poll()
    assert "stopped the program 3 times" in planet.state().error
    assert planet.shown() == []
    assert planet.state().failures == 1


def test_point_1_starts_are_not_counted_but_what_never_came_back(planet: Planet) -> None:
    """A full disk, and a program that is told to end while it reads, give up no document, however often."""
    left_behind(planet)
    (planet.root / "collected").rmdir()
    for _ in range(5):
        with planet.collector() as collector:
            asyncio.run(collector.resume())
    (planet.root / "collected").mkdir()

    async def ended(_pending: object) -> None:
        raise asyncio.CancelledError

    for _ in range(5):
        with planet.collector() as collector:
            collector._take_pending = ended
            with pytest.raises(asyncio.CancelledError):
                asyncio.run(collector.resume())
    planet.poll()
    assert len(planet.shown()) == 3


def test_point_2_due_to_the_second_and_not_one_second_early(planet: Planet) -> None:
    """The loop asks at the very second that is due, over two days of 304s."""
    planet.add(every=2 * HOUR)
    planet.answers_with(feed(planet))
    planet.run_for(2 * DAY)
    times = [seen.at for seen in planet.server.seen]
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert 2 * HOUR <= gaps[0] < 3 * HOUR
    assert set(gaps[1:]) == {2 * HOUR}


@pytest.mark.parametrize("is_killed", [False, True])
def test_point_2_an_hour_is_an_hour_for_the_server_too(planet: Planet, is_killed: bool) -> None:
    """To look up the name and to connect took eight seconds, once: the next request comes an hour after that one."""
    planet.add()
    planet.answers_with(feed(planet))
    delays = [0.0, 0.0, 8.0, 0.0]

    async def slowly(host: str, port: int) -> list[str]:
        planet.clock.move(delays.pop(0))
        return await type(planet.server).resolve(planet.server, host, port)

    planet.server.resolve = slowly
    for _ in range(2):
        planet.next_poll()
    planet.clock.set(planet.state().next_at)
    with planet.collector() as collector:

        def killed(*_: object, **__: object) -> None:
            raise Stopped

        if is_killed:
            collector._answered = killed
        with suppress(Stopped):
            asyncio.run(collector.poll(planet.sources[0].url))
    planet.next_poll()
    first, second = (seen.at for seen in planet.server.seen[-2:])
    assert HOUR <= second - first < HOUR + 60


@pytest.mark.slow
def test_point_2_a_restart_and_a_clock_set_back_cause_no_burst(planet: Planet) -> None:
    """Thirty sources: after a week off, and after the clock was set back by a day, none is asked twice within an hour."""
    for number in range(30):
        planet.add(f"blog{number}.example")
        planet.answers_with(feed(planet), f"blog{number}.example")
    planet.run_for(3 * HOUR)
    planet.clock.move(7 * DAY)
    start = planet.clock.time
    planet.run_for(60)
    assert sum(seen.at >= start for seen in planet.server.seen) <= 3
    planet.run_for(HOUR)
    assert len({seen.host for seen in planet.server.seen if seen.at >= start}) == 30
    before = len(planet.server.seen)
    planet.clock.time -= DAY
    set_back = planet.clock.time
    planet.run_for(60)
    assert len(planet.server.seen) - before <= 3
    planet.run_for(2 * HOUR)
    for seen in planet.server.by_path().values():
        times = [one.at for one in seen if one.at >= set_back and one in planet.server.seen[before:]]
        assert 1 <= len(times) <= 3


def test_point_4_a_429_leaves_the_whole_registrable_domain_alone(planet: Planet) -> None:
    """Also its other hosts, also where a person asks, who is told so; a host of another domain is asked."""
    for host in ("a.blogs.example", "b.blogs.example", "c.other.example"):
        planet.add(host)
        planet.answers_with(feed(planet), host)
    planet.answers_with(Reply(429, [("Retry-After", "36000")]), "a.blogs.example")
    report = planet.poll(planet.sources[0].url)
    assert report.failed == ((planet.sources[0].url, "it answered 429 Too Many Requests"),)
    domain = domain_of(planet.sources[0].url)
    report = planet.poll()
    assert dict(report.skipped)[planet.sources[1].url].startswith(f"{domain} answered 429; next at ")
    assert (domain, report.polled) == ("blogs.example", (planet.sources[2].url,))
    assert [seen.host for seen in planet.server.seen] == ["a.blogs.example", "c.other.example"]


def test_point_4_a_503_leaves_that_source_alone(planet: Planet) -> None:
    """Another one of the same host is asked."""
    planet.add(path="/one")
    planet.add(path="/two")
    planet.answers_with(Reply(503, [("Retry-After", "36000")]), path="/one")
    planet.answers_with(feed(planet), path="/two")
    report = planet.poll()
    assert len(report.polled) == 2
    planet.clock.move(2 * HOUR)
    assert planet.poll().polled == (planet.sources[1].url,)


def test_point_4_a_person_is_kept_to_the_back_off_and_told(planet: Planet) -> None:
    """`aggregator fetch SOURCE` does not ask what is not due: it says why, and until when."""
    source = planet.add()
    planet.answers_with(Reply(403))
    planet.poll(source.url)
    report = planet.poll(source.url)
    assert report.polled == ()
    assert dict(report.skipped)[source.url].startswith("after a refusal: 4 hours; next at 20")
    assert len(planet.server.seen) == 1


def test_point_5_sources_of_one_host_are_asked_one_after_the_other(planet: Planet) -> None:
    """Twenty feeds of one host, due at once: two seconds between each two, never two connections."""
    for number in range(20):
        planet.add(path=f"/{number}")
        planet.answers_with(lambda seen: conditional(seen, feed(planet)), path=f"/{number}")
    planet.run_for(300)
    times = sorted(seen.at for seen in planet.server.seen)
    assert len(times) == 20
    assert all(later - earlier >= 2 for earlier, later in pairwise(times))
    assert planet.server.most_at_once == {"blog.example": 1}


def moved(planet: Planet, status: int, target: str = "moved.example") -> Reply:
    return Reply(status, [("Location", planet.server.url(target))])


def that_moves(planet: Planet, status: int) -> bytes:
    """Let a source that was polled once lie elsewhere from now on, and return the document that it sends."""
    planet.add(every=DAY)
    body = feed(planet)
    planet.answers_with(body)
    planet.next_poll()
    planet.answers_with(moved(planet, status))
    planet.answers_with(body, "moved.example")
    return body


@pytest.mark.parametrize("status", [301, 308])
def test_point_6_a_permanent_redirect_is_adopted_after_3_sightings_over_7_days(planet: Planet, status: int) -> None:
    """It is followed at once; then the new address alone is asked, and stays so over restarts."""
    that_moves(planet, status)
    sightings = 0
    while not planet.state().adopted:
        assert sightings < 12
        planet.next_poll()
        sightings += 1
        assert planet.status().redirect == ("" if planet.state().adopted else planet.server.url("moved.example"))
    assert sightings >= 8  # the first and the last lie 7 days apart
    asked = len(planet.server.seen)
    planet.next_poll()
    assert [seen.host for seen in planet.server.seen[asked:]] == ["moved.example"]
    assert database.adopted(str(planet.root / "state")) == {planet.sources[0].url: planet.server.url("moved.example")}
    assert sum(not seen.is_conditional for seen in planet.server.seen if seen.status == 200) == 2
    assert len(planet.shown()) == 3


@pytest.mark.parametrize("status", [302, 303, 307])
def test_point_6_a_temporary_redirect_is_followed_and_never_kept(planet: Planet, status: int) -> None:
    """The listed address is asked for ever."""
    planet.add(every=DAY)
    planet.answers_with(moved(planet, status))
    planet.answers_with(feed(planet), "moved.example")
    for _ in range(12):
        planet.next_poll()
    assert not planet.state().adopted
    assert sum(seen.host == "blog.example" for seen in planet.server.seen) == 12
    assert len(planet.shown()) == 3


def test_point_6_a_permanent_redirect_to_another_feed_is_not_adopted(planet: Planet) -> None:
    """It needs an item that both have."""
    planet.add(every=DAY)
    planet.answers_with(feed(planet))
    planet.next_poll()
    planet.answers_with(moved(planet, 301))
    planet.answers_with(rss(posts(4, newest=planet.clock.time, name="casino"), host="casino.example"), "moved.example")
    for _ in range(12):
        planet.next_poll()
    assert not planet.state().adopted
    assert planet.shown() == ["On post0", "On post1", "On post2"]


PAGE = b'<html><head><link rel="alternate" type="application/rss+xml" href="/casino"></head><body>Log in</body></html>'


def html(body: bytes = PAGE) -> Reply:
    return Reply(200, [("Content-Type", "text/html")], body)


@pytest.mark.parametrize("status", [301, 308])
def test_point_6_a_permanent_redirect_to_a_page_is_no_sighting(planet: Planet, status: int) -> None:
    """A login in front of everything for three weeks, after one real sighting: the address stays."""
    body = that_moves(planet, status)
    planet.next_poll()
    assert planet.state().redirect.count == 1
    planet.answers_with(lambda seen: conditional(seen, PAGE), "moved.example")
    for _ in range(20):
        planet.next_poll()
    assert (planet.state().address, planet.state().redirect.count) == ("", 1)
    assert planet.status().state == "failing"
    planet.answers_with(body)
    planet.next_poll()
    assert (planet.status().state, planet.state().redirect) == ("ok", None)


@pytest.mark.parametrize("feed_of_it", [b"", PAGE, rss([Post("casino", 1_779_000_000)], host="casino.example")])
def test_one_html_page_in_the_place_of_a_feed_moves_it_nowhere(planet: Planet, feed_of_it: bytes) -> None:
    """A captive portal that names a feed: asked once, not believed, and the feed goes on where it was."""
    planet.add(every=DAY)
    body = feed(planet)
    planet.answers_with(body)
    planet.next_poll()
    planet.answers_with(html())
    planet.answers_with(lambda seen: conditional(seen, feed_of_it), path="/casino")
    planet.next_poll()
    assert (planet.state().address, planet.status().state) == ("", "failing")
    assert "is an HTML page" in planet.status().error
    assert planet.known().keys() == {"id-post0", "id-post1", "id-post2"}
    planet.answers_with(body)
    planet.next_poll()
    assert [seen.path for seen in planet.server.seen] == ["/feed", "/feed", "/casino", "/feed"]
    assert (planet.status().state, planet.status().quarantine) == ("ok", "")


def test_a_feed_whose_page_names_it_elsewhere_is_followed_if_it_has_the_same_items(planet: Planet) -> None:
    """Also if that address fails at first; asked again, the feed alone is."""
    planet.add(every=DAY)
    planet.answers_with(feed(planet))
    planet.next_poll()
    planet.answers_with(lambda seen: conditional(seen, PAGE))
    planet.answers_with(Reply(500), path="/casino")
    planet.next_poll()
    assert planet.status().state == "failing"
    planet.answers_with(feed(planet, 4), path="/casino")
    planet.next_poll()
    planet.next_poll()
    assert planet.state().address == planet.server.url("blog.example", "/casino")
    assert any(note.startswith(f"its page names {planet.state().address} now") for _, note in planet.told)
    paths = [seen.path for seen in planet.server.seen]
    assert paths == ["/feed", "/feed", "/casino", "/feed", "/casino", "/casino"]
    assert (len(planet.shown()), planet.status().state) == (4, "ok")


def test_an_address_that_a_person_lists_wins_over_one_that_was_adopted(planet: Planet) -> None:
    """What the list says now is asked, with the same items."""
    body = that_moves(planet, 301)
    while not planet.state().adopted:
        planet.next_poll()
    new = planet.server.url("moved.example")
    planet.sources[0] = msgspec.structs.replace(planet.sources[0], address=new)
    planet.next_poll()
    assert planet.state().address == new
    third = planet.server.url("third.example")
    planet.sources[0] = msgspec.structs.replace(planet.sources[0], address=third)
    planet.answers_with(body, "third.example")
    planet.next_poll()
    assert planet.server.seen[-1].host == "third.example"
    assert (planet.state().address, planet.state().adopted, planet.status().state) == ("", "", "ok")


def test_a_source_that_has_become_private_is_asked_at_once(planet: Planet) -> None:
    """That we refused its address was no failure of its server; where the answer is read, that is no longer said."""
    planet.add(private=False)
    planet.answers_with(feed(planet))
    assert "only a source with `private: true`" in planet.poll().failed[0][1]
    assert (planet.poll().polled, planet.server.seen) == ((), [])
    planet.sources[0] = msgspec.structs.replace(planet.sources[0], private=True)
    status = planet.status()
    assert (status.state, status.error, status.why) == ("new", "", "it has become `private`: asked at once")
    assert planet.poll().new == 3
    assert (planet.status().state, planet.poll().polled) == ("ok", ())


def test_a_redirect_to_a_private_address_is_no_failure_once_it_is_allowed_and_no_reason_to_hurry(
    planet: Planet,
) -> None:
    """The server that redirects was asked: it is not asked again before the usual time."""
    planet.add("moved.example", private=False)
    planet.answers_with(lambda _: Reply(302, [("Location", planet.server.url("127.0.0.1", "/feed"))]), "moved.example")
    planet.answers_with(feed(planet), "127.0.0.1")
    with planet.collector() as collector:
        state = SourceState(
            url=planet.sources[0].url, asked_at=planet.clock.now(), outcome="failed", failures=1, error="refused",
            failing_since=planet.clock.now(), barred=planet.server.url("127.0.0.1", "/feed"),
        )  # fmt: skip
        collector._put(state)
    planet.sources[0] = msgspec.structs.replace(planet.sources[0], private=True)
    status = planet.status()
    assert (status.state, status.error, planet.poll().polled) == ("new", "", ())
    assert planet.state().next_at >= planet.clock.now() + HOUR
    assert planet.next_poll().new == 3


def test_another_interval_holds_at_once_and_is_said_at_once(planet: Planet) -> None:
    """A source with a longer `every` waits longer, one with a shorter one does not wait for the old time."""
    planet.add(every=20 * HOUR)
    planet.answers_with(feed(planet))
    planet.poll()
    planet.clock.set(planet.clock.time + 5 * HOUR)
    assert planet.poll().polled == ()
    planet.sources[0] = msgspec.structs.replace(planet.sources[0], every=2 * HOUR)
    assert planet.status().why == "`every: 2h`"
    assert planet.poll().polled == (planet.sources[0].url,)
    planet.sources[0] = msgspec.structs.replace(planet.sources[0], every=48 * HOUR)
    assert planet.status().why == "`every: 2d`"
    planet.clock.set(planet.clock.time + 40 * HOUR)
    assert planet.poll().polled == ()


@pytest.mark.parametrize("trouble", [Reply(404), Reply(410), Reply(403), Reply(200, body=b"no feed")])
def test_a_source_that_failed_is_asked_at_once_at_its_corrected_address(planet: Planet, trouble: Reply) -> None:
    """What the old address did is no reason to wait for the new one; the source stays the same."""
    planet.add("old.example")
    planet.answers_with(feed(planet), "old.example")
    planet.poll()
    planet.answers_with(trouble, "old.example")
    planet.next_poll()
    assert planet.status().state in {"failing", "gone"}
    address = planet.server.url("new.example", "/feed")
    planet.sources[0] = msgspec.structs.replace(planet.sources[0], address=address)
    planet.answers_with(feed(planet), "new.example")
    status = planet.status()
    assert (status.state, status.error, status.why) == ("ok", "", "its address has changed: asked at once")
    assert planet.poll().polled == (address,)
    assert (planet.server.seen[-1].host, planet.status().state) == ("new.example", "ok")
    assert planet.poll().polled == ()


def test_a_corrected_address_does_not_get_round_what_the_same_server_asked_for(planet: Planet) -> None:
    """A Retry-After holds for another address at the same domain."""
    planet.add()
    planet.answers_with(Reply(503, [("Retry-After", "7200")]))
    planet.poll()
    address = planet.server.url("www.blog.example", "/rss")
    planet.sources[0] = msgspec.structs.replace(planet.sources[0], address=address)
    planet.clock.set(planet.clock.time + 7000)
    assert (planet.poll().polled, planet.status().why) == ((), "the server's Retry-After")
    planet.clock.set(planet.clock.time + 300)
    assert planet.poll().polled == (address,)


def test_a_failure_of_a_server_is_not_forgotten_with_another_interval(planet: Planet) -> None:
    """Who edits an entry does not get round the back-off."""
    planet.add()
    planet.answers_with(Reply(403))
    planet.poll()
    planet.sources[0] = msgspec.structs.replace(planet.sources[0], every=2 * HOUR)
    planet.clock.set(planet.clock.time + 3 * HOUR)
    assert planet.poll().polled == ()
    assert "after a refusal" in planet.status().why


def test_point_21_a_page_in_the_place_of_a_feed_is_a_failure_that_lasts(planet: Planet) -> None:
    """It backs off, is dead after 30 days, and its last success was that of the feed."""
    planet.add()
    planet.answers_with(feed(planet))
    planet.next_poll()
    success = planet.status().last_success
    planet.answers_with(lambda _: html(b"<html>Sold</html>"))
    planet.run_for(8 * DAY)
    assert planet.state().failures >= 8
    assert planet.state().next_at - planet.state().asked_at >= DAY
    planet.run_for(30 * DAY)
    assert (planet.status().state, planet.status().last_success) == ("dead", success)


def test_point_6_only_what_permanent_redirects_lead_to_is_adopted(planet: Planet) -> None:
    """301 to B, 302 to C: B is adopted."""
    planet.add(every=DAY)
    body = feed(planet)
    planet.answers_with(moved(planet, 301, "b.example"))
    planet.answers_with(moved(planet, 302, "c.example"), "b.example")
    planet.answers_with(body, "c.example")
    for _ in range(12):
        planet.next_poll()
    assert planet.state().adopted == planet.server.url("b.example")


def test_point_6_a_410_stops_and_is_reported_and_what_was_shown_stays(planet: Planet) -> None:
    """It is not asked again, also not by a person; `--release` asks once more."""
    source = planet.add()
    planet.answers_with(feed(planet))
    planet.next_poll()
    planet.answers_with(Reply(410))
    planet.next_poll()
    assert planet.status().state == "gone"
    assert planet.status().next is None
    assert len(planet.shown()) == 3
    planet.clock.move(90 * DAY)
    assert planet.poll(source.url).skipped == ((source.url, "410: it is gone, and not asked again"),)
    assert any("410" in note for _, note in planet.told)
    with planet.collector() as collector:
        collector.release(source.url)
    planet.answers_with(feed(planet))
    assert planet.poll(source.url).polled == (source.url,)
    assert planet.status().state == "ok"


def test_point_15_a_410_withdraws_with_on_gone_withdraw(planet: Planet) -> None:
    """Every seed says that it is removed; what a person changed stays theirs."""
    planet.add(on_gone="withdraw")
    planet.answers_with(feed(planet))
    planet.next_poll()
    mine = min((planet.root / "collected").rglob("*.md"))
    mine.write_text(mine.read_text().replace("On post", "My post"))
    planet.answers_with(Reply(410))
    planet.next_poll()
    assert planet.shown() == ["My post0"]


def test_point_15_a_410_of_others_withdraws_nothing(planet: Planet) -> None:
    """Not of a source in quarantine, nor at the end of a redirect to another owner or for the moment."""
    planet.add(on_gone="withdraw", every=DAY)
    body = feed(planet)
    planet.answers_with(body)
    planet.next_poll()
    planet.answers_with(Reply(410), "parked.example")
    for status in (301, 302):
        planet.answers_with(Reply(status, [("Location", planet.server.url("parked.example"))]))
        planet.next_poll()
        assert (planet.status().state, len(planet.shown())) == ("failing", 3)
        assert "410 Gone at http://parked.example" in planet.status().error
    planet.answers_with(rss([Post("x", planet.clock.time - 9 * DAY, title="Casino", link="https://spam.example/")]))
    planet.next_poll()
    assert planet.status().state == "quarantined"
    planet.answers_with(Reply(410))
    planet.next_poll()
    planet.poll()
    assert (planet.status().state, len(planet.shown())) == ("gone", 3)


def test_point_5_sources_that_moved_to_one_host_wait_for_each_other_alone(planet: Planet) -> None:
    """Forty that moved to one host, and one of another: that one is not kept waiting by them."""
    moved_to = [planet.add(f"old{number}.example", f"/{number}") for number in range(40)]
    other = planet.add("other.example")
    for number in range(40):
        planet.answers_with(feed(planet), "one.example", f"/{number}")
    planet.answers_with(feed(planet), "other.example")
    with planet.collector() as collector:
        for number, source in enumerate(moved_to):
            state = msgspec.structs.replace(
                collector.state(source.url), address=planet.server.url("one.example", f"/{number}")
            )
            collector._put(state)
        asyncio.run(polling.poll_once(collector, (), []))
    hosts = [seen.host for seen in planet.server.seen]
    assert set(hosts) == {"one.example", "other.example"}
    assert hosts.index("other.example") <= 2
    assert planet.state(other).outcome == "document"


def test_point_6_a_404_is_reported_after_7_days(planet: Planet) -> None:
    """It may be a moment's: until then it only backs off."""
    planet.add()
    planet.answers_with(Reply(404))
    start = planet.clock.time
    while not planet.told:
        planet.next_poll()
        assert planet.clock.time - start < 9 * DAY
    assert planet.clock.time - start >= 7 * DAY
    assert "404 Not Found" in planet.told[0][1]


def test_point_9_a_bot_wall_is_named_and_backed_off_from(planet: Planet) -> None:
    """Whatever status it has; nothing of it is taken for a feed."""
    for status in (200, 403, 503):
        host = f"wall{status}.example"
        planet.add(host)
        planet.answers_with(Reply(status, [("cf-mitigated", "challenge")], b"<html>Just a moment..."), host)
    planet.poll()
    for source in planet.sources:
        state = planet.state(source)
        assert "a bot wall" in state.error
        assert state.next_at - state.asked_at >= 4 * HOUR


def test_point_21_a_dead_source_is_named_and_asked_once_a_week(planet: Planet) -> None:
    """For a year, and taken up again when it answers."""
    planet.add()
    planet.answers_with(Reply(500))
    planet.run_for(100 * DAY)
    assert planet.status().state == "dead"
    assert any("no success for 30 days" in note for _, note in planet.told)
    asked = [seen.at for seen in planet.server.seen]
    assert all(7 * DAY <= later - earlier < 7 * DAY + HOUR for earlier, later in pairwise(asked[-5:]))
    planet.answers_with(feed(planet))
    planet.run_for(8 * DAY)
    assert planet.status().state == "ok"
    assert len(planet.shown()) == 3


def test_a_page_that_names_a_feed_is_a_source_too(planet: Planet) -> None:
    """The feed is asked at once, and from then on alone; if it is lost, the page is asked again."""
    planet.add(path="/")
    page = b'<html><head><link rel="alternate" type="application/rss+xml" href="/real"></head></html>'
    planet.answers_with(lambda _: Reply(200, [("Content-Type", "text/html")], page), path="/")
    planet.answers_with(feed(planet), path="/real")
    planet.poll()
    assert len(planet.shown()) == 3
    planet.next_poll()
    assert [seen.path for seen in planet.server.seen] == ["/", "/real", "/real"]
    planet.answers_with(Reply(404), path="/real")
    page = page.replace(b"/real", b"/other")
    planet.answers_with(feed(planet, 4), path="/other")
    planet.next_poll()
    planet.next_poll()
    assert len(planet.shown()) == 4


@pytest.mark.parametrize("is_back", [True, False])
def test_a_page_that_has_not_changed_is_no_success_if_its_feed_is_lost(planet: Planet, is_back: bool) -> None:
    """The page answers 304, the feed that it named 404: that is a failure, until the feed is back or is named anew."""
    planet.add(path="/", every=DAY)
    page = PAGE.replace(b"/casino", b"/real")
    planet.answers_with(lambda seen: conditional(seen, page), path="/")
    planet.answers_with(feed(planet), path="/real")
    planet.poll()
    planet.answers_with(Reply(404), path="/real")
    for _ in range(3):
        planet.next_poll()
        assert planet.status().state == "failing"
    assert "/real) cannot be had: it answered 404 Not Found" in planet.status().error
    if is_back:
        planet.answers_with(feed(planet, 4), path="/real")
    else:
        page = PAGE.replace(b"/casino", b"/new")
        planet.answers_with(feed(planet, 4), path="/new")
    planet.next_poll()
    assert (planet.status().state, len(planet.shown())) == ("ok", 4)
    assert planet.state().address == planet.server.url("blog.example", "/real" if is_back else "/new")
    pages = [seen for seen in planet.server.seen if seen.path == "/"]
    assert [seen.is_conditional for seen in pages] == [False, *[True] * (len(pages) - 1)]


def test_a_folder_that_is_missing_is_not_made_and_what_came_waits(planet: Planet) -> None:
    """A disk that is not mounted: the reason is named, nothing is asked meanwhile, nothing is lost."""
    planet.add()
    planet.answers_with(Reply(500))
    planet.poll()
    planet.clock.set(planet.state().next_at)
    planet.answers_with(feed(planet))
    (planet.root / "collected").rmdir()
    report = planet.poll()
    assert "folder of collected seeds is missing" in report.failed[0][1]
    assert planet.status().state == "ok", "the source did nothing wrong, and the page of the sources names no folder"
    planet.clock.move(DAY)
    planet.poll()
    assert not (planet.root / "collected").exists()
    assert len(planet.server.seen) == 2
    (planet.root / "collected").mkdir()
    planet.run_for(120)
    assert len(planet.shown()) == 3
    assert planet.status().error == ""


def test_a_lost_database_shows_nothing_twice(planet: Planet) -> None:
    """What lies in the folder is recognised; `first` is not applied again; what is newer than all of it is new."""
    planet.add(first=2)
    planet.answers_with(feed(planet, 6))
    planet.next_poll()
    before = planet.seeds()
    for file in (planet.root / "state").iterdir():
        file.unlink()
    planet.poll()
    assert planet.seeds() == before
    assert [row.held_by for row in planet.known().values()].count("older") == 4
    newest = planet.clock.time - 100
    planet.answers_with(rss(posts(1, newest=planet.clock.time, name="new") + posts(6, newest=newest)))
    planet.next_poll()
    assert planet.shown() == ["On new0", "On post4", "On post5"]


def test_a_lost_database_and_new_ids_at_once_change_no_id(planet: Planet) -> None:
    """What was shown keeps its id and its file; nothing is shown twice."""
    planet.add(first=10)
    own = posts(10, newest=planet.clock.time - DAY)
    planet.answers_with(rss(own))
    planet.poll()
    before = planet.seeds()
    for file in (planet.root / "state").iterdir():
        file.unlink()
    planet.answers_with(rss([Post(f"new{post.name}", post.at, post.title or f"On {post.name}", link=f"https://blog.example/{post.name}") for post in own]))  # fmt: skip
    planet.poll()
    planet.poll()
    assert planet.seeds() == before


@pytest.mark.parametrize("how", ["lost", "damaged"])
def test_point_20_a_lost_database_does_not_lift_the_guard(planet: Planet, how: str) -> None:
    """The seeds say what the source was: what is in other hands now waits, and its own feed goes on."""
    planet.add()
    own = posts(10, newest=planet.clock.time - DAY)
    planet.answers_with(rss(own))
    planet.next_poll()
    before = planet.seeds()
    for file in (planet.root / "state").iterdir():
        file.write_bytes(b"damage" * 1000) if how == "damaged" and file.suffix == ".db" else file.unlink()
    strange = [
        Post(f"casino{n}", planet.clock.time, title=f"Bonus {n}", link=f"https://spam.example/{n}") for n in range(4)
    ]
    planet.answers_with(rss(strange, host="spam.example"))
    planet.poll()
    assert planet.seeds() == before
    assert planet.status().state == "quarantined"
    planet.answers_with(rss([Post("post11", planet.clock.time), *own]))
    planet.next_poll()
    assert planet.status().state == "ok"
    assert planet.shown() == sorted(["On post11", *(f"On post{number}" for number in range(5, 10))])


def test_a_damaged_database_is_put_aside(planet: Planet) -> None:
    """It is made again from the seeds."""
    planet.add()
    planet.answers_with(feed(planet))
    planet.next_poll()
    before = planet.seeds()
    (planet.root / "state/sources.db").write_bytes(b"no database at all" * 1000)
    planet.poll()
    assert planet.seeds() == before
    assert (planet.root / "state/sources.db.damaged").exists()


@pytest.mark.parametrize("table", ["entry", "alias", "pending", "source"])
def test_a_row_that_is_not_ours_is_found_and_the_next_start_makes_the_file_again(planet: Planet, table: str) -> None:
    """Whatever was damaged: one process ends, and the next goes on from the seeds."""
    planet.add()
    planet.answers_with(feed(planet))
    planet.next_poll()
    before = planet.seeds()
    with sqlite3.connect(planet.root / "state/sources.db") as db:
        db.execute("INSERT OR REPLACE INTO pending SELECT url, value FROM source")
        db.execute(f"UPDATE {table} SET {'first' if table == 'alias' else 'value'}=x'00ff'")
    db.close()
    planet.answers_with(feed(planet) + b" ")
    for _ in range(2):
        planet.clock.move(DAY)
        with suppress(database.Unusable):
            planet.poll()
    assert planet.seeds() == before
    assert planet.status().state == "ok"


@pytest.mark.parametrize("table", ["entry", "alias", "pending", "source", "cooling", "listed", "subscription"])
def test_a_damaged_row_costs_its_source_alone(planet: Planet, table: str) -> None:
    """The others keep their validators, what waits, and their quarantine; the damage is told."""
    ill, well = planet.add("ill.example"), planet.add("well.example")
    for source in (ill, well):
        host = source.url.split("/")[2].split(":")[0]
        planet.answers_with(feed(planet), host)
    planet.poll()
    planet.answers_with(rss(posts(40, newest=planet.clock.time, apart=1, name="flood")), "well.example")
    planet.clock.set(max(planet.state(ill).next_at, planet.state(well).next_at))
    planet.poll()
    before = planet.seeds()
    planet.clock.set(max(planet.state(ill).next_at, planet.state(well).next_at))
    with sqlite3.connect(planet.root / "state/sources.db") as db:
        broken = {
            "entry": "UPDATE entry SET value=x'00ff' WHERE source=? AND key LIKE '%post1'", "source": "UPDATE source SET value=x'00ff' WHERE url=?",
            "alias": "INSERT INTO alias VALUES(?, 1, 'k', x'00ff')", "pending": "INSERT INTO pending VALUES(?, x'00ff')",
        }.get(table, f"INSERT INTO {table} VALUES(?, x'00ff')")  # fmt: skip
        db.execute(broken, [ill.url])
        db.execute("PRAGMA user_version=-1")
    db.close()
    assert planet.poll().failed == ()
    assert (planet.root / "state/sources.db.damaged").exists()
    is_of_none = table in {"cooling", "listed", "subscription"}
    lost = f"it was damaged: what it knew of {'0 sources' if is_of_none else '1 source'} is made again from the seeds"
    assert dict(planet.told)[str(planet.root / "state/sources.db")].startswith(lost)
    asked = {seen.host: seen.is_conditional for seen in planet.server.seen[-2:]}
    assert asked == {"ill.example": is_of_none, "well.example": True}
    assert database.statuses(str(planet.root / "state"), [well], planet.clock.now())[0].held == 37
    assert planet.seeds() == before


def test_a_damaged_file_is_named(planet: Planet) -> None:
    """Also what follows from that, since nobody would look for it."""
    planet.add()
    planet.poll()
    for file in (planet.root / "state").iterdir():
        file.write_bytes(b"damage" * 1000) if file.suffix == ".db" else file.unlink()
    planet.poll()
    assert dict(planet.told)[str(planet.root / "state/sources.db")].startswith(
        "it was damaged, and is made again from "
    )


def test_point_1_a_304_to_an_unconditional_request_is_a_lie(planet: Planet) -> None:
    """It is a failure with its reason, not a success without items."""
    planet.add()
    planet.answers_with(Reply(304))
    planet.poll()
    assert "304 Not Modified to a request without a condition" in planet.state().error
    assert planet.status().state == "failing"


def flooded(planet: Planet) -> Source:
    """Return a source of which 37 entries are held back."""
    source = planet.add()
    planet.answers_with(feed(planet))
    planet.next_poll()
    planet.answers_with(rss(posts(40, newest=planet.clock.time, apart=1, name="flood")))
    planet.next_poll()
    assert planet.status().held == 37
    return source


def test_one_process_collects_and_others_read_and_ask(planet: Planet) -> None:
    """The second is told who does; a release of it is a request, which the first takes up."""
    source = flooded(planet)
    with planet.collector() as collector:
        with pytest.raises(database.Busy) as error:
            polling.poll(planet.settings, now=planet.clock.now)
        assert error.value.pid == os.getpid()
        assert polling.release(planet.settings, source.url, now=planet.clock.now) is None
        asyncio.run(Schedule(collector).step())
        assert planet.status().held == 0
    assert len(planet.shown()) == 43


def test_a_release_that_was_asked_for_while_another_process_collected_is_done_by_the_next(planet: Planet) -> None:
    """Also by `fetch`, which asks nobody for it; what was held back appears once, however often it is asked for."""
    source = flooded(planet)
    for _ in range(3):
        with planet.collector():
            assert polling.release(planet.settings, source.url, now=planet.clock.now) is None
        planet.poll()
        assert len(planet.shown()) == len(set(planet.shown())) == 43
        assert planet.status().held == 0
    with planet.collector() as collector:
        assert collector.release(source.url) == 0
    assert planet.told[-1] == (source.url, "not released: nothing of it is held back")


def test_a_release_waits_for_a_document_that_is_taken_in_and_for_a_disk_that_is_full(planet: Planet) -> None:
    """It is told once why, and done when it can be."""
    source = flooded(planet)
    folder = planet.root / "collected"
    with planet.collector() as collector:
        polling.release(planet.settings, source.url, now=planet.clock.now)
        for held_up in (collector._taking, collector._waiting):
            held_up.add(source.url)
            collector.take_requests(planet.clock.now())
            held_up.discard(source.url)
            assert planet.status().held == 37
        folder.rename(planet.root / "away")
        told = len(planet.told)
        for _ in range(3):
            collector.take_requests(planet.clock.now())
        assert [note[:17] for _, note in planet.told[told:]] == ["not released yet:"]
        (planet.root / "away").rename(folder)
        collector.take_requests(planet.clock.now())
    assert len(planet.shown()) == 43


def test_a_release_during_a_poll_shows_each_item_once(planet: Planet) -> None:
    """The answer that is under way comes after it, with new texts and titles of what was released."""
    source = flooded(planet)
    later = planet.clock.time + 1
    changed = [Post(f"flood{number}", later - 40 + number, title=f"Changed {number}") for number in range(39, -1, -1)]
    with planet.collector() as collector:

        def released(seen: Seen) -> Reply:
            assert collector.release(source.url) == 37
            return conditional(seen, rss(changed))

        planet.clock.set(planet.state().next_at)
        planet.answers_with(lambda seen: asyncio.run_coroutine_threadsafe(in_loop(released, seen), loop[0]).result(10))
        loop = []

        async def poll() -> None:
            loop.append(asyncio.get_running_loop())
            await collector.poll(source.url)

        asyncio.run(poll())
    assert sorted(planet.shown()) == sorted(["On post0", "On post1", "On post2", *(post.title for post in changed)])


async def in_loop(function, seen: Seen) -> Reply:
    return function(seen)


def test_a_kill_between_the_seeds_and_their_rows_writes_none_twice(planet: Planet) -> None:
    """Also if the source calls an entry otherwise when it is written again."""
    source = planet.add()
    planet.answers_with(rss([Post("one", planet.clock.time - DAY, title="First title")]))
    with planet.collector() as collector:

        def killed(*_: object, **__: object) -> None:
            raise Stopped

        collector._database.finish = killed
        with pytest.raises(Stopped):
            asyncio.run(collector.poll(source.url))
        collector._database.put(pending=(source.url, msgspec.structs.replace(
            collector._database.pending(source.url),
            body=rss([Post("one", planet.clock.time - DAY, title="Second title")]),
        )))  # fmt: skip
    assert planet.shown() == ["First title"]
    planet.poll()
    assert planet.shown() == ["Second title"]
    assert len(planet.seeds()) == 1


@pytest.mark.parametrize("is_lost", [False, True])
@pytest.mark.parametrize("end", [Stopped, AggregatorError])
@pytest.mark.parametrize("written", range(6))
def test_a_kill_or_a_full_disk_between_two_seeds_loses_none(planet: Planet, written: int, end, is_lost: bool) -> None:
    """Of a new source, and of one whose state was lost: what was written is not taken for what was shown long ago."""
    source = planet.add(first=5)
    if is_lost:
        planet.answers_with(rss(posts(3, newest=planet.clock.time - 20 * DAY, name="old")))
        planet.poll()
        for file in (planet.root / "state").iterdir():
            file.unlink()
    planet.answers_with(feed(planet, 9) if not is_lost else rss([*posts(5, newest=planet.clock.time, name="post"),
                        *posts(3, newest=planet.clock.time - 20 * DAY, name="old")]))  # fmt: skip
    with planet.collector() as collector:
        write, left = collector._intake.write, [None] * written

        def killed(*words: object, **said: object):
            if not left:
                raise end("the disk is full")
            left.pop()
            return write(*words, **said)

        collector._intake.write = killed
        with suppress(Stopped):
            asyncio.run(collector.poll(source.url))
    planet.poll()
    new = [f"On post{number}" for number in (range(5) if is_lost else range(4, 9))]
    assert planet.shown() == [*(["On old0", "On old1", "On old2"] if is_lost else []), *new]


def test_a_database_of_a_newer_version_is_left_alone(planet: Planet) -> None:
    """It is named, and stays as it is."""
    planet.add()
    planet.poll()
    with sqlite3.connect(planet.root / "state/sources.db") as db:
        db.execute("PRAGMA user_version=99")
    db.close()
    with pytest.raises(database.Unusable, match="newer version"):
        planet.poll()


def page(text: str) -> bytes:
    return f"<html><head><title>T</title></head><body><nav>Menu</nav><article><p>{text * 30}</p></article></body></html>".encode()


def test_point_9_pages_are_asked_once_and_robots_txt_before_them(planet: Planet) -> None:
    """`content: page`: the text of each shown item's page, two seconds apart; what robots.txt forbids is not asked."""
    pytest.importorskip("readability")
    planet.add(content="page", first=3)
    url = planet.server.url("pages.example", "")
    made = [
        Post(f"p{number}", planet.clock.time - number, link=f"{url}/{'secret' if number == 2 else 'open'}/{number}")
        for number in range(3)
    ]
    planet.answers_with(rss(made))
    planet.answers_with(Reply(200, body=b"User-agent: *\nDisallow: /secret/\n"), "pages.example", "/robots.txt")
    for number in range(3):
        for folder in ("open", "secret"):
            planet.answers_with(
                Reply(200, [("Content-Type", "text/html")], page(f"Whole text {number}. ")),
                "pages.example",
                f"/{folder}/{number}",
            )
    planet.next_poll()
    assert [seen.path for seen in planet.server.seen] == ["/feed", "/robots.txt", "/open/0", "/open/1"]
    assert all(later.at - earlier.at >= 2 for earlier, later in pairwise(planet.server.seen[1:]))
    texts = b"".join(planet.seeds().values())
    assert b"Whole text 0." in texts
    assert b"Whole text 2." not in texts
    assert b"Text of p2." in texts
    planet.next_poll()
    assert len(planet.server.seen) == 5


@pytest.mark.parametrize("trouble", [Reply(200, body=b"User-agent: *\nAllow: /", cut=3), Reply(503), Reply(raw=b"")])
def test_point_9_a_robots_txt_that_could_not_be_had_forbids_for_an_hour(planet: Planet, trouble: Reply) -> None:
    """Half an answer says nothing of what is allowed; that it failed is not kept for a day."""
    pytest.importorskip("readability")
    source = planet.add(content="page", every=HOUR)
    url = planet.server.url("pages.example", "")
    planet.answers_with(trouble, "pages.example", "/robots.txt")
    planet.answers_with(rss([Post("p0", planet.clock.time, link=f"{url}/0")]))
    with planet.collector() as collector:
        asyncio.run(collector.poll(source.url))
        assert [seen.path for seen in planet.server.seen] == ["/feed", "/robots.txt"]
        planet.clock.move(2 * HOUR)
        planet.answers_with(Reply(404), "pages.example", "/robots.txt")
        planet.answers_with(rss([Post("p1", planet.clock.time, link=f"{url}/1"), Post("p0", None, link=f"{url}/0")]))
        asyncio.run(collector.poll(source.url))
    assert [seen.path for seen in planet.server.seen[2:]] == ["/feed", "/robots.txt", "/1"]


@pytest.mark.slow
def test_a_living_list_is_read_like_a_source(planet: Planet) -> None:
    """Its validators are kept, what it lists is polled, and what it does not list any more is not."""
    location = planet.server.url("lists.example", "/planet.opml")
    planet.lists.append(SourceList(location=location, defaults=Source(url="", private=True, every=HOUR)))
    url = [planet.server.url(f"blog{number}.example") for number in range(3)]
    for number in range(3):
        planet.answers_with(feed(planet), f"blog{number}.example")

    def opml(*numbers: int) -> bytes:
        outlines = "".join(f'<outline type="rss" text="B{number}" xmlUrl="{url[number]}"/>' for number in numbers)
        return f'<opml version="2.0"><head><title>L</title></head><body>{outlines}</body></opml>'.encode()

    planet.answers_with(lambda seen: conditional(seen, opml(0, 1)), "lists.example", "/planet.opml")
    assert planet.poll().polled == (url[0], url[1])
    planet.run_for(2 * DAY)
    lists = [seen for seen in planet.server.seen if seen.host == "lists.example"]
    assert [seen.is_conditional for seen in lists] == [False] + [True] * (len(lists) - 1)
    planet.answers_with(lambda seen: conditional(seen, opml(1, 2)), "lists.example", "/planet.opml")
    planet.run_for(3 * DAY)
    planet.answers_with(Reply(500), "lists.example", "/planet.opml")
    asked = len(planet.server.seen)
    planet.run_for(2 * DAY)
    assert {seen.host for seen in planet.server.seen[asked:]} == {"blog1.example", "blog2.example", "lists.example"}
    assert [source.url for source in database.listed_in(str(planet.root / "state"), location)] == [url[1], url[2]]


def test_a_living_list_that_is_a_file_is_read_again_when_it_changes(planet: Planet) -> None:
    """And named if it cannot be read."""
    file = planet.root / "list.opml"
    planet.lists.append(SourceList(location=str(file), defaults=Source(url="", private=True)))
    planet.poll()
    with planet.collector() as collector:
        asyncio.run(collector.read_lists())
    assert planet.told == [(str(file), f"{file}: No such file or directory")] * 2
    url = planet.server.url("blog.example")
    file.write_text(f'<opml version="2.0"><head/><body><outline type="rss" text="B" xmlUrl="{url}"/></body></opml>')
    planet.answers_with(feed(planet))
    assert planet.poll().polled == (url,)


def test_what_a_living_list_names_and_the_config_has_at_that_address_is_one_source(planet: Planet) -> None:
    """It moved, the config has the new address, and so has the list: it is asked once."""
    new = planet.server.url("new.example")
    planet.sources.append(Source(url=planet.server.url("old.example"), address=new, private=True))
    file = planet.root / "list.opml"
    planet.lists.append(SourceList(location=str(file), defaults=Source(url="", private=True)))
    file.write_text(f'<opml version="2.0"><head/><body><outline type="rss" text="B" xmlUrl="{new}"/></body></opml>')
    planet.answers_with(feed(planet), "new.example")
    assert planet.poll().polled == (new,)
    assert len(planet.server.seen) == 1


def test_an_address_that_is_none_is_named_and_not_tried_all_the_time(planet: Planet) -> None:
    """It waits as any other failure."""
    planet.sources.append(Source(url="ftp://files.example/feed", private=True))
    planet.run_for(DAY)
    assert "no http or https address" in planet.state().error
    assert 3 <= planet.state().failures <= 6

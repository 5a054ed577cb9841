"""WebSub, the subscriber's side: point 10, in words of the specification and at a hub that is not ours."""

from __future__ import annotations

import hashlib
import hmac
import threading
import time
from functools import partial
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Self
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit
from urllib.request import urlopen

import msgspec
import pytest
from support.collecting import DAY, Planet, posts, rss
from support.scripted_server import Reply, Seen
from support.websub_hubs import FlaskHub, ServerThread, needs

from aggregator.collector import database, polling, pushes, subscriptions
from aggregator.collector.polling import Settings
from aggregator.collector.state import SourceState
from aggregator.collector.subscriptions import Subscription
from aggregator.model.sources import Source

NOW = 1_780_000_000
ONE = Subscription(
    source="https://a.example/feed",
    hub="https://hub.example/",
    topic="https://a.example/feed",
    token="t" * 32,
    secret="s",
)


def signed(body: bytes, method: str = "sha256", secret: str = "s") -> str:
    return f"{method}={hmac.new(secret.encode(), body, method).hexdigest()}"


@pytest.mark.parametrize("method", ["sha1", "sha256", "sha384", "sha512"])
def test_point_10_a_signed_push_makes_the_source_due(method: str) -> None:
    """Every method of WebSub §8; the header may be in capitals."""
    reply = subscriptions.push(ONE, signed(b"body", method), b"body")
    assert (reply.status, reply.kind, reply.source) == (202, "push", ONE.source)
    assert subscriptions.push(ONE, signed(b"body", method).upper().replace("SHA", "sha"), b"body").kind == "push"


@pytest.mark.parametrize(
    "signature",
    [
        "",
        "sha256=",
        "sha256",
        signed(b"other"),
        signed(b"body", secret="x"),
        "md5=" + hashlib.md5(b"body").hexdigest(),
        "sha256=\xff",
    ],
)
def test_point_10_a_push_that_is_not_signed_right_is_ignored(signature: str) -> None:
    """It is answered as any other, so that nobody learns from it (WebSub §8)."""
    reply = subscriptions.push(ONE, signature, b"body")
    assert (reply.status, reply.kind) == (202, "")


def test_point_10_a_push_to_nobody_is_gone() -> None:
    """410 tells a hub to forget the subscription (WebSub §7)."""
    assert subscriptions.push(None, signed(b"x"), b"x").status == 410
    assert subscriptions.of_token([ONE], "other") is None
    assert subscriptions.of_token([ONE], ONE.token) is ONE


def asked(**changes: str) -> dict[str, str]:
    query = {"hub.mode": "subscribe", "hub.topic": ONE.topic, "hub.challenge": "abc", "hub.lease_seconds": "86400"}
    return {key: value for key, value in {**query, **changes}.items() if value}


def test_point_10_a_subscription_that_we_asked_for_is_confirmed() -> None:
    """The challenge is echoed, the lease remembered."""
    reply = subscriptions.verification(ONE, asked(), NOW)
    assert (reply.status, reply.body, reply.kind, reply.value) == (200, "abc", "verified", str(NOW + DAY))
    assert subscriptions.verification(ONE, asked(**{"hub.lease_seconds": "999999999"}), NOW).value == str(
        NOW + 31 * DAY
    )


@pytest.mark.parametrize(
    ("one", "query"),
    [
        (None, asked()), (ONE, asked(**{"hub.topic": "https://b.example/"})), (ONE, asked(**{"hub.mode": "unsubscribe"})),
        (ONE, asked(**{"hub.challenge": ""})), (ONE, {}),
    ],
)  # fmt: skip
def test_point_10_what_we_did_not_ask_for_is_not_confirmed(one: Subscription | None, query: dict[str, str]) -> None:
    """Another topic, another token, an end of the subscription: 404, and nothing follows."""
    reply = subscriptions.verification(one, query, NOW)
    assert (reply.status, reply.body, reply.kind) == (404, "", "")


def test_point_10_a_subscription_is_renewed_with_24_hours_left() -> None:
    """At once if it is new; with less than a day left, or half of a shorter lease; after a failure later each time."""
    assert subscriptions.renews_at(ONE) == 0
    held = msgspec.structs.replace(ONE, asked_at=NOW, until=NOW + 10 * DAY)
    assert subscriptions.renews_at(held) == NOW + 9 * DAY
    assert subscriptions.renews_at(msgspec.structs.replace(held, until=NOW + DAY)) == NOW + DAY // 2
    assert subscriptions.renews_at(msgspec.structs.replace(held, until=NOW + 60)) == NOW + 3600
    waits = [
        subscriptions.renews_at(msgspec.structs.replace(ONE, asked_at=NOW, failures=count)) - NOW
        for count in range(1, 10)
    ]
    assert waits[:3] == [3600, 7200, 14_400]
    assert max(waits) == 7 * DAY


@pytest.mark.parametrize(
    ("site", "can"),
    [
        ("https://planet.example.org/", True), ("http://localhost:8080/", False), ("http://127.0.0.1/", False), ("http://8.8.8.8/", True),
        ("http://192.168.1.4/", False), ("http://nas.local/", False), ("http://nas/", False), ("file:///srv/feeds", False),
    ],
)  # fmt: skip
def test_point_10_only_a_site_that_hubs_can_reach_subscribes(site: str, can: bool) -> None:
    """One at a public name or address."""
    assert pushes.is_reachable(site) is can


def test_point_10_while_pushes_come_the_source_is_polled_daily() -> None:
    """And as usual when the lease is over."""
    from aggregator.collector import timing

    state = SourceState(url=ONE.source, asked_at=NOW, pushed_until=NOW + 1)
    assert timing.interval_of(state, Source(url=ONE.source, every=3600))[0] == DAY
    assert (
        timing.interval_of(msgspec.structs.replace(state, pushed_until=NOW), Source(url=ONE.source, every=3600))[0]
        == 3600
    )


def test_point_10_a_push_is_followed_by_a_conditional_request_at_once(planet: Planet) -> None:
    """Before the interval is over, but not while the source is to be left alone, and not again for every push."""
    source = planet.add()
    planet.answers_with(rss(posts(2, newest=planet.clock.time)))
    planet.run_for(60)
    state = str(planet.root / "state")
    for _ in range(5):
        database.request(state, "push", source.url)
    planet.run_for(60)
    assert [seen.is_conditional for seen in planet.server.seen] == [False, True]
    planet.answers_with(Reply(503, [("Retry-After", "7200")]))
    database.request(state, "push", source.url)
    planet.run_for(60)
    database.request(state, "push", source.url)
    planet.run_for(60)
    assert len(planet.server.seen) == 3


def test_point_10_a_push_is_not_followed_while_the_domain_is_left_alone(planet: Planet) -> None:
    """Another source of it was answered 429."""
    source = planet.add()
    planet.add(path="/other")
    planet.answers_with(rss(posts(2, newest=planet.clock.time)))
    planet.answers_with(Reply(429), path="/other")
    planet.run_for(60)
    database.request(str(planet.root / "state"), "push", source.url)
    planet.run_for(60)
    assert [seen.path for seen in planet.server.seen].count("/feed") <= 1
    assert planet.state().error == ""


class Callbacks(BaseHTTPRequestHandler):
    """Answers hubs as the site's server does."""

    def __init__(self, state: str, *rest: object) -> None:
        self._state = state
        super().__init__(*rest)

    def do_GET(self) -> None:
        self._answer(
            subscriptions.verification(self._one(), dict(parse_qsl(urlsplit(self.path).query)), int(time.time()))
        )

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(subscriptions.push(self._one(), self.headers.get("X-Hub-Signature", ""), body))

    def _one(self) -> Subscription | None:
        return subscriptions.of_token(database.subscriptions(self._state), urlsplit(self.path).path.rpartition("/")[2])

    def _answer(self, reply: subscriptions.Reply) -> None:
        if reply.kind:
            database.request(self._state, reply.kind, reply.source, reply.value)
        self.send_response(reply.status)
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        self.wfile.write(reply.body.encode())

    def log_message(self, *_: object) -> None:
        pass


def test_point_10_with_a_real_hub_a_new_entry_is_a_seed_at_once(planet: Planet, tmp_path: Path) -> None:
    """We subscribe with a secret, the hub verifies that, pushes what a publisher tells it of, and we fetch it."""
    needs("flask_websub")
    source = planet.add(every=DAY)
    state = str(planet.root / "state")
    with FlaskHub(tmp_path) as hub, ServerThread(partial(Callbacks, state)) as site:
        topic = source.url.replace("blog.example", "127.0.0.1")
        planet.sources[0] = msgspec.structs.replace(source, url=topic)
        bodies = [rss(posts(2, newest=time.time() - 100))]
        headers = [("Content-Type", "application/rss+xml"), ("Link", f'<{topic}>; rel="self", <{hub.url}>; rel="hub"')]
        planet.answers_with(lambda _: Reply(200, headers, bodies[-1]), "127.0.0.1")
        settings = msgspec.structs.replace(planet.settings, site=site.url, can_be_called=True)
        with running(settings) as news:
            wait_for(lambda: any(one.until for one in database.subscriptions(state)), news)
            bodies.append(rss(posts(3, newest=time.time() - 100)))
            began = time.perf_counter()
            form = urlencode({"hub.mode": "publish", "hub.url": topic, "hub.topic": topic}).encode()
            with urlopen(hub.url, data=form, timeout=10) as answer:
                assert answer.status < 300
            wait_for(lambda: len(planet.seeds()) == 3, news)
            print(f"from the publisher's ping to the seed: {time.perf_counter() - began:.2f} s")
        subscription = database.subscriptions(state)[0]
        assert subscription.until > time.time() + DAY
        assert len(subscription.secret) >= 32
        assert subscription.token not in subscription.secret


class running:  # noqa: N801
    """Runs the collector in a thread on the machine's clock."""

    def __init__(self, settings: Settings) -> None:
        self._stop = threading.Event()
        self.failures: list[BaseException] = []
        self._thread = threading.Thread(target=self._run, args=(settings,))

    def _run(self, settings: Settings) -> None:
        try:
            polling.run(settings, now=time.time, stop=self._stop)
        except BaseException as error:  # noqa: BLE001 - shown by the test
            self.failures.append(error)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        began = time.perf_counter()
        self._stop.set()
        self._thread.join(20)
        assert not self._thread.is_alive()
        assert time.perf_counter() - began < 5
        assert self.failures == []


def wait_for(done, collector: running, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        assert not collector.failures, collector.failures
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_hub_that_denies_is_remembered(planet: Planet) -> None:
    """It is asked again later each time, and the source is polled as usual."""
    source = planet.add()
    planet.site = "https://planet.example.org/"
    hub = planet.server.url("hub.example", "/hub")
    head = f'<atom:link rel="hub" href="{hub}"/>'
    planet.answers_with(rss(posts(2, newest=planet.clock.time), head=head))
    forms: list[dict[str, list[str]]] = []

    def answer(seen: Seen) -> Reply:
        forms.append(parse_qs(seen.body.decode()))
        return Reply(202)

    planet.answers_with(answer, "hub.example", "/hub")
    planet.run_for(120)
    state = str(planet.root / "state")
    token = database.subscriptions(state)[0].token
    assert forms[0]["hub.callback"] == [f"https://planet.example.org/websub/{token}"]
    assert forms[0]["hub.mode"] == ["subscribe"]
    assert forms[0]["hub.topic"] == [source.url]
    reply = subscriptions.verification(
        database.subscriptions(state)[0], {"hub.mode": "denied", "hub.topic": source.url, "hub.reason": "no"}, NOW
    )
    database.request(state, reply.kind, reply.source, reply.value)
    planet.run_for(DAY)
    assert database.subscriptions(state)[0].problem == "the hub denied it: no"
    assert 3 <= len(forms) <= 5
    assert sum(seen.path == "/feed" for seen in planet.server.seen) > 20


def test_point_10_a_clock_set_back_ends_neither_polls_nor_renewals(planet: Planet) -> None:
    """A year ahead for a moment: the source is not asked daily for a year, nor the subscription thought to last so long."""
    source = planet.add()
    planet.answers_with(rss(posts(1, newest=planet.clock.time)))
    planet.next_poll()
    year = 365 * DAY
    with planet.collector() as collector:
        state = collector.state(source.url)
        ahead = {name: getattr(state, name) + year for name in ("asked_at", "answered_at", "next_at")}
        collector._put(msgspec.structs.replace(state, pushed_until=state.asked_at + year + 5 * DAY, **ahead))
        collector.set_back(planet.clock.now())
        assert collector.state(source.url).pushed_until <= planet.clock.now() + 5 * DAY
        known = Subscription(
            source=source.url, hub="https://hub.example/", topic=source.url, token="t", secret="s",
            asked_at=planet.clock.now() + year, until=planet.clock.now() + year + 5 * DAY,
        )  # fmt: skip
        kept = pushes.Pushes("https://planet.example/", collector._database, collector._asker, can_be_called=True)
        kept._put(known)
        asked = msgspec.structs.replace(collector.state(source.url), hubs=(known.hub,), topic=source.url)
        assert kept.is_due(asked, planet.clock.now())

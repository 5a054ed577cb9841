"""How one address is asked: points 5 to 8, at a real server."""

from __future__ import annotations

import asyncio
import gzip
import tracemalloc
import zlib
from itertools import pairwise

import brotli
import pytest
from support.scripted_server import MovedClock, Reply, ScriptedServer, Seen

from aggregator.collector.addresses import refusal_of
from aggregator.collector.answers import Answer
from aggregator.collector.asking import PAGES, Asker, Limits, Question
from aggregator.collector.state import Validators
from aggregator.collector.turns import Turns

SITE = "https://planet.example.org/"


def ask(server: ScriptedServer, url: str, *, resolve=None, limits: Limits | None = None, **values) -> Answer:
    """Ask an address as the collector does."""
    clock = server.clock or MovedClock()
    asker = Asker(site=SITE, clock=clock, turns=Turns(clock), limits=limits, resolve=resolve or server.resolve)
    values.setdefault("is_private", True)
    return asyncio.run(asker.ask(Question(url=url, **values)))


def test_point_8_it_says_who_it_is_and_nothing_else() -> None:
    """User-Agent with our address, feed types first, gzip and br, A-IM; no cookie, no Referer, also after a redirect."""

    def script(seen: Seen) -> Reply:
        if seen.path == "/feed":
            return Reply(302, [("Location", "/next"), ("Set-Cookie", "a=b")])
        return Reply(200, [("Set-Cookie", "a=b")], b"<rss/>")

    with ScriptedServer(script) as server:
        answer = ask(server, server.url("blog.example"))
        assert (answer.status, answer.body, answer.url) == (200, b"<rss/>", server.url("blog.example", "/next"))
        for seen in server.seen:
            assert set(seen.headers) == {"host", "user-agent", "accept", "accept-encoding", "connection", "a-im"}
            assert seen.headers["user-agent"].startswith("aggregator/")
            assert seen.headers["user-agent"].endswith(f" (+{SITE})")
            assert seen.headers["accept"].startswith("application/atom+xml, application/rss+xml")
            assert seen.headers["accept-encoding"] == "gzip, br"
            assert seen.headers["a-im"] == "feed"
            assert seen.headers["host"] == f"blog.example:{server.port}"
        ask(server, server.url("blog.example", "/page"), accept=PAGES)
        assert "a-im" not in server.seen[-1].headers


@pytest.mark.parametrize("etag", ['"abc"', 'W/"a b"', "unquoted", '"\xff\xe9"', '""'])
def test_point_1_validators_are_sent_back_byte_for_byte_and_only_to_their_address(etag: str) -> None:
    """Quotes and W/ included, both of them, never to the target of a redirect."""
    url = ""

    def script(seen: Seen) -> Reply:
        return Reply(301, [("Location", "http://other.example/x")]) if seen.host == "blog.example" else Reply(200)

    with ScriptedServer(script) as server:
        url = server.url("blog.example")
        mine = {url: Validators(etag=etag, last_modified="yesterday, about noon")}
        ask(server, url, validators=lambda address: mine.get(address, Validators()))
        assert server.seen[0].headers["if-none-match"] == etag
        assert server.seen[0].headers["if-modified-since"] == "yesterday, about noon"
        assert not any(seen.is_conditional for seen in server.seen[1:])


REFUSED = [
    "127.0.0.1", "127.9.9.9", "10.0.0.1", "172.16.5.5", "192.168.1.1", "169.254.169.254", "169.254.1.1", "100.64.0.1",
    "100.127.255.255", "0.0.0.0", "224.0.0.1", "239.255.255.250", "255.255.255.255", "192.0.0.192", "198.18.0.1",
    "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1", "::ffff:127.0.0.1",
    "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a00:1", "64:ff9b:1::1", "2002:7f00:1::", "2002:c0a8:101::", "::127.0.0.1",
    "2001:0:4136:e378:8000:63bf:80ff:fffe", "2001:db8::1", "nonsense",
]  # fmt: skip


@pytest.mark.parametrize("address", REFUSED)
def test_point_7_addresses_that_are_not_public_are_refused(address: str) -> None:
    """Loopback, private, link-local, unique local, shared, metadata, multicast, and IPv6 that stands for such a one."""
    assert refusal_of(address)


@pytest.mark.parametrize(
    "address", ["93.184.215.14", "1.1.1.1", "2606:4700::1111", "64:ff9b::101:101", "::ffff:1.1.1.1"]
)
def test_point_7_public_addresses_are_not_refused(address: str) -> None:
    """What anybody may reach is allowed."""
    assert refusal_of(address) == ""


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:{}/", "http://localhost:{}/", "http://2130706433:{}/", "http://0x7f.1:{}/", "http://[::1]:{}/"],
)
def test_point_7_no_spelling_of_a_refused_address_is_connected_to(url: str) -> None:
    """Names, numbers and hexadecimal are looked up by the system first; what comes of it is checked."""
    from aggregator.collector.asking import look_up

    with ScriptedServer(lambda _: Reply(200)) as server:
        answer = ask(server, url.format(server.port), is_private=False, resolve=look_up)
        assert "loopback" in answer.problem
        assert server.seen == []
        assert ask(server, f"http://localhost:{server.port}/", resolve=look_up).status == 200


def test_point_7_a_name_that_leads_elsewhere_a_moment_later_is_refused() -> None:
    """A name is looked up once, for the connection, and that very address is checked and connected to (rebinding)."""
    looked_up: list[str] = []

    async def changing(host: str, _port: int):
        looked_up.append(host)
        return ["192.0.2.1"] if len(looked_up) < 1 else ["127.0.0.1"]

    with ScriptedServer(lambda _: Reply(200)) as server:
        answer = ask(server, server.url("rebound.example"), is_private=False, resolve=changing)
        assert "rebound.example leads to a loopback address" in answer.problem
        assert (server.seen, looked_up) == ([], ["rebound.example"])


def test_point_7_every_hop_is_checked() -> None:
    """A public name that redirects to a private one gets nowhere; of several addresses only public ones are tried."""

    async def resolve(host: str, _port: int):
        return {"inside.example": ["10.0.0.1", "127.0.0.1"]}.get(host, ["127.0.0.1"])

    with ScriptedServer(lambda _: Reply(302, [("Location", "http://inside.example/")])) as server:
        asker_private_first_hop = ask(
            server, server.url("blog.example"), resolve=resolve, is_private=True, limits=Limits(connect=0.3)
        )
        assert asker_private_first_hop.status != 200
        answer = ask(server, "http://inside.example/", is_private=False, resolve=resolve)
        assert "a private, loopback address" in answer.problem


def redirecting(hops: int, status: int = 302):
    def script(seen: Seen) -> Reply:
        place = int(seen.path.rpartition("/")[2] or 0)
        return Reply(status, [("Location", f"/hop/{place + 1}")]) if place < hops else Reply(200, body=b"there")

    return script


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_point_6_at_most_five_hops_are_followed(status: int) -> None:
    """Five are, six are not; each is remembered with its status."""
    with ScriptedServer(redirecting(5, status)) as server:
        answer = ask(server, server.url("blog.example", "/hop/0"))
        assert (answer.status, len(answer.hops), answer.hops[0].status) == (200, 5, status)
    with ScriptedServer(redirecting(6, status)) as server:
        answer = ask(server, server.url("blog.example", "/hop/0"))
        assert "more than 5 times" in answer.problem
        assert len(server.seen) == 6


@pytest.mark.parametrize(
    ("location", "problem"),
    [
        ("/feed", "circle"), ("ftp://blog.example/", "no http"), ("http://user:word@blog.example/", "user name"),
        ("file:///etc/passwd", "no http"), ("data:,x", "no http"),
    ],
)  # fmt: skip
def test_point_6_redirects_that_lead_nowhere_are_named(location: str, problem: str) -> None:
    """A circle, another scheme, a password: a failure with its reason."""
    with ScriptedServer(lambda _: Reply(301, [("Location", location)])) as server:
        assert problem in ask(server, server.url("blog.example")).problem


def test_point_6_never_from_https_to_http() -> None:
    """The rule itself, as no certificate for example names is at hand."""
    from aggregator.collector.asking import _why_not

    assert "https to http" in _why_not("https://a.example/", "http://a.example/", ())
    assert _why_not("http://a.example/", "https://a.example/", ()) == ""


def test_point_5_one_connection_a_host_at_a_time_and_two_seconds_between() -> None:
    """Whatever the port and path; other hosts are asked meanwhile."""
    clock = MovedClock()

    async def all_at_once(server: ScriptedServer, asker: Asker) -> None:
        urls = [server.url(host, f"/{number}") for number in range(5) for host in ("a.example", "b.example")]
        await asyncio.gather(*(asker.ask(Question(url=url, is_private=True)) for url in urls))

    with ScriptedServer(lambda _: Reply(200, body=b"x", pause=0.02), clock) as server:
        asyncio.run(all_at_once(server, Asker(site=SITE, clock=clock, turns=Turns(clock), resolve=server.resolve)))
        assert server.most_at_once == {"a.example": 1, "b.example": 1}
        for host in ("a.example", "b.example"):
            times = [seen.at for seen in server.seen if seen.host == host]
            assert len(times) == 5
            assert all(later - earlier >= 2 for earlier, later in pairwise(times))


def test_point_5_a_redirect_to_the_same_host_waits_too() -> None:
    """Two seconds lie between any two requests to a host."""
    clock = MovedClock()
    with ScriptedServer(redirecting(2), clock) as server:
        ask(server, server.url("a.example", "/hop/0"))
        assert [seen.at - server.seen[0].at for seen in server.seen] == [0, 2, 4]


ENCODINGS = {"gzip": gzip.compress, "br": brotli.compress, "deflate": zlib.compress, "identity": bytes}


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_point_8_compressed_answers_are_read(encoding: str) -> None:
    """What was asked for, gzip and br; what some send unasked as well."""
    body = b"<rss>" + bytes(range(256)) * 1000
    with ScriptedServer(lambda _: Reply(200, [("Content-Encoding", encoding)], ENCODINGS[encoding](body))) as server:
        answer = ask(server, server.url("a.example"))
        assert answer.body == body


def test_point_8_several_gzip_members_and_what_follows_them() -> None:
    """Members are joined; padding after the last is nothing."""
    body = gzip.compress(b"one") + gzip.compress(b"two") + b"\0" * 20
    with ScriptedServer(lambda _: Reply(200, [("Content-Encoding", "gzip")], body)) as server:
        assert ask(server, server.url("a.example")).body == b"onetwo"


@pytest.mark.parametrize("encoding", ["gzip", "br"])
def test_point_8_a_bomb_stops_at_15_mib(encoding: str) -> None:
    """Sixty-four megabytes are never unpacked: memory stays bounded."""
    bomb = ENCODINGS[encoding](bytes(1 << 26)) if encoding == "gzip" else brotli.compress(bytes(1 << 26), quality=5)
    with ScriptedServer(lambda _: Reply(200, [("Content-Encoding", encoding)], bomb)) as server:
        tracemalloc.start()
        try:
            answer = ask(server, server.url("a.example"))
            assert tracemalloc.get_traced_memory()[1] < 40 << 20
        finally:
            tracemalloc.stop()
        assert answer.problem.startswith("its answer is larger than 15 MiB")


def test_point_8_what_is_larger_than_15_mib_is_not_read_to_its_end() -> None:
    """Also without compression."""
    with ScriptedServer(lambda _: Reply(200, body=bytes(16 << 20))) as server:
        assert ask(server, server.url("a.example")).problem.startswith("its answer is larger than 15 MiB")
    with ScriptedServer(lambda _: Reply(200, body=bytes(15 << 20))) as server:
        assert len(ask(server, server.url("a.example")).body) == 15 << 20


@pytest.mark.parametrize(
    ("reply", "problem"),
    [
        (Reply(200, body=b"x" * 100, cut=50), "the connection broke"),
        (Reply(200, [("Content-Encoding", "gzip")], gzip.compress(b"x" * 1000)[:-9]), "cut short"),
        (Reply(200, [("Content-Encoding", "gzip")], b"<rss/>"), "damaged"),
        (Reply(200, [("Content-Encoding", "br")], brotli.compress(b"x" * 999)[:-3]), "cut short"),
        (Reply(200, [("Content-Encoding", "zstd")], b"x"), "not asked for"),
        (Reply(raw=b"HTTP/1.1 200 OK\r\nContent-Le"), "the connection broke"),
        (Reply(raw=b""), "the connection broke"),
        (Reply(raw=b"SSH-2.0-OpenSSH_9.6\r\n"), "the connection broke"),
        (Reply(raw=b"HTTP/1.1 200 OK\r\n" + b"X: " + b"y" * 200_000 + b"\r\n\r\n"), "the connection broke"),
    ],
)
def test_point_8_half_an_answer_is_none(reply: Reply, problem: str) -> None:
    """What is cut, damaged or no HTTP is a failure with its reason, never half a document."""
    with ScriptedServer(lambda _: reply) as server:
        answer = ask(server, server.url("a.example"))
        assert problem in answer.problem
        assert answer.body == b""


def test_point_8_an_answer_that_drips_ends_after_the_time_in_all() -> None:
    """20 s in all, whatever is still coming; here half a second."""
    with ScriptedServer(lambda _: Reply(200, pause=5, body=b"x")) as server:
        answer = ask(server, server.url("a.example"), limits=Limits(total=0.3))
        assert answer.problem == "no whole answer within 0.3 s"


def test_point_8_waiting_for_a_turn_does_not_count() -> None:
    """The time in all is that of the requests, not of the pauses between them."""
    clock = MovedClock()
    with ScriptedServer(redirecting(5), clock) as server:
        answer = ask(server, server.url("a.example", "/hop/0"), limits=Limits(total=8))
        assert answer.status == 200
        assert clock.passed == 10


def test_point_2_the_header_of_half_an_answer_counts() -> None:
    """What the server asks for there is heard, though its document is none."""
    with ScriptedServer(lambda _: Reply(200, [("Cache-Control", "max-age=36000")], b"x" * 99, cut=9)) as server:
        answer = ask(server, server.url("a.example"))
        assert answer.problem
        assert ("cache-control", "max-age=36000") in answer.headers


def test_a_refused_connection_and_an_unknown_name_are_named() -> None:
    """The system's words, for people."""

    async def unknown(host: str, _port: int):
        import socket

        raise socket.gaierror(-2, "Name or service not known")

    with ScriptedServer(lambda _: Reply(200)) as server:
        port = server.port
    assert ask(server, f"http://127.0.0.1:{port}/").problem == "no connection: Connection refused"
    assert (
        ask(server, server.url("nowhere.example"), resolve=unknown).problem
        == "its name is not known: Name or service not known"
    )

"""Documents that are made to harm: bounded time, bounded memory, nothing fetched, no crash."""

from __future__ import annotations

import itertools
import random
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from aggregator.collector.documents import LARGEST, parse
from aggregator.collector.entries import Document, NoDocument
from aggregator.collector.seeds import seed_of
from aggregator.model.sources import Source
from aggregator.normalizer.seed import read

CASES = Path(__file__).parents[1] / "cases" / "collector" / "documents"
URL = "https://h.example.org/feed.xml"
SOURCE = Source(url=URL)
MOST_SECONDS = 10.0
"""How long a document of 200 kB may take of a processor, on a machine with other things to do; it takes 0.3 s at most."""


def parsed(body: bytes | str, most: float = MOST_SECONDS) -> Document | NoDocument:
    """Return what a document is read as, within a time."""
    before = time.process_time()
    found = parse(body.encode() if isinstance(body, str) else body, content_type="", url=URL)
    assert time.process_time() - before < most
    return found


def rss(items: str) -> str:
    return f'<rss version="2.0"><channel><title>T</title><link>https://h.example.org/</link>{items}</channel></rss>'


def item(body: str) -> str:
    return rss(f"<item><title>x</title><guid>1</guid><description><![CDATA[{body}]]></description></item>")


def hostile(size: int) -> Iterator[tuple[str, str]]:
    """Yield names and documents of about `size` characters, each of one thing that takes some parser quadratic time."""
    entry = "<item><title>x</title><guid>1</guid>"
    yield "ampersands", rss(f"{entry}<description>" + "& " * (size // 2) + "</description></item>")
    yield "angles", rss(entry + "<" * size)
    yield "open tags", "<rss>" + "<a " * (size // 3)
    yield "deep", "<rss>" + "<a>" * (size // 3)
    yield "quotes", "<rss " + "a='\" " * (size // 6)
    yield "attributes", "<rss " + " ".join(f"a{number}='1'" for number in range(size // 9)) + "></rss>"
    yield "prefixes", "<rss><channel>" + "".join(f"<p{number}:x/>" for number in range(size // 11)) + "</channel></rss>"
    yield "cdata", "<rss><channel><item><title>" + "<![CDATA[" * (size // 9)
    yield "comments", "<rss><channel>" + "<!--" * (size // 4)
    yield "instructions", "<rss><channel>" + "<?" * (size // 2)
    yield "entities", rss(f"{entry}<description>" + "&nbsp;" * (size // 6) + "</description></item>")
    yield (
        "categories",
        rss(entry + "".join(f"<category>c{number}</category>" for number in range(size // 25)) + "</item>"),
    )
    yield "authors", rss(entry + "<author>a@b.example.org (c)</author>" * (size // 38) + "</item>")
    yield (
        "enclosures",
        rss(entry + "".join(f"<enclosure url='/{number}'/>" for number in range(size // 23)) + "</item>"),
    )
    yield (
        "links",
        '<feed xmlns="http://www.w3.org/2005/Atom">'
        + "".join(f"<link href='/{n}'/>" for n in range(size // 20))
        + "</feed>",
    )
    yield "escaped", rss(f"{entry}<description>" + "&lt;p&gt;" * (size // 9) + "</description></item>")
    yield (
        "inline",
        f"<rss><channel>{entry}<description>" + "<p>x</p>" * (size // 8) + "</description></item></channel></rss>",
    )
    yield "items in items", "<rss><channel>" + entry * 400
    yield "json arrays", "[" * size
    yield "json objects", '{"a":' * (size // 5)
    yield "json quotes", '{"' * (size // 2)
    yield "json escapes", '{"version":"https://jsonfeed.org/version/1.1","title":"' + '\\"' * (size // 2)
    yield "page", "<!doctype html><head>" + "<link rel=alternate type=application/rss+xml href=x>" * (size // 52)
    yield "page of angles", "<!doctype html><head>" + "<" * size
    yield "page of elements", "<!doctype html><body>" + "<div>" * (size // 5)
    yield "declarations", "<!DOCTYPE rss [" + "<!ENTITY a 'b'>" * (size // 16) + "]>" + rss("")
    yield "doctypes", "<!DOCTYPE rss [" * (size // 16) + rss("")
    yield "content of scripts", item("<script>" * (size // 8))
    yield "content of comments", item("<!--" * (size // 4))
    yield "content of quotes", item("<a " + "b='\" " * (size // 6) + ">")
    yield "content of open tags", item("<a b='" * (size // 6))
    yield "content of styles", item("<img style='" + "width:1px;" * (size // 10) + "'>")
    yield "content of sets", item("<img srcset='" + "a" * size + " b c d'>")
    yield "content of one address", item("<a href='" + "a" * size + "'>")
    yield "content of marks", item("&" * size)
    yield (
        "dates",
        rss(
            "".join(
                f"<item><guid>{n}</guid><pubDate>{'9' * 60} x {n}</pubDate><title>x</title></item>"
                for n in range(size // 120)
            )
        ),
    )


NAMES = [name for name, _ in hostile(1_000)]


@pytest.mark.parametrize("name", NAMES)
def test_nothing_takes_quadratic_time(name: str) -> None:
    """200 kB of whatever take a third of a second at most."""
    parsed(dict(hostile(200_000))[name])


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_the_largest_document_takes_bounded_time_and_memory(name: str) -> None:
    """15 MiB of it, in a process that may have 900 MB."""
    code = (
        "import resource, sys, time; resource.setrlimit(resource.RLIMIT_AS, (900_000_000,) * 2)\n"
        "from aggregator.collector.documents import parse\n"
        "body = sys.stdin.buffer.read(); before = time.process_time()\n"
        "parse(body, content_type='', url='https://h.example.org/'); print(time.process_time() - before)\n"
    )
    body = dict(hostile(LARGEST))[name].encode()[:LARGEST]
    done = subprocess.run([sys.executable, "-c", code], input=body, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()[-1_000:]
    assert float(done.stdout) < 40


def test_what_is_too_long_is_not_read() -> None:
    """The bound of what is read holds here too."""
    assert parsed(b" " * (LARGEST + 1)) == NoDocument(reason="has 15,728,641 bytes, at most 15,728,640 are read")


def test_an_entity_bomb_is_not_expanded() -> None:
    """A billion laughs, and one entity of a thousand characters a hundred thousand times."""
    laughs = (
        '<!DOCTYPE rss [<!ENTITY a0 "ha">'
        + "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 30))
        + "]>"
    )
    found = parsed(laughs + rss("<item><title>&a29;x</title><guid>1</guid></item>"))
    assert isinstance(found, Document)
    assert found.entries[0].title == "x"
    long = f'<!DOCTYPE rss [<!ENTITY a "{"y" * 1_000}">]>'
    found = parsed(
        long + rss("<item><title>x</title><guid>1</guid><description>" + "&a;" * 100_000 + "</description></item>")
    )
    assert isinstance(found, Document)
    assert len(found.entries[0].content) <= 1_000_100


def test_own_entities_of_a_document_are_text() -> None:
    """What is plain is expanded once."""
    found = parsed(
        "<!DOCTYPE rss [<!ENTITY me \"Ann &#38; Bob\"> <!ENTITY it '<b>'>]>"
        + rss("<item><title>&me; &it;</title><guid>1</guid></item>")
    )
    assert isinstance(found, Document)
    assert found.entries[0].title == "Ann & Bob"


def test_nothing_is_fetched_and_no_file_is_read(tmp_path: Path) -> None:
    """Neither an external entity nor a document type, neither of XML nor of a page; nor a document that is a file's name."""
    secret = tmp_path / "secret"
    secret.write_text("hunter2")
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.0)
        address = f"http://127.0.0.1:{server.getsockname()[1]}/x"
        bodies = [
            f'<!DOCTYPE rss SYSTEM "{address}">' + rss("<item><title>x</title><guid>1</guid></item>"),
            f'<!DOCTYPE rss [<!ENTITY f SYSTEM "file://{secret}"><!ENTITY g SYSTEM "{address}">]>' + rss("<item><title>x&f;&g;</title><guid>1</guid></item>"),
            f'<!DOCTYPE rss [<!ENTITY % p SYSTEM "{address}"> %p;]>' + rss("<item><title>x</title><guid>1</guid></item>"),
            f'<rss xmlns:xi="http://www.w3.org/2001/XInclude"><channel><item><title>x<xi:include href="file://{secret}" parse="text"/></title><guid>1</guid></item></channel></rss>',
            f'<?xml-stylesheet href="{address}"?>' + rss("<item><title>x</b></title><guid>1</guid></item>"),
            f'<!DOCTYPE html SYSTEM "{address}"><html><head><base href="{address}"></head></html>', address, str(secret),
        ]  # fmt: skip
        for body in bodies:
            assert "hunter2" not in repr(parsed(body))
        with pytest.raises(BlockingIOError):
            server.accept()


@pytest.mark.slow
def test_ten_thousand_entries_take_seconds() -> None:
    """All are seen, 500 are taken; also if the document has to be mended."""
    items = "".join(
        f"<item><title>t{n}</title><guid>{n}</guid><description>d</description></item>" for n in range(10_000)
    )
    for body in (rss(items), rss(items + "<b>").replace("<title>T<", "<title>Q & A<")):
        found = parsed(body, 20.0)
        assert isinstance(found, Document)
        assert len(found.entries) == 500


def mutants(number: int, seed: int) -> Iterator[bytes]:
    """Yield documents of the cases, each changed at random in a few places."""
    dice = random.Random(seed)
    bodies = [path.read_bytes() for path in sorted(CASES.iterdir()) if path.suffix != ".json"]
    pieces = [
        b"<", b">", b"&", b"&#0;", b"&x;", b"]]>", b"<![CDATA[", b"<!--", b"-->", b"<?", b'"', b"'", b"\0", b"\xff", b"\xe2\x80\xa8", b"<item>", b"</item>",
        b"<entry>", b"</entry>", b"<div>", b"xmlns:x='y'", b"xml:base='//['", b"http://[", b"<!DOCTYPE a [", b"{", b"}", b"[", b"\\", b"\\u0000", b"\\ud800", b":", b"99999999999999999999", b"-1",
    ]  # fmt: skip
    for _ in range(number):
        body = dice.choice(bodies)
        for _ in range(dice.choice((1, 1, 2, 5, 20))):
            place, length = dice.randrange(len(body) + 1), dice.choice((0, 0, 1, 3, 30))
            other = dice.choice(bodies)
            start = dice.randrange(len(other))
            inserted = dice.choice(
                (b"", dice.choice(pieces), dice.choice(pieces), other[start : start + 40], dice.randbytes(2))
            )
            body = body[:place] + inserted + body[place + length :]
        yield body[: dice.randrange(len(body) + 1)] if dice.random() < 0.2 else body


def check_mutants(number: int, seed: int) -> None:
    """Every mutant is a document or a reason; each of its entries gives a seed that our normalizer reads."""
    kinds = set[type]()
    for body in mutants(number, seed):
        found = parsed(body)
        kinds.add(type(found))
        for entry in itertools.islice(getattr(found, "entries", ()), 3):
            reading = read(seed_of(entry, SOURCE, found, first_seen=1), path="2026-01-01-x.md", zone="UTC")  # type: ignore[arg-type]
            assert hasattr(reading.outcome, "title"), (body, reading.outcome)
    assert kinds == {Document, NoDocument}


def test_mutants_do_no_harm() -> None:
    """300 documents that are broken at random."""
    check_mutants(300, 1)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 12))
def test_many_mutants_do_no_harm(seed: int) -> None:
    """5,000 of them."""
    check_mutants(500, seed)

"""What upstream documents of every format are read as; each case is a document, and beside it what it holds."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from aggregator.collector.documents import parse
from aggregator.collector.entries import Document, NoDocument

CASES = Path(__file__).parents[1] / "cases" / "collector" / "documents"
DOCUMENTS = sorted(path for path in CASES.iterdir() if path.suffix != ".json")
URL = "https://blog.example.org/feed.xml"


def read(body: bytes | str, content_type: str = "application/octet-stream", url: str = URL) -> Document:
    found = parse(body.encode() if isinstance(body, str) else body, content_type=content_type, url=url)
    assert isinstance(found, Document), found
    return found


def rss(items: str, head: str = "") -> str:
    return f'<rss version="2.0"><channel><title>T</title><link>https://blog.example.org/</link>{head}{items}</channel></rss>'


def assert_holds(found: Any, expected: Any, where: str = "$") -> None:
    """Assert that every member of `expected` is in `found`."""
    if isinstance(expected, dict):
        for key, value in expected.items():
            assert_holds(found[key], value, f"{where}.{key}")
    elif isinstance(expected, list) and expected and isinstance(expected[0], dict):
        assert len(found) == len(expected), (where, found)
        for number, (one, other) in enumerate(zip(found, expected, strict=True)):
            assert_holds(one, other, f"{where}[{number}]")
    else:
        assert found == expected, where


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
@pytest.mark.parametrize("content_type", ["", "text/html", "text/xml"])
def test_a_document_is_read_as_the_file_beside_it_says(path: Path, content_type: str) -> None:
    """Every format, well-formed or not, whatever media type it is sent with."""
    case = json.loads(path.with_suffix(".json").read_text())
    found = parse(path.read_bytes(), content_type=content_type, url=URL)
    if "none" in case:
        assert isinstance(found, NoDocument)
        assert json.loads(msgspec.json.encode(found)) == case["none"]
        return
    assert isinstance(found, Document), found
    assert_holds(json.loads(msgspec.json.encode(found)), case["document"])


def test_every_case_has_a_document() -> None:
    """No expectation stands alone."""
    assert {path.stem for path in CASES.glob("*.json")} == {path.stem for path in DOCUMENTS}


def test_the_charset_of_the_media_type_counts_where_the_text_is_no_utf_8() -> None:
    """RFC 7303: it wins over the declaration."""
    body = rss("").replace("<rss", '<?xml version="1.0" encoding="iso-8859-1"?><rss').replace("T</t", "Дом</t")
    assert read(body.encode("windows-1251"), "text/xml; charset=windows-1251").title == "Дом"


def test_same_bytes_give_the_same_document() -> None:
    """Nothing depends on a clock, on chance or on what was read before."""
    for path in DOCUMENTS:
        first, second = (parse(path.read_bytes(), content_type="", url=URL) for _ in range(2))
        assert first == second


def test_a_name_that_moved_keeps_its_entries_keys() -> None:
    """An id that is no address is no link of the feed's own address: another address gives the same key."""
    body = rss("<item><title>x</title><guid>1234</guid></item>")
    assert [read(body, url=url).entries[0].key for url in (URL, "https://new.example.net/f")] == ["1234", "1234"]


def test_an_entry_that_feedparser_fails_at_costs_no_other() -> None:
    """Elements in unusual places make it raise an error; each entry is then read alone."""
    bad = "<item><title>b</title><guid>2</guid><link>https://e<item><title>n</title></item></link></item>"
    found = read(rss(f"<item><title>a</title><guid>1</guid></item>{bad}<item><title>c</title><guid>3</guid></item>"))
    assert [entry.key for entry in found.entries] == ["1", "3"]


def test_the_digest_follows_what_is_shown() -> None:
    """It changes with title, text and files, and not with dates."""
    item = "<item><title>x</title><guid>1</guid><description>d</description><pubDate>{}</pubDate></item>"
    first = read(rss(item.format("Mon, 06 Sep 2021 00:01:00 GMT"))).entries[0]
    later = read(rss(item.format("Tue, 07 Sep 2021 00:01:00 GMT"))).entries[0]
    edited = read(rss(item.replace(">d<", ">e<").format(""))).entries[0]
    assert first.published != later.published
    assert first.digest == later.digest != edited.digest


@pytest.mark.slow
def test_the_newest_500_of_10_000_are_taken() -> None:
    """In the document's order, also where the newest stand last; what comes behind 10,000 is not seen."""
    items = "".join(
        f"<item><title>n{n}</title><guid isPermaLink='false'>{n}</guid><pubDate>{2000 + n // 336}-{n // 28 % 12 + 1:02}-{n % 28 + 1:02}</pubDate></item>"
        for n in range(10_100)
    )
    found = read(rss(items))
    assert [entry.key for entry in found.entries] == [str(n) for n in range(9_500, 10_000)]
    listed = {"version": "https://jsonfeed.org/version/1.1", "title": "T", "items": [
        {"id": str(n), "title": "x", "date_published": f"{2000 + n // 336}-{n // 28 % 12 + 1:02}-{n % 28 + 1:02}"} for n in range(10_100)
    ]}  # fmt: skip
    assert [entry.key for entry in read(json.dumps(listed)).entries] == [str(n) for n in range(9_500, 10_000)]


def test_the_first_500_are_taken_where_none_has_a_date() -> None:
    """Feeds put the newest first."""
    items = "".join(f"<item><title>n{n}</title><guid isPermaLink='false'>{n}</guid></item>" for n in range(700))
    assert [entry.key for entry in read(rss(items)).entries] == [str(n) for n in range(500)]


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("2021-09-06T00:01:00Z", 1_630_886_460), ("2021-09-06 00:01:00", 1_630_886_460), ("2021-09-06T02:01:00.5+02:00", 1_630_886_460),
        ("Mon, 06 Sep 2021 00:01:00 GMT", 1_630_886_460), ("Mon, 6 Sep 21 00:01 UT", 1_630_886_460), ("6 Sep 2021 00:01:00 +0000", 1_630_886_460),
        ("Sun, 05 Sep 2021 20:01:00 EDT", 1_630_886_460), ("Monday, 06 September 2021 00:01:00 GMT", 1_630_886_460), ("2021-09-06", 1_630_886_400),
        ("2021-09-05T24:00:00Z", 1_630_886_400), ("20210906", 1_630_886_400), ("", None), ("soon", None), ("2021-13-45", None), ("--09-06", None),
        ("Mon, 06 Sep 99999999 00:01:00 GMT", None), ("0001-01-01T00:00:00Z", None), ("9" * 10_000, None),
    ],
)  # fmt: skip
def test_dates_are_read_in_every_notation(written: str, seconds: int | None) -> None:
    """RFC 3339, W3C-DTF, RFC 822 and what people make of them; what is no date is none."""
    from aggregator.collector.dates import moment

    assert moment(written) == seconds


def test_nothing_is_imported_before_a_document_is_read() -> None:
    """Neither feedparser nor lxml, which take 150 ms."""
    code = "import aggregator.collector.documents, sys; print([n for n in ('feedparser', 'lxml') if n in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"

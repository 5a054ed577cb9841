"""The public page of the sources and their list in OPML."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from lxml import etree

from aggregator.model.document_names import content_type, is_document_name, requested_name
from aggregator.model.feeds import Site
from aggregator.model.sources import SourceStatus
from aggregator.publisher.ownership import is_ours
from aggregator.renderer.source_rows import row_of, rows_of
from aggregator.renderer.sources_page import render

SITE = Site(title="Planet", url="https://planet.example.org/")


def status(name: str = "A blog", state: str = "ok", **values: object) -> SourceStatus:
    said = {"url": f"https://{len(name)}.example.org/feed", "last_success": None, "last_status": 200, "next": None}
    return SourceStatus(**{**said, "why": "", "items_per_month": 4.2, "name": name, "state": state, **values})


def text_of(page: bytes) -> str:
    found: list[str] = []
    parser = HTMLParser()
    parser.handle_data = found.append
    parser.feed(page.decode())
    return " ".join(" ".join(found).split())


def test_the_page_names_each_source_and_how_it_is():
    """Each has its name, its state, and what needs somebody's attention; the sentence above counts those that are well."""
    statuses = [status("Zebra"), status("apple", "failing", error="answered 503"), status("", "new")]
    page, _ = render(rows_of(statuses), SITE)
    shown = text_of(page.body)
    assert page.name == "sources/index.html"
    assert "3 feeds; 1 of them is well, 1 was not asked yet." in shown
    assert shown.index("apple") < shown.index("https://0.example.org/feed") < shown.index("Zebra")
    assert "apple fails at the moment answered 503" in shown
    assert "Zebra well about an item a week" in shown


@pytest.mark.parametrize(
    ("states", "words"),
    [
        (["ok"], "1 feed, which is well."),
        (["new"], "1 feed, which was not asked yet."),
        (["failing"], "1 feed; it is not well at the moment."),
        (["ok", "ok"], "2 feeds, all of them well."),
        (["new", "new"], "2 feeds; 0 of them are well, 2 were not asked yet."),
        (["ok", "failing"], "2 feeds; 1 of them is well."),
    ],
)
def test_only_a_source_that_answered_is_called_well(states, words):
    """One that was not asked yet is counted apart, and is no alarm."""
    page, _ = render(rows_of([status(f"{number}", state) for number, state in enumerate(states)]), SITE)
    assert f"This site collects from {words}" in text_of(page.body)
    assert (b'class="state alarm"' in page.body) == ("failing" in states)


@pytest.mark.parametrize(
    ("state", "said", "words"),
    [
        ("new", {}, "new, not asked yet"),
        (
            "quarantined",
            {"quarantine": "another site answers"},
            "held back until somebody has looked at it another site answers",
        ),
        ("gone", {"error": "410 Gone"}, "gone 410 Gone"),
        ("dead", {"error": "no such host"}, "has not answered for 30 days no such host"),
        ("ok", {"held": 37}, "well about an item a week 37 at once: the newest are shown, the rest waits"),
    ],
)
def test_each_state_in_words(state, said, words):
    """Every state has words of its own, with the reason if there is one."""
    page, _ = render(rows_of([status("B", state, **said)]), SITE)
    assert f"B {words} " in text_of(page.body)


def test_a_poll_that_changes_nothing_changes_no_byte():
    """When a source was asked, and when it is asked next, is not shown."""
    later = {
        "last_success": "2026-11-03T10:00:00Z",
        "next": "2026-11-03T11:00:00Z",
        "why": "later",
        "items_per_month": 4.6,
    }
    assert render(rows_of([status()]), SITE) == render(rows_of([status(**later)]), SITE)


def test_what_a_source_says_is_text():
    """Names and reasons are escaped in the page and in the list; what XML cannot hold is left out."""
    name, reason = '<script>alert(1)</script>"&\x00\x1b[31m', "<img src=x onerror=y>"
    page, listed = render(rows_of([status(name, "failing", error=reason, url="https://e.org/?a=1&b=<2>")]), SITE)
    assert b"<script>alert" not in page.body
    assert b"<img" not in page.body
    assert b"\x1b" not in page.body
    outline = etree.fromstring(listed.body).find("body/outline")
    assert outline.get("text").startswith('<script>alert(1)</script>"&')
    assert outline.get("xmlUrl") == "https://e.org/?a=1&b=<2>"


def test_the_list_is_opml_of_feeds():
    """`sources.opml` lists each with name and address; a reader can import it."""
    _, listed = render(rows_of([status("B"), status("A" * 3)]), SITE)
    found = etree.fromstring(listed.body)
    assert [(one.get("type"), one.get("text"), one.get("xmlUrl")) for one in found.findall("body/outline")] == [
        ("rss", "AAA", "https://3.example.org/feed"),
        ("rss", "B", "https://1.example.org/feed"),
    ]
    assert found.findtext("head/title") == "Sources of Planet"


def test_both_are_documents_of_ours():
    """They are served under their names, and known to be ours by a mark, also without any source."""
    for documents in (render((), SITE), render(rows_of([status()]), SITE)):
        for document in documents:
            assert is_document_name(document.name)
            assert is_ours(document.name, document.body)
            assert document.media_type == content_type(document.name)
    assert requested_name("/sources.opml") == "sources.opml"
    assert not is_ours("sources.opml", b'<opml version="2.0"><body><outline text="mine"/></body></opml>')


def test_no_source_for_everybody():
    """A site whose sources are all private says so."""
    page, _ = render((), SITE)
    assert "This site collects from no public feed." in text_of(page.body)


@pytest.mark.parametrize(
    ("a_month", "words"),
    [(0, "rarely an item"), (1, "about an item a month"), (30, "about an item a day"), (500, "several items a day")],
)
def test_the_rate_in_words(a_month, words):
    """How often it publishes is said in few steps, so that the page rarely changes."""
    assert row_of(status(items_per_month=a_month)).rate == words

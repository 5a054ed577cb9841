"""Every format of a feed that has everything, byte for byte; `regenerate.py` writes the golden files."""

from pathlib import Path

import pytest

CASES = Path(__file__).parents[1] / "cases" / "render"
SUFFIXES = ["rss.xml", "atom.xml", "feed.json", "feed.html", "month.html", "index.html", "feeds.opml"]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_golden(suffix, render):
    """A document equals its golden file."""
    expected = (CASES / f"full.{suffix}").read_bytes()

    assert expected.decode() == render()[suffix].body.decode()


def test_every_golden_file_has_a_test():
    """No golden file is unused."""
    assert {f"full.{suffix}" for suffix in SUFFIXES} == {path.name for path in CASES.glob("full.*")}


def test_twice_the_same(render):
    """The same feed is rendered to the same bytes."""
    assert render() == render()


def test_names_and_media_types(render):
    """Documents are named after the slug and have the media type that servers should send."""
    assert {
        ("ai/rss.xml", "application/rss+xml; charset=utf-8"),
        ("ai/atom.xml", "application/atom+xml; charset=utf-8"),
        ("ai/feed.json", "application/feed+json"),
        ("ai/index.html", "text/html; charset=utf-8"),
        ("ai/archive/2026-10/index.html", "text/html; charset=utf-8"),
        ("index.html", "text/html; charset=utf-8"),
        ("feeds.opml", "text/x-opml; charset=utf-8"),
    } == {(document.name, document.media_type) for document in render().values()}


def test_utf8_from_the_first_byte(render):
    """Documents are UTF-8 without a byte order mark; XML ones begin with their declaration."""
    for suffix, document in render().items():
        assert document.body.decode("utf-8")[0] in "<{"
        if suffix.endswith(("xml", "opml")):
            assert document.body.startswith(b"<?xml version='1.0' encoding='UTF-8'?>\n")

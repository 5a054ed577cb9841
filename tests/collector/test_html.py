"""HTML of entries: absolute addresses, no tracking, no pictures of one pixel; its text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.collector import html
from aggregator.collector.drafts import Draft, document_entries

BASE = "https://b.example.org/d/e"


@pytest.mark.parametrize(
    ("fragment", "expected"),
    [
        ("<a href='x'>y</a>", '<a href="https://b.example.org/d/x">y</a>'),
        ("<a href=/x?a=1&amp;b=2 >y</a>", '<a href="https://b.example.org/x?a=1&amp;b=2" >y</a>'),
        ('<A HREF = "//c.example.org/x">', '<A HREF = "https://c.example.org/x">'),
        ('<a href="#top">', '<a href="https://b.example.org/d/e#top">'),
        ('<a href="mailto:a@b.c">', '<a href="mailto:a@b.c">'),
        ('<a href="https://c.example.org/x">', '<a href="https://c.example.org/x">'),
        ('<a href="javascript:x">', '<a href="javascript:x">'),
        ('<a href="">', '<a href="">'),
        ('<a href="http://[">', '<a href="http://[">'),
        ('<a href="//[x">', '<a href="//[x">'),
        ("<a href='\"onclick=x'>", '<a href="https://b.example.org/d/&quot;onclick=x">'),
        ('<img srcset="a.png 1x, /b.png 2x">', '<img srcset="https://b.example.org/d/a.png 1x, https://b.example.org/b.png 2x">'),
        ('<video poster="p.png" src="v.mp4">', '<video poster="https://b.example.org/d/p.png" src="https://b.example.org/d/v.mp4">'),
        ('<blockquote cite="q">', '<blockquote cite="https://b.example.org/d/q">'),
        ("<!-- <a href='x'> --><a\nhref=x\n>", '<!-- <a href=\'x\'> --><a\nhref="https://b.example.org/d/x"\n>'),
        ("a < b <3 <a href='x", "a < b <3 <a href='x"),
        ('<a href="https://c.example.org/?utm_source=r&amp;id=3&amp;fbclid=x#h">', '<a href="https://c.example.org/?id=3#h">'),
        ('<a href="https://c.example.org/?utm_source=r">', '<a href="https://c.example.org/">'),
        ('<a href="https://c.example.org/?utm_sourcery=r&source=x">', '<a href="https://c.example.org/?utm_sourcery=r&source=x">'),
        ("x<img src=p width=1 height=1>y", "xy"), ('x<img width="0" height="1px" src="p">y', "xy"), ("x<IMG STYLE='width:1px; height: 1px' src=p/>y", "xy"),
        ("<img src='/p' width=1 height=20>", '<img src="https://b.example.org/p" width=1 height=20>'), ("<img src='/p' width=10 height=10>", '<img src="https://b.example.org/p" width=10 height=10>'),
        ("<img src='/p' style='max-width:1px;line-height:1px'>", "<img src=\"https://b.example.org/p\" style='max-width:1px;line-height:1px'>"),
    ],
)  # fmt: skip
def test_addresses_are_absolute_and_nothing_tracks(fragment: str, expected: str) -> None:
    """What need not change keeps its bytes."""
    assert html.absolute(fragment, BASE) == expected


@given(st.text(), st.sampled_from(["href", "src"]))
def test_any_text_is_taken(text: str, name: str) -> None:
    """No text raises an error, and what is absolute once stays as it is."""
    once = html.absolute(f"{text}<a {name}={text}>{text}<img {name}='{text}'>", BASE)
    assert html.absolute(once, BASE) == once
    html.plain(text)
    html.loosely_plain(text)


@pytest.mark.parametrize(
    ("fragment", "text"),
    [
        ("<p>one</p><p>t<b>w</b>o &amp;amp; 3</p>", "one two &amp; 3"), ("a<script>x<b></script >b<!-- c -->d", "abd"), ("a<style>", "a"), ("a <3 b", "a <3 b"),
        ("<p>a\n\n b</p>", "a b"), ("<title>x</title>y<!-- z", "y"), ("a<br>b", "a b"),
    ],
)  # fmt: skip
def test_the_text_of_html_is_on_one_line(fragment: str, text: str) -> None:
    """Without tags, scripts and comments; entities are decoded once."""
    assert html.plain(fragment) == text


@pytest.mark.parametrize(
    ("content", "title"),
    [
        ('<p><img src="a.png" alt=" A  boat "></p>', "A boat"), ('<img src="a.png">', "p-1"), ("<p>&nbsp;</p>", "p-1"),
        ("<p>Words " + "and words " * 20 + "</p>", "Words and words and words and words and words and words and words and words…"),
    ],
)  # fmt: skip
def test_an_entry_without_a_title_is_called_by_its_text_or_picture(content: str, title: str) -> None:
    """Photo blogs have neither title nor words."""
    found = document_entries([Draft(link="https://b.example.org/p-1/", content=content)], url=BASE, authors=())
    assert [entry.title for entry in found] == [title]


def test_an_entry_of_nothing_is_none() -> None:
    """It needs a title or text, and a link or id."""
    drafts = [
        Draft(link="https://b.example.org/1"),
        Draft(title="x"),
        Draft(id="1", title="\u200b"),
        Draft(content="<p>x</p>"),
        Draft(id="2", title="y"),
    ]
    assert [entry.key for entry in document_entries(drafts, url=BASE, authors=())] == ["2"]

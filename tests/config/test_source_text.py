"""Lists of sources as text: what is written into one, and what stays."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aggregator.config.parsers import source_url
from aggregator.config.settings import SourcesSettings
from aggregator.config.source_text import list_of, with_addresses
from aggregator.config.sources import read_sources
from aggregator.model.sources import Source

OLD, NEW = "https://old.example.org/feed", "https://new.example.org/feed?format=atom&x=1"
SETTINGS = SourcesSettings(folder="")


def read(text: str) -> tuple[Source, ...]:
    sources, problems = read_sources([("blogs.yaml", text.encode())], SETTINGS)
    assert problems == []
    return sources


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (f"- url: {OLD}\n", f"- url: {NEW}\n  was: {OLD}\n"),
        (f"- url: {OLD}  # ours\n  name: A\n", f"- url: {NEW}  # ours\n  was: {OLD}\n  name: A\n"),
        (f"- name: A\n  url: '{OLD}'", f"- name: A\n  url: {NEW}\n  was: {OLD}"),
        (f"# top\n-   url: {OLD}\r\n    name: é\r\n", f"# top\n-   url: {NEW}\r\n    was: {OLD}\r\n    name: é\r\n"),
        (f'- {{url: "{OLD}", name: A}}\n', f"- {{url: {NEW}, was: {OLD}, name: A}}\n"),
        (f"  - {OLD} # a\n  - https://b.example.org/\n", f"  - url: {NEW}\n    was: {OLD} # a\n  - https://b.example.org/\n"),
        (f"- url: {OLD}\n  was: https://first.example.org/\n", f"- url: {NEW}\n  was: https://first.example.org/\n"),
        ("- url: https://OLD.example.org/feed\n", f"- url: {NEW}\n  was: https://OLD.example.org/feed\n"),
        (f"# {OLD}\n- url: https://b.example.org/\n  name: {OLD}\n", None),
        (f"- url: {OLD}\n- [", None),
        (f"url: {OLD}\n", None),
        ("", None),
    ],
)  # fmt: skip
def test_an_address_is_written_at_its_position(before, after):
    """The new address stands where the old one stood, which becomes `was`; nothing else in the list changes."""
    assert with_addresses(before, {OLD: NEW}) == (before if after is None else after)


def test_a_source_that_moved_is_the_same():
    """With its new address it is still identified by the one under which it was first listed."""
    moved = read(with_addresses(f"- url: {OLD}\n  name: A\n", {OLD: NEW}))
    again = read(with_addresses(with_addresses(f"- {OLD}\n", {OLD: NEW}), {NEW: "https://c.example.org/"}))

    assert [(one.url, one.address, one.name) for one in moved] == [(OLD, NEW, "A")]
    assert [(one.url, one.address) for one in again] == [(OLD, "https://c.example.org/")]


def test_many_addresses_at_once():
    """Each is written at its own place."""
    text = "".join(f"- url: https://{n}.example.org/  # {n}\n" for n in range(20))
    moves = {f"https://{n}.example.org/": f"https://new.example.org/{n}" for n in range(0, 20, 3)}

    found = read(with_addresses(text, moves))

    assert [one.address for one in found] == [moves.get(f"https://{n}.example.org/", "") for n in range(20)]
    assert [one.url for one in found] == [f"https://{n}.example.org/" for n in range(20)]


def test_an_address_with_special_signs_is_quoted():
    """Commas and brackets would end the value in `{ }`."""
    (found,) = read(with_addresses(f"- {{url: {OLD}}}", {OLD: "https://n.example.org/[a],b"}))

    assert found.address == "https://n.example.org/[a],b"


URLS = st.text("abc?&=:;,[]20-._~'!$()*@/", max_size=20).map(lambda rest: source_url(f"https://example.org/{rest}"))
SOURCES = st.lists(
    st.builds(
        Source, url=URLS, name=st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S", "Zs"])).map(
            lambda text: " ".join(text.split())
        ),
        topics=st.lists(st.sampled_from(["Energy", "yes", "1984", "a: b", "C#", "- x", "null", "2026-01-01"]), max_size=3).map(tuple),
        categories=st.sampled_from(["topics", "tags", "ignore"]), quality=st.none() | st.integers(-5, 200),
        every=st.none() | st.integers(900, 10**7), first=st.integers(0, 500),
        content=st.sampled_from(["full", "summary", "link", "page"]), private=st.booleans(), conditional=st.booleans(),
        on_gone=st.sampled_from(["keep", "withdraw"]),
    ),
    unique_by=lambda source: source.url, max_size=4,
)  # fmt: skip


@settings(max_examples=30)
@given(SOURCES)
def test_a_list_is_read_as_it_was_written(sources):
    """Whatever the sources are, the list of them means the same sources."""
    found = read(list_of(sources))

    assert [Source(**{**_said(one), "position": ""}) for one in found] == sources


def _said(source: Source) -> dict[str, object]:
    return {name: getattr(source, name) for name in source.__struct_fields__}


def test_a_list_is_short():
    """What is the default is not written."""
    sources = [Source(url="https://a.example.org/"), Source(url="https://b.example.org/", name="B: a blog", every=7200)]

    assert list_of(sources) == (
        '- url: https://a.example.org/\n- url: https://b.example.org/\n  name: "B: a blog"\n  every: 2h\n'
    )

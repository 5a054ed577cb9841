"""A file's bytes split at its --- lines, and which of the two parsers decides."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.normalizer import front_matter
from aggregator.normalizer.front_matter import Fault, FrontMatter, says_withdrawn, split


@given(
    st.text(
        st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\u2028\u2029\ufeff\ufffe\uffff-."),
        max_size=80,
    ),
    st.text("ab-. \n", max_size=40),
)
def test_front_matter_and_body_are_unchanged(front, body) -> None:
    """The front matter is exactly the text between the --- lines, and the body the text below them."""
    assert split(f"---\n{front}\n---\n{body}".encode()) in (
        FrontMatter(f"{front}\n", body),
        Fault("is empty", "write front matter between two lines of ---, or delete the file"),
    )


@given(st.binary(max_size=200) | st.binary(max_size=60).map(lambda data: b"---\n" + data + b"\n---\n"))
def test_no_bytes_make_it_fail(data) -> None:
    """Any bytes are split or rejected with a message; front matter holds nothing that YAML forbids."""
    parts = split(data)

    if isinstance(parts, FrontMatter):
        assert not set(parts.text) & {"\0", "\r", "\x85", "\u2028", "\ufeff", "\x7f"}
    else:
        assert parts.message
        assert parts.hint


def test_size_limits() -> None:
    """A seed may have 1 MiB, its front matter 256 KiB; one byte more is rejected."""
    body = "x" * (front_matter.MAX_SEED - 8)
    front = "x" * (front_matter.MAX_FRONT_MATTER - 1)

    assert split(f"---\n---\n{body}".encode()) == FrontMatter("", body)
    assert split(f"---\n---\n{body}y".encode()) == Fault(
        "has 1,048,577 bytes, at most 1,048,576 are read", "keep large content elsewhere and link to it"
    )
    assert isinstance(split(f"---\n{front}\n---\n".encode()), FrontMatter)
    assert isinstance(split(f"---\n{front}y\n---\n".encode()), Fault)
    assert isinstance(split(f"---\n{'ü' * 131_072}\n---\n".encode()), Fault)


@pytest.mark.parametrize(
    "line",
    [
        "published: false",
        "  published:no",
        "published : 'False'",
        '"published": "off"',
        "removed: true",
        "REMOVED: YES",
        "deleted: on  # gone",
    ],
)
@pytest.mark.parametrize("breaks", ["\n", "\r\n", "\r", "\u2028"])
def test_withdrawn(line, breaks) -> None:
    """A line that takes an item out of the feeds is found in any file, however broken."""
    assert says_withdrawn(breaks.join(["---", 'title: "open', line, "quality: [80"]).encode())
    assert breaks == "\u2028" or says_withdrawn(breaks.join(["---", line, "---"]).encode("utf-16-le"))
    assert says_withdrawn(b"\xff\xfe\xfa" + f"{breaks}{line}".encode())


@pytest.mark.parametrize(
    "line",
    [
        "published: true",
        "unpublished: false",
        "# published: false",
        "deleted: false",
        "draft: false",
        "status: published",
        "publishDate: 2030-01-01",
        "It was published: false",
    ],
)
def test_not_withdrawn(line) -> None:
    """A line that only resembles such a line does not count."""
    assert not says_withdrawn(f"---\n{line}\n---\n".encode())


@pytest.mark.parametrize(
    "text",
    [
        "a:\tb\n", "a: &b c\n", "a: *b\n", "*a : b\n", "<<: {a: b}\n", "a: !!str b\n", "a: 010\n", "a: -0b1\n", "a: _1\n", "%TAG ! x\n",
        "a: [b, [c]]\n", "a: {b: [c]}\n", "a: [b: c]\n", "a: [|+\n  b]\n", "- - - b\n", "? a\n", "a: |\n", "a: >-\n\n", ": b\n", "- : b\n",
        'a: "\\x41"\n', '"a":b\n', "a:\n" + "  " * 12 + "b: c\n", "a: " + "b" * 72_000, "=: a\n", "\n a: @b\n", "a: ! null\n",
    ],
)  # fmt: skip
def test_doubtful(text) -> None:
    """If the two parsers could differ, or the fast one could crash, PyYAML decides."""
    assert front_matter.fast_values(text) is None


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("a: b\nc: 80\nd: true\n", {"a": "b", "c": 80, "d": True}),
        ("a: 2026-11-23\n", {"a": "2026-11-23"}),
        ('a: [b, c d, "e, f"]\n', {"a": ["b", "c d", "e, f"]}),
        ("a:\n  - {url: https://example.org/b.jpg, width: 640}\n", {"a": [{"url": "https://example.org/b.jpg", "width": 640}]}),
        ("a: []\nb: {}\n", {"a": [], "b": {}}),
        ("a: |-\n  b\n  c\nd: >\n  e\n  f\n", {"a": "b\nc", "d": "e f\n"}),
        ('a: "b \\"c\\" \\\\ d"\n', {"a": 'b "c" \\ d'}),
        ("a: 'It''s [here] {now}'\n", {"a": "It's [here] {now}"}),
        ("a: b & c\nd: e?f=1&g=2%20\n", {"a": "b & c", "d": "e?f=1&g=2%20"}),
        ("a: Bonjour ! Et - merci\n", {"a": "Bonjour ! Et - merci"}),
        ("a: -5\nb: 0\nc: 1.5\n", {"a": -5, "b": 0, "c": 1.5}),
    ],
)  # fmt: skip
def test_not_doubtful(text, values) -> None:
    """What people usually write is left to the fast parser, if it is installed."""
    assert front_matter.fast_values(text) == (values if front_matter.yaml_rs else None)


def test_the_fast_parser_reads_nearly_all(samples) -> None:
    """The fast parser reads nearly all sample seeds: its guards do not disable it unnoticed."""
    parts = [split(data) for data in samples.values()]
    fast = [front_matter.fast_values(one.text) is not None for one in parts if isinstance(one, FrontMatter)]

    assert front_matter.yaml_rs is None or sum(fast) > 0.9 * len(samples)


PAIR = "\\ud83d\\ude00"


@pytest.mark.parametrize(
    ("front", "joined"),
    [
        (f'a: "x {PAIR} \\\\ud83d\\\\ude00"\n', '"x 😀 \\\\ud83d\\\\ude00"'),
        (f'a: ["é😀{PAIR}", {PAIR}]\n"{PAIR}": 1\n', f'["é😀😀", {PAIR}]\n"😀": 1'),
        (f"a: 'write {PAIR}'\nb: \"{PAIR}\"\n", f"'write {PAIR}'\nb: \"😀\""),
        (f'a: it\'s "{PAIR}" # "{PAIR}"\n', f'it\'s "{PAIR}" # "{PAIR}"'),
        (f'a: |\n  "{PAIR}"\nb: "x\n  {PAIR}"\n', f'|\n  "{PAIR}"\nb: "x\n  😀"'),
    ],
)
def test_two_escapes_are_one_character_only_in_double_quotes(front, joined) -> None:
    """JSON writes a character beyond U+FFFF as two escapes; elsewhere a backslash is an ordinary character."""
    assert split(f"---\n{front}---\n".encode()) == FrontMatter(f"a: {joined}\n", "")


def test_two_escapes_in_hostile_front_matter_cost_little() -> None:
    """What the parser would refuse early is not searched either, and stays as it is."""
    for front in (f'{"[" * 100_000}"{PAIR}"\n', f'[{"1," * 120_000}"{PAIR}"]\n', f'a: "{PAIR}\nb: &\n'):
        began = time.process_time()
        assert split(f"---\n{front}---\n".encode()) == FrontMatter(front, "")
        assert time.process_time() - began < 2

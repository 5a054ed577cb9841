"""Every document has the same reading with the fast parser and without it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aggregator.normalizer import front_matter, seed

pytestmark = pytest.mark.skipif(front_matter.yaml_rs is None, reason="the fast parser is not installed")


def reading(data: bytes, path: str, parser: object) -> seed.Reading:
    """Return the reading with `parser` as the fast one, or without one (None)."""
    before = front_matter.yaml_rs
    front_matter.yaml_rs = parser
    try:
        return seed.read(data, path=path, zone="Europe/Vienna")
    finally:
        front_matter.yaml_rs = before


def assert_agree(data: bytes, path: str = "2026-01-02-a.md") -> None:
    """Assert that both ways lead to the same seed or rejection, warnings and unknown keys."""
    assert reading(data, path, front_matter.yaml_rs) == reading(data, path, None)


TOKENS = [
    "\t", " ", "  ", "\n", "\n\n", ":", ": ", "- ", "\n- ", "\n  - ", "#", " #", "'", '"', "''", '""', "\\", "\\n", "\\x41", "\\ud83d",
    "\\ud83d\\ude00", "\\/", "\\e", "\\ ", "\\\n", "[", "]", "{", "}", ",", ", ", "|", "|-", "|2", ">", ">-", ">1", "&", "&a ", "*", "*a",
    "!", "!!str ", "!!int ", "! ", "%", "@", "`", "?", "? ", "~", "null", "Null", "true", "True", "yes", "No", "on", "y", "n", "0", "00", "010",
    "08", "0o17", "0x1F", "0b11", "1_000", "_1", "1e3", "1E+3", "1.", "1.0", ".5", "+5", "-0", "0.0", "1:30", "190:20:30", ".nan", "-.Inf",
    "Infinity", "<<", "<<: ", "=", "---", "...", "\n---\n", "\n...\n", "2026-11-23", "2026-1-3 9:05:00", "2026-11-23T10:00:00Z",
    "12345678901234567890", "999999999999999999", "1000000000000000000", "1e18", "9007199254740993.0", "é", "\u2028", "\x85", "\xa0",
    "\u3000", "\ufeff", "\u200b", "\ufffd", "\x7f", "\x07", "\r", "\r\n", "😀", "[a, b: c]", "{a, b}", "{a: }", "[,]", "[a,]", '"a":1',
    '{"a":1}', "{a:1}", "a:1", "http://x:y", "a#b", "a #b", "- - a", "-a", "?a", ":a", "::", " : ", "'it''s'", "[?", "[-", "[:", "{?",
    "%YAML 1.2\n", "word", "two words", "https://example.org/a?b=c&d=e%20f",
]  # fmt: skip
KEYS = [
    "title", "excerpt", "publishedDateTime", "updatedDateTime", "quality", "heat", "published", "removed", "topics", "tags", "provider",
    "author", "images", "related", "id", "type", "locale", "expires", "secured", "mood", "'author'", '"type"', "<<", "01", "yes",
]  # fmt: skip

plain = st.lists(st.sampled_from(TOKENS), min_size=1, max_size=3).map("".join)
scalar = st.one_of(
    plain,
    plain.map(lambda text: "'" + text.replace("'", "''") + "'"),
    plain.map(lambda text: f'"{text}"'),
    st.tuples(
        st.sampled_from(["|", "|-", "|+", ">", ">-", ">+", "|2", "> # c"]),
        plain,
        st.sampled_from(["", "\n    more", "\n\n      in\n", "\n\n"]),
    ).map(lambda parts: f"{parts[0]}\n    {parts[1]}{parts[2]}"),
)
inner_key = st.sampled_from(["url", "name", "title", "width", "webUrl", "quality", "domain", "x"])
value = st.one_of(
    scalar,
    st.lists(scalar, max_size=3).map(lambda items: f"[{', '.join(items)}]"),
    st.lists(st.tuples(inner_key, scalar).map(": ".join), max_size=3).map(lambda items: f"{{{', '.join(items)}}}"),
    st.lists(scalar, min_size=1, max_size=3).map(lambda items: "".join(f"\n  - {item}" for item in items)),
    st.lists(st.tuples(inner_key, scalar).map(": ".join), min_size=1, max_size=3).map(
        lambda items: "\n  - " + "\n    ".join(items)
    ),
    st.lists(st.tuples(inner_key, scalar).map(": ".join), min_size=1, max_size=3).map(
        lambda items: "\n  " + "\n  ".join(items)
    ),
)
colon = st.sampled_from([": ", ": ", ": ", ":", ":  ", " : ", ":\n  ", ": # c\n  "])
entry = st.tuples(st.sampled_from(KEYS), colon, value).map("".join)
document = st.lists(entry, min_size=1, max_size=4, unique_by=lambda line: line.split(":")[0]).map(
    lambda entries: "---\ntitle: T\nwebUrl: https://example.org/a\n" + "\n".join(entries) + "\n---\nbody\n"
)


@pytest.mark.slow
@settings(max_examples=5 * settings.default.max_examples)
@given(document)
def test_on_written_documents(text) -> None:
    """Documents with every kind of scalar, list and mapping have the same reading."""
    assert_agree(text.encode())


@pytest.mark.slow
@settings(max_examples=3 * settings.default.max_examples)
@given(st.data())
def test_on_damaged_samples(samples, data) -> None:
    """Sample seeds with tokens inserted, overwritten or removed have the same reading."""
    text = samples[data.draw(st.sampled_from(sorted(samples)))].decode()
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(4, min(len(text), 1000)))
        text = text[:at] + data.draw(st.sampled_from(["", *TOKENS, *KEYS])) + text[at + data.draw(st.integers(0, 8)) :]

    assert_agree(text.encode())


@given(st.sampled_from(KEYS), plain)
def test_on_single_values(key, text) -> None:
    """A single plain value has the same reading as the value of any key."""
    assert_agree(f"---\ntitle: T\nwebUrl: https://example.org/a\n{key}: {text}\n---\n".encode())


@pytest.mark.slow
def test_on_cases(cases) -> None:
    """Every case of a broken or odd seed has the same reading."""
    for case in cases:
        assert_agree(case.data, f"cases/{case.name}.md")


def test_on_samples_and_corpus(samples, corpus) -> None:
    """Every sample seed has the same reading, and every real seed if the corpus is there."""
    for path, data in {**samples, **corpus}.items():
        assert_agree(data, path)


INDICATORS = ["|", ">", "|-", "|+", ">-", ">+", "|2", "|2+"]
LINES = [
    "", "\n", "\n  \n", "\n\n    \n", "\n  # c\n", "\n  text\n", "\n  text\n\n", "\n\n  text\n   \n", "\n  text\n    more\n\n\n",
    "\n  text\n# c\n", "\n# c\n",
]  # fmt: skip


@pytest.mark.parametrize("indicator", INDICATORS)
def test_on_block_text(indicator) -> None:
    """Block text ends at the same position, empty or not, at the end or not, before comments and blank lines."""
    for behind in ("", " ", " # c"):
        for lines in LINES:
            for tail in ("", "quality: 5\n", "# end\n", "\n\n\n", " \n"):
                text = f"---\ntitle: T\nwebUrl: https://example.org/a\nexcerpt: {indicator}{behind}\n{lines}{tail}---\n"
                assert_agree(text.encode())

"""Reading seeds: any bytes, the positions of messages, and what the seed holds."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.model.items import Image, Provider, Rejection, Seed
from aggregator.normalizer import seed

FULL = """---
title: The crane that sang
webUrl: https://post.example/crane
originalUrl: https://www.post.example/crane?id=7
ampWebUrl: https://amp.post.example/crane
cdnAmpWebUrl: not a link
publishedDateTime: 2026-11-20T08:00:00Z
updatedDateTime: 2026-11-21T08:00:00Z
expires: 2027-01-01T00:00:00Z
excerpt: A tale of &amp; wind
quality: 80
heat: -3
topics: [Harbours, Harbours, " ", Wind]
tags: [crane]
category: news
type: article
locale: en-us
author: Ada Example
provider:
  name: Harbour Post
  domain: WWW.Post.Example
  images:
    - url: /logo.png
images:
  - {url: /crane.jpg, width: 640, height: -1, title: "The <b>crane</b>"}
featuredContent: <iframe src="https://www.youtube.com/embed/abcdefghijk"></iframe>
related:
  - title: Cranes sing elsewhere
    webUrl: https://other.example/crane
    quality: 60
id: tag:post.example,2026:crane
secured: Private word
---
The *body*.
"""


def read(text: str | bytes, path: str = "a.md") -> seed.Reading:
    return seed.read(text if isinstance(text, bytes) else text.encode(), path=path, zone="Europe/Vienna")


def problems(text: str | bytes) -> list[str]:
    outcome = read(text).outcome
    return [str(one) for one in outcome.problems] if isinstance(outcome, Rejection) else []


def test_every_field() -> None:
    """A seed with every key has all their values, clean, and nothing private."""
    reading = read(FULL)

    assert reading.warnings == ()
    assert reading.unknown == ()
    assert isinstance(reading.outcome, Seed)
    assert "Private" not in repr(reading)
    assert (reading.outcome.link, reading.outcome.aliases) == (
        "https://post.example/crane",
        ("www.post.example/crane?id=7", "amp.post.example/crane"),
    )
    assert reading.outcome.provider == Provider(
        name="Harbour Post", domain="post.example", icon="https://post.example/logo.png"
    )
    assert reading.outcome.images == (Image(url="https://post.example/crane.jpg", width=640, title="The crane"),)
    assert reading.outcome.topics == ("Harbours", "Wind")
    assert reading.outcome.expires == 1_798_761_600
    assert reading.outcome.body == "The *body*.\n"
    assert reading.outcome.id == "tag:post.example,2026:crane"


@pytest.mark.parametrize(
    "name",
    [
        "news/2026-11-20-tidal-array-powers-the-island-ferry.md",
        "news/2026-10-25-cubesat-counts-ships-amp-links.md",
        "world/2026-11-01-minato-no-akari-japanese.md",
        "news/2026-11-18-night-ferry-goes-electric-crlf.md",
    ],
)
def test_a_seed_cut_at_any_byte(name, samples) -> None:
    """A good seed cut at any byte is rejected, with hints, unless its front matter is complete."""
    data = samples[name]
    end = re.search(rb"\n---[ \t]*(?=\r?\n|$)", data[4:])
    assert end is not None
    complete = end.end() + 4

    for size in range(len(data)):
        reading = read(data[:size], path=name)
        assert isinstance(reading.outcome, Rejection) or size >= complete
        assert not isinstance(reading.outcome, Rejection) or all(
            one.message and one.hint for one in reading.outcome.problems
        )


YAMLISH = st.lists(
    st.sampled_from(
        ["---\n", "\n", "title", "webUrl", "topics", "related", "images", "quality", "id", ": ", ":", "- ", "  ", "\t", "#", "'", '"', "[", "]",
         "{", "}", ",", "|\n", ">\n", "&a", "*a", "!!str", "!", "%", "@", "`", "? ", "<<: ", "~", "null", "yes", "0x1F", "1_0", ".nan", "1:30",
         "2026-11-20", "https://example.org/", "javascript:", "word", "\\", "\\u", "\\ud800", "\0", "\x07", "\x85", "\u2028", "\ufeff", "ü", "😀"]
    ),
    max_size=25,
).map("".join)  # fmt: skip


@given(
    st.binary(max_size=300)
    | YAMLISH.map(str.encode)
    | YAMLISH.map(lambda text: f"---\ntitle: T\nwebUrl: https://example.org/\n{text}\n---\n".encode())
)
def test_no_bytes_make_it_fail(data) -> None:
    """Any bytes are read to a seed, or to a rejection whose problems all have a message."""
    outcome = read(data, "2026-11-20-a.md").outcome

    assert isinstance(outcome, Seed) or all(one.message for one in outcome.problems)


@given(st.data())
def test_no_damage_makes_it_fail(samples, data) -> None:
    """A good seed with any bytes overwritten, inserted or removed is read to a seed or a rejection."""
    name = data.draw(st.sampled_from(sorted(samples)))
    good = samples[name]
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, min(len(good), 1200)))
        good = good[:at] + data.draw(st.binary(max_size=4)) + good[at + data.draw(st.integers(0, 6)) :]

    outcome = read(good, name).outcome

    assert isinstance(outcome, Seed) or outcome.problems


NOISE = st.text(" :#-'\"[]{},|>&*!%@`?\\\n\tx", max_size=6)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(
                [
                    "title",
                    "webUrl",
                    "publishedDateTime",
                    "expires",
                    "quality",
                    "published",
                    "topics",
                    "images",
                    "related",
                    "provider",
                    "secured",
                    "id",
                ]
            ),
            NOISE,
            NOISE,
        ),
        max_size=8,
    )
)
def test_no_message_holds_a_value(fields) -> None:
    """However a seed is broken, its messages hold no word of its values (G12)."""
    text = "".join(f"{key}: {before}CanaryXq7{after}\n" for key, before, after in fields)
    reading = read(f"---\n{text}---\nCanaryXq7\n")

    found = (*reading.warnings, *(reading.outcome.problems if isinstance(reading.outcome, Rejection) else ()))
    assert not any("canary" in str(problem).casefold() for problem in found)


@pytest.mark.parametrize(
    ("misspelt", "right"),
    [
        ("titel", "title"),
        ("Title", "title"),
        ("headline", "title"),
        ("webURL", "webUrl"),
        ("orginalUrl", "originalUrl"),
        ("link", "webUrl"),
        ("publishDateTime", "publishedDateTime"),
        ("pubDate", "publishedDateTime"),
    ],
)
def test_a_misspelt_key_is_named(misspelt, right) -> None:
    """If a required key is missing and another key looks like it, the message is where to correct that."""
    keys = {"title": "A", "webUrl": "https://example.org/", "publishedDateTime": "2026-11-20"}
    keys[misspelt] = keys.pop({"originalUrl": "webUrl"}.get(right, right))
    text = "---\n" + "".join(f"{key}: {value}\n" for key, value in keys.items()) + "---\n"

    ((place, _, hint),) = [line.partition(" (") for line in problems(text)]
    dialect = ", or set `dialect` for this folder in the config's `seeds` if it is that of another program"
    is_foreign = misspelt in {"headline", "link", "pubDate"}
    assert place.startswith("a.md:4:1: ")
    assert hint == f"write `{right}` for `{misspelt}`{dialect if is_foreign else ''})"


def test_a_key_without_a_value_has_a_position() -> None:
    """A required key without a value is reported as missing at its own position."""
    assert problems("---\nwebUrl: https://example.org/\npublishedDateTime: 2026-11-20\ntitle:\n---\n") == [
        "a.md:4:7: title: is missing (write `title: …`)"
    ]
    assert problems("---\ntitle: A\nwebUrl:\npublishedDateTime: 2026-11-20\n---\n") == [
        "a.md:3:8: webUrl: is missing (write `webUrl: https://…`, or `originalUrl`, or set `pages.items` in the config)"
    ]


def test_a_value_of_the_wrong_type_is_not_missing_too() -> None:
    """One mistake is reported once."""
    assert problems("---\ntitle: [A]\noriginalUrl: {a: b}\npublishedDateTime: 2026-11-20\n---\n") == [
        "a.md:2:8: title: expected text, found a list (write it without `[ ]` or `- `)",
        "a.md:3:14: originalUrl: expected text, found a mapping (quote text that holds `: `)",
    ]


def test_an_id_is_never_cut(good) -> None:
    """An id that is too long is left out, with a warning: cut, it could be another item's."""
    reading = read(good.replace("---\n", f"---\nid: urn:{'a' * 4093}\n", 1))

    assert list(map(str, reading.warnings)) == [
        "a.md:2:5: warning: id: has 4,097 characters, at most 4,096 are allowed, so it is left out (write a shorter one, or leave it out)"
    ]
    assert isinstance(reading.outcome, Seed)
    assert reading.outcome.id == ""


@pytest.mark.parametrize("own", ["urn:uuid:60a76c80", "https://example.org/a?b#c", "tag:example.org,2026:1", "news:ü"])
def test_an_id_that_is_a_uri(own, good) -> None:
    """An id with a scheme is accepted without a warning."""
    reading = read(good.replace("---\n", f"---\nid: {own}\n", 1))

    assert reading.warnings == ()
    assert isinstance(reading.outcome, Seed)
    assert reading.outcome.id == own


@pytest.mark.parametrize("own", ["1234", "a b:c", "example.org/1", ":a", "1a:b"])
def test_an_id_that_is_not_a_uri(own, good) -> None:
    """An id without a scheme is read as it is, without a warning: feeds show it as a `tag:` URI."""
    reading = read(good.replace("---\n", f"---\nid: '{own}'\n", 1))

    assert reading.warnings == ()
    assert isinstance(reading.outcome, Seed)
    assert reading.outcome.id == own


def test_names_that_look_alike_are_one(good) -> None:
    """Topics and tags that look alike are one, however their accents are encoded, short or long."""
    long = "e" * 70
    names = f"[Café, Cafe\u0301, {long}é, {long}e\u0301, ﬁ]"
    outcome = read(good.replace("---\n", f"---\ntopics: {names}\ntags: {names}\n", 1)).outcome

    assert isinstance(outcome, Seed)
    assert outcome.topics == outcome.tags == ("Café", f"{long}é", "ﬁ")


def test_only_the_front_of_a_path_is_a_date(good) -> None:
    """The date must begin the file's own name, whatever its folders are called."""
    text = "".join(line for line in good.splitlines(keepends=True) if "publishedDateTime" not in line)

    for path in ("2026-11-20-a.md", "news/2026-11-20-a.md"):
        outcome = read(text, path).outcome
        assert isinstance(outcome, Seed)
        assert outcome.published == 1_795_129_200
    for path in ("a-2026-11-20-b.md", "2026-11-20-news/a.md", "2026-11-20.md", "٢٠٢٦-11-20-a.md"):
        assert isinstance(read(text, path).outcome, Rejection)


def test_unknown_keys_are_named_in_order(good) -> None:
    """Unknown keys are reported in the order of the file, whichever parser read it."""
    text = good.replace("---\n", "---\nmood: glad\nsecured: a\nactions: [b]\n", 1)

    assert read(text).unknown == ("mood", "actions")
    assert read(text.replace("glad", "!!str glad")).unknown == ("mood", "actions")


def test_the_given_corpus(corpus) -> None:
    """If the corpus is beside the project, its items are read and its forums rejected with a reason."""
    for name, data in corpus.items():
        outcome = read(data, name).outcome
        if name.startswith(("news/", "given/")):
            assert isinstance(outcome, Seed), outcome
        if name.startswith("communities/"):
            assert isinstance(outcome, Rejection)
            assert {one.message.partition(":")[0] for one in outcome.problems} >= {"title", "publishedDateTime"}


def keys(count: int) -> str:
    """Return this many unknown keys."""
    return "".join(f"k{number}: v\n" for number in range(count))


HEAD = "---\ntitle: T\nwebUrl: https://a.example/\npublishedDateTime: 2026-01-01\n"


@pytest.mark.parametrize("value", ["v", "!!str v"])  # PyYAML alone reads tags
def test_a_seed_names_few_of_its_unknown_keys(value: str) -> None:
    """The rest is counted, by either parser; a seed with a few of them has no such warning."""
    reading = read(f"{HEAD}k: {value}\n{keys(11_999)}---\n")
    assert isinstance(reading.outcome, Seed)
    assert len(reading.unknown) == seed.MOST_UNKNOWN
    assert list(map(str, reading.warnings)) == [
        "a.md: warning: … and 11,980 more unknown keys (they are kept out of the feeds)"
    ]
    few = read(f"{HEAD}k: {value}\n{keys(19)}---\n")
    assert (len(few.unknown), few.warnings) == (20, ())


def test_a_seed_names_few_of_its_problems() -> None:
    """Thousands of images with bad links, or values of the wrong type, are counted."""
    images = "".join(f"    - {{url: 'x:{number}'}}\n" for number in range(90))
    related = f"  - title: T\n    webUrl: https://a.example/\n    images:\n{images}" * 50
    warned = read(f"{HEAD}related:\n{related}---\n")
    assert isinstance(warned.outcome, Seed)
    assert len(warned.warnings) == seed.MOST_PROBLEMS + 1
    assert str(warned.warnings[-1]) == "a.md: warning: … and 4,480 more warnings (correct these first)"
    related = "  - title: []\n" * 500
    left_out = read(f"{HEAD}related:\n{related}---\n").warnings
    assert len(left_out) == seed.MOST_PROBLEMS + 1
    assert str(left_out[-1]).startswith("a.md: warning: … and ")
    doubts = "".join(f"draft_{number}: true\n" for number in range(500))
    wrong = problems(f"{HEAD}{doubts}---\n")
    assert len(wrong) == seed.MOST_PROBLEMS + 1
    assert wrong[-1].startswith("a.md: … and ")


def test_no_number_of_left_out_values_hides_a_switch() -> None:
    """After hundreds of values of the wrong type, a bad `published` is still an error: nothing goes out by an oversight."""
    wrong = "  - []\n" * 500

    assert "published: expected true or false" in problems(f"{HEAD}topics:\n{wrong}published: perhaps\n---\n")[0]

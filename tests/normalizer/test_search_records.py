"""What a static search knows of an item: its tokens, its values, and what is shown of it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import msgspec
import pytest

from aggregator.model.items import Provider, Seed
from aggregator.model.scripts import NO_SPACES
from aggregator.normalizer.matching import Subject
from aggregator.normalizer.search_records import ANYWHERE, IN_TITLE, record_of, tokens

SCRIPT = Path(__file__).parents[2] / "aggregator/renderer/templates/search.js"
SEED = Seed(
    title="Wind & Power", link="https://news.example.org/a", published=1_780_000_000, excerpt="Off the Café",
    author="Ada Lee", provider=Provider(name="Harbour Desk", domain="sea.example.org"), locale="de-AT", tags=("Wind Farm",),
    quality=70, body="Only the body says this",
)  # fmt: skip


def record(**changes: object):
    subject = Subject(msgspec.structs.replace(SEED, **changes), topics=frozenset({"energy"}), body=False)
    return record_of(subject, link="https://news.example.org/a", names={"energy": {"power and light"}}, searches=())


def test_the_words_of_title_text_and_author_are_apart() -> None:
    """Each is found where it stands, and no phrase goes on from one text to the next; the body is not searched."""
    assert record().tokens == "wwind wpower g woff wthe wcafe g twind tpower g aada alee g"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("wind-power", ["wwind", "wpower"]),
        ("foo_bar 3d", ["x66g6fg6fg5fg62g61g72", "w3d"]),
        ("größe", ["x67g72gf6gdfg65"]),
        ("風力a", ["x98a8", "x529b", "wa"]),
        ("+ … !", []),
    ],
)
def test_a_word_is_a_token_that_pagefind_leaves_alone(text: str, found: list[str]) -> None:
    """Letters and digits of ASCII stay, other characters become numbers; a script without spaces goes by characters."""
    assert list(tokens(text, ANYWHERE)) == found


def test_tokens_of_a_title_and_of_any_text_never_meet() -> None:
    """Where a word stands is the first letter of its token."""
    words = "tide wind größe x66 風"
    assert not set(tokens(words, ANYWHERE)) & set(tokens(words, IN_TITLE))


def test_an_item_is_chosen_by_values_in_the_form_in_which_they_are_compared() -> None:
    """With the domains and languages that hold its own, and the days of its dates."""
    assert record().values == {
        "topic": ["energy", "power and light"], "tag": ["wind farm"], "lang": ["de", "de-at"], "quality": ["70"],
        "source": ["example.org", "harbour desk", "org", "sea.example.org"],
        "domain": ["example.org", "org", "sea.example.org"], "has": ["author", "quality", "source", "tag"],
        "published": ["20601"], "updated": ["20601"],
    }  # fmt: skip


def test_what_the_page_needs_is_in_the_record() -> None:
    """The title as it is written, and folded texts to compare phrases with."""
    assert json.loads(record().shown) == {
        "title": "Wind & Power", "link": "https://news.example.org/a", "published": 1_780_000_000, "text": "off the cafe",
        "author": "ada lee",
    }  # fmt: skip
    assert json.loads(record(updated=1_780_000_009).shown)["updated"] == 1_780_000_009


def test_the_browser_knows_the_same_scripts_without_spaces() -> None:
    """The class of characters in `search.js` is that of `model.scripts`."""
    written = re.search(r"UNSPACED =\s*/\[(.*?)\]/u", SCRIPT.read_text())
    assert written is not None
    named = re.sub(r"\\u\{?([0-9a-f]+)\}?", lambda found: chr(int(found[1], 16)), written[1])
    assert named == NO_SPACES

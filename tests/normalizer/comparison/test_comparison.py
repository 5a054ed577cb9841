"""Words, runs, and who stands for whom among copies."""

from __future__ import annotations

from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.labelled_pairs import seed

from aggregator.normalizer.comparison import copies
from aggregator.normalizer.comparison.clusters import Rank, representatives
from aggregator.normalizer.comparison.words import paragraphs, words

SENTENCES = [
    f"Sentence {n} of this report names street {n}, house {n + 1} and the {n}th of all its owners." for n in range(9)
]
NOTICE = "Read more of us every morning, at noon and in the evening: subscribe now, it costs nothing but your time."


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("Fire at 12:30 on 2026-03-01: 1,200 out", ["fire", "at", "12:30", "on", "2026-03-01", "1,200", "out"]),
        ("It’s *well-known* to [Ann](https://a.example/x_y) & Bob", ["it's", "well-known", "to", "ann", "bob"]),
        ("東京で火災、三人", ["東", "京", "で", "火", "災", "三", "人"]),
        ("Caf&eacute; <b>o</b>ne", ["café", "one"]),
    ],
)
def test_a_word_a_number_and_a_character_without_spaces_count_one(written, expected) -> None:
    """Marks, tags and addresses are no words."""
    assert [word for one in paragraphs(written) for word in one] == expected


@given(st.text(alphabet=st.characters(max_codepoint=127)))
def test_ascii_is_read_as_any_other_text(written) -> None:
    """The short way for ASCII finds the words that the long way finds."""
    assert words(written) == words(f"{written} é")[:-1]


@given(st.text())
def test_the_composition_of_characters_is_no_difference(written) -> None:
    """Decomposed and composed text has the same words."""
    assert words(normalize("NFD", written)) == words(normalize("NFC", written))


def text(body: str, host: str = "a.example", hours: float = 0, apart: tuple[str, ...] = ()) -> copies.Text:
    return copies.text_of(seed("Title", body, host=host, hours=hours), f"{host}.md", apart)


def test_what_is_compared_is_the_same_for_ever() -> None:
    """The numbers by which texts are found are written into indexes: no version may change them."""
    assert copies.keys_of(copies.runs_of(text("\n\n".join(SENTENCES)), ()))[:3] == KEYS


KEYS = [114085950, 122187411, 206453878]


def test_paragraphs_that_a_source_repeats_do_not_count() -> None:
    """With the notice two texts are hardly alike, without it they are copies; the notice alone is no text."""
    notices = "\n\n".join(NOTICE.replace("Read", word) for word in ("Read", "See", "Hear", "Watch"))
    body = "\n\n".join(SENTENCES[:3])
    plain, noted = text(body, "a.example"), text(f"{body}\n\n{notices}", "b.example")
    common = {one.key for one in noted.paragraphs[3:]}

    assert not copies.copied(plain, noted)
    assert copies.copied(plain, noted, common) == 1000
    assert copies.runs_of(text(notices, "b.example"), common) == frozenset()


def test_only_other_sources_of_those_days_copy() -> None:
    """The limit of 72 hours is part of it; `www.` makes no other source."""
    body = "\n\n".join(SENTENCES)

    assert copies.copied(text(body), text(body, "b.example", 72)) == 1000
    assert not copies.copied(text(body), text(body, "b.example", 72.001))
    assert not copies.copied(text(body), text(body, "www.a.example"))


def test_a_person_may_say_that_two_are_no_copies() -> None:
    """It is enough that one of the two says so."""
    body = "\n\n".join(SENTENCES)

    assert not copies.copied(text(body, apart=("b.example.md",)), text(body, "b.example"))
    assert not copies.copied(text(body), text(body, "b.example", apart=("a.example.md",)))


def test_a_text_of_few_words_is_no_copy() -> None:
    """40 words are enough, 39 are not."""
    body = " ".join(f"word{n}x" for n in range(40)).replace("0", "a").replace("1", "b")

    assert copies.copied(text(body), text(body, "b.example"))
    assert not copies.copied(text(body[6:]), text(body[6:], "b.example"))


RANKS = st.dictionaries(st.integers(0, 8), st.integers(0, 3), max_size=9)
PAIRS = st.sets(st.tuples(st.integers(0, 8), st.integers(0, 8)).filter(lambda pair: pair[0] < pair[1]))


@given(RANKS, PAIRS, st.randoms())
def test_each_item_joins_one_that_it_resembles(qualities, pairs, random) -> None:
    """Never by way of a third; who represents joins nobody; no two of them are alike; the order is irrelevant."""
    ranks = {one: Rank(-quality, 0, 0, "", str(one)) for one, quality in qualities.items()}
    alike = {one: {b if a == one else a for a, b in pairs if one in {a, b}} & ranks.keys() for one in ranks}
    found = representatives(ranks, alike)
    shuffled = list(ranks.items())
    random.shuffle(shuffled)

    assert found == representatives(dict(shuffled), alike)
    assert found.keys() == ranks.keys()
    for one, other in found.items():
        assert found[other] == other
        assert one == other or (other in alike[one] and ranks[other] < ranks[one])
        assert one != other or not any(found[third] == third for third in alike[one])

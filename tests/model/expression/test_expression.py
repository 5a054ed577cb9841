"""The grammar of expressions: parsing, printing, mistakes with their places, and bounds."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.model.expression.errors import ExpressionError
from aggregator.model.expression.fields import FIELDS, WITH_PATTERNS
from aggregator.model.expression.folding import fold
from aggregator.model.expression.parser import (
    LONGEST,
    MOST_CONDITIONS,
    MOST_DEPTH,
    canonical,
    parse,
    parse_with_places,
)
from aggregator.model.expression.printer import between_slashes, text_of
from aggregator.model.expression.tree import And, Choice, Node, Not, Or, Pattern, Range, Search, Words, leaves
from aggregator.model.expression.values import FIRST_DATE, LAST_DATE
from aggregator.model.slugs import composed

CASES = Path(__file__).parents[2] / "cases/expressions"


def good_cases() -> list[tuple[str, str]]:
    """Return the pairs of an expression and its shortest form."""
    found: list[tuple[str, str]] = []
    for line in (CASES / "good.txt").read_text().splitlines()[1:]:
        if line.startswith("    "):
            found[-1] = (found[-1][0], line.strip())
        else:
            found.append((line, line))
    return found


def mistakes() -> list[list[str]]:
    """Return the lines of each mistake."""
    return [one.split("\n") for one in (CASES / "mistakes.txt").read_text().strip().split("\n\n")[1:]]


def texts(kind: str) -> st.SearchStrategy[str]:
    """Return texts that a leaf may hold: with single blanks, and something to compare."""
    characters = st.sampled_from('ab Z-/\\"()<>:.*É日') if kind == "nasty" else st.characters(codec="utf-8")
    made = st.text(characters, min_size=1, max_size=12)
    return made.map(lambda text: composed(" ".join(text.split()))).filter(lambda text: fold(text) != "")


ANY_TEXT = st.one_of(texts("nasty"), texts("any"), st.sampled_from(["AND", "or", "NOT", "-x", "harbour"]))
PATTERNS = st.sampled_from(["a", "^x/y$", r"\/", r"a\\", r"[/\]]", "(?i)a b", r"\"", "日"]).map(between_slashes)
OF_TEXT = ["", *(name for name, field in FIELDS.items() if field.kind in WITH_PATTERNS)]


def ranges(field: str, least: int, most: int) -> st.SearchStrategy[Node]:
    """Return ranges of a field with bounds in [least, most]."""
    bound = st.one_of(
        st.none(), st.integers(least, most), st.integers(least // 86_400, most // 86_400).map(lambda day: day * 86_400)
    )
    pairs = st.tuples(bound, bound).filter(
        lambda pair: pair != (None, None) and (None in pair or pair[0] <= pair[1])  # type: ignore[operator]
    )
    # No item is exactly so old, so that cannot be written.
    return pairs.map(lambda pair: Range(field, *pair))


LEAVES: st.SearchStrategy[Node] = st.one_of(
    st.builds(Words, st.sampled_from(OF_TEXT), ANY_TEXT),
    st.builds(Pattern, st.sampled_from(OF_TEXT), PATTERNS, st.booleans()),
    ranges("quality", -100, 200), ranges("heat", -(10**14), 10**14), ranges("age", 0, 10**11),
    ranges("published", FIRST_DATE, LAST_DATE), ranges("updated", 0, 4 * 10**9),
    st.sampled_from([Choice(field.name, value) for field in FIELDS.values() for value, _ in field.choices]),
    st.builds(Search, ANY_TEXT),
)  # fmt: skip
TREES: st.SearchStrategy[Node] = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.lists(inner, min_size=2, max_size=4).map(lambda parts: And(tuple(parts))),
        st.lists(inner, min_size=2, max_size=4).map(lambda parts: Or(tuple(parts))),
    ),
    max_leaves=12,
)


@pytest.mark.parametrize(("written", "shortest"), good_cases(), ids=lambda text: text[:30])
def test_an_expression_has_one_shortest_form(written: str, shortest: str) -> None:
    """What is parsed is printed in its shortest form, which is parsed to the same."""
    assert canonical(written) == shortest
    assert parse(shortest) == parse(written)


@pytest.mark.parametrize("lines", mistakes(), ids=lambda lines: lines[0][:30])
def test_a_mistake_is_shown_with_its_place(lines: list[str]) -> None:
    """The caret stands under the mistake, and below it is what to write instead."""
    with pytest.raises(ExpressionError) as caught:
        parse(lines[0])
    assert caught.value.lines() == lines


@pytest.mark.slow
@given(TREES)
def test_what_is_printed_is_parsed_to_the_same_tree(tree: Node) -> None:
    """Parsing is the inverse of printing."""
    assert parse(text_of(tree)) == tree


@given(st.text(st.sampled_from('ab:/"()\\-<>.=09 ANDORT titlequalityage\n'), max_size=40))
def test_any_text_is_an_expression_or_has_a_mistake_with_a_place(text: str) -> None:
    """No text makes the parser fail otherwise, and a mistake lies within the text."""
    mistake = None
    try:
        tree = parse(text)
    except ExpressionError as error:
        mistake = error
    if mistake is None:
        assert parse(text_of(tree)) == tree
    else:
        assert 0 <= mistake.at <= len(text)
        assert len(mistake.lines()) == 3


TOKENS = st.sampled_from(
    ["a", "b:", "title:", "topic:", "quality:", "age:", "published:", "updated:", "heat:", "has:image", "is:held", "search:", "text:", "link:", '"', '"a b"', '"AND"',
     "and", "AND", "OR", "NOT", "-", "(", ")", "/a/", "/a/i", "//", "&&", "|", "!", "+", "<", ">", "<=", ">=", "..", "1", "7d", "2w", "90m", "86400s", "2026", "2026-02",
     "1000", "9998", "9998-12-31", "2026-11-30T10:00", ":30", "+05:00", "-05:00", "Z", "999999999w", "1000000000000000", "é", "日", "\\", "*", " ", " ", " ", "\n",
     "\u00a0", "\u200b", "ﬁ", "İ"]
)  # fmt: skip


@given(st.lists(TOKENS, max_size=24).map("".join))
def test_a_text_is_parsed_to_the_same_as_its_shortest_form(text: str) -> None:
    """Printing what was parsed is stable, whatever was written: signs, bounds, dates, words of the language, scripts."""
    try:
        tree = parse(text)
    except ExpressionError:
        return
    assert parse(text_of(tree)) == tree
    assert canonical(text_of(tree)) == text_of(tree)


@pytest.mark.parametrize(
    "text", ["-" * MOST_DEPTH + "a", "published:2026 " * MOST_CONDITIONS, "age:<=5d " * MOST_CONDITIONS]
)
def test_the_shortest_form_stays_within_the_bounds(text: str) -> None:
    """It is not nested more deeply, and hardly longer."""
    assert parse(canonical(text)) == parse(text)


def test_the_place_of_each_condition_is_known() -> None:
    """Places are in the order of the leaves."""
    text = 'a (title:"b c" OR -age:<3d)'
    parsed = parse_with_places(text)
    assert [text[at:].split(maxsplit=1)[0] for at in parsed.places] == ["a", 'title:"b', "age:<3d)"]
    assert len(list(leaves(parsed.tree))) == len(parsed.places)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("x" * (LONGEST + 1), "at most 2,000 characters"),
        ("a " * (MOST_CONDITIONS + 1), "more than 100 conditions"),
        ("(" * (MOST_DEPTH + 1) + "a" + ")" * (MOST_DEPTH + 1), "more than 32 deep"),
        ("-" * (MOST_DEPTH + 1) + "a", "more than 32 deep"),
        ("NOT " * (MOST_DEPTH + 1) + "a", "more than 32 deep"),
    ],
)
def test_an_expression_is_bounded(text: str, reason: str) -> None:
    """Size, number of conditions and depth have limits; one less is allowed."""
    with pytest.raises(ExpressionError, match=reason):
        parse(text)


def test_what_is_within_the_bounds_is_parsed() -> None:
    """The limits themselves are allowed."""
    parse("x" * LONGEST)
    parse("a " * MOST_CONDITIONS)
    parse("(" * MOST_DEPTH + "a" + ")" * MOST_DEPTH)


def test_a_long_line_is_shown_around_its_mistake() -> None:
    """Of a long line the part with the mistake is shown, of several lines the one with it."""
    with pytest.raises(ExpressionError) as caught:
        parse("a\n" + "b " * 90 + "titel:x " + "c " * 90)
    line, caret, _ = caught.value.lines()
    assert len(line) == 100
    assert line[caret.index("^") :].startswith("titel:x")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("CAFÉ", "cafe\u0301"), ("Straße", "STRASSE"), ("Ёлка", "елка"), ("don’t", "don't"), ("a\u00a0 b", "a b"),
        ("ﬁn", "fin"), ("co\u00adop", "coop"), ("ΣΊΣΥΦΟΣ", "σισυφος"), ("İzmir", "izmir"),
    ],
)  # fmt: skip
def test_case_accents_and_variants_fold_alike(one: str, other: str) -> None:
    """What people take for the same word is the same."""
    assert fold(one) == fold(other)


@pytest.mark.parametrize(("one", "other"), [("か", "が"), ("o", "ø"), ("क", "क्")])
def test_letters_stay_apart(one: str, other: str) -> None:
    """Marks that make another letter are kept."""
    assert fold(one) != fold(other)


@given(st.text(max_size=20))
def test_folding_twice_is_folding_once(text: str) -> None:
    """What is folded stays as it is."""
    assert fold(fold(text)) == fold(text)

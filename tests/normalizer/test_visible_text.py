"""The text of a body that an expression searches: all that people read of it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.model.expression.folding import fold
from aggregator.model.expression.parser import parse
from aggregator.model.items import Seed
from aggregator.model.scripts import has_words
from aggregator.normalizer import text
from aggregator.normalizer.content import item
from aggregator.normalizer.matching import Matcher, Vocabulary
from aggregator.normalizer.stored import pack
from aggregator.normalizer.visible_text import _visible, visible_text

WORD = "sponsored"


def words_of(body: str, markup: str = "markdown") -> str:
    """Return the visible text of a body with single blanks."""
    return " ".join(visible_text(body, markup).split())


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("a<script>x</script>b", "a b"), ("<" * 9, "<<<<<<<<<"), ("1 < 2 > 0", "1 < 2 0"), ("__a__ b_c", "a b_c"),
        ('![alt](https://x.example/a.png "t") c', '! alt ( "t") c'), ("&lt;b&gt;", "<b>"), ("a <!-- b --> c", "a c"),
        ("<!--\n\nb\n\n--> c", "c"), ("[//]: # (b)\n[c]: https://d.example 'e'\n\nf", "f"), ("a\n<!-- b -->\n[//]: # (c)", "a"),
        ("<b\n class='c'>d</b>", "d"), ("a_____b _c_", "a_____b c"),
    ],
)  # fmt: skip
def test_the_text_of_a_body(body: str, words: str) -> None:
    """Comments, scripts, tags, definitions of links, addresses and marks are not read."""
    assert words_of(body) == words


SEEN = [
    "[x]: https://a.example/\n\nsponsored", "[x]: # (y)\nsponsored", "a\n[x]: # (sponsored)", "[^1]: sponsored", "[x]: y sponsored",
    "<!-- never closed\nsponsored", "a <!-- b\n\nsponsored -->", "a <!-- b\n# sponsored -->", "<!--> sponsored -->", "<!---> sponsored -->",
    "<!-- a --!> sponsored -->", "`<!--` sponsored\n\n-->", "` b\n\n`<!-- sponsored -->`", "```\n\n<!-- sponsored -->\n\n```",
    "~~~\n\n<!-- sponsored -->\n\n~~~", "- ```\n  x\n\ny\n\n```\n<!-- sponsored -->\n```", "a\n\n    <!-- sponsored -->", "\\<!-- sponsored -->",
    "[a](x<!--) sponsored -->", "<script-x>sponsored</script-x>", "<script></script x>sponsored</script>", "`<script>` sponsored `</script>`",
    "<script>x\n\nsponsored", "<div\n\nsponsored>", '<a title="\n# sponsored\n">', "<a b=\n- sponsored>", "1 <y, sponsored> 2", "`<sponsored>`",
    "spon**sor**ed", "spon<b>sor</b>ed", "spon<!-- x -->sored", "spon[sored](https://a.example/)", "free*sponsored*", "a*sponsored",
    "spo&#110;sored", "spo&#x6e;sored", "<https://a.example/sponsored>", "# &#115;ponsored",
]  # fmt: skip


@pytest.mark.parametrize("body", SEEN)
def test_what_hides_markup_hides_no_text(body: str) -> None:
    """Not over the ends of lines and blocks, not in code, not if it is never closed, and not within a word."""
    assert has_words(fold(visible_text(body)), WORD)


@pytest.mark.parametrize(
    "body",
    [
        "<!--> sponsored -->", "<!-- a --!> sponsored -->", "<!-- a\n\nsponsored", "<script></script x>sponsored</script>",
        "<svg><script/>sponsored<script></script></svg>", "[x]: # (sponsored)", "<p>a <!-- b --> sponsored <!-- c --></p>",
    ],
)  # fmt: skip
def test_a_body_in_html_is_read_as_html(body: str) -> None:
    """It has no definitions and no code of Markdown, and comments end as browsers end them."""
    assert has_words(fold(visible_text(body, "html")), WORD)


@pytest.mark.parametrize("body", SEEN)
def test_a_quick_look_at_a_packed_seed_overlooks_nothing(body: str) -> None:
    """Before a seed is unpacked, its bytes tell whether it may have the word."""
    matcher = Matcher(parse("sponsored"), Vocabulary(str, {}))
    assert matcher.may_hold(pack(Seed(title="t", link="https://a.example/b", published=0, body=body)))


FRAGMENTS = st.lists(
    st.sampled_from(
        ["sponsored", " ", "\n", "\n\n", "<!--", "-->", "--!>", "<!-->", "`", "```", "~~~", "    ", "- ", "# ", "> ", "[x]:", " #", " (", ")", "[", "](",
         "<script>", "</script>", "<script", ">", "<b", "</b>", "<b>", ' c="', '"', "*", "_", "\\", "a", "<div>", "</div>", "<style>", "</style>", "<svg>",
         "<?", "?>", "<![CDATA[", "]]>", "| ", "'", "1. "]
    ),
    max_size=14,
)  # fmt: skip


@given(parts=FRAGMENTS, markup=st.sampled_from(["markdown", "html"]))
def test_whatever_is_rendered_is_searched(parts: list[str], markup: str) -> None:
    """A word that stands in the HTML of an item stands in the text that a rule searches."""
    body = "".join(parts)
    seed = Seed(title="t", link="https://a.example/b", published=0, body=body, markup=markup)  # type: ignore[arg-type]
    shown = item(seed, id="a", topics=(), related=(), now=0).content
    if has_words(fold(text.of_html(re.sub(r'="[^"]*"', "", shown))), WORD):
        assert has_words(fold(visible_text(body, markup)), WORD)
        assert Matcher(parse(WORD), Vocabulary(str, {})).may_hold(pack(seed))


@pytest.mark.parametrize(
    "part",
    [
        "<", "<!--", "](", "[", "<script ", "<script>", "[a]:", "[a]: b\n", "_", "a_", "a*", "*", '<b c="', "<b c='d' ", "`", "```", "\n\n", " ", "<!-- -", "&", "\\<",
        "a<b>", "<style>", "<?", "<![CDATA[", "<b\n", "[a](", "(", "[a](b",
    ],
)  # fmt: skip
@pytest.mark.parametrize("markup", ["markdown", "html"])
def test_the_time_grows_with_the_length_alone(part: str, markup: str) -> None:
    """A megabyte of any mark, also between letters, makes no pattern search again and again."""
    for body in (part * (1_000_000 // len(part)), f"a{part * (1_000_000 // len(part))}b"):
        _visible(body, markup)  # in quadratic time this takes hours, and a test minutes


def test_a_body_that_is_shown_as_typed_is_searched_as_typed() -> None:
    """Comments of a body with too many marks are seen."""
    assert WORD in visible_text("<!-- sponsored -->" + "*a* " * text.MAX_MARKS)

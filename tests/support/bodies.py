"""Bodies of seeds by lot, from a grammar of markup that an HTML or Markdown parser makes more of."""

from __future__ import annotations

import random
from collections.abc import Callable

from aggregator.model.items import Image, Related, Seed
from aggregator.normalizer import text

SIZES = [*[200, 1_000, 2_000, 3_000, 5_000] * 8, *[10_000] * 4, *[29_000] * 3, 63_000, 63_000, 256_000]
"""How many characters a body has, at most."""

FORMATTING = ["a", "b", "big", "code", "em", "font", "i", "nobr", "s", "small", "strike", "strong", "tt", "u"]
INLINE = [*FORMATTING, "span", "q", "sub", "abbr", "ruby", "rt", "label"]
BLOCKS = [
    "p",
    "div",
    "h1",
    "h2",
    "li",
    "ul",
    "ol",
    "dl",
    "dd",
    "blockquote",
    "pre",
    "section",
    "details",
    "center",
    "hr",
    "address",
]
SHIELDS = ["table", "tr", "td", "th", "caption", "tbody", "col", "object", "marquee", "applet", "button", "form"]
FOREIGN = [
    "svg",
    "math",
    "select",
    "template",
    "title",
    "textarea",
    "script",
    "style",
    "iframe",
    "noscript",
    "xmp",
    "option",
    "desc",
    "mi",
]
ATTRIBUTES = ["lang", "dir", "title", "href", "cite", "src", "alt", "datetime", "color"]

Part = Callable[[random.Random, int], str]
"""Makes text of about so many characters."""


def seed(number: int) -> Seed:
    """Return the seed of a number: the same number, the same seed."""
    dice = random.Random(number)
    size = dice.choice(SIZES)
    body = markup(dice, size) if dice.random() < 0.85 else ""
    embed = "" if body and dice.random() < 0.85 else html_parts(dice, min(size, 250_000))
    link = "https://news.example.org/" + "x" * dice.choice([5, 5, 50, 1_900]) + "/y"
    picture = "https://news.example.org/" + "p" * dice.choice([5, 1_900])
    related = Related(title="R & <D>", link="https://r.example/?" + "&a" * dice.choice([1, 900]))
    return Seed(
        title=f"Item {number} & more", link=link, published=1_780_000_000, body=body, embed=embed, id=f"urn:x:{number}",
        images=(Image(url=picture),), related=(related,) * dice.choice([0, 0, 1, 50]),
    )  # fmt: skip


def markup(dice: random.Random, size: int) -> str:
    """Return HTML, Markdown or both; half of them as long as Markdown is still rendered."""
    made = "".join(dice.choice([html_parts, markdown_parts])(dice, size // 2) for _ in range(2))[:size]
    while dice.random() < 0.9 and text.is_overmarked(made):
        made = made[: len(made) * 9 // 10]
    return made


def html_parts(dice: random.Random, size: int) -> str:
    """Return a beginning, and something repeated."""
    few = "".join(_tag(dice, max(20, size // 4)) for _ in range(dice.randint(0, 4)))
    return few + _repeated(dice, size - len(few), [_one_tag, _one_tag, _numbered, _misnested, _words])


def markdown_parts(dice: random.Random, size: int) -> str:
    """Return Markdown that grows or takes long."""
    return dice.choice([_references, _table, _repeated_marks, _deep, _ticks])(dice, size)


def _repeated(dice: random.Random, size: int, kinds: list[Part]) -> str:
    parts = [dice.choice(kinds) for _ in range(dice.randint(1, 4))]
    if dice.random() < 0.5:
        piece = "".join(part(dice, 60) for part in parts)
        return (piece * (size // max(1, len(piece)) + 1))[: max(0, size)]
    made, length = [], 0
    while length < size:
        made.append(dice.choice(parts)(dice, 60))
        length += len(made[-1]) or 1
    return "".join(made)


def _attributes(dice: random.Random, most: int) -> str:
    value = dice.choice(["x", "&", "<", "é", '"', "/", "a>b", "<b lang=c>", "&amp;"]) * dice.choice([1, 3, most])
    quote = dice.choice(['"', "'", ""])
    return "".join(f" {dice.choice(ATTRIBUTES)}={quote}{value[:most]}{quote}" for _ in range(dice.choice([0, 1, 1, 2])))


def _tag(dice: random.Random, most: int) -> str:
    name = dice.choice(dice.choice([INLINE, FORMATTING, BLOCKS, SHIELDS, FOREIGN]))
    return f"<{name}{_attributes(dice, dice.choice([5, 40, most]))}>{dice.choice(['', 'x', ' ', chr(10)])}"


def _one_tag(dice: random.Random, size: int) -> str:
    if dice.random() < 0.4:
        return f"</{dice.choice(INLINE + BLOCKS + SHIELDS + FOREIGN)}>{dice.choice(['', 'x'])}"
    return dice.choice(
        [
            _tag(dice, size),
            "<p>x",
            "<br>",
            "<img src=a>",
            "<a href=x>",
            "<iframe src=//a.example></iframe>",
            "<!--",
            "-->",
        ]
    )


def _numbered(dice: random.Random, size: int) -> str:
    return f"<{dice.choice(FORMATTING)} lang=l{dice.randint(0, 10**6)}>{dice.choice(['', 'x', '<p>', '</x>', '</div><div>'])}"


def _misnested(dice: random.Random, size: int) -> str:
    one, two = dice.choice(FORMATTING), dice.choice(BLOCKS + SHIELDS)
    return f"<{one}><{two}>x</{one}>{dice.choice(['', f'</{two}>'])}"


def _words(dice: random.Random, size: int) -> str:
    return dice.choice(["words of text ", "\n\n", "&amp;amp;", "&", "&#38;", "é", "&nGt;", "\n"])


def _references(dice: random.Random, size: int) -> str:
    name, long = dice.choice(["a", "a b"]), dice.choice([10, 1_800, size // 2])
    title = dice.choice(["", f' "{dice.choice(chr(38) + "t") * long}"'])
    use = dice.choice(["[{}] ", "![{}] ", "[x][{}] ", "[{}]\n\n", "*[{}]* "]).format(name)
    return f"[{name}]: https://a.example/{'y' * long}{title}\n\n" + use * max(0, (size - 2 * long) // len(use))


def _table(dice: random.Random, size: int) -> str:
    columns = dice.choice([1, 3, 50, 500, 5_000])
    before, align = dice.choice(["", "> ", "- "]), dice.choice(["-", ":-", "-:"])
    row = dice.choice(["|", "a|", "a", "a|" * columns, "-|", "a|b|[c](d)|"])
    head = f"{before}{'a|' * columns}\n{before}{(align + '|') * columns}\n"
    return head + f"{before}{row}\n" * max(0, (size - len(head)) // (len(row) + 3))


def _repeated_marks(dice: random.Random, size: int) -> str:
    marks = ["*a ", "**a", "_b_ ", "[", "![", "](", "[a](b) ", "`a ", "~~x", "<https://a.example/b> ", "- a\n", "1. a\n", "# a\n", ">", "> a\n",
             "a|b\n-|-\n", "&ngE;", "&", "\\", "    a\n", "```\n", "***\n", "a\n===\n", "- ", "<b>", "]", ")", "a "]  # fmt: skip
    piece = "".join(dice.choices(marks, k=dice.randint(1, 4)))
    return (piece * (size // len(piece) + 1))[:size]


def _deep(dice: random.Random, size: int) -> str:
    mark = dice.choice(["- ", "> ", "1. ", ">"])
    line = mark * dice.choice([3, 15, 25, 200]) + dice.choice(["a", "<b lang=c>a", "<p>"]) + "\n"
    return line * (size // len(line) + 1)


def _ticks(dice: random.Random, size: int) -> str:
    made, length, one = [], 0, dice.choice(["`", "*", "[", "~"])
    while sum(map(len, made[-1:])) + length < size:
        made.append(one * (len(made) + 1) + "a ")
        length += len(made[-1])
    return "".join(made)[:size]

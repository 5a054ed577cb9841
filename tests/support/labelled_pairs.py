"""Pairs of items that people would call copies, coverage of one event, or neither: written by hand, and generated.

The generated ones combine sentences of our own, and of texts in the public domain, in ways that sources do; which
relation a pair has follows from how it was made. They are the same on every machine: no `random` is used.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from aggregator.model.items import Provider, Seed

CASES = Path(__file__).parents[1] / "cases/stories"
HOUR = 3600
DAY_ZERO = 1_780_000_000
T = TypeVar("T")


class Pair(NamedTuple):
    """Two items, what they are to each other (`copy`, `story`, `none`), and what makes the pair hard."""

    name: str
    relation: str
    one: Seed
    other: Seed


class Dice:
    """A generator of numbers (Knuth's MMIX parameters) that gives the same ones for ever."""

    def __init__(self, seed: int) -> None:
        self._state = seed * 2_654_435_761 + 1

    def below(self, count: int) -> int:
        self._state = (self._state * 6_364_136_223_846_793_005 + 1_442_695_040_888_963_407) % 2**64
        return (self._state >> 33) % count

    def one_of(self, things: Sequence[T]) -> T:
        return things[self.below(len(things))]

    def some_of(self, things: Sequence[T], count: int) -> list[T]:
        rest = list(things)
        return [rest.pop(self.below(len(rest))) for _ in range(count)]


def pairs() -> list[Pair]:
    """Return all pairs: those of the file, then the generated ones."""
    written = json.loads((CASES / "pairs.json").read_text())
    found = [Pair(one["name"], one["relation"], _seed(one["one"]), _seed(one["other"])) for one in written]
    parts = json.loads((CASES / "parts.json").read_text())
    return [*found, *_generated(parts)]


def seed(
    title: str,
    body: str,
    *,
    host: str,
    name: str = "",
    hours: float = 0,
    excerpt: str = "",
    path: str = "",
    **keys: Any,
) -> Seed:
    """Return an item of a source, so many hours after the first day."""
    return Seed(
        title=title, link=f"https://{host}/{path or title.replace(' ', '-').lower()}", body=body, excerpt=excerpt,
        published=DAY_ZERO + int(hours * HOUR), provider=Provider(name=name, domain=host), **keys,
    )  # fmt: skip


def _seed(written: dict[str, Any]) -> Seed:
    body = "\n\n".join(written["body"]) if isinstance(written["body"], list) else written["body"]
    return seed(
        written["title"], body, host=written["host"], hours=written.get("hours", 0), excerpt=written.get("excerpt", ""),
        markup=written.get("markup", "markdown"),
    )  # fmt: skip


# -- generated


def _generated(parts: dict[str, Any]) -> Iterator[Pair]:
    for number in range(parts["copies"]):
        yield _copy(parts, Dice(number), number)
    for number in range(parts["stories"]):
        yield _story(parts, Dice(10_000 + number), number)
    for number in range(parts["none"]):
        yield _neither(parts, Dice(20_000 + number), number)


class _Event(NamedTuple):
    kind: dict[str, Any]
    facts: dict[str, str]


def _event(parts: dict[str, Any], dice: Dice, kind: int | None = None) -> _Event:
    events = parts["events"]
    chosen = events[dice.below(len(events)) if kind is None else kind]
    facts = {name: _name(parts, dice, name) for name in parts["facts"]}
    facts |= {"number": str(3 + dice.below(90)), "sum": f"{2 + dice.below(80)}.{dice.below(10)}"}
    facts |= {"number2": str(100 + dice.below(900))}
    return _Event(chosen, facts)


def _name(parts: dict[str, Any], dice: Dice, kind: str) -> str:
    """Return a name made of two halves: names are many, as they are in the news."""
    return "".join(map(dice.one_of, parts["facts"][kind]))


def _report(parts: dict[str, Any], event: _Event, version: int, dice: Dice) -> tuple[str, list[str]]:
    """Return the title and the paragraphs of a report, in the words of one of two newsrooms."""
    told = event.kind["versions"][version]
    general = dice.some_of(parts["general"], 3)
    return told["title"].format(**event.facts), [one.format(**event.facts) for one in (*told["body"], *general)]


def _copy(parts: dict[str, Any], dice: Dice, number: int) -> Pair:
    title, body = _report(parts, _event(parts, dice), dice.below(2), dice)
    hosts = dice.some_of(parts["hosts"], 2)
    changes = list(_CHANGES.items())
    name, change = changes[number % len(changes)]
    other = change(list(body), dice, parts)
    headline = title if dice.below(2) else dice.one_of(parts["headlines"]).format(title=title)
    markup = "html" if name.startswith("html") else "markdown"
    return Pair(
        f"copy {number}: {name}", "copy", seed(title, "\n\n".join(body), host=hosts[0]),
        seed(headline, other, host=hosts[1], hours=dice.below(60), markup=markup),
    )  # fmt: skip


def _same(body: list[str], dice: Dice, parts: dict[str, Any]) -> str:
    return "\n\n".join(body)


def _byline(body: list[str], dice: Dice, parts: dict[str, Any]) -> str:
    return "\n\n".join([dice.one_of(parts["bylines"]), *body])


def _footer(body: list[str], dice: Dice, parts: dict[str, Any]) -> str:
    return "\n\n".join([*body, dice.one_of(parts["footers"])])


def _merged(body: list[str], dice: Dice, parts: dict[str, Any]) -> str:
    return " ".join(body)


def _wrapped(body: list[str], dice: Dice, parts: dict[str, Any]) -> str:
    words = " ".join(body).split()
    return "\n".join(" ".join(words[at : at + 11]) for at in range(0, len(words), 11))


def _as_html(body: list[str], dice: Dice, parts: dict[str, Any]) -> str:
    linked = [one.replace(" the ", ' <a href="https://links.example/x?y=1">the</a> ', 1) for one in body]
    return "".join(f"<p>{one}</p>\n" for one in linked)


def _as_html_with_entities(body: list[str], dice: Dice, parts: dict[str, Any]) -> str:
    return "<div>" + "<br>".join(one.replace("'", "&rsquo;").replace("é", "&eacute;") for one in body) + "</div>"


def _typographic(body: list[str], dice: Dice, parts: dict[str, Any]) -> str:
    return "\n\n".join(one.replace("'", "’").replace('"', "“") for one in body)


def _one_word(body: list[str], dice: Dice, parts: dict[str, Any]) -> str:
    words = " ".join(body).split(" ")
    words[dice.below(len(words))] = "recently"
    return " ".join(words)


def _shortened(body: list[str], dice: Dice, parts: dict[str, Any]) -> str:
    """Cut the last sentence, as editors do who need room."""
    return "\n\n".join([*body[:-1], body[-1].split(". ")[0] + "."])


def _marked(body: list[str], dice: Dice, parts: dict[str, Any]) -> str:
    return "\n\n".join([f"**{body[0]}**", "## More", *(f"_{one}_" for one in body[1:])])


_CHANGES = {
    "the same": _same, "a byline": _byline, "a footer": _footer, "one paragraph": _merged, "wrapped lines": _wrapped,
    "html": _as_html, "html with entities": _as_html_with_entities, "other quotes": _typographic,
    "one other word": _one_word, "shortened": _shortened, "marked": _marked,
}  # fmt: skip


def _story(parts: dict[str, Any], dice: Dice, number: int) -> Pair:
    event = _event(parts, dice)
    hosts = dice.some_of(parts["hosts"], 2)
    one, other = (_report(parts, event, version, dice) for version in (0, 1))
    return Pair(
        f"story {number}", "story",
        seed(one[0], "\n\n".join(one[1]), host=hosts[0], excerpt=one[1][0]),
        seed(other[0], "\n\n".join(other[1]), host=hosts[1], excerpt=other[1][0], hours=dice.below(40)),
    )  # fmt: skip


def _neither(parts: dict[str, Any], dice: Dice, number: int) -> Pair:
    traps = list(_TRAPS.items())
    name, trap = traps[number % len(traps)]
    one, other = trap(parts, dice)
    return Pair(f"none {number}: {name}", "none", one, other)


def _two(
    parts: dict[str, Any], dice: Dice, kinds: tuple[int, int], *, general: bool = True
) -> list[tuple[str, list[str]]]:
    found = []
    for kind in kinds:
        title, body = _report(parts, _event(parts, dice, kind), dice.below(2), dice)
        found.append((title, body if general else body[:-3]))
    return found


def _other_event(parts: dict[str, Any], dice: Dice) -> tuple[Seed, Seed]:
    first = dice.below(len(parts["events"]))
    one, other = _two(parts, dice, (first, (first + 1) % len(parts["events"])))
    return _as_seeds(parts, dice, one, other)


def _same_footer(parts: dict[str, Any], dice: Dice) -> tuple[Seed, Seed]:
    first = dice.below(len(parts["events"]))
    one, other = _two(parts, dice, (first, (first + 1) % len(parts["events"])), general=False)
    footer = dice.one_of(parts["footers"])
    return _as_seeds(parts, dice, (one[0], [*one[1], footer]), (other[0], [*other[1], footer]))


def _half_quoted(parts: dict[str, Any], dice: Dice) -> tuple[Seed, Seed]:
    """An answer that quotes half of a text, on another subject by its title."""
    first = dice.below(len(parts["events"]))
    one, other = _two(parts, dice, (first, (first + 1) % len(parts["events"])))
    return _as_seeds(parts, dice, one, (other[0], [one[1][-1], *other[1]]))


def _short(parts: dict[str, Any], dice: Dice) -> tuple[Seed, Seed]:
    """A formula that every source uses says nothing about an event."""
    phrase = dice.one_of(parts["formulas"])
    one, other = dice.some_of(parts["headlines"], 2)
    names = [_name(parts, dice, "person") for _ in range(2)]
    return _as_seeds(parts, dice, (one.format(title=names[0]), [phrase]), (other.format(title=names[1]), [phrase]))


def _one_source(parts: dict[str, Any], dice: Dice) -> tuple[Seed, Seed]:
    """A numbered series of one source."""
    title, body = _report(parts, _event(parts, dice), 0, dice)
    host = dice.one_of(parts["hosts"])
    return (
        seed(f"{title} (1)", "\n\n".join(body), host=host, excerpt=body[0]),
        seed(f"{title} (2)", "\n\n".join(body), host=f"www.{host}", excerpt=body[0], hours=2),
    )


def _long_apart(parts: dict[str, Any], dice: Dice) -> tuple[Seed, Seed]:
    """The same words again after four days or more are an anniversary, not news."""
    title, body = _report(parts, _event(parts, dice), 0, dice)
    hosts = dice.some_of(parts["hosts"], 2)
    return (
        seed(title, "\n\n".join(body), host=hosts[0], excerpt=body[0]),
        seed(title, "\n\n".join(body), host=hosts[1], excerpt=body[0], hours=73 + dice.below(100)),
    )


def _as_seeds(
    parts: dict[str, Any], dice: Dice, one: tuple[str, list[str]], other: tuple[str, list[str]]
) -> tuple[Seed, Seed]:  # fmt: skip
    hosts = dice.some_of(parts["hosts"], 2)
    return (
        seed(one[0], "\n\n".join(one[1]), host=hosts[0], excerpt=one[1][0]),
        seed(other[0], "\n\n".join(other[1]), host=hosts[1], excerpt=other[1][0], hours=dice.below(30)),
    )


_TRAPS = {
    "another event": _other_event, "the same footer": _same_footer, "half quoted": _half_quoted,
    "a formula": _short, "one source": _one_source, "long apart": _long_apart,
}  # fmt: skip

"""Random expressions that choose some of the items of `random_site`, and that site."""

from __future__ import annotations

import random
from typing import Any

from support.site_folder import NOW, SiteFolder, iso

from aggregator.model.expression.printer import text_of
from aggregator.model.expression.tree import And, Choice, Node, Not, Or, Pattern, Range, Search, Words

DAY = 86_400
WORDS = ("harbour", "café", "pump", "river", "日本", "Energy", "naïve", "sponsored")
TOPICS = ("Energy", "Oceans", "Énergie", "C++", "C", "Wind power")
SOURCES = (
    ("Harbour Desk", "desk.example.net"),
    ("Spam & Co", "spam.example"),
    ("", "a.desk.example.net"),
    (None, None),
)
FIELDS: dict[str, tuple[str, ...]] = {
    "": WORDS, "title": WORDS, "text": WORDS, "topic": (*TOPICS, "sea"), "tag": WORDS, "category": ("analysis", "news"),
    "type": ("article", "video"), "source": ("Harbour Desk", "example.net", "spam & co"), "domain": ("desk.example.net",),
    "author": ("ann", "Ann Lee"), "lang": ("de", "de-at", "en"), "link": ("example.org/1", "sub"), "path": ("sub/", "1", "ünder"),
}  # fmt: skip


def random_site(site: SiteFolder, count: int, *, seed: int = 1) -> None:
    """Write seeds of every state with random values, and a config with topics, rules, feeds by query and searches."""
    dice = random.Random(seed)
    site.write_topic("energy", name="Energy")
    site.write_topic("seas", name="Oceans", shortname="Sea", parent="energy")
    site.settings |= {
        "rules": {"min_quality": 20, "block": "title:sponsored type:video"},
        "feeds_by_query": [
            {"slug": "good", "where": {"min_quality": 60}},
            {"slug": "sea", "where": "topic:Sea -lang:en"},
        ],
        "searches": {"mine": "search:good OR has:image"},
    }
    for number in range(count):
        site.write(f"{dice.choice(['', 'sub/', 'ünder/'])}{number}.md", _words(dice, 12), **_keys(dice, number))


def _keys(dice: random.Random, number: int) -> dict[str, Any]:
    name, domain = dice.choice(SOURCES)
    published = NOW - dice.randrange(-5, 30) * DAY - dice.randrange(5) * 1_000
    expires = published + dice.randrange(1, 20) * DAY
    return {
        "title": _words(dice, 3) or "x", "excerpt": dice.choice([None, f"<b>{_words(dice, 2)}</b> &amp; more"]),
        # Of ten seeds two are one item: they have one link.
        "webUrl": f"https://news.example.org/{number if dice.random() < 0.8 else number // 10}", "publishedDateTime": iso(published),
        "updatedDateTime": dice.choice([None, iso(published + dice.randrange(3) * DAY)]), "expires": dice.choice([None, None, iso(expires)]),
        "published": dice.random() < 0.9, "quality": dice.choice([None, 10, 50, 70, 90]), "heat": dice.choice([None, -3, 0, 4]),
        "topics": dice.sample(TOPICS, dice.randrange(3)), "tags": dice.sample(WORDS, dice.randrange(3)),
        "category": dice.choice([None, "Analysis", "news"]), "type": dice.choice([None, "article", "Video"]),
        "locale": dice.choice([None, "de", "de-AT", "en"]), "author": dice.choice([None, "Ann Lee", "Bo"]),
        "provider": None if name is None else {"name": name, "domain": domain},
        "images": dice.choice([None, [{"url": "https://e.example/a.png"}]]),
    }  # fmt: skip


def _words(dice: random.Random, most: int) -> str:
    return " ".join(
        dice.choice([word, word.upper(), f"**{word}**"]) for word in dice.choices(WORDS, k=dice.randrange(most))
    )


def random_expression(dice: random.Random, *, depth: int = 3, states: bool = True) -> str:
    """Return the text of a random expression; without `states` none asks `is:`."""
    return text_of(_tree(dice, depth, states=states))


def _tree(dice: random.Random, depth: int, *, states: bool) -> Node:
    kind = dice.random()
    if depth == 0 or kind < 0.3:
        return _leaf(dice, states=states)
    if kind < 0.45:
        return Not(_tree(dice, depth - 1, states=states))
    parts = tuple(_tree(dice, depth - 1, states=states) for _ in range(dice.randrange(2, 4)))
    return And(parts) if kind < 0.7 else Or(parts)


def _leaf(dice: random.Random, *, states: bool) -> Node:
    kind = dice.random()
    if kind < 0.45:
        field = dice.choice(list(FIELDS))
        return Words(field, dice.choice(FIELDS[field]))
    if kind < 0.55:
        return Pattern(
            dice.choice(["", "title", "path", "topic"]), dice.choice(["^harb", "[aé]", "1", "日"]), dice.random() < 0.5
        )
    if kind < 0.8:
        return _range(dice)
    if kind < 0.85:
        return Search(dice.choice(["good", "sea", "mine"]))
    if states and kind < 0.92:
        return Choice("is", dice.choice(["published", "embargoed", "expired", "held", "duplicate", "stale"]))
    return Choice("has", dice.choice(["image", "topic", "quality", "updated", "body", "source"]))


def _range(dice: random.Random) -> Range:
    field = dice.choice(["quality", "heat", "age", "published", "updated"])
    values = {"quality": (-5, 95), "heat": (-4, 5), "age": (0, 30)}.get(field, (-30, 6))
    low, high = sorted(dice.randint(*values) for _ in range(2))
    if field == "age":
        low, high = low * DAY, high * DAY
    if field in {"published", "updated"}:
        low, high = NOW + low * DAY, NOW + high * DAY
    bounds = dice.choice([(low, None), (None, high), (low, high)])
    return Range(field, *bounds)

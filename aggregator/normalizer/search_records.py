"""What a static search knows of an item: the words that find it, the values that choose it, and what is shown. Pure.

A browser answers with the same language and the same results as the daemon (`normalizer.matching`): `search.js` turns
each condition into tokens or values that are made here.

A word is a token of letters and digits of ASCII, so that pagefind takes it as it is: a letter that says where the word
stands, then the word, or the numbers of its characters. A script without spaces has a token for each character.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from itertools import groupby

import msgspec

from aggregator.model.expression.folding import fold
from aggregator.model.scripts import UNSPACED, is_in_word
from aggregator.model.search_files import SearchRecord, ShownItem
from aggregator.normalizer.matching import Subject, traits

VERSION = "1"
"""Raise this whenever an item has other tokens or values than before."""

ANYWHERE, IN_TITLE, IN_AUTHOR = "w", "t", "a"
"""What the tokens of words begin with, by where these stand: in title or text, in the title, in the author's name."""

CODED = {ANYWHERE: "x", IN_TITLE: "u", IN_AUTHOR: "b"}
"""Likewise the tokens of words with characters that pagefind would change."""

GAP = "g"
"""A token that keeps a phrase from going on from one text to the next."""

UNSEARCHABLE = str.maketrans({"\\": "\uff3c", '"': "\uff02"})
"""What stands in values for signs with which pagefind would not find them; no folded text has it."""

DAY = 86_400

_PRIVATE_TRAITS = frozenset({"body", "category", "excerpt", "expires", "lang", "related", "type", "updated"})
_PLAIN = re.compile(r"[a-z0-9]+")
_ASCII_WORD = re.compile(r"[A-Za-z0-9_]+")


def record_of(
    subject: Subject, *, link: str, names: Mapping[str, Collection[str]], searches: Collection[str]
) -> SearchRecord:  # fmt: skip
    """Return the record of an item.

    Args:
        subject: the item as everybody may search it, without its body.
        link: what its feeds have for a link.
        names: the names of topics, folded, by slug.
        searches: the feeds by query that show it.
    """
    seed, author = subject.seed, fold(subject.seed.author)
    shown = ShownItem(
        title=seed.title or link, link=link, published=seed.published, text=subject.text, author=author,
        updated=None if subject.updated == seed.published else subject.updated,
    )  # fmt: skip
    texts = ((subject.title, ANYWHERE), (subject.text, ANYWHERE), (subject.title, IN_TITLE), (author, IN_AUTHOR))
    parts = [token for text, where in texts for token in (*tokens(text, where), GAP)]
    values = {
        key: sorted(one.translate(UNSEARCHABLE) for one in found)
        for key, found in _values(subject, names, searches).items()
        if found
    }
    return SearchRecord(tokens=" ".join(parts), values=values, shown=msgspec.json.encode(shown).decode())


def tokens(folded: str, where: str) -> Iterator[str]:
    """Yield the tokens of a folded text; `where` it stands is one of `CODED`."""
    if folded.isascii():
        yield from (_token(word, where) for word in _ASCII_WORD.findall(folded))
        return
    for is_word, run in groupby(folded, is_in_word):
        if is_word:
            yield _token("".join(run), where)
        else:
            yield from (_token(one, where) for one in run if UNSPACED.match(one))


def _token(word: str, where: str) -> str:
    if _PLAIN.fullmatch(word):
        return where + word
    return CODED[where] + "g".join(f"{ord(one):x}" for one in word)


def _values(
    subject: Subject, names: Mapping[str, Collection[str]], searches: Collection[str]
) -> dict[str, set[str]]:  # fmt: skip
    seed, domains, source = subject.seed, _domains(subject.domain), fold(subject.source)
    return {
        "topic": {one for slug in subject.topics for one in (slug, *names.get(slug, ()))},
        "tag": set(map(fold, seed.tags)),
        "source": domains | ({source} if source else set()),
        "domain": domains,
        "lang": _languages(seed.locale.lower().replace("_", "-")),
        "has": set(traits(seed)) - _PRIVATE_TRAITS,
        "quality": set() if seed.quality is None else {str(seed.quality)},
        "heat": set() if seed.heat is None else {str(seed.heat)},
        "published": {str(seed.published // DAY)},
        "updated": {str(subject.updated // DAY)},
        "search": set(searches),
    }


def _domains(host: str) -> set[str]:
    """Return a host and the domains it is in: `a.example.org`, `example.org` and `org`."""
    labels = host.split(".") if host else []
    return {".".join(labels[at:]) for at in range(len(labels))}


def _languages(tag: str) -> set[str]:
    """Return a language tag and the wider ones: `de-at` and `de`."""
    parts = tag.split("-") if tag else []
    return {"-".join(parts[:end]) for end in range(1, len(parts) + 1)}

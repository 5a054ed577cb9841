"""The fields of an expression: their names, and what may stand behind the colon. Pure."""

from __future__ import annotations

from typing import Literal

import msgspec

Kind = Literal["words", "name", "part", "number", "date", "age", "choice", "search"]


class Field(msgspec.Struct, frozen=True):
    """A field: how its values are compared, what it is of an item, and an example.

    `words` are whole words of a text, a `name` is compared as a whole, a `part` is contained. `choices` are the values
    of a choice with what each means.
    """

    name: str
    kind: Kind
    brief: str
    example: str
    choices: tuple[tuple[str, str], ...] = ()


_FIELDS = (
    Field("title", "words", "words of the title", 'title:"heat pump"'),
    Field("text", "words", "words of the excerpt, the body and the embed", "text:tariff"),
    Field("topic", "name", "a topic by name, shortname or slug, or one above it", "topic:Energy"),
    Field("tag", "name", "one of the tags", "tag:wind"),
    Field("category", "name", "the category", "category:analysis"),
    Field("type", "name", "the type", "type:article"),
    Field("source", "name", "the provider's name or host, with its subdomains", 'source:"Harbour Desk"'),
    Field("domain", "name", "the host of the provider, else of the link, with its subdomains", "domain:example.org"),
    Field("author", "words", "words of the author's name", "author:lee"),
    Field("lang", "name", "the language that the seed names; `de` is `de-at` too", "lang:de"),
    Field("link", "part", "a part of the link", "link:example.org/news/"),
    Field("path", "part", "a part of the seed's path", "path:news/2026/"),
    Field("quality", "number", "the quality; an item without one is in no range", "quality:>=70"),
    Field("heat", "number", "the heat; an item without one is in no range", "heat:-5..5"),
    Field("age", "age", "how long ago it was published", "age:<7d"),
    Field("published", "date", "when it was published", "published:2026-11"),
    Field("updated", "date", "when it was changed last, else published", "updated:>=2026-11-20"),
    Field("has", "choice", "what it has", "has:image", (
        ("author", "an author"), ("body", "a body"), ("category", "a category"), ("excerpt", "an excerpt"),
        ("expires", "an end, `expires`"), ("heat", "a heat"), ("image", "an image"), ("lang", "a language of its own"),
        ("media", "audio, video or another file"), ("quality", "a quality"), ("related", "related coverage"),
        ("source", "a provider"), ("tag", "a tag"), ("topic", "a topic"), ("type", "a type"),
        ("updated", "a date of change"),
    )),
    Field("is", "choice", "what became of it; in `find` only, not in rules", "is:embargoed", (
        ("published", "a feed shows it now"), ("embargoed", "it is accepted and appears later"),
        ("expired", "it was accepted and its time is over"), ("held", "a rule holds it back"),
        ("duplicate", "another seed is shown in its place"), ("stale", "its last good version stands for it"),
    )),
    Field("search", "search", "a search of the config, or a feed by query", "search:my-query"),
)  # fmt: skip

FIELDS = {field.name: field for field in _FIELDS}
"""The fields by name."""

WITH_PATTERNS = frozenset({"words", "name", "part"})
"""The kinds of fields in which a `/regex/` may search."""

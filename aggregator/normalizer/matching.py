"""Which seeds an expression chooses, until when, and why. Pure.

A tree of `model.expression` becomes a `Matcher`. One for rules has no clock: its conditions on `age` say until when a
seed is chosen. One for a search gets the moment with each subject.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from aggregator.model.expression.fields import FIELDS
from aggregator.model.expression.folding import fold
from aggregator.model.expression.printer import text_of
from aggregator.model.expression.tree import And, Choice, Node, Not, Or, Pattern, Range, Search, Words, leaves
from aggregator.model.items import FOREVER, Seed
from aggregator.model.scripts import has_words
from aggregator.normalizer import links, text
from aggregator.normalizer.visible_text import may_join_words, visible_text

PATTERN_SECONDS = 0.05
"""How many seconds a pattern may search in one text."""

NEVER = -FOREVER
"""The end of a time that does not begin, in seconds since 1970."""

# What may be ASCII letters or digits once it is folded, or may join some, in UTF-8: entities, accented and other forms
# of letters, invisible signs. Of MessagePack's own bytes few look so.
_FOLDING = re.compile(
    rb"[&\xc2-\xf4](?:"  # one class first, which the search skips to
    rb"(?<=&)(?!(?:amp|lt|gt|quot|apos|nbsp|hellip|[lr][sd]quo|[nm]dash|#3[489]|#160|#82[123][0-9]);)(?:#|\w+;)"
    rb"|(?<=\xc2)[\xaa\xad\xb2-\xbe]|(?<=[\xc3-\xcb])[\x80-\xbf]|(?<=[a-z0-9][\xcc-\xe1\xe3-\xf4])[\x80-\xbf]"
    rb"|(?<=\xe1)[\xb4-\xbf]|(?<=\xe2)(?:[\x81-\xbf]|\x80[\x80-\x8f])|(?<=\xe3)[\x88-\x8f]|(?<=\xea)[\x9c-\xaf]"
    rb"|(?<=\xef)[\xac-\xbf]|(?<=\xf0)(?:[\x90\x91\x9d]|\x9f[\x84-\x87\xaf])"
    rb")"
)
_PLAIN_WORD = re.compile(r"[a-z0-9]+")
_IN_SEED = frozenset({"", "title", "text", "author", "tag", "category", "type", "source", "domain", "link"})

Test = Callable[["Subject"], bool]


class SlowPatternError(Exception):
    """A pattern took too long to search in one text."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        super().__init__(f"/{pattern}/ takes too long")


class Subject:
    """What an expression is asked about: a seed, the slugs of its topics and of those above them, and its path.

    `updated` is when it was changed last, `now` the moment that ages are counted from (both in seconds since 1970),
    `states` are the choices of `is` that hold. Without `body`, its text is the summary
    alone that feeds make of its excerpt.
    """

    __slots__ = ("_text", "_title", "body", "now", "path", "seed", "states", "topics", "updated")

    def __init__(
        self,
        seed: Seed,
        *,
        topics: frozenset[str] = frozenset(),
        path: str = "",
        now: int = 0,
        updated: int | None = None,
        states: frozenset[str] = frozenset(),
        body: bool = True,
    ) -> None:
        self.seed, self.topics, self.path, self.now, self.states, self.body = seed, topics, path, now, states, body
        self.updated = max(seed.published, seed.updated or seed.published) if updated is None else updated
        self._title = self._text = ""

    @property
    def title(self) -> str:
        """Its title, folded."""
        if not self._title:
            self._title = fold(self.seed.title)
        return self._title

    @property
    def text(self) -> str:
        """Its excerpt, body and embed, folded."""
        if not self._text:
            self._text = fold(self.written_text)
        return self._text

    @property
    def written_text(self) -> str:
        """Its excerpt, body and embed as people read them, roughly: without tags, marks and addresses."""
        if not self.body:
            return text.cut(text.plain(self.seed.excerpt), text.SUMMARY_LENGTH)
        found = f"{text.plain(self.seed.excerpt)}\n{visible_text(self.seed.body, self.seed.markup)}"
        return f"{found}\n{visible_text(self.seed.embed, 'html')}" if self.seed.embed else found

    @property
    def domain(self) -> str:
        """The host of its provider, else of its link."""
        provider = self.seed.provider
        return (provider.domain if provider else "") or links.host_of(self.seed.link)

    @property
    def source(self) -> str:
        """The name of its provider, or ""."""
        return self.seed.provider.name if self.seed.provider else ""


class Vocabulary(NamedTuple):
    """What the words of an expression stand for: returns the slug of a topic, and the trees of named searches."""

    slug_of: Callable[[str], str]
    searches: Mapping[str, Node]


class Matcher:
    """A tree that is ready to be asked about subjects."""

    def __init__(self, tree: Node, vocabulary: Vocabulary) -> None:
        """Prepare `tree`; every search in it is in `vocabulary`, and they are in no circle."""
        self.tree = with_searches(tree, vocabulary.searches)
        self._slug_of = vocabulary.slug_of
        self._tests: dict[Node, Test] = {}
        self.has_age = any(isinstance(leaf, Range) and leaf.field == "age" for leaf in leaves(self.tree))
        self._may_hold = _may_hold(self.tree)
        self.holds = self._compiled(self.tree)
        """Returns whether a subject is chosen; raises `SlowPatternError`."""

    def may_hold(self, packed: bytes) -> bool:
        """Return whether a packed seed may be chosen, by a quick look for the words that it must have."""
        return self._may_hold is None or self._may_hold(packed.lower())

    def until(self, subject: Subject) -> int:
        """Return until when a subject is chosen: `NEVER` if at no time, `FOREVER` if always.

        The tree must only ever stop to hold as a seed grows older (`config.expressions` refuses others).

        Raises:
            SlowPatternError: if a pattern takes too long.
        """
        if not self.has_age:
            return FOREVER if self.holds(subject) else NEVER
        return self._moment(self.tree, subject, holds=True)

    def since(self, subject: Subject) -> int:
        """Return from when on a subject is chosen: `FOREVER` if at no time; likewise the tree must only begin to hold.

        Raises:
            SlowPatternError: if a pattern takes too long.
        """
        if not self.has_age:
            return NEVER if self.holds(subject) else FOREVER
        return self._moment(self.tree, subject, holds=False)

    def why(self, subject: Subject, *, holds: bool) -> str:
        """Return the part of the tree that decides that a subject is chosen, or not, with the value that it met."""
        return self._why(self.tree, subject, holds=holds)

    def _moment(self, node: Node, subject: Subject, *, holds: bool) -> int:
        """Return when a node stops to hold, or begins to if not `holds`."""
        if isinstance(node, Not):
            return self._moment(node.part, subject, holds=not holds)
        if isinstance(node, And | Or):
            moments = [self._moment(part, subject, holds=holds) for part in node.parts]
            return min(moments) if isinstance(node, And) == holds else max(moments)
        if isinstance(node, Range) and node.field == "age":
            moment = subject.seed.published + ((node.most or 0) + 1 if holds else node.least or 0)
            return moment if moment <= text.LAST_SECOND else FOREVER
        return FOREVER if self._tests[node](subject) == holds else NEVER

    def _why(self, node: Node, subject: Subject, *, holds: bool) -> str:
        if isinstance(node, Not):
            return f"-{self._why(node.part, subject, holds=not holds)}"
        if isinstance(node, And | Or):
            if isinstance(node, Or) == holds:
                decides = (part for part in node.parts if self._tests[part](subject) == holds)
                return self._why(next(decides, node.parts[0]), subject, holds=holds)
            return f"({text_of(node)})"
        value = _value(node, subject) if isinstance(node, Range) else ""
        return f"{text_of(node)}{value}"

    def _compiled(self, node: Node) -> Test:
        found = self._tests.get(node)
        if found is None:
            found = self._tests[node] = self._test(node)
        return found

    def _test(self, node: Node) -> Test:
        if isinstance(node, Not):
            inner = self._compiled(node.part)
            return lambda subject: not inner(subject)
        if isinstance(node, And | Or):
            tests = [self._compiled(part) for part in sorted(node.parts, key=_cost)]
            decided = isinstance(node, Or)
            return lambda subject: _first_decides(tests, subject, decided=decided)
        if isinstance(node, Range):
            return _range(node)
        if isinstance(node, Choice):
            return _choice(node)
        if isinstance(node, Pattern):
            return _pattern(node)
        assert isinstance(node, Words), "searches are replaced before"
        if node.field == "topic":
            slug = self._slug_of(node.text)
            return lambda subject: slug in subject.topics
        return _WORDS[node.field](fold(node.text))


def with_searches(node: Node, searches: Mapping[str, Node], depth: int = 0) -> Node:
    """Return a tree with the trees of the searches that it names in their places.

    Raises:
        LookupError: if a name is unknown, or searches name each other in a circle.
    """
    if isinstance(node, Search):
        if node.name not in searches or depth > len(searches):
            raise LookupError(node.name)
        return with_searches(searches[node.name], searches, depth + 1)
    if isinstance(node, Not):
        return Not(with_searches(node.part, searches, depth))
    if isinstance(node, And | Or):
        return type(node)(tuple(with_searches(part, searches, depth) for part in node.parts))
    return node


Glance = Callable[[bytes], bool]
"""Returns whether a seed may satisfy a condition, by its packed form in lower case."""


def _may_hold(node: Node) -> Glance | None:
    """Return what tells that a tree does not hold without unpacking a seed, None if nothing does."""
    if isinstance(node, And):
        some = [glance for part in node.parts if (glance := _may_hold(part)) is not None]
        return (lambda packed: all(glance(packed) for glance in some)) if some else None
    if isinstance(node, Or):
        every = [_may_hold(part) for part in node.parts]
        if None in every:
            return None
        return lambda packed: any(glance(packed) for glance in every if glance is not None)
    if not isinstance(node, Words) or node.field not in _IN_SEED:
        return None
    wanted = fold(node.text)
    longest = max(_PLAIN_WORD.findall(wanted.removeprefix("www.")), key=len, default="")
    if not longest:
        return None
    needle = longest.encode()
    if node.field in {"", "text"}:
        return lambda packed: needle in packed or _FOLDING.search(packed) is not None or may_join_words(packed)
    return lambda packed: needle in packed or _FOLDING.search(packed) is not None


def _first_decides(tests: Iterable[Test], subject: Subject, *, decided: bool) -> bool:
    return decided if any(test(subject) is decided for test in tests) else not decided


def _cost(node: Node) -> int:
    """Return how much a test costs, roughly, so that cheap ones come first: they may decide alone."""
    if isinstance(node, Not | And | Or):
        return sum(map(_cost, leaves(node)))
    dear = 50 if isinstance(node, Pattern) else 1
    return dear * (20 if getattr(node, "field", "") in {"", "text"} else 2 if isinstance(node, Words | Pattern) else 1)


def _range(node: Range) -> Test:
    low = -(2**70) if node.least is None else node.least
    high = 2**70 if node.most is None else node.most
    value = _NUMBERS[node.field]
    return lambda subject: (found := value(subject)) is not None and low <= found <= high


_NUMBERS: dict[str, Callable[[Subject], int | None]] = {
    "quality": lambda subject: subject.seed.quality,
    "heat": lambda subject: subject.seed.heat,
    "published": lambda subject: subject.seed.published,
    "updated": lambda subject: subject.updated,
    "age": lambda subject: subject.now - subject.seed.published,
}


def _value(node: Range, subject: Subject) -> str:
    """Return the number that a range met, in words; dates and ages are in other lines of an explanation."""
    if FIELDS[node.field].kind != "number":
        return ""
    found = _NUMBERS[node.field](subject)
    return f" (it has no {node.field})" if found is None else f" (its {node.field} is {found})"


def _choice(node: Choice) -> Test:
    if node.field == "is":
        return lambda subject: node.value in subject.states
    has = _HAS[node.value]
    return lambda subject: bool(has(subject.seed))


_HAS: dict[str, Callable[[Seed], object]] = {
    "author": lambda seed: seed.author,
    "body": lambda seed: seed.body,
    "category": lambda seed: seed.category,
    "excerpt": lambda seed: seed.excerpt,
    "expires": lambda seed: seed.expires is not None,
    "heat": lambda seed: seed.heat is not None,
    "image": lambda seed: seed.images,
    "lang": lambda seed: seed.locale,
    "media": lambda seed: seed.media,
    "quality": lambda seed: seed.quality is not None,
    "related": lambda seed: seed.related,
    "source": lambda seed: seed.provider is not None and (seed.provider.name or seed.provider.domain),
    "tag": lambda seed: seed.tags,
    "topic": lambda seed: seed.topics,
    "type": lambda seed: seed.type,
    "updated": lambda seed: seed.updated is not None,
}


def traits(seed: Seed) -> Iterator[str]:
    """Yield the choices of `has` that hold for a seed."""
    return (name for name, has in _HAS.items() if has(seed))


def _is_host(wanted: str, host: str) -> bool:
    return host == wanted or host.endswith(f".{wanted}")


def _of_source(wanted: str) -> Test:
    host = wanted.removeprefix("www.")
    return lambda subject: _is_host(host, subject.domain) or fold(subject.source) == host


def _of_domain(wanted: str) -> Test:
    host = wanted.removeprefix("www.")
    return lambda subject: _is_host(host, subject.domain)


def _of_language(wanted: str) -> Test:
    tag = wanted.replace("_", "-")

    def test(subject: Subject) -> bool:
        found = subject.seed.locale.lower().replace("_", "-")
        return found == tag or found.startswith(f"{tag}-")

    return test


_WORDS: dict[str, Callable[[str], Test]] = {
    "": lambda wanted: lambda subject: has_words(subject.title, wanted) or has_words(subject.text, wanted),
    "title": lambda wanted: lambda subject: has_words(subject.title, wanted),
    "text": lambda wanted: lambda subject: has_words(subject.text, wanted),
    "author": lambda wanted: lambda subject: has_words(fold(subject.seed.author), wanted),
    "tag": lambda wanted: lambda subject: any(fold(tag) == wanted for tag in subject.seed.tags),
    "category": lambda wanted: lambda subject: fold(subject.seed.category) == wanted,
    "type": lambda wanted: lambda subject: fold(subject.seed.type) == wanted,
    "source": _of_source,
    "domain": _of_domain,
    "lang": _of_language,
    "link": lambda wanted: lambda subject: wanted in fold(subject.seed.link),
    "path": lambda wanted: lambda subject: wanted in fold(subject.path),
}

_WRITTEN: dict[str, Callable[[Subject], Iterable[str]]] = {
    "": lambda subject: (subject.seed.title, subject.written_text),
    "title": lambda subject: (subject.seed.title,),
    "text": lambda subject: (subject.written_text,),
    "author": lambda subject: (subject.seed.author,),
    "topic": lambda subject: subject.seed.topics or subject.topics,
    "tag": lambda subject: subject.seed.tags,
    "category": lambda subject: (subject.seed.category,),
    "type": lambda subject: (subject.seed.type,),
    "source": lambda subject: (subject.source, subject.domain),
    "domain": lambda subject: (subject.domain,),
    "lang": lambda subject: (subject.seed.locale,),
    "link": lambda subject: (subject.seed.link,),
    "path": lambda subject: (subject.path,),
}


def _pattern(node: Pattern) -> Test:
    import regex  # noqa: PLC0415 - 20 ms that only expressions with patterns pay

    compiled = regex.compile(node.pattern, regex.IGNORECASE if node.ignore_case else 0)
    written = _WRITTEN[node.field]

    def test(subject: Subject) -> bool:
        try:
            return any(one and compiled.search(one, timeout=PATTERN_SECONDS) is not None for one in written(subject))
        except (TimeoutError, MemoryError, RuntimeError) as error:  # it branches too much, or is too large
            raise SlowPatternError(node.pattern) from error

    return test

"""Finding items by an expression: in the index, for the owner or for everybody. Reads the index.

Everybody finds only what feeds show now, and by nothing but what feeds show: neither paths, states, categories and
types nor the bodies of seeds count, whose comments nobody was meant to read, nor a date of change that is to come.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

import msgspec

from aggregator.config.expressions import check_size
from aggregator.config.settings import Config
from aggregator.index.database import chunks, marks
from aggregator.index.files import FileRow
from aggregator.index.index import Index
from aggregator.index.search import Row
from aggregator.model.errors import AggregatorError
from aggregator.model.expression.errors import ExpressionError
from aggregator.model.expression.parser import nearest, parse_with_places
from aggregator.model.expression.tree import And, Choice, Leaf, Node, Not, Or, Pattern, Search, leaves
from aggregator.model.item_pages import shown_link
from aggregator.model.items import Seed
from aggregator.model.words import rule_words
from aggregator.normalizer import content, rules, searched
from aggregator.normalizer.matching import Matcher, SlowPatternError, Subject
from aggregator.normalizer.rule_expressions import vocabulary_of
from aggregator.normalizer.rules import Policy, Verdict
from aggregator.normalizer.searched import needed_words
from aggregator.normalizer.stored import is_in_feeds, unpack_seed, unpack_verdict, verified
from aggregator.site.catalog import Catalog
from aggregator.site.display_settings import digest

MOST_SLOW = 20
"""After so many texts in which a pattern takes too long, a search gives up."""

CHECKED_EACH = 256
"""After so many items a search asks whether it may go on; a long one counts as several."""

_USUAL_SEED = 4_096
"""How many bytes a seed has, packed, that counts as one."""

_PRIVATE_FIELDS = frozenset({"path", "category", "type", "is"})
_PRIVATE_CHOICES = frozenset({"body", "category", "excerpt", "expires", "lang", "related", "type", "updated"})
_STATES = ("published", "embargoed", "expired", "duplicate", "held")
_NONE: frozenset[str] = frozenset()
_IN = "in:"
"""Before the slug of a feed: the state of an item that is in it, as everybody's `search:` asks it."""


class FoundItem(msgspec.Struct, frozen=True, kw_only=True):
    """An item that was found.

    `id` is the one that feeds show, `published` is in seconds since 1970, `state` one of those of `is`; `detail` says
    why. `path`, `state` and `detail` are the owner's.
    """

    id: str
    title: str
    link: str
    published: int
    path: str = ""
    state: str = ""
    detail: str = ""


class Findings(NamedTuple):
    """How many items were found, the first ones (newest first), and of how many a pattern took too long.

    `hints` say what may have been meant if nothing was found; they are the owner's.
    """

    total: int
    items: tuple[FoundItem, ...]
    slow: int = 0
    hints: tuple[str, ...] = ()


def find(
    config: Config, index: Index, text: str, *, now: int, limit: int | None, everything: bool = False,
    for_everybody: bool = False, may_go_on: Callable[[], bool] = lambda: True,
) -> Findings:  # fmt: skip
    """Return the items that an expression chooses, newest first.

    Args:
        config: the config of the site.
        index: its index.
        text: the expression.
        now: seconds since 1970.
        limit: the most items that are returned, None for all; all are counted.
        everything: look at every seed that could be read, not only at what feeds show; so does an `is:` in the text.
        for_everybody: use only what feeds show.
        may_go_on: is asked now and then.

    Raises:
        ExpressionError: if the expression cannot be used.
        AggregatorError: if it takes too long.
    """
    choosing = _choosing(config, index, text, now=now, for_everybody=for_everybody)
    everything = everything or choosing.asks_for_states
    chosen = choosing.rows(only_visible=not everything, may_go_on=may_go_on)
    found = sorted((-seed.published, row.file) for row, seed in chosen)
    if limit is not None and limit < len(found):  # with those of the same second, whose order is that of their paths
        shown = [file for date, file in found if date <= found[limit - 1][0]]
    else:
        shown = [file for _, file in found]
    items = sorted(_items(index, shown, now, config.site.url), key=lambda item: (-item.published, item.path))[:limit]
    if for_everybody:
        items = [msgspec.structs.replace(item, path="", state="", detail="") for item in items]
    said = () if found or for_everybody else choosing.hints(text)
    return Findings(len(found), tuple(items), len(choosing.slow), said)


def find_newest(
    config: Config, index: Index, text: str, *, now: int, limit: int, may_go_on: Callable[[], bool]
) -> Findings:  # fmt: skip
    """Return the newest items that feeds show and that an expression of everybody chooses; see `find`.

    It ends when one more than `limit` is found, and then the total is that, since nobody has counted the others.
    """
    choosing = _choosing(config, index, text, now=now, for_everybody=True)
    found = [file for file, _ in zip(choosing.newest(may_go_on=may_go_on), range(limit + 1), strict=False)]
    items = sorted(_items(index, found[:limit], now, config.site.url), key=lambda item: (-item.published, item.path))
    public = (msgspec.structs.replace(item, path="", state="", detail="") for item in items)
    return Findings(len(found), tuple(public), len(choosing.slow))


def _choosing(config: Config, index: Index, text: str, *, now: int, for_everybody: bool) -> Choosing:
    """Return what chooses the items of an expression.

    Raises:
        ExpressionError: if the expression cannot be used.
    """
    policy = Catalog(config, index).policy
    vocabulary = vocabulary_of(policy)
    tree, places = parse_with_places(text)
    names = [query.slug for query in config.feeds_by_query] if for_everybody else list(vocabulary.searches)
    for leaf, at in zip(leaves(tree), places, strict=True):
        if mistake := _mistake(leaf, names, for_everybody=for_everybody):
            raise ExpressionError(text, at, *mistake)
    if not for_everybody:
        check_size(text, vocabulary.searches)
    matcher = Matcher(_by_feeds(tree) if for_everybody else tree, vocabulary)
    return Choosing(index, matcher, policy, vocabulary.slug_of, now, for_everybody=for_everybody)


class Choosing:
    """Chooses files of the index by a matcher."""

    def __init__(
        self, index: Index, matcher: Matcher, policy: Policy, slug_of: Callable[[str], str], now: int,
        *, for_everybody: bool = False, built_with: Policy | None = None,
    ) -> None:  # fmt: skip
        self._index, self._matcher, self._policy, self._now = index, matcher, policy, now
        self._is_public = for_everybody
        # Feeds tell topics only if they were made with these rules, or others that know the same topics.
        self._slug_of = slug_of if index.meta("policy") == digest(built_with or policy) else None
        used = {getattr(leaf, "field", "") for leaf in leaves(matcher.tree)}
        self._needs_topics = "topic" in used
        self.asks_for_states = "is" in used and not for_everybody
        # Without these, the seed alone decides.
        self._is_bare = not (self.asks_for_states or "path" in used or for_everybody or policy.promote)
        self.slow: set[int] = set()
        """The files in which a pattern took too long."""

    def rows(
        self, *, only_visible: bool, may_go_on: Callable[[], bool] = lambda: True, among: Sequence[int] | None = None
    ) -> Iterator[tuple[Row, Seed]]:  # fmt: skip
        """Yield the rows that are chosen, each with the seed that is shown; `among` are the only files to look at.

        Raises:
            AggregatorError: if it takes too long.
        """
        rows = self._index.search.rows(
            self._matcher.tree, now=self._now, only_visible=only_visible, slug_of=self._slug_of, bare=self._is_bare,
            among=among,
        )  # fmt: skip
        looked = CHECKED_EACH
        for row in rows:
            looked += 1 + len(row.seed) // _USUAL_SEED
            if looked > CHECKED_EACH:
                looked = 0
                if not may_go_on():
                    raise AggregatorError("the search takes too long (narrow it, with a topic or `age:<30d`)")
            if not self._matcher.may_hold(row.seed):
                continue
            acting, verdict = acting_seed(row.seed, None if row.rule else row.verdict)
            try:
                if self._matcher.holds(self._subject(row, acting, verdict)):
                    yield row, acting
            except SlowPatternError as error:
                self.slow.add(row.file)
                if len(self.slow) > MOST_SLOW:
                    raise AggregatorError(f"{error} in many texts (write a simpler pattern)") from error

    def newest(self, *, may_go_on: Callable[[], bool]) -> Iterator[int]:
        """Yield the files that are chosen of what feeds show, newest first.

        Raises:
            AggregatorError: if it takes too long.
        """
        words = needed_words(self._matcher.tree) if self._index.meta("words") == searched.VERSION else ()
        files = self._index.words.newest(words, self._now)
        while some := list(islice(files, CHECKED_EACH)):
            if not may_go_on():
                raise AggregatorError("the search takes too long")
            chosen = {row.file for row, _ in self.rows(only_visible=False, may_go_on=may_go_on, among=some)}
            yield from (file for file in some if file in chosen)

    def visible_files(self) -> set[int]:
        """Return the files that are chosen of what feeds show; seeds are not unpacked if the index tells alone."""
        known = self._index.search.visible_files(self._matcher.tree, now=self._now, slug_of=self._slug_of)
        return {row.file for row, _ in self.rows(only_visible=True)} if known is None else known

    def hints(self, text: str) -> tuple[str, ...]:
        """Return what may be meant by an expression that chooses nothing."""
        from aggregator.site import find_hints  # noqa: PLC0415 - only if nothing is found

        topics = {slug: name for name, slug in reversed(list(self._policy.slugs.items()))}
        for slug, name, _ in self._index.feeds.topic_names():
            topics.setdefault(slug, name)
        slug_of = vocabulary_of(self._policy).slug_of
        return tuple(find_hints.hints(list(leaves(parse_with_places(text).tree)), slug_of, topics))

    def _subject(self, row: Row, seed: Seed, verdict: Verdict | None) -> Subject:
        topics = frozenset(rules.topics_and_above(seed, self._policy)) if self._needs_topics else _NONE
        if not self._is_public:
            states = states_of(row, self._now) if self.asks_for_states else _NONE
            return Subject(seed, topics=topics, path=row.path, now=self._now, states=states)
        return public_subject(seed, verdict, topics=topics, now=self._now)


def public_subject(seed: Seed, verdict: Verdict | None, *, topics: frozenset[str], now: int) -> Subject:
    """Return an item as everybody may search it: by what feeds show."""
    feeds = frozenset(_IN + slug for slug, ends in verdict.feeds if now < ends) if verdict else _NONE
    updated = seed.published if seed.updated is None or seed.updated > now else seed.updated
    seed = msgspec.structs.replace(seed, locale=content.language(seed.locale))
    return Subject(seed, topics=topics, now=now, states=feeds, updated=max(seed.published, updated), body=False)


def acting_seed(packed: bytes, packed_verdict: bytes | None) -> tuple[Seed, Verdict | None]:
    """Return the seed that is shown, and the verdict upon it if it is accepted."""
    verdict = unpack_verdict(packed_verdict) if packed_verdict is not None else None
    seed = unpack_seed(packed)
    return (seed if verdict is None else rules.effective_seed(seed, verdict)), verdict


def states_of(row: Row | FileRow, now: int) -> frozenset[str]:
    """Return the choices of `is` that hold for a file at `now`."""
    states = {"stale"} if row.stale else set()
    if row.story is None or row.starts is None or row.ends is None:
        return frozenset(states | ({"held"} if row.rule else set()))
    if row.starts > now:
        states.add("embargoed")
    elif row.ends <= now:
        states.add("expired")
    else:
        states.add("published" if is_in_feeds(row.entries, now) else "duplicate")
    return frozenset(states)


def _mistake(leaf: Leaf, searches: list[str], *, for_everybody: bool) -> tuple[str, str] | None:
    if isinstance(leaf, Search) and leaf.name not in searches:
        meant = nearest(leaf.name, searches)
        hint = f"did you mean `search:{meant}`?" if meant else f"known: {', '.join(searches)}"
        hint = hint if searches else "none is known; name one under `searches` in the config"
        return f"there is no search `{leaf.name}`", hint
    if for_everybody:
        if isinstance(leaf, Pattern):
            return "a pattern is only for the owner of the site", "write words or a phrase"
        field = getattr(leaf, "field", "")
        if field in _PRIVATE_FIELDS or (isinstance(leaf, Choice) and leaf.value in _PRIVATE_CHOICES):
            return "only the owner of the site may ask this", "remove it"
    return None


def _by_feeds(node: Node) -> Node:
    """Return a tree that asks for the feed of a search instead of what it says, which may be private."""
    if isinstance(node, Search):
        return Choice("is", _IN + node.name)
    if isinstance(node, Not):
        return Not(_by_feeds(node.part))
    if isinstance(node, And | Or):
        return type(node)(tuple(map(_by_feeds, node.parts)))
    return node


def newest_items(
    index: Index, files: Collection[int], *, now: int, limit: int, site: str
) -> tuple[FoundItem, ...]:  # fmt: skip
    """Return the newest of some files as they are listed, at most `limit`; `site` is the URL of the site."""
    newest = index.search.newest(files, limit)
    return tuple(sorted(_items(index, newest, now, site), key=lambda item: (-item.published, item.path)))


def _items(index: Index, files: Sequence[int], now: int, site: str) -> Iterator[FoundItem]:
    """Yield files as they are listed, in no order; here their seeds are checked."""
    for some in chunks(files):
        rows = list(index.files.where(f"file IN ({marks(some)})", some))
        seeds = index.files.seeds(some)
        stories = index.stories.get([row.story for row in rows if row.story is not None])
        copies, hidden = index.copies.originals(some), index.coverage.hidden(some)
        for row in rows:
            acting, _ = acting_seed(verified(seeds[row.file], row.content), None if row.rule else row.verdict)
            states = states_of(row, now)
            id = stories[row.story].id if row.story is not None else acting.id or acting.link  # noqa: A001 - as the field
            shown = index.stories.public_id(id)
            beside = "story" if row.file in hidden else "copy" if row.file in copies else ""
            detail = f"{rule_words(beside, 1)} (rule: {beside})" if beside and "duplicate" in states else ""
            yield FoundItem(
                id=shown, title=acting.title, link=shown_link(shown, acting.link, acting.published, site),
                published=acting.published, path=row.path,
                state=next((one for one in _STATES if one in states), ""),
                detail=f"{row.detail} (rule: {row.rule})" if row.rule else detail,
            )  # fmt: skip

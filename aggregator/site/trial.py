"""What a change of rules or feeds by query would bring and take away, feed by feed, before it counts. Changes nothing.

Reads the index: seeds as the last build has them. Only those are decided upon again that the change may concern.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import closing
from itertools import islice
from typing import Literal, NamedTuple

import msgspec

from aggregator.config import parsers
from aggregator.config.expressions import check_size, check_use, searches_of, where_tree
from aggregator.config.settings import Config, FeedSettings, Query, Rules, Where
from aggregator.index.database import chunks, marks
from aggregator.index.files import FileRow
from aggregator.index.index import Index
from aggregator.model.errors import AggregatorError
from aggregator.model.expression.errors import ExpressionError
from aggregator.model.expression.parser import parse
from aggregator.model.expression.printer import between_slashes
from aggregator.model.expression.tree import Choice, Node, Not, Or, Pattern, Range, Words
from aggregator.model.feeds import SITE_FEED
from aggregator.model.slugs import with_topic_suffix
from aggregator.normalizer import identity, rules
from aggregator.normalizer.matching import Matcher
from aggregator.normalizer.rule_expressions import vocabulary_of
from aggregator.normalizer.rules import Policy, Verdict
from aggregator.normalizer.stored import feeds_showing, unpack_seed, unpack_verdict
from aggregator.site.catalog import Catalog
from aggregator.site.display_settings import digest
from aggregator.site.find import Choosing, FoundItem, newest_items

NOTHING = Or(())
"""The tree that chooses nothing."""


class FeedTrial(msgspec.Struct, frozen=True, kw_only=True):
    """How a feed would change: how many items it holds now, how many would come and go, and the newest of these."""

    slug: str
    now: int
    come: int
    go: int
    coming: tuple[FoundItem, ...] = ()
    going: tuple[FoundItem, ...] = ()


class _Change(NamedTuple):
    """The files that come to a feed and go from it."""

    come: set[int]
    go: set[int]


def with_expression(config: Config, text: str, use: str) -> Config:
    """Return a config in which an expression counts: as one more that `block`s, or `allow`s, or for the feed `use`.

    A feed that exists holds what the expression chooses instead; else there is a new one.
    """
    rules = config.rules
    if use == "block":
        matched = f"({rules.block.match}) OR ({text})" if rules.block.match else text
        block = msgspec.structs.replace(rules.block, match=matched)
        return msgspec.structs.replace(config, rules=msgspec.structs.replace(rules, block=block))
    if use == "allow":
        matched = f"({rules.allow.match}) ({text})" if rules.allow.match else text
        allow = msgspec.structs.replace(rules.allow, match=matched)
        return msgspec.structs.replace(config, rules=msgspec.structs.replace(rules, allow=allow))
    others = [query for query in config.feeds_by_query if query.slug != use]
    made = Query(slug=use, title=use, where=Where(match=text))
    return msgspec.structs.replace(config, feeds_by_query=(*others, made))


def try_config(
    index: Index, config: Config, tried: Config, *, expression: str, use: str, now: int, limit: int
) -> list[FeedTrial]:  # fmt: skip
    """Return the feeds that would change if a site had another config, or its own with an expression.

    Args:
        index: the index of the site.
        config: the config of the site.
        tried: the config that is tried.
        expression: if not "", it counts in the tried config too, as `use` says (`with_expression`).
        use: "block", "allow" or the slug of a feed.
        now: seconds since 1970.
        limit: the most items that are listed for a feed each way.

    Raises:
        ExpressionError: if the expression cannot be used so.
        AggregatorError: if there cannot be such a feed.
    """
    if expression:
        _check(index, tried, expression, use)
        tried = with_expression(tried, expression, use)
    old, new = Catalog(config, index).policy, Catalog(tried, index).policy
    # What the index holds was decided by other rules if the config was changed since.
    is_built = index.meta("policy") == digest(old)
    trying = _Trying(index, old if is_built else None, new, now)
    has_groups = {old.copies, old.stories, new.copies, new.stories} != {"off"}
    changes = trying.rehearsed(tried.feed, tried.site.url) if has_groups else trying.changes()
    site = config.site.url
    return [
        FeedTrial(
            slug=slug, now=len(index.search.in_feed(slug, now)), come=len(change.come), go=len(change.go),
            coming=newest_items(index, change.come, now=now, limit=limit, site=site),
            going=newest_items(index, change.go, now=now, limit=limit, site=site),
        )
        for slug, change in sorted(changes.items())
        if change.come or change.go
    ]  # fmt: skip


def _check(index: Index, config: Config, expression: str, use: str) -> None:
    role: Literal["block", "allow", "where"] = "block" if use == "block" else "allow" if use == "allow" else "where"
    if role == "where":
        try:
            parsers.slug(use)
        except ValueError as error:
            raise AggregatorError(f"--as {use}: {error.args[0]} ({error.args[1]})") from error
        if use not in {query.slug for query in config.feeds_by_query} and use in index.feeds.by_slug():
            raise AggregatorError(f"--as {use}: this is the feed of a topic (name a feed by query, or a new one)")
    check_use(expression, role, searches_of(config), name=use if role == "where" else "")
    tried = with_expression(config, expression, use).rules
    try:
        for joined in filter(None, (tried.block.match, tried.allow.match)):
            check_size(joined, searches_of(config))
    except ExpressionError as error:
        raise AggregatorError(
            f"together with the expression of `rules.{use}`: {error.reason} ({error.hint})"
        ) from error


def batches(rows: Iterable[FileRow]) -> Iterator[list[FileRow]]:
    """Cut rows into lists of a few hundred."""
    rest = iter(rows)
    while some := list(islice(rest, 500)):
        yield some


class _Trying:
    """Compares what feeds show at `now` with what they would show by another policy; `old` is None if unknown."""

    def __init__(self, index: Index, old: Policy | None, new: Policy, now: int) -> None:
        self._index, self._old, self._new, self._now = index, old, new, now
        self._slugs = {row.feed: slug for slug, row in index.feeds.by_slug().items()}
        self._changes: dict[str, _Change] = {}

    def changes(self) -> dict[str, _Change]:
        old, new = self._old, self._new
        changed = None if old is None else changed_rules(old, new, self._slugs.values())
        if old is None or changed is None:
            self._note(self._decided(self._rows("1", ())))
            return self._changes
        held, fails = changed
        # What is shown goes if it fails now; what was held back by a rule that changed, or had its time, may come.
        gone = self._chosen(fails) if fails != NOTHING else set()
        may_come = [*self._rows(f"rule IN ({marks(held)})", held)]
        if "window" in held:
            may_come += self._rows("story IS NOT NULL AND ends <= ?", (self._now,))
        decided = self._decided(may_come)
        shared = self._told_by_several(gone, {one.story for one in decided})
        chosen = (row for some in chunks(sorted(shared)) for row in self._rows(f"file IN ({marks(some)})", some))
        decided += self._decided(chosen)
        self._compare_queries(except_for=gone | {one.row.file for one in decided})
        for slug, files in self._index.search.feeds_of(gone - shared, self._now).items():
            self._changes.setdefault(slug, _Change(set(), set())).go.update(files)
        self._note(decided)
        return self._changes

    def rehearsed(self, settings: FeedSettings, site: str) -> dict[str, _Change]:
        """Return the changes by taking a turn with the new rules on a copy of the index in memory.

        Only so it is known who stands for copies and stories then. The rules are applied to what they may concern.
        """
        from aggregator.index.intake import Intake  # noqa: PLC0415 - few sites look for copies or stories

        with closing(self._index.in_memory()) as copy:
            with copy.transaction():
                intake = Intake(copy, policy=self._new, settings=settings, now=self._now, keepalive=bool, site=site)
                concerned = self._concerned()
                if concerned is None:
                    intake.reapply_rules()
                else:
                    intake.reapply_rules_to(sorted(concerned))
                intake.finish()
            for slug in self._index.feeds.by_slug().keys() | copy.feeds.by_slug().keys():
                self._note_feed(slug, copy)
        return self._changes

    def _note_feed(self, slug: str, after: Index) -> None:
        """Note the items that come to a feed and go from it: another file that shows one is no change."""
        before = {story: file for file, story in self._stories_in(self._index, slug)}
        then = {story: file for file, story in self._stories_in(after, slug)}
        come = {file for story, file in then.items() if story not in before}
        self._changes[slug] = _Change(come, {file for story, file in before.items() if story not in then})

    def _stories_in(self, index: Index, slug: str) -> Iterator[tuple[int, int]]:
        return index.search.stories_of(index.search.in_feed(slug, self._now))

    def _concerned(self) -> set[int] | None:
        """Return the files upon which the new rules may decide otherwise, None if that may be any."""
        old, new = self._old, self._new
        changed = None if old is None else changed_rules(old, new, self._slugs.values())
        if old is None or changed is None:
            return None
        held, fails = changed
        found = self._chosen(fails) if fails != NOTHING else set[int]()
        rows = [*self._rows(f"rule IN ({marks(held)})", held)]
        if "window" in held:
            rows += self._rows("story IS NOT NULL AND ends <= ?", (self._now,))
        # What others stand for may step in, and is not among what is shown.
        shown = self._index.search.in_feed(SITE_FEED, self._now)
        rows += (row for row in self._rows("story IS NOT NULL", ()) if row.file not in shown)
        found |= {row.file for some in batches(rows) for row in self._decided_otherwise(some)}
        before = {query.slug: query.where for query in old.queries}
        after = {query.slug: query.where for query in new.queries}
        for slug in before.keys() | after.keys():
            if before.get(slug) != after.get(slug):
                chosen = self._chosen(where_tree(after[slug])) if slug in after else set[int]()
                found |= chosen ^ self._index.search.in_feed(slug, self._now)
        return found

    def _decided_otherwise(self, rows: Sequence[FileRow]) -> Iterator[FileRow]:
        """Yield the files of which the new rules say something else than the index."""
        seeds = self._index.files.seeds([row.file for row in rows])
        for row in rows:
            before = msgspec.structs.replace(unpack_verdict(row.verdict), copies=(), coverage=())
            if rules.decide(unpack_seed(seeds[row.file]), self._new, row.path) != before:
                yield row

    def _told_by_several(self, files: Collection[int], joined: Collection[int]) -> set[int]:
        """Return those of `files` whose story others tell too, or will (`joined`): one may be shown instead."""
        rows = dict(self._index.search.stories_of(files))
        several = self._index.stories.with_others(sorted(set(rows.values()))) | set(joined)
        return {file for file, story in rows.items() if story in several}

    def _rows(self, condition: str, values: Sequence[object]) -> Iterator[FileRow]:
        return (row for row in self._index.files.where(condition, values) if row.verdict is not None)

    def _chosen(self, tree: Node) -> set[int]:
        """Return the files that a tree chooses of what is shown now, and those in which a pattern takes too long."""
        vocabulary = vocabulary_of(self._new)
        choosing = Choosing(
            self._index, Matcher(tree, vocabulary), self._new, vocabulary.slug_of, self._now, built_with=self._old
        )
        return choosing.visible_files() | choosing.slow

    def _compare_queries(self, *, except_for: set[int]) -> None:
        """Compare the feeds by query whose conditions differ, among what is shown, leaving out some files."""
        assert self._old is not None
        old = {query.slug: query.where for query in self._old.queries}
        new = {query.slug: query.where for query in self._new.queries}
        for slug in sorted(old.keys() | new.keys()):
            if old.get(slug) == new.get(slug):
                continue
            before, after = self._index.search.in_feed(slug, self._now), set[int]()
            if slug in new:
                after = self._chosen(where_tree(new[slug]))
            self._changes[slug] = _Change(after - before - except_for, before - after - except_for)

    def _decided(self, rows: Iterable[FileRow]) -> list[_Decided]:
        """Return what the new rules say of files."""
        decided: list[_Decided] = []
        for some in batches(rows):
            seeds = self._index.files.seeds([row.file for row in some])
            decided += [self._decide(row, seeds[row.file]) for row in some]
        return decided

    def _note(self, decided: Iterable[_Decided]) -> None:
        """Note in which feeds the stories of files come and go."""
        stories: dict[int, dict[int, _Decided]] = {}
        for one in decided:
            if one.row.story is not None or not one.verdict.rule:
                stories.setdefault(one.story, {})[one.row.file] = one
        # Others may tell the story too: a file that was held back joins those that have its links.
        joined = (story for story, told in stories.items() if any(one.row.story is None for one in told.values()))
        known = [story for story in stories if story > 0]
        shared = sorted({*self._index.stories.with_others(known), *(story for story in joined if story > 0)})
        for some in chunks(shared):
            others = [row for row in self._rows(f"story IN ({marks(some)})", some) if row.story is not None]
            for one in self._decided(others):
                stories[one.story].setdefault(one.row.file, one)
        for told in stories.values():
            self._compare(tuple(told.values()))

    def _decide(self, row: FileRow, packed: bytes) -> _Decided:
        seed = unpack_seed(packed)
        verdict = rules.decide(seed, self._new, row.path)
        if row.story is not None or verdict.rule:
            return _Decided(row, verdict, row.story or 0)
        numbers = [identity.key_number(key) for key in identity.keys(rules.effective_seed(seed, verdict))]
        found = self._index.stories.by_key(numbers)
        return _Decided(row, verdict, next((found[key] for key in numbers if key in found), -abs(numbers[0])))

    def _compare(self, told: Sequence[_Decided]) -> None:
        """Note the feeds to which a story comes and from which it goes; another file that shows it is no change."""
        before: dict[str, int] = {}
        for one in told:
            before |= {self._slugs[feed]: one.row.file for feed in feeds_showing(one.row.entries, self._now)}
        after = dict(self._shown(told))
        for slug in before.keys() - after.keys():
            self._changes.setdefault(slug, _Change(set(), set())).go.add(before[slug])
        for slug in after.keys() - before.keys():
            self._changes.setdefault(slug, _Change(set(), set())).come.add(after[slug])

    def _shown(self, told: Sequence[_Decided]) -> Iterator[tuple[str, int]]:
        """Yield the feeds that would show a story now, each with the file that stands for it."""
        accepted = {one.row.file: one for one in told if not one.verdict.rule}
        shares = identity.shares(_candidate(one) for one in accepted.values()) if accepted else []
        for share in shares:
            if share.starts <= self._now < share.ends:
                verdict = accepted[share.file].verdict
                yield from ((slug, share.file) for slug, ends in verdict.feeds if verdict.starts <= self._now < ends)


class _Decided(NamedTuple):
    """A file, the verdict of the new rules upon it, and its story (0: it has none)."""

    row: FileRow
    verdict: Verdict
    story: int


def _candidate(one: _Decided) -> identity.Candidate:
    verdict = one.verdict
    newest = max(verdict.published, verdict.updated or verdict.published)
    return identity.Candidate(one.row.file, one.row.path, newest, verdict.quality or 0, verdict.starts, verdict.ends)


def changed_rules(old: Policy, new: Policy, known: Collection[str]) -> tuple[tuple[str, ...], Node] | None:
    """Return the rules that differ, and a tree of what is shown by the old ones and fails the new ones.

    None if that cannot be told: then every seed must be decided upon again. `known` are the slugs of all feeds: if
    topics have a slug that is taken now, or was, they get another one.
    """
    added, removed = set(new.taken) - set(old.taken), set(old.taken) - set(new.taken)
    if not added.union(map(with_topic_suffix, removed)).isdisjoint(known):
        return None
    if new.promote or _beside_rules(old) != _beside_rules(new):
        return None
    if old.searches != new.searches and (old.expressions or new.expressions):
        return None  # a search may be a part of any rule
    held, fails = [], list[Node]()
    for (rule, before, _), (_, after, tree) in zip(_parts(old.rules), _parts(new.rules), strict=True):
        if before == after:
            continue
        if any(not name.isascii() for name in (*before, *after) if isinstance(name, str)) and rule in _NAMES:
            return None  # rules compare names with their accents, and expressions without
        held += [rule, "window"] if rule == "match" else [rule]
        fails.append(tree)
    tree = NOTHING if not fails else fails[0] if len(fails) == 1 else Or(tuple(fails))
    return tuple(dict.fromkeys(held)), tree


_NAMES = frozenset({"provider", "type"})
_Part = tuple[str, tuple[object, ...], Node]


def _parts(rules: Rules) -> Iterator[_Part]:
    """Yield the rules: name, values, and a tree of what fails them."""
    block, allow = rules.block, rules.allow
    low = NOTHING if rules.min_quality is None else _below("quality", rules.min_quality)
    none = (Not(Choice("has", "quality")),) if rules.require_quality else ()
    yield "quality", (rules.min_quality, rules.require_quality), Or((low, *none))
    yield "heat", (rules.min_heat,), NOTHING if rules.min_heat is None else _below("heat", rules.min_heat)
    yield "provider", block.providers, _any("source", block.providers)
    yield "provider", allow.providers, _unless(allow.providers, _any("source", allow.providers))
    yield "type", block.types, _any("type", block.types)
    yield "type", allow.types, _unless(allow.types, _any("type", allow.types))
    yield "title", block.titles, _any_pattern(block.titles)
    yield "title", allow.titles, _unless(allow.titles, _any_pattern(allow.titles))
    yield "match", (block.match,), parse(block.match) if block.match else NOTHING
    yield "match", (allow.match,), Not(parse(allow.match)) if allow.match else NOTHING
    yield "window", (rules.max_age,), NOTHING if rules.max_age is None else Range("age", rules.max_age, None)


def _below(field: str, least: int) -> Node:
    return Range(field, None, least - 1)


def _any(field: str, names: tuple[str, ...]) -> Node:
    return Or(tuple(Words(field, name) for name in names))


def _any_pattern(patterns: tuple[str, ...]) -> Node:
    return Or(tuple(Pattern("title", between_slashes(pattern)) for pattern in patterns))


def _unless(given: tuple[str, ...], tree: Node) -> Node:
    return Not(tree) if given else NOTHING


def _beside_rules(policy: Policy) -> Policy:
    """Return a policy without what is compared apart: its rules, searches and queries, and the slugs of these."""
    return msgspec.structs.replace(policy, rules=Rules(), searches=(), queries=(), taken=())

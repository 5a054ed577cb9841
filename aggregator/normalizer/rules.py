"""The rules: which one holds a seed back, or in which feeds it is, from when to when. Pure.

The rules in their order; the first that a seed fails is the reason:

    readable, valid   decided before this module (a `Rejection`)
    state             `published: false`, `removed: true`, `deleted: true`
    quality           below `min_quality`; a seed without quality fails only with `require_quality`
    heat              below `min_heat`; a seed without heat passes
    provider          blocked, or not allowed
    type              blocked, or not allowed
    title             matches a blocked pattern, or no allowed one
    match             satisfies the expression of `rules.block`, or not that of `rules.allow`
    window            embargo (`publishedDateTime`), `expires`, `max_age`: time alone opens and closes the window
    duplicate         another seed of the same story represents it (`identity.shares`)

With `related: promote`, the best related item that passes the rules replaces a seed that fails one of the rules from
state (only `published: false`) to title. Nothing replaces a seed that was removed or deleted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property, lru_cache, partial
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

import msgspec

from aggregator.config.settings import (
    TOPIC_FIELDS,
    Config,
    Match,
    Query,
    Rules,
    Score,
    Topic,
    Where,
    taken_slugs,
)
from aggregator.model.feeds import NAMED_FEEDS, SITE_FEED
from aggregator.model.items import FOREVER, Copy, Related, Seed
from aggregator.model.scripts import NO_SPACES, UNSPACED
from aggregator.model.slugs import (
    composed,
    folded,
    free_topic_slug,
    names_of,
    prefixed_slug,
    slug_of,
    with_topic_suffix,
)
from aggregator.normalizer import links, text
from aggregator.normalizer.topic_slugs import Row, remembered_slugs
from aggregator.renderer.topic_tree import ancestor_slugs

if TYPE_CHECKING:
    from aggregator.normalizer.rule_expressions import RuleExpressions

PATTERN_SECONDS = 0.05
"""How many seconds a title pattern may search in a title."""

_REPLACEABLE = frozenset({"state", "quality", "heat", "provider", "type", "title", "match"})
_WORD_BEGINS, _WORD_ENDS = rf"(?<![^\W{NO_SPACES}])", rf"(?![^\W{NO_SPACES}])"
_slug_of = lru_cache(maxsize=4096)(slug_of)


class Verdict(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """What the rules decide upon a seed.

    `rule` is the one that holds it back ("" = none), `detail` says why. Otherwise the seed may be shown in
    [starts, ends). `feeds` are pairs of a slug and the end of the window in that feed; `topics` are pairs of a slug and
    the name that the seed used. `stand_in` is the index of the related item that replaces the seed (-1 = none).
    `names` are the names of which its feeds by name are made, each after the slug. `copies` are those that are listed
    with it now, `coverage` other texts on the same event; the index finds both. The other fields are those of the seed
    that is shown (`effective_seed`).
    """

    rule: str = ""
    detail: str = ""
    starts: int = 0
    ends: int = 0
    topics: tuple[tuple[str, str], ...] = ()
    feeds: tuple[tuple[str, int], ...] = ()
    stand_in: int = -1
    published: int = 0
    updated: int | None = None
    quality: int | None = None
    link: str = ""
    id: str = ""
    names: tuple[tuple[str, str], ...] = ()
    copies: tuple[Copy, ...] = ()
    coverage: tuple[Related, ...] = ()


class Policy(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, dict=True):
    """What decides upon seeds: rules, queries and topics, prepared, and cheap to pass to a worker.

    `host` is that of the site, for ids that are no URIs. `named` is what the slugs of the wanted feeds by name
    begin with. `searches` are pairs of a name and an expression, for `search:NAME`. `score` decides nothing, but sorts
    feeds. `taken` are the slugs of feeds and folders that are no topic's. `copies` and `stories` are what becomes of
    these; their defaults leave the digest of a policy as it was.
    """

    rules: Rules
    queries: tuple[Query, ...]
    promote: bool
    slugs: Mapping[str, str]
    ancestors: Mapping[str, tuple[str, ...]]
    keywords: tuple[tuple[str, str], ...]
    taken: tuple[str, ...] = ()
    host: str = ""
    named: tuple[str, ...] = ()
    searches: tuple[tuple[str, str], ...] = ()
    score: Score = Score()
    copies: Literal["fold", "list", "off"] = "off"
    stories: Literal["relate", "one", "off"] = "off"

    @cached_property
    def expressions(self) -> RuleExpressions | None:
        """The expressions of rules and queries, None if there are none."""
        if not (self.rules.block.match or self.rules.allow.match or any(one.where.match for one in self.queries)):
            return None
        from aggregator.normalizer.rule_expressions import RuleExpressions  # noqa: PLC0415 - few configs have any

        return RuleExpressions(self)


def policy_of(config: Config, names: Iterable[Row] = ()) -> Policy:
    """Return the policy of `config`; `names` are the topic names that seeds have used, with the slugs that they had."""
    slugs = remembered_slugs(names, partial(final_slug, config)) | configured_slugs(config)
    return Policy(
        rules=config.rules,
        queries=tuple(_with_slugs(query, slugs, config) for query in config.feeds_by_query),
        promote=config.related == "promote",
        slugs=slugs,
        ancestors=_ancestors(config.topics),
        keywords=_keyword_patterns(config.topics) if config.topic_settings.from_keywords else (),
        taken=tuple(sorted(taken_slugs(config))),
        searches=tuple(config.searches.items()),
        score=config.score,
        host=urlsplit(config.site.url).hostname or "",
        named=tuple(config.feed.named),
        copies=config.stories.copies,
        stories=config.stories.stories,
    )


def configured_slugs(config: Config) -> dict[str, str]:
    """Return the slugs of the config's topics by their names, shortnames and slugs, folded."""
    return names_of((topic.slug, topic.name, topic.shortname) for topic in config.topics)


def final_slug(config: Config, slug: str) -> str:
    """Return the slug of a topic's feed: `slug`, or another one if the site or a query has that."""
    slug = free_topic_slug(slug, config.feed.named)
    return with_topic_suffix(slug) if slug in taken_slugs(config) else slug


def _with_slugs(query: Query, slugs: Mapping[str, str], config: Config) -> Query:
    """Return a query with the slugs that its topics have now."""
    where = query.where
    if not any(name in slugs for _, _, name in where.topic_names):
        return query
    renamed = {}
    for field in TOPIC_FIELDS:
        now: dict[str, list[str]] = {}
        for _, before, name in (one for one in where.topic_names if one[0] == field):
            now.setdefault(before, []).append(final_slug(config, slugs[name]) if name in slugs else before)
        found = (slug for before in getattr(where, field) for slug in now.get(before, [before]))
        renamed[field] = tuple(dict.fromkeys(found))
    return msgspec.structs.replace(query, where=msgspec.structs.replace(where, **renamed))


def decide(seed: Seed, policy: Policy, path: str = "") -> Verdict:
    """Return the verdict of the rules upon `seed`, which lies at `path`."""
    failed = _failed(seed, policy, path)
    if failed is None:
        return _accepted(seed, policy, seed.published, path)
    rule, detail = failed
    if policy.promote and rule in _REPLACEABLE and not (seed.removed or seed.deleted):
        for index in sorted(range(len(seed.related)), key=lambda index: -_score(seed.related[index].quality)):
            other = stand_in(seed, index)
            starts = max(seed.published, other.published)
            if _failed(other, policy, path) is None and starts < _end_of_all(other, policy, path):
                verdict = _accepted(other, policy, starts, path)
                return msgspec.structs.replace(verdict, detail=detail, stand_in=index)
    return Verdict(rule=rule, detail=detail)


def effective_seed(seed: Seed, verdict: Verdict) -> Seed:
    """Return the seed that is shown: `seed` itself, or the related item that replaces it."""
    return seed if verdict.stand_in < 0 else stand_in(seed, verdict.stand_in)


def stand_in(seed: Seed, index: int) -> Seed:
    """Return a related item as a seed: with its own text, link and quality, and the topics and expiry of `seed`."""
    one: Related = seed.related[index]
    return Seed(
        title=one.title, link=one.link, aliases=one.aliases, excerpt=one.excerpt, type=one.type or seed.type,
        published=seed.published if one.published is None else one.published, expires=seed.expires, quality=one.quality,
        topics=seed.topics, category=seed.category, locale=seed.locale, provider=one.provider, images=one.images,
        related=tuple(other for other in seed.related if other is not one),
    )  # fmt: skip


def topics_of(seed: Seed, policy: Policy) -> tuple[tuple[str, str], ...]:
    """Return the topics of `seed` as pairs of slug and name: those that it names, else those found by keyword."""
    if seed.topics or not policy.keywords:
        return tuple(dict.fromkeys((slug_for(name, policy), name) for name in seed.topics))
    words = composed(f"{seed.title} {text.plain(seed.excerpt)} {' '.join(seed.tags)}")
    return tuple((slug, "") for slug, pattern in policy.keywords if _pattern(pattern).search(words))


def slug_for(name: str, policy: Policy) -> str:
    """Return the slug of the topic `name`: the config's, else one made from the name; never that of another feed."""
    slug = free_topic_slug(policy.slugs.get(folded(name)) or _slug_of(name), policy.named)
    return with_topic_suffix(slug) if slug in policy.taken else slug


def matches_provider(patterns: Iterable[str], seed: Seed) -> str:
    """Return the first of `patterns` that matches the source, or "": a host name (with its subdomains) or a name."""
    domain = (seed.provider and seed.provider.domain) or links.host_of(seed.link)
    name = folded(seed.provider.name) if seed.provider else ""
    for pattern in patterns:
        wanted = folded(pattern).removeprefix("www.")
        if wanted in {domain, name} or domain.endswith(f".{wanted}"):
            return pattern
    return ""


def topics_and_above(seed: Seed, policy: Policy) -> dict[str, None]:
    """Return the slugs of a seed's topics and of those above them, as keys in this order."""
    return _with_ancestors(topics_of(seed, policy), policy)


def _with_ancestors(topics: Iterable[tuple[str, str]], policy: Policy) -> dict[str, None]:
    slugs = dict.fromkeys(slug for slug, _ in topics)
    for slug in tuple(slugs):
        slugs.update(dict.fromkeys(policy.ancestors.get(slug, ())))
    return slugs


def _failed(seed: Seed, policy: Policy, path: str) -> tuple[str, str] | None:
    rules = policy.rules
    if not seed.is_published or seed.removed or seed.deleted:
        held = f"`{seed.held_by}` holds it back" if seed.held_by else "published: false"
        return "state", "deleted: true" if seed.deleted else "removed: true" if seed.removed else held
    if seed.quality is None:
        if rules.require_quality:
            return "quality", "no quality, and require_quality is on"
    elif rules.min_quality is not None and seed.quality < rules.min_quality:
        return "quality", f"quality {seed.quality} is below min_quality {rules.min_quality}"
    if rules.min_heat is not None and seed.heat is not None and seed.heat < rules.min_heat:
        return "heat", f"heat {seed.heat} is below min_heat {rules.min_heat}"
    return (
        _blocked(seed, rules.block) or _not_allowed(seed, rules.allow) or _mismatched(seed, policy, path)
        or _never_visible(seed, policy, path)
    )  # fmt: skip


def _blocked(seed: Seed, block: Match) -> tuple[str, str] | None:
    if block.providers and (found := matches_provider(block.providers, seed)):
        return "provider", f"its provider is blocked by {found!r}"
    if block.types and folded(seed.type) in map(folded, block.types):
        return "type", f"type {seed.type!r} is blocked"
    for pattern in block.titles:
        if (found_title := _title_matches(pattern, seed.title)) is not False:
            return "title", f"its title {'matches' if found_title else 'takes too long to compare with'} {pattern!r}"
    return None


def _not_allowed(seed: Seed, allow: Match) -> tuple[str, str] | None:
    if allow.providers and not matches_provider(allow.providers, seed):
        return "provider", "its provider is not among those allowed"
    if allow.types and folded(seed.type) not in map(folded, allow.types):
        return "type", f"type {seed.type!r} is not among those allowed"
    if allow.titles and not any(_title_matches(pattern, seed.title) for pattern in allow.titles):
        return "title", "its title matches none of the allowed patterns"
    return None


def _mismatched(seed: Seed, policy: Policy, path: str) -> tuple[str, str] | None:
    detail = policy.expressions.held_back(seed, path) if policy.expressions is not None else ""
    return ("match", detail) if detail else None


def _never_visible(seed: Seed, policy: Policy, path: str) -> tuple[str, str] | None:
    if _end_of_all(seed, policy, path) <= seed.published:
        return "window", "it expires before it appears"
    return None


def _accepted(seed: Seed, policy: Policy, starts: int, path: str) -> Verdict:
    ends = _end_of_all(seed, policy, path)
    topics = topics_of(seed, policy)
    slugs = _with_ancestors(topics, policy)
    feeds = [(SITE_FEED, ends), *((slug, ends) for slug in slugs)]
    feeds += (
        (query.slug, min(ends, query_end(seed, query, policy, path)))
        for query in policy.queries
        if not unmet_query(seed, query, slugs, policy, path)
    )
    names = tuple(named_feeds(seed, policy.named)) if policy.named else ()
    feeds += ((slug, ends) for slug, _ in names)
    return Verdict(
        starts=starts, ends=ends, topics=topics, feeds=tuple(feeds), published=seed.published, updated=seed.updated,
        quality=seed.quality, link=seed.link, id=seed.id, names=names,
    )  # fmt: skip


def _end_of_all(seed: Seed, policy: Policy, path: str) -> int:
    ends = _end(seed, policy.rules.max_age)
    return ends if policy.expressions is None else min(ends, policy.expressions.end(seed, path))


def last_ages(policy: Policy) -> frozenset[int]:
    """Return the ages, in seconds, at which the rules take an item out of all feeds, by `max_age` or an expression."""
    ages = policy.expressions.ages if policy.expressions is not None else set()
    return frozenset(ages if policy.rules.max_age is None else {*ages, policy.rules.max_age})


def query_end(seed: Seed, query: Query, policy: Policy, path: str) -> int:
    """Return until when the feed of a query may show a seed that meets its conditions (seconds since 1970)."""
    ends = _end(seed, query.where.max_age)
    if policy.expressions is None or not query.where.match:
        return ends
    return min(ends, policy.expressions.query_end(seed, query.slug, path))


def named_feeds(seed: Seed, prefixes: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield slug and name of each feed that the names in a seed make, for the kinds with these prefixes; once each."""
    found: dict[str, str] = {}
    for kind, prefix in NAMED_FEEDS.items():
        for name in _names_in(seed, kind) if prefix in prefixes else ():
            found.setdefault(prefixed_slug(prefix, name), name)
    yield from found.items()


def _names_in(seed: Seed, kind: str) -> Iterable[str]:
    if kind == "tags":
        return seed.tags
    if kind == "authors":
        names = [one.name for one in seed.authors if one.name]
        return names if seed.authors else [seed.author] if seed.author else ()
    source, provider = seed.source, seed.provider
    name = source.title or links.host_of(source.link or source.url) if source else ""
    name = name or (provider.name or provider.domain if provider else "")
    return (name,) if name else ()


def _end(seed: Seed, max_age: int | None) -> int:
    expires = FOREVER if seed.expires is None else seed.expires
    too_old = FOREVER if max_age is None else seed.published + max_age
    return expires if too_old > text.LAST_SECOND else min(expires, too_old)


def unmet_query(seed: Seed, query: Query, slugs: Iterable[str], policy: Policy, path: str) -> str:
    """Return the first condition of a query that `seed` does not meet, or ""; see `unmet_condition`."""
    unmet = unmet_condition(seed, query.where, slugs)
    if unmet or not query.where.match or policy.expressions is None:
        return unmet
    return policy.expressions.unmet(seed, query.slug, path)


def unmet_condition(seed: Seed, where: Where, slugs: Iterable[str]) -> str:
    """Return the first condition of a feed's query that `seed` does not meet, or "".

    A seed without a score fails a condition on it. `slugs` are the topics of the seed and those above them.
    """
    return next(_unmet(seed, where, set(slugs)), "")


def _unmet(seed: Seed, where: Where, slugs: set[str]) -> Iterator[str]:
    """Yield the conditions that fail: one by one, so that nothing is compared after the first."""
    if where.any_topics and slugs.isdisjoint(where.any_topics):
        yield "it has none of any_topics"
    if not slugs.issuperset(where.all_topics):
        yield "it lacks one of all_topics"
    if not slugs.isdisjoint(where.not_topics):
        yield "it has one of not_topics"
    if where.providers and not matches_provider(where.providers, seed):
        yield "its provider is not among providers"
    if matches_provider(where.not_providers, seed):
        yield "its provider is among not_providers"
    if where.types and folded(seed.type) not in map(folded, where.types):
        yield "its type is not among types"
    if _below(seed.quality, where.min_quality):
        yield f"{_score_in_words('quality', seed.quality)}, min_quality is {where.min_quality}"
    if _below(seed.heat, where.min_heat):
        yield f"{_score_in_words('heat', seed.heat)}, min_heat is {where.min_heat}"
    if where.title and _title_matches(where.title, seed.title) is not True:
        yield "its title does not match"


def _below(score: int | None, least: int | None) -> bool:
    return least is not None and (score is None or score < least)


def _score_in_words(name: str, score: int | None) -> str:
    return f"it has no {name}" if score is None else f"its {name} is {score}"


def _score(quality: int | None) -> int:
    return -(2**63) if quality is None else quality


def _ancestors(topics: tuple[Topic, ...]) -> dict[str, tuple[str, ...]]:
    parents = {topic.slug: topic.parent for topic in topics}
    return {slug: ancestor_slugs(slug, lambda child: parents.get(child, "")) for slug in parents}


def _keyword_patterns(topics: tuple[Topic, ...]) -> tuple[tuple[str, str], ...]:
    """Return each topic's pattern: any of its keywords or hashtags as whole words, in upper or lower case."""
    found = []
    for topic in topics:
        hashtags = (word for words in topic.hashtags for word in words.split())
        words = [word for word in (*topic.keywords, *hashtags) if word.strip()]
        if words:
            found.append((topic.slug, _whole_words(words)))
    return tuple(found)


def _whole_words(words: Iterable[str]) -> str:
    """Return a pattern that matches any of `words`, but not inside a word of a script that separates words."""
    alike: dict[tuple[str, str], list[str]] = {}
    for word in words:
        begins = "" if UNSPACED.match(word) else _WORD_BEGINS
        ends = "" if UNSPACED.match(word, len(word) - 1) else _WORD_ENDS
        alike.setdefault((begins, ends), []).append(re.escape(word))
    return "|".join(f"{begins}(?i:{'|'.join(same)}){ends}" for (begins, ends), same in alike.items())


@lru_cache(maxsize=1024)
def _pattern(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def _title_matches(pattern: str, title: str) -> bool | None:
    """Return whether a pattern of the config is found in `title`, or None if that took too long."""
    import regex  # noqa: PLC0415 - 20 ms that only configs with patterns pay

    try:
        return regex.search(pattern, title, timeout=PATTERN_SECONDS) is not None
    except (TimeoutError, MemoryError, RuntimeError):  # it branches too much, or is too large
        return None

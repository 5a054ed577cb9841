"""What the feeds of a site are: their names, order and summaries, and names that clash. Reads the index."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cached_property, partial

import msgspec

from aggregator.config.settings import Config, Topic
from aggregator.index.index import Index
from aggregator.model.feeds import SITE_FEED, FeedSpec, FeedSummary
from aggregator.model.slugs import folded, topic_key
from aggregator.normalizer import rules
from aggregator.normalizer.stored import pack_stored, without_checksum
from aggregator.normalizer.topic_slugs import Row, Separation, separations
from aggregator.renderer.topic_tree import ancestor_slugs, feed_order
from aggregator.site import named_feeds
from aggregator.site.display_settings import DisplaySettings

MOST_SEPARATED = 20
"""How many topics that get another slug are named in a turn's notes."""

MOST_CLASHING = 4
"""How many of the topics that share a slug are named."""

CLASH_HINT = "give each its own `_id` in a topic file to choose their slugs"


class StoredSummary(msgspec.Struct, frozen=True, array_like=True):
    """The part of a `FeedSummary` that the index stores, and the title of a feed by name."""

    count: int
    updated: datetime
    newest_title: str = ""
    newest_published: datetime | None = None
    daily: tuple[int, ...] = ()
    title: str = ""
    newest_link: str = ""


pack_summary = pack_stored
_summary = msgspec.msgpack.Decoder(StoredSummary)


def unpack_summary(stored: bytes | None) -> StoredSummary:
    """Return a stored summary.

    Raises:
        msgspec.DecodeError: if it is damaged.
    """
    return _summary.decode(without_checksum(stored))


class Catalog:
    """The feeds of one site, by its config and its index."""

    def __init__(self, config: Config, index: Index) -> None:
        self.config = config
        self.index = index
        self.settings = DisplaySettings.of(config)
        self._used_names: dict[str, str] | None = None

    @cached_property
    def policy(self) -> rules.Policy:
        """The rules of the config, as the normalizer applies them, with the slugs that topics have had."""
        return rules.policy_of(self.config, self.names)

    @cached_property
    def names(self) -> list[Row]:
        """The topic names of seeds: slug, name and how many visible seeds use it, as the last turn left them."""
        return self.index.feeds.topic_names()

    def separate_topics(self, before: Iterable[Row]) -> list[Separation]:
        """Let no two topic names in use have one slug: give all but one another slug, and return these.

        Call it in a turn's transaction, once the names of its seeds are stored; `before` are those of before the turn.
        """
        topics = {topic.slug: topic.name for topic in self.config.topics}
        final = partial(rules.final_slug, self.config)
        configured = rules.configured_slugs(self.config)
        found = separations(self.index.feeds.topic_names(), before, configured, topics, final)
        for one in found:
            self.index.feeds.move_topic_name(one.before, one.name, final(one.slug))
        if found:
            self.names_changed()
        return found

    def spec(self, slug: str) -> FeedSpec:
        """Return what the feed `slug` is: as the config has it, else by the name that most visible seeds use."""
        site = self.config.site
        if slug == SITE_FEED:
            return FeedSpec(slug=slug, title=site.title, description=site.description)
        for number, query in enumerate(self.config.feeds_by_query):
            if query.slug == slug:
                return FeedSpec(slug=slug, title=query.title, description=query.description, order=number)
        topic = self._topics.get(slug)
        if topic is not None:
            return FeedSpec(
                slug=slug, title=topic.name, description=topic.description, parent=topic.parent, order=topic.order,
                topic=True, image=topic.image, language=topic.language,
            )  # fmt: skip
        if prefix := named_feeds.prefix_of(slug, self.config.feed):
            title = named_feeds.named_title(prefix, slug.removeprefix(prefix).replace("-", " "))
            order = len(self._topics) + 1 + named_feeds.rank(prefix)
            return FeedSpec(slug=slug, title=title, topic=True, order=order)
        name = self._names_in_use().get(slug) or slug.replace("-", " ").title()
        return FeedSpec(slug=slug, title=name, topic=True, order=len(self._topics))

    def ancestors(self, slug: str) -> tuple[FeedSpec, ...]:
        """Return the feeds above this one in the topic tree, nearest first."""
        return tuple(map(self.spec, ancestor_slugs(slug, lambda one: self.spec(one).parent)))

    def summaries(self) -> tuple[FeedSummary, ...]:
        """Return what each feed shows: the feed of everything first, then the config's order, then by title."""
        found = []
        for row in self.index.feeds.by_slug().values():
            if row.summary:
                stored = msgspec.structs.asdict(unpack_summary(row.summary))
                spec, title = self.spec(row.slug), stored.pop("title")
                spec = msgspec.structs.replace(spec, title=title) if title else spec
                found.append(FeedSummary(spec=spec, **stored))
        return tuple(sorted(found, key=lambda one: feed_order(one.spec)))

    def names_changed(self) -> None:
        """Forget the topic names that seeds used, after a turn's intake."""
        self._used_names = None
        for cached in ("names", "policy"):
            self.__dict__.pop(cached, None)

    @cached_property
    def _topics(self) -> Mapping[str, Topic]:
        return {topic.slug: topic for topic in self.config.topics}

    def _names_in_use(self) -> Mapping[str, str]:
        if self._used_names is None:
            self._used_names = {}
            for slug, name, _ in self.names:
                self._used_names.setdefault(slug, name)
        return self._used_names


def clashing_names(
    config: Config, policy: rules.Policy, used: Iterable[tuple[str, str]]
) -> list[tuple[str, tuple[str, ...]]]:
    """Return the slugs that stand for several topic names, with these names.

    Args:
        config: its topics are compared too.
        policy: the rules of `config`.
        used: pairs of a slug and a topic name, as seeds use them.
    """
    names = {topic.slug: {topic_key(topic.name): topic.name} for topic in config.topics}
    for slug, name in used:
        if name and policy.slugs.get(folded(name)) != slug:
            names.setdefault(slug, {}).setdefault(topic_key(name), name)
    return [(slug, tuple(sorted(several.values()))) for slug, several in sorted(names.items()) if len(several) > 1]


def clash_message(slug: str, names: tuple[str, ...]) -> str:
    """Return the message that these topic names share a slug."""
    some = [
        *map(repr, names[:MOST_CLASHING]),
        *([f"{len(names) - MOST_CLASHING:,} more"] if names[MOST_CLASHING:] else []),
    ]
    return f"topics {' and '.join(some)} would have the slug {slug!r}, so all but one get another"


def separation_notes(separated: Sequence[Separation]) -> list[str]:
    """Return what to say of topics that got another slug: of each, or of the first and the number of the others."""
    notes = [
        f"topic {one.name!r} gets the slug {one.slug!r}, since {one.owner!r} has {one.before!r} ({CLASH_HINT})"
        for one in separated[:MOST_SEPARATED]
    ]
    more = len(separated) - MOST_SEPARATED
    return [*notes, f"… and {more:,} more topics get another slug"] if more > 0 else notes

"""The settings and versions that decide what feeds and pages look like, and their digests. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cached_property, lru_cache
from typing import Literal

import msgspec

from aggregator.config.settings import Config, FeedSettings, NamedFeeds, Topic
from aggregator.model.feeds import Site
from aggregator.model.version import VERSION

RENDERING = 14
"""Raise this whenever the same feed is rendered to other bytes than before."""


class DisplaySettings(msgspec.Struct, frozen=True, kw_only=True, array_like=True, dict=True):
    """Everything that decides what feeds and pages look like, besides the items and the place of a feed in the site.

    A setting that changes what is rendered must be a field here: `digest` is part of the key of every document, and
    processes that render get nothing else.
    """

    site: Site
    feed: FeedSettings
    related: Literal["list", "promote", "ignore"]
    min_quality: int | None
    topics: tuple[Topic, ...]
    items: Literal["none", "own", "all"]
    version: str
    rendering: int

    @classmethod
    def of(cls, config: Config) -> DisplaySettings:
        """Return the settings of a config, for this version of the program."""
        return cls(
            site=config.site, feed=config.feed, related=config.related, min_quality=config.rules.min_quality,
            topics=config.topics, items=config.pages.items, version=VERSION, rendering=RENDERING,
        )  # fmt: skip

    @cached_property
    def digest(self) -> bytes:
        """The digest of all settings: documents with another one are rendered again."""
        return digest(self)

    @cached_property
    def archive_digest(self) -> bytes:
        """The digest for archive pages: without the bounds of the current documents, which archives do not have."""
        none = NamedFeeds()
        unbounded = msgspec.structs.replace(
            self.feed, limit=None, max_bytes=None, archives=True, tombstones=None, tags=none, authors=none, sources=none
        )
        return digest(msgspec.structs.replace(self, feed=unbounded))

    @cached_property
    def topic_names(self) -> Mapping[str, str]:
        """The names of configured topics by slug."""
        return {topic.slug: topic.name for topic in self.topics}

    @cached_property
    def packed(self) -> bytes:
        """The settings as MessagePack, for other processes."""
        return msgspec.msgpack.encode(self)


unpack_settings = lru_cache(maxsize=1)(msgspec.msgpack.Decoder(DisplaySettings).decode)
"""Return packed settings; those of the last call are kept, since the batches of a turn have the same ones."""


def digest(*values: object) -> bytes:
    """Return a digest (16 bytes) of plain values and structs."""
    return hashlib.blake2b(msgspec.msgpack.encode(values), digest_size=16).digest()

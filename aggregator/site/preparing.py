"""A stored seed in, the item that readers see out, as the config wants it; pure, in this process or another."""

from __future__ import annotations

from typing import Literal

import msgspec

from aggregator.config.settings import Config
from aggregator.model.items import Item
from aggregator.normalizer import rules
from aggregator.normalizer.stored import unpack_seed, unpack_verdict


class Manner(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """What decides how a seed is shown besides itself: settings, and the names of topics by slug."""

    content: Literal["full", "summary"]
    related: Literal["list", "promote", "ignore"]
    min_quality: int | None
    topics: dict[str, str]

    @classmethod
    def of(cls, config: Config) -> Manner:
        """Draw it from a config."""
        return cls(
            content=config.feed.content,
            related=config.related,
            min_quality=config.rules.min_quality,
            topics={topic.slug: topic.name for topic in config.topics},
        )


def prepare(packed: bytes, verdict: bytes, id: str, manner: Manner, now: int) -> Item:  # noqa: A002 - the field's own name
    """Prepare the item that a packed seed with a packed verdict becomes; `now` in seconds since 1970."""
    from aggregator.normalizer import content  # noqa: PLC0415 - Markdown and the sanitiser: few builds show something new

    decided = unpack_verdict(verdict)
    seed = rules.acting(unpack_seed(packed), decided)
    related = () if manner.related == "ignore" else content.listed(seed.related, manner.min_quality)
    names = [manner.topics.get(slug, name) for slug, name in decided.topics]
    return content.item(seed, id=id, topics=names, related=related, now=now, content=manner.content)

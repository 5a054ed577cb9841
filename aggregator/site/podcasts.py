"""What Apple Podcasts requires of feeds with episodes and is missing, for `aggregator check`. Pure.

"A Podcaster's Guide to RSS" (help.apple.com/itc/podcasts_connect), "Required tags": of a show its title, description,
`itunes:image`, `language`, `itunes:category` and `itunes:explicit`; of an episode its title and an `enclosure` with
URL, length and type. Titles, descriptions and languages are never missing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from aggregator.config.settings import Config
from aggregator.config.yaml.tree import Node
from aggregator.model.reports import Problem
from aggregator.model.words import quantity
from aggregator.normalizer.stored import Outcome, unpack_seed

MOST_NAMED = 20
"""How many episodes without a length are named; the rest is counted."""


class Episodes:
    """The episodes among the seeds of a site, and those of them whose length is unknown."""

    def __init__(self) -> None:
        self._count = 0
        self._unmeasured: list[str] = []

    def add(self, outcome: Outcome) -> None:
        """Add a seed that was read, if feeds show it as an episode."""
        packed = outcome.seed or b""
        if outcome.draft is None or not (b"audio/" in packed or b"video/" in packed):
            return
        media = unpack_seed(packed).media
        if media and media[0].type.startswith(("audio/", "video/")):
            self._count += 1
            if not media[0].size:
                self._unmeasured.append(outcome.path)

    def problems_of_config(self, config: Config, site: Node | None) -> Iterator[Problem]:
        """Yield a warning for each tag of a show that is missing; `site` is that key in the config, if known."""
        if not self._count:
            return
        line, column = (site.line, site.column) if site else (0, 0)
        for key, tag, hint in _missing(config):
            message = (
                f"{key}: Apple Podcasts requires <{tag}> of a feed with episodes ({quantity(self._count, 'episode')})"
            )
            yield Problem(path=config.path, line=line, column=column, message=message, hint=hint, warning=True)

    def problems(self) -> Iterator[Problem]:
        """Yield a warning for each episode without a length."""
        for path in self._unmeasured[:MOST_NAMED]:
            yield _without_length(path, "has no length, which Apple Podcasts requires")
        if (more := len(self._unmeasured) - MOST_NAMED) > 0:
            yield _without_length(self._unmeasured[MOST_NAMED], f"… and {more:,} more episodes have no length")


def _missing(config: Config) -> Sequence[tuple[str, str, str]]:
    podcast = config.site.podcast
    has_picture = bool(config.site.icon)
    return [
        *([("site.podcast.category", "itunes:category", "write `category: News`, or another one of Apple's")]
          if not podcast.category else []),
        *([("site.podcast.explicit", "itunes:explicit", "write `explicit: false`, or true")]
          if podcast.explicit is None else []),
        *([("site.icon", "itunes:image", "write the URL of a square JPEG or PNG of 1400 to 3000 pixels")]
          if not has_picture else []),
    ]  # fmt: skip


def _without_length(path: str, message: str) -> Problem:
    hint = "write its `bytes`, or put the file beside the seed"
    return Problem(path=path, message=f"media: {message}", hint=hint, warning=True)

"""The sources of a site: what the collector works with, and what is known of each. Reads `sources.db`.

It is imported only if the config has `sources`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import TYPE_CHECKING

from aggregator.collector import database
from aggregator.config.settings import Config
from aggregator.model.sources import Source, SourceStatus
from aggregator.model.words import did_you_mean

if TYPE_CHECKING:
    from aggregator.collector.polling import Settings


def settings_of(config: Config) -> Settings:
    """Return what the collector works with; the config has `sources`."""
    from aggregator.collector.polling import Settings  # noqa: PLC0415 - imports what asks, and only who asks needs it

    assert config.sources is not None
    return Settings(
        sources=config.sources.listed, lists=config.sources.lists, state=config.state, folder=config.sources.folder,
        site=config.site.url,
    )  # fmt: skip


def sources_of(config: Config) -> tuple[Source, ...]:
    """Return the listed sources, then those of the living lists as they were last read, each address once."""
    settings = config.sources
    if settings is None:
        return ()
    found = {source.url: source for source in settings.listed}
    taken = {source.address or source.url for source in settings.listed}
    for source in chain.from_iterable(database.listed_in(config.state, one.location) for one in settings.lists):
        if source.url not in taken:
            found.setdefault(source.url, source)
    return tuple(found.values())


def statuses_of(config: Config, now: int) -> tuple[SourceStatus, ...]:
    """Return what is known of each source at `now` (seconds since 1970), in the order of the lists."""
    return database.statuses(config.state, sources_of(config), now)


def named(sources: Sequence[SourceStatus], names: Iterable[str]) -> tuple[SourceStatus, ...]:
    """Return the sources that people name by address or by name, in their order.

    Raises:
        LookupError: if there is no such source, or several have that name; the message says which there are.
    """
    return tuple(_named(sources, name) for name in names)


def _named(sources: Sequence[SourceStatus], name: str) -> SourceStatus:
    found = [one for one in sources if name == one.url] or [
        one for one in sources if name.casefold() == one.name.casefold()
    ]
    if len(found) > 1:
        raise LookupError(f"several sources are called {name!r} (write the address of one: {found[0].url} …)")
    if not found:
        known = [text for one in sources for text in (one.url, one.name) if text]
        raise LookupError(f"no source has the address or the name {name!r}{did_you_mean(name, known)}")
    return found[0]

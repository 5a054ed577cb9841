"""The sources of a site: what the collector works with, and what is known of each. Reads `sources.db`.

It is imported only if the config has `sources`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import TYPE_CHECKING

from msgspec.structs import replace

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
    """Return what is known of each source at `now` (seconds since 1970), in the order of `sources_of`.

    The `url` of each is where its list has it now.
    """
    return _statuses(config, sources_of(config), now)


def public_statuses(config: Config, now: int) -> tuple[SourceStatus, ...]:
    """Return the same of the sources that everybody may know of: not of those at private addresses."""
    return _statuses(config, [source for source in sources_of(config) if not source.private], now)


def _statuses(config: Config, sources: Sequence[Source], now: int) -> tuple[SourceStatus, ...]:
    found = database.statuses(config.state, sources, now)
    return tuple(
        replace(status, url=source.address or source.url) for source, status in zip(sources, found, strict=True)
    )


def named(config: Config, names: Iterable[str], now: int) -> tuple[Source, ...]:
    """Return the sources that people name: by an address or by a name, also the name that a feed gives itself.

    Raises:
        LookupError: if there is no such source, or several have that name; the message says which there are.
    """
    sources = sources_of(config)
    known = list(zip(sources, _statuses(config, sources, now), strict=True))
    return tuple(_named(known, name) for name in names)


def _named(known: Sequence[tuple[Source, SourceStatus]], name: str) -> Source:
    wanted = name.strip()
    found = [source for source, _ in known if wanted in {source.url, source.address}] or [
        source for source, status in known if wanted.casefold() == status.name.casefold()
    ]
    if len(found) > 1:
        raise LookupError(f"several sources are called {name!r} (write the address of one, such as {found[0].url})")
    if not found:
        texts = [text for _, status in known for text in (status.url, status.name) if text]
        raise LookupError(f"no source has the address or the name {name!r}{did_you_mean(name, texts)}")
    return found[0]

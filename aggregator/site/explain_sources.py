"""Explains what became of an entry of a source ("why is my post not on the planet?"), and how a source is.

Reads `sources.db`; it is imported only if the config has `sources`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple
from urllib.parse import urlsplit

from aggregator.collector import database
from aggregator.collector.domains import domain_of
from aggregator.config.settings import Config
from aggregator.model.source_words import details, headline
from aggregator.model.sources import Source, SourceStatus
from aggregator.model.urls import canonical
from aggregator.site.sources import sources_of, statuses_of


class Answer(NamedTuple):
    """A line that answers the question, and details."""

    headline: str
    details: tuple[str, ...] = ()


def of_seed(config: Config, path: str) -> tuple[str, ...]:
    """Return what the collector knows of the seed `path`; nothing if it did not write it."""
    assert config.sources is not None
    for root in config.seeds:
        if root.folder == config.sources.folder and path.startswith(root.prefix):
            found = database.findings(config.state, path.removeprefix(root.prefix), names=_names(config))
            return tuple(line for one in found for line in _of_finding(one, _addresses(config)))
    return ()


def of_target(config: Config, target: str, now: int) -> list[Answer]:
    """Return what became of the entry with the link `target`, or how the source with that address or name is.

    Of a page that no source has listed, return that of the sources of the same host or domain, or that list others of
    its host.
    """
    for link in _spellings(target):
        if found := database.findings(config.state, link, names=_names(config)):
            return [
                Answer(f"{one.link or target}: {one.sentence}", (_source_line(one, _addresses(config)),))
                for one in found
            ]
    statuses = list(zip(sources_of(config), statuses_of(config, now), strict=True))
    wanted = target.strip()
    exact = [
        status for source, status in statuses
        if wanted in {source.url, source.address} - {""} or wanted.casefold() == status.name.casefold() != ""
    ]  # fmt: skip
    if exact:
        return [Answer(" ".join(headline(one).split()), tuple(details(one))) for one in exact]
    near = _of_the_same_site(config.state, wanted, statuses)
    if not near:
        return []
    lines = [line for one in near for line in (" ".join(headline(one).split()), *details(one))]
    return [Answer(f"{target}: no source has listed it yet", tuple(lines))]


def _of_finding(one: database.Finding, addresses: Mapping[str, str]) -> Iterator[str]:
    """Yield from where a seed was taken; that it was is said by that, not that its rules let it through."""
    yield _source_line(one, addresses)
    if not one.sentence.startswith("Shown: taken from"):
        yield one.sentence


def _source_line(one: database.Finding, addresses: Mapping[str, str]) -> str:
    return f"source: {addresses.get(one.source, one.source)}"


def _addresses(config: Config) -> dict[str, str]:
    """Return where the lists have the sources now that have moved, by the address that identifies them."""
    return {source.url: source.address for source in sources_of(config) if source.address}


def _names(config: Config) -> dict[str, str]:
    return {source.url: source.name for source in sources_of(config) if source.name}


def _spellings(target: str) -> Iterator[str]:
    """Yield a link as it was asked for, and as a source may write the same."""
    link = target.strip()
    yield link
    if "://" not in link:
        return
    with suppress(ValueError):
        link = canonical(link)
    scheme, _, rest = link.partition("://")
    for one in (scheme, "http" if scheme == "https" else "https"):
        bare = rest.rstrip("/")
        yield from (f"{one}://{bare}", f"{one}://{bare}/")


def _of_the_same_site(state: str, link: str, statuses: Sequence[tuple[Source, SourceStatus]]) -> list[SourceStatus]:
    """Return how the sources are that lie at the host of a link, or publish there; else those of its domain."""
    try:
        parts = urlsplit(link)
        host = parts.hostname if parts.scheme in {"http", "https"} else None
    except ValueError:
        return []
    if not host:
        return []
    there = database.publishing_at(state, parts.netloc.lower())
    same_host = [one for source, one in statuses if urlsplit(one.url).hostname == host or source.url in there]
    return same_host or [one for _, one in statuses if domain_of(one.url) == domain_of(link)]

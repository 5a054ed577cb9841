"""Asks the sources that are due, and takes in what they send. The shell: it decides nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection

import msgspec

from aggregator.collector.guards import Decision
from aggregator.model.sources import Source, SourceList


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What the collector works with.

    `sources` and living `lists` are those of the config. `state` is the state folder, `folder` the folder that collected
    seeds are written into. `site` is the site's URL, for the User-Agent and WebSub callbacks.
    """

    sources: tuple[Source, ...]
    lists: tuple[SourceList, ...] = ()
    state: str
    folder: str
    site: str


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What one round of polls did: the URLs that were polled, those that were skipped or failed, each with the reason,
    how many new items are shown, and sentences about what a person should know (URL and sentence).
    """

    polled: tuple[str, ...] = ()
    skipped: tuple[tuple[str, str], ...] = ()
    failed: tuple[tuple[str, str], ...] = ()
    new: int = 0
    notes: tuple[tuple[str, str], ...] = ()


def poll(settings: Settings, *, now: Callable[[], float], only: Collection[str] = ()) -> Report:
    """Poll what is due once, or of that only the sources with the URLs `only`, and return what happened.

    A source that is not due, or that is left alone for a while, is skipped with the reason, also if it is named.

    Raises:
        Busy: If another process collects with this state folder.
        Unusable: If `sources.db` cannot be used.
    """
    raise NotImplementedError


def run(
    settings: Settings, *, now: Callable[[], float], stop: threading.Event,
    told: Callable[[str, str], None] = lambda _url, _sentence: None,
) -> None:  # fmt: skip
    """Poll whatever is due, whenever it is, until `stop` is set. `told` gets a source's URL and what a log should say.

    Raises:
        Busy: If another process collects with this state folder.
        Unusable: If `sources.db` cannot be used.
    """
    raise NotImplementedError


def release(settings: Settings, url: str, *, now: Callable[[], float]) -> Decision | None:
    """End what holds a source's entries back, at once, or by the running collector within seconds (None then).

    Raises:
        Unusable: If `sources.db` cannot be used.
    """
    raise NotImplementedError

"""Explains what is no longer there: the removed page of an item, or a seed whose item was withdrawn.

Reads the index, and the history of the last turns.
"""

from __future__ import annotations

import os

from aggregator.config.settings import Config
from aggregator.index.index import Index
from aggregator.model.document_names import PAGE
from aggregator.model.item_pages import page_at
from aggregator.model.reports import Event
from aggregator.model.store import is_url
from aggregator.model.words import quantity, utc_time
from aggregator.site.history import History


def of_target(config: Config, index: Index | None, target: str) -> tuple[str, ...]:
    """Return what is known of the removed page or the withdrawn item that `target` (an address or a path) names."""
    name = page_at(target, config.site.url)
    if index is not None and name and (removed := index.item_pages.gone_at(name)) is not None:
        return (f"{name.removesuffix(PAGE)}: this page was removed at {utc_time(removed)}; our server answers 410",)
    event = _withdrawn(config, _paths(config, target))
    return (_withdrawal(event),) if event is not None else ()


def _paths(config: Config, target: str) -> set[str]:
    """Return the paths of seeds that `target` may mean: as messages have them, or relative to here."""
    found = {target}
    for root in config.seeds:
        path = os.path.relpath(os.path.abspath(target), root.folder)
        if not is_url(target) and not is_url(root.folder) and not path.startswith("../"):
            found.add(root.prefix + path)
    return found


def _withdrawn(config: Config, paths: set[str]) -> Event | None:
    """Return the event by which the item of one of `paths` went, if nothing happened to these seeds later."""
    events = (event for turn in History(config.state).turns() for event in turn.events if event.path in paths)
    last = next(events, None)
    return last if last is not None and last.kind in {"withdrawn", "expired"} else None


def _withdrawal(event: Event) -> str:
    count = len(event.feeds) + event.more_feeds
    feeds = (
        f" from {quantity(count, 'feed')}: {', '.join(event.feeds)}{', …' if event.more_feeds else ''}" if count else ""
    )
    cause = "it expired" if event.kind == "expired" else f"rule: {event.rule}" if event.rule else "its file was gone"
    return f"{event.path}: its item was withdrawn at {utc_time(event.when)}{feeds} ({cause})"

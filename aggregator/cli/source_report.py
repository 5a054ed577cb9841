"""Sources and polls as lines for a terminal and as JSON. Prints nothing. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from aggregator.model.sources import SourceStatus
from aggregator.model.words import quantity

if TYPE_CHECKING:
    from aggregator.collector.polling import Report

KEYS = (
    "url", "name", "state", "last_success", "last_status", "next", "why", "items_per_month", "redirect", "quarantine",
    "error",
)  # fmt: skip
"""The keys of a source in `aggregator sources --json`, in order."""


def as_json(statuses: Iterable[SourceStatus]) -> list[dict[str, Any]]:
    """Return sources as `aggregator sources --json` prints them."""
    return [{key: getattr(one, key) for key in KEYS} for one in statuses]


NONE_LISTED = (
    "no source is listed (list them in config/sources/*.yaml, or `aggregator import opml FILE`; living lists are read "
    "by `aggregator fetch`)"
)


def poll_lines(report: Report, *, is_named: bool) -> Iterator[str]:
    """Yield what one round of polls did; of sources that nobody named, those that were not due are only counted."""
    if not (report.polled or report.skipped):
        yield NONE_LISTED
        return
    for url, reason in report.failed:
        yield f"failed: {url}: {reason}"
    for url, reason in report.skipped if is_named else ():
        yield f"not asked: {url}: {reason}"
    told = {url for url, _ in report.failed}
    for url, sentence in report.notes:
        if url not in told:
            yield f"{url}: {sentence}"
    skipped = f", {len(report.skipped):,} not due" if report.skipped and not is_named else ""
    yield f"{quantity(len(report.polled), 'source')} asked{skipped}: {quantity(report.new, 'new item')}"


def poll_json(report: Report) -> dict[str, Any]:
    """Return what one round of polls did as `aggregator fetch --json` prints it."""
    return {
        "polled": report.polled, "skipped": [url for url, _ in report.skipped],
        "failed": [url for url, _ in report.failed], "new": report.new,
    }  # fmt: skip

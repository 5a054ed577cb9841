"""Sources and polls as lines for a terminal and as JSON. Prints nothing. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from aggregator.model.sources import SourceStatus
from aggregator.model.words import quantity

if TYPE_CHECKING:
    from aggregator.collector.polling import Report

KEYS = (
    "url",
    "name",
    "state",
    "last_success",
    "last_status",
    "next",
    "why",
    "items_per_month",
    "redirect",
    "quarantine",
    "error",
)
"""The keys of a source in `aggregator sources --json`, in order."""

STATES = ("ok", "new", "failing", "quarantined", "gone", "dead")
LISTED_SKIPS = 10


def as_json(statuses: Iterable[SourceStatus]) -> list[dict[str, Any]]:
    """Return sources as `aggregator sources --json` prints them."""
    return [{key: getattr(one, key) for key in KEYS} for one in statuses]


def source_lines(one: SourceStatus) -> Iterator[str]:
    """Yield the lines about a source."""
    yield f"{one.state:<11}  {f'{one.name}  ' if one.name else ''}{one.url}"
    indent = " " * 13
    last = f"last success {one.last_success}" if one.last_success else "no success yet"
    status = f", last answer {one.last_status}" if one.last_status else ""
    yield f"{indent}{last}{status}, {one.items_per_month:g} items a month"
    if one.next:
        yield f"{indent}next poll {one.next}: {one.why}"
    if one.error:
        yield f"{indent}failed: {one.error}"
    if one.redirect:
        yield f"{indent}moves to {one.redirect}"
    if one.quarantine:
        yield f"{indent}in quarantine: {one.quarantine} (`aggregator sources --release {one.url}` ends it)"
    elif one.held:
        yield f"{indent}{quantity(one.held, 'item')} held back (`aggregator sources --release {one.url}` shows them)"


def counts_line(statuses: Sequence[SourceStatus]) -> str:
    """Return how many sources there are, and how many in each state."""
    count = Counter[str](one.state for one in statuses)
    states = ", ".join(f"{count[state]:,} {state}" for state in STATES if count[state])
    return f"{quantity(len(statuses), 'source')}: {states}" if statuses else NONE_LISTED


NONE_LISTED = "no source is listed (list them in config/sources/*.yaml, or `aggregator import opml FILE`)"


def poll_lines(report: Report, *, is_named: bool) -> Iterator[str]:
    """Yield what one round of polls did; of sources that nobody named, those that were not due are only counted."""
    for url, reason in report.failed:
        yield f"failed: {url}: {reason}"
    for url, reason in report.skipped if is_named else ():
        yield f"not asked: {url}: {reason}"
    for url, sentence in report.notes:
        yield f"{url}: {sentence}"
    skipped = f", {len(report.skipped):,} not due" if report.skipped and not is_named else ""
    yield f"{quantity(len(report.polled), 'source')} asked{skipped}: {quantity(report.new, 'new item')}"


def poll_json(report: Report) -> dict[str, Any]:
    """Return what one round of polls did as `aggregator fetch --json` prints it."""
    return {
        "polled": report.polled, "skipped": [url for url, _ in report.skipped],
        "failed": [url for url, _ in report.failed], "new": report.new,
    }  # fmt: skip

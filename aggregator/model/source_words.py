"""What is known of sources in words, for terminals and pages. Pure."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterator, Sequence

from aggregator.model.sources import SourceStatus
from aggregator.model.words import quantity

STATES = ("ok", "new", "failing", "quarantined", "gone", "dead")
"""The states of a source, the best first."""


def release_command(url: str) -> str:
    """Return the command that releases what is held back of a source, for a shell: `?` and `&` mean something there."""
    return f"aggregator sources --release {shlex.quote(url)}"


def headline(one: SourceStatus) -> str:
    """Return a source and its state in a line."""
    return f"{one.state:<11}  {f'{one.name}  ' if one.name else ''}{one.url}"


def details(one: SourceStatus) -> Iterator[str]:
    """Yield lines about a source: when it was asked, when it is next, and what somebody should see to."""
    last = f"last success {one.last_success}" if one.last_success else "no success yet"
    status = f", last answer {one.last_status}" if one.last_status else ""
    yield f"{last}{status}, {one.items_per_month:g} items a month"
    if one.next:
        yield f"next poll {one.next}: {one.why}"
    if one.error:
        yield f"failed: {one.error}"
    if one.state == "gone":
        again = f"`{release_command(one.url)}` asks once more"
        yield f"it is not asked again: remove it from its list ({again})"
    if one.state == "dead":
        yield "no success for 30 days: list its new address, or remove it; what was shown stays"
    if one.redirect:
        yield f"moves to {one.redirect}"
    if one.quarantine:
        release = f"`{release_command(one.url)}` shows what it lists"
        yield f"in quarantine: {one.quarantine} (look at it; if it is right, {release})"
    elif one.held:
        shows = "it" if one.held == 1 else "them"
        yield f"{quantity(one.held, 'item')} held back (`{release_command(one.url)}` shows {shows})"


def counted(statuses: Sequence[SourceStatus]) -> dict[str, int]:
    """Return how many sources are in each state, the best state first, without those that none is in."""
    count = Counter[str](one.state for one in statuses)
    return {state: count[state] for state in STATES if count[state]}


def states_line(counts: dict[str, int]) -> str:
    """Return the words for the number of sources in each state."""
    states = ", ".join(f"{count:,} {state}" for state, count in counts.items())
    return f"{quantity(sum(counts.values()), 'source')}: {states}" if counts else "no source is listed"

"""What `find` and `try` print for people. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from aggregator.model.words import quantity, utc_time
from aggregator.site.find import Findings, FoundItem
from aggregator.site.trial import FeedTrial

LONGEST_TITLE = 70
"""How many characters of a title are printed."""


def finding_lines(found: Findings) -> Iterator[str]:
    """Yield the lines that list what was found."""
    for item in found.items:
        yield item_line(item)
    more = f", {len(found.items):,} of them here" if found.total > len(found.items) else ""
    yield f"{quantity(found.total, 'item')}{more}"
    yield from found.hints
    if found.slow:
        yield f"of {quantity(found.slow, 'item')} a pattern took too long to search the text, so it does not count"


def trial_lines(changes: Sequence[FeedTrial]) -> Iterator[str]:
    """Yield the lines that say what would come and go, feed by feed."""
    for one in changes:
        yield f"{one.slug}: {one.come:,} come, {one.go:,} go; {one.now:,} now, {one.now + one.come - one.go:,} then"
        for sign, items, total in (("+", one.coming, one.come), ("-", one.going, one.go)):
            yield from (f"  {sign} {item_line(item)}" for item in items)
            if total > len(items):
                yield f"  {sign} … and {total - len(items):,} more"
    yield "nothing was changed" if changes else "no feed would change"


def item_line(item: FoundItem) -> str:
    """Return an item on a line: day, title, path, and what became of it if no feed shows it."""
    title = item.title if len(item.title) <= LONGEST_TITLE else f"{item.title[: LONGEST_TITLE - 1]}…"
    state = "" if item.state in {"", "published"} else f"  [{item.detail or item.state}]"
    return f"{utc_time(item.published)[:10]}  {title}  ({item.path}){state}"

"""After a turn's intake: which pages the archives have now, and what the feeds still say was withdrawn.

Talks to the index; which cut a month gets is decided in `archive_names`.
"""

from __future__ import annotations

from aggregator.config.settings import FeedSettings
from aggregator.index.index import Index
from aggregator.index.intake import Intake


def bring_up_to_date(index: Index, settings: FeedSettings, intake: Intake, now: int) -> None:
    """Bring both in line with what the turn took in, and with the config where that has changed; in its transaction."""
    _arrange(index, intake, now, wanted=settings.archives)
    _speak(index, settings.tombstones or 0, now)


def _arrange(index: Index, intake: Intake, now: int, *, wanted: bool) -> None:
    before = index.meta("archives")  # None in an index that is being filled: what comes in is touched as it comes
    if wanted and before == 0:
        intake.touch_every_page()
    if not wanted and before != 0:
        index.archive.unwant_all()
    if wanted:
        index.mark_dirty(index.archive.arrange(intake.touched.by_month(), now))
    if before not in {None, int(wanted)}:
        index.mark_dirty(None)
    index.set_meta("archives", int(wanted))


def _speak(index: Index, seconds: int, now: int) -> None:
    if index.meta("tombstones") != seconds:
        index.archive.keep_withdrawn_for(seconds)
        index.set_meta("tombstones", seconds)
        index.mark_dirty(None)
    if silent := index.archive.forget_withdrawn(now):
        index.mark_dirty(row.feed for slug, row in index.feeds().items() if slug in silent)

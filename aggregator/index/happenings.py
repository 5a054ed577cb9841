"""What happened to items in a turn: published, edited, withdrawn, lifted, expired, refused, mended; for the owner.

An item's event is the difference between what readers saw until the turn and what they see after it. Paths and slugs
only: no title and no text of any seed. Pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from aggregator.index.files import FileRow
from aggregator.model.reports import Event, EventKind
from aggregator.normalizer.stored import Outcome

NAMED_EVENTS = 10
"""How many events of one kind are named in a turn; the others are counted."""

NAMED_FEEDS = 8
"""How many feeds an event names; the others are counted."""

_UNREADABLE = frozenset({"readable", "valid"})


class Seen(NamedTuple):
    """What readers saw of a story until this turn: the path and content of its seed, and the numbers of its feeds."""

    path: str
    content: bytes | None
    feeds: tuple[int, ...]


class Happenings:
    """Collects what happens in one turn: call `see` before rows change, and `settled` when they have."""

    def __init__(self, *, now: int, filling: bool, next_file: int, next_story: int) -> None:
        """Begin the turn at `now`.

        If the index is `filling`, what readers saw before is not known from its rows. `next_file` and `next_story` are
        the numbers of the first file and the first story that the turn adds.
        """
        self._now = now
        self._next_file = next_file
        self._next_story = next_story
        self._taken_back: set[str] = set()
        self._filling = filling
        self._seen: dict[int, Seen] = {}
        self._read: set[int] = set()
        """Known files that were read in this turn."""
        self._due: set[int] = set()
        """Files whose window opened or closed."""
        self._rules: dict[str, str] = {}
        """The rules that now hold back files that were known."""
        self._pending: dict[str, Event] = {}
        """Seeds that were refused or mended, whose feeds are not known yet."""
        self._found: dict[str, list[tuple[Event, tuple[int, ...]]]] = {}
        self._counts: Counter[EventKind] = Counter()

    # -- before rows change

    def see(self, row: FileRow, feeds: Iterable[int]) -> None:
        """Note in which feeds readers saw a file's story until now."""
        if row.file >= self._next_file:
            self._take_back(row.path)  # no reader has seen it: another seed of its story came in the same turn
        elif row.story is not None and row.story not in self._seen and (numbers := tuple(feeds)):
            self._seen[row.story] = Seen(row.path, row.content, numbers)

    def read(self, outcome: Outcome, row: FileRow | None) -> None:
        """Note what was read from a file, and what was known of it."""
        was_broken = row is not None and (bool(row.stale) or row.rule in _UNREADABLE)
        is_broken = outcome.stale or outcome.rule in _UNREADABLE
        if row is not None:
            self._read.add(row.file)
            self.held(outcome)
        if is_broken and not was_broken:
            at = next((one for one in outcome.problems if not one.warning), None)
            self._pending[outcome.path] = self._event(
                "refused", outcome.path, rule=outcome.rule, line=at.line if at else 0, column=at.column if at else 0
            )
        elif was_broken and not is_broken:
            self._pending[outcome.path] = self._event("mended", outcome.path, rule=outcome.rule)

    def held(self, outcome: Outcome) -> None:
        """Note which rule now holds a known file back, if any does."""
        if outcome.rule:
            self._rules[outcome.path] = outcome.rule

    def due(self, files: Iterable[int]) -> None:
        """Note the files whose window opened or closed."""
        self._due.update(files)

    # -- when they have

    def published(self, path: str, feeds: Iterable[int]) -> None:
        """Note that a new file is shown."""
        self._add("published", path, feeds)

    def settled(self, story: int, rows: Sequence[FileRow], shown: Mapping[str, Iterable[int]], *, known: bool) -> None:
        """Note what became of a story.

        Args:
            story: its number.
            rows: the files that tell it now.
            shown: the numbers of the feeds in which readers see which of these, by path.
            known: whether readers have seen its id.
        """
        before = self._seen.pop(story, None)
        if not shown:
            if before is not None:
                self._gone(before, {row.path: row for row in rows})
            return
        path, feeds = next(iter(shown.items()))
        row = next(one for one in rows if one.path == path)
        if pending := self._pending.pop(path, None):
            self._append(pending, feeds)
        elif before is None:
            is_lifted = row.file in self._due and row.file not in self._read
            if is_lifted or not (known and self._filling and story < self._next_story):
                self._add("lifted" if is_lifted else "published", path, feeds)
        elif row.content != before.content:
            self._add("edited", path, feeds)

    def _gone(self, before: Seen, rows: Mapping[str, FileRow]) -> None:
        row = rows.get(before.path)
        if row is not None and row.ends is not None and row.ends <= self._now:
            self._add("expired", before.path, before.feeds)
        else:
            later = row is not None and row.starts is not None and row.starts > self._now
            self._add("withdrawn", before.path, before.feeds, "embargo" if later else self._rules.get(before.path, ""))

    def _take_back(self, path: str) -> None:
        if path in self._taken_back:
            return
        self._taken_back.add(path)
        self._counts["published"] -= 1
        self._found["published"] = [one for one in self._found.get("published", []) if one[0].path != path]

    # -- what is told

    def events(self, feeds: Mapping[str, int]) -> tuple[Event, ...]:
        """Return the events of the turn; `feeds` are the numbers of feeds by slug.

        At most `NAMED_EVENTS` of each kind are named; one event without a path stands for the others.
        """
        for event in self._pending.values():
            self._append(event, ())
        self._pending = {}
        slugs = {number: slug for slug, number in feeds.items()} if self._counts else {}
        return tuple(one for kind, count in self._counts.items() if count for one in self._of(kind, slugs))

    def _of(self, kind: EventKind, slugs: Mapping[int, str]) -> Iterable[Event]:
        for event, numbers in self._found[kind]:
            names = sorted(slugs[number] for number in numbers if number in slugs)
            yield Event(
                when=event.when, kind=kind, path=event.path, rule=event.rule, line=event.line, column=event.column,
                feeds=tuple(names[:NAMED_FEEDS]), more_feeds=max(0, len(names) - NAMED_FEEDS),
            )  # fmt: skip
        if (more := self._counts[kind] - len(self._found[kind])) > 0:
            yield Event(when=self._now, kind=kind, count=more)

    def _event(self, kind: EventKind, path: str, *, rule: str = "", line: int = 0, column: int = 0) -> Event:
        return Event(when=self._now, kind=kind, path=path, rule=rule, line=line, column=column)

    def _add(self, kind: EventKind, path: str, feeds: Iterable[int], rule: str = "") -> None:
        self._counts[kind] += 1
        named = self._found.setdefault(kind, [])
        if len(named) < NAMED_EVENTS:
            named.append((self._event(kind, path, rule=rule), tuple(feeds)))

    def _append(self, event: Event, feeds: Iterable[int]) -> None:
        self._counts[event.kind] += 1
        named = self._found.setdefault(event.kind, [])
        if len(named) < NAMED_EVENTS:
            named.append((event, tuple(feeds)))

"""Which entries of a document are shown, and which are held back. Pure: state and document in, intents out.

In this order: what changes hands shows nothing (hijack); entries that only got new ids are the old ones (churn); a new
source shows its newest few (first); too many at once wait, but for the newest three (flood). All comes from what is
stored, never from when it was noticed: the same documents give the same seeds whenever they were received.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from statistics import median

import msgspec

from aggregator.collector.domains import domain_of, host_of
from aggregator.collector.entries import Document, Entry
from aggregator.collector.state import Held, Known, SourceState
from aggregator.collector.timing import listed_at, usual_gap
from aggregator.model.source_words import release_command
from aggregator.model.sources import Source
from aggregator.model.words import quantity

MOST_SEEN, MOST_TAKEN = 10_000, 500
FLOOD, FLOOD_TIMES, FLOOD_SHOWS = 10, 3, 3
REMEMBERED_COUNTS = 10
RECOVERED_WINDOW = 10
"""If the state was lost, so many of the newest seeds stand for what the source listed last."""

MOST_ALIASES = 2_000

_WORD = re.compile(r"[^\W\d_]{5,}")
_COMMON = frozenset(
    """
    about above after again alles andere autre avant avoir because before being between comme contre could depuis
    diese dieser einen einer entre every first found gegen great haben hasta heute immer neuen nicht nouveau
    nouvelle other quand should since sobre still their there these thing things through today under unsere until
    update updates using where which while without would years
    """.split()  # noqa: SIM905 - a list of words
)
"""Words that say nothing of whom a title is by."""


class Write(msgspec.Struct, frozen=True, kw_only=True):
    """A seed to be written: the entry under its first key and date. `path` is its old place, "" for a new one."""

    entry: Entry
    known: Known
    path: str = ""
    is_withdrawn: bool = False


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What follows from a document: the source's new state, entries to remember, other names of them, seeds, sentences.

    `aliases` maps keys that the source uses now to the first keys of the same entries; they replace the old ones.
    `new` is how many entries are shown for the first time.
    """

    state: SourceState
    known: tuple[Known, ...] = ()
    aliases: Mapping[str, str] = {}
    writes: tuple[Write, ...] = ()
    notes: tuple[str, ...] = ()
    new: int = 0


class _Case(msgspec.Struct, frozen=True, kw_only=True):
    """All that a decision looks at."""

    state: SourceState
    source: Source
    document: Document
    entries: tuple[Entry, ...]
    known: Mapping[str, Known]
    domain: str
    now: int
    is_partial: bool
    deleted: frozenset[str]
    settings: str


def decide(
    *, state: SourceState, source: Source, document: Document, known: Mapping[str, Known], aliases: Mapping[str, str],
    url: str, now: int, is_partial: bool = False,
) -> Decision:  # fmt: skip
    """Return what follows from a document that came from `url` at `now`.

    Args:
        state: What is known of the source.
        source: Its settings.
        document: What it sent.
        known: Every entry of it that was ever seen, by first key.
        aliases: First keys of entries by the keys that the source used last.
        url: The final address.
        now: When the document was received, seconds since 1970.
        is_partial: Whether it lists only what is new (226, RFC 3229), so that nothing follows from what it lacks.
    """
    entries = tuple(_renamed(entry, aliases.get(entry.key, entry.key)) for entry in _newest(document, now))
    case = _Case(
        state=state, source=source, document=document, entries=_once(entries), known=known, domain=domain_of(url),
        now=now, is_partial=is_partial or document.is_cut,
        deleted=frozenset(aliases.get(key, key) for key in document.deleted),
        settings=settings_digest(source),
    )  # fmt: skip
    if not case.entries and case.domain != _home(case):
        case = msgspec.structs.replace(case, deleted=frozenset())  # nothing shows that it is the same feed
    renamed = _churned(case) or _churned_again(case, aliases)
    if renamed:
        case = msgspec.structs.replace(
            case, entries=_once(_renamed(entry, renamed.get(entry.key, entry.key)) for entry in case.entries)
        )
    names = {**aliases, **renamed}
    reason = _hijack(case, names)
    decision = _quarantined(case, reason) if reason else _taken(case)
    notes = decision.notes
    if renamed:
        notes = (
            f"{quantity(len(renamed), 'item')} came back with new ids: the same items, old ids kept (churn)",
            *notes,
        )
    return msgspec.structs.replace(decision, aliases=_aliases(case, names), notes=notes)


def release(*, state: SourceState, known: Mapping[str, Known]) -> Decision:
    """Return what follows if a person ends what holds entries back: a quarantine, a flood, or that a source is gone.

    What waited is shown, but of a quarantine only what the source still lists: if its own feed came back, what others
    sent meanwhile is not shown.
    """
    window = set(state.window)
    rows, writes = [], []
    for row in sorted(known.values(), key=lambda row: (row.date, row.key)):
        if row.held_by not in {"flood", "hijack"} or row.entry is None or row.is_withdrawn:
            continue
        if row.held_by == "hijack" and row.key not in window:
            rows.append(msgspec.structs.replace(row, held_by="refused", entry=None))
            continue
        shown = msgspec.structs.replace(row, held_by="", entry=None)
        rows.append(shown)
        writes.append(Write(entry=_dated(row.entry, row), known=shown))
    head = state.new_head or state.head
    ended = msgspec.structs.replace(
        _without_quarantine(state), domain=state.new_domain or state.domain, head=head,
        title=head.title if head else state.title,
        next_at=0 if state.outcome == "gone" else state.next_at,
        outcome="" if state.outcome == "gone" else state.outcome,
    )  # fmt: skip
    is_held = bool(writes or state.quarantine or state.outcome == "gone")
    shown_then = ", which the next build shows" if writes else ""
    released = f"released: {quantity(len(writes), 'item')}{shown_then}"
    note = released if is_held else "not released: nothing of it is held back"
    return Decision(state=ended, known=tuple(rows), writes=tuple(writes), notes=(note,), new=len(writes))


def withdrawn(*, state: SourceState, known: Mapping[str, Known]) -> Decision:
    """Return what follows if a source is gone (410) and `on_gone: withdraw`: all that it shows is withdrawn."""
    writes = tuple(_withdrawal(row) for row in known.values() if row.path and not row.is_withdrawn)
    return Decision(
        state=state,
        known=tuple(write.known for write in writes),
        writes=writes,
        notes=(f"it is gone (410): {quantity(len(writes), 'item')} withdrawn (`on_gone: withdraw`)",),
    )


def sentence(row: Known, state: SourceState, *, name: str = "") -> str:
    """Return why an entry is shown or not, and what ends that, for `explain`."""
    source = name or state.title or state.url
    ends = f"`{release_command(state.planned_for or state.url)}` shows it"
    if row.is_withdrawn:
        return f"Withdrawn: {source} deleted it, or is gone; it is shown again if {source} lists it again."
    if row.note:
        return f"{row.note}."
    sentences: dict[Held, str] = {
        "": f"Shown: taken from {source}.",
        "first": f"Not shown: when {source} was new, its newest items alone were shown (`first`); nothing ends this, "
        "since a larger `first` counts for new sources.",
        "older": f"Not shown: it is not newer than what was shown of {source} when the collector's state was lost; "
        "nothing ends this.",
        "flood": f"Held back (flood): {source} brought far more items at once than it usually does; {ends}.",
        "hijack": f"Held back (hijack): {source} seems to be in other hands: "
        f"{state.quarantine or 'it was in quarantine'}; {ends} if {source} still lists it.",
        "refused": f"Not shown: it came while {source} was in quarantine, and {source} does not list it any more; "
        "nothing ends this.",
    }  # fmt: skip
    return sentences[row.held_by]


def shares_an_item(document: Document, known: Mapping[str, Known], aliases: Mapping[str, str]) -> bool:
    """Return whether a document holds an entry that was seen in the source before, by key, link or title.

    What came while the source was in other hands does not count.
    """
    own = _own(known)
    links = {row.link for row in own.values() if row.link}
    titles = {_plain(row.title) for row in own.values() if len(_plain(row.title)) > 12}
    return any(
        _is_evidence(entry, own, aliases) or entry.link in links or _plain(entry.title) in titles
        for entry in document.entries[:MOST_SEEN]
    )


def _newest(document: Document, now: int) -> tuple[Entry, ...]:
    """Return the newest 500 of the first 10,000 entries, newest first; what has no date follows its neighbour."""
    seen = document.entries[:MOST_SEEN]
    order = sorted(range(len(seen)), key=lambda place: (-_date(seen[place], now), place))
    return tuple(seen[place] for place in order[:MOST_TAKEN])


def _date(entry: Entry, now: int) -> int:
    """Return the date of an entry as it was first seen: never in the future; first seen if it has none."""
    return min(now, entry.published) if entry.published is not None else now


def settings_digest(source: Source) -> str:
    """Return the digest of the settings that a source's seeds depend on."""
    said = (source.name, source.topics, source.categories, source.quality, source.content, source.private)
    return hashlib.sha256(repr(said).encode()).hexdigest()[:8]


def _digest(entry: Entry, case: _Case) -> str:
    return f"{entry.digest}:{case.settings}"


def _once(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    found: dict[str, Entry] = {}
    for entry in entries:
        found.setdefault(entry.key, entry)
    return tuple(found.values())


def _renamed(entry: Entry, key: str) -> Entry:
    return entry if key == entry.key else msgspec.structs.replace(entry, key=key)


def _dated(entry: Entry, row: Known) -> Entry:
    return msgspec.structs.replace(entry, key=row.key, published=row.date)


def _withdrawal(row: Known) -> Write:
    stub = Entry(key=row.key, title=row.title, link=row.link, published=row.date)
    return Write(entry=stub, known=msgspec.structs.replace(row, is_withdrawn=True), path=row.path, is_withdrawn=True)


def _churned(case: _Case) -> dict[str, str]:
    """Return the first keys of entries that came back under new ones, by these.

    That is so if half of the window or more is gone and as many new ones have the same links or titles.
    """
    window = _window(case)
    here = {entry.key for entry in case.entries}
    gone = [key for key in window if key not in here]
    # The true keys of what was recovered from seeds are not known, and an id is made of its key.
    if case.is_partial or not case.state.domain or not gone or 2 * len(gone) < len(window):
        return {}
    new = [entry for entry in case.entries if entry.key not in case.known]
    pairs = dict(_pairs(new, [row for row in case.known.values() if row.key not in here]))
    matched = sum(1 for first in pairs.values() if first in set(gone))
    return pairs if 2 * matched >= len(window) else {}


def _churned_again(case: _Case, aliases: Mapping[str, str]) -> dict[str, str]:
    """Return new keys of single entries, in a source that is known to change its ids: same link and same title.

    Two servers behind one name may answer in turn, each with ids of its own.
    """
    if not aliases:
        return {}
    here = {entry.key for entry in case.entries}
    new = [entry for entry in case.entries if entry.key not in case.known]
    old = [row for row in case.known.values() if row.key not in here]
    marks = {(row.link, _plain(row.title)) for row in old if row.link}
    return dict(_pairs([entry for entry in new if (entry.link, _plain(entry.title)) in marks], old))


def _pairs(new: Iterable[Entry], old: Iterable[Known]) -> Iterator[tuple[str, str]]:
    """Yield new and old keys of what has the same link, else the same title; what is ambiguous is left alone."""
    left = {row.key: row for row in old}
    rest = list(new)
    for of_entry, of_row in (
        (lambda entry: (entry.link, _plain(entry.title)), lambda row: (row.link, _plain(row.title))),
        (lambda entry: entry.link, lambda row: row.link),
        (lambda entry: (_plain(entry.title), entry.published), lambda row: (_plain(row.title), row.date)),
        (lambda entry: _plain(entry.title), lambda row: _plain(row.title)),
    ):
        marks = Counter(of_entry(entry) for entry in rest)
        places: dict[object, list[str]] = {}
        for row in left.values():
            places.setdefault(of_row(row), []).append(row.key)
        for entry in rest[:]:
            mark = of_entry(entry)
            if all(mark if type(mark) is tuple else (mark,)) and marks[mark] == 1 and len(places.get(mark, ())) == 1:
                rest.remove(entry)
                yield entry.key, left.pop(places[mark][0]).key


def _aliases(case: _Case, aliases: Mapping[str, str]) -> dict[str, str]:
    """Return what the source calls entries now, and the newest of its earlier names.

    Some sources give new ids with every answer; one that is cut short or that changed hands says nothing of the others.
    """
    here = {entry.key for entry in case.entries}
    others = [(key, first) for key, first in aliases.items() if first not in here]
    mine = [(key, first) for key, first in aliases.items() if first in here]
    return dict((others + mine)[-max(MOST_ALIASES, len(here)) :])


def _plain(title: str) -> str:
    return " ".join(title.casefold().split())


def _own(known: Mapping[str, Known]) -> dict[str, Known]:
    """Return the entries that came while the source was in its own hands."""
    return {key: row for key, row in known.items() if row.held_by not in {"hijack", "refused"}}


def _home(case: _Case) -> str:
    """Return the registrable domain that the source is at home at, "" if it is new.

    If the state was lost, but there are seeds, it is that of its address in the list.
    """
    if case.state.domain or not _own(case.known):
        return case.state.domain
    return domain_of(case.source.address or case.source.url)


def _window(case: _Case) -> tuple[str, ...]:
    """Return the keys of what the source listed last in its own hands; if the state was lost, of its newest seeds."""
    if case.state.domain:
        return case.state.own_window if case.state.quarantine else case.state.window
    rows = sorted(_own(case.known).values(), key=lambda row: (-row.date, row.key))
    return tuple(row.key for row in rows[:RECOVERED_WINDOW])


def _hijack(case: _Case, names: Mapping[str, str]) -> str:
    """Return why the source seems to be in other hands, "" if it does not; `names` are first keys by those of now."""
    if case.state.quarantine:
        return "" if _is_back(case) else case.state.quarantine
    own, home = _own(case.known), _home(case)
    if not home or not case.entries:
        return ""
    if any(_is_evidence(entry, own, names) for entry in case.document.entries[:MOST_SEEN]):
        return ""
    if case.domain != home and not shares_an_item(case.document, own, names):
        return f"it moved from {home} to {case.domain}, and shares no item with what it was"
    window = [own[key] for key in _window(case) if key in own]
    if not window or _is_akin(case, window):
        return ""
    if case.is_partial:
        return "it sent only a part of a document, with no item, author, host of links or title word of what it was"
    return (
        "all its items vanished together, and others came that share no author, host of links or title word with them"
    )


def _is_back(case: _Case) -> bool:
    """Return whether a source in quarantine is in its own hands again: no accident, such as one old id, is enough.

    A whole document must list half or more of what it listed before, by id and with the link or title that it had.
    """
    if case.is_partial:
        return False
    known = _own(case.known)
    own = {key: known[key] for key in _window(case) if key in known}
    same = sum(1 for entry in case.entries if entry.key in own and _is_same(entry, own[entry.key]))
    return same > 0 and 2 * same >= len(own)


def _is_evidence(entry: Entry, own: Mapping[str, Known], names: Mapping[str, str]) -> bool:
    """Return whether the id of an entry shows that it is one that was seen before: a number may be so by accident.

    That which the source sends counts, not the first one of the entry.
    """
    row = own.get(names.get(entry.key, entry.key))
    return row is not None and (not entry.key.isdecimal() or _is_same(entry, row))


def _is_same(entry: Entry, row: Known) -> bool:
    return (entry.link == row.link != "") or _plain(entry.title) == _plain(row.title)


def _is_akin(case: _Case, window: list[Known]) -> bool:
    """Return whether new entries seem to be by those who made the old ones."""
    old_authors = {name.casefold() for row in window for name in row.authors}
    if old_authors & {name.casefold() for entry in case.entries for name in names_of(entry, case.document)}:
        return True
    old_words = {word for row in window for word in _words(row.title)}
    if old_words & {word for entry in case.entries for word in _words(entry.title)}:
        return True
    hosts = {host_of(row.link) for row in window if row.link} & {
        host_of(entry.link) for entry in case.entries if entry.link
    }
    # A window that turned over during an outage goes on where the old one ended.
    last = max(row.date for row in window)
    return bool(hosts) and median(_date(entry, case.now) for entry in case.entries) >= last


def _words(title: str) -> set[str]:
    return set(_WORD.findall(title.casefold())) - _COMMON


def names_of(entry: Entry, document: Document) -> tuple[str, ...]:
    """Return the names of an entry's authors, else those of its document's."""
    people = entry.authors or document.authors
    return tuple(
        person.name or person.email or person.url for person in people if person.name or person.email or person.url
    )


def _quarantined(case: _Case, reason: str) -> Decision:
    """Return the decision of a source in other hands: what it sends waits, what was shown stays.

    Nothing that it says of itself is taken over, and nothing that it says was deleted is withdrawn.
    """
    rows = []
    for entry in case.entries:
        row = case.known.get(entry.key)
        if row is None:
            rows.append(_row(entry, case, "hijack"))
        elif row.held_by == "refused" or (row.held_by == "hijack" and row.digest != _digest(entry, case)):
            rows.append(_again(_row(entry, case, "hijack"), row))
    state, listed = case.state, tuple(entry.key for entry in case.entries)
    others = state.window if case.is_partial and state.quarantine else ()
    state = msgspec.structs.replace(
        _with_hints(state, case.document), quarantine=reason, quarantined_at=state.quarantined_at or case.now,
        own_window=_window(case), window=tuple(dict.fromkeys((*listed, *others)))[:MOST_TAKEN] or state.window,
        new_domain=case.domain if case.entries else state.new_domain,
        new_head=_head(case.document) if case.entries else state.new_head,
    )  # fmt: skip
    ends = f"what was shown stays, nothing new is shown until `{release_command(listed_at(case.source))}`"
    notes = () if case.state.quarantine else (f"in quarantine: {reason}; {ends}",)
    return Decision(state=state, known=tuple(rows), notes=notes)


def _again(row: Known, before: Known) -> Known:
    """Return the row of an entry that was held back before, with the date that it had then."""
    return msgspec.structs.replace(row, date=before.date, seen_at=before.seen_at)


def _taken(case: _Case) -> Decision:
    """Return the decision of a source in the hands that it was in."""
    # What was held back, and is listed beside what the source had before, is its own.
    held_back = {key for key, row in case.known.items() if row.held_by == "hijack"} if case.state.quarantine else set()
    new = [
        entry for entry in case.entries
        if (entry.key not in case.known or entry.key in held_back) and entry.key not in case.deleted
    ]  # fmt: skip
    shown, held = _admitted(case, new)
    rows = [_row(entry, case, "") for entry in shown] + [_row(entry, case, guard) for entry, guard in held]
    rows = [_again(row, case.known[row.key]) if row.key in held_back else row for row in rows]
    writes = [Write(entry=_dated(entry, row), known=row) for entry, row in zip(shown, rows, strict=False)]
    changed, changes = _updated(case, held_back)
    gone = _deleted(case)
    counts = (*case.state.counts, len(new))[-REMEMBERED_COUNTS:] if new and case.state.domain else case.state.counts
    state = _without_quarantine(_with_document(case))
    refused = _refused(case)
    return Decision(
        state=msgspec.structs.replace(state, counts=counts, gap=_gap(case, rows)),
        known=(*rows, *changed, *(write.known for write in gone), *refused),
        writes=(*writes, *changes, *(write for write in gone if write.path)),
        notes=tuple(_notes(case, held)),
        new=len(shown),
    )


def _admitted(case: _Case, new: list[Entry]) -> tuple[list[Entry], list[tuple[Entry, Held]]]:
    """Return which new entries are shown, and which guard holds each of the others."""
    if not case.state.domain and not case.known:
        return new[: case.source.first], [(entry, "first") for entry in new[case.source.first :]]
    if case.state.domain and not case.state.began_in_part:
        return _without_flood(case, new)
    # What is not newer than what is known is not new: it was known before the state was lost, or the source had it when
    # it was new, and its first document, of which a part was missing, lacked it.
    last = max((row.date for row in _own(case.known).values()), default=0)
    older = [entry for entry in new if _date(entry, case.now) <= last]
    shown, held = _without_flood(case, [entry for entry in new if _date(entry, case.now) > last])
    if not case.state.began_in_part:
        return shown, [*held, *((entry, "older") for entry in older)]
    left = max(0, case.source.first - sum(1 for row in case.known.values() if not row.held_by))
    return [*shown, *older[:left]], [*held, *((entry, "first") for entry in older[left:])]


def _without_flood(case: _Case, new: list[Entry]) -> tuple[list[Entry], list[tuple[Entry, Held]]]:
    usual = median(case.state.counts) if case.state.counts else 0
    if len(new) > FLOOD and len(new) > FLOOD_TIMES * usual:
        return new[:FLOOD_SHOWS], [(entry, "flood") for entry in new[FLOOD_SHOWS:]]
    return new, []


def _row(entry: Entry, case: _Case, guard: Held) -> Known:
    return Known(
        key=entry.key, seen_at=case.now, date=_date(entry, case.now), digest=_digest(entry, case), title=entry.title,
        link=entry.link, authors=names_of(entry, case.document), held_by=guard,
        entry=entry if guard in {"flood", "hijack"} else None,
    )  # fmt: skip


def _updated(case: _Case, new: Collection[str]) -> tuple[list[Known], list[Write]]:
    """Return the rows and seeds of entries that changed, or that are listed again after they were withdrawn."""
    rows, writes = [], []
    for entry in case.entries:
        row = case.known.get(entry.key)
        if row is None or row.key in new or row.key in case.deleted:
            continue
        if row.digest == _digest(entry, case) and not row.is_withdrawn:
            continue
        row = msgspec.structs.replace(
            row, digest=_digest(entry, case), title=entry.title, link=entry.link,
            authors=names_of(entry, case.document), is_withdrawn=False,
            entry=entry if row.held_by in {"flood", "hijack"} else None,
        )  # fmt: skip
        rows.append(row)
        if not row.held_by:
            writes.append(Write(entry=_dated(entry, row), known=row, path=row.path))
    return rows, writes


def _deleted(case: _Case) -> list[Write]:
    """Return what the document says was deleted (RFC 6721)."""
    rows = [case.known[key] for key in sorted(case.deleted & case.known.keys())]
    return [_withdrawal(row) for row in rows if not row.is_withdrawn]


def _refused(case: _Case) -> list[Known]:
    """Return what came while the source was in other hands, now that it is back in the old ones: never shown."""
    if not case.state.quarantine:
        return []
    here = {entry.key for entry in case.entries}
    held = [row for row in case.known.values() if row.held_by == "hijack" and row.key not in here]
    return [msgspec.structs.replace(row, held_by="refused", entry=None) for row in held]


def _without_quarantine(state: SourceState) -> SourceState:
    return msgspec.structs.replace(state, quarantine="", quarantined_at=0, own_window=(), new_domain="", new_head=None)


def _head(document: Document) -> Document:
    return msgspec.structs.replace(document, entries=(), deleted=())


def _with_hints(state: SourceState, document: Document) -> SourceState:
    """Return the state with what a document says about the next poll."""
    return msgspec.structs.replace(
        state, interval=document.interval, skip_hours=document.skip_hours, skip_days=document.skip_days
    )


def _with_document(case: _Case) -> SourceState:
    """Return the state with what the head of the document says, and what it lists."""
    document, state = case.document, _with_hints(case.state, case.document)
    window = tuple(entry.key for entry in case.entries)
    if case.is_partial:
        window = tuple(dict.fromkeys((*window, *_window(case))))[:MOST_TAKEN]
    is_first = not state.domain and not case.known
    return msgspec.structs.replace(
        state, title=document.title, head=_head(document), hubs=document.hubs, topic=document.topic,
        began_in_part=case.is_partial and (is_first or state.began_in_part) and bool(case.entries),
        domain=case.domain if case.entries else state.domain,
        window=window if case.entries else _window(case),
    )  # fmt: skip


def _gap(case: _Case, rows: list[Known]) -> int | None:
    dates = {key: row.date for key, row in case.known.items()}
    dates.update({row.key: row.date for row in rows})
    return usual_gap(dates.values())


def _notes(case: _Case, held: list[tuple[Entry, Held]]) -> Iterator[str]:
    floods = sum(1 for _, guard in held if guard == "flood")
    if floods:
        total = floods + FLOOD_SHOWS
        yield (
            f"{total} new items at once, far more than usual (flood): the newest {FLOOD_SHOWS} are shown, "
            f"{floods} wait for `{release_command(listed_at(case.source))}`"
        )
    if case.state.quarantine:
        yield "its own items are back: the quarantine ended, and what came meanwhile is not shown"

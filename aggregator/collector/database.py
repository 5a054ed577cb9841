"""The file `sources.db`: what the collector knows. Touches that file only.

One process writes it: whoever holds `sources.lock` (see `locked`). Others read it (`statuses`, `findings`), and ask for
something by a row in a table of its own (`request`), which the collector takes up within seconds. A poll is stored in
three steps, each one transaction: that it begins; its answer, with the validators and the document itself; and what
followed from the document, once its seeds are written. So a process that dies loses no validator and no entry.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from typing import Any, Literal, Protocol, Self, TypeVar
from urllib.parse import quote

import msgspec

from aggregator.collector import guards, timing
from aggregator.collector.state import Cooling, Known, Pending, SourceState
from aggregator.collector.subscriptions import Subscription
from aggregator.model.sources import Source, SourceStatus
from aggregator.model.sqlite_errors import is_damage, with_advice
from aggregator.model.words import quantity, utc_time

FILE, LOCK = "sources.db", "sources.lock"
VERSION = 1
_DAMAGED = -1
MONTH = 30 * timing.DAY

RequestKind = Literal["release", "push", "verified", "denied"]

_TABLES = """
CREATE TABLE IF NOT EXISTS source(url TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS entry(
    source TEXT NOT NULL, key TEXT NOT NULL, link TEXT NOT NULL, date INTEGER NOT NULL, held TEXT NOT NULL,
    value BLOB NOT NULL, PRIMARY KEY(source, key)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS entry_link ON entry(link);
CREATE TABLE IF NOT EXISTS alias(source TEXT NOT NULL, place INTEGER NOT NULL, key TEXT NOT NULL, first TEXT NOT NULL,
    PRIMARY KEY(source, place)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS pending(source TEXT PRIMARY KEY, value BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS cooling(domain TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS subscription(source TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS page(url TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS listed(location TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS request(
    number INTEGER PRIMARY KEY, kind TEXT NOT NULL, source TEXT NOT NULL, value TEXT NOT NULL);
"""

_Value_co = TypeVar("_Value_co", covariant=True)


class _Decoder(Protocol[_Value_co]):
    def decode(self, buf: Any, /) -> _Value_co: ...


_state = msgspec.json.Decoder(SourceState)
_known = msgspec.json.Decoder(Known)
_pending = msgspec.msgpack.Decoder(Pending)
_cooling = msgspec.json.Decoder(Cooling)
_subscription = msgspec.json.Decoder(Subscription)
_sources = msgspec.json.Decoder(tuple[Source, ...])


_OF_SOURCES: tuple[tuple[str, str, _Decoder[object]], ...] = (
    ("source", "url", _state), ("entry", "source", _known), ("pending", "source", _pending),
)  # fmt: skip
_OF_OTHERS: tuple[tuple[str, str, _Decoder[object]], ...] = (
    ("cooling", "domain", _cooling), ("subscription", "source", _subscription), ("listed", "location", _sources),
)  # fmt: skip


_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, TypeError)
"""What a decoder raises if a value is damaged."""


class Busy(Exception):  # noqa: N818 - a state, not a mistake
    """Another process collects with this state folder; `pid` is its number, 0 if unknown."""

    def __init__(self, pid: int) -> None:
        """Name the process that holds the lock."""
        self.pid = pid
        super().__init__(f"another process collects{f' (process {pid})' if pid else ''}")


class Unusable(Exception):  # noqa: N818 - a state of the file
    """`sources.db` cannot be opened; the message says why and what helps."""


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What another process asked of the collector."""

    number: int
    kind: RequestKind
    source: str
    value: str = ""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """A collected entry, for `explain`.

    The URL of its source, its title and link, the path of its seed below the folder, and why it is shown or not.
    """

    source: str
    title: str
    link: str
    path: str
    is_shown: bool
    sentence: str


@contextmanager
def locked(state: str) -> Iterator[None]:
    """Hold the lock of a state folder: only who holds it asks sources.

    Raises:
        Busy: If another process holds it.
    """
    path = os.path.join(state, LOCK)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            text = os.pread(handle, 20, 0).decode("ascii", "replace").strip()
            raise Busy(int(text) if text.isdecimal() else 0) from None
        os.ftruncate(handle, 0)
        os.pwrite(handle, b"%d\n" % os.getpid(), 0)
        yield
    finally:
        os.close(handle)


class Database:
    """The open file, for the process that collects."""

    def __init__(self, state: str) -> None:
        """Open or make the file in the state folder.

        Of a damaged one, what it knew of the sources with damaged rows is lost; if its pages are damaged, it is put
        aside, and all is lost. `damage` says in words what happened, "" if nothing did.

        Raises:
            Unusable: If it cannot be opened, or is that of a newer version.
        """
        self._path = os.path.join(state, FILE)
        self.damage = ""
        try:
            self._db = self._open()
        except sqlite3.Error as error:
            if not is_damage(error):
                raise Unusable(f"{self._path}: {with_advice(error)}") from error
            self._put_aside()
            self._db = self._open()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def states(self) -> dict[str, SourceState]:
        """Return the state of each source that was ever asked, by its URL."""
        return {url: self._decoded(_state, value) for url, value in self._rows("SELECT url, value FROM source")}

    def known(self, source: str) -> dict[str, Known]:
        """Return all entries of a source that were ever seen, by first key."""
        rows = self._rows("SELECT key, value FROM entry WHERE source=?", source)
        return {key: self._decoded(_known, value) for key, value in rows}

    def aliases(self, source: str) -> dict[str, str]:
        """Return the first keys of entries that came back under others, by these, oldest first."""
        return dict(self._rows("SELECT key, first FROM alias WHERE source=? ORDER BY place", source))

    def cooling(self) -> dict[str, Cooling]:
        """Return the registrable domains that are left alone."""
        rows = self._rows("SELECT domain, value FROM cooling")
        return {domain: self._decoded(_cooling, value) for domain, value in rows}

    def waiting(self) -> tuple[str, ...]:
        """Return the sources whose last document is not taken in yet."""
        return tuple(url for (url,) in self._rows("SELECT source FROM pending ORDER BY source"))

    def pending(self, source: str) -> Pending | None:
        """Return the document of a source that is not taken in yet."""
        rows = self._rows("SELECT value FROM pending WHERE source=?", source)
        return self._decoded(_pending, rows[0][0]) if rows else None

    def subscriptions(self) -> dict[str, Subscription]:
        """Return the WebSub subscriptions, by the source's URL."""
        rows = self._rows("SELECT source, value FROM subscription")
        return {url: self._decoded(_subscription, value) for url, value in rows}

    def requests(self) -> tuple[Request, ...]:
        """Return what other processes asked for, oldest first."""
        rows = self._rows("SELECT number, kind, source, value FROM request ORDER BY number")
        return tuple(Request(number=row[0], kind=row[1], source=row[2], value=row[3]) for row in rows)

    def page(self, url: str) -> str | None:
        """Return the text of an entry's page that was fetched for an entry which is not written yet."""
        rows = self._rows("SELECT value FROM page WHERE url=?", url)
        return str(rows[0][0]) if rows else None

    def listed(self, location: str) -> tuple[Source, ...]:
        """Return the sources of a living list when it was last read."""
        rows = self._rows("SELECT value FROM listed WHERE location=?", location)
        return self._decoded(_sources, rows[0][0]) if rows else ()

    def put(
        self, *, states: Iterable[SourceState] = (), pending: tuple[str, Pending] | None = None,
        cooling: Iterable[Cooling] = (), done: Iterable[Request] = (), page: tuple[str, str] | None = None,
        subscriptions: Iterable[Subscription] = (), listed: tuple[str, tuple[Source, ...]] | None = None,
    ) -> None:  # fmt: skip
        """Store states, a document that is to be taken in, and what else changed, in one transaction."""
        with self._transaction() as db:
            db.executemany("INSERT OR REPLACE INTO source VALUES(?,?)", [_row_of(state) for state in states])
            if pending is not None:
                db.execute(
                    "INSERT OR REPLACE INTO pending VALUES(?,?)", (pending[0], msgspec.msgpack.encode(pending[1]))
                )
            rows = [(one.domain, msgspec.json.encode(one)) for one in cooling]
            db.executemany("INSERT OR REPLACE INTO cooling VALUES(?,?)", rows)
            db.executemany("DELETE FROM request WHERE number=?", [(one.number,) for one in done])
            if page is not None:
                db.execute("INSERT OR REPLACE INTO page VALUES(?,?)", page)
            subscribed = [(one.source, msgspec.json.encode(one)) for one in subscriptions]
            db.executemany("INSERT OR REPLACE INTO subscription VALUES(?,?)", subscribed)
            if listed is not None:
                db.execute("INSERT OR REPLACE INTO listed VALUES(?,?)", (listed[0], msgspec.json.encode(listed[1])))

    def remember(self, source: str, known: Iterable[Known]) -> None:
        """Store what is known of a source's entries from its seeds."""
        with self._transaction() as db:
            _insert(db, source, known)

    def finish(
        self,
        state: SourceState,
        *,
        known: Iterable[Known] = (),
        aliases: Mapping[str, str] | None = None,
        pages: Iterable[str] = (),
        forgotten: Iterable[str] = (),
        keeps_pending: bool = False,
    ) -> None:
        """Store what followed from a source's document, after its seeds were written."""
        url = state.url
        with self._transaction() as db:
            db.execute("INSERT OR REPLACE INTO source VALUES(?,?)", _row_of(state))
            _insert(db, url, known)
            db.executemany("DELETE FROM entry WHERE source=? AND key=?", [(url, key) for key in forgotten])
            if aliases is not None:
                db.execute("DELETE FROM alias WHERE source=?", (url,))
                places = [(url, place, key, first) for place, (key, first) in enumerate(aliases.items())]
                db.executemany("INSERT INTO alias VALUES(?,?,?,?)", places)
            db.executemany("DELETE FROM page WHERE url=?", [(page,) for page in pages])
            if not keeps_pending:
                db.execute("DELETE FROM pending WHERE source=?", (url,))

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield self._db
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            self._roll_back()
            raise Unusable(f"{self._path}: {with_advice(error)}") from error
        except BaseException:
            self._roll_back()
            raise

    def _rows(self, query: str, *values: object) -> list[Any]:
        try:
            return self._db.execute(query, values).fetchall()
        except sqlite3.Error as error:
            if is_damage(error):
                self._give_up()
            raise Unusable(f"{self._path}: {with_advice(error)}") from error

    def _decoded(self, decoder: _Decoder[_Value_co], value: Any) -> _Value_co:
        try:
            return decoder.decode(value)
        except _UNREADABLE as error:
            self._give_up()
            raise Unusable(
                f"{self._path} is damaged; the next start makes what is lost again from the seeds"
            ) from error

    def _give_up(self) -> None:
        """Mark the file, so that the next start mends it, or puts it aside."""
        with suppress(sqlite3.Error):
            self._db.execute(f"PRAGMA user_version={_DAMAGED}")

    def _roll_back(self) -> None:
        with suppress(sqlite3.Error):
            self._db.execute("ROLLBACK")

    def _open(self) -> sqlite3.Connection:
        db = sqlite3.connect(self._path, isolation_level=None)
        try:
            # FULL: what was asked is remembered even if the machine loses power.
            for setting in ("busy_timeout=5000", "journal_mode=WAL", "synchronous=FULL"):
                db.execute(f"PRAGMA {setting}")
            version = db.execute("PRAGMA user_version").fetchone()[0]
            self._check(version)
            db.executescript(_TABLES)
            self._check_pages(db)
            if version == _DAMAGED:
                self._mend(db)
            db.execute(f"PRAGMA user_version={VERSION}")
        except BaseException:
            db.close()
            raise
        return db

    def _check_pages(self, db: sqlite3.Connection) -> None:
        if (found := db.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
            raise sqlite3.DatabaseError(found)

    def _check(self, version: int) -> None:
        if version > VERSION:
            raise Unusable(f"{self._path} is that of a newer version of this program")

    def _mend(self, db: sqlite3.Connection) -> None:
        """Forget the sources of which a row is damaged, in a file that is whole otherwise; a copy of it is kept."""
        with suppress(FileNotFoundError):
            os.unlink(self._aside)
        with closing(sqlite3.connect(self._aside)) as copy:
            db.backup(copy)
        sources = {source for _, _, source in _damaged(db, _OF_SOURCES)}
        aliases = db.execute("SELECT source FROM alias WHERE typeof(key) != 'text' OR typeof(first) != 'text'")
        sources |= {source for (source,) in aliases}
        others = list(_damaged(db, _OF_OTHERS))
        db.execute("BEGIN IMMEDIATE")
        for table, column in (("source", "url"), ("entry", "source"), ("alias", "source"), ("pending", "source")):
            db.executemany(f"DELETE FROM {table} WHERE {column} IS ?", [(one,) for one in sources])  # noqa: S608 - as above
        for table, column, key in others:
            db.execute(f"DELETE FROM {table} WHERE {column} IS ?", (key,))  # noqa: S608 - as above
        db.execute("COMMIT")
        self.damage = (
            f"it was damaged: what it knew of {quantity(len(sources), 'source')} is made again from the seeds; the file"
            f" as it was is kept as {os.path.basename(self._aside)}"
        )

    @property
    def _aside(self) -> str:
        return f"{self._path}.damaged"

    def _put_aside(self) -> None:
        for suffix in ("-wal", "-shm"):
            with suppress(OSError):
                os.unlink(self._path + suffix)
        os.replace(self._path, self._aside)
        self.damage = (
            "it was damaged, and is made again from the seeds: every source is asked once more without a condition, and"
            f" what was held back is held back anew; the damaged file is kept as {os.path.basename(self._aside)}"
        )


def _damaged(
    db: sqlite3.Connection, tables: Iterable[tuple[str, str, _Decoder[object]]]
) -> Iterator[tuple[str, str, Any]]:
    """Yield the table, the column and the value there of each row that is damaged."""
    for table, column, decoder in tables:
        for key, value in db.execute(f"SELECT {column}, value FROM {table}"):  # noqa: S608 - names of ours
            if not any(_readable(decoder, [(key, value)])):
                yield table, column, key


def _insert(db: sqlite3.Connection, source: str, known: Iterable[Known]) -> None:
    rows = [(source, row.key, row.link, row.date, row.held_by, msgspec.json.encode(row)) for row in known]
    db.executemany("INSERT OR REPLACE INTO entry VALUES(?,?,?,?,?,?)", rows)


def statuses(state: str, sources: Iterable[Source], now: int) -> tuple[SourceStatus, ...]:
    """Return what is known of each of some sources, in their order; nothing is changed. `state` is the state folder.

    It never fails: of what cannot be read, the status says why.
    """
    with closing(_reading(state)) as db:
        try:
            states = dict(_rows(db, "SELECT url, value FROM source"))
            held = dict(
                _rows(db, "SELECT source, count(*) FROM entry WHERE held IN ('flood','hijack') GROUP BY source")
            )
            counts = _rows(
                db, "SELECT source, count(*), min(date) FROM entry WHERE date>? GROUP BY source", now - 3 * MONTH
            )
            cooling = dict(_readable(_cooling, _rows(db, "SELECT domain, value FROM cooling")))
        except sqlite3.Error as error:
            problem = f"{FILE} cannot be read: {with_advice(error)}"
            return tuple(_unreadable(source, problem) for source in sources)
        months = {source: count * MONTH / max(MONTH, now - oldest) for source, count, oldest in counts}
    # It may stand on a public page: the folder is nobody's business.
    damaged = f"what {FILE} knows of it is damaged; the collector makes that again from the seeds"
    read = dict(_readable(_state, states.items()))
    return tuple(
        _unreadable(source, damaged)
        if source.url in states.keys() - read.keys()
        else _status(source, read.get(source.url), now, cooling=cooling, held=held.get(source.url, 0), months=months)
        for source in sources
    )


def findings(state: str, wanted: str, *, names: Mapping[str, str] | None = None) -> tuple[Finding, ...]:
    """Return the collected entries with a link, key or seed path, and why each is shown or not.

    `names` are the sources' own names in the config, by URL. What cannot be read is left out.
    """
    with closing(_reading(state)) as db, suppress(sqlite3.Error):
        states = dict(_readable(_state, _rows(db, "SELECT url, value FROM source")))
        rows = _rows(db, "SELECT source, value FROM entry WHERE link=?1 OR key=?1 ORDER BY source, key", wanted)
        found = list(_readable(_known, rows))
        if not found and wanted.endswith(".md"):
            every = _readable(_known, _rows(db, "SELECT source, value FROM entry"))
            found = [one for one in every if one[1].path == wanted]
        return tuple(
            Finding(
                source=url, title=row.title, link=row.link, path=row.path,
                is_shown=not row.held_by and not row.is_withdrawn,
                sentence=guards.sentence(row, states[url], name=(names or {}).get(url, "")),
            )
            for url, row in found
            if url in states
        )  # fmt: skip
    return ()


def publishing_at(state: str, place: str) -> frozenset[str]:
    """Return the URLs of the sources whose home page, or an entry of which, lies at a place: `blog.example:8080`."""
    with closing(_reading(state)) as db, suppress(sqlite3.Error):
        states = _readable(_state, _rows(db, "SELECT url, value FROM source"))
        found = {url for url, one in states if one.head and one.head.link.startswith(_starts_of(place))}
        for start in _starts_of(place):
            # A range, as LIKE would not use the index: "0" follows "/".
            rows = _rows(db, "SELECT DISTINCT source FROM entry WHERE link>=? AND link<?", start, f"{start[:-1]}0")
            found.update(source for (source,) in rows)
        return frozenset(found)
    return frozenset()


def _starts_of(place: str) -> tuple[str, str]:
    return f"https://{place}/", f"http://{place}/"


def adopted(state: str) -> dict[str, str]:
    """Return the addresses that sources have moved to for good, by the listed ones; for `--apply`."""
    with closing(_reading(state)) as db, suppress(sqlite3.Error):
        states = _readable(_state, _rows(db, "SELECT url, value FROM source ORDER BY url"))
        return {one.url: one.adopted for _, one in states if one.adopted}
    return {}


def subscriptions(state: str) -> tuple[Subscription, ...]:
    """Return the WebSub subscriptions, for the process that answers hubs."""
    with closing(_reading(state)) as db, suppress(sqlite3.Error):
        rows = _rows(db, "SELECT source, value FROM subscription ORDER BY source")
        return tuple(one for _, one in _readable(_subscription, rows))
    return ()


def listed_in(state: str, location: str) -> tuple[Source, ...]:
    """Return the sources of a living list when it was last read."""
    with closing(_reading(state)) as db, suppress(sqlite3.Error):
        rows = _rows(db, "SELECT location, value FROM listed WHERE location=?", location)
        return next((found for _, found in _readable(_sources, rows)), ())
    return ()


def request(state: str, kind: RequestKind, source: str, value: str = "") -> None:
    """Ask the collector for something: it takes that up within seconds if it runs, else when it starts.

    The same request twice is one.

    Raises:
        Unusable: If the file cannot be written.
    """
    path = os.path.join(state, FILE)
    try:
        with closing(sqlite3.connect(f"file:{quote(path)}?mode=rw", uri=True, isolation_level=None)) as db:
            db.execute("PRAGMA busy_timeout=5000")
            db.execute(
                "INSERT INTO request(kind, source, value) SELECT ?1, ?2, ?3"
                " WHERE NOT EXISTS (SELECT 1 FROM request WHERE kind=?1 AND source=?2 AND value=?3)",
                (kind, source, value),
            )
    except sqlite3.Error as error:
        raise Unusable(f"{path}: {with_advice(error)}") from error


def _reading(state: str) -> sqlite3.Connection:
    """Return a connection that changes nothing; one to an empty database if there is no file."""
    path = os.path.join(state, FILE)
    if os.path.exists(path):
        with suppress(sqlite3.Error):  # it was put aside a moment ago
            db = sqlite3.connect(f"file:{quote(path)}?mode=ro", uri=True, isolation_level=None)
            db.execute("PRAGMA busy_timeout=1000")
            return db
    db = sqlite3.connect(":memory:")
    db.executescript(_TABLES)
    return db


def _rows(db: sqlite3.Connection, query: str, *values: object) -> list[Any]:
    try:
        return db.execute(query, values).fetchall()
    except sqlite3.OperationalError as error:
        if str(error).startswith("no such table"):
            return []  # another process is making the file
        raise


def _readable(decoder: _Decoder[_Value_co], rows: Iterable[tuple[str, Any]]) -> Iterator[tuple[str, _Value_co]]:
    """Yield the rows that are not damaged; the others are for the collector to find.

    Who reads must not take their damage for that of a file of its own, such as the index.
    """
    for key, value in rows:
        with suppress(*_UNREADABLE):
            yield key, decoder.decode(value)


def _row_of(state: SourceState) -> tuple[str, bytes]:
    return state.url, msgspec.json.encode(state)


def _unreadable(source: Source, problem: str) -> SourceStatus:
    return SourceStatus(
        url=source.url, name=source.name, state="failing", last_success=None, last_status=None, next=None, why="",
        items_per_month=0.0, error=problem,
    )  # fmt: skip


def _status(
    source: Source,
    state: SourceState | None,
    now: int,
    *,
    cooling: dict[str, Cooling],
    held: int,
    months: dict[str, float],
) -> SourceStatus:
    if state is None:
        return SourceStatus(
            url=source.url, name=source.name, state="new", last_success=None, last_status=None, next=None,
            why="it is new: asked at once", items_per_month=0.0,
        )  # fmt: skip
    state = timing.as_listed(state, source)  # the collector may not have met the list as it is now
    next_at, why = next_of(state, cooling, now, address=source.address)
    return SourceStatus(
        url=source.url, name=source.name or state.title, state=state_word(state, now),
        last_success=utc_time(state.succeeded_at) if state.succeeded_at else None, last_status=state.status or None,
        next=None if state.outcome == "gone" else utc_time(max(next_at, 0) or now), why=why,
        items_per_month=round(months.get(source.url, 0.0), 1), redirect=state.redirect.target if state.redirect else "",
        quarantine=state.quarantine, error=state.error, held=held,
    )  # fmt: skip


def next_of(
    state: SourceState, cooling: Mapping[str, Cooling], now: int, *, address: str = "", is_spread: bool = True
) -> tuple[int, str]:
    """Return when a source is asked next, and why then: its own time, or that of a domain which is left alone.

    `address` is where the list says that it lies now, "" if that is its URL. With `is_spread`, one that is long overdue
    waits for its place in the hour.
    """
    due = timing.due_at(state, now) if is_spread else state.next_at
    cool = cooling.get(timing.domain_asked(state, address))
    if state.outcome != "gone" and cool is not None and due < cool.until <= now + timing.LONGEST_HINT + timing.HOUR:
        return timing.in_grid(cool.until, state.url) if is_spread else cool.until, cool.why
    return due, state.why or "it is new: asked at once"


def state_word(state: SourceState, now: int) -> Literal["new", "ok", "failing", "quarantined", "gone", "dead"]:
    """Return the state of a source in one word."""
    if state.outcome == "gone":
        return "gone"
    if timing.is_dead(state, now):
        return "dead"
    if state.quarantine:
        return "quarantined"
    if state.failing_since:
        return "failing"
    return "ok" if state.succeeded_at else "new"

"""The stories in the index: what is compared of each item, and which items cover one event.

Reads and writes the tables `wording`, `wording_key`, `wording_day`, `key_count`, `coverage` and `hidden` of `index.db`,
which are empty unless `stories.stories` looks for stories. (`stories.py` is about one item that several seeds tell.)
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from aggregator.index.database import Tables, chunks, marks
from aggregator.index.rows import Columns, check_coverage, checksum
from aggregator.normalizer.stored import pack_stored, without_checksum

NAMED_DAY = -(2**40)
"""The day under which the names of stories stand in `wording_key`: a name counts whatever the date."""

ITEMS = -1
"""The key under which `key_count` has the items of a day themselves."""

Hidden = tuple[tuple[str, int, int], ...]
"""When feeds show a better item instead: the slug of a feed, and a window [starts, ends) in seconds since 1970."""

_files = msgspec.json.Decoder(list[int]).decode
_hidden = msgspec.msgpack.Decoder(Hidden)
_windows = Columns("hidden", int, bytes)
_wording = Columns("wording", int, int, bytes)
_pair = Columns("wording_key", int, int)
_count = Columns("key_count", int, int, int)


class StoredWording(NamedTuple):
    """A packed wording; it `counts` unless its file is a copy of another one."""

    counts: bool
    packed: bytes


class Coverage(Tables):
    """The stories of the index; `Index.coverage` is the instance."""

    def wordings(self, files: Sequence[int]) -> dict[int, StoredWording]:
        """Return the wordings of those of `files` that have one."""
        found: dict[int, StoredWording] = {}
        for chunk in chunks(files):
            sql = f"SELECT file, counts, wording FROM wording WHERE file IN ({marks(chunk)})"  # noqa: S608
            rows = _wording.all(self._db.execute(sql, chunk))
            found.update((file, StoredWording(bool(counts), packed)) for file, counts, packed in rows)
        return found

    def put_wordings(self, rows: Iterable[tuple[int, int, bytes]]) -> None:
        """Store packed wordings: file, whether it counts, wording."""
        self._db.executemany("INSERT OR REPLACE INTO wording VALUES(?,?,?)", rows)

    def set_counts(self, rows: Iterable[tuple[int, int]]) -> None:
        """Set whether wordings count: pairs of that and the file."""
        self._db.executemany("UPDATE wording SET counts=? WHERE file=?", rows)

    def delete_wordings(self, files: Sequence[int]) -> None:
        """Delete the wordings of files, and what they cover; delete their keys before."""
        self.put_covering([(file, other) for file, pairs in self.covering(files).items() for other in pairs], ())
        for table in ("wording", "hidden"):
            self._db.executemany(f"DELETE FROM {table} WHERE file=?", [(file,) for file in files])  # noqa: S608

    # -- keys, and how often they stand in a day's items

    def put_keys(self, removed: Iterable[tuple[int, int, int]], added: Iterable[tuple[int, int, int]]) -> None:
        """Change the keys of files: key, day, file."""
        self._db.executemany("DELETE FROM wording_key WHERE key=? AND day=? AND file=?", removed)
        self._db.executemany("INSERT OR IGNORE INTO wording_key VALUES(?,?,?)", added)

    def with_keys(self, keys: Sequence[int], first: int, last: int) -> dict[int, list[int]]:
        """Return the files of the items of days that have one of `keys`, by key."""
        found: dict[int, list[int]] = {}
        for chunk in chunks(keys):
            sql = (
                f"SELECT key, json_group_array(file) FROM wording_key WHERE key IN ({marks(chunk)})"  # noqa: S608
                " AND day BETWEEN ? AND ? GROUP BY key"
            )
            for key, files in self._db.execute(sql, (*chunk, first, last)):
                found[key] = _files(files)
        return found

    def with_key(self, key: int, day: int) -> list[int]:
        """Return the files of the items of a day that have a key."""
        return self.with_keys([key], day, day).get(key, [])

    def of_day(self, day: int) -> set[int]:
        """Return the files of a day whose wordings count."""
        rows = self._db.execute("SELECT DISTINCT file FROM wording_day WHERE day=?", (day,))
        return {file for (file,) in rows}

    def put_days(self, removed: Iterable[tuple[int, int]], added: Iterable[tuple[int, int]]) -> None:
        """Change the days of files: day, file."""
        self._db.executemany("DELETE FROM wording_day WHERE day=? AND file=?", removed)
        self._db.executemany("INSERT OR IGNORE INTO wording_day VALUES(?,?)", added)

    def total(self, first: int, last: int) -> int:
        """Return how many items there are in days."""
        return self.sums([ITEMS], first, last).get(ITEMS, 0)

    def counts(self, keys: Sequence[int], first: int, last: int) -> dict[int, dict[int, int]]:
        """Return in how many items of each day keys stand, by key and day."""
        found: dict[int, dict[int, int]] = defaultdict(dict)
        for chunk in chunks(keys):
            sql = f"SELECT key, day, count FROM key_count WHERE key IN ({marks(chunk)}) AND day BETWEEN ? AND ?"  # noqa: S608
            for key, day, count in _count.all(self._db.execute(sql, (*chunk, first, last))):
                found[key][day] = count
        return found

    def sums(self, keys: Sequence[int], first: int, last: int) -> dict[int, int]:
        """Return in how many items of these days keys stand, without those that stand in none."""
        found: dict[int, int] = {}
        for chunk in chunks(keys):
            sql = (
                f"SELECT key, sum(count) FROM key_count WHERE key IN ({marks(chunk)})"  # noqa: S608
                " AND day BETWEEN ? AND ? GROUP BY key"
            )
            found.update(_pair.all(self._db.execute(sql, (*chunk, first, last))))
        return found

    def add_counts(self, counts: Mapping[tuple[int, int], int]) -> None:
        """Add to the counts of keys in days: by key and day."""
        sql = (
            "INSERT INTO key_count VALUES(?,?,?) ON CONFLICT(key, day) DO UPDATE SET count = count + excluded.count"
        )  # fmt: skip
        self._db.executemany(sql, ((*place, count) for place, count in sorted(counts.items()) if count))
        fewer = [place for place, count in counts.items() if count < 0]
        self._db.executemany("DELETE FROM key_count WHERE key=? AND day=? AND count <= 0", fewer)

    # -- what covers one event with what

    def covering(self, files: Sequence[int]) -> dict[int, dict[int, int]]:
        """Return what each of `files` covers one event with: other files with the share of words in thousandths."""
        found: dict[int, dict[int, int]] = defaultdict(dict)
        for chunk in chunks(files):
            sql = f"SELECT file, other, share, sum FROM coverage WHERE file IN ({marks(chunk)})"  # noqa: S608
            for file, other, share in map(check_coverage, self._db.execute(sql, chunk)):
                found[file][other] = share
        return found

    def put_covering(self, removed: Iterable[tuple[int, int]], added: Iterable[tuple[int, int, int]]) -> None:
        """Change what covers one event: pairs of files; file, other file and share. Each is stored both ways."""
        gone = (pair for one, other in removed for pair in ((one, other), (other, one)))
        self._db.executemany("DELETE FROM coverage WHERE file=? AND other=?", gone)
        both = ((one, other, share) for file, like, share in added for one, other in ((file, like), (like, file)))
        self._db.executemany("INSERT OR REPLACE INTO coverage VALUES(?,?,?,?)", ((*r, checksum(*r)) for r in both))

    def hidden(self, files: Sequence[int]) -> dict[int, Hidden]:
        """Return when better items are shown instead of those of `files` that are hidden at times."""
        found: dict[int, Hidden] = {}
        for chunk in chunks(files):
            sql = f"SELECT file, windows FROM hidden WHERE file IN ({marks(chunk)})"  # noqa: S608
            for file, packed in _windows.all(self._db.execute(sql, chunk)):
                found[file] = _hidden.decode(without_checksum(packed))
        return found

    def put_hidden(self, rows: Iterable[tuple[int, Hidden]]) -> None:
        """Replace when better items are shown instead of some files."""
        for file, windows in rows:
            if windows:
                self._db.execute("INSERT OR REPLACE INTO hidden VALUES(?,?)", (file, pack_stored(windows)))
            else:
                self._db.execute("DELETE FROM hidden WHERE file=?", (file,))

    def show_all(self) -> None:
        """Let no item be hidden by others of its event, once feeds show all of them."""
        self._db.execute("DELETE FROM hidden")

    def is_empty(self) -> bool:
        """Return whether no wording is stored."""
        return self._db.execute("SELECT 1 FROM wording LIMIT 1").fetchone() is None

    def stories(self) -> list[int]:
        """Return the stories of the files that cover an event with others."""
        sql = "SELECT DISTINCT story FROM file WHERE story IS NOT NULL AND file IN (SELECT file FROM coverage)"
        return [story for (story,) in self._db.execute(sql)]

    def clear(self) -> None:
        """Forget everything, once stories are no longer looked for."""
        for table in TABLES:
            self._db.execute(f"DELETE FROM {table}")  # noqa: S608 - from below


TABLES = ("wording", "wording_key", "wording_day", "key_count", "coverage", "hidden")

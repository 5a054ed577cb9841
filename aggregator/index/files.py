"""The known files in the index: their stat keys, stored seeds, problems and last good versions.

Reads and writes the tables `file`, `seed`, `problem` and `last_good` of `index.db`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from aggregator.index.database import Tables, chunks, marks, require_all
from aggregator.index.row_check import FILE_COLUMNS
from aggregator.index.rows import Columns, DamagedRowError, check, check_file, file_checksum
from aggregator.normalizer.stored import verified

_path_and_digest = Columns("file", str, bytes)
_mtime = Columns("file", int)
_seed = Columns("seed", int, bytes)
_path_and_seed = Columns("seed", str, bytes, bytes)
_problem = Columns("problem", str, int, bytes)


class FileRow(NamedTuple):
    """A row of the table `file`; the schema describes the columns."""

    file: int
    path: str
    dev: int = 0
    ino: int = 0
    size: int = 0
    mtime: int = -1
    ctime: int = 0
    digest: bytes = b""
    content: bytes | None = None
    rule: str = ""
    detail: str = ""
    stale: int = 0
    story: int | None = None
    newest: int | None = None
    quality: int | None = None
    starts: int | None = None
    ends: int | None = None
    since: int | None = None
    until: int | None = None
    verdict: bytes | None = None
    entries: bytes | None = None


class Files(Tables):
    """The files of the index; `Index.files` is the instance.

    `changed` are the files whose stored seeds were put or deleted since it was set; None if nobody asks.
    """

    changed: set[int] | None = None

    def stat_keys(self, below: str = "") -> Iterator[tuple[str, tuple[int, int, int, int, int]]]:
        """Yield the path and stat key of the known files in the order of their paths, or only of those `below` a path.

        If that ends with a `/`, it is a folder, else also the file itself is meant. The rows are fetched one at a time,
        so a million files take no memory. Do not write meanwhile.
        """
        sql = "SELECT path, dev, ino, size, mtime, ctime FROM file"
        folder = below.rstrip("/")
        bounds: tuple[str, ...] = (f"{folder}/", f"{folder}0", below) if below else ()
        where = " WHERE (path >= ? AND path < ?) OR path = ?" if below else ""
        if below.endswith("/"):
            bounds, where = bounds[:2], " WHERE path >= ? AND path < ?"
        for row in self._db.execute(f"{sql}{where} ORDER BY path", bounds):
            if row[0].__class__ is not str:
                raise DamagedRowError("file")
            yield row[0], row[1:]

    def outside(self, prefixes: Iterable[str]) -> Iterator[str]:
        """Yield the paths of the known files that begin with none of `prefixes`, each of which ends with a `/`."""
        bounds = [bound for prefix in prefixes for bound in (prefix, f"{prefix[:-1]}0")]
        condition = " AND ".join(["NOT (path >= ? AND path < ?)"] * (len(bounds) // 2))
        for row in self._db.execute(f"SELECT path FROM file WHERE {condition} ORDER BY path", bounds):  # noqa: S608
            yield from row

    def digests(self, paths: Sequence[str]) -> dict[str, bytes]:
        """Return the digests of the known files among `paths`, without those that cannot be read."""
        found: dict[str, bytes] = {}
        if self._database.filling:
            return found
        for chunk in chunks(paths):
            sql = f"SELECT path, digest FROM file WHERE path IN ({marks(chunk)}) AND digest != x''"  # noqa: S608
            found.update(_path_and_digest.all(self._db.execute(sql, chunk)))
        return found

    def forget_commits(self, prefix: str) -> None:
        """Forget what the files of a root are like whose dates are those of commits, so that they are read again."""
        sql = "UPDATE file SET mtime=-1, digest=x'' WHERE length(digest)>16"
        bounds = (prefix, f"{prefix[:-1]}0") if prefix else ()
        self._db.execute(f"{sql} AND path >= ? AND path < ?" if prefix else sql, bounds)

    def count(self) -> int:
        """Return the number of known files."""
        count: int = self._db.execute("SELECT count(*) FROM file").fetchone()[0]
        return count

    def where(self, condition: str, values: Sequence[Any] = ()) -> Iterator[FileRow]:
        """Yield the files that satisfy an SQL condition."""
        for row in self._db.execute(f"SELECT {FILE_COLUMNS} FROM file WHERE {condition}", values):  # noqa: S608 - ours
            yield FileRow._make(check_file(row)[:-1])

    def by_path(self, paths: Sequence[str]) -> dict[str, FileRow]:
        """Return the known files among `paths`, by path."""
        return {row.path: row for chunk in chunks(paths) for row in self.where(f"path IN ({marks(chunk)})", chunk)}

    def with_shared_story(self, now: int) -> Iterator[FileRow]:
        """Yield the accepted files whose window is open at `now` and whose story other files tell too."""
        shared = "SELECT story FROM file WHERE story IS NOT NULL GROUP BY story HAVING count(*) > 1"
        yield from self.where(f"story IN ({shared}) AND starts <= ?1 AND ends > ?1 ORDER BY path", (now,))

    def modification_times(self, paths: Sequence[str]) -> dict[str, int]:
        """Return when the known files among `paths` were last written, if that is certain; seconds since 1970."""
        return {path: row.mtime // 10**9 for path, row in self.by_path(paths).items() if _mtime((row.mtime,))[0] > 0}

    def next_number(self) -> int:
        """Return a number that no file has."""
        number: int = self._db.execute("SELECT coalesce(max(file), 0) + 1 FROM file").fetchone()[0]
        return number

    def put(self, rows: Iterable[FileRow], *, new: bool = False) -> None:
        """Insert files, or replace those with the same number; inserting is faster if all are `new`."""
        verb = "INSERT" if new else "INSERT OR REPLACE"
        sql = f"{verb} INTO file VALUES({marks(FileRow._fields)},?)"
        self._db.executemany(sql, ((*row, file_checksum(row)) for row in rows))

    def put_stats(self, rows: Iterable[tuple[int, int, int, int, int, bytes, int]]) -> None:
        """Set the stat key and digest of unchanged files; each row ends with the file's number."""
        self._db.executemany("UPDATE file SET dev=?, ino=?, size=?, mtime=?, ctime=?, digest=? WHERE file=?", rows)

    def delete(self, files: Sequence[int]) -> None:
        """Delete files; delete their entries before."""
        self._note_changed(files)
        for chunk in chunks(files):
            for table in ("file", "seed", "problem"):
                self._db.execute(f"DELETE FROM {table} WHERE file IN ({marks(chunk)})", chunk)  # noqa: S608

    # -- stored seeds

    def seeds(self, files: Sequence[int]) -> dict[int, bytes]:
        """Return the stored seeds of `files`.

        Raises:
            sqlite3.DatabaseError: if one is missing, which only damage can cause.
        """
        found: dict[int, bytes] = {}
        for chunk in chunks(files):
            sql = f"SELECT file, seed FROM seed WHERE file IN ({marks(chunk)})"  # noqa: S608
            found.update(_seed.all(self._db.execute(sql, chunk)))
        require_all(files, found, "seed")
        return found

    def all_seeds(self) -> Iterator[tuple[str, bytes]]:
        """Yield the path and stored seed of every file that could be read."""
        sql = "SELECT path, seed, content FROM file JOIN seed USING(file) ORDER BY path"
        for path, seed, content in _path_and_seed.all(self._db.execute(sql)):
            yield path, verified(seed, content)

    def held_back_seeds(self) -> Iterator[tuple[str, bytes]]:
        """Yield the path and stored seed of every file that a rule holds back."""
        sql = "SELECT path, seed, content FROM file JOIN seed USING(file) WHERE story IS NULL ORDER BY path"
        for path, seed, content in _path_and_seed.all(self._db.execute(sql)):
            yield path, verified(seed, content)

    def put_seeds(self, rows: Iterable[tuple[int, bytes]]) -> None:
        """Store seeds by file."""
        if self.changed is not None:
            rows = list(rows)
            self.changed.update(file for file, _ in rows)
        self._db.executemany("INSERT OR REPLACE INTO seed VALUES(?,?)", rows)

    def delete_seeds(self, files: Sequence[int]) -> None:
        """Delete the stored seeds of files that can no longer be read."""
        self._note_changed(files)
        self._db.executemany("DELETE FROM seed WHERE file=?", ((file,) for file in files))

    def _note_changed(self, files: Sequence[int]) -> None:
        if self.changed is not None:
            self.changed.update(files)

    # -- problems

    def put_problems(self, rows: Iterable[tuple[int, bytes | None]]) -> None:
        """Set the packed problems of files; None deletes them."""
        for file, problems in rows:
            if problems is None:
                self._db.execute("DELETE FROM problem WHERE file=?", (file,))
            else:
                self._db.execute("INSERT OR REPLACE INTO problem VALUES(?,?)", (file, problems))

    def problems(self) -> list[tuple[str, int, bytes]]:
        """Return path, `stale` and packed problems of every file that has problems, by path."""
        sql = "SELECT path, stale, problems FROM problem JOIN file USING(file) ORDER BY path"
        return list(_problem.all(self._db.execute(sql)))

    # -- last good versions

    def last_good(self, paths: Sequence[str]) -> dict[str, bytes]:
        """Return the last good versions of `paths`."""
        found: dict[str, bytes] = {}
        for chunk in chunks(paths):
            sql = f"SELECT path, seed, digest FROM last_good WHERE path IN ({marks(chunk)})"  # noqa: S608
            found.update(check("last_good", row)[:2] for row in self._db.execute(sql, chunk))
        return found

    def put_last_good(self, rows: Iterable[tuple[str, bytes, bytes]]) -> None:
        """Store last good versions: path, seed, and the digest of the seed."""
        self._db.executemany("INSERT OR REPLACE INTO last_good VALUES(?,?,?)", rows)

    def put_visible_as_last_good(self, now: int) -> None:
        """Store the versions that readers see at `now` as last good ones, except for paths that have one."""
        self._db.execute(
            "INSERT OR IGNORE INTO last_good SELECT path, seed, content FROM file JOIN seed USING(file) WHERE file IN"
            " (SELECT file FROM entry WHERE starts<=?1 AND ends>?1)", (now,)
        )  # fmt: skip

    def delete_unused_last_good(self) -> None:
        """Delete the last good versions of files that are readable again or gone."""
        self._db.execute("DELETE FROM last_good WHERE path NOT IN (SELECT path FROM file WHERE stale = 1)")

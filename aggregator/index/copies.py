"""The copies in the index: what is compared of each text, which texts are alike, and which stands for which.

Reads and writes the tables `text`, `text_key`, `paragraph`, `common_paragraph`, `alike` and `copy` of `index.db`, which
are empty unless `stories.copies` looks for copies.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import chain

import msgspec

from aggregator.index.database import Tables, chunks, marks
from aggregator.index.rows import Columns, check_alike, check_copy, checksum

_files = msgspec.json.Decoder(list[int]).decode
_number = Columns("copy", int)
_text = Columns("text", int, bytes)


class Copies(Tables):
    """The copies of the index; `Index.copies` is the instance."""

    # -- texts and what they are found by

    def texts(self, files: Sequence[int]) -> dict[int, bytes]:
        """Return the packed texts of those of `files` that have one."""
        found: dict[int, bytes] = {}
        for chunk in chunks(files):
            sql = f"SELECT file, text FROM text WHERE file IN ({marks(chunk)})"  # noqa: S608
            found.update(_text.all(self._db.execute(sql, chunk)))
        return found

    def put_texts(self, rows: Iterable[tuple[int, bytes]]) -> None:
        """Store packed texts by file."""
        self._db.executemany("INSERT OR REPLACE INTO text VALUES(?,?)", rows)

    def delete_texts(self, files: Sequence[int]) -> None:
        """Delete the texts of files, and that they are alike or copies; delete their keys and paragraphs before."""
        rows = [(file,) for file in files]
        for sql in ("text WHERE file=?", "copy WHERE file=?", "copy WHERE original=?"):
            self._db.executemany(f"DELETE FROM {sql}", rows)  # noqa: S608 - from above
        self.put_alike(files, ())

    def put_keys(self, removed: Iterable[tuple[int, int]], added: Iterable[tuple[int, int]]) -> None:
        """Change the keys by which files are found: pairs of key and file."""
        self._db.executemany("DELETE FROM text_key WHERE key=? AND file=?", removed)
        self._db.executemany("INSERT OR IGNORE INTO text_key VALUES(?,?)", added)

    def with_keys(self, keys: Sequence[int]) -> dict[int, list[int]]:
        """Return the files that have one of `keys`, by key, without those that one file has alone."""
        found: dict[int, list[int]] = {}
        for chunk in chunks(keys):
            sql = (
                f"SELECT key, json_group_array(file) FROM text_key WHERE key IN ({marks(chunk)})"  # noqa: S608
                " GROUP BY key HAVING count(*) > 1"
            )
            found.update((key, _files(files)) for key, files in self._db.execute(sql, chunk))
        return found

    # -- paragraphs

    def put_paragraphs(self, removed: Iterable[tuple[int, int]], added: Iterable[tuple[int, int, int]]) -> None:
        """Change the paragraphs of files: pairs of key and file; key, file and the number of the file's link."""
        self._db.executemany("DELETE FROM paragraph WHERE key=? AND file=?", removed)
        self._db.executemany("INSERT OR REPLACE INTO paragraph VALUES(?,?,?)", added)

    def common(self, keys: Sequence[int]) -> set[int]:
        """Return those of `keys` that are known as paragraphs of several items."""
        found: set[int] = set()
        for chunk in chunks(keys):
            sql = f"SELECT key FROM common_paragraph WHERE key IN ({marks(chunk)})"  # noqa: S608
            found.update(chain.from_iterable(_number.all(self._db.execute(sql, chunk))))
        return found

    def in_several(self, keys: Sequence[int], least: int) -> set[int]:
        """Return those of `keys` that are paragraphs of items with at least `least` different links."""
        found: set[int] = set()
        for chunk in chunks(keys):
            sql = (
                f"SELECT key FROM paragraph WHERE key IN ({marks(chunk)})"  # noqa: S608
                " GROUP BY key HAVING count(DISTINCT link) >= ?"
            )
            found.update(chain.from_iterable(_number.all(self._db.execute(sql, (*chunk, least)))))
        return found

    def put_common(self, keys: Iterable[int], *, is_common: bool) -> None:
        """Note that paragraphs are, or are no longer, those of several items."""
        verb = "INSERT OR IGNORE INTO common_paragraph VALUES(?)"
        self._db.executemany(
            verb if is_common else "DELETE FROM common_paragraph WHERE key=?", ((key,) for key in keys)
        )

    def with_paragraphs(self, keys: Collection[int]) -> Iterator[int]:
        """Yield the files that have one of these paragraphs."""
        for chunk in chunks(list(keys)):
            sql = f"SELECT DISTINCT file FROM paragraph WHERE key IN ({marks(chunk)})"  # noqa: S608
            yield from chain.from_iterable(_number.all(self._db.execute(sql, chunk)))

    # -- what is alike, and what is a copy of what

    def alike(self, files: Sequence[int]) -> dict[int, dict[int, int]]:
        """Return what each of `files` is like: other files with the share of runs in thousandths."""
        found: dict[int, dict[int, int]] = defaultdict(dict)
        for chunk in chunks(files):
            sql = f"SELECT file, other, share, sum FROM alike WHERE file IN ({marks(chunk)})"  # noqa: S608
            for file, other, share in map(check_alike, self._db.execute(sql, chunk)):
                found[file][other] = share
        return found

    def put_alike(self, files: Sequence[int], rows: Iterable[tuple[int, int, int]]) -> None:
        """Replace what `files` are like: file, other file, share."""
        others = [(other, file) for file, pairs in self.alike(files).items() for other in pairs]
        self._db.executemany("DELETE FROM alike WHERE file=? AND other=?", others)
        self._db.executemany("DELETE FROM alike WHERE file=?", ((file,) for file in files))
        both = ((one, other, share) for file, like, share in rows for one, other in ((file, like), (like, file)))
        self._db.executemany("INSERT OR REPLACE INTO alike VALUES(?,?,?,?)", ((*row, checksum(*row)) for row in both))

    def originals(self, files: Sequence[int]) -> dict[int, int]:
        """Return the originals of those of `files` that are copies."""
        found: dict[int, int] = {}
        for chunk in chunks(files):
            sql = f"SELECT file, original, sum FROM copy WHERE file IN ({marks(chunk)})"  # noqa: S608
            found.update(map(check_copy, self._db.execute(sql, chunk)))
        return found

    def copies_of(self, originals: Sequence[int]) -> dict[int, list[int]]:
        """Return the copies of those of `originals` that have some."""
        found: dict[int, list[int]] = defaultdict(list)
        for chunk in chunks(originals):
            sql = f"SELECT file, original, sum FROM copy WHERE original IN ({marks(chunk)}) ORDER BY file"  # noqa: S608
            for file, original in map(check_copy, self._db.execute(sql, chunk)):
                found[original].append(file)
        return found

    def put_originals(self, files: Iterable[int], rows: Iterable[tuple[int, int]]) -> None:
        """Replace what `files` are copies of: pairs of a file and its original."""
        self._db.executemany("DELETE FROM copy WHERE file=?", ((file,) for file in files))
        self._db.executemany("INSERT INTO copy VALUES(?,?,?)", ((*row, checksum(*row)) for row in rows))

    def stories(self) -> list[int]:
        """Return the stories that copies and their originals tell."""
        sql = (
            "SELECT DISTINCT story FROM file WHERE story IS NOT NULL AND file IN"
            " (SELECT file FROM copy UNION SELECT original FROM copy)"
        )
        return [story for (story,) in _number.all(self._db.execute(sql))]

    def is_empty(self) -> bool:
        """Return whether no text is stored."""
        return self._db.execute("SELECT 1 FROM text LIMIT 1").fetchone() is None

    def clear(self) -> None:
        """Forget everything, once copies are no longer looked for."""
        for table in ("text", "text_key", "paragraph", "common_paragraph", "alike", "copy"):
            self._db.execute(f"DELETE FROM {table}")  # noqa: S608 - from above

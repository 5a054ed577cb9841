"""The words of what everybody may search, by file: an FTS5 table that finds candidates without a look at their seeds.

It exists only if `pages.search` is on, and can be made again from the stored seeds. What a word is, and which words a
seed has, is decided in `normalizer.searched`. Reads and writes the table `word` of `index.db`.
"""

from __future__ import annotations

import hashlib
import re
import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator

from aggregator.index.database import Tables, chunks, marks
from aggregator.index.rows import Columns
from aggregator.model.feeds import SITE_FEED

_CREATE = "CREATE VIRTUAL TABLE word USING fts5(words, tokenize='ascii', detail=none, columnsize=0)"
_PLAIN = re.compile(r"[a-z0-9]{1,40}")
_seed = Columns("seed", int, bytes)
_file = Columns("entry", int)

WordsOf = Callable[[bytes], Collection[str]]
"""Returns the words of a packed seed."""


class FoundWords(Tables):
    """The words of the index; `Index.words` is the instance."""

    def fill(self, words_of: WordsOf) -> bool:
        """Make the table again from all stored seeds; return whether that is possible here."""
        self.remove()
        try:
            self._db.execute(_CREATE)
        except sqlite3.OperationalError:  # SQLite was built without FTS5: searches look at every item
            return False
        self._put(_seed.all(self._db.execute("SELECT file, seed FROM seed")), words_of)
        return True

    def replace(self, files: Iterable[int], words_of: WordsOf) -> None:
        """Bring the words of these files up to date; some may be gone."""
        for some in chunks(sorted(files)):
            self._db.execute(f"DELETE FROM word WHERE rowid IN ({marks(some)})", some)  # noqa: S608 - ours
            seeds = self._db.execute(f"SELECT file, seed FROM seed WHERE file IN ({marks(some)})", some)  # noqa: S608
            self._put(_seed.all(seeds.fetchall()), words_of)

    def remove(self) -> None:
        """Remove the table."""
        self._db.execute("DROP TABLE IF EXISTS word")

    def newest(self, sets: Collection[Collection[str]], now: int) -> Iterator[int]:
        """Yield the files that feeds show at `now`, newest first: those with all words of one of `sets`, if any."""
        feed = "SELECT feed FROM feed WHERE slug=?"
        sql = f"SELECT file FROM entry WHERE feed=({feed}) AND starts<=? AND ends>?"  # noqa: S608 - ours
        values: tuple[object, ...] = (SITE_FEED, now, now)
        if sets:
            sql += " AND file IN (SELECT rowid FROM word WHERE word MATCH ?)"
            values = (*values, " OR ".join(f"({' AND '.join(sorted(map(_token, words)))})" for words in sets))
        for (file,) in _file.all(self._db.execute(f"{sql} ORDER BY sort, worst", values)):
            yield file

    def _put(self, seeds: Iterable[tuple[int, bytes]], words_of: WordsOf) -> None:
        self._db.executemany(
            "INSERT INTO word(rowid, words) VALUES(?,?)",
            ((file, " ".join(sorted(map(_token, words_of(seed))))) for file, seed in seeds),
        )


def _token(word: str) -> str:
    """Return the form of a word that the tokenizer takes as a whole; two rare words may have one form."""
    if _PLAIN.fullmatch(word):
        return word
    return f"q{hashlib.blake2b(word.encode('utf-8', 'replace'), digest_size=6).hexdigest()}"

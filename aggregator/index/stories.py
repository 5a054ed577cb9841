"""The stories in the index: their ids, and the keys (links, own ids, paths) that lead to them.

Reads and writes the tables `story`, `public_id` and `alias` of `index.db`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from aggregator.index.database import Tables, chunks, marks, require_all
from aggregator.index.rows import Columns, DamagedRowError, check, checksum, text_checksum

_FLAGS = frozenset((0, 1))
_alias = Columns("alias", int, int)


class StoryRow(NamedTuple):
    """A story: its id, 1 if a seed chose the id itself (`own`), 1 if readers have seen it, so it never changes."""

    id: str
    own: int
    id_is_final: int


class Stories(Tables):
    """The stories of the index; `Index.stories` is the instance."""

    def get(self, stories: Sequence[int]) -> dict[int, StoryRow]:
        """Return `stories` by number.

        Raises:
            sqlite3.DatabaseError: if one is missing or its id is not what was written, which only damage can cause.
        """
        found: dict[int, StoryRow] = {}
        for chunk in chunks(stories):
            sql = f"SELECT story, id, own, sealed, sum FROM story WHERE story IN ({marks(chunk)})"  # noqa: S608
            for story, id, own, final, stored in self._db.execute(sql, chunk):  # noqa: A001
                if id.__class__ is not str or text_checksum(id) != stored or own not in _FLAGS or final not in _FLAGS:
                    raise DamagedRowError("story")
                found[story] = StoryRow(id, own, final)
        require_all(stories, found, "story")
        return found

    def by_id(self, id: str) -> int | None:  # noqa: A002 - the field's own name
        """Return the story with this id, or None."""
        row: tuple[int] | None = self._db.execute("SELECT story FROM story WHERE id=?", (id,)).fetchone()
        return row[0] if row else None

    def by_public_id(self, id: str) -> str | None:  # noqa: A002 - the field's own name
        """Return the id that a seed chose, and that readers see as `id`; None if there is none."""
        row: tuple[str] | None = self._db.execute("SELECT own FROM public_id WHERE id=?", (id,)).fetchone()
        return row[0] if row else None

    def public_id(self, id: str) -> str:  # noqa: A002 - the field's own name
        """Return the form of a story's id in feeds: if it is no URI, the one that was made when it was first shown."""
        row = self._db.execute("SELECT own, id, sum FROM public_id WHERE own=?", (id,)).fetchone()
        return str(check("public_id", row)[1]) if row else id

    def public_ids(self, ids: Sequence[str], *, of: str = "own") -> dict[str, str]:
        """Return the ids that have another form in feeds with this form, for those of `ids` (or of the forms: "id")."""
        found: dict[str, str] = {}
        for chunk in chunks(ids):
            sql = f"SELECT own, id, sum FROM public_id WHERE {of} IN ({marks(chunk)})"  # noqa: S608
            found.update(check("public_id", row)[:2] for row in self._db.execute(sql, chunk))
        return found

    def put_public_ids(self, rows: Iterable[tuple[str, str]]) -> None:
        """Store the public forms of ids that cannot be shown as they are; a known one never changes."""
        sql = "INSERT OR IGNORE INTO public_id VALUES(?,?,?)"
        self._db.executemany(sql, ((*row, checksum(*row)) for row in rows))

    def by_key(self, keys: Sequence[int]) -> dict[int, int]:
        """Return the stories that `keys` lead to, by key, without unknown keys."""
        found: dict[int, int] = {}
        for chunk in chunks(keys):
            sql = f"SELECT key, story FROM alias WHERE key IN ({marks(chunk)})"  # noqa: S608
            found.update(_alias.all(self._db.execute(sql, chunk)))
        return found

    def told(self, stories: Sequence[int]) -> set[int]:
        """Return those of `stories` that a file tells now."""
        found: set[int] = set()
        for chunk in chunks(stories):
            sql = f"SELECT DISTINCT story FROM file WHERE story IN ({marks(chunk)})"  # noqa: S608
            found.update(story for (story,) in self._db.execute(sql, chunk))
        return found

    def with_others(self, stories: Sequence[int]) -> set[int]:
        """Return those of `stories` that several files tell, or that share a key with another story."""
        found: set[int] = set()
        for chunk in chunks(stories):
            several = f"SELECT story FROM file WHERE story IN ({marks(chunk)}) GROUP BY story HAVING count(*) > 1"  # noqa: S608
            sharing = f"SELECT DISTINCT story FROM shared_key WHERE story IN ({marks(chunk)})"  # noqa: S608
            for sql in (several, sharing):
                found.update(story for (story,) in self._db.execute(sql, chunk))
        return found

    def sharing(self, keys: Sequence[int]) -> set[int]:
        """Return the stories that share one of `keys` with another story."""
        found: set[int] = set()
        for chunk in chunks(keys):
            sql = f"SELECT story FROM shared_key WHERE key IN ({marks(chunk)})"  # noqa: S608
            found.update(story for (story,) in self._db.execute(sql, chunk))
        return found

    def put_shared(self, keys: Iterable[int], rows: Iterable[tuple[int, int]]) -> None:
        """Replace what is known of the sharing of `keys`: pairs of a key and each story that has it."""
        self._db.executemany("DELETE FROM shared_key WHERE key=?", ((key,) for key in keys))
        self._db.executemany("INSERT INTO shared_key VALUES(?,?)", rows)

    def next_number(self) -> int:
        """Return a number that no story has."""
        number: int = self._db.execute("SELECT coalesce(max(story), 0) + 1 FROM story").fetchone()[0]
        return number

    def put(self, rows: Iterable[tuple[int, str, int, int]]) -> None:
        """Store stories: number, id, own, id_is_final."""
        self._db.executemany(
            "INSERT OR REPLACE INTO story VALUES(?,?,?,?,?)", ((*row, text_checksum(row[1])) for row in rows)
        )

    def put_keys(self, rows: Iterable[tuple[int, int]], *, replace: bool = False) -> None:
        """Store keys with their stories; a known key keeps its story, unless `replace` is true."""
        self._db.executemany(f"INSERT OR {'REPLACE' if replace else 'IGNORE'} INTO alias VALUES(?,?)", rows)

    def delete_keys(self, keys: Iterable[int]) -> None:
        """Delete keys."""
        self._db.executemany("DELETE FROM alias WHERE key=?", ((key,) for key in keys))

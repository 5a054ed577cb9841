"""Posted items as seed files: written atomically, found again by their id, withdrawn. Touches the seeds folder.

A file is named `2026-11-29-title-KEY.md`; the key is a hash of the item's id, so that the same id is found again
without a list that could be lost. A comment in the file says who posted it, and what: a file that somebody edited since
is theirs and stays (G16), and so is an item that another writer posted.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Literal, NamedTuple

from aggregator.index.database import DAMAGED
from aggregator.index.index import Index, opened_read_only
from aggregator.model.errors import AggregatorError, reason_of
from aggregator.model.seed_roots import SeedRoot
from aggregator.normalizer import identity, links, posted
from aggregator.normalizer.front_matter import MAX_SEED
from aggregator.normalizer.posted import PostedSeed
from aggregator.normalizer.stored import unpack_seed
from aggregator.publisher.atomic import Disk, open_folder

_NAME = re.compile(r".*-([0-9a-f]{16})\.md")

ANYBODY = ""
"""The writer who may change the items of all: the owner of the site."""

MOST_RECENT = 20_000
"""How many items that were posted last are known before a turn has seen them."""

Done = Literal["created", "changed", "unchanged", "withdrawn"]


class Stored(NamedTuple):
    """A posted item that is on the disk: its path below the seeds folder, its id, and what was done to the file."""

    path: str
    id: str
    done: Done


class ConflictError(AggregatorError):
    """An item that must not be changed from here: it is somebody else's, or was edited by hand."""


_TAKEN = "is the id or the address of another item, which was not posted with this token"
_EDITED = "was edited by hand since it was posted (change it there)"


class PostedSeeds:
    """The seeds that were posted, as files of one folder; safe to be used by several threads.

    A writer is the hash of a name (`posted.writer_hash`), or `ANYBODY`. Messages name no path: a token may post, and
    learn nothing of others' items (G12).
    """

    def __init__(self, root: SeedRoot, state: str) -> None:
        """Keep them in the inbox of a root, a folder of this machine; `state` is the site's state folder."""
        self._root, self._parts = root.folder, tuple(root.inbox.split("/")) if root.inbox else ()
        self._folder = os.path.join(self._root, *self._parts)
        self._prefix = "".join((root.prefix, *(f"{part}/" for part in self._parts)))
        self._root_prefix, self._state, self._lock = root.prefix, state, threading.Lock()
        self._held_back: tuple[object, dict[int, str]] = (None, {})
        self._recent = _Recent()

    def put(self, seeds: Sequence[PostedSeed], by: str) -> list[Stored]:
        """Write seeds that are new or changed, all of them or none; return what was done, in their order.

        Raises:
            ConflictError: if one has the id or link of another's item, or was edited by hand since.
            AggregatorError: if nothing was built yet, or a file cannot be written; what was written before stays, and
                may be posted again.
        """
        with self._lock:
            by_key = self._names_by_key()
            names = [self._name_for(seed, by_key, by) for seed in seeds]
            self._check_owners(seeds, by)
            return [self._put(seed, name, by) for seed, name in zip(seeds, names, strict=True)]

    def withdraw(self, target: str, by: str) -> Stored | None:
        """Mark the item with an id or a link as removed; return None if this writer posted none.

        The file stays, as many files that vanish at once would be taken for a lost folder (G5). What the owner
        withdraws is the owner's from then on: its writer can neither restore nor post it again.

        Raises:
            ConflictError: if it was edited by hand, or several items have this link.
            AggregatorError: if the file cannot be written.
        """
        change = posted.withdrawn_by_owner if by == ANYBODY else posted.withdrawn
        return self._change(target, by, change, "withdrawn")

    def restore(self, target: str, by: str) -> Stored | None:
        """Take back a withdrawal; otherwise like `withdraw`."""
        return self._change(target, by, posted.restored, "changed")

    def update(self, target: str, by: str, make: Callable[[bytes], PostedSeed]) -> Stored | None:
        """Replace the item with an id or a link by what `make` makes of its file; a withdrawn one stays withdrawn.

        Otherwise like `withdraw`; what `make` raises is passed on.
        """

        def change(before: bytes) -> bytes:
            after = posted.with_mark(make(before).text, by=_mark(before).by)
            return posted.withdrawn(after) if _mark(before).is_withdrawn else after

        return self._change(target, by, change, "changed")

    def read(self, target: str, by: str) -> bytes | None:
        """Return the file of the item with an id or a link, as it was posted; None if this writer posted none.

        Raises:
            ConflictError: if it was edited by hand, or several items have this link.
        """
        name = self._find(target, by)
        return None if name is None else self._read_unedited(name, target)

    def _change(self, target: str, by: str, change: Callable[[bytes], bytes], done: Done) -> Stored | None:
        with self._lock:
            name = self._find(target, by)
            if name is None:
                return None
            before = self._read_unedited(name, target)
            after = change(before)
            if after != before:
                self._write(name, after, before, target)
            return Stored(self._prefix + name, target, done if after != before else "unchanged")

    def _put(self, seed: PostedSeed, name: str, by: str) -> Stored:
        before = self._read(name)
        if before is not None and not _mark(before).is_unedited:
            raise ConflictError(f"{seed.id}: {_EDITED}")
        text = posted.with_date_of(seed.text, before) if before and not seed.is_dated else seed.text
        data = posted.with_mark(text, by=_mark(before).by if before else by)
        if before != data:
            self._write(name, data, before, seed.id)
        self._recent.add(name, seed.keys)
        done: Done = "created" if before is None else "unchanged" if before == data else "changed"
        return Stored(self._prefix + name, seed.id, done)

    def _name_for(self, seed: PostedSeed, by_key: Mapping[str, str], by: str) -> str:
        """Return the name of the file of a seed that was posted before, else a new one."""
        key = posted.key_of(seed.id)
        name = by_key.get(key)
        if name is None:
            return f"{seed.date}-{seed.slug}-{key}.md"
        if by not in {_mark(self._read_unedited(name, seed.id)).by, ANYBODY}:
            raise ConflictError(f"{seed.id}: {_TAKEN}")
        return name

    def _names_by_key(self) -> dict[str, str]:
        """Return the names of the files of posted items by the keys in them."""
        try:
            names = sorted(os.listdir(self._folder), reverse=True)
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise AggregatorError(f"the seeds folder cannot be read: {reason_of(error)}") from error
        return {found[1]: name for name in names if (found := _NAME.fullmatch(name)) is not None}

    def _find(self, target: str, by: str) -> str | None:
        """Return the name of the file of an id, or of a link: also of one that the pattern of its root made."""
        names = {name} if (name := self._names_by_key().get(posted.key_of(target))) is not None else set()
        if not names:
            with self._known() as known:
                paths = known([f"id:{target}", *_as_link(target)])
                names = {name for path in paths if (name := self._posted_name(path)) is not None}
        mine = [name for name in sorted(names) if by in {_mark(self._read(name) or b"").by, ANYBODY}]
        if len(mine) > 1:
            raise ConflictError(f"{target}: several posted items have this address (name one by its id)")
        return mine[0] if mine else None

    def _check_owners(self, seeds: Sequence[PostedSeed], by: str) -> None:
        """Raise a `ConflictError` if the id or the link of a seed is another's; several ids may have one link."""
        with self._known() as known:
            for seed in seeds:
                recent = [
                    f"{self._prefix}{name}" for name in self._recent.of(seed.keys) if self._read(name) is not None
                ]
                for path in (*known(seed.keys), *recent):
                    self._check_owner(seed, path, by)

    def _check_owner(self, seed: PostedSeed, path: str, by: str) -> None:
        name = self._posted_name(path)
        mark = _mark(self._read(name) or b"") if name is not None else _mark(b"")
        if name is None or by not in {mark.by, ANYBODY}:
            raise ConflictError(f"{seed.id}: {_TAKEN}")
        if not mark.is_unedited:
            raise ConflictError(f"{seed.id}: {_EDITED}")
        if not name.endswith(f"-{posted.key_of(seed.id)}.md") and not (seed.own and mark.has_own_id):
            raise ConflictError(f"{seed.id}: {_TAKEN}")

    def _posted_name(self, path: str) -> str | None:
        """Return the name of the file `path` in this folder if it was posted, also if it was edited since."""
        if not path.startswith(self._prefix):
            return None
        name = path.removeprefix(self._prefix)
        data = self._read(name)
        return name if data is not None and posted.mark_of(data) is not None else None

    @contextmanager
    def _known(self) -> Iterator[Callable[[Sequence[str]], list[str]]]:
        """Yield a function that returns the paths of the known seeds, those held back too, with one of some keys."""
        try:
            with opened_read_only(self._state) as index:
                if index is None:
                    raise AggregatorError("nothing has been built yet (run `aggregator build`, or start the daemon)")
                self._check_folder(index)
                held_back = self._keys_held_back(index)
                yield lambda keys: _paths_of(index, held_back, keys)
        except DAMAGED as error:
            raise AggregatorError("the index cannot be read now (run `aggregator build` if no daemon runs)") from error

    def _check_folder(self, index: Index) -> None:
        """Raise an error if the root is missing, or empty though it is known to have seeds, as if not mounted."""
        self._check_root()
        try:
            with os.scandir(self._root) as entries:
                if any(entries):
                    return
        except OSError as error:
            raise AggregatorError(
                f"the seeds folder cannot be read: {reason_of(error)}; nothing was written"
            ) from error
        bounds = (self._root_prefix, f"{self._root_prefix}\U0010ffff")
        if next(index.files.where("path >= ? AND path < ? LIMIT 1", bounds), None) is not None:
            raise AggregatorError("the seeds folder is empty, as if it was not mounted; nothing was written")

    def _check_root(self) -> None:
        if not os.path.isdir(self._root):
            raise AggregatorError("the seeds folder is missing; nothing was written (bring it back)")

    def _keys_held_back(self, index: Index) -> dict[int, str]:
        """Return the paths of the seeds that a rule holds back by the numbers of their keys; made once a turn."""
        turn = tuple(_version(os.path.join(self._state, name)) for name in ("index.db", "index.db-wal"))
        if self._held_back[0] != turn:
            found = {
                identity.key_number(key): path
                for path, packed in index.files.held_back_seeds()
                for key in identity.keys(unpack_seed(packed))
            }
            self._held_back = (turn, found)
        return self._held_back[1]

    def _read_unedited(self, name: str, target: str) -> bytes:
        data = self._read(name) or b""
        if not _mark(data).is_unedited:
            raise ConflictError(f"{target}: {_EDITED}")
        return data

    def _read(self, name: str) -> bytes | None:
        if "/" in name:
            return None
        try:
            with open_folder(Disk(), self._root, self._parts, create=False, fsync=False) as folder:
                return folder.read(name, range(MAX_SEED + 1))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise AggregatorError(f"{name}: cannot be read: {reason_of(error)}") from error

    def _write(self, name: str, data: bytes, before: bytes | None, target: str) -> None:
        """Replace a file atomically and flush it: what is answered is on the disk.

        A root that is missing is not made: with one seed in it, all others would look deleted (G5).

        Raises:
            ConflictError: if the file no longer holds `before`.
            AggregatorError: if it cannot be written.
        """
        self._check_root()
        try:
            with open_folder(Disk(), self._root, self._parts, create=bool(self._parts), fsync=True) as folder:
                temp = folder.create(name)
                try:
                    folder.fill(temp, data)
                    if (error := folder.flush(temp)) is not None:
                        raise error
                    folder.close(temp)
                    if folder.read(name, range(MAX_SEED + 1)) != before:
                        raise ConflictError(f"{target}: {_EDITED}")
                    folder.replace(temp)
                finally:
                    folder.discard(temp)
                folder.sync()
        except OSError as error:
            raise AggregatorError(f"{name}: cannot be written: {reason_of(error)}") from error


class _Recent:
    """What identifies the items that were posted last, of which the index may not know before the next turn."""

    def __init__(self) -> None:
        self._keys: dict[str, tuple[str, ...]] = {}
        self._names: dict[str, str] = {}

    def add(self, name: str, keys: tuple[str, ...]) -> None:
        """Note that a file with this name has the item with these keys, and no longer another."""
        if name not in self._keys and len(self._keys) >= MOST_RECENT:
            self._forget(next(iter(self._keys)))
        self._forget(name)
        self._keys[name] = keys
        self._names |= dict.fromkeys(keys, name)

    def _forget(self, name: str) -> None:
        for key in self._keys.pop(name, ()):
            if self._names.get(key) == name:
                del self._names[key]

    def of(self, keys: Sequence[str]) -> set[str]:
        """Return the names of the files of items with one of these keys."""
        return {self._names[key] for key in keys if key in self._names}


def _mark(data: bytes) -> posted.Mark:
    """Return the mark of a file; one without a mark counts as edited by somebody."""
    return posted.mark_of(data) or posted.Mark("-", is_unedited=False, is_withdrawn=False, has_own_id=False)


def _paths_of(index: Index, held_back: Mapping[int, str], keys: Sequence[str]) -> list[str]:
    numbers = [identity.key_number(key) for key in keys]
    stories = sorted({*index.stories.by_key(numbers).values(), *index.stories.sharing(numbers)})
    paths = [row.path for one in stories for row in index.files.where("story=? ORDER BY path", (one,))]
    return [*paths, *(held_back[number] for number in numbers if number in held_back)]


def _as_link(target: str) -> tuple[str, ...]:
    try:
        return (links.alias(links.canonical(target)),)
    except ValueError:
        return ()


def _version(path: str) -> tuple[int, int]:
    try:
        found = os.stat(path)
    except OSError:
        return 0, 0
    return found.st_mtime_ns, found.st_size

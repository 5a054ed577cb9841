"""Posted items as seed files: written atomically, found again by their id, withdrawn. Touches the seeds folder.

A file is named `2026-11-29-title-KEY.md`; the key is a hash of the item's id, so that the same id is found again
without a list that could be lost. A comment in the file says what was posted: a file that somebody edited since is
theirs and stays (G16).
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Literal, NamedTuple

from aggregator.index.database import DAMAGED
from aggregator.index.index import Index, opened_read_only
from aggregator.model.errors import AggregatorError, reason_of
from aggregator.model.seed_roots import SeedRoot
from aggregator.normalizer import identity, links, posted
from aggregator.normalizer.front_matter import MAX_SEED
from aggregator.normalizer.posted import PostedSeed
from aggregator.publisher.atomic import Disk, open_folder

_NAME = re.compile(r".*-([0-9a-f]{16})\.md")

Done = Literal["created", "changed", "unchanged", "withdrawn"]


class Stored(NamedTuple):
    """A posted item that is on the disk: its path below the seeds folder, its id, and what was done to the file."""

    path: str
    id: str
    done: Done


class ConflictError(AggregatorError):
    """An item that must not be changed from here: it is somebody else's, or was edited by hand."""


class PostedSeeds:
    """The seeds that were posted, as files of one folder; safe to be used by several threads."""

    def __init__(self, root: SeedRoot, state: str) -> None:
        """Keep them in the inbox of a root, a folder of this machine; `state` is the site's state folder."""
        self._root, self._parts = root.folder, tuple(root.inbox.split("/")) if root.inbox else ()
        self._folder = os.path.join(self._root, *self._parts)
        self._prefix = "".join((root.prefix, *(f"{part}/" for part in self._parts)))
        self._state, self._lock = state, threading.Lock()

    def put(self, seeds: Sequence[PostedSeed]) -> list[Stored]:
        """Write seeds that are new or changed, all of them or none; return what was done, in their order.

        Raises:
            ConflictError: if one has the id or link of an item that was not posted, or was edited by hand since.
            AggregatorError: if a file cannot be written; what was written before stays, and may be posted again.
        """
        with self._lock:
            by_key = self._names_by_key()
            names = [self._name_for(seed, by_key) for seed in seeds]
            self._check_owners(seeds)
            return [self._put(seed, name) for seed, name in zip(seeds, names, strict=True)]

    def withdraw(self, target: str) -> Stored | None:
        """Mark the item with an id or a link as removed; return None if none was posted.

        The file stays, as many files that vanish at once would be taken for a lost folder (G5).

        Raises:
            ConflictError: if it was edited by hand.
            AggregatorError: if the file cannot be written.
        """
        return self._change(target, posted.withdrawn, "withdrawn")

    def restore(self, target: str) -> Stored | None:
        """Take back a withdrawal; otherwise like `withdraw`."""
        return self._change(target, posted.restored, "changed")

    def read(self, target: str) -> bytes | None:
        """Return the file of the item with an id or a link, as it was posted; None if none was.

        Raises:
            ConflictError: if it was edited by hand.
        """
        name = self._find(target)
        return None if name is None else self._read_unedited(name)

    def _change(self, target: str, change: Callable[[bytes], bytes], done: Done) -> Stored | None:
        with self._lock:
            name = self._find(target)
            if name is None:
                return None
            before = self._read_unedited(name)
            after = change(before)
            if after != before:
                self._write(name, after)
            return Stored(self._prefix + name, target, done if after != before else "unchanged")

    def _put(self, seed: PostedSeed, name: str) -> Stored:
        before = self._read(name)
        data = posted.with_mark(
            posted.with_date_of(seed.text, before) if before and not seed.is_dated else seed.text
        )  # fmt: skip
        if before != data:
            self._write(name, data)
        done: Done = "created" if before is None else "unchanged" if before == data else "changed"
        return Stored(self._prefix + name, seed.id, done)

    def _name_for(self, seed: PostedSeed, by_key: Mapping[str, str]) -> str:
        """Return the name of the file of a seed that was posted before, else a new one."""
        key = posted.key_of(seed.id)
        if (name := by_key.get(key)) is not None:
            self._read_unedited(name)
            return name
        return f"{seed.date}-{seed.slug}-{key}.md"

    def _names_by_key(self) -> dict[str, str]:
        """Return the names of the files of posted items by the keys in them."""
        try:
            names = sorted(os.listdir(self._folder), reverse=True)
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise AggregatorError(f"{self._folder}: cannot be read: {reason_of(error)}") from error
        return {found[1]: name for name in names if (found := _NAME.fullmatch(name)) is not None}

    def _find(self, target: str) -> str | None:
        """Return the name of the file of an id, or of a link: also of one that the pattern of its root made."""
        candidates = [target]
        with suppress(ValueError):
            candidates.append(links.canonical(target))
        by_key = self._names_by_key()
        for candidate in candidates:
            if (name := by_key.get(posted.key_of(candidate))) is not None:
                return name
        with self._known() as paths_of:
            return next((name for path in paths_of(candidates) if (name := self._posted_name(path)) is not None), None)

    def _check_owners(self, seeds: Sequence[PostedSeed]) -> None:
        with self._known() as paths_of:
            for seed in seeds:
                for path in paths_of([one for one in (seed.id, seed.link) if one]):
                    if self._posted_name(path) is None:
                        raise ConflictError(f"{seed.id}: is the id or the link of {path}, which was not posted")

    def _posted_name(self, path: str) -> str | None:
        """Return the name of the file `path` in this folder if it was posted, also if it was edited since."""
        if not path.startswith(self._prefix):
            return None
        name = path.removeprefix(self._prefix)
        data = self._read(name)
        return name if data is not None and posted.has_mark(data) else None

    @contextmanager
    def _known(self) -> Iterator[Callable[[Sequence[str]], list[str]]]:
        """Yield a function that returns the paths of the known seeds with an id or a link among some."""
        try:
            with opened_read_only(self._state) as index:
                yield lambda targets: [] if index is None else _paths_of(index, targets)
        except DAMAGED as error:
            raise AggregatorError("the index cannot be read now (run `aggregator build` if no daemon runs)") from error

    def _read_unedited(self, name: str) -> bytes:
        data = self._read(name) or b""
        if not posted.is_as_posted(data):
            raise ConflictError(f"{self._prefix}{name}: was edited by hand since it was posted (change it there)")
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
            raise AggregatorError(f"{self._prefix}{name}: cannot be read: {reason_of(error)}") from error

    def _write(self, name: str, data: bytes) -> None:
        """Replace a file atomically and flush it: what is answered is on the disk.

        A root that is missing is not made: with one seed in it, all others would look deleted (G5).
        """
        if not os.path.isdir(self._root):
            raise AggregatorError(f"{self._root}: the seeds folder is missing; nothing was written (bring it back)")
        try:
            with open_folder(Disk(), self._root, self._parts, create=bool(self._parts), fsync=True) as folder:
                temp = folder.create(name)
                try:
                    folder.fill(temp, data)
                    if (error := folder.flush(temp)) is not None:
                        raise error
                    folder.close(temp)
                    folder.replace(temp)
                finally:
                    folder.discard(temp)
                folder.sync()
        except OSError as error:
            raise AggregatorError(f"{self._prefix}{name}: cannot be written: {reason_of(error)}") from error


def _paths_of(index: Index, targets: Sequence[str]) -> list[str]:
    keys = [identity.id_number(target) for target in targets]
    for target in targets:
        with suppress(ValueError):
            keys.append(identity.key_number(links.alias(links.canonical(target))))
    stories = sorted(set(index.stories.by_key(keys).values()))
    return [row.path for one in stories for row in index.files.where("story=? ORDER BY path", (one,))]

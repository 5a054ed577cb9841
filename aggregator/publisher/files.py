"""Documents to files: a reader finds each one whole, old or new, whatever happens in between.

In come documents, out goes which of them were written, were right already, or failed and why; each lies in the feeds
folder with a `.gz` and a `.br` beside it. Touches the disk and nothing else.

The documents of one folder go together: all temporary files are written, all are flushed, each then replaces its
target (a body, right after it its two encodings), and last the folder itself is flushed. So a crash at any point leaves
whole files, and what was reported as written is on the disk. A crash between a body and its encodings leaves the older
encoding in place; the next `publish` repairs it, and until then `stamp` differs from the one remembered.

Nothing is followed on the way: every file is named relative to its open folder, links are replaced or refused. What
blocks one document is reported for that one, and the others go on.
"""

from __future__ import annotations

import errno
import itertools
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import msgspec

from aggregator.model.archive_layout import ARCHIVE
from aggregator.model.errors import PublishError, reason_of
from aggregator.model.feeds import Document
from aggregator.model.slugs import SLUG
from aggregator.publisher.encodings import CODINGS, encoded, encoded_sizes

if TYPE_CHECKING:
    from concurrent.futures import Executor, Future

__all__ = ["Disk", "Published", "Writer"]

TEMP_PREFIX, TEMP_SUFFIX = ".aggregator-", ".tmp"

# So many documents have their temporary files open at once: 3 files each, to stay clear of a limit of 32 open files.
TOGETHER = 4

# Compressing and flushing leave the interpreter, so threads halve their time even on two cores.
THREADS = 4

_NUMBERS = itertools.count()

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC

# A file that cannot be read is replaced, unless it is us who ran out of something.
_EXHAUSTED = {errno.EMFILE, errno.ENFILE, errno.ENOMEM}


class Disk(msgspec.Struct, frozen=True, kw_only=True):
    """The operations by which the writer changes the world, so that a test can make the n-th of them fail."""

    open: Callable[..., int] = os.open
    write: Callable[..., int] = os.write
    fsync: Callable[[int], None] = os.fsync
    close: Callable[[int], None] = os.close
    replace: Callable[..., None] = os.replace
    unlink: Callable[..., None] = os.unlink
    mkdir: Callable[..., None] = os.mkdir
    rmdir: Callable[..., None] = os.rmdir


class Published(msgspec.Struct, frozen=True, kw_only=True):
    """What a `publish` did: the documents written, those that were right already, and those that failed, with why."""

    written: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    failed: tuple[PublishError, ...] = ()


class Writer:
    """Keeps the published documents in `folder`; without `fsync` a power cut, but no crash of ours, may undo it."""

    def __init__(self, folder: str, *, fsync: bool = True, disk: Disk | None = None) -> None:
        self._root = os.path.abspath(folder)
        self._fsync = fsync
        self._disk = disk or Disk()

    def prepare(self) -> list[str]:
        """Make the feeds folder and clear it of temporary files that a crash left; give the names of those removed.

        Call it while no other process publishes here: that one's temporary files look just like a crash's.
        """
        try:
            with self._opened((), create=True) as folder:
                return sorted(self._sweep(folder.fd))
        except OSError as error:
            raise _blame(self._root, error) from error

    def begin(self, now: int, *, look: bool) -> None:
        """Begin a turn: a disk is asked what is there when that is to be known, and keeps no headers."""

    def publish(self, documents: Iterable[Document]) -> Published:
        """Bring the files of `documents` up to date; those that are right already keep their inode and mtime."""
        from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - 13 ms that a build with no change saves

        written: list[str] = []
        unchanged: list[str] = []
        failed: list[PublishError] = []
        with ThreadPoolExecutor(THREADS) as pool:
            for folder, group in _groups(documents):
                for job in self._publish_group(folder, group, pool):
                    if job.error:
                        failed.append(_blame(job.name, job.error))
                    else:
                        (written if job.written else unchanged).append(job.name)
        return Published(written=tuple(written), unchanged=tuple(unchanged), failed=tuple(failed))

    def remove(self, names: Iterable[str]) -> tuple[str, ...]:
        """Remove the documents `names` and the folders this empties; give those of which anything was there.

        The first one that cannot be removed ends it with a `PublishError`.
        """
        return tuple(name for name in names if self._remove(name))

    def stamp(self, name: str) -> str | None:
        """Give a cheap identity of a published document's three files, None unless all are there.

        It changes when anybody deletes, replaces or edits one of them; nothing is read.
        """
        try:
            found = [os.lstat(f"{self._root}/{name}{suffix}") for suffix in ("", *CODINGS)]
        except OSError:
            return None
        regular = all(stat.S_ISREG(status.st_mode) for status in found)
        return " ".join(f"{at.st_ino}:{at.st_size}:{at.st_mtime_ns}" for at in found) if regular else None

    def has(self, name: str) -> bool:
        """Say whether anything is there under a document's name.

        Raises:
            PublishError: where that cannot be said.
        """
        try:
            os.lstat(os.path.join(self._root, name))
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError as error:
            raise _blame(name, error) from error
        return True

    def feeds(self) -> list[str]:
        """Name the folders of feeds.

        Raises:
            PublishError: where that cannot be said.
        """
        return [name for name in self._folders("") if SLUG.fullmatch(name)]

    def pages(self, slug: str) -> list[str]:
        """Name the folders of pages in a feed's archive.

        Raises:
            PublishError: where that cannot be said.
        """
        return self._folders(f"{slug}/{ARCHIVE}")

    def _folders(self, below: str) -> list[str]:
        try:
            with os.scandir(os.path.join(self._root, below)) as entries:
                return sorted(one.name for one in entries if one.is_dir(follow_symlinks=False))
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise _blame(below or self._root, error) from error

    def _publish_group(self, parts: tuple[str, ...], documents: list[Document], pool: Executor) -> list[_Job]:
        jobs = [_Job(document) for document in documents]
        try:
            with self._opened(parts, create=True) as folder:
                _run(jobs, folder, pool)
        except OSError as error:
            for job in jobs:
                job.error = job.error or error
        return jobs

    def _remove(self, name: str) -> bool:
        *parts, file = _parts(name)
        removed = False
        try:
            with self._opened(tuple(parts), create=False) as folder:
                # The body last: as long as it is there, a removal that was cut short is asked for again.
                for suffix in (*CODINGS, ""):
                    removed |= folder.remove(file + suffix)
                if removed:
                    folder.sync()
            self._remove_empty(tuple(parts))
        except FileNotFoundError:
            return removed
        except OSError as error:
            raise _blame(name, error) from error
        return removed

    def _remove_empty(self, parts: tuple[str, ...]) -> None:
        for depth in range(len(parts) - 1, -1, -1):
            with self._opened(parts[:depth], create=False) as folder:
                try:
                    self._disk.rmdir(parts[depth], dir_fd=folder.fd)
                except OSError as error:
                    if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
                        return
                    raise
                folder.sync()

    @contextmanager
    def _opened(self, parts: tuple[str, ...], *, create: bool) -> Iterator[_Folder]:
        """Open the folder `parts` below the feeds folder, step by step, so that no link is followed on the way."""
        folder = _Folder(self._disk, self._open_root(create=create), fsync=self._fsync)
        try:
            for depth, part in enumerate(parts, 1):
                inner = folder.enter(part, "/".join(parts[:depth]), create=create)
                os.close(folder.fd)
                folder.fd = inner
            yield folder
        finally:
            os.close(folder.fd)

    def _open_root(self, *, create: bool) -> int:
        # The one place where a link is followed: where the operator put the feeds folder is the operator's business.
        try:
            return self._disk.open(self._root, _FOLDER)
        except FileNotFoundError:
            if not create:
                raise
        self._make(self._root)
        return self._disk.open(self._root, _FOLDER)

    def _make(self, path: str) -> None:
        parent = os.path.dirname(path)
        if not os.path.isdir(parent):
            self._make(parent)
        with suppress(FileExistsError):
            self._disk.mkdir(path, 0o755)
        fd = self._disk.open(parent, _FOLDER)
        try:
            _Folder(self._disk, fd, fsync=self._fsync).sync()
        finally:
            os.close(fd)

    def _sweep(self, root: int) -> Iterator[str]:
        for path, folders, files, fd in os.fwalk(".", dir_fd=root):
            # A link to a folder counts as a folder here; it is not entered, but may be one of ours.
            for name in filter(_is_temp, folders + files):
                with suppress(OSError):  # the next document that is written there says what is wrong
                    mode = os.lstat(name, dir_fd=fd).st_mode
                    if stat.S_ISREG(mode) or stat.S_ISLNK(mode):
                        self._disk.unlink(name, dir_fd=fd)
                        yield os.path.normpath(f"{path}/{name}")


class _Temp:
    """A temporary file, open until `fd` is -1; it is to replace `name`, and is `gone` when it did."""

    def __init__(self, name: str, path: str, fd: int) -> None:
        self.name, self.path, self.fd, self.gone = name, path, fd, False


class _Folder:
    """An open folder and what is done to the files right in it."""

    def __init__(self, disk: Disk, fd: int, *, fsync: bool) -> None:
        self.fd = fd
        self._disk, self._fsync = disk, fsync

    def enter(self, part: str, name: str, *, create: bool) -> int:
        """Open the folder `part` in this one, made if need be; `name` is how a message calls it."""
        flags = _FOLDER | os.O_NOFOLLOW
        try:
            try:
                return self._disk.open(part, flags, dir_fd=self.fd)
            except FileNotFoundError:
                if not create:
                    raise
            with suppress(FileExistsError):
                self._disk.mkdir(part, 0o755, dir_fd=self.fd)
            self.sync()
            return self._disk.open(part, flags, dir_fd=self.fd)
        except OSError as error:
            if error.errno in (errno.ENOTDIR, errno.ELOOP, errno.EMLINK):
                raise NotADirectoryError(errno.ENOTDIR, f"{name} is a link or a file, not a folder") from error
            raise

    def read(self, name: str, sizes: range) -> bytes | None:
        """Give what the file `name` holds; None unless it is a regular one, of one of `sizes`, that can be read."""
        try:
            status = os.lstat(name, dir_fd=self.fd)
        except FileNotFoundError:
            return None
        if stat.S_ISDIR(status.st_mode):
            raise IsADirectoryError(errno.EISDIR, f"{name} is a folder, not a file")
        if not stat.S_ISREG(status.st_mode) or status.st_size not in sizes:
            return None
        try:
            fd = self._disk.open(name, _READ, dir_fd=self.fd)
        except OSError as error:
            if error.errno in _EXHAUSTED:
                raise
            return None
        try:
            return os.read(fd, sizes.stop) if stat.S_ISREG(os.fstat(fd).st_mode) else None
        except OSError:
            return None
        finally:
            os.close(fd)

    def holds(self, name: str, body: bytes) -> bool:
        """Tell whether the file `name` is there and holds exactly `body`."""
        return self.read(name, range(len(body), len(body) + 1)) == body

    def create(self, name: str) -> _Temp:
        """Open a new temporary file that is to replace `name`."""
        # A name of its own: two writers that share one could publish each other's half-written file.
        path = f"{TEMP_PREFIX}{name}.{os.getpid()}-{next(_NUMBERS)}{TEMP_SUFFIX}"
        return _Temp(name, path, self._disk.open(path, _CREATE, 0o644, dir_fd=self.fd))

    def fill(self, temp: _Temp, body: bytes) -> None:
        """Write the whole `body`."""
        rest = memoryview(body)
        while rest:
            rest = rest[self._disk.write(temp.fd, rest) :]

    def flush(self, temp: _Temp) -> OSError | None:
        """Bring the file's bytes to the disk; runs in a thread, so an error is a value."""
        try:
            if self._fsync:
                self._disk.fsync(temp.fd)
        except OSError as error:
            return error
        return None

    def close(self, temp: _Temp) -> None:
        """Close the file; on a network file system this may be where a write fails."""
        fd, temp.fd = temp.fd, -1
        self._disk.close(fd)

    def replace(self, temp: _Temp) -> None:
        """Put the temporary file in its target's place, in one step."""
        self._disk.replace(temp.path, temp.name, src_dir_fd=self.fd, dst_dir_fd=self.fd)
        temp.gone = True

    def discard(self, temp: _Temp) -> None:
        """Close and remove the temporary file, if that is still to be done and can be."""
        with suppress(OSError):
            if temp.fd >= 0:
                self.close(temp)
        with suppress(OSError):
            if not temp.gone:
                self._disk.unlink(temp.path, dir_fd=self.fd)

    def remove(self, name: str) -> bool:
        """Remove the file `name`; tell whether it was there."""
        with suppress(FileNotFoundError):
            self._disk.unlink(name, dir_fd=self.fd)
            return True
        return False

    def sync(self) -> None:
        """Bring the folder's list of names to the disk."""
        if not self._fsync:
            return
        try:
            self._disk.fsync(self.fd)
        except OSError as error:
            # Some network file systems cannot flush a folder, and say so in this way.
            if error.errno not in (errno.EINVAL, errno.ENOTSUP):
                raise


class _Job:
    """One document on its way to the disk: the bytes its files still need, its temporary files, what went wrong."""

    def __init__(self, document: Document) -> None:
        self.document, self.name, self.body = document, document.name, document.body
        self.ready = dict(document.encoded)
        self.file = self.name.rpartition("/")[2]
        self.wanted: dict[str, Future[bytes] | bytes] = {}  # by suffix, "" being the body's own
        self.temps: list[_Temp] = []
        self.written = False
        self.error: OSError | None = None

    def plan(self, folder: _Folder, pool: Executor) -> None:
        """Find out which files are not right, and have their encodings made."""
        same = folder.holds(self.file, self.body)
        if not same:
            self.wanted[""] = self.body
        for suffix, coding in CODINGS.items():
            found = folder.read(self.file + suffix, encoded_sizes(self.body)) if same else None
            if not (found and coding.holds(found, self.body)):
                self.wanted[suffix] = self.ready.get(suffix) or pool.submit(encoded, self.document, suffix)

    def stage(self, folder: _Folder) -> None:
        """Write what is wanted into temporary files."""
        for suffix, wanted in self.wanted.items():
            body = wanted if isinstance(wanted, bytes) else wanted.result()
            if not suffix or not folder.holds(self.file + suffix, body):
                temp = folder.create(self.file + suffix)
                self.temps.append(temp)
                folder.fill(temp, body)

    def close(self, folder: _Folder) -> None:
        for temp in self.temps:
            folder.close(temp)

    def replace(self, folder: _Folder) -> None:
        for temp in self.temps:
            folder.replace(temp)
            self.written = True


def _run(jobs: list[_Job], folder: _Folder, pool: Executor) -> None:
    try:
        _each(jobs, lambda job: job.plan(folder, pool))
        _each(jobs, lambda job: job.stage(folder))
        _flush(jobs, folder, pool)
        _each(jobs, lambda job: job.close(folder))
        _each(jobs, lambda job: job.replace(folder))
    finally:
        for temp in itertools.chain.from_iterable(job.temps for job in jobs):
            folder.discard(temp)
    written = [job for job in jobs if job.written]
    try:
        if written:
            folder.sync()
    except OSError as error:
        for job in written:
            job.error = job.error or error


def _each(jobs: list[_Job], step: Callable[[_Job], None]) -> None:
    for job in jobs:
        try:
            if job.error is None:
                step(job)
        except OSError as error:
            job.error = error


def _flush(jobs: list[_Job], folder: _Folder, pool: Executor) -> None:
    owners = [(job, temp) for job in jobs if job.error is None for temp in job.temps]
    errors = pool.map(folder.flush, [temp for _, temp in owners])
    for (job, _), error in zip(owners, errors, strict=True):
        job.error = job.error or error


def _groups(documents: Iterable[Document]) -> Iterator[tuple[tuple[str, ...], list[Document]]]:
    seen: set[str] = set()
    for folder, run in itertools.groupby(documents, lambda document: _parts(document.name)[:-1]):
        while group := list(itertools.islice(run, TOGETHER)):
            for document in group:
                if document.name in seen:
                    raise ValueError(f"{document.name!r} is published twice at once (give each document its own name)")
                seen.add(document.name)
            yield folder, group


def _parts(name: str) -> tuple[str, ...]:
    parts = tuple(name.split("/"))
    if not {"", ".", ".."}.isdisjoint(parts) or "\\" in name or "\0" in name:
        raise ValueError(f"{name!r} is no document's name (write it relative to the feeds folder, as in 'all/rss.xml')")
    if name.endswith(tuple(CODINGS)) or _is_temp(parts[-1]):
        raise ValueError(f"{name!r} is a name that only the writer itself gives (choose another)")
    return parts


def _is_temp(name: str) -> bool:
    return name.startswith(TEMP_PREFIX) and name.endswith(TEMP_SUFFIX)


def _blame(name: str, error: OSError) -> PublishError:
    # Of a path below the feeds folder the document's name says more; above it, the path is what matters.
    place = f"{error.filename}: " if str(error.filename).startswith("/") and error.filename != name else ""
    blamed = PublishError(name, f"{place}{reason_of(error)}")
    blamed.__cause__ = error.with_traceback(None)  # its frames hold the bytes of every document of the group
    return blamed

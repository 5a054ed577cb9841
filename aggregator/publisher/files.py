"""Documents published in a folder: each is replaced atomically, so a reader finds it complete, old or new.

Each document lies in the feeds folder with a `.gz` and a `.br` beside it. Touches the disk and nothing else.

The documents of one folder are written together: all temporary files are written, all are flushed, each then replaces
its target (a body first, then its two encodings), and at last the folder itself is flushed. So a crash at any point
leaves complete files, and what was reported as written is on the disk. A crash between a body and its encodings leaves
the older encodings; the next `publish` replaces them, and until then `file_identity` differs from the one remembered.

A document that cannot be written is reported, and the others are written all the same.
"""

from __future__ import annotations

import errno
import itertools
import os
import stat
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING

from aggregator.model import search_files
from aggregator.model.archive_layout import ARCHIVE
from aggregator.model.document_names import PAGE
from aggregator.model.errors import PublishError, reason_of
from aggregator.model.feeds import Document
from aggregator.model.item_pages import ITEMS, is_item_page
from aggregator.model.slugs import SLUG
from aggregator.publisher.atomic import (
    Disk,
    OpenFolder,
    TempFile,
    flush_file_system,
    is_temp_name,
    open_folder,
    remove_temp_files,
)
from aggregator.publisher.destination import Destination, Published
from aggregator.publisher.encodings import CODINGS, encoded, encoded_sizes
from aggregator.publisher.ownership import start_of

if TYPE_CHECKING:
    from concurrent.futures import Executor, Future

# How many documents are staged together. Each has up to 3 open files, and a limit of 32 open files must suffice.
TOGETHER = 4

# Compressing and flushing release the interpreter lock, so threads halve their time even on two cores.
THREADS = 4


class FolderWriter(Destination):
    """Publishes documents in `folder`; without `fsync` a power cut may undo it, though no crash of this process can.

    With `keep_threads` it keeps its threads from one call to the next: afterwards this process cannot be forked.
    """

    def __init__(
        self, folder: str, *, fsync: bool = True, disk: Disk | None = None, keep_threads: bool = False
    ) -> None:
        self._root = os.path.abspath(folder)
        self._fsync = fsync
        self._disk = disk or Disk()
        self._keep_threads = keep_threads
        self._kept: Executor | None = None

    def prepare(self) -> list[str]:
        """Make the feeds folder and remove temporary files that a crash left; return their paths, sorted.

        No other process may publish here meanwhile, as its temporary files would be removed too.

        Raises:
            PublishError: if the folder cannot be made or read.
        """
        try:
            with self._opened((), create=True) as folder:
                return sorted(remove_temp_files(self._disk, folder.fd))
        except OSError as error:
            raise _publish_error(self._root, error) from error

    def close(self) -> None:
        """End the threads that were kept."""
        kept, self._kept = self._kept, None
        if kept is not None:
            kept.shutdown(wait=False)

    def begin(self, now: int, *, relist: bool) -> None:
        """Do nothing: a disk is asked what exists whenever that must be known, and files have no headers."""

    def publish(self, documents: Iterable[Document]) -> Published:
        """Write the files of `documents` that differ; files that are right already keep their inode and mtime."""
        written: list[str] = []
        unchanged: list[str] = []
        failed: list[PublishError] = []
        with self._threads() as pool:
            for folder, group in _groups(documents):
                for job in self._publish_group(folder, group, pool):
                    if job.error:
                        failed.append(_publish_error(job.name, job.error))
                    else:
                        (written if job.written else unchanged).append(job.name)
        return Published(written=tuple(written), unchanged=tuple(unchanged), failed=tuple(failed))

    @property
    def shared_folder(self) -> str | None:
        """The folder, as other processes of this machine may write to it too."""
        return self._root

    def publish_folder(self, documents: Sequence[Document]) -> Published:
        """Write the documents of one folder: one that does not exist yet is filled first, then seen at once.

        Call `flush` before anything leads there: nothing of a new folder is flushed here.
        """
        *parts, name = _parts(documents[0].name)[:-1]
        names = tuple(document.name for document in documents)
        try:
            with self._opened(tuple(parts), create=True) as above:
                if above.add_folder(name, _files(documents)):
                    return Published(written=names)
        except OSError as error:
            return Published(failed=tuple(_publish_error(one, error) for one in names))
        return self.publish(documents)

    def flush(self) -> None:
        """Bring all that was written to the disk.

        Raises:
            PublishError: if the disk reports a failure.
        """
        try:
            if self._fsync:
                flush_file_system(self._root)
        except OSError as error:
            raise _publish_error(self._root, error) from error

    def remove(self, names: Iterable[str]) -> tuple[str, ...]:
        """Remove the documents `names` and the folders that are then empty; return the names that had any file.

        Raises:
            PublishError: for the first document that cannot be removed.
        """
        return tuple(name for name in names if self._remove(name))

    def publish_data(self, documents: Iterable[Document]) -> Published:
        """Write documents that differ, without encodings beside them; nothing of them is flushed (`flush`)."""
        written: list[str] = []
        unchanged: list[str] = []
        failed: list[PublishError] = []
        for parts, some in itertools.groupby(documents, lambda document: _parts(document.name)[:-1]):
            try:
                with self._opened(parts, create=True) as folder:
                    for document in some:
                        name = document.name
                        try:
                            is_new = folder.put(name.rpartition("/")[2], document.body)
                            (written if is_new else unchanged).append(name)
                        except OSError as error:
                            failed.append(_publish_error(name, error))
            except OSError as error:
                failed.append(_publish_error("/".join(parts), error))
        return Published(written=tuple(written), unchanged=tuple(unchanged), failed=tuple(failed))

    def remove_data(self, names: Iterable[str]) -> None:
        """Remove documents that have no encodings, and the folders that are then empty; some may be gone already.

        Raises:
            PublishError: if a document cannot be removed; all others are.
        """
        failed: PublishError | None = None
        for parts, some in itertools.groupby(sorted(names), lambda name: _parts(name)[:-1]):
            try:
                with self._opened(parts, create=False) as folder:
                    failed = _remove_each(folder, some) or failed
                    folder.sync()
                self._remove_empty(parts)
            except FileNotFoundError:
                continue
            except OSError as error:
                failed = failed or _publish_error("/".join(parts), error)
        if failed is not None:
            raise failed

    def file_identity(self, name: str) -> str | None:
        """Return the identity (inode, size, mtime, ctime) of a document's three files, or None unless all three exist.

        It changes if anybody deletes, replaces or edits one of them; what sets the other dates back changes the ctime.
        No file is read.
        """
        try:
            found = [os.lstat(f"{self._root}/{name}{suffix}") for suffix in ("", *CODINGS)]
        except OSError:
            return None
        regular = all(stat.S_ISREG(status.st_mode) for status in found)
        if not regular:
            return None
        return " ".join(f"{at.st_ino}:{at.st_size}:{at.st_mtime_ns}:{at.st_ctime_ns}" for at in found)

    def is_whole(self, name: str) -> bool:
        """Return whether the encodings of a document can be read and hold what the document holds."""
        *parts, file = _parts(name)
        try:
            with self._opened(tuple(parts), create=False) as folder:
                body = folder.read(file, range(sys.maxsize))
                return body is not None and all(
                    coding.holds(folder.read(file + suffix, encoded_sizes(body)) or b"", body)
                    for suffix, coding in CODINGS.items()
                )
        except OSError:
            return False

    def read_start(self, file: str) -> bytes | None:
        """Return the first bytes of a document or of one of its encodings, None if there is none.

        Raises:
            PublishError: if it cannot be read.
        """
        try:
            return start_of(os.path.join(self._root, file))
        except OSError as error:
            raise PublishError(file, reason_of(error, reading=True)) from error

    def feeds(self) -> list[str]:
        """Return the slugs of the feeds that have a folder, sorted.

        Raises:
            PublishError: if the feeds folder cannot be listed.
        """
        return [name for name in self._folders("") if SLUG.fullmatch(name)]

    def pages(self, slug: str) -> list[str]:
        """Return the names of the page folders in a feed's archive, sorted.

        Raises:
            PublishError: if the archive's folder cannot be listed.
        """
        return self._folders(f"{slug}/{ARCHIVE}")

    def item_pages(self) -> list[str]:
        """Return the names of the documents that have the names of items' pages, sorted.

        Raises:
            PublishError: if a folder cannot be listed.
        """
        years = [f"{ITEMS}/{year}" for year in self._folders(ITEMS)]
        names = (f"{year}/{slug}/{PAGE}" for year in years for slug in self._folders(year))
        return sorted(filter(is_item_page, names))

    def search_files(self) -> dict[str, int]:
        """Return the names of the documents that have the names of files of a search, with their sizes in bytes.

        Raises:
            PublishError: if a folder cannot be listed.
        """
        top = search_files.FOLDER.rstrip("/")
        found = {}
        for folder in (top, *(f"{top}/{name}" for name in self._folders(top))):
            found.update(self._sizes(folder))
        return {name: size for name, size in found.items() if search_files.is_search_file(name)}

    def _sizes(self, below: str) -> dict[str, int]:
        """Return the names of the regular files in a folder, with their sizes in bytes."""
        try:
            with os.scandir(os.path.join(self._root, below)) as entries:
                files = (one for one in entries if one.is_file(follow_symlinks=False))
                return {f"{below}/{one.name}": one.stat(follow_symlinks=False).st_size for one in files}
        except (FileNotFoundError, NotADirectoryError):
            return {}
        except OSError as error:
            raise _publish_error(below, error) from error

    @contextmanager
    def _threads(self) -> Iterator[Executor]:
        from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - 13 ms that a build without changes saves

        if not self._keep_threads:
            with ThreadPoolExecutor(THREADS) as pool:
                yield pool
            return
        if self._kept is None:
            self._kept = ThreadPoolExecutor(THREADS, "writer")
        yield self._kept

    def _folders(self, below: str) -> list[str]:
        try:
            with os.scandir(os.path.join(self._root, below)) as entries:
                return sorted(one.name for one in entries if one.is_dir(follow_symlinks=False))
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise _publish_error(below or self._root, error) from error

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
                # The body goes last: as long as it exists, an interrupted removal is requested again.
                for suffix in (*CODINGS, ""):
                    removed |= folder.remove(file + suffix)
                if removed:
                    folder.sync()
            self._remove_empty(tuple(parts))
        except FileNotFoundError:
            return removed
        except OSError as error:
            raise _publish_error(name, error) from error
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

    def _opened(self, parts: tuple[str, ...], *, create: bool) -> AbstractContextManager[OpenFolder]:
        return open_folder(self._disk, self._root, parts, create=create, fsync=self._fsync)


def _remove_each(folder: OpenFolder, names: Iterable[str]) -> PublishError | None:
    """Remove all documents in a folder that can be; return why another cannot."""
    failed = None
    for name in names:
        try:
            folder.remove(name.rpartition("/")[2])
        except OSError as error:
            failed = _publish_error(name, error)
    return failed


class _Job:
    """One document being written: the bytes that its files need, its temporary files, and the error if any."""

    def __init__(self, document: Document) -> None:
        self.document, self.name, self.body = document, document.name, document.body
        self.ready = dict(document.encoded)
        self.file = self.name.rpartition("/")[2]
        self.wanted: dict[str, Future[bytes] | bytes] = {}  # by suffix; "" is the body
        self.temps: list[TempFile] = []
        self.written = False
        self.error: OSError | None = None

    def plan(self, folder: OpenFolder, pool: Executor) -> None:
        """Find out which files differ, and start to compress what they need."""
        same = folder.holds(self.file, self.body)
        if not same:
            self.wanted[""] = self.body
        for suffix, coding in CODINGS.items():
            found = folder.read(self.file + suffix, encoded_sizes(self.body)) if same else None
            if not (found and coding.holds(found, self.body)):
                self.wanted[suffix] = self.ready.get(suffix) or pool.submit(encoded, self.document, suffix)

    def stage(self, folder: OpenFolder) -> None:
        """Write what is needed into temporary files."""
        for suffix, wanted in self.wanted.items():
            body = wanted if isinstance(wanted, bytes) else wanted.result()
            if not suffix or not folder.holds(self.file + suffix, body):
                temp = folder.create(self.file + suffix)
                self.temps.append(temp)
                folder.fill(temp, body)

    def close(self, folder: OpenFolder) -> None:
        for temp in self.temps:
            folder.close(temp)

    def replace(self, folder: OpenFolder) -> None:
        for temp in self.temps:
            folder.replace(temp)
            self.written = True


def _run(jobs: list[_Job], folder: OpenFolder, pool: Executor) -> None:
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


def _flush(jobs: list[_Job], folder: OpenFolder, pool: Executor) -> None:
    owners = [(job, temp) for job in jobs if job.error is None for temp in job.temps]
    errors = pool.map(folder.flush, [temp for _, temp in owners])
    for (job, _), error in zip(owners, errors, strict=True):
        job.error = job.error or error


def _files(documents: Iterable[Document]) -> Iterator[tuple[str, bytes]]:
    for document in documents:
        file, ready = document.name.rpartition("/")[2], dict(document.encoded)
        yield file, document.body
        for suffix in CODINGS:
            yield file + suffix, ready.get(suffix) or encoded(document, suffix)


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
        raise ValueError(
            f"{name!r} is not a document name (write it relative to the feeds folder, as in 'all/rss.xml')"
        )
    if name.endswith(tuple(CODINGS)) or is_temp_name(parts[-1]):
        raise ValueError(f"{name!r} is a name reserved for encodings and temporary files (choose another)")
    return parts


def _publish_error(name: str, error: OSError) -> PublishError:
    # Below the feeds folder the document's name says more than a path; above it, the path matters.
    path = f"{error.filename}: " if str(error.filename).startswith("/") and error.filename != name else ""
    made = PublishError(name, f"{path}{reason_of(error)}")
    made.__cause__ = error.with_traceback(None)  # its frames would keep the bytes of all documents of the group
    return made

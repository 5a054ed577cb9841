"""Files replaced atomically: a reader finds the old bytes or the new ones, at every moment. Touches the disk.

A new file is written under a temporary name beside its target, flushed, and renamed over it. Every file is named
relative to an open folder (`dir_fd`), and no link is followed on the way there: links are replaced or refused.
"""

from __future__ import annotations

import errno
import itertools
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress

import msgspec

TEMP_PREFIX, TEMP_SUFFIX = ".aggregator-", ".tmp"

DEEPEST = 8
"""How many folders deep temporary files are looked for; a document lies at most three deep."""

_TEMP_FOLDER = re.compile(rf"{re.escape(TEMP_PREFIX)}.+\.\d+-\d+{re.escape(TEMP_SUFFIX)}")

_NUMBERS = itertools.count()

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC

# What renaming a folder fails with if something of that name came in between, and what some network and union file
# systems answer that rename files but no folders.
_NOT_RENAMED = {
    errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR,
    errno.EXDEV, errno.EPERM, errno.EACCES, errno.EBUSY, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP,
}  # fmt: skip

# A file that cannot be read is replaced, unless this process or the system ran out of something.
_EXHAUSTED = {errno.EMFILE, errno.ENFILE, errno.ENOMEM}


class Disk(msgspec.Struct, frozen=True, kw_only=True):
    """The file system operations that change something; a test replaces them to make the n-th one fail."""

    open: Callable[..., int] = os.open
    write: Callable[..., int] = os.write
    fsync: Callable[[int], None] = os.fsync
    close: Callable[[int], None] = os.close
    replace: Callable[..., None] = os.replace
    unlink: Callable[..., None] = os.unlink
    mkdir: Callable[..., None] = os.mkdir
    rmdir: Callable[..., None] = os.rmdir


class TempFile:
    """A temporary file at `path` that is to replace the file `name`.

    It is open while `fd` is not -1, and `renamed` once it has replaced its target.
    """

    def __init__(self, name: str, path: str, fd: int) -> None:
        self.name, self.path, self.fd, self.renamed = name, path, fd, False


class OpenFolder:
    """An open folder (`fd`) and the operations on the files directly in it; without `fsync` nothing is flushed."""

    def __init__(self, disk: Disk, fd: int, *, fsync: bool) -> None:
        self.fd = fd
        self._disk, self._fsync = disk, fsync

    def enter(self, part: str, name: str, *, create: bool) -> int:
        """Open the folder `part` in this one and return its descriptor; with `create`, make it if it is missing.

        `name` is its path for messages.

        Raises:
            NotADirectoryError: if a link or a file has that name.
            OSError: if it cannot be opened or made.
        """
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
        """Return the bytes of the file `name`, or None unless it is a readable regular file with a size in `sizes`.

        Raises:
            IsADirectoryError: if it is a folder.
            OSError: if it cannot be read for lack of memory or file descriptors.
        """
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
            return os.read(fd, status.st_size + 1) if stat.S_ISREG(os.fstat(fd).st_mode) else None
        except OSError:
            return None
        finally:
            os.close(fd)

    def holds(self, name: str, body: bytes) -> bool:
        """Return whether the file `name` exists and holds exactly `body`; raises as `read` does."""
        return self.read(name, range(len(body), len(body) + 1)) == body

    def create(self, name: str) -> TempFile:
        """Create a temporary file that is to replace `name`."""
        # The name is unique: two writers that shared one could publish each other's half-written file.
        path = f"{TEMP_PREFIX}{name}.{os.getpid()}-{next(_NUMBERS)}{TEMP_SUFFIX}"
        return TempFile(name, path, self._disk.open(path, _CREATE, 0o644, dir_fd=self.fd))

    def fill(self, temp: TempFile, body: bytes) -> None:
        """Write all of `body`."""
        _write_all(self._disk, temp.fd, body)

    def add_folder(self, name: str, files: Iterable[tuple[str, bytes]]) -> bool:
        """Add the folder `name` with files (name and content); nobody sees it before it is complete.

        It is filled under a temporary name, then renamed; nothing is flushed. Return false if there is something of
        that name already, which then stays, or if this file system renames no folders.

        Raises:
            OSError: if it cannot be written; then nothing of it stays, as far as it can be removed.
        """
        if _exists(self.fd, name):
            return False
        path = f"{TEMP_PREFIX}{name}.{os.getpid()}-{next(_NUMBERS)}{TEMP_SUFFIX}"
        self._disk.mkdir(path, 0o755, dir_fd=self.fd)
        try:
            self._fill_folder(path, files)
            return self._renamed(path, name)
        except BaseException:
            with suppress(OSError):
                remove_temp_folder(self._disk, self.fd, path)
            raise

    def _renamed(self, path: str, name: str) -> bool:
        """Rename a folder that is filled; return false, with it removed, if that is not possible here."""
        try:
            self._disk.replace(path, name, src_dir_fd=self.fd, dst_dir_fd=self.fd)
        except OSError as error:
            if error.errno not in _NOT_RENAMED:
                raise
            remove_temp_folder(self._disk, self.fd, path)
            return False
        return True

    def _fill_folder(self, path: str, files: Iterable[tuple[str, bytes]]) -> None:
        folder = self._disk.open(path, _FOLDER | os.O_NOFOLLOW, dir_fd=self.fd)
        try:
            for name, body in files:
                file = self._disk.open(name, _CREATE, 0o644, dir_fd=folder)
                try:
                    _write_all(self._disk, file, body)
                finally:
                    self._disk.close(file)
        finally:
            os.close(folder)

    def put(self, name: str, body: bytes) -> bool:
        """Let the file `name` hold `body`, atomically, without flushing it; return whether it had to be written.

        Raises:
            OSError: if that fails.
        """
        if self.holds(name, body):
            return False
        temp = self.create(name)
        try:
            self.fill(temp, body)
            self.close(temp)
            self.replace(temp)
        finally:
            self.discard(temp)
        return True

    def flush(self, temp: TempFile) -> OSError | None:
        """Flush the file to the disk; return an error instead of raising it, as this runs in a thread."""
        try:
            if self._fsync:
                self._disk.fsync(temp.fd)
        except OSError as error:
            return error
        return None

    def close(self, temp: TempFile) -> None:
        """Close the file; on a network file system a failed write may only show here."""
        fd, temp.fd = temp.fd, -1
        self._disk.close(fd)

    def replace(self, temp: TempFile) -> None:
        """Rename the temporary file over its target, atomically."""
        self._disk.replace(temp.path, temp.name, src_dir_fd=self.fd, dst_dir_fd=self.fd)
        temp.renamed = True

    def discard(self, temp: TempFile) -> None:
        """Close and remove the temporary file, unless it has replaced its target; errors are ignored."""
        with suppress(OSError):
            if temp.fd >= 0:
                self.close(temp)
        with suppress(OSError):
            if not temp.renamed:
                self._disk.unlink(temp.path, dir_fd=self.fd)

    def remove(self, name: str) -> bool:
        """Remove the file `name`; return whether it existed."""
        with suppress(FileNotFoundError):
            self._disk.unlink(name, dir_fd=self.fd)
            return True
        return False

    def sync(self) -> None:
        """Flush the folder's list of names to the disk."""
        if not self._fsync:
            return
        try:
            self._disk.fsync(self.fd)
        except OSError as error:
            # Some network file systems cannot flush a folder and report it with one of these.
            if error.errno not in (errno.EINVAL, errno.ENOTSUP):
                raise


def _write_all(disk: Disk, fd: int, body: bytes) -> None:
    rest = memoryview(body)
    while rest:
        rest = rest[disk.write(fd, rest) :]


def _exists(folder: int, name: str) -> bool:
    try:
        os.lstat(name, dir_fd=folder)
    except FileNotFoundError:
        return False
    return True


@contextmanager
def open_folder(
    disk: Disk, root: str, parts: tuple[str, ...] = (), *, create: bool, fsync: bool
) -> Iterator[OpenFolder]:
    """Open the folder `parts` below `root`, part by part, so that no link below `root` is followed.

    `root` itself may be a link: where the feeds folder lies is the operator's decision. With `create`, missing folders
    are made.

    Raises:
        OSError: if a folder cannot be opened or made.
    """
    folder = OpenFolder(disk, _open_root(disk, root, create=create, fsync=fsync), fsync=fsync)
    try:
        for depth, part in enumerate(parts, 1):
            inner = folder.enter(part, "/".join(parts[:depth]), create=create)
            os.close(folder.fd)
            folder.fd = inner
        yield folder
    finally:
        os.close(folder.fd)


def _open_root(disk: Disk, root: str, *, create: bool, fsync: bool) -> int:
    try:
        return disk.open(root, _FOLDER)
    except FileNotFoundError:
        if not create:
            raise
    _make_root(disk, root, fsync=fsync)
    return disk.open(root, _FOLDER)


def replace_file(path: str, body: bytes) -> None:
    """Let the file `path` hold `body`, atomically and durably; it is nobody else's to read.

    Raises:
        OSError: if that fails; then the file is as it was.
    """
    again = f"{path}.again"
    with suppress(FileNotFoundError):
        os.unlink(again)
    with open(os.open(again, _CREATE, 0o600), "wb") as file:
        file.write(body)
        file.flush()
        os.fsync(file.fileno())
    os.replace(again, path)
    folder = os.open(os.path.dirname(path), _FOLDER)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def flush_file_system(folder: str) -> None:
    """Bring all that was written to the file system of a folder to the disk; where Linux's syncfs is missing, of all.

    Raises:
        OSError: if the disk reports a failure.
    """
    import ctypes  # noqa: PLC0415 - 10 ms, and only large builds need it

    flush = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)
    if flush is None:
        os.sync()
        return
    fd = os.open(folder, _FOLDER)
    try:
        if flush(fd):
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), folder)
    finally:
        os.close(fd)


def _make_root(disk: Disk, path: str, *, fsync: bool) -> None:
    parent = os.path.dirname(path)
    if not os.path.isdir(parent):
        _make_root(disk, parent, fsync=fsync)
    with suppress(FileExistsError):
        disk.mkdir(path, 0o755)
    fd = disk.open(parent, _FOLDER)
    try:
        OpenFolder(disk, fd, fsync=fsync).sync()
    finally:
        os.close(fd)


def remove_temp_files(disk: Disk, root: int, below: str = "", depth: int = 0) -> Iterator[str]:
    """Remove the temporary files below the open folder `root`, at most `DEEPEST` folders deep; yield their paths.

    Ours lie no deeper, and a foreign tree of any depth must stop nothing.
    """
    with os.scandir(root) as entries:
        found = sorted((entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries)
    for name, is_folder in found:
        with suppress(OSError):  # the next document written there reports what is wrong
            if is_folder and _TEMP_FOLDER.fullmatch(name):
                remove_temp_folder(disk, root, name)
                yield f"{below}{name}/"
                continue
            if is_temp_name(name):
                mode = os.lstat(name, dir_fd=root).st_mode
                if stat.S_ISREG(mode) or stat.S_ISLNK(mode):
                    disk.unlink(name, dir_fd=root)
                    yield below + name
            if is_folder and depth < DEEPEST:
                yield from _remove_temp_files_in(disk, root, name, below, depth)


def _remove_temp_files_in(disk: Disk, root: int, name: str, below: str, depth: int) -> Iterator[str]:
    fd = os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=root)
    try:
        yield from remove_temp_files(disk, fd, f"{below}{name}/", depth + 1)
    finally:
        os.close(fd)


def remove_temp_folder(disk: Disk, parent: int, name: str) -> None:
    """Remove the folder `name` in the open folder `parent`, with the files in it; links are removed, not followed.

    Raises:
        OSError: if it cannot be removed, as when there is a folder in it.
    """
    fd = os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=parent)
    try:
        for file in os.listdir(fd):
            disk.unlink(file, dir_fd=fd)
    finally:
        os.close(fd)
    disk.rmdir(name, dir_fd=parent)


def is_temp_name(name: str) -> bool:
    """Return whether a file name is that of a temporary file of ours."""
    return name.startswith(TEMP_PREFIX) and name.endswith(TEMP_SUFFIX)

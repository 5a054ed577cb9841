"""The file systems that are mounted at and below a folder, by the system's table of mounts. Only reads."""

from __future__ import annotations

import os
import re
import select
from pathlib import Path

_TABLE = "/proc/self/mountinfo"

# File systems that other machines write to; their changes cause no events on this machine.
_REMOTE = frozenset(
    {
        "nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "fuse.sshfs", "fuse.glusterfs",
        "vboxsf", "virtiofs",
    }
)  # fmt: skip


def remote_filesystem(root: str) -> str:
    """Return the type of the file system of `root` if other machines may write to it without events here, else ""."""
    real = os.path.realpath(root)
    best, kind = -1, ""
    for mounted, found, _ in _mounts(_text()):
        if (real == mounted or real.startswith(mounted.rstrip("/") + "/")) and len(mounted) >= best:
            best, kind = len(mounted), found
    return kind if kind in _REMOTE else ""


def remote_below(root: str) -> str:
    """Return a folder below `root` on a file system that other machines write to, with its type, or ""."""
    start = f"{os.path.realpath(root).rstrip('/')}/"
    last = {mounted: kind for mounted, kind, _ in _mounts(_text())}  # of several at one path, the last one is seen
    for mounted, kind in sorted(last.items()):
        if mounted.startswith(start) and kind in _REMOTE:
            return f"{mounted[len(start) :]} lies on {kind}"
    return ""


class Mounts:
    """Notices what is mounted, unmounted or replaced below `root`; `close` it in the end."""

    def __init__(self, root: str) -> None:
        self._start = f"{os.path.realpath(root).rstrip('/')}/"
        self._fd = -1
        try:
            self._fd = os.open(_TABLE, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return  # another system than Linux
        self._poll = select.poll()
        self._poll.register(self._fd, select.POLLPRI)
        self._poll.poll(0)
        self._known = self._below()

    def changed(self) -> bool:
        """Return whether the mounts below the folder changed since the last call, or since the beginning.

        As long as the system's table does not change, it is not read (proc_pid_mountinfo(5)).
        """
        if self._fd < 0 or not self._poll.poll(0):
            return False
        before, self._known = self._known, self._below()
        return before != self._known

    def close(self) -> None:
        """Close the system's table."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _below(self) -> list[tuple[str, str, str]]:
        return [one for one in _mounts(_text()) if one[0].startswith(self._start)]


def _text() -> str:
    try:
        return Path(_TABLE).read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return ""


def _mounts(table: str) -> list[tuple[str, str, str]]:
    """Return path, type and number of each mount, in the order of the table."""
    found = []
    for line in table.splitlines():
        before, _, after = line.partition(" - ")
        fields = before.split()
        mounted = re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), fields[4])  # proc(5)
        found.append((mounted, after.split()[0], fields[0]))
    return found

"""A disk that hangs, for a process of its own: flushing or renaming files blocks until the test says otherwise."""

from __future__ import annotations

import os
from pathlib import Path

_CODE = """
import os, signal

def hanging(real):
    def operation(*args, **options):
        if os.path.exists({flag!r}):
            # As in a system call that cannot be interrupted: no signal reaches this thread.
            before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
            fd = os.open({fifo!r}, os.O_RDONLY)
            os.read(fd, 1)
            os.close(fd)
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return real(*args, **options)
    return operation

os.{operation} = hanging(os.{operation})
from aggregator.service import heartbeat
heartbeat.LONGEST_SILENCE = {longest}
"""


class HangingDisk:
    """The disk of processes whose PYTHONPATH begins with `path`; it works until `hang`, and again after `release`."""

    def __init__(self, folder: Path, operation: str, *, longest: float = 4.0) -> None:
        """Hang in `operation` of `os`; after `longest` seconds without progress the process is to count as stuck."""
        self.path, self._flag, self._fifo = folder / "hanging-disk", folder / "disk-hangs", folder / "disk-fifo"
        self.path.mkdir()
        os.mkfifo(self._fifo)
        (self.path / "sitecustomize.py").write_text(
            _CODE.format(flag=str(self._flag), fifo=str(self._fifo), operation=operation, longest=longest)
        )

    def hang(self) -> None:
        """Let every flush and rename block from now on."""
        self._flag.touch()

    def release(self) -> None:
        """Let the disk work again, and whoever waits for it go on."""
        self._flag.unlink()
        self._open = os.open(self._fifo, os.O_RDWR)  # opens even if nobody reads, and keeps what is written
        os.write(self._open, b"." * 1_000)

"""The cost of a build: seconds, processor seconds, and the peak memory of all its processes together."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

PATIENCE = 15 * 60.0
"""A build that takes more seconds than this is given up."""
SHARE_OF_MEMORY = 0.6
"""The share of the machine's memory above which a build is given up."""
PAGE = os.sysconf("SC_PAGE_SIZE")
ALL_MEMORY = os.sysconf("SC_PHYS_PAGES") * PAGE
OLD = "old"
"""The folder of a site to which old output is moved."""


class Tool(NamedTuple):
    """A build: its command, what to remove before a build from nothing, and its feeds by slug."""

    name: str
    command: list[str]
    folder: Path
    made: tuple[Path, ...] = ()
    feeds: Callable[[], Iterator[tuple[str, Path]]] | None = None
    environment: dict[str, str] = {}  # noqa: RUF012 - never changed


class Run(NamedTuple):
    """The cost of a build: seconds, processor seconds, bytes; or why it was given up."""

    wall: float
    cpu: float
    memory: int
    given_up: str = ""


def run(tool: Tool, log: Path, *, fresh: bool = True) -> Run:
    """Build once, from nothing or incrementally."""
    for folder in tool.made if fresh else ():
        put_aside(folder, log.parent / OLD)
    environment = {**os.environ, **tool.environment}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # installed tools use their compiled modules
    with log.open("wb") as output:
        began = time.perf_counter()
        process = subprocess.Popen(
            tool.command, cwd=tool.folder, env=environment, stdout=output, stderr=output, start_new_session=True
        )
        watch = Watch(process.pid)
        try:
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
        wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    watch.stop()
    if process.returncode and not watch.given_up:
        print(f"{tool.name} failed:\n{log.read_text(errors='replace')[-5000:]}", file=sys.stderr)
        watch.given_up = "failed"
    return Run(wall, usage.ru_utime + usage.ru_stime, watch.most, watch.given_up)


def put_aside(folder: Path, old: Path) -> None:
    """Move the output of an earlier build aside: for minutes after many deletions ext4 creates files slowly."""
    if folder.exists():
        old.mkdir(exist_ok=True)
        folder.rename(Path(tempfile.mkdtemp(dir=old)) / folder.name)


class Watch(threading.Thread):
    """Samples the memory of a process and its descendants every tenth of a second; `most` is the peak in bytes.

    Less often where that is so much that looking takes long. Ends them all where they take too long or too much; `given_up` says which.
    """

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.most = 0
        self.given_up = ""
        self._pid = pid
        self._ended = threading.Event()
        self.start()

    def run(self) -> None:
        deadline = time.monotonic() + PATIENCE
        pause = 0.1
        while not self._ended.wait(pause):
            busy = time.thread_time()
            self.most = max(self.most, sum(map(held, family(self._pid))))
            # Sampling gigabytes must not slow down what is measured.
            pause = max(0.1, 20 * (time.thread_time() - busy))
            if time.monotonic() > deadline:
                self._give_up(f"over {PATIENCE / 60:.0f} min")
            elif self.most > SHARE_OF_MEMORY * ALL_MEMORY:
                self._give_up(f"over {SHARE_OF_MEMORY * ALL_MEMORY / 1e9:.0f} GB")

    def stop(self) -> None:
        """Stop sampling."""
        self._ended.set()
        self.join()

    def _give_up(self, reason: str) -> None:
        self.given_up = reason
        os.killpg(self._pid, signal.SIGKILL)
        self._ended.set()


def family(pid: int) -> Iterator[int]:
    """Return a process and its descendants."""
    yield pid
    for tasks in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = tasks.read_text().split()
        except OSError:
            continue
        for child in children:
            yield from family(int(child))


def held(pid: int) -> int:
    """Return a process's proportional share of memory (Pss), in bytes."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)

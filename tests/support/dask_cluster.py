"""A Dask cluster of real processes on this machine: a scheduler, and workers that tests may kill."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from support.running_daemon import ROOT, children_of, free_port, wait_until

HOST = "127.0.0.1"
START_TIMEOUT = 60.0
"""Seconds that processes that import Dask may take to start on a busy machine."""


class DaskCluster:
    """A scheduler and its workers, until `stop`; their logs are in `folder`."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder = folder
        self._processes: list[subprocess.Popen[bytes]] = []
        self.address = f"tcp://{HOST}:{free_port()}"
        words = ["--host", HOST, "--port", self.address.rpartition(":")[2]]
        self.scheduler = self._start("scheduler", *words, **environment)

    def add_workers(self, count: int, **environment: str) -> subprocess.Popen[bytes]:
        """Start `count` workers of one thread each, and the process that restarts those that die."""
        words = ["--nworkers", str(count), "--nthreads", "1", "--memory-limit", "0", "--host", HOST]
        return self._start(
            "worker", self.address, *words, "--local-directory", str(self.folder / "scratch"), **environment
        )

    def _start(self, what: str, *words: str, **environment: str) -> subprocess.Popen[bytes]:
        paths = os.pathsep.join(filter(None, [environment.pop("PYTHONPATH", ""), str(ROOT)]))
        variables = {**os.environ, "PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "", **environment}
        command = [sys.executable, "-m", "dask", what, *words, "--no-dashboard", "--dashboard-address", f"{HOST}:0"]
        with (self.folder / what).open("ab") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, env=variables)
        self._processes.append(process)
        return process

    def workers(self) -> list[int]:
        """Return the process ids of the workers."""
        children = (pid for process in self._processes for pid in children_of(process.pid))
        return [pid for pid in children if b"spawn_main" in _command(pid)]

    def kill_one(self) -> None:
        """Kill a worker, as the system does if memory is short."""
        os.kill(self.workers()[0], signal.SIGKILL)

    def wait(self, count: int) -> None:
        """Wait until `count` workers have joined since the start."""
        log = self.folder / "scheduler"
        wait_until(lambda: log.read_text().count("Register worker") >= count, START_TIMEOUT, what="workers do not join")

    def stop(self) -> None:
        """Kill all processes."""
        for process in self._processes:
            for pid in [process.pid, *children_of(process.pid)]:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue
            process.wait(60)


def at_call(number: int, act: Callable[[], object]) -> Callable[[int, int], None]:
    """Return a progress function that calls `act` once, at its call `number`."""
    calls = 0

    def tell(_done: int, _total: int) -> None:
        nonlocal calls
        calls += 1
        if calls == number:
            act()
            time.sleep(0.1)

    return tell


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""

"""A daemon on a site in a temporary folder: as a process, or on a thread of the test's process."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from support.site_folder import SiteFolder

from aggregator.service import logs
from aggregator.service.control import Request, ask
from aggregator.service.daemon import Daemon
from aggregator.service.search_process import SearchProcess
from aggregator.service.systemd import SystemdNotifier

ROOT = Path(__file__).parents[2]
PUBLISH_WITHIN = 2.0
"""Seconds until a change must be published (guarantee G1)."""

TOLERANCE = float(os.environ.get("AGGREGATOR_SLACK", "3"))
"""Seconds that tests add to that, since they run on busy machines."""


def wait_until(
    condition: Callable[[], object], seconds: float = PUBLISH_WITHIN + TOLERANCE, *, what: str = ""
) -> float:
    """Wait until `condition` is true and return how many seconds it took; `seconds` is the limit on an idle machine."""
    began = time.monotonic()
    while True:
        if _holds(condition):
            return time.monotonic() - began
        assert time.monotonic() - began < time_limit(seconds), what or "what was waited for did not come"
        time.sleep(0.01)


def time_limit(seconds: float) -> float:
    """Return the time limit that corresponds, under the load of now, to `seconds` on an idle machine.

    It grows with the number of runnable processes for each processor: the average of the last minute, or if it is higher,
    the number at this moment.
    """
    words = Path("/proc/loadavg").read_text().split()
    runnable = max(float(words[0]), int(words[3].partition("/")[0]))
    return seconds * max(1.0, runnable / (os.cpu_count() or 1))


def _holds(condition: Callable[[], object]) -> bool:
    try:
        return bool(condition())
    except FileNotFoundError:
        return False


class RunningDaemon:
    """A running daemon: its site, its status and its log."""

    def __init__(self, site: SiteFolder) -> None:
        self.site = site
        self.state = str(site.root / "state")
        self.log_file = site.root / "log"

    def status(self) -> dict[str, Any]:
        return ask(self.state, Request(do="status"), timeout=10)

    def is_ready(self) -> bool:
        told = ask(self.state, Request(do="status"), timeout=10) if Path(self.state, "control.sock").exists() else None
        return told is not None and told["turns"] + len(told["problems"]) > 0

    def trigger(self, *feeds: str, **options: Any) -> Any:
        return ask(self.state, Request(do="trigger", feeds=feeds, **options), timeout=30)

    def lines(self, event: str = "") -> list[dict[str, Any]]:
        """Return the log so far, or its lines of one event; every line must be a JSON object."""
        found = [json.loads(line) for line in self.log_file.read_text().split("\n")[:-1]]
        return [line for line in found if event in {"", line["event"]}]

    def wait_for_titles(self, *titles: str) -> None:
        """Wait until the feed `all` has exactly these titles."""
        wait_until(lambda: sorted(self.site.titles()) == sorted(titles), what=f"the feed does not show {titles}")

    def wait_for_title(self, title: str, *, present: bool = True, seconds: float = PUBLISH_WITHIN + TOLERANCE) -> float:
        """Wait until the feed `all` has a title, or no longer has it; return how many seconds it took."""
        return wait_until(
            lambda: (title in self.site.titles()) == present, seconds, what=f"{title}: {present=} did not come"
        )

    def count_indexed(self, below: str = "") -> int:
        """Return how many seeds are in the index."""
        with closing(sqlite3.connect(f"file:{self.state}/index.db?mode=ro", uri=True)) as index:
            count: int = index.execute("SELECT count(*) FROM file WHERE path LIKE ?", (f"{below}%",)).fetchone()[0]
            return count

    def wait_for_fresh_build(self, seconds: float = PUBLISH_WITHIN + TOLERANCE) -> None:
        """Wait until the feeds equal, byte for byte, those of a fresh build of the same seeds."""
        for name in ("fresh", "fresh-state"):
            shutil.rmtree(self.site.root / name, ignore_errors=True)
        (self.site.root / "fresh-state").mkdir()
        self._copy_index()
        turn = self.site.build(None, feeds="fresh", state="fresh-state", fresh=True, accept_deletions=True)
        assert turn.failed == ()
        wanted = self.site.documents("fresh")
        wait_until(
            lambda: self._differing(wanted) == [], seconds, what=f"not as a fresh build: {self._differing(wanted)}"
        )

    def _copy_index(self) -> None:
        source = sqlite3.connect(f"file:{self.state}/index.db?mode=ro", uri=True)
        with closing(source), closing(sqlite3.connect(self.site.root / "fresh-state/index.db")) as target:
            source.backup(target)

    def _differing(self, wanted: dict[str, bytes]) -> list[str]:
        """Return the documents that differ, except for feeds that lost their last item: a fresh build has none of them."""
        found = self.site.documents()
        emptied = {
            name.partition("/")[0]
            for name, body in found.items()
            if name.endswith("/feed.json") and name not in wanted and not json.loads(body)["items"]
        }
        lists = (".well-known", "index.html", "feeds.opml")
        ours = {
            name: body
            for name, body in found.items()
            if name.partition("/")[0] not in emptied and not (emptied and name.startswith(lists))
        }
        theirs = {name: body for name, body in wanted.items() if not (emptied and name.startswith(lists))}
        return sorted(name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name))


class DaemonProcess(RunningDaemon):
    """A daemon process."""

    process: subprocess.Popen[bytes]
    serving = False
    options: tuple[str, ...] = ()

    def start(self, *, wait: bool = True, serve: bool = False, **environment: str) -> DaemonProcess:
        """Start the daemon; with `serve` it serves on a free port, and the site's URL has that port."""
        self.serving = serve
        if serve and "server" not in self.site.settings:
            port = free_port()
            self.site.settings["server"] = {"port": port}
            self.site.settings["site"] = {
                "title": "Test",
                **self.site.settings.get("site", {}),
                "url": f"http://127.0.0.1:{port}/",
            }
        self.site.config()
        self.process = self.spawn(**environment)
        if wait:
            wait_until(self.is_ready, 20, what="the daemon did not take its first turn")
        return self

    def spawn(self, **environment: str) -> subprocess.Popen[bytes]:
        words = [sys.executable, "-m", "aggregator", "run", "--config", "config/feeds.yaml", "--log-format", "json"]
        words += [*self.options, *([] if self.serving else ["--no-serve"])]
        paths = f"{ROOT}:{os.environ.get('PYTHONPATH', '')}"
        with self.log_file.open("ab") as log:
            return subprocess.Popen(
                words, cwd=self.site.root, stderr=log, env={**os.environ, "PYTHONPATH": paths, **environment}
            )

    def command(self, *words: str, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """Run a command of the program on the same site."""
        return subprocess.run(
            [sys.executable, "-m", "aggregator", words[0], "--config", "config/feeds.yaml", *words[1:]], cwd=self.site.root,
            env={**os.environ, "PYTHONPATH": str(ROOT), **(environment or {})}, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    @property
    def address(self) -> str:
        """Return the URL that it serves."""
        return str(self.status()["serving"])

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def stop(self, seconds: float = 10) -> int:
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
        return self.process.wait(time_limit(seconds))

    def open_files(self) -> int:
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def threads(self) -> int:
        return len(os.listdir(f"/proc/{self.process.pid}/task"))

    def footprint(self) -> tuple[int, int]:
        """Return how many open files and threads it has at rest."""
        return min((self.open_files(), self.threads()) for _ in range(20) if time.sleep(0.01) is None)

    def processor_time(self) -> float:
        """Return the processor seconds used so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self) -> int:
        """Return the resident memory in kB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0])

    def children(self) -> list[int]:
        return children_of(self.process.pid)


class DaemonThread(RunningDaemon):
    """A daemon on a thread of this process, so that tests can patch it; `step` moves its clock, in seconds."""

    def __init__(self, site: SiteFolder) -> None:
        super().__init__(site)
        self.step = 0.0
        self.code: int | None = None
        self._log = self.log_file.open("a")

    def start(self, *, notify: str = "", search: SearchProcess | None = None) -> DaemonThread:
        config = self.site.config()
        logs.start("json", self._log)
        self.daemon = Daemon(
            config, clock=lambda: time.time() + self.step, systemd=SystemdNotifier(notify), search=search
        )  # fmt: skip
        self.thread = threading.Thread(target=self._run, name="daemon", daemon=True)
        self.thread.start()
        wait_until(self.is_ready, 20, what="the daemon did not take its first turn")
        return self

    def _run(self) -> None:
        self.code = self.daemon.run()

    def lines(self, event: str = "") -> list[dict[str, Any]]:
        self._log.flush()
        return super().lines(event)

    def stop(self) -> int | None:
        self.daemon.stop()
        self.thread.join(60)
        assert not self.thread.is_alive()
        return self.code

    def close(self) -> None:
        self._log.close()


def free_port() -> int:
    """Return a free port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def children_of(pid: int) -> list[int]:
    """Return the process ids of all descendants of `pid`."""
    found = []
    for one in filter(str.isdigit, os.listdir("/proc")):
        try:
            parent = int(Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, IndexError):
            continue
        if parent == pid:
            found += [int(one), *children_of(int(one))]
    return found

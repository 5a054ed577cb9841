"""Print which files of a package one piece of work passes, in the order in which they are first entered.

    uv run python tests/benchmarks/journeys.py [PACKAGE_DIR]

PACKAGE_DIR is the folder of the package, by default this checkout's `aggregator`; an older version will do. Three
journeys, each in processes of their own on a small site, traced by `sys.setprofile`:

- edit: the running daemon, from the event of an edited seed to the feed on the disk that shows it;
- min_quality: `aggregator build`, from the value in the YAML text to the item that it holds back. Only functions count
  that take or return something that holds the value; the whole config, which everybody gets, does not count;
- request: the running server, a GET of /all/rss.xml.

After each list stands how many files it has, and how many boxes: modules and folders at the root of the package.
`house_report.py` beside it prints the figures of the import graph.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests"))
from support.running_daemon import free_port, wait_until  # noqa: E402 - found by the line above

VALUE = 987_654
"""A `min_quality` that appears nowhere else."""

CONFIG = """\
site: {{title: Test, url: "http://127.0.0.1:{port}/"}}
seeds: ../seeds
feeds: ../feeds
state: ../state
server: {{port: {port}}}
rules: {{min_quality: {min_quality}}}
"""
SEED = """\
---
title: {title}
publishedDateTime: 2026-05-01T08:00:00Z
webUrl: https://news.example.org/{title}
quality: 50
topics: [Cities]
---
A body.
"""
TRACE = """\
import os, signal, sys, threading

package, value = os.environ["JOURNEY_PACKAGE"] + os.sep, os.environ.get("JOURNEY_VALUE", "")
log = os.open(os.environ["JOURNEY_LOG"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
seen, is_recording = set(), bool(value)

def holds(thing):
    try:
        return type(thing).__name__ != "Config" and value in repr(thing)
    except Exception:
        return False

def profile(frame, event, argument):
    code = frame.f_code
    if not is_recording or event not in {"call", "return"} or code.co_filename in seen or not code.co_filename.startswith(package):
        return
    if code.co_name == "<module>":
        return
    if value and not any(map(holds, [*frame.f_locals.values(), argument])):
        return
    seen.add(code.co_filename)
    os.write(log, code.co_filename.removeprefix(package).encode() + b"\\n")

def begin(*_):
    global is_recording
    is_recording = True

signal.signal(signal.SIGUSR2, begin)
threading.setprofile(profile)
sys.setprofile(profile)
"""
"""`sitecustomize.py` of the traced processes; they record from SIGUSR2 on, or from the start if they look for a value."""


class Journey:
    """A site in a folder, and the files that its processes have entered."""

    def __init__(self, package: Path, folder: Path) -> None:
        self._package, self._folder = package, folder
        self._log = folder / "journey.log"
        self.port = free_port()
        for name in ("config", "seeds", "trace"):
            (folder / name).mkdir()
        (folder / "trace/sitecustomize.py").write_text(TRACE)
        self.config()
        for title in ("harbour", "tram"):
            self.seed(title)

    def config(self, min_quality: int = 0) -> None:
        (self._folder / "config/aggregator.yaml").write_text(CONFIG.format(port=self.port, min_quality=min_quality))

    def seed(self, title: str, text: str = "") -> None:
        (self._folder / f"seeds/{title}.md").write_text(SEED.format(title=title) + text)

    def start(self, *words: str, **environment: str) -> subprocess.Popen[bytes]:
        """Start a command; it is traced."""
        paths = {"JOURNEY_PACKAGE": str(self._package), "JOURNEY_LOG": str(self._log)}
        python_path = f"{self._folder / 'trace'}{os.pathsep}{self._package.parent}"
        return subprocess.Popen(
            [sys.executable, "-m", "aggregator", *words], cwd=self._folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env={**os.environ, **paths, "PYTHONPATH": python_path, **environment},
        )  # fmt: skip

    @contextmanager
    def running(self, *words: str, is_ready: Callable[[], bool]):
        """Run a command until the end of the block, which begins when it is ready and idle; it records from there on."""
        process = self.start(*words)
        try:
            wait_until(is_ready, 60)
            time.sleep(1)
            process.send_signal(signal.SIGUSR2)
            time.sleep(0.2)
            yield
        finally:
            process.kill()
            process.wait()

    def feed_has(self, text: str) -> bool:
        feed = self._folder / "feeds/all/rss.xml"
        return feed.exists() and text in feed.read_text()

    def files(self) -> list[str]:
        return self._log.read_text().splitlines()


def edit(journey: Journey) -> None:
    """Edit a seed while the daemon runs."""
    with journey.running("run", "--no-serve", is_ready=lambda: journey.feed_has("tram")):
        journey.seed("tram", "An edit.\n")
        wait_until(lambda: journey.feed_has("An edit."), 60)


def min_quality(journey: Journey) -> None:
    """Build a site with seeds that are not good enough."""
    journey.config(VALUE)
    assert journey.start("build", "--jobs", "1", JOURNEY_VALUE=str(VALUE)).wait(120) == 0
    assert not journey.feed_has("tram")


def request(journey: Journey) -> None:
    """Fetch a feed from the server."""
    assert journey.start("build").wait(120) == 0

    def answers() -> bool:
        try:
            return bool(urlopen(f"http://127.0.0.1:{journey.port}/all/rss.xml", timeout=5).read())
        except OSError:
            return False

    with journey.running("serve", is_ready=answers):
        assert answers()


def main() -> None:
    """Trace each journey and print it."""
    package = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "aggregator").resolve()
    for travel in (edit, min_quality, request):
        with tempfile.TemporaryDirectory() as folder:
            journey = Journey(package, Path(folder))
            travel(journey)
            files = journey.files()
        boxes = list(dict.fromkeys(Path(file).parts[0] for file in files))
        print(f"{travel.__name__}: {len(files)} files, {len(boxes)} boxes: {' '.join(boxes)}")
        print("".join(f"    {file}\n" for file in files))


if __name__ == "__main__":
    main()

"""The process that serves: a config and a listening socket in, HTTP out, until it is told to stop.

`serve` is `aggregator serve`: alone, it asks the feeds folder once a second what changed while somebody listens. `main`
is the daemon's server, a process of its own so that neither can slow the other: it gets its config and then the slugs
of changed feeds as lines of JSON on its standard input, writes a line a second on its standard output as a sign of
life, and ends when the input does, even where the daemon was killed.
"""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import socket
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import suppress
from typing import Any, cast

import msgspec
import uvloop

from aggregator.config.settings import Config
from aggregator.model.slugs import SLUG
from aggregator.model.store import is_url
from aggregator.service.http.document_cache import LOOK_AGAIN, Shelf
from aggregator.service.http.endpoints import Endpoints
from aggregator.service.http.server import App, HttpServer
from aggregator.service.logs import Format, log
from aggregator.service.logs import start as start_log
from aggregator.site.clock import clock

HEARTBEAT = 1.0
LAST_WORDS = 1.5
"""How long, in seconds, answers that are under way may take once we are to stop."""

FILES_BESIDE = 64
"""How many file descriptors there must be beside those of connections."""


class _Process:
    def __init__(self, config: Config, listening: socket.socket, *, attached: bool) -> None:
        self.config = config
        # Where nobody tells what changed, the files are looked at for each request: 10 microseconds.
        # Feeds in a store are served by the store: here none is found.
        shelf = Shelf(
            os.devnull if is_url(config.feeds) else config.feeds,
            config.site,
            clock=clock,
            look_again=LOOK_AGAIN if attached else 0,
        )
        self.app = App(shelf)
        self.app.log_requests = config.server.log_requests
        self.app.routes = Endpoints(config, self.app, clock=clock, attached=attached).routes()
        allowed = _allow_files(config.server.connections + FILES_BESIDE) - FILES_BESIDE
        self._server = HttpServer(
            self.app, listening, connections=min(config.server.connections, max(1, allowed)),
            header_seconds=config.server.timeout,
        )  # fmt: skip
        self._stopping = asyncio.Event()

    async def run(self, *companions: Callable[[_Process], Coroutine[Any, Any, None]]) -> None:
        """Serve until `stop`; `companions` go along."""
        tasks = [asyncio.ensure_future(companion(self)) for companion in companions]
        serving = asyncio.ensure_future(self._server.serve())
        stopped = asyncio.ensure_future(self._stopping.wait())
        await asyncio.wait({serving, stopped}, return_when=asyncio.FIRST_COMPLETED)
        self.app.news.end()
        self._server.stop()  # type: ignore[no-untyped-call]
        with suppress(TimeoutError):
            await asyncio.wait_for(serving, LAST_WORDS)
        for task in (*tasks, stopped):
            task.cancel()

    def stop(self) -> None:
        self._stopping.set()


def serve(config: Config, listening: socket.socket) -> None:
    """Serve what is there until SIGTERM or SIGINT."""

    async def life() -> None:
        process = _Process(config, listening, attached=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, process.stop)
        await process.run(_watch)

    _run(life())


def _run(life: Coroutine[Any, Any, None]) -> None:
    """Live; where somebody still waits for what a thread asks a daemon, this process ends with that at once."""
    # A fifth more requests a second than with the loop of the standard library.
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(life)
        if any(not task.cancelling() for task in asyncio.all_tasks(runner.get_loop())):
            os._exit(0)  # to close the loop, or to return, is to wait for its threads, and so for a turn


async def _watch(process: _Process) -> None:
    """Tell who listens what somebody else published."""
    known: dict[str, int] = {}
    while True:
        found = dict(_folders(process.config.feeds)) if process.app.news.listeners else {}
        changed = [slug for slug, written in found.items() if known.get(slug) != written]
        if known and changed:
            process.app.changed(changed)
        known = found
        await asyncio.sleep(HEARTBEAT)


def _folders(feeds: str) -> Iterator[tuple[str, int]]:
    with suppress(OSError), os.scandir(feeds) as entries:
        for entry in entries:
            if SLUG.fullmatch(entry.name):
                yield entry.name, entry.stat(follow_symlinks=False).st_mtime_ns


# -- the daemon's server


def main() -> None:
    """Be the daemon's server: the arguments are the listening socket's descriptor and the shape of log lines."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGUSR1):
        signal.signal(number, signal.SIG_IGN)  # a terminal tells them to all its processes; they are the daemon's
    start_log(cast("Format", sys.argv[2]))
    listening = socket.socket(fileno=int(sys.argv[1]))
    # Unbuffered: what was told meanwhile must stay in the pipe, for `_listen`.
    config = msgspec.json.decode(open(0, "rb", buffering=0, closefd=False).readline(), type=Config)  # noqa: SIM115
    _run(_attached(config, listening))
    os._exit(0)  # whatever still hangs on a client ends with us


async def _attached(config: Config, listening: socket.socket) -> None:
    process = _Process(config, listening, attached=True)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, process.stop)
    await process.run(_listen, _live)


async def _listen(process: _Process) -> None:
    """Take in what changed; the end of it is the daemon's."""
    reader = asyncio.StreamReader(limit=16 * 1024 * 1024)
    protocol = asyncio.StreamReaderProtocol(reader)
    await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, sys.stdin.buffer)
    while line := await reader.readline():
        try:
            process.app.changed(msgspec.json.decode(line, type=list[str]))
        except msgspec.DecodeError:
            log("not understood", line=len(line))
    process.stop()


async def _live(_: _Process) -> None:
    while True:
        with suppress(BlockingIOError):
            os.write(1, b".\n")
        await asyncio.sleep(HEARTBEAT)


def _allow_files(wanted: int) -> int:
    """Raise the limit of open files as far as is wanted and allowed; gives what it is then."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        with suppress(OSError, ValueError):  # a sandbox may forbid it; then there are fewer connections
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
            return most
    return wanted if soft == resource.RLIM_INFINITY else soft


if __name__ == "__main__":
    main()

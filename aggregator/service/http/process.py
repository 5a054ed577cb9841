"""The process that serves: takes a config and a listening socket, and serves HTTP until it is stopped.

`serve` is `aggregator serve`: while clients listen for events, it scans the feeds folder for changes once a second.
`main` is the daemon's server, a process of its own so that neither slows the other. It reads its config, the key of its
sessions and then the slugs of changed feeds as lines from its standard input, writes a line a second to its standard
output as a sign of life, and ends when its input ends, even if the daemon was killed.
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

from aggregator.config.settings import Config
from aggregator.model.slugs import SLUG
from aggregator.model.store import is_url
from aggregator.service.http.document_cache import CHECK_INTERVAL, DocumentCache
from aggregator.service.http.endpoints import Endpoints
from aggregator.service.http.server import App, HttpServer
from aggregator.service.logs import Format, log
from aggregator.service.logs import start as start_log
from aggregator.site.clock import clock

HEARTBEAT = 1.0
DRAIN_SECONDS = 1.5
"""How long, in seconds, responses under way may take after the server was stopped."""

OTHER_FILES = 64
"""How many file descriptors are needed besides those of connections."""


class _Process:
    def __init__(self, config: Config, listening: socket.socket, *, session_key: bytes = b"") -> None:
        """Serve `config`; `session_key` is the daemon's, b"" if there is no daemon."""
        self.config, attached = config, bool(session_key)
        # Without a daemon to report changes, files are compared for each request: 10 microseconds.
        # Feeds in a store are served by the store; here there are none.
        cache = DocumentCache(
            os.devnull if is_url(config.feeds) else config.feeds,
            config.site,
            clock=clock,
            check_interval=CHECK_INTERVAL if attached else 0,
        )
        self.app = App(cache)
        self.app.log_requests = config.server.log_requests
        endpoints = Endpoints(config, self.app, clock=clock, session_key=session_key)
        self.app.routes, self.app.was_removed = endpoints.routes(), endpoints.was_removed
        allowed = _raise_file_limit(config.server.connections + OTHER_FILES) - OTHER_FILES
        self._server = HttpServer(
            self.app, listening, connections=min(config.server.connections, max(1, allowed)),
            header_seconds=config.server.timeout,
        )  # fmt: skip
        self._stopping = asyncio.Event()

    async def run(self, *companions: Callable[[_Process], Coroutine[Any, Any, None]]) -> None:
        """Serve until `stop` is called, with `companions` as tasks beside it."""
        tasks = [asyncio.ensure_future(companion(self)) for companion in companions]
        serving = asyncio.ensure_future(self._server.serve())
        stopped = asyncio.ensure_future(self._stopping.wait())
        await asyncio.wait({serving, stopped}, return_when=asyncio.FIRST_COMPLETED)
        self.app.events.close()
        self._server.stop()  # type: ignore[no-untyped-call]
        with suppress(TimeoutError):
            await asyncio.wait_for(serving, DRAIN_SECONDS)
        for task in (*tasks, stopped):
            task.cancel()

    def stop(self) -> None:
        self._stopping.set()


def serve(config: Config, listening: socket.socket) -> None:
    """Serve the feeds folder until SIGTERM or SIGINT."""

    async def main_task() -> None:
        process = _Process(config, listening)
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, process.stop)
        await process.run(_watch)

    _run(main_task())


def _run(main_task: Coroutine[Any, Any, None]) -> None:
    """Run the loop; if a request still waits for a thread that asks the daemon, end this process at once."""
    with asyncio.Runner(loop_factory=_new_event_loop) as runner:
        runner.run(main_task)
        if any(not task.cancelling() for task in asyncio.all_tasks(runner.get_loop())):
            os._exit(0)  # closing the loop, or returning, would wait for its threads, and so for a turn


def _new_event_loop() -> asyncio.AbstractEventLoop:
    """Return uvloop's event loop if it is installed (the extra `fast`): it answers a fifth more requests a second."""
    try:
        import uvloop  # noqa: PLC0415 - an extra
    except ModuleNotFoundError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


async def _watch(process: _Process) -> None:
    """Send events for feeds that another process published."""
    known: dict[str, int] = {}
    while True:
        found = dict(_folders(process.config.feeds)) if process.app.events.listeners else {}
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


def main() -> None:
    """Run the daemon's server; the arguments are the listening socket's descriptor and the log format."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGUSR1):
        signal.signal(number, signal.SIG_IGN)  # a terminal sends them to all its processes; the daemon handles them
    _wake_at_end_of_daemon()
    start_log(cast("Format", sys.argv[2]))
    listening = socket.socket(fileno=int(sys.argv[1]))
    # Unbuffered: what follows these lines must stay in the pipe, for `_read_changes`.
    lines = open(0, "rb", buffering=0, closefd=False)  # noqa: SIM115
    config, session_key = msgspec.json.decode(lines.readline(), type=Config), lines.readline().strip()
    _run(_attached(config, listening, session_key))
    os._exit(0)  # also ends what still waits for a client


def _wake_at_end_of_daemon() -> None:
    """Let the system continue this process if it was stopped when the daemon dies: it would keep the port for ever."""
    import ctypes  # noqa: PLC0415 - only here

    with suppress(OSError, AttributeError):  # prctl(2), of Linux; PR_SET_PDEATHSIG is 1
        ctypes.CDLL(None).prctl(1, signal.SIGCONT, 0, 0, 0)


async def _attached(config: Config, listening: socket.socket, session_key: bytes) -> None:
    process = _Process(config, listening, session_key=session_key)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, process.stop)
    await process.run(_read_changes, _heartbeat)


async def _read_changes(process: _Process) -> None:
    """Read the slugs of changed feeds; stop when the input ends, as the daemon has ended."""
    reader = asyncio.StreamReader(limit=16 * 1024 * 1024)
    protocol = asyncio.StreamReaderProtocol(reader)
    await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, sys.stdin.buffer)
    while line := await reader.readline():
        try:
            process.app.changed(msgspec.json.decode(line, type=list[str]))
        except msgspec.DecodeError:
            log("not understood", line=len(line))
    process.stop()


async def _heartbeat(_: _Process) -> None:
    while True:
        with suppress(BlockingIOError):
            os.write(1, b".\n")
        await asyncio.sleep(HEARTBEAT)


def _raise_file_limit(wanted: int) -> int:
    """Raise the limit of open files to `wanted` if allowed; return the limit then in force."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        with suppress(OSError, ValueError):  # a sandbox may forbid it; then fewer connections are allowed
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
            return most
    return wanted if soft == resource.RLIM_INFINITY else soft


if __name__ == "__main__":
    main()

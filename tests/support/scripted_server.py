"""A real HTTP server on 127.0.0.1 whose answers are a function, a clock that is moved, and names that lead where we say.

Every name leads to the server's one port, so that a test has as many hosts as it wants. What was asked, when (by the
moved clock), by how many connections at once, is remembered.
"""

from __future__ import annotations

import asyncio
import mmap
import struct
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from aggregator.collector.clocks import Clock


class MovedClock(Clock):
    """A clock that stands still until somebody waits, or moves it."""

    def __init__(self, start: float = 1_780_000_000) -> None:
        self.time = start
        self.passed = 0.0

    def now(self) -> int:
        return int(self.time)

    def monotonic(self) -> float:
        return self.passed

    def move(self, seconds: float) -> None:
        """Let time pass."""
        self.time += seconds
        self.passed += seconds

    def set(self, moment: float) -> None:
        """Let time pass until a moment."""
        self.move(max(0.0, moment - self.time))

    async def sleep(self, seconds: float) -> None:
        """Let others work, then let what is left of the time pass."""
        until = self.passed + seconds
        await asyncio.sleep(0)
        if until > self.passed:
            self.move(until - self.passed)


class SharedClock(MovedClock):
    """A moved clock in a file, which several processes share."""

    def __init__(self, path: Path, start: float | None = None) -> None:
        if start is not None:
            path.write_bytes(struct.pack("dd", start, 0.0))
        with path.open("r+b") as file:
            self._both = mmap.mmap(file.fileno(), 16)

    @property
    def time(self) -> float:
        return struct.unpack_from("d", self._both, 0)[0]

    @time.setter
    def time(self, value: float) -> None:
        struct.pack_into("d", self._both, 0, value)

    @property
    def passed(self) -> float:
        return struct.unpack_from("d", self._both, 8)[0]

    @passed.setter
    def passed(self, value: float) -> None:
        struct.pack_into("d", self._both, 8, value)


@dataclass
class Seen:
    """A request."""

    method: str
    host: str
    path: str
    headers: dict[str, str]
    at: float
    body: bytes = b""
    answered: bool = False
    status: int = 0

    @property
    def is_conditional(self) -> bool:
        return "if-none-match" in self.headers or "if-modified-since" in self.headers


@dataclass
class Reply:
    """What to answer. `raw` is sent as it is; `pause` is in real seconds, between header and body; `cut` drops the end."""

    status: int = 200
    headers: Sequence[tuple[str, str]] = ()
    body: bytes = b""
    raw: bytes | None = None
    pause: float = 0
    cut: int = 0
    waits_for: threading.Event | None = None


Script = Callable[[Seen], Reply]


@dataclass
class ScriptedServer:
    """Use as `with ScriptedServer(script, clock) as server`, then `server.url("blog.example", "/feed")`."""

    script: Script
    clock: Clock | None = None
    seen: list[Seen] = field(default_factory=list)
    most_at_once: Counter[str] = field(default_factory=Counter)
    port: int = 0
    address: str = "127.0.0.1"
    _open: Counter[str] = field(default_factory=Counter)

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        started = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(started,), daemon=True)
        self._thread.start()
        assert started.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)
        self._loop.close()

    def url(self, host: str, path: str = "/feed", *, scheme: str = "http") -> str:
        """Return the address of a path at a host."""
        return f"{scheme}://{host}:{self.port}{path}"

    async def resolve(self, host: str, _port: int) -> Sequence[str]:
        """Lead every name to this machine."""
        return ["127.0.0.1"] if not host[0].isdigit() else [host]

    def by_path(self) -> dict[str, list[Seen]]:
        """Return what was asked, by host and path."""
        found: dict[str, list[Seen]] = defaultdict(list)
        for one in self.seen:
            found[one.host + one.path].append(one)
        return found

    def _run(self, started: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        self._stop = asyncio.Event()
        self._loop.run_until_complete(self._serve(started))

    async def _serve(self, started: threading.Event) -> None:
        server = await asyncio.start_server(self._answer, self.address, self.port)
        self.port = server.sockets[0].getsockname()[1]
        started.set()
        await self._stop.wait()
        server.close()
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        done: list[str] = []
        try:
            one = await self._read(reader)
            host = one.host
            self._open[host] += 1
            done.append(host)
            self.most_at_once[host] = max(self.most_at_once[host], self._open[host])
            self.seen.append(one)
            reply = self.script(one)
            one.status = reply.status
            await self._send(writer, reply, done, is_head_only=reply.status in {204, 304})
            one.answered = not reply.cut
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        except asyncio.CancelledError:
            pass  # the test is over
        finally:
            for host in done:
                self._open[host] -= 1
            writer.close()

    async def _read(self, reader: asyncio.StreamReader) -> Seen:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
        method, path, _ = first.split(" ")
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        host = urlsplit(f"//{headers.get('host', '')}").hostname or ""
        return Seen(method, host, path, headers, self.clock.now() if self.clock else 0, body)

    async def _send(self, writer: asyncio.StreamWriter, reply: Reply, open_: list[str], *, is_head_only: bool) -> None:
        if reply.raw is not None:
            self._open[open_.pop()] -= 1
            writer.write(reply.raw)
            await writer.drain()
            return
        body = b"" if is_head_only else reply.body
        lines = [f"HTTP/1.1 {reply.status} X", *(f"{name}: {value}" for name, value in reply.headers)]
        if not any(name.lower() in {"content-length", "transfer-encoding"} for name, _ in reply.headers):
            lines.append(f"Content-Length: {len(body)}")
        writer.write("\r\n".join([*lines, "Connection: close", "", ""]).encode("latin-1"))
        await writer.drain()
        if reply.waits_for is not None:
            await asyncio.to_thread(reply.waits_for.wait, 10)
        if reply.pause:
            await asyncio.sleep(reply.pause)
        self._open[open_.pop()] -= 1  # whoever has the last byte may be back before this goes on
        writer.write(body[: len(body) - reply.cut] if reply.cut else body)
        await writer.drain()

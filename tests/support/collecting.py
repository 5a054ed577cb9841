"""A planet for tests: a folder of seeds, a state folder, a scripted server, and polls on a moved clock."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from html import escape
from pathlib import Path
from typing import Any, Self

from support.scripted_server import MovedClock, Reply, ScriptedServer, Seen

from aggregator.collector import database, polling
from aggregator.collector.asking import Asker, Limits
from aggregator.collector.collector import Collector
from aggregator.collector.schedule import Schedule
from aggregator.collector.state import Known, SourceState
from aggregator.collector.turns import Turns
from aggregator.model.sources import Source, SourceList, SourceStatus

DAY = 86_400


@dataclass
class Post:
    """An entry of a test's feed; `id` and `link` follow from `name` unless they are said."""

    name: str
    at: float | None = None
    title: str = ""
    id: str = ""
    link: str = ""
    author: str = ""
    text: str = ""


def rss(posts: Sequence[Post], *, host: str = "blog.example", title: str = "Blog", head: str = "") -> bytes:
    """Return an RSS feed."""
    items = "".join(
        f"<item><title>{escape(post.title or f'On {post.name}')}</title>"
        f"<link>{escape(post.link or f'https://{host}/{post.name}')}</link>"
        f"<guid isPermaLink='false'>{escape(post.id or f'id-{post.name}')}</guid>"
        + (f"<pubDate>{formatdate(post.at, usegmt=True)}</pubDate>" if post.at is not None else "")
        + (f"<author>{escape(post.author)}</author>" if post.author else "")
        + f"<description>{escape(post.text or f'Text of {post.name}.')}</description></item>"
        for post in posts
    )
    return (
        f'<?xml version="1.0" encoding="utf-8"?><rss version="2.0" xmlns:sy="http://purl.org/rss/1.0/modules/syndication/"'
        f' xmlns:atom="http://www.w3.org/2005/Atom"><channel><title>{escape(title)}</title><link>https://{host}/</link>'
        f"<description>d</description>{head}{items}</channel></rss>"
    ).encode()


def posts(count: int, *, newest: float, apart: float = DAY, name: str = "post", first: int = 0) -> list[Post]:
    """Return entries, newest first; those with the higher numbers are newer."""
    return [
        Post(f"{name}{first + number}", newest - (count - 1 - number) * apart) for number in range(count - 1, -1, -1)
    ]


@dataclass
class Planet:
    """Sources, a server, and what a collector makes of them. `feed` is what the server answers, by host and path."""

    root: Path
    clock: MovedClock
    sources: list[Source] = field(default_factory=list)
    lists: list[SourceList] = field(default_factory=list)
    answers: dict[str, Any] = field(default_factory=dict)
    told: list[tuple[str, str]] = field(default_factory=list)
    site: str = "http://localhost:8080/"

    def __enter__(self) -> Self:
        (self.root / "state").mkdir()
        (self.root / "collected").mkdir()
        self.server = ScriptedServer(self._script, self.clock).__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.__exit__()

    def add(self, host: str = "blog.example", path: str = "/feed", **values: Any) -> Source:
        """List a source at the server."""
        source = Source(url=self.server.url(host, path), **{"private": True, "every": 3600} | values)
        self.sources.append(source)
        return source

    def answers_with(
        self, answer: bytes | Reply | Callable[[Seen], Reply], host: str = "blog.example", path: str = "/feed"
    ) -> None:
        """Let the server answer so from now on; bytes are a feed with an ETag, which is heeded."""
        self.answers[host + path] = answer

    @property
    def settings(self) -> polling.Settings:
        return polling.Settings(
            sources=tuple(self.sources),
            lists=tuple(self.lists),
            state=str(self.root / "state"),
            folder=str(self.root / "collected"),
            site=self.site,
        )

    @contextmanager
    def collector(self, *, limits: Limits | None = None) -> Iterator[Collector]:
        """Open the collector, as a process that starts now."""
        asker = Asker(
            site=self.site,
            clock=self.clock,
            turns=Turns(self.clock),
            resolve=self.server.resolve,
            limits=limits or Limits(connect=2, total=5),
        )
        with polling.open_collector(
            self.settings, clock=self.clock, asker=asker, told=lambda url, note: self.told.append((url, note))
        ) as collector:
            yield collector

    def poll(self, *only: str, limits: Limits | None = None) -> polling.Report:
        """Poll what is due now, as `aggregator fetch` does."""
        notes: list[tuple[str, str]] = []
        with self.collector(limits=limits) as collector:
            return asyncio.run(polling.poll_once(collector, only, notes))

    def next_poll(self, source: Source | None = None) -> polling.Report:
        """Poll a source when it is due next."""
        source = source or self.sources[0]
        state = self.state(source)
        self.clock.set(state.next_at)
        return self.poll(source.url)

    def run_for(self, seconds: float) -> None:
        """Run the collector's loop for so long."""
        end = self.clock.time + seconds
        with self.collector() as collector:
            asyncio.run(run_until(collector, self.clock, end))

    def state(self, source: Source | None = None) -> SourceState:
        with database.Database(str(self.root / "state")) as db:
            return db.states().get((source or self.sources[0]).url, SourceState(url=(source or self.sources[0]).url))

    def known(self, source: Source | None = None) -> dict[str, Known]:
        with database.Database(str(self.root / "state")) as db:
            return db.known((source or self.sources[0]).url)

    def status(self) -> SourceStatus:
        return database.statuses(str(self.root / "state"), self.sources, self.clock.now())[0]

    def seeds(self) -> dict[str, bytes]:
        """Return the seeds by their paths."""
        root = self.root / "collected"
        return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*.md"))}

    def shown(self) -> list[str]:
        """Return the titles of the seeds, without those that are withdrawn."""
        found = []
        for data in self.seeds().values():
            text = data.decode()
            if "\nremoved: true\n" not in text:
                found.append(text.partition("\ntitle: ")[2].partition("\n")[0].strip("\"'"))
        return sorted(found)

    def explain(self, link: str) -> str:
        """Return why the entry with a link is shown or not."""
        return " ".join(one.sentence for one in database.findings(str(self.root / "state"), link))

    def _script(self, seen: Seen) -> Reply:
        answer = self.answers.get(seen.host + seen.path, Reply(404))
        if callable(answer):
            return answer(seen)
        return answer if isinstance(answer, Reply) else conditional(seen, answer)


def conditional(seen: Seen, body: bytes, headers: Sequence[tuple[str, str]] = ()) -> Reply:
    """Return a body with an ETag, or 304 if the request has that already."""
    etag = f'"{hash(body) & 0xFFFFFFFF:x}"'
    if seen.headers.get("if-none-match") == etag:
        return Reply(304, [("ETag", etag), *headers])
    return Reply(200, [("ETag", etag), ("Content-Type", "application/rss+xml"), *headers], body)


async def run_until(collector: Collector, clock: MovedClock, end: float, upkeep: int = 60) -> None:
    """Run the loop on a moved clock, from one due moment to the next."""
    schedule = Schedule(collector, upkeep)
    await collector.resume()
    while clock.time < end:
        await schedule.step()
        await schedule.settle()
        clock.set(min(end, max(clock.time + 1, schedule.wakes_at(clock.now()))))

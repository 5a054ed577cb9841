"""Telling a WebSub hub (https://www.w3.org/TR/websub/) which feeds have changed. Reads feeds, posts to the hub.

In come the names of documents that were written, out go pings, on a thread of its own named `websub`, so that no hub
can hold up a turn. What is to be told, and when, is decided in `pings`; here it is done.

Nothing is lost in a crash, wherever it happens, since nothing has to be noted when a feed is written: what a turn wrote
is a hint, and the published bytes are the truth. At the start, after every look at the whole folder and for every name
that a turn gives, a document's digest is compared with the one that the hub was last told of (`ping_store`), and what
differs is told. So files in place and a process that died before it said so are found by the next one.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol

from aggregator.config.settings import Config
from aggregator.model.errors import StoreError
from aggregator.model.reports import HubStatus
from aggregator.publisher.hub import policy
from aggregator.publisher.hub.documents import Documents, FolderDocuments
from aggregator.publisher.hub.policy import Topic
from aggregator.publisher.hub.store import PingStore, stored

if TYPE_CHECKING:
    import asyncio

    from aggregator.publisher.hub.client import HubClient

RESTART = 10.0
"""A thread that died is started anew at once, but not more often than every so many seconds."""

JOIN = 1.0


class Note(Protocol):
    """How to log (`logs.log`)."""

    def __call__(self, event: str, level: int = logging.INFO, **values: Any) -> None:
        """Log that `event` happened."""


class WebSub:
    """Keeps a hub told: `begin`, then `look` after each turn, `check` now and then, `stop`."""

    def __init__(
        self, *, clock: Callable[[], float], draw: policy.Draw, note: Note,
        documents: Callable[[str], Documents] = FolderDocuments,
    ) -> None:  # fmt: skip
        """Take the clock (seconds since 1970), the source of random waits, where to log, and what looks at feeds."""
        self._parts = (clock, draw, note, documents)
        self._config: Config | None = None
        self._session: _Session | None = None
        self._started = 0.0

    def begin(self, config: Config, *, patient: bool = True) -> None:
        """Tell the hub of this config, if it names one, of all that it does not know yet.

        Where it was down when it was last tried, a patient one waits as was decided then.
        """
        if self._config is not None and _what_matters(self._config) == _what_matters(config):
            return
        self.stop()
        self._config = config
        if config.site.hub:
            self._start(config, patient=patient)

    def look(self, names: Iterable[str] | None) -> None:
        """Look at documents that were written, None for all there are; from any thread, and without waiting."""
        if self._session is not None:
            self._session.look(names)

    def settle(self, seconds: float) -> bool:
        """Wait until each ping that is due was tried, `seconds` at most; says whether that is so."""
        return self._session is None or self._session.settled.wait(seconds)

    def stop(self) -> None:
        """End the thread, whatever the hub does; it may be called twice."""
        session, self._session, self._config = self._session, None, None
        if session is not None:
            session.end()

    def check(self) -> bool:
        """Start the thread again if it died; says whether that was done."""
        config = self._config
        if config is None or self._session is None or self._session.is_alive():
            return False
        if time.monotonic() - self._started < RESTART:
            return False
        self._start(config)
        return True

    def threads(self) -> dict[str, bool]:
        """Say of its thread whether it lives."""
        return {} if self._session is None else {"websub": self._session.is_alive()}

    @property
    def problem(self) -> str:
        """Why what the hub was told cannot be stored, "" if it can."""
        return self._session.problem if self._session is not None else ""

    @property
    def status(self) -> HubStatus | None:
        """How it stands with the hub, None where there is none."""
        return self._session.status if self._session is not None else None

    def _start(self, config: Config, *, patient: bool = True) -> None:
        self._started = time.monotonic()
        self._session = _Session(_Teller(config, *self._parts, patient=patient))
        self._session.look(None)
        self._session.start()


def tell_once(
    config: Config, *, clock: Callable[[], float], draw: policy.Draw, note: Note, seconds: float,
    documents: Callable[[str], Documents] = FolderDocuments,
) -> tuple[str, ...]:  # fmt: skip
    """Tell the hub of what it does not know, each ping tried once, within `seconds`; gives what is worth a remark."""
    websub = WebSub(clock=clock, draw=draw, note=note, documents=documents)
    websub.begin(config, patient=False)
    in_time = websub.settle(seconds)
    status, problem = websub.status, websub.problem
    websub.stop()
    notes = [problem] if problem else []
    if status is not None and status.waiting:
        why = (status.trouble(clock()) or status.reason) if in_time else f"{seconds:.0f} s were not enough"
        notes.append(
            f"documents that the hub {status.url} is still to be told of: {status.waiting}; {why} (the next build or"
            " the daemon tries again)"
        )
    return tuple(notes)


def hub_status(config: Config) -> HubStatus | None:
    """Read from the state folder how it stands with the config's hub, None where it names none."""
    if not config.site.hub:
        return None
    topics, hub = stored(config.state) or ({}, policy.Hub())
    known = hub if hub.url == config.site.hub else policy.Hub(url=config.site.hub)
    return policy.status(topics.values(), known)


class _Session(threading.Thread):
    """The thread: looks when it is asked to, tells what is due, waits for either."""

    def __init__(self, teller: _Teller) -> None:
        super().__init__(name="websub", daemon=True)
        self._teller = teller
        self._looks: queue.SimpleQueue[tuple[str, ...] | None] = queue.SimpleQueue()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._wake: asyncio.Event | None = None
        self._ends = False
        self.settled = threading.Event()

    @property
    def status(self) -> HubStatus:
        return self._teller.status

    @property
    def problem(self) -> str:
        return self._teller.store.problem

    def look(self, names: Iterable[str] | None) -> None:
        self.settled.clear()
        self._looks.put(None if names is None else tuple(names))
        self._poke()

    def end(self) -> None:
        self._ends = True
        self._poke()
        self.join(JOIN)

    def run(self) -> None:
        import asyncio  # noqa: PLC0415 - only a site with a hub needs these

        from aggregator.publisher.hub.client import Loop  # noqa: PLC0415

        try:
            with asyncio.Runner(loop_factory=Loop) as runner, suppress(asyncio.CancelledError):
                self._loop, self._wake = runner.get_loop(), asyncio.Event()
                runner.run(self._live())
        finally:
            self._teller.store.close()

    def _poke(self) -> None:
        """Have the thread look up; it may not have begun yet, or have ended."""
        if self._loop is not None:
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._on_poke)

    def _on_poke(self) -> None:
        if self._wake is not None:
            self._wake.set()
        if self._ends and self._task is not None:
            self._task.cancel()

    async def _live(self) -> None:
        import asyncio  # noqa: PLC0415

        assert self._wake is not None
        self._task = asyncio.current_task()
        async with self._teller.client() as client:
            while not self._ends:
                self._wake.clear()
                self._take_looks()
                pause = await self._teller.tell(client, interrupted=self._wake.is_set)
                if not self._wake.is_set():
                    self.settled.set()
                with suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await self._wake.wait()

    def _take_looks(self) -> None:
        """Take all that came together as one; a look at everything covers the others."""
        names: dict[str, None] = {}
        everything = False
        while not self._looks.empty():
            look = self._looks.get_nowait()
            everything = everything or look is None
            names.update(dict.fromkeys(look or ()))
        if everything or names:
            self._teller.look(None if everything else names)


class _Teller:
    """One hub and one site: compares, tells, remembers. Belongs to one thread; `status` may be read from any."""

    def __init__(
        self, config: Config, clock: Callable[[], float], draw: policy.Draw, note: Note,
        documents: Callable[[str], Documents], *, patient: bool,
    ) -> None:  # fmt: skip
        self._config, self._clock, self._draw, self._note, self._patient = config, clock, draw, note, patient
        self._documents = documents(config.feeds)
        self.store = PingStore(config.state)
        self.status = HubStatus(url=config.site.hub)

    def client(self) -> HubClient:
        """Remember what was told so far, and make what tells the rest."""
        from aggregator.publisher.hub.client import HubClient  # noqa: PLC0415 - see `_Session.run`

        self.store.open()
        url = self._config.site.hub
        if self.store.hub.url != url:
            self.store.put(topics=list(map(policy.begun, self.store.topics.values())), hub=policy.Hub(url=url))
        elif not self._patient:
            self.store.put(hub=policy.opened(self.store.hub))
        self._show()
        return HubClient(url, site=self._config.site.url)

    # -- what is to be told

    def look(self, names: Iterable[str] | None) -> None:
        """Compare documents with what the hub was told; None for all there are."""
        try:
            seen = list(self._documents.seen(None if names is None else filter(policy.is_topic, names)))
        except (StoreError, OSError) as error:  # the next look, or the next start, finds what is to be told
            self._note("hub not told", logging.WARNING, reason=str(error))
            return
        known = self.store.topics
        gone = sorted(known.keys() - {name for name, _ in seen}) if names is None else ()
        changed = [
            topic
            for name, stamp in seen
            if (name not in known or known[name].stamp != stamp) and (topic := self._noticed(name, stamp)) is not None
        ]
        if changed or gone:
            news = any(topic.is_waiting for topic in changed)
            self.store.put(topics=changed, gone=gone, hub=policy.eased(self.store.hub) if news else None)
        self._show()

    def _noticed(self, name: str, stamp: str) -> Topic | None:
        """Take note of a document that is new or changed; None where it is gone by now."""
        digest = self._documents.digest(name, stamp)
        if digest is None:
            return None
        topic = self.store.topics.get(name) or Topic(name=name)
        return policy.noticed(topic, stamp=stamp, digest=digest, now=self._clock())

    # -- telling it

    async def tell(self, client: HubClient, *, interrupted: Callable[[], bool]) -> float | None:
        """Try each ping that is due once, until there is something new to look at; gives the seconds until the next."""
        due = iter(policy.ready(self.store.topics.values(), self.store.hub, self._clock()))
        began, told = time.monotonic(), 0
        while not interrupted() and (group := list(islice(due, 1 if self.store.hub.failures else policy.TOGETHER))):
            meanings = await self._tell(client, group)
            told += meanings.count("told")
            if "down" in meanings:
                break
        if told:
            self._note("hub told", documents=told, seconds=time.monotonic() - began)
        return policy.pause(self.store.topics.values(), self.store.hub, self._clock())

    async def _tell(self, client: HubClient, group: list[Topic]) -> list[str]:
        import asyncio  # noqa: PLC0415 - see `_Session.run`

        self.store.put(topics=[policy.sending(topic) for topic in group])
        before = self.store.hub
        addresses = [self._config.site.address(topic.name) for topic in group]
        answers = await asyncio.gather(*map(client.publish, addresses))
        meanings = [self._take(topic, answer) for topic, answer in zip(group, answers, strict=True)]
        if before.failures and not self.store.hub.failures:
            self._note("hub answers again", hub=before.url, failures=before.failures)
        self._show()
        return meanings

    def _take(self, topic: Topic, answer: policy.Answer) -> str:
        hub = self.store.hub
        found = policy.answered(policy.sending(topic), hub, answer, now=self._clock(), draw=self._draw)
        self.store.put(topics=[found.topic], hub=found.hub)
        if found.given_up:
            self._note("ping given up", logging.ERROR, topic=topic.name, hub=hub.url, reason=answer.reason)
        elif found.meaning == "refused":
            self._note("ping refused", logging.WARNING, topic=topic.name, hub=hub.url, reason=answer.reason)
        elif found.meaning != "told" and (not hub.failures or hub.reason != answer.reason):
            self._note("ping failed", logging.WARNING, topic=topic.name, hub=hub.url, reason=answer.reason)
        return found.meaning

    def _show(self) -> None:
        self.status = policy.status(self.store.topics.values(), self.store.hub)


def _what_matters(config: Config) -> tuple[str, ...]:
    return config.site.hub, config.site.url, config.feeds, config.state

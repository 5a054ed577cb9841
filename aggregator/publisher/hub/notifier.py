"""Notifies a WebSub hub (https://www.w3.org/TR/websub/) of changed feeds. Reads feeds, posts to the hub.

Takes the names of documents that were written and sends pings, on a thread of its own named `websub`, so that no hub
can delay a turn. What to send and when is decided in `policy`.

No crash loses a ping, as nothing has to be recorded when a feed is written: the names that a turn reports are hints,
and the published bytes are the truth. At the start, after every scan of the whole folder, and for every name reported,
a document's digest is compared with the one that the hub was last notified of (`store`), and a difference is sent. So
whatever a process published before it died is found by the next one.
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
from aggregator.publisher.hub.store import PingStore, read_stored

if TYPE_CHECKING:
    import asyncio

    from aggregator.publisher.hub.client import HubClient

RESTART = 10.0
"""A thread that died is started again at once, but at most once in so many seconds."""

JOIN = 1.0
"""How long, in seconds, `stop` waits for the thread."""


class Note(Protocol):
    """Logs events (`logs.log`)."""

    def __call__(self, event: str, level: int = logging.INFO, **values: Any) -> None:
        """Log that `event` happened."""


class WebSub:
    """Keeps a hub notified: `begin`, then `submit` after each turn, `check` regularly, `stop`."""

    def __init__(
        self, *, clock: Callable[[], float], draw: policy.Draw, note: Note,
        documents: Callable[[str], Documents] = FolderDocuments,
    ) -> None:  # fmt: skip
        """`clock` returns seconds since 1970, `draw` random waits; `documents` opens the feeds at a location."""
        self._parts = (clock, draw, note, documents)
        self._config: Config | None = None
        self._session: _Session | None = None
        self._started = 0.0

    def begin(self, config: Config, *, patient: bool = True) -> None:
        """Start to notify the hub of this config, if it has one, of all that it does not know yet.

        If the hub was down when it was last tried, the wait decided then is kept if `patient`, else dropped.
        """
        if self._config is not None and _relevant_settings(self._config) == _relevant_settings(config):
            return
        self.stop()
        self._config = config
        if config.site.hub:
            self._start(config, patient=patient)

    def submit(self, names: Iterable[str] | None) -> None:
        """Compare documents that were written (None = all) with what the hub knows; any thread may call this."""
        if self._session is not None:
            self._session.compare(names)

    def settle(self, seconds: float) -> bool:
        """Wait at most `seconds` until each due ping was tried; return whether that is so."""
        return self._session is None or self._session.settled.wait(seconds)

    def stop(self) -> None:
        """End the thread, whatever the hub does; may be called twice."""
        session, self._session, self._config = self._session, None, None
        if session is not None:
            session.end()

    def check(self) -> bool:
        """Start the thread again if it died; return whether that was done."""
        config = self._config
        if config is None or self._session is None or self._session.is_alive():
            return False
        if time.monotonic() - self._started < RESTART:
            return False
        self._start(config)
        return True

    def threads(self) -> dict[str, bool]:
        """Return whether the thread is alive, by its name."""
        return {} if self._session is None else {"websub": self._session.is_alive()}

    @property
    def problem(self) -> str:
        """Why the state of the pings cannot be stored, "" if it can."""
        return self._session.problem if self._session is not None else ""

    @property
    def status(self) -> HubStatus | None:
        """The status of the hub, None if there is none."""
        return self._session.status if self._session is not None else None

    def _start(self, config: Config, *, patient: bool = True) -> None:
        self._started = time.monotonic()
        self._session = _Session(_Notifier(config, *self._parts, patient=patient))
        self._session.compare(None)
        self._session.start()


def notify_once(
    config: Config, *, clock: Callable[[], float], draw: policy.Draw, note: Note, seconds: float,
    documents: Callable[[str], Documents] = FolderDocuments,
) -> tuple[str, ...]:  # fmt: skip
    """Notify the hub of what it does not know, trying each ping once, within `seconds`; return notes for the user."""
    websub = WebSub(clock=clock, draw=draw, note=note, documents=documents)
    websub.begin(config, patient=False)
    in_time = websub.settle(seconds)
    status, problem = websub.status, websub.problem
    websub.stop()
    notes = [problem] if problem else []
    if status is not None and (status.waiting or not in_time):
        why = (status.trouble(clock()) or status.reason) if in_time else f"{seconds:.0f} s were not enough"
        notes.append(
            f"documents that the hub {status.url} is still to be told of: {status.waiting or 'not counted yet'}; {why}"
            " (the next build or the daemon tries again)"
        )
    return tuple(notes)


def hub_status(config: Config) -> HubStatus | None:
    """Return the status of the config's hub from the state folder, None if the config has no hub."""
    if not config.site.hub:
        return None
    topics, hub = read_stored(config.state) or ({}, policy.Hub())
    known = hub if hub.url == config.site.hub else policy.Hub(url=config.site.hub)
    return policy.status(topics.values(), known)


class _Session(threading.Thread):
    """The thread: compares documents when requested, sends what is due, and waits for either."""

    def __init__(self, notifier: _Notifier) -> None:
        super().__init__(name="websub", daemon=True)
        self._notifier = notifier
        self._requests: queue.SimpleQueue[tuple[str, ...] | None] = queue.SimpleQueue()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._wake: asyncio.Event | None = None
        self._ends = False
        self.settled = threading.Event()

    @property
    def status(self) -> HubStatus:
        return self._notifier.status

    @property
    def problem(self) -> str:
        return self._notifier.store.problem

    def compare(self, names: Iterable[str] | None) -> None:
        self.settled.clear()
        self._requests.put(None if names is None else tuple(names))
        self._wake_up()

    def end(self) -> None:
        self._ends = True
        self._wake_up()
        self.join(JOIN)

    def run(self) -> None:
        import asyncio  # noqa: PLC0415 - only a site with a hub needs these

        from aggregator.publisher.hub.client import Loop  # noqa: PLC0415

        try:
            with asyncio.Runner(loop_factory=Loop) as runner, suppress(asyncio.CancelledError):
                self._loop, self._wake = runner.get_loop(), asyncio.Event()
                runner.run(self._live())
        finally:
            self._notifier.store.close()

    def _wake_up(self) -> None:
        """Wake the thread, which may not have begun yet, or have ended."""
        if self._loop is not None:
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._on_wake_up)

    def _on_wake_up(self) -> None:
        if self._wake is not None:
            self._wake.set()
        if self._ends and self._task is not None:
            self._task.cancel()

    async def _live(self) -> None:
        import asyncio  # noqa: PLC0415

        assert self._wake is not None
        self._task = asyncio.current_task()
        async with self._notifier.client() as client:
            while not self._ends:
                self._wake.clear()
                self._compare_requested()
                pause = await self._notifier.send_due(client, interrupted=self._wake.is_set)
                if not self._wake.is_set():
                    self.settled.set()
                with suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await self._wake.wait()

    def _compare_requested(self) -> None:
        """Merge the requests that came together; one for everything covers the others."""
        names: dict[str, None] = {}
        everything = False
        while not self._requests.empty():
            request = self._requests.get_nowait()
            everything = everything or request is None
            names.update(dict.fromkeys(request or ()))
        if everything or names:
            self._notifier.compare(None if everything else names)


class _Notifier:
    """One hub and one site: compares, sends, remembers. Belongs to one thread; `status` may be read from any."""

    def __init__(
        self, config: Config, clock: Callable[[], float], draw: policy.Draw, note: Note,
        documents: Callable[[str], Documents], *, patient: bool,
    ) -> None:  # fmt: skip
        self._config, self._clock, self._draw, self._note, self._patient = config, clock, draw, note, patient
        self._documents = documents(config.feeds)
        self.store = PingStore(config.state)
        self.status = HubStatus(url=config.site.hub)

    def client(self) -> HubClient:
        """Read the store and return a client for the hub."""
        from aggregator.publisher.hub.client import HubClient  # noqa: PLC0415 - as in `_Session.run`

        self.store.open()
        url = self._config.site.hub
        if self.store.hub.url != url:
            self.store.put(topics=list(map(policy.for_new_hub, self.store.topics.values())), hub=policy.Hub(url=url))
        elif not self._patient:
            self.store.put(hub=policy.without_wait(self.store.hub))
        self._update_status()
        return HubClient(url, site=self._config.site.url)

    def compare(self, names: Iterable[str] | None) -> None:
        """Compare documents (None = all) with what the hub was last notified of."""
        try:
            found = list(self._documents.identities(None if names is None else filter(policy.is_topic, names)))
        except (StoreError, OSError) as error:  # the next comparison, or the next start, finds what is to be sent
            self._note("hub not told", logging.WARNING, reason=str(error))
            return
        known = self.store.topics
        gone = sorted(known.keys() - {name for name, _ in found}) if names is None else ()
        changed = [
            topic
            for name, identity in found
            if (name not in known or known[name].file_identity != identity)
            and (topic := self._updated_topic(name, identity)) is not None
        ]
        if changed or gone:
            has_news = any(topic.is_waiting for topic in changed)
            self.store.put(topics=changed, gone=gone, hub=policy.after_change(self.store.hub) if has_news else None)
        self._update_status()

    def _updated_topic(self, name: str, identity: str) -> Topic | None:
        """Return the topic of a document that is new or changed, None if it no longer exists."""
        digest = self._documents.digest(name, identity)
        if digest is None:
            return None
        topic = self.store.topics.get(name) or Topic(name=name)
        return policy.with_document(topic, file_identity=identity, digest=digest, now=self._clock())

    async def send_due(self, client: HubClient, *, interrupted: Callable[[], bool]) -> float | None:
        """Send each due ping once, until `interrupted`; return the seconds until the next, None if none waits."""
        due = iter(policy.due_topics(self.store.topics.values(), self.store.hub, self._clock()))
        began, accepted = time.monotonic(), 0
        while not interrupted() and (group := list(islice(due, 1 if self.store.hub.failures else policy.CONCURRENCY))):
            meanings = await self._send(client, group)
            accepted += meanings.count("accepted")
            if "down" in meanings:
                break
        if accepted:
            self._note("hub told", documents=accepted, seconds=time.monotonic() - began)
        return policy.seconds_until_due(self.store.topics.values(), self.store.hub, self._clock())

    async def _send(self, client: HubClient, group: list[Topic]) -> list[str]:
        import asyncio  # noqa: PLC0415 - as in `_Session.run`

        self.store.put(topics=[policy.before_ping(topic) for topic in group])
        before = self.store.hub
        addresses = [self._config.site.address(topic.name) for topic in group]
        answers = await asyncio.gather(*map(client.publish, addresses))
        meanings = [self._record(topic, answer) for topic, answer in zip(group, answers, strict=True)]
        if before.failures and not self.store.hub.failures:
            self._note("hub answers again", hub=before.url, failures=before.failures)
        self._update_status()
        return meanings

    def _record(self, topic: Topic, answer: policy.Answer) -> str:
        hub = self.store.hub
        found = policy.after_answer(policy.before_ping(topic), hub, answer, now=self._clock(), draw=self._draw)
        self.store.put(topics=[found.topic], hub=found.hub)
        if found.given_up:
            self._note("ping given up", logging.ERROR, topic=topic.name, hub=hub.url, reason=answer.reason)
        elif found.meaning == "refused":
            self._note("ping refused", logging.WARNING, topic=topic.name, hub=hub.url, reason=answer.reason)
        elif found.meaning != "accepted" and (not hub.failures or hub.reason != answer.reason):
            self._note("ping failed", logging.WARNING, topic=topic.name, hub=hub.url, reason=answer.reason)
        return found.meaning

    def _update_status(self) -> None:
        self.status = policy.status(self.store.topics.values(), self.store.hub)


def _relevant_settings(config: Config) -> tuple[str, ...]:
    return config.site.hub, config.site.url, config.feeds, config.state

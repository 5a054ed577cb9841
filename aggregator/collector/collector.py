"""Polls one source: asks, stores the answer, takes in its document, writes seeds. The shell around what decides.

Three transactions: the poll begins; its answer, with validators and document; what followed, once the seeds are on the
disk. A process that dies between two of them goes on where it was.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Iterable
from contextlib import suppress

import msgspec

from aggregator.collector import answers, database, guards, pushes, robots, timing, turns
from aggregator.collector.asking import PAGES, Asker, Question
from aggregator.collector.clocks import Clock
from aggregator.collector.domains import domain_of
from aggregator.collector.entries import Document, NoDocument
from aggregator.collector.intake import Intake, recognised
from aggregator.collector.state import Cooling, Known, Pending, SourceState
from aggregator.model.errors import AggregatorError
from aggregator.model.sources import Source, SourceList

MOST_ROBOTS = 256
MOST_FAILURES = 3
MOST_ATTEMPTS = 3
"""A document that stops the program so often is given up."""

Told = Callable[[str, str], None]


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What the collector works with.

    `sources` and living `lists` are those of the config. `state` is the state folder, `folder` the folder that
    collected seeds are written into. `site` is the site's URL, for the User-Agent and WebSub callbacks; whether hubs
    can call it is judged by it, unless `can_be_called` says so.
    """

    sources: tuple[Source, ...]
    lists: tuple[SourceList, ...] = ()
    state: str
    folder: str
    site: str
    can_be_called: bool | None = None


class Collector:
    """What is known of every source, and how one is polled."""

    def __init__(
        self,
        settings: Settings,
        database_: database.Database,
        *,
        clock: Clock,
        asker: Asker,
        intake: Intake,
        told: Told,
    ) -> None:
        """Work with an open database; `told` gets a source's URL and a sentence that a person should read."""
        self.clock = clock
        self.new = 0
        self._settings = settings
        self._database = database_
        self._asker, self._intake = asker, intake
        self._told: Told = lambda url, sentence: told(self.listed_at(url), sentence)
        self._states = database_.states()
        self._cooling = database_.cooling()
        self._waiting = set(database_.waiting())
        self._pushes = pushes.Pushes(settings.site, database_, asker, can_be_called=settings.can_be_called)
        self._lists = {one.location: one for one in settings.lists}
        self._listed: dict[str, tuple[Source, ...]] = {}
        self._list_problems: dict[str, str] = {}
        self._pushed: set[str] = set()
        self._pushed_at: dict[str, int] = {}
        self._taking: set[str] = set()
        self._unreleased: set[int] = set()
        self._robots: dict[str, answers.Answer] = {}
        self.sources: dict[str, Source] = {}
        self._collect_sources()

    def state(self, url: str) -> SourceState:
        """Return what is known of a source."""
        return self._states.get(url) or SourceState(url=url)

    def next_of(self, url: str, now: int, *, is_spread: bool = True) -> tuple[int | None, str]:
        """Return when a source is to be asked, None for never, and why then.

        With `is_spread`, one that is long overdue is asked at its place in the hour.
        """
        state = self.state(url)
        source = self.sources.get(url)
        due, why = database.next_of(
            state, self._cooling, now, address=source.address if source else "", is_spread=is_spread
        )
        return (None if state.outcome == "gone" else due), why

    def may_poll(self, url: str) -> bool:
        """Return whether a source is due now: its turn may have come late, and its domain been left alone since."""
        now = self.clock.now()
        due, _ = self.next_of(url, now, is_spread=False)
        if url in self._waiting:
            return False  # what it sent last could not be written yet
        # A push is heard before the interval is over, but not while the domain is left alone.
        is_pushed = url in self._pushed and not self._stops(self.address_of(self.sources[url]))[0]
        self._pushed.discard(url)
        return due is not None and (due <= now or is_pushed)

    async def resume(self) -> None:
        """Go on where the last process ended: documents that it received are taken in; a clock set back is noticed."""
        self.set_back(self.clock.now())
        for state in self._states.values():
            # A poll that was cut short may have been sent at the last moment.
            ago = 0 if state.outcome == "begun" else self.clock.now() - max(state.asked_at, state.answered_at)
            if ago <= turns.PAUSE:
                source = self.sources.get(state.url)
                self._asker.asked(self.address_of(source) if source else state.address or state.url, ago)
        with suppress(AggregatorError):
            self._intake.remove_leftovers()
        await self.retry_waiting(is_start=True)
        for source in self.sources.values():
            self._withdraw_if_gone(source)

    def set_back(self, now: int) -> None:
        """Let sources that were asked in the future keep their intervals from now on."""
        moved = [timing.rebased(state, now) for state in self._states.values()]
        changed = [state for state in moved if state is not self._states[state.url]]
        if changed:
            self._put(*changed)

    async def poll(self, url: str) -> None:
        """Ask a source, whenever that is, and take in what it sends."""
        source = self.sources[url]
        if url in self._waiting and not await self._take_in(source):
            return  # what it sent last could not be written yet
        before = self.state(url)
        await self._ask(source)
        after = self.state(url)
        if after.trial and after.no_feed and after.status in {200, 226, 304}:
            await self._ask(source, trial=after.trial)
        elif after.address != before.address and after.is_discovered:
            await self._ask(source)  # a page names the feed
        self._tell(before, self.state(url))
        await self._subscribe(source)

    async def _ask(self, source: Source, *, trial: str = "") -> None:
        """Ask a source, or the feed that a page in its place names, and take in what it sends."""
        before = self.state(source.url)
        answer = await self._asker.ask(self._question(source, trial=trial))
        self._answered(source, before, answer, trial=trial)
        if source.url in self._waiting:
            await self._take_in(source)

    def release(self, url: str) -> int:
        """End what holds a source's entries back, and return how many are shown by that."""
        source = self.sources.get(url)
        if source is None:
            return 0
        decision = guards.release(state=self.state(url), known=self._database.known(url))
        rows = self._written(source, decision, decision.state.head, {})
        self._states[url] = decision.state
        self._database.finish(decision.state, known=rows, keeps_pending=url in self._waiting)
        for note in decision.notes:
            self._told(url, note)
        return decision.new

    def _release(self, one: database.Request) -> bool:
        """Do what a request for a release asks for, and return whether it is done: if the disk is full, it waits."""
        try:
            self.release(one.source)
        except AggregatorError as error:
            if one.number not in self._unreleased:
                self._told(one.source, f"not released yet: {error}")
            self._unreleased.add(one.number)
            return False
        return True

    def take_requests(self, now: int) -> tuple[str, ...]:
        """Do what other processes asked for, and return the sources that are to be polled because of a push."""
        done = []
        for one in self._database.requests():
            if one.kind == "release":
                # One that is being taken in, or waits for that, has decided already; that is stored first.
                is_busy = one.source in self.sources and one.source in self._taking | self._waiting
                if is_busy or not self._release(one):
                    continue
            elif one.kind == "push":
                self._pushed.update([one.source] if one.source in self.sources else [])
            else:
                self._confirm(one)
            done.append(one)
        if done:
            self._database.put(done=done)
        due = [
            url for url in sorted(self._pushed) if pushes.may_follow(self.state(url), self._pushed_at.get(url, 0), now)
        ]
        self._pushed_at.update(dict.fromkeys(due, now))
        return tuple(due)

    async def read_lists(self) -> None:
        """Read the living lists that are due, and take over what they list; one that fails leaves its last sources."""
        for location, one in self._lists.items():
            if "://" not in location:
                self._take_list(one, self._intake.list_of(one))
            elif self._list_is_due(location):
                await self._read_list(one)
        self._collect_sources()

    async def retry_waiting(self, *, is_start: bool = False) -> None:
        """Take in the documents that could not be, or that a process left behind."""
        failures = 0
        for url in sorted(self._waiting):
            if (source := self.sources.get(url)) is None or (is_start and self._is_given_up(url)):
                continue
            is_taken = await (self._take_counted(source) if is_start else self._take_in(source))
            failures = 0 if is_taken else failures + 1
            if failures == MOST_FAILURES:
                return  # the disk is full or gone, most likely

    async def renew_subscriptions(self) -> None:
        """Renew the subscriptions at hubs that end soon."""
        for source in list(self.sources.values()):
            await self._subscribe(source)

    async def _subscribe(self, source: Source) -> None:
        state, now = self.state(source.url), self.clock.now()
        if state.hubs and self._pushes.is_due(state, now):
            await self._pushes.subscribe(state, now, is_private=source.private)

    def _question(self, source: Source, *, trial: str = "") -> Question:
        return Question(
            url=trial or self.address_of(source),
            validators=lambda address: answers.validators_for(self.state(source.url), source, address),
            is_private=source.private,
            stops=self._stops,
            # Only a whole document ends a quarantine.
            takes_parts=not self.state(source.url).quarantine,
            begins=lambda: self._put(answers.begun(self.state(source.url), source, self.clock.now())),
        )

    def address_of(self, source: Source) -> str:
        """Return the address that is asked for a source."""
        return self.state(source.url).address or timing.listed_at(source)

    def listed_at(self, url: str) -> str:
        """Return the address under which people know a source: where its list has it now."""
        return timing.listed_at(self.sources[url]) if url in self.sources else url

    def _stops(self, url: str) -> tuple[int, str]:
        """Return until when an address is left alone, and why."""
        cooling = self._cooling.get(domain_of(url))
        if (
            cooling is None
            or not self.clock.now() < cooling.until <= self.clock.now() + timing.LONGEST_HINT + timing.HOUR
        ):
            return 0, ""
        return cooling.until, f"{cooling.why}; it is left alone"

    def _answered(self, source: Source, before: SourceState, answer: answers.Answer, *, trial: str = "") -> None:
        """Store an answer, with its validators and its document in one transaction."""
        if trial and answers.kind_of(answer) != "document":
            self._not_tried(source, answer, trial)
            return
        state = answers.answered(self.state(source.url), source, answer)
        pending = answers.pending_of(answer) if answers.kind_of(answer) == "document" else None
        if pending is not None and trial:
            pending = msgspec.structs.replace(pending, trial=trial)
        if pending is not None and digest_of(pending, source) == before.body and not before.no_feed:
            state = answers.same_again(state, pending, source)
            pending = None
        self._database.put(
            states=[state], pending=None if pending is None else (source.url, pending), cooling=self._cooled(answer)
        )  # fmt: skip
        self._states[source.url] = state
        if pending is not None:
            self._waiting.add(source.url)
        self._withdraw_if_gone(source)

    def _not_tried(self, source: Source, answer: answers.Answer, trial: str) -> None:
        """Store that the feed which a page names did not send a document."""
        state = self.state(source.url)
        wait = timing.retry_after(answer.headers, answer.at)
        state = msgspec.structs.replace(
            state, failures=max(0, state.failures - 1), retry_until=0 if wait is None else answer.at + wait
        )
        reason, problem = state.no_feed, answers.error_of(answer)
        if problem:  # else it has not changed since it was found to be another feed
            reason = f"{answers.named_feed(trial)} cannot be had: {problem}"
        state = answers.unreadable(state, source, reason, state.no_feed_at)
        self._database.put(states=[state], cooling=self._cooled(answer))
        self._states[source.url] = state

    def _cooled(self, answer: answers.Answer) -> list[Cooling]:
        """Return what an answer, of whatever was asked, changes about leaving its domain alone, to be stored."""
        known = self._cooling.get(domain_of(answer.url))
        cooling = answers.cooled(known, answer)
        if cooling is None and answer.status in {200, 226, 304} and not answer.problem:
            cooling = answers.warmed(known)
        if cooling is not None:
            self._cooling[cooling.domain] = cooling
        return [] if cooling is None else [cooling]

    async def _take_in(self, source: Source) -> bool:
        """Take in a document that was received, and return whether its seeds are on the disk."""
        if source.url in self._taking:
            return False
        self._taking.add(source.url)
        try:
            return await self._take_pending(source)
        finally:
            self._taking.discard(source.url)

    async def _take_pending(self, source: Source) -> bool:
        pending = self._database.pending(source.url)
        if pending is None:
            self._waiting.discard(source.url)
            return True
        found = await asyncio.to_thread(self._intake.parse, pending)
        if isinstance(found, NoDocument):
            self._no_document(source, pending, found)
            return True
        return await self._take_document(source, pending, found)

    async def _take_document(self, source: Source, pending: Pending, document: Document) -> bool:
        url, state, document = source.url, self.state(source.url), answers.with_links(document, pending)
        aliases = self._database.aliases(url)
        try:
            stored, known = self._known(source, document)
        except AggregatorError as error:
            return self._unwritten(url, pending, error)
        if pending.trial and known and not guards.shares_an_item(document, known, aliases):
            return self._not_the_same(source, pending)
        decision = guards.decide(
            state=state, source=source, document=document, known=known, aliases=aliases, url=pending.url,
            now=pending.received_at, is_partial=pending.is_partial,
        )  # fmt: skip
        try:
            pages = await self._pages(source, decision)
            # In a thread: a slow disk must not make other sources seem not to answer in time.
            rows = await asyncio.to_thread(self._written, source, decision, document, pages)
        except AggregatorError as error:
            return self._unwritten(url, pending, error)
        after = decision.state
        is_same = not known or not pending.permanent or guards.shares_an_item(document, known, aliases)
        if not after.quarantine and is_same:
            after = answers.sighted(after, pending.permanent, pending.received_at)
        if pending.trial:
            after = msgspec.structs.replace(
                after,
                address=pending.trial,
                page_at=after.no_feed_at or timing.listed_at(source),
                is_discovered=True,
                trial="",
            )
        after = answers.succeeded(
            msgspec.structs.replace(after, body=digest_of(pending, source)), "document", pending.received_at
        )
        after = timing.planned(after, source)
        recognised_now = [row for key, row in known.items() if key not in stored]
        self._database.finish(
            after,
            known=(*recognised_now, *rows),
            aliases=None if decision.aliases == aliases else decision.aliases,
            pages=pages,
            forgotten=stored - known.keys(),
        )
        self._states[url] = after
        self._waiting.discard(url)
        self.new += decision.new
        moved = f"its page names {pending.trial} now, which has the same items and is asked from now on"
        for note in (*decision.notes, *([moved] if pending.trial else [])):
            self._told(url, note)
        return True

    def _known(self, source: Source, document: Document) -> tuple[set[str], dict[str, Known]]:
        """Return the keys that are stored of a source's entries, and these: from the seeds if the database has none.

        Which of both it is, is stored before a seed is written: one that a kill cut short must not pass for what was
        shown long ago.
        """
        known, state = self._database.known(source.url), self.state(source.url)
        if not known and not state.domain and not state.is_new:
            known = {row.key: row for row in self._intake.recover(source)}
            if known:
                self._database.remember(source.url, known.values())
            else:
                self._put(msgspec.structs.replace(state, is_new=True))
        return set(known), recognised(known, document, source)

    def _unwritten(self, url: str, pending: Pending, error: AggregatorError) -> bool:
        """Note why nothing could be written: that is no failure of the source, and what it sent waits."""
        state = answers.succeeded(self.state(url), "document", pending.received_at)
        self._put(msgspec.structs.replace(state, error=str(error)))
        return False

    def _no_document(self, source: Source, pending: Pending, found: NoDocument) -> None:
        """Take over the feed that a page names, or note that the source sent none.

        One page in the place of a feed, such as that of a login, moves it nowhere: the feed that it names is asked, and
        counts if it is the same.
        """
        state, named = self.state(source.url), next(iter(found.feeds), "")
        sent = answers.named_feed(pending.trial) if pending.trial else "what it sends"
        if pending.url in found.feeds or named in {state.address, pending.trial}:
            named = ""
        if named and not pending.trial and not self._was_a_feed(source):
            state = msgspec.structs.replace(
                state, address=named, page_at=pending.url, is_discovered=True, failures=0, trial=""
            )
        else:
            at = state.no_feed_at if pending.trial else pending.url
            state = answers.unreadable(state, source, f"{sent} {found.reason}", at)
            state = msgspec.structs.replace(state, trial="" if pending.trial else named)
        self._finish_without_items(state)

    def _not_the_same(self, source: Source, pending: Pending) -> bool:
        """Note that the feed which a page names has no item of the source."""
        advice = "if it is the right one, list that address"
        reason = f"{answers.named_feed(pending.trial)} has none of its items ({advice})"
        state = msgspec.structs.replace(self.state(source.url), trial="")
        self._finish_without_items(answers.unreadable(state, source, reason, state.no_feed_at))
        return True

    def _finish_without_items(self, state: SourceState) -> None:
        self._database.finish(state)
        self._states[state.url] = state
        self._waiting.discard(state.url)

    def _was_a_feed(self, source: Source) -> bool:
        """Return whether the source sent a feed before, or has seeds on the disk."""
        if self.state(source.url).head or self._database.known(source.url):
            return True
        with suppress(AggregatorError):
            return bool(self._intake.recover(source))
        return True  # its folder cannot be read now

    def _written(
        self, source: Source, decision: guards.Decision, document: Document | None, pages: dict[str, str]
    ) -> tuple[Known, ...]:
        """Write the seeds of a decision, and return the rows with their paths and what a person did to them."""
        rows = {row.key: row for row in decision.known}
        for write in decision.writes:
            rows[write.known.key] = self._intake.write(source, write, document, page=pages.get(write.entry.link))
        return tuple(rows.values())

    async def _pages(self, source: Source, decision: guards.Decision) -> dict[str, str]:
        """Return the texts of entries' pages by link (`content: page`), each asked once, if `robots.txt` allows it."""
        if source.content != "page":
            return {}
        self._intake.check_pages()
        texts: dict[str, str] = {}
        for link in dict.fromkeys(
            write.entry.link for write in decision.writes if write.entry.link and not write.is_withdrawn
        ):
            text = self._database.page(link)
            if text is None:
                text = await self._page(source, link)
                self._database.put(page=(link, text))
            texts[link] = text
        return texts

    async def _page(self, source: Source, link: str) -> str:
        """Return the text of an entry's page as HTML, "" if there is none or robots.txt forbids to ask for it."""
        if not await self._is_allowed(source, link):
            return ""
        answer = await self._asker.ask(Question(url=link, is_private=source.private, accept=PAGES, stops=self._stops))
        self._database.put(cooling=self._cooled(answer))
        if answer.status != 200 or answer.problem:
            return ""
        return await asyncio.to_thread(self._intake.text_of_page, answer)

    async def _is_allowed(self, source: Source, link: str) -> bool:
        """Return whether robots.txt allows to ask for a page; its rules are kept for a day (RFC 9309 §2.4).

        That it could not be had is kept for an hour.
        """
        address = robots.address_of(link)
        known = self._robots.get(address)
        kept = timing.DAY if known is not None and robots.is_reached(_status_of(known)) else timing.HOUR
        if known is None or not 0 <= self.clock.now() - known.at < kept:
            question = Question(
                url=address, is_private=source.private, accept="text/plain, */*;q=0.1", stops=self._stops
            )
            answer = await self._asker.ask(question)
            self._database.put(cooling=self._cooled(answer))
            known = msgspec.structs.replace(answer, body=answer.body[: robots.LARGEST], headers=())
            self._robots[address] = known
            self._robots = dict(list(self._robots.items())[-MOST_ROBOTS:])
        return robots.is_allowed(_status_of(known), known.body, link)

    def _withdraw_if_gone(self, source: Source) -> None:
        """Withdraw what a source shows if it is gone and the config says so; not what others say of it."""
        state = self.state(source.url)
        if source.on_gone == "withdraw" and state.outcome == "gone" and not state.quarantine:
            self._withdraw(source)

    def _withdraw(self, source: Source) -> None:
        decision = guards.withdrawn(state=self.state(source.url), known=self._database.known(source.url))
        if not decision.writes:
            return
        try:
            rows = self._written(source, decision, decision.state.head, {})
        except AggregatorError as error:
            self._told(source.url, f"not withdrawn: {error}")
            return  # the next start tries again
        self._database.finish(decision.state, known=rows, keeps_pending=True)
        for note in decision.notes:
            self._told(source.url, note)

    def _is_given_up(self, url: str) -> bool:
        """Give up the document of a source if taking it in has ended the program too often."""
        pending = self._database.pending(url)
        if pending is None or pending.attempts < MOST_ATTEMPTS:
            return False
        reason = f"what it sent stopped the program {MOST_ATTEMPTS} times, and is given up"
        source = self.sources[url]
        self._finish_without_items(answers.unreadable(self.state(url), source, reason, pending.url))
        self._told(url, reason)
        return True

    async def _take_counted(self, source: Source) -> bool:
        """Take in a document that a process left behind, and count how often none came back from that.

        That the disk is full, or that the program is told to end, does not count.
        """
        pending = self._database.pending(source.url)
        if pending is None:
            return await self._take_in(source)
        begun = msgspec.structs.replace(pending, attempts=pending.attempts + 1)
        self._database.put(pending=(source.url, begun))
        try:
            is_taken = await self._take_in(source)
        except (asyncio.CancelledError, database.Unusable):
            self._database.put(pending=(source.url, pending))
            raise
        if not is_taken:
            self._database.put(pending=(source.url, pending))
        return is_taken

    def _list_is_due(self, location: str) -> bool:
        due, _ = self.next_of(location, self.clock.now(), is_spread=False)
        return due is not None and due <= self.clock.now()

    async def _read_list(self, one: SourceList) -> None:
        """Ask for a living list as for a source, and store what it lists."""
        source = msgspec.structs.replace(one.defaults, url=one.location, every=one.defaults.every or timing.DAY)
        answer = await self._asker.ask(self._question(source))
        state = answers.answered(self.state(source.url), source, answer)
        if answers.kind_of(answer) == "document":
            found = await asyncio.to_thread(self._intake.parse_list, answer.body, one)
            if isinstance(found, str):
                state = answers.unreadable(state, source, found, answer.url)
            else:
                state = timing.planned(answers.succeeded(state, "document", answer.at), source)
            self._take_list(one, found, state, self._cooled(answer))
            return
        if state.error:
            self._told(one.location, state.error)
        self._database.put(states=[state], cooling=self._cooled(answer))
        self._states[state.url] = state

    def _take_list(
        self, one: SourceList, found: tuple[Source, ...] | str, state: SourceState | None = None,
        cooling: Iterable[Cooling] = (),
    ) -> None:  # fmt: skip
        """Store what a list holds, together with the state of its address, which has its validators."""
        states = [] if state is None else [state]
        if isinstance(found, str):
            if self._list_problems.get(one.location) != found:
                self._told(one.location, found)
            self._list_problems[one.location] = found
        listed = None if isinstance(found, str) or found == self._listed.get(one.location) else (one.location, found)
        if states or listed:
            self._database.put(states=states, cooling=cooling, listed=listed)
        self._states.update({state.url: state for state in states})
        if listed:
            self._listed[one.location] = listed[1]

    def _collect_sources(self) -> None:
        """Bring together the sources of the config and of the living lists; the first that names an address wins."""
        found: dict[str, Source] = {source.url: source for source in self._settings.sources}
        taken = {source.address for source in self._settings.sources} - {""}
        for location in self._lists:
            if location not in self._listed:
                self._listed[location] = self._database.listed(location)
            for source in self._listed[location]:
                if source.url not in taken:
                    found.setdefault(source.url, source)
        self.sources = found
        known = [(self._states[url], source) for url, source in found.items() if url in self._states]
        changed = [after for state, source in known if (after := timing.as_listed(state, source)) is not state]
        if changed:
            self._put(*changed)

    def _confirm(self, one: database.Request) -> None:
        """Take over what a hub said of a subscription."""
        until = self._pushes.confirmed(one, self.clock.now())
        if until is None or one.source not in self.sources:
            return
        state = msgspec.structs.replace(self.state(one.source), pushed_until=until)
        self._put(
            timing.planned(state, self.sources[one.source]) if state.outcome in {"document", "unchanged"} else state
        )

    def _put(self, *states: SourceState) -> None:
        self._database.put(states=states)
        self._states.update({state.url: state for state in states})

    def _tell(self, before: SourceState, after: SourceState) -> None:
        for sentence in answers.news(before, after):
            self._told(after.url, sentence)


def _status_of(answer: answers.Answer) -> int:
    """Return the status of an answer, 0 if it is not whole."""
    return 0 if answer.problem and answer.status < 300 else answer.status


def digest_of(pending: Pending, source: Source) -> str:
    """Return the digest of a document and of the settings that its seeds depend on."""
    settings = guards.settings_digest(source).encode()
    parts: Iterable[bytes] = (pending.content_type.encode("utf-8", "replace"), settings, pending.body)
    return hashlib.sha256(b"\0".join(parts)).hexdigest()

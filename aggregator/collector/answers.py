"""What an HTTP answer means for a source. Pure: the state and the answer in, the new state out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from http import HTTPStatus
from typing import Literal

import msgspec

from aggregator.collector.domains import domain_of
from aggregator.collector.entries import Document
from aggregator.collector.state import Cooling, Outcome, Pending, Sighting, SourceState, Validators
from aggregator.collector.timing import (
    LONGEST_REFUSAL,
    REFUSAL,
    Headers,
    back_off,
    field,
    is_dead,
    planned,
    rate_limit,
    retry_after,
    with_hints,
)
from aggregator.model.source_words import release_command
from aggregator.model.sources import Source

Kind = Literal["document", "unchanged", "gone", "missing", "refused", "busy", "failed"]
PERMANENT = {301, 308}
TEMPORARY = {302, 303, 307}
MAX_HOPS = 5
MOST_VALIDATORS = 8
"""So many addresses of a source keep their validators: its page, its feed, targets of redirects."""

_LONGEST_LINKS = 20_000
_LINK = re.compile(r"<([^<>\s]{1,2000})>([^<,]{0,500})")
_RELATION = re.compile(r""";\s*rel\s*=\s*(?:"([^"]*)"|([^\s;"]+))""", re.IGNORECASE)

_ADVICE = {
    401: "it wants a password, which a source cannot have; ask its owner for a public address",
    403: "if that lasts, ask its owner to let us in",
    404: "if that lasts, list its new address, or remove it",
}

SIGHTINGS, SIGHTED_FOR = 3, 7 * 86_400
"""A permanent redirect is adopted after so many sightings over so many seconds."""


class Hop(msgspec.Struct, frozen=True, kw_only=True):
    """A redirect that was followed: from which address, by which status."""

    url: str
    status: int


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What came of asking: the last status (0 if there was none), its header and body, from `url`, after `hops`.

    `problem` says in words why there is no answer. `at` is when it ended, `heard_at` when its header came (0 if none
    did), `is_barred` says that `url` is not public and the source not private, `not_before` until when one of the
    addresses is left alone (0 if none is), in seconds since 1970.
    """

    url: str
    at: int
    status: int = 0
    headers: Headers = ()
    body: bytes = b""
    hops: tuple[Hop, ...] = ()
    problem: str = ""
    heard_at: int = 0
    is_barred: bool = False
    not_before: int = 0


def kind_of(answer: Answer) -> Kind:
    """Return what an answer is."""
    if answer.problem:
        return "failed"
    if answer.status in {200, 226}:
        return "failed" if is_bot_wall(answer) else "document"
    if answer.status in {429, 503} and retry_after(answer.headers, answer.at) is not None:
        return "busy"
    kinds: dict[int, Kind] = {304: "unchanged", 410: "gone", 404: "missing", 403: "refused", 429: "refused"}
    return kinds.get(answer.status, "failed")


def is_bot_wall(answer: Answer) -> bool:
    """Return whether the answer is a challenge for browsers, which is named as such and never evaded."""
    return field(answer.headers, "cf-mitigated").strip().lower() == "challenge"


def error_of(answer: Answer) -> str:
    """Return what went wrong in words, "" if nothing did."""
    if answer.problem:
        return answer.problem
    if is_bot_wall(answer):
        return "a bot wall answers (`cf-mitigated: challenge`): a challenge for browsers; ask its owner to let us in"
    if answer.status in {200, 226, 304}:
        return ""
    phrase = HTTPStatus(answer.status).phrase if answer.status in list(HTTPStatus) else ""
    where = f" at {answer.url}" if answer.hops else ""
    advice = f" ({_ADVICE[answer.status]})" if answer.status in _ADVICE else ""
    return f"it answered {answer.status} {phrase}".strip() + where + advice


def begun(state: SourceState, source: Source, now: int) -> SourceState:
    """Return the state of a source that is about to be asked.

    It is stored before anything is sent: a poll that a kill cuts short counts as one.
    """
    asked = msgspec.structs.replace(
        state, planned_at=state.next_at, asked_at=now, added_at=state.added_at or now, outcome="begun", retry_until=0
    )
    return planned(asked, source)


def validators_for(state: SourceState, source: Source, url: str) -> Validators:
    """Return what to send to an address: what that very address sent."""
    return state.validators.get(url, Validators()) if source.conditional else Validators()


def answered(state: SourceState, source: Source, answer: Answer) -> SourceState:
    """Return the state after an answer, before its document, if it has one, is read."""
    kind = kind_of(answer)
    if kind == "gone" and not _is_its_own(state, answer):
        kind = "failed"
    if kind == "unchanged" and validators_for(state, source, answer.url) == Validators():
        # A server whose 304s lie: nothing was asked that this could answer.
        answer = msgspec.structs.replace(
            answer, problem="it answered 304 Not Modified to a request without a condition"
        )
        kind = "failed"
    # To look up the name and to connect took time: intervals count from when the server had surely been asked.
    asked_at = max(state.asked_at, answer.heard_at or answer.at) if state.outcome == "begun" else state.asked_at
    state = msgspec.structs.replace(
        state, asked_at=asked_at, answered_at=answer.at, status=answer.status, error=error_of(answer),
        barred=answer.url if answer.is_barred else "",
    )  # fmt: skip
    state = with_hints(state, answer.headers, answer.at)
    state = _with_validators(state, answer, kind)
    if kind == "document":  # whether it is a success is known once it is read
        return planned(msgspec.structs.replace(state, outcome="document"), source)
    if kind == "unchanged":
        if state.no_feed and state.no_feed_at == answer.url:
            return unreadable(state, source, state.no_feed, answer.url)
        state = succeeded(state, "unchanged", answer.at)
        if _goes_on(state, permanent_target(answer)):
            state = sighted(state, permanent_target(answer), answer.at)
        return planned(state, source)
    return planned(_failing(state, answer, kind), source)


def _is_its_own(state: SourceState, answer: Answer) -> bool:
    """Return whether the source itself answered, not where it leads for the moment, or another owner."""
    asked = answer.hops[0].url if answer.hops else answer.url
    is_moved = domain_of(answer.url) not in {state.domain, domain_of(asked)}
    return not is_moved and not any(hop.status in TEMPORARY for hop in answer.hops)


def succeeded(state: SourceState, outcome: Outcome, now: int) -> SourceState:
    """Return the state after a success: nothing of earlier failures is left."""
    return msgspec.structs.replace(
        state, outcome=outcome, succeeded_at=now, failing_since=0, failures=0, refusals=0, error="", no_feed="",
        no_feed_at="", trial="",
    )  # fmt: skip


def unreadable(state: SourceState, source: Source, reason: str, url: str) -> SourceState:
    """Return the state after a document from `url` that is no feed."""
    failed = msgspec.structs.replace(
        state, outcome="failed", failures=state.failures + 1, failing_since=state.failing_since or state.asked_at,
        error=reason, no_feed=reason, no_feed_at=url,
    )  # fmt: skip
    return planned(failed, source)


def named_feed(address: str) -> str:
    """Return in words that a page is in the place of a feed, and names the feed at an address."""
    return f"what it sends is an HTML page, and the feed that it names ({address})"


def cooled(cooling: Cooling | None, answer: Answer) -> Cooling | None:
    """Return for how long the registrable domain of an answer is left alone, None if it is not.

    A 429 cools the whole domain; so does `x-ratelimit-reset` if no request remains. `cooling` is what is known of it.
    """
    refusals = (cooling.refusals if cooling else 0) + 1
    domain = domain_of(answer.url)
    wait = retry_after(answer.headers, answer.at)
    limit = rate_limit(answer.headers, answer.at)
    if answer.status == 429:
        seconds = max(wait or 0, limit) or back_off(REFUSAL, refusals, LONGEST_REFUSAL)
        return Cooling(domain=domain, until=answer.at + seconds, why=f"{domain} answered 429", refusals=refusals)
    if limit:
        return Cooling(domain=domain, until=answer.at + limit, why=f"x-ratelimit-reset of {domain}")
    return None


def warmed(cooling: Cooling | None) -> Cooling | None:
    """Return a domain that answers again, without what it asked for before; None if there is nothing to forget."""
    return msgspec.structs.replace(cooling, until=0, refusals=0) if cooling is not None and cooling.refusals else None


def same_again(state: SourceState, pending: Pending, source: Source) -> SourceState:
    """Return the state after a document that is, byte for byte, the last one: nothing is parsed."""
    if not state.quarantine:
        state = sighted(state, pending.permanent, pending.received_at)
    return planned(succeeded(state, "unchanged", pending.received_at), source)


def news(before: SourceState, after: SourceState) -> Iterator[str]:
    """Yield what a person should know of a poll, given what was known before it."""
    if after.outcome == "gone" and before.outcome != "gone":
        again = release_command(after.planned_for or after.url)
        yield f"{after.error}: it is not asked again (`{again}` asks once more)"
    if after.adopted and after.adopted != before.adopted:
        yield f"it has moved for good to {after.adopted}, which is asked from now on (`aggregator sources --apply`)"
    if is_dead(after, after.asked_at) and not is_dead(before, before.asked_at):
        yield f"no success for 30 days: asked once a week ({after.error})"
    elif after.failing_since and after.outcome != "gone" and _is_news(before, after):
        yield f"it fails: {after.error}; {after.why}"
    if before.failing_since and after.outcome in {"document", "unchanged"}:
        yield "it answers again"


def _is_news(before: SourceState, after: SourceState) -> bool:
    """Return whether a failure is reported now: at once, but a 404, which may be a moment's, after 7 days."""
    if after.status != 404:
        return not before.failing_since or (before.status == 404 and before.error != after.error)
    late = after.failing_since + SIGHTED_FOR
    return before.answered_at < late <= after.answered_at


def pending_of(answer: Answer) -> Pending:
    """Return what has to be taken in of an answer that holds a document."""
    return Pending(
        url=answer.url, content_type=field(answer.headers, "content-type"), body=answer.body, received_at=answer.at,
        permanent=permanent_target(answer), is_partial=answer.status == 226, hubs=_linked(answer, "hub"),
        topic=next(iter(_linked(answer, "self")), ""),
    )  # fmt: skip


def with_links(document: Document, pending: Pending) -> Document:
    """Return a document with the hubs and the topic of its header, which win over its own (WebSub §4)."""
    if not pending.hubs:
        return document
    return msgspec.structs.replace(document, hubs=pending.hubs, topic=pending.topic or document.topic)


def permanent_target(answer: Answer) -> str:
    """Return the address that permanent redirects alone lead to, "" if the first one is not permanent."""
    addresses = [*(hop.url for hop in answer.hops), answer.url][1:]
    target = ""
    for hop, address in zip(answer.hops, addresses, strict=True):
        if hop.status not in PERMANENT:
            break
        target = address
    return target


def sighted(state: SourceState, target: str, now: int) -> SourceState:
    """Return the state with one more sighting of where the source has moved to for good: `target`, "" if it has not.

    Only an answer that is the same feed is one: a document that shares an item with what was known, or one that has not
    changed since. A page in its place, such as that of a login, neither counts nor ends what was seen before. The
    target is adopted once it has been seen often enough, for long enough.
    """
    seen = state.redirect
    if not target:
        return msgspec.structs.replace(state, redirect=None)
    if seen is None or seen.target != target or seen.first_at > now:
        return msgspec.structs.replace(state, redirect=Sighting(target=target, first_at=now, count=1))
    seen = msgspec.structs.replace(seen, count=seen.count + 1)
    if seen.count >= SIGHTINGS and now - seen.first_at >= SIGHTED_FOR:
        return msgspec.structs.replace(state, redirect=None, address=target, adopted=target, is_discovered=False)
    return msgspec.structs.replace(state, redirect=seen)


def _goes_on(state: SourceState, target: str) -> bool:
    """Return whether an answer that says that nothing has changed says so of what was found to be the same feed."""
    if state.quarantine:
        return False
    return not target or (state.redirect is not None and state.redirect.target == target)


def _with_validators(state: SourceState, answer: Answer, kind: Kind) -> SourceState:
    """Return the state with the validators of an answer: a 200 replaces both, a 304 may bring newer ones."""
    if kind not in {"document", "unchanged"}:
        return state
    old = state.validators.get(answer.url, Validators()) if kind == "unchanged" else Validators()
    new = Validators(
        etag=_first(answer, "etag") or old.etag,
        last_modified=_first(answer, "last-modified") or old.last_modified,
    )
    others = {url: value for url, value in state.validators.items() if url != answer.url}
    kept = dict(list(others.items())[-(MOST_VALIDATORS - 1) :])
    if new != Validators():
        kept[answer.url] = new
    return msgspec.structs.replace(state, validators=kept)


def _linked(answer: Answer, relation: str) -> tuple[str, ...]:
    """Return the http(s) targets of `Link` header fields with a relation (RFC 8288 §3)."""
    found = _LINK.findall(field(answer.headers, "link")[:_LONGEST_LINKS])
    targets = [target for target, parameters in found if relation in _relations(parameters)]
    return tuple(target for target in targets if target.startswith(("http://", "https://")))


def _relations(parameters: str) -> list[str]:
    match = _RELATION.search(parameters)
    return (match[1] or match[2]).lower().split() if match else []


def _first(answer: Answer, name: str) -> str:
    return next((value for key, value in answer.headers if key == name), "")


def _failing(state: SourceState, answer: Answer, kind: Kind) -> SourceState:
    """Return the state after an answer that is no success."""
    if kind in {"gone", "missing"} and state.address and _is_lost(state, answer, kind):
        # The listed address may know where the feed has gone.
        state = _lost(state, answer)
    elif kind == "gone":
        return msgspec.structs.replace(state, outcome="gone", failing_since=state.failing_since or state.asked_at)
    state = msgspec.structs.replace(state, failing_since=state.failing_since or state.asked_at)
    if answer.not_before:
        return msgspec.structs.replace(state, outcome="failed", retry_until=answer.not_before)
    if kind == "busy":
        wait = max(retry_after(answer.headers, answer.at) or 0, rate_limit(answer.headers, answer.at))
        return msgspec.structs.replace(state, outcome="failed", retry_until=answer.at + wait)
    if kind == "refused" or is_bot_wall(answer):
        limit = rate_limit(answer.headers, answer.at) if answer.status == 429 else 0
        retry = answer.at + limit if limit else 0
        return msgspec.structs.replace(state, outcome="refused", refusals=state.refusals + 1, retry_until=retry)
    return msgspec.structs.replace(state, outcome="failed", failures=state.failures + 1)


def _lost(state: SourceState, answer: Answer) -> SourceState:
    """Return the state without the address that was asked instead of the listed one.

    If a page named it, that the page has not changed is no success: the feed is tried again then.
    """
    lost = msgspec.structs.replace(state, address="", adopted="", is_discovered=False)
    if not state.is_discovered:
        return lost
    reason = f"{named_feed(state.address)} cannot be had: {error_of(answer)}"
    return msgspec.structs.replace(lost, trial=state.address, no_feed=reason, no_feed_at=state.page_at)


def _is_lost(state: SourceState, answer: Answer, kind: Kind) -> bool:
    """Return whether the address that was asked instead of the listed one is to be forgotten."""
    if kind == "gone":
        return state.is_discovered
    return state.is_discovered or (bool(state.failing_since) and answer.at - state.failing_since >= SIGHTED_FOR)

"""A seed by the rules to the outcome of its file, whose parts the index stores. Pure."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from aggregator.model.items import FOREVER, Seed
from aggregator.model.reports import Problem
from aggregator.normalizer import identity, rules
from aggregator.normalizer.rules import Policy, Verdict
from aggregator.normalizer.stored import Draft, Key, Outcome, pack, pack_stored, seed_digest

_MAX_QUALITY = 2**31


def apply_rules(  # noqa: PLR0917 - as a row of the index has them
    path: str,
    key: Key,
    digest: bytes,
    seed: Seed,
    policy: Policy,
    now: int,
    *,
    warnings: tuple[Problem, ...] = (),
    unknown: tuple[str, ...] = (),
    packed: bytes | None = None,
) -> Outcome:
    """Return the outcome of a seed by the rules; `packed` is its stored form, if that is at hand."""
    verdict = rules.decide(seed, policy, path)
    packed = packed or pack(seed)
    draft = None if verdict.rule else _draft(path, rules.effective_seed(seed, verdict), verdict, now)
    if draft is not None and policy.copies != "off":
        draft = msgspec.structs.replace(draft, text=_text(path, seed, verdict))
    if draft is not None and policy.stories != "off":
        draft = msgspec.structs.replace(draft, wording=_wording(path, seed, verdict))
    return Outcome(
        path, key, digest, False, False, packed, seed_digest(packed), draft, pack_stored(verdict),
        verdict.rule, verdict.detail, warnings, False, unknown,
    )  # fmt: skip


def _draft(path: str, acting: Seed, verdict: Verdict, now: int) -> Draft:
    starts, published = verdict.starts, verdict.published
    id = verdict.id or verdict.link  # noqa: A001 - the field's own name
    windows = tuple([(slug, starts, ends) for slug, ends in verdict.feeds if starts < ends])
    since, until = validity(windows, verdict.updated, now)
    return Draft(
        tuple(map(identity.key_number, identity.keys(acting))), identity.path_number(path), id, bool(verdict.id),
        published, max(published, verdict.updated or published), _bounded(verdict.quality), starts, verdict.ends,
        identity.key_number(id), windows, since, until, verdict.topics,
    )  # fmt: skip


def _text(path: str, seed: Seed, verdict: Verdict) -> bytes:
    from aggregator.normalizer.comparison import copies  # noqa: PLC0415 - few sites look for copies

    return pack_stored(copies.text_of(rules.effective_seed(seed, verdict), path, seed.not_story))


def _wording(path: str, seed: Seed, verdict: Verdict) -> bytes:
    from aggregator.normalizer.comparison import coverage  # noqa: PLC0415 - few sites look for stories

    return pack_stored(coverage.wording_of(rules.effective_seed(seed, verdict), path, seed))


def validity(
    windows: Iterable[tuple[str | int, int, int]], updated: int | None, now: int
) -> tuple[int | None, int | None]:
    """Return the span [since, until) around `now` in which time alone changes nothing about these windows.

    Windows are (feed, starts, ends) in seconds since 1970; `updated` is when the item's update counts. Without any
    window both are None.
    """
    since, until, is_empty = -FOREVER, FOREVER, True
    for _, starts, ends in windows:
        is_empty = False
        for moment in (starts, ends):
            if moment > now:
                until = min(until, moment)
            else:
                since = max(since, moment)
    if is_empty:
        return None, None
    if updated is not None:
        since, until = (max(since, updated), until) if updated <= now else (since, min(until, updated))
    return since, until


def _bounded(quality: int | None) -> int:
    return 0 if quality is None else max(-_MAX_QUALITY, min(_MAX_QUALITY, quality))

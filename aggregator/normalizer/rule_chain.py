"""The rules that a seed passed, up to the one that it failed: what it has, and what the config asks for. Pure.

What a seed passes is decided in `rules`; this only says it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from aggregator.config.settings import Rules
from aggregator.model.items import FOREVER, Seed
from aggregator.model.reports import Check
from aggregator.model.words import RULES, utc_time
from aggregator.normalizer import links

_PLAIN = {
    "readable": "the file can be read",
    "valid": "its keys are valid",
    "state": "published, neither removed nor deleted",
    "duplicate": "it stands for its story",
}
_TIME = ("window", "embargo", "expired")
_RARE = ("date", "story", "copy")  # of no concern to most sites


def chain(
    failed: str, reason: str, seed: Seed | None, rules: Rules, *, starts: int = 0, ends: int = FOREVER
) -> tuple[Check, ...]:
    """Return the rules in their order, up to the one that failed.

    Args:
        failed: the rule that the seed fails, "" if it passes all.
        reason: why.
        seed: what says which values pass; None if they are not to be told.
        rules: those of the config.
        starts: when the seed may be shown first, in seconds since 1970.
        ends: when it may be shown no more.
    """
    return tuple(_chain("window" if failed in _TIME else failed, reason, seed, rules, starts=starts, ends=ends))


def _chain(failed: str, reason: str, seed: Seed | None, rules: Rules, *, starts: int, ends: int) -> Iterator[Check]:
    for rule in RULES:
        if rule in _TIME[1:] or (rule in _RARE and rule != failed):
            continue
        if rule == failed:
            yield Check(rule, passed=False, words=reason)
            return
        yield Check(rule, passed=True, words="" if seed is None else _passed(rule, seed, rules, starts, ends))


def _passed(rule: str, seed: Seed, rules: Rules, starts: int, ends: int) -> str:
    match rule:
        case "quality":
            return _score("quality", seed.quality, rules.min_quality)
        case "heat":
            return _score("heat", seed.heat, rules.min_heat)
        case "provider":
            name = seed.provider.name if seed.provider else ""
            return _matched(name or links.host_of(seed.link), rules.block.providers, rules.allow.providers)
        case "type":
            return _matched(seed.type or "no type", rules.block.types, rules.allow.types)
        case "title":
            return _matched("", rules.block.titles, rules.allow.titles)
        case "match":
            is_set = rules.block.match or rules.allow.match
            return "it answers the expressions of the config" if is_set else "no expression is set"
        case "window":
            until = f", leaves at {utc_time(ends)}" if ends < FOREVER else ""
            return f"appeared {utc_time(starts)}{until}"
        case _:
            return _PLAIN[rule]


def _score(name: str, score: int | None, least: int | None) -> str:
    has = f"no {name}" if score is None else f"{name} {score}"
    return f"{has}, no min_{name} is set" if least is None else f"{has}, min_{name} is {least}"


def _matched(value: str, blocked: Sequence[object], allowed: Sequence[object]) -> str:
    if not blocked and not allowed:
        return "all are allowed"
    verdict = "among those allowed" if allowed else "not among those blocked"
    return f"{value}: {verdict}" if value else verdict

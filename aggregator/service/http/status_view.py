"""The status page's content, from the site's status and the daemon's. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from aggregator.model.reports import HubStatus
from aggregator.model.source_words import states_line
from aggregator.model.words import LISTED_PROBLEMS, RULES, rule_words, utc_time
from aggregator.renderer.status_page import FeedAge, Held, SeedProblem, StatusView, Trouble
from aggregator.service.health import DaemonStatus
from aggregator.site.status import SiteStatus


def status_view(standing: SiteStatus, daemon: DaemonStatus | None) -> StatusView:
    """Return what the status page shows; `daemon` is None if none runs."""
    view = StatusView(
        now=standing.now,
        running=daemon is not None,
        seeds=standing.seeds,
        items=standing.items,
        feeds=len(standing.feeds),
        held=_held(standing),
        stale=standing.stale,
        problems=tuple(
            SeedProblem(problem=problem, since=standing.changed.get(problem.path))
            for problem in standing.problems[:LISTED_PROBLEMS]
        ),
        more_problems=max(0, len(standing.problems) - LISTED_PROBLEMS),
        unwell=len({problem.path for problem in standing.problems if not problem.warning} | set(standing.stale)),
        events=standing.events,
        appearing=standing.appearing,
        leaving=standing.leaving,
        daily=standing.daily,
        newest_of=tuple(
            FeedAge(slug=one.slug, title=one.title or one.slug, items=one.items, newest=one.newest)
            for one in standing.newest_of
        ),
        due=standing.due,
        due_path=standing.due_path,
        turns=standing.turns,
        sources=_sources(standing),
        facts=_hub(standing.websub, standing.now),
    )
    return view if daemon is None else _with_daemon(view, daemon)


def _held(standing: SiteStatus) -> tuple[Held, ...]:
    return tuple(
        Held(rule=rule, words=rule_words(rule, count), count=count, paths=standing.examples.get(rule, ()))
        for rule in RULES
        if (count := standing.held.get(rule, 0))
    )


def _sources(standing: SiteStatus) -> tuple[tuple[str, str], ...]:
    if not standing.sources:
        return ()
    lists = (("Dead sources", standing.dead_sources), ("Quarantined sources", standing.quarantined_sources))
    return (("Sources", states_line(standing.sources)), *((what, _some(urls)) for what, urls in lists if urls))


def _some(urls: Sequence[str]) -> str:
    more = len(urls) - LISTED_PROBLEMS
    return f"{', '.join(urls[:LISTED_PROBLEMS])}{f' and {more:,} more' if more > 0 else ''}"


def _hub(hub: HubStatus | None, now: int) -> tuple[tuple[str, str], ...]:
    if hub is None:
        return ()
    answered = f"last notified {utc_time(int(hub.succeeded))}" if hub.succeeded is not None else "not notified yet"
    return (("WebSub hub", f"{hub.url}: {hub.trouble(now) or answered}, {hub.waiting:,} waiting"),)


def _with_daemon(view: StatusView, daemon: DaemonStatus) -> StatusView:
    troubles = tuple(
        Trouble(concern=concern, message=message, seconds=int(daemon.problem_ages.get(concern, 0)))
        for concern, message in daemon.problems.items()
    )
    return msgspec.structs.replace(
        view,
        facts=(*((("Serving", daemon.serving),) if daemon.serving else ()), *view.facts),
        troubles=troubles,
        warnings=tuple(daemon.warnings.items()),
        uptime=int(daemon.uptime),
        backend=daemon.backend,
        overflows=daemon.overflows,
        threads=tuple(daemon.threads.items()),
        scanned=int(daemon.scanned) or None,
        regenerate=None if daemon.regenerate is None else int(daemon.regenerate),
    )

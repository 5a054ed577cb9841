"""The status of a site: feeds, items, problems, the next due moment, the last turns. Reads the index."""

from __future__ import annotations

import os
from itertools import islice

import msgspec

from aggregator.config.settings import Config
from aggregator.index.index import Index
from aggregator.model.feeds import SITE_FEED, FeedSummary
from aggregator.model.reports import Event, HubStatus, PastTurn, Problem
from aggregator.model.store import is_url
from aggregator.model.words import LISTED_PROBLEMS, rule_words
from aggregator.normalizer.counted_problems import with_pages_counted
from aggregator.normalizer.stored import is_in_feeds, unpack_problems
from aggregator.publisher.hub.notifier import hub_status
from aggregator.site.catalog import Catalog
from aggregator.site.history import History
from aggregator.site.scanning import stored_problems

SHOWN_TURNS = 60
"""How many turns the status shows."""

SHOWN_EVENTS = 30
"""How many events the status shows."""

UPCOMING = 8
"""How many embargoes that end next, and how many expiries, the status shows."""

EXAMPLES = 20
"""How many of the seeds that a rule holds back are named as examples."""


class FeedStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A feed, how many items it shows, and when the newest of them was published (None = there is none)."""

    slug: str
    title: str
    items: int
    newest: int | None


class SiteStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The status of a site at `now`; all times are in seconds since 1970.

    `held` counts seeds by the rule that holds them back, and `examples` names at most `EXAMPLES` of them for each rule.
    `problems` are errors first, and `changed` says when the files of the first `LISTED_PROBLEMS` were last modified.
    `due` is the next moment at which a feed changes by itself, and `due_path` the seed it concerns, "" if a tombstone
    expires. `newest` is when the newest visible item was published. `events` and `turns` are the last ones, newest
    first. `appearing` and `leaving` are pairs of a path and the moment at which an embargo ends or an item expires.
    `daily` counts the visible items of each of the last `DAYS_COUNTED` days (UTC), oldest first. `newest_of` has the
    feeds with their newest items.
    """

    now: int
    seeds: int
    items: int
    feeds: dict[str, int]
    held: dict[str, int]
    stale: tuple[str, ...]
    problems: tuple[Problem, ...]
    due: int | None
    due_path: str
    turns: tuple[PastTurn, ...]
    newest: int | None = None
    events: tuple[Event, ...] = ()
    appearing: tuple[tuple[str, int], ...] = ()
    leaving: tuple[tuple[str, int], ...] = ()
    daily: tuple[int, ...] = ()
    newest_of: tuple[FeedStatus, ...] = ()
    examples: dict[str, tuple[str, ...]] = {}
    changed: dict[str, int] = {}
    websub: HubStatus | None = None
    sources: dict[str, int] = {}
    """How many sources are in each state, without those that none is in."""

    dead_sources: tuple[str, ...] = ()
    """The addresses of those that have not answered for 30 days."""

    quarantined_sources: tuple[str, ...] = ()
    """The addresses of those that show nothing new until somebody has looked at them."""

    folder_problem: str = ""
    """What is wrong with the seeds folder, "" if it is there."""


def site_status(config: Config, index: Index, *, now: int) -> SiteStatus:
    """Return the status of the site of `config` at `now` (seconds since 1970)."""
    catalog = Catalog(config, index)
    problems = [problem for _, _, packed in index.files.problems() for problem in unpack_problems(packed)]
    problems = with_pages_counted(problems, config.seeds) + list(stored_problems(index))
    problems.sort(key=lambda problem: problem.warning)
    held = {**index.overview.held(), **index.overview.waiting(now)}
    due = index.next_due()
    summaries = catalog.summaries()
    feeds = tuple(map(_feed_status, summaries))
    past = History(config.state).turns()
    sources, by_state = _sources(config, now)
    return SiteStatus(
        now=now,
        seeds=index.files.count(),
        items=index.overview.count_items(now),
        feeds={summary.spec.slug: summary.count for summary in summaries},
        held=held,
        stale=tuple(path for path, shown in index.overview.stale() if is_in_feeds(shown, now)),
        problems=tuple(problems),
        due=due[0] if due else None,
        due_path=due[1] if due else "",
        turns=tuple(msgspec.structs.replace(turn, events=()) for turn in past[:SHOWN_TURNS]),
        newest=max((feed.newest for feed in feeds if feed.newest is not None), default=None),
        events=tuple(islice((event for turn in past for event in turn.events), SHOWN_EVENTS)),
        appearing=tuple(index.overview.coming(now, UPCOMING)),
        leaving=tuple(index.overview.leaving(now, UPCOMING)),
        daily=_daily(index, now),
        newest_of=feeds,
        examples={rule: _examples(index, rule, now) for rule in held},
        changed=index.files.modification_times([problem.path for problem in problems[:LISTED_PROBLEMS]]),
        websub=hub_status(config),
        sources=sources,
        dead_sources=by_state.get("dead", ()),
        quarantined_sources=by_state.get("quarantined", ()),
        folder_problem=_folder_problem(config),
    )


def _feed_status(summary: FeedSummary) -> FeedStatus:
    newest = summary.newest_published
    return FeedStatus(
        slug=summary.spec.slug, title=summary.spec.title, items=summary.count,
        newest=None if newest is None else int(newest.timestamp()),
    )  # fmt: skip


def _daily(index: Index, now: int) -> tuple[int, ...]:
    everything = index.feeds.by_slug().get(SITE_FEED)
    return () if everything is None else index.feeds.daily_counts(everything.feed, now, now)


def _sources(config: Config, now: int) -> tuple[dict[str, int], dict[str, tuple[str, ...]]]:
    """Return how many sources are in each state, and the addresses of those in each."""
    if config.sources is None:
        return {}, {}
    from aggregator.model.source_words import counted  # noqa: PLC0415 - most sites collect nothing
    from aggregator.site.sources import statuses_of  # noqa: PLC0415

    statuses = statuses_of(config, now)
    counts = counted(statuses)
    return counts, {state: tuple(one.url for one in statuses if one.state == state) for state in counts}


def _folder_problem(config: Config) -> str:
    folders = [root.folder for root in config.seeds]
    # Asking a store takes as long as the network likes.
    missing = [folder for folder in folders if not is_url(folder) and not os.path.isdir(folder)]
    words = (f"{folder}: the seeds folder is missing; nothing was withdrawn (bring it back)" for folder in missing)
    return "; ".join(words)


def reason_not_shown(index: Index, path: str, *, now: int) -> str:
    """Return why no feed shows the seed `path` at `now`, as the rest of a sentence about it.

    It is "" if a feed shows it, and if the index does not know it.
    """
    row = index.files.by_path([path]).get(path)
    if row is None or is_in_feeds(row.entries, now):
        return ""
    if row.rule:
        return rule_words(row.rule, 1)
    if (row.starts or 0) > now or (row.ends or 0) <= now:
        return rule_words("embargo" if (row.starts or 0) > now else "expired", 1)
    others = index.files.where("story=? AND path!=? ORDER BY path", (row.story, path))
    shown = next((one.path for one in others if is_in_feeds(one.entries, now)), "another seed")
    return f"duplicates {shown}"


def _examples(index: Index, rule: str, now: int) -> tuple[str, ...]:
    if rule == "story":
        return tuple(sorted(index.overview.hidden_stories(now).values())[:EXAMPLES])
    folded = index.overview.folded(now) if rule in {"copy", "duplicate"} else []
    if rule == "copy":
        return tuple(folded[:EXAMPLES])
    if rule != "duplicate":
        return index.overview.held_paths(rule, now, EXAMPLES)
    others = {*folded, *index.overview.hidden_stories(now).values()}
    shared = (row for row in index.files.with_shared_story(now) if row.path not in others)
    hidden = (row.path for row in shared if not is_in_feeds(row.entries, now))
    return tuple(islice(hidden, EXAMPLES))

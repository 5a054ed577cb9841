"""The status of a site: feeds, items, problems, the next due moment, the last turns. Reads the index."""

from __future__ import annotations

import os
from itertools import islice

import msgspec

from aggregator.config.settings import Config
from aggregator.index.index import Index
from aggregator.model.reports import HubStatus, PastTurn, Problem
from aggregator.model.store import is_url
from aggregator.model.words import LISTED_PROBLEMS, rule_words
from aggregator.normalizer.reading import with_pages_counted
from aggregator.normalizer.stored import is_in_feeds, unpack_problems
from aggregator.publisher.hub.notifier import hub_status
from aggregator.site.catalog import Catalog
from aggregator.site.scanning import stored_problems

EXAMPLES = 20
"""How many of the seeds that a rule holds back are named as examples."""


class SiteStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The status of a site at `now`; all times are in seconds since 1970.

    `held` counts seeds by the rule that holds them back, and `examples` names at most `EXAMPLES` of them for each rule.
    `problems` are errors first, and `changed` says when the files of the first `LISTED_PROBLEMS` were last modified.
    `due` is the next moment at which a feed changes by itself, and `due_path` the seed it concerns, "" if a tombstone
    expires. `newest` is when the newest visible item was published.
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
    examples: dict[str, tuple[str, ...]] = {}
    changed: dict[str, int] = {}
    websub: HubStatus | None = None
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
    newest = [summary.newest_published for summary in summaries if summary.newest_published]
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
        turns=catalog.past_turns(),
        newest=int(max(newest).timestamp()) if newest else None,
        examples={rule: _examples(index, rule, now) for rule in held},
        changed=index.files.modification_times([problem.path for problem in problems[:LISTED_PROBLEMS]]),
        websub=hub_status(config),
        folder_problem=_folder_problem(config),
    )


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
    if rule != "duplicate":
        return index.overview.held_paths(rule, now, EXAMPLES)
    hidden = (row.path for row in index.files.with_shared_story(now) if not is_in_feeds(row.entries, now))
    return tuple(islice(hidden, EXAMPLES))

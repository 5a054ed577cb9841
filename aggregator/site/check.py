"""Reads every seed of a site and reports all problems, for `aggregator check`. Reads the seeds, changes nothing.

It also checks what the config names on this machine: the folder of topics and the token's file.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator
from functools import partial
from itertools import islice
from typing import NamedTuple

from aggregator.config.loading import written_at
from aggregator.config.placeholders import placeholders
from aggregator.config.settings import Config
from aggregator.config.token import token_problem, write_tokens_problem
from aggregator.config.yaml.messages import shortened
from aggregator.model.errors import FolderError
from aggregator.model.reports import Problem
from aggregator.model.seed_roots import SeedRoot
from aggregator.model.store import is_url
from aggregator.normalizer import rules
from aggregator.normalizer.counted_problems import unknown_key_warnings, with_pages_counted
from aggregator.normalizer.duplicates import Duplicates
from aggregator.normalizer.reading import read_batch
from aggregator.normalizer.stored import Outcome, SeedPosition, unpack_outcomes
from aggregator.publisher import pagefind
from aggregator.site.catalog import CLASH_HINT, clash_message, clashing_names
from aggregator.site.podcasts import Episodes
from aggregator.site.scanning import missing_seeds
from aggregator.site.turn import batches, task_maker
from aggregator.site.workers import Workers, in_order, jobs_for
from aggregator.watcher.folder import problems_of
from aggregator.watcher.seeds import SiteSeeds, seeds_in
from aggregator.watcher.selection import selection_of
from aggregator.watcher.unread import unread_seeds


class Checked(NamedTuple):
    """What a check found: the number of seeds, their problems, and what the config names that does not exist."""

    seeds: int
    problems: tuple[Problem, ...]
    config: tuple[Problem, ...] = ()


def check(
    config: Config, *, now: int, files: Collection[str] = (), jobs: int | None = None,
    progress: Callable[[int, int], object] | None = None,
) -> Checked:  # fmt: skip
    """Read every seed below `config.seeds` and return all problems, errors and warnings.

    Args:
        config: the site's config.
        now: seconds since 1970.
        files: the paths of the seeds whose problems are returned; empty means all.
        jobs: how many processes parse; None: as many as there are processors, if there are many seeds.
        progress: called with the number of seeds read and their total.

    Raises:
        FolderError: if the seeds folder cannot be read, or is missing after a build.
        ConfigError: if it is missing and nothing was built yet.
    """
    seeds = seeds_in(config.seeds)
    if error := missing_seeds(config, seeds.missing()):
        raise error
    policy = rules.policy_of(config)
    paths, problems = _listed(seeds)
    unknown: dict[str, SeedPosition] = {}
    names: dict[tuple[str, str], str] = {}
    duplicates = Duplicates(now)
    episodes = Episodes()
    apart: list[Outcome] = []
    done = 0
    make = task_maker(config, policy, now=now)
    tasks = (make(batch, (b"",) * len(batch)) for batch in batches(paths))
    with Workers(jobs_for(config.seeds, jobs)) as workers:
        for packed in in_order(workers.executor(len(paths)), partial(read_batch, seeds.reader), tasks):
            for outcome in unpack_outcomes(packed):
                problems += outcome.problems
                for key, position in outcome.unknown_keys():
                    unknown.setdefault(key, position)
                episodes.add(outcome)
                if outcome.apart:
                    apart.append(outcome)
                if outcome.draft is not None:
                    duplicates.add(outcome.path, outcome.draft)
                for topic in _visible_topics(outcome, now):
                    names.setdefault(topic, outcome.path)
                done += 1
            if progress is not None:
                progress(done, len(paths))
    problems += unknown_key_warnings(unknown)
    problems += duplicates.warnings()
    problems += _unknown_paths(apart, paths)
    for slug, several in clashing_names(config, policy, names):
        path = next(names[slug, name] for name in several if (slug, name) in names)
        problems.append(Problem(path=path, message=clash_message(slug, several), hint=CLASH_HINT, warning=True))
    named = {problem.path for problem in problems}
    problems += [one for root in config.seeds for one in _unread(root) if one.path not in named]
    problems += episodes.problems()
    problems = with_pages_counted([one for one in problems if not files or one.path in files], config.seeds)
    of_shows = episodes.problems_of_config(config, written_at(config.path, "site"))
    return Checked(len(paths), tuple(sorted(problems)), (*placeholders(config), *_missing_files(config), *of_shows))


def _unknown_paths(apart: list[Outcome], paths: list[str]) -> Iterator[Problem]:
    """Yield a warning for each path in a `not_story` that is that of no seed."""
    known = frozenset(paths) if apart else frozenset()
    for one in apart:
        for meant in one.apart:
            if known.isdisjoint(meant):
                name = f"/{meant[0].rpartition('/')[2]}"
                like = next((path for path in paths if f"/{path}".endswith(name)), "")
                hint = f"did you mean `{like}`?" if like else "write its path as messages name it, or remove it"
                line, column = one.apart_at
                message = f"not_story: there is no seed `{shortened(meant[0])}`, so this has no effect"
                yield Problem(path=one.path, line=line, column=column, message=message, hint=hint, warning=True)


def _listed(seeds: SiteSeeds) -> tuple[list[str], list[Problem]]:
    """Return the paths of all seeds, and what of their folders cannot be read.

    Raises:
        FolderError: if no root can be read.
    """
    paths: list[str] = []
    problems: list[Problem] = []
    failed: list[str] = []
    for root in seeds.roots:
        walk = seeds.parts[root.prefix].walk()
        try:
            paths += [path for path, _ in walk]
        except FolderError as error:
            failed.append(str(error))
            problems.append(Problem(path=root.prefix, message=str(error)))
        problems += problems_of(walk.unreadable)
    if len(failed) == len(seeds.roots):
        raise FolderError("; ".join(failed))
    return paths, problems


MOST_UNREAD = 20
"""How many files of a root that look like seeds and are not read are named; the rest is counted."""


def _unread(root: SeedRoot) -> Iterator[Problem]:
    if is_url(root.folder) or not os.path.isdir(root.folder):
        return
    found = unread_seeds(root.folder, selection_of(root), root.prefix)
    path = ""
    for path, message, hint in islice(found, MOST_UNREAD):
        yield Problem(path=path, message=f"not read: {message}", hint=hint, warning=True)
    if more := sum(1 for _ in found):
        message = f"… and {more:,} more files with front matter that are not read"
        yield Problem(path=path, message=message, hint="correct these first, or set `ignore`", warning=True)


def _visible_topics(outcome: Outcome, now: int) -> tuple[tuple[str, str], ...]:
    """Return the topics of a seed that feeds show at `now`: the names of an embargoed one are private (G12)."""
    draft = outcome.draft
    is_visible = draft is not None and any(starts <= now < ends for _, starts, ends in draft.windows)
    return draft.topics if draft is not None and is_visible else ()


def _missing_files(config: Config) -> Iterator[Problem]:
    """Return a warning for each file, folder or extra that is named in the config and missing, but may be."""
    folder = config.topic_settings.folder
    found = (
        (
            ("topics", "folder"),
            "" if os.path.isdir(folder) else f"the folder {folder} is missing (make it, or correct this)",
        ),
        (("pages", "search"), pagefind.missing() if config.pages.search == "static" else ""),
        (("server", "token"), token_problem(config.server.token)),
        (("server", "write_tokens"), write_tokens_problem(config.server.write_tokens)),
    )
    for steps, message in found:
        node = written_at(config.path, *steps) if message else None
        if message and node is not None and node.tag != "null":
            text = f"{'.'.join(steps)}: {message}"
            yield Problem(path=config.path, line=node.line, column=node.column, message=text, warning=True)

"""Every seed of a site read and judged without changing anything, for `aggregator check`; reads the seeds.

What the config names and only the machine can tell is looked at too: the folder of topics, the token's file.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

from aggregator.config.loading import settings_of
from aggregator.config.settings import Config
from aggregator.config.token import token_problem
from aggregator.config.yaml.tree import Node, parse_bytes
from aggregator.model.reports import Problem
from aggregator.normalizer import rules
from aggregator.normalizer.reading import Task, take_in, unknown_key_warnings
from aggregator.normalizer.stored import unpack_outcomes
from aggregator.site.feeds import batches, clashes
from aggregator.site.site import CLASH_HINT, clash_message
from aggregator.site.workers import Workers, in_order, jobs_for
from aggregator.watcher.seeds import seeds_in


class Checked(NamedTuple):
    """What a check found: how many seeds there are, what is wrong with them, and what the config names in vain."""

    seeds: int
    problems: tuple[Problem, ...]
    config: tuple[Problem, ...] = ()


def check(
    config: Config, *, now: int, jobs: int | None = None, progress: Callable[[int, int], object] | None = None
) -> Checked:
    """Read every seed below `config.seeds` and give all that is wrong, errors and warnings.

    Raises:
        FolderError: where the seeds folder cannot be read.
    """
    seeds = seeds_in(config.seeds)
    walk = seeds.walk()
    policy = rules.policy_of(config)
    paths = [path for path, _ in walk]
    problems = [
        Problem(path=path, message=f"this folder cannot be read: {reason}", hint=hint)
        for path, (reason, hint) in walk.unreadable.items()
    ]
    unknown: dict[str, str] = {}
    names: dict[tuple[str, str], str] = {}
    done = 0
    tasks = (Task(batch, (b"",) * len(batch), policy, config.timezone, now) for batch in batches(paths))
    with Workers(jobs_for(config.seeds, jobs)) as workers:
        for packed in in_order(workers.executor(len(paths)), partial(take_in, seeds.reader), tasks):
            for outcome in unpack_outcomes(packed):
                problems += outcome.problems
                for key in outcome.unknown:
                    unknown.setdefault(key, outcome.path)
                for topic in outcome.draft.topics if outcome.draft else ():
                    names.setdefault(topic, outcome.path)
                done += 1
            if progress is not None:
                progress(done, len(paths))
    problems += unknown_key_warnings(unknown)
    for slug, several in clashes(config, policy, names):
        path = next(names[slug, name] for name in several if (slug, name) in names)
        problems.append(Problem(path=path, message=clash_message(slug, several), hint=CLASH_HINT))
    return Checked(len(paths), tuple(sorted(problems)), tuple(_named_in_vain(config)))


def _named_in_vain(config: Config) -> Iterator[Problem]:
    """Warn of what is written in the config, may be absent, and is."""
    try:
        root = parse_bytes(settings_of(config.path), path=config.path)
    except OSError:
        return  # it came through a pipe, which says everything once
    if not isinstance(root, Node):
        return  # it was whole a moment ago; whoever reads it next says what is wrong
    folder = config.topic_settings.folder
    found = (
        (
            ("topics", "folder"),
            "" if os.path.isdir(folder) else f"there is no folder {folder} (make it, or correct this)",
        ),
        (("server", "token"), token_problem(config.server.token)),
    )
    for steps, message in found:
        node = root.at(*steps)
        if message and node is not None and node.tag != "null":
            text = f"{'.'.join(steps)}: {message}"
            yield Problem(path=config.path, line=node.line, column=node.column, message=text, warning=True)

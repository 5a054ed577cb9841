"""How a site stands -> a page for its owner; what explains an item -> another; pure: `now` is in the view.

They are made when somebody asks and never written to disk. They hold paths, rules and messages, no seed's text.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence

import msgspec

from aggregator.model.feeds import Site
from aggregator.model.reports import PastTurn, Problem
from aggregator.renderer import bar_chart, layout
from aggregator.renderer.legal_text import writable

STYLES = (*layout.STYLES, "status.css")
TURN_HEIGHT = 40
SHORTEST = 0.001
"""The least seconds a turn counts for in the chart, so that every turn is seen."""


class Trouble(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong with the daemon now: what it concerns, what to know of it, and for how many seconds."""

    concern: str
    message: str
    seconds: int


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """What a rule holds back: how many seeds, in words, and some of their paths."""

    rule: str
    words: str
    count: int
    paths: tuple[str, ...] = ()


class SeedProblem(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong with a seed, and when its file was last changed (seconds since 1970, None = not known)."""

    problem: Problem
    since: int | None = None


class StatusView(msgspec.Struct, frozen=True, kw_only=True):
    """Everything the page shows; moments in seconds since 1970, None or "" where it is not known or does not come.

    `running` is false where no daemon runs, and what only a daemon knows (from `uptime` on) is then left out.
    `problems` are the gravest, `more_problems` says how many further ones there are. `turns` are the newest first.
    `facts` are pairs of a name and what else is to be known, such as who was told of changes.
    """

    now: int
    running: bool
    seeds: int
    items: int
    feeds: int
    held: tuple[Held, ...] = ()
    stale: tuple[str, ...] = ()
    problems: tuple[SeedProblem, ...] = ()
    more_problems: int = 0
    due: int | None = None
    due_path: str = ""
    turns: tuple[PastTurn, ...] = ()
    troubles: tuple[Trouble, ...] = ()
    uptime: int | None = None
    backend: str = ""
    overflows: int = 0
    threads: tuple[tuple[str, bool], ...] = ()
    scanned: int | None = None
    regenerate: int | None = None
    facts: tuple[tuple[str, str], ...] = ()


def render(view: StatusView, site: Site) -> bytes:
    """Write the page of the site's state, to be served at `/-/status`."""
    return writable(_status, view, site)


def render_explanation(target: str, found: Sequence[tuple[str, Sequence[str]]], site: Site) -> bytes:
    """Write what explains `target`, to be served at `/-/explain?q=…`: pairs of a headline and lines that say more."""
    return writable(_explanation, target, tuple((headline, tuple(lines)) for headline, lines in found), site)


def _status(view: StatusView, site: Site) -> bytes:
    return layout.page(
        "status.html",
        styles=STYLES,
        forms="'self'",
        site=site,
        root="../",
        view=view,
        most=max((one.count for one in view.held), default=1),
        command=command,
        durations=_durations(view.turns),
        turn_height=TURN_HEIGHT,
        turns_sentence=_turns_sentence(view.turns),
    )


def _explanation(target: str, found: Sequence[tuple[str, Sequence[str]]], site: Site) -> bytes:
    return layout.page("explain.html", styles=STYLES, forms="'self'", site=site, root="../", target=target, found=found)


def command(path: str) -> str:
    """Give the command that explains the seed at `path`, whatever characters its name has."""
    return f"aggregator explain {shlex.quote(f'./{path}' if path.startswith('-') else path)}"


def _durations(turns: Sequence[PastTurn]) -> str:
    """Draw the turns' lengths, the oldest on the left."""
    return bar_chart.path([round(max(turn.seconds, SHORTEST) * 1_000) for turn in reversed(turns)], TURN_HEIGHT)


def _turns_sentence(turns: Sequence[PastTurn]) -> str:
    if not turns:
        return ""
    lengths = [turn.seconds for turn in turns]
    if len(turns) == 1:
        return f"The last turn took {lengths[0]:.2f} seconds"
    return f"The last {len(turns)} turns took {min(lengths):.2f} to {max(lengths):.2f} seconds"

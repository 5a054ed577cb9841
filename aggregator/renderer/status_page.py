"""Render the owner's two pages: the site's status, and the explanation of an item. Pure: `now` is in the view.

They are rendered on request and never written to disk. They hold paths, rules and messages, but no text of a seed.
"""

from __future__ import annotations

import shlex
import string
from collections.abc import Sequence

import msgspec

from aggregator.model.feeds import Site
from aggregator.model.reports import PastTurn, Problem
from aggregator.model.words import has_controls
from aggregator.renderer import bar_chart, layout
from aggregator.renderer.legal_text import with_legal_text

STYLES = (*layout.STYLES, "status.css")
TURN_HEIGHT = 40
_PLAIN = frozenset(string.ascii_letters + string.digits + " ./_-+@%:,=")
SHORTEST = 0.001
"""The seconds that a turn takes in the chart at least, so that every turn is visible."""


class Trouble(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong with the daemon now: what it concerns, the message, and for how many seconds it has lasted."""

    concern: str
    message: str
    seconds: int


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """The seeds that a rule holds back: the rule in words, how many there are, and the paths of some."""

    rule: str
    words: str
    count: int
    paths: tuple[str, ...] = ()


class SeedProblem(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong with a seed, and when its file last changed (seconds since 1970, None = unknown)."""

    problem: Problem
    since: int | None = None


class StatusView(msgspec.Struct, frozen=True, kw_only=True):
    """Everything the status page shows; moments in seconds since 1970, None or "" if unknown.

    If no daemon is `running`, what only a daemon knows (from `uptime` on) is not shown. `problems` are the most
    serious ones, `more_problems` counts the others. `turns` begin with the newest. `facts` are pairs of a name and a
    text.
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
    """Return the status page, to be served at `/-/status`."""
    return with_legal_text(_status, view, site)


def render_explanation(target: str, found: Sequence[tuple[str, Sequence[str]]], site: Site) -> bytes:
    """Return the page that explains `target`, to be served at `/-/explain?q=…`; `found` are headlines with lines."""
    return with_legal_text(_explanation, target, tuple((headline, tuple(lines)) for headline, lines in found), site)


def _status(view: StatusView, site: Site) -> bytes:
    return layout.render_page(
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
    return layout.render_page(
        "explain.html", styles=STYLES, forms="'self'", site=site, root="../", target=target, found=found
    )


def command(path: str) -> str:
    """Return the command that explains the seed at `path`, quoted for a shell and without control characters."""
    argument = f"./{path}" if path.startswith("-") else path
    if not has_controls(argument):
        return f"aggregator explain {shlex.quote(argument)}"
    # What bash, zsh and others take for the same bytes; between plain quotes a terminal would act on them.
    octets = "".join(chr(byte) if chr(byte) in _PLAIN else f"\\x{byte:02x}" for byte in argument.encode())
    return f"aggregator explain $'{octets}'"


def _durations(turns: Sequence[PastTurn]) -> str:
    """Return the bars of the turns' durations, the oldest on the left."""
    return bar_chart.svg_path([round(max(turn.seconds, SHORTEST) * 1_000) for turn in reversed(turns)], TURN_HEIGHT)


def _turns_sentence(turns: Sequence[PastTurn]) -> str:
    if not turns:
        return ""
    seconds = [turn.seconds for turn in turns]
    if len(turns) == 1:
        return f"The last turn took {seconds[0]:.2f} seconds"
    return f"The last {len(turns)} turns took {min(seconds):.2f} to {max(seconds):.2f} seconds"

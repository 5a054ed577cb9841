"""Render the owner's two pages: the site's status, and the explanation of an item. Pure: `now` is in the view.

They are rendered on request and never written to disk. They hold paths, rules and messages, but no text of a seed.
"""

from __future__ import annotations

import re
import shlex
import string
from collections.abc import Sequence
from datetime import datetime

import msgspec
from markupsafe import Markup

from aggregator.model.feeds import Site
from aggregator.model.reports import Check, Event, Fact, PastTurn, Problem
from aggregator.model.words import RULES, escape_controls, has_controls, quantity, rule_words
from aggregator.renderer import layout, plots
from aggregator.renderer.legal_text import with_legal_text

STYLES = (*layout.STYLES, "status.css")
SCRIPTS = (*layout.SCRIPTS, "owner.js")
LISTED_EVENTS = 10
"""How many events are listed before the earlier ones are folded."""

LISTED_FEEDS = 12
"""How many feeds are listed before the others are folded."""
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)")
_PLAIN = frozenset(string.ascii_letters + string.digits + " ./_-+@%:,=")
CONCERNS = {"websub": "hub"}
"""What the page calls what warnings concern."""

KINDS = {
    "published": "Published", "edited": "Edited", "withdrawn": "Withdrawn", "lifted": "Lifted", "expired": "Expired",
    "refused": "Refused", "mended": "Mended",
}  # fmt: skip
"""What the page calls each kind of event."""


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


class FeedAge(msgspec.Struct, frozen=True, kw_only=True):
    """A feed, how many items it shows, and when the newest of them was published (None = there is none)."""

    slug: str
    title: str
    items: int
    newest: int | None = None


class StatusView(msgspec.Struct, frozen=True, kw_only=True):
    """Everything the status page shows; moments in seconds since 1970, None or "" if unknown.

    If no daemon is `running`, what only a daemon knows (from `uptime` on) is not shown. `problems` are the most
    serious ones, `more_problems` counts the others. `turns` begin with the newest. `facts` are pairs of a name and a
    text; `sources` likewise, if the site has any. `unwell` counts the seeds with errors. `appearing` and `leaving` are
    pairs of a path and the moment of its embargo or expiry; `daily` counts the items of the last days, oldest first.
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
    unwell: int = 0
    events: tuple[Event, ...] = ()
    appearing: tuple[tuple[str, int], ...] = ()
    leaving: tuple[tuple[str, int], ...] = ()
    daily: tuple[int, ...] = ()
    newest_of: tuple[FeedAge, ...] = ()
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
    sources: tuple[tuple[str, str], ...] = ()
    warnings: tuple[tuple[str, str], ...] = ()
    """What does not work elsewhere, such as the hub: what it concerns, and the message."""

    @property
    def state(self) -> str:
        """Return `alarm` if something needs attention now, `attention` if seeds or others do, else `well`."""
        return "alarm" if self.troubles else "attention" if self.unwell or self.warnings else "well"

    @property
    def headline(self) -> str:
        """Return the state in a few words."""
        if self.troubles:
            return "Needs attention"
        if self.unwell:
            return f"{quantity(self.unwell, 'seed')} {'needs' if self.unwell == 1 else 'need'} attention"
        if self.warnings:
            return f"The {CONCERNS.get(self.warnings[0][0], self.warnings[0][0])} needs attention"
        return "All is well" if self.running else "No daemon is running"

    @property
    def last_good_sentence(self) -> str:
        """Return what readers see of the seeds with errors."""
        stale = len(self.stale)
        if self.unwell == 1:
            what = "Its last good version stays in the feeds" if stale else "It is in no feed"
            return f"{what} until it is mended."
        if not stale:
            return "They are in no feed until they are mended."
        if stale >= self.unwell:
            return "Their last good versions stay in the feeds until they are mended."
        what = "version of 1 stays" if stale == 1 else f"versions of {stale} stay"
        return f"The last good {what} in the feeds, the others are in none until they are mended."


def render(view: StatusView, site: Site) -> bytes:
    """Return the status page, to be served at `/-/status`."""
    return with_legal_text(_status, view, site)


class Explained(msgspec.Struct, frozen=True, kw_only=True):
    """What the page says of a seed: its path, the answer in a sentence, what is known, and which rules it passed.

    `path` is "" if the answer is about no seed.
    """

    path: str = ""
    answer: str
    facts: tuple[Fact, ...] = ()
    notes: tuple[str, ...] = ()
    checks: tuple[Check, ...] = ()


def render_explanation(target: str, found: Sequence[Explained], site: Site, *, similar: Sequence[str] = ()) -> bytes:
    """Return the page that explains `target`, to be served at `/-/explain?q=…`.

    If nothing was found, `similar` are paths that contain it.
    """
    return with_legal_text(_explanation, target, tuple(found), tuple(similar), site)


def with_times(line: str) -> Markup:
    """Return a line of text as HTML, its moments as elements that say when that is."""
    escaped = escape_controls(line)
    parts = _MOMENT.split(escaped)
    return Markup("").join(
        layout.render_fragment("moment.html", when=datetime.fromisoformat(part)) if _MOMENT.fullmatch(part) else part
        for part in parts
    )


def _status(view: StatusView, site: Site) -> bytes:
    return layout.render_page(
        "status.html",
        styles=STYLES,
        scripts=SCRIPTS,
        forms="'self'",
        site=site,
        root="../",
        view=view,
        command=command,
        kinds=KINDS,
        rule_words=rule_words,
        rules=RULES,
        shown_events=LISTED_EVENTS,
        newest=max((feed.newest for feed in view.newest_of if feed.newest is not None), default=None),
        feeds=sorted(view.newest_of, key=lambda feed: (-(feed.newest or -1), feed.slug)),
        listed=LISTED_FEEDS,
        daily=plots.items_a_day(view.daily, view.now),
        turns=plots.turns(view.turns),
        took=plots.took,
    )


def _explanation(target: str, found: Sequence[Explained], similar: Sequence[str], site: Site) -> bytes:
    return layout.render_page(
        "explain.html", styles=STYLES, scripts=SCRIPTS, forms="'self'", site=site, root="../", target=target,
        found=found, similar=similar, with_times=with_times,
    )  # fmt: skip


def command(path: str) -> str:
    """Return the command that explains the seed at `path`, quoted for a shell and without control characters."""
    argument = f"./{path}" if path.startswith("-") else path
    if not has_controls(argument):
        return f"aggregator explain {shlex.quote(argument)}"
    # What bash, zsh and others take for the same bytes; between plain quotes a terminal would act on them.
    octets = "".join(chr(byte) if chr(byte) in _PLAIN else f"\\x{byte:02x}" for byte in argument.encode())
    return f"aggregator explain $'{octets}'"

"""Explains why an item is in which feeds, or which rule holds it back, and when that will change.

Reads the seed and the index.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

from aggregator.config.settings import Config, Query, Score
from aggregator.index.feeds import CHANGED
from aggregator.index.files import FileRow
from aggregator.index.index import Index
from aggregator.model.archive_layout import ARCHIVE, cell_of, month_of
from aggregator.model.item_pages import is_own, page_at, page_name
from aggregator.model.items import FOREVER, Seed
from aggregator.model.reports import Check, Fact
from aggregator.model.seed_files import ReadSeeds
from aggregator.model.seed_roots import SeedRoot, root_of
from aggregator.model.store import is_url
from aggregator.model.words import in_words, quantity, than_this_one, utc_time
from aggregator.normalizer import identity, links, rules
from aggregator.normalizer.duplicates import BOTH_HINT
from aggregator.normalizer.front_matter import MAX_SEED
from aggregator.normalizer.reading import Task, read_batch
from aggregator.normalizer.rule_chain import chain
from aggregator.normalizer.rules import Policy, Verdict
from aggregator.normalizer.stored import (
    Outcome,
    is_in_feeds,
    unpack_entries,
    unpack_outcomes,
    unpack_seed,
    unpack_verdict,
    verified,
)
from aggregator.site.catalog import Catalog
from aggregator.site.display_settings import DisplaySettings
from aggregator.site.item_cache import SHORTENED
from aggregator.site.named_feeds import not_published
from aggregator.site.ranking import MOST_RANKED, is_ranked, ranked
from aggregator.site.render_jobs import prepare
from aggregator.site.turn import task_maker
from aggregator.watcher.folder import printable
from aggregator.watcher.seeds import seeds_in
from aggregator.watcher.selection import SUFFIXES, selection_of
from aggregator.watcher.unread import why_not_read

MOST_COPIES = 5
"""How many copies of an item are named."""

_DAY = re.compile(r"^\d{4}-\d\d-\d\d-")  # people remember a name without it


class Explanation(NamedTuple):
    """A line that answers the question, and details; if it `is_private`, these may name what is not published yet.

    `origins` are pairs of a seed's key and the key in the file, or words such as "the path", from which its value came,
    if the file was written for another program. `path` is that of the seed, "" if it is about none. `facts` are what
    some of the details say, with links, and `checks` the rules up to the one that failed; neither names what is not
    published.
    """

    headline: str
    details: tuple[str, ...] = ()
    is_private: bool = False
    origins: tuple[tuple[str, str], ...] = ()
    path: str = ""
    facts: tuple[Fact, ...] = ()
    checks: tuple[Check, ...] = ()

    def origin_lines(self) -> Iterator[str]:
        """Yield a line for people about each origin."""
        for key, origin in self.origins:
            yield f"{key}: from {origin}" if " " in origin else f"{key}: from `{origin}`"


def explain(config: Config, index: Index | None, target: str, *, now: int) -> list[Explanation]:
    """Return an explanation for each seed that `target` (a path, a link or an id) names; none if it names none.

    `target` may also be the address of a page that was removed, or the path of a seed whose item was withdrawn.

    If the site has sources, `target` may also be the link of an entry that is not shown, or the address or the name of
    a source.
    """
    found = _of_seeds(config, index, target, now=now)
    if not found and "\0" not in target:
        from aggregator.site import explain_withdrawn  # noqa: PLC0415 - rarely asked

        if gone := explain_withdrawn.of_target(config, index, target):
            return [Explanation(printable(one)) for one in gone]
    if config.sources is None or "\0" in target:
        return found
    from aggregator.site import explain_sources  # noqa: PLC0415 - most sites collect nothing

    if found:
        return [_with_source(one, explain_sources.of_seed(config, one.path)) for one in found]
    answers = explain_sources.of_target(config, target, now)
    return [
        Explanation(printable(one.headline), tuple(map(printable, one.details)), is_private=True) for one in answers
    ]


def _with_source(one: Explanation, lines: tuple[str, ...]) -> Explanation:
    return one._replace(details=(*one.details, *map(printable, lines)))


def _of_seeds(config: Config, index: Index | None, target: str, *, now: int) -> list[Explanation]:
    if "\0" in target:
        return []  # no path, link or id holds one, and the system refuses to look for it
    named = dict.fromkeys(_named(config, target))
    unread = [one for one in named if isinstance(one, Explanation)]
    paths = [printable(one) for one in named if isinstance(one, str)]
    if not named:
        paths = _paths_of(config, index, printable(target))
    policy = rules.policy_of(config, index.feeds.topic_names() if index is not None else ())
    make, reader = task_maker(config, policy, now=now), seeds_in(config.seeds).reader
    found = unread
    for one in paths:
        task = make((one,), (b"",))
        (outcome,) = unpack_outcomes(read_batch(reader, task))
        row = index.files.by_path([one]).get(one) if index is not None else None
        if not outcome.gone or row is not None:
            explanation = _Case(config, index, outcome, row, now, policy).explanation()
            found.append(explanation._replace(origins=_origins(reader, task), path=one))
    return found


def _origins(reader: ReadSeeds, task: Task) -> tuple[tuple[str, str], ...]:
    """Return from which keys the values of the file of `task` came; nothing for a seed of our own."""
    (path,), manner = task.paths, task.manner
    if manner is None or root_of(manner.roots, path).is_plain_native:
        return ()
    from aggregator.normalizer.dialects.reading import origins  # noqa: PLC0415 - few need it

    (file,) = reader((path,), MAX_SEED)
    if file is None or file.data is None:
        return ()
    return origins(
        file.data, path=path, root=root_of(manner.roots, path), zone=task.zone, site=manner.site,
        first_commit=manner.first_commit,
    )  # fmt: skip


def _named(config: Config, target: str) -> Iterator[Explanation | str]:
    """Yield the paths of the seeds that `target` names as a file, or why no build reads that file.

    In a store, only names that end like a seed's are paths, with or without the store's URL before them.
    """
    is_found = False
    for root, candidate in _candidates(config, target):
        if reason := _why_unread(root, candidate):
            is_found = True
            yield reason
        elif path := _below(root.folder, candidate):
            is_found = True
            yield root.prefix + path
    for root in () if is_found else _first_named(config, target):
        if is_url(root.folder):
            path = target.removeprefix(f"{root.folder}/").removeprefix(root.prefix)
            if path.endswith(SUFFIXES) and not is_url(path):
                yield root.prefix + path


def _why_unread(root: SeedRoot, candidate: str) -> Explanation | None:
    """Return why no build reads the file `candidate`; None if builds read it, or it does not lie in the root."""
    selection = selection_of(root)
    for folder in (root.folder, os.path.realpath(root.folder)):
        path = os.path.relpath(candidate, folder)
        if not path.startswith("../") and (reason := why_not_read(folder, path, selection, root.prefix)):
            return Explanation(f"{printable(root.prefix + path)}: not read: {reason}")
    return None


def _candidates(config: Config, target: str) -> Iterator[tuple[SeedRoot, str]]:
    """Yield the files that `target` may mean, with the root in which each would lie.

    It is a seed's path, which begins with the name of a root, as messages have it; or it is relative to here, or to the
    folder of a root.
    """
    roots = [root for root in config.seeds if not is_url(root.folder)]
    by_name = [
        (root, os.path.join(root.folder, target.removeprefix(root.prefix)))
        for root in roots
        if root.prefix and target.startswith(root.prefix)
    ]
    here = [(root, os.path.abspath(target)) for root in roots]
    below = [(root, os.path.join(root.folder, target)) for root in roots]
    for root, candidate in (*by_name, *here, *below):
        if os.path.lexists(candidate) and not os.path.isdir(candidate):
            yield root, candidate


def _first_named(config: Config, target: str) -> list[SeedRoot]:
    """Return the roots, first those with whose name `target` begins."""
    return sorted(config.seeds, key=lambda root: not (root.prefix and target.startswith(root.prefix)))


def like(config: Config, target: str) -> str:
    """Return the path of a file of a root that `target`, which names none, may have meant, or ""."""
    from aggregator.config.yaml.decoding import nearest  # noqa: PLC0415 - difflib, only if something is wrong

    folder, name = os.path.split(target)
    for root in () if is_url(target) or "\0" in target else config.seeds:
        inner = f"{folder}/".removeprefix(root.prefix).rstrip("/") if root.prefix else folder
        for place in (os.path.abspath(folder), os.path.join(root.folder, folder), os.path.join(root.folder, inner)):
            path = _below(root.folder, os.path.join(place, name)) if os.path.isdir(place) else ""
            names = [one for one in os.listdir(place) if not one.startswith(".")] if path else []
            known = {_DAY.sub("", one): one for one in sorted(names)} | {one: one for one in names}
            if meant := known.get(nearest(name, known)):
                return printable(os.path.join(folder, meant))
    return ""


def _below(seeds: str, candidate: str) -> str:
    """Return the path of a file relative to the seeds folder, "" if it is not in there."""
    here = os.path.dirname(candidate)
    for folder, start in ((here, seeds), (os.path.realpath(here), os.path.realpath(seeds))):
        path = os.path.relpath(folder, start)
        if path != ".." and not path.startswith("../"):
            return os.path.normpath(os.path.join(path, os.path.basename(candidate)))
    return ""


def _paths_of(config: Config, index: Index | None, target: str) -> list[str]:
    """Return the paths of the seeds of the item with a link or an id, also of seeds that are held back.

    `target` may also be the path of a known file that cannot be seen now: deleted, or in a folder without access.
    """
    if index is None:
        return []
    keys = [f"id:{index.stories.by_public_id(target) or target}"]
    with suppress(ValueError):  # then it is an id
        keys.append(links.alias(links.canonical(target)))
    known = index.stories.by_key([identity.key_number(key) for key in keys])
    page = index.item_pages.story_of(page_at(target, config.site.url))
    story = page or next(iter(known.values()), None) or index.stories.by_id(target)
    paths = [row.path for row in index.files.where("story=? ORDER BY path", (story,))] if story is not None else []
    if paths:
        return paths
    here = [] if is_url(target) else [root for root in config.seeds if not is_url(root.folder)]
    unseen = [root.prefix + path for root in here if (path := _below(root.folder, os.path.abspath(target)))]
    in_index = index.files.by_path([target, *unseen])
    return list(in_index) or [
        path for path, packed in index.files.all_seeds() if set(keys) & set(identity.keys(unpack_seed(packed)))
    ]


class _Case:
    """A seed to explain: its content now, and what the index has of it."""

    def __init__(  # noqa: PLR0917 - as `explain` has them
        self, config: Config, index: Index | None, outcome: Outcome, row: FileRow | None, now: int,
        policy: Policy,
    ) -> None:  # fmt: skip
        self._config, self._index, self._outcome, self._row, self._now = config, index, outcome, row, now
        self._policy = policy
        self._seed = unpack_seed(outcome.seed) if outcome.seed else None

    def explanation(self) -> Explanation:
        answer = self._answer()
        return answer._replace(checks=self._checks())

    def _checks(self) -> tuple[Check, ...]:
        """Return the rules that the file passes now, up to the one that it fails."""
        outcome = self._outcome
        if outcome.gone:
            return ()
        if outcome.seed is None:
            first = outcome.problems[0]
            at = f"line {first.line}, column {first.column}: " if first.line else ""
            return chain(outcome.rule, f"{at}{first.message}", None, self._config.rules)
        if outcome.rule:
            return chain(outcome.rule, outcome.detail, None, self._config.rules)
        assert outcome.verdict is not None
        assert self._seed is not None
        verdict = unpack_verdict(outcome.verdict)
        failed, reason = self._hidden_by(verdict)
        # What passes is told only of what is published.
        seed = rules.effective_seed(self._seed, verdict) if self._current() and not failed else None
        return chain(failed, reason, seed, self._config.rules, starts=verdict.starts, ends=verdict.ends)

    def _hidden_by(self, verdict: Verdict) -> tuple[str, str]:
        """Return what hides an accepted seed now, time or another seed, and how; "" if nothing does."""
        if verdict.starts > self._now:
            return "embargo", f"it appears at {utc_time(verdict.starts)}"
        if verdict.ends <= self._now:
            return "expired", self._ended(verdict)
        row = self._row
        if self._index is None or row is None or row.story is None or row.digest != self._outcome.digest:
            return "", ""
        return ("", "") if self._current() else self._shown_instead(row)

    def _answer(self) -> Explanation:
        path, outcome, row = self._outcome.path, self._outcome, self._row
        if outcome.gone:
            return Explanation(f"{path}: the file is gone; the next build takes its item out of the feeds")
        if outcome.seed is None:
            return self._broken()
        assert outcome.verdict is not None
        assert self._seed is not None
        if outcome.rule:
            return Explanation(f"{path}: in no feed: {outcome.detail} (rule: {outcome.rule})", self._pending())
        verdict = unpack_verdict(outcome.verdict)
        if row is None or row.verdict is None or row.digest != outcome.digest or self._index is None:
            return Explanation(f"{path}: {self._not_built(verdict)}", self._facts(verdict), is_private=True)
        return self._known(row, verdict)

    def _not_built(self, verdict: Verdict) -> str:
        """Describe what the next build will do with an accepted seed that none has seen as it is now."""
        current = [slug for slug, _ in self._current()]
        if verdict.ends <= self._now:
            over = f"in {', '.join(current)} until the next build" if current else "in no feed"
            return f"{over}: {self._ended(verdict)}"
        named = {slug for slug, _ in verdict.names}  # of which nobody knows yet whether they have enough items
        feeds = [(slug, ends) for slug, ends in verdict.feeds if slug not in named]
        slugs = ", ".join(slug for slug, ends in feeds if max(self._now, verdict.starts) < ends)
        if verdict.starts > self._now:
            return f"in {slugs} from {utc_time(verdict.starts)}, once the next build has seen it"
        return f"in {slugs} from the next build on"

    def _current(self) -> list[tuple[str, int]]:
        """Return the feeds that hold the item now, after the last build: pairs of slug and number."""
        if self._index is None or self._row is None or not self._row.entries:
            return []
        rows = self._index.feeds.by_slug().values()
        left = not_published(self._index, self._config.feed, rows, self._now, compare_all=False)
        slugs = {feed.feed: feed.slug for feed in rows if feed.feed not in left}
        windows = unpack_entries(self._row.entries)[3]
        return [(slugs[feed], feed) for feed, starts, ends in windows if feed in slugs and starts <= self._now < ends]

    def _broken(self) -> Explanation:
        path, outcome, row = self._outcome.path, self._outcome, self._row
        if self._current():
            headline = "cannot be read now, so its last good version stays in its feeds"
            if outcome.withdrawn:
                headline = "cannot be read now, but says that it is withdrawn; the next build takes its item out"
        elif row is not None and row.stale and not outcome.withdrawn:
            headline = f"cannot be read now, and its last good version is {self._last_good_not_shown(row)}"
        else:
            headline = f"in no feed: {outcome.problems[0].message} (rule: {outcome.rule})"
        return Explanation(f"{path}: {headline}", tuple(map(str, outcome.problems)))

    def _last_good_not_shown(self, row: FileRow) -> str:
        assert self._index is not None
        if row.rule or row.verdict is None:
            return f"in no feed: {row.detail} (rule: {row.rule})"
        self._seed = unpack_seed(verified(self._index.files.seeds([row.file])[row.file], row.content))
        return self._not_now(row, unpack_verdict(row.verdict))

    def _known(self, row: FileRow, verdict: Verdict) -> Explanation:
        """Explain an accepted seed that the last build has seen as it is now."""
        assert self._index is not None
        current = self._current()
        if not current:
            facts = (*self._facts(verdict), *self._duplicates(), *self._beside(verdict))
            return Explanation(f"{row.path}: {self._not_now(row, verdict)}", facts, is_private=True)
        beyond = self._beyond_limit(row, [feed for _, feed in current])
        pending = self._not_rendered(beyond)
        visible_in = [slug for slug, _ in current if slug not in beyond]
        pages = self._pages(row, current)
        lines = (f"archive: {', '.join(f'{slug} {folder}' for slug, folder in pages)}",) if pages else ()
        own = () if self._page(verdict) in {verdict.link, self._link(verdict)} else (f"page: {self._page(verdict)}",)
        count = f"in {quantity(len(visible_in), 'feed')}: {', '.join(visible_in)}" if visible_in else "in no feed"
        if pages and not visible_in:
            count = f"only in the archive of {', '.join(slug for slug, _ in current)}"
        stale = " (its last good version)" if row.stale else ""
        soon = [f"in {', '.join(pending)} from the next build on"] if pending else []
        limits = [
            f"not in {slug}: {_come(position, 'better' if is_ranked(self._policy, slug) else 'newer')} before it,"
            f" and the feed ends after {length}"
            for slug, (position, length) in beyond.items()
            if slug not in pending
        ]
        if soon and not visible_in:
            count = soon.pop()
        tail = f"; {limits[0]}" if limits and not (visible_in or pending) else ""
        short = (SHORTENED,) if visible_in and self._is_long(row) else ()
        linked = self._linked(verdict, visible_in, pages, *lines)
        return Explanation(
            f"{row.path}: {count}{stale}{tail}",
            (*self._facts(verdict), *self._duplicates(), *self._beside(verdict), *lines, *own, *soon, *limits, *short),
            facts=linked,
        )

    def _linked(
        self, verdict: Verdict, visible_in: Sequence[str], pages: Sequence[tuple[str, str]], archive: str = ""
    ) -> tuple[Fact, ...]:
        """Return what is known of a visible item, with links to its feeds, its months and the item."""
        months = tuple((f"{slug} {folder}", f"{slug}/{ARCHIVE}/{folder}/") for slug, folder in pages)
        page, link = self._page(verdict), self._link(verdict)
        found = [
            Fact("Feeds", tuple((slug, f"{slug}/") for slug in visible_in)),
            Fact("Months", months, archive),
            Fact("Item", ((link, link),), f"link: {link}"),
            *([Fact("Page", ((page, page),), f"page: {page}")] if page != link else ()),
            Fact("Published", ((utc_time(verdict.published), ""),), f"published: {utc_time(verdict.published)}"),
        ]
        if self._now < verdict.ends < FOREVER:
            found.append(Fact("Leaves", ((utc_time(verdict.ends), ""),), self._leaves(verdict)))
        found.append(Fact("Id", ((self._id(), ""),), f"id: {self._id()}"))
        return tuple(one for one in found if one.values)

    def _page(self, verdict: Verdict) -> str:
        """Return the URL of the item's own page, its link if it has none."""
        site, wanted = self._config.site, self._config.pages.items
        if wanted == "none" or (wanted == "own" and not is_own(verdict.link, site.url)):
            return verdict.link
        return site.address(page_name(self._id(), verdict.link, verdict.published, site.url))

    def _link(self, verdict: Verdict) -> str:
        """Return the item's link: its own page, if its seed has no other."""
        is_told = self._index is not None and self._row is not None and self._row.story is not None
        return self._page(verdict) if is_told and is_own(verdict.link, self._config.site.url) else verdict.link

    def _id(self) -> str:
        assert self._index is not None
        assert self._row is not None
        assert self._row.story is not None
        own = self._index.stories.get([self._row.story])[self._row.story].id
        return self._index.stories.public_id(own)

    def _leaves(self, verdict: Verdict) -> str:
        return f"leaves at {utc_time(verdict.ends)}, in {in_words(verdict.ends - self._now)}"

    def _is_long(self, row: FileRow) -> bool:
        """Return whether feeds show only its summary, since it would leave too little room for others."""
        from aggregator.renderer import json_feed  # noqa: PLC0415 - loaded when there is something to render

        max_bytes = self._config.feed.max_bytes
        if max_bytes is None or self._outcome.seed is None or row.verdict is None:
            return False
        seed, verdict = unpack_seed(self._outcome.seed), unpack_verdict(row.verdict)
        item = prepare(seed, verdict, "", DisplaySettings.of(self._config), self._now)
        return json_feed.is_long(item, self._config.site, max_bytes)

    def _pages(self, row: FileRow, current: Sequence[tuple[str, int]]) -> list[tuple[str, str]]:
        """Return the archive pages with the item, if there are archives: pairs of a feed's slug and a folder."""
        assert self._index is not None
        if not self._config.feed.archives:
            return []
        sort, _, tie, _ = unpack_entries(row.entries or b"")
        month, cell = month_of(-sort), cell_of(-sort, tie)
        pages = [(slug, self._index.archive_pages.folder_with(feed, month, cell)) for slug, feed in current]
        return [(slug, folder) for slug, folder in pages if folder]

    def _not_now(self, row: FileRow, verdict: Verdict) -> str:
        if verdict.starts > self._now:
            return (
                f"in no feed yet: it appears at {utc_time(verdict.starts)}, in {in_words(verdict.starts - self._now)}"
            )
        if verdict.ends <= self._now:
            return f"in no feed any more: {self._ended(verdict)}"
        rule, reason = self._shown_instead(row)
        return f"in no feed: {reason} (rule: {rule})"

    def _shown_instead(self, row: FileRow) -> tuple[str, str]:
        """Return by which rule another seed or item is shown instead of an accepted seed, and which."""
        assert self._index is not None
        if self._index.coverage.hidden([row.file]):
            from aggregator.site.explain_stories import best_path  # noqa: PLC0415 - few sites look for stories

            return "story", f"{best_path(self._index, row, self._now)} is shown instead"
        rule = "copy" if self._index.copies.originals([row.file]) else "duplicate"
        return rule, f"{self._stands_for_it(row)} is shown instead"

    def _duplicates(self) -> tuple[str, ...]:
        """Return a line that names the other seeds of the item, if it is shown now or could be."""
        assert self._index is not None
        row = self._row
        if row is None or row.story is None:
            return ()
        rows = self._index.files.where("story=? AND path!=? ORDER BY path", (row.story, row.path))
        copies = {one.file for one, _ in self._copies_now()}
        others = [one for one in rows if one.file not in copies and self._is_open(one)]
        if not others:
            return ()
        named = ", ".join(one.path for one in others[:3]) + (" …" if len(others) > 3 else "")
        return (f"the same item as {named}: one link, or a copy of it ({BOTH_HINT})",)

    def _is_open(self, row: FileRow) -> bool:
        return row.starts is not None and row.starts <= self._now < (row.ends or 0)

    def _copies_now(self) -> list[tuple[FileRow, int]]:
        """Return what the seed is a copy of, else its copies, whose windows are open, each with the share of runs."""
        index, row = self._index, self._row
        if index is None or row is None or index.copies.is_empty():
            return []
        original = index.copies.originals([row.file]).get(row.file)
        files = index.copies.copies_of([row.file])[row.file] if original is None else [original]
        shares = index.copies.alike([row.file])[row.file]
        found = [(one, shares.get(file, 0)) for file in files for one in index.files.where("file=?", (file,))]
        return [(one, share) for one, share in found if self._is_open(one)]

    def _copies(self, verdict: Verdict) -> tuple[str, ...]:
        """Return a line for each of a few copies, with the evidence."""
        assert self._index is not None
        assert self._row is not None
        is_copy = bool(self._index.copies.originals([self._row.file]))
        found = self._copies_now()
        lines = [
            f"{'copy of ' if is_copy else 'its copy '}{one.path}: {share // 10} % of 3-word runs,"
            f" {than_this_one(unpack_verdict(one.verdict).published - verdict.published)}"
            for one, share in found[:MOST_COPIES]
        ]
        more = (f"and {len(found) - MOST_COPIES} more copies",) if len(found) > MOST_COPIES else ()
        return (*lines, *more)

    def _beside(self, verdict: Verdict) -> tuple[str, ...]:
        """Return a line for each of a few copies, and of other texts on its event, with the evidence."""
        index, row = self._index, self._row
        copies = self._copies(verdict)
        if index is None or row is None or index.coverage.is_empty():
            return copies
        from aggregator.site.explain_stories import story_lines  # noqa: PLC0415 - few sites look for stories

        return (*copies, *story_lines(index, row, self._now))

    def _ended(self, verdict: Verdict) -> str:
        max_age = self._config.rules.max_age
        by_age = max_age is not None and verdict.published + max_age == verdict.ends
        by_seed = self._seed is not None and self._seed.expires == verdict.ends
        why = "expires" if by_seed else "max_age" if by_age else "an age in `allow` or `block`"
        return f"its time ended at {utc_time(verdict.ends)} (rule: window, {why})"

    def _stands_for_it(self, row: FileRow) -> str:
        assert self._index is not None
        for one in self._index.files.where("story=? AND shown IS NOT NULL ORDER BY path", (row.story,)):
            if is_in_feeds(one.entries, self._now):
                return one.path
        return "another seed"

    def _beyond_limit(self, row: FileRow, feeds: Sequence[int]) -> dict[str, tuple[int, int]]:
        """Return the feeds that hold the item but end before it, with its position and their length."""
        assert self._index is not None
        sort, worst, _, _ = unpack_entries(row.entries or b"")
        counts = {one.spec.slug: one.count for one in Catalog(self._config, self._index).summaries()}
        found = {}
        for slug, feed in self._index.feeds.by_slug().items():
            if feed.feed in feeds and is_ranked(self._policy, slug):
                position = self._rank(row.file, feed.feed)
            else:
                position = (
                    self._index.feeds.position(feed.feed, (sort, worst, row.path), self._now)
                    if feed.feed in feeds
                    else -1
                )
            if position >= counts.get(slug, 0):
                found[slug] = (position, counts.get(slug, 0))
        return found

    def _not_rendered(self, beyond: Mapping[str, tuple[int, int]]) -> list[str]:
        """Return those of the feeds that end before the item only because it came after they were rendered last."""
        assert self._index is not None
        limit, rows = self._config.feed.limit, self._index.feeds.by_slug()
        return [
            slug
            for slug, (position, _) in beyond.items()
            if rows[slug].dirty == CHANGED and (limit is None or position < limit)
        ]

    def _rank(self, file: int, feed: int) -> int:
        """Return how many items come before a file in a feed that is sorted by score."""
        assert self._index is not None
        newest = self._index.feeds.visible(feed, self._now, MOST_RANKED)
        order = [one.file for one in ranked(self._index, self._policy, newest)]
        return order.index(file) if file in order else MOST_RANKED

    def _facts(self, verdict: Verdict) -> tuple[str, ...]:
        facts = [f"link: {self._link(verdict)}", f"published: {utc_time(verdict.published)}"]
        if self._index is not None and self._row is not None and self._row.story is not None:
            facts.insert(0, f"id: {self._id()}")
        if verdict.stand_in >= 0 and self._seed is not None:
            other = self._seed.related[verdict.stand_in]
            facts.append(f"a related item stands in for it, because {verdict.detail}: {other.title}")
        if self._now < verdict.ends < FOREVER:
            facts.append(self._leaves(verdict))
        return (*facts, *self._score(verdict), *self._queries(verdict), *self._pending())

    def _score(self, verdict: Verdict) -> tuple[str, ...]:
        """Return a line with the terms of the score, if feeds may be sorted by it."""
        if self._seed is None or self._policy.score == Score():
            return ()
        from aggregator.normalizer import scores  # noqa: PLC0415 - few sites have scores

        # The index alone knows what is listed with it.
        known = unpack_verdict(self._row.verdict) if self._row is not None and self._row.verdict else verdict
        beside = (*known.copies, *known.coverage)
        found = scores.all_terms(rules.effective_seed(self._seed, verdict), self._policy.score, self._now, beside)
        added = " ".join(f"{points:+} {name}" for name, points in found)
        return (f"score: {sum(points for _, points in found)} = {added or '0'}",)

    def _queries(self, verdict: Verdict) -> list[str]:
        """Return a line for each feed by query that does not hold the item, or loses it before the others do."""
        assert self._seed is not None
        acting: Seed = rules.effective_seed(self._seed, verdict)
        windows = dict(verdict.feeds)
        path, policy = self._outcome.path, self._policy
        reasons = ((one, rules.unmet_query(acting, one, windows, policy, path)) for one in policy.queries)
        found = [
            f"not in {query.slug}: {reason}" if reason else self._by_age(query, verdict, windows[query.slug])
            for query, reason in reasons
        ]
        return [one for one in found if one]

    def _by_age(self, query: Query, verdict: Verdict, ends: int) -> str:
        """Return when an item that answers a query becomes too old for it, "" if it stays as long as elsewhere."""
        if ends == verdict.ends:
            return ""
        if ends <= max(self._now, verdict.starts):
            age = query.where.max_age
            by_max_age = age is not None and ends == verdict.published + age
            why = f"older than {_span(age)}" if by_max_age and age is not None else "too old for its `where`"
            return f"not in {query.slug}: {why} since {utc_time(ends)}"
        return f"leaves {query.slug} at {utc_time(ends)}, in {in_words(ends - self._now)}"

    def _pending(self) -> tuple[str, ...]:
        notes = [str(problem) for problem in self._outcome.problems]
        if self._row is None:
            notes.append("no build has seen this file yet")
        elif self._row.digest != self._outcome.digest:
            notes.append("the file has changed since the last build")
        return tuple(notes)


def _come(count: int, what: str) -> str:
    return f"{quantity(count, f'{what} item')} {'comes' if count == 1 else 'come'}"


def _span(seconds: int) -> str:
    """Return a duration as the config writes it: `3d`."""
    size, unit = next(one for one in ((86_400, "d"), (3_600, "h"), (60, "m"), (1, "s")) if seconds % one[0] == 0)
    return f"{seconds // size}{unit}"

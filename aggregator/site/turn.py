"""One turn: from changed files to published documents, in order.

Reads seeds, updates the index and publishes. What a seed is and which feeds show it is decided in the normalizer, what
a feed looks like in the renderer.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

import msgspec

from aggregator.config.settings import Config
from aggregator.index.intake import Intake
from aggregator.model.document_names import FEED_DOCUMENTS
from aggregator.model.feeds import SITE_FEED
from aggregator.model.reports import FeedReport, PastTurn, Turn
from aggregator.model.seed_roots import SeedRoot, manner_of
from aggregator.normalizer.counted_problems import is_page, unknown_key_warnings, with_pages_counted
from aggregator.normalizer.reading_version import READING_VERSION
from aggregator.normalizer.rules import Policy
from aggregator.normalizer.stored import is_in_feeds, unpack_outcomes, unpack_problems
from aggregator.normalizer.topic_slugs import Row, Separation
from aggregator.site import named_feeds, render_jobs
from aggregator.site.catalog import separation_notes
from aggregator.site.display_settings import digest
from aggregator.site.foreign_files import ForeignFiles
from aggregator.site.publishing import Publishing
from aggregator.site.scanning import Changes
from aggregator.site.stopwatch import Stopwatch
from aggregator.site.workers import Workers, in_order
from aggregator.watcher.media_files import measure_in

if TYPE_CHECKING:
    from aggregator.normalizer.reading import Task
    from aggregator.site.site import Site

NO_WORDS = "none"
"""Stands for the version of the words that are searched if SQLite cannot keep any."""

BATCH = 250
"""How many files are read together."""


def take_turn(site: Site, changes: Changes, *, now: int, watch: Stopwatch) -> Turn:
    """Bring index and published documents up to date with what changed, and with what is due at `now`.

    Args:
        site: the site, held.
        changes: what a scan found. After a full scan it is also checked whether somebody else changed documents.
        now: seconds since 1970.
        watch: began with the scan.
    """
    with site.workers() as workers:
        with watch.of("intake"):
            intake = update_index(site, changes, workers, now=now, watch=watch)
        published = publish(site, workers, now=now, watch=watch, trust_disk=not changes.is_full_scan)
    is_edit = not changes.is_full_scan and (changes.read or changes.gone)
    if not (published.failed or is_edit):  # an edit does not wait for what is known of thousands of sources
        _publish_sources(site, published, now=now, is_full=changes.is_full_scan)
    if site.search is not None:
        stories = None if changes.is_full_scan else intake.stories
        published.failed += site.search.after_turn(stories, now, former_ids=intake.former_ids)
    turn = _report(site, changes, intake, published, now=now, watch=watch)
    events = intake.events()
    if turn.read or turn.removed or turn.written or turn.failed or events:
        site.history.add(
            PastTurn(now=now, seconds=turn.seconds, read=turn.read, written=len(turn.written), events=events)
        )
    return turn


def update_index(site: Site, changes: Changes, workers: Workers, *, now: int, watch: Stopwatch) -> Intake:
    """Bring the index up to date with what changed, in one transaction; `workers` read and parse."""
    policy, names = site.catalog.policy, site.catalog.names
    site.index.files.changed = set() if site.config.pages.search == "daemon" else None
    with site.index.transaction():
        intake = _intake(site, now)
        intake.remove(changes.gone)
        if site.index.meta("policy") not in {None, digest(policy)}:
            intake.reapply_rules()
        intake.touch_due()  # before any file is read: one with the same content in other words is due all the same
        if changes.read:
            _read(site, changes, intake, workers, now=now, watch=watch)
        workers.prepare(render_jobs.load)
        intake.finish()
        if intake.topics_changed or changes.is_full_scan:
            site.catalog.names_changed()
        if intake.topics_changed:
            _separate_topics(site, intake, names, now=now)
            policy = site.catalog.policy
        for slug in configured_feeds(site):
            site.index.feeds.add(slug, announced=True)
        site.index.set_meta("policy", digest(policy))
        _keep_words(site)
        if changes.is_full_scan:
            _remember_reading(site)
            site.scanner.remember_heads()
    return intake


def _intake(site: Site, now: int) -> Intake:
    return Intake(
        site.index, policy=site.catalog.policy, now=now, settings=site.config.feed, keepalive=site.progress.tick,
        item_pages=site.config.pages.items, site=site.config.site.url,
    )  # fmt: skip


def _keep_words(site: Site) -> None:
    """Bring the words that everybody may search up to date with the seeds, or remove them if nobody may."""
    index, changed = site.index, site.index.files.changed
    known = index.meta("words")
    if changed is None:
        if known:
            index.words.remove()
            index.set_meta("words", "")
        return
    from aggregator.normalizer import searched  # noqa: PLC0415 - few sites are searched

    if known == searched.VERSION:
        index.words.replace(changed, searched.words_of_seed)
    elif known != NO_WORDS:
        index.set_meta("words", searched.VERSION if index.words.fill(searched.words_of_seed) else NO_WORDS)


def _separate_topics(site: Site, intake: Intake, before: Sequence[Row], *, now: int) -> None:
    """Give topic names that share a slug different ones, and decide again upon every seed with these."""
    separated: list[Separation] = []
    # A name's second slug may be another name's, its last one is not.
    while found := site.catalog.separate_topics(before):
        separated += found
        again = _intake(site, now)
        again.reapply_rules()
        again.finish()
        site.catalog.names_changed()
    intake.notes += separation_notes(separated)


def _read(site: Site, changes: Changes, intake: Intake, workers: Workers, *, now: int, watch: Stopwatch) -> None:
    from aggregator.normalizer.reading import read_batch  # noqa: PLC0415 - most builds have nothing to read

    make = task_maker(site.config, site.catalog.policy, now=now)
    again = tuple(roots_to_reread(site))

    def digests(paths: tuple[str, ...]) -> tuple[bytes, ...]:
        known = site.index.files.digests(paths) if again != ("",) else {}
        return tuple(b"" if again and path.startswith(again) else known.get(path, b"") for path in paths)

    tasks = (make(paths, digests(paths)) for paths in batches(changes.read))
    read = in_order(workers.executor(len(changes.read)), partial(read_batch, site.reader()), tasks)
    done = 0
    for packed in watch.during("read", read):
        batch = unpack_outcomes(packed)
        intake.add(batch)
        done += len(batch)
        site.progress.tick()
        site.progress.files_read(done, len(changes.read))


def publish(site: Site, workers: Workers, *, now: int, watch: Stopwatch, trust_disk: bool) -> Publishing:
    """Publish what must be published, and return what was."""
    publishing = Publishing(
        site.catalog, site.items, site.writer, watch=watch, progress=site.progress, adopt=site.adopt
    )  # fmt: skip
    publishing.publish(workers, now, trust_disk=trust_disk)
    return publishing


def _publish_sources(site: Site, publishing: Publishing, *, now: int, is_full: bool) -> None:
    page = site.sources_page
    if page is not None:
        publishing.written += page.publish(now, is_full=is_full, adopt=site.adopt)
        publishing.failed += page.failed
    elif is_full and site.index.meta("sources"):
        from aggregator.site.sources_page import remove  # noqa: PLC0415 - only after sources were given up

        remove(site.index, site.writer)


def _report(
    site: Site, changes: Changes, intake: Intake, published: Publishing, *, now: int, watch: Stopwatch
) -> Turn:  # fmt: skip
    due = site.index.next_due()
    return Turn(
        now=now,
        seconds=watch.elapsed(),
        read=len(changes.read),
        added=intake.added,
        changed=intake.changed,
        removed=intake.removed,
        rendered=len(published.rendered),
        written=tuple(published.written),
        failed=tuple(published.failed),
        doubted=site.scanner.doubted if changes.is_full_scan else (),
        doubt="" if changes.is_full_scan or not published.is_foreign else "somebody else changed published documents",
        notes=(*site.items.notes, *intake.notes),
        problems=(
            *with_pages_counted(intake.problems, site.config.seeds),
            *unknown_key_warnings(intake.unknown),
        ),
        due=due and due[0],
        unfinished=published.is_unfinished,
        stages=watch.seconds,
    )


def task_maker(config: Config, policy: Policy, *, now: int) -> Callable[[tuple[str, ...], tuple[bytes, ...]], Task]:
    """Return the function that makes the task of reading seeds of `config` from their paths and known digests."""
    from aggregator.normalizer.reading import RootReading, Task  # noqa: PLC0415 - most builds have nothing to read

    make = partial(
        Task, policy=policy, zone=config.timezone, now=now, measure=measure_in(config.seeds),
        site=site_of_own_pages(config), roots=config.seeds,
    )  # fmt: skip
    if all(root.is_plain_native for root in config.seeds):
        return make
    from aggregator.watcher.commits import first_commits  # noqa: PLC0415 - only other dialects need it
    from aggregator.watcher.section_files import section_files  # noqa: PLC0415 - likewise

    turn = int.from_bytes(os.urandom(8))  # not `now`: within a second there may be another commit and another turn
    commits, sections = first_commits(config.seeds, turn=turn), section_files(config.seeds, turn=turn)
    return partial(make, manner=RootReading(config.seeds, config.site.url, commits, sections))


# -- before and after


def roots_to_reread(site: Site) -> frozenset[str]:
    """Return the prefixes of the roots whose files must all be read again.

    That is after another version, if dates without an offset moved, and if the config now says otherwise how to read
    them.
    """
    stored = _stored_reading(site)
    roots = site.scanner.seeds.roots
    return frozenset(root.prefix for root in roots if stored and stored.get(root.name) != _reading(site, root))


def _stored_reading(site: Site) -> dict[str, str]:
    """Return how the known files of each root were read, by its name."""
    stored: str | None = site.index.meta("reading")
    if stored is None or stored.startswith("{"):
        return msgspec.json.decode(stored or "{}", type=dict[str, str])
    return {"": stored}


def _remember_reading(site: Site) -> None:
    """Store how the files were read that a full scan found; of a root that it could not read, how they were before."""
    before = _stored_reading(site)
    now = {root.name: _reading(site, root) for root in site.scanner.seeds.roots}
    for root in site.scanner.seeds.roots:
        if root.prefix in site.scanner.unread and root.name in before:
            now[root.name] = before[root.name]
    site.index.set_meta("reading", now[""] if now.keys() == {""} else msgspec.json.encode(now).decode())


def site_of_own_pages(config: Config) -> str:
    """Return the URL of the site on which a seed without a link gets a page, "" if it gets none."""
    return "" if config.pages.items == "none" else config.site.url


def _reading(site: Site, root: SeedRoot) -> str:
    own = site_of_own_pages(site.config)
    reading = f"{site.catalog.settings.version} {READING_VERSION} {site.config.timezone}{own and f' {own}'}"
    if root.is_plain_native:
        return reading
    manner = manner_of(root, site.scanner.seeds.roots, site.config.site.url)
    if held := site.scanner.held_folders.get(root.prefix):
        manner = (*manner, held)
    encoded = msgspec.json.encode(manner, order="deterministic")
    return f"{reading} {hashlib.blake2b(encoded, digest_size=8).hexdigest()}"


def start_over(site: Site, now: int) -> None:
    """Empty the index of all that can be made again.

    What readers see at `now` stays as last good versions, and counts as withdrawn until it is shown again.

    Raises:
        sqlite3.DatabaseError: if a row is damaged, which must not be copied.
    """

    def remember() -> None:
        site.index.files.put_visible_as_last_good(now)
        if site.config.feed.tombstones:
            site.index.withdrawn.add_everything(now, site.config.feed.tombstones)

    if not site.index.filling:
        site.index.check_rows()
    site.index.start_over(remember)


def prune(site: Site, turn: Turn) -> Turn:
    """Remove feeds that the config does not name, if they hold no item, or too few for a feed by name.

    Returns the report with what that changed.
    """
    wanted = configured_feeds(site)
    removed = []
    foreign = ForeignFiles(site.index, site.writer, location=site.config.feeds, adopt=site.adopt)
    qualified = named_feeds.qualified(site.index, site.config.feed, turn.now)
    for row in site.index.feeds.by_slug().values():
        names = [f"{row.slug}/{name}" for name in FEED_DOCUMENTS]
        if row.slug not in wanted and site.index.feeds.is_empty(row.feed):
            if not row.file_identity and foreign.among(names):
                continue
            site.writer.remove(names)
            site.index.feeds.delete(row.feed)
            removed.append(row.slug)
        elif (
            row.summary is not None and row.feed not in qualified and named_feeds.prefix_of(row.slug, site.config.feed)
        ):
            site.writer.remove(names)
            site.index.feeds.unpublish(row.feed)
            removed.append(row.slug)
    if not removed:
        return turn
    with site.workers() as workers:
        published = publish(site, workers, now=turn.now, watch=Stopwatch(turn.stages), trust_disk=False)
    written, failed = (*turn.written, *published.written), (*turn.failed, *published.failed)
    return msgspec.structs.replace(turn, pruned=tuple(removed), written=written, failed=failed)


def full_report(site: Site, turn: Turn) -> Turn:
    """Return a turn's report with the state of the whole site after it."""
    index, catalog = site.index, site.catalog
    # Each problem once: what this turn found is stored by now, unless it concerns no single file.
    problems = dict.fromkeys(problem for _, _, packed in index.files.problems() for problem in unpack_problems(packed))
    problems.update(dict.fromkeys(one for one in turn.problems if not is_page(one)))
    changed = {name.partition("/")[0] for name in turn.written}
    feeds = tuple(
        FeedReport(slug=one.spec.slug, title=one.spec.title, items=one.count, changed=one.spec.slug in changed)
        for one in catalog.summaries()
    )
    return msgspec.structs.replace(
        turn,
        items=index.overview.count_items(turn.now),
        feeds=feeds,
        held={**index.overview.held(), **index.overview.waiting(turn.now)},
        stale=tuple(path for path, shown in index.overview.stale() if is_in_feeds(shown, turn.now)),
        problems=tuple(with_pages_counted(problems, site.config.seeds)),
        notes=tuple(dict.fromkeys(turn.notes)),
    )


def configured_feeds(site: Site) -> tuple[str, ...]:
    """Return the slugs of the feeds that exist whatever they hold."""
    return (SITE_FEED, *(query.slug for query in site.config.feeds_by_query))


def batches(paths: Iterable[str]) -> Iterator[tuple[str, ...]]:
    """Cut paths into the batches that are read together."""
    rest = iter(paths)
    while batch := tuple(islice(rest, BATCH)):
        yield batch

"""Files read to their outcomes: parsed, cleaned and decided upon, a few at a time, in this process or another.

`read_batch` runs wherever the executor puts it, and is pure except for the reader it is given. What it returns is small
enough to be passed between processes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import chain
from typing import NamedTuple

import msgspec

from aggregator.model.errors import cause_of
from aggregator.model.items import FOREVER, Rejection, Seed
from aggregator.model.reports import Problem
from aggregator.model.seed_files import NO_KEY, ReadSeeds, SeedFile
from aggregator.model.seed_roots import FirstCommit, SectionFile, SeedRoot, key_meant_by, paths_meant, root_of
from aggregator.model.seed_text import is_of_others
from aggregator.normalizer import enclosures, identity, rules
from aggregator.normalizer import seed as seeds
from aggregator.normalizer.front_matter import MAX_SEED
from aggregator.normalizer.key_positions import key_positions
from aggregator.normalizer.lenient import STATE_KEYS
from aggregator.normalizer.raw import KEYS
from aggregator.normalizer.remarks import NO_DATE
from aggregator.normalizer.rules import Policy, Verdict
from aggregator.normalizer.stored import Draft, Key, Outcome, SeedPosition, pack, pack_stored, seed_digest

_MAX_QUALITY = 2**31

GROUP_SIZE = 32
"""How many files go through the stages of reading together; fewer or more are slower (measured)."""

MOST_UNKNOWN = 100
"""How many unknown keys of all seeds of a turn are named."""

RACY_SECONDS = 2
"""A file that changed so shortly before it was read may change again without any change of its `stat`."""


DATED_BY_COMMIT = b"c"
"""What the digest of a file ends with, after 16 bytes, if its date is that of a commit; that may change."""

_Found = tuple[str, bytes, SeedFile | None]
"""A path, the digest that its file had, and the file."""


class _Text(NamedTuple):
    """A file whose bytes are new."""

    path: str
    key: Key
    digest: bytes
    data: bytes


Measure = Callable[[str, str], tuple[int, int] | None]
"""Returns the length in bytes and the duration in seconds (0 if unknown) of a file beside a seed, None if it is none.

It gets the path of the seed, and the address of the file relative to that of the seed's folder.
"""


class RootReading(NamedTuple):
    """How the files of each root are read, if not all are plain seeds of our own dialect.

    `site` is the site's URL, the base of relative links if a root has none. `first_commit` and `section_files`, which
    returns the files that speak for the folders above a seed, can be sent to another process.
    """

    roots: tuple[SeedRoot, ...]
    site: str
    first_commit: FirstCommit | None = None
    section_files: Callable[[str], tuple[SectionFile, ...]] | None = None


class Task(NamedTuple):
    """A batch of files to read: their paths, the digests they had (b"" = new), and what decides upon them.

    `manner` says how those are read that are no plain seeds; None if all are. `measure` measures files beside seeds.
    `site` is the URL of the site on which a seed without a link gets a page, "" if it gets none. `roots` are all of the
    site, in which the seeds lie that a seed names.
    """

    paths: tuple[str, ...]
    digests: tuple[bytes, ...]
    policy: Policy
    zone: str
    now: int
    manner: RootReading | None = None
    measure: Measure | None = None
    site: str = ""
    roots: tuple[SeedRoot, ...] = ()

    @property
    def name(self) -> str:
        """Its name in messages."""
        return f"{self.paths[0]} to {self.paths[-1]} ({len(self.paths)} seeds)"


def read_batch(reader: ReadSeeds, task: Task) -> bytes:
    """Return the packed outcomes of a batch of files, in their order."""
    files = zip(task.paths, task.digests, reader(task.paths, MAX_SEED), strict=True)
    return pack([outcome for group in _groups(files) for outcome in _read_group(group, task)])


def _groups(files: Iterable[_Found]) -> Iterator[list[_Found]]:
    """Yield a few files at a time, which together are hardly larger than a single one may be."""
    group: list[_Found] = []
    size = 0
    for found in files:
        group.append(found)
        file = found[2]
        size += len(file.data or b"") if file else 0
        if len(group) == GROUP_SIZE or size >= MAX_SEED:
            yield group
            group, size = [], 0
    yield group


def _read_group(group: Sequence[_Found], task: Task) -> list[Outcome]:
    """Read files together, or one by one if that fails: a bug that one of them meets must not harm the others."""
    try:
        return _read_in_stages(group, task)
    except Exception as error:  # noqa: BLE001 - the boundary
        if len(group) > 1:
            return [outcome for found in group for outcome in _read_group([found], task)]
        path, _, file = group[0]
        key = _key_to_store(file.key, task.now) if file else NO_KEY
        # Only the error's type: its words may quote what is private. Without a digest the file is read again when it
        # is touched.
        kind = type(error).__name__
        hint = "the file may be fine" if isinstance(error, MemoryError) else "the file may be fine; please report this"
        problem = Problem(path=path, message=f"cannot be read {cause_of(kind)}", hint=hint)
        return [Outcome(path, key, rule="readable", problems=(problem,))]


def _read_in_stages(group: Sequence[_Found], task: Task) -> list[Outcome]:
    """Do each step for all files before the next step: the processor is fastest at what it did last."""
    checked = [_unchanged_or_text(file, path, digest, task.now) for path, digest, file in group]
    texts = [(one.path, one.data) for one in checked if isinstance(one, _Text)]
    if task.manner is not None:
        return [one if isinstance(one, Outcome) else _by_root(one, task, task.manner) for one in checked]
    readings = iter(seeds.read_together(texts, zone=task.zone, site=task.site))
    return [one if isinstance(one, Outcome) else _outcome(one, next(readings), task) for one in checked]


def _by_root(text: _Text, task: Task, manner: RootReading) -> Outcome:
    """Return the outcome of a file as its root says it is read."""
    root = root_of(manner.roots, text.path)
    if root.is_plain_native:
        (reading,) = seeds.read_together([(text.path, text.data)], zone=task.zone, site=task.site)
        return _outcome(text, reading, task)
    from aggregator.normalizer.dialects.reading import read  # noqa: PLC0415 - few need it
    from aggregator.normalizer.dialects.sections import held_folder  # noqa: PLC0415 - likewise

    first_commit = manner.first_commit and _Asked(manner.first_commit)
    reading = read(
        text.data, path=text.path, root=root, zone=task.zone, site=manner.site, first_commit=first_commit,
        roots=manner.roots,
        held_folder=held_folder(root.dialect, manner.section_files(text.path)) if manner.section_files else None,
        own_pages=task.site,
    )  # fmt: skip
    if first_commit is not None and first_commit.is_known:
        text = text._replace(digest=text.digest + DATED_BY_COMMIT)
    if first_commit is not None and first_commit.is_unknown:
        # It may be committed later without any change of the file: read it again at each scan until then.
        text = text._replace(key=_never_known(text.key), digest=b"")
    return _outcome(text, reading, task)


class _Asked:
    """Asks for the first commit of a file, and notes whether there was one or none."""

    def __init__(self, first_commit: FirstCommit) -> None:
        self._first_commit = first_commit
        self.is_known = self.is_unknown = False

    def __call__(self, path: str) -> int | None:
        found = self._first_commit(path)
        self.is_known |= found is not None
        self.is_unknown |= found is None
        return found


def _never_known(key: Key) -> Key:
    dev, ino, size, _, ctime = key
    return (dev, ino, size, -1, ctime)


def _unchanged_or_text(file: SeedFile | None, path: str, known_digest: bytes, now: int) -> Outcome | _Text:
    """Return the outcome of a file that is gone, unreadable or unchanged, else its text."""
    if file is None:
        return Outcome(path, NO_KEY, gone=True)
    key = _key_to_store(file.key, now)
    if file.data is None:
        problem = Problem(path=path, message=file.reason, hint=file.hint)
        return Outcome(path, key, rule="readable", problems=(problem,))
    digest = hashlib.blake2b(file.data, digest_size=16).digest()
    return Outcome(path, key, digest, same=True) if digest == known_digest else _Text(path, key, digest, file.data)


def _outcome(text: _Text, reading: seeds.Reading, task: Task) -> Outcome:
    path, key, digest, _ = text
    if isinstance(reading.outcome, Rejection):
        rejection = reading.outcome
        return Outcome(path, key, digest, rule="valid", problems=rejection.problems, withdrawn=rejection.withdrawn)
    seed = reading.outcome
    # Who posted an item, or wrote the feed that it is from, must not learn which files lie beside it (G12, G18).
    if seed.media and task.measure is not None and not is_of_others(text.data):
        seed = enclosures.measured(seed, partial(task.measure, path))
    apart = tuple(paths_meant(task.roots, written) for written in seed.not_story)
    if apart:
        seed = msgspec.structs.replace(seed, not_story=tuple(dict.fromkeys(chain.from_iterable(apart))))
    outcome = apply_rules(
        path, key, digest, seed, task.policy, task.now, warnings=reading.warnings, unknown=reading.unknown
    )
    if apart:
        (at,) = key_positions(text.data, ("not_story",))
        outcome = msgspec.structs.replace(outcome, apart=apart, apart_at=at)
    if not reading.unknown:
        return outcome
    return msgspec.structs.replace(outcome, unknown_at=key_positions(text.data, reading.unknown))


def apply_rules(  # noqa: PLR0917 - as a row of the index has them
    path: str,
    key: Key,
    digest: bytes,
    seed: Seed,
    policy: Policy,
    now: int,
    *,
    warnings: tuple[Problem, ...] = (),
    unknown: tuple[str, ...] = (),
    packed: bytes | None = None,
) -> Outcome:
    """Return the outcome of a seed by the rules; `packed` is its stored form, if that is at hand."""
    verdict = rules.decide(seed, policy, path)
    packed = packed or pack(seed)
    draft = None if verdict.rule else _draft(path, rules.effective_seed(seed, verdict), verdict, now)
    if draft is not None and policy.copies != "off":
        draft = msgspec.structs.replace(draft, text=_text(path, seed, verdict))
    if draft is not None and policy.stories != "off":
        draft = msgspec.structs.replace(draft, wording=_wording(path, seed, verdict))
    return Outcome(
        path, key, digest, False, False, packed, seed_digest(packed), draft, pack_stored(verdict),
        verdict.rule, verdict.detail, warnings, False, unknown,
    )  # fmt: skip


def _draft(path: str, acting: Seed, verdict: Verdict, now: int) -> Draft:
    starts, published = verdict.starts, verdict.published
    id = verdict.id or verdict.link  # noqa: A001 - the field's own name
    windows = tuple([(slug, starts, ends) for slug, ends in verdict.feeds if starts < ends])
    since, until = validity(windows, verdict.updated, now)
    return Draft(
        tuple(map(identity.key_number, identity.keys(acting))), identity.path_number(path), id, bool(verdict.id),
        published, max(published, verdict.updated or published), _bounded(verdict.quality), starts, verdict.ends,
        identity.key_number(id), windows, since, until, verdict.topics,
    )  # fmt: skip


def _text(path: str, seed: Seed, verdict: Verdict) -> bytes:
    from aggregator.normalizer.comparison import copies  # noqa: PLC0415 - few sites look for copies

    return pack_stored(copies.text_of(rules.effective_seed(seed, verdict), path, seed.not_story))


def _wording(path: str, seed: Seed, verdict: Verdict) -> bytes:
    from aggregator.normalizer.comparison import coverage  # noqa: PLC0415 - few sites look for stories

    return pack_stored(coverage.wording_of(rules.effective_seed(seed, verdict), path, seed))


def validity(
    windows: Iterable[tuple[str | int, int, int]], updated: int | None, now: int
) -> tuple[int | None, int | None]:
    """Return the span [since, until) around `now` in which time alone changes nothing about these windows.

    Windows are (feed, starts, ends) in seconds since 1970; `updated` is when the item's update counts. Without any
    window both are None.
    """
    since, until, is_empty = -FOREVER, FOREVER, True
    for _, starts, ends in windows:
        is_empty = False
        for moment in (starts, ends):
            if moment > now:
                until = min(until, moment)
            else:
                since = max(since, moment)
    if is_empty:
        return None, None
    if updated is not None:
        since, until = (max(since, updated), until) if updated <= now else (since, min(until, updated))
    return since, until


def _bounded(quality: int | None) -> int:
    return 0 if quality is None else max(-_MAX_QUALITY, min(_MAX_QUALITY, quality))


def _key_to_store(key: Key, now: int) -> Key:
    """Return the stat key to remember: one that matches no file if the file changed too recently to be sure."""
    dev, ino, size, mtime, ctime = key
    racy = max(mtime, ctime) > (now - RACY_SECONDS) * 1_000_000_000
    return _never_known(key) if racy else (dev, ino, size, mtime, ctime)


def is_page(problem: Problem) -> bool:
    """Return whether a problem is that a file, or several, have no date, and so are pages."""
    return problem.warning and problem.message.startswith(f"date: {NO_DATE}")


def with_pages_counted(problems: Iterable[Problem], roots: Sequence[SeedRoot]) -> list[Problem]:
    """Return problems with one warning for all pages of a root: it is at the first of them, and says how many more."""
    problems = list(problems)
    pages: dict[str, list[Problem]] = {}
    for problem in filter(is_page, problems):
        pages.setdefault(problem.path.partition("/")[0] if len(roots) > 1 else "", []).append(problem)
    if not pages:
        return problems
    counted = [one for one in problems if not is_page(one)]
    for several in pages.values():
        first, count = min(several), len(several) - 1
        more = f", like {count:,} more" if count else ""
        counted.append(msgspec.structs.replace(first, message=f"{first.message}{more}"))
    return counted


def unknown_key_warnings(unknown: dict[str, SeedPosition]) -> list[Problem]:
    """Return a warning for each unknown key (key to its position), with a hint if it looks like a typo.

    Of more than `MOST_UNKNOWN` the first are named, and the rest is counted: a hint takes a millisecond.
    """
    from aggregator.config.yaml.decoding import nearest  # noqa: PLC0415 - difflib, only for warnings
    from aggregator.config.yaml.messages import shortened  # noqa: PLC0415 - likewise

    found = []
    for key, (path, line, column) in sorted(unknown.items())[:MOST_UNKNOWN]:
        close = key_meant_by(key) or nearest(key, KEYS - STATE_KEYS)
        hint = f"did you mean `{close}`?" if close else "it is kept out of the feeds"
        message = f"unknown key `{shortened(key)}`"
        found.append(Problem(path=path, line=line, column=column, message=message, hint=hint, warning=True))
    if len(unknown) > MOST_UNKNOWN:
        message = f"… and {len(unknown) - MOST_UNKNOWN:,} more unknown keys in this and other seeds"
        hint = "they are kept out of the feeds"
        found.append(Problem(path=max(unknown.items())[1].path, message=message, hint=hint, warning=True))
    return found

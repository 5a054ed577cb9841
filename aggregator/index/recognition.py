"""Which story each seed tells: a seed that shares no key with another is told at once, the others are grouped together.

Reads the index. What makes seeds one story is decided in `normalizer.stories`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from aggregator.index.database import chunks, marks
from aggregator.index.files import FileRow
from aggregator.index.index import Index
from aggregator.index.rows import MOST_ROWS
from aggregator.index.stories import StoryRow
from aggregator.normalizer import identity, links, rules
from aggregator.normalizer.stored import Draft, is_in_feeds, unpack_seed, unpack_verdict, verified
from aggregator.normalizer.stories import Claim, Telling, assign, group


class Known:
    """What the index remembers of the keys of a few seeds: which story each leads to, and what is known of those."""

    def __init__(self, index: Index, drafts: Sequence[Draft]) -> None:
        self.aliases = index.stories.by_key([key for draft in drafts for key in (*draft.numbers, draft.path)])
        found = sorted(set(self.aliases.values()))
        self.stories = index.stories.get(found) if found else {}
        self.told = index.stories.told(found) if found else set()
        """The stories that a file of the index tells now."""

    def add(self, draft: Draft, story: int) -> None:
        """Note that a seed tells `story`."""
        self.told.add(story)
        self.stories.setdefault(story, StoryRow(draft.id, int(draft.own), 0))
        for key in (*draft.numbers, draft.path):
            self.aliases.setdefault(key, story)


class Group(NamedTuple):
    """Seeds that tell one story: its number, None for a new one, and the id that one of them chose, "" for none."""

    story: int | None
    own_id: str
    paths: tuple[str, ...]
    keys: frozenset[int]


class NewNumbers(NamedTuple):
    """The first number of a story, and of a file, that a turn gives."""

    story: int
    file: int


class Candidate(NamedTuple):
    """A seed that is to be grouped: what it says, the story it told before, and whether readers see it now.

    `file` is its number, None if the index does not have it yet.
    """

    telling: Telling
    story: int | None
    visible: bool
    file: int | None = None


def must_be_compared(draft: Draft, row: FileRow | None, known: Known) -> bool:
    """Return whether the story of a seed depends on other seeds: one of its keys may be theirs, or led elsewhere.

    A seed whose keys are all unknown tells a new story. One whose keys all lead to the story that it told before, or
    to one that nobody tells and whose id it says, continues that.
    """
    found = {known.aliases[key] for key in draft.numbers if key in known.aliases}
    before = known.aliases.get(draft.path) if row is None or row.story is None else row.story
    if not found:
        return before is not None
    if len(found) > 1 or before not in {None, *found}:
        return True
    (story,) = found
    stored = known.stories[story]
    if bool(stored.own) != draft.own or (draft.own and stored.id != draft.id):
        return True
    if row is not None and row.story == story:
        return False
    return story in known.told or not (draft.own or id_number(stored.id) in draft.numbers)


def id_number(id: str) -> int:  # noqa: A002 - the field's own name
    """Return the number of the key that the id of a story is: that of its link, or of an id that a seed chose."""
    try:
        return identity.key_number(links.alias(id)) if links.canonical(id) == id else identity.id_number(id)
    except ValueError:
        return identity.id_number(id)


class Regrouping:
    """Groups seeds that share keys with others, or did, together with all that those share keys with.

    If copies are folded, they share a key with their original, which nothing else remembers; then `new` are the first
    numbers of this turn, of which readers have seen nothing: what a copy is called is decided when all are known.
    """

    def __init__(self, index: Index, now: int, *, new: NewNumbers | None = None) -> None:
        self._index = index
        self._now = now
        self.folds = new is not None
        self._new = new or NewNumbers(MOST_ROWS, MOST_ROWS)
        self._originals: dict[int, int] = {}
        self.candidates: dict[str, Candidate] = {}
        self.stories: dict[int, StoryRow] = {}
        self._paths: dict[str, int] = {}
        self._aliases: dict[int, int] = {}
        self._by_id: dict[int, set[int]] = defaultdict(set)

    def groups(self, seeds: Mapping[str, Candidate], told: Iterable[int]) -> list[Group]:
        """Return the groups of `seeds`, by path, and of all seeds that tell the stories `told`."""
        self.candidates = dict(seeds)
        self._gather({*told, *(one.story for one in seeds.values() if one.story is not None)})
        tellings = self._with_copies() if self.folds else [one.telling for one in self.candidates.values()]
        found = [[self.candidates[one.file].telling for one in seeds] for seeds in group(tellings)]
        return list(self._assigned(found))

    def key_of_id(self, group: Group) -> int | None:
        """Return the key that the id of a group's story is, if no seed of the group says it any more, else None."""
        if group.story is None or group.own_id:
            return None
        key = id_number(self.stories[group.story].id)
        return None if key in group.keys else key

    def _with_copies(self) -> list[Telling]:
        """Return what the candidates say, copies and their originals with a key that they share.

        A copy that chose an id of its own is an item of its own.
        """
        originals = set(self._originals.values())
        found = []
        for one in self.candidates.values():
            said, original = one.telling, self._originals.get(one.file or 0)
            if original is not None and said.own_id:
                original = None
            if original is None and one.file in originals:
                original = one.file
            found.append(said if original is None else said._replace(keys=(*said.keys, _copy_key(original))))
        return found

    # -- what they share keys with

    def _gather(self, wanted: set[int]) -> None:
        """Add every seed that shares a key with those there are, directly or by way of others."""
        numbers = {number for one in self.candidates.values() for number in one.telling.keys}
        path_numbers = {identity.path_number(path): path for path in self.candidates}
        by_path = self._index.stories.by_key(list(path_numbers))
        self._paths = {path_numbers[number]: story for number, story in by_path.items()}
        wanted |= set(by_path.values())
        files = [one.file for one in self.candidates.values() if one.file is not None]
        wanted |= self._stories_of_copies(files)
        while numbers or wanted:
            self._aliases |= (found := self._index.stories.by_key(list(numbers)))
            wanted |= {*found.values(), *self._index.stories.sharing(list(numbers))}
            wanted -= self.stories.keys()
            read = set(self.candidates)
            numbers = set(self._read(sorted(wanted)))
            files = [one.file for path, one in self.candidates.items() if path not in read and one.file is not None]
            wanted = self._stories_of_copies(files)

    def _stories_of_copies(self, files: Sequence[int]) -> set[int]:
        """Return the stories of the originals of files, and of all their copies."""
        if not self.folds or not files:
            return set()
        found = self._index.copies.originals(files)
        copied = self._index.copies.copies_of([*files, *found.values()])
        self._originals |= found | {copy: original for original, copies in copied.items() for copy in copies}
        every = sorted({*found.values(), *copied, *(copy for copies in copied.values() for copy in copies)})
        rows = (row for chunk in chunks(every) for row in self._index.files.where(f"file IN ({marks(chunk)})", chunk))
        return {row.story for row in rows if row.story is not None}

    def _read(self, wanted: Sequence[int]) -> Iterator[int]:
        """Read stories and the seeds that tell them; yield the numbers that have to be looked up for them."""
        read = self._index.stories.get(wanted)
        self.stories |= {
            story: row if story < self._new.story or row.own else row._replace(id_is_final=0)
            for story, row in read.items()
        }
        yield from (id_number(self.stories[story][0]) for story in wanted)
        for chunk in chunks(wanted):
            told = self._index.files.where(f"story IN ({marks(chunk)})", chunk)
            rows = [row for row in told if row.path not in self.candidates]
            packed = self._index.files.seeds([row.file for row in rows])
            for row in rows:
                telling = telling_of(row, packed[row.file])
                visible = row.file < self._new.file and is_visible(row, self._now)
                self.candidates[row.path] = Candidate(telling, row.story, visible, row.file)
                yield from telling.keys

    # -- which story each group continues

    def _assigned(self, found: Sequence[Sequence[Telling]]) -> Iterator[Group]:
        speakers = defaultdict(set)
        for number, seeds in enumerate(found):
            for one in seeds:
                for key in one.keys:
                    speakers[key].add(number)
        for story, stored in self.stories.items():
            self._by_id[id_number(stored.id)].add(story)
        own_ids = [next((one.own_id for one in seeds if one.own_id), "") for seeds in found]
        claims = [
            claim for number, seeds in enumerate(found) for claim in self._claims(number, seeds, own_ids, speakers)
        ]
        continued = assign(claims)
        for number, seeds in enumerate(found):
            keys = frozenset(key for one in seeds for key in one.keys)
            yield Group(continued.get(number), own_ids[number], tuple(one.file for one in seeds), keys)

    def _claims(
        self, number: int, seeds: Sequence[Telling], own_ids: Sequence[str], speakers: Mapping[int, set[int]]
    ) -> Iterator[Claim]:
        unseen = not any(self.candidates[one.file].visible for one in seeds)
        keys = {key for one in seeds for key in one.keys}
        before = {self.candidates[one.file].story for one in seeds}
        remembered = {self._aliases[key] for key in keys if key in self._aliases}
        by_path = {self._paths[one.file] for one in seeds if one.file in self._paths}
        by_id = {story for key in keys for story in self._by_id.get(key, ())}
        for story in {*(one for one in before if one is not None), *remembered, *by_path, *by_id}:
            id, _, final = self.stories[story]  # noqa: A001
            key = id_number(id)
            if self._aliases.get(key, story) != story and self.stories.get(self._aliases[key], ("",))[0] == id:
                continue  # another story has that id
            if own_ids[number] and own_ids[number] == id:
                rank = 0
            elif key in keys and not own_ids[number] and final:
                rank = 1  # an id that no reader has seen must not replace one that readers know
            elif any(not own_ids[other] or own_ids[other] == id for other in speakers.get(key, set()) - {number}):
                continue  # what a seed says now beats what was remembered
            elif story in before:
                rank = 2
            else:
                rank = 3 if story in remembered else 4
            yield Claim(rank, unseen, not final, story, number)


def _copy_key(original: int) -> int:
    return identity.key_number(f"copy of file {original}")


def telling(path: str, draft: Draft) -> Telling:
    """Return what an accepted seed says."""
    return Telling(path, draft.numbers, draft.id if draft.own else "")


def telling_of(row: FileRow, packed: bytes) -> Telling:
    """Return what a stored seed says that its rules let pass."""
    seed, verdict = unpack_seed(verified(packed, row.content or b"")), unpack_verdict(row.verdict or b"")
    numbers = tuple(map(identity.key_number, identity.keys(rules.effective_seed(seed, verdict))))
    return Telling(row.path, numbers, verdict.id)


def is_visible(row: FileRow, now: int) -> bool:
    """Return whether readers see a seed at `now` (seconds since 1970)."""
    return bool(row.stale) or is_in_feeds(row.entries, now)

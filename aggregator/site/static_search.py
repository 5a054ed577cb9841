"""The files of a static search (`pages.search: static`), made anew when what may be searched has changed.

Reads the index; touches the published files, and `search.json` in the state folder, which names those that are ours and
the item of each. What is withdrawn loses the file with all that is shown of it in the same turn, and its words with the
next files. A reader finds a whole index: all that `ENTRY` leads to is there before it, and goes after.
"""

from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from aggregator.index.database import DAMAGED
from aggregator.model.document_names import content_type
from aggregator.model.errors import AggregatorError, PublishError, reason_with_path
from aggregator.model.expression.folding import fold
from aggregator.model.expression.tree import And
from aggregator.model.feeds import Document
from aggregator.model.item_pages import shown_link
from aggregator.model.search_files import ENTRY, FOLDER, FRAGMENTS, PROGRAM, SEARCH_PAGE, SearchUpdate, is_search_data
from aggregator.normalizer import rules, search_records
from aggregator.normalizer.stored import unpack_verdict, verified
from aggregator.publisher import pagefind
from aggregator.publisher.atomic import replace_file
from aggregator.publisher.ownership import foreign_files
from aggregator.site.display_settings import digest
from aggregator.site.find import acting_seed, public_subject
from aggregator.site.foreign_files import ForeignFiles
from aggregator.site.write_groups import identity_on_disk

if TYPE_CHECKING:
    from aggregator.model.search_files import SearchRecord
    from aggregator.normalizer.rules import Verdict
    from aggregator.publisher.destination import Destination
    from aggregator.site.catalog import Catalog

FILE = "search.json"
MANY = 20_000
"""With more items than this, the daemon had better answer: all files are made anew after an edit."""

TOGETHER = 250
"""How many items are read from the index together."""

MOST_MESSAGES = 10
"""How many files an update names that cannot be written: a full disk fails each."""

_ENCODED = (f"{FOLDER}{PROGRAM}", f"{FOLDER}{ENTRY}", SEARCH_PAGE)
"""The files that have encodings beside them, in the order in which they are written."""


class SearchFiles(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of the files at `location`.

    `digest` is that of what they were made from, "" if they must be made anew; `identity` is that of the encoded ones.
    `files` has the size of each other one, and the id of the item that it shows, "" if none.
    """

    location: str
    digest: str = ""
    identity: str = ""
    files: dict[str, tuple[int, str]] = {}


class _Item(NamedTuple):
    """An item that feeds show, by what tells whether it has changed."""

    file: int
    path: str
    id: str
    content: bytes
    verdict: bytes
    has_changed: int


class _Files(NamedTuple):
    """What pagefind made: the files that have no encodings, those that have, what is known of the former, the items."""

    data: dict[str, bytes]
    encoded: tuple[Document, ...]
    known: dict[str, tuple[int, str]]
    ids: frozenset[str]


class StaticSearch:
    """The files of the search of one site."""

    def __init__(
        self, catalog: Catalog, writer: Destination, *, before_withdrawal: Callable[[], object] = lambda: None
    ) -> None:  # fmt: skip
        """Take the site's catalog and writer; `before_withdrawal` is called before files are removed.

        Whoever makes others at that moment must end.
        """
        self._catalog = catalog
        self._index = catalog.index
        self._writer = writer
        self._path = os.path.join(catalog.config.state, FILE)
        self._before_withdrawal = before_withdrawal
        self.needs_update = False
        """Whether something was withdrawn, or the last full turn found other files than were written last."""

    @property
    def _is_wanted(self) -> bool:
        return self._catalog.config.pages.search == "static"

    # -- in each turn

    def after_turn(
        self, stories: Collection[int] | None, now: int, *, former_ids: frozenset[str] = frozenset()
    ) -> tuple[str, ...]:  # fmt: skip
        """Remove what nobody may see any more, of these stories or (None) of all; return what failed.

        `former_ids` are those that stories had before this turn.
        Of a site that is not searched by such files any more all of them go.
        """
        try:
            if self._is_wanted:
                self._withdraw(stories, now, former_ids)
            elif stories is None and os.path.lexists(self._path):
                self._remove()
        except (PublishError, OSError) as error:
            return (f"the files of the search: {_reason(error)}",)
        return ()

    def _withdraw(self, stories: Collection[int] | None, now: int, former_ids: frozenset[str]) -> None:
        if stories is None:
            hidden = {id for _, id in self._known().files.values() if id}  # noqa: A001 - the field
        else:
            hidden = self._index.search.hidden_ids(stories, now) | former_ids
        if stories is None or former_ids:
            hidden -= self._index.search.visible_ids(now)
        if stories is None:
            self.needs_update = not self._is_whole(self._known())
        if hidden and _files_of(hidden, self._known()):
            self._before_withdrawal()
            self.needs_update = True
            known = self._known()  # what ended may have written more
            gone = _files_of(hidden, known)
            self._writer.remove_data(gone)  # first, as a full disk hinders no removal
            # Without their items: the next full turn has nothing to withdraw, and ends nobody who makes files.
            files = {**known.files, **{name: (known.files[name][0], "") for name in gone}}
            self._store(msgspec.structs.replace(known, digest="", files=files))

    def _remove(self) -> None:
        known = self._known()
        self._before_withdrawal()
        if known.location:
            theirs = set(foreign_files(self._writer, _ENCODED))
            self._writer.remove(name for name in reversed(_ENCODED) if name not in theirs)
            self._writer.remove_data(known.files)
        os.unlink(self._path)

    # -- when what is searched has changed

    def update(
        self, *, moment: Callable[[], int], adopt: bool = False, tick: Callable[[], object] = lambda: None
    ) -> SearchUpdate:  # fmt: skip
        """Make the files anew if what may be searched has changed, or if somebody else changed them.

        Args:
            moment: returns the time, in seconds since 1970.
            adopt: replace somebody else's files.
            tick: is called often.
        """
        notes: tuple[str, ...] = ()
        try:
            known, page = self._known(), self._page()
            if failed := self._in_the_way((), adopt=adopt):  # before all is made in vain, once a minute
                return SearchUpdate(_few(failed))
            with self._index.snapshot():  # else an edit meanwhile would look like a damaged row
                now = moment()
                items = self._items(now)
                notes = _too_many(len(items))
                wanted = self._digest(items, page, now)
                if known.digest == wanted and self._is_intact(known):
                    return SearchUpdate(notes=notes)
                made = self._files(items, page, now, tick)
            return self._published(made, wanted, moment=moment, adopt=adopt, tick=tick)._replace(notes=notes)
        except (AggregatorError, OSError, *DAMAGED) as error:  # a turn finds a damaged index, and replaces it
            return SearchUpdate((f"the files of the search: {_reason(error)}",), notes)

    def _files(self, items: list[_Item], page: Document, now: int, tick: Callable[[], object]) -> _Files:
        """Let pagefind make the files of items."""
        ids: dict[bytes, str] = {}

        def records() -> Iterator[SearchRecord]:
            for id, record in self._records(items, now):  # noqa: A001 - the field
                ids[_key(record.shown)] = id
                yield record

        files = {FOLDER + name: body for name, body in pagefind.make_files(records(), tick=tick).items()}
        data = {name: body for name, body in files.items() if is_search_data(name)}
        try:
            known = {name: (len(body), _id_in(name, body, ids)) for name, body in data.items()}
            encoded = (*(_document(name, files[name]) for name in _ENCODED[:-1]), page)
        except (LookupError, ValueError, TypeError, zlib.error) as error:
            raise pagefind.SearchError("pagefind made other files than this version knows") from error
        return _Files(data, encoded, known, frozenset(ids.values()))

    def _published(
        self, made: _Files, wanted: str, *, moment: Callable[[], int], adopt: bool, tick: Callable[[], object]
    ) -> SearchUpdate:  # fmt: skip
        if failed := self._in_the_way(made.known, adopt=adopt):
            return SearchUpdate(_few(failed))
        known = self._known()
        before = known.files if known.location else self._left_behind()
        # Before any file is written: whatever happens, what is written is known to be ours.
        self._store(SearchFiles(location=self._location, files={**before, **made.known}))
        if not self._index.search.visible_ids(moment()).issuperset(made.ids):
            return SearchUpdate(is_outdated=True)
        if failed := self._write(made.data, made.encoded, tick):
            return SearchUpdate(_few(failed))
        self._writer.remove_data(before.keys() - made.known.keys())
        identity = identity_on_disk(self._writer, _ENCODED) or b""
        self._store(SearchFiles(location=self._location, digest=wanted, identity=identity.decode(), files=made.known))
        return SearchUpdate()

    def _write(
        self, data: dict[str, bytes], encoded: Iterable[Document], tick: Callable[[], object]
    ) -> tuple[str, ...]:  # fmt: skip
        """Write the files in a safe order; return what failed."""

        def documents() -> Iterator[Document]:
            for name in sorted(data):
                tick()
                yield _document(name, data[name])

        result = self._writer.publish_data(documents())
        if result.failed:
            return tuple(map(str, result.failed))
        self._writer.flush()
        for document in encoded:
            if failed := self._writer.publish([document]).failed:
                return tuple(map(str, failed))
        return ()

    def _in_the_way(self, names: Iterable[str], *, adopt: bool) -> tuple[str, ...]:
        """Return a message for each file of somebody else that would be replaced."""
        known = self._known()
        unknown = self._writer.search_files().keys() & set(names) - known.files.keys()
        encoded = () if known.identity else _ENCODED
        foreign = ForeignFiles(self._index, self._writer, location=self._location, adopt=adopt)
        return tuple(foreign.among([*sorted(unknown), *encoded]))

    def _left_behind(self) -> dict[str, tuple[int, str]]:
        """Return the files of a search that nobody knows any more, and that look as if pagefind had made them."""
        sizes = self._writer.search_files()
        theirs = set(foreign_files(self._writer, sizes))
        return {name: (size, "") for name, size in sizes.items() if name not in theirs and name not in _ENCODED}

    # -- what is searched

    def _items(self, now: int) -> list[_Item]:
        return [_Item(*row) for row in self._index.search.visible_versions(now)]

    def _digest(self, items: list[_Item], page: Document, now: int) -> str:
        policy = self._catalog.policy
        names = [(slug, name) for slug, name, _ in self._catalog.names]
        made_by = (search_records.VERSION, pagefind.program_version(), page.body)
        # An item may leave a feed by query at a moment at which nothing else of it changes.
        searches = [self._searches(unpack_verdict(item.verdict), now) for item in items] if self._queries else []
        what = (policy, names, [item[1:] for item in items], searches)
        return digest(made_by, self._catalog.settings.digest, *what).hex()

    @property
    def _queries(self) -> frozenset[str]:
        return frozenset(query.slug for query in self._catalog.config.feeds_by_query)

    def _searches(self, verdict: Verdict, now: int) -> list[str]:
        """Return the feeds by query that show an item at `now`."""
        return sorted({slug for slug, ends in verdict.feeds if now < ends} & self._queries)

    def _records(self, items: list[_Item], now: int) -> Iterator[tuple[str, SearchRecord]]:
        """Yield the id and the record of each item."""
        names = self._topic_names()
        for start in range(0, len(items), TOGETHER):
            some = items[start : start + TOGETHER]
            shown_ids = self._index.stories.public_ids([item.id for item in some])
            files = [item.file for item in some]
            rows = {row.file: row for row in self._index.search.rows(And(()), now=now, only_visible=False, among=files)}
            for item in some:
                row = rows.get(item.file)
                packed = verified(row and row.seed, item.content)
                yield item.id, self._record(packed, item, shown_ids.get(item.id, item.id), names, now)

    def _record(
        self, packed: bytes, item: _Item, shown_id: str, names: dict[str, set[str]], now: int
    ) -> SearchRecord:  # fmt: skip
        seed, verdict = acting_seed(packed, item.verdict)
        topics = frozenset(rules.topics_and_above(seed, self._catalog.policy))
        link = shown_link(shown_id, seed.link, seed.published, self._catalog.config.site.url)
        searches = self._searches(verdict, now) if verdict else ()
        subject = public_subject(seed, verdict, topics=topics, now=now)
        return search_records.record_of(subject, link=link, names=names, searches=searches)

    def _topic_names(self) -> dict[str, set[str]]:
        """Return the names of topics as expressions compare them, by slug."""
        found: dict[str, set[str]] = {}
        for name, slug in (
            *self._catalog.policy.slugs.items(),
            *((name, slug) for slug, name, _ in self._catalog.names),
        ):
            if folded := fold(name):
                found.setdefault(slug, set()).add(folded)
        return found

    def _page(self) -> Document:
        from aggregator.renderer.notices import static_search_page  # noqa: PLC0415 - jinja

        body = static_search_page(self._catalog.config.site)
        return _document(SEARCH_PAGE, body)

    # -- what is known of the files

    @property
    def _location(self) -> str:
        return self._catalog.config.feeds

    def _is_intact(self, known: SearchFiles) -> bool:
        sizes = self._writer.search_files()
        return self._is_whole(known) and all(sizes.get(name) == size for name, (size, _) in known.files.items())

    def _is_whole(self, known: SearchFiles) -> bool:
        """Return whether an index is published, as far as the files that lead to it tell."""
        identity = (identity_on_disk(self._writer, _ENCODED) or b"").decode()
        return bool(known.digest) and identity == known.identity

    def _known(self) -> SearchFiles:
        try:
            with open(self._path, "rb") as file:
                known = msgspec.json.decode(file.read(), type=SearchFiles)
        except (FileNotFoundError, msgspec.DecodeError):
            known = SearchFiles(location="")
        if known.location == self._location:
            return known
        return SearchFiles(location="")

    def _store(self, known: SearchFiles) -> None:
        replace_file(self._path, msgspec.json.encode(known))


def _files_of(ids: Collection[str], known: SearchFiles) -> list[str]:
    return [name for name, (_, id) in known.files.items() if id in ids]  # noqa: A001 - the field


def _document(name: str, body: bytes) -> Document:
    return Document(name=name, media_type=content_type(name), body=body)


def _id_in(name: str, body: bytes, ids: dict[bytes, str]) -> str:
    """Return the id of the item that a file shows, "" if it shows none."""
    return ids[_key(_shown_in(body))] if name.startswith(FRAGMENTS) else ""


def _shown_in(fragment: bytes) -> str:
    """Return what a file of pagefind's shows of an item, as it was given."""
    text = zlib.decompress(fragment, zlib.MAX_WBITS | 16)
    shown: str = msgspec.json.decode(text[text.index(b"{") :])["url"]
    return shown


def _key(shown: str) -> bytes:
    return hashlib.blake2b(shown.encode(), digest_size=8).digest()


def _too_many(count: int) -> tuple[str, ...]:
    if count <= MANY:
        return ()
    advice = f"with more than {MANY:,} let the daemon answer (`search: true`)"
    return (f"pages.search: `static` makes the files of {count:,} items anew after each edit; {advice}",)


def _few(failed: tuple[str, ...]) -> tuple[str, ...]:
    """Return a few messages and the number of the others: the daemon reads them once the process has ended."""
    more = len(failed) - MOST_MESSAGES
    return (*failed[:MOST_MESSAGES], f"and {more:,} other files of the search") if more > 0 else failed


def _reason(error: Exception) -> str:
    return reason_with_path(error) if isinstance(error, OSError) else str(error)

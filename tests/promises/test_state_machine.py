"""After any history, the feeds of a site equal those of a fresh build of its folder (guarantee G1)."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from support.archive_walk import FORMATS, ArchiveReader
from support.site_folder import NOW, SiteFolder, iso, without_tombstones

from aggregator.model import archive_layout

EXAMPLES = int(os.environ.get("AGGREGATOR_ROUNDS", "3"))
PATHS = [f"{folder}{number}.md" for folder in ("", "sub/") for number in range(5)]
RULES = [
    {"rules": {"min_quality": 50}},
    {"rules": {"min_quality": 80, "block": {"titles": ["T3"]}}},
    {"rules": {"min_quality": 50, "max_age": "1h"}, "related": "promote"},
    {
        "rules": {},
        "feeds_by_query": [{"slug": "top", "where": {"min_quality": 80, "max_age": "30m", "not_topics": ["Sea"]}}],
    },
]
KEYS = st.fixed_dictionaries(
    {
        "title": st.sampled_from(["T1", "T2", "T3"]),
        "link": st.integers(0, 7) | st.none(),
        "age": st.sampled_from([5000, 300, 60, -40, -1000, 3_000_000, 5_000_000]),
        "topics": st.lists(st.sampled_from(["AI", "Sea", "C++", "C#"]), max_size=3),
    },
    optional={
        "quality": st.sampled_from([30, 60, 90]),
        "ampWebUrl": st.integers(0, 7).map(lambda number: f"https://x.example/{number}"),
        "expires_in": st.sampled_from([-10, 50, 150]),
        "updated_in": st.sampled_from([-20, 60]),
        "published": st.booleans(),
        "removed": st.booleans(),
        "id": st.sampled_from(["urn:x:1", "urn:x:2"]),
        "related": st.sampled_from([70, 95]).map(
            lambda quality: [{"title": f"R{quality}", "webUrl": f"https://r.example/{quality}", "quality": quality}]
        ),
    },
)


class History(RuleBasedStateMachine):
    """Editors, bots and git change one site; after each step it is built incrementally and from nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="aggregator-history-"))
        self.site = SiteFolder(self.folder)
        self.feed: dict = {"limit": 6}
        self.pages: dict = {"items": "all"}
        self.site.settings = {**RULES[0], "feed": self.feed, "pages": self.pages}
        self.now = NOW
        self.crowd = archive_layout.CROWD
        archive_layout.CROWD = 2  # so that a few items fill pages and split them
        self.links: dict[str, int] = {}
        self.remembers = False
        """Return whether the state folder is needed: for a changed link, an alias, an id or a last good version."""

    def teardown(self) -> None:
        archive_layout.CROWD = self.crowd
        shutil.rmtree(self.folder)

    def existing(self) -> list[str]:
        return [path for path in PATHS if (self.site.seeds / path).exists()]

    @rule(path=st.sampled_from(PATHS), keys=KEYS)
    def writes(self, path: str, keys: dict) -> None:
        """Add or edit a seed."""
        keys = dict(keys)
        moments = {
            "publishedDateTime": iso(self.now - keys.pop("age")),
            "expires": iso(self.now + keys.pop("expires_in")) if "expires_in" in keys else None,
            "updatedDateTime": iso(self.now + keys.pop("updated_in")) if "updated_in" in keys else None,
        }
        link = keys.pop("link")
        self.remembers |= self.links.setdefault(path, link) != link
        self.remembers |= not keys.keys().isdisjoint({"ampWebUrl", "id", "related"})
        self.links[path] = link
        self.remembers |= link is None  # its own link is made of its date and title
        self.site.write(path, webUrl=None if link is None else f"https://x.example/{link}", **moments, **keys)

    @precondition(lambda self: self.existing())
    @rule(data=st.data())
    def deletes(self, data: st.DataObject) -> None:
        """Delete a file."""
        path = data.draw(st.sampled_from(self.existing()))
        self.links.pop(path, None)
        (self.site.seeds / path).unlink()

    @precondition(lambda self: self.existing())
    @rule(data=st.data(), new_path=st.sampled_from(PATHS))
    def renames(self, data: st.DataObject, new_path: str) -> None:
        """Move a file, perhaps over another one."""
        (self.site.seeds / "sub").mkdir(exist_ok=True)
        path = data.draw(st.sampled_from(self.existing()))
        if path in self.links:
            self.links[new_path] = self.links.pop(path)
        (self.site.seeds / path).rename(self.site.seeds / new_path)

    @precondition(lambda self: self.existing())
    @rule(data=st.data(), withdrawn=st.booleans())
    def breaks(self, data: st.DataObject, *, withdrawn: bool) -> None:
        """Make a file invalid."""
        path = data.draw(st.sampled_from(self.existing()))
        self.remembers = True
        self.site.write_text(path, "---\ntitle: [\n" + ("published: false\n" if withdrawn else "") + "---\n")

    @rule(choice=st.sampled_from(RULES))
    def changes_rules(self, choice: dict) -> None:
        """Change the config."""
        self.site.settings = {**choice, "feed": self.feed, "pages": self.pages}

    @rule(items=st.sampled_from(["none", "own", "all"]), search=st.booleans())
    def changes_pages(self, *, items: str, search: bool) -> None:
        """Change which items have pages, and whether everybody may search."""
        self.pages = {"items": items, "search": search}
        self.site.settings = {**self.site.settings, "pages": self.pages}

    @rule(archives=st.booleans(), tombstones=st.sampled_from([None, "1m", "30d"]))
    def changes_history(self, *, archives: bool, tombstones: str | None) -> None:
        """Switch archives on or off, and change how long tombstones last."""
        self.feed = {"limit": 6, "archives": archives, "tombstones": tombstones}
        self.site.settings = {**self.site.settings, "feed": self.feed}

    @rule(parent=st.sampled_from(["", "Sea"]))
    def changes_topics(self, parent: str) -> None:
        """Change the tree of topics."""
        self.site.write_topic("sea", name="Sea", keywords=["T2"])
        self.site.write_topic("ai", name="AI", **({"parent": parent} if parent else {}))

    @rule(seconds=st.sampled_from([10, 60, 200, -90]))
    def passes_time(self, seconds: int) -> None:
        """Advance the clock, or set it back."""
        self.now += seconds

    @invariant()
    def equals_a_fresh_build(self) -> None:
        """The incremental feeds equal those of a fresh build with the same remembered ids."""
        turn = self.site.build(now=self.now, accept_deletions=True)
        assert turn.failed == ()
        # A bug that looks like a damaged index would be repaired without notice.
        assert not any("the index was rebuilt" in note for note in turn.notes)
        again = self.site.build(now=self.now)
        assert again.written == ()
        self.archives_are_whole()
        for name in ("state2", "fresh"):
            shutil.rmtree(self.folder / name, ignore_errors=True)
        shutil.copytree(self.folder / "state", self.folder / "state2")
        fresh = self.site.build(now=self.now, feeds="fresh", state="state2", fresh=True, accept_deletions=True)
        assert not any("the index was rebuilt" in note for note in fresh.notes)
        assert (fresh.items, fresh.held, fresh.stale) == (again.items, again.held, again.stale)
        mine, theirs = self.site.documents(), self.site.documents("fresh")
        # A feed that lost its last item stays, and so does its row on the index page; a fresh build has neither.
        emptied = {
            name.split("/")[0] for name in mine if name.endswith("feed.json") and not json.loads(mine[name])["items"]
        }
        same_but_for(emptied, mine, theirs)
        if not self.remembers:
            self.equals_a_build_without_memory(mine, emptied)

    def equals_a_build_without_memory(self, mine: dict[str, bytes], emptied: set[str]) -> None:
        """If nothing has to be remembered, a build without a state folder gives the same bytes."""
        for name in ("state3", "blank"):
            shutil.rmtree(self.folder / name, ignore_errors=True)
        self.site.build(now=self.now, feeds="blank", state="state3")
        theirs = self.site.documents("blank")
        same_but_for(emptied, without_tombstones(mine), without_tombstones(theirs))

    def archives_are_whole(self) -> None:
        """The pages are linked from the current one back to the first, and together contain all items of the feed."""
        for slug in self.site.slugs():
            pages = {path.parent.name for path in self.site.feeds.glob(f"{slug}/archive/*/rss.xml")}
            if not self.feed.get("archives", True):
                assert pages == set()
                continue
            for kind in FORMATS:
                walk = ArchiveReader(self.site.feeds, kind)
                ids = walk.ids(slug)
                assert ids >= set(self.site.ids(slug))
                if kind != "feed.json":
                    assert walk.folders == pages
                    assert ids == walk.ids_of_archive

    @invariant()
    def ids_are_unique(self) -> None:
        """No feed contains an id twice."""
        for path in self.site.feeds.glob("*/feed.json"):
            ids = [item["id"] for item in json.loads(path.read_bytes())["items"]]
            assert len(ids) == len(set(ids))


def same_but_for(emptied: set[str], mine: dict[str, bytes], theirs: dict[str, bytes]) -> None:
    """Assert the same bytes, except for emptied feeds and, if there are any, the lists of feeds."""
    for name in mine.keys() | theirs.keys():
        slug = name.split("/")[0]
        if slug not in emptied and ("/" in name or not emptied) and slug != ".well-known":
            assert mine.get(name) == theirs.get(name), name


History.TestCase.settings = settings(
    max_examples=EXAMPLES, stateful_step_count=12, deadline=None, suppress_health_check=list(HealthCheck)
)
test_any_history_ends_in_the_feeds_of_a_fresh_build = History.TestCase


@pytest.mark.slow
class TestFurtherHistories(History.TestCase):
    """Six times as many."""

    settings = settings(History.TestCase.settings, max_examples=6 * EXAMPLES)


def test_a_withdrawal_names_the_id_that_readers_saw() -> None:
    """Found by the state machine: a withdrawn item's story got another id, and so did its tombstone."""
    history = History()
    try:
        story = {"link": 0, "title": "T3", "topics": ["AI"], "quality": 90}
        steps = [
            ("a.md", {**story, "id": "urn:x:1", "published": False, "age": 5000}),
            ("b.md", {**story, "age": 5000}),
            ("b.md", {**story, "id": "urn:x:1", "published": False, "age": -40}),
            ("c.md", {**story, "id": "urn:x:1", "age": 300, "expires_in": -10}),
        ]
        for path, keys in steps:
            history.writes(path=path, keys=keys)
            history.equals_a_fresh_build()
        tombstones = (history.site.root / "feeds/all/atom.xml").read_text()
        assert 'ref="https://x.example/0"' in tombstones
    finally:
        history.teardown()

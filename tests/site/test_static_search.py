"""The files of a static search: which there are, when they are made anew, and what becomes of them."""

from __future__ import annotations

import errno
import gzip
import json
import os
import random
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from support.failing_operations import FailingOperations
from support.needed_tools import require_package
from support.site_folder import NOW, SiteFolder, iso

import aggregator
from aggregator.index.index import opened_read_only
from aggregator.model.search_files import ENTRY, FOLDER, FRAGMENTS, PROGRAM, SEARCH_PAGE
from aggregator.publisher import pagefind
from aggregator.publisher.destination import open_destination
from aggregator.site import static_search
from aggregator.site.catalog import Catalog
from aggregator.site.site import Site

DAY = 86_400
CANARY = "Heliotrope"


@pytest.fixture
def static(site: SiteFolder) -> SiteFolder:
    """A site that browsers search, with two items."""
    require_package("pagefind_bin")
    site.settings["pages"] = {"search": "static"}
    site.write("wind.md", title="Wind power", topics=["Energy"])
    site.write("tide.md", title="Tides", excerpt="Sun and moon", publishedDateTime=iso(NOW - 2 * DAY))
    return site


def fragments(site: SiteFolder) -> dict[str, dict[str, Any]]:
    """Return what is shown of each item, by its title."""
    found = {}
    for path in (site.feeds / FRAGMENTS).glob("*.pf_fragment"):
        body = gzip.decompress(path.read_bytes())
        shown = json.loads(json.loads(body[body.index(b"{") :])["url"])
        found[shown["title"]] = shown
    return found


def search_files(site: SiteFolder) -> dict[str, bytes]:
    return {name: body for name, body in site.documents().items() if name.startswith("-/")}


def known(site: SiteFolder) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((site.root / "state" / static_search.FILE).read_bytes())
    return found


def everything(site: SiteFolder) -> bytes:
    """Return all that the files of a search hold, decompressed."""
    bodies = search_files(site).values()
    return b"\n".join(gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body for body in bodies)


def test_a_build_writes_the_page_and_what_browsers_need(static: SiteFolder) -> None:
    """The program, the index, a file for each item, and nothing of pagefind's own pages and styles."""
    turn = static.build()
    names = {name for name in search_files(static) if not name.endswith((".gz", ".br"))}
    assert turn.failed == ()
    assert {SEARCH_PAGE, FOLDER + PROGRAM, FOLDER + ENTRY, f"{FOLDER}wasm.unknown.pagefind"} < names
    assert not [name for name in names if "ui" in name or name.endswith(".css") or "worker" in name]
    assert fragments(static).keys() == {"Wind power", "Tides"}
    assert {name for name in names if name not in {SEARCH_PAGE, FOLDER + PROGRAM, FOLDER + ENTRY}} == set(
        known(static)["files"]
    )


def test_the_fields_of_other_pages_lead_to_the_page(static: SiteFolder) -> None:
    """With the slash at its end, which a plain web server needs."""
    static.build()
    assert b'action="-/search/"' in (static.feeds / "index.html").read_bytes()
    assert b'action="../-/search/"' in (static.feeds / "all/index.html").read_bytes()


def test_nothing_is_written_if_nothing_that_is_searched_has_changed(static: SiteFolder) -> None:
    """Every file keeps its inode and its date."""
    static.build()
    before = static.file_identities()
    static.build(NOW + 60)
    assert static.file_identities() == before


def test_the_same_items_make_the_same_files(static: SiteFolder) -> None:
    """Byte for byte, in another folder and another process of pagefind (G6)."""
    for number in range(40):
        static.write(f"n{number}.md", title=f"N{number}", tags=[f"T{number % 13}"], quality=50 + number % 11)
    static.build()
    static.build(feeds="others", state="other-state")
    others = {name: body for name, body in static.documents("others").items() if name.startswith("-/")}
    assert others == search_files(static)


def test_an_edit_replaces_the_file_of_its_item_alone(static: SiteFolder) -> None:
    """The old one goes, those of other items stay as they are."""
    static.build()
    before = {name: one for name, one in static.file_identities().items() if name.startswith(FRAGMENTS)}
    static.write("wind.md", title="Wind and waves", topics=["Energy"])
    static.build()
    after = {name: one for name, one in static.file_identities().items() if name.startswith(FRAGMENTS)}
    assert fragments(static).keys() == {"Wind and waves", "Tides"}
    assert len(before.keys() & after.keys()) == 1
    assert all(before[name] == after[name] for name in before.keys() & after.keys())
    assert b"Wind power" not in everything(static)


def test_what_nobody_may_see_is_not_in_the_files(static: SiteFolder) -> None:
    """Neither an embargoed item, nor one that is unpublished, expired or poor, nor what `secured` holds, nor a body (G12)."""
    static.write("later.md", title=f"{CANARY} later", publishedDateTime=iso(NOW + DAY))
    static.write("draft.md", title=f"{CANARY} draft", published=False)
    static.write("old.md", title=f"{CANARY} old", expires=iso(NOW - DAY))
    static.write("poor.md", title=f"{CANARY} poor", quality=1)
    static.write(
        f"{CANARY}.md",
        CANARY,
        title="Shown",
        category=CANARY,
        secured={"note": CANARY},
        webUrl="https://a.example.org/",
    )
    static.build()
    assert fragments(static).keys() == {"Wind power", "Tides", "Shown"}
    assert CANARY.lower().encode() not in everything(static).lower()


def test_an_embargo_that_lifts_brings_its_item(static: SiteFolder) -> None:
    """The next build after that moment makes the files anew."""
    static.write("later.md", title="Later", publishedDateTime=iso(NOW + DAY))
    static.build()
    static.build(NOW + DAY + 1)
    assert "Later" in fragments(static)


def test_an_item_that_leaves_a_feed_by_query_leaves_its_search(static: SiteFolder) -> None:
    """Though nothing of it has changed, and other feeds still show it."""
    static.settings["feeds_by_query"] = [{"slug": "fresh", "where": "age:<3d"}]

    def fresh() -> set[str]:
        bodies = (gzip.decompress(path.read_bytes()) for path in (static.feeds / FRAGMENTS).iterdir())
        found = [json.loads(body[body.index(b"{") :]) for body in bodies]
        return {json.loads(one["url"])["title"] for one in found if "fresh" in one["filters"].get("search", [])}

    static.build()
    assert fresh() == {"Wind power", "Tides"}
    static.build(NOW + DAY + 60)
    assert fresh() == {"Wind power"}
    before = static.file_identities()
    static.build(NOW + DAY + 90)
    assert static.file_identities() == before


@pytest.mark.parametrize("how", ["removed", "unpublished", "embargoed", "expired"])
def test_what_is_withdrawn_goes_in_the_same_turn(static: SiteFolder, how: str) -> None:
    """A turn that makes no files, as the daemon's, removes that of the item; the next update forgets its words too."""
    expires = {"expires": iso(NOW + 60)} if how == "expired" else {}
    static.write("wind.md", title=CANARY, **expires)
    static.build()
    assert CANARY in fragments(static)
    if how == "removed":
        (static.seeds / "wind.md").unlink()
    elif how != "expired":
        keys = {"published": False} if how == "unpublished" else {"publishedDateTime": iso(NOW + DAY)}
        static.write("wind.md", title=CANARY, **keys)
    with Site(static.config()) as open_site:
        open_site.take_partial_turn(["wind.md"], now=NOW + 61)
    assert fragments(static).keys() == {"Tides"}
    static.build(NOW + 61)
    assert CANARY.lower().encode() not in everything(static).lower()


def test_an_item_that_comes_back_at_once_gets_its_file_again(static: SiteFolder) -> None:
    """Though all is as it was when the files were made."""
    static.build()
    body = (static.seeds / "wind.md").read_bytes()
    (static.seeds / "wind.md").unlink()
    with Site(static.config()) as open_site:
        open_site.take_partial_turn(["wind.md"], now=NOW)
        (static.seeds / "wind.md").write_bytes(body)
        open_site.take_partial_turn(["wind.md"], now=NOW)
    static.build()
    assert "Wind power" in fragments(static)


@contextmanager
def maker(site: SiteFolder) -> Iterator[static_search.StaticSearch]:
    """Yield what makes the files as the daemon's child does: with an index of its own."""
    config = site.config()
    writer = open_destination(config.feeds)
    with opened_read_only(config.state) as index:
        assert index is not None
        yield static_search.StaticSearch(Catalog(config, index), writer)


def interrupted(monkeypatch: pytest.MonkeyPatch, happening: Callable[[], object], *, after: int = 0) -> None:
    """Let something happen while files are made: before pagefind takes item number `after`, or after the last one."""
    make = pagefind.make_files

    def making(records: Iterable[Any], **options: Any) -> dict[str, bytes]:
        def slowly() -> Iterator[Any]:
            for number, record in enumerate(records, 1):
                if number == after:
                    happening()
                yield record

        found = make(slowly(), **options)
        if not after:
            happening()
        return found

    monkeypatch.setattr(pagefind, "make_files", making)


def test_what_is_withdrawn_while_the_files_are_made_is_not_written(
    static: SiteFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The update notices it before it writes, and says that it came too late."""
    static.build()
    static.write("wind.md", title=CANARY)

    def withdraw() -> None:
        static.write("wind.md", title=CANARY, published=False)
        opened.take_partial_turn(["wind.md"], now=NOW)

    interrupted(monkeypatch, withdraw)
    with Site(static.config()) as opened, maker(static) as search:
        opened.take_partial_turn(["wind.md"], now=NOW)
        assert search.update(moment=lambda: NOW).is_outdated
    assert CANARY.lower().encode() not in everything(static).lower()


def test_an_edit_while_the_files_are_made_is_no_damage(static: SiteFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are made of what there was when the update began; the next one has the edit."""
    static.build()
    static.write("new.md", title="New")
    monkeypatch.setattr(static_search, "TOGETHER", 1)

    def edit() -> None:
        static.write("tide.md", title="Ebb", publishedDateTime=iso(NOW - 2 * DAY))
        opened.take_partial_turn(["tide.md"], now=NOW)

    with monkeypatch.context() as patch, Site(static.config()) as opened, maker(static) as search:
        opened.take_partial_turn(["new.md"], now=NOW)
        interrupted(patch, edit, after=1)
        assert search.update(moment=lambda: NOW) == ((), (), False)
    assert fragments(static).keys() == {"Wind power", "New", "Tides"}
    static.build()
    assert fragments(static).keys() == {"Wind power", "New", "Ebb"}


def test_who_makes_the_files_is_ended_by_a_withdrawal_once(static: SiteFolder) -> None:
    """Not by each later scan of everything: with many items it would never be done."""
    static.build()
    ended: list[None] = []
    with Site(static.config(), before_withdrawal=lambda: ended.append(None)) as open_site:
        (static.seeds / "wind.md").unlink()
        open_site.take_partial_turn(["wind.md"], now=NOW)
        assert len(ended) == 1
        open_site.take_full_turn(now=NOW)
        assert open_site.search is not None
        assert open_site.search.needs_update
    assert len(ended) == 1


def test_a_new_index_ends_who_reads_the_old_one(static: SiteFolder) -> None:
    """What the next turns withdraw would not be seen there."""
    static.build()
    ended: list[None] = []
    with Site(static.config(), before_withdrawal=lambda: ended.append(None)) as open_site:
        open_site.replace_index(sqlite3.DatabaseError("damaged"))
    assert len(ended) == 1


def test_what_is_withdrawn_goes_though_nothing_can_be_stored(
    static: SiteFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a full disk; that is told, and done again."""
    static.build()
    (static.seeds / "wind.md").unlink()
    with Site(static.config()) as open_site:
        with monkeypatch.context() as patch:
            patch.setattr(static_search, "replace_file", full_disk)
            failed = open_site.take_partial_turn(["wind.md"], now=NOW).failed
        assert "No space left on device" in failed[0]
        assert fragments(static).keys() == {"Tides"}
        assert open_site.take_full_turn(now=NOW).failed == ()
        assert open_site.search is not None
        assert open_site.search.needs_update


def full_disk(path: str, body: bytes) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)


def test_a_file_that_cannot_be_removed_keeps_no_other(static: SiteFolder) -> None:
    """All others of what is withdrawn go."""
    for number in range(3):
        static.write(f"{number}.md", title=f"{CANARY} {number}")
    static.build()
    for number in range(3):
        (static.seeds / f"{number}.md").unlink()
    config = static.config()
    faults = FailingOperations(static.feeds / "-", 1, random.Random(1), only="unlink")
    with faults, Site(config) as open_site:
        turn = open_site.take_partial_turn(["0.md", "1.md", "2.md"], now=NOW)
    assert faults.failed
    assert turn.failed
    assert len([title for title in fragments(static) if CANARY in title]) == 1


def test_a_seed_that_becomes_another_item_takes_the_first_back(static: SiteFolder) -> None:
    """The file that shows it goes at once."""
    static.write("wind.md", title=CANARY, id="urn:example:one")
    static.build()
    static.write("wind.md", title="Other", id="urn:example:two", webUrl="https://news.example.org/other")
    with Site(static.config()) as open_site:
        open_site.take_partial_turn(["wind.md"], now=NOW)
    assert CANARY not in fragments(static)


def test_an_item_that_expires_goes_at_its_moment(static: SiteFolder) -> None:
    """By a turn in which no seed has changed."""
    static.write("wind.md", title=CANARY, expires=iso(NOW + 60))
    static.build()
    with Site(static.config()) as open_site:
        open_site.take_partial_turn([], now=NOW + 59)
        assert CANARY in fragments(static)
        open_site.take_partial_turn([], now=NOW + 60)
    assert CANARY not in fragments(static)


@pytest.mark.parametrize("search", [False, True])
def test_another_search_removes_the_files(static: SiteFolder, search: bool) -> None:
    """And what is known of them; nothing of anybody else's goes."""
    static.build()
    (static.feeds / "-/theirs.txt").write_text("theirs")
    (static.feeds / FRAGMENTS / "unknown_theirs.pf_fragment").write_text("theirs")
    static.settings["pages"] = {"search": search}
    static.build()
    assert search_files(static).keys() == {"-/theirs.txt", f"{FRAGMENTS}unknown_theirs.pf_fragment"}
    assert not (static.root / "state" / static_search.FILE).exists()


def test_another_search_keeps_what_somebody_else_put_in_the_place_of_our_files(static: SiteFolder) -> None:
    """Though ours was there before (G16)."""
    static.build()
    (static.feeds / SEARCH_PAGE).write_text("<p>theirs")
    static.settings["pages"] = {"search": False}
    assert static.build().failed == ()
    assert search_files(static).keys() == {SEARCH_PAGE, f"{SEARCH_PAGE}.gz", f"{SEARCH_PAGE}.br"}
    assert search_files(static)[SEARCH_PAGE] == b"<p>theirs"


def test_once_removed_there_is_nothing_more_to_do(static: SiteFolder) -> None:
    """Later turns of the same daemon find nothing wrong."""
    static.build()
    static.settings["pages"] = {"search": False}
    with Site(static.config()) as open_site:
        assert [open_site.take_full_turn(now=NOW).failed for _ in range(3)] == [(), (), ()]
    assert search_files(static) == {}


def test_a_file_of_somebody_else_stops_the_search_and_nothing_else(static: SiteFolder) -> None:
    """It is named and kept (G16), until the folder is taken over."""
    page = static.feeds / SEARCH_PAGE
    page.parent.mkdir(parents=True)
    page.write_text("<p>theirs")
    turn = static.build()
    assert "-/search/index.html: somebody else wrote this file" in turn.failed[0]
    assert page.read_text() == "<p>theirs"
    assert static.titles() == ["Wind power", "Tides"]
    assert static.build(adopt=True).failed == ()
    assert b"generator" in page.read_bytes()


def test_nothing_is_made_while_a_file_of_somebody_else_is_in_the_way(
    static: SiteFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The daemon tries again each minute."""
    page = static.feeds / SEARCH_PAGE
    page.parent.mkdir(parents=True)
    page.write_text("<p>theirs")
    monkeypatch.setattr(pagefind, "program", lambda: "/nowhere/pagefind")
    (failed,) = static.build().failed
    assert "somebody else wrote this file" in failed


@pytest.mark.parametrize("name", [SEARCH_PAGE, FOLDER + ENTRY, FOLDER + PROGRAM, "fragment"])
def test_a_build_writes_again_what_somebody_else_removed_or_changed(static: SiteFolder, name: str) -> None:
    """Whichever file it is."""
    static.build()
    before = search_files(static)
    path = next((static.feeds / FRAGMENTS).iterdir()) if name == "fragment" else static.feeds / name
    path.write_bytes(b"")
    static.build()
    assert path.stat().st_size > 0
    assert fragments(static).keys() == {"Wind power", "Tides"}
    assert len(search_files(static)) == len(before)


def test_a_lost_state_folder_leaves_nothing_behind(static: SiteFolder) -> None:
    """The files of the index before are known by what pagefind writes into them."""
    static.build()
    for path in (static.root / "state").iterdir():
        path.unlink()
    static.write("wind.md", title="Another")
    static.build()
    assert fragments(static).keys() == {"Another", "Tides"}
    assert len(list((static.feeds / FOLDER).glob("*.pf_meta"))) == 1


def test_a_site_without_items_is_searched_too(site: SiteFolder) -> None:
    """Its index names no language, which the page takes for nothing."""
    require_package("pagefind_bin")
    site.settings["pages"] = {"search": "static"}
    assert site.build().failed == ()
    assert json.loads((site.feeds / FOLDER / ENTRY).read_bytes())["languages"] == {}


def test_two_items_of_one_text_both_have_their_place(static: SiteFolder) -> None:
    """Only their links differ."""
    for number in range(3):
        static.write(f"same-{number}.md", title="The same", webUrl=f"https://news.example.org/same-{number}/")
    assert static.build().failed == ()
    assert len(list((static.feeds / FRAGMENTS).iterdir())) == 5


def test_many_items_are_a_reason_to_let_the_daemon_answer(static: SiteFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """The build says so, and goes on."""
    monkeypatch.setattr(static_search, "MANY", 1)
    turn = static.build()
    assert turn.failed == ()
    assert any("makes the files of 2 items anew after each edit" in note for note in turn.notes)


def test_a_program_that_dies_fails_the_search_alone(
    static: SiteFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Feeds are published, the index before stays, and the next build makes another."""
    static.build()
    before = search_files(static)
    program = tmp_path / "pagefind"
    program.write_text("#!/bin/sh\nexit 1\n")
    program.chmod(0o755)
    with monkeypatch.context() as patch:
        patch.setattr(pagefind, "program", lambda: str(program))
        static.write("new.md", title="New")
        turn = static.build()
    assert turn.failed[0].startswith("the files of the search: pagefind")
    assert "New" in static.titles()
    assert search_files(static) == before
    assert static.build().failed == ()
    assert "New" in fragments(static)


def test_files_of_another_form_fail_the_search_alone(static: SiteFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """As another version of pagefind might make them; the index before stays."""
    static.build()
    before = search_files(static)
    static.write("new.md", title="New")
    make = pagefind.make_files

    def made(*args: Any, **options: Any) -> dict[str, bytes]:
        return {name: body for name, body in make(*args, **options).items() if name != PROGRAM}

    monkeypatch.setattr(pagefind, "make_files", made)
    assert static.build().failed == ("the files of the search: pagefind made other files than this version knows",)
    assert search_files(static) == before


def test_a_state_that_cannot_be_read_fails_the_search_alone(static: SiteFolder) -> None:
    """The feeds are published."""
    static.build()
    path = static.root / "state" / static_search.FILE
    path.unlink()
    path.mkdir()
    static.write("new.md", title="New")
    turn = static.build()
    assert all(failed.startswith("the files of the search: ") for failed in turn.failed)
    assert turn.failed
    assert "New" in static.titles()


def test_only_a_few_of_many_files_that_cannot_be_written_are_named(static: SiteFolder) -> None:
    """And how many there are besides: a full disk fails each."""
    for number in range(30):
        static.write(f"n{number}.md", title=f"N{number}")
    static.build()
    names = [path.name for path in (static.feeds / FRAGMENTS).iterdir()]
    for name in names:
        (static.feeds / FRAGMENTS / name).unlink()
        (static.feeds / FRAGMENTS / name).mkdir()
    failed = static.build().failed
    assert len(failed) == static_search.MOST_MESSAGES + 1
    assert failed[-1] == f"and {32 - static_search.MOST_MESSAGES} other files of the search"


def test_a_damaged_row_fails_the_search_alone(static: SiteFolder) -> None:
    """Whoever makes the files says so; the turn that meets the row replaces the index."""
    static.build()
    (static.root / "state" / static_search.FILE).unlink()
    with Site(static.config()) as open_site:
        with open_site.index.transaction():
            open_site.index.files._db.execute("UPDATE seed SET seed=substr(seed, 1, 20)")
        assert open_site.search is not None
        (failed,) = open_site.search.update(moment=lambda: NOW).failed
    assert failed == "the files of the search: a stored seed is damaged"


def operations(kind: str) -> Iterator[int]:
    """Yield the numbers of operations to let fail: all of them, up to a number that no build reaches."""
    yield from range(1, 400 if kind == "replace" else 100)


@pytest.mark.parametrize("kind", ["replace", "write", "unlink", "mkdir"])
def test_whichever_operation_fails_the_next_build_mends_it(static: SiteFolder, kind: str) -> None:
    """What is published then is one whole index and nothing else."""
    static.build()
    for number in operations(kind):
        static.write("wind.md", title=f"Wind {number}")
        config = static.config()
        faults = FailingOperations(static.feeds, number, random.Random(number), only=kind)
        with suppress(OSError, aggregator.AggregatorError), faults:
            aggregator.build(config, now=NOW)
        turn = static.build()
        assert turn.failed == ()
        assert fragments(static).keys() == {f"Wind {number}", "Tides"}
        entry = json.loads((static.feeds / FOLDER / ENTRY).read_bytes())
        (meta,) = (static.feeds / FOLDER).glob("*.pf_meta")
        assert meta.name == f"pagefind.{entry['languages']['unknown']['hash']}.pf_meta"
        assert not [path for path in static.feeds.rglob("*") if path.name.startswith(".aggregator-")]
        if not faults.failed:
            return
    pytest.fail("there are more operations than were tried")


def test_a_kill_at_any_moment_leaves_nothing_behind(static: SiteFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was written before it is known, though nothing leads there yet."""
    static.build()
    static.write("wind.md", title="Killed")

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, Site(static.config()) as open_site:
        open_site.take_partial_turn(["wind.md"], now=NOW)
        patch.setattr(open_site.writer, "flush", killed)
        assert open_site.search is not None
        with pytest.raises(KeyboardInterrupt):
            open_site.search.update(moment=lambda: NOW)
    assert "Killed" in fragments(static)
    static.write("wind.md", title="After it")
    static.build()
    assert fragments(static).keys() == {"After it", "Tides"}


def test_the_items_are_those_of_the_daemons_search_newest_first(static: SiteFolder) -> None:
    """In the order in which its page lists them."""
    for number in range(30):
        static.write(f"n{number:02}.md", title=f"N{number:02}", publishedDateTime=iso(NOW - 3 * DAY - number % 7))
    static.build()
    from aggregator.site.find import find

    config = static.config()
    with opened_read_only(config.state) as index:
        assert index is not None
        wanted = [item.title for item in find(config, index, "-zzzz", now=NOW, limit=None, for_everybody=True).items]
        files = list(index.search.visible_versions(NOW))
        titles = {f"n{number:02}.md": f"N{number:02}" for number in range(30)} | {
            "wind.md": "Wind power",
            "tide.md": "Tides",
        }
    assert [titles[row[1]] for row in files] == wanted


def test_a_bucket_holds_the_same_files(static: SiteFolder) -> None:
    """Each is an object of its own, with its type and lifetime; an edit replaces what differs, another search removes all."""
    memory = require_package("fsspec").filesystem("memory")

    def names() -> set[str]:
        return {name.removeprefix("/searched/") for name in memory.find("/searched/-")}

    def build(**pages: Any) -> tuple[str, ...]:
        own, static.settings = static.settings, {**static.settings, "feeds": "memory://searched", **pages}
        try:
            return static.build(state="bucket-state").failed
        finally:
            static.settings = own

    static.build()
    ours = search_files(static).keys()
    try:
        assert build() == ()
        assert names() == ours
        before = {name: memory.created(f"/searched/{name}") for name in names()}
        assert build() == ()
        assert {name: memory.created(f"/searched/{name}") for name in names()} == before
        static.write("wind.md", title="Another", topics=["Energy"])
        assert build() == ()
        assert len(before.keys() & {name for name in names() if name.startswith(FRAGMENTS)}) == 1
        assert len([name for name in names() if name.startswith(FRAGMENTS)]) == 2
        assert build(pages={"search": False}) == ()
        assert names() == set()
    finally:
        if memory.exists("/searched"):
            memory.rm("/searched", recursive=True)


def test_a_bucket_loses_what_another_process_put(static: SiteFolder) -> None:
    """The daemon lists it seldom, and removes what its child has put since."""
    memory = require_package("fsspec").filesystem("memory")
    static.settings["feeds"] = "memory://withdrawn"
    config = static.config()
    try:
        with Site(config) as daemon:
            daemon.take_full_turn(now=NOW)
            writer = open_destination(config.feeds)
            with opened_read_only(config.state) as index:
                assert index is not None
                writer.begin(NOW, relist=True)
                search = static_search.StaticSearch(Catalog(config, index), writer)
                assert search.update(moment=lambda: NOW) == ((), (), False)
            assert len(memory.ls(f"/withdrawn/{FRAGMENTS}")) == 2
            (static.seeds / "wind.md").unlink()
            assert daemon.take_partial_turn(["wind.md"], now=NOW).failed == ()
            assert len(memory.ls(f"/withdrawn/{FRAGMENTS}")) == 1
    finally:
        memory.rm("/withdrawn", recursive=True)


def test_no_link_is_followed_where_the_files_are_written(static: SiteFolder, tmp_path: Path) -> None:
    """A link in the place of a folder is refused."""
    outside = tmp_path / "outside"
    outside.mkdir()
    static.build()
    for path in sorted((static.feeds / FRAGMENTS).iterdir()):
        path.unlink()
    (static.feeds / FRAGMENTS).rmdir()
    os.symlink(outside, static.feeds / FRAGMENTS.rstrip("/"))
    assert any("is a link" in failed for failed in static.build().failed)
    assert list(outside.iterdir()) == []

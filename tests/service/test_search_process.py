"""The files of a static search under `run`: a process of its own makes them, when nothing else waits."""

from __future__ import annotations

import gzip
import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.needed_tools import require_package
from support.running_daemon import DaemonProcess, DaemonThread, children_of, wait_until
from support.site_folder import SiteFolder

from aggregator.model.search_files import ENTRY, FOLDER, FRAGMENTS, SEARCH_PAGE
from aggregator.service.search_process import SearchProcess
from aggregator.site import static_search

WITHIN = 30.0
"""Seconds: an interpreter starts first."""


@pytest.fixture
def static(site: SiteFolder) -> SiteFolder:
    """A site that browsers search, with two items."""
    require_package("pagefind_bin")
    site.settings["pages"] = {"search": "static"}
    site.write("wind.md", title="Wind")
    site.write("tide.md", title="Tide")
    return site


def shown(site: SiteFolder) -> set[str]:
    """Return the titles that the files of the search show."""
    bodies = (gzip.decompress(path.read_bytes()) for path in (site.feeds / FRAGMENTS).glob("*.pf_fragment"))
    return {json.loads(json.loads(body[body.index(b"{") :])["url"])["title"] for body in bodies}


def is_published(site: SiteFolder) -> bool:
    return (site.feeds / SEARCH_PAGE).exists() and json.loads((site.root / "state/search.json").read_bytes())[
        "digest"
    ] != ""


def wait_for(site: SiteFolder, *titles: str) -> None:
    """Wait until the files of the search show exactly these titles, and nothing more is to be written."""
    wait_until(
        lambda: is_published(site) and shown(site) == {*titles}, WITHIN, what=f"the search does not show {titles}"
    )


def makers(pid: int) -> list[int]:
    """Return the processes below `pid` that make files of a search."""
    found = []
    for child in children_of(pid):
        try:
            if b"search_indexing" in Path(f"/proc/{child}/cmdline").read_bytes():
                found.append(child)
        except OSError:
            continue
    return found


@pytest.fixture
def unsearched(static: SiteFolder) -> SiteFolder:
    """The site with a thousand items more, built before it was to be searched: so there is something to do for a while."""
    for number in range(1_000):
        static.write(f"many-{number}.md", title=f"Many {number}", excerpt="wind and tide " * 40)
    static.settings["pages"] = {"search": False}
    static.build()
    static.settings["pages"] = {"search": "static"}
    return static


Processes = Callable[..., SearchProcess]


@pytest.fixture
def processes() -> Iterator[Processes]:
    """Return a function that makes what starts processes; they are killed at the end."""
    made: list[SearchProcess] = []

    def make(period: float, **options: bool) -> SearchProcess:
        made.append(SearchProcess(period=period, **options))
        return made[-1]

    yield make
    for one in made:
        one.stop()


def wait_for_maker() -> int:
    """Return the process that this one has started, once its name can be read."""
    wait_until(lambda: makers(os.getpid()), WITHIN, what="no process makes the files")
    (maker,) = makers(os.getpid())
    return maker


def test_an_edit_reaches_the_search(static: SiteFolder, inside: DaemonThread) -> None:
    """After the feeds, which do not wait for it."""
    inside.start(search=SearchProcess(period=0.1))
    wait_for(static, "Wind", "Tide")
    static.write("wind.md", title="Waves")
    inside.wait_for_title("Waves")
    wait_for(static, "Waves", "Tide")
    assert inside.status()["problems"] == {}


def test_what_is_withdrawn_goes_before_the_next_files_are_made(static: SiteFolder, running: DaemonProcess) -> None:
    """Though they are made once a minute at most; the daemon that ends leaves no process behind."""
    running.start()
    wait_for(static, "Wind", "Tide")
    (static.seeds / "wind.md").unlink()
    running.wait_for_title("Wind", present=False)
    wait_until(lambda: shown(static) == {"Tide"}, WITHIN, what="the withdrawn item is still there")
    assert running.stop() == 0


def test_files_that_somebody_removed_are_made_again(static: SiteFolder, inside: DaemonThread) -> None:
    """The next scan of everything notices it."""
    inside.start(search=SearchProcess(period=0.1))
    wait_for(static, "Wind", "Tide")
    (static.feeds / FOLDER / ENTRY).unlink()
    inside.trigger()
    wait_until((static.feeds / FOLDER / ENTRY).exists, WITHIN, what="it was not made again")


def test_a_config_without_the_search_removes_the_files(static: SiteFolder, running: DaemonProcess) -> None:
    """By a reload, while the daemon runs."""
    running.start()
    wait_for(static, "Wind", "Tide")
    static.settings["pages"] = {"search": False}
    static.config()
    running.signal(signal.SIGHUP)
    wait_until(lambda: not (static.feeds / "-").exists(), WITHIN, what="the files are still there")
    assert not (static.root / "state" / static_search.FILE).exists()


def test_nothing_goes_on_after_a_daemon_that_was_killed(static: SiteFolder, running: DaemonProcess) -> None:
    """Its process ends with it."""
    for number in range(500):
        static.write(f"many-{number}.md", title=f"Many {number}")
    running.start()
    wait_until(lambda: makers(running.process.pid), WITHIN, what="no process makes the files")
    (maker,) = makers(running.process.pid)
    running.signal(signal.SIGKILL)
    running.process.wait(60)
    wait_until(lambda: not Path(f"/proc/{maker}").exists() or _is_dead(maker), WITHIN, what="the process goes on")


def _is_dead(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


def test_a_process_that_was_killed_while_it_wrote_leaves_nothing_behind(
    unsearched: SiteFolder, processes: Processes
) -> None:
    """The next build makes a whole index of it, without a file too many."""
    process, config = processes(3_600.0), unsearched.config()
    process.check(config, is_idle=True)
    wait_until(lambda: shown(unsearched), WITHIN, what="nothing is written")
    process.stop()
    (unsearched.seeds / "many-7.md").unlink()
    assert unsearched.build().failed == ()
    files = {
        str(path.relative_to(unsearched.feeds)) for path in (unsearched.feeds / FOLDER).rglob("*") if path.is_file()
    }
    known = json.loads((unsearched.root / "state/search.json").read_bytes())["files"].keys()
    assert {name for name in files if not name.endswith((".gz", ".br", ".js", ".json"))} == known
    assert len(shown(unsearched)) == 1_001


def test_nothing_is_started_while_something_waits(unsearched: SiteFolder, processes: Processes) -> None:
    """Nor before its time."""
    process, config = processes(3_600.0), unsearched.config()
    assert process.check(config, is_idle=False) == ""
    assert process.pid is None
    process.check(config, is_idle=True)
    assert process.pid == wait_for_maker()
    process.stop()
    process.check(config, is_idle=True)
    assert process.pid is None


def test_a_process_that_dies_is_a_problem_until_the_next_succeeds(unsearched: SiteFolder, processes: Processes) -> None:
    """It is told, and wanted again."""
    process, config = processes(0.0), unsearched.config()
    process.check(config, is_idle=True)
    os.kill(wait_for_maker(), signal.SIGKILL)
    wait_until(lambda: process.check(config, is_idle=False), what="nothing is told")
    assert process.check(config, is_idle=False) == "the process that makes the files of the search died"
    wait_until(lambda: process.check(config, is_idle=True) == "", WITHIN, what="the problem stays")


def test_what_cannot_be_written_is_a_problem(static: SiteFolder, processes: Processes) -> None:
    """With the file that is in the way, and what to do."""
    page = static.feeds / SEARCH_PAGE
    page.parent.mkdir(parents=True)
    page.write_text("theirs")
    static.build()
    process, config = processes(3_600.0), static.config()
    wait_until(lambda: process.check(config, is_idle=True), WITHIN, what="nothing is told")
    assert "-/search/index.html: somebody else wrote this file" in process.check(config, is_idle=True)


def test_who_takes_the_folder_over_replaces_the_page_of_somebody_else(static: SiteFolder, processes: Processes) -> None:
    """As the first turn of `run --adopt` does with all others; once."""
    page = static.feeds / SEARCH_PAGE
    page.parent.mkdir(parents=True)
    page.write_text("theirs")
    static.build()
    process, config = processes(0.0, adopt=True), static.config()
    wait_until(lambda: process.check(config, is_idle=True) or is_published(static), WITHIN, what="no page")
    assert b"generator" in page.read_bytes()
    wait_until(lambda: process.check(config, is_idle=False) or process.pid is None, WITHIN, what="it does not end")
    page.write_text("theirs")
    (static.root / "state/search.json").unlink()
    process.want()
    wait_until(lambda: process.check(config, is_idle=True), WITHIN, what="nothing is told")
    assert page.read_text() == "theirs"


def test_many_files_that_cannot_be_written_are_told(unsearched: SiteFolder, processes: Processes) -> None:
    """More than a pipe holds would keep the process for ever."""
    unsearched.settings["pages"] = {"search": "static"}
    unsearched.build()
    for path in list((unsearched.feeds / FRAGMENTS).iterdir()):
        path.unlink()
        path.mkdir()
    process, config = processes(3_600.0), unsearched.config()
    wait_until(lambda: process.check(config, is_idle=True), WITHIN, what="nothing is told")
    assert "other files of the search" in process.check(config, is_idle=True)


def test_an_edit_does_not_wait_for_the_files_of_the_search(unsearched: SiteFolder, inside: DaemonThread) -> None:
    """It is shown while they are made."""
    inside.start(search=SearchProcess(period=0.0))
    wait_for_maker()
    unsearched.write("wind.md", title="Edited")
    inside.wait_for_title("Edited")

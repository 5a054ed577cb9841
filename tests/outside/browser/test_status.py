"""The owner's pages in a real browser: the three states, what happened, and why an item is in a feed.

`AGGREGATOR_PICTURES=1` writes a screenshot of each to `tests/pictures/review`, as `test_pictures` does.
"""

from __future__ import annotations

import itertools
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from support.running_daemon import wait_until

from .conftest import Sample, Visit
from .test_pictures import SCHEMES, WIDTHS, folder  # noqa: F401 - `folder` is a fixture

BROKEN = "---\ntitle: Foo: bar\n---\n"


def in_(**span: int) -> str:
    return (datetime.now(UTC) + timedelta(**span)).isoformat(timespec="seconds")


def write(sample: Sample, name: str, **keys: Any) -> None:
    defaults = {
        "title": f"Item {Path(name).stem}", "webUrl": f"https://live.example.org/{name}", "topics": "[Oceans]",
        "publishedDateTime": in_(minutes=-5), "quality": 100,
    }  # fmt: skip
    sample.seed(name, **{**defaults, **keys})


def says(sample: Sample, *words: str) -> bool:
    with urllib.request.urlopen(f"{sample.address}-/status", timeout=5) as answer:
        text = answer.read().decode()
    return all(one in text for one in words)


def live(sample: Sample) -> None:
    """Let everything happen to a few seeds that a status page can tell."""
    for name, keys in {
        "news/edited.md": {}, "news/deleted.md": {}, "news/broken.md": {},
        "news/lifted.md": {"publishedDateTime": in_(seconds=4)},
        "news/expired.md": {"expires": in_(seconds=6)},
        "news/next-week.md": {"publishedDateTime": in_(days=7, hours=3)},
        "news/tonight.md": {"publishedDateTime": in_(hours=9, minutes=12)},
        "news/ends-soon.md": {"expires": in_(days=2)},
    }.items():  # fmt: skip
        write(sample, name, **keys)
    wait_until(lambda: says(sample, "ends-soon.md"), what="the seeds are not published")
    write(sample, "news/edited.md", excerpt="More.")
    (sample.folder / "seeds/news/deleted.md").unlink()
    (sample.folder / "seeds/news/broken.md").write_text(BROKEN)
    wait_until(lambda: says(sample, ">Edited<", ">Withdrawn<", ">Refused<"), what="what happened is not told")


@pytest.fixture(scope="module")
def happened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sample]:
    """Serve a site to which everything happened, and that is well again."""
    made = Sample(tmp_path_factory.mktemp("status"))
    made.trust_local()
    made.start()
    live(made)
    wait_until(lambda: says(made, ">Lifted<", ">Expired<"), 30, what="time changed nothing")
    write(made, "news/broken.md", excerpt="Whole again.")
    wait_until(lambda: says(made, ">Mended<", "All is well"), what="the seed was not mended")
    yield made
    made.stop()


@pytest.fixture(scope="module")
def look(chromium: Any, happened: Sample, folder: Path) -> Any:  # noqa: F811 - the fixture
    """Return the function that looks at a page in every width and scheme, and makes a picture of each."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()

    def see(name: str, path: str = "-/status") -> None:
        for width, scheme in itertools.product(WIDTHS, SCHEMES):
            visitor = Visit(chromium, happened, width=width, scheme=scheme)
            page = visitor.open(path)
            page.wait_for_function("[...document.querySelectorAll('time')].every(time => time.title)")
            found = axe.run(page).response["violations"]
            page.screenshot(path=folder / f"{name}-{width}-{scheme}.png", full_page=True)
            sideways = page.evaluate("document.documentElement.scrollWidth")
            visitor.context.close()
            assert [(one["id"], [node["target"] for node in one["nodes"]]) for one in found] == [], (
                name,
                width,
                scheme,
            )
            assert sideways <= width
            assert visitor.complaints == []

    return see


@pytest.mark.slow
def test_pictures_of_the_three_states(look: Any, happened: Sample) -> None:
    """Axe finds nothing, nothing scrolls sideways, the console has no error, and a picture is made of each."""
    look("status-well")
    for name in ("news/broken.md", "news/edited.md", "news/new.md"):
        (happened.folder / f"seeds/{name}").write_text(BROKEN)
    wait_until(lambda: says(happened, "3 seeds need attention"), what="three broken seeds are not noticed")
    look("status-attention")
    (happened.folder / "seeds").rename(happened.folder / "away")
    wait_until(lambda: says(happened, ">Needs attention<"), 45, what="the daemon does not miss its seeds")
    look("status-alarm")
    (happened.folder / "away").rename(happened.folder / "seeds")
    for name in ("news/broken.md", "news/edited.md"):
        write(happened, name)
    (happened.folder / "seeds/news/new.md").unlink()
    wait_until(lambda: says(happened, "All is well"), 45, what="the seeds were not mended")


@pytest.mark.slow
def test_pictures_of_explanations(look: Any) -> None:
    """Of an item in its feeds, one that a rule holds back, one that is embargoed, and nothing."""
    look("explain", "-/explain?q=news/2026-11-20-tidal-array-powers-the-island-ferry.md")
    look("explain-held", "-/explain?q=news/2026-09-14-panel-rumour-low-quality.md")
    look("explain-embargoed", "-/explain?q=news/tonight.md")
    look("explain-nothing", "-/explain?q=nothing.md")


@pytest.mark.slow
def test_pages_lead_the_owner_to_the_status(chromium: Any, happened: Sample) -> None:
    """Whoever has seen it once; other visitors see no such link."""
    visitor = Visit(chromium, happened)
    page = visitor.open("oceans/")
    assert page.locator("footer a[href$='-/status']").count() == 0
    page = visitor.open("-/status")
    page.goto(happened.address)
    page.locator("footer a[href$='-/status']").click()
    page.get_by_text("All is well").wait_for()
    visitor.context.close()
    assert visitor.complaints == []


@pytest.mark.slow
def test_the_owner_finds_a_seed_by_keyboard(chromium: Any, happened: Sample) -> None:
    """Paths complete what is typed; Enter lists what a part of a path may mean; an answer leads to feeds and months."""
    visitor = Visit(chromium, happened)
    page = visitor.open("-/explain")
    page.locator("#q").focus()
    page.keyboard.type("tidal-arr")
    page.locator("#paths option").first.wait_for(state="attached")
    assert page.locator("#paths option").count() == 1
    assert page.locator("#paths option").get_attribute("value").endswith("tidal-array-powers-the-island-ferry.md")
    page.keyboard.press("Enter")  # a browser without a window shows no list to choose from
    page.get_by_text("Which one?").wait_for()
    page.locator("main a").focus()
    page.keyboard.press("Enter")
    page.locator(".checks").wait_for()
    assert page.locator(".checks .failed").count() == 0
    assert page.locator(".terms a[href^='../']").count() >= 6
    for link in page.locator(".terms a[href^='../']").all():
        with urllib.request.urlopen(f"{happened.address}{link.get_attribute('href')[3:]}", timeout=5) as answer:
            assert answer.status == 200
    visitor.context.close()
    assert visitor.complaints == []

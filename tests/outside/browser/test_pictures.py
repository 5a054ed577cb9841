"""Screenshots of the pages, for reviewers and the README, and what can be measured of how they look.

`AGGREGATOR_PICTURES=1 pytest tests/outside/browser/test_pictures.py` writes the pictures that README and docs show to
`tests/pictures`, and all others to `tests/pictures/review`, which git ignores: each page at 1280 and 390 px, light and dark.
"""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import pytest

from .conftest import Sample, Visit

PICTURES = Path(__file__).parents[2] / "pictures"
SHOWN = {"index-20": "index.png", "feed": "feed.png", "item": "item.png", "search": "search.png"}
"""The pictures that README and docs show (at 1280 px, light), and their names."""

SEA = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 9" width="640" height="360">
<rect width="16" height="9" fill="hsl({hue} 45% 82%)"/><circle cx="{sun}" cy="3.2" r="1.2" fill="hsl({hue} 80% 94%)"/>
<path d="M0 6Q4 5 8 6T16 6V9H0Z" fill="hsl({hue} 40% 52%)"/><path d="M0 7Q4 6.2 8 7T16 7V9H0Z" fill="hsl({hue} 45% 38%)"/></svg>"""
"""Stands for the pictures of items, which lie elsewhere; each has a colour of its own."""

KEYS = {
    "title": "The lighthouse keeps its keeper", "publishedDateTime": "2026-11-28T09:30:00Z", "quality": 180,
    "topics": "[Oceans, Energy]", "tags": "[lighthouses, batteries]", "author": "Isla Renwick",
    "excerpt": "Stornwick Head was to go dark in spring. Its last keeper found it a second job.",
    "images": "[{url: 'https://images.example.org/stornwick.jpg', width: 1200, height: 675, title: Stornwick Head at dusk}]",
    "related": "[{title: What a lamp costs, webUrl: 'https://grid-current.example.com/lamp', quality: 90}]",
}  # fmt: skip
TEXT = """
Stornwick Head was to go dark in spring. Then **Mairi Skene**, its last keeper, did a sum on the back of a tide table:
the old lamp room holds a tonne and a half, and a tonne and a half of batteries holds what the
[tidal array](https://example.org/array) makes in one calm night.

> The sea brings it in twice a day. Somebody has to put it somewhere.

## What it took

| What | Lamp | Store |
|---|---|---|
| Weight | 1.2 t | 1.4 t |
| Power | 250 W | 40 kW |
| Visits a year | 2 | 12 |

The cable was there. The stairs, all hundred and twelve, were not made for batteries, so they went up in pieces.
"""
"""An item that is nowhere else: it has a page here."""

WIDTHS, SCHEMES = (1280, 390), ("light", "dark")
pytestmark = pytest.mark.slow


def remove_seeds(sample: Sample) -> None:
    shutil.rmtree(sample.folder / "seeds")
    (sample.folder / "seeds").mkdir()
    for path in (sample.folder / "config/topics").iterdir():
        path.unlink()
    config = sample.folder / "config/aggregator.yaml"
    text = config.read_text()
    start, end = text.index("feeds_by_query:"), text.index("# A topic exists")
    config.write_text(text[:start] + text[end:])


def many_feeds(sample: Sample, count: int) -> None:
    """Give a site so many topics, of which each third is below the one before, and some have no items."""
    remove_seeds(sample)
    places = (
        "Aldgate",
        "Bermondsey",
        "Camberwell",
        "Deptford",
        "Ealing",
        "Finchley",
        "Greenwich",
        "Hackney",
        "Islington",
        "Kilburn",
    )
    for number in range(count):
        place = f"{places[number % 10]} {number // 10 + 1}"
        parent = f"parent: place-{number - 1}\n" if number % 3 else ""
        (sample.folder / f"config/topics/{number:03}.yaml").write_text(f"_id: place-{number}\nname: {place}\n{parent}")
        for item in range(number % 4 + 1 if number % 17 else 0):
            day, hour = 28 - (number * 7 + item * 5) % 28 or 1, number % 24
            sample.seed(
                f"{number}-{item}.md", title=f"What {place} is up to, part {item + 1}", topics=f"[place-{number}]",
                webUrl=f"https://town.example.org/{number}/{item}", publishedDateTime=f"2026-11-{day:02}T{hour:02}:30:00Z",
                quality=100,
            )  # fmt: skip
    (sample.folder / "seeds/.keep").touch()


def one_feed(sample: Sample) -> None:
    remove_seeds(sample)
    for number in range(12):
        sample.seed(
            f"{number}.md", title=f"The harbour in week {number + 40}", publishedDateTime=f"2026-11-{number * 2 + 3:02}T07:00:00Z",
            webUrl=f"https://harbour.example.org/{number}", excerpt="Tides, ships and who is out there.", quality=100,
        )  # fmt: skip


def with_item_pages(sample: Sample) -> None:
    """Give each item a page, one of which is of a text that is nowhere else, another of one that was withdrawn."""
    config = sample.folder / "config/aggregator.yaml"
    config.write_text(f"{config.read_text()}\npages: {{items: all, search: true}}\n")
    sample.seed("keeper.md", **KEYS)
    keeper = sample.folder / "seeds/keeper.md"
    keeper.write_text(keeper.read_text() + TEXT)
    sample.seed("gone.md", title="A mistake", publishedDateTime="2026-11-27T09:30:00Z", topics="[Oceans]", quality=100)
    for _ in range(2):
        subprocess.run([sys.executable, "-m", "aggregator", "build"], cwd=sample.folder, check=True)
        (sample.folder / "seeds/gone.md").unlink(missing_ok=True)


PAGES = {
    "index-1": ("one", ""),
    "index-20": ("twenty", ""),
    "index-300": ("many", ""),
    "feed": ("twenty", "oceans/"),
    "month": ("twenty", "all/archive/2026-11/"),
    "empty": ("empty", ""),
    "404": ("twenty", "nothing-here/"),
    "410": ("reading", "items/2026/11-27-a-mistake/"),
    "opened": ("twenty", "oceans/rss.xml"),
    "index-search": ("reading", ""),
    "feed-search": ("reading", "oceans/"),
    "item": ("reading", "items/2026/11-28-the-lighthouse-keeps-its-keeper/"),
    "search": ("reading", "-/search?q=harbour"),
    "search-nothing": ("reading", "-/search?q=unicorn"),
    "search-mistake": ("reading", "-/search?q=wind+OR"),
}
STATUS = {"404": 404, "410": 410, "search-mistake": 400}
"""Of the pages that are answered with an error, of which the browser complains."""

MADE = {
    "one": one_feed,
    "twenty": lambda _: None,
    "many": lambda sample: many_feeds(sample, 300),
    "empty": remove_seeds,
    "reading": with_item_pages,
}


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Serve each site once it is asked for."""
    made: dict[str, Sample] = {}

    def get(name: str) -> Sample:
        if name not in made:
            made[name] = Sample(tmp_path_factory.mktemp(name))
            MADE[name](made[name])
            made[name].start()
        return made[name]

    yield get
    for one in made.values():
        one.stop()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return where pictures go: only if asked for, into the repository."""
    if not os.environ.get("AGGREGATOR_PICTURES"):
        return tmp_path_factory.mktemp("pictures")
    (PICTURES / "review").mkdir(exist_ok=True)
    return PICTURES / "review"


def draw(route: Any) -> None:
    """Answer the request for a picture with a sea."""
    number = zlib.crc32(route.request.url.encode())
    sea = SEA.format(hue=190 + number % 60, sun=3 + number % 10)
    route.fulfill(body=sea, content_type="image/svg+xml")


@pytest.mark.parametrize("look", list(itertools.product(WIDTHS, SCHEMES)), ids=lambda look: f"{look[0]}-{look[1]}")
@pytest.mark.parametrize("name", PAGES)
def test_pictures(chromium: Any, sites: Any, folder: Path, name: str, look: tuple[int, str]) -> None:
    """Axe finds nothing on any page, nothing scrolls sideways, the console has no error, and a picture is made."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    (width, scheme), (site, path) = look, PAGES[name]
    visitor = Visit(chromium, sites(site), width=width, scheme=scheme)
    visitor.context.route(lambda url: not url.startswith(visitor.sample.address), draw)
    page = visitor.open(path)
    page.wait_for_function("[...document.querySelectorAll('time')].every(time => time.title)")
    found = axe.run(page).response["violations"]
    picture = folder / f"{name}-{width}-{scheme}.png"
    page.screenshot(
        path=picture, clip={"x": 0, "y": 0, "width": width, "height": 1080 if width > 1000 else 1600}, full_page=True
    )
    if (width, scheme) == (1280, "light") and name in SHOWN and folder.parent == PICTURES:
        shutil.copy(picture, PICTURES / SHOWN[name])
    sideways, height = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.scrollHeight]")
    weight = len(page.evaluate("fetch(location.href).then(answer => answer.text())").encode())
    visitor.context.close()

    assert [(one["id"], [node["target"] for node in one["nodes"]]) for one in found] == []
    assert sideways <= width
    assert height < 15_000
    assert weight < 100_000
    assert [one for one in visitor.complaints if f"status of {STATUS.get(name)}" not in one] == []
    assert picture.stat().st_size > 5_000


def test_pictures_are_shown() -> None:
    """README and docs show the pictures that are kept for them, and no others are kept."""
    root = PICTURES.parents[1]
    texts = "".join(path.read_text() for path in (root / "README.md", *root.glob("docs/**/*.md")))

    assert {path.name for path in PICTURES.glob("*.png")} == set(SHOWN.values())
    assert all(f"tests/pictures/{name}" in texts for name in SHOWN.values())


def names(page: Any) -> list[str]:
    return page.locator(".list > li:visible > a").all_inner_texts()  # type: ignore[no-any-return]


def test_many_feeds_are_sorted_and_found(chromium: Any, sites: Any) -> None:
    """By name, newest and busiest, and by topic again; a search and an update keep the order; each row copies its address."""
    site = sites("many")
    visitor = Visit(chromium, site)
    visitor.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = visitor.open()
    by_topic = names(page)
    page.locator("#sort").select_option("name")
    assert names(page) == sorted(by_topic)
    page.locator("#sort").select_option("busiest")
    counts = [int(one) for one in page.locator(".list > li").evaluate_all("rows => rows.map(row => row.dataset.b)")]
    assert counts == sorted(counts, reverse=True)
    page.locator("#sort").select_option("newest")
    dates = page.locator(".list > li").evaluate_all("rows => rows.map(row => row.querySelector('time')?.written ?? '')")
    assert dates == sorted(dates, reverse=True)
    page.locator("#find").fill("ealing 3")
    assert set(names(page)) == {"Ealing 3", "Ealing 13", "Ealing 23", "Ealing 30"}
    page.locator("#find").fill("")

    sample_seed = {"topics": "[place-3]", "quality": 100, "webUrl": "https://town.example.org/now"}
    site.seed("now.md", title="Just now", publishedDateTime="2026-11-29T23:00:00Z", **sample_seed)
    page.locator(".list > li:first-child#feed-place-3").wait_for(timeout=10_000)
    page.locator("#sort").select_option("")
    assert names(page) == by_topic
    page.locator("#feed-place-7").get_by_role("button", name="Copy").click()
    page.locator("#said", has_text="Copied").wait_for(state="attached")
    assert page.evaluate("navigator.clipboard.readText()") == f"{site.address}place-7/rss.xml"
    visitor.context.close()
    assert visitor.complaints == []

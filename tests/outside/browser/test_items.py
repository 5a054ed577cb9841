"""The pages of items, and the search of everybody, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .conftest import LOOKS, Sample, Visit

looks = pytest.mark.parametrize(("width", "scheme"), LOOKS)
LONG = "Rindfleischetikettierungsüberwachungsaufgabenübertragungsgesetz"
TEXT = f"""
The *whole* text, with a [link](https://x.example/).

# A heading with {LONG}

> A quotation.

```
a line of code that is far too long for a phone, and so must scroll within its own box, not with the page
```

| wide | table |
|---|---|
| {LONG} | {LONG} |

![A pier](https://x.example/pier.jpg)
"""


@pytest.fixture(scope="module")
def reading(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sample]:
    """The sample site with a page for each item, and a search."""
    made = Sample(tmp_path_factory.mktemp("reading"))
    config = made.folder / "config/aggregator.yaml"
    config.write_text(f"{config.read_text()}\npages: {{items: all, search: true}}\n")
    made.seed("own.md", title=f"A zebra crosses the {LONG}", publishedDateTime="2026-11-03T10:00:00Z", quality=100,
              topics="[Cycling, Oceans]", tags="[zebras]", author="Ada Bell", excerpt="In short.",
              images="[{url: 'https://x.example/i.jpg', width: 800, height: 450, title: A zebra}]",
              related="[{title: Told elsewhere, webUrl: 'https://other.example/', quality: 90}]")  # fmt: skip
    seed = made.folder / "seeds/own.md"
    seed.write_text(seed.read_text() + TEXT)
    made.seed("hebrew.md", title="הרכבת הקלה", publishedDateTime="2026-11-02T10:00:00Z", quality=100, locale="he",
              topics="[Cycling]", author="Ada")  # fmt: skip
    made.start()
    yield made
    made.stop()


def path_of(sample: Sample, day: str) -> str:
    """Return the path of the page of an item without a link, published on a day."""
    (found,) = (sample.folder / "feeds/items/2026").glob(f"{day}-*")
    return f"items/2026/{found.name}/"


@pytest.mark.slow
@looks
@pytest.mark.parametrize("which", ["11-03", "11-02", "other", "-/search?q=harbour", "-/search?q=path:x", "", "oceans/"])
def test_pages_are_accessible(chromium, reading, width, scheme, which):
    """axe-core finds no violation, and no page scrolls sideways, nor with letters of twice the size."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    if which == "other":
        others = sorted(path.name for path in (reading.folder / "feeds/items/2026").iterdir())
        path = f"items/2026/{next(name for name in others if not name.startswith('11-'))}/"
    else:
        path = path_of(reading, which) if which.startswith("11-") else which
    visitor = Visit(chromium, reading, width=width, scheme=scheme)
    page = visitor.open(path)
    found = axe.run(page).response["violations"]
    widths = [page.evaluate("document.documentElement.scrollWidth")]
    page.evaluate("document.documentElement.style.fontSize = '200%'")
    widths.append(page.evaluate("document.documentElement.scrollWidth"))
    complaints = [one for one in visitor.complaints if "status of 400" not in one]
    visitor.context.close()

    assert [(one["id"], [node["target"] for node in one["nodes"]]) for one in found] == []
    assert max(widths) <= width
    assert complaints == []


@pytest.mark.parametrize("place", ["page", "feed"])
def test_tables_and_code_in_a_text_can_be_told_from_it(chromium, reading, place):
    """Cells have lines and do not touch, no word in them is broken on a phone, and code has a ground of its own."""
    visitor = Visit(chromium, reading, width=390)
    page = visitor.open(path_of(reading, "11-03") if place == "page" else "oceans/")
    if place == "feed":
        page.locator("article", has_text="A zebra crosses").locator(".read > summary").click()
    cell, code = page.locator(".text th").first, page.locator(".text pre")
    cell.wait_for()

    def style(which, name):
        return which.evaluate("(one, name) => getComputedStyle(one)[name]", name)

    assert (style(cell, "borderBottomStyle"), style(cell, "textAlign")) == ("solid", "start")
    assert float(style(cell, "paddingRight").removesuffix("px")) >= 8
    heights = [one.bounding_box()["height"] for one in page.locator(".text :is(th, td)").all()]
    assert max(heights) < 50
    assert style(code, "backgroundColor") not in {"rgba(0, 0, 0, 0)", style(page.locator("body"), "backgroundColor")}
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    visitor.context.close()


def test_everybody_finds_an_item_without_a_script(chromium, reading):
    """From the index, by the button; the page of what was found leads to the item's page, and that one to its topic."""
    visitor = Visit(chromium, reading, java_script_enabled=False)
    page = visitor.open()
    page.locator("#find").fill("zebra")
    page.get_by_role("button", name="Search items").click()
    page.wait_for_url("**/-/search?q=zebra")
    page.get_by_role("link", name="A zebra crosses").click()
    page.wait_for_url(f"**/{path_of(reading, '11-03')}")
    assert page.locator("h1").inner_text() == f"A zebra crosses the {LONG}"
    assert page.get_by_text("The whole text").count() == 1
    page.get_by_role("link", name="Older in Cycling").click()
    page.wait_for_url(f"**/{path_of(reading, '11-02')}")
    assert page.locator("h1").evaluate("one => getComputedStyle(one).direction") == "rtl"
    visitor.context.close()


def test_enter_opens_a_feed_that_fits_else_searches_items(chromium, reading):
    """One field for both: what is typed is looked for among the feeds of the page first."""
    visitor = Visit(chromium, reading)
    page = visitor.open()
    page.locator("#find").fill("wind power")
    page.keyboard.press("Enter")
    page.wait_for_url("**/wind-power/")
    page = visitor.open()
    page.locator("#find").fill("zebra crosses")
    page.keyboard.press("Enter")
    page.wait_for_url("**/-/search?q=zebra+crosses")
    assert page.locator("main ol li").count() == 1
    visitor.context.close()
    assert visitor.complaints == []


def test_read_on_leads_to_the_items_page_without_a_script(chromium, reading):
    """With one, the text is shown where it stands."""
    visitor = Visit(chromium, reading, java_script_enabled=False)
    page = visitor.open("oceans/")
    page.locator("article", has_text="A zebra crosses").get_by_role("link", name="Read on").click()
    page.wait_for_url(f"**/{path_of(reading, '11-03')}")
    visitor.context.close()

"""The order of feeds: newest first; of one moment the best first, then by path, the last name first."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from support.site_folder import NOW, SiteFolder

import aggregator
from aggregator.index import archive_pages, feeds
from aggregator.index.index import opened_read_only
from aggregator.site import display_settings
from aggregator.site.explain import explain
from aggregator.site.site import Site

DAY = "2026-05-01"


def write(folder: Path, name: str, **keys: object) -> None:
    path = folder / "seeds" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    front = {"title": name, "webUrl": f"https://example.org/{name}", "publishedDateTime": DAY, **keys}
    path.write_text("---\n" + "".join(f"{key}: {json.dumps(value)}\n" for key, value in front.items()) + "---\n")


def build(folder: Path, state: str = "state", **options: object) -> aggregator.Turn:
    config = folder / "aggregator.yaml"
    config.write_text(
        f"site: {{url: 'https://feeds.example.org/'}}\nseeds: seeds\nfeeds: {state}-feeds\nstate: {state}\n"
    )
    loaded = aggregator.load_config(config)
    return aggregator.build(loaded, now=NOW, **options)  # type: ignore[arg-type]


def shown(folder: Path, page: str = "all", state: str = "state") -> list[str]:
    return [item["title"] for item in json.loads((folder / f"{state}-feeds/{page}/feed.json").read_bytes())["items"]]


def test_posts_of_one_day_stand_as_their_names_say(tmp_path: Path) -> None:
    """The last name comes first, and better ones before; in the feed, its archive, RSS and Atom alike."""
    for name in ("a-1.md", "a-2.md", "b/1.md", "c.md"):
        write(tmp_path, name)
    write(tmp_path, "0-good.md", quality=5)
    write(tmp_path, "0-later.md", publishedDateTime=f"{DAY}T00:00:01Z")
    build(tmp_path)
    expected = ["0-later.md", "0-good.md", "c.md", "b/1.md", "a-2.md", "a-1.md"]
    assert shown(tmp_path) == shown(tmp_path, "all/archive/2026-05") == expected
    for document, tag in (("rss.xml", "<title>"), ("atom.xml", "<title>")):
        text = (tmp_path / "state-feeds/all" / document).read_text()
        places = [text.index(f"{tag}{name}<") for name in expected]
        assert places == sorted(places), document


@pytest.mark.slow
def test_a_renamed_file_takes_the_place_of_its_new_name(tmp_path: Path) -> None:
    """Its id stays; an edit of another one moves nothing; a build from nothing shows the same bytes."""
    dice = random.Random(7)
    names = [f"{number:02}.md" for number in range(20)]
    for name in dice.sample(names, 20):
        write(tmp_path, name)
        build(tmp_path)
    assert shown(tmp_path) == names[::-1]
    (tmp_path / "seeds/03.md").rename(tmp_path / "seeds/99.md")
    write(tmp_path, "10.md", excerpt="edited")
    build(tmp_path)
    assert shown(tmp_path) == ["03.md", *[name for name in names[::-1] if name != "03.md"]]
    build(tmp_path, "fresh")
    for one in (tmp_path / "state-feeds/all").rglob("*.xml"):
        assert (
            one.read_bytes()
            == (tmp_path / "fresh-feeds/all" / one.relative_to(tmp_path / "state-feeds/all")).read_bytes()
        )


def test_explain_counts_in_this_order(site: SiteFolder) -> None:
    """An item beyond a feed's limit is named with the number of items before it."""
    for number in range(60):
        site.write(f"{number:02}.md")
    site.build()
    with opened_read_only(site.config().state) as index:
        (found,) = explain(site.config(), index, "04.md", now=NOW)
    assert any("not in all: 55 newer items come before it" in line for line in found.details), found


def test_explain_says_that_a_feed_is_rendered_by_the_next_build(site: SiteFolder) -> None:
    """After the index knows an item, and before its feed is rendered, nothing is said of a limit that it is beyond."""
    site.write("a.md", topics=["Roads"])
    site.build()
    with Site(site.config()) as opened, opened.index.transaction():
        index = opened.index
        for slug in ("roads", "all"):  # as between the two steps of the turn that adds a topic
            feed = index.feeds.by_slug()[slug].feed
            index.feeds.unpublish(feed)
            index.feeds.mark_dirty([feed])
    with opened_read_only(site.config().state) as index:
        (found,) = explain(site.config(), index, "a.md", now=NOW)

    assert found.headline == "a.md: in all, roads from the next build on"
    assert not [line for line in found.details if line.startswith("not in ")]


def test_an_older_site_gets_the_order_once_and_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An index whose documents have the order of before is kept, every feed is compared, and then nothing changes."""
    for number in range(10, 30):
        write(tmp_path, f"{number}.md")
    monkeypatch.setattr(display_settings, "RENDERING", 10)
    for module in (feeds, archive_pages):
        monkeypatch.setattr(module, "IN_ORDER", "ORDER BY e.sort, e.worst, e.tie")
    build(tmp_path)
    expected = [f"{number}.md" for number in range(29, 9, -1)]
    assert shown(tmp_path) != expected
    monkeypatch.undo()
    build(tmp_path)
    assert (shown(tmp_path), shown(tmp_path, "all/archive/2026-05")) == (expected, expected)
    assert not build(tmp_path).written

"""`check` names what Apple Podcasts requires of feeds with episodes and is missing."""

from __future__ import annotations

import pytest
from support.site_folder import NOW, SiteFolder

from aggregator.model.errors import ConfigError
from aggregator.site.check import check

SITE = {"title": "Test", "url": "https://feeds.example.org/"}


def found(site: SiteFolder) -> tuple[list[str], list[str]]:
    checked = check(site.config(), now=NOW)
    assert all(one.warning for one in (*checked.problems, *checked.config))
    return [one.message for one in checked.problems], [one.message for one in checked.config if "Apple" in one.message]


def test_what_is_missing_is_named_and_then_nothing_is(site: SiteFolder) -> None:
    """Category, explicit language and picture, which the config has; the length of a file, which its seed has."""
    site.settings["site"] = SITE
    site.write("1.md", media=[{"url": "https://cdn.example/1.mp3"}])
    site.write("2.md", media=[{"url": "https://cdn.example/2.mp4", "bytes": 7}])
    of_seeds, of_config = found(site)
    assert of_seeds == ["media: has no length, which Apple Podcasts requires"]
    assert [one.partition(":")[0] for one in of_config] == [
        "site.podcast.category",
        "site.podcast.explicit",
        "site.icon",
    ]
    assert all("(2 episodes)" in one for one in of_config)
    podcast = {"category": "news", "explicit": False}
    site.settings["site"] = {**SITE, "icon": "https://feeds.example.org/i.png", "podcast": podcast}
    site.write("1.md", media=[{"url": "https://cdn.example/1.mp3", "bytes": 7}])
    assert found(site) == ([], [])
    site.build()
    rss = (site.feeds / "all/rss.xml").read_text()
    for tag in ('<itunes:category text="News"/>', "<itunes:explicit>false</itunes:explicit>", "<itunes:image href="):
        assert rss.count(tag) == 1
    assert "itunes" not in (site.feeds / "all/atom.xml").read_text()


def test_files_that_are_no_episodes_are_no_podcast(site: SiteFolder) -> None:
    """Neither papers, nor a site without files, nor what no feed shows."""
    site.settings["site"] = SITE
    site.write("1.md", media=[{"url": "https://cdn.example/1.pdf"}, {"url": "https://cdn.example/1.mp3"}])
    site.write("2.md", body="audio/mpeg")
    site.write("3.md", published=False, media=[{"url": "https://cdn.example/1.mp3"}])
    assert found(site) == ([], [])
    site.build()
    assert "itunes:author" not in (site.feeds / "all/rss.xml").read_text()


def test_many_episodes_without_a_length_are_counted(site: SiteFolder) -> None:
    """Twenty are named."""
    site.settings["site"] = SITE
    for number in range(23):
        site.write(f"{number:02}.md", media=[{"url": f"https://cdn.example/{number}.mp3"}])
    of_seeds, _ = found(site)
    assert (len(of_seeds), of_seeds[-1]) == (21, "media: … and 3 more episodes have no length")


def test_a_category_is_one_of_apples(site: SiteFolder) -> None:
    """Another one is an error that names them."""
    site.settings["site"] = {**SITE, "podcast": {"category": "Gossip"}}
    with pytest.raises(ConfigError, match=r"site\.podcast\.category: is not a category of Apple Podcasts"):
        site.config()

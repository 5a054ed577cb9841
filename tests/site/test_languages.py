"""The language of a feed: that of its topic file, else of most of its items, else of the site."""

from __future__ import annotations

import json
from xml.etree.ElementTree import fromstring

import pytest
from support.site_folder import SiteFolder

from aggregator.model.errors import ConfigError

LANG = "{http://www.w3.org/XML/1998/namespace}lang"


def languages(site: SiteFolder, feed: str) -> tuple[set[str], dict[str, str]]:
    """Return the language of a feed in each format, and that of its items where it is another."""
    folder = site.feeds / feed
    atom, read = fromstring((folder / "atom.xml").read_bytes()), json.loads((folder / "feed.json").read_bytes())
    channel = fromstring((folder / "rss.xml").read_bytes()).findtext("channel/language")
    items = {item["title"]: item["language"] for item in read["items"] if "language" in item}
    entries = atom.findall("{*}entry")
    assert items == {str(one.findtext("{*}title")): one.get(LANG, "") for one in entries if one.get(LANG)}
    return {str(channel), str(atom.get(LANG)), read["language"]}, items


def test_a_feed_is_in_the_language_of_most_of_its_items(site: SiteFolder) -> None:
    """More than half; an item that names none is in the site's. Archives alike."""
    for number, locale in enumerate(["de", "de_DE", "de_DE", "de-DE", None]):
        site.write(f"{number}.md", locale=locale, topics=["Berlin"])
    site.write("x.md", locale="fr")
    site.build()
    expected = {"Item 0": "de", "Item 4": "en-us"}
    assert languages(site, "berlin") == ({"de-de"}, expected)
    (page,) = (site.feeds / "berlin/archive").iterdir()
    assert languages(site, f"berlin/archive/{page.name}") == ({"de-de"}, expected)
    assert languages(site, "all")[0] == {"en-us"}


def test_a_topic_file_says_the_language_of_its_feed(site: SiteFolder) -> None:
    """Whatever its items are in; a value that is no language is an error with its place."""
    (site.root / "config/topics/sea.yaml").write_text("name: Sea\nlanguage: pt-br\n")
    site.write("a.md", locale="de", topics=["Sea"])
    site.build()
    assert languages(site, "sea") == ({"pt-br"}, {"Item a": "de"})
    (site.root / "config/topics/sea.yaml").write_text("name: Sea\nlanguage: Portuguese, mostly\n")
    with pytest.raises(ConfigError, match=r"sea.yaml:2:11: language"):
        site.config()

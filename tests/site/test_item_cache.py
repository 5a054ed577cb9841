"""The cache of prepared items: enough to save work, and never more bytes than stated (G13)."""

from __future__ import annotations

import pytest
from support.site_folder import NOW, SiteFolder

from aggregator.renderer import atom, json_feed, rss
from aggregator.renderer import item_cache as rendered_items
from aggregator.site import item_cache
from aggregator.site.site import Site

LONG = "Some words that go on. " * 200


def test_long_items_are_kept_by_their_bytes(site: SiteFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """However few they are, no more than so many bytes stay in memory; what is published is the same."""
    for number in range(30):
        site.write(f"{number}.md", LONG, topics=[f"T{number % 7}"])
    site.build()
    wanted = site.documents()
    monkeypatch.setattr(item_cache, "KEPT_BYTES", 6 * len(LONG))
    monkeypatch.setattr(rendered_items, "MAX_BYTES", 6 * len(LONG))
    caches = {owner: rendered_items.ItemCache() for owner in (rss._writer, atom._writer, json_feed)}
    for owner, empty in caches.items():
        monkeypatch.setattr(owner, "_cache", empty)
    with Site(site.config(feeds="others", state="other"), jobs=1) as opened:
        opened.build(now=NOW)
        kept = opened.items
        assert 0 < sum(size for _, size in kept._kept.values()) == kept._bytes <= item_cache.KEPT_BYTES
    for cache in caches.values():
        assert 0 < sum(map(len, cache._items.values())) == cache._bytes <= rendered_items.MAX_BYTES
    assert site.documents("others") == wanted


def test_short_items_are_kept_by_their_number(site: SiteFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """If there are too many, the older half is dropped."""
    for number in range(30):
        site.write(f"{number}.md", topics=[f"T{number}"])
    monkeypatch.setattr(item_cache, "KEPT_ITEMS", 8)
    with Site(site.config(), jobs=1) as opened:
        opened.build(now=NOW)
        assert 0 < len(opened.items._kept) <= 8
        assert opened.build(now=NOW).written == ()
    assert sorted(site.titles()) == sorted(f"Item {number}" for number in range(30))

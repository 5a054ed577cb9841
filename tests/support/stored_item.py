"""An item as the index stores it, with settings to render it."""

from __future__ import annotations

from support.site_folder import NOW, SiteFolder

from aggregator.config.settings import FeedSettings
from aggregator.model.feeds import FeedSpec
from aggregator.model.feeds import Site as Publisher
from aggregator.model.items import Seed
from aggregator.normalizer import rules
from aggregator.normalizer.reading import apply_rules
from aggregator.site.display_settings import DisplaySettings
from aggregator.site.render_jobs import StoredItem

PUBLISHER = Publisher(title="Test", url="https://feeds.example.org/")
SETTINGS = DisplaySettings(
    site=PUBLISHER,
    feed=FeedSettings(max_bytes=None),
    related="list",
    min_quality=None,
    topics=(),
    items="none",
    version="1",
    rendering=1,
)
SPEC = FeedSpec(slug="all", title="All")


def stored_item(site: SiteFolder, name: str = "a") -> StoredItem:
    """Return an item as it is read from the index."""
    link = f"https://news.example.org/{name}"
    seed = Seed(title=name, link=link, published=NOW - 60)
    one = apply_rules("a.md", (0, 0, 0, 0, 0), b"", seed, rules.policy_of(site.config()), NOW)
    assert one.seed
    assert one.content
    assert one.verdict
    return StoredItem(7, one.seed, one.content, one.verdict, link)

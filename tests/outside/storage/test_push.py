"""A hub is notified of feeds in a bucket."""

from __future__ import annotations

import pytest
from support.bucket_site import BucketSite
from support.websub_hubs import Hub

pytestmark = pytest.mark.slow  # a store of its own has to start, and clients that take a second to import


def test_a_hub_is_notified_of_changes_in_a_bucket(buckets: BucketSite) -> None:
    """It is notified of every document at first, then of those that an edit changed, and of none without a change."""
    buckets.write("a.md", topics=["AI"])
    buckets.write("b.md", topics=["Cities"])
    with Hub() as hub:
        buckets.site.settings["websub"] = {"hub": hub.url}
        assert buckets.build().notes == ()
        first = hub.ping_counts()
        assert len(first) == 9
        buckets.build()
        assert hub.ping_counts() == first
        buckets.write("b.md", topics=["Cities"], title="edited")
        buckets.build()
        again = hub.ping_counts() - first
        assert {name.partition("/")[0] for name in again} == {"all", "cities"}
        assert set(again.values()) == {1}

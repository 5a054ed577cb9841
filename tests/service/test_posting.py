"""Posted items as files: whose they are, between two turns and after the owner withdrew one."""

from __future__ import annotations

import pytest
from support.site_folder import NOW, SiteFolder

from aggregator.model.seed_roots import SeedRoot
from aggregator.normalizer import posted
from aggregator.normalizer.posted import PostedSeed
from aggregator.service.posting import ANYBODY, ConflictError, PostedSeeds

ANN, BOB = posted.writer_hash("ann"), posted.writer_hash("bob")
LINK = "https://example.org/posted"


@pytest.fixture
def door(site: SiteFolder) -> PostedSeeds:
    """The door of a site that was built once."""
    site.write("editor.md")
    site.build()
    return PostedSeeds(SeedRoot(folder=str(site.seeds)), str(site.root / "state"))


def item(**members: str) -> PostedSeed:
    made = posted.seed_of({"url": LINK, "title": "A", **members}, path="$", now=NOW, zone="UTC")
    assert isinstance(made, PostedSeed)
    return made


@pytest.mark.parametrize(
    ("first", "second"),
    [({}, {}), ({}, {"id": "tag:b"}), ({"id": "tag:a"}, {}), ({"id": "tag:a"}, {"id": "tag:b"}),
     ({"id": "tag:a"}, {"id": LINK, "url": f"{LINK}/2"})],
)  # fmt: skip
def test_what_was_posted_since_the_last_turn_is_not_taken(door: PostedSeeds, first, second) -> None:
    """Neither the id nor the link of another's item, though no build has seen that yet."""
    door.put([item(**first)], ANN)
    with pytest.raises(ConflictError):
        door.put([item(**second)], BOB)
    assert door.put([item(**first)], ANN)[0].done == "unchanged"


def test_a_link_that_an_item_no_longer_has_is_free(door: PostedSeeds) -> None:
    """What was posted with another link under the same id keeps nobody from the first one."""
    door.put([item(id="tag:a")], ANN)
    door.put([item(id="tag:a", url=f"{LINK}/moved")], ANN)
    assert door.put([item()], BOB)[0].done == "created"
    with pytest.raises(ConflictError):
        door.put([item(url=f"{LINK}/moved")], BOB)


def test_what_the_owner_withdraws_stays_withdrawn(door: PostedSeeds, site: SiteFolder) -> None:
    """Its writer can neither restore it nor post it again; the owner can."""
    door.put([item()], ANN)
    site.build()
    assert door.withdraw(LINK, ANN) is not None
    assert door.withdraw(LINK, ANYBODY) is not None
    assert door.restore(LINK, ANN) is None
    with pytest.raises(ConflictError):
        door.put([item()], ANN)
    site.build()
    assert site.titles() == ["Item editor"]
    assert door.restore(LINK, ANYBODY) is not None
    site.build()
    assert sorted(site.titles()) == ["A", "Item editor"]

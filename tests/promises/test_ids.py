"""Ids never change (guarantee G8), whatever editors, bots and git do to files and links."""

from __future__ import annotations

import shutil

import pytest
from support.site_folder import NOW, iso


def link(name: str) -> str:
    return f"https://news.example.org/{name}"


def test_a_renamed_file_keeps_its_id(site) -> None:
    """A renamed file is the same item, even if its date comes from the name."""
    site.write("a.md")
    site.build()
    (site.seeds / "a.md").rename(site.seeds / "moved.md")
    site.build()
    assert site.ids() == [link("a")]


def test_a_changed_link_keeps_the_id_and_shows_the_new_link(site) -> None:
    """If the link of a seed changes, it stays the same item."""
    site.write("a.md")
    site.build()
    site.write("a.md", webUrl="https://better.example.org/story")
    site.build()
    assert [(item["id"], item["url"]) for item in site.feed()] == [(link("a"), "https://better.example.org/story")]
    site.build(fresh=True)
    assert site.ids() == [link("a")]


def test_a_link_that_nobody_saw_takes_no_id_from_an_item(site) -> None:
    """If an item gets the link of a seed that was only ever embargoed, it keeps the id that readers know."""
    site.write("plan.md", webUrl=link("harbour"), publishedDateTime=iso(NOW + 500))
    site.build()
    site.write("plan.md", webUrl=link("harbour"), published=False)
    site.write("a.md")
    site.build()
    site.write("a.md", webUrl=link("harbour"))
    site.build()
    assert [(item["id"], item["url"]) for item in site.feed()] == [(link("a"), link("harbour"))]


def test_two_items_never_have_one_id(site) -> None:
    """Also if the link that is an item's id was said by an item with an id of its own, and then by a third seed."""
    site.write("a.md", webUrl=link("one"))
    site.write("b.md", webUrl=link("one"), id=link("zero"))
    site.build()
    assert site.ids() == [link("zero")]
    site.write("b.md", webUrl=link("zero"), id="urn:x:1")
    site.build()
    assert sorted(site.ids()) == [link("zero"), "urn:x:1"]
    site.write("b.md", webUrl=link("two"))
    site.write("c.md", webUrl=link("zero"))
    site.build()
    assert sorted(site.ids()) == [link("one"), link("zero"), "urn:x:1"]
    assert {item["url"]: item["id"] for item in site.feed()}[link("zero")] == link("zero")


def test_the_old_and_the_new_link_both_identify_the_item(site) -> None:
    """If first the link changes and then the file is renamed, it is the same item."""
    site.write("a.md")
    site.build()
    site.write("a.md", webUrl=link("b"))
    site.build()
    (site.seeds / "a.md").rename(site.seeds / "c.md")
    site.build()
    assert site.ids() == [link("a")]


@pytest.mark.parametrize("shown", ["a.md", "z.md"])
def test_of_two_files_that_give_up_a_shared_link_the_published_one_keeps_the_id(site, shown: str) -> None:
    """Two seeds share a template's link until both get their own; the one that was published keeps the id."""
    names = ["a.md", "z.md"]
    for name in names:
        site.write(name, title=name, webUrl=link("same"), publishedDateTime=iso(NOW - (9 if name == shown else 99)))
    site.build()
    assert site.titles() == [shown]
    for name in names:
        site.write(name, title=name, webUrl=link(f"own-{name}"), publishedDateTime=iso(NOW - 9))
    site.build()
    found = {item["title"]: item["id"] for item in site.feed()}
    other = next(name for name in names if name != shown)
    assert found == {shown: link("same"), other: link(f"own-{other}")}


def test_two_files_that_swap_their_contents_keep_their_ids(site) -> None:
    """An item is identified by its link before its path."""
    one, two = site.write("a.md", title="A"), site.write("b.md", title="B")
    site.build()
    first, second = one.read_bytes(), two.read_bytes()
    one.write_bytes(second)
    two.write_bytes(first)
    site.build()
    assert {item["title"]: item["id"] for item in site.feed()} == {"A": link("a"), "B": link("b")}


def test_a_moved_file_and_a_new_one_at_its_old_path_are_told_apart(site) -> None:
    """If both happen in one turn, the moved file keeps its id and the new one gets another."""
    site.write("a.md", title="Old")
    site.build()
    (site.seeds / "a.md").rename(site.seeds / "z.md")
    site.write("a.md", title="New", webUrl=link("new"))
    site.build()
    assert {item["title"]: item["id"] for item in site.feed()} == {"Old": link("a"), "New": link("new")}


def test_a_draft_at_the_old_path_of_a_moved_file_never_has_its_id(site) -> None:
    """The draft gets its own id, even if it is published after the other item was deleted."""
    site.write("next.md", webUrl=link("one"))
    site.build()
    (site.seeds / "next.md").rename(site.seeds / "one.md")
    site.write("next.md", webUrl=link("two"), published=False)
    site.build()
    (site.seeds / "one.md").unlink()
    site.build()
    site.write("next.md", webUrl=link("two"))
    site.build()
    assert site.ids() == [link("two")]


def test_an_item_unpublished_and_published_again_under_another_link_keeps_its_id(site) -> None:
    """Readers do not get it as a new item, although it was in no feed in between."""
    site.write("a.md")
    site.build()
    site.write("a.md", published=False)
    site.build()
    assert site.ids() == []
    site.write("a.md", webUrl=link("other"))
    site.build()
    assert site.ids() == [link("a")]


def test_a_deleted_file_that_comes_back_has_its_id_again(site) -> None:
    """Its link is remembered and its path is not: another story at that path is a new item."""
    site.write("a.md")
    site.build()
    (site.seeds / "a.md").unlink()
    site.build(accept_deletions=True)
    site.write("other-name.md", webUrl=link("a"))
    site.write("a.md", webUrl=link("quite-another"))
    site.build()
    assert set(site.ids()) == {link("a"), link("quite-another")}


def test_a_path_is_forgotten_with_its_file_also_by_a_fresh_build(site) -> None:
    """Another story at the path of a deleted seed is a new item."""
    site.write("a.md")
    site.build()
    (site.seeds / "a.md").unlink()
    site.build(fresh=True)
    site.write("a.md", webUrl=link("quite-another"))
    site.build()
    assert site.ids() == [link("quite-another")]


def test_the_seeds_own_id_wins(site) -> None:
    """If a seed has a key `id`, that is the item's id, whatever its link."""
    site.write("a.md", id="tag:example.org,2026:a")
    site.build()
    assert site.ids() == ["tag:example.org,2026:a"]
    site.write("a.md", id="tag:example.org,2026:a", webUrl=link("b"))
    (site.seeds / "a.md").rename(site.seeds / "b.md")
    site.build()
    assert site.ids() == ["tag:example.org,2026:a"]


def test_the_id_key_of_a_duplicate_becomes_the_items_id(site) -> None:
    """This holds if both seeds come at once or one after the other, embargoed or not, and after a rebuild."""
    moments = {"publishedDateTime": iso(NOW + 100), "webUrl": "https://news.example.org/one"}
    site.write("a.md", **moments)
    site.write("b.md", id="urn:x:own", **moments)
    site.build()
    site.build(now=NOW + 200)
    assert site.ids() == ["urn:x:own"]
    site.build(now=NOW + 200, fresh=True)
    assert site.ids() == ["urn:x:own"]


def test_the_id_key_counts_if_a_later_file_makes_the_seed_a_duplicate(site) -> None:
    """The shared link is known only after every file was read; the result is the same, also after a rebuild."""
    site.write("a.md", webUrl=link("one"))
    site.write("b.md", webUrl=link("one"))
    site.build()
    site.write("a.md", id="urn:x:own", webUrl=link("two"))
    site.write("c.md", webUrl=link("one"), ampWebUrl=link("two"))
    site.build()
    ids = [site.ids()]
    site.build(fresh=True)
    assert [*ids, site.ids()] == [["urn:x:own"], ["urn:x:own"]]


def test_an_own_id_that_nobody_saw_can_be_taken_back(site) -> None:
    """An `id` that was removed before the embargo ended does not count."""
    embargo = {"publishedDateTime": iso(NOW + 100)}
    site.write("a.md", **embargo)
    site.build()
    site.write("a.md", id="urn:x:secret", **embargo)
    site.build()
    site.write("a.md", **embargo)
    site.build()
    site.build(now=NOW + 200)
    assert site.ids() == ["https://news.example.org/a"]


@pytest.mark.parametrize("own", ["urn:x:typo", link("b")])
def test_an_id_key_that_was_removed_before_publication_is_free(site, own: str) -> None:
    """An embargoed seed had another item's id by mistake: the two are not merged, and the published one keeps its id."""
    site.write("a.md", id=own, publishedDateTime=iso(NOW + 100))
    site.build()
    site.write("a.md")
    site.build()
    site.write("b.md", **({} if own == link("b") else {"id": own}))
    site.build()
    assert {item["title"]: item["id"] for item in site.feed()} == {"Item a": link("a"), "Item b": own}


def test_an_own_id_stays_with_the_item_that_has_it(site) -> None:
    """A seed that comes with the same `id` later is a duplicate, and no feed contains an id twice."""
    site.write("a.md", id="urn:x:1", publishedDateTime=iso(NOW + 100), ampWebUrl=link("shared"))
    site.build()
    site.write("a.md")
    site.write("b.md", id="urn:x:2", webUrl=link("shared"))
    site.build()
    for name in ("c", "d"):
        site.write(f"{name}.md", id="urn:x:1")
        site.build()
    assert sorted(site.ids()) == [link("a"), "urn:x:1", "urn:x:2"]


def test_a_seed_that_takes_its_id_back_joins_the_one_that_has_its_link_as_id(site) -> None:
    """They are one item, as in a build from nothing: both say the same link now."""
    site.write("a.md", id="urn:x:own", publishedDateTime=iso(NOW + 100))
    site.build()
    site.write("b.md", id=link("a"), webUrl=link("a"))
    site.build()
    site.write("a.md")
    site.build()
    assert site.ids() == [link("a")]
    site.build(fresh=True)
    assert site.ids() == [link("a")]


def test_a_corrected_link_hides_no_item(site) -> None:
    """A seed had another's link by mistake; once corrected, both are shown, in this build and in a fresh one."""
    site.write("tram.md", webUrl=link("ferry"))
    site.build()
    site.write("tram.md", webUrl=link("tram"))
    site.build()
    assert site.ids() == [link("ferry")]
    site.write("ferry.md", webUrl=link("ferry"))
    site.build()
    assert sorted(site.ids()) == [link("ferry"), link("tram")]
    site.build(fresh=True)
    assert sorted(site.ids()) == [link("ferry"), link("tram")]
    assert {item["title"]: item["id"] for item in site.feed()} == {
        "Item ferry": link("ferry"),
        "Item tram": link("tram"),
    }


def test_two_own_ids_with_one_link_are_two_items(site) -> None:
    """Seeds with different `id` keys and one link are different items, such as a changelog's entries."""
    for name in "ab":
        site.write(f"{name}.md", id=f"tag:example.org,2026:{name}", webUrl=link("changelog"))
    site.build()
    assert sorted(site.ids()) == ["tag:example.org,2026:a", "tag:example.org,2026:b"]


@pytest.mark.parametrize("first", [None, "a.md", "b.md"])
def test_an_own_id_that_is_anothers_link_makes_them_one_item(site, first: str | None) -> None:
    """No feed contains an id twice, whichever seed comes first, or both at once, also without the state folder."""
    seeds = {"a.md": {"id": link("b"), "webUrl": link("moved")}, "b.md": {"webUrl": link("b")}}
    if first:
        site.write(first, **seeds[first])
        site.build()
    for path, keys in seeds.items():
        site.write(path, **keys)
    site.build()
    assert site.ids() == [link("b")]
    site.build(state="state2", feeds="feeds2")
    assert [item["id"] for item in site.feed(feeds="feeds2")] == [link("b")]


def test_an_own_id_given_later_is_taken(site) -> None:
    """An `id` that is added later replaces the id of a published item."""
    site.write("a.md")
    site.build()
    site.write("a.md", id="urn:example:a")
    site.build()
    assert site.ids() == ["urn:example:a"]


@pytest.mark.parametrize("key", ["ampWebUrl", "cdnAmpWebUrl", "originalUrl"])
def test_a_copys_address_leads_to_the_same_item(site, key: str) -> None:
    """AMP links and the original's link are aliases, but never the item's link or id."""
    site.write("a.md", **{key: "https://copy.example.net/a"})
    site.build()
    (site.seeds / "a.md").unlink()
    site.write("b.md", webUrl="https://copy.example.net/a")
    site.build()
    assert site.ids() == [link("a")]


@pytest.mark.parametrize(
    "variant", ["http://news.example.org/a", "https://NEWS.example.org/a/", "https://news.example.org/a?utm_source=x"]
)
def test_links_that_differ_only_in_form_are_one_item(site, variant: str) -> None:
    """The scheme, a final slash and tracking parameters make no difference."""
    site.write("a.md")
    site.build()
    site.write("a.md", webUrl=variant)
    (site.seeds / "a.md").rename(site.seeds / "b.md")
    site.build()
    assert site.ids() == [link("a")]


@pytest.mark.parametrize("hidden", [{"published": False}, {"publishedDateTime": iso(NOW + 3600)}, {"quality": 1}])
def test_a_link_that_nobody_saw_never_becomes_an_id(site, hidden: dict) -> None:
    """The first link of a draft or embargoed item may be private: the id comes from the link at its publication."""
    site.write("a.md", webUrl="https://staging.internal/secret", **hidden)
    site.build()
    site.write("a.md", webUrl=link("public"))
    site.build()
    assert site.ids() == [link("public")]
    assert not any(b"staging.internal" in body for body in site.documents().values())


def test_without_the_state_folder_ids_come_from_the_seeds(site) -> None:
    """Without the state folder only items whose link had changed get new ids."""
    site.write("same.md")
    site.write("own.md", id="urn:example:own")
    site.write("changed.md")
    site.build()
    site.write("changed.md", webUrl=link("changed-2"))
    site.build()
    shutil.rmtree(site.root / "state")
    site.build()
    assert set(site.ids()) == {link("same"), "urn:example:own", link("changed-2")}


def test_of_two_seeds_for_one_link_the_newest_then_the_best_then_the_first_path_wins(site) -> None:
    """The other seed is counted as a duplicate, and takes over if the winner is deleted."""
    site.write("a.md", title="older", webUrl=link("x"), publishedDateTime=iso(NOW - 500), quality=99)
    site.write("b.md", title="newer", webUrl=link("x"), publishedDateTime=iso(NOW - 400), quality=60)
    assert site.build().held == {"duplicate": 1}
    assert site.titles() == ["newer"]
    site.write("a.md", title="better", webUrl=link("x"), publishedDateTime=iso(NOW - 400), quality=99)
    site.build()
    assert site.titles() == ["better"]
    site.write("a.md", title="first path", webUrl=link("x"), publishedDateTime=iso(NOW - 400), quality=60)
    site.build()
    assert site.titles() == ["first path"]
    (site.seeds / "a.md").unlink()
    site.build()
    assert site.titles() == ["newer"]
    assert site.ids() == [link("x")]


def test_an_updated_seed_counts_as_newer(site) -> None:
    """A seed with a later `updatedDateTime` wins over one that was published later."""
    site.write(
        "a.md", title="updated", webUrl=link("x"), publishedDateTime=iso(NOW - 500), updatedDateTime=iso(NOW - 10)
    )
    site.write("b.md", title="plain", webUrl=link("x"), publishedDateTime=iso(NOW - 400))
    site.build()
    assert site.titles() == ["updated"]


def test_an_embargoed_newer_version_takes_over_at_its_moment(site) -> None:
    """Until then, and after the newer version expires, the older version is published."""
    site.write("a.md", title="old", webUrl=link("x"), publishedDateTime=iso(NOW - 500))
    site.write("b.md", title="new", webUrl=link("x"), publishedDateTime=iso(NOW + 60), expires=iso(NOW + 120))
    seen = []
    for moment in (NOW, NOW + 59, NOW + 60, NOW + 119, NOW + 120):
        site.build(now=moment)
        seen += site.titles()
    assert seen == ["old", "old", "new", "new", "old"]
    assert site.ids() == [link("x")]

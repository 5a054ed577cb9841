"""Ids never change (guarantee G8): replays of what editors, bots and git do to files and links."""

from __future__ import annotations

import shutil

import pytest
from support.site_folder import NOW, iso


def link(name: str) -> str:
    return f"https://news.example.org/{name}"


def test_a_renamed_file_keeps_its_id(site) -> None:
    """A file under another name is the same item, even where its date came from the name."""
    site.write("a.md")
    site.build()
    (site.seeds / "a.md").rename(site.seeds / "moved.md")
    site.build()
    assert site.ids() == [link("a")]


def test_a_changed_link_keeps_the_id_and_shows_the_new_link(site) -> None:
    """A better source for the same story does not make a new item."""
    site.write("a.md")
    site.build()
    site.write("a.md", webUrl="https://better.example.org/story")
    site.build()
    assert [(item["id"], item["url"]) for item in site.feed()] == [(link("a"), "https://better.example.org/story")]
    site.build(fresh=True)
    assert site.ids() == [link("a")]


def test_both_links_lead_to_the_item_ever_after(site) -> None:
    """After a changed link the file may be renamed too, one after the other."""
    site.write("a.md")
    site.build()
    site.write("a.md", webUrl=link("b"))
    site.build()
    (site.seeds / "a.md").rename(site.seeds / "c.md")
    site.build()
    assert site.ids() == [link("a")]


@pytest.mark.parametrize("shown", ["a.md", "z.md"])
def test_of_two_files_that_leave_one_link_the_one_that_readers_saw_keeps_the_id(site, shown: str) -> None:
    """Two drafts with the link of a template, both given their own: whichever was shown, in any order of paths."""
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
    """The link says which story it is, not the path."""
    one, two = site.write("a.md", title="A"), site.write("b.md", title="B")
    site.build()
    first, second = one.read_bytes(), two.read_bytes()
    one.write_bytes(second)
    two.write_bytes(first)
    site.build()
    assert {item["title"]: item["id"] for item in site.feed()} == {"A": link("a"), "B": link("b")}


def test_a_moved_file_and_a_new_one_at_its_old_path_are_told_apart(site) -> None:
    """In one turn: the moved file keeps its id, the new one gets its own."""
    site.write("a.md", title="Old")
    site.build()
    (site.seeds / "a.md").rename(site.seeds / "z.md")
    site.write("a.md", title="New", webUrl=link("new"))
    site.build()
    assert {item["title"]: item["id"] for item in site.feed()} == {"Old": link("a"), "New": link("new")}


def test_a_draft_at_the_old_path_of_a_moved_file_never_has_its_id(site) -> None:
    """However late it is published, also when the other item is gone by then."""
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
    """Between the two it was in no feed; readers who saw it see it again, once."""
    site.write("a.md")
    site.build()
    site.write("a.md", published=False)
    site.build()
    assert site.ids() == []
    site.write("a.md", webUrl=link("other"))
    site.build()
    assert site.ids() == [link("a")]


def test_a_deleted_file_that_comes_back_has_its_id_again(site) -> None:
    """Its link is remembered, its path is not: another story at that path is another item."""
    site.write("a.md")
    site.build()
    (site.seeds / "a.md").unlink()
    site.build(accept_deletions=True)
    site.write("other-name.md", webUrl=link("a"))
    site.write("a.md", webUrl=link("quite-another"))
    site.build()
    assert set(site.ids()) == {link("a"), link("quite-another")}


def test_a_path_is_forgotten_with_its_file_also_by_a_fresh_build(site) -> None:
    """Another story at the path of one that is gone is another item."""
    site.write("a.md")
    site.build()
    (site.seeds / "a.md").unlink()
    site.build(fresh=True)
    site.write("a.md", webUrl=link("quite-another"))
    site.build()
    assert site.ids() == [link("quite-another")]


def test_the_seeds_own_id_wins(site) -> None:
    """With an id of its own an item has that id, whatever its link."""
    site.write("a.md", id="tag:example.org,2026:a")
    site.build()
    assert site.ids() == ["tag:example.org,2026:a"]
    site.write("a.md", id="tag:example.org,2026:a", webUrl=link("b"))
    (site.seeds / "a.md").rename(site.seeds / "b.md")
    site.build()
    assert site.ids() == ["tag:example.org,2026:a"]


def test_a_copy_with_an_own_id_gives_it_to_the_story_it_shares(site) -> None:
    """Whether both seeds come at once or one after the other, embargoed or not; and a rebuild changes nothing."""
    moments = {"publishedDateTime": iso(NOW + 100), "webUrl": "https://news.example.org/one"}
    site.write("a.md", **moments)
    site.write("b.md", id="urn:x:own", **moments)
    site.build()
    site.build(now=NOW + 200)
    assert site.ids() == ["urn:x:own"]
    site.build(now=NOW + 200, fresh=True)
    assert site.ids() == ["urn:x:own"]


def test_a_copy_that_becomes_one_by_a_later_file_gives_its_id_too(site) -> None:
    """Its new link is known only once every file was seen; it is that file's copy all the same, also when rebuilt."""
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
    """As with a link: what was written under embargo only counts as it was when the embargo lifted."""
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
def test_an_own_id_that_was_taken_back_is_free(site, own: str) -> None:
    """It was another item's, given under embargo by mistake: the two are not one, and what is shown keeps its id."""
    site.write("a.md", id=own, publishedDateTime=iso(NOW + 100))
    site.build()
    site.write("a.md")
    site.build()
    site.write("b.md", **({} if own == link("b") else {"id": own}))
    site.build()
    assert {item["title"]: item["id"] for item in site.feed()} == {"Item a": link("a"), "Item b": own}


def test_an_own_id_stays_with_the_item_that_has_it(site) -> None:
    """Though another item had it first and took it back: who comes with it later is a copy, and no id is shown twice."""
    site.write("a.md", id="urn:x:1", publishedDateTime=iso(NOW + 100), ampWebUrl=link("shared"))
    site.build()
    site.write("a.md")
    site.write("b.md", id="urn:x:2", webUrl=link("shared"))
    site.build()
    for name in ("c", "d"):
        site.write(f"{name}.md", id="urn:x:1")
        site.build()
    assert sorted(site.ids()) == [link("a"), "urn:x:1", "urn:x:2"]


def test_an_own_id_that_is_the_link_of_one_whose_id_was_taken_back_is_shown_once(site) -> None:
    """The one that was there first cannot be called by its link any more."""
    site.write("a.md", id="urn:x:own", publishedDateTime=iso(NOW + 100))
    site.build()
    site.write("b.md", id=link("a"), webUrl=link("a"))
    site.build()
    site.write("a.md")
    site.build()
    assert sorted(site.ids()) == [link("a"), "urn:x:own"]
    site.build(fresh=True)
    assert sorted(site.ids()) == [link("a"), "urn:x:own"]


def test_two_own_ids_with_one_link_are_two_items(site) -> None:
    """A changelog's entries may all lead to the same page."""
    for name in "ab":
        site.write(f"{name}.md", id=f"tag:example.org,2026:{name}", webUrl=link("changelog"))
    site.build()
    assert sorted(site.ids()) == ["tag:example.org,2026:a", "tag:example.org,2026:b"]


@pytest.mark.parametrize("first", [None, "a.md", "b.md"])
def test_an_own_id_that_is_anothers_link_makes_them_one_item(site, first: str | None) -> None:
    """No feed may show an id twice: whichever came first, or both at once, also without the state folder."""
    seeds = {"a.md": {"id": link("b"), "webUrl": link("moved")}, "b.md": {"webUrl": link("b")}}
    if first:
        site.write(first, **seeds[first])
        site.build()
    for path, said in seeds.items():
        site.write(path, **said)
    site.build()
    assert site.ids() == [link("b")]
    site.build(state="state2", feeds="feeds2")
    assert [item["id"] for item in site.feed(feeds="feeds2")] == [link("b")]


def test_an_own_id_given_later_is_taken(site) -> None:
    """Who writes an id wants that id, even for an item that has been seen."""
    site.write("a.md")
    site.build()
    site.write("a.md", id="urn:example:a")
    site.build()
    assert site.ids() == ["urn:example:a"]


@pytest.mark.parametrize("key", ["ampWebUrl", "cdnAmpWebUrl", "originalUrl"])
def test_a_copys_address_leads_to_the_same_item(site, key: str) -> None:
    """AMP copies and the original's address are aliases, and never the link or the id."""
    site.write("a.md", **{key: "https://copy.example.net/a"})
    site.build()
    (site.seeds / "a.md").unlink()
    site.write("b.md", webUrl="https://copy.example.net/a")
    site.build()
    assert site.ids() == [link("a")]


@pytest.mark.parametrize(
    "variant", ["http://news.example.org/a", "https://NEWS.example.org/a/", "https://news.example.org/a?utm_source=x"]
)
def test_links_that_are_one_to_people_are_one_item(site, variant: str) -> None:
    """Http or https, a slash at the end and tracking parameters make no other item."""
    site.write("a.md")
    site.build()
    site.write("a.md", webUrl=variant)
    (site.seeds / "a.md").rename(site.seeds / "b.md")
    site.build()
    assert site.ids() == [link("a")]


@pytest.mark.parametrize("hidden", [{"published": False}, {"publishedDateTime": iso(NOW + 3600)}, {"quality": 1}])
def test_a_link_that_nobody_saw_never_becomes_an_id(site, hidden: dict) -> None:
    """A draft's or an embargoed item's first link may be private: the id is that of its first showing."""
    site.write("a.md", webUrl="https://staging.internal/secret", **hidden)
    site.build()
    site.write("a.md", webUrl=link("public"))
    site.build()
    assert site.ids() == [link("public")]
    assert not any(b"staging.internal" in body for body in site.documents().values())


def test_without_the_state_folder_ids_come_from_the_seeds(site) -> None:
    """Lost state costs only the ids of items whose link had changed; own ids and unchanged links stay."""
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
    """One item; the loser is counted as a duplicate, and takes over when the winner goes."""
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
    """`updatedDateTime` makes the older publication the newer version."""
    site.write(
        "a.md", title="updated", webUrl=link("x"), publishedDateTime=iso(NOW - 500), updatedDateTime=iso(NOW - 10)
    )
    site.write("b.md", title="plain", webUrl=link("x"), publishedDateTime=iso(NOW - 400))
    site.build()
    assert site.titles() == ["updated"]


def test_an_embargoed_newer_version_takes_over_at_its_moment(site) -> None:
    """Until then the older one stands for the story, and when the newer one expires it does so again."""
    site.write("a.md", title="old", webUrl=link("x"), publishedDateTime=iso(NOW - 500))
    site.write("b.md", title="new", webUrl=link("x"), publishedDateTime=iso(NOW + 60), expires=iso(NOW + 120))
    seen = []
    for moment in (NOW, NOW + 59, NOW + 60, NOW + 119, NOW + 120):
        site.build(now=moment)
        seen += site.titles()
    assert seen == ["old", "old", "new", "new", "old"]
    assert site.ids() == [link("x")]

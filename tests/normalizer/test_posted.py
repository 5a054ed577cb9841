"""Posted items become seeds, or every problem by its JSON path; what is not an item's is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.site_folder import NOW

from aggregator.model.items import Media, Seed
from aggregator.normalizer import posted
from aggregator.normalizer.posted import ItemProblem, PostedSeed, read_items
from aggregator.normalizer.seed import read

FULL: dict[str, Any] = {
    "id": "tag:example.org,2026:7", "url": "https://example.org/7", "title": 'A: "title" # with signs',
    "content_html": "<p>Words</p>", "summary": "In short", "image": "https://example.org/7.png",
    "date_published": "2026-05-01T08:00:00Z", "date_modified": "2026-05-02T08:00:00Z",
    "authors": [{"name": "Ann"}], "tags": ["one", "two"], "language": "de",
    "attachments": [{"url": "https://example.org/7.mp3", "mime_type": "audio/mpeg", "size_in_bytes": 9, "title": "Seven"}],
    "_aggregator": {"topics": ["Trams"], "quality": 90, "type": "news"},
}  # fmt: skip


def posting(*items: Any, wrapped: bool = False) -> posted.Posted:
    value: Any = list(items) if len(items) != 1 else items[0]
    return read_items(json.dumps({"items": value} if wrapped else value).encode(), now=NOW, zone="UTC")


def mark(data: bytes) -> posted.Mark:
    found = posted.mark_of(data)
    assert found is not None
    return found


def seed_from(one: PostedSeed) -> Seed:
    reading = read(posted.with_mark(one.text, by=""), path="a.md", zone="UTC")
    assert isinstance(reading.outcome, Seed), reading
    return reading.outcome


def test_every_member_reaches_the_seed() -> None:
    """Title, link, dates, texts, picture, authors, tags, language and the extension are those of the item."""
    found = posting(FULL)
    assert found.problems == ()
    (one,) = found.seeds
    assert (one.id, one.link, one.slug, one.date) == (FULL["id"], FULL["url"], "a-title-with-signs", "2026-05-01")
    seed = seed_from(one)
    assert (seed.title, seed.excerpt, seed.embed) == (FULL["title"], "In short", "<p>Words</p>")
    assert (seed.images[0].url, seed.author, seed.tags, seed.locale) == (FULL["image"], "Ann", ("one", "two"), "de")
    assert seed.media == (Media(url="https://example.org/7.mp3", type="audio/mpeg", size=9, title="Seven"),)
    assert posted.item_of(posted.with_mark(one.text, by="")) == FULL
    assert (seed.topics, seed.quality, seed.type, seed.id) == (("Trams",), 90, "news", FULL["id"])


def test_an_item_without_title_is_called_by_the_first_words_of_its_text() -> None:
    """Micropub notes and many JSON feeds have no title."""
    (one,) = posting({"url": "https://example.org/n", "content_text": "First words. " * 20}).seeds
    title = seed_from(one).title
    assert title.startswith("First words.")
    assert len(title) <= 81


@pytest.mark.parametrize(
    ("item", "problem"),
    [
        (7, ItemProblem("$", 'is not an object such as {"id": "…", "url": "https://…", "title": "…"}')),
        ({"url": "https://example.org/a", "title": "A", "secured": {"k": 1}}, ItemProblem("$.secured", "is not taken (leave it out)")),
        ({"url": "https://example.org/a", "titel": "A", "summary": "s"}, ItemProblem("$.titel", "is not taken (did you mean `title`?)")),
        ({"url": "https://example.org/a", "title": "A", "tags": ["a", 7]}, ItemProblem("$.tags[1]", "is not text")),
        ({"url": "https://example.org/a"}, ItemProblem("$.title", "is missing, and so is any text")),
        ({"url": "https://example.org/a", "title": "A", "_aggregator": {"published": "no"}},
         ItemProblem("$._aggregator.published", "is not true or false")),
    ],
)  # fmt: skip
def test_a_problem_names_its_json_path(item: Any, problem: ItemProblem) -> None:
    """Wrong types, unknown and missing members are problems at their place."""
    assert posting(item).problems == (problem,)


def test_what_a_seed_may_not_have_is_named_by_the_member() -> None:
    """A link or date that a seed could not have is refused by the name that the program knows."""
    paths = [one.path for one in posting({"url": "javascript:x", "title": "A", "date_published": "soon"}).problems]
    assert paths == ["$.url", "$.date_published"]


def test_an_unknown_member_hides_no_other_problem() -> None:
    """Everything that is wrong is named at once, with words that a program's author understands."""
    item = {
        "url": "ftp://x", "titel": "T", "summary": "s", "date_published": "soon", "language": 7,
        "_aggregator": {"topcs": [], "quality": "high", "topics": "A"},
    }  # fmt: skip
    found = {one.path: one.message for one in posting(item).problems}
    assert found.keys() >= {
        "$.url", "$.titel", "$.date_published", "$.language", "$._aggregator.topcs", "$._aggregator.quality",
        "$._aggregator.topics",
    }  # fmt: skip
    assert found["$._aggregator.quality"] == "is not a whole number"
    assert found["$._aggregator.topcs"] == "is not taken (did you mean `topics`?)"


def test_what_is_too_long_is_named() -> None:
    """A member that would not fit into a seed is the problem, and what fits can be withdrawn later."""
    link = {"url": "https://example.org/a", "title": "A"}
    for name in ("content_html", "content_text", "summary"):
        assert posting({**link, name: "x" * 1_048_500}).problems[0].path == f"$.{name}"
    found = posting({**link, "summary": "s", "content_text": "x" * 690_000}).seeds
    assert len(posted.withdrawn(posted.with_mark(found[0].text, by=""))) < 1_048_576


def test_thousands_of_problems_are_counted() -> None:
    """A hostile body costs no time: hints and problems are few."""
    found = posting({"url": "https://example.org/a", "title": "A", **{f"k{number}": 1 for number in range(80_000)}})
    assert len(found.problems) == 21
    assert "more problems" in found.problems[-1].message


@pytest.mark.parametrize("own", [" a ", "a\u0000b", "a\u2028b", "<b>a</b>"])
def test_an_id_that_feeds_would_change_is_refused(own: str) -> None:
    """Else nobody could name the item by the id that was sent."""
    assert [one.path for one in posting({"url": "https://example.org/a", "title": "A", "id": own}).problems] == ["$.id"]


def test_line_breaks_of_yaml_stay_in_the_text() -> None:
    """U+0085, U+2028 and U+2029 are line breaks to YAML 1.1, and not to JSON."""
    (one,) = posting({"url": "https://example.org/a", "title": "a\u2028---\u2028b", "summary": "x\u0085y"}).seeds
    assert seed_from(one).title == "a --- b"


@pytest.mark.parametrize(
    "form",
    ["http://example.org/1", "https://example.org/1/", "https://example.org/1?utm_source=x", "HTTPS://EXAMPLE.org/1"],
)
def test_all_forms_of_a_link_are_one_file(form: str) -> None:
    """What recognises one item names one file, so that no item is posted twice."""
    assert posted.key_of(form) == posted.key_of("https://example.org/1")
    assert posted.key_of("tag:example.org,2026:1") != posted.key_of("tag:example.org,2026:2")


def test_all_problems_of_a_list_are_found_and_nothing_is_taken() -> None:
    """A list with one bad item gives no seed, and says which item it is."""
    found = posting({"url": "https://example.org/a", "title": "A"}, {"title": "B"}, {"url": "https://example.org/c"})
    assert found.seeds == ()
    assert [one.path for one in found.problems] == ["$[1].url", "$[2].title"]
    assert [one.path for one in posting({"title": "B"}, {"title": "C"}, wrapped=True).problems] == [
        "$.items[0].url", "$.items[1].url",
    ]  # fmt: skip


def test_one_id_twice_in_a_list_is_refused() -> None:
    """Two versions of one item in one request have no order."""
    item = {"url": "https://example.org/a", "title": "A"}
    assert posting(item, item).problems == (ItemProblem("$", "holds two items with the id https://example.org/a"),)


@pytest.mark.parametrize("body", [b"", b"{", b"[" * 100_000, b'"\\ud800"', b"\xff", b'{"items": 7}'])
def test_what_is_no_item_is_a_problem(body: bytes) -> None:
    """Whatever bytes come, the answer is a problem."""
    assert read_items(body, now=NOW, zone="UTC").problems


def test_an_edit_by_hand_shows() -> None:
    """A changed byte anywhere below the mark is noticed, and so is a file without it."""
    (one,) = posting(FULL).seeds
    data = posted.with_mark(one.text, by="")
    assert mark(data).is_unedited
    assert not mark(data.replace(b"In short", b"In sum")).is_unedited
    assert posted.mark_of(one.text.encode()) is None


def test_a_withdrawal_can_be_taken_back() -> None:
    """Withdrawn twice is withdrawn once; restored, the file has the bytes that were posted."""
    data = posted.with_mark(posting(FULL).seeds[0].text, by="ab" * 8)
    gone = posted.withdrawn(data)
    assert (mark(gone).is_withdrawn, mark(gone).is_unedited, mark(gone).by) == (True, True, "ab" * 8)
    assert posted.withdrawn(gone) == gone
    assert posted.restored(gone) == data
    reading = read(gone, path="a.md", zone="UTC").outcome
    assert isinstance(reading, Seed)
    assert reading.removed


texts = st.text(st.characters(codec="utf-8"), min_size=1, max_size=60)


@pytest.mark.slow
@given(title=texts, content=texts, tags=st.lists(texts, max_size=3), html=st.booleans())
def test_an_item_is_read_back_from_its_seed(title: str, content: str, tags: list[str], html: bool) -> None:
    """The item that a seed was made of is found in it, whatever its texts hold."""
    item: dict[str, Any] = {"url": "https://example.org/a", "title": title, "summary": "s"}
    item |= {"date_published": "2026-05-01T08:00:00Z", "content_html" if html else "content_text": content}
    if tags:
        item["tags"] = tags
    found = posting(item)
    if found.seeds:
        derived = item if item["title"] != "s" else {key: value for key, value in item.items() if key != "title"}
        assert posted.item_of(posted.with_mark(found.seeds[0].text, by="")) == derived


@pytest.mark.slow
@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), lambda of: st.lists(of) | st.dictionaries(
    st.sampled_from([*posted._TYPES, "secured", "items"]), of)))  # fmt: skip
def test_no_json_makes_it_fail(value: Any) -> None:
    """Any JSON is seeds or problems, never both, and a seed is one that a build can read."""
    found = read_items(json.dumps(value).encode(), now=NOW, zone="UTC")
    assert not (found.seeds and found.problems)
    for one in found.seeds:
        seed_from(one)


def test_a_repeated_key_is_an_error() -> None:
    """Which of the two counts is not said anywhere, and one of them may hold the item back."""
    body = b'{"url": "https://example.org/a", "title": "A", "_aggregator": {"published": false, "published": true}}'
    (problem,) = posted.read_items(body, now=0, zone="UTC").problems
    assert (problem.path, problem.message) == ("$", "has the key published twice in one object (send it once)")

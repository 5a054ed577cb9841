"""Micropub requests: forms and JSON, and what they change (W3C Recommendation, 23 May 2017)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.normalizer.micropub import MicropubRequest, changed, item_of, properties_of, read_request, updated

FORM, JSON = "application/x-www-form-urlencoded; charset=utf-8", "application/json"


def test_a_form_is_an_entry() -> None:
    """§3.3.1: several values of one property are written with [], and the token may lie in the form (§3.2)."""
    body = b"h=entry&content=Hello+world&category[]=a&category[]=b&access_token=secret&mp-slug=hello"
    found = read_request(body, FORM)
    assert (found.action, found.token) == ("create", "secret")
    assert item_of(found.properties) == {"content_text": "Hello world", "tags": ["a", "b"]}


def test_json_is_an_entry() -> None:
    """§3.3.2: HTML content, a photo with its description, a draft."""
    properties = {
        "name": ["N"], "content": [{"html": "<p>x</p>"}], "photo": [{"value": "https://example.org/p.jpg", "alt": "p"}],
        "bookmark-of": ["https://example.org/b"], "post-status": ["draft"],
    }  # fmt: skip
    found = read_request(json.dumps({"type": ["h-entry"], "properties": properties}).encode(), JSON)
    assert item_of(found.properties) == {
        "title": "N", "content_html": "<p>x</p>", "image": "https://example.org/p.jpg",
        "external_url": "https://example.org/b", "_aggregator": {"published": False},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"h=event&name=x", FORM), (b"action=explode&url=x", FORM), (b"{", JSON), (b'{"type": ["h-card"]}', JSON),
        (b'{"action": "create"}', JSON), (b"x", "text/plain"), (b"\xff", FORM), (b'{"replace": 7}', JSON),
    ],
)  # fmt: skip
def test_what_is_not_understood_is_refused(body: bytes, kind: str) -> None:
    """Other types, unknown actions and broken bodies are a client's mistake."""
    with pytest.raises(ValueError, match=r"\w"):
        read_request(body, kind)


def test_unknown_properties_and_commands_are_ignored() -> None:
    """§3.3.3 and §3.3.5: the entry is created without them."""
    assert item_of({"name": ["N"], "mp-syndicate-to": ["x"], "location": ["geo:1,2"]}) == {"title": "N"}
    assert item_of({"name": [""], "category": ["", "a"]}) == {"tags": ["a"]}, "forms send what is left empty"


def test_an_update_replaces_adds_and_deletes() -> None:
    """§3.4: whole properties, single values, and both forms of `delete`."""
    before = {"name": ["N"], "category": ["a", "b"], "summary": ["s"]}
    request = MicropubRequest(
        "update", replace={"name": ["M"]}, add={"category": ["c"]}, delete={"category": ["a"], "summary": None}
    )  # fmt: skip
    assert changed(before, request) == {"name": ["M"], "category": ["b", "c"]}


def test_an_update_keeps_what_no_property_says() -> None:
    """Attachments, language, and HTML beside text stay if a category is added; content is replaced as a whole."""
    item = {
        "url": "https://example.org/a", "content_html": "<p>x</p>", "content_text": "x", "language": "de",
        "attachments": [{"url": "https://example.org/a.mp3", "mime_type": "audio/mpeg"}], "_aggregator": {"quality": 9},
    }  # fmt: skip
    assert updated(item, MicropubRequest("update", add={"category": ["new"]})) == {**item, "tags": ["new"]}
    replaced = updated(item, MicropubRequest("update", replace={"content": ["y"], "post-status": ["draft"]}))
    assert replaced["content_text"] == "y"
    assert "content_html" not in replaced
    assert replaced["_aggregator"] == {"quality": 9, "published": False}
    published = updated(replaced, MicropubRequest("update", replace={"post-status": ["published"]}))
    assert published["_aggregator"] == {"quality": 9}


def test_the_address_of_an_entry_cannot_be_changed() -> None:
    """It is what names the entry."""
    with pytest.raises(ValueError, match="cannot be changed"):
        updated({"url": "https://example.org/a"}, MicropubRequest("update", replace={"url": ["https://example.org/b"]}))


def test_thousands_of_values_are_refused() -> None:
    """Comparing them with thousands of others would take seconds."""
    many = [str(number) for number in range(20_000)]
    with pytest.raises(ValueError, match="20,000 values"):
        changed({"category": many}, MicropubRequest("update", delete={"category": many}))
    with pytest.raises(ValueError, match="20,000 values"):
        item_of({"category": many})


values: Any = st.text(min_size=1, max_size=20)


@pytest.mark.slow
@given(st.fixed_dictionaries({}, optional={
    "title": values, "summary": values, "date_published": values, "url": values, "image": values,
    "tags": st.lists(values, min_size=1), "content_text": values}))  # fmt: skip
def test_an_item_survives_the_way_through_its_properties(item: dict[str, Any]) -> None:
    """`properties_of` and `item_of` are inverse, so an update that changes nothing changes nothing."""
    assert item_of(properties_of(item)) == item


@given(st.binary(max_size=200), st.sampled_from([FORM, JSON]))
def test_no_body_makes_it_fail(body: bytes, kind: str) -> None:
    """Whatever comes, the result is a request or a ValueError."""
    try:
        request = read_request(body, kind)
        item_of(request.properties)
    except ValueError:
        pass


@pytest.mark.parametrize(
    "property_of_a_draft",
    [{"post-status": ["draft"]}, {"post-status": ["published", "draft"]}, {"visibility": ["public", "unlisted"]},
     {"status": ["draft"]}, {"draft": ["true"]}, {"post_status": ["draft"]}],
)  # fmt: skip
def test_no_spelling_of_a_draft_is_published(property_of_a_draft) -> None:
    """Properties that are not known are ignored (§3.3.5), but not those by which clients say that an entry is a draft."""
    assert item_of({"name": ["A"], **property_of_a_draft})["_aggregator"] == {"published": False}


def test_a_property_that_may_hold_back_is_an_error() -> None:
    """Whether it does is not known, and the error says what to send."""
    with pytest.raises(ValueError, match=r"keepPrivate may hold .* post-status=draft"):
        item_of({"name": ["A"], "keepPrivate": ["yes"]})
    assert item_of({"name": ["A"], "mp-slug": ["a"], "checkin": [{"type": ["h-card"]}]}) == {"title": "A"}


def test_a_repeated_key_of_json_is_an_error() -> None:
    """Which of the two counts is not said anywhere."""
    body = b'{"type": ["h-entry"], "properties": {"post-status": ["draft"], "post-status": ["published"]}}'
    with pytest.raises(ValueError, match="the key post-status twice"):
        read_request(body, "application/json")

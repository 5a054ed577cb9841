"""Micropub requests: forms and JSON, and what they change (W3C Recommendation, 23 May 2017)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.normalizer.micropub import MicropubRequest, changed, item_of, properties_of, read_request

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


def test_an_unknown_property_is_refused_and_a_command_is_not() -> None:
    """§3.3.3: `mp-` properties are commands, and unknown ones are ignored."""
    assert item_of({"name": ["N"], "mp-syndicate-to": ["x"]}) == {"title": "N"}
    with pytest.raises(ValueError, match="the property location is not taken"):
        item_of({"location": ["geo:1,2"]})


def test_an_update_replaces_adds_and_deletes() -> None:
    """§3.4: whole properties, single values, and both forms of `delete`."""
    before = {"name": ["N"], "category": ["a", "b"], "summary": ["s"]}
    request = MicropubRequest(
        "update", replace={"name": ["M"]}, add={"category": ["c"]}, delete={"category": ["a"], "summary": None}
    )  # fmt: skip
    assert changed(before, request) == {"name": ["M"], "category": ["b", "c"]}


values: Any = st.text(max_size=20)


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

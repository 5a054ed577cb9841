"""Notifications of a store: paths of seeds, or a message that describes the valid form."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.watcher.notifications import paths_in


def records(*pairs: tuple[str, str]) -> bytes:
    """Write a notification as Amazon S3 does, of buckets and keys."""
    return json.dumps(
        {
            "Records": [
                {
                    "eventVersion": "2.1", "eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "awsRegion": "eu-north-1",
                    "s3": {"s3SchemaVersion": "1.0", "bucket": {"name": bucket}, "object": {"key": key, "size": 1, "sequencer": "0"}},
                }
                for bucket, key in pairs
            ]
        }
    ).encode()  # fmt: skip


def test_each_key_below_the_seeds_is_a_path() -> None:
    """Several records, each path once, for any kind of event."""
    body = records(("news", "in/a.md"), ("news", "in/b/c.md"), ("news", "in/a.md"))
    assert paths_in(body, "s3://news/in") == ("a.md", "b/c.md")
    assert paths_in(body.replace(b"Created:Put", b"Removed:Delete"), "s3://news/in") == ("a.md", "b/c.md")


def test_keys_are_decoded() -> None:
    """A plus is a space, other signs are percent-encoded."""
    assert paths_in(records(("news", "in/a+b%2B%C3%BC.md")), "s3://news/in") == ("a b+ü.md",)


def test_other_objects_are_left_out() -> None:
    """Another bucket, another prefix, the prefix itself, and one that only begins with it."""
    body = records(("other", "in/a.md"), ("news", "a.md"), ("news", "in/"), ("news", "in"), ("news", "inside/a.md"))
    assert paths_in(body, "s3://news/in") == ()
    assert paths_in(records(("news", "a.md")), "s3://news") == ("a.md",)


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"\xff", b"[]", b"{}", b'{"Records": {}}', b'{"Records": [{}]}', b'{"Records": [{"s3": {"bucket": {"name": 1}}}]}',
     b'{"detail": {"object": {"key": "a.md"}}}', b"[" * 5_000, b'{"Records": [{"s3": {"bucket": {"name": "n"}, "object": {"key": null}}}]}'],
)  # fmt: skip
def test_another_form_is_rejected_with_a_message(body: bytes) -> None:
    """The message describes the valid form."""
    with pytest.raises(ValueError, match=r"Records\[\]\.s3\.object\.key"):
        paths_in(body, "s3://news/in")


@pytest.mark.slow
@given(
    st.recursive(
        st.none() | st.text() | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_any_json_is_parsed_or_rejected(value: Any) -> None:
    """No input raises anything but ValueError."""
    try:
        paths_in(json.dumps(value).encode(), "s3://news/in")
    except ValueError:
        return

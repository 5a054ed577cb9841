"""The files of pagefind in an order of their own."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.publisher.pagefind_order import decode, encode, in_order

VALUES = st.recursive(st.integers(0, 2**64 - 1) | st.text(), st.lists, max_leaves=20)


@given(VALUES)
def test_what_is_encoded_is_decoded(value: object) -> None:
    """Numbers, text and lists of any size."""
    encoded = encode(value)
    assert decode(encoded) == (value, len(encoded))


@pytest.mark.parametrize("size", [0, 23, 24, 255, 256, 65_535, 65_536, 2**32])
def test_a_number_takes_as_few_bytes_as_it_can(size: int) -> None:
    """As pagefind writes it, which reads no other."""
    assert len(encode(size)) == 1 + next(
        count for count, limit in ((0, 24), (1, 2**8), (2, 2**16), (4, 2**32), (8, 2**64)) if size < limit
    )


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"pagefind-entry.json": b"{"},
        {"pagefind-entry.json": b'{"languages":{"unknown":{"hash":"x"}}}'},
        {"pagefind-entry.json": b'{"languages":{"unknown":{"hash":"x"}}}', "pagefind.x.pf_meta": b"no gzip"},
        {"pagefind-entry.json": b'{"languages":[]}'},
        {"pagefind-entry.json": b"[]"},
    ],
)
def test_files_of_another_form_stay_as_they_are(files: dict[str, bytes]) -> None:
    """A later pagefind may write others."""
    assert in_order(files) == files


@given(st.binary())
def test_any_bytes_are_refused_or_read(data: bytes) -> None:
    """Without any other error."""
    try:
        decode(data)
    except (ValueError, IndexError):
        return

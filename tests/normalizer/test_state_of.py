"""Which keys hold an item back, which may, and which speak of something else (G15)."""

from __future__ import annotations

import datetime as dt
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.site_folder import SiteFolder

from aggregator.normalizer.held_back import boolean_of, may_hold, state_of, text_holds_back

HELD: list[dict[str, Any]] = [
    {"draft": True}, {"Draft": "yes"}, {"DRAFT": "TRUE"}, {"is_draft": True}, {"isDraft": 1}, {"draft": "wip"},
    {"status": "draft"}, {"Status": "In Review"}, {"post_status": "pending"}, {"status": ["draft"]}, {"state": "draft"},
    {"hidden": True}, {"page_hidden": True}, {"hide": "on"}, {"unlisted": True}, {"private": "y"}, {"visibility": "private"},
    {"publish": False}, {"publish": "draft"}, {"Published": False}, {"published": "false"}, {"published": 0}, {"listed": "no"},
    {"dg-publish": False}, {"params": {"draft": True}}, {"extra": {"unlisted": "true"}}, {"build": {"list": "never"}},
    {"_build": {"render": "never"}}, {"embargo": True}, {"eleventyExcludeFromCollections": True}, {"removed": "yes"},
    {"rss": False}, {"noFeed": True}, {"unpublished": True}, {"wip": True},
]  # fmt: skip
DOUBTS: list[dict[str, Any]] = [
    {"darft": True}, {"drafft": True}, {"pubished": False}, {"publised": "false"}, {"unlsited": True}, {"hiden": True},
    {"visibilty": "private"}, {"staus": "draft"}, {"expirse": "2020-01-01"}, {"embrago": "2030-05-01"},
    {"embargo": "2030-01-01"}, {"embargo": dt.date(2030, 1, 1)}, {"expiryDate": "2020-01-01"}, {"publishDate": "2030-01-01"},
    {"published": "2026-01-01"}, {"draft": dt.date(2024, 1, 1)}, {"draft": "perhaps"}, {"hidden": ["home"]},
    {"status": "brewing"}, {"visibility": 7}, {"publishToWeb": False}, {"ready_to_publish": False}, {"private_post": True},
    {"draft_post": True}, {"skip": True}, {"password": "x"}, {"entwurf": True}, {"черновик": True}, {"permalink": False},
]  # fmt: skip
NEITHER: list[dict[str, Any]] = [
    {"draft": False}, {"draft": ""}, {"draft": None}, {"draft": "false"}, {"draft": "published"}, {"status": "published"},
    {"Status": "Published"}, {"status": ""}, {"hidden": "no"}, {"published": True}, {"publish": "yes"}, {"unlisted": False},
    {"visibility": "public"}, {"craft": True}, {"overdraft": True}, {"draft_by": "Ann"}, {"private_company": True},
    {"feed": "https://example.org/feed"}, {"public": "Everyone"}, {"state": "California"}, {"show": "The Daily"},
    {"hiddenFromHomePage": True}, {"hide_table_of_contents": True}, {"cover": {"hidden": True}}, {"image": {"draft": "x"}},
    {"date": "2030-01-01"}, {"layout": "post"}, {"toc": False}, {"pinned": True}, {"featured": False}, {"listen": False},
    {"exclude": ["a"]}, {"publisher": "Post"}, {"publish_comments": False}, {"robotsNoIndex": True}, {"comments": False},
    {"quality": 1}, {"": True}, {"release": "1.0"},
]  # fmt: skip


@pytest.mark.parametrize("values", HELD, ids=str)
def test_held(values: dict[str, Any]) -> None:
    """Every spelling that is understood holds the item back, and the key that does so is named."""
    state = state_of(values)

    assert state.held_by[0] in values
    assert state.doubts == ()


@pytest.mark.parametrize("values", DOUBTS, ids=str)
def test_doubt(values: dict[str, Any]) -> None:
    """What may hold it back and is not understood is a doubt, with a hint, and without the value."""
    (doubt,) = state_of(values).doubts

    assert doubt.keys[0] in values
    assert doubt.hint
    assert not any(
        isinstance(value, str) and len(value) > 5 and value in f"{doubt.message} {doubt.hint}"
        for value in values.values()
    )


@pytest.mark.parametrize("values", NEITHER, ids=str)
def test_neither(values: dict[str, Any]) -> None:
    """What lets the item go out, or speaks of something else, is no doubt."""
    state = state_of(values)

    assert (state.held_by, state.doubts) == ((), ())


@pytest.mark.parametrize("values", [*HELD, *DOUBTS], ids=str)
def test_a_key_that_the_caller_reads_is_not_looked_at(values: dict[str, Any]) -> None:
    """A dialect decides about its own keys, in whatever spelling it names them."""
    state = state_of(values, handled=[key.upper() for key in values])

    assert (state.held_by, state.doubts) == ((), ())


@pytest.mark.parametrize("values", [*HELD, *DOUBTS], ids=str)
def test_a_key_that_matters_is_never_passed_over(values: dict[str, Any]) -> None:
    """`may_hold`, which reads the key alone, is true for every key of which a value matters."""
    assert all(map(may_hold, values))


@pytest.mark.parametrize(
    "text",
    ["draft: true", "draft = true", '{\n  "draft": true,', "Draft: YES # later", "status: draft", 'title: "a\n published: False']
)  # fmt: skip
def test_text_that_holds_back(text: str) -> None:
    """Metadata that cannot be parsed is searched line by line, in the notation of YAML, TOML and JSON."""
    assert text_holds_back(text)


@pytest.mark.parametrize(
    "text", ["draft: false", "title: my status: draft", "publishDate: 2026-01-01", "# draft: true", ""]
)
def test_text_that_does_not(text: str) -> None:
    """A word within a value, a comment and a date say nothing."""
    assert not text_holds_back(text)


KEYS = st.sampled_from(sorted({key for values in (*HELD, *DOUBTS, *NEITHER) for key in values})) | st.text(max_size=12)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10) | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(KEYS, VALUES, max_size=6))
def test_any_mapping_is_answered(values: dict[str, Any]) -> None:
    """No keys or values fail, and what one key says does not depend on the others."""
    state = state_of(values)
    alone = [state_of({key: value}) for key, value in values.items()]

    assert bool(state.held_by) == any(one.held_by for one in alone)
    assert set(state.doubts) == {doubt for one in alone for doubt in one.doubts}


@given(VALUES)
def test_draft_with_any_value_is_held_unless_that_says_no(value: Any) -> None:
    """Whatever stands behind `draft:`, the item goes out only if it says no, nothing, or that it is out."""
    state = state_of({"draft": value})
    is_nothing = isinstance(value, str) and not value.strip()

    assert state.held_by or state.doubts or boolean_of(value) is False or is_nothing or isinstance(value, dict)


@pytest.mark.slow
def test_thousands_of_keys_take_no_time() -> None:
    """A front matter full of keys that resemble ours is read at once."""
    letters = "abcdefghijklmnop"
    keys = ["".join(letters[number >> 4 * place & 15] for place in range(7)) for number in range(20_000)]
    began = time.process_time()

    state_of(dict.fromkeys(keys, True))

    assert time.process_time() - began < 5


@pytest.mark.parametrize("values", [*HELD, *DOUBTS], ids=str)
def test_nothing_held_back_goes_out(site: SiteFolder, values: dict[str, Any]) -> None:
    """No document names the item, neither as a new seed nor as one that was published before."""
    plain = {key: value for key, value in values.items() if not isinstance(value, dt.date)}
    plain |= {key: value.isoformat() for key, value in values.items() if isinstance(value, dt.date)}
    site.write("new.md", title="Canary", **plain)
    site.write("old.md", title="Canary")
    site.build()
    assert site.titles() == ["Canary"]

    site.write("old.md", title="Canary", **plain)
    site.build()

    assert all(b"Canary" not in body for body in site.documents().values())


@pytest.mark.parametrize(
    "line", ["draft: true", "status: draft", "darft: true", "Published: no", "hidden: true", "x: {a: b, draft: true}"]
)
def test_a_broken_file_that_says_so_is_withdrawn(site: SiteFolder, line: str) -> None:
    """A published item whose file is saved broken, with a line that holds it back, has no last good version."""
    site.write("a.md", title="Canary")
    site.build()
    site.write_text("a.md", f'---\ntitle: "open\n{line}\n---\n')

    site.build()

    assert site.titles() == []

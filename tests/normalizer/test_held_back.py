"""Nothing that people meant to hold back goes out, in whatever spelling and dialect (G15)."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.model.items import Rejection, Seed
from aggregator.model.seed_roots import SeedRoot
from aggregator.normalizer import held_back, seed
from aggregator.normalizer.dialects import reading
from aggregator.normalizer.dialects.table import Dialect, dialect_of, names

CANARY = "canary-7d1f"
BASE = "https://blog.example.org/"
TRUE = ("true", "True", "TRUE", "yes", "on", '"true"', "'yes'", "1", "True # not yet")
FALSE = ("false", "False", "FALSE", "no", "off", '"false"', "'no'", "0")
UNKNOWN = (
    "draft: true", "Draft: true", "DRAFT: yes", "is_draft: true", "isDraft: true", "is-draft: true", "drafts: true",
    "darft: true", "drfat: true", "drft: true", "draaft: true", "wip: true", "WIP: yes", "status: draft", "Status: Draft",
    "status: WIP", "status: in progress", "status: [draft]", "state: draft", "private: true", "Private: yes",
    "visibility: private", "visibility: hidden", "publised: false", "pubished: no", 'published: "no"', "Published: false",
    "publish: false", "Publish: no", "public: false", "is_published: false", "live: false", "ready: no", "listed: false",
    "hidden: true", "Hidden: true", "hide: true", "unlisted: true", "unpublished: true", "embargo: 2099-01-01",
    "embargo_until: 2099-01-01", "publish_on: 2099-01-01", "scheduled: 2099-01-01", "post_status: pending",
    "excludeFromFeed: true", "no_rss: true", "feed: false", "entwurf: true", "brouillon: true",
    "params: {draft: true}", "extra: {draft: true}", "extra: {status: private}", "draft_post: true", "access: private",
    "secret: true", "internal: true", "todo_draft: true",
)  # fmt: skip
HARMLESS = (
    "draft: false", "wip: false", "status: published", "status: evergreen", "visibility: public", "weight: 10",
    "toc: true", "hide: [toc]", "hiddenInHomeList: true", "craft: true", "publisher: Example", "publish_date: 2020-01-01",
    "private: false", "featured: true", "comments: false", "math: on", "layout: post", "sitemap: false", "draft:",
    "cover: {hidden: true}", "searchHidden: true", "show_date: false", "listing: no",
)  # fmt: skip


def read(name: str, text: str, path: str = "2024-05-01-a.md") -> seed.Reading:
    if name == "native":
        return seed.read(text.encode(), path=path, zone="UTC")
    root = SeedRoot(folder=name, dialect=name, base=BASE)
    return reading.read(text.encode(), path=path, root=root, zone="UTC", site=BASE)


def in_every_form(name: str, key: str, value: str) -> list[str]:
    """Return files of a dialect that hold one key, in each form that it may have."""
    forms = ("yaml",) if name == "native" else dialect_of(name).forms
    native = f"webUrl: {BASE}a\n" if name == "native" else ""
    plain = value.partition(" #")[0]
    is_plain = plain in {"true", "false", "1", "0"}
    nested = ":\n  ".join(key.split("."))
    found = [f"---\ntitle: A title\ndate: 2024-05-01\n{native}{nested}: {value}\n---\n{CANARY}\n"]
    if "toml" in forms:
        toml = plain if is_plain or plain.startswith(("'", '"')) else f'"{plain}"'
        head = 'title = "A title"\ndate = 2024-05-01\n'
        found.append(f"+++\n{head}{key} = {toml}\n+++\n{CANARY}\n")
    if "json" in forms and "." not in key:
        made = plain if is_plain else json.dumps(plain.strip("'\""))
        found.append(f'{{"title": "A title", "date": "2024-05-01", "{key}": {made}}}\n\n{CANARY}\n')
    if "lines" in forms and "." not in key:
        found.append(f"Title: A title\nDate: 2024-05-01\n{key.title()}: {plain}\n\n{CANARY}\n")
    return found


def is_shown(one: seed.Reading) -> bool:
    return isinstance(one.outcome, Seed) and one.outcome.is_published


@pytest.mark.parametrize("name", [name for name in names() if name != "native"])
def test_no_spelling_of_a_known_switch_is_published(name) -> None:
    """Each switch of each dialect holds back in each form and spelling, and is shown if it is the other way round."""
    dialect: Dialect = dialect_of(name)
    for key in dialect.held_if_true:
        for value in TRUE:
            assert not any(is_shown(read(name, text)) for text in in_every_form(name, key, value)), (key, value)
        for value in FALSE:
            assert all(is_shown(read(name, text)) for text in in_every_form(name, key, value)), (key, value)
    for key in dialect.shown_if_false:
        for value in FALSE:
            assert not any(is_shown(read(name, text)) for text in in_every_form(name, key, value)), (key, value)
    for key, words in dialect.states.items():
        for word in words:
            assert not any(is_shown(read(name, text)) for text in in_every_form(name, key, word)), (key, word)


@pytest.mark.parametrize("name", names())
@pytest.mark.parametrize("line", UNKNOWN)
def test_no_other_spelling_is_published(name, line) -> None:
    """What looks like a draft is held back, or is an error that withdraws the item and says how to write it."""
    native = f"webUrl: {BASE}a\npublishedDateTime: 2024-05-01\n" if name == "native" else "date: 2024-05-01\n"
    one = read(name, f"---\ntitle: A title\n{native}{line}\n---\n{CANARY}\n")

    assert not is_shown(one)
    if isinstance(one.outcome, Rejection):
        assert one.outcome.withdrawn or 'published: "no"' in line
        assert all(problem.hint and problem.line > 1 and CANARY not in str(problem) for problem in one.outcome.problems)


@pytest.mark.parametrize("name", names())
@pytest.mark.parametrize("line", HARMLESS)
def test_a_key_that_means_something_else_holds_nothing_back(name, line) -> None:
    """Keys of themes, and switches that are off, are not in doubt."""
    native = f"webUrl: {BASE}a\npublishedDateTime: 2024-05-01\n" if name == "native" else "date: 2024-05-01\n"

    assert is_shown(read(name, f"---\ntitle: A title\n{native}{line}\n---\nText.\n"))


@pytest.mark.parametrize("name", [name for name in names() if dialect_of(name).held_folders])
def test_a_folder_of_drafts_is_held_back(name) -> None:
    """What lies in a folder of drafts is not published, with or without a date."""
    for folder in dialect_of(name).held_folders:
        one = read(name, f"---\ntitle: A title\n---\n{CANARY}\n", path=f"blog/{folder}/a.md")

        assert isinstance(one.outcome, Seed)
        assert not one.outcome.is_published


def test_a_config_says_what_a_key_means() -> None:
    """A key in doubt is a draft's, or means nothing, if the root says so."""
    text = b"---\ntitle: A title\ndate: 2024-05-01\nwip: true\n---\n"
    draft = SeedRoot(folder="x", dialect="hugo", base=BASE, keys={"draft": ("wip",)})
    ignored = SeedRoot(folder="x", dialect="hugo", base=BASE, keys={"ignored": ("wip",)})

    held = reading.read(text, path="a.md", root=draft, zone="UTC", site=BASE).outcome
    shown = reading.read(text, path="a.md", root=ignored, zone="UTC", site=BASE).outcome

    assert isinstance(held, Seed)
    assert not held.is_published
    assert isinstance(shown, Seed)
    assert shown.is_published


@pytest.mark.parametrize("name", [name for name in names() if name != "native"])
def test_a_later_date_of_publication_counts(name) -> None:
    """A second date that is later than the first is the date, or an error: never is the earlier one taken."""
    for key in ("publishDate", "pubDate", "published", "publish_date", "scheduled"):
        one = read(name, f"---\ntitle: A title\ndate: 2024-05-01\n{key}: 2099-01-01\n---\n{CANARY}\n")

        assert isinstance(one.outcome, Rejection) or one.outcome.published > 4_000_000_000, key


@pytest.mark.parametrize("name", names())
def test_a_broken_draft_is_withdrawn(name) -> None:
    """A file that cannot be read, but says that it is a draft, takes its last good version out of the feeds."""
    one = read(name, f"---\ntitle: 'open\ndraft: true\n---\n{CANARY}\n")

    assert not is_shown(one)
    assert isinstance(one.outcome, Seed) or one.outcome.withdrawn


@given(st.sampled_from(["draft", "published", "publish", "private", "unlisted", "hidden"]), st.data())
def test_one_slip_of_the_finger_is_recognised(word, data) -> None:
    """A letter that is missing, doubled, wrong or exchanged with its neighbour does not hide what is meant."""
    at = data.draw(st.integers(0, len(word) - 2))
    letter = data.draw(st.sampled_from("abcdefghijklmnopqrstuvwxyz"))
    slip = data.draw(st.sampled_from([
        word[:at] + word[at + 1 :], word[:at] + word[at] + word[at:], word[:at] + letter + word[at + 1 :],
        word[:at] + word[at + 1] + word[at] + word[at + 2 :],
    ]))  # fmt: skip
    if slip not in {"craft", "raft", "daft", "drift", "graft", "drafty"}:
        assert held_back.kind_of(slip), slip

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


# Switches of other programs and of themes, in the spellings that people give them: none of them may be published.
MORE_UNKNOWN = (
    "isPublished: false", "noPublish: true", "draftMode: true", "publishStatus: draft", "postDraft: true", "blogDraft: true",
    "isBlogDraft: true", "saveAsDraft: true", "stillDraft: true", "is_a_draft: yes", "notDraft: false", "draftStatus: true",
    "draft_mode: on", "DraftMode: true", "publishToWeb: false", "publishtoweb: false", "publishToBlog: false",
    "showInBlog: false", "includeInFeed: false", "include_in_rss: no", "showPost: false", "displayPage: false",
    "display: false", "keepPrivate: true", "hiddenPost: true", "hidePost: true", "hide-page: true", "hideFromFeed: yes",
    "hideFromList: true", "excludeFromBlog: true", "omit_from_rss: true", "skipRss: true", "rssExclude: true",
    "disableFeed: true", "notForPublication: true", "notListed: true", "doNotList: true", "readyToPublish: false",
    "okToPublish: no", "canPublish: false", "shouldPublish: false", "publishable: false", "articlePublished: false",
    "isActive: false", "postActive: false", "finished: false", "done: no", "reviewed: false", "approved: pending",
    "inProgress: true", "invisible: true", "preview: true", "previewOnly: true", "internal_only: true", "membersonly: true",
    "subscribersOnly: true", "paywall: true", "blogStatus: draft", "contentState: draft", "reviewStatus: pending",
    "editorial_status: In review", "onlineStatus: offline", "projectStatus: draft", "type: Draft", "layout: draft",
    "phase: draft", "archived: true", "isArchived: yes", "skipPublishing: true", "draftUntil: 2099-01-01",
    "hiddenUntil: 2099-01-01", "postDate: 2099-01-01", "posted: 2099-01-01", "pubDatetime: 2099-01-01",
    "publishedFrom: 2099-01-01", "publish_up: 2099-01-01", "startPublishing: 2099-01-01", "visible_after: 2099-01-01",
    "scheduledDate: 2099-01-01", "publish_time: 10:00", "archivedAt: 2020-01-01", "publish_down: 2020-01-01",
    "deletedAt: 2020-01-01", "publish_end: 2020-01-01", "withdrawn: 2020-01-01", "private: 2020-01-01",
    "params: {isPublished: false}", "extra: {draftMode: true}", "custom: {isDraft: true}",
)  # fmt: skip
MORE_HARMLESS = (
    "commentsDisabled: true", "disableComments: true", "hideToc: true", "hide_title: true", "hideMeta: true",
    "isFeatured: false", "published_by: Someone", "publishedBy: Someone", "published_in: Nature", "publication: Nature",
    "publicationName: Nature", "publicDomain: false", "public_key: no", "privateKey: yes", "statusCode: 404", "showToc: false",
    "showPosts: false", "show_list: false", "hideList: true", "noindex: true", "noArchive: true", "robotsNoIndex: true",
    "hideFromHome: true", "excludeFromSearch: true", "sitemap_exclude: true", "draftNumber: 3", "draftsman: Bob",
    "rfc_draft: draft-ietf-example-01", "notDraft: true", "overdraft: true", "listType: bullets", "phase: beta",
    "lifecycle: stable", "kind: page", "projectStatus: pending", "reviewStatus: approved", "reviewedBy: Ann",
    "startDate: 2099-01-01", "endDate: 2020-01-01", "eventDate: 2099-01-01", "due: 2020-01-01", "archived: false",
    "audience: developers", "permalink: /hidden/", "series: [draft kings]", "password_protected: false", "live: true",
    "first_published: 2020-01-01", "originally_published_at: https://x.example/", "lastPublished: 2020-01-01",
    "publishTo: [mastodon]", "postAt: mastodon", "show_date: 2099-01-01", "showDate: true", "postDate: 2020-01-01",
    "deleted_at:", "hide_feed_image: true", "trashTalk: true", "ignoreErrors: true", "pendingTasks: 3", "membersOnly: false",
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


@pytest.mark.parametrize("name", names())
def test_no_key_of_several_words_is_published(name) -> None:
    """A switch that is part of a longer key, with capitals, other signs or nothing between its words, holds back."""
    own = ("type:",) if name == "native" else ("pubDatetime:",) if name == "astro" else ("-",)  # keys of its own
    doubtful = [line for line in MORE_UNKNOWN if not line.startswith(own)]

    assert [line for line in doubtful if is_shown(dated(name, line))] == []


@pytest.mark.parametrize("name", names())
def test_a_key_of_several_words_that_means_something_else_holds_nothing_back(name) -> None:
    """What only shares a word with a switch is not in doubt."""
    own = "permalink:" if name == "eleventy" else "-"  # there it is a switch
    harmless = [line for line in MORE_HARMLESS if not line.startswith(own)]

    assert [line for line in harmless if not is_shown(dated(name, line))] == []


@pytest.mark.parametrize("name", names())
@pytest.mark.parametrize(
    "line", ["exclude_from_rss: true", "excludeFromFeed: yes", "skipRss: true", "feed: false", "inFeed: no"]
)
def test_what_is_in_no_feed_is_no_error(name, line) -> None:
    """A theme's key by which a page is in no feed is obeyed: there is nothing to settle; `explain` names it."""
    outcome = dated(name, line).outcome

    assert isinstance(outcome, Seed)
    assert (outcome.is_published, outcome.held_by) == (False, line.partition(":")[0])
    assert not is_shown(dated(name, "feed: perhaps", "noFeed: perhaps"))


@pytest.mark.parametrize("name", [name for name in names() if name != "native"])
def test_a_doubt_names_the_key_as_it_is_written(name) -> None:
    """The error says which key, what to write, and how to say that the key means something else; which then is so."""
    rejection = dated(name, "toc: true", "isBlogDraft: true").outcome

    assert isinstance(rejection, Rejection)
    (problem,) = rejection.problems
    assert (problem.line, problem.message.partition(":")[0]) == (5, "isBlogDraft")
    assert "draft: true" in problem.hint
    assert "keys: {ignored: [isBlogDraft]}" in problem.hint
    root = SeedRoot(folder=name, dialect=name, base=BASE, keys={"ignored": ("isBlogDraft", "params.isDraft")})
    text = b"---\ntitle: A title\ndate: 2024-05-01\nisBlogDraft: true\nparams: {isDraft: true}\n---\n"
    assert is_shown(reading.read(text, path="a.md", root=root, zone="UTC", site=BASE))


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


STARTS = ("publishDate", "publish_at", "embargo_until", "scheduled_for", "release_date", "pubDate")
ENDS = ("unpublish_on", "valid_until", "removeOn", "expires_at", "hideAfter", "expiry", "expiryDate", "expires")
LATER = (
    "Fri, 13 Feb 2099", "13th February 2099", "Feb 13th 2099", "2099", "20990213", "2099-02", "2099-02-13", "4070908800",
    "tomorrow", "in 3 weeks", "2099-02-13 10:00 CEST", "[2099-02-13]", "never", "pending",
)  # fmt: skip
PAST = (
    "Fri, 13 Feb 2009",
    "13th February 2009",
    "2009-02",
    "20090213",
    "1234483200",
    "yesterday",
    "2009-02-13",
    "expired",
)


def dated(name: str, *lines: str, date: str = "2024-05-01") -> seed.Reading:
    """Return the reading of an item with a date and further lines of metadata."""
    native = f"webUrl: {BASE}a\npublishedDateTime: {date}\n" if name == "native" else f"date: {date}\n"
    return read(name, f"---\ntitle: A title\n{native}" + "\n".join(lines) + f"\n---\n{CANARY}\n")


@pytest.mark.parametrize("name", names())
@pytest.mark.parametrize("value", LATER)
def test_no_later_start_is_overlooked(name, value) -> None:
    """Whatever says when the item is to appear holds it back until then, or is an error: no word for it is too odd."""
    for key in STARTS:
        one = dated(name, f"{key}: {value}")

        assert not is_shown(one) or one.outcome.published > 4_000_000_000, key  # type: ignore[union-attr]


@pytest.mark.parametrize("name", names())
@pytest.mark.parametrize("value", PAST)
def test_no_end_is_overlooked(name, value) -> None:
    """Whatever says when the item is to vanish is its end, or an error, unless its own end is earlier."""
    for key in ENDS:
        one = dated(name, f"{key}: {value}")

        assert not is_shown(one) or (one.outcome.expires or 9e9) < 1_300_000_000, key  # type: ignore[union-attr]


@pytest.mark.parametrize("name", ["hugo", "astro", "plain"])
def test_the_earliest_end_counts(name) -> None:
    """Of several ends the earliest is that of the item, and one that cannot be read is an error."""
    further = "expirydate" if name == "plain" else "expiryDate"
    lines = (f"{further}: 2099-01-01", "expires: 2020-01-01")
    for written in (lines, lines[::-1]):
        found = dated(name, *written).outcome

        assert isinstance(found, Rejection) or found.expires == 1_577_836_800
    assert isinstance(dated(name, "expires: 2099-01-01", "expiryDate: soon").outcome, Rejection)
    assert isinstance(dated(name, "expires: 2020-01-01", "valid_until: 2030-01-01").outcome, Seed)


@pytest.mark.parametrize("name", [name for name in names() if name != "native"])
def test_a_later_time_of_the_day_counts(name) -> None:
    """The item waits for the later of two moments of one day, too; an earlier one, and a past date, mean nothing."""
    later = dated(name, "publishDate: 2099-01-01T23:00:00Z", date="2099-01-01T00:00:00Z").outcome
    earlier = dated(name, "release_date: 2024-04-30", "expires: 2099-01-01", date="2024-05-01T10:00:00Z").outcome

    assert isinstance(later, Seed)
    assert later.published == 4_070_991_600
    assert isinstance(earlier, Seed)
    assert earlier.published == 1_714_557_600


@pytest.mark.parametrize("name", names())
@pytest.mark.parametrize(
    "lines",
    ["params: {page: {draft: true}}", "hugo: {draft: true}", "params: [{draft: true}]", "a: {b: {c: [{draft: yes}]}}",
     "blog: {published: false}", "meta: {page: {status: draft}}", "build: {list: local}", "build: {render: link}",
     "_build: {list: never}", "_build: {render: false}"],
)  # fmt: skip
def test_a_switch_is_found_however_deep(name, lines) -> None:
    """A draft in a mapping, or in a list of mappings, is held back or an error."""
    assert not is_shown(dated(name, lines))


@pytest.mark.parametrize("name", names())
@pytest.mark.parametrize(
    "lines",
    ["params: {cover: {hidden: true}}", "book: {published: 2019}", "menu: {main: {weight: 1}}", "links: [{public: false}]",
     "hugo: {draft: false}", "seo: {status: draft-like}", "build: {list: always}", "shop: {publish: https://x.example}"],
)  # fmt: skip
def test_what_is_deeper_and_means_something_else_holds_nothing_back(name, lines) -> None:
    """A picture is hidden, and a book was published."""
    assert is_shown(dated(name, lines))


@pytest.mark.parametrize(
    ("name", "line"),
    [("mkdocs", "status: new"), ("mkdocs", "status: deprecated"), ("obsidian", "status: seedling"), ("obsidian", "dg-publish: true")],
)  # fmt: skip
def test_a_state_that_the_program_shows_is_no_doubt(name, line) -> None:
    """The icons of Material for MkDocs, and how far a note of a digital garden has grown."""
    assert is_shown(dated(name, line))


def test_a_note_that_a_garden_does_not_publish_is_held_back() -> None:
    """By the key of the plugin that publishes notes of Obsidian, which is no error."""
    found = dated("obsidian", "dg-publish: false").outcome

    assert isinstance(found, Seed)
    assert (found.is_published, found.held_by) == (False, "dg-publish")


def test_a_list_of_states_in_which_items_are_shown_is_one() -> None:
    """As for a single word, in a dialect whose own states have words as well."""
    assert is_shown(dated("pelican", "status: [published]"))
    assert not is_shown(dated("pelican", "status: [published, brewing]"))


def test_a_headless_page_of_hugo_is_held_back() -> None:
    """It has no page of its own."""
    assert not is_shown(dated("hugo", "headless: true"))


@pytest.mark.parametrize("name", ["hugo", "pelican", "plain"])
def test_keys_that_differ_in_case_are_refused(name) -> None:
    """Neither of two spellings silently wins if the case of keys does not matter."""
    for lines in (("draft: true", "Draft: false"), ("Draft: false", "draft: true"), ("Tags: a", "tags: b")):
        outcome = dated(name, *lines).outcome

        assert isinstance(outcome, Rejection)
        assert outcome.withdrawn == ("draft: true" in lines)


@pytest.mark.parametrize("name", names())
@pytest.mark.parametrize(
    ("key", "right", "other"),
    [
        ("draft", "published", "readyToPublish"), ("draft", "published", "isPublished"), ("removed", "published", "live"),
        ("draft", "published", "publised"), ("published", "draft", "isDraft"), ("published", "draft", "notForPublication"),
        ("draft", "published", "params.isPublished"),
    ],
)  # fmt: skip
def test_a_switch_that_the_config_takes_for_its_opposite_is_an_error(name, key, right, other) -> None:
    """Neither answer is published, and the error names what to write, in the key's own spelling; that is then obeyed."""
    if name == "native" and "." in other:
        return  # further names of our own keys are those at the top
    nested = other.replace(".", ":\n  ")
    native = f"webUrl: {BASE}a\npublishedDateTime: 2024-05-01\n" if name == "native" else "date: 2024-05-01\n"

    def outcome(key: str, value: str) -> Seed | Rejection:
        text = f"---\ntitle: A title\n{native}{nested}: {value}\n---\n{CANARY}\n".encode()
        root = SeedRoot(folder="x", dialect=name, base=BASE, keys={key: (other,)})
        return reading.read(text, path="a.md", root=root, zone="UTC", site=BASE).outcome

    for value in ("true", "false"):
        found = outcome(key, value)
        assert isinstance(found, Rejection)
        assert found.withdrawn
        assert f"keys: {{{right}: [{other}]}}" in found.problems[0].hint
        assert str(found.problems[0]).split(": ")[1] == other
    held, shown = ("true", "false") if right == "draft" else ("false", "true")
    assert [is_published(outcome(right, value)) for value in (held, shown)] == [False, True]


@pytest.mark.parametrize("key", ["status", "review", "visibility", "done_with", "wip", "hold"])
def test_a_key_whose_name_says_neither_may_be_named_for_either_switch(key) -> None:
    """A config is contradicted only by a name that is clear."""
    for switch in ("draft", "published"):
        root = SeedRoot(folder="x", dialect="hugo", base=BASE, keys={switch: (key,)})
        text = f"---\ntitle: A title\ndate: 2024-05-01\n{key}: {switch == 'published'}\n---\n".encode()
        found = reading.read(text, path="a.md", root=root, zone="UTC", site=BASE).outcome

        assert is_published(found) or (key == "wip" and switch == "published")


def is_published(outcome: Seed | Rejection) -> bool:
    return isinstance(outcome, Seed) and outcome.is_published


@pytest.mark.parametrize(
    ("line", "remedy"),
    [("isDraft: true", "keys: {draft: [isDraft]}"), ("readyToPublish: false", "keys: {published: [readyToPublish]}"),
     ("params: {isPublished: false}", "keys: {published: [params.isPublished]}")],
)  # fmt: skip
def test_a_doubt_names_the_remedy_for_all_files_with_that_key(line, remedy) -> None:
    """In the key's own spelling, and beside the dialect's own key, whatever further names the config has."""
    root = SeedRoot(folder="x", dialect="hugo", base=BASE, keys={"draft": ("myDraft",)})
    text = f"---\ntitle: A title\ndate: 2024-05-01\n{line}\n---\n".encode()
    rejection = reading.read(text, path="a.md", root=root, zone="UTC", site=BASE).outcome

    assert isinstance(rejection, Rejection)
    assert remedy in rejection.problems[0].hint
    assert "write `draft: true`" in rejection.problems[0].hint


@pytest.mark.parametrize("value", ["[{isDraft: true}]", "[{a: 1}, {isDraft: true}]"])
def test_a_switch_in_a_list_is_in_doubt_though_the_config_names_its_path(value) -> None:
    """A dot leads into a mapping, not into a list, so the name does not reach it."""
    root = SeedRoot(folder="x", dialect="hugo", base=BASE, keys={"draft": ("params.isDraft",)})
    text = f"---\ntitle: A title\ndate: 2024-05-01\nparams: {value}\n---\n".encode()
    found = reading.read(text, path="a.md", root=root, zone="UTC", site=BASE).outcome

    assert isinstance(found, Rejection)
    assert found.withdrawn
    assert "keys: {draft" not in found.problems[0].hint


def test_what_a_value_comes_from_is_named_as_the_file_spells_it() -> None:
    """In `explain`, in a dialect in which the case of keys does not matter."""
    root = SeedRoot(folder="x", dialect="hugo", base=BASE, keys={"draft": ("params.isDraft",)})
    text = b"---\ntitle: A title\npublishDate: 2024-05-01\nparams: {IsDraft: true}\n---\n"
    found = reading.read(text, path="a.md", root=root, zone="UTC", site=BASE).outcome

    assert isinstance(found, Seed)
    assert found.held_by == "params.IsDraft"
    assert ("publishedDateTime", "publishDate") in reading.origins(text, path="a.md", root=root, zone="UTC", site=BASE)


def test_further_names_never_publish_what_another_holds_back() -> None:
    """Of a switch and its further names any that holds back counts, and so does one that is not understood."""
    for keys, lines in (
        ({"published": ("live",)}, "published: false\nlive: true"), ({"published": ("live",)}, "published: true\nlive: no"),
        ({"draft": ("wip", "hold")}, "wip: false\nhold: true"), ({"draft": ("wip",)}, "draft: true\nwip: false"),
        ({"removed": ("gone", "away")}, "gone: false\naway: true"), ({"deleted": ("gone",)}, "deleted: true\ngone: false"),
        ({"published": ("live", "shown")}, "live: true\nshown: perhaps"),
    ):  # fmt: skip
        text = f"---\ntitle: A\nwebUrl: {BASE}a\npublishedDateTime: 2024-05-01\n{lines}\n---\n".encode()
        root = SeedRoot(folder="x", keys=keys)
        found = reading.read(text, path="a.md", root=root, zone="UTC", site=BASE).outcome

        assert isinstance(found, Rejection) or not found.is_published or found.removed or found.deleted, lines


@pytest.mark.parametrize(
    ("lines", "expires"),
    [
        ("expires: 2030-01-01\ngone_on: 2020-01-01", 1_577_836_800), ("expires: 2020-01-01\ngone_on: 2030-01-01", 1_577_836_800),
        ("gone_on: 2030-01-01\noff_on: 2020-01-01", 1_577_836_800), ("gone_on: 2030-01-01", 1_893_456_000),
        ("expires: 2030-01-01\ngone_on: soon", None),
    ],
)  # fmt: skip
def test_the_earliest_of_the_further_names_of_an_end_counts(lines, expires) -> None:
    """A further name of `expires` never makes a seed last longer than the file's own key does."""
    text = f"---\ntitle: A\nwebUrl: {BASE}a\npublishedDateTime: 2019-05-01\n{lines}\n---\n".encode()
    root = SeedRoot(folder="x", keys={"expires": ("gone_on", "off_on")})
    found = reading.read(text, path="a.md", root=root, zone="UTC", site=BASE).outcome

    assert (found.expires if isinstance(found, Seed) else None) == expires


@pytest.mark.parametrize("name", names())
def test_a_start_in_the_past_holds_nothing_back_however_it_is_written(name) -> None:
    """Native seeds and dialects read the dates of keys that are not their own alike."""
    for value in (
        "2024-04-01 10:00 CEST",
        "1 April 2024 10:00 AM EST",
        "1711965600",
        "Mon, 1 Apr 2024",
        "April 1st, 2024",
    ):
        assert is_shown(dated(name, f"available_from: {value}")), value


@pytest.mark.parametrize("name", names())
def test_a_date_in_a_misspelt_key_is_in_doubt(name) -> None:
    """In whatever words it is written."""
    for value in ("Fri, 13 Feb 2099", "13th February 2099", "13/02/2099", "4070908800"):
        assert isinstance(dated(name, f"publishd: {value}").outcome, Rejection), value


@pytest.mark.parametrize("name", names())
@pytest.mark.parametrize("key", ["secured", "Secured", "meta.secured", "secured.text"])
def test_what_is_secured_is_never_another_key(name, key) -> None:
    """Not even a config can show it."""
    first = key.partition(".")[0]
    value = {"meta": f"{{secured: {CANARY}}}"}.get(first, f"{{text: {CANARY}}}" if "." in key else CANARY)
    native = f"webUrl: {BASE}a\npublishedDateTime: 2024-05-01\n" if name == "native" else "date: 2024-05-01\n"
    text = f"---\ntitle: A title\n{native}{first}: {value}\n---\n".encode()
    root = SeedRoot(folder="x", dialect=name, base=BASE, keys={"excerpt": (key,), "title": (key,)})

    assert CANARY not in str(reading.read(text, path="a.md", root=root, zone="UTC", site=BASE))


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
    if slip not in {"craft", "raft", "daft", "drift", "graft", "drafty", "enlisted"}:
        assert held_back.kind_of(slip), slip

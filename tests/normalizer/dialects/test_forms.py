"""The forms of metadata: what is cut off, misspelt or in another form is never published with its text (G12, G15)."""

from __future__ import annotations

import time

import pytest

from aggregator.model.items import Rejection, Seed
from aggregator.model.seed_roots import SeedRoot
from aggregator.normalizer.dialects import reading
from aggregator.normalizer.dialects.table import dialect_of, names
from aggregator.normalizer.seed import Reading

CANARY = "canary-7d1f"
BASE = "https://blog.example.org/"
OTHERS = [name for name in names() if name != "native"]
WITH_NONE = [name for name in OTHERS if "none" in dialect_of(name).forms]
DRAFTS = {
    "yaml": (
        f"---\ntitle: T\nsecured: {CANARY}\ndraft: true\n---\nA text.",
        f"---\n# my note\ntitle: T\nsecured: {CANARY}\ndraft: true\n---\nA text.",
        f"\n---\n\ntitle: T\nsecured: {CANARY}\ndraft: true\n---\nA text.",
    ),
    "toml": (f"+++\n# my note\ntitle = 'T'\nsecured = '{CANARY}'\ndraft = true\n+++\nA text.",),
    "json": (f'{{\n"title": "T",\n"secured": "{CANARY}",\n"draft": true\n}}\nA text.',),
    "lines": (f"Title: T\nSecured: {CANARY}\nStatus: draft\nDate: 2024-05-01\n\nA text.",),
    "fence": (f"```toml\ntitle = 'T'\nsecured = '{CANARY}'\ndraft = true\n```\nA text.",),
}
SECRET = f"draft: true\nsecured: {CANARY}\n"
ODD_HEADS = (
    f"---\n# note\ntitle: T\n{SECRET}", f"---\n\ntitle: T\n{SECRET}\nA text.", f"----\ntitle: T\n{SECRET}----\nA text.",
    f"---;\ntitle: T\n{SECRET}---;\nA text.", f"<!-- x -->\n---\ntitle: T\n{SECRET}---\nA text.",
    f"\u200b---\ntitle: T\n{SECRET}---\nA text.", f"---\none odd line\n{SECRET}\nA text.",
    f"+++toml\ndraft = true\nsecured = '{CANARY}'\n+++\nA text.",
    f"+++ # c\ndraft = true\nsecured = '{CANARY}'\n+++\nA text.", f"{{draft: true, secured: {CANARY}}}\nA text.",
    f'{{\n// c\n"draft": true, "secured": "{CANARY}"}}\nA text.', f"Status: draft\n\n{CANARY}",
    f"Title: T\nDate: 2024-05-01\nMy Key: y\nStatus: draft\nSecured: {CANARY}\n\nA text.",
    f"Title: T\nStatus : draft\nSecured: {CANARY}\n\nA text.", f"Title: T\nan odd line\nStatus: draft\n\n{CANARY}",
    f"\nTitle: T\nStatus: draft\nSecured: {CANARY}\n\nA text.", f"# Title\nStatus: draft\n\n{CANARY}",
    f"--- a comment of some words\ntitle: T\n\n{CANARY}", f"+++ a comment of some words\ntitle = 'T'\n\n{CANARY}",
    f"Draft: yes, and here is why\n\n{CANARY}", f"Status: draft of a long text\n\n{CANARY}", f"{{draft: true}}\n{CANARY}",
    f"#+TITLE: T\n#+DRAFT: true\n\n{CANARY}", f"Embargo until: 2099-01-01\n\n{CANARY}",
)  # fmt: skip
TEXTS = (
    "A text.\n", "---\n\nA text below a rule.\n", "-----\n# A heading\nA text.\n", "{{< figure src=x >}}\n\nA text.\n",
    "{% include x %}\n\nA text.\n", "{: .lead }\nA text.\n", "# A heading\n\nA text: with a colon.\n", "- one\n- two\n",
    "Remember: buy milk\n\nA text.\n", "---\n\n- a list below a rule: yes\n", "<!-- a comment -->\nA text.\n",
    "---\n\n[A link](https://x.example/) below a rule.\n", "*A text.*\n", "++added++ words.\n", "Word.\n\nA text.\n",
    "--- and then it rained.\nA text.\n", "----- cut here -----\nA text.\n", "{a} is a set.\n", "{ one } in braces.\n",
    "Private: what the neighbours never told us\n\nA text.\n", "Hidden: the gem of the Alps\n\nA text.\n",
)  # fmt: skip


def read(name: str, data: str | bytes, path: str = "2024-05-01-a.md") -> Reading:
    root = SeedRoot(folder=name, dialect=name, base=BASE)
    data = data.encode() if isinstance(data, str) else data
    return reading.read(data, path=path, root=root, zone="UTC", site=BASE, first_commit=lambda _: 1_700_000_000)


def is_shown(one: Reading) -> bool:
    return isinstance(one.outcome, Seed) and one.outcome.is_published


@pytest.mark.parametrize("name", OTHERS)
def test_no_draft_that_is_cut_off_is_published(name) -> None:
    """A draft with a secret that is cut at any byte, as by a half save, is refused or held, in every form."""
    for form in dialect_of(name).forms:
        for text in DRAFTS.get(form, ()):
            data = text.encode()
            for path in ("2024-05-01-a.md", "a.md"):
                shown = [at for at in range(len(data) + 1) if is_shown(read(name, data[:at], path))]

                assert shown == [], (form, text)


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("text", ODD_HEADS)
def test_what_looks_like_metadata_is_never_the_text(name, text) -> None:
    """Metadata in no known form is refused; what it says is neither shown nor named, and it withdraws a draft."""
    one = read(name, text)

    assert not is_shown(one)
    if isinstance(one.outcome, Rejection):
        assert all(problem.hint and CANARY not in str(problem) for problem in one.outcome.problems)
        assert one.outcome.withdrawn or "draft: true\n" not in text


@pytest.mark.parametrize("name", WITH_NONE)
@pytest.mark.parametrize("text", TEXTS)
def test_a_text_without_metadata_is_a_text(name, text) -> None:
    """A rule, a shortcode, a list or a sentence with a colon at the head of a file is no metadata."""
    assert is_shown(read(name, text))


def page_of(*metas: str) -> str:
    """Return an HTML page with these elements in its head."""
    head = "".join(f"<meta {one}>\n" for one in metas)
    return f"<!DOCTYPE html>\n<html><head><title>A &amp; B</title>\n{head}</head><body><p>Text.</p></body></html>"


@pytest.mark.parametrize("name", WITH_NONE)
@pytest.mark.parametrize(
    "meta",
    ['name="status" content="draft"', "content='draft' name='Status' /", "name=status content=hidden",
     'name="draft" content="true"', 'name="published" content="no"'],
)  # fmt: skip
def test_an_html_page_that_says_draft_is_not_published(name, meta) -> None:
    """Pelican keeps metadata of a page in `<meta>`: it holds back there, and refuses the file elsewhere."""
    one = read(name, page_of('name="date" content="2024-05-01"', meta), "2024-05-01-a.html")

    assert not is_shown(one)
    assert isinstance(one.outcome, Seed) or one.outcome.withdrawn


@pytest.mark.parametrize("name", WITH_NONE)
def test_a_secured_meta_is_not_shown(name) -> None:
    """Nor is what an HTML page has for other eyes."""
    assert CANARY not in str(read(name, page_of(f'name="secured" content="{CANARY}"'), "2024-05-01-a.html"))


def test_the_metadata_of_a_page_are_read() -> None:
    """Title, date, summary and tags of an HTML page of Pelican are those of its head; usual elements mean nothing."""
    metas = ('charset="utf-8"', 'name="date" content="2024-05-01 10:00"', 'name="summary" content="A > B"')
    found = read(
        "pelican", page_of(*metas, 'name="tags" content="a, b"', 'name="robots" content="all"'), "a.html"
    ).outcome

    assert isinstance(found, Seed)
    assert (found.title, found.published, found.excerpt, found.tags) == ("A & B", 1_714_557_600, "A > B", ("a", "b"))
    assert found.body == "<p>Text.</p>"
    assert is_shown(read("hugo", page_of(*metas), "2024-05-01-a.html"))


def test_the_heading_of_a_page_is_its_title_before_the_title_for_the_browser() -> None:
    """A page whose metadata have no title is named by its heading, which leaves the body, or by `<title>`."""
    page = page_of('name="viewport" content="width=device-width"')
    with_heading = read("plain", page.replace("<p>", "<h1>C</h1><p>"), "a.html").outcome
    without = read("plain", page, "a.html").outcome

    assert isinstance(with_heading, Seed)
    assert (with_heading.title, with_heading.body) == ("C", "<p>Text.</p>")
    assert isinstance(without, Seed)
    assert (without.title, without.body) == ("A & B", "<p>Text.</p>")


@pytest.mark.parametrize("name", WITH_NONE)
def test_a_single_word_is_metadata_only_where_lines_are(name) -> None:
    """A word alone may be the half-written `Title: …` of Pelican; other programs' metadata do not begin with one."""
    assert is_shown(read(name, "Hello\n")) is ("lines" not in dialect_of(name).forms)


def test_metadata_that_is_wrong_in_a_page_is_named_with_its_line() -> None:
    """The position is that of the element."""
    outcome = read(
        "pelican", page_of('name="date" content="2024-05-01"', 'name="status" content="brewing"'), "a.html"
    ).outcome

    assert isinstance(outcome, Rejection)
    assert (outcome.problems[0].line, outcome.problems[0].message[:7]) == (4, "status:")


@pytest.mark.parametrize("name", WITH_NONE)
def test_a_second_head_below_the_first_is_refused(name) -> None:
    """Metadata that follow metadata, as a tool may leave them, are no text if they hold back."""
    one = read(name, f"---\ntitle: T\ndate: 2024-05-01\n---\n\n---\n{SECRET}---\nA text.")

    assert isinstance(one.outcome, Rejection)
    assert one.outcome.withdrawn
    assert is_shown(read(name, "---\ntitle: T\ndate: 2024-05-01\n---\n\n---\n\nA text.\n\n---\n\nMore."))


@pytest.mark.parametrize("name", WITH_NONE)
def test_a_secured_line_alone_is_not_shown(name) -> None:
    """A line `Secured: …` at the head is metadata, or refuses the file: it is never part of the text."""
    assert CANARY not in str(read(name, f"Secured: {CANARY}\n\nA text."))


def test_lines_of_metadata_end_before_the_first_other_line() -> None:
    """As in Python-Markdown, no blank line is needed before the text; keys may have several words."""
    found = read("pelican", "Title: A title\nMy Key: y\nDate : 2024-05-01\nThe text\nbegins here.\n").outcome

    assert isinstance(found, Seed)
    assert (found.title, found.body.strip()) == ("A title", "The text\nbegins here.")


@pytest.mark.parametrize(
    ("text", "path", "name"),
    [
        ("---\ndate: 2024-01-01\n---\n" + "<!--a-->" * 240 + "\nx", "a.md", "hugo"),
        ("---\ndate: 2024-01-01\n---\n# a" + " " * 1_950 + "b #" + " " * 30, "a.md", "hugo"),
        ("---\ntitle: T\ndate: 2024-01-01\n---\n" + "<body>" * 50_000, "a.html", "hugo"),
        ('---\ntitle: T\ndate: 2024-01-01\npermalink: "{{' + " " * 4_000 + 'x"\n---\n', "a.md", "eleventy"),
        ('---\ntitle: T\ndate: 2024-01-01\npermalink: "' + "{{" * 100_000 + '"\n---\n', "a.md", "eleventy"),
        ("Title: T\n" + "a " * 100_000 + "\n\nx", "a.md", "pelican"), ("<!--" * 60_000, "2024-01-01-a.md", "hugo"),
        ("<meta '" * 40_000, "2024-01-01-a.html", "pelican"), ("<title>" * 40_000, "2024-01-01-a.html", "pelican"),
        ("---\n" + "# a\n" * 60_000, "2024-01-01-a.md", "hugo"), ("{" + " \n" * 100_000, "2024-01-01-a.md", "hugo"),
    ],
    ids=["comments", "heading", "body", "blanks", "braces", "lines", "comment", "meta", "titles", "rule", "brace"],
)  # fmt: skip
def test_no_text_takes_long(text, path, name) -> None:
    """The time of reading grows with the text, not with its square or worse (G13)."""
    started = time.process_time()
    read(name, text, path)

    assert time.process_time() - started < 1


@pytest.mark.parametrize(
    ("body", "title", "rest"),
    [
        ("# A title #\n\nText.", "A title", "Text."), ("<!-- c -->\n\n  # A `title` {#id}\nText.", "A title", "Text."),
        ("A title\n=====\nText.", "A title", "Text."), ("## Other\n\nText.", "a", "## Other\n\nText."),
        ("<!-- c\n# x", "a", "<!-- c\n# x"), ("#Tag\n", "a", "#Tag"), ("# ", "a", "#"), ("# C#\n", "C", ""),
        ("<!-- START doctoc generated -->\n## Contents\n<!-- END doctoc -->\n\n# A title\nText.", "A title", "Text."),
        ("<!-- START doctoc generated -->\n## Contents", "a", "<!-- START doctoc generated -->\n## Contents"),
    ],
)  # fmt: skip
def test_the_first_heading_is_the_title(body, title, rest) -> None:
    """Without a title the heading with which the body begins, comments aside, is it, and leaves the body."""
    found = read("obsidian" if title == "a" else "hugo", f"---\ndate: 2024-05-01\n---\n{body}", "a.md").outcome

    assert isinstance(found, Seed)
    assert (found.title, found.body.strip()) == (title, rest)


def test_the_body_of_a_page_is_what_is_between_its_tags() -> None:
    """What is around the first tag of a body and the last of its ends is left out; a page without any is all body."""
    page = "---\ntitle: T\ndate: 2024-05-01\n---\n<head></head><BODY class=a><p>One</body ></p></body><i>x</i>"
    found = read("hugo", page, "a.html").outcome
    bare = read("hugo", "---\ntitle: T\ndate: 2024-05-01\n---\n<p>One</p></body>", "a.html").outcome

    assert isinstance(found, Seed)
    assert found.body == "<p>One</body ></p>"
    assert isinstance(bare, Seed)
    assert bare.body == "<p>One</p></body>"

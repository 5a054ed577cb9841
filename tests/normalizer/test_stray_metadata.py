"""Metadata with which the text of a file begins is an error: it would be published, and what it says not be obeyed."""

from __future__ import annotations

import pytest

from aggregator.model.items import Rejection, Seed
from aggregator.model.seed_roots import SeedRoot
from aggregator.normalizer import seed
from aggregator.normalizer.dialects import reading
from aggregator.normalizer.dialects.table import names

BASE = "https://blog.example.org/"
CANARY = "canary-5b0e"
HOLDING = (
    "---\ndraft: true\n---\nText.\n", "\n\n---\npublished: false\n---\nText.\n", "+++\ndraft = true\n+++\nText.\n",
    '{"draft": true}\n\nText.\n', "draft: true\nstatus: draft\n\nText.\n", "\ndraft: true\n\nText.\n",
    "published: false\n---\nText.\n", "secured: {note: x}\n---\nText.\n", "# not yet\ndraft: true\n---\nText.\n",
    "draft:: true\n\nText.\n", "---\ntitle: B\nisDraft: true\n---\n", "publish: no\n...\nText.\n", "---\nsecured: x\n---\nText.\n",
    "----\ndraft: true\n----\nText.\n", "\u2014-\ndraft: true\n\u2014-\nText.\n", "draft:true\n\nText.\n", "---\ndraft:true\n---\nText.\n",
    "{draft: true}\n\nText.\n", ';;;\n{"draft": true}\n;;;\nText.\n', "[extra]\ndraft = true\n\nText.\n", "Status: Draft\n\nText.\n",
    "draft: true\nText right below it.\n", "Published: no\n# A heading\n", "status: brewing\n\nText.\n", "embargo: Monday\n\nText.\n",
    "Embargo: 2030-01-01\n\nText.\n", "password: x\n\nText.\n", "Status: accepted, pending\n---\nText.\n",
)  # fmt: skip
OTHER = (
    f"---\nauthor: {CANARY}\nkey: internal\n---\nText.\n", f"+++\nkey = '{CANARY}'\n+++\nText.\n",
    f"---\n\ntitle: {CANARY}\n---\nText.\n", f"---\n# a comment\ntags:\n  - {CANARY}\n- b\n---\nText.\n",
)  # fmt: skip
PROSE = (
    "---\n\nProse that goes on.\n", "---\nUpdate: this is old.\n---\n\nText.\n", "Draft: what it is, and what it is not.\n",
    "Note: read this first.\n\ndraft: true\n", "# A heading\n\ndraft: true is what you write.\n", "Title: B\nAuthor: C\n\nText.\n",
    "```yaml\ndraft: true\n```\n", "{{< youtube x >}}\n", "{% raw %}draft: true{% endraw %}\n", "{#id}\ndraft\n", "+++ and so on\n",
    "Status: accepted\nDate: 3 May\n\nText.\n", "Title: Emma\nPublished: 1815\n\nA review.\n", "Status: Draft Standard\n\nText.\n",
    "Draft: 5.50\nBottled: 4.50\n\nBeers.\n", "Listed: Grade II\n\nText.\n", "Visibility: 10 km\nWind: 3 kn\n\nText.\n",
    "User: guest\nPassword: guest\n\nText.\n", "Removed: support for Python 3.8\n\nText.\n", "Embargo: the oil\n\nText.\n",
    "Hidden: the moon.\nSecret: the sea.\n\nText.\n", "Status: closed\nText goes on.\n", "draft: one of many\nbeers that I had.\n",
    "---\n\nAnna: Hello.\nBen: Hello.\n\n---\n\nText.\n", "---\nQ: Is it?\nA: Yes.\n---\nText.\n", "Public: no\nTour: yes\n\nText.\n",
    "---\n---\n", "- draft: true\n\nText.\n", "Ready: 30 minutes\nServes: 4\n", "",
)  # fmt: skip


def read(name: str, body: str, head: str = "title: A\n") -> seed.Reading:
    date = f"webUrl: {BASE}a\npublishedDateTime: 2024-05-01\n" if name == "native" else "date: 2024-05-01\n"
    data = f"---\n{head}{date if head else ''}---\n{body}".encode()
    if name == "native":
        return seed.read(data, path="a.md", zone="UTC")
    root = SeedRoot(folder=name, dialect=name, base=BASE)
    return reading.read(data, path="2024-05-01-a.md", root=root, zone="UTC", site=BASE)


@pytest.mark.parametrize("name", names())
@pytest.mark.parametrize("body", HOLDING)
def test_what_holds_back_below_the_head_withdraws_the_item(name, body) -> None:
    """A draft in a second head, or in lines below the head, is not published; the error names its line."""
    outcome = read(name, body).outcome

    assert isinstance(outcome, Rejection)
    assert outcome.withdrawn
    assert outcome.problems[0].line >= (5 if name != "native" else 6)


@pytest.mark.parametrize("name", names())
@pytest.mark.parametrize("body", OTHER)
def test_a_second_head_is_never_the_text_of_an_item(name, body) -> None:
    """Metadata that is written twice is an error, whatever it says, and its values are not quoted."""
    outcome = read(name, body).outcome

    assert isinstance(outcome, Rejection)
    assert "metadata twice" in outcome.problems[0].message
    assert CANARY not in str(outcome.problems[0])


@pytest.mark.parametrize("name", names())
@pytest.mark.parametrize("body", PROSE)
def test_prose_that_looks_like_metadata_is_a_text(name, body) -> None:
    """A rule, a note with a colon, code and shortcodes at the head of a text are read as such."""
    outcome = read(name, body).outcome

    assert isinstance(outcome, Seed), outcome
    assert outcome.is_published


@pytest.mark.parametrize("name", names())
def test_metadata_below_an_empty_head_is_an_error(name) -> None:
    """The lines around the front matter were closed too early."""
    outcome = read(name, "title: A\ndate: 2024-05-01\n\nText.\n", head="").outcome

    assert isinstance(outcome, Rejection)
    assert "below its front matter, which is empty" in outcome.problems[0].message

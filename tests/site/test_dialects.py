"""A site over folders of other programs: all posts, no draft, what `check` and `explain` say, and that nothing changes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from aggregator.cli.report import held_back_lines
from aggregator.index.index import opened_read_only
from aggregator.normalizer.dialects.table import names
from aggregator.site.check import check
from aggregator.site.explain import explain
from aggregator.site.status import site_status

SAMPLES = Path(__file__).parents[1] / "cases" / "dialects"
BASE = "https://blog.example.org/"
NOW = 1_796_000_000
EMBARGOED = "2099"


def site_over(site: Any, name: str) -> dict[str, Any]:
    """Put the sample of a dialect beside the site as its only root; return what is expected of it."""
    settings = json.loads((SAMPLES / name / "root.json").read_text())
    expected: dict[str, Any] = json.loads((SAMPLES / name / "expected.json").read_text())
    folder = site.root / "blog"
    shutil.copytree(SAMPLES / name, folder)
    (folder / "root.json").unlink()
    (folder / "expected.json").unlink()
    root = {"folder": "../blog", "dialect": name, "base": BASE}
    root |= {key: settings[key] for key in ("link", "keys") if key in settings}
    site.settings = {"seeds": root, "timezone": settings.get("zone", "UTC")}
    return {path: one for path, one in expected.items() if path not in settings.get("first_commit", {})}


def shown(expected: dict[str, Any]) -> dict[str, str]:
    return {
        one["link"]: one["title"]
        for one in expected.values()
        if "title" in one and not one["published"].startswith(EMBARGOED) and not one.get("expires")
    }


@pytest.mark.parametrize("name", names())
def test_a_folder_of_another_program_is_a_site(name, site) -> None:
    """Every post of the sample is in the feed, nothing that is held back is anywhere, and the folder stays as it was."""
    expected = site_over(site, name)
    before = {path: path.read_bytes() for path in (site.root / "blog").rglob("*") if path.is_file()}

    site.build(now=NOW)

    assert {item["url"]: item["title"] for item in site.feed()} == shown(expected)
    assert not [file for file, data in site.documents().items() if b"secret" in data]
    assert {path: path.read_bytes() for path in (site.root / "blog").rglob("*") if path.is_file()} == before
    errors = {problem.path for problem in check(site.config(), now=NOW).problems if not problem.warning}
    wrong = {path for path, one in expected.items() if any("warning" not in line for line in one.get("problems", ()))}
    assert wrong <= errors
    assert errors.isdisjoint(expected.keys() - wrong)


def test_a_post_that_becomes_a_draft_in_another_spelling_leaves_the_feeds(site) -> None:
    """Though the file is an error, its last good version does not stay: its author meant to hold it back."""
    site.settings = {"seeds": {"folder": "../blog", "dialect": "hugo", "base": BASE}}
    post = site.root / "blog/a.md"
    post.parent.mkdir()
    post.write_text("---\ntitle: Salaries\ndate: 2026-05-01\n---\nFigures.\n")
    site.build(now=NOW)
    assert site.titles() == ["Salaries"]

    post.write_text("---\ntitle: Salaries\ndate: 2026-05-01\nwip: true\n---\nFigures.\n")
    turn = site.build(now=NOW + 60)

    assert site.titles() == []
    assert [(problem.path, problem.line) for problem in turn.problems] == [("a.md", 4)]
    assert not [file for file, data in site.documents().items() if b"Figures" in data]


def test_a_seed_of_our_own_that_becomes_a_draft_leaves_the_feeds(site) -> None:
    """The same holds for the switches of other programs in our own seeds."""
    site.settings = {}
    site.write("a.md", title="Salaries", quality=None)
    site.build(now=NOW)
    assert site.titles() == ["Salaries"]

    site.write("a.md", title="Salaries", quality=None, draft=True)
    site.build(now=NOW + 60)

    assert site.titles() == []


def test_a_page_without_a_date_is_no_error(site) -> None:
    """A folder with pages beside its posts passes `check`; each page is named, with what would make it a post."""
    site.settings = {"seeds": {"folder": "../blog", "dialect": "hugo", "base": BASE}}
    (site.root / "blog").mkdir()
    (site.root / "blog/about.md").write_text("---\ntitle: About\n---\nMe.\n")
    (site.root / "blog/a.md").write_text("---\ntitle: A\ndate: 2026-05-01\n---\nText.\n")

    turn = site.build(now=NOW)
    found = check(site.config(), now=NOW).problems

    assert site.titles() == ["A"]
    assert [(one.path, one.warning) for one in found] == [("about.md", True)]
    assert list(held_back_lines(turn)) == ["      1 is a page without a date (rule: date)"]
    assert "`date: YYYY-MM-DD`" in found[0].hint


def test_explain_names_the_key_of_each_value(site) -> None:
    """It says from which key of the file, or from what else, each value came; for our own seeds it says nothing."""
    site_over(site, "mkdocs")

    (found,) = explain(site.config(), None, str(site.root / "blog/posts/first.md"), now=NOW)

    assert dict(found.origins)["publishedDateTime"] == "date.created"
    assert "title: from the first heading" in found.origin_lines()
    assert "updatedDateTime: from `date.updated`" in found.origin_lines()
    site.settings = {}
    site.write("own.md")
    (own,) = explain(site.config(), None, str(site.seeds / "own.md"), now=NOW)
    assert own.origins == ()


@pytest.mark.parametrize(
    ("dialect", "path", "text", "answer"),
    [
        ("hugo", "a.md", "---\ntitle: A\ndate: 2026-05-01\nDraft: true\n---\n", "`Draft` holds it back"),
        ("hugo", "a.md", "+++\ntitle = 'A'\ndate = 2026-05-01\nbuild.list = 'never'\n+++\n", "`build.list` holds it back"),
        ("pelican", "a.md", "Title: A\nDate: 2026-05-01\nStatus: draft\n\nText\n", "`status` holds it back"),
        ("obsidian", "a.md", "---\ndate: 2026-05-01\npublish: false\n---\n", "`publish` holds it back"),
        ("jekyll", "2026-05-01-a.md", "---\npublished: false\n---\n", "published: false"),
        ("eleventy", "drafts/a.md", "---\ntitle: A\ndate: 2026-05-01\n---\n", "`drafts/` holds it back"),
    ],
)  # fmt: skip
def test_explain_names_what_holds_a_post_back(site, dialect, path, text, answer) -> None:
    """The key of the file, or the folder, as for our own seeds."""
    site.settings = {"seeds": {"folder": "../blog", "dialect": dialect, "base": BASE}}
    post = site.root / "blog" / path
    post.parent.mkdir(parents=True)
    post.write_text(text)
    (found,) = explain(site.config(), None, path, now=NOW)
    assert found.headline == f"{path}: in no feed: {answer} (rule: state)"


def test_pages_without_a_date_are_one_warning_of_each_folder(site) -> None:
    """It names the first and counts the others, in `check`, after a build and in the status; a named file is named."""
    site.settings = {
        "seeds": [{"folder": f"../{name}", "dialect": "hugo", "base": BASE} for name in ("blog", "more")]
    }  # fmt: skip
    for path in ("blog/about.md", "blog/search.md", "blog/x/imprint.md", "more/about.md"):
        (site.root / path).parent.mkdir(parents=True, exist_ok=True)
        (site.root / path).write_text("---\ntitle: A page\n---\n")
    says = "date: is missing, so this is taken for a page, not for a post"
    expected = [("blog/about.md", f"{says}, like 2 more"), ("more/about.md", says)]

    def named(problems) -> list[tuple[str, str]]:
        return [(one.path, one.message) for one in problems]

    assert named(check(site.config(), now=NOW).problems) == expected
    assert named(check(site.config(), now=NOW, files={"blog/search.md"}).problems) == [("blog/search.md", says)]
    assert named(site.build(now=NOW).problems) == expected
    assert named(site.build(now=NOW).problems) == expected
    with opened_read_only(site.config().state) as index:
        assert index is not None
        assert named(site_status(site.config(), index, now=NOW).problems) == expected

"""Dates from git: a file without a date of its own has that of its first commit, also after history was rewritten."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from support.needed_tools import require_program
from support.site_folder import NOW, SiteFolder

from aggregator.model.reports import Turn

DAY = 86_400


def git(folder: Path, *words: str, day: int = 1) -> None:
    """Run git at a day after the first one of 1970."""
    identity = ("-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
    when = f"@{day * DAY} +0000"
    subprocess.run(
        [require_program("git"), *identity, *words], cwd=folder, capture_output=True, check=True,
        env={"PATH": "/usr/bin:/bin", "HOME": str(folder), "GIT_AUTHOR_DATE": when, "GIT_COMMITTER_DATE": when},
    )  # fmt: skip


@pytest.fixture
def blog(site: SiteFolder) -> SiteFolder:
    """Return a site over a repository with a post that has a date and one that has none."""
    folder = site.root / "blog"
    folder.mkdir()
    (folder / "dated.md").write_text("---\ntitle: Dated\ndate: 1970-01-09\n---\nText\n")
    (folder / "undated.md").write_text("---\ntitle: Undated\n---\nText\n")
    git(folder, "init", "-q")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "x", day=2)
    site.settings = {"seeds": {"folder": "../blog", "dialect": "hugo", "base": "https://blog.desk.test/"}}
    return site


def days(site: SiteFolder) -> dict[str, str]:
    return {item["title"]: item["date_published"][:10] for item in site.feed()}


def build(site: SiteFolder) -> Turn:
    """Build when no file was written just now, so that what has not changed is not read."""
    return site.build(now=4_102_444_800)


def test_a_date_from_the_first_commit_follows_the_history(blog: SiteFolder) -> None:
    """Only the files with such a date are read again, and only if there is another commit at the head."""
    assert build(blog).read == 2
    assert days(blog) == {"Dated": "1970-01-09", "Undated": "1970-01-03"}
    assert build(blog).read == 0

    git(blog.root / "blog", "commit", "--amend", "-q", "--no-edit", "--reset-author", day=5)

    assert build(blog).read == 1
    assert days(blog) == {"Dated": "1970-01-09", "Undated": "1970-01-06"}
    assert build(blog).read == 0
    assert build(blog).read == 0


def test_after_a_fresh_build_the_commits_are_known(blog: SiteFolder) -> None:
    """The next build reads nothing, whether the root has a name or not."""
    blog.settings["seeds"] = ["../seeds", {**blog.settings["seeds"], "name": "b"}]
    blog.build(now=NOW + DAY, fresh=True)
    build(blog)
    git(blog.root / "blog", "commit", "-q", "--allow-empty", "-m", "y", day=7)
    assert blog.build(now=4_102_444_800, fresh=True).read == 2
    assert build(blog).read == 0
    assert days(blog)["Undated"] == "1970-01-03"


def test_without_the_repository_a_date_stays(blog: SiteFolder) -> None:
    """What is known of a file is not forgotten because git cannot tell any more."""
    build(blog)
    (blog.root / "blog/.git").rename(blog.root / "away")
    assert build(blog).read == 0
    assert days(blog)["Undated"] == "1970-01-03"


def test_a_page_that_was_never_committed_is_not_counted_as_changed(blog: SiteFolder) -> None:
    """It is read at each build, since it may be committed without a change; only an edit counts."""
    page = blog.root / "blog/about/index.md"
    page.parent.mkdir()
    page.write_text("---\ntitle: About\n---\nText\n")
    build(blog)
    turn = build(blog)
    assert (turn.read, turn.changed) == (1, 0)

    page.write_text("---\ntitle: About us\n---\nText\n")
    assert build(blog).changed == 1
    assert build(blog).changed == 0

    git(blog.root / "blog", "add", "-A")
    git(blog.root / "blog", "commit", "-qm", "y", day=3)
    build(blog)
    assert days(blog)["About us"] == "1970-01-04"

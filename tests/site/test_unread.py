"""Files that no build reads: `explain` says why, and `check` names those that look like seeds."""

from __future__ import annotations

import pytest
from support.site_folder import NOW, SiteFolder

from aggregator.site.check import check
from aggregator.site.explain import explain

SEED = "---\ntitle: A\n---\nText\n"


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("README.MD", "README.MD: not read: seeds end in .md or .markdown (rename it to README.md)"),
        ("notes.txt", "notes.txt: not read: seeds end in .md or .markdown (rename it to notes.md)"),
        ("sub/a", "sub/a: not read: seeds end in .md or .markdown (rename it to a.md)"),
        (".draft.md", ".draft.md: not read: names that begin with a dot are skipped (rename .draft.md)"),
        (".git/a.md", ".git/a.md: not read: names that begin with a dot are skipped (rename .git)"),
    ],
)
def test_explain_says_why_a_file_is_not_read(site: SiteFolder, path: str, answer: str) -> None:
    """Before and after a build, by a path relative to the seeds folder and by a complete one."""
    site.write_text(path, SEED)
    for target in (path, str(site.seeds / path)):
        assert [one.headline for one in explain(site.config(), None, target, now=NOW)] == [answer]
    assert site.build().read == 0


def test_explain_and_check_name_a_linked_folder(site: SiteFolder) -> None:
    """A seed behind a linked folder is not read, and the link is named; one without seeds behind it is nobody's concern."""
    (site.root / "elsewhere/deep").mkdir(parents=True)
    (site.root / "elsewhere/deep/a.md").write_text(SEED)
    (site.root / "empty").mkdir()
    (site.seeds / "linked").symlink_to(site.root / "elsewhere")
    (site.seeds / "bare").symlink_to(site.root / "empty")
    (found,) = explain(site.config(), None, str(site.seeds / "linked/deep/a.md"), now=NOW)
    reason = (
        "not read: linked is a symbolic link that leads out of the seeds folder, and is not followed"
        " (move the file or folder itself here)"
    )
    assert found.headline == f"linked/deep/a.md: {reason}"
    assert list(map(str, check(site.config(), now=NOW).problems)) == [f"linked: warning: {reason}"]
    assert site.build().read == 0


def test_check_names_files_with_front_matter_alone(site: SiteFolder) -> None:
    """Pictures, notes, data and what is hidden pass."""
    site.write("a.md")
    site.write("b.markdown")
    for path in ("c.MD", "d.mdx", "sub/e.txt"):
        site.write_text(path, SEED)
    for path, text in (
        ("f.txt", "notes\n---\n---\n"),
        ("g.yaml", "---\ntitle: A\n"),
        (".h.txt", SEED),
        (".git/i.txt", SEED),
    ):
        site.write_text(path, text)
    found = check(site.config(), now=NOW)
    assert [(one.path, one.warning) for one in found.problems] == [("c.MD", True), ("d.mdx", True), ("sub/e.txt", True)]
    assert found.seeds == 2


def test_check_names_no_program_and_no_page(site: SiteFolder) -> None:
    """Components, styles and feeds may begin with lines of dashes; what is no post of Jekyll is a page."""
    site.settings["seeds"] = {"folder": "../seeds", "dialect": "jekyll", "base": "https://blog.example.org/"}
    for path in ("feed.xml", "a.astro", "s/main.scss", "about.md", "docs/deep/index.md", "_posts/2024-05-01-a.md"):
        site.write_text(path, SEED)
    site.write_text("_posts/not-dated.md", SEED)
    (found,) = check(site.config(), now=NOW).problems
    assert (found.path, found.message) == ("_posts/not-dated.md", "not read: posts are named `YEAR-MONTH-DAY-title.md`")
    (explained,) = explain(site.config(), None, str(site.seeds / "about.md"), now=NOW)
    assert "not read: pages of Jekyll are no posts" in explained.headline


def test_check_counts_what_it_does_not_name(site: SiteFolder) -> None:
    """A folder of files in another language is some lines, not thousands."""
    for number in range(30):
        site.write_text(f"{number:02}.rst", SEED)
    *named, last = check(site.config(), now=NOW).problems
    assert [one.path for one in named] == [f"{number:02}.rst" for number in range(20)]
    assert (last.path, "10 more files" in last.message) == ("19.rst", True)


def test_a_seed_is_explained_as_before(site: SiteFolder) -> None:
    """Also if the seeds folder itself is a link."""
    site.write("a.md")
    site.seeds.rename(site.root / "real")
    site.seeds.symlink_to(site.root / "real")
    for target in ("a.md", str(site.seeds / "a.md"), str(site.root / "real/a.md")):
        assert "from the next build on" in explain(site.config(), None, target, now=NOW)[0].headline


def test_a_file_with_toml_is_named_too(site: SiteFolder) -> None:
    """Other programs write their metadata between `+++`."""
    site.write_text("a.mdown", '+++\ntitle = "A"\n+++\nText\n')
    site.write_text("b.mdown", '+++\ntitle = "A"\n---\nText\n')
    assert [one.path for one in check(site.config(), now=NOW).problems] == ["a.mdown"]

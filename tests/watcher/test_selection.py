"""Globs and selections: which files below a root are seeds, by its dialect and by `include` and `ignore`."""

from __future__ import annotations

import fnmatch
import time
import typing
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from aggregator.config.settings import RootSettings
from aggregator.model.dialect_files import DIALECTS
from aggregator.model.globs import Globs, glob_problem
from aggregator.model.seed_roots import SEED_KEYS, SeedRoot
from aggregator.normalizer.raw import KEYS
from aggregator.watcher import folder
from aggregator.watcher.selection import selection_of
from aggregator.watcher.unread import unread_seeds, why_not_read

SEED = "---\ntitle: A\n---\n"


def put(root: Path, *paths: str) -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(SEED)


def selected(root: Path, **settings: typing.Any) -> list[str]:
    """Return the seeds that a walk finds, after checking that a look at each path finds the same."""
    selection = selection_of(SeedRoot(folder=str(root), **settings))
    walked = dict(folder.Walk(str(root), selection=selection))
    for file in (path for path in root.rglob("*") if path.is_file()):
        path = str(file.relative_to(root))
        if not folder.is_hidden(path):
            assert dict(folder.find(str(root), path, selection=selection)) == {
                one: key for one, key in walked.items() if one == path
            }, path
            assert (why_not_read(str(root), path, selection) == "") == (path in walked), path
    return list(walked)


@pytest.mark.parametrize(
    ("glob", "files", "others"),
    [
        ("*.md", ["a.md", "x/y/b.md"], ["a.mdx", "md"]),
        ("**/*.md", ["a.md", "x/y/b.md"], ["a.mdx"]),
        ("/*.md", ["a.md"], ["x/a.md"]),
        ("posts/*.md", ["posts/a.md"], ["posts/x/a.md", "x/posts/a.md"]),
        ("a/**/b.md", ["a/b.md", "a/x/b.md", "a/x/y/b.md"], ["x/a/b.md", "ab.md"]),
        ("*.{md,mdx}", ["a.md", "a.mdx"], ["a.m", "a.mdx2"]),
        ("[0-9]?[!a-z].md", ["1x2.md"], ["1xa.md", "ax2.md", "1/2.md"]),
        ("[[]x.md", ["[x.md"], ["x.md"]),
        ("a.b", ["a.b"], ["axb"]),
        ("*draft*v?.md", ["my-draft-of-v2.md"], ["my-draft.md"]),
    ],
)
def test_a_glob_matches_files_as_in_a_gitignore_file(glob: str, files: list[str], others: list[str]) -> None:
    """Without a `/` a name in any folder, with one a path from the root on."""
    assert glob_problem(glob) is None
    assert [path for path in (*files, *others) if Globs((glob,)).match_file(path)] == files


@pytest.mark.parametrize(
    ("glob", "folders", "others"),
    [
        ("drafts/**", ["drafts"], ["x/drafts"]),
        ("drafts/", ["drafts", "x/drafts"], ["drafts2"]),
        ("**/drafts/**", ["drafts", "x/drafts"], []),
        ("_*", ["_x", "a/_y"], ["a"]),
    ],
)
def test_a_glob_matches_folders(glob: str, folders: list[str], others: list[str]) -> None:
    """One that ends with `/` or `/**` matches nothing else."""
    assert [path for path in (*folders, *others) if Globs((glob,)).match_folder(path)] == folders
    assert Globs((glob,)).match_file(folders[0]) == (glob == "_*")


@given(glob=st.text("ab*?.", min_size=1, max_size=8), name=st.text("ab.", min_size=1, max_size=8))
def test_a_glob_matches_a_name_as_fnmatch_does(glob: str, name: str) -> None:
    """Though no name can make it slow."""
    assume(glob_problem(glob) is None and "**" not in glob)
    assert Globs((glob,)).match_file(name) == fnmatch.fnmatchcase(name, glob)


def test_no_name_makes_a_glob_slow() -> None:
    """Many stars, and long names that almost match."""
    began = time.process_time()
    for glob in ("*a*a*a*a*a*a*a*a*a*a*a*b", "/*a/**/*a/**/*a*a*a*a*b", "*{a,aa}*{a,aa}*b"):
        assert glob_problem(glob) is None
        for path in ("a" * 255, "/".join(["a"] * 64), "/".join(["aaaa"] * 64)):
            assert not Globs((glob,)).match_file(path)
    assert time.process_time() - began < 2


def test_the_globs_of_the_dialects_are_valid() -> None:
    """So are the names of the dialects and keys that the config knows."""
    for files in DIALECTS.values():
        assert [glob for glob in (*files.include, *files.ignore) if glob_problem(glob)] == []
    known = typing.get_type_hints(RootSettings, include_extras=True)["dialect"]
    assert set(typing.get_args(known)) == set(DIALECTS)
    assert set(SEED_KEYS) >= KEYS - {"secured", "markup", "not_story", "story"}


def test_native_without_globs_needs_no_selection(tmp_path: Path) -> None:
    """Its speed and its seeds are as before."""
    assert selection_of(SeedRoot(folder="x", base="https://example.org/")) is None
    put(tmp_path, "a.md", "b.markdown", "c.MD", "d.mdx", "README.md", "x.md/no.md")
    assert selected(tmp_path) == ["README.md", "a.md", "b.markdown", "x.md"]


def test_ignored_files_and_folders_are_no_seeds(tmp_path: Path) -> None:
    """A repository's own files, in our own dialect."""
    put(tmp_path, "README.md", "_index.md", "posts/a.md", "posts/_index.md", "node_modules/x/README.md", "drafts/b.md")
    assert selected(tmp_path, ignore=("README.md", "_index.md", "node_modules/**", "drafts/")) == ["posts/a.md"]
    selection = selection_of(SeedRoot(folder="", ignore=("README.md", "_index.md", "node_modules/**", "drafts/")))
    assert list(unread_seeds(str(tmp_path), selection)) == []
    assert why_not_read(str(tmp_path), "drafts/b.md", selection) == (
        "drafts is ignored (it matches `drafts/` in `ignore`)"
    )


def test_an_ignored_folder_is_not_entered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may hold a hundred thousand files."""
    put(tmp_path, "posts/a.md", "node_modules/x/y.md")
    listed: list[str] = []
    scandir = folder.os.scandir
    monkeypatch.setattr(folder.os, "scandir", lambda path: listed.append(path) or scandir(path))
    selection = selection_of(SeedRoot(folder=str(tmp_path), ignore=("node_modules/",)))
    assert [path for path, _ in folder.Walk(str(tmp_path), selection=selection)] == ["posts/a.md"]
    assert listed == [f"{tmp_path}/", f"{tmp_path}/posts/"]


def test_include_replaces_the_files_of_the_dialect(tmp_path: Path) -> None:
    """A folder in it means the dialect's files in that folder."""
    put(tmp_path, "a.md", "b.mdx", "posts/c.md", "posts/d.png", "posts/e.mdx")
    assert selected(tmp_path, include=("*.mdx",)) == ["b.mdx", "posts/e.mdx"]
    assert selected(tmp_path, include=("posts/**",)) == ["posts/c.md"]
    assert selected(tmp_path, include=("posts/**", "*.mdx"), ignore=("e.*",)) == ["b.mdx", "posts/c.md"]


SAMPLES = {
    "hugo": (["about.md", "posts/a.md", "posts/b/index.md", "posts/c.html"],
             ["_index.md", "posts/_index.md", "posts/_index.de.md", "posts/b/notes.md", "posts/b/x/y.md", "README.md", "posts/p.png"]),
    "zola": (["a.md", "b/index.md"], ["_index.md", "_index.fr.md", "b/asset.md", "c.markdown"]),
    "jekyll": (["_posts/2024-05-01-a.md", "news/_posts/2024-5-1-b.markdown"],
               ["_drafts/c.md", "_drafts/2024-05-01-d.md", "index.html", "about.md", "_posts/no-date.md", "_site/2024-05-01-e.html"]),
    "eleventy": (["posts/a.md", "b.markdown"], ["_includes/x.md", "README.md", "node_modules/a/b.md", "posts/posts.json"]),
    "astro": (["a.md", "b.mdx"], ["_c.md", "_d/e.md", "f.json"]),
    "pelican": (["a.md", "b/c.html"], ["pages/about.md", "d.rst"]),
    "docusaurus": (["a.md", "b/index.mdx", "b/other.md"], ["_partial.mdx", "_x/a.md", "__tests__/b.md"]),
    "mkdocs": (["a.md", "blog/posts/index.md"], ["index.md", "b.html"]),
    "obsidian": (["Notes/A note.md", "README.md"], ["templates/t.md", "private/p.md", "Drawing.excalidraw.md"]),
    "plain": (["a.md", "b/c.json", "d.html"], ["README.md", "package.json", "x.txt"]),
}  # fmt: skip


@pytest.mark.parametrize("dialect", sorted(DIALECTS.keys() - {"native"}))
def test_a_dialect_says_which_files_are_seeds(tmp_path: Path, dialect: str) -> None:
    """As the documentation of the generator has it."""
    seeds, others = SAMPLES[dialect]
    put(tmp_path, *seeds, *others)
    assert selected(tmp_path, dialect=dialect) == sorted(seeds)


def test_the_documents_of_a_jekyll_collection_have_any_name(tmp_path: Path) -> None:
    """Only posts are named by their dates."""
    put(tmp_path, "_til/a-note.md")
    assert selected(tmp_path / "_til", dialect="jekyll") == ["a-note.md"]


@pytest.mark.parametrize(
    ("dialect", "name", "language"),
    [("pelican", "a.rst", "reStructuredText"), ("hugo", "a.org", "Org"),
     ("hugo", "x/a.adoc", "AsciiDoc"), ("jekyll", "_posts/2024-05-01-a.textile", "Textile")],
)  # fmt: skip
def test_posts_in_a_language_of_their_program_are_named(tmp_path: Path, dialect: str, name: str, language: str) -> None:
    """With what to do; they have no front matter that could be told."""
    put(tmp_path, name)
    (tmp_path / name).write_text("A title\n=======\n\n:date: 2024-05-01\n")
    message, hint = f"is in {language}, which is not read here", "write it as Markdown, or name it in `ignore`"
    selection = selection_of(SeedRoot(folder=str(tmp_path), dialect=dialect))
    assert list(unread_seeds(str(tmp_path), selection)) == [(name, message, hint)]
    ignoring = selection_of(SeedRoot(folder=str(tmp_path), dialect=dialect, ignore=(f"*.{name.rpartition('.')[2]}",)))
    assert list(unread_seeds(str(tmp_path), ignoring)) == []


def test_what_a_dialect_ignores_is_no_warning(tmp_path: Path) -> None:
    """A section's pages are no posts for the program either; what has another suffix is named."""
    put(tmp_path, "a.md", "README.md", "_index.md", "x/_index.md", "x/_index.de.md", "b.MD", "c.mdx", "d.txt")
    selection = selection_of(SeedRoot(folder=str(tmp_path), dialect="hugo", ignore=("d.*",)))
    assert list(unread_seeds(str(tmp_path), selection)) == [
        ("b.MD", "seeds of the dialect hugo end in .md, .markdown, .mdown, .mkd, .html, .htm", "rename b.MD, or set `include`"),
        ("c.mdx", "seeds of the dialect hugo end in .md, .markdown, .mdown, .mkd, .html, .htm", "rename c.mdx, or set `include`"),
    ]  # fmt: skip

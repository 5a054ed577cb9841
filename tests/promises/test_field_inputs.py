"""Inputs from public reports that once failed: each with the right result, and the sentence that helps."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import aggregator
from aggregator.site.check import check

NOW = 1_795_500_000
"""24 November 2026."""

FIELD = Path(__file__).parents[3] / "shared" / "field"


class Input:
    """One input, copied, and built."""

    def __init__(self, name: str, folder: Path) -> None:
        if not (FIELD / name).is_dir():
            pytest.skip("needs ../shared/field")
        self.root = folder / name
        shutil.copytree(FIELD / name, self.root)
        self.config = aggregator.load_config(self.root / "config/aggregator.yaml")
        self.turn = aggregator.build(self.config, now=NOW)
        self.problems = [str(problem) for problem in check(self.config, now=NOW).problems]

    def items(self, slug: str = "all") -> dict[str, dict[str, Any]]:
        """Return the items of a feed by title."""
        items = json.loads((self.root / "feeds" / slug / "feed.json").read_bytes())["items"]
        return {item["title"]: item for item in items}

    def slugs(self) -> set[str]:
        """Return the slugs of all feeds."""
        return {path.parent.name for path in (self.root / "feeds").glob("*/feed.json")}

    def problem_of(self, path: str) -> str:
        """Return the problems of one file."""
        return "\n".join(one for one in self.problems if one.startswith(f"{path}:"))


def test_tags_string(tmp_path: Path) -> None:
    """One text is a list of one or of several, names are joined, an address is a picture: all five are published."""
    case = Input("tags-string", tmp_path)

    items = case.items()
    assert len(items) == 5
    assert items["Tags as text"]["tags"] == ["one", "two"]
    assert "energy" in case.slugs()
    assert items["Two authors"]["authors"] == [{"name": "Ann"}, {"name": "Bob"}]
    assert items["Images as text"]["image"] == "https://example.org/x.png"
    assert case.problems == [
        "c.md:5:11: warning: category: is a list, and only its first is used (write one, without `[ ]` or `- `)"
    ]


def test_draft_true_is_published(tmp_path: Path) -> None:
    """A draft is in no feed, and nothing says that its key is unknown."""
    case = Input("draft-true-is-published", tmp_path)

    assert case.items() == {}
    assert case.problems == []
    assert not any(b"secret" in path.read_bytes() for path in (case.root / "feeds").rglob("*") if path.is_file())


def test_date_single_digit(tmp_path: Path) -> None:
    """One digit is enough for a day, in the front matter and in the file's name."""
    case = Input("date-single-digit", tmp_path)

    dates = {title: item["date_published"][:10] for title, item in case.items().items()}
    assert dates == dict.fromkeys(
        ("Date in front matter", "Same with a time is taken", "Date from the name"), "2020-12-02"
    )


def test_foreign_keys(tmp_path: Path) -> None:
    """Other programs' files are refused with the key that is meant, or the dialect that reads them, never a switch."""
    case = Input("foreign-keys", tmp_path)

    assert "write `publishedDateTime` for `date`, or set `dialect`" in case.problem_of("hugo/b.md")
    assert "write `webUrl` for `slug`, or set `dialect`" in case.problem_of("hugo/b.md")
    assert "write `publishedDateTime` for `pubDate`" in case.problem_of("astro/c.md")
    assert "set `dialect: pelican`" in case.problem_of("pelican/d.md")
    assert "has no front matter" in case.problem_of("til/e.md")
    assert not any("`published`" in one for one in case.problems)


def test_hugo_toml(tmp_path: Path) -> None:
    """TOML is named, and what to do."""
    case = Input("hugo-toml", tmp_path)

    assert case.problem_of("p.md").startswith("p.md:1:1: its front matter is TOML")
    assert "`dialect: hugo`" in case.problem_of("p.md")


def test_repository_files(tmp_path: Path) -> None:
    """Files about the folder are named with the setting that leaves them out."""
    case = Input("repository-files", tmp_path)

    assert set(case.items()) == {"Post"}
    assert '`ignore: ["**/README.md"]`' in case.problem_of("README.md")
    assert '`ignore: ["**/_index.md"]`' in case.problem_of("_index.md")
    assert '`ignore: ["**/node_modules/**"]`' in case.problem_of("node_modules/x/README.md")


def test_link_blog_same_link(tmp_path: Path) -> None:
    """Two comments on one address are one item, and `check` says which is shown; with ids they are two."""
    case = Input("link-blog-same-link", tmp_path)

    assert list(case.items()) == ["A month later"]
    (problem,) = case.problems
    assert problem.startswith("1.md: warning: is not shown: 2.md has the same link (to publish both, give each an `id`")

    for name in ("1.md", "2.md"):
        seed = case.root / "seeds" / name
        seed.write_text(seed.read_text("utf-8").replace("---\n", f"---\nid: tag:example.org,2026:{name}\n", 1), "utf-8")
    aggregator.build(case.config, now=NOW)
    assert set(case.items()) == {"First look", "A month later"}
    assert check(case.config, now=NOW).problems == ()


def test_topics_c_cpp_csharp(tmp_path: Path) -> None:
    """Five topics are five feeds."""
    case = Input("topics-c-cpp-csharp", tmp_path)

    assert case.slugs() == {"all", "c", "c-plus-plus", "csharp", "dotnet", "net"}
    assert all(len(case.items(slug)) == 1 for slug in case.slugs() - {"all"})

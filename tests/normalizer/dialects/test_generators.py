"""A site generator is recognised by its config, whose programs are only read, or by how the posts are written."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from aggregator.normalizer.dialects.generators import CONFIGS, recognise

CASES = sorted((Path(__file__).parents[2] / "cases/generators").glob("*.yaml"))


@pytest.mark.parametrize("folder", CASES, ids=lambda path: path.stem)
def test_a_folder_is_recognised(folder: Path) -> None:
    """Dialect, folders, addresses, title, language and zone are those of the case; doubts are said."""
    written = yaml.safe_load(folder.read_text())
    files = written["files"]
    texts = {path: text for path, text in files.items() if path in CONFIGS}
    found = recognise(texts, files, samples=[text for path, text in files.items() if path not in CONFIGS])
    assert found is not None
    posts = [list(one) for one in found.posts]
    assert {**found._asdict(), "posts": posts, "doubts": list(found.doubts)} == written["expected"]


def test_a_folder_without_posts_is_not_recognised() -> None:
    """Without a config or a sample there is nothing to say."""
    assert recognise({}, ["a.png", "b/c.txt"]) is None


@given(name=st.sampled_from(CONFIGS), text=st.text(max_size=200), other=st.sampled_from(CONFIGS))
def test_no_config_makes_it_fail(name: str, text: str, other: str) -> None:
    """Whatever a config holds, something or nothing is recognised."""
    for paths in (
        ["content/posts/a.md"],
        ["_posts/2024-01-01-a.md"],
        ["src/content/b/a.md"],
        ["docs/a.md"],
        ["blog/a.md"],
    ):
        found = recognise({name: text, other: text}, paths)
        assert found is None or found.posts


@pytest.mark.parametrize(
    "text", ["a = " + "[" * 5_000, '{"a": ' * 5_000, "a" + ".a" * 20_000 + " = 1", "x = f'" + "{a}" * 100_000 + "'"]
)
@pytest.mark.parametrize("name", ["hugo.toml", "hugo.json", "hugo.yaml", "pelicanconf.py"])
def test_a_hostile_config_is_one_that_says_nothing(name: str, text: str) -> None:
    """Deep nesting, keys of thousands of parts and long lines end no command and take no time."""
    found = recognise({name: text}, ["content/posts/a.md"])
    assert found is None or found.url == ""


def test_many_bundles_are_recognised_in_one_pass() -> None:
    """Twenty thousand folders of posts under a permalink take no longer than listing them."""
    paths = [f"content/post-{number}/index.md" for number in range(20_000)]
    found = recognise({"hugo.toml": "baseURL='https://b.example.org'\n[permalinks]\n'post-1'='/:year/'\n"}, paths)
    assert found is not None
    assert len(found.posts) == 20_000

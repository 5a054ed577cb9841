"""The files of tokens: what does not count is named by its line, and no message holds a token."""

from __future__ import annotations

from pathlib import Path

import pytest

from aggregator.config.token import read_write_tokens, write_tokens_problem

GOOD = "abcdefghijklmnop"


def test_each_line_is_a_name_and_a_token(tmp_path: Path) -> None:
    """Comments and empty lines do not count; a token may hold a colon."""
    (tmp_path / "tokens").write_text(f"# programs\n\nn8n: {GOOD}\nform: a:{GOOD}\n")
    assert read_write_tokens(str(tmp_path / "tokens")) == {"n8n": GOOD.encode(), "form": f"a:{GOOD}".encode()}
    assert write_tokens_problem(str(tmp_path / "tokens")) == ""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"n8n {GOOD}", "line 1 is not `name: token`"),
        (f"{GOOD}", "line 1 is not `name: token`"),
        (f"a: {GOOD}\nb: short", "what line 2 names is too short"),
        (f"a: {GOOD}\na: {GOOD}2", "line 2 repeats a name"),
        ("# nothing", "holds no token"),
        ("a: " + "x" * 70_000, "has more than 65,536 bytes"),
    ],
)
def test_a_line_that_does_not_count_is_named(text: str, said: str, tmp_path: Path) -> None:
    """A program whose token was dropped silently would be refused without a reason."""
    (tmp_path / "tokens").write_text(text)
    problem = write_tokens_problem(str(tmp_path / "tokens"))
    assert said in problem
    assert GOOD not in problem


def test_a_missing_file_is_missing(tmp_path: Path) -> None:
    """Not empty: the hint differs."""
    assert "is missing" in write_tokens_problem(str(tmp_path / "tokens"))
    assert write_tokens_problem("") == ""

"""`find` and `try` as people and scripts use them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.command_line import CONFIG, GOOD, run


@pytest.fixture
def built(folder: Path) -> Path:
    """Return a built site with an item that is shown and one held back."""
    (folder / "seeds/poor.md").write_text(GOOD.replace("/tram", "/poor").replace("quality: 80", "quality: 8"))
    run(folder, "build")
    return folder


def test_find_lists_items_and_counts_them(built: Path) -> None:
    """What feeds show, newest first; with `is:` every seed, each with the rule that holds it back."""
    assert run(built, "find", 'topic:cities "to the harbour"').stdout == (
        "2026-05-01  A tram to the harbour  (tram.md)\n1 item\n"
    )
    assert run(built, "find", "is:held").stdout.splitlines()[0] == (
        "2026-05-01  A tram to the harbour  (poor.md)  [quality 8 is below min_quality 70 (rule: quality)]"
    )
    assert run(built, "find", "tram", "--all", "--limit", "1").stdout.endswith("\n2 items, 1 of them here\n")
    assert run(built, "find", "nothing-of-the-kind").stdout == "0 items\n"


@pytest.mark.parametrize(
    ("expression", "hint"),
    [
        ("zebra or yak", "`or` is looked for as a word: write `OR` if both sides are conditions"),
        ("title:'zebra yak'", "`'zebra`: a phrase is in double quotes, not in single ones"),
        ("topic:Zebras", "there is no topic `Zebras`"),
    ],
)
def test_find_says_what_may_be_meant_if_it_finds_nothing(built: Path, expression: str, hint: str) -> None:
    """Below the count."""
    assert run(built, "find", expression).stdout == f"0 items\n{hint}\n"


def test_find_json_is_one_document(built: Path) -> None:
    """With everything that scripts want."""
    found = json.loads(run(built, "find", "tram", "--all", "--json").stdout)
    assert (found["total"], {item["path"]: item["state"] for item in found["items"]}) == (
        2, {"tram.md": "published", "poor.md": "held"}
    )  # fmt: skip


@pytest.mark.parametrize("command", ["find", "try"])
def test_a_mistake_has_a_caret_under_its_place(built: Path, command: str) -> None:
    """The exit code is that of wrong usage."""
    assert run(built, command, "tram titel:x", expect=2).stderr == (
        "tram titel:x\n     ^\nunknown field `titel` (did you mean `title`?)\n"
    )


def test_try_says_what_would_come_and_go(built: Path) -> None:
    """Feed by feed; nothing is changed, so it says the same again."""
    lines = [
        "all: 0 come, 1 go; 1 now, 0 then",
        "  - 2026-05-01  A tram to the harbour  (tram.md)",
        "cities: 0 come, 1 go; 1 now, 0 then",
        "  - 2026-05-01  A tram to the harbour  (tram.md)",
        "nothing was changed",
    ]
    assert run(built, "try", "title:tram").stdout.splitlines() == lines
    assert run(built, "try", "title:tram").stdout.splitlines() == lines
    assert run(built, "try", "title:bus").stdout == "no feed would change\n"
    (one,) = json.loads(run(built, "try", "title:tram", "--as", "trams", "--json").stdout)
    assert (one["slug"], one["come"], one["go"], one["coming"][0]["path"]) == ("trams", 1, 0, "tram.md")


def test_try_compares_another_config_or_the_edited_one(built: Path) -> None:
    """A file of any place is tried against the site's; without one, the site's own against the last build."""
    (built / "other.yaml").write_text(CONFIG.replace("70", "5"))
    wanted = "all: 1 come, 0 go; 1 now, 2 then"
    assert run(built, "try", "--config", "other.yaml").stdout.splitlines()[0] == wanted
    assert run(built, "try").stdout == "no feed would change\n"
    (built / "config/aggregator.yaml").write_text(CONFIG.replace("70", "5"))
    assert run(built, "try").stdout.splitlines()[0] == wanted


def test_before_a_build_nothing_can_be_found(folder: Path) -> None:
    """The message says what to do."""
    for words in (("find", "a"), ("try", "a")):
        assert "nothing has been built yet (run `aggregator build`)" in run(folder, *words, expect=1).stderr


def test_a_wrong_feed_is_refused(built: Path) -> None:
    """A topic's feed has no condition."""
    assert "this is the feed of a topic" in run(built, "try", "a", "--as", "cities", expect=1).stderr


def test_a_rule_with_an_expression_is_explained(built: Path) -> None:
    """`explain` names the rule and the part of the expression; `status` and `build` count it."""
    (built / "config/aggregator.yaml").write_text(
        CONFIG.replace("{min", "{block: 'type:ad OR (title:tram -topic:Sea)', min")
    )
    assert "1 is kept out by an expression (rule: match)" in run(built, "build").stdout
    wanted = "tram.md: in no feed: rules.block matches it: (title:tram -topic:Sea) (rule: match)"
    assert run(built, "explain", "seeds/tram.md").stdout.splitlines()[0] == wanted


@pytest.mark.parametrize(
    ("written", "meant"), [("age:<7d", "age:>=7d"), ("age:<=3d", "age:>3d"), ("NOT age:>=14d", "age:<14d")]
)
def test_an_age_that_cannot_block_is_named_as_it_was_written(built: Path, written: str, meant: str) -> None:
    """Not as `1w`; and the hint has the same age."""
    message = run(built, "try", written, expect=2).stderr
    assert f"`{written.removeprefix('NOT ')}` would begin it (write `{meant}`)" in message

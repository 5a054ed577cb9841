"""What people met: small folders in `../shared/field`, with seeds whose bodies and titles once lost something."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import aggregator

FIELD = Path(__file__).parents[2].parent / "shared/field"
NOW = 1_780_000_000


def items(name: str, folder: Path) -> dict[str, Any]:
    """Build the site of a folder and return the items of its JSON feed by their links."""
    if not (FIELD / name).is_dir():
        pytest.skip("needs ../shared/field")
    shutil.copytree(FIELD / name, folder, dirs_exist_ok=True)
    aggregator.build(aggregator.load_config(folder / "config/aggregator.yaml"), now=NOW)
    feed = json.loads((folder / "feeds/all/feed.json").read_text())
    return {item["url"]: item for item in feed["items"]}


@pytest.mark.parametrize(
    ("name", "link", "parts"),
    [
        ("bare-url", "https://example.org/u", ['See <a href="https://example.net/page">https://example.net/page</a> for more.']),
        (
            "footnote",
            "https://example.org/f",
            ["A claim<sup><a href=", '">1</a></sup> and another<sup>', "<hr>\n<ol>\n<li", 'The source is <a href="https://example.net/">here</a>.', "Second note."],
        ),
        ("mailto-link", "https://example.org/m", ['<a href="mailto:desk@example.org">the desk</a>', '<a href="tel:+43123456">us</a>', '">desk@example.org</a>']),
        (
            "video-audio",
            "https://example.org/film/",
            ['<a href="https://example.org/film/clip.mp4"><img src="https://example.org/film/still.jpg"', '<a href="https://example.org/film/clip.mp4">Download the film</a>',
             '<a href="https://example.org/ep/1.mp3">Listen on example.org</a>'],
        ),
    ],
)  # fmt: skip
def test_a_body_keeps_what_its_author_wrote(name: str, link: str, parts: list[str], tmp_path: Path) -> None:
    """Bare addresses and addresses of people are links, footnotes are notes, and films and sounds are linked."""
    item = items(name, tmp_path)[link]

    assert [part for part in parts if part not in item["content_html"]] == []
    assert "[^" not in item["content_html"]
    assert "<p></p>" not in item["content_html"]


def test_a_title_keeps_its_angle_brackets(tmp_path: Path) -> None:
    """In titles and excerpts only formatting tags of HTML are removed."""
    found = items("title-angle-brackets", tmp_path)

    assert {link.rpartition("/")[2]: item["title"] for link, item in found.items()} == {
        "bold": "This is bold & fine",
        "generic": "Why Vec<T> beats LinkedList<T>, and a<b but c>d",
        "tag": "Building <InputAccessoryView> For React Native",
        "real": "`Program<System>` accepts arbitrary executables",
    }
    assert found["https://example.org/generic"]["summary"] == "The type Option<T> and the <dialog> element."

"""Files of a seed: addresses, types, sizes; what is wrong with one costs that file, not the item."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from support.site_folder import NOW

import aggregator
from aggregator.model.items import Media, Seed
from aggregator.normalizer.seed import read

FIELD = Path(__file__).parents[3] / "shared/field/podcast-enclosure"


def seed_with(**keys: Any) -> tuple[Seed, list[str]]:
    front = {"title": "A", "webUrl": "https://example.org/e/1", "publishedDateTime": "2026-05-01T08:00:00Z", **keys}
    reading = read(f"---\n{yaml.safe_dump(front)}---\n".encode(), path="a.md", zone="UTC")
    assert isinstance(reading.outcome, Seed), reading
    return reading.outcome, [str(one) for one in reading.warnings]


def test_an_episode_is_read() -> None:
    """Every key of a file is read; relative addresses resolve against the item's link."""
    episode = {
        "url": "/audio/e1.mp3", "type": "audio/mpeg", "bytes": 12_345_678, "seconds": 1_830, "title": "One",
        "transcript": "e1.vtt", "chapters": "https://cdn.example.org/e1.json",
    }  # fmt: skip
    seed, warnings = seed_with(media=[episode])
    assert warnings == []
    assert seed.media == (
        Media(
            url="https://example.org/audio/e1.mp3", type="audio/mpeg", size=12_345_678, seconds=1_830, title="One",
            transcript="https://example.org/e/e1.vtt", chapters="https://cdn.example.org/e1.json",
        ),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("https://example.org/a.MP3?x=1", "audio/mpeg"), ("https://example.org/a.m4a", "audio/mp4"),
        ("https://example.org/a.pdf", "application/pdf"), ("https://example.org/a", "application/octet-stream"),
    ],
)  # fmt: skip
def test_a_type_that_is_not_written_is_that_of_the_suffix(url: str, kind: str) -> None:
    """RSS requires a type; what has no known suffix is bytes."""
    assert seed_with(media=[{"url": url}])[0].media[0].type == kind


def test_the_words_of_other_programs_are_known() -> None:
    """`enclosure` with `length`, as Jekyll's and Hugo's themes have it."""
    enclosure = {"url": "https://example.org/a.mp3", "length": 7, "type": "audio/mpeg"}
    assert seed_with(enclosure=enclosure)[0].media == (Media(url=enclosure["url"], type="audio/mpeg", size=7),)


def test_what_is_wrong_with_a_file_costs_that_file() -> None:
    """Each problem is a warning with its place, and the other files stay."""
    seed, warnings = seed_with(
        media=[{"title": "no address"}, {"url": "javascript:x"}, {"url": "https://example.org/b.mp3"}]
    )
    assert [one.url for one in seed.media] == ["https://example.org/b.mp3"]
    assert len(warnings) == 2
    assert all("media[" in one and "left out" in one for one in warnings)
    seed, warnings = seed_with(
        media=[{"url": "https://example.org/b.mp3", "type": "mp3", "bytes": -1, "seconds": 10**9}]
    )
    assert seed.media == (Media(url="https://example.org/b.mp3", type="audio/mpeg"),)
    assert ["is not a media type" in one for one in warnings] == [True]


def test_one_address_is_one_file_and_there_are_at_most_twenty() -> None:
    """More files are cut with a warning."""
    seed, warnings = seed_with(media=[{"url": "https://example.org/a.mp3"} for _ in range(2)])
    assert (len(seed.media), warnings) == (1, [])
    seed, warnings = seed_with(media=[{"url": f"https://example.org/{number}.mp3"} for number in range(30)])
    assert (len(seed.media), len(warnings)) == (20, 1)


@pytest.mark.skipif(not FIELD.exists(), reason="the inputs of the field are not here")
def test_a_podcast_met_in_the_field_has_its_enclosure(tmp_path: Path) -> None:
    """Its `enclosure` is in RSS, Atom and JSON."""
    config = yaml.safe_load((FIELD / "config/aggregator.yaml").read_text())
    config |= {"seeds": str(FIELD / "seeds"), "feeds": str(tmp_path / "feeds"), "state": str(tmp_path / "state")}
    (tmp_path / "feeds.yaml").write_text(yaml.safe_dump(config))
    aggregator.build(aggregator.load_config(tmp_path / "feeds.yaml"), now=NOW)
    for name in ("rss.xml", "atom.xml", "feed.json"):
        assert b"https://cdn.example.org/e1.mp3" in (tmp_path / "feeds/all" / name).read_bytes()

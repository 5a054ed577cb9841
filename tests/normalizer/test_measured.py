"""Files beside a seed: their length is always that on disk, and their duration is measured."""

from __future__ import annotations

import json
import wave
from pathlib import Path
from typing import Any

import pytest
from support.site_folder import SiteFolder

from aggregator.collector.seeds import with_mark
from aggregator.normalizer import posted


def sound(path: Path, seconds: int) -> int:
    """Write a sound; return its length in bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(1)
        file.setframerate(8_000)
        file.writeframes(b"\x80" * 8_000 * seconds)
    return path.stat().st_size


def attachments(site: SiteFolder) -> list[dict[str, Any]]:
    site.build()
    (item,) = json.loads((site.feeds / "all/feed.json").read_bytes())["items"]
    found: list[dict[str, Any]] = item["attachments"]
    return found


def test_a_file_beside_its_seed_is_measured(site: SiteFolder) -> None:
    """In the seed's folder or below it; a written length does not count, a written duration does."""
    size = sound(site.seeds / "show/one.wav", 3)
    sound(site.seeds / "show/more/two öne.wav", 2)
    media = [{"url": "one.wav", "bytes": 7}, {"url": "more/two öne.wav", "seconds": 99}]
    site.write("show/1.md", webUrl="https://news.example.org/show/1", media=media)
    first, second = attachments(site)
    assert (first["size_in_bytes"], first["mime_type"]) == (size, "audio/wav")
    assert second["duration_in_seconds"] == 99
    rss = (site.feeds / "all/rss.xml").read_text()
    assert f'<enclosure url="https://news.example.org/show/one.wav" length="{size}" type="audio/wav"/>' in rss


def test_the_duration_is_measured_with_tinytag(site: SiteFolder) -> None:
    """What is no sound has none."""
    pytest.importorskip("tinytag")
    sound(site.seeds / "one.wav", 3)
    (site.seeds / "two.mp3").write_bytes(b"no sound at all")
    site.write("1.md", webUrl="https://news.example.org/1", media=[{"url": "one.wav"}, {"url": "two.mp3"}])
    first, second = attachments(site)
    assert first["duration_in_seconds"] == 3
    assert (second["size_in_bytes"], "duration_in_seconds" in second) == (15, False)


@pytest.mark.parametrize("head", [posted.with_mark, with_mark], ids=["posted", "collected"])
def test_who_writes_from_elsewhere_learns_nothing_of_the_files_beside(site: SiteFolder, head) -> None:
    """A posted or collected item names a file, or a draft, that lies beside it: the feed shows what the item says."""
    (site.seeds / "plan-b.md").write_text("draft\n" * 50)
    (site.seeds / "one.mp3").write_text("secret")
    (site.seeds / ".env").write_text("secret")
    front = {"title": "A", "webUrl": "https://x.example/a", "publishedDateTime": "2026-01-01"}
    media = [
        {"url": "https://x.example/plan-b.md"},
        {"url": "one.mp3", "bytes": 7},
        {"url": ".env"},
    ]
    lines = "".join(f"{key}: {json.dumps(value)}\n" for key, value in {**front, "media": media}.items())
    text = f"{lines}---\nText.\n"
    data = posted.with_mark(f"---\n{text}", by="0" * 16) if head is posted.with_mark else with_mark(text)
    (site.seeds / "p.md").write_bytes(data)
    assert {one["url"]: one.get("size_in_bytes") for one in attachments(site)} == {
        "https://x.example/plan-b.md": None, "https://x.example/one.mp3": 7, "https://x.example/.env": None,
    }  # fmt: skip


def test_nothing_else_on_the_disk_is_looked_at(site: SiteFolder) -> None:
    """Neither outside of the seed's folder, nor through a link, nor elsewhere on the web; the written length stays."""
    secret = site.root / "secret.mp3"
    secret.write_bytes(b"x" * 1_000)
    (site.seeds / "a").mkdir()
    (site.seeds / "a/link.mp3").symlink_to(secret)
    (site.seeds / "a/dir.mp3").mkdir()
    urls = [
        "../../secret.mp3",
        "%2e%2e/%2e%2e/secret.mp3",
        "link.mp3",
        "dir.mp3",
        "https://cdn.example/link.mp3",
        "none.mp3",
    ]
    media = [{"url": url, "bytes": 7} for url in urls]
    site.write("a/1.md", webUrl="https://news.example.org/a/b/1", media=media)
    assert {one["size_in_bytes"] for one in attachments(site)} == {7}

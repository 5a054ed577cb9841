"""What is published and then damaged, with no trace in size or dates, is written again (G2)."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support.site_folder import NOW, SiteFolder, iso

from aggregator.publisher.files import FolderWriter
from aggregator.site import verification
from aggregator.site.site import Site

DAMAGED = [
    "index.html", "feeds.opml", ".well-known/feeds", "all/rss.xml", "all/atom.xml", "all/feed.json", "all/index.html",
    "all/archive/2026-04/rss.xml", "all/archive/2026-05/feed.json",
]  # fmt: skip


def rot(path: Path) -> None:
    """Flip one bit in the middle of a file."""
    body = bytearray(path.read_bytes())
    body[len(body) // 2] ^= 1
    with path.open("r+b") as file:
        file.write(body)


def alter_and_set_dates_back(path: Path) -> None:
    """Flip one bit, and keep size, inode and mtime, as `touch -r` does."""
    found = os.stat(path)
    rot(path)
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))


@pytest.fixture
def filled(site: SiteFolder) -> SiteFolder:
    """Return a site of three items in three months, built."""
    for month in range(3):
        site.write(f"{month}.md", "text " * 50, publishedDateTime=iso(NOW - 86_400 - month * 30 * 86_400))
    site.build()
    return site


@pytest.mark.parametrize("suffix", ["", ".gz", ".br"])
@pytest.mark.parametrize("name", DAMAGED)
def test_a_document_altered_in_place_is_written_again_by_the_next_build(
    filled: SiteFolder, name: str, suffix: str
) -> None:
    """Although its size, inode and mtime are what they were; no other file is touched."""
    before, identities = filled.documents(), filled.file_identities()
    alter_and_set_dates_back(filled.feeds / (name + suffix))
    assert filled.build().written == (name,)
    assert filled.documents() == before
    after = filled.file_identities()
    assert {one for one in identities if identities[one] != after[one]} == {name + suffix}


@pytest.mark.parametrize("suffix", ["", ".gz", ".br"])
def test_bit_rot_is_repaired_within_a_round(filled: SiteFolder, suffix: str) -> None:
    """By reading alone, the round finds each damaged document; the next turn, which trusts the disk, writes it."""
    before = filled.documents()
    for name in DAMAGED:
        rot(filled.feeds / (name + suffix))
    with Site(filled.config()) as site:
        assert set(site.verification.run(verification.ROUND)) == set(DAMAGED)
        turn = site.take_partial_turn((), now=NOW)
        assert set(turn.written) == set(DAMAGED)
        assert site.verification.run(verification.ROUND) == []
    assert filled.documents() == before


def test_a_round_takes_its_time_and_verifies_each_document_once(
    filled: SiteFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In slices of a share of the round, nothing is left out and nothing is read twice; a restart goes on."""
    seen: list[str] = []
    whole = FolderWriter.is_whole
    monkeypatch.setattr(FolderWriter, "is_whole", lambda self, name: seen.append(name) or whole(self, name))
    wanted = {name for name in filled.documents() if not name.endswith((".gz", ".br"))}
    hours = 0
    while set(seen) != wanted:
        with Site(filled.config()) as site:  # restarted after two hours each
            for _ in range(2):
                assert site.verification.run(3_600) == []
        hours += 2
        assert hours < 48, wanted - set(seen)
    assert hours >= 8
    assert len(seen) == len(wanted)

"""A daemon verifies what it has published."""

from __future__ import annotations

import pytest
from support.running_daemon import DaemonThread, wait_until

from aggregator.site import verification


def test_a_daemon_repairs_bit_rot(inside: DaemonThread, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between turns, while nothing happens, and the log names what was damaged."""
    monkeypatch.setattr(verification, "ROUND", 1.0)
    site = inside.site
    site.settings |= {"schedule": {"scan": "1s"}}
    site.write("a.md", "text " * 50)
    inside.start()
    inside.wait_for_titles("Item a")
    before = site.documents()
    monkeypatch.setattr("aggregator.site.publishing.Publishing._is_intact", lambda self, row: row.key is not None)
    path = site.feeds / "all/rss.xml.br"
    body = bytearray(path.read_bytes())
    body[len(body) // 2] ^= 1
    with path.open("r+b") as file:
        file.write(body)
    wait_until(lambda: site.documents() == before, 10)
    assert any(line["documents"] == ["all/rss.xml"] for line in inside.lines("published documents are damaged"))

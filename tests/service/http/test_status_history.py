"""The status page of a real daemon: what happened to seeds, also after it was started again, and paths to complete."""

from __future__ import annotations

import time

import pytest
from lxml import html
from support.http_client import fetch
from support.running_daemon import DaemonProcess, free_port, wait_until
from support.site_folder import iso

CANARY = "Heliotrope"
BROKEN = f"---\ntitle: {CANARY}: {CANARY}\n---\n"


def events(daemon: DaemonProcess) -> set[tuple[str, str]]:
    """Return kind and path of the events on the status page."""
    tree = html.fromstring(fetch(daemon.address, "/-/status").body.decode())
    rows = tree.xpath("//*[@id='events']//li")
    return {(row.xpath("string(span[1])"), row.xpath("string(span[2]/a)")) for row in rows}


def happens(daemon: DaemonProcess, kind: str, path: str) -> None:
    wait_until(lambda: (kind, path) in events(daemon), 20, what=f"the page does not say that {path} was {kind}")


@pytest.mark.slow
def test_the_status_page_names_what_happened(running: DaemonProcess) -> None:
    """An edit, a delete, a lifted embargo, a broken and a mended seed, and all of them after a restart."""
    site = running.site
    site.settings["server"] = {"port": free_port(), "trust_local": True}
    site.write("edited.md")
    site.write("deleted.md")
    site.write("broken.md", title=CANARY, secured=CANARY)
    running.start(serve=True)
    happens(running, "Published", "broken.md")
    site.write("lifted.md", publishedDateTime=iso(int(time.time()) + 3), title=CANARY)
    site.write("edited.md", excerpt="More.")
    (site.seeds / "deleted.md").unlink()
    site.write_text("broken.md", BROKEN)
    happens(running, "Refused", "broken.md")
    site.write("broken.md", excerpt="Whole again.")
    told = {("Edited", "edited.md"), ("Withdrawn", "deleted.md"), ("Lifted", "lifted.md"), ("Mended", "broken.md")}
    for kind, path in told:
        happens(running, kind, path)
    assert running.stop() == 0
    assert CANARY not in (site.root / "state/history.jsonl").read_text()
    running.start(serve=True)
    assert events(running) >= told | {("Refused", "broken.md")}


@pytest.fixture
def trusted(running: DaemonProcess) -> DaemonProcess:
    running.site.settings["server"] = {"port": free_port(), "trust_local": True}
    for name in ("news/tram.md", "news/Tramway.md", "100%_a.md", "old-tram.md", "b.md"):
        running.site.write(name)
    return running.start(serve=True)


@pytest.mark.slow
def test_paths_are_completed_for_the_owner(trusted: DaemonProcess) -> None:
    """What begins with the words comes first; wildcards stand for themselves; nothing completes nothing."""
    asked = {
        words: fetch(trusted.address, f"/-/paths?q={words}").json
        for words in ("tram", "news/t", "100%25_", "%25b", "%5C", "", "%20")
    }
    assert asked == {
        "tram": ["news/Tramway.md", "news/tram.md", "old-tram.md"],
        "news/t": ["news/Tramway.md", "news/tram.md"],
        "100%25_": ["100%_a.md"],
        "%25b": [], "%5C": [], "": [], "%20": [],
    }  # fmt: skip
    assert fetch(trusted.address, "/-/paths?q=tram", x_forwarded_for="203.0.113.9").status == 404

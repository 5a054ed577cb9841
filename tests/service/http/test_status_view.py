"""The status page's content from index and daemon: counts, paths of some seeds, ages, no texts."""

from __future__ import annotations

import os

from support.site_folder import NOW, SiteFolder, iso

from aggregator.index.index import Index
from aggregator.renderer import status_page
from aggregator.renderer.status_page import StatusView, Trouble
from aggregator.service.health import Health
from aggregator.service.http.status_view import status_view
from aggregator.site.status import EXAMPLES, site_status

CANARY = "Heliotrope"


def view_of(site: SiteFolder, health: Health | None = None, now: int = NOW) -> StatusView:
    config = site.config()
    index = Index(str(site.root / "state/index.db"), read_only=True)
    try:
        found = site_status(config, index, now=now)
    finally:
        index.close()
    daemon = health and health.status(now, due=None, regenerate=now + 60.0)
    return status_view(found, daemon)


def paths(view: StatusView) -> dict[str, tuple[str, ...]]:
    return {one.rule: one.paths for one in view.held}


def test_each_rule_names_the_seeds_it_holds_back(site: SiteFolder) -> None:
    """For rules, time windows and duplicates."""
    site.write("good.md")
    site.write("low.md", quality=1)
    site.write("draft.md", published=False)
    site.write("later.md", publishedDateTime=iso(NOW + 60))
    site.write("over.md", expires=iso(NOW - 60))
    site.write("twin.md", webUrl="https://news.example.org/good", publishedDateTime=iso(NOW - 90_000))
    site.write_text("broken.md", "---\ntitle: Foo: bar\n---\n")
    site.build()
    assert paths(view_of(site)) == {
        "valid": ("broken.md",),
        "state": ("draft.md",),
        "quality": ("low.md",),
        "embargo": ("later.md",),
        "expired": ("over.md",),
        "duplicate": ("twin.md",),
    }


def test_a_rule_names_a_limited_number_of_seeds(site: SiteFolder) -> None:
    """The count covers all of them."""
    for number in range(EXAMPLES + 5):
        site.write(f"low-{number:02}.md", quality=1)
    site.build()
    (held,) = view_of(site).held
    assert (held.count, len(held.paths), held.paths[0]) == (EXAMPLES + 5, EXAMPLES, "low-00.md")


def test_problems_have_the_age_of_their_file(site: SiteFolder) -> None:
    """The file's mtime, if it was old enough to be trusted; errors come first."""
    site.write("odd.md", titel="x")
    broken = site.write_text("broken.md", "---\ntitle: Foo: bar\n---\n")
    os.utime(broken, (NOW - 600, NOW - 600))
    later = int(broken.stat().st_ctime) + 10
    site.build(now=later)
    first = view_of(site, now=later).problems[0]
    assert (first.problem.path, first.since) == ("broken.md", NOW - 600)


def test_what_the_daemon_reports(site: SiteFolder) -> None:
    """Problems with their age, threads, overflows and the last scan; nothing without a daemon."""
    site.build()
    health = Health(started=NOW - 100.0, backend="native", overflows=3, scanned=NOW - 5.0, threads={"watcher": True})
    health.set_problem("folder", "is not there", now=NOW - 30.0)
    view = view_of(site, health)
    assert view.troubles == (Trouble(concern="folder", message="is not there", seconds=30),)
    assert (view.uptime, view.backend, view.overflows) == (100, "native", 3)
    assert (view.threads, view.scanned, view.regenerate) == ((("watcher", True),), NOW - 5, NOW + 60)
    assert (view_of(site).running, view_of(site).uptime) == (False, None)


def test_a_withdrawal_is_due_without_a_path(site: SiteFolder) -> None:
    """A tombstone's expiry has no seed to link to."""
    site.write("a.md")
    site.build()
    site.write("a.md", removed=True)
    site.build()
    view = view_of(site)
    assert (view.due is not None, view.due_path) == (True, "")


def test_no_text_of_a_seed_is_on_the_page(site: SiteFolder) -> None:
    """Neither of held back seeds nor of `secured`."""
    texts = {"excerpt": CANARY, "secured": CANARY, "author": CANARY, "tags": [CANARY]}
    site.write("draft.md", CANARY, published=False, title=CANARY, **texts)
    site.write("later.md", CANARY, publishedDateTime=iso(NOW + 60), title=CANARY, **texts)
    site.write("shown.md", secured=CANARY)
    site.write_text("broken.md", f"---\ntitle: {CANARY}: {CANARY}\n---\n{CANARY}")
    site.build()
    view = view_of(site)
    assert view.due_path == "later.md"
    assert CANARY.encode() not in status_page.render(view, site.config().site)


def test_the_facts_name_the_servers_address_and_the_hub(site: SiteFolder) -> None:
    """The hub comes with the number of waiting documents."""
    site.settings["websub"] = {"hub": "http://127.0.0.1:9/"}
    site.write("good.md")
    site.build()
    health = Health(started=0.0)
    health.serving = "http://127.0.0.1:8080/"
    facts = dict(view_of(site, health).facts)

    assert facts["Serving"] == "http://127.0.0.1:8080/"
    assert facts["WebSub hub"].startswith("http://127.0.0.1:9/: not notified yet, 3 waiting")

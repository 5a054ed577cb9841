"""If the clock is set, feeds show what is due by the new time (guarantee G10)."""

from __future__ import annotations

import time

from support.running_daemon import DaemonThread, wait_until
from support.site_folder import iso

HOUR, DECADE = 3_600, 315_600_000


def equals_build_at(inside: DaemonThread, now: int) -> None:
    """Wait until the feed has the same ids as a build from nothing at `now`."""
    site = inside.site
    site.build(now, feeds="then", state="then-state")
    wanted = {one["id"] for one in site.feed(feeds="then")}
    wait_until(lambda: set(site.ids()) == wanted)


def test_feeds_follow_a_clock_that_is_set_forwards_and_back(inside: DaemonThread) -> None:
    """Items appear and expire when the clock is set an hour forwards, an hour back, and ten years forwards and back."""
    site, now = inside.site, int(time.time())
    site.write("a.md", title="expires in a year", expires=iso(now + 365 * 24 * HOUR))
    site.write("b.md", title="in half an hour", publishedDateTime=iso(now + HOUR // 2))
    site.write("c.md", title="always")
    inside.start()
    inside.wait_for_titles("expires in a year", "always")
    inside.step = HOUR
    inside.wait_for_titles("expires in a year", "always", "in half an hour")
    equals_build_at(inside, now + HOUR)
    inside.step = 0
    inside.wait_for_titles("expires in a year", "always")
    equals_build_at(inside, now)
    inside.step = DECADE
    inside.wait_for_titles("always", "in half an hour")
    equals_build_at(inside, now + DECADE)
    inside.step = -DECADE
    inside.wait_for_titles()
    inside.step = 0
    inside.wait_for_titles("expires in a year", "always")
    wait_until(lambda: len(inside.lines("the clock was set")) == 5)
    assert inside.status()["healthy"]


def test_the_status_has_the_next_due_moment(inside: DaemonThread) -> None:
    """`due` in the status follows the seeds and the clock."""
    site, now = inside.site, int(time.time())
    site.write("a.md", title="A", publishedDateTime=iso(now + HOUR))
    inside.start()
    assert inside.status()["due"] == now + HOUR
    inside.step = 2 * HOUR
    inside.wait_for_titles("A")
    wait_until(lambda: inside.status()["due"] is None)

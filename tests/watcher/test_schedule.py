"""A late job runs once and is never dropped, after any clock change or dead thread (guarantee G10)."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.schedulers.base import STATE_STOPPED
from apscheduler.triggers.interval import IntervalTrigger
from support.running_daemon import time_limit, wait_until

from aggregator.config.cron import cron_line
from aggregator.config.settings import Schedule
from aggregator.watcher.schedule import Once, Scheduler, by_cron


class Kept(Scheduler):
    """A scheduler that records its calls."""

    def __init__(self) -> None:
        self.called: list[tuple[str, float]] = []
        super().__init__(due=self._note("due"), scan=self._note("scan"), regenerate=self._note("regenerate"))

    def _note(self, name: str) -> Callable[[], object]:
        return lambda: self.called.append((name, time.time()))

    def times(self, name: str) -> list[float]:
        """Return the times of its calls of one kind."""
        return [moment for one, moment in self.called if one == name]

    def begin(self, scan: int = 1_000, regenerate: str | int | None = None, zone: str = "UTC") -> None:
        self.start(Schedule(regenerate=regenerate), scan=scan, zone=zone)

    def wait(self, name: str, count: int = 1, seconds: float = 5) -> float:
        """Wait for so many calls of one kind; return the time of the last one."""
        until = time.monotonic() + time_limit(seconds)
        while len(self.times(name)) < count:
            assert time.monotonic() < until, f"no {name}"
            time.sleep(0.005)
        return self.times(name)[-1]


@pytest.fixture
def scheduler() -> Iterator[Kept]:
    made = Kept()
    yield made
    made.stop()


def test_due_is_called_once_and_on_time(scheduler: Kept) -> None:
    """Within a fraction of a second of its moment, and not again."""
    moment = int(time.time()) + 1
    scheduler.begin()
    scheduler.set_due(moment)
    assert 0 <= scheduler.wait("due") - moment < time_limit(0.3)
    time.sleep(0.2)
    assert len(scheduler.times("due")) == 1


def test_the_last_moment_set_counts(scheduler: Kept) -> None:
    """Set again, set to None, set before the start."""
    now = int(time.time())
    scheduler.set_due(now + 1_000)
    scheduler.begin()
    scheduler.set_due(now + 500)
    scheduler.set_due(now - 5)
    scheduler.wait("due")
    scheduler.set_due(now + 1)
    scheduler.set_due(None)
    scheduler.set_due(None)
    time.sleep(1.2)
    assert len(scheduler.times("due")) == 1


@pytest.mark.parametrize("late", [1, 3_600, 315_600_000])
def test_a_moment_that_has_passed_fires_at_once(scheduler: Kept, late: int) -> None:
    """A second, an hour or ten years late: never dropped."""
    scheduler.set_due(int(time.time()) - late)
    scheduler.begin()
    scheduler.wait("due", seconds=1)


def test_a_moment_after_the_end_of_time_is_none(scheduler: Kept) -> None:
    """The year 10000 cannot be scheduled, and is not an error."""
    scheduler.begin()
    scheduler.set_due(253_402_300_800)
    scheduler.set_due(2**61)
    assert scheduler.is_alive()


def test_scans_and_regenerations_run_at_their_interval(scheduler: Kept) -> None:
    """The next one is scheduled."""
    scheduler.begin(scan=1, regenerate=1)
    scheduler.wait("scan")
    scheduler.wait("regenerate")
    assert scheduler.next_regeneration() == pytest.approx(time.time(), abs=1.5)


def test_a_cron_line_counts_in_the_configured_zone(scheduler: Kept) -> None:
    """Noon in Tokyo."""
    scheduler.begin(regenerate="0 12 * * *", zone="Asia/Tokyo")
    planned = scheduler.next_regeneration()
    assert planned is not None
    assert datetime.fromtimestamp(planned, ZoneInfo("Asia/Tokyo")).hour == 12
    assert Scheduler(due=int, scan=int, regenerate=int).next_regeneration() is None


def test_the_next_regeneration_is_none_before_it_is_scheduled(scheduler: Kept) -> None:
    """While the scheduler restarts (a reload, a clock that was set) the job exists and has no moment."""
    scheduler.begin(regenerate=3_600)
    scheduler._scheduler.shutdown()
    scheduler._scheduler = BackgroundScheduler(timezone=UTC)
    scheduler._add("regenerate", IntervalTrigger(seconds=3_600, timezone=UTC))
    assert scheduler.next_regeneration() is None
    scheduler._scheduler.start()
    assert scheduler.next_regeneration() == pytest.approx(time.time() + 3_600, abs=1.5)


def test_a_job_that_is_late_runs_once(scheduler: Kept) -> None:
    """As after suspend: its moment was hours ago and many were missed; it runs once."""
    scheduler.begin(regenerate=3_600)
    job = scheduler._scheduler.get_job("regenerate")
    job.modify(next_run_time=datetime.now(UTC) - timedelta(hours=10, seconds=1))
    scheduler.wait("regenerate", seconds=2)
    time.sleep(0.3)
    assert len(scheduler.times("regenerate")) == 1
    planned = scheduler.next_regeneration()
    assert planned is not None
    assert planned > time.time()


@pytest.mark.parametrize(
    "once",
    [
        Once(IntervalTrigger(seconds=1, timezone=UTC)),
        by_cron("* * * * *", "UTC"),
        by_cron(cron_line("* * 1 * 1"), "UTC"),
    ],
)
def test_missed_decades_cost_no_time(once: Once) -> None:
    """A machine without a battery boots in 1970 and then gets the time: one run, found at once."""
    then, now = datetime(1970, 1, 1, tzinfo=UTC), datetime.now(UTC)
    began = time.thread_time()
    following = once.get_next_fire_time(then, now)
    assert time.thread_time() - began < 0.1
    assert following is not None
    assert following >= now
    again = once.get_next_fire_time(following, following)
    assert again is not None
    assert again > following


@pytest.mark.parametrize(
    ("day", "line", "runs"),
    [
        ("2026-03-29", "30 2 * * *", 1),  # 2:30 does not exist
        ("2026-10-25", "30 2 * * *", 2),  # 2:30 comes twice, and a regeneration too many does no harm
        ("2026-03-29", "0 * * * *", 23),
        ("2026-10-25", "0 * * * *", 25),
        ("2026-03-29", "0 * 29 * 0", 23),
        ("2026-10-25", "0 * 25 * 0", 25),
        ("2026-10-25", "30 2 1 * 0", 2),
        ("2026-10-25", "30 2 25 * 1", 2),
        ("2026-06-01", "30 2 * * *", 1),
    ],
)
def test_days_of_clock_changes_skip_and_double_nothing(day: str, line: str, runs: int) -> None:
    """A daily regeneration runs whenever its time occurs, an hourly one every hour."""
    zone = ZoneInfo("Europe/Berlin")
    once = by_cron(cron_line(line), "Europe/Berlin")
    moment = datetime.fromisoformat(day).replace(tzinfo=zone)
    end = (moment + timedelta(days=1)).timestamp()
    found: list[float] = []
    previous, now = None, moment
    while (following := once.get_next_fire_time(previous, now)) is not None and following.timestamp() < end:
        found.append(following.timestamp())
        assert len(found) < 100
        previous = now = following
    assert len(found) == runs
    assert found == sorted(set(found))


def test_a_day_matches_either_field() -> None:
    """`0 6 1,15 * 1` runs on the 1st, the 15th and every Monday, as crontab(5) says."""
    once, moment = by_cron(cron_line("0 6 1,15 * 1"), "UTC"), datetime(2026, 11, 1, tzinfo=UTC)
    days = []
    while (following := once.get_next_fire_time(None, moment)) and following.month == 11:
        days.append(following.day)
        moment = following + timedelta(seconds=1)
    assert days == [1, 2, 9, 15, 16, 23, 30]


def test_two_cron_lines_are_scheduled(scheduler: Kept) -> None:
    """The scheduler accepts what the config returns, and the next moment is within a week."""
    scheduler.begin(regenerate=cron_line("0 6 1,15 * 1"))
    planned = scheduler.next_regeneration()
    assert planned is not None
    assert 0 < planned - time.time() <= 7 * 86_400


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_an_exception_in_a_trigger_is_noticed_and_the_scheduler_restarts(scheduler: Kept) -> None:
    """It ends the library's thread; `check` reports that and starts another, and no job is lost."""

    class Broken:
        def get_next_fire_time(self, *_: object) -> None:
            raise RuntimeError("broken trigger")

    scheduler.begin(scan=1)
    moment = int(time.time()) + 1
    scheduler.set_due(moment)
    scheduler._scheduler.get_job("scan").trigger.__dict__["_trigger"] = Broken()
    until = time.monotonic() + time_limit(5)
    while scheduler.is_alive():
        assert time.monotonic() < until
        time.sleep(0.01)
    assert not scheduler.check()
    assert scheduler.check()
    scheduler.wait("due")
    scheduler.wait("scan")


def test_jobs_are_scheduled_again_after_the_clock_was_set(scheduler: Kept) -> None:
    """What was scheduled by the old clock may be years away."""
    scheduler.begin(scan=1, regenerate=1)
    for name in ("scan", "regenerate"):
        scheduler._scheduler.get_job(name).modify(next_run_time=datetime.now(UTC) + timedelta(days=3_650))
    scheduler.restart()
    scheduler.wait("scan", seconds=3)
    scheduler.wait("regenerate", seconds=3)


def test_a_restart_while_a_job_runs_ends_its_thread_without_an_error() -> None:
    """The clock is set at the very moment that something is due: the old thread finishes the job, then ends."""
    runs, goes_on, errors = threading.Event(), threading.Event(), []
    scheduler = Scheduler(due=lambda: (runs.set(), goes_on.wait(10)), scan=int, regenerate=int)
    scheduler.start(Schedule(), scan=1_000, zone="UTC")
    old, hook = scheduler._scheduler, threading.excepthook
    threading.excepthook = lambda end: errors.append(end.exc_type)
    try:
        scheduler.set_due(int(time.time()) - 1)
        assert runs.wait(5)
        scheduler._due = None  # what was due is due no more
        restart = threading.Thread(target=scheduler.restart)
        restart.start()
        wait_until(lambda: old.state == STATE_STOPPED or scheduler._scheduler is None)
        restart.join(0.2)
        goes_on.set()
        restart.join(5)
        old._thread.join(5) if old._thread is not None else None
        assert scheduler.is_alive()
        assert errors == []
    finally:
        goes_on.set()
        threading.excepthook = hook
        scheduler.stop()


def test_stopping_twice_is_no_error(scheduler: Kept) -> None:
    """Before the start nothing is scheduled."""
    scheduler.stop()
    assert not scheduler.is_alive()
    assert scheduler.check()
    scheduler.restart()
    scheduler.begin()
    assert scheduler.is_alive()
    scheduler.stop()
    scheduler.stop()
    assert not scheduler.is_alive()

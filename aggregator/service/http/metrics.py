"""Metrics for Prometheus: counts and status in, its text format out. Pure.

Names follow Prometheus' conventions (base units, `_total` for counters). No label has a text of a seed; a dead source
is named by its address.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from aggregator.model.source_words import STATES
from aggregator.model.version import VERSION
from aggregator.service.health import DURATIONS, DaemonStatus
from aggregator.site.status import SiteStatus

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """What is measured: responses by what was requested and status, the site's status, and the daemon's health.

    `standing` is None if nothing was built yet, `daemon` if none runs. `now` is in seconds since 1970.
    """

    now: float
    requests: Mapping[tuple[str, int], int]
    listeners: int
    cached: int
    standing: SiteStatus | None
    daemon: DaemonStatus | None


def render(measured: Measured) -> bytes:
    """Return the metrics in Prometheus' text format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Snapshot(measured))
    return generate_latest(registry)


class _Snapshot(Collector):
    def __init__(self, measured: Measured) -> None:
        self._measured = measured

    def collect(self) -> Iterator[Metric]:
        measured = self._measured
        yield InfoMetricFamily("aggregator", "This program.", {"version": VERSION})
        yield from _serving(measured)
        yield GaugeMetricFamily("aggregator_up", "Whether a daemon runs.", int(measured.daemon is not None))
        if measured.daemon is not None:
            yield from _daemon(measured.daemon)
        if measured.standing is not None:
            yield from _standing(measured.standing, measured.now)


def _serving(measured: Measured) -> Iterator[Metric]:
    requests = CounterMetricFamily("aggregator_http_requests", "Requests answered.", labels=("asked", "status"))
    for (asked, status), count in sorted(measured.requests.items()):
        requests.add_metric((asked, str(status)), count)
    yield requests
    yield GaugeMetricFamily("aggregator_http_listeners", "Clients that listen for events.", measured.listeners)
    yield GaugeMetricFamily("aggregator_http_cached_bytes", "Documents kept in memory.", measured.cached)


def _daemon(daemon: DaemonStatus) -> Iterator[Metric]:
    yield GaugeMetricFamily("aggregator_healthy", "Whether the daemon has no problem.", int(daemon.healthy))
    problems = GaugeMetricFamily("aggregator_problem_seconds", "How long a problem has lasted.", labels=("concern",))
    for concern, age in daemon.problem_ages.items():
        problems.add_metric((concern,), age)
    yield problems
    yield GaugeMetricFamily("aggregator_uptime_seconds", "How long the daemon has run.", daemon.uptime)
    yield _turns(daemon)
    yield InfoMetricFamily("aggregator_watcher", "How changes are detected.", {"backend": daemon.backend})
    yield CounterMetricFamily(
        "aggregator_watcher_overflows", "How often events were lost and the whole folder was scanned.", daemon.overflows
    )
    if daemon.scanned:  # not before the first turn: the alarm would see 1970
        yield GaugeMetricFamily(
            "aggregator_last_scan_timestamp_seconds", "When the whole folder was last scanned.", daemon.scanned
        )
    if daemon.due is not None:
        yield GaugeMetricFamily(
            "aggregator_next_due_timestamp_seconds", "When a feed next changes by itself.", daemon.due
        )


def _turns(daemon: DaemonStatus) -> Metric:
    buckets, seen = [], 0
    for bound, count in zip((*map(str, DURATIONS), "+Inf"), daemon.turns_within, strict=True):
        seen += count
        buckets.append((bound, float(seen)))
    turns = HistogramMetricFamily("aggregator_turn_seconds", "How long turns took.")
    turns.add_metric((), buckets, daemon.turn_seconds)
    return turns


def _standing(standing: SiteStatus, now: float) -> Iterator[Metric]:
    seeds = GaugeMetricFamily("aggregator_seeds", "Seeds by outcome: published, or the rule that holds them back.",
                              labels=("outcome",))  # fmt: skip
    for outcome, count in {"published": standing.items, **standing.held}.items():
        seeds.add_metric((outcome,), count)
    yield seeds
    yield GaugeMetricFamily("aggregator_files", "Seeds known, whatever their outcome.", standing.seeds)
    yield GaugeMetricFamily(
        "aggregator_stale_items", "Items shown in their last readable version.", len(standing.stale)
    )
    problems = sum(not problem.warning for problem in standing.problems)
    yield GaugeMetricFamily("aggregator_seed_problems", "Problems in seeds, without warnings.", problems)
    items = GaugeMetricFamily("aggregator_feed_items", "Items that a feed shows.", labels=("feed",))
    for slug, count in standing.feeds.items():
        items.add_metric((slug,), count)
    yield items
    yield from _sources(standing)
    if standing.newest is not None:
        yield GaugeMetricFamily(
            "aggregator_newest_item_timestamp_seconds", "When the newest item was published.", standing.newest
        )
        yield GaugeMetricFamily("aggregator_newest_item_age_seconds", "How long ago that was.", now - standing.newest)


def _sources(standing: SiteStatus) -> Iterator[Metric]:
    if not standing.sources:
        return
    sources = GaugeMetricFamily("aggregator_sources", "Sources by state.", labels=("state",))
    for state in STATES:  # all of them, so that an alarm sees one begin
        sources.add_metric((state,), standing.sources.get(state, 0))
    yield sources
    dead = GaugeMetricFamily(
        "aggregator_dead_source", "A source that has not answered for 30 days.", labels=("source",)
    )
    for url in standing.dead_sources:
        dead.add_metric((url,), 1)
    yield dead

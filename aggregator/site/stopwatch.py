"""Measures how long each stage of a turn takes. Reads a clock that only goes forward."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")


class Stopwatch:
    """Measures stages of one thread; `seconds` holds what each took, without the stages inside it."""

    def __init__(self, seconds: dict[str, float] | None = None) -> None:
        self.seconds: dict[str, float] = {} if seconds is None else seconds
        self._began = time.perf_counter()
        self._running: list[str] = []
        self._since = 0.0

    def elapsed(self) -> float:
        """Return the seconds since the stopwatch was made."""
        return time.perf_counter() - self._began

    @contextmanager
    def of(self, stage: str) -> Iterator[None]:
        """Measure the body of the `with` statement as `stage`; the stage around it pauses."""
        self._lap()
        self._running.append(stage)
        try:
            yield
        finally:
            self._lap()
            self._running.pop()

    def during(self, stage: str, values: Iterable[T]) -> Iterator[T]:
        """Return `values`, and measure as `stage` what it takes to make them."""
        source = iter(values)
        while True:
            with self.of(stage):
                try:
                    value = next(source)
                except StopIteration:
                    return
            yield value

    def _lap(self) -> None:
        now = time.perf_counter()
        if self._running:
            stage = self._running[-1]
            self.seconds[stage] = self.seconds.get(stage, 0.0) + now - self._since
        self._since = now

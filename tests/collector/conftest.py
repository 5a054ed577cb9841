"""A collector on a moved clock, and sources at a scripted server."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.collecting import Planet
from support.scripted_server import MovedClock


@pytest.fixture
def clock() -> MovedClock:
    return MovedClock()


@pytest.fixture
def planet(tmp_path: Path, clock: MovedClock) -> Iterator[Planet]:
    with Planet(tmp_path, clock) as planet:
        yield planet


@pytest.fixture(autouse=True)
def no_loop_is_left() -> Iterator[None]:
    yield
    with pytest.raises(RuntimeError):
        asyncio.get_running_loop()

"""A writer and the folder it keeps, made anew for each test."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from aggregator.publisher.files import Writer


@pytest.fixture(autouse=True)
def _usual_rights() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.fixture
def writer(tmp_path: Path) -> Writer:
    made = Writer(str(tmp_path / "feeds"))
    made.prepare()
    return made


@pytest.fixture
def feeds(tmp_path: Path) -> Path:
    return tmp_path / "feeds"

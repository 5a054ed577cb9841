"""An empty folder of seeds."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Make an empty folder."""
    (tmp_path / "seeds").mkdir()
    return tmp_path / "seeds"

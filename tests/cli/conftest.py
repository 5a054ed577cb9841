"""A site in the current folder of a command."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.command_line import write_site


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a site with one valid seed."""
    write_site(tmp_path)
    return tmp_path

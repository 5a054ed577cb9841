"""What most tests begin with: an empty site in a temporary folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support import SiteFolder


@pytest.fixture
def site(tmp_path: Path) -> SiteFolder:
    """Make an empty site."""
    return SiteFolder(tmp_path)


@pytest.fixture
def make_site(tmp_path: Path) -> Callable[[str], SiteFolder]:
    """Make several sites."""

    def make(name: str) -> SiteFolder:
        root = tmp_path / name
        root.mkdir()
        return SiteFolder(root)

    return make

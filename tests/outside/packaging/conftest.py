"""The wheel and the source package, built once from this tree."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
BUILD = "import hatchling.build, sys; print(getattr(hatchling.build, f'build_{sys.argv[1]}')(sys.argv[2]))"


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the wheel and the source package, as the build backend makes them."""
    folder = tmp_path_factory.mktemp("packages")
    for kind in ("wheel", "sdist"):
        subprocess.run([sys.executable, "-c", BUILD, kind, str(folder)], cwd=ROOT, check=True, capture_output=True)
    return folder


@pytest.fixture(scope="session")
def wheel(packages: Path) -> Path:
    """Return the wheel."""
    (found,) = packages.glob("aggregator_feeds-*.whl")
    return found


@pytest.fixture(scope="session")
def sdist(packages: Path) -> Path:
    """Return the source package."""
    (found,) = packages.glob("aggregator_feeds-*.tar.gz")
    return found

"""What the wheel and the source package hold."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from support.needed_tools import require_program

ROOT = Path(__file__).parents[3]
SHARED = {
    "share/man/man1/aggregator.1",
    "share/bash-completion/completions/aggregator",
    "share/zsh/site-functions/_aggregator",
    "share/fish/vendor_completions.d/aggregator.fish",
}


def tracked(*folders: str, new: bool = False) -> set[str]:
    """Return the files that the repository holds below these folders, with `new` also those not yet added."""
    if not (ROOT / ".git").exists():
        pytest.skip("this tree is no repository")
    words = [require_program("git"), "ls-files", "--cached", *["--others"] * new, "--exclude-standard", "-z", *folders]
    listed = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    return {name for name in listed if name and (ROOT / name).exists()}


def test_the_wheel_holds_the_program_and_what_a_terminal_looks_for(wheel: Path) -> None:
    """It holds the whole package with its templates, manual and completions, but no seeds, feeds, config, docs or tests."""
    names = set(zipfile.ZipFile(wheel).namelist())
    data = next(name.partition("/")[0] for name in names if ".data/" in name)
    shared = {name.removeprefix(f"{data}/data/") for name in names if name.startswith(f"{data}/")}
    package = {name for name in names if not name.startswith(data) and ".dist-info/" not in name}
    assert shared == SHARED
    assert {"aggregator/py.typed", "aggregator/renderer/templates/layout.html"} <= package
    assert package == tracked("aggregator", new=True)


def test_the_source_package_holds_all_that_its_tests_need(sdist: Path) -> None:
    """It holds every file of the repository but its own notes for git."""
    with tarfile.open(sdist) as archive:
        names = {member.name.partition("/")[2] for member in archive.getmembers() if member.isfile()}
    assert tracked() - names == set()
    assert names - tracked(new=True) == {"PKG-INFO"}


@pytest.mark.slow
def test_a_rebuilt_wheel_has_the_same_bytes(wheel: Path, sdist: Path, tmp_path: Path) -> None:
    """The wheel made from the source package is that made from the repository."""
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    (source,) = tmp_path.iterdir()
    script = "import hatchling.build; hatchling.build.build_wheel('..')"
    subprocess.run([sys.executable, "-c", script], cwd=source, check=True, capture_output=True)
    assert (tmp_path / wheel.name).read_bytes() == wheel.read_bytes()

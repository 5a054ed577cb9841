"""What people do wrong at first, and exactly what they read then: one case a file in `tests/cases/mistakes/`.

A case is a transcript of a terminal in an empty folder. `#` says what it shows, `%` prepares something without being
shown to people, `$` is a command, and what follows is its output, both streams in order, and its exit code. `&` at
the end leaves a daemon running. In the file, `/site` stands for the folder, and what differs between two runs (dates,
times, ports, processes) for itself. `regenerate.py` beside this writes what the commands say now: review the diff.
"""

from __future__ import annotations

import os
import re
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from shutil import which
from tempfile import TemporaryDirectory

import pytest
from support.running_daemon import free_port, wait_until

ROOT = Path(__file__).parents[2]
CASES = sorted((ROOT / "tests/cases/mistakes").glob("*.txt"))
QUICK = {"misspelt_command", "no_config", "placeholder"}
"""The cases of the default run."""
PROGRAM = [sys.executable, "-c", "import sys; sys.argv[0] = 'aggregator'; from aggregator.cli import main; main()"]
NOBODY = "sudo -u nobody "
SECONDS = 60
ALIKE = (
    (r"in \d+\.\d\d s\b", "in 0.00 s"),
    (r"\b20\d\d-\d\d-\d\d-(hello|tram)\.md", r"DATE-\1.md"),
    (r"process \d+", "process 1234"),
    (r"published: \S+", "published: DATE"),
)


@cache
def can_be_nobody() -> bool:
    """Return whether another user than root can run this program."""
    checked = [*as_nobody(), *PROGRAM, "--version"]
    return os.geteuid() != 0 or (
        which("setpriv") is not None
        and subprocess.run(checked, env={"PYTHONPATH": str(ROOT)}, capture_output=True, check=False).returncode == 0
    )


def as_nobody() -> list[str]:
    """Return what begins a command as a user who may do nothing special."""
    nobody = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
    return nobody if os.geteuid() == 0 else []


class Person:
    """Somebody at a terminal in an empty folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._taken = socket.create_server(("127.0.0.1", 0))
        self._ports = {"{taken}": str(self._taken.getsockname()[1]), "{port}": str(free_port())}
        self._daemons: list[subprocess.Popen[bytes]] = []
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        self._environment = {**kept, "PYTHONPATH": str(ROOT), "LC_ALL": "C.UTF-8"}

    def transcript(self, case: str) -> Iterator[str]:
        """Yield the lines of a case, with what the commands print now."""
        for line in case.splitlines():
            if line.startswith("$ "):
                yield line
                yield from self._answer(self._filled(line[2:]))
            elif line.startswith("% aggregator "):
                yield line
                list(self._answer(line[2:]))
            elif line.startswith("% "):
                yield line
                subprocess.run(["sh", "-ec", self._filled(line[2:])], cwd=self._folder, check=True)
            elif line.startswith("#"):
                yield line

    def leave(self) -> None:
        """Stop what runs, and free the port."""
        self._taken.close()
        for one in self._daemons:
            one.terminate()
            one.wait(SECONDS)

    def _filled(self, line: str) -> str:
        for name, port in self._ports.items():
            line = line.replace(name, port)
        return line

    def _answer(self, command: str) -> Iterator[str]:
        is_nobody, command = command.startswith(NOBODY), command.removeprefix(NOBODY)
        folder, _, rest = command.partition(" && ") if command.startswith("cd ") else ("", "", command)
        words = shlex.split(rest)
        assert words[0] == "aggregator"
        arguments = [*(as_nobody() if is_nobody else ()), *PROGRAM, *words[1:]]
        where = self._folder / folder.removeprefix("cd ")
        if words[-1] == "&":
            self._start(arguments[:-1], where)
            return
        done = subprocess.run(
            arguments, cwd=where, env=self._environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, timeout=SECONDS, check=False,
        )  # fmt: skip
        yield from self._told(done.stdout.decode()).splitlines()
        yield f"[exit {done.returncode}]"

    def _start(self, arguments: list[str], where: Path) -> None:
        log = (self._folder / ".log").open("wb")
        self._daemons.append(
            subprocess.Popen(arguments, cwd=where, env=self._environment, stdout=log, stderr=subprocess.STDOUT)
        )
        log.close()
        wait_until(lambda: b'"turn"' in (self._folder / ".log").read_bytes(), SECONDS)

    def _told(self, text: str) -> str:
        text = text.replace(str(self._folder), "/site")
        for name, port in self._ports.items():
            text = text.replace(port, name)
        for pattern, alike in ALIKE:
            text = re.sub(pattern, alike, text)
        return text


def as_told(case: str, folder: Path) -> str:
    """Return a case with what the commands print now."""
    person = Person(folder)
    try:
        return "\n".join(person.transcript(case)) + "\n"
    finally:
        person.leave()


@pytest.mark.parametrize(
    "path", [pytest.param(path, marks=() if path.stem in QUICK else pytest.mark.slow, id=path.stem) for path in CASES]
)
def test_a_mistake_is_answered_with_what_to_do(path: Path, tmp_path: Path) -> None:
    """The output and the exit code of each command are those of the case, to the letter."""
    case = path.read_text()
    if NOBODY not in case:
        told = as_told(case, tmp_path)
    elif can_be_nobody():
        # Whenever another pytest begins, it closes the folders above `tmp_path` to everybody else.
        with TemporaryDirectory() as folder:
            Path(folder).chmod(0o755)
            told = as_told(case, Path(folder))
    else:
        pytest.skip("no other user can run this program here")
    assert "Traceback" not in told
    assert told == case

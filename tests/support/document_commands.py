"""The fenced blocks of a Markdown page, and a shell that runs its commands in order, as a reader would.

A block of `sh` is run as a whole, one of `console` line by line after each `$`, and its output compared: `…` stands for
anything. An HTML comment on the line before the block says what is special:

    <!-- file: PATH -->          the block is the whole content of this file
    <!-- add to: PATH -->        the block is added to this file
    <!-- background: TEXT -->    started and left running; it is ready when its output has TEXT, and stopped at the end
    <!-- exit: N -->             it exits with N
    <!-- needs: NAME -->         run only if this Python module or program is installed
    <!-- not run: REASON -->     checked, but not run; the reason names the test that does the same

`<!-- setup` on a line of its own begins commands that only the test runs; `-->` ends them. `<!-- stop -->` stops what
runs in the background, as a reader's Ctrl-C does.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
RUN = {"sh", "console"}

_WRAPPER = """#!/bin/bash
# The program, on a port of its own, so that pages can be tested at the same time.
if [ "$1" = run ] || [ "$1" = serve ]; then
    if grep -q 'port: 8080' config/aggregator.yaml; then sed -i "s/port: 8080/port: $PORT/" config/aggregator.yaml
    elif ! grep -q '^server:' config/aggregator.yaml; then echo "server: {port: $PORT}" >>config/aggregator.yaml; fi
fi
exec "$PYTHON" -m aggregator "$@"
"""


class Block(NamedTuple):
    """A fenced block: its line in the page, its language, its text, and the mark before it (name and value)."""

    line: int
    language: str
    text: str
    mark: str = ""
    value: str = ""

    @property
    def commands(self) -> list[str]:
        """The commands in it, each as typed; none if it is not for a shell."""
        if self.language == "sh":
            return [line for line in self.text.replace("\\\n", " ").splitlines() if line.strip() and line[0] != "#"]
        if self.language == "console":
            return [command for command, _ in self.steps()]
        return []

    def steps(self) -> list[tuple[str, str]]:
        """Return each command of a `console` block with the output that it shows."""
        parts = re.split(r"^\$ ", self.text, flags=re.MULTILINE)[1:]
        return [(one.partition("\n")[0], one.partition("\n")[2]) for one in parts]


def blocks(text: str) -> list[Block]:
    """Return the fenced blocks of a page, and its hidden set-up as blocks of the language `setup`."""
    found = []
    lines = iter(enumerate(text.splitlines(), 1))
    before = ""
    for number, line in lines:
        if line.strip() == "<!-- setup":
            found.append(Block(number, "setup", "\n".join(_until(lines, "-->"))))
        elif line.strip() == "<!-- stop -->":
            found.append(Block(number, "stop", ""))
        elif fence := re.fullmatch(r"( *)```(\w*)", line):
            inner = [one.removeprefix(fence[1]) for one in _until(lines, f"{fence[1]}```")]
            mark = re.fullmatch(r"\s*<!-- (file|add to|background|exit|needs|not run): (.*) -->", before)
            found.append(Block(number, fence[2], "\n".join(inner), *(mark.groups() if mark else ())))
        before = line
    return found


def _until(lines: Iterator[tuple[int, str]], end: str) -> Iterator[str]:
    for _, line in lines:
        if line == end:
            return
        yield line


class Outcome(NamedTuple):
    """What became of a page: the commands that were run, and those that failed or printed something else."""

    ran: list[str]
    faults: list[str]


class Reader:
    """Somebody who types what a page says, in a folder of their own, into one shell."""

    def __init__(self, folder: Path, port: int, *, patience: float = 60) -> None:
        self.folder, self.port, self.patience = folder, port, patience
        self.ran: list[str] = []
        self.faults: list[str] = []
        self._behind: list[subprocess.Popen[bytes]] = []
        self._cwd = folder
        self._make_program()

    def _make_program(self) -> None:
        programs = self.folder / ".bin"
        programs.mkdir()
        (programs / "aggregator").write_text(_WRAPPER)
        (programs / "aggregator").chmod(0o755)
        self._environment = {
            **os.environ, "PATH": f"{programs}:{Path(sys.executable).parent}:{os.environ['PATH']}", "PORT": str(self.port),
            "PYTHON": sys.executable, "PYTHONPATH": str(ROOT), "HOME": str(self.folder), "ROOT": str(ROOT), "NO_COLOR": "1",
            "UV_NO_SYNC": "1", "UV_OFFLINE": "1", "UV_PROJECT_ENVIRONMENT": sys.prefix,
        }  # fmt: skip

    def follow(self, page: list[Block]) -> Outcome:
        """Do what the blocks say, in order, and stop what was left running."""
        try:
            for block in page:
                self._do(block)
        finally:
            self._stop()
        return Outcome(self.ran, self.faults)

    def _do(self, block: Block) -> None:
        if block.mark in {"file", "add to"}:
            path = self._cwd / block.value
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("w" if block.mark == "file" else "a") as file:
                file.write(block.text + "\n")
        elif block.language == "stop":
            self._stop()
        elif block.language == "setup":
            self._run(block, block.text, 0)
        elif block.language not in RUN or is_left_out(block):
            return
        elif block.mark == "background":
            self._start(block)
        elif block.language == "sh":
            self._run(block, block.text, int(block.value) if block.mark == "exit" else 0)
            self.ran += block.commands
        else:
            for command, shown in block.steps():
                self._compare(block, self._run(block, command, int(block.value) if block.mark == "exit" else 0), shown)
                self.ran.append(command)

    def _run(self, block: Block, text: str, code: int) -> str:
        """Run commands where the last ones ended, and return what they printed."""
        here = self.folder / ".cwd"
        script = f"set -euo pipefail\ntrap 'pwd >{shlex.quote(str(here))}' EXIT\n{self._local(text)}\n"
        done = subprocess.run(
            ["bash", "-c", script], cwd=self._cwd, env=self._environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, timeout=60, check=False,
        )  # fmt: skip
        self._cwd = Path(here.read_text().strip())
        if done.returncode != code:
            self.faults.append(f"line {block.line}: {text}\nexit code {done.returncode}\n{done.stdout}")
        return done.stdout

    def _compare(self, block: Block, printed: str, shown: str) -> None:
        pattern = ".*?".join(re.escape(part) for part in shown.strip().split("…"))
        if shown.strip() and not re.fullmatch(pattern, printed.strip(), re.DOTALL):
            self.faults.append(f"line {block.line}: shown:\n{shown}\nprinted:\n{printed}")

    def _start(self, block: Block) -> None:
        (command,) = block.commands
        log = self.folder / f".log-{block.line}"
        with log.open("wb") as output:
            process = subprocess.Popen(
                ["bash", "-c", f"exec {self._local(command)}"], cwd=self._cwd, env=self._environment, stdout=output,
                stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip
        self._behind.append(process)
        self.ran.append(command)
        began = time.monotonic()
        while block.value not in log.read_text():
            if process.poll() is not None or time.monotonic() - began > self.patience:
                self.faults.append(f"line {block.line}: {command} printed no {block.value!r}\n{log.read_text()}")
                return
            time.sleep(0.02)

    def _stop(self) -> None:
        """End what is left running as Ctrl-C does; it must end by itself, and well."""
        while self._behind:
            process = self._behind.pop()
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
            if process.wait(30) != 0:
                self.faults.append(f"{process.args}: exit code {process.returncode}")

    def _local(self, text: str) -> str:
        return text.replace("127.0.0.1:8080", f"127.0.0.1:{self.port}")


def is_left_out(block: Block) -> bool:
    """Return whether the commands of a block are not run here."""
    return block.mark == "not run" or (block.mark == "needs" and not _is_installed(block.value))


def _is_installed(name: str) -> bool:
    return importlib.util.find_spec(name) is not None or shutil.which(name) is not None

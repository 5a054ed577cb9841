"""The command in a process of its own that is forked from the tests' one: no interpreter starts, nothing is imported."""

from __future__ import annotations

import importlib
import io
import os
import subprocess
import sys
import tempfile
import traceback
import warnings
from contextlib import suppress
from pathlib import Path

from aggregator.cli import main

# What most commands import late is imported once, before the fork.
for name in (
    "cli.scaffold", "normalizer.content", "publisher.files", "renderer.atom", "renderer.json_feed", "renderer.opml", "renderer.page",
    "renderer.rss", "service.control", "service.logs", "site.check", "site.explain", "site.status",
):  # fmt: skip
    importlib.import_module(f"aggregator.{name}")


def run_forked(folder: Path, words: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    """Run `aggregator` with `words` in `folder`, and return its exit code and what it wrote to its file descriptors."""
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # pytest-xdist's thread waits for messages only
            child = os.fork()
        if child == 0:
            os._exit(_run_here(folder, words, output.fileno(), errors.fileno()))
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        texts = []
        for file in (output, errors):
            file.seek(0)
            texts.append(file.read().decode(errors="surrogateescape"))
        return subprocess.CompletedProcess(["aggregator", *words], code, *texts)


def _run_here(folder: Path, words: tuple[str, ...], output: int, errors: int) -> int:
    """Run the command in this process with streams of its own; return its exit code."""
    code: object = 0
    try:
        nothing = os.open(os.devnull, os.O_RDONLY)
        for number, source in enumerate((nothing, output, errors)):
            os.dup2(source, number)
        sys.stdin, sys.stdout, sys.stderr = (
            io.TextIOWrapper(io.FileIO(number, mode, closefd=False), encoding="utf-8", write_through=True)
            for number, mode in enumerate(("r", "w", "w"))
        )
        os.chdir(folder)
        warnings.resetwarnings()
        sys.argv = ["aggregator", *words]
        main()
    except SystemExit as error:
        code = error.code or 0
    except BaseException:  # noqa: BLE001 - what Python does at the end of a program
        traceback.print_exc()
        code = 1
    for stream in (sys.stdout, sys.stderr):
        with suppress(ValueError):
            stream.flush()
    return code if isinstance(code, int) else 1

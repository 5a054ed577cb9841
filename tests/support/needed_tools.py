"""Programs and packages that some tests need: if one is missing, the test is skipped, or fails in CI."""

from __future__ import annotations

import importlib
import os
import shutil
from types import ModuleType

import pytest

SEARCH_PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])
"""The folders of programs, including those of servers, which are only on an administrator's PATH."""


def require_program(name: str) -> str:
    """Return the path of a program, or skip the test if it is missing."""
    return shutil.which(name, path=SEARCH_PATH) or skip_missing(f"the program {name}")


def require_package(name: str) -> ModuleType:
    """Import a package of a dependency group, or skip the test if it is missing."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        skip_missing(f"the package {name} (`uv sync --all-groups`)")


def skip_missing(what: str) -> pytest.NoReturn:
    """Skip the test because `what` is missing; fail it in CI, where everything must be installed."""
    reason = f"{what} is missing"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)

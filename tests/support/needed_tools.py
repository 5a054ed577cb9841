"""Programs and packages that some tests need besides the library: there, or the test skips by name; in CI it fails."""

from __future__ import annotations

import importlib
import os
import shutil
from types import ModuleType

import pytest

SEARCH_PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])
"""Where programs are looked for: servers lie in folders that only an administrator's PATH names."""


def require_program(name: str) -> str:
    """Return the path of a program, or skip the test."""
    return shutil.which(name, path=SEARCH_PATH) or skip_missing(f"the program {name}")


def require_package(name: str) -> ModuleType:
    """Import a package of the dependency group `clients`, or skip the test."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        skip_missing(f"the package {name} (`uv sync --all-groups`)")


def skip_missing(what: str) -> pytest.NoReturn:
    """Skip the test since `what` is not there; fail where everything must be, in CI."""
    reason = f"{what} is missing"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)

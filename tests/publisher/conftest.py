"""Files are created with the usual rights, whatever the umask of the person who runs the tests."""

import os
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _usual_rights() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)

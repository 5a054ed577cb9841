"""The lists of sources on the disk: new addresses are written into them, and new lists beside them."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress

from aggregator.config.settings import Config
from aggregator.config.source_text import with_addresses
from aggregator.model.errors import AggregatorError


def apply_addresses(config: Config, moves: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """Write new addresses into the lists of the config, and return lines for people: what was done, what was not.

    Args:
        config: has the sources, each with its place in a list.
        moves: the new addresses by the URL that identifies a source.
    """
    assert config.sources is not None
    listed = {source.url: source for source in config.sources.listed}
    done, left = [], []
    by_file: dict[str, dict[str, str]] = {}
    for url, new in moves.items():
        source = listed.get(url)
        if source is None:
            left.append(f"{url} → {new}: a living list names it (its keeper has to change it)")
            continue
        old = source.address or url
        if old != new:
            path = source.position.rsplit(":", 2)[0]
            by_file.setdefault(path, {})[old] = new
            done.append(f"{source.position}: {old} → {new}")
    for path, changes in by_file.items():
        _rewrite(path, changes)
    return done, left


def write_list(config: Config, name: str, text: str) -> str:
    """Write a new list of sources called `name`, and return its path.

    Raises:
        AggregatorError: if there is a list of that name, or the lists are one file.
    """
    assert config.sources is not None
    folder = config.sources.list
    if not folder or os.path.isfile(folder):
        raise AggregatorError(
            f"{folder or 'sources.list'}: is not a folder (set `sources.list` to one, such as `sources`)"
        )
    path = os.path.join(folder, f"{name}.yaml")
    os.makedirs(folder, exist_ok=True)
    try:
        with open(path, "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise AggregatorError(f"{path}: already exists (rename the file to import, or remove this one)") from error
    return path


def _rewrite(path: str, changes: Mapping[str, str]) -> None:
    """Replace a list by one with other addresses, at once; a link, the mode and a byte order mark stay."""
    real = os.path.realpath(path)
    with open(real, "rb") as file:
        before = file.read()
        mode = os.fstat(file.fileno()).st_mode
    mark = b"\xef\xbb\xbf" if before.startswith(b"\xef\xbb\xbf") else b""
    after = mark + with_addresses(before.removeprefix(mark).decode(), changes).encode()
    handle, temporary = tempfile.mkstemp(dir=os.path.dirname(real), prefix=".", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(after)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, mode & 0o7777)
        os.replace(temporary, real)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise

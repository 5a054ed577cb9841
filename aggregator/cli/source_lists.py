"""The lists of sources on the disk: new addresses are written into them, and other tools' lists beside them."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import NamedTuple

from aggregator.collector.lists import LARGEST, Kind, read
from aggregator.config.settings import Config
from aggregator.config.source_text import list_of, with_addresses
from aggregator.config.sources import read_sources
from aggregator.model.errors import AggregatorError
from aggregator.model.sources import Source
from aggregator.model.words import escape_controls


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


class Imported(NamedTuple):
    """What became of another tool's list: the new list, how many sources it has, and lines about what is not in it."""

    path: str
    sources: int
    left: tuple[str, ...]


def import_list(config: Config, kind: Kind, file: str) -> Imported:
    """Write the sources of another tool's file as a new list, which is called as the file is.

    Raises:
        AggregatorError: if the file is no such list, or holds no source that is not listed yet.
        OSError: if it cannot be read.
    """
    with open(file, "rb") as opened:
        data = opened.read(LARGEST + 1)
    found = read(data, kind, defaults=Source(url=""))
    if isinstance(found, str):
        raise AggregatorError(f"{file}: {found}")
    sources, refused = _acceptable(config, found.sources)
    left = [f"{file}:{line.number}: {line.text}: {line.became}" for line in found.lines if not line.is_taken]
    left += [f"{file}: {url}: not taken: {reason}" for url, reason in refused]
    left += [f"{file}: a living list: add it to `sources.opml` in the config: {url}" for url in found.lists]
    if not sources:
        raise AggregatorError("\n".join([*left, f"{file}: holds no source to import"]))
    name = os.path.splitext(os.path.basename(file))[0].lstrip(".") or kind
    text = f"# From {escape_controls(os.path.basename(file))} ({kind}).\n{list_of(sources)}"
    return Imported(write_list(config, name, text), len(sources), tuple(left))


def _acceptable(config: Config, sources: Iterable[Source]) -> tuple[list[Source], list[tuple[str, str]]]:
    """Return the sources that a list may have, and the addresses of the others with the reasons."""
    assert config.sources is not None
    listed = {one.address or one.url: one.position for one in config.sources.listed}
    good, refused = [], []
    for source in sources:
        read_back, problems = read_sources([("", list_of([source]).encode())], config.sources)
        url = read_back[0].url if read_back else source.url
        if problems:
            refused.append((source.url, problems[0].message))
        elif url in listed:
            refused.append((source.url, f"already listed in {listed[url] or 'this list'}"))
        else:
            listed[url] = ""
            good.append(source)
    return good, refused


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

"""The lists of sources on the disk: new addresses are written into them, and other tools' lists beside them."""

from __future__ import annotations

import codecs
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import NamedTuple

import msgspec

from aggregator.collector.lists import LARGEST, Kind, read
from aggregator.config import parsers
from aggregator.config.settings import Config
from aggregator.config.source_text import list_of, with_addresses
from aggregator.config.sources import SUFFIXES, read_sources
from aggregator.model.errors import AggregatorError, reason_of
from aggregator.model.sources import Source
from aggregator.model.words import escape_controls


class Applied(NamedTuple):
    """Lines for people: which addresses were written, which were not, and which lists could not be written."""

    done: tuple[str, ...]
    left: tuple[str, ...]
    failed: tuple[str, ...]


def apply_addresses(config: Config, moves: Mapping[str, str]) -> Applied:
    """Write new addresses into the lists of the config; what is already there is not written again.

    Args:
        config: has the sources, each with its place in a list.
        moves: the new addresses by the URL that identifies a source.
    """
    assert config.sources is not None
    taken = {address: source for source in config.sources.listed for address in (source.url, source.address) if address}
    listed = {source.url: source for source in config.sources.listed}
    left, failed, done = list[str](), list[str](), list[str]()
    by_file: dict[str, dict[str, tuple[str, str]]] = {}
    for url, new in moves.items():
        source = listed.get(url)
        if source is None:
            left.append(f"{url} → {new}: a living list names it (its keeper has to change it)")
            continue
        old, address = source.address or url, _as_listed(new)
        if old == address:
            continue
        line = f"{source.position}: {old} → {new}"
        if not address:
            left.append(f"{line}: not written, since a list may not have that address")
        elif taken.setdefault(address, source) is not source:
            left.append(f"{line}: not written, since {taken[address].position} has that address (remove one of both)")
        else:
            by_file.setdefault(source.position.rsplit(":", 2)[0], {})[old] = (address, line)
    for path, changes in by_file.items():
        lines = [line for _, line in changes.values()]
        try:
            is_written = _rewrite(config, path, {old: address for old, (address, _) in changes.items()})
        except OSError as error:
            failed.append(f"{path}: cannot be written: {reason_of(error)}")
            continue
        done += lines if is_written else []
        left += (
            []
            if is_written
            else [f"{line}: not written (write it as `url`, and the old one as `was`)" for line in lines]
        )
    return Applied(tuple(done), tuple(left), tuple(failed))


def _as_listed(address: str) -> str:
    """Return an address as a list of sources has it, "" if none may have it."""
    try:
        return parsers.source_url(address)
    except ValueError:
        return ""


def write_list(config: Config, name: str, text: str) -> str:
    """Write a new list of sources called `name`, whole or not at all, and return its path.

    Raises:
        AggregatorError: if there is a list of that name, or the lists are one file.
        OSError: if it cannot be written.
    """
    assert config.sources is not None
    folder = config.sources.list
    if not folder or os.path.isfile(folder) or folder.endswith(SUFFIXES):
        raise AggregatorError(
            f"{folder or 'sources.list'}: is not a folder (set `sources.list` to one, such as `sources`)"
        )
    path = os.path.join(folder, f"{name}.yaml")
    os.makedirs(folder, exist_ok=True)
    with _temporary(folder, text.encode(), 0o666) as temporary:
        try:
            os.link(temporary, path)  # unlike a renaming, it replaces nothing
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
    listed = {address: one.position for one in config.sources.listed for address in (one.address, one.url) if address}
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


def _rewrite(config: Config, path: str, changes: Mapping[str, str]) -> bool:
    """Replace a list by one with other addresses, at once; a link, the mode and a byte order mark stay.

    Return whether that was done: not if the list would say anything else then.
    """
    real = os.path.realpath(path)
    with open(real, "rb") as file:
        before = file.read()
        mode = os.fstat(file.fileno()).st_mode
    mark = codecs.BOM_UTF8 if before.startswith(codecs.BOM_UTF8) else b""
    after = mark + with_addresses(before.removeprefix(mark).decode(), changes).encode()
    if not _says_the_same(config, before, after, changes):
        return False
    with _temporary(os.path.dirname(real), after, 0o600) as temporary:
        os.chmod(temporary, mode & 0o7777)
        os.replace(temporary, real)
    return True


def _says_the_same(config: Config, before: bytes, after: bytes, changes: Mapping[str, str]) -> bool:
    """Return whether two lists have the same sources, but for addresses that were changed."""
    assert config.sources is not None
    old, _ = read_sources([("", before)], config.sources)
    new, problems = read_sources([("", after)], config.sources)
    moved = [
        msgspec.structs.replace(one, address=changes.get(one.address or one.url, one.address), position="")
        for one in old
    ]
    return not problems and moved == [msgspec.structs.replace(one, position="") for one in new]


@contextmanager
def _temporary(folder: str, data: bytes, mode: int) -> Iterator[str]:
    """Give the path of a file that holds `data`, to be given its name; then that is on the disk, too."""
    path = os.path.join(folder, f".{os.getpid()}.tmp")
    with suppress(FileNotFoundError):
        os.unlink(path)  # a process of this number was killed
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        yield path
    finally:
        with suppress(OSError):
            os.unlink(path)
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

"""Object stores: names and bytes in, entries and bytes out. Everything that knows fsspec is here.

Any file system that fsspec opens will do, through the methods that all of them have. S3 has its own class, for what
those lack: a listing in pages, an object's tag together with its bytes in one request, and headers with a put.
Credentials, endpoint and region come from where the store's own tools find them (environment, `~/.aws`, fsspec's config
files).

fsspec is imported when a store is first used. Requests run in parallel on threads. Each object is read and written in
one request, so nobody sees half of it.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, NamedTuple, Protocol, TypeVar

from aggregator.model.errors import StoreError

CONNECTIONS = 16
"""The most requests at the same time."""

LONGEST_REASON = 300
_CONNECT_TIMEOUT, _READ_TIMEOUT, _ATTEMPTS = 5, 20, 2
"""Timeouts in seconds, and attempts. Few, since a turn waits for them and the next scan tries again anyway."""

_S3_NAMES = {"cache-control": "CacheControl", "content-encoding": "ContentEncoding", "content-type": "ContentType"}
_MODIFIED_KEYS = ("mtime", "LastModified", "last_modified", "modified", "created")

Argument = TypeVar("Argument")
Result = TypeVar("Result")


class Entry(NamedTuple):
    """An object: its name relative to the store's URL, its size in bytes, and a value that changes with its content.

    That is the `tag`; if the store has none, it is `modified` (nanoseconds since 1970), which is 0 otherwise.
    """

    name: str
    tag: str
    size: int
    modified: int


class Fetched(NamedTuple):
    """An object that was read; `data` is None if it is larger than allowed."""

    entry: Entry
    data: bytes | None


@dataclass(frozen=True)
class Store:
    """The folder in an object store at a URL. It has no other state, so it can be sent to another process."""

    url: str

    def is_there(self) -> bool:
        """Return whether the bucket or folder exists.

        Raises:
            StoreError: if the store does not answer.
            OSError: if it refuses.
        """
        with _converted_errors(self.url):
            return self._backend.is_there()

    def make(self) -> None:
        """Create the folder. A bucket must be created by its owner. Raises as `entries` does."""
        with _converted_errors(self.url):
            self._backend.make()

    def entries(self, below: str = "") -> Iterator[Entry]:
        """Yield the objects whose names begin with `below`, in the order of the store.

        Raises:
            StoreError: if the store does not answer.
            OSError: if it refuses, or the bucket is missing.
        """
        with _converted_errors(self.url):
            yield from self._backend.entries(below)

    def stat(self, names: Iterable[str]) -> list[Entry | None]:
        """Return the entries of single objects, None for a missing one. Raises as `entries` does."""
        return list(self._each(self._backend.stat, names))

    def fetch(self, names: Iterable[str], limit: int) -> Iterator[Fetched | OSError | None]:
        """Read objects of at most `limit` bytes each. Yields None for a missing one, an error for a refused one.

        Raises:
            StoreError: if the store does not answer.
        """

        def fetch_one(name: str) -> Fetched | OSError | None:
            try:
                return self._backend.fetch(name, limit)
            except OSError as error:
                if _is_no_answer(error):
                    raise
                return error

        yield from self._each(fetch_one, names)

    def put(self, name: str, body: bytes, headers: Mapping[str, str]) -> Entry:
        """Write an object with these HTTP headers, if the store keeps headers. Raises as `entries` does."""
        with _converted_errors(self.url):
            return self._backend.put(name, body, headers)

    def holds(self, entry: Entry, body: bytes) -> bool:
        """Return whether the object of `entry` consists of exactly `body`. Raises as `entries` does."""
        if entry.size != len(body):
            return False
        # Most stores use the digest of RFC 1864 as the tag. If it is another one, only the bytes can tell.
        if entry.tag == hashlib.md5(body, usedforsecurity=False).hexdigest():
            return True
        with _converted_errors(self.url):
            found = self._backend.fetch(entry.name, len(body))
        return found is not None and found.data == body

    def remove(self, name: str) -> None:
        """Remove an object, if it exists. Raises as `entries` does."""
        with _converted_errors(self.url):
            self._backend.remove(name)

    @property
    def _backend(self) -> _Backend:
        return _opened(self.url, os.getpid())

    def _each(self, work: Callable[[Argument], Result], arguments: Iterable[Argument]) -> Iterator[Result]:
        """Yield `work` of each argument, computed in parallel. The first error ends it."""
        from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - 10 ms, and most sites have no store

        pool = ThreadPoolExecutor(CONNECTIONS)
        try:
            with _converted_errors(self.url):
                yield from pool.map(work, arguments)
        finally:
            pool.shutdown(cancel_futures=True)


class _Backend(Protocol):
    """What a kind of store must offer; names are relative to its URL."""

    def is_there(self) -> bool: ...
    def make(self) -> None: ...
    def entries(self, below: str) -> Iterator[Entry]: ...
    def stat(self, name: str) -> Entry | None: ...
    def fetch(self, name: str, limit: int) -> Fetched | None: ...
    def put(self, name: str, body: bytes, headers: Mapping[str, str]) -> Entry: ...
    def remove(self, name: str) -> None: ...


@lru_cache(maxsize=8)
def _opened(url: str, _process: int) -> _Backend:
    """Open a store once in each process: connections do not survive a fork."""
    import fsspec  # noqa: PLC0415 - only a site with a store has it

    if not url.startswith(("s3://", "s3a://")):
        filesystem, root = fsspec.url_to_fs(url, use_listings_cache=False)
        return _AnyFileSystem(filesystem, root.rstrip("/"))
    config = fsspec.config.conf.get("s3", {})
    client_config = {
        "connect_timeout": _CONNECT_TIMEOUT, "read_timeout": _READ_TIMEOUT, "retries": {"max_attempts": _ATTEMPTS},
        "max_pool_connections": CONNECTIONS, "parameter_validation": False, **config.get("config_kwargs", {}),
    }  # fmt: skip
    session = _session(config.get("profile"))
    filesystem, root = fsspec.url_to_fs(url, use_listings_cache=False, config_kwargs=client_config, session=session)
    return _Bucket(filesystem, *root.partition("/")[::2])


def _session(profile: str | None) -> Any:
    """Return a session that does not parse times, which would be five sixths of the cost of a listing."""
    from aiobotocore.session import AioSession  # noqa: PLC0415 - see `_opened`

    session = AioSession(profile=profile)
    session.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=str)
    return session


class _AnyFileSystem:
    """A folder of any file system that fsspec knows."""

    def __init__(self, filesystem: Any, root: str) -> None:
        self._filesystem, self._root = filesystem, root

    def is_there(self) -> bool:
        return bool(self._filesystem.exists(self._root))

    def make(self) -> None:
        self._filesystem.makedirs(self._root, exist_ok=True)

    def entries(self, below: str) -> Iterator[Entry]:
        if not self.is_there():
            raise FileNotFoundError("it is missing")
        found = self._filesystem.find(self._root, detail=True)
        start = len(self._root) + 1
        for path in sorted(found):
            if path.startswith(below, start):
                yield _entry(path[start:], found[path])

    def stat(self, name: str) -> Entry | None:
        try:
            found = self._filesystem.info(self._path(name))
        except FileNotFoundError:
            return None
        return None if found["type"] == "directory" else _entry(name, found)

    def fetch(self, name: str, limit: int) -> Fetched | None:
        entry = self.stat(name)
        if entry is None or entry.size > limit:
            return entry and Fetched(entry, None)
        try:
            data = self._filesystem.cat_file(self._path(name), 0, limit + 1)
        except FileNotFoundError:
            return None
        return Fetched(entry, data if len(data) <= limit else None)

    def put(self, name: str, body: bytes, _headers: Mapping[str, str]) -> Entry:
        self._filesystem.pipe_file(self._path(name), body)
        return _entry(name, self._filesystem.info(self._path(name)))

    def remove(self, name: str) -> None:
        try:
            self._filesystem.rm_file(self._path(name))
        except FileNotFoundError:
            return

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"


class _Bucket:
    """The objects of an S3 bucket whose keys begin with a prefix."""

    def __init__(self, filesystem: Any, bucket: str, prefix: str) -> None:
        self._filesystem, self._bucket, self._prefix = filesystem, bucket, prefix and f"{prefix}/"

    def is_there(self) -> bool:
        try:
            self._call("list_objects_v2", Prefix=self._prefix, MaxKeys=1)
        except FileNotFoundError:
            return False
        return True

    def make(self) -> None:
        raise FileNotFoundError("it is missing")

    def entries(self, below: str) -> Iterator[Entry]:
        more: dict[str, str] = {}
        while True:
            page = self._call("list_objects_v2", Prefix=self._prefix + below, **more)
            for found in page.get("Contents", ()):
                yield Entry(found["Key"][len(self._prefix) :], _unquoted(found["ETag"]), found["Size"], 0)
            if not page.get("IsTruncated"):
                return
            more = {"ContinuationToken": page["NextContinuationToken"]}

    def stat(self, name: str) -> Entry | None:
        try:
            found = self._call("head_object", Key=self._prefix + name)
        except FileNotFoundError:
            return None
        return Entry(name, _unquoted(found["ETag"]), found["ContentLength"], 0)

    def fetch(self, name: str, limit: int) -> Fetched | None:
        from fsspec.asyn import sync  # noqa: PLC0415 - see `_opened`

        try:
            found, data = sync(self._filesystem.loop, self._get, self._prefix + name, f"bytes=0-{limit}")
        except FileNotFoundError:
            return None
        except OSError:
            # An empty object has no first byte, so it answers 416 (RFC 9110 §14.1.2).
            entry = self.stat(name)
            if entry is None or not entry.size:
                return entry and Fetched(entry, b"")
            raise
        size = int(found.get("ContentRange", "").rpartition("/")[2] or found["ContentLength"])
        return Fetched(Entry(name, _unquoted(found["ETag"]), size, 0), data if size <= limit else None)

    async def _get(self, key: str, part: str) -> tuple[Any, bytes]:
        found = await self._filesystem._call_s3("get_object", Bucket=self._bucket, Key=key, Range=part)  # noqa: SLF001 - the asynchronous form of `call_s3`
        try:
            return found, await found["Body"].read()
        finally:
            found["Body"].close()

    def put(self, name: str, body: bytes, headers: Mapping[str, str]) -> Entry:
        s3_headers = {_S3_NAMES[header]: value for header, value in headers.items()}
        found = self._call("put_object", Key=self._prefix + name, Body=body, **s3_headers)
        return Entry(name, _unquoted(found["ETag"]), len(body), 0)

    def remove(self, name: str) -> None:
        self._call("delete_object", Key=self._prefix + name)

    def _call(self, method: str, **arguments: Any) -> Any:
        return self._filesystem.call_s3(method, Bucket=self._bucket, **arguments)


def _unquoted(tag: str) -> str:
    return tag.strip('"')


def _entry(name: str, info: Mapping[str, Any]) -> Entry:
    tag = _unquoted(str(info.get("ETag") or info.get("etag") or ""))
    when = next((info[key] for key in _MODIFIED_KEYS if info.get(key) is not None), None)
    return Entry(name, tag, int(info["size"] or 0), 0 if tag else _nanoseconds(when))


def _nanoseconds(when: Any) -> int:
    """Return a time as stores write it; if there is none, now, so that the object is checked again."""
    if isinstance(when, str):
        when = datetime.fromisoformat(when)
    if isinstance(when, datetime):
        when = (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
    return int(when * 1_000_000_000) if isinstance(when, int | float) else time.time_ns()


def _is_no_answer(error: Exception) -> bool:
    """Return whether the store did not answer at all; answers are other OSErrors (`s3fs.errors`)."""
    return not isinstance(error, OSError) or isinstance(error, ConnectionError | TimeoutError)


@contextmanager
def _converted_errors(url: str) -> Iterator[None]:
    """Convert errors.

    Raises:
        StoreError: if the store does not answer.
        OSError: if it refuses.
    """
    try:
        yield
    except StoreError:
        raise
    except Exception as error:  # each library beneath fsspec has its own
        if not _is_no_answer(error):
            raise
        reason = " ".join(str(error).split())[:LONGEST_REASON] or type(error).__name__
        raise StoreError(f"{url}: the store does not answer: {reason}") from error

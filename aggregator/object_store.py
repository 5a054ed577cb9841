"""Places in object stores: names and bytes in, entries and bytes out. All that is known of fsspec is known here.

Any file system that fsspec opens will do, by the words they all have. S3 gets its own, for what those lack: a listing
that comes a page at a time, an object's tag together with its bytes in one request, and headers with a put.
Credentials, endpoint and region come from where the store's own tools find them (environment, `~/.aws`, fsspec's config
files).

fsspec is imported when a place is first used. Requests run side by side on threads; each object is read and written in
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
"""How many requests are under way at once."""

LONGEST_REASON = 300
_CONNECT, _ANSWER, _ATTEMPTS = 5, 20, 2
"""Seconds to connect and to be answered, and attempts: a turn waits for it, and the next scan tries again anyway."""

_ACROSS = {"cache-control": "CacheControl", "content-encoding": "ContentEncoding", "content-type": "ContentType"}
_TIMES = ("mtime", "LastModified", "last_modified", "modified", "created")

Asked = TypeVar("Asked")
Answered = TypeVar("Answered")


class Entry(NamedTuple):
    """What a store says of an object: its name below the place, size, and what changes with its content.

    That is the `tag`; where the store has none, `modified` (nanoseconds since 1970) must do, else it is 0.
    """

    name: str
    tag: str
    size: int
    modified: int


class Fetched(NamedTuple):
    """An object as it was read; without data where it is larger than was allowed."""

    entry: Entry
    data: bytes | None


@dataclass(frozen=True)
class Store:
    """The place that a URL names. It holds nothing else, so that it can be handed to another process."""

    url: str

    def is_there(self) -> bool:
        """Say whether the bucket or folder is there.

        Raises:
            StoreError: where the store does not answer.
            OSError: where it refuses.
        """
        with _answering(self.url):
            return self._place.is_there()

    def make(self) -> None:
        """Make the folder; a bucket is its owner's to make, and is not there then. Raises as `entries` does."""
        with _answering(self.url):
            self._place.make()

    def entries(self, below: str = "") -> Iterator[Entry]:
        """List the objects whose names begin with `below`, in the order that the store keeps.

        Raises:
            StoreError: where the store does not answer.
            OSError: where it refuses, or the bucket is missing.
        """
        with _answering(self.url):
            yield from self._place.entries(below)

    def look(self, names: Iterable[str]) -> list[Entry | None]:
        """Look at single objects, None for one that is gone; raises as `entries` does."""
        return list(self._each(self._place.look, names))

    def fetch(self, names: Iterable[str], limit: int) -> Iterator[Fetched | OSError | None]:
        """Read objects, each at most `limit` bytes: None for one that is gone, an error for one that is refused.

        Raises:
            StoreError: where the store does not answer.
        """

        def one(name: str) -> Fetched | OSError | None:
            try:
                return self._place.fetch(name, limit)
            except OSError as error:
                if _is_silence(error):
                    raise
                return error

        yield from self._each(one, names)

    def put(self, name: str, body: bytes, headers: Mapping[str, str]) -> Entry:
        """Write an object, whole, with these HTTP headers where the store keeps them; raises as `entries` does."""
        with _answering(self.url):
            return self._place.put(name, body, headers)

    def holds(self, entry: Entry, body: bytes) -> bool:
        """Say whether the object that `entry` was said of holds exactly `body`; raises as `entries` does."""
        if entry.size != len(body):
            return False
        # RFC 1864's digest is what most stores give as the tag. Where it is another, only the bytes can tell.
        if entry.tag == hashlib.md5(body, usedforsecurity=False).hexdigest():
            return True
        with _answering(self.url):
            found = self._place.fetch(entry.name, len(body))
        return found is not None and found.data == body

    def remove(self, name: str) -> None:
        """Remove an object, if it is there; raises as `entries` does."""
        with _answering(self.url):
            self._place.remove(name)

    @property
    def _place(self) -> _Place:
        return _opened(self.url, os.getpid())

    def _each(self, work: Callable[[Asked], Answered], asked: Iterable[Asked]) -> Iterator[Answered]:
        """Do `work` on each, side by side; the first error ends it."""
        from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - 10 ms, and most sites have no store

        pool = ThreadPoolExecutor(CONNECTIONS)
        try:
            with _answering(self.url):
                yield from pool.map(work, asked)
        finally:
            pool.shutdown(cancel_futures=True)


class _Place(Protocol):
    """What a kind of store must be able to do; names are relative to the place."""

    def is_there(self) -> bool: ...
    def make(self) -> None: ...
    def entries(self, below: str) -> Iterator[Entry]: ...
    def look(self, name: str) -> Entry | None: ...
    def fetch(self, name: str, limit: int) -> Fetched | None: ...
    def put(self, name: str, body: bytes, headers: Mapping[str, str]) -> Entry: ...
    def remove(self, name: str) -> None: ...


@lru_cache(maxsize=8)
def _opened(url: str, _process: int) -> _Place:
    """Open a place once in each process: what a fork leaves of a connection is of no use."""
    import fsspec  # noqa: PLC0415 - only a site with a store has it

    if not url.startswith(("s3://", "s3a://")):
        filesystem, root = fsspec.url_to_fs(url, use_listings_cache=False)
        return _AnyPlace(filesystem, root.rstrip("/"))
    said = fsspec.config.conf.get("s3", {})
    manner = {
        "connect_timeout": _CONNECT, "read_timeout": _ANSWER, "retries": {"max_attempts": _ATTEMPTS},
        "max_pool_connections": CONNECTIONS, "parameter_validation": False, **said.get("config_kwargs", {}),
    }  # fmt: skip
    session = _session(said.get("profile"))
    filesystem, root = fsspec.url_to_fs(url, use_listings_cache=False, config_kwargs=manner, session=session)
    return _Bucket(filesystem, *root.partition("/")[::2])


def _session(profile: str | None) -> Any:
    """Make a session that leaves times as they are written: to read those of a listing is five sixths of its cost."""
    from aiobotocore.session import AioSession  # noqa: PLC0415 - see `_opened`

    session = AioSession(profile=profile)
    session.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=str)
    return session


class _AnyPlace:
    """A folder of any file system that fsspec knows."""

    def __init__(self, filesystem: Any, root: str) -> None:
        self._filesystem, self._root = filesystem, root

    def is_there(self) -> bool:
        return bool(self._filesystem.exists(self._root))

    def make(self) -> None:
        self._filesystem.makedirs(self._root, exist_ok=True)

    def entries(self, below: str) -> Iterator[Entry]:
        if not self.is_there():
            raise FileNotFoundError("it is not there")
        found = self._filesystem.find(self._root, detail=True)
        start = len(self._root) + 1
        for path in sorted(found):
            if path.startswith(below, start):
                yield _entry(path[start:], found[path])

    def look(self, name: str) -> Entry | None:
        try:
            found = self._filesystem.info(self._path(name))
        except FileNotFoundError:
            return None
        return None if found["type"] == "directory" else _entry(name, found)

    def fetch(self, name: str, limit: int) -> Fetched | None:
        entry = self.look(name)
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
            self._ask("list_objects_v2", Prefix=self._prefix, MaxKeys=1)
        except FileNotFoundError:
            return False
        return True

    def make(self) -> None:
        raise FileNotFoundError("it is not there")

    def entries(self, below: str) -> Iterator[Entry]:
        more: dict[str, str] = {}
        while True:
            page = self._ask("list_objects_v2", Prefix=self._prefix + below, **more)
            for one in page.get("Contents", ()):
                yield Entry(one["Key"][len(self._prefix) :], _bare(one["ETag"]), one["Size"], 0)
            if not page.get("IsTruncated"):
                return
            more = {"ContinuationToken": page["NextContinuationToken"]}

    def look(self, name: str) -> Entry | None:
        try:
            found = self._ask("head_object", Key=self._prefix + name)
        except FileNotFoundError:
            return None
        return Entry(name, _bare(found["ETag"]), found["ContentLength"], 0)

    def fetch(self, name: str, limit: int) -> Fetched | None:
        from fsspec.asyn import sync  # noqa: PLC0415 - see `_opened`

        try:
            found, data = sync(self._filesystem.loop, self._get, self._prefix + name, f"bytes=0-{limit}")
        except FileNotFoundError:
            return None
        except OSError:
            # Of nothing there is no first byte: RFC 9110 §14.1.2 has an empty object answer 416.
            entry = self.look(name)
            if entry is None or not entry.size:
                return entry and Fetched(entry, b"")
            raise
        size = int(found.get("ContentRange", "").rpartition("/")[2] or found["ContentLength"])
        return Fetched(Entry(name, _bare(found["ETag"]), size, 0), data if size <= limit else None)

    async def _get(self, key: str, part: str) -> tuple[Any, bytes]:
        found = await self._filesystem._call_s3("get_object", Bucket=self._bucket, Key=key, Range=part)  # noqa: SLF001 - the word for asynchronous code; `call_s3` is its other form
        try:
            return found, await found["Body"].read()
        finally:
            found["Body"].close()

    def put(self, name: str, body: bytes, headers: Mapping[str, str]) -> Entry:
        said = {_ACROSS[header]: value for header, value in headers.items()}
        found = self._ask("put_object", Key=self._prefix + name, Body=body, **said)
        return Entry(name, _bare(found["ETag"]), len(body), 0)

    def remove(self, name: str) -> None:
        self._ask("delete_object", Key=self._prefix + name)

    def _ask(self, what: str, **words: Any) -> Any:
        return self._filesystem.call_s3(what, Bucket=self._bucket, **words)


def _bare(tag: str) -> str:
    return tag.strip('"')


def _entry(name: str, info: Mapping[str, Any]) -> Entry:
    tag = _bare(str(info.get("ETag") or info.get("etag") or ""))
    when = next((info[key] for key in _TIMES if info.get(key) is not None), None)
    return Entry(name, tag, int(info["size"] or 0), 0 if tag else _nanoseconds(when))


def _nanoseconds(when: Any) -> int:
    """Give a moment as stores write it; where it is none, now: what changed a moment ago is looked at again."""
    if isinstance(when, str):
        when = datetime.fromisoformat(when)
    if isinstance(when, datetime):
        when = (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
    return int(when * 1_000_000_000) if isinstance(when, int | float) else time.time_ns()


def _is_silence(error: Exception) -> bool:
    """Say whether the store gave no answer at all; an answer comes as another OSError (`s3fs.errors`)."""
    return not isinstance(error, OSError) or isinstance(error, ConnectionError | TimeoutError)


@contextmanager
def _answering(url: str) -> Iterator[None]:
    """Tell silence from refusal.

    Raises:
        StoreError: for silence.
        OSError: for an answer that is not what was asked for.
    """
    try:
        yield
    except StoreError:
        raise
    except Exception as error:  # the libraries beneath fsspec have each their own
        if not _is_silence(error):
            raise
        reason = " ".join(str(error).split())[:LONGEST_REASON] or type(error).__name__
        raise StoreError(f"{url}: the store does not answer: {reason}") from error

"""Notifications of an object store about changed objects: their bytes in, paths of seeds out. Pure.

The form is that of Amazon S3, which other stores send too: `{"Records": [{"s3": {"bucket": {"name": …}, "object":
{"key": …}}}]}`, keys percent-encoded with `+` for a space. The kinds of events and their order are ignored: a
notification is only a hint which paths to scan.
"""

from __future__ import annotations

from urllib.parse import unquote_plus

import msgspec


class _Bucket(msgspec.Struct):
    name: str


class _Object(msgspec.Struct):
    key: str


class _S3Record(msgspec.Struct):
    bucket: _Bucket
    object: _Object


class _Record(msgspec.Struct):
    s3: _S3Record


class _Notification(msgspec.Struct):
    records: list[_Record] = msgspec.field(name="Records")


_decode = msgspec.json.Decoder(_Notification).decode


def paths_in(body: bytes, seeds: str) -> tuple[str, ...]:
    """Return the paths of the objects below the URL `seeds` that a notification names, each once.

    Raises:
        ValueError: if the notification is not valid.
    """
    try:
        records = _decode(body).records
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        message = f"this is not a notification as Amazon S3 sends it, with `Records[].s3.object.key`: {error}"
        raise ValueError(message) from None
    bucket, _, prefix = seeds.partition("://")[2].partition("/")
    start = f"{prefix}/" if prefix else ""
    keys = (unquote_plus(one.s3.object.key) for one in records if one.s3.bucket.name == bucket)
    return tuple(dict.fromkeys(key[len(start) :] for key in keys if key.startswith(start) and len(key) > len(start)))

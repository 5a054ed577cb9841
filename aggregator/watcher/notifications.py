"""What an object store says of changed objects: a notification's bytes in, paths of seeds out; pure.

The form is that of Amazon S3, which other stores send too: `{"Records": [{"s3": {"bucket": {"name": …}, "object":
{"key": …}}}]}`, keys percent-encoded with `+` for a space. Whatever else it says, of kinds of events and their order,
is not believed: it is a hint where to look.
"""

from __future__ import annotations

from urllib.parse import unquote_plus

import msgspec


class _Bucket(msgspec.Struct):
    name: str


class _Object(msgspec.Struct):
    key: str


class _Place(msgspec.Struct):
    bucket: _Bucket
    object: _Object


class _Record(msgspec.Struct):
    s3: _Place


class _Notification(msgspec.Struct):
    records: list[_Record] = msgspec.field(name="Records")


_decode = msgspec.json.Decoder(_Notification).decode


def paths_in(body: bytes, seeds: str) -> tuple[str, ...]:
    """Give the paths of the objects below the URL `seeds` that a notification names, each once.

    Raises:
        ValueError: where it has another form.
    """
    try:
        records = _decode(body).records
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        words = f"this is no notification of the form of Amazon S3, with `Records[].s3.object.key`: {error}"
        raise ValueError(words) from None
    bucket, _, prefix = seeds.partition("://")[2].partition("/")
    start = f"{prefix}/" if prefix else ""
    keys = (unquote_plus(one.s3.object.key) for one in records if one.s3.bucket.name == bucket)
    return tuple(dict.fromkeys(key[len(start) :] for key in keys if key.startswith(start) and len(key) > len(start)))

"""The last guard before a writer: values without the characters that XML cannot hold. Pure.

Items are clean long before they are rendered, so the guard costs nothing until a writer refuses a text.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")

# Every character but those that a document may hold (XML 1.0 §2.2). They cannot be written as references either.
_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def with_legal_text(write: Callable[..., T], *values: Any) -> T:
    """Return `write(*values)`; if it refuses a character (ValueError), the same without illegal characters."""
    try:
        return write(*values)
    except ValueError:
        return write(*map(without_illegal, values))


def without_illegal(value: T) -> T:
    """Return `value` (a struct, text, or sequence of them) without the characters that XML cannot hold."""
    if isinstance(value, str):
        return _ILLEGAL.sub("", value)  # type: ignore[return-value]
    if isinstance(value, tuple | list):
        return tuple(map(without_illegal, value))  # type: ignore[return-value]
    if isinstance(value, msgspec.Struct):
        return type(value)(**{name: without_illegal(getattr(value, name)) for name in value.__struct_fields__})
    return value

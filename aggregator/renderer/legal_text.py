"""The last guard before a writer: comes in any value of the model, goes out one that every writer can write; pure.

Items are clean long before they are rendered, so the guard costs nothing until a writer refuses a text.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")

# XML 1.0 §2.2: the characters a document may hold. The rest has no spelling, not even as a reference.
ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def writable(write: Callable[..., T], *parts: Any) -> T:
    """Give what `write` makes of `parts`; should it refuse a character, of `parts` without such characters."""
    try:
        return write(*parts)
    except ValueError:
        return write(*map(cleaned, parts))


def cleaned(value: T) -> T:
    """Give `value`, a struct, text or sequence of them, without the characters that XML cannot hold."""
    if isinstance(value, str):
        return ILLEGAL.sub("", value)  # type: ignore[return-value]
    if isinstance(value, tuple | list):
        return tuple(map(cleaned, value))  # type: ignore[return-value]
    if isinstance(value, msgspec.Struct):
        return type(value)(**{name: cleaned(getattr(value, name)) for name in value.__struct_fields__})
    return value

"""The text of seed files that programs write: values in front matter, and the digest that shows a later edit. Pure."""

from __future__ import annotations

import hashlib
import json
from typing import Any

_YAML_BREAKS = {ord(one): f"\\u{ord(one):04x}" for one in "\x85\u2028\u2029"}


POSTED, COLLECTED = b"---\n# posted by ", b"---\n# collected, blake2b:"
"""How the files begin that programs write for others: of items that were posted, and of a feed's entries."""


def scalar(value: Any) -> str:
    """Return a value of JSON as it stands in front matter, on one line.

    JSON is valid YAML, but for three characters that YAML 1.1 takes for line breaks.
    """
    return json.dumps(value, ensure_ascii=False).translate(_YAML_BREAKS)


def digest(rest: bytes) -> bytes:
    """Return 32 hex digits by which a file says in its first line what it was when it was written."""
    return hashlib.blake2b(rest, digest_size=16).hexdigest().encode()


def is_of_others(data: bytes) -> bool:
    """Return whether what a file says was written elsewhere: by who posted it, or in a feed."""
    return data.startswith((POSTED, COLLECTED))

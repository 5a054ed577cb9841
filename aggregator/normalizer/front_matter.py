"""A seed file's bytes, split into front matter and body, and the front matter's values; pure.

Two parsers read YAML here. The fast one (`yaml-rs`) handles nearly every seed; its result counts only where the text
holds nothing the two could read differently and the values decode strictly. Everything else goes to PyYAML behind the
guard of `yaml_text`, whose verdict and positions are final. Both see the same text: UTF-8, every line break a LF.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

try:
    import yaml_rs
except ImportError:  # pragma: no cover - the slow parser alone gives the same items
    yaml_rs = None  # type: ignore[assignment]

MAX_SEED = 1_048_576
"""The largest seed that is read, in bytes."""

MAX_FRONT_MATTER = 262_144
"""The largest front matter that is parsed, in bytes."""

_LINE_BREAKS = re.compile("\r\n?|[\x85\u2028\u2029]")
# What YAML 1.1 forbids in a stream. Stripped before parsing, so that one stray byte does not cost an item.
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufeff\ufffe\uffff]")
# Bytes that need no second look, and the beginnings of the UTF-8 forms of C1, U+0085, U+2028, U+FEFF and U+FFFE.
_USUAL = bytes(byte for byte in range(256) if byte in {9, 10} or (byte >= 32 and byte != 127))
_UNUSUAL = (b"\xc2", b"\xe2\x80\xa8", b"\xe2\x80\xa9", b"\xef\xbb", b"\xef\xbf")
_OPENING = re.compile(r"---[ \t]*\n")
_CLOSING = re.compile(r"^(?:---|\.\.\.)[ \t]*$", re.MULTILINE)
# Where YAML 1.1 and 1.2 part, or where only the guard can say no: tabs, merge keys, anchors and aliases, tags, octal
# numbers, directives. The pattern begins with a space, so that it only looks behind spaces; the rest are plain needles.
_AMBIGUOUS = re.compile(r" (?:[!&*@`%?][^ ]|[-+]?0[0-9_boxBOX])")
_NEEDLES = ("\t", "<<", "\n!", "\n&", "\n*", "\n%", "\n@", "\n`", "\n?", "[!", "[&", "[*", "{&", ",*", ",&", ",!", '":')
_FIRST = frozenset("!&*%@`?")
_WITHDRAWN = re.compile(
    r"^[ \t]*(?:published[ \t]*:[ \t]*[\"']?(?:false|no|off|n)\b|(?:removed|deleted)[ \t]*:[ \t]*[\"']?(?:true|yes|on|y)\b)",
    re.MULTILINE | re.IGNORECASE,
)


class Fault(NamedTuple):
    """What is wrong with a file, before its YAML is looked at; line and column count from 1, 0 means the whole file."""

    message: str
    hint: str = ""
    line: int = 0
    column: int = 0


class FrontMatter(NamedTuple):
    """The two parts of a seed as text; the front matter begins at line 2. `stripped` is where a control character
    was removed (line, column), or None.
    """

    text: str
    body: str
    stripped: tuple[int, int] | None = None


def split(data: bytes) -> FrontMatter | Fault:
    """Split a seed file's bytes at the `---` lines around its front matter, or say why that cannot be done."""
    if len(data) > MAX_SEED:
        return Fault(
            f"has {len(data):,} bytes, at most {MAX_SEED:,} are read", "keep large content elsewhere, link to it"
        )
    if not data.strip(b" \t\r\n\0"):
        return Fault("is empty", "write front matter between two lines of ---, or delete the file")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return _not_utf8(data, error)
    if any(map(data.__contains__, _UNUSUAL)) or data.translate(None, _USUAL):
        return _cut(*_straightened(text))
    return _cut(text, None)


def _straightened(text: str) -> tuple[str, tuple[int, int] | None]:
    """Make every line break a LF and strip what YAML forbids; also tells where the first such character was."""
    text = _LINE_BREAKS.sub("\n", text)
    stripped = _FORBIDDEN.search(text)
    if stripped is None:
        return text, None
    line = text.count("\n", 0, stripped.start()) + 1
    column = stripped.start() - text.rfind("\n", 0, stripped.start())
    return _FORBIDDEN.sub("", text), (line, column)


def _cut(text: str, place: tuple[int, int] | None) -> FrontMatter | Fault:
    opening = _OPENING.match(text)
    if opening is None:
        if re.match(r"-{3}[ \t]*$", text):
            return Fault("the closing --- is missing", "end the front matter with a line ---", 1, 1)
        return Fault("has no front matter", "begin the file with a line ---, then `title: …`, then a line ---", 1, 1)
    closing = _CLOSING.search(text, opening.end())
    if closing is None:
        return Fault("the closing --- is missing", "end the front matter with a line ---", 1, 1)
    front = text[opening.end() : closing.start()]
    if len(front) > MAX_FRONT_MATTER or (not front.isascii() and len(front.encode()) > MAX_FRONT_MATTER):
        return Fault(
            f"its front matter has more than {MAX_FRONT_MATTER:,} bytes", "move long text below the closing ---", 1, 1
        )
    return FrontMatter(front, text[closing.end() + 1 :], place)


def _not_utf8(data: bytes, error: UnicodeDecodeError) -> Fault:
    if data[:2] in {b"\xff\xfe", b"\xfe\xff"} or data[1:2] == b"\0" or data[:1] == b"\0":
        return Fault("is UTF-16, not UTF-8", "save it as UTF-8")
    line = data.count(b"\n", 0, error.start) + 1
    column = error.start - data.rfind(b"\n", 0, error.start)
    return Fault(
        f"is not UTF-8: byte {data[error.start]:#04x} at offset {error.start}", "save it as UTF-8", line, column
    )


def fast_values(text: str) -> dict[str, Any] | None:
    """Parse front matter with the fast parser; None where PyYAML has to judge."""
    if yaml_rs is None or text[:1] in _FIRST or any(map(text.__contains__, _NEEDLES)) or _AMBIGUOUS.search(text):
        return None
    try:
        values = yaml_rs.loads(text, parse_datetime=False)
    except ValueError:
        return None
    return values if type(values) is dict else None


def says_withdrawn(data: bytes) -> bool:
    """Say whether a file that cannot be read still holds a line that takes its item out of the feeds."""
    return _WITHDRAWN.search(data.replace(b"\0", b"").decode("utf-8", "replace").replace("\r", "\n")) is not None

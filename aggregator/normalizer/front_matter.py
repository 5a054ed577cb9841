"""Split a seed file's bytes into front matter and body, and parse the front matter with the fast parser. Pure.

Two parsers read YAML. The fast one (`yaml-rs`) reads nearly every seed; its result counts only if the text holds
nothing that the two could read differently, and if the values decode strictly. Everything else goes to PyYAML behind
the guard of `config.yaml.tree`, whose result and positions are final. Both get the same text: UTF-8, every line break
a LF.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from aggregator.config.yaml.tree import double_quoted
from aggregator.model.seed_text import is_of_others
from aggregator.normalizer.held_back import text_holds_back
from aggregator.normalizer.stray_metadata import stray_metadata

try:
    import yaml_rs
except ImportError:  # pragma: no cover - the slow parser alone gives the same items
    yaml_rs = None  # type: ignore[assignment]

MAX_SEED = 1_048_576
"""The largest seed that is read, in bytes."""

MAX_FRONT_MATTER = 262_144
"""The largest front matter that is parsed, in bytes."""

_LINE_BREAKS = re.compile("\r\n?|[\x85\u2028\u2029]")
# What YAML 1.1 forbids in a stream; removed before parsing, so that one stray byte does not cost an item.
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufeff\ufffe\uffff]")
# Bytes that need no further check; the characters beyond ASCII that do, and how their UTF-8 forms begin.
_USUAL = bytes(byte for byte in range(256) if byte in {9, 10, 13} or (byte >= 32 and byte != 127))
_UNUSUAL = re.compile("[\x80-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
_RARE = (b"\xc2", b"\xef", b"\xe2\x80\xa8", b"\xe2\x80\xa9")
_OPENING = re.compile(r"---[ \t]*\n")
_ANY_OPENING = re.compile(r"\s*(---|\+\+\+)")
_CLOSING = re.compile(r"\n(?:---|\.\.\.)[ \t]*(?=\n|$)")
# What YAML 1.1 and 1.2, or the two parsers, read differently, and what only the guard can refuse. For nearly all seeds
# only the first two patterns are tried, which match only after line breaks and only after spaces; the others need a
# certain character in the text. After a line break: quoted keys, block text as a key, merge keys, indicators.
_LINE = re.compile(r"\n[ -]*+(?:[!&*@`%?=,|>\]}:]|<<|[\"'][^\n]*[\"'] *:)")
# After a space: anchors, aliases, tags, directives, octal numbers, underscores in what may be a number, and lists in
# lists on one line, many of which crash the fast parser.
_AMBIGUOUS = re.compile(
    r" [!&*@`%?0+._-](?:(?<![0+._-])[^ \n]|(?<=0)[0-9_boxBOX]|(?<=[+.-])[_0]|(?<=_)|(?<=-) +-|(?<=[ :-] !) )"
)
# What could exceed the limits of `config.yaml.tree`: this length, with at least 1.5 characters a value, or this
# indentation, with at least a column a level.
_LONG = 72_000
_DEEP = " " * 24
_SIMPLE_ESCAPE = re.compile(r"\\[\"\\n]")
# A list or mapping on one line, of plain words, numbers, URLs and quoted text.
_ITEM = r"(?:[A-Za-z0-9](?:[\w ./+()&-]|:(?=/))*|\"[^\"\\\n]*\"|'[^'\n]*')"
_SIMPLE_FLOW = re.compile(
    rf"(?<=[:-] )(?:\[{_ITEM}?(?:, {_ITEM})*\]|\{{(?:[A-Za-z]\w*: {_ITEM}(?:, [A-Za-z]\w*: {_ITEM})*)?\}})(?=\n|$)"
)
_FLOW = re.compile(r"[:\-,?\[{\n] *[\[{]")
# JSON, and programs that write YAML as JSON, write a character beyond U+FFFF as two escapes, which PyYAML refuses.
_PAIR = re.compile(r"(?<!\\)((?:\\\\)*)\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})")
_MARK = b"\xef\xbb\xbf"
_SURROGATE = re.compile("[\ud800-\udfff]")
_UTF16_MARKS = frozenset({b"\xff\xfe", b"\xfe\xff"})


_LONGEST_BRACES = 16_384


class Fault(NamedTuple):
    """What is wrong with a file before its YAML is parsed; line and column count from 1, 0 means the whole file.

    `withdrawn` is true if it is known to say, or may say, that its item is not published.
    """

    message: str
    hint: str = ""
    line: int = 0
    column: int = 0
    withdrawn: bool = False


class FrontMatter(NamedTuple):
    """The two parts of a seed as text; the front matter begins in line 2.

    `stripped` is the line and column of the first control character that was removed, or None.
    """

    text: str
    body: str
    stripped: tuple[int, int] | None = None


def split(data: bytes) -> FrontMatter | Fault:
    """Return a seed file's bytes split at the `---` lines around its front matter, or what is wrong with them."""
    decoded = decode(data)
    return decoded if isinstance(decoded, Fault) else _cut(*decoded, is_checked=not is_of_others(data))


def decode(data: bytes) -> tuple[str, tuple[int, int] | None] | Fault:
    """Return a file's bytes as text, or what is wrong with them.

    Every line break is a LF, and what YAML forbids is removed: beside the text is the line and column of the first such
    character, or None.
    """
    if len(data) > MAX_SEED:
        return Fault(
            f"has {len(data):,} bytes, at most {MAX_SEED:,} are read", "keep large content elsewhere and link to it"
        )
    if not data.strip(b" \t\r\n\0"):
        return Fault("is empty", "write front matter between two lines of ---, or delete the file")
    if data[:2] in _UTF16_MARKS or b"\0" in data[:2]:
        return Fault("is UTF-16, not UTF-8", "save it as UTF-8")
    try:
        text = (data[3:] if data.startswith(_MARK) else data).decode()
    except UnicodeDecodeError as error:
        return _not_utf8(data, error)
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    rare = not text.isascii() and any(map(data.__contains__, _RARE)) and _UNUSUAL.search(text)
    if rare or data.translate(None, _USUAL):
        return _without_forbidden(text)
    return text, None


def _without_forbidden(text: str) -> tuple[str, tuple[int, int] | None]:
    """Return text with all line breaks as LF and without what YAML forbids, and the position of the first of that."""
    text = _LINE_BREAKS.sub("\n", text)
    stripped = _FORBIDDEN.search(text)
    if stripped is None:
        return text, None
    line = text.count("\n", 0, stripped.start()) + 1
    column = stripped.start() - text.rfind("\n", 0, stripped.start())
    return _FORBIDDEN.sub("", text), (line, column)


def _cut(text: str, stripped: tuple[int, int] | None, *, is_checked: bool) -> FrontMatter | Fault:
    opening = _OPENING.match(text)
    if opening is None:
        if re.match(r"-{3}[ \t]*$", text):
            return Fault("the closing --- is missing", "end the front matter with a line ---", 1, 1)
        return _without_front_matter(text)
    # From the line break before it, so that front matter may be empty.
    closing = _CLOSING.search(text, opening.end() - 1)
    if closing is None:
        return Fault("the closing --- is missing", "end the front matter with a line ---", 1, 1)
    front = text[opening.end() : closing.start() + 1]
    if is_too_long(front):
        return too_long()
    body = text[closing.end() + 1 :]
    # What a program wrote has all metadata in its head, and its body is another's text, whatever it looks like.
    if is_checked and (stray := stray_metadata(body, is_head_empty=not front.strip())):
        line = text.count("\n", 0, closing.end() + 1 + stray.offset) + 1
        return Fault(stray.message, stray.hint, line, 1, withdrawn=stray.withdrawn)
    return FrontMatter(with_pairs_joined(front), body, stripped)


def is_too_long(front: str) -> bool:
    """Return whether front matter has more than `MAX_FRONT_MATTER` bytes."""
    # A character has at most four bytes, so only long text is encoded.
    return len(front) * 4 > MAX_FRONT_MATTER and len(front.encode()) > MAX_FRONT_MATTER


def too_long(line: int = 1) -> Fault:
    """Return what is wrong with front matter that is too long."""
    message = f"the front matter has more than {MAX_FRONT_MATTER:,} bytes"
    return Fault(message, "move long text below the closing ---", line, 1)


def with_pairs_joined(front: str) -> str:
    """Return YAML with the two escapes of a character beyond U+FFFF joined, which PyYAML refuses."""
    if "\\" in front and "\\u" in front and _PAIR.search(front):
        return _with_pairs_joined(front)
    return front


def _without_front_matter(text: str) -> Fault:
    """Return what is wrong with a file that begins with no line ---: in whose form its metadata is, if in any."""
    forms = (
        (r"\+\+\+[ \t]*\n", "its front matter is TOML, between lines of +++", "`dialect: hugo`, or `zola`,"),
        (r"\{[ \t]*[\n\"]", "its front matter is JSON", "`dialect: hugo`"),
        (
            r"(?:title|date|slug|tags|category|author|status)[ \t]*:[ \t]*\S",
            "its front matter is not between lines of ---", "`dialect: pelican`",
        ),
        (r"---[a-z]+[ \t]*\n", "its front matter is a program's code, which is not run", ""),
    )  # fmt: skip
    head = text[:400].lstrip()
    for pattern, message, dialect in forms:
        if re.match(pattern, head, re.IGNORECASE) and not (head[0].isalpha() and _CLOSING.search(text)):
            other = f", or set {dialect} for this folder in the config's `seeds`" if dialect else ""
            return Fault(message, f"write YAML between two lines of ---{other}", 1, 1)
    return Fault("has no front matter", "start the file with a line ---, then `title: …`, then a line ---", 1, 1)


def _with_pairs_joined(front: str) -> str:
    """Return front matter with the two escapes of a character joined in double quotes, where alone they are escapes."""
    parts, done = [], 0
    # The parser would stop at them, so it is given other escapes of the same length.
    for start, end in double_quoted(_PAIR.sub(r"\1\\u0041\\u0041", front)):
        parts += [front[done:start], _PAIR.sub(_joined, front[start:end])]
        done = end
    return "".join([*parts, front[done:]])


def _joined(pair: re.Match[str]) -> str:
    return pair[1] + chr(0x10000 + (int(pair[2], 16) - 0xD800) * 0x400 + int(pair[3], 16) - 0xDC00)


def _not_utf8(data: bytes, error: UnicodeDecodeError) -> Fault:
    # The codec counts from after the byte order mark.
    start = error.start + (3 if data.startswith(_MARK) else 0)
    before = _LINE_BREAKS.sub("\n", data[:start].decode("utf-8-sig", "replace"))
    line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
    return Fault(f"is not UTF-8: byte 0x{data[start]:02x} at offset {start}", "save it as UTF-8", line, column)


def fast_values(text: str) -> dict[str, Any] | None:
    """Return front matter as the fast parser reads it, or None if PyYAML must decide."""
    if yaml_rs is None or _is_doubtful(text):
        return None
    try:
        values = yaml_rs.loads(text, parse_datetime=False)
    except ValueError:
        return None
    return values if type(values) is dict else None


def _is_doubtful(text: str) -> bool:
    """Return whether `text` holds anything that the two parsers could read differently."""
    lines = f"\n{text}"
    last = text.rstrip(" \n").rpartition("\n")[2]
    return (
        len(text) > _LONG
        or _DEEP in text
        or "\t" in text
        or _LINE.search(lines) is not None
        or _AMBIGUOUS.search(text) is not None
        # Block text without lines at the very end, which the fast parser reads as a line break.
        or "|" in last
        or ">" in last
        or ("\\" in text and "\\" in _SIMPLE_ESCAPE.sub("", text))
        or (("[" in text or "{" in text) and _FLOW.search(_SIMPLE_FLOW.sub("", lines)) is not None)
    )


def without_surrogates(text: str) -> str:
    """Return `text` without halves of characters, which JSON may hold as escapes, and no file may."""
    return text if text.isprintable() else _SURROGATE.sub("", text)


def decoded(data: bytes) -> str:
    """Return a file's bytes as text, whatever they are, with each line break as LF."""
    return _LINE_BREAKS.sub("\n", data.replace(b"\0", b"").decode("utf-8", "replace").lstrip("\ufeff"))


def says_withdrawn(data: bytes) -> bool:
    """Return whether a file that cannot be read holds a line that takes its item out of the feeds, or may do so (G15).

    Of a file with front matter between its marks only that counts; of any other, such as one that is cut off, all.
    """
    text = decoded(data)
    if (opening := _ANY_OPENING.match(text)) and (closing := text.find(f"\n{opening[1]}", opening.end())) >= 0:
        text = text[:closing]
    # Also within braces: JSON on one line, `params: {draft: true}`.
    return text_holds_back(text) or ("{" in text and text_holds_back(re.sub("[{,]", "\n", text[:_LONGEST_BRACES])))

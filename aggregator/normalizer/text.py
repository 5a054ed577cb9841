"""Clean the text and dates that people wrote. Pure.

Clean text is plain (no formatting tags of HTML, entities decoded once), on one line, and without any character that XML
forbids or that reorders or hides its neighbours. So no writer fails on it and no reader is misled.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

TITLE_LENGTH = 300
SUMMARY_LENGTH = 2_000

MAX_MARKS = 30_000
"""How many characters with a meaning in Markdown or HTML, including line breaks, a text may hold."""

# The marks of lists have a meaning only before a blank, and many URLs are full of them.
_HTML_MARKS = ("<", "&")
_MARKS = (*"\n!&*<>[\\]_`|~", "- ", "-\t", "+ ", "+\t", ". ", ".\t", ") ", ")\t")

# C0 and C1 controls, bidirectional embeddings and overrides, the byte order mark, the replacement character, surrogates
# and noncharacters. Tabs and line breaks are not among them: `multiline` keeps these, `plain` makes them spaces.
# Neither are directional marks and isolates, which text in Arabic or Hebrew needs beside Latin words and numbers.
_ASTRAL_NONCHARACTERS = "".join(chr(plane * 0x10000 + low) for plane in range(1, 17) for low in (0xFFFE, 0xFFFF))
_UNSAFE = (
    "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e"
    "\ufeff\ufffd\ufffe\uffff\ufdd0-\ufdef\ud800-\udfff" + _ASTRAL_NONCHARACTERS
)
_CONTROL = re.compile(f"[{_UNSAFE}]")
# What an author would call a control character; the rest of `_UNSAFE` is removed without a warning.
_WARNED = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufffe\uffff]")
_SUSPECT = re.compile(f"[<&\t\n\r\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u2066-\u2069\u3000{_UNSAFE}]|  |^ | $")
_DIRECTIONAL = re.compile("[\u061c\u200e\u200f\u2066-\u2069]")
_ISOLATE = re.compile("[\u2066-\u2069]")
_TAG = re.compile(r"<!--.*?(?:-->|$)|</?[a-zA-Z][^<>]*>|<![a-zA-Z\[][^<>]*>|<\?[^<>]*>", re.DOTALL)
# Tags within words or beside them; every other tag separates words.
_INLINE_TAG = re.compile(
    r"</?(?:a|abbr|b|bdi|bdo|cite|code|del|dfn|em|font|i|ins|kbd|mark|q|s|samp|small|span|strong|sub|sup|time|u|var|wbr)"
    r"(?:[\s/][^<>]*)?>",
    re.IGNORECASE,
)
# A tag whose name and form leave no doubt that it is HTML: `a<b but c>d` holds none.
_VALUE = r"""(?:"[^"<>]*+"|'[^'<>]*+'|[^\s"'<>=`]++)"""
_FORMATTING_TAG = re.compile(
    r"<(?P<closing>/?)(?P<name>a|abbr|b|bdi|bdo|big|blockquote|br|center|cite|code|del|dfn|div|em|figcaption|figure|font"
    r"|h[1-6]|hr|i|img|ins|kbd|li|mark|ol|p|pre|q|s|samp|script|small|span|strike|strong|style|sub|sup|tt|time|u|ul|var"
    rf"|wbr)(?P<attributes>(?:\s++[a-z][a-z0-9:_-]*+(?:\s*+=\s*+{_VALUE})?+)*+)\s*+/?>",
    re.IGNORECASE,
)
_EMPTY_TAGS = frozenset({"br", "hr", "wbr"})
_SCRIPTS = frozenset({"script", "style"})
_CODE = re.compile(r"[{};=]|\w\(")
_HIDDEN_BLOCK = re.compile(r"<(script|style)\b[^<>]*>.*?(?:</\1\s*>|$)", re.DOTALL | re.IGNORECASE)
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,31});")
# White space, the blank Braille pattern, and the characters that Unicode calls default-ignorable.
_INVISIBLE = re.compile(
    r"[\s\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2060-\u2064\u2066-\u2069\u2800\u3164\ufe00-\ufe0f"
    r"\uffa0\ufff9-\ufffb\U0001d173-\U0001d17a\U000e0000-\U000e0fff]+"
)
_YAML_MOMENT = re.compile(
    r"(\d{4})-(\d\d?)-(\d\d?)(?:[Tt]|[ \t]+)(\d\d?):(\d\d)(?::(\d\d))?(?:\.\d*)?[ \t]*"
    r"([Zz]|UTC|GMT|[-+]\d\d?(?::?\d\d)?)?",
    re.ASCII,
)
_DAY = re.compile(r"(\d{4})-(\d\d?)-(\d\d?)(?!\d)", re.ASCII)
# Days as people write them, at the start of a text: `2024/5/1`, `1 May 2024`, `Wed, May 1st, 2024`, `01/02/2024`.
_SLASHED = re.compile(r"(\d{4})([/.])(\d\d?)\2(\d\d?)(?!\d)", re.ASCII)
_WEEKDAY = r"(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*\.?,?[ \t]+)?"
_DAY_FIRST = re.compile(
    rf"{_WEEKDAY}(\d\d?)(?:st|nd|rd|th)?\.?[ \t-]+([a-z]{{3,9}})\.?,?[ \t-]+(\d{{4}})(?!\d)", re.ASCII | re.IGNORECASE
)
_MONTH_FIRST = re.compile(
    rf"{_WEEKDAY}([a-z]{{3,9}})\.?[ \t]+(\d\d?)(?:st|nd|rd|th)?,?[ \t]+(\d{{4}})(?!\d)", re.ASCII | re.IGNORECASE
)
_YEAR_LAST = re.compile(r"(\d\d?)([/.-])(\d\d?)\2(\d{4})(?!\d)", re.ASCII)
_CLOCK = re.compile(
    r"[ \t]*(?:,|at\b|[Tt](?=\d)|-)?[ \t]*(\d\d?):(\d\d)(:\d\d)?(?:\.\d+)?[ \t]*"
    r"([ap]\.?m\.?)?[ \t]*(\S*)",
    re.ASCII | re.IGNORECASE,
)
_MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
    "december",
)  # fmt: skip
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Dates outside these years are placeholders (such as "no date" in .NET and Java), and no format can write them.
_FIRST_SECOND = int(datetime(1000, 1, 1, tzinfo=UTC).timestamp())
LAST_SECOND = int(datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp())


def decode_entities(text: str) -> str:
    """Decode each HTML entity that ends with its semicolon, once."""
    return _ENTITY.sub(lambda match: html.unescape(match[0]), text) if "&" in text else text


def multiline(text: str) -> str:
    """Return `text` without the characters that no feed may carry, with its line breaks."""
    return _CONTROL.sub("", text)


def has_controls(text: str) -> bool:
    """Return whether `text` holds control characters that its author should know of."""
    return not (text.isascii() and text.isprintable()) and _WARNED.search(text) is not None


def plain(text: str) -> str:
    """Return `text`, as people write titles and excerpts, as clean text on one line.

    Entities are decoded once and formatting tags of HTML removed (`<b>bold</b>`, `<br>`, `<p>…</p>`); anything else in
    angle brackets are words (`Vec<T>`, `a<b`, "the <video> element").
    """
    if _is_plain(text) or ("<" not in text and "&" not in text and not _SUSPECT.search(text)):
        return text
    return _on_one_line(_without_formatting(text) if "<" in text else text)


def name(text: str) -> str:
    """Return `text` as `plain` does, and without directional marks and isolates: names are compared."""
    text = plain(text)
    return text if text.isascii() else " ".join(_DIRECTIONAL.sub("", text).split())


def of_html(fragment: str) -> str:
    """Return the text of an HTML fragment as clean text on one line: without any tag."""
    if "<" in fragment:
        fragment = _TAG.sub(" ", _INLINE_TAG.sub("", _HIDDEN_BLOCK.sub(" ", fragment)))
    return _on_one_line(fragment)


def _on_one_line(text: str) -> str:
    text = decode_entities(text)
    return " ".join((text if _is_safe(text) else _without_stray_isolates(_CONTROL.sub("", text))).split())


def _without_formatting(text: str) -> str:
    """Return `text` without comments and formatting tags: those that are closed, or have attributes, or are empty."""
    if "<![CDATA[" in text:
        text = text.replace("<![CDATA[", "").replace("]]>", "")
    text = _without_comments(text)
    parts, done = [], 0
    for start, end, blank in sorted(_formatting(text)):
        if start >= done:
            parts += [text[done:start], blank]
            done = end
    return "".join([*parts, text[done:]])


def _formatting(text: str) -> Iterator[tuple[int, int, str]]:
    """Yield where formatting tags begin and end, and what takes their place: a blank if they separate words."""
    unclosed: dict[str, list[re.Match[str]]] = {}
    for tag in _FORMATTING_TAG.finditer(text):
        name = tag["name"].lower()
        blank = "" if _INLINE_TAG.fullmatch(tag[0]) else " "
        if tag["closing"]:
            opened = unclosed.get(name)
            if opened and name in _SCRIPTS:
                yield from _script(text, opened[-1], tag)
                opened.clear()
            elif opened:
                yield (*opened.pop().span(), blank)
                yield (*tag.span(), blank)
        elif name in _EMPTY_TAGS or (name not in _SCRIPTS and "=" in tag["attributes"]):
            yield (*tag.span(), blank)
            # The end tag goes as well.
            unclosed.setdefault(name, []).append(tag)
        elif not tag["attributes"] or name in _SCRIPTS:
            unclosed.setdefault(name, []).append(tag)


def _script(text: str, opening: re.Match[str], closing: re.Match[str]) -> Iterator[tuple[int, int, str]]:
    """Yield a script or a style sheet that was pasted with the text; words between the two names stay."""
    if _CODE.search(text, opening.end(), closing.start()):
        yield opening.start(), closing.end(), " "


def _without_comments(text: str) -> str:
    parts, done = [], 0
    while (start := text.find("<!--", done)) >= 0 and (end := text.find("-->", start + 4)) >= 0:
        parts += [text[done:start], " "]
        done = end + 3
    return "".join([*parts, text[done:]])


def _without_stray_isolates(text: str) -> str:
    """Return `text` without isolates that are opened or closed only: they would reorder what follows the text."""
    stray, opened = set[int](), list[int]()
    for mark in _ISOLATE.finditer(text):
        if mark[0] != "\u2069":
            opened.append(mark.start())
        elif opened:
            opened.pop()
        else:
            stray.add(mark.start())
    stray.update(opened)
    return "".join([char for at, char in enumerate(text) if at not in stray]) if stray else text


def _is_plain(text: str) -> bool:
    """Return whether `text` is plain: without a pattern, in a tenth of the time. Most text is."""
    return (
        _is_safe(text) and "<" not in text and "&" not in text and "  " not in text
        and not text.startswith(" ") and not text.endswith(" ")
    )  # fmt: skip


def _is_safe(text: str) -> bool:
    """Return whether `text` holds nothing unsafe and no space but U+0020, without a pattern.

    To Python, neither controls nor unassigned characters are printable; of the unsafe characters only U+FFFD is.
    """
    return text.isprintable() and "\ufffd" not in text


def is_overmarked(text: str, *, is_html: bool = False) -> bool:
    """Return whether `text` holds more marks than anybody writes: parsing them as Markdown would take seconds.

    In HTML only tags and entities are marks.
    """
    return len(text) > MAX_MARKS and sum(map(text.count, _HTML_MARKS if is_html else _MARKS)) > MAX_MARKS


def is_blank(text: str) -> bool:
    """Return whether all of `text` is invisible."""
    if text.isascii():
        return not text.strip()
    return not text or _INVISIBLE.fullmatch(text) is not None


def cut(text: str, length: int) -> str:
    """Return `text` in at most `length` characters, cut at a word and marked with an ellipsis.

    Without a word's end it is cut between grapheme clusters, which readers see as one character each (UAX 29).
    """
    if len(text) <= length:
        return text
    word_end = text.rfind(" ", 0, length - 1)
    head = text[:word_end] if word_end > length // 2 else _clusters(text, length - 1)
    return _without_stray_isolates(head).rstrip(" ,;:-–—") + "…"


def _clusters(text: str, length: int) -> str:
    """Return as many grapheme clusters of `text` as have at most `length` characters; if none, so many characters."""
    if text[max(0, length - 1) : length + 1].isascii():
        return text[:length]
    import regex  # noqa: PLC0415 - only for the few texts that are cut within a word

    starts = [cluster.start() for cluster in regex.finditer(r"\X", text[: length + 1])]
    end = next((start for start in reversed(starts) if start <= length), 0)
    return text[:end] if end else text[:length].rstrip("\u200d\ufe0f")


def title(text: str) -> str:
    """Return a title as feeds show it: clean, at most `TITLE_LENGTH` characters."""
    return cut(plain(text), TITLE_LENGTH)


def moment(text: str, zone: str) -> int:
    """Return a date, or a date with a time, as seconds since 1970 (UTC).

    Without an offset the time is in `zone` (an IANA name); a date alone is its midnight there.

    Raises:
        ValueError: if it is not a date, with a reason that its author can act on.

    """
    parsed = _parsed(text.strip())
    if parsed.tzinfo is None:
        parsed = parsed.replace(tzinfo=UTC if zone == "UTC" else ZoneInfo(zone))
    seconds = (parsed - _EPOCH) // timedelta(seconds=1)
    if seconds < _FIRST_SECOND:
        raise ValueError("is before the year 1000, which looks like a placeholder")
    if seconds > LAST_SECOND:
        raise ValueError("is after the year 9999 in UTC")
    return seconds


def is_moment(text: str, zone: str) -> bool:
    """Return whether `moment` can read a date."""
    try:
        moment(text, zone)
    except (ValueError, OverflowError):
        return False
    return True


def _parsed(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        match = _YAML_MOMENT.fullmatch(text) or _YAML_MOMENT.fullmatch(_in_digits(text))
    try:
        if match is not None:
            return _from_parts(*match.groups())
    except ValueError:
        pass
    raise ValueError(_why_no_date(text))


def _in_digits(text: str) -> str:
    """Return a date that people write in other ways as `2024-5-1 0:00`, its time and offset too; else as it is.

    Raises:
        ValueError: if two readings are possible.
    """
    day, rest = _day_in_digits(text)
    if not day or not rest.strip():
        return f"{day} 0:00" if day else text
    clock = _CLOCK.fullmatch(rest)
    if clock is None:
        return text
    hour, minute, second, half, offset = clock.groups()
    if half:
        if not 1 <= int(hour) <= 12:
            return text
        hour = str(int(hour) % 12 + (12 if half[0] in "pP" else 0))
    return f"{day} {hour}:{minute}{second or ''} {offset}"


def _day_in_digits(text: str) -> tuple[str, str]:
    """Return the day at the start of `text` as `2024-5-1`, or "", and what follows it."""
    if found := _DAY.match(text):
        return found[0], text[found.end() :]
    if found := _SLASHED.match(text):
        return f"{found[1]}-{found[3]}-{found[4]}", text[found.end() :]
    if (found := _DAY_FIRST.match(text)) and (month := _month(found[2])):
        return f"{found[3]}-{month}-{found[1]}", text[found.end() :]
    if (found := _MONTH_FIRST.match(text)) and (month := _month(found[1])):
        return f"{found[3]}-{month}-{found[2]}", text[found.end() :]
    if found := _YEAR_LAST.match(text):
        return _year_last(int(found[1]), int(found[3]), found[4]), text[found.end() :]
    return "", text


def day_of(text: str) -> str:
    """Return the day with which a text begins as `2024-05-01`, "" if it begins with none, or with one of two."""
    try:
        day, _ = _day_in_digits(text.strip())
        return date(*map(int, day.split("-"))).isoformat() if day else ""
    except ValueError:
        return ""


def _year_last(one: int, other: int, year: str) -> str:
    """Return the day of `13/2/2024`, which has one reading, as `2024-2-13`.

    Raises:
        ValueError: of `1/2/2024`, which has two.
    """
    if one <= 12 and other <= 12 and one != other and one and other:
        days = f"{one} {_MONTHS[other - 1].title()} or {other} {_MONTHS[one - 1].title()} {year}"
        raise ValueError(f"is ambiguous: it may mean {days}")
    day, month = (one, other) if one > 12 else (other, one)
    return f"{year}-{month}-{day}"


def _month(word: str) -> int:
    """Return the number of a month, of which at least three letters are written, or 0."""
    name = word.lower()
    name = "sep" if name == "sept" else name
    return next((number for number, month in enumerate(_MONTHS, 1) if name in (month, month[:3])), 0)


def _from_parts(  # noqa: PLR0917 - the groups of one pattern
    year: str, month: str, day: str, hour: str, minute: str, second: str | None, offset: str | None
) -> datetime:
    """Return a moment in the notation of YAML 1.1 (`2026-1-3 9:05:00 +1`)."""
    day_part = date(int(year), int(month), int(day))
    # RFC 3339 §5.7: a leap second is :60, which `time` does not accept.
    time_part = time(int(hour), int(minute), 59 if second == "60" else int(second or 0))
    if not offset:
        return datetime.combine(day_part, time_part)
    if offset in {"Z", "z", "UTC", "GMT"}:
        offset = "Z"
    else:
        digits = offset[1:].replace(":", "")
        hours = digits[:-2] if len(digits) > 2 else digits
        offset = f"{offset[0]}{int(hours):02}:{digits[-2:] if len(digits) > 2 else '00'}"
    return datetime.fromisoformat(f"{day_part}T{time_part}{offset}")


def _why_no_date(text: str) -> str:
    """Return what is wrong, without the author's words: they may be private."""
    day, _ = _day_in_digits(text)
    if not day:
        return "is not a date"
    try:
        date(*map(int, day.split("-")))
    except ValueError:
        return "is not a date: the calendar has no such day"
    return "is not a date: the day is valid, but what follows it is not a time"

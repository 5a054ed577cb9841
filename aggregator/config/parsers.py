"""How single values of the config are written: the text of one in, its value out, or `ValueError(reason, hint)`; pure.

Every function here is handed to `decode` in a `Parse` or `Check`. The time zone is looked up in the system's table of
zones, which is the one place where more than the text is asked.
"""

from __future__ import annotations

import re
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

from aggregator.config.cron import cron_line
from aggregator.config.yaml.decoding import nearest
from aggregator.config.yaml.messages import shown
from aggregator.model.feeds import SITE_FEED
from aggregator.model.slugs import SLUG, composed, slug_of
from aggregator.model.store import is_url
from aggregator.model.urls import canonical

__all__ = [
    "address",
    "duration",
    "duration_limit",
    "folder",
    "host",
    "language",
    "limit",
    "line",
    "name",
    "pattern",
    "picture",
    "place",
    "port",
    "schedule",
    "site_address",
    "size",
    "size_limit",
    "slug",
    "timezone",
    "title_pattern",
    "word",
]

LONGEST_DURATION = 100 * 365 * 86_400
LONGEST_PATTERN = 1000
RESERVED = frozenset({SITE_FEED, ".well-known"})

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_SIZES = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 2**10, "mib": 2**20, "gib": 2**30}
_QUANTITY = re.compile(r"(-?[0-9][0-9_]{0,17}) *([A-Za-z]*)")
# RFC 5646 §2.1, without the irregular tags, and longer languages, of which none is registered.
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8})*")
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?", re.IGNORECASE)
_STORE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^?#]*$")
# What text of seeds loses as well (`normalizer.text`): controls, and what reorders or hides its neighbours.
_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ufffd-\uffff\ufdd0-\ufdef]")
_STRAY_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_IN_URL = re.compile(r"[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]+")


def word(text: str) -> str:
    """Give `text` without the space around it, its letters composed; it must hold something."""
    stripped = composed(text.strip())
    if not stripped:
        raise ValueError("is empty", "write a name, or remove it")
    return stripped


def line(text: str) -> str:
    """Give `text` on one line, without the space around it; it is shown to readers, so it may not mislead them."""
    found = _UNSEEN.search(one_line := " ".join(text.split()))
    if found is not None:
        raise ValueError(f"holds the control character U+{ord(found[0]):04X}", "remove it")
    return one_line


def name(text: str) -> str:
    """Give a name on one line; it must hold something."""
    return line(word(text))


def duration(text: str) -> int:
    """Give the seconds of `30s`, `90m`, `12h`, `365d` or `2w`."""
    found = _QUANTITY.fullmatch(text.strip())
    if found is None:
        raise ValueError(
            f'expected a length of time, found text "{shown(text)}"',
            "such as `30s`, `90m`, `12h`, `365d` or `2w`",
        )
    number, unit = int(found[1]), found[2].lower()
    if unit not in _UNITS:
        amount = abs(number)
        raise ValueError(
            f"`{shown(text)}` has no unit of time", f"write `{amount}s`, `{amount}m`, `{amount}h` or `{amount}d`"
        )
    seconds = number * _UNITS[unit]
    if seconds <= 0:
        raise ValueError("must be longer than zero", f"write `1{unit}` or more, or remove it")
    if seconds > LONGEST_DURATION:
        raise ValueError("is longer than 100 years", "remove it to have no limit")
    return seconds


def duration_limit(text: str) -> int | None:
    """Give the seconds of `30d`, or None for `none`, null and 0."""
    if text.strip().lower() in ("", "~", "null", "none", "0"):
        return None
    return duration(text)


def size(text: str) -> int:
    """Give the bytes of `250kB`, `1MB`, `64KiB` or `250000`."""
    found = _QUANTITY.fullmatch(text.strip())
    if found is None or found[2].lower() not in _SIZES:
        raise ValueError(f'expected a size, found text "{shown(text)}"', "such as `250kB` or `1MB`")
    return int(found[1]) * _SIZES[found[2].lower()]


def limit(text: str) -> int | None:
    """Give a number of items from 1 on, or None for `none`, null and 0."""
    return _limit(text, r"-?[0-9][0-9_]{0,17}", "a number of items", "50")


def size_limit(text: str) -> int | None:
    """Give a size from 1 byte on, or None for `none`, null and 0."""
    return _limit(text, r".*", "a size", "250kB")


def _limit(text: str, form: str, what: str, example: str) -> int | None:
    if text.strip().lower() in ("", "~", "null", "none"):
        return None
    if not re.fullmatch(form, text.strip()):
        raise ValueError(f'expected {what}, found text "{shown(text)}"', f"such as `{example}`, or `null`")
    number = size(text)
    if number < 0:
        raise ValueError("cannot be less than 1", "write `null` for no limit")
    return number or None


def schedule(text: str) -> str | int:
    """Give a cron line, or the seconds of an interval."""
    quantity = _QUANTITY.fullmatch(text.strip())
    if len(text.split()) > 1 and not quantity:
        return cron_line(text)
    if not quantity:
        message = f'expected a cron line or an interval, found text "{shown(text)}"'
        raise ValueError(message, 'such as `"0 * * * *"` or `1h`')
    return duration(text)


def timezone(text: str) -> str:
    """Give the name of a time zone that this system knows."""
    if text == "UTC":
        return text
    from zoneinfo import ZoneInfo, available_timezones  # noqa: PLC0415 - most configs say UTC

    try:
        ZoneInfo(text)
    except (KeyError, ValueError, OSError) as error:  # unknown, not a name at all, a folder of zones
        meant = nearest(text, available_timezones())
        hint = f"did you mean `{meant}`?" if meant else "such as `UTC` or `Europe/Berlin`"
        raise ValueError(f'unknown time zone "{shown(text)}"', hint) from error
    return text


def pattern(text: str) -> str:
    """Give a regular expression that compiles; "" stays "" and fits everything."""
    import regex  # noqa: PLC0415 - loaded only where a config has patterns

    if len(text) > LONGEST_PATTERN:
        raise ValueError(f"the pattern is longer than {LONGEST_PATTERN} characters", "write several shorter ones")
    try:
        regex.compile(text)
    except regex.error as error:
        place = "" if error.pos is None else f" at character {error.pos + 1}"
        raise ValueError(
            f"the pattern is no regular expression: {error.msg}{place}",
            "put a `\\` before a sign that is meant as such",
        ) from error
    except (RecursionError, OverflowError, MemoryError) as error:
        raise ValueError("the pattern is nested too deeply", "write it flatter") from error
    return text


def title_pattern(text: str) -> str:
    """Give a regular expression that compiles and does not fit every title."""
    if not text:
        raise ValueError("an empty pattern fits every title", "remove it")
    return pattern(text)


def language(text: str) -> str:
    """Give a language tag in lower case, such as `en-us`."""
    tag = text.strip().replace("_", "-").lower()
    if not _LANGUAGE.fullmatch(tag):
        raise ValueError(f'"{shown(text)}" is no language tag', "such as `en-us` or `de`")
    if "_" in text:
        raise ValueError(f'"{shown(text)}" is no language tag', f"write `{tag}`")
    return tag


def address(text: str) -> str:
    """Give an absolute http(s) URL in ASCII, its host in lower case; "" stays "" and means none."""
    return urlunsplit(_split(text.strip())) if text.strip() else ""


def picture(text: str) -> str:
    """Give the address of a picture in the form that links of seeds have; "" stays "" and means none."""
    try:
        return canonical(text) if text.strip() else ""
    except ValueError as reason:
        raise ValueError(str(reason), "write the whole address, https://… included") from reason


def site_address(text: str) -> str:
    """Give an absolute http(s) URL that ends with a slash, so that names of documents can follow."""
    parts = _split(text.strip())
    if parts.query or parts.fragment:
        raise ValueError("cannot have a `?` or `#` part", f"write `{urlunsplit((*parts[:3], '', ''))}`")
    path = parts.path if parts.path.endswith("/") else parts.path + "/"
    return urlunsplit(parts._replace(path=path))


def _split(text: str) -> SplitResult:
    try:
        parts = urlsplit(text)
        hostname, _ = parts.hostname or "", parts.port
    except ValueError as error:
        raise ValueError(f'"{shown(text)}" is no URL', 'such as `"https://feeds.example.org/"`') from error
    if parts.scheme not in ("http", "https") or not hostname:
        bare = re.fullmatch(r"[\w-]+(\.[\w-]+)+(:[0-9]+)?(/.*)?", text)
        example = f"https://{shown(text)}" if bare else "https://feeds.example.org/"
        raise ValueError(f'"{shown(text)}" is no absolute http(s) URL', f'such as `"{example}"`')
    if "@" in parts.netloc:
        raise ValueError("a public address cannot hold a user name or password", "remove what stands before the `@`")
    _check_ascii(text, hostname)
    return parts._replace(netloc=parts.netloc.lower())


def _check_ascii(text: str, hostname: str) -> None:
    if not hostname.isascii():
        raise ValueError("the host is not ASCII", f"write `{_ascii(hostname)}`")
    if not _IN_URL.fullmatch(text):
        raise ValueError("a URL holds only ASCII letters, digits and signs", "write others as `%20`, `%C3%A9` …")
    if _STRAY_PERCENT.search(text):
        raise ValueError("a `%` in a URL begins an escape such as `%20`", "write `%25` for the sign itself")
    if ":" not in hostname and not all(_LABEL.fullmatch(label) for label in hostname.removesuffix(".").split(".")):
        raise ValueError(f'"{shown(hostname)}" is no host name', "such as `feeds.example.org`")


def _ascii(hostname: str) -> str:
    try:
        return shown(hostname.encode("idna").decode("ascii"))
    except UnicodeError:
        return "its `xn--…` form"


def host(text: str) -> str:
    """Give a host name or IP address to listen at."""
    stripped = text.strip()
    if not re.fullmatch(r"[A-Za-z0-9_.:%-]{1,253}", stripped):
        raise ValueError(f'"{shown(text)}" is no host to listen at', "such as `127.0.0.1`, `0.0.0.0` or `localhost`")
    return stripped


def port(number: int) -> int:
    """Give a TCP port; 0 lets the system choose one."""
    if not 0 <= number <= 65_535:
        raise ValueError(f"{number} is no port", "write 1 to 65535")
    return number


def connections(number: int) -> int:
    """Give how many clients may be connected at once."""
    if not 1 <= number <= 1_000_000:
        raise ValueError(f"{number} is no number of connections", "write 1 to 1000000; 4096 is usual")
    return number


def file(text: str) -> str:
    """Give the path of a file as written; "" means none."""
    return _path(text, "file", "token") if text else ""


def folder(text: str) -> str:
    """Give the path of a folder as written."""
    if is_url(text):
        raise ValueError("must be a folder of this machine, not a URL", "such as `../.aggregator`")
    return _path(text, "folder", "../seeds")


def place(text: str) -> str:
    """Give the path of a folder as written, or the URL of a place in a store without the slash at its end."""
    if not is_url(text):
        return _path(text, "folder", "../seeds")
    if not text.isprintable() or not _STORE.match(text):
        raise ValueError(f'"{shown(text)}" is no URL of a place in a store', 'such as `"s3://bucket/seeds"`')
    scheme, _, rest = text.partition("://")
    if scheme.lower() == "file":
        if not rest.startswith("/"):
            raise ValueError("names another machine's files", "write `file:///` and the full path")
        return unquote(rest)
    if "@" in rest.partition("/")[0]:
        raise ValueError(
            "cannot hold a user name or password", "put them where the store's own tools look, such as ~/.aws"
        )
    return f"{scheme.lower()}://{'/'.join(part for part in rest.split('/') if part)}"


def _path(text: str, kind: str, example: str) -> str:
    if not text.strip() or not text.isprintable():
        raise ValueError(f"is no path of a {kind}", f"such as `{example}`")
    if text.startswith("~"):
        raise ValueError("`~` is not read as the home folder", "write the full path")
    return text


def slug(text: str) -> str:
    """Give a slug: lower-case ASCII letters, digits and inner hyphens, at most 64, and none that the site needs."""
    if text.lower() in RESERVED:
        raise ValueError(f"`{text}` is taken by the site itself", "write another one")
    if not SLUG.fullmatch(text):
        raise ValueError(
            f'"{shown(text)}" is no slug', f"write lower-case letters, digits and hyphens, such as `{slug_of(text)}`"
        )
    return text

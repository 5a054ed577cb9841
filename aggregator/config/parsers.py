"""Parsers and checks of single config values: text in; the value, or `ValueError(reason, hint)`, out.

`settings` names them in `Parse` and `Check` annotations. Pure, except that `timezone` reads the system's zone table.
"""

from __future__ import annotations

import re
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

from aggregator.config.cron import cron_line
from aggregator.config.yaml import scalars
from aggregator.config.yaml.decoding import nearest
from aggregator.config.yaml.messages import shortened
from aggregator.model.feeds import SITE_FEED, WhoSearches
from aggregator.model.globs import glob_problem
from aggregator.model.seed_roots import PLACEHOLDERS, SEED_KEYS, key_meant_by, shown_names
from aggregator.model.slugs import SLUG, composed, slug_of
from aggregator.model.store import is_url
from aggregator.model.urls import canonical

LONGEST_DURATION = 100 * 365 * 86_400
LONGEST_PATTERN = 1000
SHORTEST_POLL = 15 * 60
"""The shortest interval, in seconds, at which a source may be asked."""

MOST_FIRST_ITEMS = 500
"""The most items that a new source may show at once: no more are read of a document."""

RESERVED = frozenset({SITE_FEED, ".well-known"})

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_SIZES = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 2**10, "mib": 2**20, "gib": 2**30}
_QUANTITY = re.compile(r"(-?[0-9][0-9_]{0,17}) *([A-Za-z]*)")
# RFC 5646 §2.1, without the irregular tags, and longer languages, of which none is registered.
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8})*")
_COLOUR = re.compile(r"#?([0-9a-f]{6}|[0-9a-f]{3})", re.IGNORECASE)
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?", re.IGNORECASE)
_STORE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^?#]*$")
# The same as in seeds (`normalizer.text`): control characters, and those that reorder or hide their neighbours.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\ufeff\ufffd-\uffff\ufdd0-\ufdef]")
# Marks that text in Arabic or Hebrew needs; names are compared, so they have none.
_DIRECTIONAL = re.compile("[\u061c\u200e\u200f\u2066-\u2069]")
_STRAY_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_IN_URL = re.compile(r"[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]+")
_PLACEHOLDER = re.compile(r"(?:^|\.)example\.(?:org|com|net)\.?$")


def name(text: str) -> str:
    """Return `text` stripped and in Unicode's composed form; it must not be empty."""
    stripped = composed(text.strip())
    if not stripped:
        raise ValueError("is empty", "write a name, or remove it")
    return stripped


def one_line(text: str) -> str:
    """Return `text` on one line, stripped. Readers see it, so it must not hold misleading characters."""
    return _without(_UNSAFE, " ".join(text.split()))


def one_line_name(text: str) -> str:
    """Return a name on one line; it must not be empty."""
    return _without(_DIRECTIONAL, one_line(name(text)))


def _without(controls: re.Pattern[str], line: str) -> str:
    found = controls.search(line)
    if found is not None:
        raise ValueError(f"contains the control character U+{ord(found[0]):04X}", "remove it")
    return line


def duration(text: str) -> int:
    """Return the seconds of a duration such as `30s`, `90m`, `12h`, `365d` or `2w`."""
    found = _QUANTITY.fullmatch(text.strip())
    if found is None:
        raise ValueError(
            f'expected a length of time, found text "{shortened(text)}"',
            "such as `30s`, `90m`, `12h`, `365d` or `2w`",
        )
    number, unit = int(found[1]), found[2].lower()
    if unit not in _UNITS:
        amount, what = abs(number), "an unknown" if unit else "no"
        raise ValueError(
            f"`{shortened(text)}` has {what} unit of time",
            f"write `{amount}s`, `{amount}m`, `{amount}h` or `{amount}d`",
        )
    seconds = number * _UNITS[unit]
    if seconds <= 0:
        raise ValueError("must be longer than zero", f"write `1{unit}` or more, or remove it")
    if seconds > LONGEST_DURATION:
        raise ValueError("is longer than 100 years", "remove it to have no limit")
    return seconds


def duration_limit(text: str) -> int | None:
    """Return the seconds of a duration such as `30d`, or None for `none`, null and 0."""
    if text.strip().lower() in ("", "~", "null", "none", "0"):
        return None
    return duration(text)


def who_searches(text: str) -> WhoSearches:
    """Return who answers searches: the daemon for `true`, files of the site for `static`, nobody for `false`."""
    word = text.strip().lower()
    if word == "static":
        return "static"
    if word not in scalars.BOOLEANS:
        raise ValueError(f'expected `true`, `false` or `static`, found text "{shortened(text)}"')
    return "daemon" if word in scalars.YES else ""


def size(text: str) -> int:
    """Return the bytes of a size such as `250kB`, `1MB`, `64KiB` or `250000`."""
    found = _QUANTITY.fullmatch(text.strip())
    if found is None or found[2].lower() not in _SIZES:
        raise ValueError(f'expected a size, found text "{shortened(text)}"', "such as `250kB` or `1MB`")
    return int(found[1]) * _SIZES[found[2].lower()]


def colour(text: str) -> str:
    """Return a colour such as `#0b57c9` or `#05c` as `#rrggbb`."""
    found = _COLOUR.fullmatch(text.strip())
    if found is None:
        raise ValueError(
            f'expected a colour, found text "{shortened(text)}"', 'six hexadecimal digits, such as "0b57c9"'
        )
    digits = found[1].lower()
    return f"#{digits if len(digits) == 6 else ''.join(2 * digit for digit in digits)}"


def item_limit(text: str) -> int | None:
    """Return a number of items, at least 1, or None for `none`, null and 0."""
    return _limit(text, r"-?[0-9][0-9_]{0,17}", "a number of items", "50")


def count(number: int) -> int:
    """Return a number that is at least 0."""
    if number < 0:
        raise ValueError("cannot be less than 0", "write 0 for none")
    return number


def size_limit(text: str) -> int | None:
    """Return a size in bytes, at least 1, or None for `none`, null and 0."""
    return _limit(text, r".*", "a size", "250kB")


def _limit(text: str, form: str, what: str, example: str) -> int | None:
    if text.strip().lower() in ("", "~", "null", "none"):
        return None
    if not re.fullmatch(form, text.strip()):
        raise ValueError(f'expected {what}, found text "{shortened(text)}"', f"such as `{example}`, or `null`")
    number = size(text)
    if number < 0:
        raise ValueError("cannot be less than 1", "write `null` for no limit")
    return number or None


def cron_or_interval(text: str) -> str | int:
    """Return cron lines (`cron.cron_line`), or the seconds of an interval."""
    quantity = _QUANTITY.fullmatch(text.strip())
    if len(text.split()) > 1 and not quantity:
        return cron_line(text)
    if not quantity:
        message = f'expected a cron line or an interval, found text "{shortened(text)}"'
        raise ValueError(message, 'such as `"0 * * * *"` or `1h`')
    return duration(text)


def timezone(text: str) -> str:
    """Return the name of a time zone that this system knows."""
    if text == "UTC":
        return text
    from zoneinfo import ZoneInfo, available_timezones  # noqa: PLC0415 - most configs say UTC

    try:
        ZoneInfo(text)
    except (KeyError, ValueError, OSError) as error:  # unknown, not a name at all, a folder of zones
        meant = nearest(text, available_timezones())
        hint = f"did you mean `{meant}`?" if meant else "such as `UTC` or `Europe/Berlin`"
        raise ValueError(f'unknown time zone "{shortened(text)}"', hint) from error
    return text


def pattern(text: str) -> str:
    """Return a regular expression that compiles; "" matches everything."""
    import regex  # noqa: PLC0415 - loaded only if a config has patterns

    if len(text) > LONGEST_PATTERN:
        raise ValueError(f"the pattern is longer than {LONGEST_PATTERN} characters", "write several shorter ones")
    try:
        regex.compile(text)
    except regex.error as error:
        position = "" if error.pos is None else f" at character {error.pos + 1}"
        raise ValueError(
            f"the pattern is not a regular expression: {error.msg}{position}",
            "put a `\\` before a sign that is meant literally",
        ) from error
    except ValueError as error:  # flags that exclude each other
        raise ValueError(f"the pattern is not a regular expression: {error}", "write one of its flags") from error
    except (RecursionError, OverflowError, MemoryError) as error:
        raise ValueError("the pattern is nested too deeply", "simplify it") from error
    return text


def title_pattern(text: str) -> str:
    """Return a regular expression that compiles and is not empty."""
    if not text:
        raise ValueError("an empty pattern matches every title", "remove it")
    return pattern(text)


def points(text: str) -> int:
    """Return points such as `5`, `+5` or `-10`."""
    return _points(text, "")


def points_each(text: str) -> int:
    """Return points for each of several, such as `+10 each`."""
    return _points(text, "each")


def points_a_day(text: str) -> int:
    """Return points for each day, such as `-1/day`."""
    return _points(text, "/day")


def _points(text: str, unit: str) -> int:
    found = re.fullmatch(r"([+-]?[0-9]{1,9})\s*(.*)", text.strip())
    if found is None or found[2] not in {"", unit}:
        example = f"+5{' ' if unit == 'each' else ''}{unit}"
        raise ValueError(f'expected points, found text "{shortened(text)}"', f"such as `{example}`")
    return int(found[1])


def expression(text: str) -> str:
    """Return an expression that is not empty; `config.expressions` says what else is wrong with it, and where."""
    if not text.strip():
        raise ValueError("the expression is empty", "write one such as `topic:Energy`, or remove it")
    return text


def language(text: str) -> str:
    """Return a language tag (RFC 5646) in lower case, such as `en-us`."""
    tag = text.strip().replace("_", "-").lower()
    if not _LANGUAGE.fullmatch(tag):
        raise ValueError(f'"{shortened(text)}" is not a language tag', "such as `en-us` or `de`")
    if "_" in text:
        raise ValueError(f'"{shortened(text)}" is not a language tag', f"write `{tag}`")
    return tag


def http_url(text: str) -> str:
    """Return an absolute http(s) URL in ASCII with its host in lower case; "" means none."""
    return urlunsplit(_split(text.strip())) if text.strip() else ""


def image_url(text: str) -> str:
    """Return the canonical URL of an image (`urls.canonical`); "" means none."""
    try:
        return canonical(text) if text.strip() else ""
    except ValueError as reason:
        raise ValueError(str(reason), "write the full URL, with https://") from reason


PODCAST_CATEGORIES = (
    "Arts", "Business", "Comedy", "Education", "Fiction", "Government", "Health & Fitness", "History", "Kids & Family",
    "Leisure", "Music", "News", "Religion & Spirituality", "Science", "Society & Culture", "Sports", "TV & Film",
    "Technology", "True Crime",
)  # fmt: skip
"""The categories of Apple Podcasts (podcasters.apple.com, "Apple Podcasts categories"), without those below them."""


def podcast_category(text: str) -> str:
    """Return a category as Apple spells it; "" means none."""
    found = next((one for one in PODCAST_CATEGORIES if one.casefold() == text.strip().casefold()), "")
    if text.strip() and not found:
        raise ValueError("is not a category of Apple Podcasts", f"write one of {', '.join(PODCAST_CATEGORIES)}")
    return found


def site_url(text: str) -> str:
    """Return an absolute http(s) URL that ends with a slash, so that document names can be appended."""
    parts = _split(text.strip())
    if parts.query or parts.fragment:
        raise ValueError("cannot have a `?` or `#` part", f"write `{urlunsplit((*parts[:3], '', ''))}`")
    path = parts.path if parts.path.endswith("/") else parts.path + "/"
    return urlunsplit(parts._replace(path=path))


def source_url(text: str) -> str:
    """Return the http(s) URL of a feed, or of a page that names one, with its host in lower case and no fragment."""
    stripped = text.strip()
    if not stripped:
        raise ValueError("is empty", 'write the address of a feed, such as `"https://blog.example.org/feed.xml"`')
    if stripped[:5].lower() == "feed:":
        rest = stripped[5:].removeprefix("//")
        raise ValueError("begins with `feed:`", f"write `{shortened(rest if '://' in rest else f'https://{rest}')}`")
    if "@" in stripped.partition("://")[2].partition("/")[0]:
        raise ValueError("cannot contain a user name or password", "remove what is before the `@`")
    return urlunsplit(_split(stripped)._replace(fragment=""))


def opml_location(text: str) -> str:
    """Return the URL of an OPML list, or the path of one as written."""
    return source_url(text) if "://" in text else _path(text, "file", "../config/subscriptions.opml")


def poll_interval(text: str) -> int:
    """Return the seconds between two polls of a source."""
    seconds = duration(text)
    if seconds < SHORTEST_POLL:
        raise ValueError("is too often for somebody else's server", "write `15m` or more")
    return seconds


def first_items(number: int) -> int:
    """Return how many items a new source shows."""
    if not 0 <= number <= MOST_FIRST_ITEMS:
        raise ValueError(f"{number} is not a number of items", f"write 0 to {MOST_FIRST_ITEMS}; 5 is usual")
    return number


def base_url(text: str) -> str:
    """Return an absolute http(s) URL that ends with a slash; "" means none."""
    return site_url(text) if text.strip() else ""


def inner_path(written: str) -> str:
    """Return the path of a folder below another one.

    Raises:
        ValueError: if it leads out of that, or a part of it is hidden.
    """
    path = written.strip("/")
    if not path or any(part.startswith(".") or not part for part in path.split("/")):
        raise ValueError("is not a path below the folder (write one such as `posted`)")
    return path


def link_pattern(text: str) -> str:
    """Return the pattern of a link: a path, or a URL, with names in braces such as `{slug}`; "" means none."""
    pattern = text.strip()
    for name in re.findall(r"{([^{}]*)}", pattern):
        if name not in PLACEHOLDERS:
            meant = nearest(name, PLACEHOLDERS)
            known = ", ".join(f"`{{{one}}}`" for one in PLACEHOLDERS)
            raise ValueError(
                f"unknown placeholder `{{{shortened(name)}}}`",
                f"did you mean `{{{meant}}}`?" if meant else f"known: {known}",
            )
    rest = re.sub(r"{[^{}]*}", "", pattern)
    if "{" in rest or "}" in rest:
        raise ValueError("a `{` or `}` has no partner", "write placeholders such as `{slug}`")
    if found := re.search(r":([a-z_]+)", rest.partition("://")[2] or rest):
        raise ValueError(f"`{found[0]}` is no placeholder here", "write `{slug}`, `{year}` … in braces")
    if "://" in rest:
        _split(re.sub(r"{[^{}]*}", "x", pattern))
    elif pattern and not _IN_URL.fullmatch(rest or "/"):
        raise ValueError("a URL may contain only ASCII letters, digits and signs", "write others as `%20`, `%C3%A9` …")
    return pattern


def glob(text: str) -> str:
    """Return a glob of paths below a folder of seeds (`model.globs`)."""
    stripped = text.strip()
    if problem := glob_problem(stripped):
        raise ValueError(f"`{shortened(text)}`: {problem[0]}", problem[1])
    return stripped


def root_name(text: str) -> str:
    """Return the name of a folder of seeds, which begins the paths of its seeds: a slug; "" means none."""
    if text and not SLUG.fullmatch(text):
        hint = f"write lower-case letters, digits and hyphens, such as `{slug_of(text)}`"
        raise ValueError(f'"{shortened(text)}" is not a valid name', hint)
    return text


def seed_keys(keys: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """Return further names of the keys of a seed, by the key."""
    for key, names in keys.items():
        if len(shown_names(names)) < len(names):
            raise ValueError("`secured` is never shown, so it is no further name of a key", "name another key")
        if key not in SEED_KEYS:
            meant = key_meant_by(key) or nearest(key, SEED_KEYS)
            hint = f"did you mean `{meant}`?" if meant else "`aggregator schema seed` lists the keys"
            raise ValueError(f"`{shortened(key)}` is not a key of a seed", hint)
    return keys


def is_placeholder(url: str) -> bool:
    """Return whether the host of a URL is one of the names that exist only for examples (RFC 2606 §3)."""
    return _PLACEHOLDER.search(urlsplit(url).hostname or "") is not None


def _split(text: str) -> SplitResult:
    try:
        parts = urlsplit(text)
        hostname, _ = parts.hostname or "", parts.port
    except ValueError as error:
        raise ValueError(f'"{shortened(text)}" is not a URL', 'such as `"https://feeds.example.org/"`') from error
    if parts.scheme not in ("http", "https") or not hostname:
        bare = re.fullmatch(r"[\w-]+(\.[\w-]+)+(:[0-9]+)?(/.*)?", text)
        example = f"https://{shortened(text)}" if bare else "https://feeds.example.org/"
        raise ValueError(f'"{shortened(text)}" is not an absolute http(s) URL', f'such as `"{example}"`')
    if "@" in parts.netloc:
        raise ValueError("a public address cannot contain a user name or password", "remove what is before the `@`")
    _check_ascii(text, hostname)
    return parts._replace(netloc=parts.netloc.lower())


def _check_ascii(text: str, hostname: str) -> None:
    if not hostname.isascii():
        raise ValueError("the host is not ASCII", f"write `{_ascii(hostname)}`")
    if not _IN_URL.fullmatch(text):
        raise ValueError("a URL may contain only ASCII letters, digits and signs", "write others as `%20`, `%C3%A9` …")
    if _STRAY_PERCENT.search(text):
        raise ValueError("a `%` in a URL begins an escape such as `%20`", "write `%25` for the sign itself")
    if ":" not in hostname and not all(_LABEL.fullmatch(label) for label in hostname.removesuffix(".").split(".")):
        raise ValueError(f'"{shortened(hostname)}" is not a host name', "such as `feeds.example.org`")


def _ascii(hostname: str) -> str:
    try:
        return shortened(hostname.encode("idna").decode("ascii"))
    except UnicodeError:
        return "its `xn--…` form"


def host(text: str) -> str:
    """Return a host name or IP address to listen on."""
    stripped = text.strip()
    if not re.fullmatch(r"[A-Za-z0-9_.:%-]{1,253}", stripped):
        raise ValueError(
            f'"{shortened(text)}" is not a host to listen on', "such as `127.0.0.1`, `0.0.0.0` or `localhost`"
        )
    return stripped


def port(number: int) -> int:
    """Return a TCP port; 0 lets the system choose one."""
    if not 0 <= number <= 65_535:
        raise ValueError(f"{number} is not a port", "write 1 to 65535")
    return number


def connections(number: int) -> int:
    """Return how many clients may be connected at once."""
    if not 1 <= number <= 1_000_000:
        raise ValueError(f"{number} is not a number of connections", "write 1 to 1000000; 4096 is usual")
    return number


def ignored(_value: object) -> None:
    """Return None: the key is allowed and has no effect."""


def file(text: str) -> str:
    """Return the path of a file as written; "" means none."""
    return _path(text, "file", "token") if text else ""


def folder(text: str) -> str:
    """Return the path of a folder as written."""
    if is_url(text):
        raise ValueError("must be a folder on this machine, not a URL", "such as `../.aggregator`")
    return _path(text, "folder", "../seeds")


def location(text: str) -> str:
    """Return the path of a folder as written, or the URL of a folder in an object store without a trailing slash."""
    if not is_url(text):
        return _path(text, "folder", "../seeds")
    if not text.isprintable() or not _STORE.match(text):
        raise ValueError(f'"{shortened(text)}" is not a URL in an object store', 'such as `"s3://bucket/seeds"`')
    scheme, _, rest = text.partition("://")
    if scheme.lower() == "file":
        if not rest.startswith("/"):
            raise ValueError("names files on another machine", "write `file:///` and the full path")
        return unquote(rest)
    if "@" in rest.partition("/")[0]:
        raise ValueError(
            "cannot contain a user name or password", "put them where the store's own tools look, such as ~/.aws"
        )
    return f"{scheme.lower()}://{'/'.join(part for part in rest.split('/') if part)}"


def _path(text: str, kind: str, example: str) -> str:
    if not text.strip() or not text.isprintable():
        raise ValueError(f"is not the path of a {kind}", f"such as `{example}`")
    if text.startswith("~"):
        raise ValueError("`~` is not expanded to the home folder", "write the full path")
    return text


def slug(text: str) -> str:
    """Return a slug: 1 to 64 lower-case ASCII letters, digits and inner hyphens, not reserved by the site."""
    if text.lower() in RESERVED:
        raise ValueError(f"`{text}` is reserved by the site itself", "write another one")
    if not SLUG.fullmatch(text):
        raise ValueError(
            f'"{shortened(text)}" is not a valid slug',
            f"write lower-case letters, digits and hyphens, such as `{slug_of(text)}`",
        )
    return text

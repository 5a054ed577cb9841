"""Canonical URLs: a URL as somebody typed it in, an absolute ASCII http(s) URL out. Pure.

Item ids are canonical links, so changing this module changes ids: readers would get every item again.

Canonical is what RFC 3986 §6.2.2 says: scheme and host in lower case, the host in its ASCII form, no default port,
`%XX` in upper case, nothing encoded that need not be, everything encoded that must be.
"""

from __future__ import annotations

import re
from urllib.parse import SplitResult, quote, urljoin, urlsplit

LONGEST_URL = 4_096
LONGEST_LABEL = 63

# Matches the links that need no work, which are most, in a microsecond: possessive quantifiers never backtrack.
_PLAIN = r"[A-Za-z0-9_.~/!$'()*+,;=:@-]"
_AMPERSAND = r"&(?![#A-Za-z][A-Za-z0-9]*;)"
CANONICAL = re.compile(
    r"https?://(?![^/]*\.\.)[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?/"
    rf"{_PLAIN}*+(?:{_AMPERSAND}{_PLAIN}*+)*+(?:\?(?:{_PLAIN}++|\?|{_AMPERSAND})*+)?"
)
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufeff]")
_BEFORE_QUERY = re.compile(r"[^?#]*")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_HOST = re.compile(r"[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?\.?|\[[0-9a-f:.]+\]")
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})?")
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


def canonical(address: str, base: str = "") -> str:
    """Return the canonical form of `address`, resolved against the absolute URL `base` if it is relative.

    Raises:
        ValueError: if it is not an http(s) URL, with a reason that its author can act on.

    """
    cleaned = _stripped(address)
    if base and not _SCHEME.match(cleaned):
        cleaned = urljoin(base, cleaned)
    if CANONICAL.fullmatch(cleaned):
        return cleaned
    return _rebuilt(_split(cleaned))


def _stripped(text: str) -> str:
    # As browsers do (WHATWG URL, basic parser): drop line breaks and tabs inside, and spaces around it.
    if not text.isprintable():
        text = _UNPRINTABLE.sub("", text)
    text = text.strip()
    if not text:
        raise ValueError("is empty")
    if len(text) > LONGEST_URL:
        raise ValueError(f"has {len(text):,} characters, at most {LONGEST_URL:,} are allowed")
    return text


def _split(text: str) -> SplitResult:
    scheme = _SCHEME.match(text)
    if text.startswith("//") or scheme is None or re.match(r"[\w.-]+:\d+(?:[/?#]|$)", text):
        raise ValueError("has no scheme")
    if scheme[1].lower() not in {"http", "https"}:
        raise ValueError("is not an http or https address")
    if not text[scheme.end() :].startswith("//"):
        raise ValueError(f"lacks // behind {scheme[1].lower()}:")
    # As browsers do (WHATWG URL, path states): a backslash is a slash, except in the query and the fragment.
    try:
        parts = urlsplit(_BEFORE_QUERY.sub(lambda found: found[0].replace("\\", "/"), text, count=1))
        port = parts.port
    except ValueError:
        raise ValueError("is not an address: its host or port cannot be read") from None
    if port == 0:
        raise ValueError("is not an address: there is no port 0")
    if "@" in parts.netloc:
        raise ValueError("holds a user name or password before its host")
    return parts


def _rebuilt(parts: SplitResult) -> str:
    host = _ascii_host(parts.hostname or "")
    port = f":{parts.port}" if parts.port and parts.port != {"http": 80, "https": 443}[parts.scheme] else ""
    path = _encoded(parts.path) or "/"
    query = f"?{_encoded(parts.query)}" if parts.query else ""
    fragment = f"#{_encoded(parts.fragment)}" if parts.fragment else ""
    return f"{parts.scheme}://{host}{port}{path}{query}{fragment}"


def _ascii_host(host: str) -> str:
    if not host.isascii():
        import idna  # noqa: PLC0415 - rarely needed, and it loads tables

        try:
            host = ".".join(map(_ascii_label, idna.uts46_remap(host, std3_rules=False).split(".")))
        except idna.IDNAError:
            raise ValueError("has a host that is not a host name") from None
    if ":" in host:
        host = f"[{host}]"
    if not _HOST.fullmatch(host) or ".." in host:
        raise ValueError("has a host that is not a host name" if host else "has no host")
    return host


def _ascii_label(label: str) -> str:
    """Encode a label mapped by UTS #46. Emoji are allowed, as in browsers, though not in IDNA 2008."""
    import idna  # noqa: PLC0415 - as above

    try:
        return idna.alabel(label).decode("ascii")
    except idna.InvalidCodepoint:
        if label.isascii():
            return label
        # The other requirements of UTS #46 §4.1 hold; joiners of emoji are not allowed.
        for check in (idna.check_nfc, idna.check_hyphen_ok, idna.check_initial_combiner, idna.check_bidi):
            check(label)
        encoded = f"xn--{label.encode('punycode').decode('ascii')}"
        if "\u200c" in label or "\u200d" in label or len(encoded) > LONGEST_LABEL:
            raise
        return encoded


def _encoded(text: str) -> str:
    text = quote(text, safe="%/?:@!$&'()*+,;=~-._")
    return _ESCAPE.sub(_escape, text) if "%" in text else text


def _escape(match: re.Match[str]) -> str:
    if match[1] is None:
        return "%25"
    character = chr(int(match[1], 16))
    return character if character in _UNRESERVED else f"%{match[1].upper()}"

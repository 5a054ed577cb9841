"""What a request for a published document is answered: headers in, status, headers and bytes out; pure.

A document has one representation per content coding (RFC 9110 §8.4), each with a strong ETag of its own: the hash of
its bytes, so it is the same after a restart and on every machine. Their headers are made once, when the document is
shelved; a request then only chooses.
"""

from __future__ import annotations

import hashlib
import html
import re
from collections.abc import Callable, Mapping
from datetime import UTC
from email.utils import formatdate, parsedate_to_datetime
from functools import lru_cache
from typing import NamedTuple

import msgspec

from aggregator.model import document_names
from aggregator.model.archive_layout import page_of
from aggregator.model.feeds import Site

Headers = list[tuple[str, str]]
Get = Callable[[str], str | None]
"""Gives a request's header by its name in lower case, None where it has none."""

METHODS = "GET, HEAD, OPTIONS"
CODINGS = ("br", "gzip")
"""The content codings that documents come in, the better first."""

_POLICY = re.compile(rb'<meta http-equiv="Content-Security-Policy" content="([^"]*)">')
_ETAG = re.compile(r'(?:W/)?"[^"]*"')
_LONGEST_TYPED = 128
_RANGE = re.compile(r"bytes=([0-9]*)-([0-9]*)", re.IGNORECASE)
OPEN_TO_ALL = {"access_control_allow_origin": "*"}
_ANYONE = [
    ("access-control-allow-origin", "*"),
    ("access-control-expose-headers", "ETag, Link"),
]


class Answer(NamedTuple):
    """What goes out: the status, the headers and the bytes (of a HEAD the headers say how many there would be)."""

    status: int
    headers: Headers
    body: bytes = b""


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """One representation: its bytes, its ETag, the headers that go with them and those of a 304."""

    body: bytes
    etag: str
    headers: Headers
    brief: Headers


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A document as it is served: a version per content coding ("" = none).

    `modified` is in seconds since 1970, None while that could not tell this version from the next.
    """

    name: str
    kind: str
    modified: int | None
    versions: dict[str, Version]
    codings: tuple[str, ...]

    @property
    def size(self) -> int:
        """Give how many bytes its versions hold."""
        return sum(len(version.body) for version in self.versions.values())


def shelve(name: str, bodies: Mapping[str, bytes], *, modified: int | None, site: Site, now: float) -> Entry:
    """Make the document `name` ready to be served, from its bytes by content coding and the moment they were written.

    `site` gives its public address and the hub, for the Link header (WebSub §4); `now` (seconds since 1970) says how
    long it may be kept.
    """
    common = [
        ("cache-control", document_names.lifetime(name, now)),
        ("vary", "Accept-Encoding"),
        *(_ANYONE if document_names.file_of(name) == document_names.JSON else ()),
    ]
    content = [
        *([] if modified is None else [("last-modified", formatdate(modified, usegmt=True))]),
        *_links(name, site),
        ("content-type", document_names.content_type(name)),
        ("x-content-type-options", "nosniff"),
        ("accept-ranges", "bytes"),
        *(_of_pages(bodies[""]) if document_names.file_of(name) == document_names.PAGE else ()),
    ]
    versions = {coding: _version(body, coding, common, content) for coding, body in bodies.items()}
    kind = document_names.file_of(name)
    return Entry(name=name, kind=kind, modified=modified, versions=versions, codings=tuple(versions))


def _version(body: bytes, coding: str, common: Headers, content: Headers) -> Version:
    etag = f'"{hashlib.blake2b(body, digest_size=16).hexdigest()}"'
    brief = [("etag", etag), *common]
    encoded = [("content-encoding", coding)] if coding else []
    length = [("content-length", str(len(body)))]
    return Version(body=body, etag=etag, headers=[*brief, *content, *encoded, *length], brief=brief)


def _links(name: str, site: Site) -> Headers:
    if document_names.file_of(name) not in {document_names.RSS, document_names.ATOM, document_names.JSON}:
        return []
    hub = f', <{site.hub}>; rel="hub"' if site.hub and page_of(name) is None else ""
    return [("link", f'<{site.address(name)}>; rel="self"{hub}')]


def _of_pages(body: bytes) -> Headers:
    """Repeat the page's own policy, with what only a header can say, and tell its script that events are to be had."""
    found = _POLICY.search(body, 0, 4_096)
    policy = html.unescape(found[1].decode("ascii", "replace")) if found else ""
    kept = policy if policy.isascii() and policy.isprintable() and policy else "default-src 'none'"
    return [
        ("content-security-policy", f"{kept}; frame-ancestors 'none'"),
        ("referrer-policy", "no-referrer"),
        ("server-timing", "live"),
    ]


def answer(entry: Entry, method: str, get: Get) -> Answer:
    """Answer a request for `entry`: whole, not at all where the client has it (304), or a part of it (206)."""
    if method not in {"GET", "HEAD"}:
        return _other(entry, method)
    accepted = get("accept-encoding") or ""
    chosen = (choose if len(accepted) > _LONGEST_KEPT else _kept_choice)(accepted, entry.codings)
    version = entry.versions[chosen]
    status = _precondition(version, entry.modified, get)
    if status:
        return Answer(status, version.brief)
    if method == "HEAD":
        return Answer(200, version.headers)
    wanted = get("range")
    if wanted is not None and get("if-range") in {None, version.etag}:
        return _part(version, wanted)
    return Answer(200, version.headers, version.body)


def _other(entry: Entry, method: str) -> Answer:
    return options(entry.kind) if method == "OPTIONS" else not_allowed(METHODS)


def options(kind: str) -> Answer:
    """Say what may be asked of a document of that kind, and how; of one that went too, or nobody hears that it did."""
    return Answer(204, [("allow", METHODS), *_preflight(kind)])


def not_allowed(methods: str) -> Answer:
    """Refuse a method (RFC 9110 §15.5.6)."""
    return plain(405, f"only {methods} here\n", allow=methods)


def plain(status: int, text: str, **headers: str) -> Answer:
    """Say something in plain text; nobody keeps it."""
    return _unkept(status, "text/plain", text.encode(), headers)


def page(status: int, body: bytes, **headers: str) -> Answer:
    """Show a page that is made for this one request; nobody keeps it."""
    made = _unkept(status, "text/html", body, headers)
    return made._replace(headers=[*made.headers, *_of_pages(body)])


def _unkept(status: int, media_type: str, body: bytes, headers: Mapping[str, str]) -> Answer:
    named = [(name.replace("_", "-"), value) for name, value in headers.items()]
    return Answer(
        status,
        [
            ("content-type", f"{media_type}; charset=utf-8"), ("x-content-type-options", "nosniff"),
            ("cache-control", "no-store"), ("content-length", str(len(body))), *named,
        ],
        body,
    )  # fmt: skip


def missing(path: str, get: Get) -> Answer:
    """Say that there is nothing at `path`: to a browser by a page that leads to the feeds, to all others in a line.

    Scripts of other sites hear of it where they might read the document itself (Fetch standard, CORS check).
    """
    headers = OPEN_TO_ALL if path.endswith(f"/{document_names.JSON}") else {}
    if "text/html" not in (get("accept") or "") or len(path) > _LONGEST_TYPED:
        return plain(404, "there is no such document\n", **headers)
    # Relative, as a proxy may have taken a prefix away.
    return page(404, _MISSING.format(root="../" * (path.count("/") - 1) or "./").encode(), **headers)


_MISSING = """\
<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Not here</title>
<main>
<h1>There is no such page</h1>
<p>It went, or never was. <a href="{root}">See all feeds</a>.</p>
</main>
"""


def _preflight(kind: str) -> Headers:
    """Let pages elsewhere ask for JSON with conditions (Fetch standard, CORS-preflight)."""
    if kind != document_names.JSON:
        return []
    allowed = [("access-control-allow-methods", "GET, HEAD"), ("access-control-max-age", "86400")]
    return [*_ANYONE, *allowed, ("access-control-allow-headers", "If-None-Match, If-Modified-Since, Range")]


def _precondition(version: Version, modified: int | None, get: Get) -> int:
    """Evaluate the conditions of a request in the order of RFC 9110 §13.2.2; 0 where it is to be answered."""
    if (wanted := get("if-match")) is not None:
        if wanted.strip() != "*" and version.etag not in _ETAG.findall(wanted):
            return 412
    elif modified is not None and (since := _moment(get("if-unmodified-since"))) is not None and modified > since:
        return 412
    if (known := get("if-none-match")) is not None:
        return 304 if _knows(known, version.etag) else 0
    if modified is not None and (since := _moment(get("if-modified-since"))) is not None and modified <= since:
        return 304
    return 0


def _knows(known: str, etag: str) -> bool:
    """Compare weakly, as RFC 9110 §13.1.2 asks for; intermediaries turn strong tags into weak ones."""
    if known == etag or known.strip() == "*":
        return True
    return any(tag.removeprefix("W/") == etag for tag in _ETAG.findall(known))


def _moment(date: str | None) -> float | None:
    """Give an HTTP date as seconds since 1970; one that is none, or several, count as not sent (RFC 9110 §13.1.3)."""
    if date is None or date.count(",") > 1:
        return None
    try:
        found = parsedate_to_datetime(date)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def _part(version: Version, wanted: str) -> Answer:
    """Give one range of bytes; several, or what is none, are answered with the whole (RFC 9110 §14.2)."""
    found = _RANGE.fullmatch(wanted.strip())
    if found is None or found.groups() == ("", "") or max(map(len, found.groups())) > 18:
        return Answer(200, version.headers, version.body)
    size = len(version.body)
    first, last = found.groups()
    if first == "":
        start, end = max(0, size - int(last)), size - 1
    else:
        start, end = int(first), min(int(last or size), size - 1)
        if last and int(last) < start:
            return Answer(200, version.headers, version.body)
    if start >= size or end < start:
        refused = plain(416, "no such range\n", content_range=f"bytes */{size}")
        shared = [pair for pair in version.brief if pair[0] not in {"etag", "cache-control"}]
        return Answer(416, [*refused.headers, *shared], refused.body)
    body = version.body[start : end + 1]
    rest = [pair for pair in version.headers if pair[0] != "content-length"]
    length = ("content-length", str(len(body)))
    return Answer(206, [*rest, length, ("content-range", f"bytes {start}-{end}/{size}")], body)


def choose(accepted: str, offered: tuple[str, ...]) -> str:
    """Choose among the `offered` content codings by an Accept-Encoding header (RFC 9110 §12.5.3); "" is none of them.

    What a client weighs highest wins; at equal weights the smaller coding does. Unencoded is what anybody takes who
    did not rule it out, and what is sent where nothing offered is acceptable.
    """
    weights = dict(filter(None, map(_weighed, accepted.split(","))))
    rest = weights.get("*", 0.0)
    best, heaviest = "", weights.get("identity", 0.0)
    for coding in reversed(CODINGS):
        weight = weights.get(coding, weights.get("x-gzip", rest) if coding == "gzip" else rest)
        if coding in offered and weight > 0 and weight >= heaviest:
            best, heaviest = coding, weight
    return best


_LONGEST_KEPT = 128
_kept_choice = lru_cache(maxsize=1_024)(choose)


def _weighed(part: str) -> tuple[str, float] | None:
    coding, *parameters = (piece.strip().lower() for piece in part.split(";"))
    weight = next((value[2:] for value in parameters if value.startswith("q=")), "1")
    try:
        return (coding, min(1.0, max(0.0, float(weight)))) if coding else None
    except ValueError:
        return (coding, 0.0)

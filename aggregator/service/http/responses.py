"""Responses to requests for published documents: headers in; status, headers and bytes out. Pure.

A document has one representation per content coding (RFC 9110 §8.4), each with a strong ETag of its own: the hash of
its bytes, so it is the same after a restart and on every machine. Headers are made once, when a document enters the
cache; a request only chooses.
"""

from __future__ import annotations

import hashlib
import html
import re
from collections.abc import Callable, Mapping
from datetime import UTC
from email.utils import formatdate, parsedate_to_datetime
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

from aggregator.model import document_names
from aggregator.model.archive_layout import page_of
from aggregator.model.feeds import Site

Headers = list[tuple[str, str]]
GetHeader = Callable[[str], str | None]
"""Returns a header of the request by its name in lower case, or None."""

METHODS = "GET, HEAD, OPTIONS"
CODINGS = ("br", "gzip")
"""The content codings of documents, the smaller result first."""

_POLICY = re.compile(rb'<meta http-equiv="Content-Security-Policy" content="([^"]*)">')
_ETAG = re.compile(r'(?:W/)?"[^"]*"')
_MAX_TYPED_PATH = 128
_RANGE = re.compile(r"bytes=([0-9]*)-([0-9]*)", re.IGNORECASE)
FEEDS = frozenset({document_names.RSS, document_names.ATOM, document_names.JSON})
"""The kinds of documents that are feeds."""

VARY = "Accept-Encoding, Accept, Sec-Fetch-Dest"
"""What the response to a request for a feed depends on (RFC 9110 §12.5.5)."""

OPEN_TO_ALL = {"access_control_allow_origin": "*"}
_ANYONE = [
    ("access-control-allow-origin", "*"),
    ("access-control-expose-headers", "ETag, Link"),
]


class Response(NamedTuple):
    """An HTTP response: status, headers and body (after a HEAD the headers still tell the length)."""

    status: int
    headers: Headers
    body: bytes = b""


class Representation(msgspec.Struct, frozen=True, kw_only=True):
    """One representation of a document: its bytes, ETag, headers, and the headers of a 304."""

    body: bytes
    etag: str
    headers: Headers
    short_headers: Headers


class CachedDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A document ready to be served: a representation per content coding ("" = none).

    `modified` is in seconds since 1970, None while it is too recent to distinguish this version from the next.
    """

    name: str
    kind: str
    modified: int | None
    representations: dict[str, Representation]
    codings: tuple[str, ...]

    @property
    def size(self) -> int:
        """How many bytes its representations hold."""
        return sum(len(one.body) for one in self.representations.values())


def cached_document(
    name: str, bodies: Mapping[str, bytes], *, modified: int | None, site: Site, now: float
) -> CachedDocument:
    """Return the document `name` ready to be served, from its bytes by content coding and the time of its last change.

    `site` has its public address and the hub, for the Link header (WebSub §4). Its Cache-Control depends on `now`
    (seconds since 1970).
    """
    common = [
        ("cache-control", document_names.cache_control(name, now)),
        ("vary", VARY if document_names.kind_of(name) in FEEDS else "Accept-Encoding"),
        *(_ANYONE if document_names.kind_of(name) == document_names.JSON else ()),
    ]
    content = [
        *([] if modified is None else [("last-modified", formatdate(modified, usegmt=True))]),
        *_links(name, site),
        ("content-type", document_names.content_type(name)),
        ("x-content-type-options", "nosniff"),
        ("accept-ranges", "bytes"),
        *(_page_headers(bodies[""]) if document_names.kind_of(name) == document_names.PAGE else ()),
    ]
    representations = {coding: _representation(body, coding, common, content) for coding, body in bodies.items()}
    kind = document_names.kind_of(name)
    return CachedDocument(
        name=name, kind=kind, modified=modified, representations=representations, codings=tuple(representations)
    )


def _representation(body: bytes, coding: str, common: Headers, content: Headers) -> Representation:
    etag = f'"{hashlib.blake2b(body, digest_size=16).hexdigest()}"'
    short_headers = [("etag", etag), *common]
    encoded = [("content-encoding", coding)] if coding else []
    length = [("content-length", str(len(body)))]
    return Representation(
        body=body, etag=etag, headers=[*short_headers, *content, *encoded, *length], short_headers=short_headers
    )


def _links(name: str, site: Site) -> Headers:
    if document_names.kind_of(name) not in FEEDS:
        return []
    hub = f', <{site.hub}>; rel="hub"' if site.hub and page_of(name) is None else ""
    return [("link", f'<{site.address(name)}>; rel="self"{hub}')]


def _page_headers(body: bytes) -> Headers:
    """Return the page's own security policy with what only a header can add, and tell its script that events exist."""
    found = _POLICY.search(body, 0, 4_096)
    policy = html.unescape(found[1].decode("ascii", "replace")) if found else ""
    kept = policy if policy.isascii() and policy.isprintable() and policy else "default-src 'none'"
    return [
        ("content-security-policy", f"{kept}; frame-ancestors 'none'"),
        ("referrer-policy", "no-referrer"),
        ("server-timing", "live"),
    ]


def respond(document: CachedDocument, method: str, get: GetHeader) -> Response:
    """Answer a request for `document`: all of it, 304 if the client has it, or a range of it (206)."""
    if method not in {"GET", "HEAD"}:
        return _other_method(document, method)
    accepted = get("accept-encoding") or ""
    chosen = (choose_coding if len(accepted) > _MAX_CACHED else _cached_choice)(accepted, document.codings)
    version = document.representations[chosen]
    status = _precondition(version, document.modified, get)
    if status:
        return Response(status, version.short_headers)
    if method == "HEAD":
        return Response(200, version.headers)
    wanted = get("range")
    if wanted is not None and get("if-range") in {None, version.etag}:
        return _range_response(version, wanted)
    return Response(200, version.headers, version.body)


def _other_method(document: CachedDocument, method: str) -> Response:
    return options_response(document.kind) if method == "OPTIONS" else method_not_allowed(METHODS)


def options_response(kind: str) -> Response:
    """Answer OPTIONS for a document of that kind; for one that was removed too, else no script could learn of that."""
    return Response(204, [("allow", METHODS), *_preflight(kind)])


def method_not_allowed(methods: str) -> Response:
    """Return a 405 that lists the allowed `methods` (RFC 9110 §15.5.6)."""
    *others, last = methods.split(", ")
    listed = f"{', '.join(others)} and {last} are" if others else f"{last} is"
    return text_response(405, f"only {listed} allowed\n", allow=methods)


def text_response(status: int, text: str, **headers: str) -> Response:
    """Return a response in plain text that is not to be cached."""
    return _uncached(status, "text/plain", text.encode(), headers)


def json_response(status: int, value: Any, **headers: str) -> Response:
    """Return a JSON answer of a route; `headers` are further ones, with `_` for `-`."""
    body = msgspec.json.encode(value) + b"\n"
    own = [
        ("content-type", "application/json"), ("cache-control", "no-store"), ("x-content-type-options", "nosniff"),
        ("content-length", str(len(body))),
    ]  # fmt: skip
    return Response(status, [*own, *((name.replace("_", "-"), value) for name, value in headers.items())], body)


def html_response(status: int, body: bytes, **headers: str) -> Response:
    """Return an HTML page that is not to be cached."""
    made = _uncached(status, "text/html", body, headers)
    return made._replace(headers=[*made.headers, *_page_headers(body)])


def _uncached(status: int, media_type: str, body: bytes, headers: Mapping[str, str]) -> Response:
    named = [(name.replace("_", "-"), value) for name, value in headers.items()]
    return Response(
        status,
        [
            ("content-type", f"{media_type}; charset=utf-8"), ("x-content-type-options", "nosniff"),
            ("cache-control", "no-store"), ("content-length", str(len(body))), *named,
        ],
        body,
    )  # fmt: skip


def not_found(path: str) -> Response:
    """Return a 404 for `path` as a line of text.

    Scripts of other sites may read it if they may read the document itself (Fetch standard, CORS check).
    """
    headers = OPEN_TO_ALL if path.endswith(f"/{document_names.JSON}") else {}
    return text_response(404, "there is no such document\n", **headers)


def missing_page(path: str, body: bytes, *, removed: bool = False) -> Response:
    """Return a 404 for `path`, or a 410 if what was there was removed, with a page for people."""
    headers = OPEN_TO_ALL if path.endswith(f"/{document_names.JSON}") else {}
    return html_response(410 if removed else 404, body, **headers)


def wants_page(path: str, get: GetHeader) -> bool:
    """Return whether a browser asks for `path`, which nobody can have mistyped if it is very long."""
    return "text/html" in (get("accept") or "") and len(path) <= _MAX_TYPED_PATH


def root_of(path: str) -> str:
    """Return the relative URL of the site's top folder from `path`: a proxy may have removed a prefix."""
    return "../" * (path.count("/") - 1) or "./"


def is_navigation(get: GetHeader) -> bool:
    """Return whether a person opens an address in a browser.

    Readers that run in a browser send `Sec-Fetch-Dest: empty` (Fetch Metadata), others do not send it, whatever they
    accept.
    """
    return get("sec-fetch-dest") == "document" and (get("accept") or "").lstrip().lower().startswith("text/html")


def _preflight(kind: str) -> Headers:
    """Return headers that let scripts of other sites request JSON conditionally (Fetch standard, CORS-preflight)."""
    if kind != document_names.JSON:
        return []
    allowed = [("access-control-allow-methods", "GET, HEAD"), ("access-control-max-age", "86400")]
    return [*_ANYONE, *allowed, ("access-control-allow-headers", "If-None-Match, If-Modified-Since, Range")]


def _precondition(version: Representation, modified: int | None, get: GetHeader) -> int:
    """Evaluate the conditions of a request in the order of RFC 9110 §13.2.2; return 0 if it is to be answered."""
    if (wanted := get("if-match")) is not None:
        if wanted.strip() != "*" and version.etag not in _ETAG.findall(wanted):
            return 412
    elif modified is not None and (since := _parse_date(get("if-unmodified-since"))) is not None and modified > since:
        return 412
    if (known := get("if-none-match")) is not None:
        return 304 if _matches(known, version.etag) else 0
    if modified is not None and (since := _parse_date(get("if-modified-since"))) is not None and modified <= since:
        return 304
    return 0


def _matches(known: str, etag: str) -> bool:
    """Compare weakly, as RFC 9110 §13.1.2 requires; proxies turn strong tags into weak ones."""
    if known == etag or known.strip() == "*":
        return True
    return any(tag.removeprefix("W/") == etag for tag in _ETAG.findall(known))


def _parse_date(date: str | None) -> float | None:
    """Parse an HTTP date into seconds since 1970; return None for anything else (RFC 9110 §13.1.3)."""
    if date is None or date.count(",") > 1:
        return None
    try:
        found = parsedate_to_datetime(date)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def _range_response(version: Representation, wanted: str) -> Response:
    """Return one range of bytes; several ranges, or an invalid one, get the full body (RFC 9110 §14.2)."""
    found = _RANGE.fullmatch(wanted.strip())
    if found is None or found.groups() == ("", "") or max(map(len, found.groups())) > 18:
        return Response(200, version.headers, version.body)
    size = len(version.body)
    first, last = found.groups()
    if first == "":
        start, end = max(0, size - int(last)), size - 1
    else:
        start, end = int(first), min(int(last or size), size - 1)
        if last and int(last) < start:
            return Response(200, version.headers, version.body)
    if start >= size or end < start:
        refused = text_response(416, "no such range\n", content_range=f"bytes */{size}")
        shared = [pair for pair in version.short_headers if pair[0] not in {"etag", "cache-control"}]
        return Response(416, [*refused.headers, *shared], refused.body)
    body = version.body[start : end + 1]
    rest = [pair for pair in version.headers if pair[0] != "content-length"]
    length = ("content-length", str(len(body)))
    return Response(206, [*rest, length, ("content-range", f"bytes {start}-{end}/{size}")], body)


def choose_coding(accepted: str, offered: tuple[str, ...]) -> str:
    """Choose among the `offered` content codings by an Accept-Encoding header (RFC 9110 §12.5.3); "" means none.

    The highest weight wins; at equal weights the smaller result does. "" is acceptable unless it is excluded, and is
    also the result if nothing offered is acceptable.
    """
    weights = dict(filter(None, map(_parse_weight, accepted.split(","))))
    rest = weights.get("*", 0.0)
    best, heaviest = "", weights.get("identity", 0.0)
    for coding in reversed(CODINGS):
        weight = weights.get(coding, weights.get("x-gzip", rest) if coding == "gzip" else rest)
        if coding in offered and weight > 0 and weight >= heaviest:
            best, heaviest = coding, weight
    return best


_MAX_CACHED = 128
_cached_choice = lru_cache(maxsize=1_024)(choose_coding)


def _parse_weight(part: str) -> tuple[str, float] | None:
    coding, *parameters = (piece.strip().lower() for piece in part.split(";"))
    weight = next((value[2:] for value in parameters if value.startswith("q=")), "1")
    try:
        return (coding, min(1.0, max(0.0, float(weight)))) if coding else None
    except ValueError:
        return (coding, 0.0)

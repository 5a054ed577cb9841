"""Responses to requests for documents: tables from the RFCs, and properties that hold for any header."""

from __future__ import annotations

import brotli
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.model import document_names
from aggregator.model.feeds import Site
from aggregator.service.http import responses
from aggregator.service.http.responses import CachedDocument, Response, cached_document, choose_coding, respond

WRITTEN = 784_111_777
"""Sun, 06 Nov 1994 08:49:37 GMT, the moment in RFC 9110 §5.6.7."""

DATE, EARLIER, LATER = "Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:36 GMT", "Mon, 07 Nov 1994 08:49:37 GMT"
BODY = bytes(range(256)) * 4
BODIES = {"": BODY, "gzip": b"gzip" + BODY[:100], "br": brotli.compress(BODY)}
SITE = Site(title="Test", url="https://feeds.example.org/", hub="https://hub.example.org/")
NAMES = (
    "all/rss.xml",
    "all/atom.xml",
    "all/feed.json",
    "all/index.html",
    "index.html",
    "feeds.opml",
    ".well-known/feeds",
)


def entry(name: str = "all/rss.xml", **bodies: bytes) -> CachedDocument:
    return cached_document(name, bodies or BODIES, modified=WRITTEN, site=SITE, now=WRITTEN + 60)


FEED = entry()
ETAG = FEED.representations[""].etag


def ask(method: str = "GET", to: CachedDocument = FEED, **headers: str) -> Response:
    """Request with headers named in Python's spelling."""
    return respond(to, method, {name.replace("_", "-"): value for name, value in headers.items()}.get)


def header(reply: Response, name: str) -> str | None:
    """Return a header that occurs at most once."""
    found = [value for one, value in reply.headers if one == name]
    assert len(found) < 2, f"{name} is there {len(found)} times"
    return found[0] if found else None


# -- negotiation (RFC 9110 §12.5.3)


@pytest.mark.parametrize(
    ("accepted", "chosen"),
    [
        ("", ""),
        ("gzip", "gzip"),
        ("br", "br"),
        ("gzip, deflate, br, zstd", "br"),
        ("br, gzip", "br"),
        ("GZIP", "gzip"),
        (" gzip ; q=0.5 ", "gzip"),
        ("gzip;q=1.0, br;q=0.9", "gzip"),
        ("gzip;q=0.5, br;q=0.5", "br"),
        ("gzip;Q=0.2, br;Q=0.1", "gzip"),
        ("br;q=0", ""),
        ("br;q=0.000, gzip", "gzip"),
        ("gzip;q=0, br;q=0", ""),
        ("*", "br"),
        ("*;q=0", ""),
        ("*;q=0.1", "br"),
        ("br;q=0, *", "gzip"),
        ("gzip, *;q=0", "gzip"),
        ("*, gzip;q=0, br;q=0", ""),
        ("identity", ""),
        ("identity, *;q=0", ""),
        ("identity;q=1, gzip;q=0.5", ""),
        ("identity;q=0.5, gzip;q=0.8", "gzip"),
        ("identity;q=0", ""),
        ("identity;q=0, gzip", "gzip"),
        ("x-gzip", "gzip"),
        ("x-gzip;q=0", ""),
        ("x-gzip, gzip;q=0", ""),
        ("deflate", ""),
        ("compress, deflate;q=0.5", ""),
        ("gzip;q=nonsense", ""),
        ("gzip;q=", ""),
        ("gzip;q=nan", ""),
        ("gzip;q=-1", ""),
        ("gzip;q=inf", "gzip"),
        ("gzip;q=7, br;q=1", "br"),
        ("gzip;level=9", "gzip"),
        (",,;;, ,", ""),
        (";q=1", ""),
        ("gzip br", ""),
        ("g\x00zip, ☃", ""),
    ],
)
def test_the_coding_is_what_the_client_weighs_highest(accepted: str, chosen: str) -> None:
    """Weights decide, then the smaller coding; 0 excludes, `*` stands for unnamed codings, nonsense is ignored."""
    assert choose_coding(accepted, ("", "gzip", "br")) == chosen
    reply = ask(accept_encoding=accepted)
    assert reply.body == BODIES[chosen]
    assert header(reply, "content-encoding") == (chosen or None)
    assert header(reply, "vary") == "Accept-Encoding, Accept, Sec-Fetch-Dest"


@pytest.mark.parametrize(
    ("codings", "accepted", "chosen"),
    [
        ((""), "gzip, br", ""),
        (("", "gzip"), "br, gzip;q=0.1", "gzip"),
        (("", "br"), "gzip", ""),
        (("", "gzip"), "*", "gzip"),
    ],
)
def test_only_an_existing_coding_is_chosen(codings: tuple[str, ...], accepted: str, chosen: str) -> None:
    """A coding that a document does not have is never chosen, whatever its weight."""
    assert choose_coding(accepted, tuple(codings)) == chosen


@given(
    st.text()
    | st.lists(st.sampled_from(["gzip", "br", "identity", "*", "x-gzip", ";q=0", ";q=0.5", ",", " "])).map("".join)
)
def test_any_accept_encoding_gets_an_existing_coding(accepted: str) -> None:
    """No header text is an error, and a coding that is not accepted is never sent."""
    chosen = choose_coding(accepted, ("", "gzip", "br"))
    assert chosen in {"", "gzip", "br"}
    assert not chosen or chosen in accepted.lower() or "*" in accepted


def test_long_headers_are_not_cached() -> None:
    """The choice is cached for headers as browsers send them; a flood of long ones costs no memory."""
    before = responses._cached_choice.cache_info().currsize
    assert ask(accept_encoding="gzip," + "x" * 30_000).body == BODIES["gzip"]
    assert responses._cached_choice.cache_info().currsize == before


# -- representations


def test_each_coding_has_an_etag_of_its_own() -> None:
    """Strong validators differ if and only if the bytes do (RFC 9110 §8.8.3.3)."""
    etags = [FEED.representations[coding].etag for coding in ("", "gzip", "br")]
    assert len(set(etags)) == 3
    assert all(etag.startswith('"') and etag.endswith('"') and len(etag) == 34 for etag in etags)
    assert [entry().representations[coding].etag for coding in ("", "gzip", "br")] == etags


@pytest.mark.parametrize(
    ("name", "media_type", "cache"),
    [
        ("all/rss.xml", "application/rss+xml; charset=utf-8", "max-age=1800"),
        ("all/atom.xml", "application/atom+xml; charset=utf-8", "max-age=1800"),
        ("all/feed.json", "application/feed+json", "max-age=1800"),
        ("all/index.html", "text/html; charset=utf-8", "no-cache"),
        ("index.html", "text/html; charset=utf-8", "no-cache"),
        ("feeds.opml", "text/x-opml; charset=utf-8", "max-age=1800"),
        (".well-known/feeds", "text/x-opml; charset=utf-8", "max-age=1800"),
    ],
)
def test_each_kind_has_its_headers(name: str, media_type: str, cache: str) -> None:
    """Every document has a type, lifetime, validators, length and `nosniff`."""
    reply = ask(to=entry(name))
    assert header(reply, "content-type") == media_type
    assert header(reply, "cache-control") == cache
    assert header(reply, "x-content-type-options") == "nosniff"
    assert header(reply, "last-modified") == DATE
    assert header(reply, "accept-ranges") == "bytes"
    assert header(reply, "content-length") == str(len(BODY))
    assert header(reply, "access-control-allow-origin") == ("*" if name.endswith(".json") else None)


@pytest.mark.parametrize("name", NAMES)
def test_feeds_name_themselves_and_their_hub(name: str) -> None:
    """WebSub §4: only feeds have `self` and `hub` links, with the addresses of the config."""
    is_feed = name.endswith(("rss.xml", "atom.xml", "feed.json"))
    link = f'<https://feeds.example.org/{name}>; rel="self", <https://hub.example.org/>; rel="hub"'
    assert header(ask(to=entry(name)), "link") == (link if is_feed else None)


def test_without_a_hub_only_self_is_named() -> None:
    """There is no `hub` link."""
    made = cached_document(
        "all/rss.xml", BODIES, modified=WRITTEN, site=Site(title="Test", url="https://feeds.example.org/"), now=0
    )
    assert header(ask(to=made), "link") == '<https://feeds.example.org/all/rss.xml>; rel="self"'


def test_a_page_repeats_its_own_policy() -> None:
    """The policy in the page is also sent as a header, with what only a header can add."""
    body = b'<meta http-equiv="Content-Security-Policy" content="default-src &#39;none&#39;; img-src http:">'
    reply = ask(to=entry("index.html", **{"": body}))
    assert header(reply, "content-security-policy") == "default-src 'none'; img-src http:; frame-ancestors 'none'"
    assert header(reply, "referrer-policy") == "no-referrer"


@pytest.mark.parametrize("body", [b"", b"<html>", b'<meta http-equiv="Content-Security-Policy" content="', b"\xff\xfe"])
def test_a_page_without_a_policy_may_do_nothing(body: bytes) -> None:
    """Without a policy in the page the strictest one is sent."""
    reply = ask(to=entry("index.html", **{"": body}))
    assert header(reply, "content-security-policy") == "default-src 'none'; frame-ancestors 'none'"


# -- conditions (RFC 9110 §13)


@pytest.mark.parametrize(
    ("known", "status"),
    [
        ("{etag}", 304),
        ("W/{etag}", 304),
        ("*", 304),
        (" * ", 304),
        ('"other"', 200),
        ('W/"other"', 200),
        ('"other", {etag}', 304),
        ('"other" ,W/{etag},', 304),
        ('"a,b", "c", {etag}', 304),
        ("{bare}", 200),
        ('"{bare}', 200),
        ("", 200),
        ("nonsense", 200),
        ('"', 200),
        ('"*"', 200),
        ("w/{etag}", 304),
    ],
)
def test_if_none_match(known: str, status: int) -> None:
    """Lists, `*` and weak comparison; anything else does not match."""
    reply = ask(if_none_match=known.format(etag=ETAG, bare=ETAG.strip('"')))
    assert reply.status == status
    assert bool(reply.body) == (status == 200)


@pytest.mark.parametrize("coding", ["", "gzip", "br"])
def test_a_tag_belongs_to_its_coding(coding: str) -> None:
    """A tag of one coding does not match another coding."""
    for other in ("", "gzip", "br"):
        reply = ask(accept_encoding=coding, if_none_match=FEED.representations[other].etag)
        assert reply.status == (304 if other == coding else 200)


@pytest.mark.parametrize(
    ("since", "status"),
    [
        (DATE, 304), (LATER, 304), (EARLIER, 200), ("Sunday, 06-Nov-94 08:49:37 GMT", 304), ("Sun Nov  6 08:49:37 1994", 304),
        ("", 200), ("0", 200), ("tomorrow", 200), ("Sun, 99 Nov 1994 08:49:37 GMT", 200), ("Sun, 06 Nov 99999 08:49:37 GMT", 200),
        ("Sun, 06 Nov 1994 08:49:37 +9999999999999", 200), ("9" * 10_000, 200), ("Thu, 01 Jan 1970 00:00:00 GMT", 200),
        (f"{DATE}, {DATE}", 200),
    ],
)  # fmt: skip
def test_if_modified_since(since: str, status: int) -> None:
    """All three date formats are valid; an invalid date, or several, are ignored."""
    assert ask(if_modified_since=since).status == status


@pytest.mark.parametrize("known", ['"other"', ETAG, "", "nonsense"])
@pytest.mark.parametrize("since", [EARLIER, DATE, LATER, "nonsense"])
def test_if_none_match_beats_if_modified_since(known: str, since: str) -> None:
    """RFC 9110 §13.1.3: if there is a tag, the date is ignored."""
    assert ask(if_none_match=known, if_modified_since=since).status == ask(if_none_match=known).status


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"if_match": ETAG}, 200),
        ({"if_match": "*"}, 200),
        ({"if_match": f'"other", {ETAG}'}, 200),
        ({"if_match": '"other"'}, 412),
        ({"if_match": f"W/{ETAG}"}, 412),
        ({"if_match": ""}, 412),
        ({"if_unmodified_since": DATE}, 200),
        ({"if_unmodified_since": LATER}, 200),
        ({"if_unmodified_since": EARLIER}, 412),
        ({"if_unmodified_since": "nonsense"}, 200),
        ({"if_match": ETAG, "if_unmodified_since": EARLIER}, 200),
        ({"if_match": '"other"', "if_unmodified_since": LATER}, 412),
        ({"if_match": '"other"', "if_none_match": ETAG}, 412),
        ({"if_match": ETAG, "if_none_match": ETAG}, 304),
        ({"if_unmodified_since": LATER, "if_modified_since": LATER}, 304),
        ({"if_unmodified_since": EARLIER, "range": "bytes=0-1"}, 412),
        ({"if_none_match": ETAG, "range": "bytes=0-1"}, 304),
        ({"if_none_match": '"other"', "range": "bytes=0-1"}, 206),
    ],
)
def test_the_order_of_conditions(headers: dict[str, str], status: int) -> None:
    """RFC 9110 §13.2.2: If-Match (strong), else If-Unmodified-Since; then the two for caches; then ranges."""
    reply = ask(**headers)
    assert reply.status == status
    assert status != 412 or reply.body == b""


@pytest.mark.parametrize("name", NAMES)
def test_a_304_has_the_headers_that_caches_need(name: str) -> None:
    """RFC 9110 §15.4.5: ETag, Cache-Control, Vary and CORS as in a 200; no headers of the content."""
    made = entry(name)
    whole, brief = ask(to=made), ask(to=made, if_none_match=made.representations[""].etag)
    for kept in ("etag", "cache-control", "vary", "access-control-allow-origin", "access-control-expose-headers"):
        assert header(brief, kept) == header(whole, kept)
    assert (brief.status, brief.body) == (304, b"")
    assert {one for one, _ in brief.headers}.isdisjoint({"content-type", "content-length", "content-encoding"})


# -- ranges (RFC 9110 §14)

SIZE = len(BODY)
HUGE = "9" * 4_000


@pytest.mark.parametrize(
    ("wanted", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=0-99", 0, 99),
        ("bytes=100-", 100, SIZE - 1),
        ("bytes=-10", SIZE - 10, SIZE - 1),
        (f"bytes=-{SIZE + 1}", 0, SIZE - 1),
        (f"bytes=0-{SIZE + 500}", 0, SIZE - 1),
        (f"bytes={SIZE - 1}-", SIZE - 1, SIZE - 1),
        ("bytes=007-008", 7, 8),
        ("Bytes=1-2", 1, 2),
        ("bytes=0-" + "9" * 18, 0, SIZE - 1),
    ],
)
def test_one_range_is_a_part(wanted: str, first: int, last: int) -> None:
    """From first to last byte, from a byte on, or the last bytes; an end beyond the last byte is the last byte."""
    reply = ask(range=wanted)
    assert reply.status == 206
    assert reply.body == BODY[first : last + 1]
    assert header(reply, "content-range") == f"bytes {first}-{last}/{SIZE}"
    assert header(reply, "content-length") == str(last - first + 1)
    assert header(reply, "etag") == ETAG


@pytest.mark.parametrize(
    "wanted", [f"bytes={SIZE}-", f"bytes={SIZE}-{SIZE + 1}", "bytes=-0", "bytes=" + "9" * 18 + "-"]
)
@pytest.mark.parametrize("name", ["all/rss.xml", "all/feed.json"])
def test_a_range_beyond_the_end_is_rejected(wanted: str, name: str) -> None:
    """416 has the full length (§15.5.17), and no cache stores it as the feed."""
    reply = ask(to=entry(name), range=wanted)
    assert reply.status == 416
    assert header(reply, "content-range") == f"bytes */{SIZE}"
    assert header(reply, "cache-control") == "no-store"
    assert header(reply, "vary") == "Accept-Encoding, Accept, Sec-Fetch-Dest"
    assert header(reply, "content-length") == str(len(reply.body))
    assert header(reply, "access-control-allow-origin") == ("*" if name.endswith(".json") else None)


@pytest.mark.parametrize(
    "wanted",
    [
        "", "bytes", "bytes=", "bytes=-", "bytes=a-b", "bytes=5-2", "bytes=0-1,3-4", "bytes=0-1, -1", "items=0-1", "bytes=1",
        "bytes=--1", "bytes= 0-1", "bytes=0x1-2", "bytes=+1-2", "bytes=1_0-20", "bytes=٣-٤", f"bytes={HUGE}-", f"bytes=0-{HUGE}",
        f"bytes=-{HUGE}",
    ],
)  # fmt: skip
def test_anything_but_a_single_range_gets_the_full_body(wanted: str) -> None:
    """A server may ignore any Range (§14.2); several, malformed and absurd ones are ignored."""
    reply = ask(range=wanted)
    assert (reply.status, reply.body) == (200, BODY)
    assert header(reply, "content-range") is None


@pytest.mark.parametrize(
    ("condition", "status"),
    [(ETAG, 206), ('"other"', 200), (f"W/{ETAG}", 200), (DATE, 200), (LATER, 200), ("", 200), ("nonsense", 200)],
)
def test_if_range(condition: str, status: int) -> None:
    """§13.1.5: a range only for a matching strong tag; not for a date, as codings share it."""
    reply = ask(range="bytes=0-9", if_range=condition)
    assert (reply.status, len(reply.body)) == (status, 10 if status == 206 else SIZE)


def test_a_range_is_one_of_the_chosen_coding() -> None:
    """§14.1: a range refers to the bytes of the representation that is sent."""
    reply = ask(range="bytes=0-3", accept_encoding="gzip")
    assert (reply.status, reply.body, header(reply, "content-encoding")) == (206, b"gzip", "gzip")


@given(st.integers(0, SIZE * 2), st.integers(0, SIZE * 2))
def test_parts_make_the_whole(first: int, length: int) -> None:
    """Whatever range is requested, its bytes are those of the full body, or it is rejected."""
    reply = ask(range=f"bytes={first}-{first + length}")
    assert reply.status == (206 if first < SIZE else 416)
    if reply.status == 206:
        assert reply.body == BODY[first : first + length + 1]


# -- methods


@given(
    st.sampled_from(NAMES),
    st.dictionaries(
        st.sampled_from(["accept-encoding", "if-none-match", "if-modified-since", "if-match", "if-unmodified-since"]),
        st.sampled_from(["gzip", "br;q=0.5", ETAG, "*", DATE, LATER, EARLIER, '"x"', ""]),
    ),
)
def test_head_is_get_without_the_body(name: str, headers: dict[str, str]) -> None:
    """RFC 9110 §9.3.2: same status and headers."""
    made = entry(name)
    whole, head = respond(made, "GET", headers.get), respond(made, "HEAD", headers.get)
    assert (head.status, head.headers, head.body) == (whole.status, whole.headers, b"")


def test_head_has_no_ranges() -> None:
    """§14.2: Range applies to GET only."""
    assert ask("HEAD", range="bytes=0-1").status == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "TRACE", "BREW", "get", ""])
def test_other_methods_are_rejected(method: str) -> None:
    """405 with Allow (§15.5.6); method names are case-sensitive."""
    reply = ask(method)
    assert reply.status == 405
    assert header(reply, "allow") == "GET, HEAD, OPTIONS"
    assert reply.body == b"only GET, HEAD and OPTIONS are allowed\n"


@pytest.mark.parametrize("name", NAMES)
def test_options_lists_what_is_allowed(name: str) -> None:
    """Every document has Allow; JSON also has the CORS preflight headers."""
    reply = ask("OPTIONS", to=entry(name), origin="https://reader.example", access_control_request_method="GET")
    assert (reply.status, reply.body, header(reply, "allow")) == (204, b"", "GET, HEAD, OPTIONS")
    is_json = name.endswith(".json")
    assert header(reply, "access-control-allow-origin") == ("*" if is_json else None)
    assert ("If-None-Match" in (header(reply, "access-control-allow-headers") or "")) == is_json
    assert header(reply, "access-control-allow-credentials") is None


# -- laws

_words = st.sampled_from(
    [
        "bytes=",
        "-",
        "0",
        "99999999999999999999",
        ",",
        '"',
        "W/",
        ETAG,
        "*",
        "gzip",
        ";q=",
        "nan",
        DATE,
        "Nov",
        ":",
        "+0000",
        " ",
    ]
)
_header = st.text(max_size=60) | st.lists(_words, max_size=12).map("".join)


@pytest.mark.slow
@given(
    st.sampled_from(["GET", "HEAD", "OPTIONS", "POST"]) | st.text(max_size=9),
    st.sampled_from(NAMES),
    st.dictionaries(
        st.sampled_from([
            "accept-encoding", "if-none-match", "if-modified-since", "if-match", "if-unmodified-since", "range", "if-range",
        ]),
        _header,
    ),
)  # fmt: skip
def test_no_header_is_an_error(method: str, name: str, headers: dict[str, str]) -> None:
    """Any request is answered, with valid headers and the right length."""
    reply = respond(entry(name), method, headers.get)
    assert reply.status in {200, 204, 206, 304, 405, 412, 416}
    names = [one for one, _ in reply.headers]
    assert len(names) == len(set(names))
    assert all(one == one.lower() and "\n" not in value and "\r" not in value for one, value in reply.headers)
    if reply.body:
        assert header(reply, "content-length") == str(len(reply.body))


@given(st.binary(max_size=300), st.sampled_from([name for name in NAMES if name.endswith(".html")]))
def test_no_page_is_an_error(body: bytes, name: str) -> None:
    """Whatever bytes a page has, its policy is a valid header value."""
    policy = header(
        ask(to=entry(name, **{"": b'<meta http-equiv="Content-Security-Policy" content="' + body + b'">'})),
        "content-security-policy",
    )
    assert policy is not None
    assert policy.isascii()
    assert policy.isprintable()


@pytest.mark.parametrize("name", NAMES)
def test_every_kind_of_document_has_a_type(name: str) -> None:
    """The table of media types covers every published document."""
    assert document_names.content_type(name)

"""Canonical links, and the keys that recognise them."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.normalizer import links

BASE = "https://example.org/news/story?x=1#part"
PIECES = st.sampled_from(
    ["http", "https", "HTTPS", ":", "/", "//", "\\", "?", "#", "@", "%", "%2f", "%2F", "%zz", "%C3%BC", "%41", "&", "&amp;",
     "&#038;", "&copy", ";", "=", "[", "]", "::1", ".", "..", " ", "\t", "\n", "\0", "ü", "日本", "\u202e", "\ud800", "example.org",
     "EXAMPLE", ":80", ":443", ":8080", ":x", "javascript:", "data:", "+", "'", '"', "<", ">", "|", "^", "`", "{", "a", "-", "_"]
)  # fmt: skip
ADDRESSES = st.one_of(
    st.lists(PIECES, max_size=10).map("".join),
    st.lists(PIECES, max_size=8).map(lambda pieces: "https://example.org/" + "".join(pieces)),
    st.lists(PIECES, max_size=8).map(lambda pieces: "http://" + "".join(pieces)),
    st.text(max_size=40),
)


def canonical(address: str, base: str = "") -> str:
    """Return the canonical form, or "" if there is none."""
    try:
        return links.canonical(address, base)
    except ValueError:
        return ""


@given(ADDRESSES, st.sampled_from(["", BASE]))
def test_the_result_is_an_absolute_ascii_http_url(address, base) -> None:
    """Any result is ASCII, http(s), has a host, and has no character that needs encoding."""
    url = canonical(address, base)

    if url:
        assert re.fullmatch(r"https?://[a-z0-9_.\[\]:-]+/[!-~]*", url)
        assert not re.search(r"[\s<>\"{}|\\^`]|%(?![0-9A-F]{2})", url)
        assert urlsplit(url).hostname


@given(ADDRESSES, st.sampled_from(["", BASE]))
def test_canonical_stays_canonical(address, base) -> None:
    """A canonical URL is its own canonical form; if it seems to hold an entity, then without decoding entities."""
    url = canonical(address, base)

    if url:
        assert links.canonical(url, entities=False) == url
        assert re.search(r"&#?\w+;", url) or links.canonical(url) == url


@given(ADDRESSES)
def test_an_alias_has_no_scheme_and_no_tracking(address) -> None:
    """Links that differ only in scheme, tracking parameters or a slash at the end have the same alias."""
    url = canonical(address)

    if url and "?" not in url and "#" not in url:
        other = "http" + url.removeprefix("https").removeprefix("http") if url.startswith("https") else url
        assert links.alias(other) == links.alias(url) == links.alias(f"{url}?utm_source=feed&utm_medium=rss")
        assert links.alias(url.rstrip("/")) == links.alias(url)


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("https://example.org/a-b/c_d?e=f&g=h", "https://example.org/a-b/c_d?e=f&g=h"),
        ("HTTPS://Example.ORG", "https://example.org/"),
        ("http://example.org:80/", "http://example.org/"),
        ("https://example.org:443/a", "https://example.org/a"),
        ("https://example.org:8080/a", "https://example.org:8080/a"),
        (" https://example.org/a\n", "https://example.org/a"),
        ("https://example.org/a b?c d#e f", "https://example.org/a%20b?c%20d#e%20f"),
        ("https://bücher.example/ü?ß#é", "https://xn--bcher-kva.example/%C3%BC?%C3%9F#%C3%A9"),
        ("https://💩.la/a", "https://xn--ls8h.la/a"),
        ("https://I❤\ufe0f.Straße.example/", "https://xn--i-7iq.xn--strae-oqa.example/"),
        ("https://a_b.bücher.example/", "https://a_b.xn--bcher-kva.example/"),
        ("https://example.org/%7euser/%c3%bc/100%", "https://example.org/~user/%C3%BC/100%25"),
        ("https://example.org/?a=1&#038;b=2&amp;c=3", "https://example.org/?a=1&b=2&c=3"),
        ("https://example.org/?a=1&copy=2", "https://example.org/?a=1&copy=2"),
        ("https://example.org\\a\\b", "https://example.org/a/b"),
        ("https://example.org\\a?path=c:\\b", "https://example.org/a?path=c:%5Cb"),
        ("https://example.org/a#b\\c?d\\e", "https://example.org/a#b%5Cc?d%5Ce"),
        ("https://[::1]:8080/a", "https://[::1]:8080/a"),
    ],
)
def test_canonical(address, url) -> None:
    """Scheme and host are in lower case, the default port is left out, escapes are in upper case and only used if needed."""
    assert links.canonical(address) == url


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("/a.jpg", "https://example.org/a.jpg"),
        ("a b.jpg", "https://example.org/news/a%20b.jpg"),
        ("../a.jpg", "https://example.org/a.jpg"),
        ("//cdn.example/a.jpg", "https://cdn.example/a.jpg"),
        ("#notes", "https://example.org/news/story?x=1#notes"),
        ("?y=2", "https://example.org/news/story?y=2"),
    ],
)
def test_relative(address, url) -> None:
    """Relative URLs are resolved against the base."""
    assert links.canonical(address, BASE) == url


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("", "is empty"),
        (" \n", "is empty"),
        ("example.org/private", "has no scheme"),
        ("//example.org/private", "has no scheme"),
        ("example.org:8080/private", "has no scheme"),
        ("localhost:8080", "has no scheme"),
        ("javascript:private", "is not an http or https address"),
        ("java\tscript&#58;private", "is not an http or https address"),
        ("mailto:private@example.org", "is not an http or https address"),
        ("private:word", "is not an http or https address"),
        ("https:example.org/private", "lacks // behind https:"),
        ("http:///private", "has no host"),
        ("https://exa mple.org/private", "has a host that is not a host name"),
        ("https://exa..mple.org/private", "has a host that is not a host name"),
        ("https://-ü-/private", "has a host that is not a host name"),
        ("https://-💩/private", "has a host that is not a host name"),
        ("https://👩\u200d👩\u200d👧.la/private", "has a host that is not a host name"),
        ("https://א💩a.la/private", "has a host that is not a host name"),
        ("https://💩／private.la/private", "is not an address: its host or port cannot be read"),
        ("https://xn--™.example/private", "has a host that is not a host name"),
        ("https://\u0301💩.la/private", "has a host that is not a host name"),
        (f"https://{'💩' * 60}.la/private", "has a host that is not a host name"),
        ("https://💩\ufffe.la/private", "has a host that is not a host name"),
        ("https://example.org:private/", "is not an address: its host or port cannot be read"),
        ("https://example.org:0/private", "is not an address: there is no port 0"),
        ("https://[private/", "is not an address: its host or port cannot be read"),
        ("https://ada:private@example.org/", "holds a user name or password before its host"),
        ("https://example.org/" + "private" * 1000, "has 7,020 characters, at most 4,096 are allowed"),
    ],
)
def test_not_a_url(address, reason) -> None:
    """What is not an http(s) URL is rejected with a reason that does not quote it."""
    with pytest.raises(ValueError, match=f"^{re.escape(reason)}$"):
        links.canonical(address)


@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("https://example.org/", "example.org"),
        ("http://example.org/a/", "example.org/a"),
        ("https://example.org/a?utm_source=x&b=1&utm_medium=y", "example.org/a?b=1"),
        ("https://example.org/a/?fbclid=x", "example.org/a"),
        ("https://example.org/a?b=1#c", "example.org/a?b=1#c"),
        ("https://www.example.org/a", "www.example.org/a"),
    ],
)
def test_alias(url, key) -> None:
    """An alias leaves out what does not matter to people."""
    assert links.alias(url) == key


@pytest.mark.parametrize(
    ("url", "video"),
    [
        ("https://www.youtube.com/watch?v=abcDEF-12_3&t=5", "abcDEF-12_3"),
        ("https://m.youtube.com/watch?v=abcDEF-12_3", "abcDEF-12_3"),
        ("https://youtu.be/abcDEF-12_3?t=5", "abcDEF-12_3"),
        ("https://www.youtube-nocookie.com/embed/abcDEF-12_3", "abcDEF-12_3"),
        ("https://www.youtube.com/embed/<script>", ""),
        ("https://www.youtube.com/embed/videoseries?list=PLabcDEF-12_3", ""),
        ("https://www.youtube.com/embed/live_stream?channel=UCabcDEF-12_3", ""),
        ("https://www.youtube.com/channel/abcDEF-12_3", ""),
        ("https://example.org/watch?v=abcDEF-12_3", ""),
        ("https://notyoutube.com/watch?v=abcDEF-12_3", ""),
    ],
)
def test_youtube(url, video) -> None:
    """The video's id is found in every form of YouTube's URLs, and in no other URL."""
    assert links.youtube_id(url) == video


def test_host() -> None:
    """The host of a link is without `www.` and port, as domains of providers are written."""
    assert links.host_of("https://www.example.org:8080/a") == "example.org"
    assert links.host_of("https://news.example.org/") == "news.example.org"

"""Lists of sources that other programs keep: what is taken over, and what became of each line."""

from __future__ import annotations

import tracemalloc
from itertools import islice, product
from pathlib import Path
from string import ascii_lowercase

import pytest

from aggregator.collector import lists, robots
from aggregator.collector.lists import Kind, Listing
from aggregator.config.settings import SourcesSettings
from aggregator.config.source_text import list_of
from aggregator.config.sources import read_sources
from aggregator.model.sources import Source

CASES = Path(__file__).parents[1] / "cases" / "collector" / "lists"
DEFAULTS = Source(url="", private=True)
KINDS: dict[str, Kind] = {
    "planet.ini": "planet", "venus.ini": "venus", "pluto.ini": "pluto", "pluto.yml": "pluto", "subscriptions.opml": "opml",
}  # fmt: skip


def listing(data: bytes | str, kind: Kind) -> Listing:
    found = lists.read(data.encode() if isinstance(data, str) else data, kind, defaults=DEFAULTS)
    assert isinstance(found, Listing), found
    return found


def case(name: str) -> Listing:
    return listing((CASES / name).read_bytes(), KINDS[name])


def said(found: Listing) -> list[tuple[int, bool, str]]:
    return [(line.number, line.is_taken, line.became) for line in found.lines]


def test_opml_gives_names_addresses_and_folders() -> None:
    """Bare ampersands and entities of HTML included; folders and categories become topics."""
    found = case("subscriptions.opml")
    assert found.title == "Tom & my list"
    assert [(one.url, one.name, one.topics) for one in found.sources] == [
        ("https://wind.example.org/feed?a=1&b=2", "Wind & sun", ("Energy",)),
        ("http://heat.example.org/rss", "Heat", ("Deep", "Vienna", "x")),
        ("https://cafe.example.org/rss", "Café", ()),
    ]
    assert found.lists == ("https://lists.example.org/more.opml",)
    assert [(line.text, line.became) for line in found.lines if not line.is_taken] == [
        ("Twice", "not taken: line 7 has the same address"),
        ("Local", "not taken: the address is not an http or https address"),
        ("A page", "not taken: it names no address of a feed (`xmlUrl`)"),
    ]
    assert all(one.private for one in found.sources)


def test_planet_gives_its_feeds() -> None:
    """Python's ConfigParser: both signs, comments, %%; what is said of all, and of one."""
    found = case("planet.ini")
    assert [(one.url, one.name, one.first) for one in found.sources] == [
        ("https://ann.example.org/feed.xml", "Ann 100%", 10), ("https://bob.example.org/rss?a=1;b=2", "Bob", 3),
    ]  # fmt: skip
    assert found.title == "Planet Example"
    became = {line.number: line.became for line in found.lines}
    assert became[15] == "not taken: the words to look for belong into `rules` or `feeds_by_query` of the config"
    assert became[16] == "not taken: it is no line `key = value`"
    assert became[34] == "not taken: line 24 has the same address"
    assert became[37] == "not taken: it names no http(s) address of a feed"


def test_venus_gives_its_feeds_and_reading_lists() -> None:
    """Lists by `reading_lists` and by `content_type`; filters and templates are named."""
    found = case("venus.ini")
    assert [(one.url, one.name, one.topics) for one in found.sources] == [
        ("http://carl.example.org/atom", "Carl", ("energy", "wind"))
    ]
    assert found.lists == ("https://share.example.org/top.opml", "https://lists.example.org/all.opml")
    became = {line.number: line.became for line in found.lines}
    assert became[7] == "not taken: programs that change entries are not run"
    assert became[16] == "not taken: a list in the form foaf (write its sources down)"


@pytest.mark.parametrize(
    ("name", "url", "title"),
    [
        ("pluto.ini", "https://zen.example.org/atom.xml", "Ryan (Polishing)"),
        ("pluto.yml", "https://flow.example.org/feed?format=xml", "Ruby Flow"),
    ],
)
def test_pluto_gives_its_feeds(name: str, url: str, title: str) -> None:
    """As INI, indented, and as YAML."""
    found = case(name)
    assert [(one.url, one.name) for one in found.sources] == [(url, title)]
    assert found.title == "Planet Ruby"


@pytest.mark.parametrize("name", KINDS)
def test_every_line_is_accounted_for(name: str) -> None:
    """Each that is neither blank nor a comment, once; of OPML each outline."""
    text = (CASES / name).read_text("latin-1").splitlines()
    found = case(name)
    numbers = [line.number for line in found.lines]
    if name.endswith(".opml"):
        assert len(numbers) == sum(line.count("<outline") for line in text)
        return
    assert numbers == [number for number, line in enumerate(text, 1) if line.strip() and line.strip()[0] not in "#;"]
    assert all(line.became for line in found.lines)


def test_a_planet_of_567_sources_is_taken_over() -> None:
    """A config as that of a large planet: all of its feeds, and what became of each of its lines."""
    text = (CASES / "planet.ini").read_text().split("[https://ann")[0]
    for number in range(567):
        text += f"# member {number}\n[https://m{number}.example.org/feed.xml?n={number}]\nname = Member {number}\n"
        text += "face = m.png\nfaceheight = 80\n" if number % 3 == 0 else ""
        text += "\n"
    found = listing(text, "planet")
    assert [one.url for one in found.sources] == [f"https://m{n}.example.org/feed.xml?n={n}" for n in range(567)]
    assert {one.first for one in found.sources} == {10}
    taken = [line for line in found.lines if line.is_taken]
    assert len(taken) == 2 * 567 + 3
    assert len(found.lines) - len(taken) == 2 * 189 + 15
    assert [line.number for line in found.lines] == [
        number for number, line in enumerate(text.splitlines(), 1) if line.strip() and line.strip()[0] not in "#;"
    ]
    written = list_of(found.sources)  # as `aggregator import` writes it
    assert [one.url for one in read_sources([("a.yaml", written.encode())], SourcesSettings(folder=""))[0]] == [
        one.url for one in found.sources
    ]


@pytest.mark.parametrize(
    ("data", "kind", "reason"),
    [
        (b"<html><body>no</body></html>", "opml", "is no OPML: it has no <opml>"),
        (b"", "opml", "is no OPML: it has no <opml>"),
        (b'<opml><body><outline xmlUrl="https://a.example.org/"/><outl', "opml", "is an OPML list that ends too early, so nothing of it is taken"),
        (b"hello", "planet", "holds no section such as [https://blog.example.org/feed.xml]"),
        (b"- a\n- b", "pluto", "holds no keys such as `title` and `feeds`"),
        (b"a: [", "pluto", "is neither INI nor YAML: line 2: "),
        (b"x" * (5 * 1024 * 1024 + 1), "opml", "has 5,242,881 bytes, at most 5,242,880 are read"),
    ],
)  # fmt: skip
def test_what_is_no_list_is_said_in_words(data: bytes, kind: Kind, reason: str) -> None:
    """The file is refused, in a sentence for the person who named it."""
    found = lists.read(data, kind, defaults=DEFAULTS)
    assert isinstance(found, str)
    assert found.startswith(reason)


def test_a_living_list_gives_sources_or_a_reason() -> None:
    """A list that names nothing is none: it would drop every source."""
    assert lists.sources_of(b"<opml><body></body></opml>", defaults=DEFAULTS) == "is an OPML list that names no feed"
    found = lists.sources_of((CASES / "subscriptions.opml").read_bytes(), defaults=DEFAULTS)
    assert not isinstance(found, str)
    assert len(found) == 3


def test_entities_of_a_list_are_not_expanded() -> None:
    """Neither a bomb nor a file."""
    bomb = '<!DOCTYPE opml [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;"><!ENTITY f SYSTEM "file:///etc/passwd">]>'
    found = listing(f'{bomb}<opml><body><outline text="&b;&f;" xmlUrl="https://a.example.org/"/></body></opml>', "opml")
    assert found.sources[0].name == "&b;&f;"


ROBOTS = b"""# for all
User-agent: *
Disallow: /private/
Allow: /private/open
Disallow: /*.pdf$
Disallow: /search*q=
Crawl-delay: 10

User-agent: other
Disallow: /

User-Agent: Aggregator
User-agent: more
Disallow: /ours/
"""


@pytest.mark.parametrize(
    ("body", "path", "allowed"),
    [
        (ROBOTS, "/private/x", True), (ROBOTS, "/ours/x", False), (ROBOTS, "/x", True), (ROBOTS.replace(b"Aggregator", b"foo"), "/private/x", False),
        (ROBOTS.replace(b"Aggregator", b"foo"), "/private/open/x", True), (ROBOTS.replace(b"Aggregator", b"foo"), "/a/b.pdf", False),
        (ROBOTS.replace(b"Aggregator", b"foo"), "/a/b.pdf?x", True), (ROBOTS.replace(b"Aggregator", b"foo"), "/search/all?x=1&q=2", False),
        (ROBOTS.replace(b"Aggregator", b"foo"), "/search", True), (b"", "/x", True), (b"User-agent: *\nDisallow:\n", "/x", True),
        (b"User-agent: *\nDisallow: /\nAllow: /blog/\n", "/blog/1", True), (b"User-agent: *\nDisallow: /*\n", "/blog/1", False),
        (b"\xff\xfe<html>not found</html>", "/x", True), (b"User-agent: *\nDisallow: /*" + b"*a" * 500 + b"*b", "/" + "a" * 3_000, True),
    ],
)  # fmt: skip
def test_robots_txt_is_heard(body: bytes, path: str, allowed: bool) -> None:
    """RFC 9309: our group, else that of all; the most specific rule; wildcards."""
    assert robots.is_allowed(200, body, f"https://x.example.org{path}") is allowed


GROUPED = b"""\xef\xbb\xbfUser-agent: first
User-Agent : AGGREGATOR/7.1 (bot)
Crawl-delay: 9
user-agent: more # and us
Sitemap: https://x.example.org/sitemap.xml
disallow: /one

Allow: /one/open
User-agent: *
Disallow: /all
User-agent: other
Disallow: /
User-agent: aggregator
Disallow: /two$
Disallow: /tie
Allow: /tie
Disallow: /caf\xc3\xa9
Disallow: /a%7eb%2fc
Disallow: /star%2A
"""


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/one", False), ("/one/x", False), ("/one/open/x", True), ("/all", True), ("/two", False), ("/two/x", True),
        ("/tie/x", True), ("/café/x", False), ("/caf%C3%A9", False), ("/caf%c3%a9", False), ("/a~b%2Fc", False), ("/a~b/c", True),
        ("/star*", False), ("/starry", True), ("/other", True), ("/robots.txt", True),
    ],
)  # fmt: skip
@pytest.mark.parametrize("ending", [b"\n", b"\r\n", b"\r"])
def test_robots_txt_groups_of_one_name_are_one(path: str, allowed: bool, ending: bytes) -> None:
    """RFC 9309 §2.2.1: several names for a group, several groups for a name; other lines end none, a mark is dropped."""
    assert robots.is_allowed(200, GROUPED.replace(b"\n", ending), f"https://x.example.org{path}") is allowed


def test_a_group_for_us_without_rules_allows_all() -> None:
    """What is said to everybody does not count then; nothing counts before the first name."""
    url = "https://x.example.org/a"
    assert robots.is_allowed(200, b"User-agent: *\nDisallow: /\nUser-agent: aggregator\nDisallow:\n", url)
    assert robots.is_allowed(200, b"Disallow: /\nUser-agent: aggregators\nDisallow: /\n", url)
    assert not robots.is_allowed(200, b"User-agent: *\nDisallow: /\n", url)
    assert not robots.is_allowed(200, b"x: y\n" * 90_000 + b"User-agent: *\nDisallow: /\n", url)


def test_many_names_with_many_rules_take_little_memory() -> None:
    """A rule is kept for nobody else: each of a thousand names would have each of a thousand rules."""
    names = ["".join(letters) for letters in islice(product(ascii_lowercase, repeat=3), 1000)]
    body = "".join([*(f"User-agent: {name}\n" for name in names), "Allow: /\n" * 1000]).encode()
    tracemalloc.start()
    try:
        assert robots.is_allowed(200, body + b"User-agent: *\nDisallow: /\n", "https://x.example.org/a") is False
        assert tracemalloc.get_traced_memory()[1] < 2 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("status", "allowed"),
    [
        (404, True),
        (410, True),
        (401, True),
        (403, True),
        (301, True),
        (500, False),
        (503, False),
        (429, False),
        (0, False),
    ],
)
def test_a_server_that_fails_allows_nothing(status: int, allowed: bool) -> None:
    """RFC 9309 §2.3.1; a file that is missing or forbidden allows all."""
    assert robots.is_allowed(status, b"", "https://x.example.org/a") is allowed
    assert robots.address_of("https://x.example.org:8443/a?b#c") == "https://x.example.org:8443/robots.txt"

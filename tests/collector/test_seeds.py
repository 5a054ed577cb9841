"""What a reader of seeds makes of a collected seed is what the entry said; and whose file it is."""

from __future__ import annotations

import hashlib
import html as entities
import json
import re
from pathlib import Path

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from aggregator.collector import seeds
from aggregator.collector.documents import parse
from aggregator.collector.drafts import Draft, document_entries
from aggregator.collector.entries import Document, Entry, Person
from aggregator.model.items import Item, Media, Rejection, Seed
from aggregator.model.sources import Source
from aggregator.normalizer import content, summaries, text
from aggregator.normalizer.front_matter import fast_values, split
from aggregator.normalizer.seed import read

SOURCE = Source(url="https://blog.example.org/feed.xml", name="Blog & Co", topics=("Energy",), quality=80)
HEAD = Document(format="RSS 2.0", title="The blog", link="https://blog.example.org/", id="urn:x", language="en")
FIRST = 1_767_225_600
CASES = Path(__file__).parents[1] / "cases" / "collector" / "documents"

FULL = Entry(
    key="k", title="T", link="https://blog.example.org/p", published=FIRST, updated=FIRST + 60, summary="S", content="<p>C</p>",
    authors=(Person(name="Ann", email="ann@example.org", url="https://ann.example.org/"), Person(name="Bob")), categories=("x", "y"), language="de",
    image="https://blog.example.org/i.png",
    media=(Media(url="https://c.example.org/a.mp3", type="audio/mpeg", size=9, seconds=7, title="M", transcript="https://c.example.org/t", chapters="https://c.example.org/c"),),
)  # fmt: skip


def entry_of(
    *, title: str = "A title", body: str = "", link: str = "https://blog.example.org/p", **more: object
) -> Entry:
    """Return the entry that a document with this text gives."""
    found = document_entries(
        [Draft(id="1", link=link, title=title, content=body, **more)],
        url="https://blog.example.org/feed.xml",
        authors=(),
    )
    return found[0]


def seed_file(entry: Entry, source: Source = SOURCE, head: Document | None = HEAD, *, first_seen: int = FIRST) -> bytes:
    return seeds.seed_of(entry, source, head, first_seen=first_seen)


def seed_read(data: bytes) -> Seed:
    reading = read(data, path="x/2026/2026-01-01-a-title-000000000000.md", zone="Europe/Vienna")
    assert not isinstance(reading.outcome, Rejection), reading.outcome
    assert reading.warnings == ()
    return reading.outcome


def item_of(seed: Seed) -> Item:
    return content.item(seed, id=seed.id, topics=seed.topics, related=(), now=FIRST)


def shown_body(entry: Entry) -> str:
    return item_of(seed_read(seed_file(entry))).content


TRICKY = [
    "<p>one</p>\n\n<p>two</p>",
    "<p>a</p>\n\n    <p>indented four</p>\n\n\t<p>tab</p>",
    "<div>\n\n# no heading\n\n- no list\n\n1. none\n\n> no quote\n</div>",
    "<pre>\n\n  two  \n\n\n    four\n\tx\n</pre>\n\n<pre><code>a &lt; b\n\n---\n</code></pre>",
    "text\n---\ntext\n...\n---\n",
    "---\ntitle: other\nremoved: true\n---\nx",
    "<p>before</p><script>\n\nif (a < b) { document.write('<p>') }\n\n</script><p>after</p>",
    "<style>\np { color: red }\n</style><p>x</p><!-- a\n\nb --><p>y</p>",
    "*no* _emphasis_ `code` [a](b) ![c](d) https://bare.example.org/ www.bare.example.org a@b.example.org ~~x~~ | a | b |\n|---|---|\n",
    "<p>unclosed <b>bold\n\n<p>next</p>",
    "<ul>\n  <li>a\n\n  <li>b\n</ul>\n\n<table>\n\n<tr><td>1</td></tr>\n\n</table>",
    '<a\n\nhref="https://x.example.org/">line breaks in a tag</a>',
    "[^1] and\n\n[^1]: no footnote",
    "&amp;lt; &lt;b&gt; &nbsp; &#133; &copy &unknown; <!-- more -->",
    "a\u2028b\u2029c\x85d\x0ce\ufefff\u202eg",
    "<textarea>\n\n</textarea><iframe src='https://www.youtube.com/embed/abcdefghijk'></iframe><video src=/v.mp4></video>",
    "   \n\n   ",
]


@pytest.mark.parametrize("body", TRICKY)
def test_content_is_that_of_the_entry(body: str) -> None:
    """Nothing of HTML is taken for Markdown, for front matter or for an excerpt's end; white space in <pre> stays."""
    entry = entry_of(body=body)
    assert shown_body(entry) == content.sanitised(entry.content, base=entry.link)


HTML = st.lists(
    st.one_of(
        st.sampled_from([
            "<p>", "</p>", "<pre>", "</pre>", "\n", "\n\n", "\n\n\n", "    ", "\t", "---\n", "...\n", "<b>", "</b>", "<br>", "<li>", "<ul>", "</ul>",
            '<a href="/x?a=1&amp;utm_source=y">', "</a>", "<img src=y.png>", "<script>", "</script>", "<!--", "-->", "&", "&lt;", "<", ">", "`", "*", "# ",
            "+++\n", "```\n", "| a |", "[x]: y", "<![CDATA[", "]]>", "<?", "'", '"', "\\", "{{", "{%", ": ", "- ", "\u00a0", "\u200b", "é", "日", "\U0001f600", "\r\n", "\x0b",
        ]),
        st.text(max_size=8),
    ),
    max_size=40,
).map("".join)  # fmt: skip


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(HTML)
@example("<p>\n---\n")
def test_any_content_is_that_of_the_entry(body: str) -> None:
    """The law: reading a collected seed gives what sanitising the entry gives."""
    entry = entry_of(body=body)
    shown = content.sanitised(entry.content, base=entry.link)
    assert shown_body(entry) == shown or summaries.is_hollow(shown)


@settings(max_examples=300, deadline=None)
@given(st.text(min_size=1, max_size=60))
@example("<b>not bold</b> &amp; Vec<T> &lt;")
@example("&amp;lt;")
@example("a: b # c")
@example("<!-- -->x")
def test_any_title_is_that_of_the_entry(title: str) -> None:
    """Plain text stays what it is: what looks like tags and entities is none."""
    entry = entry_of(title=title, body="something")
    seed = seed_read(seed_file(msgspec.structs.replace(entry, summary=entry.title, categories=(entry.title,))))
    assert seed.title == text.title(entities.escape(entry.title, quote=False))
    assert item_of(seed).summary == text.plain(entities.escape(entry.title, quote=False))


def test_long_content_is_whole() -> None:
    """300 kB with lists, code and blank lines."""
    part = '<p>Some words, with <a href="https://x.example.org/{0}">a link</a> &amp; more. Yes.</p>\n\n<pre>\n  a\n\n\n  b_{0}\n</pre>\n'
    entry = entry_of(body="".join(part.format(number) for number in range(2_800)))
    assert len(entry.content) > 300_000
    shown = shown_body(entry)
    assert shown == content.sanitised(entry.content, base=entry.link)
    assert "b_2799" in shown


def test_content_with_too_many_tags_is_left_to_the_link() -> None:
    """A reader would get the source of the HTML otherwise; the first words of it stay."""
    entry = entry_of(body="<i>x</i> " * 20_000)
    seed = seed_read(seed_file(entry))
    assert (seed.body, seed.excerpt[:9]) == ("", "x x x x x")


def test_the_bound_is_that_of_the_reader() -> None:
    """The two rooms do not import each other."""
    assert seeds.MOST_MARKS == text.MAX_MARKS


def test_everything_an_entry_says_is_in_its_seed() -> None:
    """Authors, dates, categories, language, picture, files, source."""
    entry = FULL
    data = seed_file(entry)
    seed = seed_read(data)
    assert (seed.title, seed.link, seed.published, seed.updated) == ("T", entry.link, FIRST, FIRST + 60)
    assert (seed.excerpt, seed.topics, seed.tags, seed.quality, seed.locale) == ("S", ("Energy",), ("x", "y"), 80, "de")
    assert (seed.images[0].url, seed.media, seed.markup) == (entry.image, entry.media, "html")
    assert seed.provider is not None
    assert (seed.provider.name, seed.provider.domain) == ("Blog & Co", "blog.example.org")
    assert seed.id == seeds.id_of(SOURCE, "k")
    assert [(one.name, one.email) for one in seed.authors] == [("Ann", "ann@example.org"), ("Bob", "")]
    assert seed.source is not None
    assert (seed.source.url, seed.source.title, seed.source.link) == (
        SOURCE.url,
        "Blog & Co",
        "https://blog.example.org/",
    )
    assert seed.id.startswith("urn:uuid:")
    assert (
        b'authors:\n- name: "Ann"\n  email: "ann@example.org"\n  url: "https://ann.example.org/"\n- name: "Bob"\n'
        in data
    )
    assert (
        b'source:\n  url: "https://blog.example.org/feed.xml"\n  title: "Blog & Co"\n  link: "https://blog.example.org/"\n  id: "urn:x"\n'
        in data
    )


def test_a_seed_is_read_by_the_fast_parser() -> None:
    """25,000 entries at once are read in seconds."""
    for number in range(300):
        entry = msgspec.structs.replace(FULL, key=str(number), title=f"Title {number}: a, b & c")
        assert fast_values(split(seed_file(entry)).text) is not None, seed_file(entry)  # type: ignore[union-attr]


def test_every_entry_of_every_case_becomes_a_seed() -> None:
    """Without a warning, and the same bytes again."""
    number = 0
    for path in CASES.glob("*"):
        found = parse(path.read_bytes(), content_type="", url=SOURCE.url)
        for entry in getattr(found, "entries", ()):
            seed_read(seed_file(entry))
            assert seed_file(entry) == seed_file(entry)
            number += 1
    assert number > 30


@pytest.mark.parametrize(
    ("setting", "excerpt", "body"),
    [("full", "S", "<p>C</p>"), ("page", "S", "<p>C</p>"), ("summary", "S", ""), ("link", "", "")],
)
def test_content_is_as_the_config_says(setting: str, excerpt: str, body: str) -> None:
    """All, a summary, or nothing but the link."""
    entry = entry_of(body="<p>C</p>", summary="S")
    seed = seed_read(seed_file(entry, msgspec.structs.replace(SOURCE, content=setting)))
    assert (seed.excerpt, seed.body) == (excerpt, body)


def test_a_summary_is_made_of_content_where_there_is_none() -> None:
    """`content: summary` of an entry with content alone."""
    seed = seed_read(
        seed_file(entry_of(body="<p>Many &amp; words</p>"), msgspec.structs.replace(SOURCE, content="summary"))
    )
    assert (seed.excerpt, seed.body) == ("Many & words", "")


@pytest.mark.parametrize(
    ("setting", "topics", "tags"),
    [("topics", ("Energy", "x"), ()), ("tags", ("Energy",), ("x",)), ("ignore", ("Energy",), ())],
)
def test_categories_become_what_the_config_says(setting: str, topics: tuple[str, ...], tags: tuple[str, ...]) -> None:
    """Topics, tags or nothing."""
    seed = seed_read(seed_file(entry_of(categories=["x"]), msgspec.structs.replace(SOURCE, categories=setting)))
    assert (seed.topics, seed.tags) == (topics, tags)


@pytest.mark.parametrize(
    ("link", "page"),
    [
        ("", "https://blog.example.org/"),
        ("https://blog.example.org", "https://blog.example.org/"),
        (SOURCE.url, SOURCE.url),
    ],
)
def test_an_entry_without_a_link_of_its_own_has_a_place_on_the_page_of_the_site(link: str, page: str) -> None:
    """Otherwise all of them would be one item."""
    assert seed_read(seed_file(entry_of(link=link))).link == f"{page}#{seeds.short_id(SOURCE, '1')}"


def test_an_episode_without_a_link_leads_to_its_file() -> None:
    """As podcasts are."""
    entry = entry_of(link="", media=[Media(url="https://c.example.org/a.mp3", type="audio/mpeg")])
    assert seed_read(seed_file(entry)).link == "https://c.example.org/a.mp3"


def test_where_a_private_source_lies_is_not_said() -> None:
    """Its address would stand in feeds."""
    source = msgspec.structs.replace(SOURCE, url="http://10.0.0.5/feed?token=abc", private=True)
    for head in (HEAD, msgspec.structs.replace(HEAD, link=""), None):
        for entry in (entry_of(), msgspec.structs.replace(entry_of(), link="")):
            data = seed_file(entry, source, head)
            assert b"10.0.0.5/feed" not in data
            assert b"abc" not in data
            seed_read(data)
    assert b"10.0.0.5" not in seed_file(entry_of(), source, None)


def test_an_id_belongs_to_its_source() -> None:
    """The same key in another source is another item, in another folder."""
    other = msgspec.structs.replace(SOURCE, url="https://other.example.org/feed.xml")
    entry = entry_of()
    assert seeds.id_of(SOURCE, "1") != seeds.id_of(other, "1")
    assert seeds.path_of(entry, SOURCE, first_seen=FIRST) == (
        f"blog-example-org-{hashlib.sha256(SOURCE.url.encode()).hexdigest()[:6]}/2026/2026-01-01-a-title-{seeds.short_id(SOURCE, '1')}.md"
    )
    assert (
        seeds.path_of(entry, SOURCE, first_seen=FIRST).split("/")[0]
        != seeds.path_of(entry, other, first_seen=FIRST).split("/")[0]
    )


@settings(max_examples=200)
@given(st.text(max_size=200), st.text(max_size=50), st.integers(0, 4_000_000_000))
def test_a_path_is_safe_whatever_the_entry_says(title: str, key: str, first_seen: int) -> None:
    """No dots, no slashes, at most 255 bytes a name; its name is recognised again."""
    entry = Entry(key=key, title=title or "x")
    path = seeds.path_of(entry, SOURCE, first_seen=first_seen)
    assert re.fullmatch(r"blog-example-org-[0-9a-f]{6}/\d{4}/\d{4}-\d\d-\d\d-[a-z0-9-]{1,60}-[0-9a-f]{12}\.md", path)
    found = seeds.collected_of(path, seed_file(entry, first_seen=first_seen))
    assert found is not None
    assert found.short_id == seeds.short_id(SOURCE, key)


def test_a_change_by_hand_shows() -> None:
    """One byte anywhere, or a mark that is gone; also what is no seed of ours."""
    data = seed_file(entry_of(body="<p>x</p>"))
    assert not seeds.is_edited(data)
    for number in (5, len(data) // 2, len(data) - 2):
        assert seeds.is_edited(data[:number] + b"~" + data[number + 1 :])
    assert seeds.is_edited(data + b"more")
    assert seeds.is_edited(b"---\ntitle: mine\n---\n")
    assert seeds.is_edited(b"")


def test_a_withdrawn_seed_is_removed() -> None:
    """Its file stays, with `removed: true`, and is not taken for edited; withdrawing it again changes nothing."""
    data = seed_file(entry_of(body="<p>x</p>"))
    gone = seeds.withdrawn(data)
    assert seed_read(gone).removed
    assert not seeds.is_edited(gone)
    assert (
        seeds.withdrawn(gone)
        == gone
        == seeds.seed_of(entry_of(body="<p>x</p>"), SOURCE, HEAD, first_seen=FIRST, is_withdrawn=True)
    )


def test_the_folder_says_what_was_collected() -> None:
    """What is needed to go on without `sources.db`; also of files that a person changed."""
    entry = entry_of(title='A "quoted" title', body="<p>title: no</p>")
    path = seeds.path_of(entry, SOURCE, first_seen=FIRST)
    data = seed_file(entry)
    found = seeds.collected_of(path, data)
    assert found == seeds.Collected(
        path=path, short_id=seeds.short_id(SOURCE, "1"), date="2026-01-01", title='A "quoted" title', link=entry.link,
        published="2026-01-01T00:00:00Z", is_removed=False, is_edited=False,
    )  # fmt: skip
    edited = seeds.collected_of(path, data.replace(b'"A \\"quoted\\" title"', b"Mine # or theirs"))
    assert edited is not None
    assert (edited.title, edited.is_edited) == ("Mine # or theirs", True)
    assert seeds.collected_of("blog/notes.md", data) is None


def test_a_seed_says_nothing_of_the_poll() -> None:
    """Two entries that differ in nothing that is shown give the same bytes."""
    entry = entry_of(body="<p>x</p>")
    assert seed_file(entry) == seed_file(msgspec.structs.replace(entry, digest="other", published=1))
    assert json.dumps(str(FIRST)) not in seed_file(entry).decode()


INSIDE = [
    "http://127.0.0.1/x", "http://127.1/x", "http://2130706433/", "http://0x7f.1/", "http://0177.0.0.1/", "http:\\\\127.0.0.1\\x",
    "http:/10.0.0.1/", "http://10.1.2.3:8080/a", "http://192.168.1.1/reboot", "http://169.254.169.254/latest/meta-data/",
    "http://[::1]/", "http://[fd00::1]/", "http://[::ffff:10.0.0.1]/", "http://localhost:631/", "http://a.localhost./",
    "http://printer.local/", "http://router/", "http://nas.home.arpa/", "http://metadata.google.internal/", "http://１２７.0.0.1/", "http://127。0。0。1/", "http://local\u00adhost/",
    "http://0x-1/", "http://-1/", "http://1_0/", "\x01 http://127.0.0.1/", "\t \n\x00http://127.0.0.1/", "http://localhost \x1f\n",
    "http://127%2e0.0.1/", "https://user:word@blog.example.org/", "https://bank.example.org@evil.example.org/", "HTTP://LOCALHOST/",
]  # fmt: skip
OUTSIDE = [
    "https://blog.example.org/x", "http://93.184.215.14/", "http://[2606:2800::1]/", "https://127.0.0.1.example.org/",
    "https://localhost.example.org/", "https://blog.example.org/?to=http://127.0.0.1/", "https://10.example.org/", "mailto:ann@example.org",
    "https://-1.example.org/", "https://0x-1.example.org/",
]  # fmt: skip


@pytest.mark.parametrize("address", INSIDE)
def test_no_reader_is_led_into_a_private_network(address: str) -> None:
    """Link, picture, files, authors and what is in the text: whatever its spelling, the address is not in the seed."""
    inner = entities.escape(address)
    entry = msgspec.structs.replace(
        FULL, link=address, image=address, authors=(Person(name="Ann", url=address),),
        media=(Media(url=address, type="audio/mpeg"), msgspec.structs.replace(FULL.media[0], transcript=address, chapters=address)),
        content=f'<p>One <a title="t" href="{inner}">two</a> <img alt=x src={inner.replace(" ", "")}> '
        f'<img src="https://blog.example.org/i.png" srcset="{inner} 2x, {inner} 3x"><video poster="{inner}" controls></video> three</p>',
    )  # fmt: skip
    data = seed_file(entry, head=msgspec.structs.replace(HEAD, link=address))
    assert address not in data.decode()
    assert inner not in data.decode()
    assert (
        b'<p>One <a title="t">two</a>  <img src="https://blog.example.org/i.png"><video controls></video> three</p>'
        in data
    )
    assert seed_read(data).title == "T"
    private = msgspec.structs.replace(SOURCE, private=True)
    assert inner in seed_file(entry, private).decode(), "a person allowed the source to lie there"


@pytest.mark.parametrize("address", OUTSIDE)
def test_other_addresses_stay(address: str) -> None:
    """Also if they look a little like private ones."""
    content = f'<a href="{address}">x</a>'
    assert content.encode() in seed_file(msgspec.structs.replace(FULL, content=content))

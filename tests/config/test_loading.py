"""The config loader: the cases in `cases/config/`, and properties of any text.

A case is a config file. Its leading comments say what it shows (`# shows:`) and every problem that must come out
(`# expect:` place and message, in order; none means that it loads). A line `#= topics/x.yaml` begins a topic file, one of
`#= sources/x.yaml` a list of sources.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.config.loading import load, source_files, sources_list, topics_folder
from aggregator.config.settings import (
    Config,
    FeedSettings,
    Match,
    NamedFeeds,
    PodcastSettings,
    Query,
    RootSettings,
    Rules,
    Schedule,
    Server,
    SiteSettings,
    SourcesSettings,
    Topic,
    TopicImage,
    TopicSettings,
    Websub,
    Where,
)
from aggregator.config.yaml.tree import MOST_BYTES
from aggregator.model.errors import ConfigError
from aggregator.model.sources import Source, SourceList

CASES = sorted((Path(__file__).parents[1] / "cases" / "config").glob("*.yaml"))
PATH = "/site/config/aggregator.yaml"
SITE = b'site: {url: "https://feeds.example.org/"}\n'


def parts_of(case: Path) -> tuple[bytes, list[tuple[str, bytes]]]:
    config, *topics = case.read_text("utf-8").split("#= ")
    named = (topic.partition("\n") for topic in topics)
    return config.encode(), [(f"/site/config/{name}", text.encode()) for name, _, text in named]


def config_of(text: bytes, topic_files: list[tuple[str, bytes]]) -> Config | None:
    try:
        return load(text, path=PATH, topic_files=topic_files)
    except ConfigError:
        return None


def problems_of(text: bytes, topic_files: list[tuple[str, bytes]] | None = None, *, path: str = PATH) -> list[str]:
    try:
        lists = [file for file in topic_files or [] if file[0].startswith("/site/config/sources")]
        load(text, path=path, topic_files=[f for f in topic_files or [] if f not in lists], source_files=lists)
    except ConfigError as error:
        return list(map(str, error.problems))
    return []


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_case(case):
    """Every case has exactly the problems that its comments expect, in that order."""
    lines = case.read_text("utf-8").splitlines()
    expected = [line.removeprefix("# expect: ") for line in lines if line.startswith("# expect: ")]

    found = problems_of(*parts_of(case))

    assert lines[0].startswith("# shows: ")
    assert [line.removeprefix(f"{PATH}:").removeprefix("/site/config/") for line in found] == expected


def test_cases_are_there():
    """The folder of cases is found, so that the test above cannot become empty."""
    assert len(CASES) > 70


def test_every_key():
    """A config that uses every key is loaded with absolute folders, and with slugs for topics."""
    text, topics = parts_of(next(case for case in CASES if case.stem == "all_keys_given"))

    config = load(text, path=PATH, topic_files=topics)

    assert config == Config(
        path=PATH,
        site=SiteSettings(
            title="Example News",
            url="https://feeds.example.org/news/",
            description="What happened, as it happens",
            language="en-us",
            author="Example Desk",
            icon="https://feeds.example.org/icon.png",
            hub="https://hub.example.org/",
            podcast=PodcastSettings(category="TV & Film", explicit=False),
        ),
        seeds=(RootSettings(folder="/site/seeds"),),
        feeds="/site/feeds",
        state="/site/.aggregator",
        timezone="Europe/Berlin",
        rules=Rules(
            min_quality=70,
            require_quality=True,
            min_heat=-5,
            max_age=365 * 86_400,
            allow=Match(providers=("good.example",), types=("article",), titles=("^Release",)),
            block=Match(providers=("spam.example",), types=("ad",), titles=("(?i)sponsored",)),
        ),
        feed=FeedSettings(
            limit=1000, max_bytes=250_000, content="summary", tags=NamedFeeds(min=10), authors=NamedFeeds(min=5, max=20)
        ),
        feeds_by_query=(
            Query(
                slug="top-stories",
                title="Top stories",
                description="What most people read",
                where=Where(
                    any_topics=("ai", "cloud"),
                    topic_names=(("any_topics", "cloud", "cloud"), ("not_topics", "internal", "internal")),
                    all_topics=("ai",),
                    not_topics=("internal",),
                    providers=("good.example",),
                    not_providers=("pr.example",),
                    types=("article",),
                    min_quality=150,
                    min_heat=1,
                    max_age=14 * 86_400,
                    title="(?i)ai",
                ),
            ),
        ),
        topics=(
            Topic(
                slug="ai",
                name="Artificial intelligence",
                shortname="AI",
                description="Machines that learn",
                parent="computing",
                keywords=("machine learning",),
                hashtags=("#AI",),
                images=(TopicImage(url="https://img.example.org/ai.png"),),
            ),
            Topic(slug="computing", name="Computing", order=1),
        ),
        topic_settings=TopicSettings(folder="/site/config/my-topics", from_keywords=True),
        related="promote",
        schedule=Schedule(regenerate="*/15 6-22 * * mon,tue,wed,thu,fri", scan=60),
        server=Server(
            enabled=False, host="0.0.0.0", port=8080, token="/site/token", connections=100, timeout=5, log_requests=True
        ),
        websub=Websub(hub="https://hub.example.org/"),
    )


def test_defaults():
    """A config with only `site.url` gets every default, and the host as its title."""
    config = load(SITE, path=PATH)

    assert config == Config(
        path=PATH,
        site=SiteSettings(title="feeds.example.org", url="https://feeds.example.org/"),
        seeds=(RootSettings(folder="/site/seeds"),),
        feeds="/site/feeds",
        state="/site/.aggregator",
        topic_settings=TopicSettings(folder="/site/config/topics"),
    )


def test_null_means_default():
    """A key without a value gets its default."""
    keys = b"seeds:\nfeeds: ~\nstate: null\ntimezone:\nrules:\nfeed:\nfeeds_by_query:\ntopics:\nrelated:\nschedule:\nserver:\nwebsub:\n"

    assert load(SITE + keys, path=PATH) == load(SITE, path=PATH)


@pytest.mark.parametrize("written", [b"none", b"null", b"~", b"0", b"", b"None"])
def test_no_limit(written):
    """The limits of a feed can be switched off in several ways."""
    text = SITE + b"feed:\n  limit: " + written + b"\n  max_bytes: " + written + b"\n"

    assert load(text, path=PATH).feed == FeedSettings(limit=None, max_bytes=None)


def test_query_topics_by_any_name():
    """A query names topics by name, shortname or slug in any case; other names become slugs as seeds' topics do."""
    topic = b"_id: ai\nname: Artificial intelligence\nshortname: A.I.\n"
    query = (
        b"feeds_by_query:\n  - slug: one\n    where: {any_topics: [ARTIFICIAL Intelligence, a.i., AI, New Things]}\n"
    )

    config = load(SITE + query, path=PATH, topic_files=[("/site/config/topics/ai.yaml", topic)])

    assert config.feeds_by_query[0].where.any_topics == ("ai", "ai", "ai", "new-things")
    assert config.feeds_by_query[0].title == "One"


def test_topic_names_match_in_any_unicode_form():
    """A letter with a combining accent equals the composed letter, in names, parents and queries."""
    composed, parted = "name: Café\n".encode(), "name: Cafe\u0301\n".encode()
    query = "feeds_by_query: [{slug: one, where: {any_topics: [CAFE\u0301, Café]}}]\n".encode()
    topics = [("a.yaml", b"_id: coffee\n" + composed), ("b.yaml", "name: Filter\nparent: cafe\u0301".encode())]

    config = load(SITE + query, path=PATH, topic_files=topics)

    assert config.feeds_by_query[0].where.any_topics == ("coffee", "coffee")
    assert [(topic.name, topic.parent) for topic in config.topics] == [("Café", ""), ("Filter", "coffee")]
    assert load(SITE, path=PATH, topic_files=[("a.yaml", parted)]).topics[0].name == "Café"
    assert problems_of(SITE, [("a.yaml", b"_id: one\n" + composed), ("b.yaml", b"_id: two\n" + parted)]) == [
        'b.yaml:2:7: name: "Café" is also the name of the topic in a.yaml (rename one of them)'
    ]


def test_titles_and_descriptions_are_one_line():
    """Line breaks and runs of spaces become one space in titles, descriptions and names; joiners stay."""
    site = (
        b'site: {url: "https://e.org/", title: " The\\n  News ", author: "A\\tB", description: "a\\u200db\\u2028c"}\n'
    )
    query = b'feeds_by_query: [{slug: top, title: "Top\\n\\nstories", description: "x\\n"}]\n'

    config = load(
        site + query, path=PATH, topic_files=[("a.yaml", b"name: >\n  Open\n  data\ndescription: |\n a\n b\n")]
    )

    assert (config.site.title, config.site.author, config.site.description) == ("The News", "A B", "a\u200db c")
    assert (config.feeds_by_query[0].title, config.feeds_by_query[0].description) == ("Top stories", "x")
    assert (config.topics[0].name, config.topics[0].description) == ("Open data", "a b")


def test_the_image_of_a_topic_is_its_first_url():
    """The image of a topic is the first with a URL, in canonical form."""
    said = 'name: A\nimages: [{url: " "}, {url: "HTTPS://E.org:443/my logo é 100%.png"}, {url: "https://e.org/b"}]\n'

    (topic,) = load(SITE, path=PATH, topic_files=[("a.yaml", said.encode())]).topics

    assert topic.image == "https://e.org/my%20logo%20%C3%A9%20100%25.png"


def test_topics_in_order_of_their_files():
    """Topics are in the order of their files' paths, whatever the order of the arguments."""
    files = [("t/02.yaml", b"name: Second\nparent: first"), ("t/01.yaml", b"name: First")]

    topics = load(SITE, path=PATH, topic_files=files).topics

    assert topics == (Topic(slug="first", name="First"), Topic(slug="second", name="Second", parent="first", order=1))


def test_circles_are_reported_once_each():
    """Each circle of parents is one problem, also if other topics lead into it."""
    rings = {"a": "b", "b": "a", "c": "c", "d": "a", "e": "d"}
    files = [(f"{name}.yaml", f"name: {name}\nparent: {parent}".encode()) for name, parent in rings.items()]

    assert problems_of(SITE, files) == [
        "a.yaml:2:9: parent: parents go in a circle: a -> b -> a (remove one of them)",
        "c.yaml:2:9: parent: parents go in a circle: c -> c (remove one of them)",
    ]


def test_long_chain_of_parents():
    """A chain of a thousand topics loads, and fast."""
    files = [(f"{n:04}.yaml", f"name: T{n}\nparent: T{n + 1}".encode()) for n in range(1000)]

    assert len(load(SITE, path=PATH, topic_files=[*files, ("1000.yaml", b"name: T1000")]).topics) == 1001


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"site:\n  title: caf\xe9\n", f"{PATH}:2:13: not UTF-8: byte 0xe9 at offset 18 (save the file as UTF-8)"),
        (b"\xef\xbb\xbfa: \xff", f"{PATH}:1:4: not UTF-8: byte 0xff at offset 6 (save the file as UTF-8)"),
        (
            "site: {}".encode("utf-16"),
            f"{PATH}:1:1: not UTF-8: byte 0xff at offset 0 (it looks like UTF-16: save it as UTF-8)",
        ),
    ],
)
def test_not_utf8(text, expected):
    """Bytes that are not UTF-8 are reported with offset, line and column."""
    assert problems_of(text) == [expected]
    assert problems_of(SITE, [(PATH, text)]) == [expected]


def test_byte_order_mark():
    """A UTF-8 file with a byte order mark is read like one without."""
    assert load(b"\xef\xbb\xbf" + SITE, path=PATH) == load(SITE, path=PATH)


def test_too_big():
    """A file of more than a mebibyte is rejected without parsing it."""
    text = SITE + b"#" * MOST_BYTES

    assert problems_of(text) == [f"{PATH}: is longer than 1,048,576 bytes (keep only settings in it)"]


def test_biggest_file_is_read():
    """A file of exactly a mebibyte is read."""
    assert load(SITE + b"#" * (MOST_BYTES - len(SITE)), path=PATH) == load(SITE, path=PATH)


@pytest.mark.parametrize(
    ("text", "path", "folder"),
    [
        (b"", PATH, "/site/config/topics"),
        (b"topics: {folder: ../t/}", PATH, "/site/t"),
        (b"topics: {folder: /etc/topics}", PATH, "/etc/topics"),
        (b"topics: {folder: [x]}", PATH, "/site/config/topics"),
        (b"topics:", PATH, "/site/config/topics"),
        (b"- topics", PATH, "/site/config/topics"),
        (b"topics: {folder: [", PATH, "/site/config/topics"),
        (b"\xff", PATH, "/site/config/topics"),
        (b"", "aggregator.yaml", "topics"),
        (b"", "//site//aggregator.yaml", "/site/topics"),
    ],
)
def test_topics_folder(text, path, folder):
    """The topics folder is the one in the config; the default if there is none or the text is invalid."""
    assert topics_folder(text, path=path) == folder


def test_import_is_light():
    """Loading a config without patterns, time zones or problems imports no slow modules."""
    code = (
        "import sys, aggregator; before = set(sys.modules); from aggregator.config.loading import load\n"
        f"load({SITE!r}, path={PATH!r})\n"
        "print(sorted({'apscheduler', 'regex', 'difflib', 'zoneinfo', 'click'} & set(sys.modules) - before))"
    )
    root = Path(__file__).parents[2]

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)

    assert done.stdout == "[]\n"


KEYS = st.sampled_from(
    [
        "site",
        "url",
        "title",
        "language",
        "icon",
        "seeds",
        "feeds",
        "state",
        "timezone",
        "rules",
        "min_quality",
        "max_age",
        "block",
        "titles",
        "feed",
        "limit",
        "max_bytes",
        "feeds_by_query",
        "slug",
        "where",
        "any_topics",
        "topics",
        "folder",
        "schedule",
        "regenerate",
        "scan",
        "server",
        "port",
        "websub",
        "hub",
        "name",
        "_id",
        "parent",
    ]
)
SCALARS = st.one_of(
    st.sampled_from(["https://x.example/", "70", "1e9", "yes", "(a", "0 0 31 2 *", "12h", "../seeds", "~", "all", "'"]),
    st.text(max_size=12),
)


def indented(children: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    mapping = st.dictionaries(KEYS, children, max_size=4).map(lambda d: "\n".join(f"{k}: {v}" for k, v in d.items()))
    listing = st.lists(children, max_size=3).map(lambda items: "\n".join(f"- {item}" for item in items))
    return st.one_of(mapping, listing).map(lambda text: "\n" + "\n".join("  " + line for line in text.split("\n")))


@given(
    st.one_of(
        st.binary(max_size=200),
        st.recursive(SCALARS, indented, max_leaves=12).map(lambda t: t.encode("utf-8", "replace")),
    )
)
def test_any_bytes_load_or_are_rejected(text):
    """Any bytes are loaded as a Config or rejected with a ConfigError that has at least one problem."""
    for config, topics in ((text, []), (SITE, [("t.yaml", text)]), (SITE + text, [])):
        assert bool(problems_of(config, topics)) != isinstance(config_of(config, topics), Config)
    assert topics_folder(text, path=PATH).startswith("/")


@given(st.dictionaries(KEYS, SCALARS, min_size=1))
def test_same_problems_in_any_order_of_topic_files(keys):
    """The order in which topic files are passed changes nothing."""
    text = "\n".join(f"{key}: {value}" for key, value in keys.items()).encode("utf-8", "replace")
    files = [("a.yaml", text), ("b.yaml", b"name: B"), ("c.yaml", text)]

    assert problems_of(SITE, files) == problems_of(SITE, files[::-1])


COLLECTED = (
    SITE
    + b"""seeds: [../seeds, ../collected]
sources:
  folder: ../collected
  opml: ["https://example.org/planet.opml", {url: ../config/subs.opml, private: true, topics: [Space]}]
  every: 1h
  first: 3
  categories: topics
"""
)


def test_sources_have_what_is_said_for_all():
    """A source has its own values, else those of `sources`, else the defaults; it knows where it is listed."""
    lists = [
        ("/site/config/sources/b.yaml", b"- https://b.example.org/feed\n"),
        (
            "/site/config/sources/a.yaml",
            b"# mine\n- {url: 'https://A.example.org/#top', every: 15m, first: 0, quality: 80}\n",
        ),
    ]

    sources = load(COLLECTED, path=PATH, source_files=lists).sources

    assert sources is not None
    assert (sources.folder, sources.list) == ("/site/collected", "/site/config/sources")
    assert sources.listed == (
        Source(url="https://a.example.org/", every=900, first=0, quality=80, categories="topics",
               position="/site/config/sources/a.yaml:2:3"),
        Source(url="https://b.example.org/feed", every=3600, first=3, categories="topics",
               position="/site/config/sources/b.yaml:1:3"),
    )  # fmt: skip


def test_living_lists_have_what_is_said_for_them():
    """An OPML list is a URL or a path; what it lists has the values of the list, else those of `sources`."""
    sources = load(COLLECTED, path=PATH).sources

    assert sources is not None
    assert sources.lists == (
        SourceList(
            location="https://example.org/planet.opml",
            defaults=Source(url="", every=3600, first=3, categories="topics", position=f"{PATH}:5:10"),
        ),
        SourceList(
            location="/site/config/subs.opml",
            defaults=Source(
                url="",
                every=3600,
                first=3,
                categories="topics",
                private=True,
                topics=("Space",),
                position=f"{PATH}:5:45",
            ),
        ),
    )


def test_a_site_without_sources_has_none():
    """Without the key, or with an empty one, there is no collector."""
    assert load(SITE, path=PATH).sources is None
    assert load(SITE + b"sources:\n", path=PATH).sources is None
    only_a_folder = load(SITE + b"sources: {folder: ../seeds}\n", path=PATH).sources
    assert only_a_folder == SourcesSettings(folder="/site/seeds", list="/site/config/sources")


@pytest.mark.parametrize(
    ("text", "where"),
    [
        (b"sources: {folder: ../c}", "/site/config/sources"),
        (b"sources: {list: /etc/blogs.yaml}", "/etc/blogs.yaml"),
        (b"sources: {list: [x]}", ""),
        (b"sources:", ""),
        (b"seeds: ../sources", ""),
        (b"sources: [", ""),
    ],
)
def test_sources_list(text, where):
    """The lists lie where the config says, beside it by default; nowhere if it has no sources or is invalid."""
    assert sources_list(text, path=PATH) == where


def test_a_list_is_a_folder_or_a_file(tmp_path):
    """`sources` means `sources.yaml` and each list in the folder `sources`; hidden files and others are none."""
    (tmp_path / "sources").mkdir()
    for name in ("sources.yaml", "sources/b.yml", "sources/a.yaml", "sources/.c.yaml", "sources/notes.txt"):
        (tmp_path / name).write_text("")

    assert source_files(f"{tmp_path}/sources") == [
        f"{tmp_path}/sources.yaml",
        f"{tmp_path}/sources/a.yaml",
        f"{tmp_path}/sources/b.yml",
    ]
    assert source_files(f"{tmp_path}/sources/notes.txt") == [f"{tmp_path}/sources/notes.txt"]
    assert source_files("") == source_files(f"{tmp_path}/nothing") == []


@pytest.mark.parametrize(
    ("written", "who"), [("true", "daemon"), ("yes", "daemon"), ("false", ""), ("null", ""), ("static", "static")]
)
def test_who_answers_searches(written, who):
    """`true` is the daemon; pages know where their fields lead."""
    config = load(f"site: {{url: 'https://a.example.org/'}}\npages: {{search: {written}}}\n".encode(), path="a.yaml")
    assert (config.pages.search, config.site.searches) == (who, who)


def test_a_search_is_static_or_the_daemons():
    """Anything else is a mistake."""
    text = "site: {url: 'https://a.example.org/'}\npages:\n  search: "
    assert load(f"{text}static".encode(), path="a.yaml").pages.search == "static"
    assert load(f"{text}true".encode(), path="a.yaml").pages.search == "daemon"
    with pytest.raises(ConfigError, match="expected `true`, `false` or `static`"):
        load(f"{text}statics".encode(), path="a.yaml")

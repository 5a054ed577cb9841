"""The config: what `aggregator.yaml`, `topics/*.yaml` and `sources/*.yaml` in `config/` may hold, key by key. Pure.

Fields are the keys of the files, unless they are `Computed`; annotations say how a value is read. Everything but
`site.url` and a topic's `name` has a default. `loading` decodes the files into these classes, then resolves what needs
other keys or the path of the file: absolute paths, default titles, slugs of topics.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from aggregator.config import parsers
from aggregator.config.yaml.decoding import Brief, Check, Computed, Parse
from aggregator.model.document_names import SOURCES
from aggregator.model.feeds import NAMED_FEEDS, SITE_FEED, Podcast, Site, WhoSearches
from aggregator.model.item_pages import ItemsWithPages
from aggregator.model.seed_roots import SeedRoot
from aggregator.model.sources import Content, Source, SourceList

OneLine = Annotated[str, Check(parsers.one_line)]
Name = Annotated[str, Check(parsers.name)]
Pattern = Annotated[str, Check(parsers.pattern)]
TitlePattern = Annotated[str, Check(parsers.title_pattern)]
Folder = Annotated[str, Check(parsers.folder)]
Location = Annotated[str, Check(parsers.location, what="a folder, or a URL such as `s3://bucket/seeds`")]
HttpUrl = Annotated[str, Check(parsers.http_url)]
Expression = Annotated[str, Check(parsers.expression)]
Glob = Annotated[str, Check(parsers.glob)]
Slug = Annotated[str, Check(parsers.slug, what="its slug, such as `top-stories`")]
Age = Annotated[int | None, Parse(parsers.duration, what="a length of time such as `365d`")]
Interval = Annotated[int, Parse(parsers.duration, what="an interval such as `30s`")]


class PodcastSettings(Podcast, frozen=True, kw_only=True):
    """`site.podcast`: what Apple's directory requires of feeds with episodes."""

    category: Annotated[str, Check(parsers.podcast_category)] = ""
    explicit: bool | None = None


class SiteSettings(Site, frozen=True, kw_only=True):
    """`site`: who publishes. `title` is the host of `url` by default.

    `hub` comes from `websub.hub`, `collects` from `sources`, `searches` from `pages.search`.
    """

    url: Annotated[str, Check(parsers.site_url, what='the public address, such as `"https://feeds.example.org/"`')]
    title: OneLine = ""
    description: OneLine = ""
    language: Annotated[str, Check(parsers.language)] = "en-us"
    author: OneLine = ""
    icon: HttpUrl = ""
    accent: Annotated[str, Check(parsers.colour)] = ""
    hub: Annotated[str, Computed()] = ""
    collects: Annotated[bool, Computed()] = False
    searches: Annotated[WhoSearches, Computed()] = ""
    podcast: PodcastSettings = PodcastSettings()


class RootSettings(SeedRoot, frozen=True, kw_only=True):
    """`seeds[]`: a folder of seeds, or the URL of a store, and how its files are read; as text, its `folder` alone."""

    folder: Location
    name: Annotated[str, Check(parsers.root_name)] = ""
    dialect: Literal[
        "native", "hugo", "zola", "jekyll", "eleventy", "astro", "pelican", "docusaurus", "mkdocs", "obsidian", "plain"
    ] = "native"
    base: Annotated[str, Check(parsers.base_url)] = ""
    link: Annotated[str, Check(parsers.link_pattern)] = ""
    include: tuple[Glob, ...] = ()
    ignore: tuple[Glob, ...] = ()
    keys: Annotated[dict[str, tuple[Name, ...]], Check(parsers.seed_keys)] = {}  # noqa: RUF012 - copied by msgspec
    inbox: Annotated[str, Check(parsers.inner_path)] = ""


class Match(msgspec.Struct, frozen=True, kw_only=True):
    """`rules.allow`, `rules.block`: providers (host names or names), types and title patterns (regular expressions).

    `match` is an expression (`model.expression`); as text, the rule is that alone.
    """

    providers: tuple[Name, ...] = ()
    types: tuple[Name, ...] = ()
    titles: tuple[TitlePattern, ...] = ()
    match: Expression = ""


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """`rules`: what an item must satisfy to be published. `max_age` is in seconds; None switches a rule off."""

    min_quality: int | None = None
    require_quality: bool = False
    min_heat: int | None = None
    max_age: Age = None
    allow: Annotated[Match, Brief("match", what="an expression, or a mapping")] = Match()
    block: Annotated[Match, Brief("match", what="an expression, or a mapping")] = Match()


TOPIC_FIELDS = ("any_topics", "all_topics", "not_topics")
"""The fields of `Where` that name topics."""


class Where(msgspec.Struct, frozen=True, kw_only=True):
    """`feeds_by_query[].where`: every condition given must hold.

    Files write topics by name, shortname or slug; once loaded they are slugs. `max_age` is in seconds. `match` is an
    expression; as text, `where` is that alone.
    """

    any_topics: tuple[Name, ...] = ()
    all_topics: tuple[Name, ...] = ()
    not_topics: tuple[Name, ...] = ()
    providers: tuple[Name, ...] = ()
    not_providers: tuple[Name, ...] = ()
    types: tuple[Name, ...] = ()
    min_quality: int | None = None
    min_heat: int | None = None
    max_age: Age = None
    title: Pattern = ""
    match: Expression = ""
    topic_names: Annotated[tuple[tuple[str, str, str], ...], Computed()] = ()
    """A field above, a slug in it, and the name, folded, that it was made from: the name may have another slug now."""


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """`feeds_by_query[]`: a feed described by a query instead of a topic. `title` is made from the slug by default.

    `sort` is what comes first: the newest, or what has the best score.
    """

    slug: Slug
    title: OneLine = ""
    description: OneLine = ""
    sort: Literal["date", "score"] = "date"
    where: Annotated[Where, Brief("match", what="an expression, or a mapping")] = Where()


class Score(msgspec.Struct, frozen=True, kw_only=True):
    """`score`: points that are added to the quality of an item, for feeds with `sort: score`.

    For an item with a source, for each related item, for each day of its age, for words in its title, for an image.
    """

    source: Annotated[int, Parse(parsers.points, what="points such as `+1`")] = 0
    coverage: Annotated[int, Parse(parsers.points_each, what="points such as `+10 each`")] = 0
    fresh: Annotated[int, Parse(parsers.points_a_day, what="points such as `-1/day`")] = 0
    words: dict[str, Annotated[int, Parse(parsers.points, what="points such as `+5`")]] = {}
    has_image: Annotated[int, Parse(parsers.points, what="points such as `+3`")] = 0


class NamedFeeds(msgspec.Struct, frozen=True, kw_only=True):
    """`feed.tags`, `feed.authors`, `feed.sources`: a feed for each such name that many items have.

    There are at most `max` of them, for the names with the most items; `min` is the fewest items (0 = no feeds).
    """

    min: Annotated[int, Check(parsers.count)] = 0
    max: Annotated[int, Check(parsers.count)] = 100


class FeedSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`feed`: how long a feed may get and what it says.

    `limit` is in items, `max_bytes` in bytes of the feed's JSON form (None = no limit). `archives` publishes the whole
    history by month. `tombstones` is how long feeds announce withdrawals, in seconds (None = never). `tags`, `authors`
    and `sources` make further feeds, without archives.
    """

    limit: Annotated[int | None, Parse(parsers.item_limit, what="a number of items", null=True)] = 50
    max_bytes: Annotated[int | None, Parse(parsers.size_limit, what="a size", null=True)] = 250_000
    content: Literal["full", "summary"] = "full"
    archives: bool = True
    tombstones: Annotated[
        int | None, Parse(parsers.duration_limit, what="a length of time such as `30d`", null=True)
    ] = 30 * 86_400
    tags: Annotated[NamedFeeds, Brief("min", what="a number of items, or `min` and `max`")] = NamedFeeds()
    authors: Annotated[NamedFeeds, Brief("min", what="a number of items, or `min` and `max`")] = NamedFeeds()
    sources: Annotated[NamedFeeds, Brief("min", what="a number of items, or `min` and `max`")] = NamedFeeds()

    @property
    def named(self) -> dict[str, NamedFeeds]:
        """The kinds of named feeds that are wanted, by what their slugs begin with."""
        return {prefix: one for kind, prefix in NAMED_FEEDS.items() if (one := getattr(self, kind)).min}


class StorySettings(msgspec.Struct, frozen=True, kw_only=True):
    """`stories`: what becomes of the same text, and of other texts on the same event, from several sources.

    `fold` shows one item for all its copies, which are listed with it; `list` shows each, with the others listed. `off`
    compares nothing.
    """

    copies: Literal["fold", "list", "off"] = "off"
    stories: Literal["relate", "one", "off"] = "off"


class TopicImage(msgspec.Struct, frozen=True, kw_only=True):
    """`images[]` of a topic."""

    url: Annotated[str, Check(parsers.image_url)] = ""


class Topic(msgspec.Struct, frozen=True, kw_only=True, rename={"slug": "_id"}):
    """A topic file; keys that are not listed here are allowed in it.

    `slug` (the file's `_id`) is made from `name` by default. Files write `parent` as a name, shortname or slug; once
    loaded it is a slug or "". `order` is the file's rank among the topic files, from 0.
    `language` is that of its feed, "" for that of most of its items.
    """

    name: Annotated[str, Check(parsers.one_line_name, what="the topic's name")]
    slug: Slug = ""
    shortname: OneLine = ""
    description: OneLine = ""
    parent: str = ""
    keywords: tuple[Name, ...] = ()
    hashtags: tuple[Name, ...] = ()
    images: tuple[TopicImage, ...] = ()
    language: Annotated[str, Check(parsers.language)] = ""
    services: Annotated[Any, Check(parsers.ignored)] = None
    order: Annotated[int, Computed()] = 0

    @property
    def image(self) -> str:
        """The URL of the first image that has one, or ""."""
        return next((image.url for image in self.images if image.url), "")


class TopicSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`topics`: the folder of the topic files, and whether seeds without topics get them by keyword."""

    folder: Folder = "topics"
    from_keywords: bool = False


class Schedule(msgspec.Struct, frozen=True, kw_only=True):
    """`schedule`: when the daemon regenerates (cron lines or seconds) and how often it scans the folder (seconds).

    None for `regenerate` means never. None for `scan` means every 30 s, or as seldom as keeps the scans of a watched
    folder well under 0.1 % of a processor.
    """

    regenerate: Annotated[str | int | None, Parse(parsers.cron_or_interval, what="a cron line or an interval")] = None
    scan: Annotated[int | None, Parse(parsers.duration, what="an interval such as `30s`")] = None


class Watch(msgspec.Struct, frozen=True, kw_only=True):
    """`watch`: how the daemon notices changes: by the system's events, by polling every `poll` seconds, or as fits."""

    backend: Literal["auto", "native", "polling"] = "auto"
    poll: Interval = 2


class Server(msgspec.Struct, frozen=True, kw_only=True):
    """`server`: where the daemon serves, if it does, and to how many clients at once.

    `token` is the path of a file that holds the bearer token for the owner's addresses, "" for none. `write_tokens` is
    that of a file with the tokens of programs that may post items and do nothing else, a line each. `trust_local`
    makes everybody the owner who connects from this machine: all its users, and everybody on the network if a proxy
    runs here that names no client. `timeout` is how long a client may take to send its request, in seconds.
    """

    enabled: bool = True
    host: Annotated[str, Check(parsers.host)] = "127.0.0.1"
    port: Annotated[int, Check(parsers.port)] = 8080
    token: Annotated[str, Check(parsers.file)] = ""
    write_tokens: Annotated[str, Check(parsers.file)] = ""
    trust_local: Annotated[
        bool,
        Check(
            bool,
            what="true shows the owner's pages to everybody who connects from this machine: all its users, and the "
            "whole network if a proxy runs here that names no client",
        ),
    ] = False
    connections: Annotated[int, Check(parsers.connections)] = 4_096
    timeout: Interval = 10
    log_requests: bool = False


class Pages(msgspec.Struct, frozen=True, kw_only=True):
    """`pages`: what the pages offer.

    `items` says which items have a page of their own: `own` those whose seeds have no link, of which the page is the
    link, and `all` every one. With `search` everybody may look for published items, and it says who answers: the
    "daemon" (`true`), the browser with files of the site (`static`), or nobody ("", `false`).
    """

    items: ItemsWithPages = "own"
    search: Annotated[
        WhoSearches, Parse(parsers.who_searches, what="`true`, `false` or `static`", choices=(True, False, "static"))
    ] = ""


class Websub(msgspec.Struct, frozen=True, kw_only=True):
    """`websub`: the URL of the WebSub hub to notify of changes, "" for none. The program reads it as `site.hub`."""

    hub: HttpUrl = ""


Topics = tuple[Name, ...] | None
Categories = Literal["topics", "tags", "ignore"] | None
Every = Annotated[int | None, Parse(parsers.poll_interval, what="an interval such as `2h`")]
First = Annotated[int | None, Check(parsers.first_items)]
OnGone = Literal["keep", "withdraw"] | None


class SourceEntry(msgspec.Struct, frozen=True, kw_only=True):
    """An entry of a list of sources; None is what `sources` says for all.

    `was` is the address under which the source was first listed, if it has moved: its items have their ids from it.
    """

    url: Annotated[
        str, Check(parsers.source_url, what="the address of a feed, such as `https://blog.example.org/feed.xml`")
    ]
    was: Annotated[str, Check(parsers.source_url)] = ""
    name: OneLine = ""
    topics: Topics = None
    categories: Categories = None
    quality: int | None = None
    every: Every = None
    first: First = None
    content: Content | None = None
    private: bool = False
    conditional: bool = True
    on_gone: OnGone = None


class OpmlEntry(msgspec.Struct, frozen=True, kw_only=True):
    """`sources.opml[]`: a living list, and what is said for all that it lists; as text, its `url` alone."""

    url: Annotated[str, Check(parsers.opml_location, what="the URL or the path of an OPML file")]
    topics: Topics = None
    categories: Categories = None
    quality: int | None = None
    every: Every = None
    first: First = None
    content: Content | None = None
    private: bool = False
    conditional: bool = True
    on_gone: OnGone = None


class SourcesSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`sources`: the upstream feeds whose entries become seeds, and what is said for all of them.

    `folder` is where the seeds are written. Once loaded, it and `list` are absolute paths, `listed` are the sources of
    the files of the list, with every default filled in, and `lists` those of `opml`, which the collector reads.
    """

    folder: Annotated[str, Check(parsers.folder, what="`folder: ../collected`, one of the folders of `seeds`")]
    list: Annotated[str, Check(parsers.file)] = "sources"
    opml: Annotated[
        tuple[OpmlEntry, ...], Brief("url", what="the URL or path of an OPML file, a mapping with a `url`, or a list")
    ] = ()
    topics: Topics = None
    categories: Categories = None
    quality: int | None = None
    every: Every = None
    first: First = None
    content: Content | None = None
    on_gone: OnGone = None
    listed: Annotated[tuple[Source, ...], Computed()] = ()
    lists: Annotated[tuple[SourceList, ...], Computed()] = ()


class Config(msgspec.Struct, frozen=True, kw_only=True, rename={"topic_settings": "topics", "topics": "topic_files"}):
    """The whole config. Once loaded, `path`, `feeds`, `state` and the folders of `seeds` are absolute paths.

    `feeds` and the folders of `seeds` may be URLs of object stores instead (`is_url`). The key `topics` is
    `topic_settings` here; `topics` are the topics themselves, from files of their own.
    """

    path: Annotated[str, Computed()] = ""
    site: SiteSettings
    seeds: Annotated[
        tuple[RootSettings, ...], Brief("folder", what="a folder, a mapping with a `folder`, or a list of them")
    ] = (RootSettings(folder="../seeds"),)
    feeds: Location = "../feeds"
    state: Folder = "../.aggregator"
    timezone: Annotated[str, Check(parsers.timezone)] = "UTC"
    rules: Rules = Rules()
    feed: FeedSettings = FeedSettings()
    feeds_by_query: tuple[Query, ...] = ()
    searches: dict[str, Expression] = {}
    score: Score = Score()
    topics: Annotated[tuple[Topic, ...], Computed()] = ()
    topic_settings: TopicSettings = TopicSettings()
    related: Literal["list", "promote", "ignore"] = "list"
    stories: StorySettings = StorySettings()
    sources: SourcesSettings | None = None
    schedule: Schedule = Schedule()
    watch: Watch = Watch()
    pages: Pages = Pages()
    server: Server = Server()
    websub: Websub = Websub()


def taken_slugs(config: Config) -> frozenset[str]:
    """Return the slugs that no topic's feed can have: those of the site itself and of the feeds by query."""
    own = {SITE_FEED} if config.sources is None else {SITE_FEED, SOURCES}
    return frozenset(own | {query.slug for query in config.feeds_by_query})


def roots_for_people(config: Config) -> tuple[RootSettings, ...]:
    """Return the folders that new seeds may be written into: all but that of collected seeds, if there is another."""
    collected = config.sources.folder if config.sources is not None else ""
    return tuple(root for root in config.seeds if root.folder != collected) or config.seeds

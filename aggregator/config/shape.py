"""What config and topic files may hold, key by key, and how each value is read; only types, nothing happens here.

These are the files as authors write them; `config` has the same once checked, with topics as slugs and folders as
absolute paths. Keep both in sync: what has one name here and there is carried over as it is.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from aggregator.config import parsers as values
from aggregator.config.settings import DEFAULT_LIMIT, DEFAULT_MAX_BYTES, DEFAULT_TOMBSTONES
from aggregator.config.yaml.decoding import Check, Parse

__all__ = ["ConfigText", "QueryText", "SiteText", "TopicText", "WhereText"]

Line = Annotated[str, Check(values.line)]
Word = Annotated[str, Check(values.word)]
Pattern = Annotated[str, Check(values.pattern)]
TitlePattern = Annotated[str, Check(values.title_pattern)]
Folder = Annotated[str, Check(values.folder)]
Location = Annotated[str, Check(values.place, what="a folder, or a URL such as `s3://bucket/seeds`")]
Address = Annotated[str, Check(values.address)]
Slug = Annotated[str, Check(values.slug, what="its slug, such as `top-stories`")]
Age = Annotated[int | None, Parse(values.duration, what="a length of time such as `365d`")]
Interval = Annotated[int, Parse(values.duration, what="an interval such as `30s`")]


class SiteText(msgspec.Struct, frozen=True, kw_only=True):
    """`site`: who publishes."""

    url: Annotated[str, Check(values.site_address, what='the public address, such as `"https://feeds.example.org/"`')]
    title: Line = ""
    description: Line = ""
    language: Annotated[str, Check(values.language)] = "en-us"
    author: Line = ""
    icon: Address = ""


class MatchText(msgspec.Struct, frozen=True, kw_only=True):
    """`rules.allow` and `rules.block`."""

    providers: tuple[Word, ...] = ()
    types: tuple[Word, ...] = ()
    titles: tuple[TitlePattern, ...] = ()


class RulesText(msgspec.Struct, frozen=True, kw_only=True):
    """`rules`: what an item must satisfy."""

    min_quality: int | None = None
    require_quality: bool = False
    min_heat: int | None = None
    max_age: Age = None
    allow: MatchText = MatchText()
    block: MatchText = MatchText()


class FeedText(msgspec.Struct, frozen=True, kw_only=True):
    """`feed`: how long feeds get and how much they say."""

    limit: Annotated[int | None, Parse(values.limit, what="a number of items", null=True)] = DEFAULT_LIMIT
    max_bytes: Annotated[int | None, Parse(values.size_limit, what="a size", null=True)] = DEFAULT_MAX_BYTES
    content: Literal["full", "summary"] = "full"
    archives: bool = True
    tombstones: Annotated[
        int | None, Parse(values.duration_limit, what="a length of time such as `30d`", null=True)
    ] = DEFAULT_TOMBSTONES


class WhereText(msgspec.Struct, frozen=True, kw_only=True):
    """`feeds_by_query[].where`: topics by name, shortname or slug."""

    any_topics: tuple[Word, ...] = ()
    all_topics: tuple[Word, ...] = ()
    not_topics: tuple[Word, ...] = ()
    providers: tuple[Word, ...] = ()
    not_providers: tuple[Word, ...] = ()
    types: tuple[Word, ...] = ()
    min_quality: int | None = None
    min_heat: int | None = None
    max_age: Age = None
    title: Pattern = ""


class QueryText(msgspec.Struct, frozen=True, kw_only=True):
    """`feeds_by_query[]`: a feed described by a query."""

    slug: Slug
    title: Line = ""
    description: Line = ""
    where: WhereText = WhereText()


class TopicsText(msgspec.Struct, frozen=True, kw_only=True):
    """`topics`: where topic files lie, and what they do."""

    folder: Folder = "topics"
    from_keywords: bool = False


class ScheduleText(msgspec.Struct, frozen=True, kw_only=True):
    """`schedule`: when the daemon regenerates and rescans."""

    regenerate: Annotated[str | int | None, Parse(values.schedule, what="a cron line or an interval")] = None
    scan: Annotated[int | None, Parse(values.duration, what="an interval such as `30s`")] = None


class WatchText(msgspec.Struct, frozen=True, kw_only=True):
    """`watch`: how the daemon learns of changes."""

    backend: Literal["auto", "native", "polling"] = "auto"
    poll: Interval = 2


class ServerText(msgspec.Struct, frozen=True, kw_only=True):
    """`server`: where the daemon serves, and whom."""

    enabled: bool = True
    host: Annotated[str, Check(values.host)] = "127.0.0.1"
    port: Annotated[int, Check(values.port)] = 8080
    token: Annotated[str, Check(values.file)] = ""
    connections: Annotated[int, Check(values.connections)] = 4_096
    timeout: Interval = 10
    log_requests: bool = False


class WebsubText(msgspec.Struct, frozen=True, kw_only=True):
    """`websub`: the hub that is told of changes."""

    hub: Address = ""


class ConfigText(msgspec.Struct, frozen=True, kw_only=True):
    """A whole `aggregator.yaml`."""

    site: SiteText
    seeds: Location = "../seeds"
    feeds: Location = "../feeds"
    state: Folder = "../.aggregator"
    timezone: Annotated[str, Check(values.timezone)] = "UTC"
    rules: RulesText = RulesText()
    feed: FeedText = FeedText()
    feeds_by_query: tuple[QueryText, ...] = ()
    topics: TopicsText = TopicsText()
    related: Literal["list", "promote", "ignore"] = "list"
    schedule: ScheduleText = ScheduleText()
    watch: WatchText = WatchText()
    server: ServerText = ServerText()
    websub: WebsubText = WebsubText()


class TopicImageText(msgspec.Struct, frozen=True, kw_only=True):
    """`images[]` of a topic."""

    url: Annotated[str, Check(values.picture)] = ""


class TopicText(msgspec.Struct, frozen=True, kw_only=True, rename={"slug": "_id"}):
    """A whole topic file; keys that are not here are allowed in it."""

    name: Annotated[str, Check(values.name, what="the topic's name")]
    slug: Slug | None = None
    shortname: Line = ""
    description: Line = ""
    parent: str = ""
    keywords: tuple[Word, ...] = ()
    hashtags: tuple[Word, ...] = ()
    images: tuple[TopicImageText, ...] = ()
    services: Any = None

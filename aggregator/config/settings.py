"""The config as frozen values: what `config/aggregator.yaml` and `config/topics/*.yaml` may say.

Names here are the keys of the files; everything but `site.url` has a default. Pure: `config_file` turns text into
these values, or into every problem the text has.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from aggregator.model.feeds import Site

DEFAULT_LIMIT = 50
DEFAULT_MAX_BYTES = 250_000
DEFAULT_TOMBSTONES = 30 * 86_400


class Match(msgspec.Struct, frozen=True, kw_only=True):
    """Providers (host names or names), types and title patterns (regular expressions) that a rule names."""

    providers: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    titles: tuple[str, ...] = ()


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """What an item must satisfy to be published; `max_age` is in seconds, None switches a rule off."""

    min_quality: int | None = None
    require_quality: bool = False
    min_heat: int | None = None
    max_age: int | None = None
    allow: Match = Match()
    block: Match = Match()


class Where(msgspec.Struct, frozen=True, kw_only=True):
    """The query of a feed: every condition given must hold. Topics are slugs here, whatever the file wrote."""

    any_topics: tuple[str, ...] = ()
    all_topics: tuple[str, ...] = ()
    not_topics: tuple[str, ...] = ()
    providers: tuple[str, ...] = ()
    not_providers: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    min_quality: int | None = None
    min_heat: int | None = None
    max_age: int | None = None
    title: str = ""


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """A feed described by a query instead of a topic."""

    slug: str
    title: str
    description: str = ""
    where: Where = Where()


class FeedSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How long a feed may get, in items and in bytes of its JSON form (None = no limit), and how much it says.

    `archives` publishes its whole history by month; `tombstones` is for how many seconds it names what was withdrawn
    (None = never).
    """

    limit: int | None = DEFAULT_LIMIT
    max_bytes: int | None = DEFAULT_MAX_BYTES
    content: Literal["full", "summary"] = "full"
    archives: bool = True
    tombstones: int | None = DEFAULT_TOMBSTONES


class Topic(msgspec.Struct, frozen=True, kw_only=True):
    """A topic of `config/topics/`: `slug` is its `_id`, `parent` its parent's slug or "", `order` its file's place."""

    slug: str
    name: str
    shortname: str = ""
    description: str = ""
    parent: str = ""
    keywords: tuple[str, ...] = ()
    hashtags: tuple[str, ...] = ()
    image: str = ""
    order: int = 0


class TopicSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where topic files lie, and whether seeds without topics get them by keyword."""

    folder: str = "topics"
    from_keywords: bool = False


class Schedule(msgspec.Struct, frozen=True, kw_only=True):
    """When the daemon regenerates (what `cron_line` gives, or seconds, or None) and walks the whole folder (seconds).

    Without `scan` it is every 30 s, or as seldom as keeps a folder that is watched well under 0.1 % of a processor.
    """

    regenerate: str | int | None = None
    scan: int | None = None


class Watch(msgspec.Struct, frozen=True, kw_only=True):
    """How the daemon learns of changes: by the system's events, by its own walks every `poll` seconds, or as fits."""

    backend: Literal["auto", "native", "polling"] = "auto"
    poll: int = 2


class Server(msgspec.Struct, frozen=True, kw_only=True):
    """Where the daemon serves, if it is to; to how many clients at once; how slow, in seconds, they may ask.

    `token` is the path of a file that holds the bearer token for the owner's addresses, "" for none.
    """

    enabled: bool = True
    host: str = "127.0.0.1"
    port: int = 8080
    token: str = ""
    connections: int = 4_096
    timeout: int = 10
    log_requests: bool = False


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """Everything the config says, checked; `seeds`, `feeds` and `state` are absolute paths.

    `seeds` and `feeds` may be URLs of stores instead (`is_url`).
    """

    path: str
    site: Site
    seeds: str
    feeds: str
    state: str
    timezone: str = "UTC"
    rules: Rules = Rules()
    feed: FeedSettings = FeedSettings()
    feeds_by_query: tuple[Query, ...] = ()
    topics: tuple[Topic, ...] = ()
    topic_settings: TopicSettings = TopicSettings()
    related: Literal["list", "promote", "ignore"] = "list"
    schedule: Schedule = Schedule()
    watch: Watch = Watch()
    server: Server = Server()

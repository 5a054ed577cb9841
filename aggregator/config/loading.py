"""The config from its text: bytes of the config and topic files in, a `Config` or every problem out; no file is read.

What single keys may hold is said in `config_shape`; here is what only two of them together can get wrong: folders
inside each other, slugs taken twice. Relative paths are taken from the config file's folder.
"""

from __future__ import annotations

import errno
import os
import posixpath
import stat
from collections.abc import Callable, Collection, Iterator, Sequence
from urllib.parse import urlsplit

import msgspec

from aggregator.config import parsers as values
from aggregator.config.settings import (
    Config,
    FeedSettings,
    Query,
    Rules,
    Schedule,
    Server,
    Topic,
    TopicSettings,
    Watch,
    Where,
)
from aggregator.config.shape import ConfigText, QueryText, ServerText, SiteText, WhereText
from aggregator.config.topics import read_topics, topic_slug
from aggregator.config.yaml.decoding import decode
from aggregator.config.yaml.tree import NOTHING, Node, parse_bytes
from aggregator.model.errors import ConfigError, reason_of
from aggregator.model.feeds import SITE_FEED, Site
from aggregator.model.reports import Problem
from aggregator.model.slugs import as_topic, names_of
from aggregator.model.store import is_url

__all__ = ["BIGGEST_FILE", "load", "state_folder", "topics_folder"]

BIGGEST_FILE = 2**20
DEFAULT_TOPICS = "topics"
_DEFAULTS = {field.name: field.default for field in msgspec.structs.fields(ConfigText)}

_PLACES = (("seeds",), ("feeds",))
"""The keys that may name a place in a store."""


def load(
    text: bytes, *, path: str, topic_files: Sequence[tuple[str, bytes]] = (),
    why_not: Callable[[str], str] = lambda _: "", real: Callable[[str], str] = lambda path: path,
) -> Config:  # fmt: skip
    """Give the config that the file `path` and its topic files say; or raise ConfigError with every problem in them.

    `topic_files` are pairs of path and bytes, in any order. An absolute `path` makes every path in the config absolute.
    `why_not` says of a place in a store why it cannot be used here, "" where it can; `real` gives the path of a folder
    without the symbolic links that lead there.
    """
    node = parse_bytes(text, path=path, at_most=BIGGEST_FILE)
    topics, topic_problems = read_topics(topic_files)
    if isinstance(node, tuple):
        raise ConfigError([*node, *topic_problems])
    said, problems = decode(node, ConfigText, path=path)
    problems += _overlapping_folders(node, path, real)
    problems += _unusable_stores(node, path, why_not)
    problems += _taken_slugs(node, path, topics)
    problems.sort(key=lambda problem: (problem.line, problem.column))
    if problems or topic_problems:
        raise ConfigError([*problems, *topic_problems])
    return _config(said, path, topics)


def topics_folder(text: bytes, *, path: str) -> str:
    """Give the folder where topic files lie by the config file `path`; the default where its text cannot be read."""
    return _known_folder(text, path, DEFAULT_TOPICS, "topics", "folder")


def state_folder(text: bytes, *, path: str) -> str:
    """Give the state folder by the config file `path`; the default where its text cannot be read."""
    return _known_folder(text, path, _DEFAULTS["state"], "state")


def _known_folder(text: bytes, path: str, default: str, *steps: str) -> str:
    node = parse_bytes(text, path=path, at_most=BIGGEST_FILE)
    said = _folder(node, default, *steps) if isinstance(node, Node) else None
    return _absolute(said or default, path)


def _folder(root: Node, default: str, *steps: str) -> str | None:
    """Give the folder or place written at a key, the default if none is, None if what stands there is neither."""
    node = root.at(*steps) or NOTHING
    if node.tag == "null":
        return default
    try:
        return values.place(node.text) if steps in _PLACES else values.folder(node.text)
    except ValueError:
        return None


def _absolute(folder: str, path: str) -> str:
    if is_url(folder):
        return folder
    joined = posixpath.normpath(posixpath.join(posixpath.dirname(path), folder))
    # POSIX lets two leading slashes mean something else than one; nobody who writes them means that.
    return "/" + joined.lstrip("/") if joined.startswith("/") else joined


def _overlapping_folders(root: Node, path: str, real: Callable[[str], str]) -> Iterator[Problem]:
    folders = {}
    for key in ("seeds", "feeds", "state"):
        written = _folder(root, _DEFAULTS[key], key)
        if written:
            folder = _absolute(written, path)
            folders[key] = folder if is_url(folder) else real(folder)
    for inner, outer in (("seeds", "feeds"), ("state", "seeds"), ("state", "feeds")):
        if inner in folders and outer in folders:
            yield from _overlap(root, path, (inner, folders[inner]), (outer, folders[outer]))
    if "feeds" in folders:
        yield from _feeds_over_config(root, path, folders["feeds"], real)


def _overlap(root: Node, path: str, one: tuple[str, str], other: tuple[str, str]) -> Iterator[Problem]:
    if one[1] == other[1]:
        relation = f"is the same folder as `{other[0]}`"
    elif _lies_in(one[1], other[1]):
        relation = f"lies inside `{other[0]}` ({other[1]})"
    elif _lies_in(other[1], one[1]):
        one, other, relation = other, one, f"lies inside `{one[0]}` ({one[1]})"
    else:
        return
    # The one that is written down is to blame, if the other is a default.
    node = root.at(one[0]) or root.at(other[0]) or root
    message = f"{one[0]}: {one[1]} {relation}"
    yield Problem(path=path, line=node.line, column=node.column, message=message, hint="use folders side by side")


def _feeds_over_config(root: Node, path: str, feeds: str, real: Callable[[str], str]) -> Iterator[Problem]:
    ours = posixpath.join(real(posixpath.dirname(path)), posixpath.basename(path))
    if feeds == ours or _lies_in(ours, feeds):
        node = root.at("feeds") or root
        message = f"feeds: {feeds} {'is' if feeds == ours else 'holds'} this config file"
        hint = "use a folder of its own: whoever serves it hands out what lies there"
        yield Problem(path=path, line=node.line, column=node.column, message=message, hint=hint)


def _unusable_stores(root: Node, path: str, why_not: Callable[[str], str]) -> Iterator[Problem]:
    for (key,) in _PLACES:
        written = _folder(root, "", key) or ""
        if is_url(written) and (reason := why_not(written)):
            node = root.at(key) or root
            message = f"{key}: '{written}' {reason}"
            yield Problem(path=path, line=node.line, column=node.column, message=message)


def _lies_in(inner: str, outer: str) -> bool:
    return inner.startswith(outer.rstrip("/") + "/")


def _taken_slugs(root: Node, path: str, topics: Sequence[Topic]) -> Iterator[Problem]:
    """Find the queries whose slug another query or a topic has; by node, since faulty ones are not decoded."""
    taken = {topic.slug: f'the topic "{topic.name}"' for topic in topics}
    queries = root.at("feeds_by_query")
    for place, query in enumerate(queries.items if queries else ()):
        slug = query.at("slug")
        if slug is None or slug.kind != "scalar" or slug.tag == "null":
            continue
        where = f"feeds_by_query[{place}]"
        if slug.text in taken:
            message = f"{where}.slug: `{slug.text}` is taken by {taken[slug.text]}"
            yield Problem(path=path, line=slug.line, column=slug.column, message=message, hint="write another slug")
        taken.setdefault(slug.text, f"{where} in line {slug.line}")


def _config(said: ConfigText, path: str, topics: tuple[Topic, ...]) -> Config:
    names = names_of((topic.slug, topic.name, topic.shortname) for topic in topics)
    feeds = {SITE_FEED, *(query.slug for query in said.feeds_by_query)}
    return Config(
        path=path,
        site=_site(said.site, said.websub.hub),
        seeds=_absolute(said.seeds, path),
        feeds=_absolute(said.feeds, path),
        state=_absolute(said.state, path),
        timezone=said.timezone,
        rules=msgspec.convert(said.rules, Rules, from_attributes=True),
        feed=msgspec.convert(said.feed, FeedSettings, from_attributes=True),
        feeds_by_query=tuple(_query(query, names, feeds) for query in said.feeds_by_query),
        topics=topics,
        topic_settings=TopicSettings(
            folder=_absolute(said.topics.folder, path), from_keywords=said.topics.from_keywords
        ),
        related=said.related,
        schedule=msgspec.convert(said.schedule, Schedule, from_attributes=True),
        watch=msgspec.convert(said.watch, Watch, from_attributes=True),
        server=_server(said.server, path),
    )


def _server(said: ServerText, path: str) -> Server:
    server = msgspec.convert(said, Server, from_attributes=True)
    return msgspec.structs.replace(server, token=_absolute(said.token, path)) if said.token else server


def _site(said: SiteText, hub: str) -> Site:
    host = urlsplit(said.url).hostname or ""
    return Site(
        title=said.title or host,
        url=said.url,
        description=said.description,
        language=said.language,
        author=said.author,
        icon=said.icon,
        hub=hub,
    )


def _query(said: QueryText, names: dict[str, str], feeds: Collection[str]) -> Query:
    title = said.title or said.slug.replace("-", " ").capitalize()
    where = _where(said.where, names, feeds)
    return Query(slug=said.slug, title=title, description=said.description, where=where)


def _where(said: WhereText, names: dict[str, str], feeds: Collection[str]) -> Where:
    """Give a query by slugs, those that the topics have beside `feeds`, the site's own and those by query."""

    def slug_for(name: str) -> str:
        slug = topic_slug(name, names)
        return as_topic(slug) if slug in feeds else slug

    slugs = {key: tuple(map(slug_for, getattr(said, key))) for key in ("any_topics", "all_topics", "not_topics")}
    return msgspec.structs.replace(msgspec.convert(said, Where, from_attributes=True), **slugs)


def why_not(url: str) -> str:
    """Say why a place in a store cannot be used here, "" where it can."""
    from importlib.util import find_spec  # noqa: PLC0415 - see `StoreSeeds`

    extra = "needs the extra `cluster`: run pip install '.[cluster]' in the clone"
    if find_spec("fsspec") is None:
        return extra
    from fsspec.registry import known_implementations, registry  # noqa: PLC0415

    scheme = url.partition("://")[0]
    if scheme in registry:
        return ""
    if scheme not in known_implementations:
        return f"names a kind of store that is not known: {scheme}"
    package = known_implementations[scheme]["class"].partition(".")[0]
    if find_spec(package) is not None:
        return ""
    return extra if package == "s3fs" else f"needs the package {package}"


def load_config(path: str | os.PathLike[str]) -> Config:
    """Read the config file `path` and its topic files.

    Raises:
        ConfigError: with every problem in them.

    """
    absolute = os.path.abspath(path)
    try:
        text = settings_of(absolute, piped=True)
    except OSError as error:
        hint = "make it, or name another with --config; `aggregator init` makes a new site"
        raise ConfigError([Problem(path=str(path), message=f"cannot be read: {error.strerror}", hint=hint)]) from error
    topics = topics_folder(text, path=absolute)
    topic_files = [(path, _bytes_of(path)) for path in _topic_files(topics)]
    return load(text, path=absolute, topic_files=topic_files, why_not=why_not, real=os.path.realpath)


def _topic_files(topics: str) -> list[str]:
    """Name the files in the folder of topics: none where it is not there, but not where it fails."""
    try:
        with os.scandir(topics) as entries:
            names = [entry.name for entry in entries if entry.name.endswith((".yaml", ".yml"))]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise ConfigError([_not_readable(topics, error)]) from error
    return sorted(os.path.join(topics, name) for name in names if not name.startswith("."))


def _bytes_of(path: str) -> bytes:
    try:
        return settings_of(path)
    except OSError as error:
        raise ConfigError([_not_readable(path, error)]) from error


def settings_of(path: str, *, piped: bool = False) -> bytes:
    """Give what a config or topic file holds, or so much of it that it is known to hold too much.

    A device may have no end, a pipe no writer: the one is never read, the other where it is `piped`, as `<(…)` is.

    Raises:
        OSError: where it cannot be read.
    """
    mode = os.stat(path).st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode) or (piped and stat.S_ISFIFO(mode))):
        raise OSError(errno.EINVAL, "it is no regular file", path)
    with open(path, "rb") as file:  # which refuses a folder
        return file.read(BIGGEST_FILE + 1)


def _not_readable(path: str, error: OSError) -> Problem:
    return Problem(path=path, message=f"cannot be read: {reason_of(error, reading=True)}")

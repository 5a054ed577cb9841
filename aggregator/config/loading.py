"""Load the config: the config file, its topic files and lists of sources in, a `Config` or every problem in them out.

The first part reads the files. The second, from `load` on, is pure: what one key may hold is declared in `settings`;
here are the checks that need several keys (folders inside each other, slugs used twice) and the resolution of paths,
titles and topics.
"""

from __future__ import annotations

import errno
import os
import posixpath
import stat
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import count
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from msgspec.structs import fields, replace

from aggregator.config import parsers
from aggregator.config.expression_keys import written as expressions_in
from aggregator.config.settings import (
    TOPIC_FIELDS,
    Config,
    Query,
    RootSettings,
    SiteSettings,
    SourcesSettings,
    Topic,
    TopicSettings,
    Where,
    taken_slugs,
)
from aggregator.config.sources import SUFFIXES, defaults_of, read_sources
from aggregator.config.topics import read_topics, topic_slug
from aggregator.config.yaml.decoding import decode, nearest
from aggregator.config.yaml.tree import MOST_BYTES, NOTHING, Node, parse_bytes
from aggregator.model.document_names import SOURCES
from aggregator.model.errors import ConfigError, reason_of
from aggregator.model.feeds import NAMED_FEEDS
from aggregator.model.reports import Problem
from aggregator.model.seed_roots import NATIVE
from aggregator.model.slugs import LONGEST, folded, free_topic_slug, names_of, slug_of, with_topic_suffix
from aggregator.model.sources import Source, SourceList
from aggregator.model.store import is_url


def load_config(path: str | os.PathLike[str]) -> Config:
    """Return the config that the file `path`, its topic files and its lists of sources hold.

    Raises:
        ConfigError: with every problem in them.

    """
    absolute = os.path.abspath(path)
    try:
        text = read_config_file(absolute, piped=True)
    except OSError as error:
        raise ConfigError([_no_config(str(path), error)]) from error
    listed = source_files(sources_list(text, path=absolute)) if b"sources" in text else []
    return load(
        text,
        path=absolute,
        topic_files=_contents(_files_in(topics_folder(text, path=absolute))),
        source_files=_contents(listed),
        store_problem=_store_problem,
        real_path=os.path.realpath,
    )


def read_config_file(path: str, *, piped: bool = False) -> bytes:
    """Return the bytes of a config or topic file; of a file that is too big, enough to know that.

    Devices are never read, since they may have no end. Pipes are read only if `piped`, for `--config <(…)`: without a
    writer they block.

    Raises:
        OSError: if it cannot be read or is not a regular file.
    """
    mode = os.stat(path).st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode) or (piped and stat.S_ISFIFO(mode))):
        raise OSError(errno.EINVAL, "it is not a regular file", path)
    with open(path, "rb") as file:  # raises the right error for a folder
        return file.read(MOST_BYTES + 1)


def written_at(path: str, *keys: str) -> Node | None:
    """Return the node at `keys` in the config file `path`, None if there is none.

    It is None too if the file cannot be read again, as a pipe, or is no longer valid.
    """
    with suppress(OSError):
        root = parse_bytes(read_config_file(path), path=path)
        return root.at(*keys) if isinstance(root, Node) else None
    return None


def written_root(path: str, index: int) -> tuple[str, Node | None]:
    """Return the key of a folder of seeds, by its place in `Config.seeds`, and its node (`written_at`)."""
    node = written_at(path, "seeds")
    return (f"seeds[{index}]", node.below(index)) if node is not None and node.kind == "list" else ("seeds", node)


def source_files(location: str) -> list[str]:
    """Return the paths of the files of a list of sources: those in the folder `location`, or `location` itself.

    `location` may also be written without its `.yaml`; nothing need be there yet.

    Raises:
        ConfigError: if the folder cannot be read.
    """
    alone = [path for path in (location, *(location + suffix for suffix in SUFFIXES)) if os.path.isfile(path)]
    return [*alone, *_files_in(location)] if location else []


def _files_in(folder: str) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if entry.name.endswith(SUFFIXES)]
    except (FileNotFoundError, NotADirectoryError):
        return []  # a site needs neither topic files nor sources
    except OSError as error:
        raise ConfigError([_unreadable(folder, error)]) from error
    return sorted(os.path.join(folder, name) for name in names if not name.startswith("."))


def _contents(paths: Sequence[str]) -> list[tuple[str, bytes]]:
    try:
        return [(path, read_config_file(path)) for path in paths]
    except OSError as error:
        raise ConfigError([_unreadable(str(error.filename), error)]) from error


def _no_config(path: str, error: OSError) -> Problem:
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        hint = "make a site with `aggregator init DIR`, or name its config with --config or AGGREGATOR_CONFIG"
        return Problem(path=path, message="there is no such config file", hint=hint)
    if isinstance(error, IsADirectoryError):
        return Problem(path=path, message="is a folder, not a config file", hint="name the file with --config")
    if error.errno == errno.EINVAL:
        message = f"cannot be read: {error.strerror}"
        return Problem(path=path, message=message, hint="name a file, or a pipe, with --config")
    return _unreadable(path, error)


def _unreadable(path: str, error: OSError) -> Problem:
    return Problem(path=path, message=f"cannot be read: {reason_of(error, reading=True)}")


def _store_problem(url: str) -> str:
    """Return why the object store at `url` cannot be used with what is installed, or ""."""
    from importlib.util import find_spec  # noqa: PLC0415 - only a site with a store needs it

    extra = "needs the extra `bucket`: run pip install '.[bucket]' in the clone"
    if find_spec("fsspec") is None:
        return extra
    from fsspec.registry import known_implementations, registry  # noqa: PLC0415 - an extra, and slow to import

    scheme = url.partition("://")[0]
    if scheme in registry:
        return ""
    if scheme not in known_implementations:
        return f"is not a known kind of store: {scheme}"
    package = known_implementations[scheme]["class"].partition(".")[0]
    if find_spec(package) is not None:
        return ""
    return extra if package == "s3fs" else f"needs the package {package}"


# -- from text to Config: pure


def load(
    text: bytes, *, path: str, topic_files: Sequence[tuple[str, bytes]] = (),
    source_files: Sequence[tuple[str, bytes]] = (), store_problem: Callable[[str], str] = lambda _: "",
    real_path: Callable[[str], str] = lambda path: path,
) -> Config:  # fmt: skip
    """Return the config that `text`, the config file's content, its topic files and its lists of sources hold.

    Args:
        text: the bytes of the config file.
        path: the path of the config file. Relative paths in `text` are relative to its folder.
        topic_files: pairs of path and bytes, in any order.
        source_files: likewise, of the lists of sources.
        store_problem: returns why the object store at a URL cannot be used, or "".
        real_path: returns the path of a folder without symbolic links.

    Raises:
        ConfigError: with every problem in the files.

    """
    node = parse_bytes(text, path=path)
    topics, topic_problems = read_topics(topic_files)
    if isinstance(node, tuple):
        raise ConfigError([*node, *topic_problems])
    config, problems = decode(node, Config, path=path)
    problems += _overlapping_folders(node, path, real_path)
    problems += _unusable_stores(node, path, store_problem)
    problems += _used_names(node, path)
    problems += _used_slugs(node, path, topics)
    problems += _collected_elsewhere(node, path, real_path)
    problems += _expression_problems(node, text, path, None if problems else config)
    problems.sort(key=lambda problem: (problem.line, problem.column))
    settings = config.sources if config is not None and config.sources is not None else _NO_SOURCES
    sources, source_problems = read_sources(source_files, settings)
    if problems or topic_problems or source_problems:
        raise ConfigError([*problems, *topic_problems, *source_problems])
    return _resolved(config, path, topics, _sources(config, path, node, sources))


def topics_folder(text: bytes, *, path: str) -> str:
    """Return the folder of topic files according to the config file `path`; the default one if `text` is invalid."""
    return _folder_in(text, path, "topics", "folder")


def state_folder(text: bytes, *, path: str) -> str:
    """Return the state folder according to the config file `path`; the default one if `text` is invalid."""
    return _folder_in(text, path, "state")


def sources_list(text: bytes, *, path: str) -> str:
    """Return where the lists of sources lie according to the config file `path`, "" if it has no `sources`."""
    node = parse_bytes(text, path=path)
    sources = node.at("sources") if isinstance(node, Node) else None
    if sources is None or sources.kind != "mapping":
        return ""
    written = sources.at("list") or NOTHING
    if written.kind != "scalar":
        return ""
    return _absolute_file(_NO_SOURCES.list if written.tag == "null" else written.text, path)


_NO_SOURCES = SourcesSettings(folder="")
_DEFAULTS: dict[tuple[str, ...], Any] = {
    **{(field.name,): field.default for field in fields(Config)},
    ("topics", "folder"): TopicSettings().folder,
}
_DEFAULT_SEEDS: str = _DEFAULTS["seeds",][0].folder


def _folder_in(text: bytes, path: str, *keys: str) -> str:
    node = parse_bytes(text, path=path)
    written = _location(node, *keys) if isinstance(node, Node) else None
    return _absolute(written or _DEFAULTS[keys], path)


def _location(root: Node, *keys: str) -> str | None:
    """Return the folder or URL at a key, its default if none is written, None if it is invalid."""
    node = root.at(*keys) or NOTHING
    if node.tag == "null":
        return str(_DEFAULTS[keys])
    try:
        return parsers.location(node.text) if keys == ("feeds",) else parsers.folder(node.text)
    except ValueError:
        return None


def _absolute(folder: str, path: str) -> str:
    if is_url(folder):
        return folder
    joined = posixpath.normpath(posixpath.join(posixpath.dirname(path), folder))
    # POSIX gives two leading slashes a meaning of their own; nobody who writes them means that.
    return "/" + joined.lstrip("/") if joined.startswith("/") else joined


def _absolute_file(file: str, path: str) -> str:
    return _absolute(file, path) if file else ""


class _Folder(NamedTuple):
    """A folder or URL of the config: its key, where it lies, and the node that says so, None if it is the default."""

    key: str
    location: str
    node: Node | None


def _overlapping_folders(root: Node, path: str, real_path: Callable[[str], str]) -> Iterator[Problem]:
    def found(key: str, written: str, node: Node | None) -> _Folder:
        location = _absolute(written, path)
        return _Folder(key, location if is_url(location) else real_path(location), node)

    roots = [found(*one) for one in _seeds_written(root)]
    feeds, state = (
        [found(key, written, root.at(key))] if (written := _location(root, key)) else [] for key in ("feeds", "state")
    )
    for number, one in enumerate(roots):
        for other in (*feeds, *state):
            # The state is the one that is in the wrong place: everything else lies where people put it.
            yield from _overlap(root, path, *((other, one) if other in state else (one, other)))
        for before in roots[:number]:
            yield from _overlap(root, path, one, before)
    for one in state:
        for other in feeds:
            yield from _overlap(root, path, one, other)
    for one in feeds:
        yield from _config_in_feeds(root, path, one.location, real_path)


def _seeds_written(root: Node) -> Iterator[tuple[str, str, Node | None]]:
    """Yield key, text and node of each folder of seeds, without those that are invalid."""
    node = root.at("seeds")
    if node is None or node.tag == "null":
        yield "seeds", _DEFAULT_SEEDS, None
        return
    for index, entry in enumerate(node.items if node.kind == "list" else (node,)):
        key = f"seeds[{index}]" if node.kind == "list" else "seeds"
        folder = entry if entry.kind == "scalar" else entry.at("folder")
        if folder is None or folder.kind != "scalar" or folder.tag == "null":
            continue
        with suppress(ValueError):
            yield key if folder is entry else f"{key}.folder", parsers.location(folder.text), folder


def _overlap(root: Node, path: str, one: _Folder, other: _Folder) -> Iterator[Problem]:
    if one.location == other.location:
        relation = f"is the same folder as `{other.key}`"
    elif _is_inside(one.location, other.location):
        relation = f"lies inside `{other.key}` ({other.location})"
    elif _is_inside(other.location, one.location):
        one, other, relation = other, one, f"lies inside `{one.key}` ({one.location})"
    else:
        return
    # If one of the two is a default, point at the one that is written.
    node = one.node or other.node or root
    message = f"{one.key}: {one.location} {relation}"
    hint = "use folders side by side"
    if one.key.startswith("seeds") and other.key.startswith("seeds"):
        hint = "name each file in one of them only: remove one, or use folders side by side"
    yield Problem(path=path, line=node.line, column=node.column, message=message, hint=hint)


def _used_names(root: Node, path: str) -> Iterator[Problem]:
    """Yield a problem for each folder of seeds with the name of one above it."""
    used: dict[str, int] = {}
    node = root.at("seeds")
    for index, entry in enumerate(node.items if node else ()):
        name = entry.at("name")
        if name is None or name.kind != "scalar" or not name.text or name.tag == "null":
            continue
        if name.text in used:
            message = f"seeds[{index}].name: `{name.text}` is already used in line {used[name.text]}"
            hint = "write another name"
            yield Problem(path=path, line=name.line, column=name.column, message=message, hint=hint)
        used.setdefault(name.text, name.line)


def _config_in_feeds(root: Node, path: str, feeds: str, real_path: Callable[[str], str]) -> Iterator[Problem]:
    config_file = posixpath.join(real_path(posixpath.dirname(path)), posixpath.basename(path))
    if feeds == config_file or _is_inside(config_file, feeds):
        node = root.at("feeds") or root
        message = f"feeds: {feeds} {'is' if feeds == config_file else 'holds'} this config file"
        hint = "use a folder of its own: everything in it is served"
        yield Problem(path=path, line=node.line, column=node.column, message=message, hint=hint)


def _unusable_stores(root: Node, path: str, store_problem: Callable[[str], str]) -> Iterator[Problem]:
    for key, written, node in (*_seeds_written(root), ("feeds", _location(root, "feeds") or "", root.at("feeds"))):
        if is_url(written) and (reason := store_problem(written)):
            place = node or root
            message = f"{key}: '{written}' {reason}"
            yield Problem(path=path, line=place.line, column=place.column, message=message)


def _collected_elsewhere(root: Node, path: str, real_path: Callable[[str], str]) -> Iterator[Problem]:
    """Yield a problem if collected seeds would lie where no seeds are read, or are read in another way."""
    node = root.at("sources", "folder")
    if node is None or node.kind != "scalar" or node.tag == "null":
        return
    folder = _absolute(node.text, path)
    found = {real_path(_absolute(one, path)): (one, entry) for _, one, entry in _seeds_written(root) if not is_url(one)}
    message, hint = "", ""
    if real_path(folder) not in found:
        meant = nearest(node.text, [one for one, _ in found.values()])
        message = f"sources.folder: {folder} is not one of the folders of `seeds`"
        roots = ", ".join([*(one for _, one, _ in _seeds_written(root)), node.text])
        hint = f"did you mean `{meant}`?" if meant else f"add it: `seeds: [{roots}]`"
    elif other := next((key for key in ("dialect", "base", "link", "keys") if _said_of(root, node, path, key)), ""):
        message = f"sources.folder: collected seeds are written in our own dialect, and {folder} has a `{other}`"
        hint = "use a folder of its own"
    if message:
        yield Problem(path=path, line=node.line, column=node.column, message=message, hint=hint)


def _said_of(root: Node, folder: Node, path: str, key: str) -> bool:
    """Return whether the entry of `seeds` with the folder says something else for `key` than the default."""
    seeds = root.at("seeds") or NOTHING
    for entry in seeds.items or (seeds,):
        of = entry.at("folder")
        if of is not None and _absolute(of.text, path) == _absolute(folder.text, path):
            said = entry.at(key)
            return said is not None and said.tag != "null" and said.text != NATIVE
    return False


def _is_inside(inner: str, outer: str) -> bool:
    return inner.startswith(outer.rstrip("/") + "/")


def _used_slugs(root: Node, path: str, topics: Sequence[Topic]) -> Iterator[Problem]:
    """Yield a problem for each query with the slug of a topic or of a query above it.

    Works on nodes, since queries with other problems are not decoded.
    """
    users = {topic.slug: f'the topic "{topic.name}"' for topic in topics}
    if root.at("sources") is not None:
        users[SOURCES] = "the page of the sources"
    feed = root.at("feed")
    queries = root.at("feeds_by_query")
    for index, query in enumerate(queries.items if queries else ()):
        slug = query.at("slug")
        if slug is None or slug.kind != "scalar" or slug.tag == "null":
            continue
        name = f"feeds_by_query[{index}]"
        if slug.text in users:
            message = f"{name}.slug: `{slug.text}` is already used by {users[slug.text]}"
            yield Problem(path=path, line=slug.line, column=slug.column, message=message, hint="write another slug")
        users.setdefault(slug.text, f"{name} in line {slug.line}")
        for kind, prefix in NAMED_FEEDS.items():
            if slug.text.startswith(prefix) and feed is not None and feed.at(kind) is not None:
                message = f"{name}.slug: `{slug.text}` begins like the feeds of `feed.{kind}`"
                yield Problem(path=path, line=slug.line, column=slug.column, message=message, hint="write another slug")


def _expression_problems(root: Node, text: bytes, path: str, config: Config | None) -> list[Problem]:
    """Return what is wrong with the expressions of a config; `config` is None if it has other problems."""
    if not any(expressions_in(root)):
        return []
    from aggregator.config import expressions  # noqa: PLC0415 - only configs with expressions pay for the parser

    found = list(expressions.misspelt(root, text, path))
    return found or ([] if config is None else list(expressions.misused(config, root, text, path)))


def _sources(config: Config, path: str, root: Node, listed: tuple[Source, ...]) -> SourcesSettings | None:
    settings = config.sources
    if settings is None:
        return None
    written = root.at("sources", "opml") or NOTHING
    nodes = written.items if written.kind == "list" else (written,)
    lists = tuple(
        SourceList(
            location=_absolute(entry.url, path),
            defaults=replace(defaults_of(entry, settings), position=f"{path}:{node.line}:{node.column}"),
        )
        for entry, node in zip(settings.opml, nodes, strict=False)
    )
    folder, where = _absolute(settings.folder, path), _absolute_file(settings.list, path)
    return replace(settings, folder=folder, list=where, listed=listed, lists=lists)


def _resolved(config: Config, path: str, topics: tuple[Topic, ...], sources: SourcesSettings | None) -> Config:
    named = config.feed.named
    topics = tuple(
        replace(one, slug=free_topic_slug(one.slug, named), parent=free_topic_slug(one.parent, named)) for one in topics
    )
    names = names_of((topic.slug, topic.name, topic.shortname) for topic in topics)
    feeds = taken_slugs(config)
    return replace(
        config,
        path=path,
        site=_site(config),
        seeds=_named([replace(one, folder=_absolute(one.folder, path)) for one in config.seeds]),
        feeds=_absolute(config.feeds, path),
        state=_absolute(config.state, path),
        feeds_by_query=tuple(_query(query, names, feeds, named) for query in config.feeds_by_query),
        topics=topics,
        sources=sources,
        topic_settings=replace(config.topic_settings, folder=_absolute(config.topic_settings.folder, path)),
        server=replace(
            config.server,
            token=_absolute_file(config.server.token, path),
            write_tokens=_absolute_file(config.server.write_tokens, path),
        ),
    )


def _named(roots: Sequence[RootSettings]) -> tuple[RootSettings, ...]:
    """Return the folders of seeds with a name for each, if there are several: by default that of the folder."""
    if len(roots) == 1:
        return tuple(roots)
    taken = {root.name for root in roots}
    named = []
    for root in roots:
        name = root.name or next(one for one in _names_for(root.folder) if one not in taken)
        taken.add(name)
        named.append(replace(root, name=name))
    return tuple(named)


def _names_for(folder: str) -> Iterator[str]:
    name = slug_of(folder.rstrip("/").rpartition("/")[2] or "seeds")
    yield name
    yield from (f"{name[: LONGEST - 5]}-{number}" for number in count(2))


def _site(config: Config) -> SiteSettings:
    site = config.site
    title = site.title or urlsplit(site.url).hostname or ""
    return replace(
        site, title=title, hub=config.websub.hub, collects=config.sources is not None, searches=config.pages.search
    )


def _query(query: Query, names: dict[str, str], feeds: Collection[str], named: Iterable[str]) -> Query:
    title = query.title or query.slug.replace("-", " ").capitalize()
    return replace(query, title=title, where=_where(query.where, names, feeds, named))


def _where(where: Where, names: dict[str, str], feeds: Collection[str], named: Iterable[str]) -> Where:
    """Return `where` with slugs for topics; a topic whose slug is in `feeds`, or begins as in `named`, has another."""

    def slug_for(name: str) -> str:
        slug = free_topic_slug(topic_slug(name, names), named)
        return with_topic_suffix(slug) if slug in feeds else slug

    written = [(field, name) for field in TOPIC_FIELDS for name in getattr(where, field)]
    return replace(
        where,
        topic_names=tuple(
            (field, slug_for(name), folded(name)) for field, name in written if folded(name) not in names
        ),
        any_topics=tuple(map(slug_for, where.any_topics)),
        all_topics=tuple(map(slug_for, where.all_topics)),
        not_topics=tuple(map(slug_for, where.not_topics)),
    )

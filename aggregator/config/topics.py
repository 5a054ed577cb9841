"""The files of `config/topics/`: their bytes to `Topic`s in order, and every problem in them. Pure.

A topic goes by three names: slug, name and shortname, in any case (`slugs.names_of`). A file with a problem of its own
yields no topic. Unknown parents are not reported then: the parent may be in that very file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec

from aggregator.config.settings import Topic
from aggregator.config.yaml.decoding import decode, nearest
from aggregator.config.yaml.tree import Node, parse_bytes
from aggregator.model.feeds import SITE_FEED
from aggregator.model.reports import Problem
from aggregator.model.slugs import folded, is_plain, names_of, slug_of, slugs_of


def read_topics(files: Sequence[tuple[str, bytes]]) -> tuple[tuple[Topic, ...], list[Problem]]:
    """Return the topics of files given as (path, bytes), in the order of their paths, and every problem in them."""
    read: list[_TopicFile] = []
    problems: list[Problem] = []
    for path, data in sorted(files):
        file, found = _read(path, data)
        problems += found
        if file:
            read.append(file)
    read = _with_different_slugs(read)
    problems += _duplicate_topics(read)
    names = names_of((file.topic.slug, file.topic.name, file.topic.shortname) for file in read)
    problems += _ambiguous_names(read, names)
    if len(read) == len(files):
        problems += [problem for file in read for problem in _unknown_parent(file, read, names)]
    parents = {topic.slug: topic_slug(topic.parent, names) if topic.parent else "" for _, _, topic in read}
    problems += _circular_parents(read, parents)
    topics = tuple(
        msgspec.structs.replace(topic, parent=parents[topic.slug], order=order)
        for order, (_, _, topic) in enumerate(read)
    )
    return topics, problems


def topic_slug(name: str, names: Mapping[str, str]) -> str:
    """Return the slug of the topic that goes by `name` in the table `names` (`names_of`), or the one it would have."""
    return names.get(folded(name)) or slug_of(name.strip())


class _TopicFile(NamedTuple):
    """A topic as written, but for its slug; with its file and the nodes of its text."""

    path: str
    node: Node
    topic: Topic

    def problem(self, key: str, message: str, hint: str) -> Problem:
        node = self.node.at(key) or self.node
        return Problem(path=self.path, line=node.line, column=node.column, message=f"{key}: {message}", hint=hint)


def _read(path: str, data: bytes) -> tuple[_TopicFile | None, list[Problem]]:
    node = parse_bytes(data, path=path)
    if isinstance(node, tuple):
        return None, list(node)
    topic, problems = decode(node, Topic, path=path, unknown="ignore")
    if topic is None:
        return None, problems
    topic = msgspec.structs.replace(topic, slug=topic.slug or slug_of(topic.name))
    file = _TopicFile(path, node, topic)
    if topic.slug == SITE_FEED:
        reason = f'"{topic.name}" would have the slug `{SITE_FEED}`, which is reserved by the site itself'
        problems.append(file.problem("name", reason, "give it an `_id`"))
    return file, problems


def _with_different_slugs(files: list[_TopicFile]) -> list[_TopicFile]:
    """Return the topics with slugs made from their names, signs in words where another topic has the slug without."""
    taken = {file.topic.slug for file in files if _has_own_slug(file)}
    slugs: dict[str, str] = {}
    for file in sorted(files, key=lambda file: (not is_plain(file.topic.name, file.topic.slug), file.path)):
        if not _has_own_slug(file):
            # The last slug of a name is a hash, which nobody should have to read: then it needs an `_id`.
            free = [slug for slug in slugs_of(file.topic.name)[:-1] if slug not in taken]
            slugs[file.path] = free[0] if free else file.topic.slug
            taken.add(slugs[file.path])
    return [
        file._replace(topic=msgspec.structs.replace(file.topic, slug=slugs.get(file.path, file.topic.slug)))
        for file in files
    ]


def _has_own_slug(file: _TopicFile) -> bool:
    own = file.node.at("_id")
    return own is not None and own.tag != "null"


def _duplicate_topics(files: list[_TopicFile]) -> Iterator[Problem]:
    slugs: dict[str, _TopicFile] = {}
    names: dict[str, _TopicFile] = {}
    for file in files:
        name, slug = file.topic.name, file.topic.slug
        same_slug = slugs.setdefault(slug, file)
        same_name = names.setdefault(folded(name), file)
        if same_slug is not file:
            key = "_id" if file.node.at("_id") else "name"
            message = f'"{name}" has the slug `{slug}`, as "{same_slug.topic.name}" in {same_slug.path} has'
            yield file.problem(key, message, "give one of them another `_id`")
        elif same_name is not file:
            yield file.problem(
                "name", f'"{name}" is also the name of the topic in {same_name.path}', "rename one of them"
            )


def _ambiguous_names(files: list[_TopicFile], names: Mapping[str, str]) -> Iterator[Problem]:
    """Yield a problem for each name and shortname that leads to another topic, of which it is the slug or a name."""
    advice = {"name": "rename one of them", "shortname": "write another one, or remove it"}
    for file in files:
        for key, name in (("name", file.topic.name), ("shortname", file.topic.shortname)):
            owner = names.get(folded(name), file.topic.slug)
            other = next(each for each in files if each.topic.slug == owner)
            if owner != file.topic.slug and (key, folded(name)) != ("name", folded(other.topic.name)):
                yield file.problem(key, f'"{name}" also names the topic in {other.path}', advice[key])


def _unknown_parent(file: _TopicFile, files: list[_TopicFile], names: Mapping[str, str]) -> Iterator[Problem]:
    parent = file.topic.parent.strip()
    if not parent or folded(parent) in names:
        return
    known = [name for _, _, topic in files for name in (topic.slug, topic.shortname, topic.name) if name]
    meant = nearest(parent, known)
    hint = f"did you mean `{meant}`?" if meant else "write the name or `_id` of another topic"
    yield file.problem("parent", f'no topic is called "{parent}"', hint)


def _circular_parents(files: list[_TopicFile], parents: Mapping[str, str]) -> Iterator[Problem]:
    """Yield a problem for every circle of parents, once, at the first of its files."""
    visited: set[str] = set()
    for file in files:
        trail: list[str] = []
        slug = file.topic.slug
        while slug in parents and slug not in visited and slug not in trail:
            trail.append(slug)
            slug = parents[slug]
        if slug in trail:
            circle = trail[trail.index(slug) :]
            first = next(each for each in files if each.topic.slug in circle)
            path = " -> ".join([*circle, slug])
            yield first.problem("parent", f"parents go in a circle: {path}", "remove one of them")
        visited.update(trail)

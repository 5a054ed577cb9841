"""The files of `config/topics/` as topics: their bytes in, `Topic`s in order and every problem out; pure.

A topic is named in three ways, by slug, name or shortname, whatever the case (`slugs.names_of`). A file that has a
problem of its own is left out of the topics, and then nobody is told that a parent is unknown: it may be in that very
file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from aggregator.config.settings import Topic
from aggregator.config.shape import TopicText
from aggregator.config.yaml.decoding import decode, nearest
from aggregator.config.yaml.tree import Node, parse_bytes
from aggregator.model.feeds import SITE_FEED
from aggregator.model.reports import Problem
from aggregator.model.slugs import folded, names_of, slug_of

__all__ = ["Found", "read_topics", "topic_slug"]

BIGGEST_FILE = 2**20


class Found(NamedTuple):
    """A topic as its file says it, with the file and its text's tree."""

    path: str
    node: Node
    text: TopicText
    slug: str

    def place(self, key: str) -> tuple[int, int]:
        """Give line and column of a key's value, or of the file's beginning."""
        node = self.node.at(key) or self.node
        return node.line, node.column

    def problem(self, key: str, message: str, hint: str) -> Problem:
        """Say what is wrong with the value of a key."""
        line, column = self.place(key)
        return Problem(path=self.path, line=line, column=column, message=f"{key}: {message}", hint=hint)


def read_topics(files: Sequence[tuple[str, bytes]]) -> tuple[tuple[Topic, ...], list[Problem]]:
    """Read topic files, given as path and bytes, into topics in the order of their paths, and all their problems."""
    found: list[Found] = []
    problems: list[Problem] = []
    for path, data in sorted(files):
        topic, wrong = _read(path, data)
        problems += wrong
        if topic:
            found.append(topic)
    problems += _taken_twice(found)
    names = names_of((topic.slug, topic.text.name, topic.text.shortname) for topic in found)
    problems += _taken_names(found, names)
    if len(found) == len(files):
        problems += [problem for topic in found for problem in _unknown_parent(topic, found, names)]
    parents = {topic.slug: topic_slug(topic.text.parent, names) if topic.text.parent else "" for topic in found}
    problems += _circles(found, parents)
    return tuple(_topic(topic, parents[topic.slug], order) for order, topic in enumerate(found)), problems


def topic_slug(name: str, names: Mapping[str, str]) -> str:
    """Give the slug of the topic called `name`, in a table of `names_of`, or the one it would have."""
    return names.get(folded(name)) or slug_of(name.strip())


def _read(path: str, data: bytes) -> tuple[Found | None, list[Problem]]:
    node = parse_bytes(data, path=path, at_most=BIGGEST_FILE)
    if isinstance(node, tuple):
        return None, list(node)
    text, problems = decode(node, TopicText, path=path, unknown="ignore")
    if text is None:
        return None, problems
    found = Found(path, node, text, text.slug or slug_of(text.name))
    if found.slug == SITE_FEED:
        reason = f'"{text.name}" would have the slug `{SITE_FEED}`, which is taken by the site itself'
        problems.append(found.problem("name", reason, "give it an `_id`"))
    return found, problems


def _taken_twice(found: list[Found]) -> list[Problem]:
    problems = []
    slugs: dict[str, Found] = {}
    names: dict[str, Found] = {}
    for topic in found:
        other = slugs.setdefault(topic.slug, topic)
        namesake = names.setdefault(folded(topic.text.name), topic)
        if other is not topic:
            key = "_id" if topic.node.at("_id") else "name"
            message = f'"{topic.text.name}" has the slug `{topic.slug}`, as "{other.text.name}" in {other.path} has'
            problems.append(topic.problem(key, message, "give one of them another `_id`"))
        elif namesake is not topic:
            message = f'"{topic.text.name}" is also the name of the topic in {namesake.path}'
            problems.append(topic.problem("name", message, "rename one of them"))
    return problems


def _taken_names(found: list[Found], names: Mapping[str, str]) -> Iterator[Problem]:
    """Find names and shortnames that lead to another topic: they are its slug, or its name or shortname before it."""
    advice = {"name": "rename one of them", "shortname": "write another one, or remove it"}
    for topic in found:
        for key, name in (("name", topic.text.name), ("shortname", topic.text.shortname)):
            owner = names.get(folded(name), topic.slug)
            other = next(each for each in found if each.slug == owner)
            if other.slug != topic.slug and (key, folded(name)) != ("name", folded(other.text.name)):
                yield topic.problem(key, f'"{name}" also names the topic in {other.path}', advice[key])


def _unknown_parent(topic: Found, found: list[Found], names: Mapping[str, str]) -> list[Problem]:
    parent = topic.text.parent.strip()
    if not parent or folded(parent) in names:
        return []
    meant = nearest(
        parent, [word for each in found for word in (each.slug, each.text.shortname, each.text.name) if word]
    )
    hint = f"did you mean `{meant}`?" if meant else "write the name or `_id` of another topic"
    return [topic.problem("parent", f'no topic is called "{parent}"', hint)]


def _circles(found: list[Found], parents: Mapping[str, str]) -> list[Problem]:
    """Find every circle of parents once, at the first of its files."""
    problems = []
    done: set[str] = set()
    for topic in found:
        trail: list[str] = []
        slug = topic.slug
        while slug in parents and slug not in done and slug not in trail:
            trail.append(slug)
            slug = parents[slug]
        if slug in trail:
            circle = trail[trail.index(slug) :]
            first = next(each for each in found if each.slug in circle)
            ring = " -> ".join([*circle, slug])
            problems.append(first.problem("parent", f"parents go in a circle: {ring}", "remove one of them"))
        done.update(trail)
    return problems


def _topic(found: Found, parent: str, order: int) -> Topic:
    text = found.text
    return Topic(
        slug=found.slug,
        name=text.name,
        shortname=text.shortname,
        description=text.description,
        parent=parent,
        keywords=text.keywords,
        hashtags=text.hashtags,
        image=next((image.url for image in text.images if image.url), ""),
        order=order,
    )

"""The expressions of a config: what is wrong with them, and the searches that they may name. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from aggregator.config.expression_keys import Role, Written, written
from aggregator.config.settings import Config, Where
from aggregator.config.yaml.tree import Node as YamlNode
from aggregator.model.expression.errors import ExpressionError
from aggregator.model.expression.parser import MOST_DEPTH, nearest, parse, parse_with_places
from aggregator.model.expression.printer import between_slashes, text_of
from aggregator.model.expression.tree import And, Choice, Node, Not, Or, Pattern, Range, Search, Words, leaves
from aggregator.model.reports import Problem

MOST_EXPANDED = 1_000
"""For how many conditions an expression may stand, with those of the searches that it names."""


def where_tree(where: Where) -> Node:
    """Return the tree that means the same as the conditions of a feed by query."""
    parts: list[Node] = []
    for field, names in (("topic", where.any_topics), ("source", where.providers), ("type", where.types)):
        if names:
            parts.append(_any(field, names))
    parts += (Words("topic", name) for name in where.all_topics)
    for field, names in (("topic", where.not_topics), ("source", where.not_providers)):
        parts += (Not(Words(field, name)) for name in names)
    for field, least in (("quality", where.min_quality), ("heat", where.min_heat)):
        if least is not None:
            parts.append(Range(field, least, None))
    if where.max_age is not None:
        parts.append(Range("age", None, where.max_age - 1))
    if where.title:
        parts.append(Pattern("title", between_slashes(where.title)))
    if where.match:
        parts.append(parse(where.match))
    return parts[0] if len(parts) == 1 else And(tuple(parts))


def _any(field: str, names: tuple[str, ...]) -> Node:
    words = tuple(Words(field, name) for name in names)
    return words[0] if len(words) == 1 else Or(words)


def searches_of(config: Config) -> dict[str, Node]:
    """Return the trees that `search:NAME` stands for, by name: the searches of the config, and its feeds by query."""
    found = {query.slug: where_tree(query.where) for query in config.feeds_by_query}
    return found | {name: parse(text) for name, text in config.searches.items()}


# -- what is wrong


def misspelt(root: YamlNode, text: bytes, path: str) -> Iterator[Problem]:
    """Yield a problem for each expression that cannot be parsed."""
    lines = text.decode("utf-8", "replace").splitlines()
    for one in written(root):
        try:
            parse(one.node.text)
        except ExpressionError as error:
            yield _problem(one, error, lines, path)


def misused(config: Config, root: YamlNode, text: bytes, path: str) -> Iterator[Problem]:
    """Yield a problem for each expression that cannot be used where it stands; all can be parsed.

    Searches must exist and not lead back to themselves. Rules have no clock: what became of an item is not theirs to
    ask, and its age can only end its time, not begin it.
    """
    lines, searches = text.decode("utf-8", "replace").splitlines(), searches_of(config)
    if config.searches:
        yield from _double_names(config, root, path)
    for one in written(root):
        try:
            check_use(one.node.text, one.role, searches, name=one.name)
        except ExpressionError as error:
            yield _problem(one, error, lines, path)


def check_use(text: str, role: Role, searches: Mapping[str, Node], *, name: str = "") -> None:
    """Check that an expression may be used as `role`, with these searches; `name` is its own if it is one of them.

    Raises:
        ExpressionError: if it cannot be parsed or may not.
    """
    tree, places = parse_with_places(text)
    check_size(text, searches)
    for leaf, at, holds in _leaves(tree, list(places), holds=role != "block"):
        if mistake := _misuse(leaf, role, name, searches, holds=holds, written=text[at:]):
            raise ExpressionError(text, at, *mistake)


def check_size(text: str, searches: Mapping[str, Node]) -> None:
    """Check that an expression with all that its searches stand for, these searches included, is not too large.

    Searches that name others twice would grow without end. What is in a circle is not looked at.

    Raises:
        ExpressionError: if it cannot be parsed or is too large.
    """
    tree, places = parse_with_places(text)
    sizes: dict[str, int] = {}
    total = 0
    for leaf, at in zip(leaves(tree), places, strict=True):
        total += _size(leaf, searches, sizes, 0)
        if total > MOST_EXPANDED:
            reason = (
                f"it stands for more than {MOST_EXPANDED:,} conditions, or for searches more than {MOST_DEPTH} deep"
            )
            raise ExpressionError(text, at, reason, "name fewer searches, or shorter ones")


def _size(node: Node, searches: Mapping[str, Node], sizes: dict[str, int], depth: int) -> int:
    """Return how many conditions a tree stands for, more than all that are allowed if too deep; each search once."""
    if not isinstance(node, Search):
        return 1 if not isinstance(node, Not | And | Or) else sum(
            _size(leaf, searches, sizes, depth) for leaf in leaves(node)
        )  # fmt: skip
    if node.name not in sizes and node.name in searches:
        if depth > MOST_DEPTH:
            return MOST_EXPANDED + 1
        sizes[node.name] = 1  # while it is counted: a circle ends here, and is found elsewhere
        sizes[node.name] = _size(searches[node.name], searches, sizes, depth + 1)
    return sizes.get(node.name, 1)


def _double_names(config: Config, root: YamlNode, path: str) -> Iterator[Problem]:
    slugs = {query.slug for query in config.feeds_by_query}
    node = root.at("searches")
    for key, _ in node.entries if node else ():
        if key.text in slugs:
            message = f"searches.{key.text}: a feed by query has this name"
            hint = f"`search:{key.text}` means that feed already; write another name"
            yield Problem(path=path, line=key.line, column=key.column, message=message, hint=hint)


def _leaves(node: Node, places: list[int], *, holds: bool) -> Iterator[tuple[Node, int, bool]]:
    """Yield each leaf with its place, and whether the expression needs it to hold; `places` are used up."""
    if isinstance(node, Not):
        yield from _leaves(node.part, places, holds=not holds)
    elif isinstance(node, And | Or):
        for part in node.parts:
            yield from _leaves(part, places, holds=holds)
    else:
        yield node, places.pop(0) if places else 0, holds


def _misuse(
    leaf: Node, role: Role, name: str, searches: Mapping[str, Node], *, holds: bool, written: str = ""
) -> tuple[str, str] | None:  # fmt: skip
    """Return reason and hint if a leaf cannot be used in an expression, None if it can.

    The expression goes on with `written` from the leaf on; "" if its text is unknown.
    """
    if isinstance(leaf, Search):
        return _misuse_of_search(leaf.name, role, name, searches, holds=holds)
    if isinstance(leaf, Choice) and leaf.field == "is":
        hint = "ask `published`, `age` or `has` instead; `is` works in `aggregator find`"
        return f"`{text_of(leaf)}` is decided by the rules and cannot be a part of them", hint
    if role != "search" and isinstance(leaf, Range) and leaf.field == "age" and not _only_ends(leaf, holds=holds):
        found = _AGE.match(written)
        other = f"age:{_OPPOSITE[found[1]]}{found[2]}" if found else "age:<7d" if holds else "age:>=7d"
        hint = f"write `{other}`" if role == "block" else f"write `{other}`, or a date with `published:`"
        said = found[0] if found else text_of(leaf)
        return f"an age can only end the time of an item here, and `{said}` would begin it", hint
    return None


_AGE = re.compile(r"age:([<>]=?)(\w+)", re.IGNORECASE)
_OPPOSITE = {"<": ">=", "<=": ">", ">": "<=", ">=": "<"}


def _only_ends(leaf: Range, *, holds: bool) -> bool:
    return leaf.least is None if holds else leaf.most is None


def _misuse_of_search(
    name: str, role: Role, own: str, searches: Mapping[str, Node], *, holds: bool, through: tuple[str, ...] = ()
) -> tuple[str, str] | None:  # fmt: skip
    if name not in searches:
        meant = nearest(name, searches)
        known = f"known: {', '.join(sorted(searches))}" if searches else "name it under `searches`"
        return f"there is no search `{name}`", f"did you mean `search:{meant}`?" if meant else known
    way = (*through, name)
    if name in through or name == own:
        start = (own, *way) if name == own else way
        return f"the search leads back to itself: {' → '.join(start)}", "take one of them out of the circle"
    for leaf, _, inner in _leaves(searches[name], [], holds=holds):
        if isinstance(leaf, Search):
            if found := _misuse_of_search(leaf.name, role, own, searches, holds=inner, through=way):
                return found
        elif mistake := _misuse(leaf, role, own, searches, holds=inner):
            return f"{mistake[0]} (in `search:{name}`)", mistake[1]
    return None


def _problem(one: Written, error: ExpressionError, lines: list[str], path: str) -> Problem:
    """Return a mistake as a problem of the file, at its very place if the text stands there as it is."""
    line, column = one.node.line, one.node.column
    written_line = lines[line - 1][column - 1 :] if line <= len(lines) else ""
    start = 1 if one.node.quoted else 0
    if written_line[start:].startswith(error.text[: error.at]) and "\n" not in error.text[: error.at]:
        column += start + error.at
        return Problem(path=path, line=line, column=column, message=f"{one.key}: {error.reason}", hint=error.hint)
    message = f"{one.key}: {error.reason}, at `{error.text[error.at :][:20]}`"
    return Problem(path=path, line=line, column=column, message=message, hint=error.hint)

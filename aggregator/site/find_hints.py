"""What may be meant by an expression that chooses nothing, for its owner. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from aggregator.model.expression.parser import nearest
from aggregator.model.expression.printer import quoted
from aggregator.model.expression.tree import Leaf, Words

_OPERATORS = frozenset({"and", "or", "not"})


def hints(found: Sequence[Leaf], slug_of: Callable[[str], str], topics: Mapping[str, str]) -> Iterator[str]:
    """Yield what is likely to be wrong with an expression.

    Args:
        found: its conditions, in their order.
        slug_of: returns the slug of a topic that is named in it.
        topics: the names of all topics by their slugs.
    """
    for at, leaf in enumerate(found):
        if not isinstance(leaf, Words):
            continue
        following = found[at + 1] if at + 1 < len(found) else None
        more = following.text if isinstance(following, Words) and not following.field else ""
        if not leaf.field and leaf.text.lower() in _OPERATORS:
            yield f"`{leaf.text}` is looked for as a word: write `{leaf.text.upper()}` if both sides are conditions"
        elif leaf.text.startswith("'"):
            yield f"`{leaf.text}`: a phrase is in double quotes, not in single ones"
        elif leaf.field == "topic" and slug_of(leaf.text) not in topics:
            yield _unknown_topic(leaf.text, f"{leaf.text} {more}" if more else "", slug_of, topics)


def _unknown_topic(name: str, longer: str, slug_of: Callable[[str], str], topics: Mapping[str, str]) -> str:
    known = {one.lower(): one for one in topics.values()}
    meant = topics.get(slug_of(longer), "") if longer else ""
    meant = meant or known.get(nearest(name, known), "")
    written = meant if meant.isalnum() else quoted(meant)
    return f"there is no topic `{name}`{f': did you mean `topic:{written}`?' if meant else ''}"

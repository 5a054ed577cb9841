"""The expressions of rules and of feeds by query: what they decide upon seeds. Pure."""

from __future__ import annotations

from aggregator.config.expressions import where_tree
from aggregator.model.expression.folding import fold
from aggregator.model.expression.parser import parse
from aggregator.model.expression.printer import text_of
from aggregator.model.expression.tree import Node, Range, leaves
from aggregator.model.items import FOREVER, Seed
from aggregator.normalizer.matching import NEVER, Matcher, SlowPatternError, Subject, Vocabulary
from aggregator.normalizer.rules import Policy, slug_for, topics_and_above


def vocabulary_of(policy: Policy) -> Vocabulary:
    """Return what topics and searches in the expressions of a policy stand for."""
    searches: dict[str, Node] = {query.slug: where_tree(query.where) for query in policy.queries}
    searches |= {name: parse(text) for name, text in policy.searches}
    alike = {fold(name): slug for name, slug in reversed(list(policy.slugs.items()))}

    def slug_of(name: str) -> str:
        found = slug_for(name, policy)
        return found if found in policy.slugs.values() else alike.get(fold(name), found)

    return Vocabulary(slug_of, searches)


class RuleExpressions:
    """The expressions of a policy, ready to be asked about seeds."""

    def __init__(self, policy: Policy) -> None:
        """Prepare those of `policy`; the loader of the config has checked them."""
        self._policy = policy
        vocabulary = vocabulary_of(policy)
        block, allow = policy.rules.block.match, policy.rules.allow.match
        self._block = Matcher(parse(block), vocabulary) if block else None
        self._allow = Matcher(parse(allow), vocabulary) if allow else None
        self._queries = {
            query.slug: Matcher(parse(query.where.match), vocabulary) for query in policy.queries if query.where.match
        }

    @property
    def ages(self) -> set[int]:
        """The ages, in seconds, that end an item's time by `rules.block` or `rules.allow`."""
        trees = [matcher.tree for matcher in (self._block, self._allow) if matcher is not None]
        found = [leaf for tree in trees for leaf in leaves(tree) if isinstance(leaf, Range) and leaf.field == "age"]
        return {(leaf.least or 0) if leaf.most is None else leaf.most + 1 for leaf in found}

    def held_back(self, seed: Seed, path: str) -> str:
        """Return why `rules.block` or `rules.allow` holds a seed back at any time, "" if neither does."""
        subject = self._subject(seed, path)
        try:
            if self._block is not None and self._block.since(subject) == NEVER:
                return f"rules.block matches it: {self._block.why(subject, holds=True)}"
            if self._allow is not None and self._allow.until(subject) == NEVER:
                return f"rules.allow does not match it: {self._allow.why(subject, holds=False)}"
        except SlowPatternError as error:
            return f"its text takes too long to compare with /{error.pattern}/"
        return ""

    def end(self, seed: Seed, path: str) -> int:
        """Return until when the rules show a seed that they do not hold back (seconds since 1970)."""
        ends = FOREVER
        subject = self._subject(seed, path)
        try:
            if self._block is not None and self._block.has_age:
                ends = min(ends, self._block.since(subject))
            if self._allow is not None and self._allow.has_age:
                ends = min(ends, self._allow.until(subject))
        except SlowPatternError:
            return NEVER
        return ends

    def unmet(self, seed: Seed, slug: str, path: str) -> str:
        """Return why the expression of a query does not choose a seed at any time, "" if it does."""
        subject, matcher = self._subject(seed, path), self._queries[slug]
        try:
            if matcher.until(subject) == NEVER:
                return f"its `where` does not match: {matcher.why(subject, holds=False)}"
        except SlowPatternError as error:
            return f"its text takes too long to compare with /{error.pattern}/"
        return ""

    def query_end(self, seed: Seed, slug: str, path: str) -> int:
        """Return until when the expression of a query chooses a seed that it does choose."""
        matcher = self._queries[slug]
        try:
            return matcher.until(self._subject(seed, path)) if matcher.has_age else FOREVER
        except SlowPatternError:
            return NEVER

    def words(self, slug: str) -> str:
        """Return the expression of a query in its shortest form."""
        return text_of(self._queries[slug].tree)

    def _subject(self, seed: Seed, path: str) -> Subject:
        return Subject(seed, topics=frozenset(topics_and_above(seed, self._policy)), path=path)

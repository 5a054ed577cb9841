"""Warnings of a config that still has the address of the template. Reads where it is written, for line and column."""

from __future__ import annotations

from collections.abc import Iterator

from aggregator.config.loading import written_at, written_root
from aggregator.config.parsers import is_placeholder
from aggregator.config.settings import Config
from aggregator.config.yaml.tree import Node
from aggregator.model.reports import Problem
from aggregator.model.seed_roots import NATIVE


def placeholders(config: Config) -> Iterator[Problem]:
    """Yield a warning if `site.url` is still that of the template, under which nobody can subscribe.

    If the addresses of posts are made from it too, another one for each root: they become the ids of the items.
    """
    if not is_placeholder(config.site.url):
        return
    yield warning_at(
        written_at(config.path, "site", "url"), config,
        f"site.url: {config.site.url} is a placeholder, which nobody can subscribe to",
        "write the address under which the feeds folder will be served",
    )  # fmt: skip
    for index, seeds in enumerate(config.seeds):
        if not seeds.base and (seeds.dialect != NATIVE or seeds.link):
            key, node = written_root(config.path, index)
            yield warning_at(
                node, config,
                f"{key}: `base` is missing, so the links and ids of its posts begin with the placeholder"
                f" {config.site.url}",
                "write `base: https://…`, the address of the pages of these posts, before the feeds are published",
            )  # fmt: skip


def warning_at(node: Node | None, config: Config, message: str, hint: str) -> Problem:
    """Return a warning at the place in the config file where `node` is written, if it is written anywhere."""
    line, column = (node.line, node.column) if node is not None else (0, 0)
    return Problem(path=config.path, line=line, column=column, message=message, hint=hint, warning=True)

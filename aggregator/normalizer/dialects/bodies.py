"""What the bodies of other programs hold beside Markdown, made Markdown and HTML. Pure.

Shortcodes, Liquid, components, wiki links, admonitions: those that stand for a link, a picture or code become one, the
others go, each name with one note. Code is never touched.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple

from aggregator.normalizer.dialects.markup import blocks, components, inline, tags
from aggregator.normalizer.dialects.markup.draft import END_OF_HELD, END_OF_QUOTE, HELD, QUOTE, Draft, FindPage, Note
from aggregator.normalizer.summaries import EXCERPT_END

__all__ = ["CONSTRUCTS", "NOTHING", "Note", "Translated", "translate"]

CONSTRUCTS = frozenset([
    "shortcodes",  # Hugo {{< f >}} and {{% f %}}, Zola {{ f() }} and {% f() %}
    "liquid",  # Jekyll, Eleventy (Nunjucks): {% tag %} and {{ value }}
    "mdx",  # imports, exports, components, {expressions}
    "wikilinks",  # Obsidian, Quartz: [[page]], ![[embed]], ==mark==, %%comment%%, ^block, > [!note]
    "admonitions",  # !!! note, ??? note, :::note, > [!NOTE], === "tab"
    "filenames",  # Pelican {filename}, {static}, {attach}; Zola @/; MkDocs and Docusaurus links to .md files
    "beside",  # MkDocs: links to pictures and other files are relative to the file, not to its page
    "snippets",  # MkDocs --8<--
    "attributes",  # {: .class }, {#id}, {:toc}, [TOC]
])  # fmt: skip
"""What `translate` knows. `<!-- more -->` and its like are known in every body."""

GROWTH = 4
"""How many characters a written one may become, beside `ROOM`."""

ROOM = 4_096
"""How many characters a body may become longer beside that."""

_PRIVATE = (QUOTE, END_OF_QUOTE, HELD, END_OF_HELD)
_SIGNS = {
    "shortcodes": tags.SIGNS, "liquid": tags.SIGNS, "mdx": components.SIGNS,
    "wikilinks": ("[[", "==", "%%", "^", "[!"), "admonitions": blocks.SIGNS,
    "filenames": ("{", "|", ".md", "@/"), "beside": ("](", "]: "), "snippets": ("8<",),
    "attributes": ("{", "[TOC", "[toc", "[[", "[_"),
}  # fmt: skip
_FINDERS: dict[str, Callable[[Draft], None]] = {
    "mdx": components.translate, "wikilinks": inline.translate_wiki, "filenames": inline.translate_files,
    "beside": inline.translate_beside,
    "snippets": inline.remove_snippets, "attributes": inline.remove_attributes,
}  # fmt: skip

NOTHING: Mapping[str, str] = MappingProxyType({})


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
    page: FindPage | None = None,
    path: str = "",
    separator: str = "",
) -> Translated:
    """Return `body` with its `constructs` (some of `CONSTRUCTS`) made plain Markdown, or plain HTML.

    `values` are what Liquid's `{{ … }}` stands for: `{"site.url": "https://blog.example.org", "page.title": …}`. `path`
    is the file's own path below the root of the folder, against which references to other files resolve. `page` returns
    the address of the page that a file was made to, by its path from that root (`posts/other.md`, `2024-05-01-other`,
    `../notes/a.md`; as written, if `path` is "") and by whether it is written as one from the root. If that is "", it
    knows none; then it is the path without its ending, below `site.url` and `site.baseurl`. If it is None, nobody can
    know the address, and only the words of the link stay, with a note.
    `separator` is what ends the excerpt besides `<!--more-->` (Jekyll's `excerpt_separator`).

    A body without any such construct is returned as the same object. It never raises, and takes time in proportion to
    the body's length.
    """
    if separator in {"", EXCERPT_END} and not _may_hold(body, constructs):
        return Translated(body)
    if any(mark in body for mark in _PRIVATE):
        body = body.translate(dict.fromkeys(map(ord, _PRIVATE)))
    draft = Draft(body, values=values, page=page, path=path, is_html=markup == "html")
    for name, find in _FINDERS.items():
        if name in constructs:
            find(draft)
    if constructs & {"shortcodes", "liquid"}:
        tags.translate(draft, constructs)
    inline.mark_excerpt(draft, separator)
    text = draft.edited()
    if markup == "markdown":
        text = _with_blocks(text, constructs)
    if len(text) > GROWTH * len(body) + ROOM:
        message = "would become many times as long, so it is shown as it is written"
        return Translated(body, (Note(1, message, "write fewer short tags"),))
    return Translated(text, draft.notes)


def _may_hold(body: str, constructs: frozenset[str]) -> bool:
    return "<!--" in body or any(sign in body for name in constructs for sign in _SIGNS.get(name, ()))


def _with_blocks(text: str, constructs: frozenset[str]) -> str:
    admonitions = bool(constructs & {"admonitions", "wikilinks"}) and any(sign in text for sign in blocks.SIGNS)
    if not admonitions and not any(mark in text for mark in blocks.MARKS):
        return text
    translated = blocks.translate(text, admonitions=admonitions)
    return text if translated == text else translated

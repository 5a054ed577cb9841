"""Wiki links, links to files, attributes and other small things that stand within a line. Pure.

https://help.obsidian.md/links, https://docs.getpelican.com/en/stable/content.html#linking-to-internal-content,
https://kramdown.gettalong.org/syntax.html#inline-attribute-lists, https://facelessuser.github.io/pymdown-extensions/.
"""

from __future__ import annotations

import html
import re

from aggregator.normalizer.dialects.markup.draft import Draft
from aggregator.normalizer.summaries import EXCERPT_END

_END_OF_EXCERPT = re.compile(r"<!--[ \t]*(?:more|truncate|excerpt|end-?excerpt|read-?more)[ \t]*-->", re.IGNORECASE)
_PICTURE = re.compile(r"\.(?:avif|bmp|gif|jpe?g|png|svg|webp)\Z", re.IGNORECASE)
_EMBED = re.compile(r"!\[\[([^\[\]\n|]{1,300}?)(?:\\?\|([^\[\]\n]{0,300}))?\]\]")
_WIKI_LINK = re.compile(r"(?<!!)\[\[([^\[\]\n|]{1,300}?)(?:\\?\|([^\[\]\n]{0,300}))?\]\]")
_MARK = re.compile(r"(?<![=\w])==(?=[^\s=])([^\n=]{1,500})(?<=\S)==(?![=\w])")
_BLOCK_ID = re.compile(r"(?:(?<=\S)[ \t]|^)\^[A-Za-z0-9-]+[ \t]*$", re.MULTILINE)
_SIZE = re.compile(r"[0-9]{1,4}(?:x[0-9]{1,4})?")
_FILE_LINK = re.compile(
    r"(?:(?<=[(<\"'=])|(?<=\]: ))[{|](filename|static|attach|index|tag|category|author)[}|]([^\s)\"'<>]*)"
)
_PAGE_LINK = re.compile(
    r"(?<=\]\()(<?)(@/)?([^\s()<>:?#\"'{}|]+\.mdx?)(#[^\s()<>\"']*)?(?=[\s)>])|(?<=\]\()(<?)@/([^\s()<>:?\"']+)(?=[\s)>])"
)
_BESIDE = re.compile(
    r"(?:(?<=\]\()|(?<=\]: ))(<?)(?![/@])([^\s()<>:?#\"'{}|]+\.(?!mdx?\b)\w{1,5})(?=[\s)>]|$)", re.MULTILINE
)
_SNIPPET = re.compile(
    r"^[ \t]*-{1,3}8<-{1,3}[ \t]*(?:[\"'][^\n]*|\n(?:[^\n]+\n){0,50}?[ \t]*-{1,3}8<-{1,3}[ \t]*)$", re.MULTILINE
)
_ATTRIBUTES = re.compile(
    r"^[ \t]*(?:[-*+]|[0-9]+\.)[ \t]+[^\n]*\n[ \t]*\{:[ \t]*toc\b[^{}\n]*\}[ \t]*$"  # kramdown's table of contents
    r"|^[ \t]*\{[ ]*(?::{1,2}|[.#])[^{}\n]*\}[ \t]*(?:\n|\Z)|\{:{1,2}[^{}\n]*\}|\{:/[^{}\n]*\}"
    r"|(?<=[)\]*_])\{[^{}\n|%]{1,300}\}|(?<=\S)[ \t]\{[ ]*[.#][\w.# =\"'-]{1,300}\}[ \t]*$|^\[\[?_?TOC_?\]?\][ \t]*$",
    re.MULTILINE | re.IGNORECASE,
)


def mark_excerpt(draft: Draft, separator: str) -> None:
    """Write the end of the excerpt, which each program writes in its own way, as `content` knows it."""
    draft.sub(_END_OF_EXCERPT, lambda _: EXCERPT_END)
    at = draft.body.find(separator) if separator.strip() else -1
    if at >= 0 and separator != EXCERPT_END and not draft.is_code(at):
        draft.replace(at, at + len(separator), f"\n{EXCERPT_END}\n")


def translate_wiki(draft: Draft) -> None:
    """Find Obsidian's links, embeds, marks, comments and block ids."""
    _remove_comments(draft)
    draft.sub(_EMBED, lambda found: _embed(found, draft))
    draft.sub(_WIKI_LINK, _words)
    draft.sub(_MARK, lambda found: f"<mark>{found[1]}</mark>")
    draft.sub(_BLOCK_ID, lambda _: "")


def translate_files(draft: Draft) -> None:
    """Find links to files of the folder: Pelican's `{filename}`, Zola's `@/`, and those to `.md` files."""
    draft.sub(_FILE_LINK, lambda found: _file_link(found, draft))
    draft.sub(_PAGE_LINK, lambda found: _page_link(found, draft))


def translate_beside(draft: Draft) -> None:
    """Find links to pictures and other files that are relative to the file, not to its page, as in MkDocs."""
    draft.sub(_BESIDE, lambda found: _file_beside(found, draft))


def remove_snippets(draft: Draft) -> None:
    """Remove what MkDocs would fill in from other files."""
    for found in _SNIPPET.finditer(draft.body):
        if not draft.is_code(found.start()):
            draft.note("--8<--", found.start(), "a snippet of another file is left out", "write its text here")
            draft.replace(found.start(), found.end())


def remove_attributes(draft: Draft) -> None:
    """Remove classes, ids and other attributes, and tables of contents."""
    draft.sub(_ATTRIBUTES, lambda _: "")


def _remove_comments(draft: Draft) -> None:
    at = 0
    while (start := draft.body.find("%%", at)) >= 0:
        at = start + 2
        if draft.is_code(start):
            continue
        end = draft.body.find("%%", at)
        if end < 0:
            return
        at = end + 2
        draft.replace(start, at)


def _embed(found: re.Match[str], draft: Draft) -> str:
    path, _, _ = found[1].strip().partition("#")
    if not _PICTURE.search(path):
        draft.note("![[", found.start(), "an embedded note is left out", "link to it, or write its text here")
        return ""
    words = (found[2] or "").strip()
    alt = (
        ""
        if _SIZE.fullmatch(words)
        else words.rpartition("|")[0]
        if _SIZE.fullmatch(words.rpartition("|")[2])
        else words
    )
    return f'<img src="{draft.embedded(path)}" alt="{html.escape(alt)}">'


def _words(found: re.Match[str]) -> str:
    if found[2] is not None and found[2].strip():
        return found[2].strip()
    page, _, place = found[1].partition("#")
    page = page.strip().removesuffix(".md")
    place = "" if place.startswith("^") else place.replace("#", " > ").strip()
    return " > ".join(part for part in (page, place) if part)


def _page_link(found: re.Match[str], draft: Draft) -> str:
    is_from_root = found[2] is not None or found[6] is not None
    reference = (found[3] or "") + (found[4] or "") or found[6]
    return (found[1] or found[5] or "") + draft.page(reference, found.start(), ".md", is_from_root=is_from_root)


def _file_link(found: re.Match[str], draft: Draft) -> str:
    kind, path = found[1], found[2]
    if kind == "filename":
        return draft.page(path, found.start(), "filename")
    if kind == "static":
        return draft.file_at_root(draft.resolved(path))
    return (
        draft.file(path) if kind == "attach" else draft.file_at_root("/" if kind == "index" else f"/{kind}/{path}.html")
    )


def _file_beside(found: re.Match[str], draft: Draft) -> str | None:
    address = draft.file_beside(found[2])
    return None if address is None else found[1] + address

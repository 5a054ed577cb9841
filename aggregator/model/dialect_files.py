"""Which files of a folder are seeds, by the dialect for which they were written. Pure.

Globs are of paths below the folder, as in a `.gitignore` file: one without a `/` in it (at its end does not count)
matches a name in any folder, any other a path from the folder on; `*`, `?` and `[…]` stay within a name, `**` crosses
folders, `{a,b}` is one or the other. What matches a folder is meant with all that lies in it. Names that begin with a
dot are never seeds.
"""

from __future__ import annotations

from typing import NamedTuple

from aggregator.model.seed_roots import NATIVE, SeedRoot


class DialectFiles(NamedTuple):
    """The globs of the files that are seeds, and of those (and of folders) that are not although they match these.

    With `bundles`, a folder that holds a file `index.md` (or `index.html` …) is one seed: that file.
    """

    include: tuple[str, ...]
    ignore: tuple[str, ...] = ()
    bundles: bool = False


_MARKDOWN = ("*.md", "*.markdown")
_MORE_MARKDOWN = (*_MARKDOWN, "*.mdown", "*.mkd")
_HTML = ("*.html", "*.htm")

_REPOSITORY = (
    "README.md", "readme.md", "CHANGELOG.md", "CODE_OF_CONDUCT.md", "CONTRIBUTING.md", "LICENSE.md", "SECURITY.md",
    "node_modules/",
)  # fmt: skip
"""What lies in a repository beside its posts."""

DIALECTS: dict[str, DialectFiles] = {
    NATIVE: DialectFiles(_MARKDOWN),
    # Content formats; `_index.md` and its translations are the pages of sections, other files of a leaf bundle are its
    # resources (gohugo.io/content-management: formats, page-bundles).
    "hugo": DialectFiles((*_MORE_MARKDOWN, *_HTML), ("_index.*", *_REPOSITORY), bundles=True),
    # `_index.md` and its translations are sections; beside an `index.md` lie its assets (getzola.org: section, page).
    "zola": DialectFiles(("*.md",), ("_index.md", "_index.*.md", *_REPOSITORY), bundles=True),
    # Posts are named `YEAR-MONTH-DAY-title`, in whatever folder `_posts`; drafts lie in `_drafts` (jekyllrb.com: posts,
    # drafts, configuration: `exclude`, `markdown_ext`). The documents of a collection have any name: `files_of`.
    "jekyll": DialectFiles(
        tuple(
            f"[0-9][0-9]*-[0-9]*-[0-9]*-{name}"
            for name in (*_MORE_MARKDOWN, "*.mkdown", "*.mkdn", *_HTML)
        ),
        ("_drafts/", "_site/", "_layouts/", "_includes/", "vendor/", *_REPOSITORY),
    ),
    # 11ty.dev/docs: languages/markdown, ignores, config (the folders of includes, data and output).
    "eleventy": DialectFiles(("*.md", "*.markdown"), ("_includes/", "_data/", "_layouts/", "_site/", *_REPOSITORY)),
    # docs.astro.build: names that begin with `_` are excluded from collections and pages.
    "astro": DialectFiles((*_MORE_MARKDOWN, "*.mdwn", "*.mkdn", "*.mdx"), ("_*", *_REPOSITORY)),
    # docs.getpelican.com/settings: readers, PAGE_PATHS.
    "pelican": DialectFiles((*_MORE_MARKDOWN, *_HTML), ("pages/**", *_REPOSITORY)),
    # docusaurus.io/docs/api/plugins/plugin-content-blog: `include`, `exclude`.
    "docusaurus": DialectFiles(("*.md", "*.mdx"), ("_*.md", "_*.mdx", "_*/", "__tests__/", *_REPOSITORY)),
    # The front page of the docs, or of the blog, is no post (squidfunk.github.io/mkdocs-material/plugins/blog).
    "mkdocs": DialectFiles(_MORE_MARKDOWN, ("/index.md", *_REPOSITORY)),
    # Templates; Quartz also skips `private` (quartz.jzhao.xyz/configuration: `ignorePatterns`), and `index.md` is home.
    "obsidian": DialectFiles(
        ("*.md",),
        ("templates/", "Templates/", "_templates/", "private/", "/index.md", "*.excalidraw.md", "node_modules/"),
    ),
    "plain": DialectFiles(
        (*_MORE_MARKDOWN, "*.json", *_HTML),
        ("_index.md", "package.json", "package-lock.json", "tsconfig.json", "composer.json", *_REPOSITORY),
    ),
}  # fmt: skip
"""The dialects and the files of each."""

SECTION_FILES: dict[str, tuple[str, ...]] = {
    "hugo": ("_index.md", "_index.markdown", "_index.html"),
    "zola": ("_index.md",),
    "eleventy": ("{}.json", "{}.11tydata.json", "{}.11tydata.js", "{}.11tydata.mjs", "{}.11tydata.cjs"),
    "mkdocs": (".meta.yml",),
}
"""The files that speak for all files of their folder; `{}` is its name.

gohugo.io/content-management/front-matter (cascade), getzola.org/documentation/content/section (draft),
11ty.dev/docs/data-template-dir, squidfunk.github.io/mkdocs-material/plugins/meta.
"""

_REST, _ASCIIDOC = "reStructuredText", "AsciiDoc"

LANGUAGES: dict[str, dict[str, str]] = {
    "pelican": {".rst": _REST},
    "hugo": {
        ".adoc": _ASCIIDOC, ".asciidoc": _ASCIIDOC, ".ad": _ASCIIDOC, ".org": "Org", ".pandoc": "Pandoc's Markdown",
        ".pdc": "Pandoc's Markdown", ".rst": _REST,
    },
    "jekyll": {".textile": "Textile", ".adoc": _ASCIIDOC, ".asciidoc": _ASCIIDOC},
}  # fmt: skip
"""The endings of posts in languages that these programs read and we do not, which are named."""


def files_of(root: SeedRoot) -> DialectFiles:
    """Return the globs of a root: its own beside those of its dialect; its own `include` replaces the dialect's.

    `root.dialect` is one of `DIALECTS`.
    """
    include, ignore, bundles = DIALECTS[root.dialect]
    if root.dialect == "jekyll" and _is_collection(root.folder):
        include = _MORE_MARKDOWN + _HTML
    return DialectFiles(root.include or include, (*ignore, *root.ignore), bundles)


def _is_collection(folder: str) -> bool:
    name = folder.rstrip("/").rpartition("/")[2]
    return name.startswith("_") and name != "_posts"

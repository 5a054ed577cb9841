"""Recognise the site generator for which a folder was made, and read its settings. Pure; runs nothing.

`recognise` takes the texts of the folder's config files and the paths of all its files, and returns what a config of
ours needs: the folders of posts, their dialect, the pattern of their addresses, the site's address, title, language and
time zone. Configs that are programs (`astro.config.mjs`, `pelicanconf.py`) are read as text.
"""

from __future__ import annotations

import ast
import re
import tomllib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from itertools import takewhile
from typing import Any, NamedTuple
from urllib.parse import urljoin, urlsplit

import msgspec

from aggregator.config.yaml import scalars
from aggregator.config.yaml.tree import Node, parse
from aggregator.normalizer.dialects import addresses
from aggregator.normalizer.dialects.table import dialect_of


class Posts(NamedTuple):
    """A folder of posts, by its path below the generator's ("" for that itself), and the pattern of their addresses."""

    folder: str
    link: str = ""


class Generator(NamedTuple):
    """What was recognised, and by which file.

    `dialect` names how the posts are written. `url`, `title`, `language` and `timezone` are "" if nothing says them.
    `doubts` are sentences on what was guessed or could not be taken over.
    """

    dialect: str
    evidence: str
    posts: tuple[Posts, ...]
    url: str = ""
    title: str = ""
    language: str = ""
    timezone: str = ""
    doubts: tuple[str, ...] = ()


Texts = Mapping[str, str]
Paths = Collection[str]

CONFIGS = (
    "hugo.toml", "hugo.yaml", "hugo.yml", "hugo.json", "config/_default/hugo.toml", "config/_default/hugo.yaml",
    "config/_default/config.toml", "config/_default/config.yaml", "config.toml", "config.yaml", "config.yml",
    "config.json", "zola.toml", "_config.yml", "_config.yaml", "_config.toml", "pelicanconf.py", "publishconf.py",
    "astro.config.mjs", "astro.config.js", "astro.config.ts", "astro.config.mts", "src/consts.ts", "src/config.ts",
    "src/content.config.ts", "src/content.config.js", "src/content.config.mjs", "src/content/config.ts",
    "eleventy.config.js", "eleventy.config.mjs", "eleventy.config.cjs", "eleventy.config.ts", ".eleventy.js",
    ".eleventy.cjs",
    "_data/metadata.js", "_data/metadata.json", "_data/site.js", "_data/site.json", "_data/site.yaml",
    "src/_data/metadata.js", "src/_data/metadata.json", "src/_data/site.js", "src/_data/site.json", "src/_data/meta.js",
    "docusaurus.config.js", "docusaurus.config.ts", "docusaurus.config.mjs",
    "mkdocs.yml", "mkdocs.yaml", "quartz.config.ts",
)  # fmt: skip
"""The files whose texts `recognise` looks at."""

LARGEST_CONFIG = 65_536
"""The largest config file that is looked at, in bytes."""

LONGEST_LINE = 4_096
"""The longest line, in characters, of a config that is read by a parser."""

_BLOG_FOLDERS = ("posts", "blog", "post", "articles", "writing", "notes", "news", "journal", "entries")
_CONTENT = (".md", ".mdx", ".markdown", ".html")


def recognise(texts: Texts, paths: Paths, *, samples: Iterable[str] = ()) -> Generator | None:
    """Return the generator for which a folder was made, or None if nothing in it looks like posts.

    Args:
        texts: the texts of those of `CONFIGS` that exist, by their paths.
        paths: the paths of all files below the folder.
        samples: the beginnings of some content files, which decide if no config file does.
    """
    for of in (_docusaurus, _astro, _mkdocs, _quartz, _pelican, _eleventy, _jekyll, _hugo_or_zola, _obsidian):
        if (found := of(texts, paths)) is not None:
            return found
    return _by_samples(samples)


def link_below(link: str, dialect: str, inner: str) -> str:
    """Return the pattern of the addresses of posts in a folder of a folder of posts, "" if that is not known.

    Args:
        link: the pattern of the outer folder, "" if it has that of the dialect.
        dialect: the dialect of both.
        inner: the path from the outer to the inner folder.
    """
    table = dialect_of(dialect)
    if not link and table.link_if:
        return ""
    link = link or table.link
    slugged = addresses.slugged(inner, table.slugs)
    for name in ("path", "dir"):
        if f"{{{name}}}" in link:
            return link.replace(f"{{{name}}}", f"{slugged}/{{{name}}}")
    if dialect != "jekyll":
        return link
    above = "".join(f"{one.lower()}/" for one in takewhile(lambda one: one != "_posts", inner.split("/")))
    return link.replace("{category}", f"{above}{{category}}")


def _hugo_or_zola(texts: Texts, paths: Paths) -> Generator | None:
    name = _first(texts, [one for one in CONFIGS if one.partition(".")[0] in _HUGO_CONFIGS])
    if not name:
        return None
    settings = _values(name, texts[name])
    if "base_url" in settings:
        return _zola(name, settings)
    lower = {key.lower(): value for key, value in settings.items()}
    if not lower.keys() & {"baseurl", "title", "languagecode", "theme", "contentdir", "permalinks"}:
        return None
    content = _text(lower, "contentdir") or "content"
    posts, doubts = _hugo_posts(content, lower.get("permalinks"), paths)
    language = _text(lower, "languagecode", "locale", "defaultcontentlanguage")
    return Generator(
        "hugo", name, posts, _url(lower.get("baseurl")), _text(lower, "title"), language, _text(lower, "timezone"),
        doubts,
    )  # fmt: skip


_HUGO_CONFIGS = frozenset({"hugo", "config", "zola", "config/_default/hugo", "config/_default/config"})
_HUGO_TOKENS = {
    "year": "{year}", "month": "{month}", "day": "{day}", "slug": "{slug_or_title}", "title": "{title}",
    "filename": "{slug}", "contentbasename": "{slug}", "slugorfilename": "{slug}", "slugorcontentbasename": "{slug}",
}  # fmt: skip


def _hugo_posts(content: str, permalinks: Any, paths: Paths) -> tuple[tuple[Posts, ...], tuple[str, ...]]:
    """Return a folder for each section that has a pattern of its own, else the content folder."""
    patterns = permalinks if isinstance(permalinks, dict) else {}
    page = patterns.get("page")
    patterns = page if isinstance(page, dict) else patterns
    patterns = {key: value for key, value in patterns.items() if isinstance(value, str)}
    sections = _sections(content, paths)
    doubts: list[str] = []
    if not any(section in patterns for section in sections):
        return (Posts(content),), ()
    posts = []
    for section in sections:
        link = _pattern(
            patterns.get(section, ""),
            r":(\w+)",
            _HUGO_TOKENS | {"section": section, "sections": f"{section}/{{dir}}"},
            doubts,
        )
        posts.append(Posts(f"{content}/{section}", link or f"/{section}/{{path}}/"))
    return tuple(posts), tuple(doubts)


def _sections(content: str, paths: Paths) -> list[str]:
    """Return the folders directly in `content` that hold content."""
    start = f"{content}/"
    inner = (path[len(start) :] for path in paths if path.startswith(start) and path.endswith(_CONTENT))
    names = {path.partition("/")[0] for path in inner if "/" in path}
    return sorted(name for name in names if not name.startswith((".", "_")))


def _zola(name: str, settings: dict[str, Any]) -> Generator:
    return Generator(
        "zola", name, (Posts("content"),), _url(settings.get("base_url")), _text(settings, "title"),
        _text(settings, "default_language"),
    )  # fmt: skip


_JEKYLL_TOKENS = {
    "year": "{year}", "month": "{month}", "day": "{day}", "title": "{slug}", "slug": "{slug}",
    "categories": "{category}", "output_ext": ".html", "y_day": "", "short_year": "", "i_month": "", "i_day": "",
}  # fmt: skip
_JEKYLL_STYLES = {
    "date": "/{category}/{year}/{month}/{day}/{slug}.html", "pretty": "/{category}/{year}/{month}/{day}/{slug}/",
    "none": "/{category}/{slug}.html",
}  # fmt: skip


def _jekyll(texts: Texts, paths: Paths) -> Generator | None:
    name = _first(texts, ["_config.yml", "_config.yaml", "_config.toml"])
    has_posts = any("_posts/" in path for path in paths)
    if not has_posts or not (name or any(path.startswith(("_posts/", "_layouts/")) for path in paths)):
        return None
    settings = _values(name, texts[name]) if name else {}
    doubts: list[str] = []
    permalink = _text(settings, "permalink") or "date"
    link = _JEKYLL_STYLES.get(permalink) or _pattern(permalink, r":(\w+)", _JEKYLL_TOKENS, doubts)
    url = _url(settings.get("url"))
    url = _joined(url, _text(settings, "baseurl"))
    source = _text(settings, "source").strip("./")
    folders = sorted({path[: path.index("_posts/") + len("_posts")] for path in paths if "_posts/" in path})
    # Folders above `_posts` are categories, so of several the folder that holds them all is read.
    folder = folders[0] if folders == [f"{source}/_posts".lstrip("/")] else source
    return Generator(
        "jekyll", name or "_posts/", (Posts(folder, link),), url,
        _text(settings, "title"), _text(settings, "lang", "locale"), _text(settings, "timezone"), tuple(doubts),
    )  # fmt: skip


def _pelican(texts: Texts, paths: Paths) -> Generator | None:
    if "pelicanconf.py" not in texts:
        return None
    settings = _assignments(texts["pelicanconf.py"])
    published = _assignments(texts.get("publishconf.py", ""))
    content = _text(settings, "PATH").strip("./") or "content"
    folders = settings.get("ARTICLE_PATHS")
    names = [one for one in folders if isinstance(one, str)] if isinstance(folders, list) else [""]
    doubts: list[str] = []
    written = re.sub(
        r"\{date:%([Ymd])\}",
        lambda found: f"{{{_STRFTIME[found[1]]}}}",
        _text(settings, "ARTICLE_URL") or "{slug}.html",
    )
    link = "/" + _pattern(written, r"\{(\w+)[^}]*\}", _PELICAN_TOKENS, doubts).lstrip("/")
    del paths
    return Generator(
        "pelican", "pelicanconf.py", tuple(Posts(f"{content}/{one}".rstrip("/"), link) for one in names),
        _url(published.get("SITEURL")) or _url(settings.get("SITEURL")), _text(settings, "SITENAME"),
        _text(settings, "DEFAULT_LANG"), _text(settings, "TIMEZONE"), tuple(doubts),
    )  # fmt: skip


_STRFTIME = {"Y": "year", "m": "month", "d": "day"}
_PELICAN_TOKENS = {
    "slug": "{slug}", "category": "{category}", "year": "{year}", "month": "{month}", "day": "{day}",
}  # fmt: skip


def _astro(texts: Texts, paths: Paths) -> Generator | None:
    name = _first(texts, [one for one in CONFIGS if one.startswith("astro.config")])
    if not name:
        return None
    more = texts.get("src/consts.ts", "") + texts.get("src/config.ts", "")
    url = _url(_quoted(texts[name], "site") or _quoted(more, "SITE_URL", "website", "url"))
    base = _quoted(texts[name], "base").strip("/")
    collections = {f"src/content/{one}": one for one in _folders_in("src/content", paths)} | _loaded(texts)
    posts, doubts = [], []
    for folder, collection in (collections or {"src/pages": "pages"}).items():
        if _holds_content(folder, paths):
            link, doubt = _astro_route((folder.rpartition("/")[2], collection), paths)
            posts.append(Posts(folder, link if folder != "src/pages" else "/{path}/"))
            doubts += [doubt] if doubt and folder != "src/pages" else []
    title = _quoted(more, "SITE_TITLE", "title")
    address = _joined(url, base)
    return Generator("astro", name, tuple(posts), address, title, "", "", tuple(doubts)) if posts else None


def _loaded(texts: Texts) -> dict[str, str]:
    """Return the folders that loaders of Astro read, and the names of their collections."""
    text = next((texts[one] for one in _ASTRO_COLLECTIONS if one in texts), "")
    found: dict[str, str] = {}
    for part in re.split(r"(?=\b\w+\s*=\s*defineCollection\()", text):
        base = re.search(r"\bbase:\s*(?:[\"'`]([^\"'`$]+)[\"'`]|`[./]*\$\{(\w+)\}`|(\w+))", part[:1_000])
        if base and "defineCollection" in part:
            folder = base[1] or _quoted(text, base[2] or base[3])
            found |= {folder.removeprefix("./").strip("/"): part.split()[0].partition("=")[0]} if folder else {}
    return found


_ASTRO_COLLECTIONS = (
    "src/content.config.ts",
    "src/content.config.js",
    "src/content.config.mjs",
    "src/content/config.ts",
)


def _astro_route(names: tuple[str, str], paths: Paths) -> tuple[str, str]:
    """Return the pattern of a collection's pages, and a doubt if no page of the site has one of its names."""
    routes = [path for path in paths if path.startswith("src/pages/") and re.search(r"\[(?:\.\.\.)?\w+\]", path)]
    for folder in dict.fromkeys(form for one in names for form in (one, one.rstrip("s"), f"{one}s")):
        if any(path.startswith(f"src/pages/{folder}/") for path in routes):
            return f"/{folder}/{{path}}/", ""
    if len(routes) == 1:
        folder = routes[0].removeprefix("src/pages/").rpartition("/")[0]
        return f"/{folder}/{{path}}/" if folder and "[" not in folder else "/{path}/", ""
    return f"/{names[0]}/{{path}}/", f"the addresses of {names[0]} are guessed: correct `link` if they differ"


def _eleventy(texts: Texts, paths: Paths) -> Generator | None:
    name = _first(texts, [one for one in CONFIGS if "eleventy" in one])
    if not name:
        return None
    folder = _quoted(texts[name], "input").strip("./")
    data = " ".join(text for path, text in texts.items() if "_data/" in path)
    blog = next((f"{folder}/{one}".lstrip("/") for one in _BLOG_FOLDERS if one in _folders_in(folder, paths)), "")
    posts = Posts(blog or folder, f"/{blog.removeprefix(folder).strip('/')}/{{path}}/" if blog else "")
    doubts = () if blog else ("all pages count as posts: name the folder of posts in `seeds`",)
    return Generator(
        "eleventy", name, (posts,), _url(_quoted(data, "url", "baseUrl")), _quoted(data, "title", "name"),
        _quoted(data, "language", "lang"), "", doubts,
    )  # fmt: skip


def _docusaurus(texts: Texts, paths: Paths) -> Generator | None:
    name = _first(texts, [one for one in CONFIGS if one.startswith("docusaurus")])
    if not name:
        return None
    text = texts[name]
    url, base = _url(_quoted(text, "url")), _quoted_path(text, "baseUrl").strip("/")
    folders = [one for one in ("blog", "docs") if _holds_content(one, paths)]
    posts = [
        Posts(one, "/blog/{year}/{month}/{day}/{slug}" if one == "blog" else "/docs/{path}") for one in folders[:1]
    ]
    address = _joined(url, base)
    return Generator("docusaurus", name, tuple(posts), address, _quoted(text, "title")) if posts else None


def _mkdocs(texts: Texts, paths: Paths) -> Generator | None:
    name = _first(texts, ["mkdocs.yml", "mkdocs.yaml"])
    if not name:
        return None
    settings = _values(name, texts[name])
    docs = _text(settings, "docs_dir").strip("./") or "docs"
    blog = f"{docs}/blog/posts"
    posts = (
        Posts(blog, "/blog/{year}/{month}/{day}/{slug}/") if _holds_content(blog, paths) else Posts(docs, "/{path}/")
    )
    language = _text(settings.get("theme") if isinstance(settings.get("theme"), dict) else {}, "language")
    return Generator("mkdocs", name, (posts,), _url(settings.get("site_url")), _text(settings, "site_name"), language)


def _quartz(texts: Texts, paths: Paths) -> Generator | None:
    if "quartz.config.ts" not in texts:
        return None
    del paths
    text = texts["quartz.config.ts"]
    host = _quoted(text, "baseUrl").strip("/")
    url = _url(f"https://{host}/" if host and "://" not in host else host)
    return Generator(
        "obsidian",
        "quartz.config.ts",
        (Posts("content", "/{path}"),),
        url,
        _quoted(text, "pageTitle"),
        _quoted(text, "locale"),
    )


def _obsidian(texts: Texts, paths: Paths) -> Generator | None:
    del texts
    if not any(path.startswith(".obsidian/") for path in paths):
        return None
    doubts = ("a vault names no address: set `base` to where its notes are published",)
    return Generator("obsidian", ".obsidian/", (Posts("", "/{path}"),), doubts=doubts)


_SIGNS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("native", re.compile(r"\A---\n(?:.*\n)*?(?:publishedDateTime|webUrl|originalUrl):")),
    ("hugo", re.compile(r"\A\+\+\+\n")),
    ("jekyll", re.compile(r"\A---\n(?:.*\n)*?layout: *post")),
    ("astro", re.compile(r"\A---\n(?:.*\n)*?pubDate:")),
    ("pelican", re.compile(r"\A(?:Title|Date|Slug|Category): .*\n", re.IGNORECASE)),
    ("obsidian", re.compile(r"\A(?!---\n)(?:.*\n)*?.*\[\[[^\[\]\n]+\]\]")),
    ("plain", re.compile(r"")),
)


def _by_samples(samples: Iterable[str]) -> Generator | None:
    """Return the dialect that most of the samples are written in."""
    votes = Counter(dialect for text in samples if (dialect := _dialect_of(text)))
    if not votes:
        return None
    dialect, count = votes.most_common(1)[0]
    evidence = f"{count} of {votes.total()} files"
    doubts = () if dialect == "native" else ("nothing names the site's address: set `base` to where its posts are",)
    return Generator(dialect, evidence, (Posts(""),), doubts=doubts)


def _dialect_of(text: str) -> str:
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    return next((dialect for dialect, sign in _SIGNS if sign.search(text)), "")


def _pattern(written: str, token: str, known: Mapping[str, str], doubts: list[str]) -> str:
    """Return an address pattern in our placeholders; for a token that we have not, add a doubt and return ""."""
    unknown = [name for name in re.findall(token, written) if not known.get(name)]
    if unknown:
        doubts.append(
            f"the address pattern {written} has `{unknown[0]}`, which is not known here: write `link` by hand"
        )
        return ""
    return re.sub(token, lambda found: known[found[1]], written)


def _first(texts: Texts, names: Iterable[str]) -> str:
    return next((name for name in names if name in texts), "")


def _folders_in(folder: str, paths: Paths) -> list[str]:
    start = f"{folder}/" if folder else ""
    names = {
        path.removeprefix(start).partition("/")[0]
        for path in paths
        if path.startswith(start) and "/" in path.removeprefix(start)
    }
    return sorted(name for name in names if not name.startswith((".", "_")))


def _holds_content(folder: str, paths: Paths) -> bool:
    return any(path.startswith(f"{folder}/") and path.endswith(_CONTENT) for path in paths)


def _values(name: str, text: str) -> dict[str, Any]:
    """Return the values of a TOML, JSON or YAML config; {} if it cannot be read."""
    if max(map(len, text.split("\n"))) > LONGEST_LINE:  # tomllib takes seconds for a key of thousands of parts
        return {}
    try:
        found: Any = _READERS.get(name.rpartition(".")[2], _yaml_values)(text)
    except (ValueError, RecursionError, msgspec.DecodeError):
        found = None
    return found if isinstance(found, dict) else {}


def _yaml_values(text: str) -> Any:
    """Return the values of YAML; of what is refused (foreign tags, anchors), the plain lines at its top."""
    node = parse(text, path="")
    if isinstance(node, Node):
        return scalars.plain(node)
    return {
        key: value.strip("\"' ") for key, value in re.findall(r"^(\w+): *([^\s#&!*|>\[{][^#\n]*)", text, re.MULTILINE)
    }


_READERS: dict[str, Callable[[str], Any]] = {"toml": tomllib.loads, "json": msgspec.json.decode}


def _assignments(program: str) -> dict[str, Any]:
    """Return the literal values that a Python program assigns to names at its top level."""
    if max(map(len, program.split("\n"))) > LONGEST_LINE:
        return {}
    try:
        body = ast.parse(program).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return {}
    found = {}
    for statement in body:
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            try:
                found[statement.targets[0].id] = ast.literal_eval(statement.value)
            except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
                continue
    return found


def _quoted(program: str, *keys: str) -> str:
    """Return the text that a JavaScript program or JSON gives to the first of `keys` that it names."""
    for key in keys:
        found = re.search(rf"\b{key}[\"']?\s*[:=]\s*([\"'`])((?:(?!\1)[^\\\n])*)\1", program)
        if found and "${" not in found[2]:
            return found[2].strip()
    return ""


def _quoted_path(program: str, key: str) -> str:
    """Return the first text that a JavaScript program gives to `key` and that is a path, not an address; else ""."""
    found = re.findall(rf"\b{key}[\"']?\s*[:=]\s*[\"'`](/[^\"'`$\\\n]*)[\"'`]", program)
    return next((one for one in found if not one.startswith("//")), "")


def _text(values: Any, *keys: str) -> str:
    return next((values[key].strip() for key in keys if isinstance(values.get(key), str)), "")


def _joined(url: str, base: str) -> str:
    """Return the address of a site below `url`, or `url` if `base` is no path."""
    try:
        return urljoin(url, f"{base.strip('/')}/") if url and base.strip("/") else url
    except ValueError:
        return url


def _url(value: Any) -> str:
    """Return an absolute http(s) address that ends with a slash, or ""."""
    if not isinstance(value, str):
        return ""
    try:
        parts = urlsplit(value.strip())
    except ValueError:
        return ""
    is_public = (
        parts.scheme in {"http", "https"} and parts.hostname and parts.hostname not in {"localhost", "127.0.0.1"}
    )
    return f"{value.strip().rstrip('/')}/" if is_public else ""

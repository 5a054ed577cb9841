"""A site over a folder that exists already, for `aggregator init --from`. Only reads that folder."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from aggregator.cli.report import Folders, in_folder
from aggregator.config import parsers
from aggregator.config.loading import load_config
from aggregator.model.errors import AggregatorError
from aggregator.model.reports import Turn
from aggregator.model.seed_roots import SeedRoot
from aggregator.model.words import quantity
from aggregator.normalizer.dialects import generators
from aggregator.normalizer.dialects.generators import Generator, Posts
from aggregator.site.clock import clock
from aggregator.watcher.selection import selection_of
from aggregator.watcher.unread import unread_seeds

MOST_FILES = 50_000
"""After so many files of a folder no more are listed."""

MOST_SAMPLES = 200
"""How many content files are looked at if no config file tells the generator."""

MOST_NAMED = 10
"""How many posts that need a hand are named."""

_SAMPLE = 4_096
_ABOVE = 4
_NOT_ENTERED = frozenset(
    {"node_modules", "_site", "public", "dist", "build", "vendor", "__pycache__", "venv", "target"}
)


class Recognised(NamedTuple):
    """The folder of a generator, which may be above the one that was named, and what was recognised in it."""

    folder: str
    generator: Generator


def recognise(folder: str) -> Recognised:
    """Return what the folder `folder`, or one above it, was made for.

    Raises:
        AggregatorError: if it is missing, or holds nothing that could be posts.
    """
    if not os.path.isdir(folder):
        raise AggregatorError(f"{folder}: is not a folder (name the folder of your site or of its posts)")
    named = os.path.abspath(folder)
    for place in _upwards(named):
        if texts := _config_texts(place):
            found = generators.recognise(texts, list(_files_below(place)))
            if found is not None and (narrowed := _narrowed(found, place, named)):
                return Recognised(place, _checked(narrowed, place))
    paths = list(_files_below(named))
    found = generators.recognise({}, paths, samples=_samples(named, paths))
    if found is None:
        raise AggregatorError(f"{folder}: holds no Markdown files (name the folder of your posts)")
    return Recognised(named, _checked(found, named))


def _checked(found: Generator, place: str) -> Generator:
    """Return what was recognised without what our config could not say, each with a doubt.

    Raises:
        AggregatorError: if no folder of posts is left.
    """
    doubts = list(found.doubts)
    posts = tuple(_with_valid_link(one, doubts) for one in found.posts if _is_inside(one.folder, place, doubts))
    if not posts:
        raise AggregatorError(f"{place}: {'; '.join(doubts)} (name the folder of your posts instead)")
    url = found.url
    if url and not (_valid(parsers.base_url, url) and _valid(parsers.site_url, guessed_address(found))):
        doubts.append(f"its address {url} is not one that feeds can use, so `base` is missing")
        url = ""
    return found._replace(posts=posts, url=url, doubts=tuple(doubts))


def _is_inside(folder: str, place: str, doubts: list[str]) -> bool:
    """Return whether a folder of posts exists below `place`: nothing else of this machine is read."""
    path, top = os.path.realpath(os.path.join(place, folder)), os.path.realpath(place)
    if os.path.isdir(path) and os.path.commonpath([path, top]) == top:
        return True
    doubts.append(f"its folder {folder} is {'not below it' if os.path.isdir(path) else 'missing'}, so it is not read")
    return False


def _with_valid_link(posts: Posts, doubts: list[str]) -> Posts:
    if not posts.link or _valid(parsers.link_pattern, posts.link):
        return posts
    doubts.append(f"the address pattern {posts.link} is not one that we know: write `link` by hand")
    return posts._replace(link="")


def config_text(found: Recognised, folder: str, *, url: str, title: str) -> str:
    """Return the config of a site in `folder` over what was recognised.

    Raises:
        ValueError: if `url` or `title` is not valid; the message says what to write instead.
    """
    generator = found.generator
    lines = ["# Written by `aggregator init --from`. Every key is described by `aggregator schema config`.", "site:"]
    lines.append(f"  title: {_quoted(parsers.one_line(title or generator.title or os.path.basename(found.folder)))}")
    address = parsers.site_url(url) if url else guessed_address(generator)
    guess = "" if url else "  # a guess: write where the folder `feeds` will be served"
    lines.append(f"  url: {_quoted(address)}{guess}")
    if language := _valid(parsers.language, generator.language):
        lines.append(f"  language: {language}")
    lines += ["", *_seeds(found, folder), "feeds: ../feeds", "state: ../.aggregator"]
    if zone := _valid(parsers.timezone, generator.timezone):
        lines.append(f"timezone: {zone}")
    return "\n".join((*lines, ""))


def guessed_address(generator: Generator) -> str:
    """Return where the feeds of a site would be served beside its pages, or the placeholder."""
    return f"{generator.url}feeds/" if generator.url else "https://feeds.example.org/"


def _seeds(found: Recognised, folder: str) -> Iterator[str]:
    generator = found.generator
    roots = [_root(one, found, folder) for one in generator.posts]
    if len(roots) == 1:
        yield "seeds:"
        yield from (f"  {key}: {value}" for key, value in roots[0].items())
        return
    yield "seeds:"
    for root in roots:
        yield "  - {" + ", ".join(f"{key}: {value}" for key, value in root.items()) + "}"


def _root(posts: Posts, found: Recognised, folder: str) -> dict[str, str]:
    path = os.path.join(found.folder, posts.folder) if posts.folder else found.folder
    root = {"folder": _quoted(os.path.relpath(path, os.path.join(os.path.abspath(folder), "config")))}
    root["dialect"] = found.generator.dialect
    if found.generator.url:
        root["base"] = _quoted(found.generator.url)
    if posts.link:
        root["link"] = _quoted(posts.link)
    return root


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)  # JSON strings are valid YAML


def _valid(read: Callable[[str], Any], written: str) -> str:
    try:
        return str(read(written)) if written else ""
    except ValueError:
        return ""


def _upwards(folder: str) -> Iterator[str]:
    """Yield a folder and the next ones above it, up to the root of its repository."""
    for _ in range(_ABOVE):
        yield folder
        if os.path.exists(os.path.join(folder, ".git")) or os.path.dirname(folder) == folder:
            return
        folder = os.path.dirname(folder)


def _narrowed(found: Generator, place: str, named: str) -> Generator | None:
    """Return `found` with only the folders of posts in `named`, or with `named` alone if it lies in one of them."""
    inner = os.path.relpath(named, place)
    if inner == ".":
        return found
    below = tuple(one for one in found.posts if f"{one.folder}/".startswith(f"{inner}/"))
    if below:
        return found._replace(posts=below)
    outer = next((one for one in found.posts if not one.folder or f"{inner}/".startswith(f"{one.folder}/")), None)
    if outer is None:
        return None
    link = generators.link_below(outer.link, found.dialect, os.path.relpath(inner, outer.folder or "."))
    doubt = f"only {inner} is read, so `link` may lack what leads there"
    return found._replace(posts=(Posts(inner, link),), doubts=found.doubts if link else (*found.doubts, doubt))


def _config_texts(folder: str) -> dict[str, str]:
    found = {}
    for name in generators.CONFIGS:
        path = Path(folder, name)
        try:
            if path.is_file() and path.stat().st_size <= generators.LARGEST_CONFIG:
                found[name] = path.read_text("utf-8", "replace")
        except OSError:
            continue
    return found


def _files_below(folder: str) -> Iterator[str]:
    count = 0
    if os.path.isdir(os.path.join(folder, ".obsidian")):
        yield ".obsidian/"
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in _NOT_ENTERED and not name.startswith("."))
        for name in sorted(files):
            yield os.path.relpath(os.path.join(place, name), folder)
            count += 1
            if count == MOST_FILES:
                return


def _samples(folder: str, paths: Iterable[str]) -> Iterator[str]:
    content = [os.path.join(folder, path) for path in paths if path.endswith((".md", ".mdx", ".markdown"))]
    for path in content[:: max(1, len(content) // MOST_SAMPLES)]:
        if not os.path.isfile(path):  # a pipe would wait for its writer
            continue
        try:
            with open(path, encoding="utf-8", errors="replace") as file:
                yield file.read(_SAMPLE)
        except OSError:
            continue


def first_build(found: Recognised, config_path: str, folder: str, *, is_guess: bool) -> Iterator[str]:
    """Build a new site in `folder` once, and yield the lines that say what was recognised and what came of it.

    `is_guess` says that nobody named the public address of the feeds.
    """
    from aggregator.site.site import Site  # noqa: PLC0415 - recognising alone does not need it

    yield from recognised_lines(found)
    config = load_config(config_path)
    with Site(config) as site:
        turn = site.build(now=clock())
    yield from outcome_lines(
        turn, _unread(config.seeds), {root.prefix: os.path.relpath(root.folder) for root in config.seeds}, config_path
    )
    yield from next_lines(found, config_path, folder, is_guess=is_guess)


def _unread(roots: Iterable[SeedRoot]) -> int:
    """Return how many files look like posts and were not read."""
    return sum(1 for root in roots for _ in unread_seeds(root.folder, selection_of(root), root.prefix))


def recognised_lines(found: Recognised) -> Iterator[str]:
    """Yield what was recognised and by what, and which folders of posts are read."""
    generator = found.generator
    names = ": ".join(part for part in (generator.title, generator.url) if part)
    yield f"{_WHAT[generator.dialect]}, recognised by {generator.evidence}" + (f" ({names})" if names else "")
    for posts in generator.posts:
        folder = os.path.relpath(os.path.join(found.folder, posts.folder))
        yield f"  {folder}" + (f"  →  {posts.link}" if posts.link else "")


def outcome_lines(turn: Turn, skipped: int, folders: Folders, config: str) -> Iterator[str]:
    """Yield how many posts a first build published, held back and could not read, and the first that need a hand.

    `skipped` is how many files look like posts and were not read, `config` the path of the config.

    Their paths begin with their folder in `folders`.
    """
    errors = [problem for problem in turn.problems if not problem.warning]
    broken = len({problem.path for problem in errors})
    later, drafts = turn.held.get("embargo", 0), turn.held.get("state", 0)
    pages = turn.held.get("date", 0)
    others = sum(turn.held.values()) - later - drafts - broken - pages
    counts = (
        quantity(turn.items, "post"), quantity(drafts, "draft"), *((f"{later:,} for later",) * bool(later)),
        *((f"{quantity(pages, 'page')} without a date",) * bool(pages)),
        *((f"{quantity(skipped, 'file')} that {'are' if skipped > 1 else 'is'} not read",) * bool(skipped)),
        *((f"{others:,} held back by other rules",) * (others > 0)),
        f"{broken:,} that need{'s' * (broken == 1)} a hand",
    )  # fmt: skip
    yield ", ".join(counts) + (":" if broken else ".")
    yield from (f"  {in_folder(str(problem), folders)}" for problem in errors[:MOST_NAMED])
    others_too = [*["the pages"] * bool(pages), *["the files that are not read"] * bool(skipped)]
    check = f"`aggregator check --config {shlex.quote(config)}`"
    if len(errors) > MOST_NAMED:
        yield f"  … and {len(errors) - MOST_NAMED:,} more ({check} names them all)"
    elif others_too:
        yield f"  ({check} names {' and '.join(others_too)}, too)"


def next_lines(found: Recognised, config: str, folder: str, *, is_guess: bool) -> Iterator[str]:
    """Yield what to correct in the config, and the next command."""
    for doubt in found.generator.doubts:
        yield f"Look at {config}: {doubt}."
    if is_guess and found.generator.url:
        yield f"Set site.url in {config}: {guessed_address(found.generator)} is a guess."
    elif is_guess:
        yield f"Set site.url in {config}: nothing names an address, so it holds a placeholder."
    yield f"Then: cd {shlex.quote(folder)} && aggregator run --open"


_WHAT = {
    "native": "Seeds of aggregator", "hugo": "A Hugo site", "zola": "A Zola site", "jekyll": "A Jekyll site",
    "eleventy": "An Eleventy site", "astro": "An Astro site", "pelican": "A Pelican site",
    "docusaurus": "A Docusaurus site", "mkdocs": "A MkDocs site", "obsidian": "An Obsidian vault or Quartz site",
    "plain": "Plain Markdown files",
}  # fmt: skip

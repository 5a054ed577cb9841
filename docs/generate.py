"""Write docs/reference/ and docs/terminal/ from the code: `uv run python docs/generate.py`. A test fails if they differ.

Descriptions come from where they are kept true: comments of the sample config, docstrings, help texts, JSON Schema.
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import click
import msgspec

ROOT = Path(__file__).parents[1]
REFERENCE = ROOT / "docs/reference"
TERMINAL = ROOT / "docs/terminal"
NOTE = "<!-- Made from the code by `uv run python docs/generate.py`; change the code, not this file. -->"

TYPES = {
    "one_line": "text", "one_line_name": "text", "name": "text", "pattern": "pattern", "title_pattern": "pattern",
    "folder": "path of a folder", "location": "path of a folder, or URL of a store", "file": "path of a file",
    "http_url": "URL", "site_url": "URL", "image_url": "URL", "slug": "slug", "language": "language tag",
    "timezone": "name of a time zone", "host": "host name or IP address", "port": "number, 0 to 65535",
    "connections": "number, 1 to 1000000", "duration": "time", "duration_limit": "time, or `null`",
    "item_limit": "number, or `null`", "size_limit": "size, or `null`", "cron_or_interval": "cron line or time",
    "ignored": "anything; it has no effect", "glob": "glob", "root_name": "slug", "base_url": "URL",
    "link_pattern": "path or URL with placeholders", "source_url": "URL", "opml_location": "URL or path of a file",
    "who_searches": "`true`, `false` or `static`", "poll_interval": "time", "first_items": "number, 0 to 500",
    "expression": "[expression](expression.md)",
    "points": "points, such as `+5`", "points_each": "points, such as `+10 each`", "points_a_day": "points, such as `-1/day`",
}  # fmt: skip
"""What a value is called, by the function of `config.parsers` that reads it."""

SCALARS = {str: "text", int: "integer", bool: "`true` or `false`", float: "number"}

LIMITS = (
    ("Seeds", (
        ("normalizer.front_matter.MAX_SEED", "bytes", "A seed may have at most {}."),
        ("normalizer.front_matter.MAX_FRONT_MATTER", "bytes", "Its front matter may have at most {}."),
        ("config.yaml.messages.TOO_DEEP", "", "YAML may be nested at most {} levels deep. Aliases, merge keys and tags of YAML are refused."),
        ("normalizer.cleaning.MAX_NAMES", "", "Of the topics, tags or images of a seed the first {} are used."),
        ("normalizer.cleaning.MAX_RELATED", "", "At most {} related items of a seed are read."),
        ("normalizer.text.TITLE_LENGTH", "", "A title is cut at {} characters."),
        ("normalizer.text.SUMMARY_LENGTH", "", "A summary is cut at {} characters."),
        ("normalizer.summaries.EXCERPT_FROM_BODY", "", "If a seed has no excerpt, the first paragraphs of its body are its summary, at most {} characters."),
        ("normalizer.markdown.MOST_BARE_ADDRESSES", "", "At most {} addresses that stand bare in a body become links."),
        ("normalizer.text.MAX_MARKS", "", "A body with more than {} line breaks and signs of Markdown or HTML is shown as typed."),
        ("normalizer.growth.MAX_DEPTH", "", "So is one with more than {} elements nested in each other."),
        ("normalizer.growth.MAX_ELEMENTS", "", "So is one to which a browser would add more than {} elements."),
        ("normalizer.growth.GROWTH", "", "So is one whose HTML has more than {} characters for each written one, beside a fixed 65,536."),
        ("model.urls.LONGEST_URL", "", "A link may have at most {} characters."),
        ("normalizer.rules.PATTERN_SECONDS", "s", "A title pattern may search one title for {}."),
    )),
    ("Expressions", (
        ("model.expression.parser.LONGEST", "", "An expression may have at most {} characters."),
        ("model.expression.parser.MOST_CONDITIONS", "", "It may have at most {} conditions."),
        ("model.expression.parser.MOST_DEPTH", "", "Parentheses and negations may be nested at most {} deep."),
        ("config.expressions.MOST_EXPANDED", "", "With the searches that it names it may stand for at most {} conditions."),
        ("model.expression.values.LARGEST", "", "A number in it is at most {}; a year is one from 1000 to 9998, an age has at most 10,000 years."),
        ("normalizer.matching.PATTERN_SECONDS", "s", "A pattern in it may search one text for {}."),
        ("site.find.MOST_SLOW", "", "A search ends if a pattern takes longer in more than {} texts."),
        ("service.http.finding.SEARCH_SECONDS", "s", "A search by HTTP may take {}."),
        ("service.http.finding.MOST_ITEMS", "", "Its answer names at most {} items."),
        ("service.http.finding.PAGE_ITEMS", "", "The page of a search shows at most {} items."),
        ("service.http.finding.MOST_WAITING", "", "At most {} searches wait for the one that runs."),
        ("service.http.finding.PUBLIC_LENGTH", "", "An expression of everybody may have at most {} characters."),
        ("site.static_search.MANY", "", "With more than {} items a build with `pages.search: static` warns: the daemon had better answer."),
    )),
    ("Config", (
        ("config.yaml.tree.MOST_BYTES", "bytes", "A config or topic file may have at most {}."),
        ("config.yaml.decoding.MOST_PROBLEMS", "", "At most {} problems of a file are reported at once."),
        ("config.parsers.SHORTEST_POLL", "s", "A source is asked at most every {}."),
        ("config.parsers.MOST_FIRST_ITEMS", "", "A new source shows at most {} items at once."),
        ("config.parsers.LONGEST_PATTERN", "", "A pattern may have at most {} characters."),
        ("model.globs.LONGEST_GLOB", "", "A glob may have at most {} characters."),
        ("model.globs.MOST_DOUBLE_STARS", "", "A glob may have at most {} `**`."),
        ("config.parsers.LONGEST_DURATION", "s", "A length of time may be at most {}."),
        ("config.token.SHORTEST_TOKEN", "", "A token must have at least {} characters."),
        ("model.slugs.LONGEST", "", "A slug has at most {} characters."),
    )),
    ("Feeds and pages", (
        ("renderer.json_feed.SHARES", "", "An item that takes more than 1/{} of `feed.max_bytes` is shown by its summary."),
        ("site.feeds.MOST_TOMBSTONES", "", "A feed names the latest {} withdrawn items."),
        ("model.item_pages.MOST_IN_PART", "", "A part of the sitemap has at most {} addresses."),
        ("index.item_pages.MOST_GONE", "", "The latest {} pages of items that were removed are remembered."),
        ("model.archive_layout.CROWD", "", "A page of an archive with more than {} items is cut in two."),
        ("renderer.page.MAX_PAGE_BYTES", "bytes", "A page for people keeps to {}, by showing less of each item."),
    )),
    ("The seeds folder", (
        ("site.scanning._GUARDED", "", "If more than half of at least {} seeds are gone at once, nothing is withdrawn."),
        ("site.scanning.AT_ONCE", "s", "Seeds that vanish within {} vanish at once."),
    )),
    ("The state folder", (
        ("site.history.MAX_BYTES", "bytes", "The history of what happened takes at most {}."),
        ("site.history.KEPT_TURNS", "", "When it is full, its last {} turns stay."),
        ("site.history.KEPT_EVENTS", "", "So do up to {} older ones in which something happened to an item."),
    )),
    ("HTTP", (
        ("service.http.server.MAX_HEADER_BYTES", "bytes", "The headers of a request may have {}; more than half as many again are refused with 431."),
        ("service.http.server.MAX_BODY_BYTES", "bytes", "Its body may have {}."),
        ("service.http.server.BODY_SECONDS", "s", "The body may take {} to arrive."),
        ("service.http.listening.STALL_SECONDS", "s", "A client may read nothing of a response for {}."),
        ("service.http.events.MAX_LISTENERS", "", "At most {} clients may listen for events."),
        ("service.http.document_cache.MAX_BYTES", "bytes", "Documents take at most {} of memory."),
    )),
    ("The hub", (
        ("publisher.hub.client.PATIENCE", "s", "A hub may take {} to answer."),
        ("publisher.hub.client.MAX_REDIRECTS", "", "At most {} redirects are followed, within the hub's host."),
        ("publisher.hub.policy.REFUSED_WAIT", "s", "A document that the hub refused is tried again after {}."),
        ("publisher.hub.policy.MAX_RETRY_AFTER", "s", "A hub may ask to wait for at most {}."),
        ("site.site.HUB_TIMEOUT", "s", "`aggregator build` notifies the hub for at most {}; a later build goes on."),
    )),
)  # fmt: skip
"""Constants of the code that are limits: where each is, its unit, and the sentence that it completes."""


def pages() -> dict[str, str]:
    """Return the text of each page of the reference, by file name."""
    made = {
        "config.md": config_page(), "seed.md": seed_page(), "commands.md": commands_page(), "http.md": http_page(),
        "metrics.md": metrics_page(), "exit-codes.md": exit_codes_page(), "limits.md": limits_page(),
        "python.md": python_page(), "dialects.md": dialects_page(), "expression.md": expression_page(),
    }  # fmt: skip
    return {name: text.rstrip() + "\n" for name, text in made.items()}


def page(title: str, *lines: str) -> str:
    """Return a page with the title and the note that it is generated."""
    return "\n".join([f"# {title}", "", NOTE, "", *lines])


# Config and topic files


def config_page() -> str:
    """Return the page of the config's keys."""
    from aggregator.cli.json_schema import SOURCE_KEYS
    from aggregator.config.settings import Config, SourceEntry, Topic

    keys = [*written_keys(Config)]
    told = comments(ROOT / "config/aggregator.yaml", {key.path for key in keys})
    topics = [*written_keys(Topic)]
    sources = [*written_keys(SourceEntry)]
    told_of_topics = TOPIC_KEYS
    for place in ("sources.", "sources.opml[]."):
        told = {**{f"{place}{key}": meaning for key, meaning in SOURCE_KEYS.items()}, **told}
    return page(
        "Config",
        "The config is `config/aggregator.yaml`; `--config FILE` uses another one. Everything has a default but `site.url`, and",
        "`sources.folder` if there are sources. An unknown key is an error, and all errors are reported at once. [The sample",
        "config](../../config/aggregator.yaml) uses each key. `aggregator schema config` prints the JSON Schema for editors.",
        "",
        "How values are written:",
        "",
        "- times: `30s`, `90m`, `12h`, `365d`, `2w`",
        "- sizes: `250kB` (a kB is 1,000 bytes), `1MB`, `64KiB`",
        "- paths: relative to the folder of the config file",
        "- patterns: regular expressions, in `'single quotes'`, so that a `\\` stays a `\\`",
        "- expressions: [one language](expression.md) for what is chosen, in `'single quotes'` too; `rules.allow`, `rules.block`",
        "  and `where` may be an expression alone instead of a mapping",
        "- globs: paths below a folder, as in a `.gitignore` file: `*.mdx`, `/index.md`, `drafts/**`",
        "",
        "`seeds` may be the path of a folder alone (`seeds: ../seeds`), one mapping with these keys, or a list of both",
        "([several folders](../guides/several-folders.md)).",
        "",
        *table(keys, told),
        "",
        "## Topic files",
        "",
        "One file for each topic in `config/topics/` ([an example](../../config/topics/10-energy.yaml)). Topics are listed in the",
        "order of the file names. Other keys are allowed. `aggregator schema topic` prints the JSON Schema.",
        "",
        *table(topics, told_of_topics),
        "",
        "## Lists of sources",
        "",
        "Each file in `config/sources/` is a list ([how to use them](../guides/collect-feeds.md)). An entry is the address of a feed,",
        "or has these keys; what it leaves out is as `sources` in the config says. `aggregator schema sources` prints the JSON",
        "Schema.",
        "",
        *table(sources, SOURCE_KEYS),
    )


TOPIC_KEYS = {
    "name": "What seeds call the topic.",
    "_id": "The slug: the folder of its feed and part of its URL, so it should never change. Default: made from `name`.",
    "shortname": "A second name by which seeds may call it.",
    "description": "A sentence for the feed and the index page.",
    "parent": "The name, shortname or slug of the topic above this one, whose feed holds its items too.",
    "keywords": "With `topics.from_keywords`: seeds without topics that mention one of these get this topic.",
    "hashtags": "Likewise.",
    "language": "The language of its feed, such as `de`; by default that of most of its items.",
    "images[].url": "A picture of the topic; the first one is used.",
    "services": "For other programs.",
}


class Key(typing.NamedTuple):
    """A key of a file: its dotted path, the words for its type, and its default."""

    path: str
    type: str
    default: str


def written_keys(kind: type[msgspec.Struct], before: str = "") -> Iterator[Key]:
    """Yield the keys of a file that decodes as `kind`, in order."""
    from aggregator.config.yaml.decoding import written_fields

    hints = typing.get_type_hints(kind, include_extras=True)
    for field in written_fields(kind):
        path, hint = f"{before}{field.encode_name}", hints[field.name]
        is_optional = typing.get_origin(hint) in {typing.Union, types.UnionType}
        inner = next((one for one in typing.get_args(hint) if is_optional and is_mapping(one)), hint)
        suffix = "."
        plain = typing.get_args(hint)[0] if typing.get_origin(hint) is Annotated else hint
        if typing.get_origin(plain) is tuple:
            inner, suffix = typing.get_args(plain)[0], "[]."
        elif any(getattr(remark, "key", "") == "match" for remark in typing.get_args(hint)[1:]):
            inner = plain  # an expression, or these keys
        if is_mapping(inner):
            yield from written_keys(inner, f"{path}{suffix}")
        else:
            yield Key(path, type_words(hint), default_words(field, hint))


def is_mapping(hint: Any) -> bool:
    """Return whether a type is written as a mapping with keys of its own."""
    return isinstance(hint, type) and issubclass(hint, msgspec.Struct)


def type_words(hint: Any) -> str:
    """Return the words for the type of a value."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        for remark in arguments[1:]:
            function = getattr(remark, "read", None) or getattr(remark, "test", None)
            if function is not None:
                return TYPES.get(function.__name__) or type_words(arguments[0])
        if isinstance(arguments[0], type) and issubclass(arguments[0], msgspec.Struct):
            inner = ", ".join(f"`{key.path}`" for key in written_keys(arguments[0]))
            return f"number, or mapping: {inner}"
        return type_words(arguments[0])
    if origin is Literal:
        return ", ".join(f"`{one}`" for one in arguments)
    if origin is tuple:
        return f"list: {type_words(arguments[0])}"
    if origin is dict:
        return f"mapping to {type_words(arguments[1])}"
    several = [one for one in arguments if one is not type(None)]
    return type_words(several[0]) if several else SCALARS[hint]


def default_words(field: Any, hint: Any) -> str:
    """Return the default of a key as a config would write it."""
    if field.required:
        return "**required**"
    value = field.default if field.default is not msgspec.NODEFAULT else field.default_factory()
    remarks = typing.get_args(hint)[1:] if typing.get_origin(hint) is Annotated else ()
    if value == "" and any(False in getattr(remark, "choices", ()) for remark in remarks):
        return "`false`"
    if value is None or value in ("", (), {}):
        return ""
    if isinstance(value, msgspec.Struct):
        return f"`{next(iter(msgspec.structs.astuple(value)))}`"
    names = {getattr(getattr(remark, "read", None), "__name__", "") for remark in remarks}
    if names & {"duration", "duration_limit"}:
        return f"`{short_time(value)}`"
    if "size_limit" in names:
        return f"`{value // 1000}kB`"
    return f"`{str(value).lower()}`" if isinstance(value, bool) else f"`{value}`"


def short_time(seconds: float) -> str:
    """Return a duration as a config writes it."""
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "m")):
        if seconds >= size and seconds % size == 0:
            return f"{int(seconds // size)}{unit}"
    return f"{int(seconds)}s"


def comments(path: Path, known: set[str]) -> dict[str, str]:
    """Return the comment of each key in a commented YAML file; keys that are commented out count too."""
    told: dict[str, str] = {}
    above: list[str] = []
    stack: list[tuple[int, str]] = []
    for line in path.read_text().splitlines():
        entry = key_on(line, stack, known)
        if entry is not None:
            key, beside = entry
            if text := beside or " ".join(above):
                told.setdefault(key, text)
            above = []
        elif line.lstrip().startswith("#"):
            above.append(re.sub(r"^([a-z]+) {2,}(.*)", r"`\1`: \2;", line.lstrip(" #").strip()))
        else:
            above = []
    return told


def key_on(line: str, stack: list[tuple[int, str]], known: set[str]) -> tuple[str, str] | None:
    """Return the dotted path of the key on a line, and the comment beside it; keep `stack` (indentation, path)."""
    bare = re.sub(r"^( *)# ?", r"\1", line)
    found = re.match(r"^( *)(- )?([A-Za-z_]+):(?: |$)([^#]*)(?:# *(.*))?", bare)
    if found is None:
        return None
    depth = len(found[1]) + (2 if found[2] else 0)
    while stack and stack[-1][0] >= depth:
        stack.pop()
    parent = stack[-1][1] if stack else ""
    for joined in (f"{parent}.{found[3]}", f"{parent}[].{found[3]}") if parent else (found[3],):
        if joined in known:
            return joined, found[5] or ""
        if any(one.startswith((f"{joined}.", f"{joined}[].")) for one in known):
            stack.append((depth, joined))
            return joined, ""
    return None


TOLD_TOGETHER = {"rules.allow", "rules.block", "websub"}
"""Keys whose comment describes the keys in them, too."""


def table(keys: list[Key], told: dict[str, str]) -> Iterator[str]:
    """Yield the rows of a table of keys; every key must have a description."""
    told = {key.path: meaning for key in keys if (meaning := inherited(key.path, told))}
    missing = [key.path for key in keys if key.path not in told]
    if missing:
        raise SystemExit(f"describe these keys in a comment of the sample file: {', '.join(missing)}")
    yield "| key | value | default | meaning |"
    yield "|---|---|---|---|"
    for key in keys:
        yield f"| `{key.path}` | {key.type} | {key.default} | {meaning_of(told[key.path], key)} |"


def meaning_of(comment: str, key: Key) -> str:
    """Return a comment as a sentence in a table, without the default that has its own column."""
    meaning = (
        re.sub(r"\s*Default: (?:\S+|a .*?)\.(?=\s|$)", "", comment) if key.default or "one." in comment else comment
    )
    sentence = (meaning[:1].upper() + meaning[1:]).rstrip(" ;").replace("|", "\\|")
    return sentence if sentence.endswith(".") else f"{sentence}."


def inherited(path: str, told: dict[str, str]) -> str:
    """Return the comment of a key, or that of the key above it if that speaks for all in it, or ""."""
    above = path.rpartition(".")[0]
    return told.get(path) or (told.get(above, "") if above in TOLD_TOGETHER else "")


# Seeds


def seed_page() -> str:
    """Return the page of the keys of a seed's front matter."""
    from aggregator.cli.json_schema import schema

    described = schema("seed")
    rows = []
    for key, one in described["properties"].items():
        if "description" not in one:
            raise SystemExit(f"describe the key {key} in aggregator/cli/json_schema.py")
        rows.append(f"| `{key}` | {schema_words(one)} | {one['description']} |")
    return page(
        "Seed",
        "The front matter of a seed is YAML between two lines `---` at the top of a file whose name ends in `.md`; below it is the",
        "body, in Markdown. How to write one: [Write a seed](../guides/write-a-seed.md). `aggregator schema seed` prints the JSON",
        "Schema for editors. An unknown key is a warning and has no effect.",
        "",
        "| key | value | meaning |",
        "|---|---|---|",
        *rows,
    )


# Dialects


FIELDS_OF_A_DIALECT = (
    ("Title", "title"), ("Date", "published"), ("Updated", "updated"), ("Expires", "expires"), ("Topics", "topics"),
    ("Tags", "tags"), ("Excerpt", "excerpt"), ("Author", "authors"), ("Picture", "images"), ("Language", "locale"),
    ("Address", "address"), ("Links to", "elsewhere"), ("Slug", "slug"), ("Former addresses", "aliases"),
)  # fmt: skip

FORMS_OF_METADATA = {
    "yaml": "YAML between `---`", "toml": "TOML between `+++`", "json": "a JSON object at the head",
    "lines": "`Key: value` lines", "fence": "TOML in a first code fence", "meta": "`<meta name=… content=…>` in the head of an HTML page",
    "file": "a `.json` file", "none": "none",
}  # fmt: skip

SOURCES_OF_TITLES = {
    "heading": "the first heading", "file": "the file's name", "words": "the file's name, as words",
    "capitals": "The File's Name, As Words", "page": "the title of an HTML page",
}  # fmt: skip

SOURCES_OF_TOPICS = {
    "": "", "folder": ", else the first folder", "parent": ", else the folder", "above_posts": ", and the folders above `_posts`",
}  # fmt: skip


def dialects_page() -> str:
    """Return the page of the tables of all dialects but our own."""
    from aggregator.normalizer.dialects.table import dialect_of, names

    return page(
        "Dialects",
        "What the `dialect` of a folder of seeds means: which keys are read, the first that holds something; what holds a post",
        "back; and the address of a post that names none. How to use one: [Your folder, as it is](../guides/your-hugo-folder.md).",
        "`aggregator schema dialect NAME` prints a table as JSON.",
        "",
        "In each of them a date may also come from the path (`2024-05-01-name.md`, `2024/05/01/name.md`), and last from the",
        "file's first commit in git. A key that looks like a draft's in another spelling (`isBlogDraft`, `darft`, `wip`,",
        "`publishToWeb: false`, `hideFromFeed`, `reviewStatus: draft`, `private: true` …) is an error: the post is not",
        "published until that is settled; one that says no more than that the post is in no feed holds it back. So is a key",
        "that may say when the post appears or ends, if that is later than its date, or earlier than its end, or cannot be read;",
        "what looks like metadata in another form; and a text that says `draft: true` or `secured: …` at its head. Of several",
        "ends the earliest counts. `secured` is never read.",
        *(line for name in names() if name != "native" for line in dialect_lines(dialect_of(name))),
    )


def dialect_lines(dialect: Any) -> Iterator[str]:
    """Yield the section of a dialect."""
    yield from ("", f"## {dialect.name}", "", f"For {dialect.program}. Metadata: " + ", ".join(
        FORMS_OF_METADATA[form] for form in dialect.forms
    ) + (". The case of keys does not matter." if dialect.any_case else "."), "")  # fmt: skip
    yield from ("| value | keys |", "|---|---|")
    for words, field in FIELDS_OF_A_DIALECT:
        keys = ", ".join(f"`{key}`" for key in getattr(dialect, field))
        if field == "title":
            keys += "".join(f", else {SOURCES_OF_TITLES[source]}" for source in dialect.title_from)
        if field == "topics":
            keys += SOURCES_OF_TOPICS[dialect.topics_from]
        if keys:
            yield f"| {words} | {keys} |"
    held = [f"`{key}: true`" for key in dialect.held_if_true] + [f"`{key}: false`" for key in dialect.shown_if_false]
    held += [f"`{key}: {word}`" for key, words in dialect.states.items() for word in words]
    held += [f"the folder `{folder}`" for folder in dialect.held_folders]
    held += [HELD_FOLDERS[dialect.name]] if dialect.name in HELD_FOLDERS else []
    yield f"| Held back by | {', '.join(held)} |"
    links = [f"`{pattern}` {CONDITIONS[condition]}" for condition, pattern in dialect.link_if]
    yield f"| Address otherwise | {', '.join([*links, f'`{dialect.link}`'])} |"


HELD_FOLDERS = {
    "hugo": "one of these in the `cascade` of an `_index.md` above",
    "zola": "`draft = true` in the `_index.md` of a folder above",
    "eleventy": "one of these in the data file of a folder above (`drafts/drafts.json`, `drafts.11tydata.js`)",
    "mkdocs": "one of these in the `.meta.yml` of a folder above",
}
CONDITIONS = {"slug": "with a slug", "path": "with a date in the path", "date": "with a date"}


def schema_words(part: dict[str, Any]) -> str:
    """Return the words for a part of a JSON Schema."""
    for one in part.get("anyOf", ()):
        if one.get("type") != "null":
            return schema_words(one)
    kinds = part.get("type", "anything")
    kind = next((one for one in kinds if one != "null"), "") if isinstance(kinds, list) else kinds
    if kind == "array":
        return f"list of: {schema_words(part['items'])}"
    if kind == "object":
        return "; ".join(f"`{key}`" for key in part["properties"])
    return {"string": "text", "integer": "integer", "boolean": "`true` or `false`", "anything": "anything"}[kind]


# Commands


def commands_page() -> str:
    """Return the page of the commands and their options."""
    from aggregator.cli.commands import cli

    lines = []
    context = click.Context(cli, info_name="aggregator")
    for name, command in sorted(cli.commands.items()):
        inner = click.Context(command, info_name=name, parent=context)
        usage = command.get_usage(inner).removeprefix("Usage: ")
        lines += [f"## aggregator {name}", "", *inspect.cleandoc(command.help or "").splitlines(), ""]
        lines += ["```text", re.sub(r"\s+", " ", usage), "```", ""]
        options = [one for one in command.params if isinstance(one, click.Option)]
        if options:
            lines += ["| option | default | does |", "|---|---|---|", *(option_row(one, inner) for one in options), ""]
    return page(
        "Commands",
        "Every command has `--help`; `aggregator -V` prints the version. The same is the manual, `man aggregator`, and a shell",
        "[completes](../guides/completion.md) it. Exit codes are [listed apart](exit-codes.md).",
        "",
        *lines,
    )


def option_row(option: click.Option, context: click.Context) -> str:
    """Return the row of an option in a table."""
    names = " ".join(f"`{one}`" for one in (*option.opts, *option.secondary_opts))
    if not option.is_flag:
        names += f" {option.make_metavar(context)}".replace("|", "\\|")
    default = option.default if option.show_default and isinstance(option.default, str) else ""
    return f"| {names} | {f'`{default}`' if default else ''} | {option.help} |"


# HTTP


def http_page() -> str:
    """Return the page of the addresses that are served."""
    from aggregator.model.document_names import FEED_DOCUMENTS
    from aggregator.service.http.events import EVENTS

    rows = []
    for path, route in sorted(routes().items()):
        methods = ", ".join(one for one in route.methods if one != "HEAD")
        does = (inspect.getdoc(route.answer) or "").splitlines()[0].removeprefix("Return ")
        does = does[:1].upper() + does[1:]
        rows.append(f"| `{path}` | {methods} | {does} |")
    feeds = ", ".join(f"`{one}`" for one in sorted(FEED_DOCUMENTS))
    return page(
        "HTTP",
        "What `aggregator run` and `aggregator serve` answer.",
        "",
        "## Documents",
        "",
        "| address | answer |",
        "|---|---|",
        "| `/` | the index page |",
        "| `/feeds.opml`, `/.well-known/feeds` | all feeds, as OPML |",
        "| `/sources/`, `/sources.opml` | the sources, if the site has any, and how they are |",
        f"| `/<feed>/` and in it {feeds} | a feed: `all`, a topic's slug, or that of a feed by query |",
        "| `/<feed>/archive/<month>/…` | a page of the feed's history, in the same formats |",
        "| `/items/<year>/<slug>/` | the page of an item, if items have any; 410 if it was removed |",
        "| `/sitemap.xml`, `/sitemap-….xml` | the sitemap, if items have pages, and its parts |",
        "| `/-/search/`, and in `/-/pagefind/` what it needs | with `pages.search: static` the page on which browsers search |",
        "",
        "Who opens a feed in a browser (`Sec-Fetch-Dest: document`, and `Accept` begins with `text/html`) gets a page that says what",
        "a feed is and copies its address; `?raw` shows the file. All others get the feed, whatever they accept, and `Vary` says so.",
        "",
        "Only published documents are served. `GET` and `HEAD` answer with `ETag`, conditional and range requests, and the",
        "`.br` or `.gz` that was made beforehand.",
        "",
        "## Other addresses",
        "",
        "`/-/trigger` exists only with a token (`server.token`), `/-/notify` only if the seeds lie in a store too, `/websub/` only",
        "with `sources`. `/-/find` and `/-/search` are for the owner, or with `pages.search: true` for everybody; with `static`",
        "`/-/search` leads to `/-/search/`. The token is sent as `Authorization: Bearer …`, or as the password of `Basic`. Requests",
        "of other sites' pages are refused with 403.",
        "",
        "| address | method | answer |",
        "|---|---|---|",
        *rows,
        f"| `{EVENTS}` | GET | Server-sent events: `changed`, with the slugs of the feeds that changed. |",
    )


def routes() -> dict[str, Any]:
    """Return the routes of a site whose seeds lie in a store, with a token: all that there are."""
    from aggregator.config.settings import Config, RootSettings, Server, SiteSettings, SourcesSettings
    from aggregator.service.http.endpoints import Endpoints

    site = SiteSettings(url="https://feeds.example.org/")
    seeds = (RootSettings(folder="s3://bucket/seeds"),)
    server, sources = Server(token="token"), SourcesSettings(folder="collected")  # noqa: S106 - a file's name
    config = Config(site=site, seeds=seeds, server=server, sources=sources)
    return dict(Endpoints(config, typing.cast("Any", None), clock=float, session_key=b"key").routes())


# Expressions

GRAMMAR = """\
A condition is a word, a `"phrase"`, a `/pattern/`, or a field with a value:

```
topic:Energy AND (quality:>=70 OR source:"Harbour Desk") -title:/sponsored/i age:<7d lang:de has:image search:my-query
```

| written | means |
|---|---|
| `harbour` | the word, in title, excerpt or body |
| `"heat pump"` | these words in a row; `\\"` is a quote in them |
| `/(re)?build/i` | a [regular expression](https://docs.python.org/3/library/re.html), as written; `\\/` is a slash in it, `i` ignores case |
| `title:harbour` | a condition on a field |
| `a b`, `a AND b` | both |
| `a OR b` | one of them; AND binds more tightly |
| `-a`, `NOT a` | not |
| `(a OR b) c` | in this order |
| `quality:70`, `:>=70`, `:>70`, `:<=70`, `:<70`, `:70..90` | a number; ranges include their ends |
| `published:2026-11`, `:>=2026-11-30`, `:2026..2026-11-30T10:00` | a year, month, day, minute or second, in UTC unless it names an offset |
| `age:<7d`, `age:1d..2w` | `s`, `m`, `h`, `d`, `w` since it was published |
| `search:my-query` | what the search or the feed by query of that name says |

Words, phrases and names are compared without case, accents and kinds of quotation marks: `cafe` finds "Café". Words are
whole words; in scripts without spaces they are found anywhere. The text of a body is what people read: tags, comments,
marks and addresses of links do not count.

AND, OR and NOT are in capitals. Quote a word that is one of these, has a `:`, `(`, `)` or `"` in it, or begins with `-`
or `/`.
"""


def expression_page() -> str:
    """Return the page of the language of expressions."""
    from aggregator.model.expression import parser
    from aggregator.model.expression.fields import FIELDS

    grammar = inspect.cleandoc(parser.__doc__ or "").split("\n\n")[1]
    kinds = {
        "words": "words, pattern", "name": "name, pattern", "part": "text, pattern", "number": "number", "date": "date", "age": "age",
        "choice": "one of those below", "search": "name",
    }  # fmt: skip
    rows = [f"| `{one.name}` | {kinds[one.kind]} | {one.brief} | `{one.example}` |" for one in FIELDS.values()]
    choices = [
        f"| `{one.name}:{value}` | {meaning} |" for one in FIELDS.values() for value, meaning in one.choices
    ]  # fmt: skip
    return page(
        "Expressions",
        "One language chooses items: in `rules.allow` and `rules.block`, in `where` of `feeds_by_query`, under `searches`, in",
        "`aggregator find` and `aggregator try`, and in `GET /-/find?q=…`. [The guide](../guides/expressions.md) shows how.",
        "",
        GRAMMAR,
        "## Fields",
        "",
        "| field | value | what it is | such as |",
        "|---|---|---|---|",
        *rows,
        "",
        "| condition | holds for an item |",
        "|---|---|",
        *choices,
        "",
        "## In rules and feeds",
        "",
        "Rules have no clock and decide what becomes of an item, so they cannot ask `is:`, and an `age` can only end the time of",
        "an item: `age:<7d` in `allow` and `where`, `age:>=7d` in `block`. At that second it leaves the feeds.",
        "",
        "## For everybody",
        "",
        "With `pages.search: true` everybody may ask `GET /-/find?q=…` about what feeds show now. Patterns, `path`, `category`, `type`, `is`",
        "and a few choices of `has` are the owner's, `search` takes the slugs of feeds by query, and of an item's text its summary",
        "counts. An expression has at most 200 characters there. With `pages.search: static` browsers answer the same, but `link:`.",
        "",
        "## Grammar",
        "",
        "```",
        *grammar.splitlines(),
        "```",
    )


# Metrics


def metrics_page() -> str:
    """Return the page of the metrics, from what the program would answer."""
    from aggregator.service.http.metrics import render

    text = render(measured()).decode()
    kinds = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE))
    rows = []
    for name, help_text in re.findall(r"^# HELP (\S+) (.*)$", text, re.MULTILINE):
        sample = re.search(rf"^{name}\S*\{{(.*?)\}}", text, re.MULTILINE)
        labels = ", ".join(f"`{one}`" for one in re.findall(r"(\w+)=", sample[1]) if one != "le") if sample else ""
        rows.append(f"| `{name}` | {kinds[name]} | {labels} | {help_text} |")
    return page(
        "Metrics",
        "What `/metrics` answers, in Prometheus' text format. No label holds the text of a seed; dead sources",
        "are named by their addresses.",
        "",
        "| name | kind | labels | meaning |",
        "|---|---|---|---|",
        *rows,
    )


def measured() -> Any:
    """Return measurements in which everything that can be measured occurs."""
    from aggregator.service.http.metrics import Measured

    return Measured(
        now=0,
        requests={("document", 200): 1},
        listeners=0,
        cached=0,
        standing=sample_of(SITE),
        daemon=sample_of(DAEMON),
    )


SITE = "aggregator.site.status.SiteStatus"
DAEMON = "aggregator.service.health.DaemonStatus"
FILLED = {
    "problem_ages": {"disk": 1.0},
    "held": {"quality": 1},
    "sources": {"dead": 1},
    "dead_sources": ("https://blog.example.org/feed.xml",),
    "feeds": {"all": 1},
    "newest": 0,
    "due": 0,
    "scanned": 1.0,
}


def sample_of(name: str) -> Any:
    """Return a Struct of this name whose fields hold as little as their types allow, but `FILLED`."""
    kind = named(name)
    hints = typing.get_type_hints(kind)
    values = {
        field.name: FILLED.get(field.name, nothing(hints[field.name], field.name))
        for field in msgspec.structs.fields(kind)
        if field.required or field.name in FILLED
    }
    return kind(**values)


def nothing(hint: Any, name: str) -> Any:
    """Return an empty value of a type."""
    if name == "turns_within":
        return (0,) * (1 + len(named("aggregator.service.health.DURATIONS")))
    origin = typing.get_origin(hint) or hint
    if origin in {str, int, float, bool, dict, tuple}:
        return origin()
    return {} if "Mapping" in str(origin) else None


def named(name: str) -> Any:
    """Return what has this dotted name."""
    module, _, last = name.rpartition(".")
    return getattr(__import__(module, fromlist=[last]), last)


# Exit codes, limits, Python


def exit_codes_page() -> str:
    """Return the page of the exit codes, from the docstring of the commands and that of the exceptions."""
    from aggregator.model import errors

    tree = (errors.__doc__ or "").partition("\n\n")[2].partition("\n\n")[0]
    return page(
        "Exit codes",
        "| code | meaning |",
        "|---|---|",
        *(f"| {code} | {meaning} |" for code, meaning in exit_codes()),
        "",
        "`check` exits with 1 if the config or a seed has an error (with `--strict`, or a warning), `build --strict` if a seed has",
        "an error, `build` and `trigger` if a document cannot be written or the seeds folder cannot be trusted, `sources` if one",
        "has been dead for 30 days. `fetch` exits with 0 also if sources fail.",
        "",
        "The errors behind them, as Python sees them; those without a code of their own end with 1:",
        "",
        "```text",
        *inspect.cleandoc(tree).splitlines(),
        "```",
    )


def limits_page() -> str:
    """Return the page of the limits."""
    lines = []
    for title, limits in LIMITS:
        lines += [f"## {title}", ""]
        for name, unit, sentence in limits:
            lines.append("- " + sentence.format(amount(named(f"aggregator.{name}"), unit)))
        lines.append("")
    return page("Limits", "What the program accepts at most. The config can change what it names as a key.", "", *lines)


def amount(value: float, unit: str) -> str:
    """Return a number with its unit, for people."""
    if unit == "bytes":
        for size, word in ((2**20, "MiB"), (2**10, "KiB")):
            if value >= size and value % size == 0:
                return f"{int(value // size):,} {word}"
        return f"{int(value) // 1000:,} kB"
    if unit == "s":
        return f"{value * 1000:.0f} ms" if value < 1 else span(value)
    return f"{int(value):,}"


def span(seconds: float) -> str:
    """Return a duration in words."""
    for size, word in ((365 * 86_400, "year"), (86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second")):
        if seconds >= size:
            count = int(seconds // size)
            return f"{count} {word}{'' if count == 1 else 's'}"
    raise ValueError(seconds)


def python_page() -> str:
    """Return the page of the public names."""
    import aggregator

    lines = []
    for name in aggregator.__all__:
        one = getattr(aggregator, name)
        if name == "__version__":
            continue
        text = inspect.getdoc(one) or ""
        lines += [f"## {name}", ""]
        if inspect.isfunction(one):
            lines += ["```python", signature(one), "```", ""]
        lines += plain(text) if inspect.isfunction(one) else [text.split("\n\n", 1)[0].replace("\n", " ")]
        lines.append("")
    return page(
        "Python",
        "`from aggregator import …`. These names are public; everything else may change with any version.",
        "",
        *lines,
    )


def plain(text: str) -> list[str]:
    """Return a docstring as Markdown: its sections become lists."""
    lines = []
    for line in text.splitlines():
        if line in {"Args:", "Raises:", "Returns:"}:
            lines += [f"{line[:-1]}:", ""]
        elif line.startswith("        "):
            lines.append(f"  {line.strip()}")
        elif found := re.match(r"    (\w+): (.*)", line):
            lines.append(f"- `{found[1]}`: {found[2]}")
        else:
            lines.append(line)
    return lines


def signature(function: Any) -> str:
    """Return the signature of a function as its source has it, with one parameter on each line."""
    tree = ast.parse(inspect.getsource(function)).body[0]
    assert isinstance(tree, ast.FunctionDef)
    every = tree.args
    required = [ast.unparse(one) for one in every.args]
    keywords = [
        ast.unparse(one) + (f" = {ast.unparse(default)}" if default else "")
        for one, default in zip(every.kwonlyargs, every.kw_defaults, strict=True)
    ]
    parameters = [*required, *(["*"] if keywords else []), *keywords]
    returned = f" -> {ast.unparse(tree.returns)}" if tree.returns else ""
    if len(parameters) < 3:
        return f"{tree.name}({', '.join(parameters)}){returned}"
    return f"{tree.name}(\n" + "".join(f"    {one},\n" for one in parameters) + f"){returned}"


# What a terminal looks for beside a program: its manual, and how its commands are completed


def terminal_files() -> dict[str, str]:
    """Return the text of each file that the wheel puts into `share/`, by file name."""
    return {"aggregator.1": man_page(), **completions()}


def completions() -> dict[str, str]:
    """Return click's completion scripts, by file name; each asks the program itself what fits."""
    from click.shell_completion import BashComplete, FishComplete, ShellComplete, ZshComplete

    from aggregator.cli.commands import cli

    kinds = {"aggregator.bash": BashComplete, "_aggregator": ZshComplete, "aggregator.fish": FishComplete}
    made = {name: kind(cli, {}, "aggregator", "_AGGREGATOR_COMPLETE") for name, kind in kinds.items()}
    # Bash's own method starts bash to ask for its version.
    return {name: ShellComplete.source(one).strip() + "\n" for name, one in made.items()}


def man_page() -> str:
    """Return the manual, aggregator(1), for man and mandoc."""
    from aggregator.cli.commands import cli

    context = click.Context(cli, info_name="aggregator")
    does = inspect.cleandoc(cli.help or "").rstrip(".")
    lines = [
        '.TH AGGREGATOR 1 "" "" "User Commands"',
        ".SH NAME",
        f"aggregator \\- {roff(does[:1].lower() + does[1:])}",
        ".SH SYNOPSIS",
        ".B aggregator",
        "[\\fB\\-h\\fR | \\fB\\-V\\fR]",
        ".I COMMAND",
        "[\\fIOPTION\\fR]... [\\fIARGUMENT\\fR]...",
        ".SH DESCRIPTION",
        "Without a command it lists the commands. Each has \\fB\\-\\-help\\fR.",
        ".SH COMMANDS",
    ]
    for name, command in sorted(cli.commands.items()):
        lines += man_of_command(command, click.Context(command, info_name=name, parent=context))
    lines += [".SH EXIT STATUS"]
    for code, meaning in exit_codes():
        lines += [".TP", f".B {code}", roff(meaning)]
    lines += [".SH ENVIRONMENT"]
    for variable, meaning in ENVIRONMENT.items():
        lines += [".TP", f".B {variable}", roff(meaning)]
    return "\n".join([*lines, ".SH FILES", ".TP", ".I config/aggregator.yaml", roff(FILES_NOTE)]) + "\n"


ENVIRONMENT = {
    "AGGREGATOR_CONFIG": "The config file, for commands without --config.",
    "NO_COLOR": "If it is set to anything, nothing is printed in colour.",
    "VISUAL, EDITOR": "What opens a new seed with new --edit.",
}
FILES_NOTE = "The config, in the current folder or one above it. `aggregator schema config` prints its JSON Schema."


def man_of_command(command: click.Command, context: click.Context) -> Iterator[str]:
    """Yield the lines of a command in the manual."""
    usage = re.sub(r"\s+", " ", command.get_usage(context).removeprefix("Usage: "))
    yield f".SS {roff(usage)}"
    paragraphs = inspect.cleandoc(command.help or "").split("\n\n")
    for number, paragraph in enumerate(paragraphs):
        yield from [".PP"] if number else []
        yield roff(" ".join(paragraph.split()))
    for option in command.params:
        if isinstance(option, click.Option):
            names = ", ".join(f"\\fB{roff(one)}\\fR" for one in (*option.opts, *option.secondary_opts))
            value = "" if option.is_flag else f" \\fI{roff(option.make_metavar(context))}\\fR"
            yield from (".TP", names + value, roff(option.help or ""))


def roff(text: str) -> str:
    """Return text for the manual: what roff would take for a command, or for a typographic dash, is escaped."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-").replace("`", "")
    return f"\\&{escaped}" if escaped.startswith((".", "'")) else escaped


def exit_codes() -> list[tuple[str, str]]:
    """Return each exit code and its meaning, from the docstring of the commands."""
    from aggregator.cli import commands

    found = re.search(r"Exit codes: (.*?)\.\n", commands.__doc__ or "", re.DOTALL)
    assert found is not None
    parts = [part.strip().partition(" ") for part in " ".join(found[1].split()).split(", ")]
    return [(code, meaning) for code, _, meaning in parts]


def files() -> dict[Path, str]:
    """Return the text of every generated file."""
    return {
        **{REFERENCE / name: text for name, text in pages().items()},
        **{TERMINAL / name: text for name, text in terminal_files().items()},
    }


def main() -> None:
    """Write the files, or with `--check` exit with 1 and name those that differ."""
    differing = {path: text for path, text in files().items() if read(path) != text}
    for path, text in differing.items():
        name = path.relative_to(ROOT)
        if "--check" in sys.argv:
            print(f"{name} differs from the code: run `uv run python docs/generate.py`")
        else:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
            print(name)
    sys.exit(1 if differing and "--check" in sys.argv else 0)


def read(path: Path) -> str:
    """Return the text of a file, or "" if it is missing."""
    return path.read_text() if path.exists() else ""


if __name__ == "__main__":
    main()

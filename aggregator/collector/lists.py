"""Lists of sources that other programs keep: OPML, the configs of Planet, Venus and Pluto. Pure.

Of every line it is said what became of it: a list that loses something in silence would be noticed a month later.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Literal

import msgspec

from aggregator.collector import html
from aggregator.collector.decoding import text_of, without_controls
from aggregator.collector.mending import mended
from aggregator.config.yaml.tree import Node, parse
from aggregator.model import urls
from aggregator.model.sources import Source

Kind = Literal["opml", "planet", "venus", "pluto"]

MOST_SOURCES = 10_000
"""How many sources of a list are taken."""

LARGEST = 5 * 1024 * 1024
"""The largest list that is read, in bytes."""

_SECTION = re.compile(r"\[([^\]]*)\]\s*(?:[#;].*)?$")
_OPTION = re.compile(r"([^:=\s][^:=]*?)\s*[:=]\s*(.*)$")
_INLINE_COMMENT = re.compile(r"\s;.*$")
_FEED_SCHEME = re.compile(r"^feed:(?://(?=https?:))?", re.IGNORECASE)
_LONGEST_NAME = 200
_FEED_KEYS = ("feed", "feed_url", "xml_url", "feeds")
_TEMPLATE = re.compile(r".*\.(?:tmpl|xslt|xsl|genshi|dj|py|plugin|sed)$|theme", re.IGNORECASE)
_PICTURES = ("face", "facewidth", "faceheight", "avatar", "icon", "image", "gravatar")
_PERSONAL = (
    "author", "email", "twitter", "github", "location", "link", "url", "nick", "irc", "owner_name", "owner_email",
    "rubygems", "meetup", "site", "homepage",
)  # fmt: skip
_RULES = "the words to look for belong into `rules` or `feeds_by_query` of the config"
_OURS = "nothing is needed for it here"
_PAGES = "pages are made without templates"
_PROGRAMS = "programs that change entries are not run"
_REASONS: Mapping[str, str] = {
    **dict.fromkeys(("name", "title"), "write it as `site.title` into the config"),
    "link": "write it as `site.url` into the config", "owner_name": "write it as `site.author` into the config",
    "items_per_page": "write it as `feed.limit` into the config", "locale": "write `site.language` into the config",
    "days_per_page": "write `rules.max_age` into the config", "output_dir": "write it as `feeds` into the config",
    "pubsubhubbub_hub": "write it as `websub.hub` into the config",
    "activity_threshold": "a source is called dead after 30 days",
    **dict.fromkeys(("filters", "filter_directories"), _PROGRAMS),
    **dict.fromkeys(("filter", "exclude", "include", "includes", "excludes"), _RULES),
    **dict.fromkeys((
        "encoding", "log_level", "log_format", "cache_directory", "feed_timeout", "spider_threads",
        "http_cache_directory", "cache_keep_entries",
    ), _OURS),
    **dict.fromkeys((
        "template_files", "template_directories", "output_theme", "theme", "bill_of_materials", "date_format",
        "new_date_format",
    ), _PAGES),
}  # fmt: skip
_IN_SOURCE: Mapping[str, str] = {
    **dict.fromkeys(_PICTURES, "the source's own picture is shown"),
    **dict.fromkeys(_PERSONAL, "the feed itself names its authors and its page"),
    **{key: _REASONS[key] for key in ("filter", "exclude", "include", "includes", "excludes", "filters")},
    "xml_base": "addresses resolve against the feed's own base, then the entry's link",
    "future_dates": "a date in the future is never taken over", "ignore_in_feed": "what an entry says is kept",
}  # fmt: skip


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a line of a list: its number, from 1, its text, whether it counts now, and how or why not."""

    number: int
    text: str
    is_taken: bool
    became: str


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """What a list holds.

    `lists` are addresses of further lists in OPML that it names. `lines` are those that are neither blank nor a
    comment, in their order; in OPML there is one for each outline.
    """

    title: str = ""
    sources: tuple[Source, ...] = ()
    lists: tuple[str, ...] = ()
    lines: tuple[Line, ...] = ()


def read(data: bytes, kind: Kind, *, defaults: Source) -> Listing | str:
    """Return what a list holds, or in words why it is none.

    Args:
        data: the file.
        kind: whose it is.
        defaults: what each source has that the list does not say; its `url` does not count.
    """
    if len(data) > LARGEST:
        return f"has {len(data):,} bytes, at most {LARGEST:,} are read"
    text = text_of(data, "").lstrip("\ufeff")
    taking = _Taking(defaults)
    if kind == "opml":
        return _read_opml(text, taking)
    if kind == "pluto" and not _has_sections(text):
        return _read_pluto_yaml(text, taking)
    if not _has_sections(text):
        return "holds no section such as [https://blog.example.org/feed.xml]"
    _read_ini(text, taking, is_pluto=kind == "pluto")
    return taking.listing()


def sources_of(data: bytes, *, defaults: Source) -> tuple[Source, ...] | str:
    """Return the sources of a living list in OPML, or in words why it is none; one that is cut off is none either."""
    found = read(data, "opml", defaults=defaults)
    if isinstance(found, str):
        return found
    return found.sources or "is an OPML list that names no feed"


class _Taking:
    """What was taken over so far."""

    def __init__(self, defaults: Source) -> None:
        self.title = ""
        self.lines: list[Line] = []
        self.lists: dict[str, int] = {}
        self.first: int | None = None
        self._defaults = defaults
        self._sources: dict[str, Source] = {}
        self._numbers: dict[str, int] = {}

    def note(self, number: int, text: str, became: str, *, is_taken: bool = False) -> None:
        self.lines.append(Line(number=number, text=html.cut(text.strip(), 200), is_taken=is_taken, became=became))

    def add(self, number: int, text: str, address: str, *, name: str = "", topics: tuple[str, ...] = ()) -> str:
        """Take a source over, and return its URL, or "" if it cannot be."""
        url = _FEED_SCHEME.sub("", address.strip())
        url = f"http:{url}" if url.startswith("//") else url
        try:
            known = html.address_of(url, "") or urls.canonical(url)
        except ValueError as reason:
            self.note(number, text, f"not taken: the address {reason}")
            return ""
        if known in self._numbers:
            self.note(number, text, f"not taken: line {self._numbers[known]} has the same address")
            return ""
        if len(self._sources) == MOST_SOURCES:
            self.note(number, text, f"not taken: a list may name {MOST_SOURCES:,} sources")
            return ""
        self._numbers[known] = number
        self._sources[url] = msgspec.structs.replace(
            self._defaults, url=url, name=name or self._defaults.name, topics=topics or self._defaults.topics
        )
        self.note(number, text, "a source", is_taken=True)
        return url

    def change(self, url: str, **values: object) -> None:
        self._sources[url] = msgspec.structs.replace(self._sources[url], **values)

    def listing(self) -> Listing:
        return Listing(
            title=self.title, sources=tuple(self._with_first()), lists=tuple(self.lists),
            lines=tuple(sorted(self.lines, key=lambda line: line.number)),
        )  # fmt: skip

    def _with_first(self) -> Iterator[Source]:
        for source in self._sources.values():
            is_unsaid = self.first is not None and source.first == self._defaults.first
            yield msgspec.structs.replace(source, first=self.first) if is_unsaid else source


def _has_sections(text: str) -> bool:
    return any(_SECTION.match(line) for line in text.splitlines())


class _Option(msgspec.Struct):
    """An option of an INI file, with the lines that continue it."""

    number: int
    key: str
    value: str
    lines: list[tuple[int, str]]


def _sections(text: str, *, has_continued_lines: bool) -> Iterator[tuple[int, str, list[_Option]]]:
    """Yield the sections of an INI file: its line, its name ("" before the first), its options.

    Python's ConfigParser takes an indented line for the rest of the value above it; Ruby's readers do not.
    """
    number_of, name, options = 0, "", list[_Option]()
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if not stripped or stripped[0] in "#;" or stripped.lower().startswith("rem "):
            continue
        if has_continued_lines and line[0] in " \t" and options:
            options[-1].value += f"\n{stripped}"
            options[-1].lines.append((number, stripped))
        elif section := _SECTION.match(stripped):
            yield number_of, name, options
            number_of, name, options = number, section[1].strip(), []
        elif option := _OPTION.match(stripped):
            value = _INLINE_COMMENT.sub("", option[2]).strip().replace("%%", "%")
            options.append(_Option(number, option[1].strip().lower(), value, [(number, stripped)]))
        else:
            options.append(_Option(number, "", "", [(number, stripped)]))
    yield number_of, name, options


def _read_ini(text: str, taking: _Taking, *, is_pluto: bool) -> None:
    for number, name, options in _sections(text, has_continued_lines=not is_pluto):
        said = {option.key: option for option in options}
        if name.lower() in {"", "planet", "default"}:
            if name:
                taking.note(number, f"[{name}]", "the settings of the planet, line by line below", is_taken=True)
            for option in options:
                _take_setting(option, taking)
            continue
        feed = next((said[key] for key in _FEED_KEYS if key in said and said[key].value), None)
        if is_pluto and feed is not None:
            _take_section(number, name, feed.value.split()[0], options, taking, own={feed.key})
        elif "://" in name or name.lower().startswith(("feed:", "www.")):
            _take_section(number, name, name, options, taking, own=set())
        else:
            why = _PAGES if _TEMPLATE.match(name) else "it names no http(s) address of a feed"
            taking.note(number, f"[{name}]", f"not taken: {why}")
            for option in options:
                _note_all(option, f"not taken: {why}", taking)


def _take_setting(option: _Option, taking: _Taking) -> None:
    if option.key in {"name", "title"} and option.value:
        taking.title = taking.title or _named(option.value)
    if option.key == "new_feed_items" and option.value.isdecimal():
        taking.first = min(int(option.value), 500)
        _note_all(option, "`first` of every source", taking, is_taken=True)
    elif option.key == "reading_lists":
        (number, first), *others = option.lines
        taking.note(number, first, "the lists below", is_taken=True)
        for line, address in others:
            _take_list(line, address, address, taking)
    else:
        _note_all(option, _because(option, {**_IN_SOURCE, **_REASONS}), taking)


def _because(option: _Option, reasons: Mapping[str, str]) -> str:
    if not option.key:
        return "not taken: it is no line `key = value`"
    return f"not taken: {reasons.get(option.key, 'there is no setting like it')}"


def _take_list(number: int, text: str, address: str, taking: _Taking) -> None:
    url = html.address_of(address, "")
    if url:
        taking.lists.setdefault(url, number)
        taking.note(number, text, "a living list: write it as `sources.opml` into the config", is_taken=True)
    else:
        taking.note(number, text, "not taken: it is no http(s) address")


def _take_section(  # noqa: PLR0917 - what a section is
    number: int, name: str, address: str, options: list[_Option], taking: _Taking, own: set[str]
) -> None:
    said = {option.key: option.value for option in options}
    kind = said.get("content_type", "").lower()
    url = ""
    if kind == "opml":
        _take_list(number, f"[{name}]", address, taking)
    elif kind in {"foaf", "csv", "config"}:
        taking.note(number, f"[{name}]", f"not taken: a list in the form {kind} (write its sources down)")
    else:
        url = taking.add(number, f"[{name}]", address)
    for option in options:
        if kind == "opml" and option.key == "content_type":
            _note_all(option, "said by where it stands", taking, is_taken=True)
        elif not url:
            _note_all(option, "not taken: it belongs to what is not taken", taking)
        else:
            _take_option(option, url, taking, own=own)


def _take_option(option: _Option, url: str, taking: _Taking, *, own: set[str]) -> None:
    if option.key in own:
        _note_all(option, "the source's address", taking, is_taken=True)
    elif option.key in {"name", "title"} and option.value:
        taking.change(url, name=_named(option.value))
        _note_all(option, "`name`", taking, is_taken=True)
    elif option.key == "new_feed_items" and option.value.isdecimal():
        taking.change(url, first=min(int(option.value), 500))
        _note_all(option, "`first`", taking, is_taken=True)
    elif option.key in {"category", "categories", "tags", "topics"} and option.value:
        names = tuple(dict.fromkeys(html.one_line(one) for one in re.split(r"[,\n]", option.value) if one.strip()))
        taking.change(url, topics=names)
        _note_all(option, "`topics`", taking, is_taken=True)
    else:
        _note_all(option, _because(option, _IN_SOURCE), taking)


def _note_all(option: _Option, became: str, taking: _Taking, *, is_taken: bool = False) -> None:
    for number, text in option.lines:
        taking.note(number, text, became, is_taken=is_taken)


def _read_pluto_yaml(text: str, taking: _Taking) -> Listing | str:
    root = parse(text, path="", quote=False)
    if not isinstance(root, Node):
        return f"is neither INI nor YAML: line {root[0].line}: {root[0].message}"
    if root.kind != "mapping":
        return "holds no keys such as `title` and `feeds`"
    for key, value in root.entries:
        line = f"{key.text}: {value.text}".rstrip(": ")
        if value.kind == "mapping":
            _take_mapping(key, value, taking)
        elif key.text == "feeds" and value.kind == "list":
            taking.note(key.line, line, "the order of sources has no meaning here", is_taken=True)
            for one in value.items:
                taking.note(one.line, f"- {one.text}", "named below, if it is a source", is_taken=True)
        else:
            _take_setting(_Option(key.line, key.text.lower(), value.text, [(key.line, line)]), taking)
    return taking.listing()


def _take_mapping(key: Node, value: Node, taking: _Taking) -> None:
    options = [
        _Option(name.line, name.text.lower(), one.text, [(name.line, f"{name.text}: {one.text}")])
        for name, one in value.entries
    ]
    feed = next((one for one in options if one.key in _FEED_KEYS and one.value), None)
    if feed is None:
        taking.note(key.line, f"{key.text}:", "not taken: it names no address of a feed")
        for option in options:
            _note_all(option, "not taken: it belongs to what is not taken", taking)
        return
    _take_section(key.line, key.text, feed.value, options, taking, own={feed.key})


def _read_opml(text: str, taking: _Taking) -> Listing | str:
    from lxml import etree  # noqa: PLC0415 - a config without OPML does not need it

    if "<opml" not in text[:20_000].lower():
        return "is no OPML: it has no <opml>"
    body = text[text.lower().index("<opml") :]
    before = text[: len(text) - len(body)].count("\n")
    parser = etree.XMLParser(
        recover=True, resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, encoding="utf-8"
    )
    try:
        root = etree.fromstring(next(mended(body, {})).encode(), parser)
    except (etree.XMLSyntaxError, ValueError):
        root = None
    if root is None:
        return "is no OPML: nothing of it can be read"
    if "</opml" not in text[-2_000:].lower():
        return "is an OPML list that ends too early, so nothing of it is taken"
    heads = [one for one in root.iter("title") if one.text]
    taking.title = html.one_line(heads[0].text) if heads else ""
    for outline in root.iter("outline"):
        _take_outline(outline, before, taking)
    return taking.listing()


def _take_outline(outline: object, before: int, taking: _Taking) -> None:
    said = {key.lower(): value for key, value in outline.items()}  # type: ignore[attr-defined]
    number = before + (outline.sourceline or 0)  # type: ignore[attr-defined]
    name = _named(said.get("title") or said.get("text") or "")
    address = said.get("xmlurl", "").strip()
    kind = said.get("type", "").lower()
    if address:
        taking.add(number, name or address, address, name=name, topics=_topics(outline, said))
    elif kind in {"include", "link"} and said.get("url", "").lower().partition("?")[0].endswith(".opml"):
        _take_list(number, name or said["url"], said["url"], taking)
    elif len(outline):  # type: ignore[arg-type]
        taking.note(number, name, "the topic of what lies in it", is_taken=True)
    else:
        taking.note(number, name or kind or "outline", "not taken: it names no address of a feed (`xmlUrl`)")


def _topics(outline: object, said: Mapping[str, str]) -> tuple[str, ...]:
    """Return the folder that an outline lies in, and the last words of its categories (OPML 2.0, `category`)."""
    parent = outline.getparent()  # type: ignore[attr-defined]
    folder = {key.lower(): value for key, value in parent.items()} if parent is not None else {}
    names = [folder.get("title") or folder.get("text") or ""] if parent is not None and parent.tag == "outline" else []
    names += [one.strip("/ ").rpartition("/")[2] for one in said.get("category", "").split(",")]
    return tuple(dict.fromkeys(_named(one) for one in names if one.strip()))[:20]


def _named(text: str) -> str:
    return html.cut(html.loosely_plain(without_controls(text)), _LONGEST_NAME)

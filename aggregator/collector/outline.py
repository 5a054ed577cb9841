"""Where the entries of an XML feed lie in its text, and what its extensions say of them. Pure.

This reads what feedparser cannot: where a document was cut, entries that were withdrawn (RFC 6721), hours to skip,
enclosures of Media RSS, iTunes and Podcasting 2.0, each with its place. It also gives a smaller document to
feedparser: the newest entries alone, without extensions, of which feedparser lets some replace an entry's own text.
No document type is ever read, so there are no entities to expand and nothing to fetch.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import urljoin
from xml.parsers import expat

import msgspec

MOST_ENTRIES = 10_000
"""How many entries of a document are seen, in its order."""

LONGEST_TEXT = 2_000_000
"""How many characters of a text element are read; of one that is longer nothing is."""

MOST_CHILDREN = 1_000
"""How many elements of an entry, or of the feed beside its entries, are read."""

MOST_ATTRIBUTES = 200
"""How many attributes an element may have."""

DEEPEST = 500
"""How deep the elements of a document may lie in each other."""

_ATOM = frozenset({"http://www.w3.org/2005/Atom", "http://purl.org/atom/ns#"})
_RSS = frozenset([
    "", "http://purl.org/rss/1.0/", "http://my.netscape.com/rdf/simple/0.9/", "http://channel.netscape.com/rdf/simple/0.9/",
    "http://backend.userland.com/rss2", "http://backend.userland.com/rss", "http://backend.userland.com/RSS2",
    "http://blogs.law.harvard.edu/tech/rss", "http://backend.userland.com/blogChannelModule",
])  # fmt: skip
_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_FEEDS = _ATOM | _RSS
_XHTML = "http://www.w3.org/1999/xhtml"
_CORE = _FEEDS | {
    _RDF, "http://purl.org/rss/1.0/modules/content/", "http://purl.org/dc/elements/1.1/", "http://purl.org/dc/terms/",
}  # fmt: skip
_TOMBSTONES = "http://purl.org/atompub/tombstones/1.0"
_PREFIXES = {
    "http://purl.org/dc/elements/1.1/": "dc", "http://purl.org/dc/terms/": "dcterms",
    "http://purl.org/rss/1.0/modules/syndication/": "sy", "http://search.yahoo.com/mrss/": "media",
    "http://search.yahoo.com/mrss": "media", "http://www.itunes.com/dtds/podcast-1.0.dtd": "itunes",
    "https://podcastindex.org/namespace/1.0": "podcast",
    "https://github.com/podcastindex-org/podcast-namespace/blob/main/docs/1.0.md": "podcast",
    "http://rssnamespace.org/feedburner/ext/1.0": "feedburner", "http://purl.org/rss/1.0/modules/content/": "content",
    "http://purl.org/atompub/tombstones/1.0": "at", _XHTML: "xhtml", "http://www.w3.org/2005/Atom": "atom",
    _RDF: "rdf",
}  # fmt: skip
# What an entry's text has in it that is kept, by the names above; those without a prefix are of RSS and Atom.
_DATES = (
    "pubDate",
    "published",
    "issued",
    "dcterms:issued",
    "dc:date",
    "created",
    "dcterms:created",
    "updated",
    "modified",
    "dcterms:modified",
)
_TEXTS = frozenset({
    *_DATES, "sy:updatePeriod", "sy:updateFrequency", "ttl", "hour", "day", "feedburner:origLink", "itunes:duration",
    "itunes:title", "itunes:subtitle", "itunes:summary", "itunes:author", "media:title", "media:description",
})  # fmt: skip
_BASE = "http://www.w3.org/XML/1998/namespace base xml"
_ADDRESSES = frozenset({"url", "href"})
_IN_HTML = frozenset({"href", "src", "cite", "poster"})
_AUTHORS = frozenset({"author", "dc:creator", "managingEditor"})
_PERSON = {"name": "name", "email": "email", "uri": "url", "url": "url"}
_PARTS = frozenset({"hour", "day", *_PERSON})
_CONSTRUCTS = frozenset(
    {"title", "summary", "content", "description", "body", "encoded", "subtitle", "tagline", "info"}
)
_CONTENT = _FEEDS | {_XHTML, "http://purl.org/rss/1.0/modules/content/"}
_VOID = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
)
_MANY_ATTRIBUTES = re.compile(
    rb"<[A-Za-z_][^\s<>/]*+(?:\s++[^\s=<>\"'/]++\s*+=\s*+(?:\"[^\"<]*+\"|'[^'<]*+')){%d}" % (MOST_ATTRIBUTES + 1)
)
_TAG = re.compile(rb"<(?:[^\"'>]|\"[^\"]*\"|'[^']*')*+>")
_ROOTS = frozenset({"rss", "feed", "RDF", "rdf", "channel"})
_DONE, _UNFINISHED = 9, frozenset({3, 5, 6, 20})  # expat's codes: junk after the root; the text ends too early


class Extension(msgspec.Struct, kw_only=True):
    """What an entry's, or the feed's, extensions and plain text elements say, by their usual prefixed names.

    `texts` are the first texts of elements, `elements` the attributes of others, in the order of the document; those
    of Media RSS have the number of their group as `group`. `markup` are text elements that hold elements instead of
    escaped HTML, such as those of Atom's type `xhtml`: the HTML, and the base of its addresses, "" if none is said.
    """

    texts: dict[str, str] = {}
    markup: dict[str, tuple[str, str]] = {}
    elements: list[tuple[str, dict[str, str]]] = []


class Span(msgspec.Struct, kw_only=True):
    """An entry: from where to where it lies in the bytes, what of it feedparser should not see, and its extensions."""

    start: int
    end: int = 0
    cuts: list[tuple[int, int, bytes]] = []
    extension: Extension = msgspec.field(default_factory=Extension)


class Outline(msgspec.Struct, kw_only=True):
    """What lies where in a feed. `root` is the name of the outermost element.

    `error` is "" if the document is well-formed as far as it goes; `is_cut` is true if it ends too early. `entries` are
    whole ones. `end` is where the last whole element of the feed ends, and `open` are the elements that are open there.
    """

    root: str = ""
    namespace: str = ""
    error: str = ""
    line: int = 0
    is_cut: bool = False
    entries: list[Span] = []
    cuts: list[tuple[int, int, bytes]] = []
    feed: Extension = msgspec.field(default_factory=Extension)
    deleted: list[str] = []
    skip_hours: set[int] = set()
    skip_days: set[int] = set()
    end: int = 0
    open: tuple[str, ...] = ()


class _EnoughError(Exception):
    """The document holds more entries than are seen."""


_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


class _Markup:
    """A text element that may hold elements of HTML, written again as HTML; of what is too long nothing is kept."""

    def __init__(self, name: str, position: int, depth: int, base: str) -> None:
        self.name, self.position, self.depth, self.base = name, position, depth, base
        self.has_elements = self.is_too_long = False
        self._parts: list[str] = []
        self._length = 0
        self._is_wrapped = False

    def start(self, namespace: str, local: str, attributes: dict[str, str]) -> None:
        """Take a start tag; the <div> that Atom's `xhtml` requires is no content (RFC 4287 §3.1.1.3)."""
        is_first, self.has_elements = not self.has_elements, True
        if is_first:
            self._parts = [html.escape("".join(self._parts), quote=False)]
        if is_first and local == "div" and namespace == _XHTML and not self._parts[0].strip():
            self._is_wrapped = True
        else:
            written = "".join([f' {name}="{html.escape(value)}"' for name, value in attributes.items()])
            self._add(f"<{local}{written}>")

    def text(self, text: str) -> None:
        """Take text."""
        self._add(html.escape(text, quote=False) if self.has_elements else text)

    def end(self, local: str, depth: int) -> None:
        """Take an end tag."""
        if local not in _VOID and not (self._is_wrapped and depth == self.depth + 1 and local == "div"):
            self._add(f"</{local}>")

    def whole(self) -> str:
        """Return all of it: HTML if it has elements, else the text."""
        return "".join(self._parts)

    def _add(self, piece: str) -> None:
        self._length += len(piece)
        if self._length <= LONGEST_TEXT:
            self._parts.append(piece)
        else:
            self.is_too_long = True
            self._parts.clear()


class _Reader:
    """The handlers of expat's events, which fill an `Outline`."""

    def __init__(self, data: bytes) -> None:
        self.outline = Outline()
        self.is_done = False
        self._data = data
        self._stack: list[tuple[str, str, str]] = []  # namespace, local name, name as written
        self._entry: Span | None = None
        self._entry_depth = 0
        self._cut: tuple[int, int] | None = None  # where an extension begins, and its depth
        self._text: list[str] | None = None
        self._group = 0
        self._person: dict[str, str] | None = None
        self._bases: list[str] = []
        self._markup: _Markup | None = None
        self._skipped = 0  # how many elements are open in what is too long
        self._children = [0, 0]  # of the feed, of the entry
        self.parser = expat.ParserCreate("utf-8", namespace_separator=" ")
        self.parser.namespace_prefixes = True
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._data_came

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if self._skipped or (self._markup is not None and self._markup.is_too_long):
            self._skipped += 1
            return
        namespace, local, written = _split(name)
        self._stack.append((namespace, local, written))
        outer = self._bases[-1] if self._bases else ""
        self._bases.append(_joined(outer, attributes[_BASE]) if _BASE in attributes else outer)
        depth = len(self._stack)
        if depth > DEEPEST:
            raise ValueError(f"its elements lie more than {DEEPEST} deep in each other")
        if depth == 1:
            self.outline.root, self.outline.namespace = local, namespace
        if self._markup is not None:
            self._markup.start(namespace, local, self._resolved_in(self._markup, attributes))
            return
        position = self.parser.CurrentByteIndex
        if self._entry is None and local in {"item", "entry"} and namespace in _FEEDS:
            if len(self.outline.entries) == MOST_ENTRIES:
                raise _EnoughError
            self._entry, self._entry_depth = Span(start=position, cuts=[]), depth
            self._children[1] = 0
            return
        if self._is_in_container(depth):
            holder = self._entry is not None
            self._children[holder] += local not in _ROOTS
            is_construct = local in _CONSTRUCTS and namespace in _CONTENT
            if self._cut is None and (
                self._children[holder] > MOST_CHILDREN or (namespace not in _CORE and not is_construct)
            ):
                self._cut = (position, depth)
            elif is_construct:
                self._markup = _Markup(local, position, depth, self._bases[-1])
                return
        self._note(namespace, local, attributes, depth)

    def _is_in_container(self, depth: int) -> bool:
        """Return whether the element at `depth` lies in the feed, a channel or an entry, not deeper."""
        if depth < 2 or self._entry is not None:
            return depth == self._entry_depth + 1 and self._entry is not None
        return all(one[1] in _ROOTS for one in self._stack[: depth - 1])

    def _note(self, namespace: str, local: str, attributes: dict[str, str], depth: int) -> None:
        name = _usual(namespace, local)
        into = self.outline.feed if self._entry is None else self._entry.extension
        if self._children[self._entry is not None] > MOST_CHILDREN:
            return
        is_direct = self._is_in_container(depth) or self._cut is not None
        if name == "media:group":
            self._group += 1
        if (is_direct and (name in _TEXTS or name in _AUTHORS)) or name in _PARTS:
            self._text = []
        if is_direct and name in _AUTHORS and self._person is None:
            self._person = {}
        if attributes and self._cut is not None and name.startswith(("media:", "itunes:", "podcast:")):
            group = {"group": str(self._group)} if any(one[1] == "group" for one in self._stack[:-1]) else {}
            into.elements.append((name, self._resolved(attributes) | group))
        elif name == "enclosure" or (name in {"link", "atom:link"} and attributes.get("rel") == "enclosure"):
            into.elements.append(("enclosure", self._resolved(attributes)))
        elif namespace == _TOMBSTONES and local == "deleted-entry" and attributes.get("ref"):
            self.outline.deleted.append(attributes["ref"])

    def _resolved(self, attributes: dict[str, str]) -> dict[str, str]:
        """Return attributes with their addresses resolved as far as `xml:base` says against what."""
        found = {key.split(" ")[1] if " " in key else key: value for key, value in attributes.items()}
        return {key: _joined(self._bases[-1], value) if key in _ADDRESSES else value for key, value in found.items()}

    def _data_came(self, text: str) -> None:
        if self._text is not None:
            self._text.append(text)
        elif self._markup is not None:
            self._markup.text(text)

    def _end(self, _: str) -> None:
        if self._skipped:
            self._skipped -= 1
            return
        namespace, local, _ = self._stack.pop()
        self._bases.pop()
        depth = len(self._stack) + 1
        if self._markup is not None:
            if depth > self._markup.depth:
                self._markup.end(local, depth)
                return
            self._take_markup(self._markup)
            self._markup = None
        if self._text is not None:
            self._take_text(namespace, local, "".join(self._text).strip())
            self._text = None
        if self._person is not None and _usual(namespace, local) in _AUTHORS:
            into = self.outline.feed if self._entry is None else self._entry.extension
            into.elements.append(("author", self._person))
            self._person = None
        if self._cut is not None and self._cut[1] == depth:
            cuts = self.outline.cuts if self._entry is None else self._entry.cuts
            cuts.append((self._cut[0], self._tag_end(), b""))
            self._cut = None
        if self._entry is not None and depth == self._entry_depth:
            self._entry.end = self._tag_end()
            self.outline.entries.append(self._entry)
            self._entry = None
        if self._entry is None and all(one[1] in _ROOTS for one in self._stack):
            self.outline.end = self._tag_end()
            self.outline.open = tuple(one[2] for one in self._stack)
        self.is_done = not self._stack

    def _take_markup(self, markup: _Markup) -> None:
        """Keep a text element that holds elements, and hide it from feedparser; let others have one piece of text.

        Else it would take 7 s and 1 s for each MB.
        """
        cuts = self.outline.cuts if self._entry is None else self._entry.cuts
        if markup.has_elements:
            into = self.outline.feed if self._entry is None else self._entry.extension
            into.markup.setdefault(markup.name, (markup.whole().strip(), markup.base))
            cuts.append((markup.position, self._tag_end(), b""))
        elif "<" in (text := markup.whole()) or "&" in text or not text:
            start, end = self._tag_end(markup.position), self.parser.CurrentByteIndex
            if start < end:  # not an empty element
                cuts.append((start, end, f"<![CDATA[{text.replace(']]>', ']]]]><![CDATA[>')}]]>".encode()))

    def _resolved_in(self, markup: _Markup, attributes: dict[str, str]) -> dict[str, str]:
        """Return the attributes of an element of HTML; addresses are resolved where it has a base of its own."""
        found = {key: value for key, value in attributes.items() if " " not in key}
        if self._bases[-1] == markup.base:
            return found
        return {key: _joined(self._bases[-1], one) if key in _IN_HTML else one for key, one in found.items()}

    def _take_text(self, namespace: str, local: str, text: str) -> None:
        name = _usual(namespace, local)
        parent = self._stack[-1][1].lower() if self._stack else ""
        if name == "hour" and parent == "skiphours":
            self.outline.skip_hours |= {int(text) % 24} if text.isdecimal() and len(text) < 3 else set()
        elif name == "day" and parent == "skipdays":
            self.outline.skip_days |= {_DAYS.index(text.lower())} if text.lower() in _DAYS else set()
        elif self._person is not None and name in _PERSON:
            is_address = _PERSON[name] == "url"
            self._person.setdefault(_PERSON[name], _joined(self._bases[-1], text) if is_address else text)
        elif name in _AUTHORS:
            self._person = {"text": text} | (self._person or {})
        elif text and name in _TEXTS:
            into = self.outline.feed if self._entry is None else self._entry.extension
            into.texts.setdefault(name, text)

    def _tag_end(self, position: int = -1) -> int:
        position = self.parser.CurrentByteIndex if position < 0 else position
        found = _TAG.match(self._data, position)
        return found.end() if found else position


def _split(name: str) -> tuple[str, str, str]:
    """Return the namespace, the local name and the name as it is written, of a name as expat gives it."""
    parts = name.split(" ")
    if len(parts) == 1:
        return "", name, name
    return parts[0], parts[1], f"{parts[2]}:{parts[1]}" if len(parts) > 2 else parts[1]


def _joined(base: str, address: str) -> str:
    try:
        return urljoin(base, address.strip())
    except ValueError:
        return address


def _usual(namespace: str, local: str) -> str:
    if namespace in _FEEDS:
        return local
    prefix = _PREFIXES.get(namespace) or _PREFIXES.get(namespace.lower())
    return f"{prefix}:{local}" if prefix else f"{{{namespace}}}{local}"


def outline(data: bytes) -> Outline:
    """Return the outline of a feed in UTF-8 without a document type.

    Raises:
        ValueError: if it is nested too deep, or an element has too many attributes.

    """
    if _MANY_ATTRIBUTES.search(data):
        raise ValueError(f"one of its elements has more than {MOST_ATTRIBUTES} attributes")
    reader = _Reader(data)
    try:
        reader.parser.Parse(data, False)
    except _EnoughError:
        return reader.outline
    except expat.ExpatError as error:
        if error.code != _DONE or not reader.is_done:
            reader.outline.error, reader.outline.line = expat.ErrorString(error.code), error.lineno
        return reader.outline
    try:
        reader.parser.Parse(b"", True)
    except expat.ExpatError:
        reader.outline.is_cut = not reader.is_done
    return reader.outline


def shortened(data: bytes, found: Outline, kept: Sequence[Span]) -> bytes:
    """Return a whole document that holds of a feed only the entries `kept`, without extensions, and nothing cut."""
    starts = {one.start for one in kept}
    removed = [(one.start, one.end, b"") for one in found.entries if one.start not in starts]
    removed += [*found.cuts, *(cut for one in kept for cut in one.cuts)]
    parts, done = list[bytes](), 0
    for start, end, instead in sorted(removed):
        if end > found.end:
            break
        parts += (data[done:start], instead)
        done = max(done, end)
    closing = "".join(f"</{name}>" for name in reversed(found.open)).encode()
    return b"".join([*parts, data[done : found.end], closing])


def raw_date(extension: Extension) -> str:
    """Return the date of an entry as it is written, or ""."""
    return next((extension.texts[name] for name in _DATES if name in extension.texts), "")


def attributes_of(extension: Extension, name: str) -> list[dict[str, Any]]:
    """Return the attributes of the elements of a name."""
    return [attributes for one, attributes in extension.elements if one == name]

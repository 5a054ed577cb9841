"""XML that is not well-formed is mended as far as it can be told what was meant. Pure.

Every step is tried only if the ones before did not do; a document that is well-formed keeps its text.
"""

from __future__ import annotations

import html.entities
import re
from collections import Counter
from collections.abc import Callable, Iterator

PREFIXES = {
    "atom": "http://www.w3.org/2005/Atom", "content": "http://purl.org/rss/1.0/modules/content/",
    "dc": "http://purl.org/dc/elements/1.1/", "dcterms": "http://purl.org/dc/terms/",
    "itunes": "http://www.itunes.com/dtds/podcast-1.0.dtd", "media": "http://search.yahoo.com/mrss/",
    "podcast": "https://podcastindex.org/namespace/1.0", "sy": "http://purl.org/rss/1.0/modules/syndication/",
    "feedburner": "http://rssnamespace.org/feedburner/ext/1.0", "at": "http://purl.org/atompub/tombstones/1.0",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#", "xhtml": "http://www.w3.org/1999/xhtml",
}  # fmt: skip
"""The namespaces of prefixes that feeds use, also without declaring them."""

LARGEST = 4 * 1024 * 1024
"""The largest document that is mended, in bytes: to mend takes ten times as long as to read."""

_MOST_EXPANDED = 1_000_000
_ROOT = re.compile(r"<(?:rss|feed|[A-Za-z][\w.-]*:(?:RDF|feed)|RDF|channel)\b", re.IGNORECASE)
_ENTITY = re.compile(r"<!ENTITY\s+([A-Za-z_][\w.-]{0,60})\s+(?:\"([^\"%]{0,1000})\"|'([^'%]{0,1000})')\s*>")
_MOST_ENTITIES = 300
_REFERENCE = re.compile(
    r"&(?!(?:amp|lt|gt|quot|apos);)(?:#(?:(\d{1,8})|[xX]([0-9A-Fa-f]{1,7}))|([A-Za-z][A-Za-z0-9_.-]{0,60}));"
)
_BARE_AMPERSAND = re.compile(r"&(?!(?:#(?:\d{1,8}|[xX][0-9A-Fa-f]{1,7})|[A-Za-z][A-Za-z0-9_.-]{0,60});)")
_BARE_SIGN = re.compile(r"<(?![A-Za-z_/!?])")
_PREFIX = re.compile(r"[<\s/]([A-Za-z_][\w.-]{0,60}):[A-Za-z_]")
_DECLARED = re.compile(r"\bxmlns:([A-Za-z_][\w.-]*)\s*=")
_MARKUP = re.compile(
    r"(?P<other><!--|<!\[CDATA\[|<\?[^<>]*+\?>)"
    r"|<(?P<end>/?)(?P<name>[A-Za-z_][\w.:-]*+)(?:[^<>\"'/]|/(?!>)|\"[^\"<]*+\"|'[^'<]*+')*+(?P<empty>/?)>|<"
)
_ENDS = {"<!--": "-->", "<![CDATA[": "]]>"}
_ROOT_TAG = re.compile(r"<[A-Za-z_][\w.:-]*")


def without_prolog(text: str) -> tuple[str, dict[str, str]]:
    """Return a document from its root element on, and the entities that its document type declares as plain text.

    What stands before the root, such as the warnings of a script, is dropped, and so is the document type: nothing that
    it refers to is read, and an entity made of others has no value.
    """
    root = _ROOT.search(text)
    start = root.start() if root else 0
    head = text[:start]
    values = dict[str, str]()
    for found in _ENTITY.finditer(head[:500_000]):
        value = found[2] if found[2] is not None else found[3]
        if "&" not in value or re.fullmatch(r"(?:[^&]|&#\w{1,8};)*", value):
            values.setdefault(found[1], html.unescape(value))
        else:
            values.setdefault(found[1], "")
        if len(values) == _MOST_ENTITIES:
            break
    return text[start:], values


def mended(text: str, entities: dict[str, str]) -> Iterator[str]:
    """Yield forms of a document that is not well-formed, each mended more than the one before."""
    text = _outside_cdata(text, _References(entities).resolved)
    yield text
    text = with_prefixes(text)
    yield text
    text = balanced(text)
    yield text
    yield recovered(text)


def _outside_cdata(text: str, change: Callable[[str], str]) -> str:
    parts, position = list[str](), 0
    while (start := text.find("<![CDATA[", position)) >= 0:
        parts.append(change(text[position:start]))
        end = text.find("]]>", start)
        position = len(text) if end < 0 else end + 3
        parts.append(text[start:position])
    return "".join([*parts, change(text[position:])])


class _References:
    """References as XML knows them; what those to the entities of a document become has a bound."""

    def __init__(self, entities: dict[str, str]) -> None:
        self._entities = entities
        self._left = _MOST_EXPANDED

    def resolved(self, text: str) -> str:
        """Return text in which every reference can be resolved, and what is none is text."""
        text = _BARE_SIGN.sub("&lt;", _BARE_AMPERSAND.sub("&amp;", text))
        return _REFERENCE.sub(self._one, text)

    def _one(self, found: re.Match[str]) -> str:
        """Return a reference as XML knows it; one to a character that XML forbids goes, an unknown one is text."""
        decimal, hexadecimal, name = found.groups()
        if name is not None:
            return html.escape(self._value(name, found[0]), quote=True)
        code = int(decimal) if decimal else int(hexadecimal, 16)
        is_allowed = code in {9, 10, 13} or 32 <= code < 0xD800 or 0xDFFF < code < 0xFFFE or 0xFFFF < code < 0x110000
        return found[0] if is_allowed else ""

    def _value(self, name: str, written: str) -> str:
        value = self._entities.get(name)
        if value is None:
            return html.entities.html5.get(f"{name};", written)
        self._left -= len(value)
        return value if self._left >= 0 else ""


def with_prefixes(text: str) -> str:
    """Return a document whose root declares every prefix that is used and declared nowhere."""
    declared = {*_DECLARED.findall(text), "xml", "xmlns"}
    used = dict.fromkeys(one for one in _PREFIX.findall(text) if one not in declared)
    root = _ROOT_TAG.search(text)
    if not used or root is None:
        return text
    names = list(used)[:100]
    added = "".join(f' xmlns:{name}="{PREFIXES.get(name, f"urn:x-undeclared:{name}")}"' for name in names)
    return text[: root.end()] + added + text[root.end() :]


def balanced(text: str) -> str:
    """Return a document whose tags match, as far as it goes.

    An end tag closes what is still open inside its element; one without a start tag is dropped. What is no tag is text.
    """
    parts, position, open_names = list[str](), 0, list[str]()
    counts = Counter[str]()
    while (found := _MARKUP.search(text, position)) is not None:
        parts.append(text[position : found.start()])
        position = found.end()
        name = found["name"]
        if name is None:
            position = _behind(found, position)
            parts.append(text[found.start() : position] if found["other"] else "&lt;")
        elif not found["end"]:
            parts.append(found[0])
            if not found["empty"]:
                open_names.append(name)
                counts[name] += 1
        elif counts[name]:
            while True:
                closed = open_names.pop()
                counts[closed] -= 1
                parts.append(f"</{closed}>")
                if closed == name:
                    break
            if not open_names:
                return "".join(parts)
    return "".join([*parts, text[position:]])


def _behind(found: re.Match[str], position: int) -> int:
    """Return where a comment or a CDATA section ends; of what is neither, `position`."""
    ending = _ENDS.get(found[0])
    if ending is None:
        return position
    end = found.string.find(ending, position)
    return len(found.string) if end < 0 else end + len(ending)


def recovered(text: str) -> str:
    """Return a document as libxml2 recovers it, or "" if nothing is left of it."""
    from lxml import etree  # noqa: PLC0415 - few documents need it

    parser = etree.XMLParser(
        recover=True, resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, encoding="utf-8"
    )
    try:
        root = etree.fromstring(text.encode(), parser)
    except (etree.XMLSyntaxError, ValueError):
        return ""
    return "" if root is None else etree.tostring(root, encoding="unicode")

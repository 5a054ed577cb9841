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

_PROLOG = re.compile(r"\s*(?:<\?xml\b[^>]*\?>)?", re.IGNORECASE)
_ROOT = re.compile(r"<(?:rss|feed|[A-Za-z][\w.-]*:(?:RDF|feed)|RDF|channel)\b", re.IGNORECASE)
_ENTITY = re.compile(r"<!ENTITY\s+([A-Za-z_][\w.-]{0,60})\s+(?:\"([^\"%]{0,1000})\"|'([^'%]{0,1000})')\s*>")
_MOST_ENTITIES = 300
_REFERENCE = re.compile(
    r"&(?:#(?:(\d{1,8})|[xX]([0-9A-Fa-f]{1,7}))|([A-Za-z][A-Za-z0-9_.-]{0,60}));|&|<(?![A-Za-z_/!?])"
)
_XML_NAMES = frozenset({"amp", "lt", "gt", "quot", "apos"})
_PREFIX = re.compile(r"[<\s/]([A-Za-z_][\w.-]{0,60}):[A-Za-z_]")
_DECLARED = re.compile(r"\bxmlns:([A-Za-z_][\w.-]*)\s*=")
_MARKUP = re.compile(
    r"(?P<other><!--(?:[^-]|-(?!->))*+-->|<!\[CDATA\[(?:[^\]]|\](?!\]>))*+(?:\]\]>)?|<\?[^<>]*+\?>)"
    r"|<(?P<end>/?)(?P<name>[A-Za-z_][\w.:-]*+)(?:[^<>\"'/]|/(?!>)|\"[^\"<]*+\"|'[^'<]*+')*+(?P<empty>/?)>|<"
)
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
    text = _outside_cdata(text, lambda part: _REFERENCE.sub(lambda found: _referred(found, entities), part))
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


def _referred(found: re.Match[str], entities: dict[str, str]) -> str:
    """Return a reference as XML knows it; a character that XML forbids goes, and what is no reference is text."""
    decimal, hexadecimal, name = found.groups()
    if name in _XML_NAMES:
        return found[0]
    if name is not None:
        value = entities.get(name)
        if value is None:
            value = html.entities.html5.get(f"{name};")
        return html.escape(found[0] if value is None else value, quote=True)
    if decimal or hexadecimal:
        code = int(decimal) if decimal else int(hexadecimal, 16)
        is_allowed = code in {9, 10, 13} or 32 <= code < 0xD800 or 0xDFFF < code < 0xFFFE or 0xFFFF < code < 0x110000
        return found[0] if is_allowed else ""
    return "&amp;" if found[0] == "&" else "&lt;"


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
    for found in _MARKUP.finditer(text):
        parts.append(text[position : found.start()])
        position = found.end()
        name = found["name"]
        if name is None:
            parts.append(found[0] if found["other"] else "&lt;")
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

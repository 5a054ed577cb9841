"""XML elements as text, in the very bytes that lxml writes for them with `pretty_print`. Pure.

feedgen and lxml take three times as long for an item as for its text, and an archive has thousands of items.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from lxml import etree

_NONE: Mapping[str, str] = {}
_INDENT = "  "


class Element(NamedTuple):
    """An element with its prefix in its name (`dc:creator`), and with text or elements in it, or neither.

    In a `plain` one readers take the text as it is. RSS readers do not agree on `&` and `<` there unless they are
    hexadecimal references (RSS Best Practices Profile, "Plain text").
    """

    name: str
    text: str | None = None
    attributes: Mapping[str, str] = _NONE
    children: Sequence[Element] = ()
    plain: bool = False


def markup(elements: Iterable[Element], *, depth: int) -> bytes:
    """Return elements that stand `depth` elements deep in their document as UTF-8.

    Raises:
        ValueError: if a text has a character that XML cannot hold (XML 1.0 §2.2).
    """
    text = "".join(_lines(elements, _INDENT * depth))
    etree.Element("probe").text = text  # refuses what XML cannot hold
    return text.encode()


def _lines(elements: Iterable[Element], indent: str) -> list[str]:
    return [_line(one, indent) for one in elements]


def _line(element: Element, indent: str) -> str:
    name, text, attributes, children, plain = element
    start = f"{indent}<{name}"
    if attributes:
        start += "".join([f' {key}="{_attribute(value)}"' for key, value in attributes.items()])
    if children:
        return f"{start}>\n{''.join(_lines(children, indent + _INDENT))}{indent}</{name}>\n"
    if text is None:
        return f"{start}/>\n"
    return f"{start}>{_plain(text) if plain else _text(text)}</{name}>\n"


def _text(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\r", "&#13;")


def _plain(text: str) -> str:
    return text.replace("&", "&#x26;").replace("<", "&#x3C;").replace(">", "&gt;").replace("\r", "&#13;")


def _attribute(text: str) -> str:
    return _text(text).replace('"', "&quot;").replace("\n", "&#10;").replace("\t", "&#9;")

"""How large a field may become as HTML, forecast before it is parsed. Pure.

An HTML parser makes more of a fragment than its author wrote: a formatting element that is not closed where its parent
ends is opened again in whatever follows, with all its attributes (HTML standard §13.2.4.3), and an end tag in the wrong
place copies up to eight times (§13.2.6.4.7). Markdown repeats a reference's URL with each link and completes the rows
of tables. So 63 kB once became 727 MB. Here the markup is scanned once, without building anything, and counted
generously: what really comes of it is never more.
"""

from __future__ import annotations

import re

from markdown_it.token import Token

GROWTH = 8
"""How many characters of HTML each written character may become. Escaping makes five of one, dense tables six."""

ROOM = 65_536
"""How many characters of HTML a field may become beyond that: a short text may have many links to a long address."""

MAX_DEPTH = 500
"""How deep elements may be nested: a parser's time grows with the square of the depth."""

MAX_PARSED = 4_000_000
"""How many characters of tags a parser may add; with the rest of a fragment that takes some 50 MB and 0.2 s."""

MAX_ELEMENTS = 100_000
"""How many elements a parser may add: each takes some 400 bytes."""

MAX_UNSURE = 5_000
"""How many elements may follow markup such as <svg>, in which a scan cannot tell what is a tag and what is text."""

MAX_SCANNED = 20_000_000
"""How many steps a search for tags may take that never end: from each of them it goes on to the next `>`."""

FEW_TAGS = 100
"""Up to so many tags cannot be nested too deep."""

FOOTNOTE = 100
"""How many characters of HTML a reference to a footnote takes beside its address, and the footnote itself at most."""

_CELL = len("<td></td>\n")
_FOOTNOTES = frozenset(["footnote_ref", "footnote_open"])
_FORMATTING = frozenset(
    ["a", "b", "big", "code", "em", "font", "i", "nobr", "s", "small", "strike", "strong", "tt", "u"]
)
_PHRASING = frozenset([
    "abbr", "bdi", "bdo", "cite", "data", "del", "dfn", "ins", "kbd", "label", "mark", "q", "samp", "span", "sub",
    "sup", "time", "var",
])  # fmt: skip
_EMPTY = frozenset(["br", "img", "wbr"])
_BLOCKS = frozenset([
    "address", "article", "aside", "blockquote", "center", "dd", "details", "div", "dl", "dt", "figcaption", "figure",
    "footer", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li", "main", "nav", "ol", "p", "pre", "section",
    "summary", "ul",
])  # fmt: skip
_PLAIN = _FORMATTING | _PHRASING | _EMPTY | _BLOCKS
_SELF_CLOSING = frozenset([
    "area", "base", "br", "col", "dd", "dt", "embed", "hr", "img", "input", "li", "link", "meta", "option", "p",
    "source", "tbody", "td", "tfoot", "th", "thead", "tr", "track", "wbr",
])  # fmt: skip
_WITH_RAW_TEXT = frozenset(["iframe", "noembed", "noframes", "noscript", "script", "style", "textarea", "title", "xmp"])
_FOREIGN = frozenset(["frameset", "math", "plaintext", "select", "svg", "template"])

# A tag as an HTML parser reads it (HTML standard §13.2.5.6 and 32 to 40); the last ">" is missing if there is none.
_ATTRIBUTE = r"""[\s/]*+ [^\s/>][^\s/>=]*+ (?:\s*+=\s*+ (?:"[^"]*+" | '[^']*+' | [^\s>"'][^\s>]*+)?+)?+"""
_MANY_ATTRIBUTES = re.compile(rf"<[a-zA-Z][^\s/>]*+ (?:{_ATTRIBUTE}){{200}}", re.VERBOSE)
_MARKUP = re.compile(
    rf"""<!--(?:-?> | .*?(?:--!?> | \Z)) | <[!?][^>]*+>? | </[^a-zA-Z>][^>]*+>?
    | <(?P<closing>/?)(?P<name>[a-zA-Z][^\s/>]*+)(?:{_ATTRIBUTE})*+[\s/]*+>?""",
    re.VERBOSE | re.DOTALL,
)
_TAG = re.compile(
    rf"<(?P<closing>/?)(?P<name>[a-zA-Z][^\s/>]*+)(?:{_ATTRIBUTE}){{0,200}}+[\s/]*+>?", re.VERBOSE
)  # fmt: skip
_DELIMITER_ROW = re.compile(r"[ \t>]*(?:[-+*] |\d+[.)] )*[ \t]*[|:-][|:\- \t]*")


def allowed(written: str) -> int:
    """Return how many characters of HTML may become of a field (G21)."""
    return GROWTH * len(written) + ROOM


def is_parsed_cheaply(fragment: str) -> bool:
    """Return whether an HTML parser can make a document of `fragment` within the bounds of this module."""
    tags = fragment.count("<")
    if tags <= FEW_TAGS and 8 * tags * len(fragment) <= MAX_PARSED:
        return _MANY_ATTRIBUTES.search(fragment) is None
    if sum(part.count("<") * len(part) for part in fragment.split(">")) > MAX_SCANNED:
        return False
    return _MANY_ATTRIBUTES.search(fragment) is None and _Forecast(fragment).is_within_bounds()


def completes_tables(body: str, most: int) -> bool:
    """Return whether Markdown would complete the rows of the tables in `body` with more than `most` characters."""
    if "|" not in body:
        return False
    columns = completed = 0
    for line in body.splitlines():
        if not line.strip(" \t>"):
            columns = 0
        completed += max(0, columns - line.count("|"))
        if "-" in line and _DELIMITER_ROW.fullmatch(line):
            columns = max(columns, line.count("|"))
    return completed * _CELL > most


def length_of_addresses(tokens: list[Token]) -> int:
    """Return how many characters the addresses and titles of links, images and footnotes take in rendered Markdown."""
    total = 0
    for token in tokens:
        total += FOOTNOTE if token.type in _FOOTNOTES else 0
        total += sum(len(str(token.attrs[name])) for name in ("href", "src", "title") if name in token.attrs)
        total += length_of_addresses(token.children) if token.children else 0
    return total


class _Forecast:
    """What a parser adds to a fragment, at most.

    A formatting element costs nothing if it is closed with nothing inside but text, images and inline elements closed
    likewise. Any other is `loose`: each tag that may end its parent opens it again, for all that we know.
    """

    def __init__(self, fragment: str) -> None:
        self._fragment = fragment
        self._open: list[str] = []
        """Elements that do not close by themselves."""
        self._pending: list[tuple[str, str]] = []
        """Inline elements since the last other tag: their names and tags."""
        self._loose: list[tuple[str, str]] = []
        self._loose_length = self._longest = 0
        self._added_length = self._added = 0
        self._is_plain = True
        """Whether nothing came yet that shields formatting elements from what is inside it, as a table's cell does."""
        self._is_sure = True
        """Whether it is certain what is a tag and what is text or a comment."""
        self._unsure = 0

    def is_within_bounds(self) -> bool:
        at = 0
        while match := (_MARKUP if self._is_sure else _TAG).search(self._fragment, at):
            at = match.end() if self._is_sure else match.start() + 1
            if match["name"]:
                at = self._read(match, at)
            else:
                self._is_sure = self._is_sure and not match[0].startswith("<![")
            if not self._is_within_bounds():
                return False
        return True

    def _is_within_bounds(self) -> bool:
        return (
            len(self._open) + len(self._loose) <= MAX_DEPTH and self._unsure <= MAX_UNSURE
            and self._added_length <= MAX_PARSED and self._added <= MAX_ELEMENTS
        )  # fmt: skip

    def _read(self, tag: re.Match[str], at: int) -> int:
        """Read a tag; return where the next may begin."""
        name = tag["name"].lower()
        self._is_plain = self._is_plain and name in _PLAIN
        if tag["closing"]:
            self._close(name)
            return at
        self._start(name, tag[0])
        if name in _WITH_RAW_TEXT and self._is_sure:
            return self._after_raw_text(name, at)
        self._is_sure = self._is_sure and name not in _FOREIGN
        return at

    def _after_raw_text(self, name: str, at: int) -> int:
        ends = re.compile(rf"</{name}(?=[\s/>])|\Z", re.IGNORECASE).search(self._fragment, at)
        assert ends is not None
        # In a script, "<!--" may hide the end tag (HTML standard §13.2.5.20 to 31).
        self._is_sure = "<!--" not in self._fragment[at : ends.start()]
        return ends.start() if self._is_sure else at

    def _start(self, name: str, tag: str) -> None:
        if name in _EMPTY:
            return
        if name in _FORMATTING or name in _PHRASING:
            if name in {"a", "nobr"}:
                self._replace(name)
            self._pending.append((name, tag))
        else:
            self._disturb()
        self._unsure += not self._is_sure
        # In a drawing "/>" closes an element.
        if name not in _SELF_CLOSING and (self._is_sure or not tag.endswith("/>")):
            self._open.append(name)

    def _replace(self, name: str) -> None:
        """A link in a link ends the one around it (HTML standard §13.2.6.4.7, "A start tag whose tag name is a")."""
        if any(name == one for one, _ in self._pending):
            self._disturb()
        if any(name == one for one, _ in self._loose):
            self._copy()
            if self._is_plain:
                self._loose = [one for one in self._loose if one[0] != name]
                self._measure()

    def _close(self, name: str) -> None:
        if self._open and self._open[-1] == name:
            self._open.pop()
        if self._pending and self._pending[-1][0] == name:
            self._pending.pop()
            return
        self._disturb()
        if name in _FORMATTING:
            self._copy()

    def _disturb(self) -> None:
        """A tag that may end the parent of each formatting element that is open, which then opens again."""
        if self._pending:
            # A parser keeps three of the same, since the last one that shields (HTML standard §13.2.4.3).
            self._loose += [
                one for one in self._pending
                if one[0] in _FORMATTING and not (self._is_plain and self._loose.count(one) >= 3)
            ]  # fmt: skip
            self._pending.clear()
            self._measure()
        self._added_length += self._loose_length
        self._added += len(self._loose)

    def _copy(self) -> None:
        """An end tag in the wrong place: eight rounds, each of which copies up to four formatting elements."""
        self._added_length += min(32 * self._longest, 8 * self._loose_length)
        self._added += min(32, 8 * len(self._loose))

    def _measure(self) -> None:
        lengths = [len(tag) + len(f"</{name}>") for name, tag in self._loose]
        self._loose_length, self._longest = sum(lengths), max(lengths, default=0)

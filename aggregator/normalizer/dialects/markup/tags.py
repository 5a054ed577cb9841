"""Shortcodes of Hugo and Zola, and the tags and values of Liquid (Jekyll) and Nunjucks (Eleventy). Pure.

https://gohugo.io/content-management/shortcodes/, https://www.getzola.org/documentation/content/shortcodes/,
https://shopify.github.io/liquid/, https://www.11ty.dev/docs/shortcodes/.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import NamedTuple

from aggregator.normalizer.dialects.markup import known
from aggregator.normalizer.dialects.markup.draft import END_OF_QUOTE, QUOTE, Draft
from aggregator.normalizer.dialects.markup.known import Arguments

LONGEST_TAG = 5_000
"""How many characters a tag may have."""

SIGNS = ("{{", "{%", "{#")
"""Without one of these there is no tag."""

_OPENING = re.compile(r"\{\{[<%]?|\{[%#]")
_CLOSING = {"{{<": ">}}", "{{%": "%}}", "{{": "}}", "{%": "%}", "{#": "#}"}
_QUOTED = r""""(?:[^"\\]|\\.)*+"|'(?:[^'\\]|\\.)*+'|`[^`]*+`"""
_ARGUMENT = re.compile(rf"""(?:([\w-]+)\s*[=:]\s*)?(?:({_QUOTED})|([^\s"'`,=()]+))""", re.DOTALL)
_CALL = re.compile(r"([\w:-]+)\s*\((.*)\)\s*", re.DOTALL)
_NAME = re.compile(r"/?\s*([\w./-]+)")
_FILTER = re.compile(rf"\|\s*(\w+)\s*(?::\s*({_QUOTED}|[\w.]+)|\(\s*({_QUOTED}|[\w.]+)\s*\))?\s*")
_VALUE = re.compile(rf"\s*(?:({_QUOTED})|([A-Za-z_][\w.]*))\s*", re.DOTALL)
_ESCAPE = re.compile(r"/\*(.*)\*/", re.DOTALL)
_TICKS = re.compile(r"`+")
_UNSEEN = frozenset({"comment", "#", "capture", "macro"})
_SILENT = frozenset({"assign", "set", "else", "elsif", "elseif", "elif"})
_CONDITIONS = frozenset({"if", "unless", "ifchanged"})
_OTHERWISE = frozenset({"else", "elsif", "elseif", "elif"})
_ADDRESS_TAGS = frozenset({"post_url", "link", "ref", "relref"})


class Tag(NamedTuple):
    """A tag as written: where it is, what opens it (`{{<`, `{{%`, `{{`, `{%`), and what stands between."""

    start: int
    end: int
    opening: str
    inside: str
    name: str
    arguments: Arguments
    closes: str = ""
    """The name that it closes, or ""; Zola's `{% end %}` closes whatever is open: "*"."""


class _Tags:
    """The tags of a body, and what becomes of each."""

    def __init__(self, draft: Draft, constructs: frozenset[str]) -> None:
        self._draft = draft
        self._is_liquid = "liquid" in constructs
        self._has_shortcodes = "shortcodes" in constructs
        self._tags = list(self._found())
        self._branches: dict[int, int] = {}
        """The first `else` of a condition, and the tag that ends the condition."""
        self._closed_by = self._pairs()
        self._closings = set(self._closed_by.values())

    def translate(self) -> None:
        skip_until, index = -1, 0
        for index, tag in enumerate(self._tags):
            if tag.start < skip_until or index in self._closings:
                continue
            closing = self._closed_by.get(index)
            end = self._tags[closing] if closing is not None else None
            skip_until = max(skip_until, self._translate_one(index, tag, end))

    def _found(self) -> Iterator[Tag]:
        """Yield the tags; those in code only if they mark what is shown as it is."""
        body, ahead, at = self._draft.body, dict[str, int](), 0
        while opening := _OPENING.search(body, at):
            at = opening.end()
            closing = _CLOSING[opening[0]]
            if ahead.get(closing, -1) < at:
                found = body.find(closing, at)
                ahead[closing] = found if found >= 0 else len(body) + LONGEST_TAG
            end = ahead[closing]
            if end - at > LONGEST_TAG:
                continue
            tag = self._read(opening, body[at:end], end + len(closing))
            if tag is not None and (
                not self._draft.is_code(opening.start())
                or tag.name in {"raw", "/*"}
                or tag.closes in {"raw", "verbatim"}
            ):
                at = tag.end
                yield tag

    def _read(self, opening: re.Match[str], inside: str, end: int) -> Tag | None:
        kind, start = opening[0], opening.start()
        written = inside.strip().removeprefix("-").removesuffix("-").strip()
        if kind in {"{{<", "{{%"}:
            return self._hugo(start, end, kind, written) if self._has_shortcodes else None
        if self._has_shortcodes:
            if escaped := _ESCAPE.fullmatch(written):
                return Tag(start, end, kind, f"{kind}{escaped[1]}{_CLOSING[kind]}", "/*", Arguments())
            if kind == "{%" and written == "end":
                return Tag(start, end, kind, "", "end", Arguments(), "*")
            if call := _CALL.fullmatch(written):
                return Tag(start, end, kind, written, call[1], arguments_of(call[2]))
        if not self._is_liquid:
            return None
        if kind == "{#":
            return Tag(start, end, kind, "", "#", Arguments())
        if kind == "{{":
            return Tag(start, end, kind, written, "", Arguments())
        name = _NAME.match(written)
        if name is None or name[0].startswith("/"):
            return None
        closes = name[1].removeprefix("end") if name[1].startswith("end") else ""
        return Tag(
            start, end, kind, written[name.end() :].strip(), name[1], arguments_of(written[name.end() :]), closes
        )

    def _hugo(self, start: int, end: int, kind: str, written: str) -> Tag | None:
        if escaped := _ESCAPE.fullmatch(written):
            return Tag(start, end, kind, f"{kind}{escaped[1]}{_CLOSING[kind]}", "/*", Arguments())
        name = _NAME.match(written)
        if name is None:
            return None
        arguments = arguments_of(written[name.end() :].rstrip("/"))
        word = name[1].rstrip("/")
        return Tag(start, end, kind, written, word, arguments, word if name[0].startswith("/") else "")

    def _pairs(self) -> dict[int, int]:
        """Return which tag is closed by which."""
        opened: dict[str, list[int]] = {}
        order: list[int] = []
        pairs: dict[int, int] = {}
        raw_until = ""
        conditions: list[int | None] = []
        for index, tag in enumerate(self._tags):
            if raw_until and tag.closes != raw_until:
                continue
            self._note_branch(index, tag, conditions)
            raw_until = tag.name if self._is_liquid and tag.name in {"raw", "verbatim", "comment"} else ""
            if tag.closes == "*":
                while order and order[-1] in pairs:
                    order.pop()
                if order:
                    pairs[order.pop()] = index
            elif tag.closes:
                if opened.get(tag.closes):
                    pairs[opened[tag.closes].pop()] = index
            else:
                opened.setdefault(tag.name, []).append(index)
                if tag.opening == "{%":
                    order.append(index)
        return pairs

    def _note_branch(self, index: int, tag: Tag, conditions: list[int | None]) -> None:
        """Read what may begin or end a condition or one of its branches, of which the first is kept."""
        if not self._is_liquid:
            return
        if tag.name in _CONDITIONS:
            conditions.append(None)
        elif tag.closes in _CONDITIONS and conditions:
            branch = conditions.pop()
            if branch is not None:
                self._branches[branch] = index
        elif tag.name in _OTHERWISE and conditions and conditions[-1] is None:
            conditions[-1] = index

    def _translate_one(self, index: int, tag: Tag, closing: Tag | None) -> int:
        """Translate a tag and the one that closes it; return up to where no other tag counts."""
        draft, name = self._draft, known.name_of(tag.name)
        if index in self._branches:
            end = self._tags[self._branches[index]].start
            draft.replace(tag.start, end)
            return end
        if tag.name == "/*":
            draft.replace(tag.start, tag.end, tag.inside)
        elif tag.name in {"raw", "verbatim"} and self._is_liquid:
            self._remove(tag, closing)
            return closing.start if closing else tag.end
        elif tag.name in _UNSEEN and self._is_liquid:
            end = closing.end if closing else tag.end
            draft.replace(tag.start, end)
            return end
        elif tag.opening == "{{" and not tag.name:
            self._value(index, tag)
        elif name in _ADDRESS_TAGS:
            self._address(tag, closing)
        elif name in known.CODE and closing is not None:
            draft.replace_block(tag.start, closing.end, self._code(tag, draft.body[tag.end : closing.start]))
            return closing.end
        else:
            return self._shortcode(tag, closing)
        return tag.end

    def _shortcode(self, tag: Tag, closing: Tag | None) -> int:
        draft, arguments, written = self._draft, tag.arguments, tag.name
        if tag.name in {"include", "include_relative", "render", "includes", "partial"} and self._is_liquid:
            written = arguments.words[0] if arguments.words else ""
            arguments = Arguments(arguments.words[1:], arguments.named)
        name = known.name_of(written)
        if tag.closes:
            draft.replace(tag.start, tag.end)
            return tag.end
        if name in known.QUOTES and closing is not None:
            self._quote(tag, closing, known.title_of(name, arguments))
        elif name in {"details", "expand", "collapse", "spoiler"} and closing is not None:
            summary = html.escape(arguments.first("summary", "title", "label") or "Details", quote=False)
            draft.replace_block(tag.start, tag.end, f"<details><summary>{summary}</summary>\n")
            draft.replace_block(closing.start, closing.end, "\n</details>")
        else:
            is_alone = draft.is_alone(tag.start, tag.end)
            link = known.link_of(name, arguments, draft, is_alone=is_alone)
            if link is not None:
                draft.replace_block(tag.start, closing.end if closing else tag.end, link)
                return closing.end if closing else tag.end
            return self._unknown(tag, closing, written, name)
        return tag.end

    def _unknown(self, tag: Tag, closing: Tag | None, written: str, name: str) -> int:
        is_loop = name == "for" and closing is not None
        if is_loop and closing is not None:
            self._draft.replace(tag.start, closing.end)
        else:
            self._remove(tag, closing)
        is_silent = name in known.SILENT or (self._is_liquid and name in _SILENT)
        if not is_silent and (closing is None or name not in known.HOLDERS):
            shown = "tag" if self._is_liquid else "shortcode"
            rest = "it is left out" if closing is None or is_loop else "what it holds is kept without it"
            self._draft.note(written, tag.start, f"the {shown} `{{}}` is not known, so {rest}")
        return closing.end if is_loop and closing is not None else tag.end

    def _remove(self, tag: Tag, closing: Tag | None) -> None:
        for one in (tag, closing):
            if one is not None:
                self._draft.replace(one.start, one.end)

    def _quote(self, tag: Tag, closing: Tag, title: str) -> None:
        draft = self._draft
        if draft.is_html:
            words = f"<p><strong>{html.escape(title, quote=False)}</strong></p>" if title else ""
            draft.replace(tag.start, tag.end, f"<blockquote>{words}")
            draft.replace(closing.start, closing.end, "</blockquote>")
            return
        indent = draft.indent(tag.start)
        draft.replace(tag.start, tag.end, f"\n{indent}{QUOTE}{' '.join(title.split())}\n{indent}")
        draft.replace(closing.start, closing.end, f"\n{indent}{END_OF_QUOTE}\n{indent}")

    def _code(self, tag: Tag, code: str) -> str:
        code = re.sub(r"\{%-?\s*(?:end)?raw\s*-?%\}", "", code) if self._is_liquid else code
        language = tag.arguments.get("lang", "language") or (tag.arguments.words[0] if tag.arguments.words else "")
        code = code.strip("\n")
        is_alone = self._draft.is_alone(tag.start, tag.end)
        if self._draft.is_html or ("\n" not in code and not is_alone):
            escaped = f"<code>{html.escape(code, quote=False)}</code>"
            return f"<pre>{escaped}</pre>" if self._draft.is_html else escaped
        fence = "`" * max(3, 1 + max((len(ticks) for ticks in _TICKS.findall(code)), default=0))
        language = language if re.fullmatch(r"[\w+#.-]{1,30}", language) else ""
        fenced = f"{fence}{language}\n{code}\n{fence}"
        return fenced if is_alone else f"\n\n{fenced}\n\n"

    def _address(self, tag: Tag, closing: Tag | None) -> None:
        reference = tag.arguments.first("path")
        if tag.name == "link" and self._is_liquid and not re.search(r"\.(?:md|markdown|html)(?:#|$)", reference):
            address = self._draft.file_at_root(self._draft.resolved(reference, is_from_root=True))
        else:
            is_from_root = self._is_liquid or "/" in reference
            address = self._draft.page(
                reference, tag.start, tag.name, is_from_root=is_from_root, is_post=self._is_liquid
            )
        self._draft.replace(tag.start, tag.end, address)
        if closing is not None:
            self._draft.replace(closing.start, closing.end)

    def _value(self, index: int, tag: Tag) -> None:
        """Replace `{{ "/a.png" | relative_url }}` and the like by what they stand for."""
        draft = self._draft
        following = self._tags[index + 1] if index + 1 < len(self._tags) else None
        is_base = following is not None and following.start == tag.end and following.name in _ADDRESS_TAGS
        value = "" if is_base else _evaluated(tag.inside, draft)
        if value is None:
            name = _VALUE.match(tag.inside)
            draft.note(
                _variable(name[2]) if name and name[2] else "…",
                tag.start,
                "the value `{}` is not known here, so it is left out",
                "write what it stands for",
            )
        draft.replace(tag.start, tag.end, html.escape(value or ""))


def _variable(name: str) -> str:
    """Return the variable of a value such as `release.url.zip`, so that all its values have one note."""
    parts = name.split(".")
    return ".".join(parts[:2]) if parts[0] in {"site", "page"} else parts[0]


def translate(draft: Draft, constructs: frozenset[str]) -> None:
    """Find the shortcodes and tags of a body."""
    if any(sign in draft.body for sign in SIGNS):
        _Tags(draft, constructs).translate()


def arguments_of(written: str) -> Arguments:
    """Return the arguments of a tag: words, quoted or not, and `name=word`, `name: word`."""
    words, named = list[str](), dict[str, str]()
    for name, quoted, bare in _ARGUMENT.findall(written):
        word = _unquoted(quoted) if quoted else bare
        if name:
            named[name.lower()] = word
        else:
            words.append(word)
    return Arguments(words, named)


def _unquoted(written: str) -> str:
    if written[:1] == "`":
        return written[1:-1]
    return re.sub(r"\\(.)", r"\1", written[1:-1]) if written[:1] in {'"', "'"} else written


def _evaluated(written: str, draft: Draft) -> str | None:
    """Return what a value and its filters stand for, or None if that is not known here."""
    start = _VALUE.match(written)
    if start is None:
        return None
    value = _word(start[0].strip(), draft)
    at = start.end()
    while value is not None and at < len(written):
        found = _FILTER.match(written, at)
        if found is None:
            return None
        argument = _word(found[2] or found[3], draft) if found[2] or found[3] else ""
        value = _filtered(value, found[1], argument, draft)
        at = found.end()
    return value


def _word(written: str, draft: Draft) -> str | None:
    return _unquoted(written) if written[:1] in {'"', "'", "`"} else draft.values.get(written)


def _filtered(value: str, name: str, argument: str | None, draft: Draft) -> str | None:
    if argument is None:
        return None
    if name in {"relative_url", "url"}:
        return _below(draft.values.get("site.baseurl", ""), value)
    if name in {"absolute_url", "htmlBaseUrl"}:
        return _below(draft.values.get("site.url", "") + draft.values.get("site.baseurl", ""), value)
    if name in {"append", "prepend"}:
        return value + argument if name == "append" else argument + value
    return value if name in {"escape", "xml_escape", "safe", "strip", "escape_once", "strip_newlines"} else None


def _below(base: str, path: str) -> str:
    path = path.replace(" ", "%20")
    if re.match(r"[a-z]+:", path):
        return path
    return f"{base.rstrip('/')}/{path.lstrip('/')}" if base else path

"""The text of a body as people read it, roughly: what an expression searches. Pure.

A rule may hold an item back by its text, so nothing that people read is ever left out, whatever markup stands around
it. Where the form of the markup leaves a doubt, such as beside code, what people may not see counts as well.
Every pattern takes time that grows with the length of the body alone: what is never closed is gone through once.
"""

from __future__ import annotations

import re

from aggregator.normalizer import growth, text

_INLINE = "a|abbr|b|bdi|bdo|cite|code|del|dfn|em|font|i|ins|kbd|mark|q|s|samp|small|span|strong|sub|sup|time|u|var|wbr"

# HTML (WHATWG, "Tokenization"): `<!-->` is a comment, `--!>` ends one, and a tag ends with its first `>`.
# A script that is closed within its own tag is empty in SVG. What is never closed (`open`) is kept.
_HIDDEN_IN_HTML = re.compile(
    r"<!--(?:-?>|.*?(?:--!?>|(?P<open>\Z)))"
    r"|<(?P<name>script|style)(?=[\s/>])[^<>]*(?<!/)>.*?(?:</(?P=name)(?=[\s/>])[^<>]*>|(?P<unclosed>\Z))"
    r"|<[a-zA-Z/!?][^<>]*>",
    re.DOTALL | re.IGNORECASE,
)

# CommonMark 0.31 §6.6 and §4.6: tags have attributes of a certain form, and no line in them begins another block.
# A comment within a paragraph does not go on behind its line here, since a list or a heading may begin there.
_ATTRIBUTE = r"""[A-Za-z_:][A-Za-z0-9_.:-]*+(?:[ \t]*+=[ \t]*+(?:[^\s"'=<>`]++|"[^"<>\n]*+"|'[^'<>\n]*+'))?+"""
_OPEN_TAG = rf"(?:(?:[ \t]++(?:\n[ \t]*+)?+|\n[ \t]*+){_ATTRIBUTE})*+[ \t]*+"
# A word alone may be no address: `](word)` is text without a bracket before it.
_TARGET_TEXT = r"\]\((?!<)(?=[^()\s]*[/.:#?<])[^()\s]*+(?=\)|[ \t]+[\"'(])"
_TARGET = re.compile(_TARGET_TEXT)
_HIDDEN_IN_MARKDOWN = re.compile(
    rf"(?P<target>{_TARGET_TEXT})"
    r"|^ {0,3}<!--(?:-?>|.*?(?:--!?>|(?P<open>\Z)))"
    r"|(?<!\\)(?:"
    r"<!--(?:-?>|[^\n]*?(?:--!?>|(?P<unended>$)))"
    rf"|<(?P<name>script|style)(?=[\s>]){_OPEN_TAG}>.*?(?:</(?P=name)(?=[\s/>])[^<>]*>|(?P<unclosed>\Z))"
    rf"|<[A-Za-z][A-Za-z0-9-]*+{_OPEN_TAG}/?>|</[A-Za-z][A-Za-z0-9-]*+[ \t]*+>"
    r"|<![A-Za-z][^<>\n]*>|<\?[^<>\n]*\?>|<!\[CDATA\[[^<>\n]*\]\]>"
    r")"
    # §4.7: link reference definitions, at the beginning of a block or behind a comment. One of a footnote is text.
    r"|(?:\A|(?<=-->\n))(?: {0,3}\[(?!\^)[^\[\]\n\\]++\]:[ \t]*+(?:<[^<>\n]*>|[^\s<]\S*+)"
    r"(?:[ \t]++(?:\"[^\"\n]*\"|'[^'\n]*'|\([^()\n]*\)))?+[ \t]*+(?:\n|\Z))+",
    re.DOTALL | re.IGNORECASE | re.MULTILINE,
)
_FENCE = re.compile(r"`{3}|~{3}")
_CODE = re.compile(r"`|^(?: {4}|\t)", re.MULTILINE)
_BLOCKS = re.compile(r"(\n[ \t]*+\n)")
_ANY_MARK = re.compile(r"[*`~#>|\[\]_<&]")
_MARKS = re.compile(r"(?:[*`~>|\[\]]|(?<!&)#)+|(?<!_)(?:(?<!\w)_++|_++(?!\w))")
# What stands within a word and is not seen there: `spon<b>sor</b>ed`, `spon**sor**ed`, `spon[sor](…)ed`.
_WITHIN_WORD = re.compile(
    rf"(?<=\w)(?:[*`~\[\]]|</?(?:{_INLINE})(?:[\s/][^<>\n]*)?>|<!--[^<>\n]*-->|(?<=\])\((?!<)[^()\s]*+\))++(?=\w)",
    re.IGNORECASE,
)


_WITHIN_BYTES = re.compile(
    rb"[*`~\[\]<(](?<=[a-z0-9\x80-\xff].)"
    rb"(?:(?<=[*`~\[\]])|(?<=<)(?:/?(?:%b)(?:[\s/][^<>\n]*)?>|!--[^<>\n]*-->)|(?<=\()[^()\s<]*\))"
    rb"(?:[*`~\[\]]|</?(?:%b)(?:[\s/][^<>\n]*)?>|<!--[^<>\n]*-->|\([^()\s<]*+\))*+[a-z0-9\x80-\xff]"
    % (_INLINE.encode(), _INLINE.encode()),
    re.DOTALL,
)


def may_join_words(packed: bytes) -> bool:
    """Return whether marks may stand within words of what is packed, in UTF-8 and lower case (`visible_text`)."""
    return _WITHIN_BYTES.search(packed) is not None


def visible_text(body: str, markup: str = "markdown") -> str:
    """Return a body in Markdown or HTML without what nobody reads: tags, comments, marks and addresses.

    Marks within a word may divide it or not: both forms are in the text then. A body that is shown as it was typed
    (`content`) is its text.
    """
    if _ANY_MARK.search(body) is None:
        return body
    is_html = markup == "html"
    if text.is_overmarked(body, is_html=is_html) or (is_html and not growth.is_parsed_cheaply(body)):
        return body
    found = _visible(body, markup)
    joined = _WITHIN_WORD.sub("", body)
    return found if joined == body else f"{found}\n{_visible(joined, markup)}"


def _visible(body: str, markup: str) -> str:
    if markup == "html":
        body = _HIDDEN_IN_HTML.sub(_kept, body)
    else:
        if "<" in body or "]:" in body:
            body = _without_hidden(body)
        if "](" in body:
            body = _TARGET.sub("](", body)
    return text.decode_entities(_MARKS.sub(" ", body))


def _without_hidden(body: str) -> str:
    """Return Markdown without what is hidden; in a block with code, and after a fence, all stays."""
    fence = _FENCE.search(body)
    prose, rest = (body[: fence.start()], body[fence.start() :]) if fence else (body, "")
    if not _CODE.search(prose):
        blocks = [prose] if "]:" not in prose else _BLOCKS.split(prose)
    else:
        blocks = _BLOCKS.split(prose)
    return "".join([one if _CODE.search(one) else _HIDDEN_IN_MARKDOWN.sub(_kept, one) for one in blocks]) + rest


def _kept(found: re.Match[str]) -> str:
    """Return what takes the place of something hidden: itself if it is never closed, since it may be seen then."""
    groups = found.groupdict()
    if groups.get("target"):
        return "]("
    is_closed = all(groups.get(name) is None for name in ("open", "unclosed", "unended"))
    return " " if is_closed else found[0]

"""The bytes of an upstream document become text, whatever its server and its declaration say of them. Pure."""

from __future__ import annotations

import codecs
import re

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF32_LE, "utf-32-le"), (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"),
)  # fmt: skip
# XML 1.0, appendix F: how "<?" and "<r" begin without a mark.
_STARTS = ((b"<\0", "utf-16-le"), (b"\0<", "utf-16-be"))
_CHARSET = re.compile(r"charset\s*=\s*[\"']?([A-Za-z0-9._:-]{1,40})", re.IGNORECASE)
_DECLARED = re.compile(rb"<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([A-Za-z0-9._:-]{1,40})")
_IN_PAGE = re.compile(rb"<meta[^>]{1,200}?charset\s*=\s*[\"']?([A-Za-z0-9._:-]{1,40})", re.IGNORECASE)
# Only what feeds are written in: Python knows others that take quadratic time, such as punycode, or that are no text.
_KNOWN = re.compile(
    r"(?:utf-?(?:8|16|32)(?:[-_]?[lb]e)?|us-ascii|ascii|latin-?1|iso-?8859-\d{1,2}|(?:windows|cp)-?\d{3,4}|koi8-[ru]"
    r"|mac-?(?:roman|cyrillic|greek|turkish|latin2)|gb2312|gbk|gb18030|big5(?:-?hkscs)?|euc-?(?:jp|kr)|shift[-_]jis"
    r"|iso-2022-(?:jp|kr)|tis-620)",
    re.IGNORECASE,
)
# WHATWG Encoding §4.2: what these names mean in practice.
_MEANT = {
    "us-ascii": "windows-1252", "ascii": "windows-1252", "latin1": "windows-1252", "latin-1": "windows-1252",
    "iso-8859-1": "windows-1252", "iso8859-1": "windows-1252", "iso-8859-9": "windows-1254", "gb2312": "gb18030",
    "gbk": "gb18030", "shift_jis": "cp932", "shift-jis": "cp932", "euc-kr": "cp949", "tis-620": "iso-8859-11",
    "iso-8859-11": "cp874",
}  # fmt: skip
# Codes of seven bits, which are valid as UTF-8 too.
_SEVEN_BITS = ("iso-2022-",)
_DECLARATION_LENGTH = 1_024
_BREAKS = re.compile("[\x85\u2028\u2029]")
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufeff\ufffe\uffff]")


def text_of(body: bytes, content_type: str) -> str:
    """Return a document as text with LF as line breaks, without the characters that XML forbids.

    A byte order mark decides; else the text is UTF-8 if it is valid as that, whatever is declared, since no text in
    another code looks so by chance; then what `content_type` says counts, then the declaration (RFC 7303 §3).
    """
    return without_controls(_decoded(body, content_type))


def without_controls(text: str) -> str:
    """Return text with LF as line breaks, without the characters that XML or YAML forbid."""
    if text.isprintable():
        return text
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _CONTROLS.sub("", _BREAKS.sub("\n", text))


def _decoded(body: bytes, content_type: str) -> str:
    for mark, name in _MARKS:
        if body.startswith(mark):
            return body[len(mark) :].decode(name, "replace")
    for start, name in _STARTS:
        if body.startswith(start):
            return body.decode(name, "replace")
    declared = _declared(body, content_type)
    for name in (*(one for one in declared if one.startswith(_SEVEN_BITS)), "utf-8", *declared):
        try:
            return body.decode(name)
        except (UnicodeDecodeError, LookupError):
            continue
    # Mostly valid: a stray byte, or a character that was cut in two, is not worth another code for all the others.
    bad = body.decode("utf-8", "replace")
    is_utf8 = bad.count("\ufffd") * 20 < sum(1 for _ in re.finditer("[^\x00-\x7f\ufffd]", bad[:100_000])) + 20
    return bad if is_utf8 and not declared else body.decode(next(iter(declared), "windows-1252"), "replace")


def _declared(body: bytes, content_type: str) -> tuple[str, ...]:
    head = body[:_DECLARATION_LENGTH]
    found = [_CHARSET.search(content_type), _DECLARED.search(head), _IN_PAGE.search(head)]
    names = [one[1] if isinstance(one[1], str) else one[1].decode("ascii") for one in found if one]
    known = (name.lower() for name in names if _KNOWN.fullmatch(name))
    return tuple(dict.fromkeys(_MEANT.get(name, name) for name in known if not name.startswith("utf-8")))

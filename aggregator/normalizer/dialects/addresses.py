"""Addresses of the pages that another program makes: a pattern, or what a key says, and what fills it. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from functools import lru_cache
from urllib.parse import urlsplit

from aggregator.model.urls import LONGEST_URL

_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")
_ABSOLUTE = re.compile(r"https?://", re.IGNORECASE)
# Jekyll's and Hugo's placeholders, and Eleventy's few expressions that need no program to be run.
_COLON = re.compile(r":([a-z_]+)")
_COLONS = {
    "year": "year", "month": "month", "day": "day", "title": "slug", "slug": "slug", "categories": "category",
    "slugified_categories": "category", "category": "category", "filename": "file", "contentbasename": "file",
    "slugorfilename": "slug", "slugorcontentbasename": "slug", "section": "section", "sections": "sections",
    "path": "path",
}  # fmt: skip
_STYLES = {
    "pretty": "/{category}/{year}/{month}/{day}/{slug}/", "date": "/{category}/{year}/{month}/{day}/{slug}.html",
    "none": "/{category}/{slug}.html",
}  # fmt: skip
_EXPRESSION = re.compile(r"\{\{(.*?)\}\}")
_EXPRESSIONS = {
    "slug": "slug", "page.fileSlug": "slug", "page.filePathStem": "path", "title": "title", "tags": "category",
    "category": "category", "categories": "category",
}  # fmt: skip
_SLUGGING = re.compile(r"(?:\s*\|\s*(?:slug|slugify|url_encode|downcase|lower)(?::?\s*['\"]\w+['\"])?)*")
_DATE_FILTER = re.compile(r"page\.date\s*\|\s*date\s*[:(]\s*['\"]([%YmdF/-]+)['\"]\s*\)?")
_DATE_PARTS = {"%Y": "{year}", "%m": "{month}", "%d": "{day}", "%F": "{year}-{month}-{day}"}


def is_absolute(address: str) -> bool:
    """Return whether `address` is an http(s) URL with its scheme."""
    return _ABSOLUTE.match(address) is not None


def pattern_in(address: str) -> str | None:
    """Return what a key says about an address as a pattern of ours; None if it cannot be known without its program."""
    if address in _STYLES:
        return _STYLES[address]
    if len(address) > LONGEST_URL or "{%" in address:
        return None
    if "{{" in address:
        return _pattern_of_expressions(address)
    if "{" in address or "}" in address:
        return None
    if ":" in address and not is_absolute(address):
        found = [one[1] for one in _COLON.finditer(address)]
        if not all(name in _COLONS for name in found):
            return None
        return _COLON.sub(lambda one: "{" + _COLONS[one[1]] + "}", address)
    return address


def _pattern_of_expressions(address: str) -> str | None:
    known = True

    def placeholder(found: re.Match[str]) -> str:
        nonlocal known
        inside = found[1].removeprefix("-").removesuffix("-").strip()
        date = _DATE_FILTER.fullmatch(inside)
        if date is not None and not re.sub(r"%[YmdF]|[/-]", "", date[1]):
            return re.sub(r"%[YmdF]", lambda one: _DATE_PARTS[one[0]], date[1])
        name, bar, filters = inside.partition("|")
        known = known and name.strip() in _EXPRESSIONS and _SLUGGING.fullmatch(bar + filters) is not None
        return "{" + _EXPRESSIONS.get(name.strip(), "") + "}"

    made = _EXPRESSION.sub(placeholder, address)
    return made if known and "{{" not in made else None


def placeholders(pattern: str) -> frozenset[str]:
    """Return the names in braces of a pattern."""
    return frozenset(_PLACEHOLDER.findall(pattern))


def filled(pattern: str, parts: Callable[[str], str]) -> str:
    """Return a pattern with its placeholders replaced, without the slashes that empty ones leave."""
    texts, names = _cut(pattern)
    made = texts[0] + "".join([parts(name) + after for name, after in zip(names, texts[1:], strict=True)])
    return re.sub(r"(?<!:)/{2,}", "/", made) if "//" in made else made


@lru_cache(maxsize=1024)
def _cut(pattern: str) -> tuple[list[str], list[str]]:
    """Return the texts around the placeholders of a pattern, and their names."""
    cut = _PLACEHOLDER.split(pattern)
    return cut[::2], cut[1::2]


def joined(base: str, address: str) -> str:
    """Return an address or path joined to `base`, which may have a path itself; an absolute one as it is."""
    if is_absolute(address):
        return address
    if address.startswith("//"):
        return f"{urlsplit(base).scheme}:{address}"
    return f"{base.rstrip('/')}/{address.lstrip('/')}"


def stem_of(path: str) -> str:
    """Return a path without its ending, and without the `index` of a bundle: what names the page."""
    folder, slash, name = path.rpartition("/")
    stem = name.rpartition(".")[0] or name
    return folder if stem == "index" and folder else f"{folder}{slash}{stem}"


@lru_cache(maxsize=8192)
def slugged(text: str, style: str) -> str:
    """Return a name, or a path of names, as a dialect writes it into addresses; see `Dialect.slugs`.

    A name that has nothing but signs, of which nothing would be left, is kept: posts must not share one address.
    """
    text = unicodedata.normalize("NFC", text)
    return "/".join([_SLUGS[style](part) or _kept(part) for part in text.split("/")])


def _without(signs: str) -> Callable[[str], str]:
    """Return what removes all characters but letters, marks, digits and these signs; marks are a part of letters."""
    of_ascii = re.compile(rf"[^\w{signs}]")

    def remove(text: str) -> str:
        if text.isascii():
            return of_ascii.sub("", text)
        import regex  # noqa: PLC0415 - rarely needed

        return str(regex.sub(rf"[^\w\p{{M}}{signs}]", "", text))

    return remove


_WITHOUT_SIGNS = _without(r"\s./~+@-")
_WITHOUT_SIGNS_AND_DOTS = _without(r"\s/-")
_JEKYLL = r".~!$&'()+,;=@"


def _jekyll(text: str) -> str:
    if text.isascii():
        return re.sub(rf"[^\w{_JEKYLL}]+", "-", text).strip("-")
    import regex  # noqa: PLC0415 - rarely needed

    return str(regex.sub(rf"[^\w\p{{M}}{_JEKYLL}]+", "-", text)).strip("-")


def _kept(text: str) -> str:
    """Return a name with its signs, but for those that would end a path or begin an escape."""
    return re.sub(r"[%?#]", lambda sign: f"%{ord(sign[0]):02X}", re.sub(r"\s+", "-", text.strip()))


def _hyphens(text: str) -> str:
    return re.sub(r"-{2,}", "-", re.sub(r"\s+", "-", text.strip()))


def _ascii(text: str) -> str:
    if not text.isascii():
        from anyascii import anyascii  # noqa: PLC0415 - rarely needed, and it loads tables

        text = str(anyascii(unicodedata.normalize("NFC", text)))
    return text.lower()


_SLUGS: Mapping[str, Callable[[str], str]] = {
    "unicode": lambda text: re.sub(r"\s", "-", _WITHOUT_SIGNS(text.lower()).strip()),  # Hugo keeps `--`
    "plain": lambda text: _hyphens(_WITHOUT_SIGNS_AND_DOTS(text.lower())),
    "ascii": lambda text: re.sub(r"[^a-z0-9]+", "-", _ascii(text)).strip("-"),
    "ascii_words": lambda text: re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", _ascii(text)).strip()),
    "cased": _jekyll,
    "kept": _kept,
}

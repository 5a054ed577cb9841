"""What all pages share: the templates, the one style, the one script, and the policy that allows no other. Pure.

The templates beside this module are part of the code; each is loaded once.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache, lru_cache
from typing import Any

from jinja2 import BytecodeCache, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from aggregator.model.document_names import ATOM, JSON, MEDIA_TYPES, RSS
from aggregator.model.words import escape_controls
from aggregator.renderer import colours, dates, wording

FORMATS = tuple((label, file, MEDIA_TYPES[file]) for label, file in (("RSS", RSS), ("Atom", ATOM), ("JSON", JSON)))
"""Label, file name and media type of each format that people can subscribe to."""

BASE_STYLE, BASE_SCRIPT = "base.css", "base.js"
STYLES = (BASE_STYLE, "style.css")
SCRIPTS = (BASE_SCRIPT, "script.js")
OWN_PROGRAMS = "'self' 'wasm-unsafe-eval'"
"""What a page with a static search may run besides its own script: scripts of the site, and WebAssembly."""


def render_page(
    template: str, *, styles: tuple[str, ...] = STYLES, scripts: tuple[str, ...] = SCRIPTS, forms: str = "'none'",
    programs: str = "", **context: Any,
) -> bytes:  # fmt: skip
    """Return the page that `template` describes.

    `forms` is the policy's source for `form-action`, `programs` further ones for `script-src`.
    """
    frame = _frame(styles, scripts, forms, programs, context["site"].accent)
    return _environment().get_template(template).render(**frame, **context).encode()


def render_fragment(template: str, **context: Any) -> Markup:
    """Return a part of a page, to be inserted into pages as it is."""
    return Markup(_environment().get_template(template).render(context))  # noqa: S704 - escaped in there


def with_code(line: str) -> Markup:
    """Return a message as HTML, what it has in backticks as code."""
    parts = escape_controls(line).split("`")
    if len(parts) % 2 == 0:
        return escape("`".join(parts))
    return Markup("").join(
        Markup("<code>{}</code>").format(part.strip()) if index % 2 else part for index, part in enumerate(parts)
    )


def load_templates() -> None:
    """Load every template now: that takes longer than rendering a page."""
    for name in _environment().list_templates(extensions=["html"]):
        _environment().get_template(name)


def keep_compiled(kept: BytecodeCache) -> None:
    """Take compiled templates from `kept` if they are there, and put there what is compiled from now on."""
    _environment().bytecode_cache = kept


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("aggregator.renderer"),
        autoescape=True,
        undefined=StrictUndefined,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals |= {"formats": FORMATS, "generator": wording.GENERATOR}
    made.filters |= {
        "archive_page_name": wording.archive_page_name,
        "author_name": wording.author_name,
        "document_url": wording.document_url,
        "duration": dates.duration,
        "escape_controls": escape_controls,
        "feed_title": wording.title,
        "from_seconds": dates.from_seconds,
        "headline": wording.headline,
        "icon": colours.icon,
        "person_name": wording.person_name,
        "html_datetime": dates.html_datetime,
        "in_words": dates.in_words,
        "rfc3339": dates.rfc3339,
        "short_date": dates.short_date,
        "with_code": with_code,
    }
    return made


@cache
def _source(name: str) -> str:
    made = _environment()
    assert made.loader is not None
    return made.loader.get_source(made, name)[0]


@lru_cache(maxsize=64)
def _frame(
    styles: tuple[str, ...], scripts: tuple[str, ...], forms: str, programs: str, accent: str
) -> dict[str, Any]:  # fmt: skip
    """Return what surrounds every page: the style, the script, and the policy that allows both."""
    style = "".join(minify_css(compact(_source(name))) for name in styles) + colours.style(accent)
    script = "\n".join(compact(_source(name)) for name in scripts)
    return {"style": _trusted(style), "script": _trusted(script), "policy": _policy(style, script, forms, programs)}


def _trusted(source: str) -> Markup:
    return Markup(source)  # noqa: S704 - our own files, without a word from any seed


def compact(source: str) -> str:
    """Return a style or script without indentation and without comments, which have lines of their own."""
    lines = (line.strip() for line in source.split("\n"))
    return "\n".join(line for line in lines if line and not line.startswith(("//", "/*")))


def minify_css(style: str) -> str:
    """Return a compact style without the spaces that CSS does not need."""
    style = style.replace("\n", " ")
    for mark in ("{ ", " {", "} ", " }", "; ", ", ", ": ", " > "):
        style = style.replace(mark, mark.strip())
    return style.replace(";}", "}")


def _policy(style: str, script: str, forms: str, programs: str) -> str:
    """Return a Content-Security-Policy that allows this style, this script, pictures and requests to the site itself.

    Whatever a seed smuggles in does not run. The icon that is drawn here has a `data:` address.
    """
    scripts = " ".join(filter(None, (f"'{_digest(script)}'", programs)))
    return (
        f"default-src 'none'; style-src '{_digest(style)}'; script-src {scripts}; connect-src 'self';"
        f" img-src http: https: data:; base-uri 'none'; form-action {forms}"
    )


def _digest(source: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()}"

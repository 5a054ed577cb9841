"""What all pages share: template and values in, bytes out; the one style, the one script and the policy; pure.

The templates beside this module are part of the code; they are loaded once.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from aggregator.model.document_names import ATOM, JSON, MEDIA_TYPES, RSS
from aggregator.renderer import dates, wording

FORMATS = tuple((label, name, MEDIA_TYPES[name]) for label, name in (("RSS", RSS), ("Atom", ATOM), ("JSON", JSON)))


STYLES = ("style.css",)


def page(template: str, *, styles: tuple[str, ...] = STYLES, forms: str = "'none'", **context: Any) -> bytes:
    """Write the page that `template` describes; `forms` says to whom its forms may be sent, as a policy does."""
    style, script = _style(styles), packed(_source("script.js"))
    frame = {"style": _ours(style), "script": _ours(script), "policy": policy(style, script, forms)}
    return environment().get_template(template).render(**frame, **context).encode()


def part(template: str, **context: Any) -> Markup:
    """Write a part of a page, to be put into pages as it is."""
    return Markup(environment().get_template(template).render(context))  # noqa: S704 - escaped in there


def load() -> None:
    """Have every template at hand; reading them takes longer than writing a page."""
    for name in environment().list_templates(extensions=["html"]):
        environment().get_template(name)


@cache
def environment() -> Environment:
    """Give the templates, with every value escaped."""
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
        "address": wording.address,
        "credit": wording.credit,
        "date": dates.date,
        "headline": wording.headline,
        "iso": dates.iso,
        "moment": dates.of,
        "name": wording.title,
        "rfc3339": dates.rfc3339,
        "span": dates.span,
        "spoken": dates.spoken,
    }
    return made


@cache
def _source(name: str) -> str:
    made = environment()
    assert made.loader is not None
    return made.loader.get_source(made, name)[0]


@cache
def _style(names: tuple[str, ...]) -> str:
    return "".join(squeezed(packed(_source(name))) for name in names)


def _ours(source: str) -> Markup:
    return Markup(source)  # noqa: S704 - our own files, not a word of them comes from a seed


def packed(source: str) -> str:
    """Give a style or script without indentation and without its comments, which stand on lines of their own."""
    lines = (line.strip() for line in source.split("\n"))
    return "\n".join(line for line in lines if line and not line.startswith(("//", "/*")))


def squeezed(style: str) -> str:
    """Give a packed style without the spaces that CSS does not need."""
    style = style.replace("\n", " ")
    for mark in ("{ ", " {", "} ", " }", "; ", ", ", ": ", " > "):
        style = style.replace(mark, mark.strip())
    return style.replace(";}", "}")


def policy(style: str, script: str, forms: str) -> str:
    """Allow this style, this script, pictures and a look at the site itself: what a seed smuggles in does not run."""
    return (
        f"default-src 'none'; style-src '{_digest(style)}'; script-src '{_digest(script)}'; connect-src 'self';"
        f" img-src http: https:; base-uri 'none'; form-action {forms}"
    )


def _digest(source: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()}"

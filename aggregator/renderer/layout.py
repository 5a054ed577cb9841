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

from aggregator.renderer import bars, stamps, wording

FORMATS = tuple(
    (label, name, wording.MEDIA_TYPES[name])
    for label, name in (("RSS", wording.RSS), ("Atom", wording.ATOM), ("JSON", wording.JSON))
)


def page(template: str, **context: Any) -> bytes:
    """Write the page that `template` describes."""
    return environment().get_template(template).render(context).encode()


def part(template: str, **context: Any) -> Markup:
    """Write a part of a page, to be put into pages as it is."""
    return Markup(environment().get_template(template).render(context))  # noqa: S704 - escaped in there


@cache
def environment() -> Environment:
    """Give the templates, with every value escaped."""
    loader = PackageLoader("aggregator.renderer")
    made = Environment(
        loader=loader,
        autoescape=True,
        undefined=StrictUndefined,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style, script = (packed(loader.get_source(made, name)[0]) for name in ("style.css", "script.js"))
    made.globals |= {
        "formats": FORMATS,
        "generator": wording.GENERATOR,
        "policy": policy(style, script),
        "style": Markup(style),  # noqa: S704 - our own files, not a word of them comes from a seed
        "script": Markup(script),  # noqa: S704 - likewise
    }
    made.filters |= {
        "address": wording.address,
        "credit": wording.credit,
        "date": stamps.date,
        "headline": wording.headline,
        "heights": bars.path,
        "iso": stamps.iso,
        "name": wording.title,
        "rfc3339": stamps.rfc3339,
        "spoken": stamps.spoken,
    }
    return made


def packed(source: str) -> str:
    """Give a style or script without indentation and without its comments, which stand on lines of their own."""
    lines = (line.strip() for line in source.split("\n"))
    return "\n".join(line for line in lines if line and not line.startswith(("//", "/*")))


def policy(style: str, script: str) -> str:
    """Allow this style, this script, pictures and a look at the site itself: what a seed smuggles in does not run."""
    return (
        f"default-src 'none'; style-src '{_digest(style)}'; script-src '{_digest(script)}'; connect-src 'self';"
        " img-src http: https:; base-uri 'none'"
    )


def _digest(source: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()}"

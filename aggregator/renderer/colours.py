"""The accent colour of pages, and the icon drawn with it; adjusted until text in it is readable. Pure.

Contrast is that of WCAG 2.2 ("contrast ratio", "relative luminance"); 4.5:1 is what its level AA wants of text.
"""

from __future__ import annotations

import html
from collections.abc import Iterable
from functools import lru_cache
from urllib.parse import quote

AA = 4.5
GROUNDS = {"light": ("#ffffff", "#f5f7f9"), "dark": ("#121519", "#1a1e24")}
"""The backgrounds of text in each colour scheme, as `base.css` has them: `--page` and `--wash`."""

DEFAULT = "#0b57c9"
STEPS = 64
"""In how many steps a colour is mixed with black or white."""


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours (`#rrggbb`), from 1 to 21."""
    low, high = sorted(map(_luminance, (one, other)))
    return (high + 0.05) / (low + 0.05)


def readable(colour: str, scheme: str) -> str:
    """Return the colour nearest to `colour` (`#rrggbb`) in which text is readable on the grounds of a scheme.

    It is mixed with black in the light scheme and with white in the dark one, as little as reaches `AA`.
    """
    end = 0 if scheme == "light" else 255
    for step in range(STEPS + 1):
        mixed = "#" + "".join(f"{round(part + (end - part) * step / STEPS):02x}" for part in _parts(colour))
        if is_readable(mixed, GROUNDS[scheme]):
            return mixed
    raise AssertionError("black and white are readable")


def is_readable(colour: str, grounds: Iterable[str]) -> bool:
    """Return whether text in a colour has enough contrast with each of these."""
    return all(contrast(colour, ground) >= AA for ground in grounds)


def style(accent: str) -> str:
    """Return the rules that set the accent in both schemes, "" for that of the style sheet."""
    if not accent:
        return ""
    light, dark = (readable(accent, scheme) for scheme in GROUNDS)
    return f":root{{--accent:{light}}}@media (prefers-color-scheme:dark){{:root{{--accent:{dark}}}}}"


@lru_cache(maxsize=64)
def icon(title: str, accent: str) -> str:
    """Return the address of an icon that shows the first letter or digit of a site's title in white on its accent."""
    letter = next((one for one in title if one.isalnum()), title[:1] or "?").upper()
    ground = readable(accent or DEFAULT, "light")
    return "data:image/svg+xml," + quote(
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'>"
        f"<rect width='32' height='32' rx='7' fill='{ground}'/>"
        f"<text x='16' y='23' font-family='system-ui,sans-serif' font-size='20' font-weight='700' fill='#fff'"
        f" text-anchor='middle'>{html.escape(letter)}</text></svg>",
        safe=" =:/',",
    )


def _parts(colour: str) -> tuple[int, ...]:
    return tuple(int(colour[at : at + 2], 16) for at in (1, 3, 5))


def _luminance(colour: str) -> float:
    shares = (part / 255 for part in _parts(colour))
    red, green, blue = (one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in shares)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue

"""Films, sounds, frames and pictures in HTML, made links and plain pictures, which every reader shows. Pure.

It works on HTML that is balanced and has no attributes but those named here, as a first pass of sanitising leaves it.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from urllib.parse import urlsplit

from aggregator.model.items import Image
from aggregator.normalizer import links

ATTRIBUTES: dict[str, set[str]] = {
    "iframe": {"src"}, "video": {"src", "poster"}, "audio": {"src"}, "source": {"src", "srcset"},
}  # fmt: skip
"""The elements that are recognised, with their attributes."""

_REAL = ("data-src", "data-lazy-src", "data-original")
_SETS = ("srcset", "data-srcset", "data-lazy-srcset")

IMAGE_ATTRIBUTES = {*_REAL, *_SETS}
"""Where scripts that load pictures late, and browsers that choose one, find the address of a picture."""

WIDEST = 2_000
"""The widest picture that is taken, in pixels, of several of one."""

_SIGNS = ("<iframe", "<video", "<audio", "srcset", "data-src", "data-lazy", "data-original")
_TAG_END = r'((?: [a-z-]+="[^"<>]*")*)>'
_IFRAME = re.compile(r'<iframe(?: src="([^"<>]*)")?>.*?</iframe>', re.DOTALL)
_PLAYER = re.compile(rf"(<p>\s*)?<(video|audio){_TAG_END}(.*?)</\2>(\s*</p>)?", re.DOTALL)
_PICTURE = re.compile(rf"<picture{_TAG_END}(.*?)</picture>", re.DOTALL)
_IMAGE = re.compile(rf"<img{_TAG_END}")
_SOURCE = re.compile(rf"<source{_TAG_END}")
_ATTRIBUTE = re.compile(r' ([a-z-]+)="([^"<>]*)"')
_LINK = re.compile(r'<a [^<>]*href="[^<>]*>.*?</a>', re.DOTALL)

Spend = Callable[[str], str | None]
"""Counts an address, and returns None if there are too many."""


def may_be_in(fragment: str) -> bool:
    """Return whether `fragment` may hold anything that `as_links` changes."""
    lower = fragment.lower()
    return any(sign in lower for sign in _SIGNS)


def as_links(fragment: str, picture: Image | None, spend: Spend) -> str:
    """Return `fragment` with each frame, film and sound as a link, and with the address of each picture as its `src`.

    A frame becomes a linked thumbnail, `picture` or the video's own, or a link; a film a link with its poster. The
    links that an author put into a film or sound, for browsers that cannot play it, stay.
    """
    fragment = _IFRAME.sub(lambda frame: _thumbnail(html.unescape(frame[1] or ""), picture, spend), fragment)
    fragment = _PLAYER.sub(lambda player: _player(player, spend), fragment)
    return _IMAGE.sub(_with_source, _PICTURE.sub(_with_image, fragment))


def _thumbnail(address: str, picture: Image | None, spend: Spend) -> str:
    if not address:
        return ""
    video = links.youtube_id(address)
    target = f"https://www.youtube.com/watch?v={video}" if video else address
    source = picture.url if picture else f"https://i.ytimg.com/vi/{video}/hqdefault.jpg" if video else ""
    if spend(target + source) is None:
        return ""
    return f"<p>{_link(target, 'Watch', source)}</p>"


def _link(target: str, verb: str, source: str) -> str:
    words = f"{verb} on {urlsplit(target).hostname}"
    inner = f'<img src="{html.escape(source)}" alt="{html.escape(words)}">' if source else html.escape(words)
    return f'<a href="{html.escape(target)}">{inner}</a>'


def _player(player: re.Match[str], spend: Spend) -> str:
    before, name, written, inside, after = player.groups(default="")
    attributes = _attributes(written)
    sources = [_attributes(source[1]).get("src", "") for source in _SOURCE.finditer(inside)]
    target = attributes.get("src") or next(filter(None, sources), "")
    poster = attributes.get("poster", "")
    found = _LINK.findall(inside)
    if target and spend(target + poster) is not None:
        found.insert(0, _link(target, "Watch" if name == "video" else "Listen", poster))
    elif poster:
        found.insert(0, f'<img src="{html.escape(poster)}">')
    return f"{before}{' '.join(found)}{after}" if found else before + after


def _attributes(written: str) -> dict[str, str]:
    return {name: html.unescape(value) for name, value in _ATTRIBUTE.findall(written)}


def _with_image(picture: re.Match[str]) -> str:
    """Return a picture whose image has what its first source offers, if it has no address itself."""
    inside = picture[2]
    source = _SOURCE.search(inside)
    offered = _attributes(source[1]).get("srcset", "") if source else ""
    inside = _SOURCE.sub("", inside)
    image = _IMAGE.search(inside)
    if offered and (image is None or not _address(_attributes(image[1]))):
        own = f' srcset="{html.escape(offered)}">'
        inside = f"{inside}<img{own}" if image is None else f"{inside[: image.end() - 1]}{own}{inside[image.end() :]}"
    return inside


def _with_source(image: re.Match[str]) -> str:
    attributes = _attributes(image[1])
    address = _address(attributes)
    if address == attributes.get("src"):
        return image[0]
    others = [(name, value) for name, value in attributes.items() if name != "src" and name not in IMAGE_ATTRIBUTES]
    found = [("src", address), *others] if address else others
    return "<img" + "".join([f' {name}="{html.escape(value)}"' for name, value in found]) + ">"


def _address(attributes: dict[str, str]) -> str | None:
    """Return where a picture is: what a script would load first, since `src` is then a placeholder."""
    for name in (*_REAL, "src"):
        if attributes.get(name):
            return attributes[name]
    return next((_best(attributes[name]) for name in _SETS if attributes.get(name)), None)


def _best(srcset: str) -> str | None:
    """Return the widest picture of a set (HTML standard §4.8.4.2.1) that is not wider than `WIDEST`."""
    found, words = list[tuple[float, str]](), srcset.split()[::-1]
    while words:
        address = words.pop()
        size = 0.0
        if not address.endswith(",") and words:
            descriptor, _, next_address = words.pop().partition(",")
            size = _size(descriptor)
            words += [next_address] if next_address else []
        if address := address.rstrip(","):
            found.append((size, address))
    return max(found, key=lambda one: one[0])[1] if found else None


def _size(descriptor: str) -> float:
    try:
        number = float(descriptor[:-1])
    except ValueError:
        return 0.0
    return -number if descriptor.endswith("w") and number > WIDEST else number

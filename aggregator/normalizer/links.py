"""Links: their canonical form, the key that recognises them, their host, and the video they lead to. Pure."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, quote, urlsplit

from aggregator.model import urls
from aggregator.normalizer.text import decode_entities

LONGEST_URL = urls.LONGEST_URL
_CANONICAL = urls.CANONICAL

_TRACKING = re.compile(r"(?:^|&)(?:utm_[a-z_]+|fbclid|gclid|msclkid|mc_cid|mc_eid)=[^&]*")

_CONTACT = re.compile(r"(mailto|tel):([^\s\x00-\x1f\x7f\ud800-\udfff]+)", re.IGNORECASE)
_IN_CONTACT = "!$%&'()*+,;=:@/?-._~"

# The embedded player of a list or of a channel's live stream has one of these two words in place of a video's id.
_VIDEO = re.compile(r"(?!(?:videoseries|live_stream)$)[A-Za-z0-9_-]{6,20}")


def canonical(address: str, base: str = "", *, entities: bool = True) -> str:
    """Return the canonical form of `address`, resolved against the absolute URL `base` if it is relative.

    With `entities`, the HTML entities that people paste into front matter are decoded; those of an attribute are
    already decoded by the HTML parser.

    Raises:
        ValueError: if it is not an http(s) address, with a reason that its author can act on.

    """
    if len(address) <= LONGEST_URL and _CANONICAL.fullmatch(address):
        return address
    return urls.canonical(decode_entities(address) if entities else address, base)


def contact(address: str) -> str:
    """Return the ASCII form of a `mailto:` or `tel:` address (RFC 6068, RFC 3966), or "" if it is none."""
    found = _CONTACT.fullmatch(address.strip()) if len(address) <= LONGEST_URL else None
    return f"{found[1].lower()}:{quote(found[2], safe=_IN_CONTACT)}" if found else ""


def alias(url: str) -> str:
    """Return the key that recognises a canonical `url`.

    It is the same for links that differ only in http or https, tracking parameters, or a slash at the end. It is never
    what `identity` makes of an id or a path, whatever the host is called.
    """
    _, _, rest = url.partition("://")
    if rest.startswith(("id:", "path:")):
        rest = f"//{rest}"
    if "?" in rest:
        path, _, query = rest.partition("?")
        query, hash_sign, fragment = query.partition("#")
        query = _TRACKING.sub("", query).lstrip("&")
        return path.rstrip("/") + (f"?{query}" if query else "") + hash_sign + fragment
    return rest.rstrip("/")


def host_of(url: str) -> str:
    """Return the host of a canonical URL without a leading `www.`."""
    host = url.partition("://")[2].partition("/")[0].partition(":")[0]
    return host.removeprefix("www.")


def youtube_id(url: str) -> str:
    """Return the video's id if `url` is a YouTube address (watch, embed, short link), else ""."""
    parts = urlsplit(url)
    host = (parts.hostname or "").removeprefix("www.").removeprefix("m.")
    if host == "youtu.be":
        found = parts.path[1:]
    elif host in {"youtube.com", "youtube-nocookie.com"} and parts.path.startswith("/embed/"):
        found = parts.path.removeprefix("/embed/")
    elif host == "youtube.com" and parts.path == "/watch":
        found = dict(parse_qsl(parts.query)).get("v", "")
    else:
        return ""
    return found if _VIDEO.fullmatch(found) else ""

"""Entries become seeds: where the file lies, what is in it, and whether a person changed it since. Pure.

The same entry gives the same bytes: nothing in a seed says when it was polled. The first line of its front matter is a
comment with the digest of the rest, by which a later edit shows.
"""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urljoin, urlsplit

import msgspec

from aggregator.collector import html
from aggregator.collector.addresses import refusal_of_url
from aggregator.collector.entries import Document, Entry
from aggregator.model.seed_text import COLLECTED, digest, scalar
from aggregator.model.slugs import slug_of
from aggregator.model.sources import Source
from aggregator.model.words import utc_time

MOST_MARKS = 30_000
"""How many tags and entities content may hold; a reader of seeds shows more than that as plain text."""

_MARK = re.compile(re.escape(COLLECTED) + rb"([0-9a-f]{32})\n")
_NAME = re.compile(r"(?:.*/)?(\d{4}-\d\d-\d\d)-[a-z0-9-]+-([0-9a-f]{12})\.md")
_SLUG_LENGTH = 60
_LONGEST_ADDRESSES = 100_000
_LONGEST_CONTENT = 900_000
# What a reader of seeds would take for a tag or an entity of HTML.
_AMBIGUOUS = re.compile(r"&(?=#?[A-Za-z0-9]{1,32};)|<(?=[A-Za-z/!?])")
_LINE = re.compile(r"^([A-Za-z]+): (.*)$", re.MULTILINE)


class Collected(msgspec.Struct, frozen=True, kw_only=True):
    """What a collected file says of its entry; with this an entry is recognised if `sources.db` is lost.

    `short_id` are the 12 digits by which `short_id(source, key)` finds it, `date` the day in its name. `published` is
    its date as it is written, `is_edited` whether a person changed the file, `is_removed` whether it says that it was
    withdrawn.
    """

    path: str
    short_id: str
    date: str
    title: str
    link: str
    published: str
    is_removed: bool
    is_edited: bool


def id_of(source: Source, key: str) -> str:
    """Return the id of an entry: bound to its source, so that no other source can have it (RFC 9562 §5.5)."""
    return _uuid(source, key).urn


def short_id(source: Source, key: str) -> str:
    """Return the 12 hex digits of an entry's id that end the name of its file."""
    return _uuid(source, key).hex[:12]


def _uuid(source: Source, key: str) -> uuid.UUID:
    return uuid.uuid5(uuid.uuid5(uuid.NAMESPACE_URL, source.url), key)


def folder_of(source: Source) -> str:
    """Return the name of the folder of a source's seeds, which nothing changes but another address in the config."""
    try:
        host = urlsplit(source.url).hostname or ""
    except ValueError:
        host = ""
    name = slug_of(host.removeprefix("www."))[:40].strip("-") or "source"
    return f"{name}-{hashlib.sha256(source.url.encode()).hexdigest()[:6]}"


def path_of(entry: Entry, source: Source, *, first_seen: int) -> str:
    """Return where the seed of a new entry lies, relative to the folder of collected seeds.

    A known entry keeps its path, whatever changes. `first_seen` is its date, in seconds since 1970.
    """
    day = utc_time(first_seen)[:10]
    title = slug_of(entry.title)[:_SLUG_LENGTH].strip("-") or "item"
    return f"{folder_of(source)}/{day[:4]}/{day}-{title}-{short_id(source, entry.key)}.md"


def seed_of(
    entry: Entry, source: Source, head: Document | None, *, first_seen: int, is_withdrawn: bool = False
) -> bytes:  # fmt: skip
    """Return the seed of an entry.

    Args:
        entry: with the text of its page as its content if `source.content` is `page`.
        source: where it comes from, and what the config says of that.
        head: the document it stood in, of which title, link, id and language count; None if that is not known.
        first_seen: its date in seconds since 1970, which never moves: that which it had when it was first seen.
        is_withdrawn: whether the source deleted it.
    """
    head = head or Document(format="")
    if not source.private:
        entry, head = _public(entry), msgspec.structs.replace(head, link=_public_address(head.link))
    body = entry.content if source.content in {"full", "page"} and _is_shown_whole(entry.content) else ""
    front = _front_matter(entry, source, head, first_seen, has_body=bool(body))
    if is_withdrawn:
        front = {"removed": True, **front}
    lines = "".join(_lines(front))
    return with_mark(f"{lines}---\n{body}")  # no line break that the content does not have


def _public(entry: Entry) -> Entry:
    """Return an entry without addresses that readers must not be led to: of their own machine or network, for one."""
    media = tuple(
        msgspec.structs.replace(
            one, transcript=_public_address(one.transcript), chapters=_public_address(one.chapters)
        )
        for one in entry.media if _public_address(one.url)
    )  # fmt: skip
    return msgspec.structs.replace(
        entry, link=_public_address(entry.link), image=_public_address(entry.image), media=media,
        content=html.without_addresses(entry.content, refusal_of_url),
        authors=tuple(msgspec.structs.replace(one, url=_public_address(one.url)) for one in entry.authors),
    )  # fmt: skip


def _public_address(url: str) -> str:
    return "" if refusal_of_url(url) else url


def with_mark(rest: str) -> bytes:
    """Return a seed file with the mark that shows what it was when it was written; `rest` is what comes after that."""
    data = rest.encode()
    return COLLECTED + digest(data) + b"\n" + data


def is_edited(data: bytes) -> bool:
    """Return whether a file is no longer what the collector wrote: a person changed it, so it is theirs."""
    found = _MARK.match(data)
    return found is None or found[1] != digest(data[found.end() :])


def withdrawn(data: bytes) -> bytes:
    """Return the bytes of a seed that the collector wrote as a seed that is removed."""
    found = _MARK.match(data)
    rest = data[found.end() :].decode() if found else data.decode().removeprefix("---\n")
    return data if rest.startswith("removed: true\n") else with_mark(f"removed: true\n{rest}")


def collected_of(path: str, data: bytes) -> Collected | None:
    """Return what a file of the folder of collected seeds says of its entry, or None if its name is not one of ours."""
    found = _NAME.fullmatch(path)
    if found is None:
        return None
    front = data.decode("utf-8", "replace").removeprefix("---\n").partition("\n---")[0]
    values = {key: _value(written) for key, written in reversed(_LINE.findall(front))}
    return Collected(
        path=path, short_id=found[2], date=found[1], title=values.get("title", ""), link=values.get("webUrl", ""),
        published=values.get("publishedDateTime", ""), is_removed=values.get("removed") == "true",
        is_edited=is_edited(data),
    )  # fmt: skip


def _value(written: str) -> str:
    try:
        value = json.loads(written)
    except ValueError:
        return written.strip()
    return value if isinstance(value, str) else written.strip()


def _is_shown_whole(content: str) -> bool:
    return content.count("<") + content.count("&") <= MOST_MARKS and len(content.encode()) <= _LONGEST_CONTENT


def _front_matter(
    entry: Entry, source: Source, head: Document, first_seen: int, *, has_body: bool
) -> dict[str, Any]:  # fmt: skip
    categories = list(map(_written, entry.categories))
    is_link = source.content == "link"
    excerpt = "" if is_link else _excerpt(entry, has_body=has_body)
    found = {
        "title": _written(entry.title), "publishedDateTime": utc_time(first_seen),
        "updatedDateTime": utc_time(entry.updated) if entry.updated and entry.updated > first_seen else "",
        "webUrl": link_of(entry, source, head), "id": id_of(source, entry.key), "excerpt": _written(excerpt),
        "topics": _once([*source.topics, *(categories if source.categories == "topics" else ())]),
        "tags": categories if source.categories == "tags" else [],
        "locale": entry.language or head.language, "quality": source.quality,
        "authors": [_without_blanks(name=_written(one.name), email=one.email, url=one.url) for one in entry.authors],
        "images": [{"url": entry.image}] if entry.image and not is_link else [],
        "media": [] if is_link else _media(entry),
        "provider": _provider(source, head), "source": _source(source, head), "markup": "html" if has_body else "",
    }  # fmt: skip
    return {key: value for key, value in found.items() if value not in (None, "", [], {})}


def _excerpt(entry: Entry, *, has_body: bool) -> str:
    """Return the summary of an entry; a seed without content has at least the first words of that."""
    if entry.summary or has_body:
        return entry.summary
    return html.cut(html.plain(entry.content), html.SUMMARY_LENGTH)


def link_of(entry: Entry, source: Source, head: Document | None) -> str:
    """Return the link of an entry; one that has none, or that of the whole site, has a place on the site's page.

    Two entries with one link would be one item.
    """
    # Of a private source, where the feed lies may be a secret, such as a token in its query: its host alone is said.
    url = urljoin(source.url, "/") if source.private else source.url
    home = (head.link if head else "") or html.address_of(url, "")
    if entry.link and entry.link.rstrip("/") not in {home.rstrip("/"), source.url.rstrip("/")}:
        return entry.link
    if not entry.link and entry.media:
        return entry.media[0].url
    return f"{(entry.link or home).partition('#')[0]}#{short_id(source, entry.key)}"


def _media(entry: Entry) -> list[dict[str, Any]]:
    found, length = list[dict[str, Any]](), 0
    for one in entry.media:
        length += len(one.url) + len(one.transcript) + len(one.chapters)
        if length > _LONGEST_ADDRESSES:
            break
        found.append(_without_blanks(
            url=one.url, type=one.type, bytes=one.size, seconds=one.seconds, title=_written(one.title),
            transcript=one.transcript, chapters=one.chapters,
        ))  # fmt: skip
    return found


def _provider(source: Source, head: Document) -> dict[str, Any]:
    name = source.name or head.title
    domain = _host(head.link) or ("" if source.private else _host(source.url))
    return _without_blanks(name=_written(name), domain=domain)


def _source(source: Source, head: Document) -> dict[str, Any]:
    # Where a private source lies is nobody's business.
    url = "" if source.private else html.address_of(source.url, "")
    return _without_blanks(url=url, title=_written(source.name or head.title), link=head.link, id=head.id)


def _host(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").removeprefix("www.")
    except ValueError:
        return ""


def _without_blanks(**values: Any) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value}


def _once(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))


def _written(text: str) -> str:
    """Return plain text as a reader of seeds understands it, who takes tags and entities for HTML."""
    return _AMBIGUOUS.sub(lambda sign: "&amp;" if sign[0] == "&" else "&lt;", text)


def _lines(front: Mapping[str, Any]) -> Iterable[str]:
    """Yield the lines of front matter in block style, which the fast parser reads."""
    for key, value in front.items():
        if isinstance(value, dict):
            yield f"{key}:\n" + "".join(f"  {name}: {scalar(one)}\n" for name, one in value.items())
        elif isinstance(value, list):
            yield f"{key}:\n" + "".join(map(_listed, value))
        else:
            yield f"{key}: {scalar(value)}\n"


def _listed(value: Any) -> str:
    if not isinstance(value, dict):
        return f"- {scalar(value)}\n"
    return "- " + "  ".join(f"{name}: {scalar(one)}\n" for name, one in value.items())

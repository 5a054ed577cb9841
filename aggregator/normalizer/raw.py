"""The keys of a seed as its author writes them: typed, but not yet clean. Pure."""

from __future__ import annotations

from typing import Annotated

import msgspec

Whole = Annotated[int, msgspec.Meta(gt=-(10**18), lt=10**18)]
"""An integer of at most 18 digits (see `scalars`), which fits into 64 bits."""


class RawImage(msgspec.Struct, rename="camel"):
    """A picture as written; its URL may be relative."""

    url: str | None = None
    width: Whole | None = None
    height: Whole | None = None
    title: str | None = None


class RawMedia(msgspec.Struct, rename="camel"):
    """A file of an item as written; its URLs may be relative. `length` is another word for `bytes`."""

    url: str | None = None
    type: str | None = None
    bytes: Whole | None = None
    length: Whole | None = None
    seconds: Whole | None = None
    title: str | None = None
    transcript: str | None = None
    chapters: str | None = None


class RawPerson(msgspec.Struct, rename="camel"):
    """An author as written."""

    name: str | None = None
    email: str | None = None
    url: str | None = None


class RawSource(msgspec.Struct, rename="camel"):
    """The feed that an item was collected from, as written: its URL, title, page and id."""

    url: str | None = None
    title: str | None = None
    link: str | None = None
    id: str | None = None


class RawProvider(msgspec.Struct, rename="camel"):
    """The source as written."""

    name: str | None = None
    domain: str | None = None
    images: tuple[RawImage, ...] | None = None


class RawRelated(msgspec.Struct, rename="camel"):
    """The same story elsewhere, as written."""

    title: str | None = None
    excerpt: str | None = None
    published_date_time: str | None = None
    web_url: str | None = None
    original_url: str | None = None
    amp_web_url: str | None = None
    cdn_amp_web_url: str | None = None
    type: str | None = None
    quality: Whole | None = None
    provider: RawProvider | None = None
    images: tuple[RawImage, ...] | None = None


class RawSeed(RawRelated, rename="camel"):
    """A seed's front matter as written. No key is required here, so that all missing ones are reported at once."""

    updated_date_time: str | None = None
    published: bool | None = None
    removed: bool | None = None
    deleted: bool | None = None
    expires: str | None = None
    heat: Whole | None = None
    topics: tuple[str, ...] | None = None
    tags: tuple[str, ...] | None = None
    category: str | None = None
    locale: str | None = None
    author: str | None = None
    authors: tuple[RawPerson, ...] | None = None
    source: RawSource | None = None
    featured_content: str | None = None
    media: tuple[RawMedia, ...] | None = None
    enclosure: RawMedia | None = None
    related: tuple[RawRelated, ...] | None = None
    id: str | None = None
    markup: str | None = None
    not_story: tuple[str, ...] | None = msgspec.field(default=None, name="not_story")
    story: str | None = None


KEYS = frozenset(RawSeed.__struct_encode_fields__) | {"secured"}
"""The known keys at the top of a seed. The value of `secured` is private and is not read."""

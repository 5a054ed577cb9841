"""Values of metadata as what a seed needs: any value in; text, names or pictures out, and what is wrong with it. Pure.

No value of an optional key refuses an item: it is read as far as it can be, and a note says what is left out.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from aggregator.normalizer.raw import RawImage, RawPerson

_ADDRESS_KEYS = ("src", "url", "path", "image", "href", "file", "filename", "source", "name")
_TITLE_KEYS = ("alt", "title", "caption")
_NAME_KEYS = ("name", "label", "title", "id")

FIRST_OF_LIST = "is a list where one text is wanted, so its first counts"
NO_TEXT = "is a mapping where text is wanted, so it is left out"
NO_NAME = "holds something that is no name, which is left out"
NO_PICTURE = "names no picture, so it is left out"
IN_SOURCES = "is a picture in the program's sources, whose address only that program knows, so it is left out"


class Read(NamedTuple):
    """What was read, "" or () if nothing, and what is wrong, "" if nothing is."""

    value: Any
    note: str = ""


def one_text(value: Any) -> Read:
    """Return `value` as one text."""
    if isinstance(value, str):
        return Read(value.strip())
    if isinstance(value, bool):
        return Read("true" if value else "false")
    if isinstance(value, int | float):
        return Read(str(value))
    if isinstance(value, list):
        first = next((read.value for one in value if (read := one_text(one)).value), "")
        return Read(first, FIRST_OF_LIST if len(value) > 1 else "")
    return Read("", NO_TEXT if value else "")


def names(value: Any, separators: str) -> Read:
    """Return `value` as names; one text is one name, or several between the first of `separators` that it holds."""
    if isinstance(value, list):
        for one in value:
            if type(one) is not str or not one or one[0] in "#[ ":
                break
        else:  # most lists
            return Read(tuple(value))
        found = [_name(one) for one in value]
        return Read(tuple(name for name in found if name), NO_NAME if None in found else "")
    if isinstance(value, str) and separators:
        mark = next((one for one in separators if one in value), "\n")
        parts = value.split() if separators == " " else re.split(f"[{mark}\n]", value)
        return Read(tuple(name for part in parts if (name := part.strip().lstrip("#"))))
    name = _name(value)
    return Read((name,) if name else (), NO_NAME if name is None else "")


def _name(value: Any) -> str | None:
    """Return a name, "" if there is nothing, None if it is no name."""
    if isinstance(value, dict):
        return next((name for key in _NAME_KEYS if isinstance(name := value.get(key), str) and name.strip()), None)
    if isinstance(value, list):
        return None
    text = "" if value is None else str(one_text(value).value)
    if text.startswith("[[") and text.endswith("]]"):
        return text[2:-2].rpartition("|")[2]  # a link to the page of that name
    return text.lstrip("#") if text[:1] == "#" and len(text) > 1 else text


def people(value: Any, separators: str) -> Read:
    """Return `value` as people: each with a name, and with an address and a page where it is a mapping that says so."""
    if isinstance(value, dict) or (isinstance(value, list) and any(isinstance(one, dict) for one in value)):
        each = [_person(one) for one in (value if isinstance(value, list) else [value])]
        return Read(tuple(one for one in each if one is not None), NO_NAME if None in each else "")
    found = names(value, separators)
    return Read(tuple(RawPerson(name=name) for name in found.value), found.note)


def _person(value: Any) -> RawPerson | None:
    name = _name(value)
    if not name:
        return None
    given = value if isinstance(value, dict) else {}
    texts = {key: text for key in ("email", "url") if isinstance(text := given.get(key), str) and text.strip()}
    return RawPerson(name=name, **texts)


def pictures(value: Any, imported: tuple[str, ...] = ()) -> Read:
    """Return `value`, an address, a mapping with one or a list of these, as pictures.

    Addresses that begin with one of `imported` lie in the sources of the program.
    """
    several = value if isinstance(value, list) else [value]
    found, note = [], ""
    for one in several:
        picture = _picture(one)
        if picture is None:
            note = note or ("" if _is_empty(one) else NO_PICTURE)
        elif imported and str(picture.url).startswith(imported):
            note = IN_SOURCES
        else:
            found.append(picture)
    return Read(tuple(found), note)


def _is_empty(value: Any) -> bool:
    if isinstance(value, dict):
        return not any(value.get(key) for key in _ADDRESS_KEYS)
    return value is None or value is False or value in ("", [])


def _picture(value: Any) -> RawImage | None:
    if isinstance(value, str):
        return RawImage(url=value.strip()) if value.strip() else None
    if not isinstance(value, dict):
        return None
    address = next((text for key in _ADDRESS_KEYS if isinstance(text := value.get(key), str) and text.strip()), "")
    if not address:
        return None
    title = next((text for key in _TITLE_KEYS if isinstance(text := value.get(key), str) and text.strip()), None)
    return RawImage(
        url=address.strip(), width=_pixels(value.get("width")), height=_pixels(value.get("height")), title=title
    )


def _pixels(value: Any) -> int | None:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 6:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 100_000 else None

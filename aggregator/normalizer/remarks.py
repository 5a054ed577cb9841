"""What is wrong with a field of a seed. Pure."""

from __future__ import annotations

from typing import NamedTuple

Field = tuple[str | int, ...]
"""The keys and indexes that lead to a value in the front matter: `("related", 0, "title")`."""


NO_DATE = "is missing, so this is taken for a page, not for a post"
"""What is said of the date of a file of another program that has none."""


class Remark(NamedTuple):
    """What is wrong with a field; without `warning` it is an error and there is no seed."""

    field: Field
    message: str
    hint: str = ""
    warning: bool = False

"""What readers see of ids that cannot be shown as they are: no URI, or what they see of another item already (G8).

Reads the index. Which form is given does not depend on the order in which the seeds of a turn come: an id that is a URI
comes first, and what readers have seen stays.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from aggregator.index.index import Index
from aggregator.normalizer import identity

SCHEME = "tag:"
"""How the forms begin that are made here."""


def needs_form(id: str) -> bool:  # noqa: A002 - the field's own name
    """Return whether an id may need another form in feeds."""
    return not identity.is_uri(id) or id.startswith(SCHEME)


def new_forms(index: Index, shown: Mapping[str, int], host: str) -> list[tuple[str, str]]:
    """Return the ids that feeds show now for the first time and that need another form, each with this.

    `shown` are ids with the dates (seconds since 1970) of their items, `host` is that of the site.
    """
    known = index.stories.public_ids(sorted(shown))
    new = sorted(shown.keys() - known.keys())
    found: dict[str, str] = {}

    def is_taken(form: str) -> bool:
        is_chosen = bool(index.stories.by_key([identity.id_number(form)]))
        return is_chosen or form in found.values() or bool(index.stories.public_ids([form], of="id"))

    forms = set(index.stories.public_ids(list(filter(identity.is_uri, new)), of="id").values())
    for id in new:  # noqa: A001
        if not identity.is_uri(id) or id in forms:
            found[id] = _free_form(id, datetime.fromtimestamp(shown[id], UTC).year, host, is_taken)
    return list(found.items())


def _free_form(id: str, year: int, host: str, is_taken: Callable[[str], bool]) -> str:  # noqa: A002
    form = identity.public_id(id, host, year)
    number = 1
    while is_taken(form):
        number += 1
        form = identity.public_id(f"{id}~{number}", host, year)
    return form

"""One file of another program's folder, read to a `Seed` or a `Rejection`, with warnings, by the dialect's table. Pure.

As for our own seeds, the fast parser reads nearly every file; positions are looked for only if something is wrong.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple
from urllib.parse import unquote
from zoneinfo import ZoneInfo

import msgspec

from aggregator.model.items import Seed
from aggregator.model.reports import Problem
from aggregator.model.seed_roots import NATIVE, FirstCommit, SeedRoot
from aggregator.normalizer import front_matter, held_back, links, text
from aggregator.normalizer.cleaning import MAX_NAMES, clean
from aggregator.normalizer.dialects import addresses, bodies, dates, forms, values
from aggregator.normalizer.dialects.forms import Parts
from aggregator.normalizer.dialects.plans import OPPOSITE, KeyPath, Plan, plan_of, shape_of
from aggregator.normalizer.dialects.sections import HeldFolder
from aggregator.normalizer.raw import RawImage, RawPerson, RawSeed
from aggregator.normalizer.remarks import NO_DATE, Remark
from aggregator.normalizer.seed import Reading, accepted, markup_warning, rejected, stripped_warning

_RARE = frozenset({"locale", "type", "category", "id", "quality", "heat"})
_NOTHING: tuple[Any, ...] = ("", [], {})
_NESTED = (dict, list)
_WORDS_FOR = {"heading": "first heading", "page": "page's title"}
_DRAFT_DATE = "1970-01-01"
"""The date of a draft without one; it is never shown."""

_CONTENTS, _END_OF_CONTENTS = "<!-- START doctoc", "<!-- END doctoc"
_UNDERLINED = re.compile(r"[^\s#>*+|`~<-][^\n]*\n=+[ \t]*(?:\n|$)")
_HTML_HEADING = re.compile(r"<h1\b[^<>]*>(.*?)</h1\s*>", re.DOTALL | re.IGNORECASE)
_HTML_TITLE = re.compile(r"<title\b[^<>]*>(.*?)</title\s*>", re.DOTALL | re.IGNORECASE)
_HTML_BODY = re.compile(r"<body\b[^<>]*>", re.IGNORECASE)
_HTML_BODY_END = re.compile(r"</body\s*>", re.IGNORECASE)
_MARKDOWN_LINK = re.compile(r"!?\[([^\[\]]*)\](?:\([^()]*\)|\[[^\[\]]*\])")
_MARKDOWN_MARKS = re.compile(r"(?<!\w)(\*\*|__|\*|_|`+)(\S(?:.*?\S)?)\1(?!\w)")
_ATTRIBUTES = re.compile(r"[ \t]*\{[:#.][^{}]*\}[ \t]*$")
_ENDING = re.compile(r"\.(?:mdx?|markdown|mdown|mkdn?|html?)$")
_ASSET = re.compile(
    r"\.(?:avif|bmp|gif|jpe?g|png|svg|webp|mp[34]|m4[av]|webm|og[agv]|flac|wav|pdf|zip|csv|txt)$", re.IGNORECASE
)
_STEPS_UP = (1, 2, 3, 4, 0)
"""How far above a root the folder of all content may be, in the order in which that is tried.

Keep in sync with `seed_roots.manner_of`.
"""

_WHOLE = re.compile(r"[+-]?[0-9]{1,18}", re.ASCII)
_DATE_HINT = "write 2026-11-23T10:00:00Z, or 2026-11-23"
_OPTIONAL = {
    "updatedDateTime": "updated_date_time", "id": "id", "topics": "topics", "tags": "tags", "excerpt": "excerpt",
}  # fmt: skip
_FIELD_OF = {
    "title": "title", "webUrl": "address", "originalUrl": "address", "publishedDateTime": "published",
    "updatedDateTime": "updated", "expires": "expires", "excerpt": "excerpt", "topics": "topics", "tags": "tags",
    "author": "authors", "authors": "authors", "images": "images", "locale": "locale", "type": "type", "id": "id",
}  # fmt: skip
_SEED_FIELD = {field: key for key, field in _FIELD_OF.items() if key not in {"originalUrl", "authors"}} | {
    "elsewhere": "originalUrl"
}


class _InexactError(Exception):
    """The fast parser made a number of what should be text; its exact spelling is needed."""


class _Context(NamedTuple):
    """The parameters of `read` beside the bytes."""

    path: str
    root: SeedRoot
    zone: str
    site: str
    first_commit: FirstCommit | None
    roots: Sequence[SeedRoot]
    held_folder: HeldFolder | None = None


def read(
    data: bytes,
    *,
    path: str,
    root: SeedRoot,
    zone: str,
    site: str,
    first_commit: FirstCommit | None = None,
    roots: Sequence[SeedRoot] = (),
    held_folder: HeldFolder | None = None,
    own_pages: str = "",
) -> Reading:
    """Return the reading of the file `path` (with the root's prefix) in the dialect of `root`.

    `site` is the URL of the site, the base of a root that has none of its own. Dates without an offset are those of
    `zone` (an IANA name) unless the dialect says otherwise. `first_commit` is asked only if nothing else gives a date.
    `roots` are all roots of the site: a reference to a file may lead into another one. `held_folder` is the file of a
    folder above that holds back what is below. `own_pages` is the URL of the site on which a seed of our own dialect
    without a link gets a page, "" if it gets none.
    """
    if root.dialect == NATIVE:
        from aggregator.normalizer.dialects import further_keys  # noqa: PLC0415 - it is rarely needed

        return further_keys.read(data, path=path, root=root, zone=zone, site=site, own_pages=own_pages)
    item = _opened(data, _Context(path, root, zone, site, first_commit, roots, held_folder))
    return item.reading(data) if isinstance(item, _Item) else item


def origins(
    data: bytes, *, path: str, root: SeedRoot, zone: str, site: str, first_commit: FirstCommit | None = None
) -> tuple[tuple[str, str], ...]:
    """Return where the values of a file came from: pairs of a seed's key and the key, or words, in the file.

    It is empty for what cannot be read. The parameters are those of `read`.
    """
    if root.dialect == NATIVE:
        return ()
    item = _opened(data, _Context(path, root, zone, site, first_commit, ()))
    return item.origins() if isinstance(item, _Item) else ()


def _opened(data: bytes, context: _Context) -> _Item | Reading:
    path, plan = context.path, plan_of(context.root, context.site)
    parts = forms.split(data, plan.dialect.forms, path)
    if isinstance(parts, front_matter.Fault):
        problem = Problem(path=path, line=parts.line, column=parts.column, message=parts.message, hint=parts.hint)
        return rejected(path, (problem,), data, withdrawn=parts.withdrawn)
    fast = forms.fast_values(parts)
    if fast is not None:
        item = _Item(plan, parts, fast, context, exact=False)
        try:
            item.gather()
        except _InexactError:
            pass
        else:
            return item
    found = forms.values(parts, plan.dialect.forms, path)
    if isinstance(found, tuple):
        return rejected(path, found, data)
    item = _Item(plan, parts, found, context, exact=True)
    item.gather()
    return item


class _Item:
    """A file that is being read: its metadata, what was found in it, where, and what is wrong with it."""

    def __init__(self, plan: Plan, parts: Parts, found: dict[str, Any], context: _Context, *, exact: bool) -> None:
        self._plan, self._dialect, self._parts, self._path = plan, plan.dialect, parts, context.path
        self._below = below = context.path[len(context.root.prefix) :]
        self._values = self._given = found
        if plan.dialect.any_case and not "".join(found).islower():
            self._values = {key.lower(): value for key, value in found.items()}
        self._zone = plan.dialect.days_in or context.zone
        self._first_commit, self._exact, self._held_folder = context.first_commit, exact, context.held_folder
        self._root, self._roots, self._site = context.root, context.roots, context.site
        self._folder, self._stem = context.root.folder.rstrip("/"), addresses.stem_of(below)
        # Where a value came from: the keys that lead to it, or words such as "the file name".
        self._origins: dict[str, KeyPath | str] = {}
        self._remarks: list[tuple[KeyPath, Remark]] = []
        self._is_html = below.endswith((".html", ".htm"))
        self._body = parts.body
        self._present, self._doubtful = shape_of(plan, tuple(found))
        self._is_held = self._says_held = False
        self._undated: Remark | None = None
        self._raw = RawSeed()
        self._page = ""

    # The result

    def gather(self) -> None:
        """Read the values.

        Raises:
            _InexactError: if the fast parser's values are not exact enough.
        """
        raw = self._raw
        if len(self._given) > len(self._values):
            self._refuse_repeated()
        self._is_held = self._held()
        raw.published = not self._is_held
        self._take_body()
        raw.title = self._title()
        raw.published_date_time = self._published()
        raw.updated_date_time = self._date("updated") or None
        raw.expires = self._expires() or None
        self._doubt()
        raw.topics = self._topics()
        raw.tags = self._names("tags")
        raw.web_url = self._link(raw.topics)
        raw.excerpt = self._text("excerpt") or None
        self._take_authors()
        raw.images = self._pictures()
        if not _RARE.isdisjoint(self._present):
            raw.locale, raw.type = self._text("locale") or None, self._text("type") or None
            raw.category, raw.id = self._text("category") or None, self._text("id") or None
            raw.quality, raw.heat = self._number("quality"), self._number("heat")

    def origins(self) -> tuple[tuple[str, str], ...]:
        """Return pairs of a seed's key and where its value came from."""
        return tuple(
            (_SEED_FIELD.get(field, field), origin if isinstance(origin, str) else self._as_written(origin))
            for field, origin in self._origins.items()
        )

    def reading(self, data: bytes) -> Reading:
        """Return the seed, or the rejection, with the positions of what is wrong."""
        seed = self._seed()
        if seed is None:
            problems = sorted(self._located(*one) for one in self._remarks if not one[1].warning)
            if self._undated is not None and not problems:
                problems = [self._located((), self._undated)]
            return rejected(self._path, problems, data, withdrawn=self._says_held)
        if (
            not self._remarks
            and self._parts.stripped is None
            and not text.is_overmarked(seed.body, is_html=self._is_html)
        ):
            return Reading(seed)
        warnings = [self._located(*one) for one in self._remarks]
        stripped = stripped_warning(self._parts.stripped, self._path)
        marks = markup_warning(seed, self._parts.body_line, self._path)
        return accepted(seed, [*stripped, *sorted(warnings), *marks], (), self._path)

    def _seed(self) -> Seed | None:
        raw = self._raw
        if self._undated is not None or self._has_errors():
            return None
        seed, remarks = clean(raw, self._translated(), self._below, self._zone, base=self._page)
        if seed is None and self._left_out(remarks):
            seed, remarks = clean(raw, self._translated(), self._below, self._zone, base=self._page)
        for remark in remarks:
            field = _FIELD_OF.get(str(remark.field[0]), "")
            self._remarks.append((self._key_of(field), remark))
        if seed is None:
            return None
        further = self._further(seed)
        return msgspec.structs.replace(seed, **further) if further else seed

    def _further(self, seed: Seed) -> dict[str, Any]:
        """Return what our own seeds cannot say: the base of a page elsewhere, former addresses, the markup."""
        found: dict[str, Any] = {}
        if self._page and self._page != seed.link and (page := links.canonical(self._page)) != seed.link:
            found["base"] = page
        if aliases := self._aliases(seed):
            found["aliases"] = aliases
        if self._is_html:
            found["markup"] = "html"
        if self._is_held and (held_by := self._held_by()):
            found["held_by"] = held_by
        return found

    def _left_out(self, remarks: Sequence[Remark]) -> bool:
        """Leave out the optional values that are errors; return whether nothing else is wrong."""
        wrong = [one for one in remarks if not one.warning]
        day = dates.in_path(self._stem).day
        if day and str(self._raw.published_date_time).startswith(day) and wrong[0].field == ("publishedDateTime",):
            # What is wrong is the time of the day, and the path has the same day.
            self._raw.published_date_time = day
            self._warn("published", f"{wrong.pop(0).message}, so the day in the path counts", _DATE_HINT)
        if not all(one.field[0] in _OPTIONAL for one in wrong):
            return False
        for one in wrong:
            field = str(one.field[0])
            setattr(self._raw, _OPTIONAL[field], None)
            self._warn(_FIELD_OF[field], f"{one.message}, so it is left out", one.hint)
        return True

    def _has_errors(self) -> bool:
        return any(not remark.warning for _, remark in self._remarks)

    def _key_of(self, field: str) -> KeyPath:
        origin = self._origins.get(field, ())
        return () if isinstance(origin, str) else origin

    def _located(self, key: KeyPath, remark: Remark) -> Problem:
        line, column = forms.position(self._parts, key)
        name = self._as_written(key) or str(remark.field[0])
        for step in remark.field[1:]:
            name += f"[{step}]" if isinstance(step, int) else ""
        if remark.field[0] == "body":
            line, column, name = int(remark.field[1]), 1, "body"
        return Problem(
            path=self._path, line=line, column=column, message=f"{name}: {remark.message}", hint=remark.hint,
            warning=remark.warning,
        )  # fmt: skip

    def _warn(self, field: str, message: str, hint: str = "") -> None:
        self._remarks.append(
            (self._key_of(field), Remark((_SEED_FIELD.get(field, field),), message, hint, warning=True))
        )

    def _refuse(self, key: KeyPath, field: str, message: str, hint: str) -> None:
        self._remarks.append((key, Remark((field,), message, hint)))

    # Finding values

    def _as_written(self, path: KeyPath) -> str:
        """Return the keys that lead to a value as the file spells them, with dots between them."""
        if not self._dialect.any_case:
            return ".".join(path)
        found, value = [], self._given
        for step in path:
            inner = value if isinstance(value, dict) else {}
            found.append(next((key for key in inner if key == step or key.lower() == step), step))
            value = inner.get(found[-1], {})
        return ".".join(found)

    def _find(self, field: str) -> Any:
        """Return the value of the first key of a field that holds something, None if none does."""
        for path in self._present.get(field, ()):
            value = self._at(path)
            if value is not None and value not in _NOTHING:
                self._origins[field] = path
                return value
        return None

    def _at(self, path: KeyPath) -> Any:
        value = self._values.get(path[0])
        if value is None or len(path) == 1:
            return value
        for step in path[1:]:
            if not isinstance(value, dict):
                return None
            inner = value.get(step)
            if inner is None and self._dialect.any_case:
                inner = next((one for key, one in value.items() if key.lower() == step), None)
            value = inner
        return value

    def _text(self, field: str) -> str:
        if field not in self._present or (value := self._find(field)) is None:
            return ""
        if type(value) is str:
            return value.strip()
        self._check_exact(value)
        found = values.one_text(value)
        if found.note:
            self._warn(field, found.note)
        return str(found.value)

    def _number(self, field: str) -> int | None:
        value = self._find(field)
        if value is None:
            return None
        word = str(values.one_text(value).value)
        if not _WHOLE.fullmatch(word):
            self._warn(field, "is no whole number, so it is left out")
            return None
        return int(word)

    def _check_exact(self, value: Any) -> None:
        """Raise `_InexactError` if the fast parser may have lost how a text is spelled: `1.10`, `0x10`, `yes`."""
        if self._exact or type(value) is str:
            return
        if isinstance(value, list):
            for one in value:
                if type(one) is not str:
                    self._check_exact(one)
        elif value is not None and not isinstance(value, dict):
            raise _InexactError

    def _separators(self, field: str) -> str:
        """Return what parts the names in a text: only a key in the plural holds several."""
        key = self._key_of(field)
        return self._dialect.separators if key and key[-1].endswith("s") else ""

    # State

    def _held(self) -> bool:
        """Return whether the file says that it is not to be published; refuse what is not understood."""
        held = bool(self._dialect.held_folders) and not set(self._dialect.held_folders).isdisjoint(
            self._below.split("/")[:-1]
        )
        for path in self._present.get("held_if_true", ()):
            value = self._at(path)
            if value is not None and not held_back.is_blank(value):
                held |= self._is_opposite(path) or self._is_on(path, value)
        for path in self._present.get("shown_if_false", ()):
            value = self._at(path)
            if value is not None and not held_back.is_blank(value):
                held |= self._is_opposite(path) or self._is_off(path, value)
        for path, words in self._plan.states if "states" in self._present else ():
            value = self._at(path)
            if value is not None:
                held |= self._is_in_state(path, value, words)
        return held or self._is_below_held_folder() or self._kept_from_feeds() != ""

    def _is_below_held_folder(self) -> bool:
        """Return whether a folder above is held back, and the file does not answer that itself."""
        if self._held_folder is None:
            return False
        keys = self._held_folder.keys
        return not self._held_folder.is_default or held_back.is_blank(
            self._at(tuple(map(str.lower, keys)) if self._dialect.any_case else keys)
        )

    def _kept_from_feeds(self) -> str:
        """Return the key, of a theme or another program, that says that the post is in no feed, "" if none does."""
        found = (key for key in self._doubtful if held_back.is_kept_from_feeds(key, self._given[key]))
        return next(found, "")

    def _refuse_repeated(self) -> None:
        """Refuse keys that differ in case only: which of the two is meant is not known."""
        seen: set[str] = set()
        for key in self._given:
            if key.lower() in seen:
                self._refuse((key,), key, "is repeated in another case", "keep one of them")
            seen.add(key.lower())

    def _is_opposite(self, path: KeyPath) -> bool:
        """Return whether the config takes a switch for its opposite, which is an error."""
        hint = self._plan.opposite.get(path, "") if self._plan.opposite else ""
        if hint:
            self._says_held = True
            self._refuse(path, "published", OPPOSITE, hint)
        return hint != ""

    def _is_on(self, path: KeyPath, value: Any) -> bool:
        truth = held_back.boolean(value)
        if truth is None and not held_back.is_held_state(value):
            self._not_understood(path, "write `true` or `false`")
        return truth is not False

    def _is_off(self, path: KeyPath, value: Any) -> bool:
        truth = held_back.boolean(value)
        if truth is not None or held_back.is_held_state(value):
            return truth is not True
        if path not in self._plan.fields["address"] and not (isinstance(value, str) and dates.is_day(value)):
            self._not_understood(path, "write `true` or `false`")
        return False

    def _is_in_state(self, path: KeyPath, value: Any, words: tuple[str, ...]) -> bool:
        word = str(values.one_text(value).value).casefold()
        is_shown = word in self._dialect.shown_states or held_back.is_shown_state(value)
        if word not in words and not is_shown:
            self._not_understood(path, f"write one of {', '.join(words)}")
        return word in words

    def _not_understood(self, path: KeyPath, hint: str) -> None:
        self._says_held = True
        message = "may hold this back, but its value is not understood, so it is not published"
        self._refuse(path, "published", message, hint)

    def _doubt(self) -> None:
        """Refuse the file if an unknown key may mean that it is not to be published."""
        if self._is_held:
            return
        for path in self._present.get("shown_if_false", ()):
            value = self._at(path)
            if isinstance(value, str) and dates.is_day(value) and not self._is_started(path, value):
                self._not_understood(path, "write `true` or `false`, or the date of the post")
        in_doubt = {key: self._given[key] for key in self._doubtful}
        in_doubt |= {key: one for key, one in self._given.items() if type(one) in _NESTED}
        any_case = self._dialect.any_case
        for doubt in held_back.doubts(in_doubt, self._known(), any_case=any_case) if in_doubt else ():
            if self._is_answered(doubt):
                continue
            self._says_held = True
            self._refuse(doubt.keys, "published", doubt.message, self._ways_out(doubt))

    def _known(self) -> frozenset[str]:
        """Return the keys that are not in doubt: of switches only those that were found, not what lies in a list."""
        switches = (*self._plan.held_if_true, *self._plan.shown_if_false)
        return self._plan.known - {".".join(path) for path in switches if len(path) > 1 and self._at(path) is None}

    def _ways_out(self, doubt: held_back.Doubt) -> str:
        """Return what to write that settles a doubt: in the file, or in the config for all files with that key."""
        own = self._dialect.held_if_true[0] if self._dialect.held_if_true else "draft"
        name = ".".join(doubt.keys)
        is_found = self._at(tuple(map(str.lower, doubt.keys)) if self._dialect.any_case else doubt.keys) is not None
        answer = held_back.holding_answer(doubt.keys[-1]) if is_found and not doubt.kind else None
        way = "" if answer is None else f", or `keys: {{{'draft' if answer else 'published'}: [{name}]}}` in the config"
        return (
            f"write `{own}: true` to hold it back{way}; if `{name}` means something else, name it in the"
            f" config: `keys: {{ignored: [{name}]}}`"
        )

    def _is_answered(self, doubt: held_back.Doubt) -> bool:
        """Return whether the dates that are understood make a doubt about when the item is shown groundless."""
        keys = tuple(map(str.lower, doubt.keys)) if self._dialect.any_case else doubt.keys
        if doubt.kind == "starts":
            return self._is_started(keys, doubt.date)
        if doubt.kind == "":
            return False
        if keys in self._plan.fields["expires"]:
            return True  # it has been read
        ends = self._moment(dates.day_of_period(doubt.date, is_over=False))
        own = self._moment(self._raw.expires or "")
        return ends is not None and own is not None and own <= ends

    def _is_started(self, keys: KeyPath, date: str) -> bool:
        """Return whether the item is not shown before a date that a key says; a later time of its day is taken over."""
        if keys == self._origins.get("published"):
            return True
        date = dates.day_of_period(date, is_over=True)
        starts, own = self._moment(date), self._moment(self._raw.published_date_time or "")
        if starts is None or own is None:
            return False
        zone = ZoneInfo(self._zone)
        if starts > own and datetime.fromtimestamp(starts, zone).date() == datetime.fromtimestamp(own, zone).date():
            self._raw.published_date_time = self._readable(date)
            self._origins["published"] = keys
            return True
        return starts <= own

    def _held_by(self) -> str:
        """Return the folder or key that holds the file back, "" if it is `published: false`, as in our own seeds."""
        for folder in self._below.split("/")[:-1]:
            if folder in self._dialect.held_folders:
                return f"{folder}/"
        named: list[tuple[KeyPath, Callable[..., bool]]] = [
            *((path, self._is_on) for path in self._present.get("held_if_true", ())),
            *((path, self._is_off) for path in self._present.get("shown_if_false", ())),
            *((path, partial(self._is_in_state, words=words)) for path, words in self._plan.states),
        ]
        for path, holds in named:
            value = self._at(path)
            if value is not None and not held_back.is_blank(value) and holds(path, value):
                return "" if path == ("published",) else self._as_written(path)
        return self._held_folder.path if self._is_below_held_folder() and self._held_folder else self._kept_from_feeds()

    # Title and body

    def _take_body(self) -> None:
        if self._parts.form == "file":
            value = self._find("body")
            self._body = value if isinstance(value, str) else ""
            self._is_html = ".".join(self._key_of("body")).endswith("html")
        elif self._is_html:
            self._body = _body_of_page(self._body)

    def _title(self) -> str:
        title = self._text("title")
        if title and not text.is_blank(title):
            return title
        for source in self._dialect.title_from:
            title = self._heading() if source == "heading" else self._name(source)
            if title and not text.is_blank(title):
                self._origins["title"] = f"the {_WORDS_FOR.get(source, 'file name')}"
                return title
        self._origins["title"] = "the path"
        return self._stem or self._below

    def _heading(self) -> str:
        """Return the heading with which the body begins, which then leaves the body; "" if it begins with none."""
        if self._is_html:
            found = _HTML_HEADING.search(self._body[:5_000])
            if found is None:
                return self._title_of_page()
            self._body = self._body[: found.start()] + self._body[found.end() :]
            return found[1]
        words, end = _first_heading(self._body[:16_384])
        self._body = self._body[end:]
        words = _ATTRIBUTES.sub("", words)
        return _MARKDOWN_MARKS.sub(r"\2", _MARKDOWN_LINK.sub(r"\1", words))

    def _title_of_page(self) -> str:
        found = _HTML_TITLE.search(self._parts.body[:5_000]) if self._is_html else None
        return found[1] if found else ""

    def _name(self, source: str) -> str:
        """Return the file's name as a title: as it is, as words, or as words with capitals; or the title of a page."""
        if source == "page":
            return self._title_of_page()
        if source == "file":
            return self._stem.rpartition("/")[2]
        name = dates.in_path(self._stem).rest
        if source == "capitals":
            return " ".join(word.capitalize() for word in name.split("-"))
        words = name.replace("_", " ") if " " in name else re.sub(r"[-_]+", " ", name)
        return words[:1].upper() + words[1:]

    def _translated(self) -> str:
        """Return the body as plain Markdown, or HTML; a note for what of it is lost."""
        if not self._body or not self._dialect.constructs:
            return self._body
        below = self._plan.base[len(self._plan.origin) :].rstrip("/")
        # Jekyll's `page.url` is below `site.baseurl`, also if the title of the post leads elsewhere.
        page = self._page.removeprefix(self._plan.origin + below)
        values_of_liquid = {
            "page.title": self._raw.title or "", "page.url": page, "site.url": self._plan.origin, "site.baseurl": below,
        }  # fmt: skip
        separator = self._values.get("excerpt_separator") if "liquid" in self._dialect.constructs else None
        made = bodies.translate(
            self._body, constructs=self._dialect.constructs, markup="html" if self._is_html else "markdown",
            values=values_of_liquid, path=self._path_for_links(), page=self._address_of_file,
            separator=separator if isinstance(separator, str) else "",
        )  # fmt: skip
        before = self._parts.body_line + self._parts.body.count("\n") - self._body.count("\n")
        for note in made.notes:
            at = before + note.line - 1
            self._remarks.append(((), Remark(("body", at), note.message, note.hint, warning=True)))
        return made.text

    def _path_for_links(self) -> str:
        """Return the path against which links to files resolve.

        The posts of MkDocs lie in a folder `posts` below that of the blog, and link to files anywhere in the docs: if
        the root is that folder, the path is that from the docs.
        """
        if not self._dated_pages() or self._folder.rpartition("/")[2] != "posts":
            return self._below
        pattern = self._plan.link or self._dated_pages()
        return f"{pattern.partition('{')[0].strip('/')}/posts/{self._below}".lstrip("/")

    def _dated_pages(self) -> str:
        """Return the pattern that only pages with a date have, as the posts of MkDocs, "" if there is none."""
        return next((pattern for condition, pattern in self._dialect.link_if if condition == "date"), "")

    def _address_of_file(self, path: str, is_from_root: bool) -> str | None:
        """Return the address of another file, None if it is a page and its path alone does not tell it."""
        path = unquote(path)
        if _ASSET.search(path):
            if path.startswith("../"):
                return None
            return addresses.joined(self._plan.base, addresses.slugged(path, self._dialect.slugs))
        if self._dated_pages():
            folder, own = path.rpartition("/")[0], self._path_for_links().rpartition("/")[0]
            if "posts" in folder.split("/") or (folder == own and self._key_of("published")):
                return None
        found = self._root_of_file(path, is_from_root=is_from_root)
        return _address_of_page(*found) if found else None

    def _root_of_file(self, path: str, *, is_from_root: bool) -> tuple[Plan, str] | None:
        """Return the plan of the root in which a referenced file lies, and its path below that; None if in none.

        A relative reference may lead into another root. One from the root begins at the folder of all content, of which
        this root may be a part, however deep.
        """
        from_here = path
        if above := self._path_for_links().removesuffix(self._below):
            steps = "../" * above.count("/")
            from_here = path.removeprefix(above) if path.startswith(above) else f"{steps}{path}"
        for steps_up in _STEPS_UP if is_from_root and from_here == path else (0,):
            if found := self._file_in_root(f"{'../' * steps_up}{from_here}"):
                return found
        return None if path.startswith("../") else (self._plan, path)

    def _file_in_root(self, path: str) -> tuple[Plan, str] | None:
        """Return what `_root_of_file` returns for a path from the folder of this root, which may lead out of it."""
        rest, folders = path, self._folder.split("/")
        while rest.startswith("../") and folders:
            rest, folders = rest[3:], folders[:-1]
        full = "/".join((*folders, rest))
        roots = [root for root in (*self._roots, self._root) if full.startswith(f"{root.folder.rstrip('/')}/")]
        roots = [root for root in roots if root.dialect == self._root.dialect]
        if not roots or (not path.startswith("../") and len(roots) == 1 and roots[0] is self._root):
            return None
        root = max(roots, key=lambda one: len(one.folder))
        return plan_of(root, self._site), full[len(root.folder.rstrip("/")) + 1 :]

    # Dates

    def _date(self, field: str) -> str:
        value = self._find(field)
        if value is None:
            return ""
        self._check_exact(value)
        found = values.one_text(value)
        if found.note and found.value:
            self._warn(field, found.note)
        if not found.value:
            # A mapping, or a list of nothing: an unreadable end must not be taken for none.
            return "" if field != "expires" else str(value)[:1]
        return self._readable(found.value)

    def _readable(self, written: str) -> str:
        return dates.readable(written, times_in="" if self._dialect.days_in else self._dialect.times_in)

    def _moment(self, written: str) -> int | None:
        try:
            return text.moment(self._readable(written), self._zone)
        except (ValueError, OverflowError):
            return None

    def _expires(self) -> str:
        """Return when the item is to vanish: the earliest date of its keys, or the one that is not understood."""
        found: list[tuple[float, str, KeyPath]] = []
        for path in self._present.get("expires", ()):
            value = self._at(path)
            if value is not None and value not in _NOTHING and held_back.boolean(value) is not False:
                self._check_exact(value)
                written = self._readable(values.one_text(value).value)
                moment = self._moment(written)
                found.append((-1.0 if moment is None else moment, written, path))
        if not found:
            return ""
        if len(found) < 2:
            return self._date("expires")
        _, written, self._origins["expires"] = min(found)
        return written or "?"

    def _published(self) -> str:
        """Return the date as `text.moment` reads it; refuse a file that has none, unless it is held back anyway."""
        for path in self._present.get("published", ()):
            value = self._at(path)
            if value is None or held_back.is_blank(value) or held_back.boolean(value) is not None:
                continue
            if isinstance(value, dict):
                continue  # `date: {created: …}` has a key of its own
            if self._dialect.not_dates and str(value).strip().lower() in self._dialect.not_dates:
                continue
            self._check_exact(value)
            self._origins["published"] = path
            return self._written_date(path, value)
        address = self._find("address")
        for words, where in (("the path", self._stem), ("the address", address)):
            day = dates.in_path(where.strip("/")).day if isinstance(where, str) else ""
            if day and text.is_moment(day, self._zone):
                self._origins["published"] = words
                return day
        committed = self._first_commit(self._path) if self._first_commit is not None and not self._is_held else None
        if committed is not None:
            self._origins["published"] = "the first commit"
            return dates.of_seconds(committed)
        if not self._is_held:
            keys = [".".join(path) for path in self._plan.fields["published"]]
            key = "date" if "date" in keys or not keys else keys[0]
            hint = f"write `{key}: YYYY-MM-DD`, or begin the file's name with YYYY-MM-DD-"
            # A warning: about, search and error pages have no date, and are no reason for `check` to fail.
            self._undated = Remark(("date",), NO_DATE, hint, warning=True)
        return _DRAFT_DATE

    def _written_date(self, path: KeyPath, value: Any) -> str:
        found = values.one_text(value)
        made = self._readable(found.value)
        if found.note:
            self._warn("published", found.note)
        if not made or (self._is_held and not text.is_moment(made, self._zone)):
            if not self._is_held:
                self._refuse(path, "date", "is not a date", _DATE_HINT)
            return _DRAFT_DATE
        return made

    def _day(self) -> tuple[str, str, str]:
        """Return year, month and day for an address, as the program counts them."""
        written = self._raw.published_date_time or _DRAFT_DATE
        if self._plan.fields["addressed"] and (value := self._find("addressed")) is not None:
            made = dates.readable(str(values.one_text(value).value))
            written = made if text.is_moment(made, self._zone) else written
        if not self._dialect.own_offset and dates.has_offset(written) and text.is_moment(written, self._zone):
            zone = ZoneInfo(self._zone)
            written = datetime.fromtimestamp(text.moment(written, self._zone), zone).isoformat()
        year, month, day = (*re.split("[-T ]", written)[:3], "", "")[:3]
        return year, month.rjust(2, "0"), day.rjust(2, "0")

    # Address

    def _link(self, topics: Sequence[str] | None) -> str:
        """Return the item's link, and remember the address of its own page."""
        own = self._own_address(topics)
        away = self._find("elsewhere")
        if isinstance(away, str) and addresses.is_absolute(away.strip()) and _is_link(away.strip()):
            self._page = own or addresses.joined(self._plan.base, self._by_pattern(topics))
            return away.strip()
        self._origins.pop("elsewhere", None)
        if not own:
            self._page = addresses.joined(self._plan.base, self._by_pattern(topics))
            self._origins["address"] = f"the pattern {self._pattern()}"
            return self._page
        if addresses.is_absolute(own) and _host(own) != _host(self._plan.base):
            self._page = addresses.joined(self._plan.base, self._by_pattern(topics))
            return own
        self._page = own
        return own

    def _own_address(self, topics: Sequence[str] | None) -> str:
        """Return the address that a key says, joined to the base; "" if none does or it cannot be known."""
        value = self._find("address")
        if not isinstance(value, str) or value.strip().lower() in {"", "true", "false"}:
            self._origins.pop("address", None)
            return ""
        pattern = addresses.pattern_in(value.strip())
        if pattern is None:
            self._warn("address", "cannot be known without its program, so the pattern of the folder counts")
            return ""
        made = pattern if addresses.is_absolute(pattern) else addresses.filled(pattern, self._part(topics))
        if self._dialect.strips_index:
            made = re.sub(r"(?:^|(?<=/))index\.html$", "", made)
        if self._dialect.ends_with_slash and not made.endswith("/"):
            made += "/"
        made = addresses.joined(self._plan.base, made)
        if not _is_link(made):
            self._warn("address", "is no address, so the pattern of the folder counts")
            return ""
        return made

    def _pattern(self) -> str:
        if self._plan.link:
            # Where a slug stands for the address within the pages of posts, it follows what all of these begin with.
            if any(condition == "slug" for condition, _ in self._dialect.link_if) and self._slug_key():
                end = "/" if self._plan.link.endswith("/") else ""
                return f"{self._plan.link.partition('{')[0]}{{slug}}{end}"
            return self._plan.link
        for condition, pattern in self._dialect.link_if:
            if (
                (condition == "slug" and self._slug_key())
                or (condition == "path" and dates.in_path(self._stem).day)
                or (condition == "date" and self._key_of("published"))
            ):
                return pattern
        return self._dialect.link

    def _by_pattern(self, topics: Sequence[str] | None) -> str:
        return addresses.filled(self._pattern(), self._part(topics))

    def _part(self, topics: Sequence[str] | None) -> Callable[[str], str]:
        """Return the function that returns the text of a placeholder."""

        def part(name: str) -> str:
            if name in {"year", "month", "day"}:
                return self._day()[("year", "month", "day").index(name)]
            if name == "slug" or (name == "slug_or_title" and self._slug_key()):
                return self._slug()
            name = name.removeprefix("slug_or_")
            if name == "category" and self._dialect.category_is == "all":
                return "/".join(dict.fromkeys(one.lower() for one in topics or ()))
            if name in {"section", "sections"}:
                folders = self._sections()
                return addresses.slugged("/".join(folders if name == "sections" else folders[:1]), self._dialect.slugs)
            plain = {
                "title": self._raw.title or "", "category": topics[0] if topics else "",
                "path": self._path_part(), "dir": self._stem.rpartition("/")[0], "file": self._stem.rpartition("/")[2],
            }.get(name, "")  # fmt: skip
            style = self._dialect.slugs if name in {"path", "dir", "file"} or self._dialect.slugs != "kept" else "plain"
            return addresses.slugged(plain, style)

        return part

    def _sections(self) -> list[str]:
        """Return the folders of the file below that of all content, of which the root may be a part."""
        _, is_part, above = f"{self._folder}/".rpartition("/content/")
        return [one for one in f"{above if is_part else ''}{self._stem}".split("/")[:-1] if one]

    def _path_part(self) -> str:
        """Return the text of `{path}`; its parts are slugged later."""
        folder, slash, _ = self._stem.rpartition("/")
        if self._dialect.path_is == "undated":
            return f"{folder}{slash}{self._slug()}"
        slug = self._slug_key().strip("/") if self._dialect.path_is != "file" else ""
        if not slug:
            return self._stem
        return slug if self._dialect.path_is == "slug" else f"{folder}{slash}{slug}"

    def _slug_key(self) -> str:
        return self._text("slug") if self._plan.fields["slug"] else ""

    def _slug(self) -> str:
        written = self._slug_key()
        if written:
            return (
                written.strip("/")
                if self._dialect.slugs == "kept"
                else addresses.slugged(written.strip("/"), self._dialect.slugs)
            )
        if self._dialect.slug_from == "title":
            return addresses.slugged(self._raw.title or "", self._dialect.slugs)
        return addresses.slugged(dates.in_path(self._stem).rest, self._dialect.slugs)

    def _aliases(self, seed: Seed) -> tuple[str, ...]:
        """Return the keys that recognise the item by its former addresses."""
        value = self._find("aliases")
        if value is None:
            return ()
        found = []
        for name in values.names(value, "").value[:MAX_NAMES]:
            at_base = name.startswith("/") or self._dialect.aliases_from == "base"
            address = addresses.joined(self._plan.base, name) if at_base else name
            try:
                found.append(links.alias(links.canonical(address, self._page or self._plan.base)))
            except ValueError:
                continue
        return tuple(dict.fromkeys(key for key in found if key != links.alias(seed.link)))

    # Names and pictures

    def _names(self, field: str) -> tuple[str, ...] | None:
        value = self._find(field)
        if value is None:
            return None
        self._check_exact(value)
        found = values.names(value, self._separators(field))
        if found.note:
            self._warn(field, found.note)
        several: tuple[str, ...] = found.value
        if len(several) > MAX_NAMES:
            self._warn(field, f"has {len(several):,} names, of which the first {MAX_NAMES} count")
        left_out = self._dialect.not_topics
        return tuple(one for one in several[:MAX_NAMES] if not left_out or one.lower() not in left_out)

    def _topics(self) -> tuple[str, ...] | None:
        named = self._names("topics")
        source = self._dialect.topics_from
        if not source or (named and source != "above_posts"):
            return named
        folders = addresses.stem_of(self._below).split("/")[:-1]
        if source == "above_posts":
            above = folders[: folders.index("_posts")] if "_posts" in folders else []
            return tuple(dict.fromkeys((*above, *(named or ())))) or None
        if not folders or re.fullmatch(r"[\d_.-]+", folders[0] if source == "folder" else folders[-1]):
            return None  # a year is no topic
        self._origins["topics"] = "the folder"
        return (folders[0] if source == "folder" else folders[-1],)

    def _take_authors(self) -> None:
        value = self._find("authors")
        if value is None:
            return
        self._check_exact(value)
        found = values.people(value, self._separators("authors"))
        if found.note:
            self._warn("authors", found.note)
        if len(found.value) == 1 and found.value[0] == RawPerson(name=found.value[0].name):
            self._raw.author = found.value[0].name  # nearly all: without a list
        else:
            self._raw.authors = found.value or None

    def _pictures(self) -> tuple[Any, ...] | None:
        for path in self._present.get("images", ()):
            value = self._at(path)
            if value is None or held_back.is_blank(value) or isinstance(value, bool):
                continue
            self._origins["images"] = path
            if type(value) is str and value.startswith("/") and not value.startswith("//"):
                return (RawImage(url=self._plan.origin + value),)  # as `links.canonical` resolves it, but faster
            found = values.pictures(value, self._dialect.imported_images)
            if found.value:
                if found.note:
                    self._warn("images", found.note)
                return tuple(found.value)
            if found.note and not isinstance(value, dict):
                self._warn("images", found.note)
                return None
        self._origins.pop("images", None)
        return None


def _address_of_page(plan: Plan, path: str) -> str | None:
    """Return the address of the page of another file, None if its path alone does not tell it."""
    dialect = plan.dialect
    stem = addresses.stem_of(path) if _ENDING.search(path) else path
    folder, slash, file = stem.rpartition("/")
    if file in {"index", "_index"} or file.startswith("_index."):  # the page of a folder, which no pattern is for
        return addresses.joined(plan.base, f"{addresses.slugged(folder, dialect.slugs)}{slash}")
    in_path = dates.in_path(stem)
    by_date = (pattern for condition, pattern in dialect.link_if if condition == "path" and in_path.day)
    pattern = plan.link or next(by_date, dialect.link)
    known = {"path": stem, "dir": folder, "file": file}
    if dialect.path_is == "undated":
        known["path"] = f"{folder}{slash}{in_path.rest}"
    if dialect.slug_from == "file":
        known["slug"] = in_path.rest
    if in_path.day:
        known |= zip(("year", "month", "day"), in_path.day.split("-"), strict=True)
    if dialect.topics_from == "above_posts":
        # Categories that only the other file names cannot be known; most posts that are linked so have none.
        folders = folder.split("/")
        known["category"] = "/".join(folders[: folders.index("_posts")]).lower() if "_posts" in folders else ""
    if not addresses.placeholders(pattern) <= known.keys():
        return None
    return addresses.joined(
        plan.base, addresses.filled(pattern, lambda name: addresses.slugged(known[name], dialect.slugs))
    )


def _is_link(address: str) -> bool:
    try:
        links.canonical(address)
    except ValueError:
        return False
    return True


def _host(address: str) -> str:
    return links.host_of(address).lower()


def _first_heading(text: str) -> tuple[str, int]:
    """Return the words of the heading with which Markdown begins, comments aside, and where it ends; or "" and 0.

    So is a table of contents, which a program keeps between `<!-- START doctoc … -->` and `<!-- END doctoc … -->`.
    """
    at = forms.after_comments(text)
    if text.startswith(_CONTENTS, len(text) - len(text.lstrip())) and (end := text.find(_END_OF_CONTENTS, at)) >= 0:
        at = end + forms.after_comments(text[end:])
    line, _, _ = text[at:].partition("\n")
    if underlined := _UNDERLINED.match(text, at):
        return line.rstrip(), underlined.end()
    words = line[1:].strip(" \t")
    if not line.startswith(("# ", "#\t")) or not words:
        return "", 0
    return words.rstrip("#").rstrip(" \t") or "#", min(at + len(line) + 1, len(text))


def _body_of_page(page: str) -> str:
    """Return what is between the tags of the body of an HTML page, or all of it if there are none."""
    start = _HTML_BODY.search(page)
    *_, end = (None, *_HTML_BODY_END.finditer(page, start.end() if start else 0))
    return page[start.end() : end.start()] if start and end else page

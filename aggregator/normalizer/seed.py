"""One seed file's bytes, read to a `Seed` or a `Rejection`, with warnings: split, parsed, decoded, cleaned. Pure.

The fast parser reads nearly every seed. If it cannot, or if anything is wrong or doubtful, the seed is read again by
the parser that knows positions, whose result is final.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import msgspec

from aggregator.config.yaml import scalars
from aggregator.config.yaml.decoding import Unknown, decode_open
from aggregator.config.yaml.messages import shortened
from aggregator.config.yaml.tree import Node, parse
from aggregator.model.items import Rejection, Seed
from aggregator.model.reports import Problem
from aggregator.normalizer import front_matter, held_back, text
from aggregator.normalizer.cleaning import clean
from aggregator.normalizer.lenient import REQUIRED, STATE_KEYS, cut_texts, loosened, may_be_cut
from aggregator.normalizer.raw import KEYS, RawSeed
from aggregator.normalizer.remarks import Remark

MOST_PROBLEMS = 20
"""How many problems of a seed are named; the rest is counted. A seed of a megabyte could have thousands."""

MOST_UNKNOWN = 20
"""How many unknown keys of a seed are named; the rest is counted."""

_TOO_MUCH_MARKUP = (
    f"has more than {text.MAX_MARKS:,} line breaks and characters such as * [ <, so it is shown as plain text, not as"
    " Markdown"
)
# The key that may stand in for a required one, and what other programs call it.
_ALTERNATIVES = {"webUrl": "originalUrl"}
_FOREIGN_NAMES = {
    "title": frozenset({"headline", "name"}),
    "webUrl": frozenset({"address", "href", "link", "permalink", "slug", "uri", "url"}),
    "publishedDateTime": frozenset(
        {"created", "date", "datetime", "posted", "pubdate", "published", "publisheddate", "publishdate", "time"}
    ),
}
_NO_NEWS = re.compile(
    r"(?:^|/)(?:(?:readme|license|licence|contributing|changelog|code_of_conduct|security|_index|claude|agents)\.[a-z]+$"
    r"|(?:node_modules|vendor|_drafts|templates|archetypes)/)",
    re.IGNORECASE,
)


class Reading(NamedTuple):
    """What was read from a file: a seed or a rejection, warnings, and the unknown keys at the top level.

    There are at most `MOST_PROBLEMS` problems and `MOST_UNKNOWN` keys, and a problem that counts the others.
    """

    outcome: Seed | Rejection
    warnings: tuple[Problem, ...] = ()
    unknown: tuple[str, ...] = ()


class _Parsed(NamedTuple):
    """A file's two parts, and the front matter as the fast parser read it; `raw` is None if it could not."""

    parts: front_matter.FrontMatter | front_matter.Fault
    values: dict[str, Any]
    raw: RawSeed | None


def read(data: bytes, *, path: str, zone: str, site: str = "") -> Reading:
    """Return the reading of the seed file `path` (relative to the seeds folder).

    Dates without an offset are those of `zone` (an IANA name). A seed without a link gets a page of the site whose URL
    is `site`; if that is "" it is rejected.
    """
    return read_together([(path, data)], zone=zone, site=site)[0]


def read_together(files: Sequence[tuple[str, bytes]], *, zone: str, site: str = "") -> list[Reading]:
    """Return the readings of several files, pairs of a path and bytes: in stages, which is faster than one by one."""
    parsed = [_parse(data) for _, data in files]
    return [_read(one, data, path, zone, site) for one, (path, data) in zip(parsed, files, strict=True)]


def read_adapted(
    data: bytes, *, path: str, zone: str, base: str, adapt: Callable[[Node], Node], site: str
) -> Reading:  # fmt: skip
    """Return the reading of a seed whose front matter is first changed by `adapt`.

    Relative addresses resolve against the seed's link if that lies under `base`, or against `base`, if it is not "".
    """
    parts = front_matter.split(data)
    if isinstance(parts, front_matter.Fault):
        return _read(_Parsed(parts, {}, None), data, path, zone, site)
    return _read_with_positions(parts, data, path, zone, adapt, base, site)


def _parse(data: bytes) -> _Parsed:
    parts = front_matter.split(data)
    values = front_matter.fast_values(parts.text) if isinstance(parts, front_matter.FrontMatter) else None
    return _Parsed(parts, {}, None) if values is None else _Parsed(parts, values, _strict(values))


def _read(parsed: _Parsed, data: bytes, path: str, zone: str, site: str) -> Reading:
    parts, values, raw = parsed
    if isinstance(parts, front_matter.Fault):
        problem = Problem(path=path, line=parts.line, column=parts.column, message=parts.message, hint=parts.hint)
        return rejected(path, (_or_ignore(problem),), data, withdrawn=parts.withdrawn)
    may_mean_link = bool(site) and not (raw and (raw.web_url or raw.original_url)) and not KEYS.issuperset(values)
    if raw is None or may_mean_link:
        return _read_with_positions(parts, data, path, zone, site=site)
    seed, remarks = clean(raw, parts.body, path, zone, site=site)
    if (
        not remarks
        and parts.stripped is None
        and seed is not None
        and not text.is_overmarked(seed.body, is_html=seed.markup == "html")
        and not may_be_cut(parts.text)
        and not (seed.is_published and _may_be_boolean(values.get("secured")))
    ):
        if KEYS.issuperset(values):
            return accepted(seed, (), (), path)
        unknown = [key for key in values if key not in KEYS]
        if not any(held_back.may_hold_within(key, values[key]) for key in unknown):
            return accepted(seed, (), unknown, path)
        state = held_back.state_of({key: values[key] for key in unknown})
        if not state.held_by and not state.doubts:
            return accepted(seed, (), [key for key in unknown if key not in state.understood], path)
    return _read_with_positions(parts, data, path, zone, site=site)


def _may_be_boolean(secured: Any) -> bool:
    """Return whether `secured` may be a boolean; the fast parser takes some spellings of booleans for text."""
    if isinstance(secured, str):
        return len(secured) < 6 and secured.lower() in scalars.BOOLEANS
    return isinstance(secured, bool)


def _strict(values: dict[str, Any]) -> RawSeed | None:
    try:
        return msgspec.convert(values, RawSeed)
    except msgspec.ValidationError:
        return None


def _read_with_positions(  # noqa: PLR0917 - the two parsers' common parameters come first
    parts: front_matter.FrontMatter, data: bytes, path: str, zone: str,
    adapt: Callable[[Node], Node] | None = None, base: str = "", site: str = "",
) -> Reading:  # fmt: skip
    node = parse(parts.text, path=path, first_line=2, quote=False)
    if not isinstance(node, Node):
        return rejected(path, node, data)
    if node.kind != "mapping":
        return rejected(path, (_no_mapping(node, path),), data)
    node = adapt(node) if adapt else node
    others = {key.text: scalars.plain(value) for key, value in node.entries if key.text not in KEYS}
    state = held_back.state_of(others)
    loose, warnings = loosened(node, path)
    cut = cut_texts(node, parts.text, path, first_line=2)
    warnings += cut
    needed = REQUIRED if loose.below("webUrl") else REQUIRED | {"originalUrl"}
    raw, problems, unknown = decode_open(loose, RawSeed, path=path, quote=False, needed=needed)
    assert raw is not None  # no key is required
    own = raw.published
    if state.held_by:
        raw.published = False
    seed, remarks = clean(
        raw, parts.body, path, zone, base="" if (raw.web_url or "").startswith(base) else base,
        # Its page would be the link for ever, though the seed says another one.
        site="" if _misspelt("webUrl", unknown) else site,
    )  # fmt: skip
    if seed is not None and state.held_by and own is not False:
        seed = msgspec.structs.replace(seed, held_by=".".join(map(shortened, state.held_by)))
    if seed is not None and seed.is_published:
        remarks += _misleading_secured(node)
    located = [_located(remark, node, path, unknown) for remark in remarks]
    open_doubts = [doubt for doubt in state.doubts if not _is_answered(doubt, seed, zone)]
    is_undated = raw.published_date_time is None and seed is None
    if is_undated:  # what is the missing date, misspelt, is named with that
        misspelt = {one.name for one in unknown if one.nearest == "publishedDateTime"}
        open_doubts = [one for one in open_doubts if one.keys[-1] not in misspelt]
    dated = _FOREIGN_NAMES["publishedDateTime"] if is_undated else frozenset()
    doubts = [_doubted(one, node, path) for one in open_doubts if one.keys[-1].casefold() not in dated]
    errors = [_dated_switch(problem, node) for problem in problems if not problem.warning] + doubts
    if seed is None or errors:
        found = [_whole_title(problem, cut) for problem in _merged(errors, located)]
        if raw.web_url is None and raw.original_url is None:
            found[0] = _or_ignore(found[0])
        unclear = any(problem.message.partition(":")[0] in STATE_KEYS for problem in errors)
        return rejected(path, found, data, withdrawn=bool(state.held_by or open_doubts or unclear))
    if base and not seed.link.startswith(base):
        seed = msgspec.structs.replace(seed, base=base)
    warnings += [problem for problem in (*problems, *located) if problem.warning]
    warnings.sort(key=lambda problem: (problem.line, problem.column))
    body_line = parts.text.count("\n") + 3
    warnings = [*stripped_warning(parts.stripped, path), *warnings, *markup_warning(seed, body_line, path)]
    known = KEYS.union(state.understood)
    return accepted(seed, warnings, [key.text for key, _ in node.entries if key.text not in known], path)


def _or_ignore(problem: Problem) -> Problem:
    """Return a problem of a file that is hardly meant as news with the hint how to leave it out."""
    found = _NO_NEWS.search(problem.path)
    if found is None:
        return problem
    pattern = f"**/{found[0].strip('/')}{'/**' if found[0].endswith('/') else ''}"
    hint = f'if it is no news, write `ignore: ["{pattern}"]` for this folder in the config\'s `seeds`'
    return msgspec.structs.replace(problem, hint=f"{hint}; else {problem.hint}")


def _whole_title(problem: Problem, cut: Sequence[Problem]) -> Problem:
    """Return an error about a title, if nothing was left of it, with the reason."""
    reason = next((one for one in cut if one.message.startswith("title: ")), None)
    if reason is None or problem.message != "title: is missing":
        return problem
    return msgspec.structs.replace(reason, warning=False)


def _dated_switch(problem: Problem, node: Node) -> Problem:
    """Return an error about `published`, if its value is a date, with the hint which key is meant."""
    published = node.below("published")
    if published is None or published.tag != "timestamp" or (problem.line, problem.column) != (
        published.line, published.column,
    ):  # fmt: skip
        return problem
    return msgspec.structs.replace(problem, hint="write the date as `publishedDateTime`")


def _doubted(doubt: held_back.Doubt, node: Node, path: str) -> Problem:
    """Return the error that a key may hold the item back, at its value."""
    value = node.at(*doubt.keys) or node
    return Problem(path=path, line=value.line, column=value.column, message=doubt.message, hint=doubt.hint)


def _is_answered(doubt: held_back.Doubt, seed: Seed | None, zone: str) -> bool:
    """Return whether a seed's own dates hold it back until, or withdraw it at, the date of a key in doubt."""
    if seed is None or not doubt.kind:
        return False
    from aggregator.normalizer.dialects import dates  # noqa: PLC0415 - it is rarely needed

    try:
        moment = text.moment(dates.readable(dates.day_of_period(doubt.date, is_over=doubt.kind == "starts")), zone)
    except (ValueError, OverflowError):
        return False
    if doubt.kind == "starts":
        return moment <= seed.published
    return seed.expires is not None and seed.expires <= moment


def accepted(seed: Seed, warnings: Sequence[Problem], unknown: Sequence[str], path: str) -> Reading:
    """Return the reading of a seed, with at most `MOST_PROBLEMS` warnings and `MOST_UNKNOWN` unknown keys."""
    found = _bounded(warnings, path, "warnings")
    if len(unknown) > MOST_UNKNOWN:
        message = f"… and {len(unknown) - MOST_UNKNOWN:,} more unknown keys"
        found = (*found, Problem(path=path, message=message, hint="they are kept out of the feeds", warning=True))
    return Reading(seed, found, tuple(unknown[:MOST_UNKNOWN]))


def _bounded(problems: Sequence[Problem], path: str, kind: str) -> tuple[Problem, ...]:
    """Return the first problems, and one that counts the others."""
    more = len(problems) - MOST_PROBLEMS
    if more <= 0:
        return tuple(problems)
    last = Problem(
        path=path, message=f"… and {more:,} more {kind}", hint="correct these first", warning=problems[-1].warning
    )
    return (*problems[:MOST_PROBLEMS], last)


def _no_mapping(node: Node, path: str) -> Problem:
    is_empty = node.tag == "null" and not node.quoted
    message = "the front matter is empty" if is_empty else "the front matter does not consist of `key: value` lines"
    hint = "write `title: …` and so on, one key per line"
    return Problem(path=path, line=node.line, column=node.column, message=message, hint=hint)


def _misleading_secured(node: Node) -> list[Remark]:
    """Return the warning for a `secured: true`, which looks as if it held the item back."""
    secured = node.below("secured")
    if secured is None or scalars.boolean(secured) is None:
        return []
    hint = "write `published: false` to hold it back"
    return [Remark(("secured",), "does not hold the item back: it is published", hint, warning=True)]


def stripped_warning(stripped: tuple[int, int] | None, path: str) -> list[Problem]:
    """Return the warning for the control character that was removed at a line and column, if any was."""
    if stripped is None:
        return []
    line, column = stripped
    return [Problem(path=path, line=line, column=column, message="control characters removed", warning=True)]


def markup_warning(seed: Seed, line: int, path: str) -> list[Problem]:
    """Return the warning for a body, which begins in `line`, that has too many marks to be rendered."""
    if not text.is_overmarked(seed.body, is_html=seed.markup == "html"):
        return []
    hint = "split it into several seeds, or link to it"
    return [Problem(path=path, line=line, column=1, message=f"body: {_TOO_MUCH_MARKUP}", hint=hint, warning=True)]


def _merged(problems: list[Problem], located: list[Problem]) -> list[Problem]:
    """Return the errors of decoding and cleaning in the file's order; a value of the wrong type is not missing too."""
    positions = {(problem.line, problem.column) for problem in problems}
    others = [one for one in located if not one.warning and (one.line, one.column) not in positions]
    return sorted([*problems, *others], key=lambda problem: (problem.line, problem.column))


def rejected(path: str, problems: Sequence[Problem], data: bytes, *, withdrawn: bool = False) -> Reading:
    """Return the reading of a file that is no seed; it is withdrawn if a line of its text says so, too."""
    withdrawn = withdrawn or front_matter.says_withdrawn(data[: front_matter.MAX_SEED])
    return Reading(Rejection(path=path, problems=_bounded(problems, path, "problems"), withdrawn=withdrawn))


def _located(remark: Remark, root: Node, path: str, unknown: Iterable[Unknown]) -> Problem:
    """Return a remark with the position of its field, or of the closest thing around it."""
    *parents, last = remark.field
    node, name = root, ""
    for step in remark.field:
        name += f"[{step}]" if isinstance(step, int) else f".{step}"
        node = node.below(step) or (step == last and node.below(_ALTERNATIVES.get(str(step), ""))) or node
    # A key that the whole front matter lacks is missing from its first line on.
    line, column = (2, 1) if node is root else (node.line, node.column)
    hint = remark.hint
    if (node is root or (not parents and node.tag == "null")) and (meant := _misspelt(str(last), unknown)):
        hint, line, column = meant
    message = f"{name[1:]}: {remark.message}"
    return Problem(path=path, line=line, column=column, message=message, hint=hint, warning=remark.warning)


def _misspelt(field: str, unknown: Iterable[Unknown]) -> tuple[str, int, int] | None:
    """Return the hint that an unknown key was meant to be the missing `field`, with that key's position."""
    wanted = {field, _ALTERNATIVES.get(field, field)}
    for one in unknown:
        if one.name.casefold() in _FOREIGN_NAMES.get(field, ()):
            other = "or set `dialect` for this folder in the config's `seeds` if it is that of another program"
            return f"write `{field}` for `{one.name}`, {other}", one.line, one.column
        if one.nearest in wanted:
            return f"write `{one.nearest}` for `{one.name}`", one.line, one.column
    return None

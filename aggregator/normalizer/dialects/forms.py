"""The forms in which files hold metadata: bytes in; the metadata's values, the body and positions out. Pure.

The limits of size, depth and aliases are those of our own seeds, and so is the way in which YAML is read.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime, time
from typing import Any, NamedTuple

from aggregator.config.yaml.messages import TOO_DEEP
from aggregator.config.yaml.tree import MOST_NODES, Node, parse
from aggregator.model.reports import Problem
from aggregator.normalizer import front_matter
from aggregator.normalizer.dialects.table import Form
from aggregator.normalizer.front_matter import Fault
from aggregator.normalizer.held_back import state_of, text_holds_back
from aggregator.normalizer.stray_metadata import ASSIGNMENT, KEY, LONGEST_HEAD, is_rule, may_hold_back, stray_metadata

_YAML = re.compile(r"---[ \t]*(?:#[^\n]*)?\n")
_YAML_END = re.compile(r"\n(?:---|\.\.\.)[ \t]*(?=\n|$)")
_TOML = re.compile(r"\+\+\+[ \t]*\n")
_TOML_END = re.compile(r"\n\+\+\+[ \t]*(?=\n|$)")
_OTHER = re.compile(r"---[ \t]*([A-Za-z][\w+-]*)[ \t]*\n")
_FENCE = re.compile(r"(```+|~~~+)[ \t]*toml[ \t]*\n")
_JSON = re.compile(r"\{\s*[\"}]")
_LINE = re.compile(r" {0,3}([A-Za-z0-9_-]+(?: [A-Za-z0-9_-]+){0,2})[ \t]*:[ \t]*(.*)")
_LINES_END = re.compile(r"(?:---|\.\.\.)[ \t]*")
_MORE = re.compile(r"(?: {4,}|\t)[ \t]*(\S.*)")
# Text of `Key: value` lines is metadata only if it has one of these; a note may begin with "Remember: …".
_PROOF = frozenset({"title", "date", "secured"})
# What metadata may begin with, at the start of a file that has none in a known form, and what only looks like it: a
# rule, shortcodes and Liquid, lists of attributes, comments of MDX.
_NO_OBJECT = re.compile(r"\{(?:[{%:#.]|/\*(?:[^*]|\*(?!/))*\*/\})")
# A brace with a key, or a comment, or nothing below it, unlike "{a} is a set".
_OBJECT = re.compile(r"\{\s*(?:$|[\"'/#,{}\[]|[\w.-]+\s*(?:[:=]|$))")
# What is left of a first line that was cut off: of a fence, and of a `Key: value` line.
_CUT_OFF = re.compile(r"(?:-{1,2}|\+{1,2}|[`~]{1,3}\w{0,4}|\{)\s*")
_KEY_CUT_OFF = re.compile(r"\w[\w-]{0,20}\s*")
_INVISIBLE = re.compile(r"[\s\u200b\u2060]*")
# The head of an HTML page; none of these goes beyond the next tag, so that they take no long time.
_META = re.compile(r"<meta\b(?:[^<>\"']|\"[^\"<]*\"|'[^'<]*')*+>", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"([a-z-]+)\s*=\s*(\"[^\"]*\"|'[^']*'|[^\s\"'>]+)", re.IGNORECASE)
_PAGE_BODY = re.compile(r"</head\b|<body\b", re.IGNORECASE)
_LONGEST_PAGE_HEAD = 65_536
_BLANK_LINES = re.compile(r"(?:[ \t]*\n)*")
_HEADS = frozenset("-+{`~")
_CLOSE = "end the metadata with a line {}"
_FOREIGN = {
    "toml": "has TOML front matter, between lines of +++",
    "json": "begins with a JSON object",
}
_ELSEWHERE = "set the `dialect` of this folder in the config to a program that writes that, such as hugo"


class _Text(NamedTuple):
    """The text of a file from its first line that is not blank, how many lines are before it, and what was removed."""

    text: str
    skipped: int
    stripped: tuple[int, int] | None


class Parts(NamedTuple):
    """A file's metadata and body as text, and the number of the first line of each.

    `stripped` is the line and column of the first control character that was removed, or None.
    """

    form: Form
    text: str
    body: str
    line: int
    body_line: int
    stripped: tuple[int, int] | None = None


def split(data: bytes, forms: Sequence[Form], path: str) -> Parts | Fault:
    """Return the parts of a file that may have one of these `forms`, or what is wrong with it."""
    decoded = front_matter.decode(data)
    if isinstance(decoded, Fault):
        return decoded
    text, stripped = decoded
    if path.endswith(".json"):
        return _file(text, forms, stripped)
    head = text
    if text[:1] not in _HEADS and (start := _INVISIBLE.match(text)) and text[start.end() : start.end() + 1] in _HEADS:
        head = text[start.end() :]
    file = _Text(head, text.count("\n", 0, len(text) - len(head)), stripped)
    found = _of_head(file, forms)
    if isinstance(found, Parts):
        return _stray(found) or found
    if found is None and "none" not in forms:
        return Fault("has no front matter", "start the file with a line ---, then `title: …`, then a line ---", 1, 1)
    if found is None and path.endswith((".html", ".htm")):
        found = _page(file, forms)
    return found or _unrecognised(file, forms) or Parts("none", "", text, 1, 1, stripped)


def _of_head(file: _Text, forms: Sequence[Form]) -> Parts | Fault | None:
    head = file.text
    if head.startswith(("---", "+++")):
        return _fenced(file, forms)
    if head.startswith("{") and _JSON.match(head):
        return _json_head(file) if "json" in forms else _refused("json")
    if "fence" in forms and (opening := _FENCE.match(head)):
        return _between(file, opening, re.compile(rf"\n{opening[1]}[ \t]*(?=\n|$)"), "fence")
    return _lines(file) if "lines" in forms else None


def _page(file: _Text, forms: Sequence[Form]) -> Parts | Fault | None:
    """Return the parts of an HTML page whose head has `<meta>` with metadata, or refuse those that are not read."""
    head = file.text[:_LONGEST_PAGE_HEAD]
    found = _values_of_page(head)
    if "meta" in forms and found:
        return Parts("meta", head, file.text, file.skipped + 1, file.skipped + 1, file.stripped)
    state = state_of(found)
    if state.held_by or state.doubts or "secured" in found:
        message = "has a `<meta>` that may hold it back, or is secured, and that this dialect does not have"
        return Fault(message, "write metadata between two lines of --- above it", file.skipped + 1, 1, withdrawn=True)
    return None


def _values_of_page(head: str) -> dict[str, Any]:
    """Return what the `<meta>` elements at the head of an HTML page say, as Pelican reads them."""
    from html import unescape  # noqa: PLC0415 - few sites have pages

    end = _PAGE_BODY.search(head)
    head = head[: end.start()] if end else head
    found: dict[str, Any] = {}
    for tag in _META.finditer(head):
        said = {name.lower(): unescape(value.strip("\"'")) for name, value in _ATTRIBUTE.findall(tag[0])}
        if name := said.get("name", "").strip().lower():
            found.setdefault(name, said.get("content", said.get("contents", "")).strip())
    return found


def after_comments(text: str) -> int:
    """Return where the white space and the HTML comments end with which a text begins."""
    at = len(text) - len(text.lstrip())
    while text.startswith("<!--", at) and not text.startswith("<!-->", at):
        end = text.find("-->", at + 4)
        if end < 0:
            break
        at = end + 3
        at = _INVISIBLE.match(text, at).end()  # type: ignore[union-attr]  # it matches nothing, too
    return at


def _unrecognised(file: _Text, forms: Sequence[Form]) -> Fault | None:
    """Return what is wrong with a file in which no metadata was found, if it seems to have some (G12, G15).

    Its text would be published with all that its author wrote for other eyes, a draft's too.
    """
    start = after_comments(file.text[:LONGEST_HEAD])
    head = file.text[start : start + LONGEST_HEAD]
    line = file.skipped + file.text.count("\n", 0, start) + 1
    if _is_cut_off(head, forms):
        return Fault("has a single word, as if it were cut off", "write the metadata and the text", line, 1)
    if (head.startswith(("---", "+++")) and not is_rule(head) and not _is_prose(head)) or (
        _OBJECT.match(head) and not _NO_OBJECT.match(head)
    ):
        message = "seems to begin with metadata, which is in no known form"
        hint = "write it between two lines of ---, the first of which begins the file, or remove what looks like it"
        return Fault(message, hint, line, 1)
    if may_hold_back(head):
        message = "has a line that may hold it back, or is secured, but no metadata"
        hint = "begin the file with a line ---, and end the metadata with another"
        return Fault(message, hint, line, 1, withdrawn=True)
    return None


def _is_cut_off(text: str, forms: Sequence[Form]) -> bool:
    """Return whether a text is no more than the beginning of metadata in one of these forms, as after a half save."""
    return bool(_CUT_OFF.fullmatch(text) or ("lines" in forms and _KEY_CUT_OFF.fullmatch(text)))


def _stray(parts: Parts) -> Fault | None:
    """Return what is wrong with a body that begins with metadata, in which a program would not look."""
    found = stray_metadata(parts.body, is_head_empty=not parts.text.strip())
    if found is None:
        return None
    line = parts.body_line + parts.body.count("\n", 0, found.offset)
    return Fault(found.message, found.hint, line, 1, withdrawn=found.withdrawn)


def _is_prose(head: str) -> bool:
    """Return whether dashes or pluses begin a sentence, such as "--- and then it rained", and no keys follow."""
    first, *lines = head.partition("\n\n")[0].split("\n")
    lines.append(first.lstrip("+- \t"))
    return len(first.split()) > 3 and not any(KEY.match(line) or ASSIGNMENT.match(line) for line in lines)


def _refused(form: str) -> Fault:
    return Fault(_FOREIGN[form], _ELSEWHERE, 1, 1)


def _fenced(file: _Text, forms: Sequence[Form]) -> Parts | Fault | None:
    head = file.text
    if opening := _YAML.match(head):
        return _between(file, opening, _YAML_END, "yaml")
    if opening := _TOML.match(head):
        return _between(file, opening, _TOML_END, "toml") if "toml" in forms else _refused("toml")
    opening = _OTHER.match(head)
    if opening is None:
        return None
    language = opening[1].lower()
    form: Form | None = {"yaml": "yaml", "yml": "yaml", "toml": "toml", "json": "json"}.get(language)  # type: ignore[assignment]
    if form is None:
        message = f"has front matter in {language[:20]}, which would have to be run"
        return Fault(message, "write it as YAML between lines of ---", file.skipped + 1, 1)
    return _between(file, opening, _YAML_END, form)


def _between(file: _Text, opening: re.Match[str], end: re.Pattern[str], form: Form) -> Parts | Fault | None:
    head, skipped, stripped = file
    closing = end.search(head, opening.end() - 1)
    if closing is None:
        # A line --- may be a rule above text, +++ is nothing else.
        if form == "yaml" and is_rule(head[:LONGEST_HEAD]):
            return None
        fence = opening[1] if form == "fence" else head[:3]
        return Fault(f"the closing {fence} is missing", _CLOSE.format(fence), skipped + 1, 1)
    text = head[opening.end() : closing.start() + 1]
    if front_matter.is_too_long(text):
        return front_matter.too_long(skipped + 1)
    line = skipped + 2
    body_line = line + text.count("\n") + 1
    return Parts(form, text, head[closing.end() + 1 :], line, body_line, stripped)


def _json_head(file: _Text) -> Parts | Fault:
    head, skipped, stripped = file
    from json import JSONDecodeError, JSONDecoder  # noqa: PLC0415 - few files have it

    try:
        _, end = JSONDecoder().raw_decode(head[: front_matter.MAX_FRONT_MATTER])
    except JSONDecodeError as error:
        return Fault(f"is not valid JSON: {error.msg}", "correct it", skipped + error.lineno, error.colno)
    except (RecursionError, ValueError):
        return Fault("the JSON object at its head cannot be read", "simplify it", skipped + 1, 1)
    line = skipped + 1
    rest = head[end:]
    blank = len(rest) - len(rest.lstrip("\n"))
    return Parts("json", head[:end], rest[blank:], line, line + head.count("\n", 0, end + blank), stripped)


def _file(text: str, forms: Sequence[Form], stripped: tuple[int, int] | None) -> Parts | Fault:
    if "file" not in forms:
        return Fault("is JSON, which this dialect does not have", "set `dialect: plain` for this folder, or ignore it")
    if text.lstrip().startswith("["):
        return Fault("is a list of items, but a file is one item", "write one file for each item", 1, 1)
    return Parts("file", text, "", 1, 1, stripped)


def _lines(file: _Text) -> Parts | Fault | None:
    """Return the parts of a file that begins with `Key: value` lines; None if it does not.

    They end at a blank line, a line of dashes, or, as in Python-Markdown, before the first line that is none of them.
    """
    text, line, stripped = file.text, file.skipped + 1, file.stripped
    start = at = _BLANK_LINES.match(text).end()  # type: ignore[union-attr]  # it matches nothing, too
    keys: set[str] = set()
    body = -1
    while at < len(text) and body < 0:
        end = text.find("\n", at)
        end = len(text) if end < 0 else end
        written = text[at:end]
        found = _LINE.match(written)
        if not written.strip() or _LINES_END.fullmatch(written):
            body = end + 1
        elif found is None and not (keys and _MORE.match(written)):
            body = at
        else:
            keys |= {found[1].lower()} if found is not None else set()
            at = end + 1
    head = text[start:at]
    if keys.isdisjoint(_PROOF) and not text_holds_back(head[:LONGEST_HEAD], is_prose=True):
        return None
    if front_matter.is_too_long(head):
        return front_matter.too_long(line)
    if body < 0 or (body == at and _is_cut_off(text[at:], ("lines",))):
        return Fault("has nothing below its metadata", "write a blank line below the metadata, then the text", line, 1)
    if body == at and may_hold_back(text[at : at + LONGEST_HEAD]):
        message, hint = "has metadata below a line that is none", "write `Key: value` lines up to the first blank line"
        return Fault(message, hint, line + text.count("\n", 0, at), 1, withdrawn=True)
    first = line + text.count("\n", 0, start)
    return Parts("lines", head, text[body:], first, line + text.count("\n", 0, body), stripped)


def fast_values(parts: Parts) -> dict[str, Any] | None:
    """Return YAML as the fast parser reads it, or None if `values` must decide."""
    found = front_matter.fast_values(parts.text) if parts.form == "yaml" else None
    return found if found is None or _has_text_keys(found) else None  # `2026: …` has a number as its key


def _has_text_keys(value: dict[Any, Any] | list[Any]) -> bool:
    """Return whether all keys of the mappings in a value are text."""
    inner = value
    if type(value) is dict:
        for key in value:
            if type(key) is not str:
                return False
        inner = value.values()  # type: ignore[assignment]
    return all(map(_has_text_keys, [one for one in inner if type(one) is dict or type(one) is list]))


def values(parts: Parts, forms: Sequence[Form], path: str) -> dict[str, Any] | tuple[Problem, ...]:
    """Return the metadata: null, text, numbers, booleans, lists and mappings; dates are text. Or what is wrong with it.

    In YAML each scalar is the text that its author wrote, so that a title `1.10` stays one.
    """
    if parts.form == "none":
        return {}
    if parts.form == "yaml":
        found = _yaml(parts, path)
        # Python-Markdown, which reads these lines, allows dashes around them.
        if isinstance(found, tuple) and forms[0] == "lines":
            lines = _lines(_Text(f"{parts.text}\n\n", parts.line - 1, None))
            found = _values_of_lines(lines, path) if isinstance(lines, Parts) and not lines.body.strip() else found
        return found
    if parts.form == "lines":
        return _values_of_lines(parts, path)
    if parts.form == "meta":
        return _values_of_page(parts.text)
    return _toml(parts, path) if parts.form in {"toml", "fence"} else _json(parts, path)


def _yaml(parts: Parts, path: str) -> dict[str, Any] | tuple[Problem, ...]:
    node = parse(front_matter.with_pairs_joined(parts.text), path=path, first_line=parts.line, quote=False)
    if not isinstance(node, Node):
        return node
    if node.kind == "mapping":
        return {key.text: _as_written(value) for key, value in node.entries}
    if node.tag == "null" and not node.quoted:
        return {}
    message = "the front matter does not consist of `key: value` lines"
    hint = "write `title: …` and so on, one key per line"
    return (Problem(path=path, line=node.line, column=node.column, message=message, hint=hint),)


def _as_written(node: Node) -> Any:
    if node.kind == "list":
        return [_as_written(one) for one in node.items]
    if node.kind == "mapping":
        return {key.text: _as_written(value) for key, value in node.entries}
    return None if node.tag == "null" else node.text


def _values_of_lines(parts: Parts, path: str) -> dict[str, Any] | tuple[Problem, ...]:
    found: dict[str, str] = {}
    key = ""
    for number, line in enumerate(parts.text.splitlines(), parts.line):
        entry = _LINE.match(line)
        if entry is None:
            more = _MORE.match(line)
            found[key] += f"\n{more[1]}" if more and key else ""
            continue
        key = entry[1].lower()
        if key in found:
            return (Problem(path=path, line=number, column=1, message=f"{key} is repeated", hint="keep one of them"),)
        found[key] = entry[2].strip()
    return dict(found)


def _toml(parts: Parts, path: str) -> dict[str, Any] | tuple[Problem, ...]:
    import tomllib  # noqa: PLC0415 - few sites have it

    try:
        return _plain(tomllib.loads(parts.text))
    except tomllib.TOMLDecodeError as error:
        at = re.search(r" \(at line (\d+), column (\d+)\)| \(at end of document\)", str(error))
        line = parts.line + (int(at[1]) - 1 if at and at[1] else max(parts.text.count("\n") - 1, 0))
        column = int(at[2]) if at and at[2] else 1
        # The parser quotes single characters and keys only.
        message = f"is not valid TOML: {str(error)[: at.start() if at else 60]}"
        return (Problem(path=path, line=line, column=column, message=message, hint="correct it"),)
    except (RecursionError, ValueError, ArithmeticError):
        return _unreadable(parts, path, "TOML")


def _json(parts: Parts, path: str) -> dict[str, Any] | tuple[Problem, ...]:
    from json import JSONDecodeError, loads  # noqa: PLC0415 - few files have it

    try:
        found = loads(parts.text, object_pairs_hook=_without_repetition)
    except JSONDecodeError as error:
        line, message = parts.line + error.lineno - 1, f"is not valid JSON: {error.msg}"
        return (Problem(path=path, line=line, column=error.colno, message=message, hint="correct it"),)
    except _RepeatedKeyError:
        message = "is not valid JSON: a key is repeated"
        return (Problem(path=path, line=parts.line, column=1, message=message, hint="keep one of them"),)
    except (RecursionError, ValueError):
        return _unreadable(parts, path, "JSON")
    if not isinstance(found, dict):
        return (Problem(path=path, line=1, column=1, message="is no JSON object", hint="write one item in `{ }`"),)
    if isinstance(found.get("items"), list):
        hint = "write one file for each item"
        return (Problem(path=path, line=1, column=1, message="is a list of items, but a file is one item", hint=hint),)
    try:
        return _plain(found)
    except RecursionError:
        return _unreadable(parts, path, "JSON")


class _RepeatedKeyError(Exception):
    pass


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _RepeatedKeyError
    return found


def _unreadable(parts: Parts, path: str, language: str) -> tuple[Problem, ...]:
    message = f"the {language} is nested too deeply or holds more than can be read"
    return (Problem(path=path, line=parts.line, column=1, message=message, hint="simplify it"),)


def _plain(found: dict[str, Any]) -> dict[str, Any]:
    """Return values whose dates are text, within the limits of depth and number that YAML has.

    Raises:
        RecursionError: if they exceed them.
    """
    count = 0

    def plain(value: Any, depth: int) -> Any:
        nonlocal count
        count += 1
        if depth > TOO_DEEP or count > MOST_NODES:
            raise RecursionError
        if isinstance(value, dict):
            return {key: plain(one, depth + 1) for key, one in value.items()}
        if isinstance(value, list):
            return [plain(one, depth + 1) for one in value]
        if isinstance(value, str):
            return front_matter.without_surrogates(value)
        return value.isoformat() if isinstance(value, date | datetime | time) else value

    made: dict[str, Any] = plain(found, 0)
    return made


def position(parts: Parts, key: Sequence[str]) -> tuple[int, int]:
    """Return line and column of the value of a key, or of the key, or of the metadata's beginning."""
    if not key:
        return parts.line, 1
    if parts.form == "yaml":
        node = parse(front_matter.with_pairs_joined(parts.text), path="", first_line=parts.line, quote=False)
        if isinstance(node, Node):
            found = _below(node, key)
            return found.line, found.column
    written = re.escape(key[-1])
    found_at = re.search(
        rf"^[ \t{{]*[\"']?(?:[\w-]+\.)*{written}[\"']?[ \t]*[:=]", parts.text, re.MULTILINE | re.IGNORECASE
    )
    found_at = found_at or re.search(rf"\"{written}\"\s*:", parts.text)
    if parts.form == "meta":
        found_at = re.search(rf"<meta\s+name=[\"']?{written}\b", parts.text, re.IGNORECASE)
    if found_at is None:
        return parts.line, 1
    start = found_at.start() + len(found_at[0]) - len(found_at[0].lstrip(" \t{"))
    return parts.line + parts.text.count("\n", 0, start), start - parts.text.rfind("\n", 0, start)


def _below(node: Node, key: Sequence[str]) -> Node:
    for step in key:
        inner = next((value for name, value in node.entries if name.text == step), None) or next(
            (value for name, value in node.entries if name.text.lower() == step.lower()), None
        )
        if inner is None:
            break
        node = inner
    return node

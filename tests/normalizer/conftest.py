"""The cases of broken and odd seeds: files of `cases/seeds/`, and bytes that no file should have.

A case is `<case>.md` with `<case>.expect` beside it. The first line of that says after a `#` what the case shows, the
others what the result must be: either `ok` with fields of the seed (text, a moment, or JSON), `unknown:` keys, and
`warning:` lines as they are printed, or the problems as they are printed after the path. `withdrawn` before them means
that the text still takes the item out of the feeds. `<case>.md` is read as `cases/<case>.md` in Vienna's time zone.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

FOLDER = Path(__file__).parents[1] / "cases" / "seeds"
ZONE = "Europe/Vienna"
KEYS = "webUrl: https://example.org/story\npublishedDateTime: 2026-11-20T08:00:00Z\n"
OPEN = "---\ntitle: A bridge opens\n" + KEYS
GOOD = OPEN + "---\n"
SAVE = "(save it as UTF-8)"


class Case(NamedTuple):
    """A seed's bytes, what they show, and the expected lines."""

    name: str
    data: bytes
    shows: str
    expected: tuple[str, ...]

    @property
    def is_good(self) -> bool:
        """Whether the result is a seed."""
        return self.expected[0] == "ok"


def _made() -> list[Case]:
    """Return the cases that are bytes: other encodings, control characters, bombs."""
    umlaut = GOOD.replace("bridge", "Brücke")
    table = {
        "encoding-latin-1": (umlaut.encode("latin-1"), "Latin-1", f"2:12: is not UTF-8: byte 0xfc at offset 15 {SAVE}"),
        "encoding-latin-1-behind-a-bom": (
            b"\xef\xbb\xbf" + umlaut.encode("latin-1"), "a byte order mark counts for the offset, not for the column",
            f"2:12: is not UTF-8: byte 0xfc at offset 18 {SAVE}",
        ),
        "encoding-latin-1-with-old-mac-line-breaks": (
            umlaut.replace("\n", "\r").encode("latin-1"), "every line break counts",
            f"2:12: is not UTF-8: byte 0xfc at offset 15 {SAVE}",
        ),
        "encoding-utf-16": (GOOD.encode("utf-16"), "UTF-16 with its mark", f"is UTF-16, not UTF-8 {SAVE}"),
        "encoding-utf-16-be": (GOOD.encode("utf-16-be"), "UTF-16 without it", f"is UTF-16, not UTF-8 {SAVE}"),
        "encoding-utf-16-le": (GOOD.encode("utf-16-le"), "the other way round", f"is UTF-16, not UTF-8 {SAVE}"),
        "encoding-cut-in-a-character": (
            (GOOD + "Brü").encode()[:-1], "a file that ends within a character",
            f"6:3: is not UTF-8: byte 0xc3 at offset {len(GOOD) + 2} {SAVE}",
        ),
        "encoding-surrogates": (
            GOOD.replace("bridge", "\ud83d bridge").encode("utf-8", "surrogatepass"), "half a character, encoded",
            f"2:10: is not UTF-8: byte 0xed at offset 13 {SAVE}",
        ),
        "encoding-zip": (b"PK\x03\x04\x14\x00\x06\x00\xd0\xcf", "a word processor's file", f"1:9: is not UTF-8: byte 0xd0 at offset 8 {SAVE}"),
        "nul-bytes-only": (b"\0" * 4096, "a file whose blocks were never written", "is empty (write front matter between two lines of ---, or delete the file)"),
        "body-of-marks": (
            f"{GOOD}{'*' * 30_001}\n".encode(), "a body with more marks than anybody writes", "ok",
            "warning: 6:1: body: has more than 30,000 line breaks and characters such as * [ <, so it is shown as plain text, not as Markdown (split it into several seeds, or link to it)",
        ),
        "nul-bytes-inside": (GOOD.replace("bridge", "bri\0dge").encode(), "NUL bytes are removed", "ok", "title: A bridge opens", "warning: 2:13: control characters removed"),
        "controls-raw": (
            GOOD.replace("bridge", "\x07bridge\x7f\x9b").encode(), "control characters are removed; the position is that of the first one",
            "ok", "title: A bridge opens", "warning: 2:10: control characters removed",
        ),
        "controls-in-the-body": ((GOOD + "A\n\x1b[1mbold\n").encode(), "those of the body as well", "ok", 'body: "A\\n[1mbold\\n"', "warning: 7:1: control characters removed"),
        "bom": (b"\xef\xbb\xbf" + GOOD.encode(), "a byte order mark", "ok", "title: A bridge opens"),
        "line-breaks-crlf": (GOOD.replace("\n", "\r\n").encode(), "Windows line breaks", "ok", "title: A bridge opens"),
        "line-breaks-cr": (GOOD.replace("\n", "\r").encode(), "old Macs' line breaks", "ok", "title: A bridge opens"),
        "line-breaks-u2028": (GOOD.replace("\n", "\u2028").encode(), "Unicode's line breaks", "ok", "title: A bridge opens"),
        "bomb-nested-lists": (f"{OPEN}a: {'[' * 900}\n---\n".encode(), "900 lists in each other", "5:35: nested more than 32 levels deep (simplify it, or put the text in quotes)"),
        "bomb-nested-mappings": (f"{OPEN}a: {'{a: ' * 25_000}\n---\n".encode(), "25,000 mappings in each other", "5:128: nested more than 32 levels deep (simplify it, or put the text in quotes)"),
        "bomb-nested-dashes": (f"{OPEN}a:\n{'- ' * 25_000}\n---\n".encode(), "25,000 list items in one line", "6:63: nested more than 32 levels deep (simplify it, or put the text in quotes)"),
        "bomb-nested-lines": (
            f"{OPEN}{''.join(' ' * depth + 'a:' + chr(10) for depth in range(500))}---\n".encode(), "500 mappings, each a line deeper",
            "37:33: nested more than 32 levels deep (simplify it, or put the text in quotes)",
        ),
        "bomb-many-values": (f"{OPEN}a:\n{'- ' + chr(10)}{('-' + chr(10)) * 60_000}---\n".encode(), "60,000 values", "49997:2: contains more than 50,000 values (split it into several files)"),
        "bomb-100-mb": (bytes(100_000_000), "100 MB", "has 100,000,000 bytes, at most 1,048,576 are read (keep large content elsewhere and link to it)"),
        "bomb-10-mb-line": (
            f"---\ntitle: {'a' * 10_000_000}\n{KEYS}---\n".encode(), "a line of 10 MB",
            f"has {10_000_000 + len(GOOD) - 14:,} bytes, at most 1,048,576 are read (keep large content elsewhere and link to it)",
        ),
        "bomb-300-kb-line": (
            f"---\ntitle: {'a' * 300_000}\n{KEYS}---\n".encode(), "a line of 300 kB",
            "1:1: the front matter has more than 262,144 bytes (move long text below the closing ---)",
        ),
        "topics-5000": (
            f"{OPEN}topics:\n{''.join(f'- Topic {number}{chr(10)}' for number in range(5000))}---\n".encode(), "5,000 topics on one item", "ok",
            "warning: 6:1: topics: has 5,000 names, and only the first 100 are used (keep those that readers would look for)",
        ),
        "title-of-100000": (
            f"---\ntitle: {'ab' * 50_000}\n{KEYS}---\n".encode(), "a title of 100,000 characters", "ok",
            f"title: {'ab' * 149}a…", "warning: 2:8: title: cut to 300 characters (shorten it)",
        ),
        "withdrawn-in-utf-16": (GOOD.replace("---\n", "---\ndeleted: true\n", 1).encode("utf-16"), "unreadable, but its text still takes the item out of the feeds", "withdrawn", f"is UTF-16, not UTF-8 {SAVE}"),
        "withdrawn-in-latin-1": (umlaut.replace("---\n", "---\r\"published\" : 'no'\r", 1).encode("latin-1"), "the same with other spellings", "withdrawn", f"3:12: is not UTF-8: byte 0xfc at offset 34 {SAVE}"),
    }  # fmt: skip
    return [Case(name, data, shows, tuple(lines)) for name, (data, shows, *lines) in table.items()]


@cache
def _cases() -> tuple[Case, ...]:
    found = []
    for path in sorted(FOLDER.glob("*.md")):
        shows, *lines = path.with_suffix(".expect").read_text("utf-8").splitlines()
        found.append(Case(path.stem, path.read_bytes(), shows.removeprefix("# "), tuple(lines)))
    return (*found, *_made())


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test with the argument `case` once for each case."""
    if "case" in metafunc.fixturenames:
        metafunc.parametrize("case", _cases(), ids=[case.name for case in _cases()])


@pytest.fixture(scope="session")
def cases() -> tuple[Case, ...]:
    """Return all cases."""
    return _cases()


@pytest.fixture(scope="session")
def zone() -> str:
    """Return the time zone in which cases are read."""
    return ZONE


@pytest.fixture(scope="session")
def good() -> str:
    """Return a seed with nothing but the required keys."""
    return GOOD


@pytest.fixture(scope="session")
def samples() -> dict[str, bytes]:
    """Return the sample seeds that come with the project, by name."""
    folder = Path(__file__).parents[2] / "seeds"
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*.md"))}


@pytest.fixture(scope="session")
def corpus() -> dict[str, bytes]:
    """Return the corpus of real seeds, by name, if it is beside the repository."""
    folder = Path(__file__).parents[3] / "shared" / "corpus" / "seeds"
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*.md"))}

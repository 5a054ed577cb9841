"""Random inputs for the tests in `fuzz/`: a few in the default run, for minutes in a marathon."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

ROOT = Path(__file__).parents[2]
MARATHON_SECONDS = float(os.environ.get("AGGREGATOR_FUZZ_SECONDS", "300"))
"""Seconds that a marathon of one kind of input takes."""

EXAMPLES_AT_ONCE = 400
SUPPRESSED_CHECKS = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]


def run_examples(check: Callable[[Any], None], inputs: st.SearchStrategy[Any], *, count: int) -> None:
    """Call `check` with `count` random inputs, the same in every run."""

    @settings(max_examples=count, deadline=None, suppress_health_check=SUPPRESSED_CHECKS, derandomize=True)
    @given(inputs)
    def one(value: Any) -> None:
        check(value)

    one()


def run_marathon(check: Callable[[Any], None], inputs: st.SearchStrategy[Any]) -> int:
    """Call `check` with different random inputs for `MARATHON_SECONDS`; return how many there were."""
    count, until = 0, time.monotonic() + MARATHON_SECONDS
    while time.monotonic() < until:

        @seed(count)
        @settings(max_examples=EXAMPLES_AT_ONCE, deadline=None, suppress_health_check=SUPPRESSED_CHECKS, database=None)
        @given(inputs)
        def one(value: Any) -> None:
            nonlocal count
            count += 1
            check(value)

        one()
    print(json.dumps({"inputs": count, "seconds": MARATHON_SECONDS}))
    return count


HOSTILE_TOKENS = [
    "\t", " ", "  ", "\n", "\n\n", "\r\n", "\r", "\x85", "\u2028", "\ufeff", "\0", "\x07", "\x1b[31m", "\x7f", "\u202e", "\u200b", "\ufffe", "😀",
    "é", "e\u0301", "\u3000", "ﷺ", "---", "\n---\n", "...", ":", ": ", "- ", "\n- ", "#", " #", "'", '"', "\\", "\\n", "\\ud83d", "[", "]", "{", "}",
    ", ", "|", "|-\n  ", ">\n  ", "&a ", "*a", "!!str ", "!x ", "%", "@", "`", "? ", "~", "null", "true", "no", "0", "-1", "1e3", ".nan", "1_000",
    "999999999999999999999", "2026-11-23", "2026-02-30", "2026-11-23T10:00:00Z", "9999-12-31T23:59:59-12:00", "0001-01-01", "<<: ", "*", "**",
    "_", "~~", "```\n", "    ", "> ", "1. ", "# ", "===\n", "[a](b)", "![a](javascript:x)", "[a]: /b 'c'\n", "|a|b|\n|-|-|\n", "<b>", "</b>", "<p",
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "<!--", "-->", "<![CDATA[", "]]>", "<!DOCTYPE x [<!ENTITY a 'b'>]>", "&a;", "&amp;",
    "&#0;", "&#xd800;", "&#x202e;", "&lt;script&gt;", "</item><item>", "<iframe src='https://www.youtube.com/embed/abcdefghijk'>", "<svg/onload=x>",
    "https://example.org/", "http://user:word@example.org", "javascript:alert(1)", "data:text/html,x", "//evil.example/", "https://ü.example/ä b?c=%zz",
    "https://[::1]:99999/", "https://example.org:443/../a", "../../etc/passwd", "/abs", "%2e%2e%2f", "\\\\host\\share", "-rf", "con", ".", "..", "",
    "a" * 70, "x" * 400, "word", "two words", "{{ 7 * 7 }}", "%s %(a)s {0}", "title", "topics", "secured",
]  # fmt: skip
"""Text with a meaning in YAML, Markdown, HTML, XML, URLs, dates, file names, templates or terminals."""

hostile_text = st.lists(st.sampled_from(HOSTILE_TOKENS), max_size=6).map("".join) | st.text(max_size=30)

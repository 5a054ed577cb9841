"""Config files, topic names, addresses, dates, HTML and Markdown: some at random, and every property of them at length."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from hypothesis import strategies as st
from support.fuzz_inputs import HOSTILE_TOKENS, ROOT, hostile_text, run_examples, run_marathon

from aggregator.config.loading import load
from aggregator.config.settings import Config
from aggregator.model.errors import ConfigError
from aggregator.model.slugs import SLUG, slug_of

CONFIGS = [
    path.read_bytes() for path in sorted([*ROOT.glob("config/**/*.yaml"), *ROOT.glob("tests/cases/config/*.yaml")])
]
PROPERTIES = sorted(
    str(path.relative_to(ROOT))
    for folder in ("config", "model", "normalizer", "renderer", "publisher", "service")
    for path in (ROOT / "tests" / folder).rglob("test_*.py")
    if re.search(r"^@given", path.read_text(), re.MULTILINE) and path.name != "test_files.py"
)
"""The files whose tests hold for any input; those that write to a disk are at length elsewhere."""


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """Return a config or topic file with words put in, overwritten or taken out."""
    data = draw(st.sampled_from(CONFIGS))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data)))
        put = draw(st.sampled_from(HOSTILE_TOKENS).map(str.encode) | st.binary(max_size=4))
        data = data[:at] + put + data[at + draw(st.integers(0, 12)) :]
    return data


def check_config(data: bytes) -> None:
    """As a config and as a topic file: taken, or refused with all that is wrong, each with its file."""
    for text, topics in ((data, []), (b'site: {url: "https://feeds.example.org/"}\n', [("t.yaml", data)])):
        taken, problems = outcome(text, topics)
        assert taken != bool(problems)
        assert all(problem.isprintable() and re.match(r"[\w./-]+(:\d+)?", problem) for problem in problems), problems


def outcome(text: bytes, topics: list[tuple[str, bytes]]) -> tuple[bool, list[str]]:
    """Return whether it was taken, and all that was wrong."""
    try:
        return isinstance(load(text, path="/site/config/a.yaml", topic_files=topics), Config), []
    except ConfigError as error:
        return False, list(map(str, error.problems))


def check_topic(name: str) -> None:
    """Whatever a topic is called, its slug is one, and the same each time."""
    assert SLUG.fullmatch(slug_of(name))
    assert len(slug_of(name)) <= 64
    assert slug_of(slug_of(name)) == slug_of(name)


def test_some_configs_are_taken_or_refused() -> None:
    """A few hundred, at random."""
    run_examples(check_config, damaged(), count=150)


def test_some_topic_names_have_a_slug() -> None:
    """A few hundred, at random."""
    run_examples(check_topic, hostile_text | st.text(max_size=400), count=300)


@pytest.mark.marathon
@pytest.mark.timeout(7_200)
def test_configs_without_end_are_taken_or_refused() -> None:
    """For minutes, never the same."""
    assert run_marathon(check_config, damaged()) > 1_000


@pytest.mark.marathon
@pytest.mark.timeout(7_200)
def test_topic_names_without_end_have_a_slug() -> None:
    """For minutes, never the same."""
    assert run_marathon(check_topic, hostile_text | st.text(max_size=400)) > 1_000


@pytest.mark.marathon
@pytest.mark.timeout(7_200)
@pytest.mark.parametrize("path", PROPERTIES)
def test_a_property_holds_at_length(path: str) -> None:
    """With thousands of inputs for each, not a hundred (`AGGREGATOR_EXAMPLES`)."""
    words = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-n",
        "0",
        "--hypothesis-profile",
        "at-length",
        "-o",
        "timeout=7000",
        path,
    ]
    result = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    print(result.stdout.strip().rpartition("\n")[2])
    assert result.returncode == 0, result.stdout[-5_000:]

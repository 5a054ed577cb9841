"""Random config files and topic names, and all property tests of other rooms with many examples."""

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
"""The files with property tests, except for those that write to a disk."""


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """Return a config or topic file with text inserted, overwritten or removed."""
    data = draw(st.sampled_from(CONFIGS))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data)))
        put = draw(st.sampled_from(HOSTILE_TOKENS).map(str.encode) | st.binary(max_size=4))
        data = data[:at] + put + data[at + draw(st.integers(0, 12)) :]
    return data


def check_config(data: bytes) -> None:
    """Assert that a config or topic file is accepted, or rejected with problems that name their file."""
    for text, topics in ((data, []), (b'site: {url: "https://feeds.example.org/"}\n', [("t.yaml", data)])):
        taken, problems = outcome(text, topics)
        assert taken != bool(problems)
        assert all(problem.isprintable() and re.match(r"[\w./-]+(:\d+)?", problem) for problem in problems), problems


def outcome(text: bytes, topics: list[tuple[str, bytes]]) -> tuple[bool, list[str]]:
    """Return whether the file was accepted, and its problems."""
    try:
        return isinstance(load(text, path="/site/config/a.yaml", topic_files=topics), Config), []
    except ConfigError as error:
        return False, list(map(str, error.problems))


def check_topic(name: str) -> None:
    """Assert that any topic name has a valid slug, always the same."""
    assert SLUG.fullmatch(slug_of(name))
    assert len(slug_of(name)) <= 64
    assert slug_of(slug_of(name)) == slug_of(name)


def test_some_configs_are_accepted_or_rejected() -> None:
    """A few hundred random configs are accepted or rejected with problems."""
    run_examples(check_config, damaged(), count=150)


def test_some_topic_names_have_a_slug() -> None:
    """A few hundred random topic names have a slug."""
    run_examples(check_topic, hostile_text | st.text(max_size=400), count=300)


@pytest.mark.marathon
@pytest.mark.timeout(7_200)
def test_configs_for_minutes_are_accepted_or_rejected() -> None:
    """Different random configs are accepted or rejected, for minutes."""
    assert run_marathon(check_config, damaged()) > 1_000


@pytest.mark.marathon
@pytest.mark.timeout(7_200)
def test_topic_names_for_minutes_have_a_slug() -> None:
    """Different random topic names have a slug, for minutes."""
    assert run_marathon(check_topic, hostile_text | st.text(max_size=400)) > 1_000


@pytest.mark.marathon
@pytest.mark.timeout(7_200)
@pytest.mark.parametrize("path", PROPERTIES)
def test_a_property_holds_at_length(path: str) -> None:
    """Each property holds for thousands of inputs (`AGGREGATOR_EXAMPLES`), not just a hundred."""
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

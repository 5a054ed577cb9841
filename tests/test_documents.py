"""What README.md and docs/ say is so: every command is run, every config is read, every link leads somewhere."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import click
import pytest
from support.document_commands import ROOT, RUN, Block, Reader, blocks, is_left_out
from support.running_daemon import free_port

from aggregator.cli.commands import cli
from aggregator.config.loading import load_config
from aggregator.config.settings import SourcesSettings
from aggregator.config.sources import read_sources

DOCS = ROOT / "docs"
README = ROOT / "README.md"
REFERENCE = DOCS / "reference"
PAGES = [README, *sorted(path for path in DOCS.rglob("*.md") if path.parent != REFERENCE)]
OTHERS = [*sorted(REFERENCE.glob("*.md")), ROOT / "tests/README.md", ROOT / "tests/benchmarks/README.md"]
BLOCKS = {path: blocks(path.read_text()) for path in PAGES}


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def has_commands(path: Path) -> bool:
    return any(block.commands and not is_left_out(block) for block in BLOCKS[path])


WITH_COMMANDS = [
    pytest.param(
        path, id=name_of(path), marks=[] if path == README or "getting-started" in path.parts else [pytest.mark.slow]
    )
    for path in PAGES
    if has_commands(path)
]
"""The pages that a newcomer reads first are run by default, the guides among the slow tests."""


@pytest.mark.parametrize("path", WITH_COMMANDS)
def test_every_command_of_a_page_works(path: Path, tmp_path: Path) -> None:
    """A reader who types a page's commands in order, in an empty folder, meets no error and sees what it shows."""
    outcome = Reader(tmp_path, free_port()).follow(BLOCKS[path])
    assert outcome.faults == []
    assert outcome.ran == [
        one for block in BLOCKS[path] if block.language in RUN and not is_left_out(block) for one in block.commands
    ]


@pytest.mark.parametrize(
    ("block", "fault"),
    [
        (Block(1, "sh", "true\naggregator chek"), "exit code 2"),
        (Block(1, "sh", "false\ntrue"), "exit code 1"),
        (Block(1, "console", "$ echo a\nb"), "printed:\na"),
        (Block(1, "sh", "sleep 9", "background", "ready"), "printed no 'ready'"),
    ],
)
def test_a_page_that_is_wrong_is_found(block: Block, fault: str, tmp_path: Path) -> None:
    """The reader reports a command that fails, output that is not as shown, and a program that does not get ready."""
    found = Reader(tmp_path, free_port(), patience=0.2).follow([block]).faults
    assert fault in found[0]


def test_a_page_is_read_as_written() -> None:
    """Blocks, their marks and the hidden set-up are found; a mark counts only on the line before."""
    text = "<!-- setup\ncd x\n-->\n<!-- exit: 1 -->\n```console\n$ a\nout\n$ b\n```\n\n```sh\nc \\\n  d\n# e\n```\n"
    found = blocks(text)
    assert [(one.language, one.mark, one.value, one.commands) for one in found] == [
        ("setup", "", "", []),
        ("console", "exit", "1", ["a", "b"]),
        ("sh", "", "", ["c    d"]),
    ]
    assert found[1].steps() == [("a", "out\n"), ("b", "")]


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_what_is_not_run_says_why(path: Path) -> None:
    """A block that is not run names the test that does the same, which exists."""
    for block in BLOCKS[path]:
        if block.mark == "not run":
            tests = re.findall(r"tests/[\w/.]+", block.value)
            assert tests, f"line {block.line}"
            assert all((ROOT / one).exists() for one in tests), f"line {block.line}"


def mentioned(path: Path) -> list[str]:
    """Return the commands of the program that a page mentions, in blocks and in the text."""
    text = path.read_text()
    inline = re.findall(r"`(aggregator [^`]+)`", re.sub(r"^ *```.*?^ *```", "", text, flags=re.DOTALL | re.MULTILINE))
    return [*inline, *(one for block in blocks(text) for one in block.commands if one.startswith("aggregator "))]


@pytest.mark.parametrize("path", [*PAGES, *OTHERS], ids=name_of)
def test_commands_and_options_that_are_mentioned_exist(path: Path) -> None:
    """Each `aggregator …` in a page names a command that exists, with options that it has."""
    for text in mentioned(path):
        words = re.split(r"\s+", re.split(r" [|&>;]|…", text)[0].replace("\n", " "))
        options = {one.partition("=")[0] for one in words if one.startswith("-") and one.strip("-")}
        name = next((one for one in words[1:] if not one.startswith("-")), "")
        command = cli.commands[name] if name else cli
        known = {
            one for option in command.params if isinstance(option, click.Option)
            for one in (*option.opts, *option.secondary_opts)
        }  # fmt: skip
        assert options <= known | {"--help", "-h"}, text


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_every_config_that_is_shown_is_valid(path: Path, tmp_path: Path) -> None:
    """A block of YAML is a part of the config or a list of sources, without an unknown key or a wrong value."""
    for block in BLOCKS[path]:
        if block.mark == "file" and "sources/" in block.value:
            assert read_sources([(block.value, block.text.encode())], SourcesSettings(folder="collected"))[1] == []
        elif block.language == "yaml" and not (block.mark == "file" and "topics/" in block.value):
            site = "" if "site:" in block.text else 'site: {url: "https://feeds.example.org/"}\n'
            (tmp_path / "token").write_text("0123456789abcdef\n")
            if re.search(r"^(seeds|feeds): \S*://", block.text, re.MULTILINE):
                pytest.importorskip("s3fs")
            config = tmp_path / "config.yaml"
            config.write_text(site + block.text)
            load_config(config)


def anchors(path: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", one.lower()).replace(" ", "-") for one in headings}


@pytest.mark.parametrize("path", [*PAGES, *OTHERS], ids=name_of)
def test_every_link_leads_somewhere(path: Path) -> None:
    """Links to files of the repository and to headings exist."""
    text = re.sub(r"```.*?```|`[^`\n]*`", "", path.read_text(), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in target:
            continue
        file, _, anchor = target.partition("#")
        there = (path.parent / file).resolve() if file else path
        assert there.exists(), target
        assert not anchor or anchor in anchors(there), target


def test_every_page_is_reached_from_the_readme() -> None:
    """Who follows links from README.md meets each page."""
    seen, waiting = set(), [README]
    while waiting:
        path = waiting.pop()
        if path in seen or path.suffix != ".md":
            continue
        seen.add(path)
        links = re.findall(r"\]\(([^)\s#]+)", path.read_text())
        waiting += [(path.parent / one).resolve() for one in links if "://" not in one]
    assert [name_of(path) for path in [*PAGES, *OTHERS] if path not in seen] == []


def test_the_readme_fits_on_two_screens() -> None:
    """It has at most 150 lines and 10 kB, and the quick start is within the first 60 lines."""
    text = README.read_text()
    assert len(text.encode()) <= 10_000
    assert len(text.splitlines()) <= 150
    start = next(block for block in BLOCKS[README] if "aggregator run" in block.text)
    assert start.line + len(start.text.splitlines()) <= 60


def test_every_dependency_has_its_reason() -> None:
    """The tables of docs/contributing.md name each package of a base install and of the extras, and no other."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *(one for extra in project["optional-dependencies"].values() for one in extra)]
    section = (DOCS / "contributing.md").read_text().partition("## Dependencies")[2].partition("\n## ")[0]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in section.splitlines() if line.startswith("|")]
    columns = [row[1] if row[0].startswith("`") else row[0] for row in rows if not row[0].startswith("---")]
    told = sorted(name.lower() for names in columns for name in names.split(", ") if name)
    assert told == sorted(re.match(r"[\w-]+", one)[0].lower() for one in wanted)


@pytest.mark.parametrize("path", [path for path in PAGES if path != README], ids=name_of)
def test_a_page_is_short(path: Path) -> None:
    """A page has one title, and at most 200 lines."""
    lines = re.sub(r"```.*?```", "", path.read_text(), flags=re.DOTALL).splitlines()
    assert sum(line.startswith("# ") for line in lines) == 1
    assert len(path.read_text().splitlines()) <= 200


def test_the_reference_is_what_the_code_says() -> None:
    """Each page of docs/reference, the manual and the completions are as `docs/generate.py` writes them."""
    written = _generator().files()
    assert {path for folder in ("reference", "terminal") for path in (DOCS / folder).iterdir()} == written.keys()
    assert [name_of(path) for path, text in written.items() if path.read_text() != text] == []


def test_a_changed_option_makes_the_reference_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    """An option without its line in the reference is found, and so are a config key and a limit."""
    module = _generator()
    before = module.files()
    option = click.Option(["--colour"], is_flag=True, help="Paint the feeds.")
    monkeypatch.setattr(cli.commands["build"], "params", [*cli.commands["build"].params, option])
    monkeypatch.setattr("aggregator.normalizer.front_matter.MAX_SEED", 2**21)
    after = module.files()
    assert {path.name for path in before if before[path] != after[path]} == {"commands.md", "limits.md", "aggregator.1"}
    assert "| `--colour` |" in after[REFERENCE / "commands.md"]
    assert "\\-\\-colour" in after[DOCS / "terminal/aggregator.1"]


def test_a_key_without_a_description_is_refused(tmp_path: Path) -> None:
    """The reference cannot be made while the sample config does not explain a key."""
    module = _generator()
    sample = tmp_path / "sample.yaml"
    sample.write_text("# What is served.\nserver:\n  # The port.\n  port: 1\n")
    key = module.Key
    told = module.comments(sample, {"server.port", "rules.max_age"})
    assert told == {"server": "What is served.", "server.port": "The port."}
    with pytest.raises(SystemExit, match=r"rules\.max_age"):
        list(module.table([key("server.port", "number", ""), key("rules.max_age", "time", "")], told))


@pytest.mark.slow
def test_the_generator_says_what_differs() -> None:
    """`docs/generate.py --check` exits with 0 if the files are as the code says."""
    done = subprocess.run(
        [sys.executable, DOCS / "generate.py", "--check"], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert (done.returncode, done.stdout) == (0, "")


def _generator():
    spec = importlib.util.spec_from_file_location("generate", DOCS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module

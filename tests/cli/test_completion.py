"""What a shell completes, asked as the scripts in docs/terminal ask."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.needed_tools import require_program
from support.site_folder import SiteFolder

TERMINAL = Path(__file__).parents[2] / "docs/terminal"
ASK = """
compopt() { echo "$2"; }
source "$SCRIPT"
COMP_WORDS=(aggregator "$@"); COMP_CWORD=$#
_aggregator_completion aggregator
printf '%s\\n' "${COMPREPLY[@]}"
"""


def completed(site: SiteFolder, *words: str) -> list[str]:
    """Return what bash offers for the last of `words`: names, or the kind of names that it looks up itself."""
    environment = {
        **os.environ, "SCRIPT": str(TERMINAL / "aggregator.bash"), "PATH": f"{Path(sys.executable).parent}:{os.defpath}",
        "AGGREGATOR_CONFIG": str(site.root / "config/feeds.yaml"),
    }  # fmt: skip
    words = (require_program("bash"), "-c", ASK, "bash", *words)
    done = subprocess.run(words, env=environment, cwd=site.root, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.slow
def test_commands_options_and_choices_are_completed(site: SiteFolder) -> None:
    """Commands by their beginning, the options of a command, and the values of an option."""
    assert completed(site, "st") == ["status"]
    assert completed(site, "run", "--st") == ["--standby"]
    assert completed(site, "check", "--format", "") == ["text", "github"]


@pytest.mark.slow
def test_feeds_are_completed_by_their_slugs(site: SiteFolder) -> None:
    """`trigger` offers the feeds that are published; without a config it offers nothing, and no traceback."""
    site.write("a.md", topics=["Sea", "Sky"])
    site.build()
    assert completed(site, "trigger", "s") == ["sea", "sky"]
    (site.root / "config/feeds.yaml").write_text("{")
    assert completed(site, "trigger", "s") == []


@pytest.mark.parametrize(
    ("words", "kind"), [(("check", ""), "default"), (("build", "--config", ""), "default"), (("init", ""), "dirnames")]
)
def test_files_are_completed_by_the_shell(words: tuple[str, ...], kind: str, site: SiteFolder) -> None:
    """Where a file or a folder is wanted, the shell offers its own names."""
    assert completed(site, *words) == [kind]


@pytest.mark.parametrize(
    ("shell", "name"), [("zsh", "_aggregator"), ("fish", "aggregator.fish"), ("bash", "aggregator.bash")]
)
def test_a_script_is_valid_in_its_shell(shell: str, name: str) -> None:
    """The shell parses the script, if it is installed."""
    subprocess.run([require_program(shell), "-n", str(TERMINAL / name)], check=True)


@pytest.mark.parametrize("words", [["aggregator"], [sys.executable, "-m", "aggregator"]])
def test_the_program_prints_the_same_script(words: list[str]) -> None:
    """Whoever has no `share/` gets the script from the program, however it is started."""
    environment = {
        **os.environ,
        "_AGGREGATOR_COMPLETE": "bash_source",
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    printed = subprocess.run(words, env=environment, capture_output=True, text=True, check=True).stdout
    assert printed.strip() == (TERMINAL / "aggregator.bash").read_text().strip()

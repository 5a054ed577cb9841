"""Our workflow for GitHub Pages and our hooks of pre-commit: what they run is run here, and their form is checked."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.needed_tools import require_package

ROOT = Path(__file__).parents[3]
DEPLOY = ROOT / "config/deploy"
WORKFLOW = yaml.safe_load((DEPLOY / "github-pages.yaml").read_text())
STEPS: list[dict[str, Any]] = WORKFLOW["jobs"]["build"]["steps"]
KEPT = [one["with"]["path"].split() for one in STEPS if "actions/cache" in one.get("uses", "")]


class Runner:
    """What GitHub gives a job: a fresh clone for each run, and what the cache kept."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.cache, self.runs = folder, folder / "cache", 0
        self.cache.mkdir()
        programs = folder / "bin"
        programs.mkdir()
        (programs / "aggregator").write_text(f'#!/bin/sh\nexec {sys.executable} -m aggregator "$@"\n')
        (programs / "aggregator").chmod(0o755)

    def run(self, seeds: dict[str, str]) -> Path:
        """Run the commands of a build on a clone with these seeds, and return what is deployed."""
        self.runs += 1
        clone, temp = self.folder / f"clone-{self.runs}", self.folder / f"temp-{self.runs}"
        temp.mkdir()
        (clone / "config").mkdir(parents=True)
        (clone / "config/aggregator.yaml").write_text('site: {url: "https://name.github.io/news/"}\n')
        (clone / "seeds").mkdir()
        for name, text in seeds.items():
            (clone / "seeds" / name).write_text(text)
        for step in STEPS:
            if "cache/restore" in step.get("uses", "") and self.runs > 1:
                self._copy(self.cache, clone)
            elif "cache/save" in step.get("uses", ""):
                self._copy(clone, self.cache)
            elif "run" in step and "pip install" not in step["run"]:
                self._do(step["run"], clone, temp)
        return temp / "site"

    def _copy(self, source: Path, target: Path) -> None:
        for name in KEPT[0]:
            self._do('rm -rf "$2/$3" && cp -Rp "$1/$3" "$2/"', source, source, source, target, name)

    def _do(self, script: str, cwd: Path, temp: Path, *words: object) -> None:
        environment = {
            **os.environ, "PATH": f"{self.folder}/bin:{os.environ['PATH']}", "PYTHONPATH": str(ROOT), "RUNNER_TEMP": str(temp),
        }  # fmt: skip
        words = ["bash", "-e", "-o", "pipefail", "-c", script, "bash", *map(str, words)]
        subprocess.run(words, cwd=cwd, env=environment, check=True, capture_output=True, text=True, timeout=120)


def seed(link: str) -> str:
    return (
        f"---\ntitle: A tram\nwebUrl: https://news.example.org/{link}\npublishedDateTime: 2026-05-01T00:00:00Z\n---\n"
    )


@pytest.mark.slow
def test_an_item_keeps_its_id_from_run_to_run(tmp_path: Path) -> None:
    """The commands of two runs, with what the cache keeps: a changed link is the same item, and a broken seed stays."""
    runner = Runner(tmp_path)
    runner.run({"a.md": seed("old"), "b.md": seed("b")})
    second = runner.run({"a.md": seed("new"), "b.md": "---\ntitle: [\n---\n"})
    rss = (second / "all/rss.xml").read_text()
    assert "<link>https://news.example.org/new</link>" in rss
    assert sorted(re.findall(r"<guid[^>]*>([^<]*)<", rss)) == [
        "https://news.example.org/b",
        "https://news.example.org/old",
    ]


@pytest.mark.slow
def test_what_is_deployed_is_what_readers_ask_for(tmp_path: Path) -> None:
    """Pages and feeds, also those in a folder with a dot, and no encodings, which GitHub makes itself."""
    site = Runner(tmp_path).run({"a.md": seed("a")})
    names = {str(path.relative_to(site)) for path in site.rglob("*") if path.is_file()}
    assert {"index.html", "all/rss.xml", "all/feed.json", ".well-known/feeds"} <= names
    assert not [name for name in names if name.endswith((".gz", ".br"))]


def test_the_workflow_keeps_its_promises_about_state() -> None:
    """What is fetched is what was kept, under a key that each run has for itself, and never two builds at a time."""
    assert KEPT == [[".aggregator", "feeds"]] * 2
    restore, save = (one["with"] for one in STEPS if "actions/cache" in one.get("uses", ""))
    assert restore["key"] == save["key"]
    assert "run_id" in save["key"]
    assert save["key"].startswith(restore["restore-keys"])
    assert WORKFLOW["concurrency"] == {"group": "feeds", "cancel-in-progress": False}
    assert WORKFLOW["permissions"] == {"contents": "read"}


def test_the_workflow_has_the_form_of_one() -> None:
    """The schema of GitHub's workflows holds."""
    require_package("check_jsonschema")
    words = [
        sys.executable,
        "-m",
        "check_jsonschema",
        "--builtin-schema",
        "vendor.github-workflows",
        DEPLOY / "github-pages.yaml",
    ]
    subprocess.run(words, check=True, capture_output=True)


@pytest.mark.slow
def test_pre_commit_runs_our_hook(tmp_path: Path) -> None:
    """A repository with the hooks at its top gives a site the hook, which refuses a commit with a broken seed."""
    require_package("pre_commit")
    program, site = tmp_path / "program", tmp_path / "site"
    git = ["git", "-c", "user.name=test", "-c", "user.email=test@example.org"]
    program.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE", "aggregator", "docs"):
        subprocess.run(["cp", "-R", ROOT / name, program], check=True)
    (program / ".pre-commit-hooks.yaml").write_bytes((DEPLOY / "pre-commit-hooks.yaml").read_bytes())
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "x"], ["tag", "v1"]):
        subprocess.run([*git, *words], cwd=program, check=True)
    subprocess.run(
        [sys.executable, "-m", "aggregator", "init", site, "--url", "https://feeds.a.test/"], check=True, cwd=ROOT
    )
    hooks = {"repos": [{"repo": str(program), "rev": "v1", "hooks": [{"id": "aggregator-check"}]}]}
    (site / ".pre-commit-config.yaml").write_text(yaml.safe_dump(hooks))

    def committed() -> subprocess.CompletedProcess[str]:
        subprocess.run([*git, "add", "-A"], cwd=site, check=True)
        words = [sys.executable, "-m", "pre_commit", "run", "--all-files"]
        environment = {**os.environ, "PRE_COMMIT_HOME": str(tmp_path / "home"), "GIT_AUTHOR_NAME": "test"}
        return subprocess.run(
            words, cwd=site, env=environment, capture_output=True, text=True, check=False, timeout=300
        )

    subprocess.run([*git, "init", "-q"], cwd=site, check=True)
    done = committed()
    assert done.returncode == 0, done.stdout + done.stderr
    (site / "seeds/bad.md").write_text("---\ntitle: a: b\n---\n")
    done = committed()
    assert done.returncode == 1
    assert "seeds/bad.md:2:" in done.stdout

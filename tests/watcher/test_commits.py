"""The first commit of a file: by one `git log`, from a repository in which nothing runs."""

from __future__ import annotations

import pickle
import subprocess
from pathlib import Path

import pytest
from support.needed_tools import require_program

from aggregator.model.seed_roots import SeedRoot
from aggregator.watcher import commits
from aggregator.watcher.commits import first_commits

DAY = 86_400


class Repository:
    """A repository of git whose commits are a day apart, from the second day of 1970 on."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.day = 0
        folder.mkdir(parents=True, exist_ok=True)
        self.git("init", "-q")

    def git(self, *words: str, **environment: str) -> str:
        identity = ("-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
        done = subprocess.run(
            [require_program("git"), *identity, *words], cwd=self.folder, capture_output=True, check=True, text=True,
            env={"PATH": "/usr/bin:/bin", "HOME": str(self.folder), **environment},
        )  # fmt: skip
        return done.stdout

    def commit(self, **texts: str | None) -> None:
        for name, text in texts.items():
            self.write(name, text)
        self.day += 1
        when = f"@{self.day * DAY} +0000"
        self.git("add", "-A")
        self.git("commit", "-qm", "x", GIT_AUTHOR_DATE=when, GIT_COMMITTER_DATE=when)

    def write(self, name: str, text: str | None) -> None:
        file = self.folder / f"{name}.md"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.unlink() if text is None else file.write_text(text)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "blog")


def days(folder: Path, *paths: str, turn: int = 1) -> list[int | None]:
    """Return on which days files were first committed."""
    ask = first_commits([SeedRoot(folder=str(folder), dialect="hugo")], turn=turn)
    assert ask is not None
    found = [pickle.loads(pickle.dumps(ask))(path) for path in paths]
    return [None if one is None else one // DAY for one in found]


def test_a_file_has_the_day_of_its_first_commit(repository: Repository) -> None:
    """Whatever became of it since, and whatever its name; one that was renamed counts from then on."""
    repository.commit(a="1", b="1", **{'content/n\tew\n"line ü': "1"})
    repository.commit(a="2", b=None)
    repository.commit(b="again")
    repository.git("mv", "a.md", "moved.md")
    repository.commit()
    repository.write("uncommitted", "x")
    assert days(repository.folder, "b.md", "moved.md", "uncommitted.md", "nowhere.md") == [1, 4, None, None]
    assert days(repository.folder / "content", 'n\tew\n"line ü.md') == [1]


def test_several_roots_are_asked_by_their_names(repository: Repository, tmp_path: Path) -> None:
    """One in no work tree has no commits, and a plain native one never needs them."""
    repository.commit(**{"x/a": "1"})
    (tmp_path / "elsewhere").mkdir()
    roots = [
        SeedRoot(folder=str(repository.folder / "x"), name="blog", dialect="hugo"),
        SeedRoot(folder=str(tmp_path / "elsewhere"), name="notes", dialect="plain"),
    ]
    ask = first_commits(roots, turn=1)
    assert ask is not None
    assert (ask("blog/a.md"), ask("notes/a.md"), ask("blog/b.md")) == (DAY, None, None)
    assert first_commits(roots[1:], turn=1) is None
    assert first_commits([SeedRoot(folder=str(repository.folder))], turn=1) is None


def test_the_log_is_read_once_for_each_head(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    """In one turn git is asked once; in the next only what the head is, unless it moved."""
    asked: list[str] = []
    git = commits._git
    monkeypatch.setattr(commits, "_git", lambda folder, *words: asked.append(words[0]) or git(folder, *words))
    repository.commit(a="1")
    assert days(repository.folder, "a.md", "b.md", "a.md") == [1, None, 1]
    assert asked == ["rev-parse", "log"]
    assert days(repository.folder, "a.md", turn=2) == [1]
    repository.commit(b="1")
    assert days(repository.folder, "b.md", turn=2) == [None]
    assert days(repository.folder, "b.md", turn=3) == [2]
    assert asked == ["rev-parse", "log", "rev-parse", "rev-parse", "log"]


def test_beyond_the_boundary_of_a_shallow_clone_nothing_is_known(repository: Repository, tmp_path: Path) -> None:
    """There the oldest commit seems to add everything."""
    repository.commit(a="1")
    repository.commit(a="2")
    repository.commit(b="1")
    repository.git("clone", "-q", "--depth=2", f"file://{repository.folder}", str(tmp_path / "clone"))
    assert days(tmp_path / "clone", "a.md", "b.md") == [None, 3]


def test_without_git_or_commits_nothing_is_known(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty repository, a damaged one, and a machine without git."""
    assert days(repository.folder, "a.md") == [None]
    repository.commit(a="1")
    assert days(repository.folder, "a.md", turn=2) == [1]
    monkeypatch.setenv("PATH", "/nowhere")
    assert days(repository.folder, "a.md", turn=3) == [None]
    monkeypatch.undo()
    (repository.folder / ".git/HEAD").write_text("nonsense")
    assert days(repository.folder, "a.md", turn=4) == [None]


def test_nothing_in_the_repository_runs(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Programs in its config, its hooks and attributes, and what the environment says of another repository."""
    ran = tmp_path / "ran"
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\necho $0 $@ >> {ran}\ncat\n")
    program.chmod(0o755)
    repository.commit(a="1")
    (repository.folder / ".gitattributes").write_text("*.md diff=x filter=x\n")
    repository.commit(b="1")
    for key in (
        "core.fsmonitor", "core.pager", "pager.log", "diff.external", "diff.x.command", "diff.x.textconv", "filter.x.clean",
        "filter.x.smudge", "gpg.program", "core.sshCommand", "core.editor", "alias.log", "alias.rev-parse",
    ):  # fmt: skip
        repository.git("config", key, str(program))
    for key, value in (("log.showSignature", "true"), ("log.follow", "true"), ("core.hooksPath", str(tmp_path))):
        repository.git("config", key, value)
    for hook in ("post-index-change", "reference-transaction", "pre-auto-gc"):
        (tmp_path / hook).write_bytes(program.read_bytes())
        (tmp_path / hook).chmod(0o755)
    ran.unlink(missing_ok=True)
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    monkeypatch.setenv("GIT_EXTERNAL_DIFF", str(program))
    assert days(repository.folder, "a.md", "b.md") == [1, 2]
    assert not ran.exists()

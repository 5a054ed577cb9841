"""A stranger installs the package and has a site: outside the repository, with nothing of its environment."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from support.http_client import fetch
from support.needed_tools import require_package, require_program
from support.running_daemon import free_port, wait_until

pytestmark = pytest.mark.slow
NEVER = {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "UV_PROJECT_ENVIRONMENT", "AGGREGATOR_CONFIG"}
ENVIRONMENT = {name: value for name, value in os.environ.items() if name not in NEVER and "PYTEST" not in name}


def do(*words: object, cwd: Path, **environment: object) -> str:
    """Run a command as a stranger, and return what it prints; it must succeed."""
    done = subprocess.run(
        [*map(str, words)], cwd=cwd, env={**ENVIRONMENT, **{name: str(one) for name, one in environment.items()}},
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    if done.returncode and "dns error" in done.stderr:
        pytest.skip("the package index cannot be reached")
    assert done.returncode == 0, done.stderr
    return done.stdout


def assert_has_site(program: list[object], folder: Path) -> None:
    """With `program`, a new site in `folder` is built, found valid and served, and the daemon stops well."""
    do(*program, "init", "site", "--url", "https://feeds.stranger.test/", cwd=folder)
    site = folder / "site"
    assert "2 feeds" in do(*program, "build", cwd=site)
    assert "<title>" in (site / "feeds/all/rss.xml").read_text()
    assert "0 errors" in do(*program, "check", cwd=site)
    with running(program, site) as address:
        assert fetch(address, "/").status == 200
        assert fetch(address, "/all/feed.json").status == 200
        assert fetch(address, "/healthz").status == 200


@contextmanager
def running(program: list[object], site: Path) -> Iterator[str]:
    """Yield the address of a daemon; it must end by itself after SIGTERM, and well."""
    address, log = f"http://127.0.0.1:{(port := free_port())}/", site / "log"
    with log.open("wb") as output:
        words = [*map(str, program), "run", "--port", str(port)]
        process = subprocess.Popen(words, cwd=site, env=ENVIRONMENT, stderr=output)

    def answers() -> bool:
        assert process.poll() is None, log.read_text()
        with suppress(OSError):
            return fetch(address, "/").status == 200
        return False

    try:
        wait_until(answers, 30)
        yield address
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0, log.read_text()
    finally:
        process.kill()
        process.wait(30)


def test_uvx_runs_it_from_the_wheel(wheel: Path, tmp_path: Path) -> None:
    """`uvx --from WHEEL aggregator …` needs no installation."""
    assert_has_site([require_program("uvx"), "--quiet", "--from", wheel, "aggregator"], tmp_path)


def test_pip_installs_the_base_that_all_of_the_first_minute_needs(wheel: Path, tmp_path: Path) -> None:
    """A fresh environment has neither the extras nor anything of the tests, and every command of the first minute works."""
    do(sys.executable, "-m", "venv", "env", cwd=tmp_path)
    bin_folder = tmp_path / "env/bin"
    do(bin_folder / "pip", "install", "--quiet", "--disable-pip-version-check", wheel, cwd=tmp_path)
    names = {line.partition("==")[0].lower() for line in do(bin_folder / "pip", "freeze", cwd=tmp_path).split()}
    assert not names & {"uvloop", "rich", "fsspec", "distributed", "pytest"}
    assert_has_site([bin_folder / "aggregator"], tmp_path)
    manual = do(
        require_program("man"), "--where", "aggregator", cwd=tmp_path, PATH=f"{bin_folder}:{os.environ['PATH']}"
    )
    assert manual.strip() == str(tmp_path / "env/share/man/man1/aggregator.1")


def test_pipx_links_the_program_and_its_manual(wheel: Path, tmp_path: Path) -> None:
    """`pipx install WHEEL` puts the command and the manual where it puts all."""
    require_package("pipx")
    places = {"PIPX_HOME": tmp_path / "home", "PIPX_BIN_DIR": tmp_path / "bin", "PIPX_MAN_DIR": tmp_path / "man"}
    do(sys.executable, "-m", "pipx", "install", wheel, cwd=tmp_path, **places)
    assert (tmp_path / "man/man1/aggregator.1").exists()
    assert_has_site([tmp_path / "bin/aggregator"], tmp_path)


def test_the_source_package_passes_its_own_tests(sdist: Path, tmp_path: Path) -> None:
    """Unpacked, it is checked by its tests: the house, the documents, golden feeds, and a build of its sample site."""
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    (source,) = tmp_path.iterdir()
    some = (
        "tests/model",
        "tests/renderer/test_golden.py",
        "tests/test_house.py",
        "tests/test_documents.py",
        "tests/normalizer/test_cases.py",
    )
    output = do(
        sys.executable, "-m", "pytest", "-q", "-n", 0, "-p", "no:cacheprovider", *some, cwd=source, PYTHONPATH=source
    )
    assert " passed" in output
    do(sys.executable, "-m", "aggregator", "build", cwd=source, PYTHONPATH=source)
    assert (source / "feeds/all/rss.xml").exists()

"""Our container. No image can be built here: its files are checked, and its steps and its process run as they are in one."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml
from support.http_client import fetch
from support.needed_tools import SEARCH_PATH, require_package, skip_missing
from support.running_daemon import free_port, time_limit, wait_until

ROOT = Path(__file__).parents[3]
DEPLOY = ROOT / "config/deploy"
SERVICE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]["aggregator"]
USER = 10001
SYSTEM_PYTHON = "/usr/bin/python3"
"""An interpreter that other users may run: that of the tests may lie in root's own folder."""

USERS = """
set -eu
cp -r /etc "$PLACE/etc"
mount --bind "$PLACE/etc" /etc
eval "$1"
"""
"""Runs what makes users, in a file system of its own whose /etc is a copy."""

CONTAINED = """
set -eu
mount --bind "$PLACE/site" "$PLACE/site"
mount -t tmpfs -o mode=1777,size=64m tmpfs /tmp
awk '{print $5}' /proc/self/mountinfo | while read -r one; do
    [ "$one" = "$PLACE/site" ] || [ "$one" = /tmp ] || mount -o remount,bind,ro "$one"
done
cd "$PLACE/site"
exec setpriv --reuid 10001 --regid 10001 --clear-groups --no-new-privs --inh-caps=-all --bounding-set=-all env -i "$@"
"""
"""Runs a command as `docker run --read-only --cap-drop ALL --security-opt no-new-privileges --tmpfs /tmp` does."""


class Step(NamedTuple):
    """An instruction of a Containerfile and the rest of its line."""

    name: str
    text: str


def steps() -> list[Step]:
    """Return the instructions of our Containerfile, each with its continued lines."""
    text = re.sub(r"^#.*\n", "", (DEPLOY / "Containerfile").read_text(), flags=re.MULTILINE)
    lines = re.sub(r"\\\n\s*", "", text).splitlines()
    return [Step(*line.split(" ", 1)) for line in lines if line]


class Image:
    """What the image would hold, in a folder: `/opt`, `/source` and `/site` of the Containerfile lie below it."""

    def __init__(self, place: Path) -> None:
        self.place, self.site = place, place / "site"
        self.port = free_port()

    def local(self, text: str) -> str:
        """Return a command of the Containerfile with the paths of this folder, and a port that is free."""
        return re.sub(r"(?<![\w/])/(opt|source|site)\b", rf"{self.place}/\1", text).replace("8080", str(self.port))

    def make(self) -> None:
        """Do what the Containerfile says, stage by stage."""
        programs = self.place / "bin"
        programs.mkdir()
        (programs / "python").symlink_to(SYSTEM_PYTHON)
        for step in steps():
            if step.name == "COPY" and not step.text.startswith("--from"):
                *sources, target = step.text.split()
                for source in sources:
                    self._copy(ROOT / source, Path(self.local(target)), into=target.endswith("/"))
            elif step.name == "RUN" and "useradd" in step.text:
                self._run("unshare", "-m", "bash", "-c", USERS, "bash", self.local(step.text))
            elif step.name == "RUN":
                self._run("bash", "-euc", self.local(step.text))

    @staticmethod
    def _copy(source: Path, target: Path, *, into: bool) -> None:
        target = target / source.name if into else target
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(source, target) if source.is_dir() else shutil.copy(source, target)

    def _run(self, *words: str) -> None:
        environment = {**os.environ, "PLACE": str(self.place), "PATH": f"{self.place}/bin:{SEARCH_PATH}"}
        environment.pop("PYTHONPATH", None)
        done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False, timeout=300)
        assert done.returncode == 0, done.stderr

    def start(self, *command: str) -> subprocess.Popen[str]:
        """Start the entry point with `command`, else with that of the Containerfile, as the container would."""
        found = {step.name: self.local(step.text) for step in steps() if step.name in {"ENV", "ENTRYPOINT", "CMD"}}
        words = [*json.loads(found["ENTRYPOINT"]), *(command or json.loads(found["CMD"]))]
        inside = [
            "unshare",
            "-m",
            "--propagation",
            "private",
            "bash",
            "-c",
            CONTAINED,
            "bash",
            *found["ENV"].split(),
            *words,
        ]
        return subprocess.Popen(
            inside, env={**os.environ, "PLACE": str(self.place)}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )  # fmt: skip

    def is_healthy(self) -> bool:
        """Return whether the health check of the Containerfile succeeds."""
        check = next(step.text for step in steps() if step.name == "HEALTHCHECK").partition("CMD ")[2]
        words = json.loads(self.local(check))
        environment = {"PATH": f"{self.place}/opt/aggregator/bin"}
        return subprocess.run(words, env=environment, capture_output=True, check=False).returncode == 0


@pytest.fixture(scope="module")
def image() -> Iterator[Image]:
    """Yield what the image would hold."""
    if os.geteuid() != 0 or subprocess.run(["unshare", "-m", "true"], check=False).returncode:
        pytest.skip("a file system of its own needs root")
    if subprocess.run([SYSTEM_PYTHON, "-c", "import ensurepip"], capture_output=True, check=False).returncode:
        skip_missing(f"ensurepip of {SYSTEM_PYTHON} (python3-venv)")
    place = Path(tempfile.mkdtemp(dir="/var/tmp"))
    place.chmod(0o755)
    made = Image(place)
    try:
        made.make()
        yield made
    finally:
        shutil.rmtree(place)


@pytest.mark.slow
def test_the_daemon_runs_as_in_the_container(image: Image) -> None:
    """From an empty volume: a site is made, served, changed and stopped, by a user without rights, on read-only disks."""
    assert (image.site.stat().st_uid, image.site.stat().st_gid) == (USER, USER)
    made = image.start("init", ".", "--url", "https://feeds.example.org/")
    printed, _ = made.communicate(timeout=60)
    assert made.returncode == 0, printed
    assert not image.is_healthy()
    daemon = image.start()
    try:
        wait_until(image.is_healthy, 30)
        told = Path(f"/proc/{daemon.pid}/status").read_text()
        assert re.search(rf"^Uid:(\s+{USER}){{4}}$", told, re.MULTILINE)
        assert set(re.findall(r"^Cap(?:Eff|Prm|Inh|Bnd):\s+(\w+)$", told, re.MULTILINE)) == {"0" * 16}
        mounts = [line.split() for line in Path(f"/proc/{daemon.pid}/mountinfo").read_text().splitlines()]
        writable = {words[4] for words in mounts if "rw" in words[5].split(",")}
        assert writable - {"/dev/shm", "/dev/pts"} == {"/tmp", str(image.site)}  # a container has these two as well
        seed = image.site / "seeds/2026-05-01-tram.md"
        seed.write_text("---\ntitle: A tram\nwebUrl: https://news.example.org/tram\ntopics: [Cities]\n---\n")
        wait_until(lambda: "A tram" in (image.site / "feeds/cities/rss.xml").read_text())
        assert fetch(f"http://127.0.0.1:{image.port}/", "/cities/rss.xml").status == 200
        began = time.monotonic()
        daemon.send_signal(signal.SIGTERM)
        assert daemon.wait(60) == 0
        assert time.monotonic() - began < time_limit(5)
    finally:
        daemon.kill()
        daemon.communicate()


def test_the_containerfile_follows_the_rules_of_hadolint() -> None:
    """Its pinned base, its users, its layers: no warning."""
    hadolint = shutil.which("hadolint", path=f"{Path(sys.executable).parent}:{SEARCH_PATH}") or skip_missing("hadolint")
    done = subprocess.run([hadolint, DEPLOY / "Containerfile"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_compose_takes_every_right_from_the_container() -> None:
    """The schema of Compose holds, and the service is what the test of the process imitates."""
    require_package("check_jsonschema")
    words = [
        sys.executable,
        "-m",
        "check_jsonschema",
        "--builtin-schema",
        "vendor.compose-spec",
        DEPLOY / "compose.yaml",
    ]
    subprocess.run(words, check=True, capture_output=True)
    assert SERVICE["read_only"] is True
    assert SERVICE["cap_drop"] == ["ALL"]
    assert SERVICE["security_opt"] == ["no-new-privileges:true"]
    assert [one.partition(":")[0] for one in SERVICE["tmpfs"]] == ["/tmp"]
    assert [one.rpartition(":")[2] for one in SERVICE["volumes"]] == ["/site"]
    assert (DEPLOY / SERVICE["build"]["context"]).resolve() == ROOT
    assert (ROOT / SERVICE["build"]["dockerfile"]).samefile(DEPLOY / "Containerfile")


def test_the_image_is_small_and_its_user_is_not_root() -> None:
    """The last stage is slim, copies nothing of the source, and its one volume is where it works."""
    last = steps()[max(number for number, step in enumerate(steps()) if step.name == "FROM") :]
    found = {step.name: step.text for step in last}
    assert found["FROM"].endswith("-slim")
    assert found["COPY"].startswith("--from=build ")
    assert found["USER"] == f"{USER}:{USER}"
    assert found["VOLUME"] == found["WORKDIR"] == "/site"
    assert not {"ADD", "MAINTAINER"} & found.keys()

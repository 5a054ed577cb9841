"""The folder writer when the disk, a limit or the process fails: complete files, a reason, no open file."""

import errno
import gzip
import itertools
import json
import os
import random
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import brotli
import pytest

from aggregator.model.errors import PublishError
from aggregator.model.feeds import Document
from aggregator.publisher.atomic import Disk
from aggregator.publisher.files import FolderWriter

ROOT = Path(__file__).parents[2]
NAMES = ("all/rss.xml", "all/atom.xml", "ai/rss.xml", "index.html")
OLD, NEW = b"old" * 4000, b"new!" * 5000

OPERATIONS = ("open", "write", "fsync", "close", "replace", "unlink", "mkdir", "rmdir")


def documents(body: bytes, names: tuple[str, ...] = NAMES) -> list[Document]:
    return [Document(name=name, media_type="text/html", body=body) for name in names]


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def published(folder: Path, body: bytes, names: tuple[str, ...] = NAMES) -> dict[str, bytes]:
    FolderWriter(str(folder), fsync=False).publish(documents(body, names))
    return files(folder)


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


class Faults:
    """A disk whose n-th operation fails: only that one, or every one from there on."""

    def __init__(self, first: int, *, lasting: bool) -> None:
        self.first, self.lasting, self.met = first, lasting, False
        self._count = itertools.count(1)

    def disk(self) -> Disk:
        return Disk(**{name: self._failing(name) for name in OPERATIONS})

    def _failing(self, name):
        real = getattr(os, name)

        def operation(*args, **kwargs):
            number = next(self._count)
            if number != self.first and not (self.lasting and number > self.first):
                return real(*args, **kwargs)
            self.met = True
            if name == "close":  # a close that reports an error has closed the file all the same
                real(*args, **kwargs)
            if name == "write":  # and a disk that fills up has taken the first half
                real(args[0], args[1][: len(args[1]) // 2])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        return operation


@contextmanager
def catching(failed: list[PublishError]) -> Iterator[None]:
    try:
        yield
    except PublishError as error:
        failed.append(error)


@pytest.mark.slow
@pytest.mark.parametrize("lasting", [False, True], ids=["once", "from then on"])
def test_the_nth_failing_operation_leaves_complete_files(tmp_path, lasting):
    """Whichever operation fails, every file is completely old or new, and the next run repairs the rest."""
    old, new = published(tmp_path / "old", OLD), published(tmp_path / "new", NEW)
    for number in itertools.count(1):
        feeds = tmp_path / str(number)
        published(feeds, OLD, NAMES[:3])  # the fourth is new, so is the folder of the fifth
        faults, before = Faults(number, lasting=lasting), open_files()
        names = (*NAMES, "new/rss.xml")

        result = FolderWriter(str(feeds), disk=faults.disk()).publish(documents(NEW, names))

        found = {name: body for name, body in files(feeds).items() if ".aggregator-" not in name}
        allowed = {name: (old[name], new[name]) for name in old}
        allowed |= {f"new/rss.xml{suffix}": (new[f"all/rss.xml{suffix}"],) for suffix in ("", ".gz", ".br")}
        assert [name for name, body in found.items() if body not in allowed[name]] == []
        assert {"all/rss.xml", "all/atom.xml", "ai/rss.xml"} <= set(found)
        assert sorted((*result.written, *(error.name for error in result.failed))) == sorted(names)
        assert all(found[name] == NEW for name in result.written)
        assert open_files() == before
        for error in result.failed:
            assert str(error) == f"{error.name}: No space left on device (free some space)"

        again = FolderWriter(str(feeds), fsync=False)
        again.prepare()
        again.publish(documents(NEW, names))
        assert files(feeds) == published(tmp_path / "right", NEW, names)
        shutil.rmtree(feeds)
        if not faults.met:
            assert result.failed == ()
            break
    assert number > 50


def test_one_failure_affects_one_document(tmp_path):
    """When one temporary file cannot be written, its document fails and the others of the same folder are new."""
    writes = itertools.count(1)

    def write(fd, rest):
        if next(writes) == 2:
            raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))
        return os.write(fd, rest)

    published(tmp_path, OLD)
    result = FolderWriter(str(tmp_path), disk=Disk(write=write)).publish(documents(NEW))

    assert result.written == NAMES[1:]
    assert [error.name for error in result.failed] == ["all/rss.xml"]
    assert (tmp_path / "all/rss.xml").read_bytes() == OLD
    cause = result.failed[0].__cause__
    assert isinstance(cause, OSError)
    assert cause.errno == errno.EDQUOT
    assert cause.__traceback__ is None  # or a kept error would keep the bytes of its neighbours


@pytest.mark.parametrize(("number", "survives"), [(errno.EMFILE, True), (errno.EIO, False)])
def test_a_file_that_cannot_be_read(tmp_path, number, survives):
    """A published file that the disk cannot read is replaced; one that cannot be opened for lack of descriptors is kept."""
    published(tmp_path, OLD, NAMES[:1])
    before = (tmp_path / NAMES[0]).stat().st_ino

    def open_(path, *arguments, **named):
        if path == "rss.xml":
            raise OSError(number, os.strerror(number))
        return os.open(path, *arguments, **named)

    result = FolderWriter(str(tmp_path), disk=Disk(open=open_)).publish(documents(OLD, NAMES[:1]))

    assert len(result.failed) == survives
    assert ((tmp_path / NAMES[0]).stat().st_ino == before) is survives


@pytest.mark.parametrize("kind", ["files", "folders"])
def test_what_may_not_be_on_the_disk_is_not_reported_as_written(tmp_path, kind):
    """When flushing fails, of a file or of the folder, the document counts as failed; unflushed files are not shown."""

    def fsync(fd):
        if stat.S_ISDIR(os.fstat(fd).st_mode) == (kind == "folders"):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        os.fsync(fd)

    published(tmp_path, OLD)
    result = FolderWriter(str(tmp_path), disk=Disk(fsync=fsync)).publish(documents(NEW))

    assert result.written == ()
    said = "Input/output error (look at the disk; the system's log says more)"
    assert [str(error) for error in result.failed] == [f"{name}: {said}" for name in NAMES]
    assert {(tmp_path / name).read_bytes() for name in NAMES} == {NEW if kind == "folders" else OLD}


def test_the_nth_failing_operation_of_prepare_and_remove(tmp_path):
    """An error in `prepare` or `remove` is a PublishError or ignored, leaks no file, and a second try succeeds."""
    for number in itertools.count(1):
        feeds = tmp_path / str(number) / "feeds"
        faults, before = Faults(number, lasting=False), open_files()
        faulty, failed = FolderWriter(str(feeds), disk=faults.disk()), []

        with catching(failed):
            faulty.prepare()
        published(feeds, OLD, ("all/rss.xml",))
        with catching(failed):
            faulty.remove(["all/rss.xml"])

        assert open_files() == before
        FolderWriter(str(feeds)).remove(["all/rss.xml"])
        assert files(feeds) == {}
        if not faults.met:
            assert failed == []
            break
    assert number > 10


SCRIPT = """
import concurrent.futures.thread, json, os, resource, subprocess, sys
from pathlib import Path
from aggregator.model.feeds import Document
from aggregator.publisher.files import FolderWriter

feeds, limit = sys.argv[1:]
writer = FolderWriter(feeds)

def publish(body):
    bodies = {"all/rss.xml": body, "small": body[:4]}
    return writer.publish(Document(name=name, media_type="text/html", body=each) for name, each in bodies.items())

publish(b"old!" * 1_000)
match limit:
    case "file size":
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
    case "no right":
        os.chmod(f"{feeds}/all", 0o555)
        os.chmod(feeds, 0o777)
        if os.geteuid() == 0:
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
    case "read-only":
        subprocess.run(["mount", "-o", "remount,bind,ro", feeds], check=True)
before = len(os.listdir("/proc/self/fd"))
result = publish(b"new!" * 50_000)
assert len(os.listdir("/proc/self/fd")) == before
print(json.dumps({
    "written": result.written,
    "failed": [str(error) for error in result.failed],
    "bodies": {name: Path(feeds, name).read_bytes()[:4].decode() for name in ("all/rss.xml", "small")},
    "files": sorted(os.listdir(f"{feeds}/all")),
}))
"""

OWN_MOUNTS = ["unshare", "--map-root-user", "--mount", "sh", "-c"]
TMPFS = 'mount -t tmpfs -o size=100k tmpfs "$0"'


def can_mount() -> bool:
    try:
        return subprocess.run([*OWN_MOUNTS, TMPFS, "/tmp"], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def run(script: str, *arguments: str, mount: bool = False) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-c", script, *arguments]
    if mount:
        command = [*OWN_MOUNTS, f'{TMPFS} && exec "$@"', arguments[0], *command]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True)


LIMITS = [
    ("file size", False, "File too large (raise the limit of a file's size, `ulimit -f`)"),
    ("no right", False, "Permission denied (let the user this runs as write there)"),
]
# Only where a user may mount something of their own; the faults above stand for these elsewhere.
if can_mount():
    LIMITS += [
        ("disk full", True, "No space left on device (free some space)"),
        ("read-only", True, "Read-only file system (mount it writable)"),
    ]


@pytest.mark.parametrize(("limit", "mount", "reason"), LIMITS, ids=[limit for limit, _, _ in LIMITS])
def test_a_real_limit_is_reported_with_the_systems_reason(limit, mount, reason):
    """On a full, read-only or forbidden disk the old document stays, the reason is named, and the others are written."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        (Path(folder) / "feeds").mkdir()

        told = json.loads(run(SCRIPT, f"{folder}/feeds", limit, mount=mount).stdout)

    spared = [] if limit == "read-only" else ["small"]
    assert told["written"] == spared
    assert told["failed"][0] == f"all/rss.xml: {reason}"
    assert told["bodies"] == {"all/rss.xml": "old!", "small": "new!" if spared else "old!"}
    assert told["files"] == ["rss.xml", "rss.xml.br", "rss.xml.gz"]


FEW_FILES = """
import concurrent.futures.thread, os, resource, sys
from aggregator.model.feeds import Document
from aggregator.publisher.files import FolderWriter

resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32))
before = len(os.listdir("/proc/self/fd"))
for free in range(20):
    held = []
    try:
        while True:
            held.append(os.open("/dev/null", os.O_RDONLY))
    except OSError:
        for fd in held[:free]:
            os.close(fd)
    body = b"%d" % free * 5_000
    names = ["all/rss.xml", "all/atom.xml", "all/feed.json", "all/index.html"]
    result = FolderWriter(sys.argv[1]).publish(Document(name=name, media_type="text/html", body=body) for name in names)
    for fd in held[free:]:
        os.close(fd)
    assert len(os.listdir("/proc/self/fd")) == before
    for error in result.failed:
        assert "Too many open files (raise the limit of open files" in str(error), error
    for name in names:
        found = open(os.path.join(sys.argv[1], name), "rb").read() if free > 12 else None
        assert found in (None, body), name
    print(len(result.written))
"""


def test_running_out_of_open_files_is_named_and_leaks_none(tmp_path):
    """With too few descriptors documents fail with that reason; 14 suffice for four documents at once."""
    counts = [int(line) for line in run(FEW_FILES, str(tmp_path)).stdout.split()]

    assert counts[0] == 0
    assert counts == sorted(counts)
    assert counts[14:] == [4] * 6
    assert list(tmp_path.rglob(".aggregator-*")) == []


REWRITE = """
import sys
from aggregator.model.feeds import Document
from aggregator.publisher.files import FolderWriter

writer = FolderWriter(sys.argv[1])
for version in range(10**9):
    body = b"%d" % (version % 10) * 30_000
    writer.publish(Document(name=name, media_type="text/html", body=body) for name in ("all/rss.xml", "all/atom.xml"))
    if version == 1:
        print("ready", flush=True)
"""


@pytest.mark.slow
def test_a_kill_at_any_moment_leaves_complete_files(tmp_path):
    """After kill -9 during rewriting every file is complete, and `prepare` removes the temporary files."""
    chance = random.Random(1)
    for _ in range(8):
        command = [sys.executable, "-c", REWRITE, str(tmp_path)]
        with subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE) as process:
            assert process.stdout
            process.stdout.readline()
            time.sleep(chance.random() / 50)
            process.kill()

        for name, body in files(tmp_path / "all").items():
            if not name.startswith(".aggregator-"):
                text = {"gz": gzip.decompress, "br": brotli.decompress}.get(name.rpartition(".")[2], bytes)(body)
                assert (len(text), len(set(text))) == (30_000, 1)
        FolderWriter(str(tmp_path)).prepare()
        assert len(files(tmp_path)) == 6

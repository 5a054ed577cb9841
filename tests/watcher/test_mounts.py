"""What is mounted at and below the seeds folder."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from support.mounted import mounted

from aggregator.watcher import mounts
from aggregator.watcher.mounts import Mounts, remote_below, remote_filesystem


@pytest.fixture
def root(tmp_path: Path) -> Path:
    made = tmp_path / "seeds"
    made.mkdir()
    return made


def test_a_local_folder_is_not_remote(root: Path) -> None:
    """Nor is a missing one."""
    assert remote_filesystem(str(root)) == ""
    assert remote_filesystem(str(root / "nowhere")) == ""


@pytest.mark.parametrize(
    ("mounted", "kind", "wanted"),
    [
        ("/mnt/news", "nfs4", "nfs4"), ("/mnt/news/seeds", "cifs", "cifs"), ("/mnt/other", "nfs4", ""), ("/mnt/new", "nfs4", ""),
        ("/mnt/news", "ext4", ""), ("/mnt", "virtiofs", "virtiofs"), ("/mnt/news/seeds/below", "nfs", ""),
    ],
)  # fmt: skip
def test_the_innermost_mount_decides(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mounted: str, kind: str, wanted: str
) -> None:
    """proc(5): of several mounts at one path the last is on top."""
    table = tmp_path / "mountinfo"
    table.write_text(
        f"1 0 8:1 / / rw - ext4 /dev/vda rw\n2 1 0:40 / {mounted} rw,relatime shared:1 - {kind} server:/x rw\n"
    )
    monkeypatch.setattr(mounts, "_TABLE", str(table))
    assert remote_filesystem("/mnt/news/seeds") == wanted


def test_a_mount_point_may_have_a_space_and_an_accent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """proc(5) writes a space as backslash 040."""
    table = tmp_path / "mountinfo"
    table.write_text("1 0 8:1 / / rw - ext4 x rw\n2 1 0:40 / /mnt/my\\040café rw - nfs x rw\n", encoding="utf-8")
    monkeypatch.setattr(mounts, "_TABLE", str(table))
    assert remote_filesystem("/mnt/my café/seeds") == "nfs"


@pytest.mark.parametrize(
    ("lines", "wanted"),
    [
        (["/mnt/news nfs4"], ""), (["/mnt/news/seeds nfs4"], ""), (["/mnt/news/seeds-2 nfs4"], ""),
        (["/mnt/news/seeds/agency ext4"], ""), (["/mnt/news/seeds/agency nfs4"], "agency lies on nfs4"),
        (["/mnt/news/seeds/a/b cifs", "/mnt/news/seeds/z nfs"], "a/b lies on cifs"),
        (["/mnt/news/seeds/a cifs", "/mnt/news/seeds/a ext4"], ""), (["/mnt/news/seeds/a ext4", "/mnt/news/seeds/a 9p"], "a lies on 9p"),
    ],
)  # fmt: skip
def test_a_remote_file_system_below_the_folder_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines: list[str], wanted: str
) -> None:
    """The first one, by its path; of several mounts at one path the last is on top."""
    table = tmp_path / "mountinfo"
    rows = (line.split() for line in ["/ ext4", *lines])
    table.write_text("".join(f"{n} 1 0:40 / {at} rw - {kind} x rw\n" for n, (at, kind) in enumerate(rows)))
    monkeypatch.setattr(mounts, "_TABLE", str(table))
    assert remote_below("/mnt/news/seeds") == wanted


def test_mounts_below_the_folder_are_noticed_once(root: Path, tmp_path: Path) -> None:
    """Mounted, mounted over and unmounted, but not what is mounted elsewhere or as the folder itself."""
    (root / "sub").mkdir()
    (tmp_path / "seeds-2").mkdir()
    noticed = Mounts(str(root))
    assert not noticed.changed()
    with mounted(tmp_path / "seeds-2"):
        assert not noticed.changed()
        with mounted(root / "sub"):
            assert noticed.changed()
            assert not noticed.changed()
            with mounted(root / "sub"):
                assert noticed.changed()
            assert noticed.changed()
        assert noticed.changed()
    assert not noticed.changed()
    noticed.close()
    assert not noticed.changed()


def test_a_folder_that_is_bound_is_noticed(root: Path, tmp_path: Path) -> None:
    """As is its end."""
    (root / "sub").mkdir()
    (tmp_path / "other").mkdir()
    noticed = Mounts(str(root))
    with mounted(tmp_path / "other"):
        subprocess.run(["mount", "--bind", tmp_path / "other", root / "sub"], check=True)
        assert noticed.changed()
        subprocess.run(["umount", root / "sub"], check=True)
        assert noticed.changed()
    noticed.close()

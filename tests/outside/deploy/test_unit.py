"""Our systemd unit: its exposure, and that the daemon works under its restrictions."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.http_client import fetch
from support.needed_tools import require_program
from support.running_daemon import DaemonProcess, wait_until

UNIT = Path(__file__).parents[3] / "config/deploy/aggregator.service"
MOST_EXPOSED = 1.2
"""The exposure of at most 10 by `systemd-analyze security`; the rest is the network, the socket and readable feeds."""

FORBIDDEN = """
import ctypes, os, sys
if ctypes.CDLL(None).prctl(65, 1, 0, 0, 0):  # PR_SET_MDWE, Linux 6.3: no memory becomes executable
    sys.exit(77)
os.execv(sys.executable, [sys.executable, "-m", "aggregator", "run", "--config", "config/feeds.yaml", "--log-format", "json"])
"""


def test_the_unit_has_a_low_exposure() -> None:
    """The figure of systemd itself stays below ours."""
    words = [require_program("systemd-analyze"), "security", "--offline=yes", "--no-pager", str(UNIT)]
    output = subprocess.run(words, capture_output=True, text=True, check=False).stdout
    figure = float(output.partition("exposure level for aggregator.service: ")[2].split()[0])
    assert figure <= MOST_EXPOSED


def test_the_unit_says_how_to_create_its_user_and_folders() -> None:
    """The comments create the user and each folder that it may write: systemd does not start it without them."""
    lines = UNIT.read_text().splitlines()
    (folders,) = (line.partition("=")[2].split() for line in lines if line.startswith("ReadWritePaths="))
    assert [line.split()[-1] for line in lines if line.startswith("#   install -d -o aggregator ")] == folders
    assert any(line.startswith("#   useradd --system ") and line.endswith(" aggregator") for line in lines)


@pytest.mark.slow
def test_the_daemon_needs_no_executable_memory(running: DaemonProcess) -> None:
    """The unit forbids it; the daemon publishes, serves and stops."""
    running.site.write("a.md", title="Forbidden")
    running.start(serve=True)
    assert running.stop() == 0
    with running.log_file.open("ab") as log:
        running.process = subprocess.Popen([sys.executable, "-c", FORBIDDEN], cwd=running.site.root, stderr=log)
    if running.process.poll() == 77:
        pytest.skip("this kernel cannot forbid it")
    wait_until(running.is_ready, 20)
    assert fetch(running.address, "/all/rss.xml").status == 200
    running.site.write("a.md", title="Changed")
    running.wait_for_titles("Changed")
    running.signal(signal.SIGTERM)
    assert running.process.wait(60) == 0

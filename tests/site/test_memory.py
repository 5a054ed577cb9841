"""Memory that a burst of work took is returned to the system."""

from __future__ import annotations

import gc
import subprocess
import sys

from support.site_folder import SiteFolder

from aggregator.cli.commands import cli

SCRIPT = """
from aggregator.site.memory import release_memory
def resident():
    return int(open("/proc/self/status").read().partition("VmRSS:")[2].split()[0])
pieces = [bytes(3_000) for _ in range(40_000)]
kept = pieces[::200]
full = resident()
del pieces
release_memory()
print(full - resident())
"""


def test_what_a_burst_took_is_given_back() -> None:
    """Of 120 MB in small pieces, a few of which stay, most is returned."""
    said = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    assert int(said.stdout) > 60_000


def test_cycles_are_still_collected_though_rarely() -> None:
    """A process that makes only cycles stays small nevertheless."""
    script = """
from aggregator.site.memory import collect_rarely
collect_rarely()
for _ in range(400_000):
    one = [bytes(500)]
    one.append(one)
print(int(open("/proc/self/status").read().partition("VmHWM:")[2].split()[0]))
"""
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert int(said.stdout) < 120_000


def test_a_build_leaves_the_process_as_it_was(site: SiteFolder) -> None:
    """A program that calls the command has cycles collected as before afterwards."""
    site.write("a.md")
    before = gc.get_threshold(), gc.get_freeze_count()
    cli(["build", "--config", site.config().path], standalone_mode=False)
    assert (gc.get_threshold(), gc.get_freeze_count()) == before
    assert len(site.ids()) == 1

"""A build on a Dask cluster: the same bytes as on one machine, whatever happens to its workers."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import needed_tools
from support.dask_cluster import START_TIMEOUT, DaskCluster, at_call
from support.running_daemon import ROOT, children_of, free_port, wait_until
from support.site_folder import NOW, SiteFolder, iso

from aggregator import AggregatorError, ClusterError
from aggregator.normalizer.reading import Task
from aggregator.site import cluster as clusters
from aggregator.site.cluster import _difference, is_address

pytestmark = pytest.mark.slow  # a cluster has to start, and its client takes a second to import

HOUR = 3_600


@pytest.fixture(scope="module")
def dask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaskCluster]:
    """Return a cluster of two workers."""
    needed_tools.require_package("distributed")
    made = DaskCluster(tmp_path_factory.mktemp("dask"))
    try:
        made.add_workers(2)
        made.wait(2)
        yield made
    finally:
        made.stop()


@pytest.fixture
def own(tmp_path: Path) -> Iterator[DaskCluster]:
    """Return a scheduler without workers, for one test."""
    needed_tools.require_package("distributed")
    made = DaskCluster(tmp_path, DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES="1")
    yield made
    made.stop()


def write(site: SiteFolder, count: int) -> None:
    """Write seeds of three topics over some months: some are duplicates, some broken."""
    for number in range(count):
        site.write(
            f"{number % 7}/{number}.md", topics=[f"T{number % 3}"], publishedDateTime=iso(NOW - number * 5 * HOUR),
            webUrl=f"https://news.example.org/{number // 2 if number % 50 == 1 else number}", body=f"**{number}** words",
        )  # fmt: skip
        if number % 40 == 0:
            site.write_text(f"broken/{number}.md", "---\ntitle: [\n---\n")


def command(site: SiteFolder, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the program on a site."""
    site.config()
    return subprocess.run(
        [sys.executable, "-m", "aggregator", words[0], "--config", "config/feeds.yaml", *words[1:]], cwd=site.root,
        env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip


def equals_one_machine(site: SiteFolder, now: int = NOW) -> None:
    """Compare the feeds, byte for byte, with those of a build without a cluster."""
    site.build(now, feeds="alone", state="state-alone")
    assert site.documents() == site.documents("alone")


def test_a_cluster_gives_the_same_bytes(site: SiteFolder, dask: DaskCluster) -> None:
    """Feeds and archives, of good, duplicate and broken seeds; progress is reported; the next build reads nothing."""
    write(site, 1_200)
    later = int(time.time()) + 60  # so that the files are old enough for their stat keys to be trusted
    told: list[tuple[int, int]] = []
    turn = site.build(later, cluster=dask.address, progress=lambda done, of: told.append((done, of)))
    assert (turn.added, told[-1]) == (1_230, (1_230, 1_230))
    assert len(told) == 5
    assert any("/archive/" in name for name in turn.written)
    equals_one_machine(site, later)
    again = site.build(later, cluster=dask.address)
    assert (again.read, again.written) == (0, ())


def test_a_worker_that_is_killed_changes_nothing(site: SiteFolder, dask: DaskCluster) -> None:
    """Another worker reads its seeds; the worker that replaces it is used too."""
    site.settings["feed"] = {"archives": False}
    write(site, 1_500)
    assert site.build(cluster=dask.address, progress=at_call(1, dask.kill_one)).failed == ()
    equals_one_machine(site)


def test_ctrl_c_leaves_the_index_whole(site: SiteFolder, dask: DaskCluster) -> None:
    """The turn is undone, the cluster forgets it, and the next build makes the same bytes."""
    site.settings["feed"] = {"archives": False}
    write(site, 1_500)
    site.config()
    script = (
        "import sys, aggregator\n"
        f"config = aggregator.load_config(sys.argv[1])\naggregator.build(config, now={NOW}, cluster=sys.argv[2],"
        " progress=lambda done, of: print(done, flush=True))"
    )
    building = subprocess.Popen(
        [sys.executable, "-c", script, "config/feeds.yaml", dask.address], cwd=site.root, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert building.stdout is not None
    assert int(building.stdout.readline()) < 1_500
    building.send_signal(signal.SIGINT)
    _, said = building.communicate(timeout=30)
    assert said.rstrip().endswith(b"KeyboardInterrupt")
    assert building.returncode != 0
    assert site.documents() == {}
    turn = site.build(cluster=dask.address)
    assert (turn.added, turn.notes) == (1_538, ())
    equals_one_machine(site)


def test_a_worker_that_sees_other_seeds_is_not_believed(
    site: SiteFolder, dask: DaskCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its machine has another folder at that path: the worker is named, and nothing is withdrawn."""
    monkeypatch.chdir(site.root)
    site.settings["seeds"] = "/proc/self/cwd/seeds"
    write(site, 10)
    site.build()
    before = site.documents()
    with pytest.raises(AggregatorError, match=r"worker tcp://.*seeds just found are missing here"):
        site.build(cluster=dask.address)
    assert site.documents() == before


def test_seeds_in_a_store_are_read_by_the_workers(site: SiteFolder, dask: DaskCluster) -> None:
    """They get its URL and fetch what they read; seeds in the memory of this process do not count as gone."""
    fsspec = needed_tools.require_package("fsspec")
    write(site, 600)
    site.build(feeds="alone", state="state-alone")
    site.settings["seeds"] = site.seeds.as_uri()
    assert site.build(cluster=dask.address).added == 615
    assert site.documents() == site.documents("alone")
    fsspec.filesystem("memory").pipe("/seeds/a.md", (site.seeds / "0/0.md").read_bytes())
    site.settings["seeds"] = "memory://seeds"
    with pytest.raises(AggregatorError, match="1 of 1 seeds just found are missing here"):
        site.build(state="state-memory", feeds="feeds-memory", cluster=dask.address)


def test_who_cannot_help_is_named_before_any_work(
    own: DaskCluster, site: SiteFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A scheduler without workers, a worker with other versions: a line that says which and what to do; exit code 2."""
    write(site, 10)
    other = tmp_path / "other/msgspec-0.0.1.dist-info"
    other.mkdir(parents=True)
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: msgspec\nVersion: 0.0.1\n")
    wait_until(lambda: "Scheduler at" in (own.folder / "scheduler").read_text(), START_TIMEOUT)
    monkeypatch.setattr(clusters, "PATIENCE", 2.0)
    with pytest.raises(ClusterError, match=f"no worker .*dask worker {own.address}"):
        clusters.cluster(own.address).__enter__()
    own.add_workers(1, PYTHONPATH=str(other.parent))
    own.wait(1)
    result = command(site, "build", "--cluster", own.address)
    assert result.returncode == 2
    assert "cannot be used: it has msgspec 0.0.1, this machine " in result.stderr
    assert result.stderr.count("aggregator: ") == 1
    assert site.documents() == {}


def test_a_worker_that_joins_late_is_looked_at_too(dask: DaskCluster) -> None:
    """Workers send their versions with each task; one with other versions is an error, and does nothing."""
    with clusters.cluster(dask.address) as executor:
        assert executor.submit(divmod, 7, 2).result(30) == (3, 1)
        executor._own = {**executor._own, "msgspec": "0.0.1"}
        with pytest.raises(AggregatorError, match=r"worker tcp://127.*: it has msgspec .*, this machine 0.0.1"):
            executor.submit(divmod, 7, 2).result(30)


def test_machines_must_be_alike_in_what_decides() -> None:
    """Any patch release of the same Python is accepted; a missing package is named with the command to install it."""
    ours = {"python": "3.11.9.final.0", "aggregator-feeds": "1.2", "msgspec": "0.20.0"}
    assert _difference(ours, {**ours, "python": "3.11.2.final.0", "numpy": "1"}) == ""
    assert "python 3.12, this machine 3.11" in _difference(ours, {**ours, "python": "3.12.1.final.0"})
    assert "aggregator-feeds is not installed there (pip install 'aggregator-feeds==1.2')" in _difference(
        ours, {**ours, "aggregator-feeds": None}
    )


def test_a_scheduler_that_is_not_there_is_an_error_within_seconds(site: SiteFolder) -> None:
    """The command exits with 2, says what to do, and changes no feed."""
    needed_tools.require_package("distributed")
    site.write("a.md")
    address = f"tcp://127.0.0.1:{free_port()}"
    result = command(site, "build", "--cluster", address)
    assert (result.returncode, result.stdout) == (2, "")
    assert (
        result.stderr.splitlines(keepends=True)[-1]
        == f"aggregator: {address}: no scheduler answers there (start it: dask scheduler)\n"
    )
    assert site.documents() == {}


def test_what_is_no_scheduler_is_an_error_within_seconds(site: SiteFolder, own: DaskCluster) -> None:
    """A dashboard, which answers nothing, a worker, and a scheduler without the requested TLS."""
    own.add_workers(1)
    own.wait(1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent_one = f"tcp://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(ClusterError, match="no scheduler answers there"), clusters.cluster(silent_one):
            pass
    worker = re.findall(r"Start worker at: +(tcp://[0-9.:]+)", (own.folder / "worker").read_text())[0]
    tls = own.address.replace("tcp", "tls")
    for address, said in (
        (worker, "another program than a scheduler answers there"),
        (tls, "Dask's settings for TLS do not fit this address"),
    ):
        result = command(site, "build", "--cluster", address)
        assert result.returncode == 2
        assert result.stderr.splitlines()[-1].startswith(f"aggregator: {address}: {said}")
        assert result.stderr.count("aggregator: ") == 1


def test_what_names_no_cluster_is_a_usage_error(site: SiteFolder) -> None:
    """Before anything is imported or read."""
    for good in ("tcp://scheduler:8786", "tls://10.0.0.1:8786", "tcp://[::1]:8786", "local:4"):
        assert is_address(good), good
    for bad in ("scheduler:8786", "tcp://scheduler", "local", "local:0", "local:x", "http://x:1", "tcp://x:1/y"):
        assert not is_address(bad), bad
    result = command(site, "build", "--cluster", "scheduler:8786")
    assert result.returncode == 2
    assert "'scheduler:8786' is not a cluster address (write tcp://host:port" in " ".join(result.stderr.split())
    assert command(site, "build", "--cluster", "local:2", "--jobs", "2").returncode == 2


def test_without_the_extra_it_is_asked_for_by_name(site: SiteFolder) -> None:
    """If Dask is not installed, `--cluster` is an error, and nothing else needs it."""
    site.write("a.md")
    site.config()
    script = (
        "import sys\nfor name in ('dask', 'distributed'): sys.modules[name] = None\n"
        "sys.argv[0] = 'aggregator'\nfrom aggregator.cli import main; main()"
    )
    words = [sys.executable, "-c", script, "build", "--config", "config/feeds.yaml"]
    said = {"cwd": site.root, "env": {**os.environ, "PYTHONPATH": str(ROOT)}, "capture_output": True, "text": True}
    result = subprocess.run([*words, "--cluster", "local:2"], check=False, **said)
    assert result.returncode == 2
    assert "needs the extra `cluster`: run pip install '.[cluster]' in the clone" in result.stderr
    assert subprocess.run(words, check=False, **said).returncode == 0


def test_nothing_of_dask_is_loaded_by_who_does_not_ask(site: SiteFolder) -> None:
    """Even if it is installed: neither by a build nor by importing the package."""
    needed_tools.require_package("distributed")
    site.write("a.md")
    site.config()
    script = (
        "import sys; from aggregator.cli.commands import cli\n"
        "for words in (['build'], ['status'], ['check'], ['explain', 'a.md'], ['trigger']):\n"
        "    cli([*words[:1], '--config', 'config/feeds.yaml', *words[1:]], standalone_mode=False)\n"
        "assert not {'dask', 'distributed', 'tornado'} & set(sys.modules)"
    )
    words, environment = [sys.executable, "-c", script], {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run(words, cwd=site.root, env=environment, check=True, stdout=subprocess.DEVNULL)


def test_processes_of_this_machine_are_a_cluster_too(site: SiteFolder) -> None:
    """`local:2` starts two processes, which end with the command; the bytes are the same."""
    needed_tools.require_package("distributed")
    site.settings["feed"] = {"archives": False}
    write(site, 600)
    result = command(site, "build", "--cluster", "local:2", "--json")
    assert (result.returncode, result.stderr) == (0, "")
    feeds = site.documents()
    assert command(site, "build", "--fresh").returncode == 0
    assert site.documents() == feeds


def test_seeds_that_end_every_worker_are_named(own: DaskCluster) -> None:
    """Each worker that gets them dies; the error names the seeds."""
    own.add_workers(2)
    own.wait(2)
    task = Task(("a.md", "b.md", "c.md"), (b"",) * 3, None, "UTC", NOW)
    with clusters.cluster(own.address) as executor:
        answer = executor.submit(_end_this_process, task)
        with pytest.raises(AggregatorError, match=r"a.md to c.md \(3 seeds\): 2 workers ended while"):
            answer.result(60)


class _End:
    """Pickled as a call of `os.kill`, so that the workers need no test module."""

    def __call__(self, *_: object) -> None:
        raise AssertionError

    def __reduce__(self) -> tuple[object, ...]:
        return eval, ("lambda *_: __import__('os').kill(__import__('os').getpid(), 9)",)


_end_this_process = _End()


def test_a_scheduler_that_is_killed_is_an_error(own: DaskCluster, site: SiteFolder) -> None:
    """In the middle of a build: nothing is changed, and the next build starts again."""
    write(site, 3_000)
    own.add_workers(1)
    own.wait(1)
    with pytest.raises(AggregatorError, match="the scheduler ended"):
        site.build(cluster=own.address, progress=at_call(1, own.scheduler.kill))
    assert site.documents() == {}
    assert site.build().added == 3_075


def test_a_connection_that_breaks_while_an_answer_comes_is_the_same_error(
    dask: DaskCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The scheduler was killed after it reported a batch as done and before it said where: rare, so simulated."""
    from distributed.comm import CommClosedError

    async def broken(*_: object) -> None:
        raise CommClosedError("Connection reset by peer")

    with clusters.cluster(dask.address) as executor:
        monkeypatch.setattr(executor._client, "_gather_remote", broken)
        with pytest.raises(AggregatorError, match="the scheduler ended"):
            executor.submit(divmod, 7, 2).result(30)


def test_a_cluster_whose_workers_are_all_gone_is_an_error(
    own: DaskCluster, site: SiteFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a time in which others might have joined; it does not wait forever."""
    monkeypatch.setattr(clusters, "ALONE", 3.0)
    write(site, 3_000)
    nanny = own.add_workers(1)
    own.wait(1)

    def end() -> None:
        for pid in [nanny.pid, *children_of(nanny.pid)]:
            os.kill(pid, signal.SIGKILL)

    with pytest.raises(AggregatorError, match="no worker is left"):
        site.build(cluster=own.address, progress=at_call(1, end))
    assert site.build().added == 3_075


@pytest.mark.timeout(600)
def test_many_kills_change_nothing(site: SiteFolder, dask: DaskCluster) -> None:
    """A worker is killed at every tenth batch of 12,000 seeds."""
    site.settings["feed"] = {"archives": False}
    write(site, 12_000)
    calls = 0

    def tell(_done: int, _total: int) -> None:
        nonlocal calls
        calls += 1
        if calls % 10 == 0 and dask.workers():
            dask.kill_one()

    assert site.build(cluster=dask.address, progress=tell).failed == ()
    equals_one_machine(site)

"""What is imported: of stores, clusters and the collector nothing without need, and little if there is nothing to do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from support.http_client import fetch
from support.running_daemon import DaemonProcess, free_port, wait_until
from support.site_folder import SiteFolder

ROOT = Path(__file__).parents[1]
HEAVY = {"aiobotocore", "aiohttp", "boto3", "botocore", "dask", "distributed", "fsspec", "s3fs"}
ASKING = {"feedparser", "httpx2", "publicsuffixlist"}
STORES = {"aggregator.object_store", "aggregator.watcher.bucket", "aggregator.publisher.bucket"}

TELL = """
import atexit, json, os, sys
atexit.register(lambda: open(os.environ["TOLD"], "w").write(json.dumps(sorted(sys.modules))))
"""
"""A `sitecustomize` module: Python imports it first, and it writes the imported modules at exit."""

COMMANDS = """
import sys
import aggregator
from aggregator.cli import main

for words in ("--help", "build --jobs 2", "build --fresh", "trigger", "check", "explain a.md", "status", "new Title", "init elsewhere", "schema config"):
    sys.argv = ["aggregator", *words.split()]
    try:
        main()
    except SystemExit as end:
        assert not end.code, words
"""
"""Runs every command on folders that ends by itself, one after the other."""


def imported(site: SiteFolder, words: list[str], *, until: Callable[[], bool] | None = None) -> set[str]:
    """Run Python with these arguments, ended once `until` is true, and return the modules that it had imported."""
    (site.root / "first").mkdir(exist_ok=True)
    (site.root / "first/sitecustomize.py").write_text(TELL)
    told = site.root / "told"
    told.unlink(missing_ok=True)
    environment = {**os.environ, "PYTHONPATH": f"{site.root}/first:{ROOT}", "TOLD": str(told)}
    process = subprocess.Popen([sys.executable, *words], cwd=site.root, env=environment, stdout=subprocess.PIPE)
    try:
        if until is not None:
            wait_until(until, 60)
            process.terminate()
        process.communicate(timeout=60)
    finally:
        process.kill()
    return set(json.loads(told.read_text()))


def is_served(port: int) -> bool:
    """Return whether a feed is served: by then, all that serving needs is imported."""
    with suppress(OSError):
        return fetch(f"http://127.0.0.1:{port}/", "/all/rss.xml").status == 200
    return False


def heavy(modules: set[str]) -> set[str]:
    collecting = {name for name in modules if name.startswith("aggregator.collector")}
    return ({name.partition(".")[0] for name in modules} & (HEAVY | ASKING)) | (modules & STORES) | collecting


@pytest.mark.slow
def test_no_command_on_folders_imports_a_store(site: SiteFolder) -> None:
    """Neither the libraries of stores and clusters nor our own modules for them are imported, whatever is asked."""
    site.write("a.md")
    site.config()
    (site.root / "config/feeds.yaml").rename(site.root / "config/aggregator.yaml")
    modules = imported(site, ["-c", COMMANDS])
    assert {"aggregator.site.explain", "aggregator.cli.json_schema", "aggregator.renderer.rss"} <= modules
    assert heavy(modules) == set()


def test_serving_a_folder_imports_no_store(site: SiteFolder) -> None:
    """Nor does the process that serves alone."""
    site.write("a.md")
    port = free_port()
    site.settings["server"] = {"port": port}
    site.build()
    (site.root / "config/feeds.yaml").rename(site.root / "config/aggregator.yaml")
    modules = imported(site, ["-m", "aggregator", "serve"], until=lambda: is_served(port))
    assert "aggregator.service.http.process" in modules
    assert heavy(modules) == set()


@pytest.mark.slow
def test_the_daemon_on_folders_imports_no_store(running: DaemonProcess) -> None:
    """Neither it nor the process that serves, as what they have mapped into memory shows; asked while they run."""
    running.site.write("a.md")
    running.site.settings["server"] = {"port": free_port()}
    site = running.site
    (site.root / "first").mkdir()
    (site.root / "first/sitecustomize.py").write_text(
        TELL.replace('os.environ["TOLD"]', "f\"{os.environ['TOLD']}.{os.getpid()}\"")
    )
    running.start(serve=True, PYTHONPATH=f"{site.root}/first:{ROOT}", TOLD=str(site.root / "told"))
    running.stop()
    told = [set(json.loads(path.read_text())) for path in site.root.glob("told.*")]
    assert any("aggregator.service.daemon" in modules for modules in told)
    assert [heavy(modules) for modules in told] == [set() for _ in told]


def test_sources_in_the_config_import_the_collector(site: SiteFolder) -> None:
    """This shows that the other tests measure: with sources a build reads what is known of them, but asks nobody."""
    site.settings |= {"sources": {"folder": "../seeds"}}
    site.write("a.md")
    site.config()
    modules = imported(site, ["-m", "aggregator", "build", "--config", "config/feeds.yaml"])
    assert "aggregator.collector.database" in modules
    assert heavy(modules) & (ASKING - {"publicsuffixlist"}) == set()
    assert heavy(imported(site, ["-m", "aggregator", "fetch", "--config", "config/feeds.yaml"])) >= {"httpx2"}


@pytest.mark.slow
def test_a_url_in_the_config_imports_its_store(site: SiteFolder) -> None:
    """This shows that the other tests measure: with a URL in the config the same process imports fsspec."""
    site.settings["feeds"] = "memory://out"
    site.write("a.md")
    site.config()
    modules = imported(site, ["-m", "aggregator", "build", "--config", "config/feeds.yaml"])
    assert heavy(modules) >= {"fsspec", "aggregator.object_store"}


def test_without_the_extra_a_url_is_refused(site: SiteFolder) -> None:
    """The error has its position in the config, and what to install."""
    site.settings["seeds"] = "s3://bucket/seeds"
    text = '{"site": {"url": "https://feeds.example.org/"},\n "seeds": "s3://bucket/seeds",\n "feeds": "gs://bucket/feeds"}'
    (site.root / "config/aggregator.yaml").write_text(text)
    code = "import sys; sys.modules['fsspec'] = None; from aggregator.cli import main; sys.argv[1:] = ['build']; main()"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=site.root, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    path = site.root / "config/aggregator.yaml"
    extra = "needs the extra `bucket`: run pip install '.[bucket]' in the clone"
    assert done.stderr.splitlines() == [
        f"{path}:2:11: seeds: 's3://bucket/seeds' {extra}",
        f"{path}:3:11: feeds: 'gs://bucket/feeds' {extra}",
    ]


def test_without_the_extra_a_static_search_fails_alone(site: SiteFolder) -> None:
    """Feeds are built, what is missing is said with what to install, and `check` says where; others need no extra."""
    path = site.root / "config/aggregator.yaml"
    path.write_text('{"site": {"url": "https://feeds.example.org/"},\n "pages": {"search": static}}')
    site.write("a.md")
    code = "import importlib.util as u, sys; find = u.find_spec; u.find_spec = lambda name, *more: None if name == 'pagefind_bin' else find(name, *more)\nfrom aggregator.cli import main; main()"
    said = {}
    for command in ("build", "check", "find"):
        said[command] = subprocess.run(
            [sys.executable, "-c", code, command, *["Item"] * (command == "find")], cwd=site.root,
            env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
    extra = "pages.search: `static` needs the extra `search`: run pip install '.[search]' in the clone"
    assert said["build"].returncode == 1
    assert f"the files of the search: {extra}" in said["build"].stderr + said["build"].stdout
    assert (site.root / "feeds/all/rss.xml").exists()
    assert f"config/aggregator.yaml:2:22: warning: {extra}" in said["check"].stderr + said["check"].stdout
    assert (said["find"].returncode, said["find"].stderr) == (0, "")


def test_an_unknown_store_is_refused(site: SiteFolder) -> None:
    """A scheme that fsspec does not know, or whose package is missing, is an error with its position."""
    site.settings |= {"seeds": "s4://bucket/seeds", "feeds": "oci://bucket/feeds"}
    with pytest.raises(
        Exception, match=r"feeds.yaml:1:\d+: seeds: 's4://bucket/seeds' is not a known kind of store.*\n.*package ocifs"
    ):
        site.config()


@pytest.mark.slow
def test_a_build_with_nothing_to_do_imports_nothing_that_reads_renders_or_writes(site: SiteFolder) -> None:
    """Most builds are such: no parser, no renderer, nothing that compresses, and no pool of threads or processes."""
    site.settings["pages"] = {"items": "all"}
    site.write("a.md", webUrl=None)
    site.config()
    words = ["-m", "aggregator", "build", "--config", "config/feeds.yaml"]
    needed = {
        "aggregator.normalizer.reading", "aggregator.normalizer.seed", "aggregator.normalizer.content",
        "aggregator.renderer.rss", "aggregator.renderer.item_page", "concurrent.futures", "yaml_rs", "markdown_it",
        "nh3", "jinja2", "lxml", "deflate",
    }  # fmt: skip
    assert imported(site, words) >= needed
    wait_until(lambda: not needed & imported(site, words), 30)  # what has just changed is read once more
    assert {"multiprocessing", "asyncio", "difflib", "isal", "regex"}.isdisjoint(imported(site, words))

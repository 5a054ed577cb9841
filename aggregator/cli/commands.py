"""The command `aggregator`: parses arguments, calls the library, prints the result.

Exit codes: 0 done, 1 problems found, 2 config or usage error, 3 state folder locked by another process.
"""

from __future__ import annotations

import os
import shlex
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click
import msgspec

from aggregator.cli import completion, report, terminal
from aggregator.config.loading import load_config
from aggregator.config.settings import Config, roots_for_people
from aggregator.index.index import opened_read_only
from aggregator.model.errors import NO_MEMORY, AggregatorError, ClusterError, ConfigError, LockedError, reason_with_path
from aggregator.model.reports import Problem, Turn
from aggregator.model.seed_roots import native_root
from aggregator.model.sources import Source
from aggregator.model.sqlite_errors import with_advice
from aggregator.model.store import is_url
from aggregator.model.version import VERSION
from aggregator.model.words import escape_controls, quantity
from aggregator.site.build import build as build_site
from aggregator.site.clock import clock
from aggregator.site.memory import collecting_rarely

if TYPE_CHECKING:
    from aggregator.collector.lists import Kind
    from aggregator.model.seed_roots import SeedRoot

SOON = "the running collector releases it within seconds"
PROGRESS_FROM = 500
"""The number of files from which a terminal shows a progress bar."""

config_option = click.option(
    "--config",
    "config_path",
    metavar="FILE",
    default=terminal.find_config,
    show_default=f"$AGGREGATOR_CONFIG, else {terminal.CONFIG} here or in a folder above",
    help="The config file.",
    shell_complete=completion.files,
)
open_option = click.option("--open", "open_it", is_flag=True, help="Open the site in the browser.")
host_option = click.option("--host", metavar="HOST", default="", help="Listen on HOST instead of `server.host`.")
port_option = click.option(
    "--port", metavar="PORT", type=terminal.WholeNumber(0, 65535), help="Listen on PORT instead of `server.port`."
)
jobs_option = click.option(
    "--jobs", metavar="N", type=terminal.WholeNumber(1, 256),
    help="Parse seeds and render in N processes (default: as many as speed it up).",
)  # fmt: skip


def _cluster_address(_context: object, _option: object, value: str) -> str:
    if value:
        from aggregator.site.cluster import is_address  # noqa: PLC0415 - few sites use one

        if not is_address(value):
            raise click.BadParameter(
                f"{value!r} is not a cluster address (write tcp://host:port, or local:4 for 4 processes)"
            )
    return value


@click.group(cls=terminal.Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(VERSION, "-V", "--version", prog_name="aggregator")
def cli() -> None:
    """Turn a folder of news items into RSS, Atom and JSON feeds."""


@cli.command()
@config_option
@jobs_option
@click.option(
    "--cluster", metavar="ADDRESS", default="", callback=_cluster_address,
    help="Parse seeds and render on a Dask cluster: tcp://host:port, or local:4 for 4 processes.",
)  # fmt: skip
@click.option("--fresh", is_flag=True, help="Read and render everything again; keep the ids of items.")
@click.option("--prune", is_flag=True, help="Remove feeds that have no items left.")
@click.option("--accept-deletions", is_flag=True, help="Withdraw items even if most of the seeds are gone at once.")
@click.option("--adopt", is_flag=True, help="Replace files of somebody else in the feeds folder.")
@click.option("--strict", is_flag=True, help="Exit with status 1 if any seed has an error.")
@click.option("--all", "everything", is_flag=True, help="List all feeds, not only those that changed.")
@click.option("--profile", is_flag=True, help="Print the time spent in each stage.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def build(
    config_path: str, *, jobs: int | None, cluster: str, fresh: bool, prune: bool, accept_deletions: bool, adopt: bool,
    everything: bool, strict: bool, profile: bool, as_json: bool,
) -> None:  # fmt: skip
    """Bring the feeds up to date, once."""
    if cluster and jobs:
        raise click.UsageError("--jobs and --cluster cannot be used together (a cluster has its own processes)")
    config = load_config(config_path)
    if not as_json:
        _warn_of_placeholders(config)
    with collecting_rarely(), _progress_bar("reading seeds", quiet=as_json) as progress:
        turn = build_site(
            config, fresh=fresh, prune=prune, accept_deletions=accept_deletions, adopt=adopt, jobs=jobs,
            cluster=cluster, progress=progress,
        )  # fmt: skip
    if as_json:
        click.echo(msgspec.json.encode(turn))
    else:
        _print_turn(turn, _seeds_folders(config), fresh=fresh, everything=everything)
        if turn.written and sys.stdout.isatty():
            _print("Next: `aggregator run` serves these feeds and keeps them up to date.")
        for line in report.stage_lines(turn) if profile else ():
            _print(line)
    if turn.failed or turn.doubted or (strict and any(not problem.warning for problem in turn.problems)):
        sys.exit(1)


@cli.command()
@config_option
@click.option(
    "--log-format", type=click.Choice(["auto", "people", "text", "json"]), default="auto", show_default=True,
    help="Log for people, as key=value text or as JSON (auto: for people on a terminal, else JSON).",
)  # fmt: skip
@open_option
@host_option
@port_option
@click.option("--serve/--no-serve", default=True, help="Serve the feeds over HTTP.")
@click.option("--fetch/--no-fetch", default=True, help="Ask the sources, if the config has any.")
@click.option("--adopt", is_flag=True, help="Replace files of somebody else in the feeds folder.")
@click.option("--standby", is_flag=True, help="If a daemon already runs, wait until it ends or dies, then take over.")
def run(
    config_path: str,
    *,
    log_format: Literal["auto", "people", "text", "json"],
    open_it: bool,
    host: str,
    port: int | None,
    serve: bool,
    fetch: bool,
    adopt: bool,
    standby: bool,
) -> None:
    """Run the daemon: collect, watch seeds, update and serve feeds."""
    from aggregator.service import logs  # noqa: PLC0415 - only this command needs these
    from aggregator.service.collector_process import CollectorProcess  # noqa: PLC0415
    from aggregator.service.daemon import Daemon  # noqa: PLC0415
    from aggregator.service.server_process import ServerProcess  # noqa: PLC0415
    from aggregator.service.standby import Standby  # noqa: PLC0415
    from aggregator.service.stop_signals import StopSignals  # noqa: PLC0415
    from aggregator.service.systemd import SystemdNotifier  # noqa: PLC0415

    adjust = partial(terminal.adjusted, host=host, port=port)
    config = adjust(load_config(config_path))
    log_as: logs.Format = _log_format() if log_format == "auto" else log_format
    logs.start(log_as)
    if log_as == "people":
        for line in terminal.banner(config, serves=serve):
            _print(line, err=True)
    _log_placeholders(config, people=log_as == "people")
    if open_it and serve:
        terminal.open_browser(config)
    server, systemd = ServerProcess(log_as) if serve else None, SystemdNotifier.from_environment()
    collector = CollectorProcess(log_as) if fetch else None
    StopSignals(before_exit=lambda: [one.kill() for one in (server, collector) if one is not None]).start()
    waiting, lock = Standby(config, systemd), None
    if standby:
        waiting.handle_signals()
        lock = waiting.wait()
        config = adjust(waiting.config)
    if not waiting.is_stopped:
        daemon = Daemon(
            config, clock=time.time, systemd=systemd, server=server, collector=collector, lock=lock, adopt=adopt,
            adjust=adjust,
        )  # fmt: skip
        daemon.handle_signals()
        if waiting.is_stopped:  # a signal came before the daemon handled them
            daemon.stop()
        sys.exit(daemon.run())
    logs.log("stopped")


@cli.command()
@config_option
@open_option
@host_option
@port_option
def serve(config_path: str, *, open_it: bool, host: str, port: int | None) -> None:
    """Serve the published feeds over HTTP, and do nothing else."""
    from aggregator.service import logs  # noqa: PLC0415 - only this command needs these
    from aggregator.service.http import process  # noqa: PLC0415 - only this command needs these
    from aggregator.service.http.listening import CannotListenError, address_of, listen  # noqa: PLC0415

    config = terminal.adjusted(load_config(config_path), host=host, port=port)
    if is_url(config.feeds):
        reason = "is in an object store; let the store or a web server serve it"
        raise ConfigError([f"{config.path}: feeds: {config.feeds} {reason}"])
    logs.start(_log_format())
    try:
        listening = listen(config.server.host, config.server.port)
    except CannotListenError as error:
        raise ConfigError([f"{config.path}: server: {error}"]) from error
    logs.log("serving", address=address_of(listening), feeds=config.feeds)
    if open_it:
        terminal.open_browser(config)
    process.serve(config, listening)


@cli.command()
@config_option
@click.argument("feeds", nargs=-1, metavar="[FEED]...", shell_complete=completion.feeds)
@click.option("--accept-deletions", is_flag=True, help="Withdraw items even if most of the seeds are gone at once.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def trigger(config_path: str, feeds: tuple[str, ...], *, accept_deletions: bool, as_json: bool) -> None:
    """Regenerate all feeds now, or only the named ones.

    A running daemon does the work; without one, this command does it like `build`.
    """
    from aggregator.service.control import Request, ask  # noqa: PLC0415 - only this command needs it
    from aggregator.service.logs import log  # noqa: PLC0415
    from aggregator.site.site import Site  # noqa: PLC0415

    config = load_config(config_path)
    reply = None
    if os.path.isdir(config.state):
        reply = ask(config.state, Request(do="trigger", feeds=feeds, accept_deletions=accept_deletions))
    if reply is not None:
        turn = msgspec.convert(reply, Turn)
    else:
        with Site(config, note=log) as site:
            if not site.knows_feeds:  # nothing was built yet, so only a build tells which feeds there are
                site.build(now=clock(), accept_deletions=accept_deletions)
            site.mark_stale(feeds)
            turn = site.build(now=clock(), accept_deletions=accept_deletions)
    if as_json:
        click.echo(msgspec.json.encode(turn))
    else:
        for name in turn.written:
            _print(name)
        for line in (report.summary(turn), *report.problem_lines(turn, _seeds_folders(config))):
            _print(line)
    if turn.failed or turn.doubted:
        sys.exit(1)


@cli.command()
@config_option
@jobs_option
@click.option("--strict", is_flag=True, help="Exit with status 1 for warnings too.")
@click.option("--json", "as_json", is_flag=True, help="Print the problems as JSON.")
@click.option(
    "--format", "shape", type=click.Choice(["text", "github"]), default="text", show_default=True,
    help="Print problems as text, or as annotations of GitHub Actions.",
)  # fmt: skip
@click.argument("files", nargs=-1, metavar="[FILE]...", shell_complete=completion.files)
def check(
    config_path: str, *, jobs: int | None, strict: bool, as_json: bool, shape: Literal["text", "github"],
    files: tuple[str, ...],
) -> None:  # fmt: skip
    """Validate the config and seeds; change nothing.

    With FILE, only the problems of these seeds are reported.
    """
    from aggregator.site.check import check as check_site  # noqa: PLC0415 - only this command needs it

    try:
        config = load_config(config_path)
    except ConfigError as error:
        if not os.path.lexists(config_path):
            raise  # wrong usage, as for every other command
        if as_json:
            click.echo(msgspec.json.encode(error.problems))
        for problem in () if as_json else error.problems:
            _print(str(problem))
        sys.exit(1)
    named = _paths_below(config, files)
    with _progress_bar("checking seeds", quiet=as_json) as progress:
        found = check_site(config, now=clock(), files=named, jobs=jobs, progress=progress)
    problems = (*found.config, *found.problems)
    errors = sum(not problem.warning for problem in problems)
    warnings = len(problems) - errors
    if as_json:
        click.echo(msgspec.json.encode(problems))
    else:
        folders = _seeds_folders(config)
        as_line = report.github_line if shape == "github" else _problem_line
        for line in (
            *(as_line(_from_here(one), {}) for one in found.config),
            *(as_line(one, folders) for one in found.problems),
        ):
            _print(line)
        seen = quantity(len(files) or found.seeds, "seed")
        click.echo(f"{seen}: {quantity(errors, 'error')}, {quantity(warnings, 'warning')}")
    if errors or (strict and warnings):
        sys.exit(1)


@cli.command()
@config_option
@click.argument("sources", nargs=-1, metavar="[SOURCE]...")
@click.option("--json", "as_json", is_flag=True, help="Print what was done as JSON.")
def fetch(config_path: str, sources: tuple[str, ...], *, as_json: bool) -> None:
    """Ask the sources that are due, and write what is new as seeds.

    With SOURCE, only those are asked; each is named by its address or its name. One that is not due is not asked, also
    if it is named. The exit code is 0 also if some fail.
    """
    from aggregator.cli import source_report  # noqa: PLC0415 - only this command needs these
    from aggregator.collector import polling  # noqa: PLC0415
    from aggregator.site.sources import settings_of  # noqa: PLC0415

    config = _config_with_sources(config_path)
    only = [one.url for one in _named_sources(config, sources)]
    with _collector_errors(config):
        report_of_polls = polling.poll(settings_of(config), now=clock, only=only)
    if as_json:
        click.echo(msgspec.json.encode(source_report.poll_json(report_of_polls)))
        return
    for line in source_report.poll_lines(report_of_polls, is_named=bool(sources)):
        _print(line)
    if report_of_polls.new and sys.stdout.isatty():
        _print("Next: `aggregator build` publishes them.")


@cli.command()
@config_option
@click.option("--json", "as_json", is_flag=True, help="Print the sources as JSON.")
@click.option("--release", "released", metavar="SOURCE", multiple=True, help="Show what a guard holds back of SOURCE.")
@click.option("--apply", "apply_moves", is_flag=True, help="Write the addresses that sources moved to into the lists.")
def sources(config_path: str, released: tuple[str, ...], *, as_json: bool, apply_moves: bool) -> None:
    """Show how each source is, and when it is asked next.

    The exit code is 1 if one has been dead for 30 days.
    """
    from aggregator.cli import source_report  # noqa: PLC0415 - only this command needs these
    from aggregator.model.source_words import counted, details, headline, states_line  # noqa: PLC0415
    from aggregator.site.sources import statuses_of  # noqa: PLC0415

    config = _config_with_sources(config_path)
    if released:
        _release(config, released)
    if apply_moves:
        config = _apply_moves(config)
    statuses = statuses_of(config, clock())
    if as_json:
        click.echo(msgspec.json.encode(source_report.as_json(statuses)))
    elif not (released or apply_moves):
        for one in statuses:
            for line in (headline(one), *(f"{'':13}{line}" for line in details(one))):
                _print(line)
        _print(states_line(counted(statuses)) if statuses else source_report.NONE_LISTED)
    if any(one.state == "dead" for one in statuses):
        sys.exit(1)


@cli.command(name="import")
@config_option
@click.option("--json", "as_json", is_flag=True, help="Print what became of the file as JSON.")
@click.argument("kind", type=click.Choice(["opml", "planet", "venus", "pluto"]))
@click.argument("file", shell_complete=completion.files)
def import_sources(config_path: str, kind: Kind, file: str, *, as_json: bool) -> None:
    """Write the sources of another tool's FILE as a list of sources.

    The list is called as the file is, in the folder of the lists. What could not be taken over is named.
    """
    from aggregator.cli.source_lists import import_list  # noqa: PLC0415 - only this command needs it

    found = import_list(_config_with_sources(config_path), kind, file)
    if as_json:
        click.echo(msgspec.json.encode(found._asdict()))
        return
    for line in found.left:
        _print(line, err=True)
    _print(f"{os.path.relpath(found.path)}: {quantity(found.sources, 'source')}")


def _release(config: Config, names: tuple[str, ...]) -> None:
    from aggregator.collector import polling  # noqa: PLC0415 - only this option needs it
    from aggregator.site.sources import settings_of  # noqa: PLC0415

    for source in _named_sources(config, names):
        with _collector_errors(config):
            done = polling.release(settings_of(config), source.url, now=clock)
        _print(f"{source.address or source.url}: {SOON if done is None else done}", err=True)


def _apply_moves(config: Config) -> Config:
    from aggregator.cli.source_lists import apply_addresses  # noqa: PLC0415 - only this option needs these
    from aggregator.collector.database import adopted  # noqa: PLC0415

    found = apply_addresses(config, adopted(config.state))
    for line in (*found.done, *found.left) or (() if found.failed else ("no source has moved",)):
        _print(line, err=True)
    if found.failed:
        raise AggregatorError("\n".join(found.failed))
    return load_config(config.path) if found.done else config


def _config_with_sources(path: str) -> Config:
    """Load the config.

    Raises:
        ConfigError: if it has no sources.
    """
    config = load_config(path)
    if config.sources is None:
        hint = "write `sources: {folder: ../collected}`, with that folder under `seeds` too"
        raise ConfigError([f"{config.path}: sources: there are none ({hint})"])
    return config


def _named_sources(config: Config, names: tuple[str, ...]) -> tuple[Source, ...]:
    from aggregator.site.sources import named  # noqa: PLC0415 - only commands for sources need it

    try:
        return named(config, names, clock()) if names else ()
    except LookupError as error:
        raise click.UsageError(str(error.args[0])) from error


@contextmanager
def _collector_errors(config: Config) -> Iterator[None]:
    """Turn what keeps the collector from working into errors for people."""
    from aggregator.collector.database import Busy, Unusable  # noqa: PLC0415 - only commands for sources need these
    from aggregator.site.lock import make_state_folder  # noqa: PLC0415

    make_state_folder(config.state)
    try:
        yield
    except Busy as error:
        advice = "a daemon asks what is due by itself; else wait for that process to end, or stop it"
        raise LockedError(config.state, f"process {error.pid}" if error.pid else "another process", advice) from error
    except Unusable as error:
        raise AggregatorError(str(error)) from error


@cli.command()
@config_option
@click.argument("target", metavar="PATH|URL|ID", shell_complete=completion.files)
@click.option("--json", "as_json", is_flag=True, help="Print the explanation as JSON.")
def explain(config_path: str, target: str, *, as_json: bool) -> None:
    """Explain why an item is in which feeds, or in none."""
    from aggregator.site.explain import explain as explain_item  # noqa: PLC0415 - only this command needs it

    config = load_config(config_path)
    with opened_read_only(config.state) as index:
        found = explain_item(config, index, target, now=clock())
    if not found:
        raise AggregatorError(_why_not_found(config, target))
    if as_json:
        made = [{"headline": one.headline, "details": one.details, "origins": dict(one.origins)} for one in found]
        click.echo(msgspec.json.encode(made))
        return
    for one in found:
        _print(one.headline)
        for line in (*one.details, *one.origin_lines()):
            _print(f"  {line}")


def _why_not_found(config: Config, target: str) -> str:
    """Return why nothing can be explained that `target` names."""
    from aggregator.site.explain import like  # noqa: PLC0415 - only this command needs these
    from aggregator.watcher.folder import printable  # noqa: PLC0415

    name = printable(target)
    if "\0" not in target and os.path.isfile(target):
        return f"{name}: it lies in none of the folders of `seeds` ({', '.join(_seeds_folders(config).values())})"
    reason = f"{name}: no seed has this path, link or id"
    if meant := like(config, target):
        return f"{reason} (did you mean `{meant}`?)"
    is_built = os.path.exists(os.path.join(config.state, "index.db"))
    return reason if is_built else f"{reason}; nothing has been built yet (run `aggregator build`)"


@cli.command()
@config_option
@click.argument("expression", metavar="EXPR")
@click.option("--all", "everything", is_flag=True, help="Look at every seed, not only at what feeds show.")
@click.option(
    "--limit", metavar="N", type=terminal.WholeNumber(1, 10**9), default=20, show_default=True,
    help="List at most N items; all are counted.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the items as JSON.")
def find(config_path: str, expression: str, *, everything: bool, limit: int, as_json: bool) -> None:
    """Find the items that the expression EXPR chooses, newest first.

    It looks at what feeds show now, as the last build left it; with `is:` in EXPR, or --all, at every seed.
    """
    from aggregator.cli.finding import finding_lines  # noqa: PLC0415 - only this command needs these
    from aggregator.site.find import find as find_items  # noqa: PLC0415

    config = load_config(config_path)
    with opened_read_only(config.state) as index, _expression_mistakes(), collecting_rarely():
        if index is None:
            raise AggregatorError("nothing has been built yet (run `aggregator build`)")
        found = find_items(config, index, expression, now=clock(), limit=limit, everything=everything)
    if as_json:
        click.echo(msgspec.json.encode(found._asdict()))
        return
    for line in finding_lines(found):
        _print(line)


@cli.command("try")
@config_option
@click.argument("expression", metavar="[EXPR]", required=False, default="")
@click.option(
    "--as", "use", metavar="block|allow|FEED", default="block", show_default=True,
    help="Try EXPR as one more that blocks, or allows, or as the condition of the feed FEED.",
)  # fmt: skip
@click.option(
    "--limit", metavar="N", type=terminal.WholeNumber(1, 10**6), default=5, show_default=True,
    help="List at most N items that come to a feed, and N that go.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the changes as JSON.")
def try_rules(config_path: str, expression: str, *, use: str, limit: int, as_json: bool) -> None:
    """Show what a rule would bring and take away, feed by feed.

    Nothing is changed. With EXPR the site's config is tried with that expression. Without it the config FILE is tried,
    not the site's; if it is the site's, this shows what its changes since the last build will do.
    """
    from aggregator.cli.finding import trial_lines  # noqa: PLC0415 - only this command needs these
    from aggregator.site.trial import try_config  # noqa: PLC0415

    tried = load_config(config_path)
    usual = terminal.find_config()
    config = tried if expression or not os.path.isfile(usual) else load_config(usual)
    with opened_read_only(config.state) as index, _expression_mistakes(), collecting_rarely():
        if index is None:
            raise AggregatorError("nothing has been built yet (run `aggregator build`)")
        changes = try_config(index, config, tried, expression=expression, use=use, now=clock(), limit=limit)
    if as_json:
        click.echo(msgspec.json.encode(changes))
        return
    for line in trial_lines(changes):
        _print(line)


@cli.command()
@config_option
@click.option("--json", "as_json", is_flag=True, help="Print the status as JSON.")
@click.option("--open", "in_browser", is_flag=True, help="Open the daemon's status page in a browser instead.")
def status(config_path: str, *, as_json: bool, in_browser: bool) -> None:
    """Show feeds, problems, the next change and the last turns."""
    from aggregator.service.control import Request, ask  # noqa: PLC0415 - only this command needs these
    from aggregator.site.status import site_status  # noqa: PLC0415

    try:
        config = load_config(config_path)
    except ConfigError:
        for line in () if as_json else _lines_of_daemon_with_old_config(config_path):
            _print(line)
        raise
    if in_browser:
        _open_status_page(config)
        return
    with opened_read_only(config.state) as index:
        if index is None:
            raise AggregatorError("nothing has been built yet (run `aggregator build`)")
        found = site_status(config, index, now=clock())
    folder = _seeds_folders(config)
    try:
        daemon = ask(config.state, Request(do="status"), timeout=5)
    except AggregatorError:
        for line in () if as_json else report.status_lines(found, folder):  # what is known without the daemon
            _print(line)
        raise
    if as_json:
        click.echo(msgspec.json.encode({**msgspec.to_builtins(found), "daemon": daemon}))
        return
    for line in (*report.daemon_lines(daemon, clock()), *report.status_lines(found, folder)):
        _print(line)


def _native_root(config: Config) -> SeedRoot:
    """Return the first root of seeds of our own dialect, where new seeds are written.

    Raises:
        ConfigError: if there is none.
    """
    if (root := native_root(roots_for_people(config))) is not None:
        return root
    dialects = ", ".join(dict.fromkeys(root.dialect for root in config.seeds))
    reason = f"new seeds are written in the dialect native, and no folder has it (there is: {dialects})"
    raise ConfigError([f"{config.path}: seeds: {reason}"])


def _open_status_page(config: Config) -> None:
    """Open the status page with a link that works once, or print the link if no browser can be started."""
    import webbrowser  # noqa: PLC0415 - only this option needs these

    from aggregator.service.control import Request, ask  # noqa: PLC0415
    from aggregator.service.http.listening import local_address  # noqa: PLC0415

    daemon = ask(config.state, Request(do="status"), timeout=5) if os.path.isdir(config.state) else None
    if daemon is None:
        raise AggregatorError("no daemon runs, and only a daemon has a status page (`aggregator run` starts one)")
    if not daemon["serving"]:
        raise AggregatorError("the daemon serves no pages (set `server.enabled: true`, or run it without --no-serve)")
    token = ask(config.state, Request(do="issue"), timeout=5)
    link = f"{local_address(daemon['serving'])}-/open?token={token}"
    if not webbrowser.open(link):
        click.echo(f"Open this link within a minute; it works once:\n{link}")


def _lines_of_daemon_with_old_config(config_path: str) -> Iterator[str]:
    """Yield the status of a daemon that runs with the last valid config, if the new one names its state folder."""
    from aggregator.config.loading import read_config_file, state_folder  # noqa: PLC0415
    from aggregator.service.control import Request, ask  # noqa: PLC0415

    with suppress(OSError, AggregatorError):  # the caller reports the errors of the config
        text = read_config_file(config_path)
        if daemon := ask(state_folder(text, path=os.path.abspath(config_path)), Request(do="status"), timeout=5):
            yield from report.daemon_lines(daemon, clock())


@cli.command()
@config_option
@click.argument("title")
@click.option("--link", default="", help="The item's URL; without it the seed is a draft.")
@click.option("--topic", "topics", multiple=True, help="A topic; can be repeated.")
@click.option("--edit", is_flag=True, help="Open the new seed in $VISUAL or $EDITOR.")
def new(config_path: str, title: str, link: str, topics: tuple[str, ...], *, edit: bool) -> None:
    """Write a new seed called TITLE."""
    from aggregator.cli.scaffold import new_seed  # noqa: PLC0415 - only this command needs it

    config = load_config(config_path)
    root = _native_root(config)
    site = config.site.url if config.pages.items != "none" or root.link else ""
    try:
        path = new_seed(root.folder, title, now=clock(), link=link, topics=topics, site=site)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    except FileExistsError as error:
        raise AggregatorError(f"{error.filename}: already exists (choose another title)") from error
    click.echo(str(path))
    if edit and not is_url(path):
        click.edit(filename=path)


@cli.command()
@click.argument("folder", metavar="DIR", shell_complete=completion.folders)
@click.option("--url", metavar="URL", default="", help="The public address of the feeds.")
@click.option("--title", metavar="TITLE", default="", help="The title of the site.")
@click.option(
    "--from", "existing", metavar="PATH", default="", shell_complete=completion.folders,
    help="Read the posts of an existing site or folder, such as one of Hugo, where they are; nothing there is changed.",
)  # fmt: skip
def init(folder: str, *, url: str, title: str, existing: str) -> None:
    """Create a new site in DIR."""
    from aggregator.cli.existing_folder import first_build, recognise  # noqa: PLC0415 - only this command needs these
    from aggregator.cli.scaffold import new_site, new_site_over  # noqa: PLC0415

    found = recognise(existing) if existing else None
    try:
        if found is None:
            created = new_site(folder, now=clock(), url=url, title=title)
        else:
            created = new_site_over(found, folder, url=url, title=title)
    except ValueError as error:
        raise click.UsageError(_with_hint(error)) from error
    except FileExistsError as error:
        raise AggregatorError(f"{error}: already exists; nothing was created (choose an empty folder)") from error
    if found is not None:
        for line in first_build(found, str(created[0]), folder, is_guess=not url):
            _print(line)
        return
    for path in created:
        click.echo(str(path))
    if not url:
        click.echo(f"Before you publish, set site.url in {created[0]}.")
    go_there = "" if os.path.samefile(folder, ".") else f"cd {shlex.quote(folder)} && "
    click.echo(f"Write items into {os.path.normpath(os.path.join(folder, 'seeds'))}, then: {go_there}aggregator run")


@cli.command()
@config_option
@click.argument("kind", type=click.Choice(["seed", "config", "topic", "sources", "dialect", "decap"]))
@click.argument("name", required=False, default="")
def schema(
    config_path: str, kind: Literal["seed", "config", "topic", "sources", "dialect", "decap"], name: str
) -> None:
    """Print the JSON Schema of seeds, config, topics or sources.

    `dialect` prints the table of the dialect NAME, or of all; `decap` a config of Decap CMS for this site's seeds.
    """
    from aggregator.cli import json_schema  # noqa: PLC0415 - only this command needs it

    if name and kind != "dialect":
        raise click.UsageError(f"`schema {kind}` takes no NAME (remove `{name}`)")
    if kind == "decap":
        _print_decap_config(load_config(config_path))
        return
    try:
        made = json_schema.dialects(name) if kind == "dialect" else json_schema.schema(kind)
    except LookupError as error:
        raise click.UsageError(str(error.args[0])) from error
    click.echo(msgspec.json.format(msgspec.json.encode(made), indent=2))


def _print_decap_config(config: Config) -> None:
    import yaml  # noqa: PLC0415 - only this command writes YAML

    from aggregator.cli.decap import decap_config  # noqa: PLC0415

    folder = _native_root(config).folder
    if is_url(folder):
        raise AggregatorError(f"{folder}: Decap CMS edits a git repository, not an object store")
    top = next((one for one in Path(folder).parents if (one / ".git").exists()), Path(config.path).parents[1])
    made = decap_config(config.site.title, os.path.relpath(folder, top), config.site.url)
    click.echo(yaml.safe_dump(made, sort_keys=False, allow_unicode=True), nl=False)


def main() -> None:
    """Run the command and exit; a user's mistake becomes a message and an exit code, not a traceback."""
    _reopen_closed_streams()
    if sys.getfilesystemencoding() != "utf-8" and not sys.flags.utf8_mode:
        # A locale such as de_DE.ISO-8859-1: Python would decode the names of seeds wrongly.
        os.environ["PYTHONUTF8"] = "1"  # for child processes
        os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])  # noqa: S606
    try:
        cli(prog_name="aggregator", standalone_mode=True)  # the same for `python -m aggregator`
    except ConfigError as error:
        _fail(error, 2)
    except ClusterError as error:
        _fail(error, 2)
    except LockedError as error:
        _fail(error, 3)
    except (AggregatorError, OSError, sqlite3.Error, MemoryError) as error:
        _fail(error, 1)
    except RuntimeError as error:
        if not isinstance(error.__context__, KeyboardInterrupt):
            raise
        click.echo("\nAborted!", err=True)  # Ctrl-C while a threading lock was released
        sys.exit(1)


def _reopen_closed_streams() -> None:
    """Reopen closed standard streams on /dev/null, so that no other file gets their descriptors."""
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:
            stream = open(os.devnull, "r+", encoding="utf-8")  # noqa: SIM115 - stays open until the process ends
            os.set_inheritable(stream.fileno(), True)
            setattr(sys, name, stream)


def _fail(error: Exception, code: int) -> None:
    message = str(error) if isinstance(error, ConfigError) else f"aggregator: {_message(error)}"
    for line in message.split("\n"):
        _print(line, err=True)
    sys.exit(code)


def _message(error: Exception) -> str:
    """Return the message of an error, with advice if it comes from the system or SQLite."""
    if isinstance(error, OSError):
        return reason_with_path(error)
    if isinstance(error, MemoryError):
        return NO_MEMORY
    return with_advice(error) if isinstance(error, sqlite3.Error) else str(error)


@contextmanager
def _expression_mistakes() -> Iterator[None]:
    """Print a mistake in an expression with a caret under its place, and exit."""
    from aggregator.model.expression.errors import ExpressionError  # noqa: PLC0415 - few commands take expressions

    try:
        yield
    except ExpressionError as error:
        for line in error.lines():
            _print(line, err=True)
        sys.exit(2)


def _log_format() -> Literal["people", "json"]:
    return "people" if sys.stderr.isatty() else "json"


def _problem_line(problem: Problem, folders: report.Folders) -> str:
    return report.in_folder(str(problem), folders)


def _paths_below(config: Config, files: tuple[str, ...]) -> set[str]:
    """Return the paths of files as problems have them: relative to the seeds folder.

    Raises:
        click.UsageError: if one is not there, or is not in the seeds folder.
    """
    folders = {root.prefix: root.folder for root in config.seeds if not is_url(root.folder)}
    if files and not folders:
        raise click.UsageError("FILE cannot be used with seeds in an object store (check them all)")
    return {_path_in(folders, file) for file in files}


def _path_in(folders: report.Folders, file: str) -> str:
    if not os.path.isfile(file):
        raise click.UsageError(f"{file}: there is no such file")
    for prefix, folder in folders.items():
        for path in (os.path.relpath(file, folder), os.path.relpath(os.path.realpath(file), os.path.realpath(folder))):
            if not path.startswith("../"):
                return prefix + path
    where = ", ".join(os.path.relpath(folder) for folder in folders.values())
    raise click.UsageError(f"{file}: lies outside the seeds folder, {where}")


def _with_hint(error: ValueError) -> str:
    """Return the message of an error whose second argument says what to write instead."""
    message, *hint = map(str, error.args)
    return f"{message} ({hint[0]})" if hint and hint[0] else message


def _warn_of_placeholders(config: Config) -> None:
    """Print a line if `site.url` is still a placeholder; it is not an error, since a site may be tried with it."""
    from aggregator.config.parsers import is_placeholder  # noqa: PLC0415 - loaded with the config

    if is_placeholder(config.site.url):
        from aggregator.config.placeholders import placeholders  # noqa: PLC0415 - few sites have one for long

        for problem in placeholders(config):
            _print(str(_from_here(problem)), err=True)


def _log_placeholders(config: Config, *, people: bool) -> None:
    from aggregator.config.placeholders import placeholders  # noqa: PLC0415
    from aggregator.service.logs import log_problem  # noqa: PLC0415 - only `run` needs these

    for problem in placeholders(config):
        log_problem(_from_here(problem) if people else problem)


def _from_here(problem: Problem) -> Problem:
    """Return a problem of the config with its path as people type it, relative to the current folder."""
    return msgspec.structs.replace(problem, path=os.path.relpath(problem.path))


def _seeds_folders(config: Config) -> report.Folders:
    """Return the seeds folders relative to the current one, so that editors can open the paths in messages."""
    return {root.prefix: root.folder if is_url(root.folder) else os.path.relpath(root.folder) for root in config.seeds}


def _print_turn(turn: Turn, folders: report.Folders, *, fresh: bool, everything: bool) -> None:
    feeds = report.listed_feeds(turn, everything=everything)
    did_something = bool(feeds or turn.read or turn.removed or turn.written)
    if sys.stdout.isatty():
        for line in report.feed_table(feeds, colour=not os.environ.get("NO_COLOR")) if feeds else ():
            click.echo(line)
    else:
        for line in report.feed_lines(feeds):
            _print(line)
    held = list(report.held_back_lines(turn)) if did_something else []
    if held:
        click.echo("held back:")
    for line in (*held, report.summary(turn, fresh=fresh)):
        _print(line)
    for line in report.problem_lines(turn, folders):
        _print(line, err=True)


def _print(line: str, *, err: bool = False) -> None:
    click.echo(escape_controls(line), err=err)


@contextmanager
def _progress_bar(label: str, *, quiet: bool) -> Iterator[Callable[[int, int], object] | None]:
    """Show a progress bar on a terminal if there are many files; without a thread, so that workers can be forked."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    bar: Any = None

    def update(done: int, total: int) -> None:
        nonlocal bar
        if total < PROGRESS_FROM:
            return
        if bar is None:
            bar = click.progressbar(length=total, label=label, file=sys.stderr)
            bar.__enter__()
        bar.update(done - bar.pos)

    try:
        yield update
    finally:
        if bar is not None:
            bar.__exit__(None, None, None)

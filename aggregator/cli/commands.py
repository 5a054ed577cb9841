"""The command `aggregator`: words on a terminal in, calls of the library out.

Exit codes: 0 done, 1 problems found, 2 config or usage, 3 held by another process.
"""

from __future__ import annotations

import os
import shlex
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Literal

import click
import msgspec

from aggregator import __version__, load_config
from aggregator import build as build_site
from aggregator.cli import report
from aggregator.config.settings import Config
from aggregator.index.index import opened_read_only
from aggregator.model.errors import AggregatorError, ClusterError, ConfigError, LockedError, worded
from aggregator.model.reports import Turn
from aggregator.model.sqlite_errors import with_advice
from aggregator.model.store import is_url
from aggregator.model.words import counted
from aggregator.site.clock import clock
from aggregator.site.memory import collecting_rarely

DEFAULT_CONFIG = "config/aggregator.yaml"
PROGRESS_FROM = 500
"""From so many files on, a terminal shows a progress bar."""

config_option = click.option(
    "--config", "config_path", metavar="FILE", default=DEFAULT_CONFIG, show_default=True, help="The config file."
)
jobs_option = click.option("--jobs", type=click.IntRange(1, 256), help="How many processes parse seeds and render.")


def _cluster_address(_context: object, _option: object, value: str) -> str:
    if value:
        from aggregator.site.cluster import is_address  # noqa: PLC0415 - few have one

        if not is_address(value):
            raise click.BadParameter(f"{value!r} names no cluster (write tcp://host:port, or local:4 for 4 processes)")
    return value


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="aggregator")
def cli() -> None:
    """Turn a folder of news items into RSS, Atom and JSON feeds."""


@cli.command()
@config_option
@jobs_option
@click.option(
    "--cluster", metavar="ADDRESS", default="", callback=_cluster_address,
    help="Let a Dask cluster parse seeds and render: tcp://host:port, or local:4 for 4 processes.",
)  # fmt: skip
@click.option("--fresh", is_flag=True, help="Read and render everything anew; remembered ids stay.")
@click.option("--prune", is_flag=True, help="Remove feeds that have lost their last item.")
@click.option("--accept-deletions", is_flag=True, help="Believe a folder that lost most of its seeds at once.")
@click.option("--strict", is_flag=True, help="Exit with 1 if any seed has a problem.")
@click.option("--profile", is_flag=True, help="Print where the time went, stage by stage.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def build(
    config_path: str, *, jobs: int | None, cluster: str, fresh: bool, prune: bool, accept_deletions: bool,
    strict: bool, profile: bool, as_json: bool,
) -> None:  # fmt: skip
    """Bring the feeds up to date, once."""
    if cluster and jobs:
        raise click.UsageError("--jobs says how many processes of this machine work; a cluster has its own")
    config = load_config(config_path)
    with collecting_rarely(), _progress("reading seeds", quiet=as_json) as progress:
        turn = build_site(
            config, fresh=fresh, prune=prune, accept_deletions=accept_deletions, jobs=jobs, cluster=cluster,
            progress=progress,
        )  # fmt: skip
    if as_json:
        click.echo(msgspec.json.encode(turn))
    else:
        _show(turn, _folder(config))
        for line in report.stage_lines(turn) if profile else ():
            _say(line)
    if turn.failed or (strict and any(not problem.warning for problem in turn.problems)):
        sys.exit(1)


@cli.command()
@config_option
@click.option(
    "--log-format", type=click.Choice(["auto", "text", "json"]), default="auto", show_default=True,
    help="Log lines as key=value (auto on a terminal) or as JSON.",
)  # fmt: skip
@click.option("--serve/--no-serve", default=True, help="Serve the feeds over HTTP, or leave that to others.")
@click.option(
    "--standby", is_flag=True, help="Where another runs, wait until it ends, however it does; then take over."
)
def run(config_path: str, *, log_format: Literal["auto", "text", "json"], serve: bool, standby: bool) -> None:
    """Keep the feeds true, as a daemon: watch, schedule, serve."""
    from aggregator.service import logs  # noqa: PLC0415 - only this command needs these
    from aggregator.service.daemon import Daemon  # noqa: PLC0415
    from aggregator.service.server_process import ServerProcess  # noqa: PLC0415
    from aggregator.service.standby import Standby  # noqa: PLC0415
    from aggregator.service.systemd import SystemdNotifier  # noqa: PLC0415

    config = load_config(config_path)
    shape: logs.Format = ("text" if sys.stderr.isatty() else "json") if log_format == "auto" else log_format
    logs.start(shape)
    server, systemd = ServerProcess(shape) if serve else None, SystemdNotifier.from_environment()
    waiting, lock = Standby(config, systemd), None
    if standby:
        waiting.handle_signals()
        lock = waiting.wait()
        config = waiting.config
    if not waiting.is_stopped:
        daemon = Daemon(config, clock=time.time, systemd=systemd, server=server, lock=lock)
        daemon.handle_signals()
        if waiting.is_stopped:  # just now
            daemon.stop()
        sys.exit(daemon.run())
    logs.log("stopped")


@cli.command()
@config_option
def serve(config_path: str) -> None:
    """Serve what is published, and do nothing else."""
    from aggregator.service import logs  # noqa: PLC0415 - only this command needs these
    from aggregator.service.http import process  # noqa: PLC0415 - only this command needs these
    from aggregator.service.http.listening import CannotListenError, address_of, listen  # noqa: PLC0415

    config = load_config(config_path)
    if is_url(config.feeds):
        raise ConfigError([f"{config.path}: feeds: {config.feeds} is served by its store, or by what stands before it"])
    logs.start("text" if sys.stderr.isatty() else "json")
    try:
        listening = listen(config.server.host, config.server.port)
    except CannotListenError as error:
        raise ConfigError([f"{config.path}: server: {error}"]) from error
    logs.log("serving", address=address_of(listening), feeds=config.feeds)
    process.serve(config, listening)


@cli.command()
@config_option
@click.argument("feeds", nargs=-1, metavar="[FEED]...")
@click.option("--accept-deletions", is_flag=True, help="Believe a folder that lost most of its seeds at once.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def trigger(config_path: str, feeds: tuple[str, ...], *, accept_deletions: bool, as_json: bool) -> None:
    """Regenerate now, all feeds or those named.

    The running daemon does it; without one this is a `build`.
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
            site.mark_stale(feeds)
            turn = site.build(now=clock(), accept_deletions=accept_deletions)
    if as_json:
        click.echo(msgspec.json.encode(turn))
    else:
        for name in turn.written:
            _say(name)
        for line in (report.summary(turn), *report.trouble(turn, _folder(config))):
            _say(line)
    if turn.failed:
        sys.exit(1)


@cli.command()
@config_option
@jobs_option
@click.option("--strict", is_flag=True, help="Exit with 1 for warnings too.")
@click.option("--json", "as_json", is_flag=True, help="Print the problems as JSON.")
def check(config_path: str, *, jobs: int | None, strict: bool, as_json: bool) -> None:
    """Validate the config and every seed; change nothing."""
    from aggregator.site.check import check as check_site  # noqa: PLC0415 - only this command needs it

    try:
        config = load_config(config_path)
    except ConfigError as error:
        click.echo(msgspec.json.encode(error.problems) if as_json else "\n".join(map(str, error.problems)))
        sys.exit(1)
    with _progress("checking seeds", quiet=as_json) as progress:
        found = check_site(config, now=clock(), jobs=jobs, progress=progress)
    problems = (*found.config, *found.problems)
    errors = sum(not problem.warning for problem in problems)
    warnings = len(problems) - errors
    if as_json:
        click.echo(msgspec.json.encode(problems))
    else:
        for line in (*map(str, found.config), *(report.located(str(one), _folder(config)) for one in found.problems)):
            _say(line)
        click.echo(f"{counted(found.seeds, 'seed')}: {counted(errors, 'error')}, {counted(warnings, 'warning')}")
    if errors or (strict and warnings):
        sys.exit(1)


@cli.command()
@config_option
@click.argument("target", metavar="PATH|URL|ID")
def explain(config_path: str, target: str) -> None:
    """Say why an item is in which feeds or not, and when that changes."""
    from aggregator.site.explain import explain as explain_item  # noqa: PLC0415 - only this command needs it
    from aggregator.watcher.folder import printable  # noqa: PLC0415

    config = load_config(config_path)
    with opened_read_only(config.state) as index:
        found = explain_item(config, index, target, now=clock())
    if not found:
        known = (
            ""
            if os.path.exists(os.path.join(config.state, "index.db"))
            else "; nothing was built yet (run `aggregator build`)"
        )
        raise AggregatorError(f"{printable(target)}: no seed has this path, link or id{known}")
    for one in found:
        _say(one.headline)
        for line in one.details:
            _say(f"  {line}")


@cli.command()
@config_option
@click.option("--json", "as_json", is_flag=True, help="Print the status as JSON.")
def status(config_path: str, *, as_json: bool) -> None:
    """Show feeds, problems, the next due moment and the last turns."""
    from aggregator.cli.report import daemon_lines  # noqa: PLC0415
    from aggregator.service.control import Request, ask  # noqa: PLC0415 - only this command needs these
    from aggregator.site.status import site_status  # noqa: PLC0415

    try:
        config = load_config(config_path)
    except ConfigError:
        for line in () if as_json else _daemon_of_old_config(config_path):
            _say(line)
        raise
    with opened_read_only(config.state) as index:
        if index is None:
            raise AggregatorError("nothing was built yet (run `aggregator build`)")
        found = site_status(config, index, now=clock())
    try:
        daemon = ask(config.state, Request(do="status"), timeout=5)
    except AggregatorError:
        for line in () if as_json else report.status_lines(found):  # what is known without a daemon that hangs
            _say(line)
        raise
    if as_json:
        click.echo(msgspec.json.encode({**msgspec.to_builtins(found), "daemon": daemon}))
        return
    for line in (*daemon_lines(daemon), *report.status_lines(found)):
        _say(line)


def _daemon_of_old_config(config_path: str) -> Iterator[str]:
    """Give what a daemon says that goes on with the config as it was, if its state folder still is where that says."""
    from aggregator.cli.report import daemon_lines  # noqa: PLC0415
    from aggregator.config.loading import settings_of, state_folder  # noqa: PLC0415
    from aggregator.service.control import Request, ask  # noqa: PLC0415

    with suppress(OSError, AggregatorError):  # what is wrong with the config is what has to be said
        text = settings_of(config_path)
        if daemon := ask(state_folder(text, path=os.path.abspath(config_path)), Request(do="status"), timeout=5):
            yield from daemon_lines(daemon)


@cli.command()
@config_option
@click.argument("title")
@click.option("--link", default="", help="The item's address; without one the seed is a draft.")
@click.option("--topic", "topics", multiple=True, help="A topic; may be given several times.")
def new(config_path: str, title: str, link: str, topics: tuple[str, ...]) -> None:
    """Write a new seed called TITLE."""
    from aggregator.cli.scaffold import new_seed  # noqa: PLC0415 - only this command needs it

    config = load_config(config_path)
    try:
        path = new_seed(config.seeds, title, now=clock(), link=link, topics=topics)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    except FileExistsError as error:
        raise AggregatorError(f"{error.filename}: is there already (choose another title)") from error
    click.echo(str(path))


@cli.command()
@click.argument("folder", metavar="DIR")
def init(folder: str) -> None:
    """Make a new site in DIR."""
    from aggregator.cli.scaffold import new_site  # noqa: PLC0415 - only this command needs it

    try:
        made = new_site(folder, now=clock())
    except FileExistsError as error:
        raise AggregatorError(f"{error}: is there already; nothing was made (choose an empty folder)") from error
    for path in made:
        click.echo(str(path))
    click.echo(f"Now set site.url in {made[0]}, then: cd {shlex.quote(folder)} && aggregator build")


@cli.command()
@click.argument("kind", type=click.Choice(["seed", "config", "topic"]))
def schema(kind: Literal["seed", "config", "topic"]) -> None:
    """Print the JSON Schema of a seed, the config or a topic."""
    from aggregator.cli.json_schema import schema as schema_of  # noqa: PLC0415 - only this command needs it

    click.echo(msgspec.json.format(msgspec.json.encode(schema_of(kind)), indent=2))


def main() -> None:
    """Run the command; a user's mistake is a message and an exit code, never a traceback."""
    _open_standard_streams()
    if sys.getfilesystemencoding() != "utf-8" and not sys.flags.utf8_mode:
        # In a locale such as de_DE.ISO-8859-1, in which the names of seeds would be others than they are on the disk.
        os.environ["PYTHONUTF8"] = "1"  # for the processes that this one starts
        os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])  # noqa: S606
    try:
        cli(standalone_mode=True)
    except ConfigError as error:
        _fail(error, 2)
    except ClusterError as error:
        _fail(error, 2)
    except LockedError as error:
        _fail(error, 3)
    except (AggregatorError, OSError, sqlite3.Error) as error:
        _fail(error, 1)
    except RuntimeError as error:
        if not isinstance(error.__context__, KeyboardInterrupt):
            raise
        click.echo("\nAborted!", err=True)  # Ctrl-C came while a lock was taken or given back, which cannot bear it
        sys.exit(1)


def _open_standard_streams() -> None:
    """Let streams that our caller closed lead nowhere: the next file that is opened must not get their numbers."""
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:
            nowhere = open(os.devnull, "r+", encoding="utf-8")  # noqa: SIM115 - as long as the process
            os.set_inheritable(nowhere.fileno(), True)
            setattr(sys, name, nowhere)


def _fail(error: Exception, code: int) -> None:
    click.echo(str(error) if isinstance(error, ConfigError) else f"aggregator: {_words_of(error)}", err=True)
    sys.exit(code)


def _words_of(error: Exception) -> str:
    """Give what an error says, with what helps where the system or SQLite refused."""
    if isinstance(error, OSError):
        return worded(error)
    return with_advice(error) if isinstance(error, sqlite3.Error) else str(error)


def _folder(config: Config) -> str:
    """Give the seeds folder as seen from here, for messages that an editor can open."""
    return config.seeds if is_url(config.seeds) else os.path.relpath(config.seeds)


def _show(turn: Turn, folder: str) -> None:
    if sys.stdout.isatty():
        from rich.console import Console  # noqa: PLC0415 - 60 ms, only for terminals

        Console().print(report.feed_table(turn))
    else:
        for line in report.feed_lines(turn):
            _say(line)
    held = list(report.held_back(turn))
    if held:
        click.echo("held back:")
    for line in (*held, report.summary(turn)):
        _say(line)
    for line in report.trouble(turn, folder):
        _say(line, err=True)


def _say(line: str, *, err: bool = False) -> None:
    click.echo(report.on_one_line(line), err=err)


@contextmanager
def _progress(words: str, *, quiet: bool) -> Iterator[Callable[[int, int], object] | None]:
    """Show a bar on a terminal once there is much to do; it starts no thread, so that workers may be forked."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    bar: Any = None

    def tell(done: int, total: int) -> None:
        nonlocal bar
        if total < PROGRESS_FROM:
            return
        if bar is None:
            bar = click.progressbar(length=total, label=words, file=sys.stderr)
            bar.__enter__()
        bar.update(done - bar.pos)

    try:
        yield tell
    finally:
        if bar is not None:
            bar.__exit__(None, None, None)

"""The command line as people and scripts use it: real processes, their output and exit codes."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from support.command_line import CONFIG, GOOD, ROOT, run
from support.running_daemon import wait_until

from aggregator.cli import commands
from aggregator.service.control import Request, ask


def test_build_says_what_it_did_and_writes_the_feeds(folder: Path) -> None:
    """A build prints feeds and a summary, and the feeds are there."""
    result = run(folder, "build")
    assert "1 seed, 1 item, 2 feeds" in result.stdout
    assert json.loads((folder / "feeds/cities/feed.json").read_text())["items"][0]["title"] == "A tram to the harbour"


@pytest.mark.slow
def test_names_are_utf_8_in_any_locale(folder: Path) -> None:
    """Seeds have the names that they have on disk, even if the locale has another encoding, or none."""
    (folder / "seeds/Über 日本.md").write_text(GOOD.replace("/tram", "/japan").replace("Cities", "Städte 日本"))
    (folder / "seeds/kürzlich.md").write_text("---\ntitle: [a\n---\n")
    locale = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    built = run(folder, "build", "--jobs", "2", **locale)
    assert ("2 items" in built.stdout, "Städte 日本" in built.stdout) == (True, True)
    assert "seeds/kürzlich.md:2:8: " in built.stderr
    assert "in 2 feeds" in run(folder, "explain", "seeds/Über 日本.md", **locale).stdout


def test_build_json_is_one_json_document(folder: Path) -> None:
    """`build --json` prints nothing but the report."""
    turn = json.loads(run(folder, "build", "--json").stdout)
    assert (turn["items"], turn["added"], turn["held"]) == (1, 1, {})


def test_a_bad_seed_is_named_with_its_line_and_fails_only_strict_builds(folder: Path) -> None:
    """The message begins with a path relative to the current folder and a line; the exit code is 1 only with --strict."""
    (folder / "seeds/bad.md").write_text("---\ntitle: Foo: bar\n---\n")
    assert "seeds/bad.md:2:" in run(folder, "build").stderr
    assert "seeds/bad.md:2:" in run(folder, "build", "--strict", expect=1).stderr
    assert (folder / "feeds/cities/rss.xml").exists()


def test_check_lists_every_problem_and_changes_nothing(folder: Path) -> None:
    """`check` exits with 1 and prints file:line:col without writing a file; with --strict warnings count too."""
    assert "1 seed: 0 errors, 0 warnings" in run(folder, "check").stdout
    (folder / "seeds/bad.md").write_text("---\ntitel: x\n---\n")
    result = run(folder, "check", expect=1)
    assert "seeds/bad.md:2:1: " in result.stdout
    assert sorted(one.name for one in folder.iterdir()) == ["config", "seeds"]
    (folder / "seeds/bad.md").write_text(GOOD.replace("quality", "qualty").replace("/tram", "/other"))
    assert "did you mean `quality`?" in run(folder, "check").stdout
    run(folder, "check", "--strict", expect=1)


def test_check_warns_of_missing_files_that_the_config_names(folder: Path) -> None:
    """A missing folder of topics and a missing token file are warnings with file:line:col."""
    config = folder / "config/aggregator.yaml"
    config.write_text(CONFIG + "topics: {folder: topcis}\nserver: {token: ../token}\n")
    result = run(folder, "check").stdout
    assert (
        f"config/aggregator.yaml:3:18: warning: topics.folder: the folder {folder}/config/topcis is missing (make it, or"
        in result
    )
    assert (
        f"config/aggregator.yaml:4:17: warning: server.token: {folder}/token: holds no token (write at least 16"
        in result
    )
    assert "0 errors, 2 warnings" in result
    assert len(json.loads(run(folder, "check", "--strict", "--json", expect=1).stdout)) == 2
    (folder / "config/topcis").mkdir()
    (folder / "token").write_text("a token of at least sixteen characters")
    run(folder, "check", "--strict")


def test_a_config_that_cannot_be_used_ends_with_2_before_anything_is_touched(folder: Path) -> None:
    """Every problem of the config is reported at once, and no feed is written."""
    (folder / "config/aggregator.yaml").write_text("site: {titel: x}\nrules: {min_quality: high}\n")
    result = run(folder, "build", expect=2)
    assert "config/aggregator.yaml:1:" in result.stderr
    assert "config/aggregator.yaml:2:" in result.stderr
    assert not (folder / "feeds").exists()
    run(folder, "check", expect=1)
    found = json.loads(run(folder, "check", "--json", expect=1).stdout)
    assert [(Path(one["path"]).name, one["line"]) for one in found] == [("aggregator.yaml", 1)] * 2 + [
        ("aggregator.yaml", 2)
    ]


@pytest.mark.parametrize("words", [("build", "--nonsense"), ("nonsense",), ("build", "--jobs", "0"), ("schema", "x")])
def test_wrong_usage_ends_with_2(folder: Path, words: tuple[str, ...]) -> None:
    """Unknown commands, options and arguments are usage errors."""
    run(folder, *words, expect=2)


def test_folders_that_links_lead_into_each_other_are_refused(folder: Path) -> None:
    """If a symbolic link puts the seeds among the feeds, drafts would be served; this is an error of the config."""
    (folder / "feeds").mkdir()
    (folder / "seeds").rename(folder / "feeds/in")
    (folder / "seeds").symlink_to("feeds/in")
    message = run(folder, "build", expect=2).stderr
    assert f"seeds: {folder}/feeds/in lies inside `feeds` ({folder}/feeds) (use folders side by side)" in message
    assert os.listdir(folder / "feeds") == ["in"]


def test_the_message_of_a_missing_config_names_config_and_init(tmp_path: Path) -> None:
    """The message in a folder without a config names --config and `aggregator init`."""
    message = run(tmp_path, "build", expect=2).stderr
    assert "--config" in message
    assert "aggregator init" in message


@pytest.mark.parametrize("command", ["build", "status"])
def test_a_config_that_is_no_regular_file_is_refused(folder: Path, command: str) -> None:
    """A device as config or topic file, or a pipe as topic file, is an error and not read."""
    message = run(folder, command, "--config", "/dev/zero", expect=2).stderr
    assert message.startswith("/dev/zero: cannot be read: it is not a regular file (")
    (folder / "config/topics").mkdir()
    (folder / "config/topics/all.yaml").symlink_to("/dev/zero")
    os.mkfifo(folder / "config/topics/pipe.yaml")
    message = run(folder, command, expect=2).stderr
    assert message == f"{folder}/config/topics/all.yaml: cannot be read: it is not a regular file\n"
    (folder / "config/topics/all.yaml").unlink()
    message = run(folder, command, expect=2).stderr
    assert message == f"{folder}/config/topics/pipe.yaml: cannot be read: it is not a regular file\n"


@pytest.mark.parametrize(("text", "code"), [(CONFIG, 0), (CONFIG + "#" * 2**21, 1)])
def test_a_config_may_come_through_a_pipe(folder: Path, text: str, code: int) -> None:
    """`check --config <(…)` reads the config once, up to the limit of its size."""
    os.mkfifo(folder / "config/pipe")

    def write() -> None:
        with suppress(BrokenPipeError):
            (folder / "config/pipe").write_text(text)

    writer = threading.Thread(target=write)
    writer.start()
    message = run(folder, "check", "--config", "config/pipe", expect=code).stdout
    writer.join(60)
    assert ("1 seed: 0 errors" if code == 0 else "is longer than 1,048,576 bytes") in message


def test_a_missing_seeds_folder_is_an_error_that_names_it(folder: Path) -> None:
    """Without the seeds folder a first build writes nothing."""
    (folder / "seeds/tram.md").unlink()
    (folder / "seeds").rmdir()
    assert "seeds" in run(folder, "build", expect=2).stderr
    assert not (folder / "feeds").exists()


def test_explain_takes_a_path_a_link_or_an_id(folder: Path) -> None:
    """The first line is the answer for a path, a link and an id, before and after a build."""
    assert "from the next build on" in run(folder, "explain", "seeds/tram.md").stdout
    run(folder, "build")
    for target in ("seeds/tram.md", "tram.md", "https://news.example.org/tram", "HTTPS://NEWS.example.org/tram/"):
        assert run(folder, "explain", target).stdout.splitlines()[0] == "tram.md: in 2 feeds: all, cities"
    assert "no seed has this path, link or id" in run(folder, "explain", "https://nowhere.example/", expect=1).stderr


def test_explain_says_why_it_finds_nothing(folder: Path) -> None:
    """A misspelt file is answered with what it may be, and one outside the seeds folder with where seeds lie."""
    (folder / "notes.md").write_text(GOOD)
    said = run(folder, "explain", "seeds/trma.md", expect=1).stderr
    assert said == "aggregator: seeds/trma.md: no seed has this path, link or id (did you mean `seeds/tram.md`?)\n"
    assert "did you mean `tram.md`?" in run(folder, "explain", "trams.md", expect=1).stderr
    (folder / "seeds/2026-05-01-pier.md").write_text(GOOD)
    said = run(folder, "explain", "seeds/pir.md", expect=1).stderr
    assert "did you mean `seeds/2026-05-01-pier.md`?" in said
    assert "did you mean" not in run(folder, "explain", "elsewhere/trma.md", expect=1).stderr
    said = run(folder, "explain", "notes.md", expect=1).stderr
    assert said == "aggregator: notes.md: it lies in none of the folders of `seeds` (seeds)\n"


@pytest.mark.parametrize("built", [False, True])
def test_explain_takes_names_that_are_not_utf_8(folder: Path, *, built: bool) -> None:
    """An existing file is in no feed because of its name, a missing one is unknown, before and after a build."""
    (folder / os.fsdecode(b"seeds/caf\xe9.md")).write_text(GOOD.replace("/tram", "/cafe"))
    if built:
        run(folder, "build")
    answer = run(folder, "explain", os.fsdecode(b"seeds/caf\xe9.md")).stdout.splitlines()[0]
    assert answer == r"caf\xe9.md: in no feed: its name is not UTF-8 (rule: readable)"
    answer = run(folder, "explain", os.fsdecode(b"nofile\xe9"), expect=1).stderr
    assert r"nofile\xe9: no seed has this path, link or id" in answer


@pytest.mark.parametrize(
    ("change", "answer"),
    [
        (("quality: 80", "quality: 8"), "in no feed: quality 8 is below min_quality 70 (rule: quality)"),
        (("quality: 80", "published: false"), "in no feed: published: false (rule: state)"),
        (("quality: 80", "removed: true"), "in no feed: removed: true (rule: state)"),
        (("2026-05-01", "2199-05-01"), "in no feed yet: it appears at 2199-05-01T08:00:00Z, in "),
        (("quality: 80", "expires: 2026-06-01"), "in no feed any more: its time ended at 2026-06-01T00:00:00Z"),
        (("quality: 80", "expires: 2026-04-01"), "in no feed: it expires before it appears (rule: window)"),
        (("title: A", "title: [A"), "in no feed: "),
    ],
)
def test_explain_names_the_rule_that_holds_an_item_back(folder: Path, change: tuple[str, str], answer: str) -> None:
    """The first line names the rule that holds the item back, or the time."""
    (folder / "seeds/tram.md").write_text(GOOD.replace(*change))
    run(folder, "build")
    assert answer in run(folder, "explain", "seeds/tram.md").stdout.splitlines()[0]


def test_explain_knows_changes_duplicates_and_limits(folder: Path) -> None:
    """A changed file, a duplicate and an item beyond the feed's limit have different explanations."""
    (folder / "config/aggregator.yaml").write_text(CONFIG + "feed: {limit: 1}\n")
    (folder / "seeds/newer.md").write_text(GOOD.replace("/tram", "/newer").replace("2026-05-01", "2026-05-02"))
    (folder / "seeds/twin.md").write_text(GOOD.replace("2026-05-01", "2026-04-01"))
    run(folder, "build")
    assert "tram.md is shown instead" in run(folder, "explain", "seeds/twin.md").stdout
    assert "not in cities: 1 newer item comes before it" in run(folder, "explain", "seeds/tram.md").stdout
    (folder / "seeds/tram.md").write_text(GOOD.replace("A tram", "Two trams"))
    assert "the file has changed since the last build" in run(folder, "explain", "seeds/tram.md").stdout


def test_status_shows_feeds_problems_and_turns(folder: Path) -> None:
    """`status` prints the state of the site, also as JSON; before the first build it says what to do."""
    assert "run `aggregator build`" in run(folder, "status", expect=1).stderr
    (folder / "seeds/later.md").write_text(GOOD.replace("/tram", "/later").replace("2026-05-01", "2199-05-01"))
    run(folder, "build")
    text = run(folder, "status").stdout
    assert "2 seeds, 1 item, 2 feeds" in text
    assert "1 item   all" in text
    assert "1 seed   is not published yet (rule: embargo)" in text
    assert "next due: 2199-05-01T08:00:00Z" in text
    assert json.loads(run(folder, "status", "--json").stdout)["feeds"] == {"all": 1, "cities": 1}


def test_status_shows_the_site_if_the_daemon_does_not_answer(folder: Path) -> None:
    """If the daemon dies while it is asked, `status` prints what the index knows, then the error."""
    run(folder, "build")
    with socket.socket(socket.AF_UNIX) as rude:
        rude.bind(str(folder / ".aggregator/control.sock"))
        rude.listen()

        def hang_up() -> None:
            rude.accept()[0].close()

        threading.Thread(target=hang_up).start()
        result = run(folder, "status", expect=1)
    assert "1 seed, 1 item, 2 feeds" in result.stdout
    assert ".aggregator: the daemon " in result.stderr


def test_new_writes_a_seed_that_check_accepts(folder: Path) -> None:
    """A seed with a link is valid, whatever its title contains; without a link it is a draft; no file is overwritten."""
    title = 'Quotes " and: colons, # and Ünïcode'
    path = run(folder, "new", title, "--link", "https://x.example/", "--topic", "Cities").stdout.strip()
    assert Path(path).is_file()
    run(folder, "check", "--strict")
    run(folder, "new", title, expect=1)
    run(folder, "new", "A draft")
    run(folder, "build")
    assert json.loads((folder / "feeds/all/feed.json").read_text())["items"][0]["title"] == title
    assert "published: false" in run(folder, "status", "--json").stdout or "state" in run(folder, "status").stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("",), "title: is blank (write the item's title)"),
        (("A tram", "--link", "notaurl"), "webUrl: has no scheme (write the full address, starting with https://)"),
        (("A tram", "--link", " "), "webUrl: is empty (write the full address, starting with https://)"),
        (("A tram", "--topic", "Cities", "--topic", " "), "a topic is empty (write its name, or leave it out)"),
        (("Caf\udce9",), "Error: the title, link or topic is not UTF-8 (use a UTF-8 terminal)"),
    ],
)
def test_new_writes_nothing_that_check_would_refuse(folder: Path, words: tuple[str, ...], message: str) -> None:
    """A title or link that is not valid is rejected, with what to write instead."""
    assert message in run(folder, "new", *words, expect=2).stderr
    assert [one.name for one in (folder / "seeds").iterdir()] == ["tram.md"]


def test_without_pages_of_items_a_new_seed_needs_a_link(folder: Path) -> None:
    """A draft without one would be an error, and could never be shown; a folder may make links from paths."""
    (folder / "config/aggregator.yaml").write_text(CONFIG + "pages: {items: none}\n")
    assert "`pages.items` is `none` (write `--link URL`)" in run(folder, "new", "A tram", expect=2).stderr
    assert [one.name for one in (folder / "seeds").iterdir()] == ["tram.md"]
    run(folder, "new", "A tram", "--link", "https://x.example/")
    seeds = "seeds: {folder: ../seeds, link: '/{path}/', base: 'https://x.example/'}\n"
    (folder / "config/aggregator.yaml").write_text(f"{CONFIG}pages: {{items: none}}\n{seeds}")
    run(folder, "new", "A second tram")
    run(folder, "check", "--strict")


def test_a_draft_without_a_link_becomes_an_item_with_a_page(folder: Path) -> None:
    """A draft from `new` has no problem; without `published: false` it is shown, and its page is its link."""
    draft = folder / run(folder, "new", "A draft").stdout.strip()
    run(folder, "check", "--strict")
    run(folder, "build")
    assert not (folder / "feeds/items").exists()
    lines = draft.read_text().splitlines(keepends=True)
    draft.write_text("".join(line for line in lines if not line.startswith("published:")))
    run(folder, "check", "--strict")
    run(folder, "build")
    (page,) = (folder / "feeds/items").glob("*/*/index.html")
    items = json.loads((folder / "feeds/all/feed.json").read_text())["items"]
    assert [one["url"].split("/items/")[1] for one in items if one["title"] == "A draft"] == [
        f"{page.parent.relative_to(folder / 'feeds/items')}/"
    ]


def test_init_makes_a_site_that_builds(tmp_path: Path) -> None:
    """A new site with an address passes `check` and `build`, and a second `init` changes nothing."""
    run(tmp_path, "init", "site", "--url", "https://feeds.tram.test/")
    run(tmp_path / "site", "check", "--strict")
    run(tmp_path / "site", "build")
    assert (tmp_path / "site/feeds/getting-started/rss.xml").exists()
    run(tmp_path, "init", "site", expect=1)


def test_the_command_that_init_prints_can_be_run(tmp_path: Path) -> None:
    """The printed command works on the site in its folder, even if the folder's name contains spaces."""
    message = run(tmp_path, "init", "my new site").stdout
    answer = (
        message.splitlines()[-1]
        .rpartition("then: ")[2]
        .replace("aggregator run", f"'{sys.executable}' -m aggregator build")
    )
    subprocess.run(
        answer, shell=True, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True, timeout=60
    )
    assert (tmp_path / "my new site/feeds/all/rss.xml").exists()


@pytest.mark.parametrize("kind", ["seed", "config", "topic", "sources"])
def test_schema_is_a_json_schema_that_our_own_samples_satisfy(kind: str, folder: Path) -> None:
    """The printed schemas are valid, accept the sample site and reject wrong values."""
    jsonschema = pytest.importorskip("jsonschema")
    yaml = pytest.importorskip("yaml")
    schema = json.loads(run(folder, "schema", kind).stdout)
    assert json.loads(run(folder, "schema", "--config", "nowhere.yaml", kind).stdout) == schema
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    samples = {
        "seed": [one.read_text("utf-8-sig").split("---\n")[1] for one in (ROOT / "seeds/videos").glob("*.md")],
        "config": [(ROOT / "config/aggregator.yaml").read_text()],
        "topic": [one.read_text() for one in (ROOT / "config/topics").glob("*.yaml")],
        "sources": (ROOT / "tests/cases/config/sources.yaml").read_text().split("#= ")[1:],
    }[kind]
    assert samples
    for sample in samples:
        text = sample.partition("\n")[2] if kind == "sources" else sample  # the first line names the file
        assert not list(validator.iter_errors(yaml.load(text, Loader=_Loader)))
    wrong = {
        "seed": {"title": ["x"]}, "config": {"site": {}, "x": 1}, "topic": {"name": 3}, "sources": [{"urll": "x"}],
    }[kind]  # fmt: skip
    assert list(validator.iter_errors(wrong))


def test_a_locked_state_folder_ends_with_3_and_names_the_process(folder: Path) -> None:
    """While another process holds the lock, a build fails and names its process id."""
    import fcntl

    run(folder, "build")
    with (folder / ".aggregator/lock").open("r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write("4242\n")
        lock.flush()
        assert "process 4242" in run(folder, "build", expect=3).stderr


@pytest.mark.slow
def test_a_terminal_gets_a_table_and_a_progress_bar(folder: Path) -> None:
    """On a terminal a build of many seeds shows a progress bar, and the feeds as a table."""
    import pty

    for number in range(600):
        (folder / f"seeds/{number}.md").write_text(GOOD.replace("/tram", f"/{number}"))
    main, other = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "aggregator", "build"], cwd=folder, stdout=other, stderr=other,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm", "COLUMNS": "100"},
    )  # fmt: skip
    os.close(other)
    shown = b""
    while True:
        try:
            piece = os.read(main, 65536)
        except OSError:
            break
        if not piece:
            break
        shown += piece
    os.close(main)
    assert process.wait() == 0
    assert b"reading seeds" in shown
    assert b"100%" in shown
    assert b"601 seeds" in shown


@pytest.mark.slow
def test_a_closed_standard_output_is_no_traceback(folder: Path) -> None:
    """`aggregator build | head -0` ends quietly, and the feeds are written."""
    reader, writer = os.pipe()
    os.close(reader)
    process = subprocess.run(
        [sys.executable, "-m", "aggregator", "build"], cwd=folder, stdout=writer, stderr=subprocess.PIPE, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=60,
    )  # fmt: skip
    os.close(writer)
    assert b"Traceback" not in process.stderr
    assert (folder / "feeds/all/rss.xml").exists()


@pytest.mark.parametrize(
    "closed", [pytest.param(one, marks=pytest.mark.slow) for one in ("<&-", ">&-", "2>&-")] + ["<&- >&- 2>&-"]
)
def test_closed_standard_streams_lead_nowhere(folder: Path, closed: str) -> None:
    """A build and a daemon whose caller closed their streams work as ever, and open no feed in their place."""
    with started(folder, "build", closed) as build:
        errors = build.communicate(timeout=120)[1]
    assert (build.returncode, "Traceback" in errors) == (0, False)
    with started(folder, "run --no-serve", closed) as daemon:
        wait_until(lambda: daemon.poll() is not None or has_taken_a_turn(folder), 60)
        daemon.terminate()
        errors = daemon.communicate(timeout=120)[1]
    assert (daemon.returncode, "Traceback" in errors) == (0, False)
    assert (folder / "feeds/all/rss.xml").exists()


@contextmanager
def started(folder: Path, words: str, closed: str) -> Iterator[subprocess.Popen[str]]:
    """Start a command with streams that the shell has closed; it is killed at the end if it still runs."""
    with subprocess.Popen(
        ["sh", "-c", f"exec '{sys.executable}' -m aggregator {words} {closed}"], cwd=folder, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        try:
            yield process
        finally:
            process.kill()


def has_taken_a_turn(folder: Path) -> bool:
    """Return whether the daemon has taken a turn, and so has its signal handlers: before that, SIGTERM just kills it."""
    status = ask(str(folder / ".aggregator"), Request(do="status"), timeout=10)
    return status is not None and status["turns"] > 0


def test_control_characters_in_file_names_are_escaped(folder: Path) -> None:
    """Control and direction characters in names are escaped, so that each message is one line."""
    name = "red\x1b[31m\nand \u202eback.md"
    (folder / "seeds" / name).write_text("---\n")
    shown = r"red\x1b[31m\nand \u202eback.md:1:1: the closing --- is missing (end the front matter with a line ---)"
    assert run(folder, "check", expect=1).stdout.splitlines()[0] == f"seeds/{shown}"
    (folder / "config/aggregator.yaml").write_text(CONFIG)
    assert run(folder, "build").stderr.splitlines() == [f"seeds/{shown}"]
    assert f"seeds/{shown}" in run(folder, "status").stdout.splitlines()
    assert run(folder, "explain", f"seeds/{name}").stdout.startswith(shown.partition(":")[0] + ": in no feed")


def test_every_command_is_in_the_reference_and_has_help(folder: Path) -> None:
    """The reference has a section for every command, and every command has a help text."""
    reference = (ROOT / "docs/reference/commands.md").read_text()
    for name, command in commands.cli.commands.items():
        assert f"## aggregator {name}\n" in reference
        assert command.help
        assert run(folder, name, "--help").stdout.startswith("Usage:")
    assert "..." not in run(folder, "--help").stdout.partition("Commands:")[2]  # no summary is truncated


def _loader():
    import yaml

    class Loader(yaml.SafeLoader):
        """YAML as editors read it: dates are text."""

    Loader.yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    return Loader


_Loader = _loader()


def test_build_prints_the_time_of_each_stage(folder: Path) -> None:
    """`--profile` prints a line for each stage; the JSON report always has the stages."""
    shown = run(folder, "build", "--profile").stdout
    assert "scanning the seeds folder" in shown
    assert "scanning the seeds folder" not in run(folder, "build", "--fresh").stdout
    assert json.loads(run(folder, "build", "--json").stdout)["stages"]["scan"] > 0


def test_ctrl_c_while_a_lock_is_held_is_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A lock then raises RuntimeError, which is reported as Ctrl-C; any other RuntimeError is a bug."""

    def interrupted(**_: object) -> None:
        try:
            raise KeyboardInterrupt
        finally:
            threading.Lock().release()

    def broken(**_: object) -> None:
        threading.Lock().release()

    monkeypatch.setattr(commands, "cli", interrupted)
    with pytest.raises(SystemExit, match="1"):
        commands.main()
    assert capsys.readouterr().err == "\nAborted!\n"
    monkeypatch.setattr(commands, "cli", broken)
    with pytest.raises(RuntimeError, match="lock"):
        commands.main()


def test_tables_of_dialects_are_printed(folder) -> None:
    """`schema dialect` prints a dialect's table, or all of them, and names those that there are."""
    one = json.loads(run(folder, "schema", "dialect", "hugo").stdout)
    every = json.loads(run(folder, "schema", "dialect").stdout)
    unknown = run(folder, "schema", "dialect", "hugoo", expect=2)

    assert one == every["hugo"]
    assert one["published"][0] == "publishdate"
    assert "did you mean `hugo`?" in unknown.stderr
    assert "takes no NAME" in run(folder, "schema", "seed", "hugo", expect=2).stderr

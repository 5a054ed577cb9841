"""The daemon and its server process: whatever happens to either, feeds are served, and what is wrong is named."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from http.client import RemoteDisconnected
from pathlib import Path
from typing import Any

import pytest
from support.http_client import LONG, Listener, ask, connect, place
from support.running_daemon import ROOT, SLACK, Running, children_of, free_port, wait_until

from aggregator.service.server_process import ADDRESS_RETRY, ServerProcess

TOKEN = "a secret of enough characters"


@pytest.fixture
def serving(running: Running) -> Running:
    """Give a daemon that serves a site with one item."""
    running.site.write("a.md")
    return running.start(serve=True)


def server_of(running: Running) -> int:
    """Give the process id of the daemon's server."""
    (found,) = children_of(running.process.pid)
    return found


def has_ended(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def reload(running: Running, **server: Any) -> None:
    """Change the config's `server` and have it taken."""
    running.site.settings["server"] = {**running.site.settings["server"], **server}
    running.site.config()
    running.signal(signal.SIGHUP)


def is_served(address: str) -> bool:
    with suppress(OSError):
        return ask(address, "/all/rss.xml").status == 200
    return False


def is_refused(address: str) -> bool:
    try:
        connect(address).close()
    except ConnectionRefusedError:
        return True
    return False


@contextmanager
def hammered(address: str) -> Iterator[list[str]]:
    """Ask for the feed on new connections all the time; gives the list of what went wrong.

    As every client does (RFC 9110 §9.2.2), ask once more where the connection is closed without a word: a server that
    ends may have accepted what it can no longer answer.
    """
    done, faults, asked = threading.Event(), [], [0]

    def hammer() -> None:
        while not done.is_set():
            try:
                try:
                    status = ask(address, "/all/rss.xml").status
                except RemoteDisconnected:
                    status = ask(address, "/all/rss.xml").status
                asked[0] += 1
                if status != 200:
                    faults.append(f"status {status}")
            except OSError as error:
                faults.append(repr(error))

    clients = [threading.Thread(target=hammer) for _ in range(4)]
    for client in clients:
        client.start()
    try:
        wait_until(lambda: asked[0] > 20, LONG)
        yield faults
        before = asked[0]
        wait_until(lambda: asked[0] > before + 20, LONG)
    finally:
        done.set()
        for client in clients:
            client.join(LONG)


# -- a day without trouble


def test_the_daemon_serves_what_it_publishes(serving: Running) -> None:
    """A change is served as soon as it is published; status and log name the address."""
    assert serving.address == f"http://127.0.0.1:{serving.site.settings['server']['port']}/"
    assert [line["address"] for line in serving.lines("serving")] == [serving.address]
    serving.site.write("b.md", title="A second item")
    wait_until(lambda: b"A second item" in ask(serving.address, "/all/rss.xml").body)


def test_a_daemon_that_is_not_to_serve_starts_no_server(running: Running) -> None:
    """`server: {enabled: false}`: no process, no address."""
    running.site.settings["server"] = {"enabled": False, "port": free_port()}
    running.start(serve=True)
    assert (running.address, running.children()) == ("", [])


def test_it_stops_in_time_whoever_is_connected(serving: Running) -> None:
    """G14: open event streams, half a request, unread answers and idle connections hold nothing up."""
    address, pid = serving.address, server_of(serving)
    with ExitStack() as stack:
        for data in (b"", b"GET /all/rss.xml HTTP/1.1\r\nX: ", b"GET /all/rss.xml HTTP/1.1\r\nHost: x\r\n\r\n" * 500):
            for _ in range(20):
                connection = stack.enter_context(connect(address, receive=4_096))
                connection.sendall(data)
        for _ in range(20):
            listener = Listener(address)
            stack.callback(listener.close)
            assert listener.status == 200
        began = time.monotonic()
        assert serving.stop() == 0
        assert time.monotonic() - began < 5 + SLACK
    assert has_ended(pid)
    wait_until(lambda: is_refused(address), LONG)  # its last threads may outlive it by a moment


# -- ports


def test_a_port_that_is_taken_at_the_start(running: Running) -> None:
    """Exit code 2 and what to do, before any feed is touched."""
    running.site.write("a.md")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        running.site.settings["server"] = {"port": taken.getsockname()[1]}
        running.start(wait=False, serve=True)
        assert running.process.wait(LONG) == 2
    words = running.log_file.read_text()
    assert f"127.0.0.1:{running.site.settings['server']['port']}: " in words
    assert "stop what listens there, or set another `server.port`" in words
    assert running.site.slugs() == set()


def test_a_port_that_is_taken_at_a_reload(serving: Running) -> None:
    """It is named, the old address goes on, even where its server dies; the new one is taken once it is free."""
    old = serving.address
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        reload(serving, port=port)
        wait_until(lambda: f"127.0.0.1:{port}" in serving.status()["problems"].get("server", ""), LONG)
        assert ask(old, "/healthz").status == 503
        assert is_served(old)
        os.kill(server_of(serving), signal.SIGKILL)
        assert is_served(old)
        assert serving.address == old
    new = f"http://127.0.0.1:{port}/"
    wait_until(lambda: is_served(new), LONG)
    wait_until(lambda: "server" not in serving.status()["problems"], LONG)
    assert serving.address == new
    wait_until(lambda: is_refused(old), LONG)


def test_another_host_with_the_same_port(serving: Running) -> None:
    """The new address overlaps the old one: ours makes way for it."""
    port = place(serving.address)[1]
    reload(serving, host="localhost")
    wait_until(lambda: len(serving.lines("config reloaded")) == 1, LONG)
    wait_until(lambda: is_served(f"http://127.0.0.1:{port}/"), LONG)
    assert "server" not in serving.status()["problems"]
    assert serving.lines("not served") == []


def test_a_host_that_is_not_ours(serving: Running) -> None:
    """A mistyped host is named with advice, and the old address goes on though the port is the same."""
    old = serving.address
    reload(serving, host="192.0.2.1")
    wait_until(lambda: "correct `server.host`" in serving.status()["problems"].get("server", ""), LONG)
    wait_until(lambda: is_served(old), LONG)
    reload(serving, host="127.0.0.1")
    wait_until(lambda: "server" not in serving.status()["problems"], LONG)
    assert is_served(old)


def test_a_host_that_is_not_ours_costs_nobody_an_answer(serving: Running) -> None:
    """However often it is tried again: the server that is well is the same all the time, and so are its connections."""
    pid, listener = server_of(serving), Listener(serving.address)
    reload(serving, host="192.0.2.1")
    wait_until(lambda: "correct `server.host`" in serving.status()["problems"].get("server", ""), LONG)
    time.sleep(2.5 * ADDRESS_RETRY)
    assert server_of(serving) == pid
    serving.site.write("b.md")
    assert "all" in listener.next()
    listener.close()


def test_an_overlapping_address_that_another_has_too_is_tried_at_a_reload_alone(serving: Running) -> None:
    """Whether it is free can be seen only without our server, so it is not ended every two seconds for that."""
    old, port = serving.address, place(serving.address)[1]
    with socket.socket() as taken:
        taken.bind(("127.0.0.2", port))
        taken.listen()
        reload(serving, host="0.0.0.0")
        wait_until(lambda: "then reload" in serving.status()["problems"].get("server", ""), LONG)
        wait_until(lambda: is_served(old) and len(serving.children()) == 1, LONG)
        pid = server_of(serving)
        time.sleep(2.5 * ADDRESS_RETRY)
        assert (server_of(serving), len(serving.lines("not served"))) == (pid, 1)
    reload(serving)
    wait_until(lambda: is_served(f"http://127.0.0.2:{port}/"), LONG)
    wait_until(lambda: "server" not in serving.status()["problems"], LONG)


# -- reloads


def test_a_reload_refuses_nobody(serving: Running) -> None:
    """Where the address stays every new connection is answered, over several changes of what is served."""
    with hammered(serving.address) as faults:
        for number in range(4):
            before = server_of(serving)
            reload(serving, connections=1_000 + number)
            wait_until(lambda before=before: before not in serving.children() and len(serving.children()) == 1, LONG)
    assert faults == []
    assert serving.status()["problems"] == {}


def test_a_token_is_taken_and_taken_back(serving: Running) -> None:
    """The trigger is there with a token, only with the new one after it changed, and gone without."""
    secret = serving.site.root / "token"
    secret.write_text(TOKEN)

    def trigger(token: str = TOKEN) -> int:
        try:
            return ask(serving.address, "/-/trigger", "POST", authorization=f"Bearer {token}").status
        except RemoteDisconnected:  # a server that is just leaving may owe an answer that takes longer than a feed
            return 0

    assert trigger() == 404
    reload(serving, token="../token")
    wait_until(lambda: trigger() == 200, LONG)
    secret.write_text(TOKEN[::-1])
    assert (trigger(), trigger(TOKEN[::-1])) == (401, 200)
    reload(serving, token="")
    wait_until(lambda: trigger() == 404, LONG)


def test_another_port_is_taken(serving: Running) -> None:
    """The feeds move, and nobody listens at the old port."""
    old, port = serving.address, free_port()
    reload(serving, port=port)
    wait_until(lambda: is_served(f"http://127.0.0.1:{port}/"), LONG)
    wait_until(lambda: is_refused(old), LONG)


def test_serving_can_be_switched_off_and_on(serving: Running) -> None:
    """Without a restart of the daemon."""
    address = serving.address
    reload(serving, enabled=False)
    wait_until(lambda: is_refused(address) and serving.children() == [], LONG)
    assert (serving.address, serving.status()["problems"]) == ("", {})
    reload(serving, enabled=True)
    wait_until(lambda: is_served(address), LONG)


# -- deaths


def test_a_server_that_is_killed_is_started_again(serving: Running) -> None:
    """Who connects meanwhile is served, not refused; it is named while it lasts and well after."""
    address, pid = serving.address, server_of(serving)
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: has_ended(pid), LONG)
    assert ask(address, "/all/rss.xml").status == 200
    assert "died or stopped responding" in serving.lines("not served")[0]["reason"]
    assert server_of(serving) != pid
    wait_until(lambda: serving.status()["problems"] == {}, LONG)
    assert ask(address, "/healthz").status == 200


def test_a_dead_server_is_named_in_the_status(serving: Running) -> None:
    """G11: from within a tick of its death until it lives again."""
    os.kill(server_of(serving), signal.SIGKILL)
    wait_until(lambda: "server" in serving.status()["problems"])
    wait_until(lambda: "server" not in serving.status()["problems"], LONG)


def test_turns_go_on_without_a_server(serving: Running) -> None:
    """Its death harms no feed, and the new one serves what came meanwhile."""
    os.kill(server_of(serving), signal.SIGKILL)
    serving.site.write("b.md", title="Written meanwhile")
    serving.has("Written meanwhile")
    wait_until(lambda: b"Written meanwhile" in ask(serving.address, "/all/rss.xml").body, LONG)


@pytest.fixture
def held(site) -> Iterator[Callable[..., ServerProcess]]:
    """Give a maker of server processes that are held by the test itself."""
    made: list[ServerProcess] = []

    def make(**options: Any) -> ServerProcess:
        site.write("a.md")
        site.settings["server"] = {"port": free_port()}
        site.build()
        made.append(ServerProcess(**options))
        made[-1].serve(site.config())
        return made[-1]

    yield make
    for one in made:
        one.stop()


def test_a_server_that_hangs_is_replaced(held: Callable[..., ServerProcess]) -> None:
    """Stopped by a signal it gives no sign of life: it is ended, another takes its place on the same socket."""
    server = held(silence=3)
    wait_until(lambda: is_served(server.address), LONG)
    pid = server.pid
    assert pid
    os.kill(pid, signal.SIGSTOP)
    said = set()
    wait_until(lambda: said.add(server.check()) or (server.pid not in {None, pid} and has_ended(pid)), LONG)
    assert any("stopped responding" in words for words in said)
    assert is_served(server.address)
    assert server.check() == ""


def test_many_slugs_are_told_whole(held: Callable[..., ServerProcess]) -> None:
    """A turn that changes thousands of feeds right after the start is told in lines that arrive unharmed."""
    server = held()
    slugs = [f"{number:04}-{'x' * 59}" for number in range(1_000)]
    server.notify_changed(slugs)
    listener = Listener(server.address)
    wait_until(lambda: server.check() == "", LONG)
    server.notify_changed(slugs)
    told = listener.next()
    listener.close()
    assert told == slugs


def test_the_server_ends_with_a_daemon_that_is_killed(serving: Running) -> None:
    """Nobody is left behind who serves what nobody keeps true, and the port is free for the next start."""
    address, pid = serving.address, server_of(serving)
    serving.process.kill()
    serving.process.wait(LONG)
    wait_until(lambda: has_ended(pid), LONG)
    wait_until(lambda: is_refused(address), LONG)  # its last threads may outlive it by a moment
    serving.start(serve=True)
    assert is_served(address)


def test_a_start_right_after_a_kill_waits_for_the_port(serving: Running) -> None:
    """A client that is stuck in a download keeps the killed daemon's server, and so the port, for a second or two."""
    request = b"GET /all/rss.xml HTTP/1.1\r\nHost: x\r\n\r\n"
    serving.site.write("long.md", "Some words. " * 4_000, title="Long")
    serving.has("Long")
    with connect(serving.address, receive=4_096) as stuck:
        stuck.sendall(request * 500)
        time.sleep(0.5)
        pid = server_of(serving)
        serving.process.kill()
        serving.process.wait(LONG)
        assert not has_ended(pid)
        serving.start(serve=True)
    assert is_served(serving.address)
    assert serving.status()["problems"] == {}


def test_modules_in_the_folder_of_the_site_are_not_run(running: Running) -> None:
    """A site may hold files with any name; the server imports what the daemon imported."""
    running.site.write("a.md")
    (running.site.root / "msgspec.py").write_text("raise SystemExit('not this one')")
    (running.site.root / "aggregator").mkdir()
    running.site.settings["server"] = {"port": free_port()}
    running.site.config()
    words = [sys.executable, "-P", "-m", "aggregator", "run", "--config", "config/feeds.yaml", "--log-format", "json"]
    with running.log_file.open("ab") as log:
        running.process = subprocess.Popen(
            words, cwd=running.site.root, stderr=log, env={**os.environ, "PYTHONPATH": str(ROOT)}
        )
    wait_until(running.is_ready, LONG)
    wait_until(lambda: is_served(running.address), LONG)
    assert running.status()["problems"] == {}
    assert running.stop() == 0

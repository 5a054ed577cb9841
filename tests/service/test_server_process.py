"""The daemon and its server process: whatever happens to either, feeds are served and problems reported."""

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
from support.http_client import TIMEOUT, EventStream, connect, fetch, host_and_port, is_silent
from support.running_daemon import ROOT, TOLERANCE, DaemonProcess, children_of, free_port, time_limit, wait_until
from support.site_folder import SiteFolder

from aggregator.service.server_process import ADDRESS_RETRY, ServerProcess

TOKEN = "a secret of enough characters"


@pytest.fixture
def serving(running: DaemonProcess) -> DaemonProcess:
    """Return a daemon that serves a site with one item."""
    running.site.write("a.md")
    return running.start(serve=True)


def server_of(running: DaemonProcess) -> int:
    """Return the process id of the daemon's server."""
    (found,) = children_of(running.process.pid)
    return found


def has_ended(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def is_at_rest(pid: int) -> bool:
    """Return whether all threads of a process sleep, at several looks: one that only waits for a processor does not."""
    for _ in range(5):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            with suppress(OSError):  # it has just ended
                if (thread / "stat").read_text().rpartition(")")[2].split()[0] != "S":
                    return False
        time.sleep(0.01)
    return True


def reload(running: DaemonProcess, **server: Any) -> None:
    """Change `server` in the config and reload."""
    running.site.settings["server"] = {**running.site.settings["server"], **server}
    running.site.config()
    running.signal(signal.SIGHUP)


def is_served(address: str) -> bool:
    with suppress(OSError):
        return fetch(address, "/all/rss.xml").status == 200
    return False


def is_refused(address: str) -> bool:
    try:
        connect(address).close()
    except ConnectionRefusedError:
        return True
    return False


@contextmanager
def hammered(address: str) -> Iterator[list[str]]:
    """Request the feed on new connections all the time; yield the list of errors.

    As every client does (RFC 9110 §9.2.2), ask once more where the connection is closed without a word: a server that
    ends may have accepted what it can no longer answer.
    """
    done, faults, asked = threading.Event(), [], [0]

    def hammer() -> None:
        while not done.is_set():
            try:
                try:
                    status = fetch(address, "/all/rss.xml").status
                except RemoteDisconnected:
                    status = fetch(address, "/all/rss.xml").status
                asked[0] += 1
                if status != 200:
                    faults.append(f"status {status}")
            except OSError as error:
                faults.append(repr(error))

    clients = [threading.Thread(target=hammer) for _ in range(4)]
    for client in clients:
        client.start()
    try:
        wait_until(lambda: asked[0] > 20, TIMEOUT)
        yield faults
        before = asked[0]
        wait_until(lambda: asked[0] > before + 20, TIMEOUT)
    finally:
        done.set()
        for client in clients:
            client.join(TIMEOUT)


# -- a server that is stopped


@pytest.mark.slow
def test_a_stopped_server_does_not_keep_the_port_of_a_daemon_that_was_killed(serving: DaemonProcess) -> None:
    """The system continues it when the daemon dies, so that it ends; the next daemon serves at the same address."""
    address, pid = serving.address, server_of(serving)
    wait_until(lambda: is_served(address), TIMEOUT)
    os.kill(pid, signal.SIGSTOP)
    try:
        serving.process.kill()
        serving.process.wait(5)
        wait_until(lambda: has_ended(pid), TIMEOUT, what="it is stopped and keeps the port")
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    serving.start(serve=True)
    wait_until(lambda: is_served(address), TIMEOUT)


@pytest.mark.slow
def test_a_stopped_server_is_replaced_at_the_same_address(site: SiteFolder) -> None:
    """The daemon kills it and starts another, which listens on the same socket."""
    site.write("a.md")
    site.build()
    site.settings["server"] = {"port": free_port()}
    server = ServerProcess(silence=3.0)
    server.serve(site.config())
    try:
        wait_until(lambda: is_served(server.address), TIMEOUT)
        first = server.pid
        assert first is not None
        os.kill(first, signal.SIGSTOP)
        wait_until(lambda: server.check() == "" and server.pid not in {None, first}, TIMEOUT + 10)
        wait_until(lambda: is_served(server.address), TIMEOUT)
        assert has_ended(first)
    finally:
        server.stop()


# -- normal operation


def test_the_daemon_serves_what_it_publishes(serving: DaemonProcess) -> None:
    """A change is served as soon as it is published; status and log have the address."""
    assert serving.address == f"http://127.0.0.1:{serving.site.settings['server']['port']}/"
    assert [line["address"] for line in serving.lines("serving")] == [serving.address]
    serving.site.write("b.md", title="A second item")
    wait_until(lambda: b"A second item" in fetch(serving.address, "/all/rss.xml").body)


@pytest.mark.slow
def test_a_daemon_that_is_not_to_serve_starts_no_server(running: DaemonProcess) -> None:
    """With `server: {enabled: false}` there is no process and no address."""
    running.site.settings["server"] = {"enabled": False, "port": free_port()}
    running.start(serve=True)
    assert (running.address, running.children()) == ("", [])


@pytest.mark.slow
def test_it_stops_in_time_whoever_is_connected(serving: DaemonProcess) -> None:
    """G14: open event streams, partial requests, unread answers and idle connections do not delay it."""
    address, pid = serving.address, server_of(serving)
    with ExitStack() as stack:
        for data in (b"", b"GET /all/rss.xml HTTP/1.1\r\nX: ", b"GET /all/rss.xml HTTP/1.1\r\nHost: x\r\n\r\n" * 500):
            for _ in range(20):
                connection = stack.enter_context(connect(address, receive=4_096))
                connection.sendall(data)
        for _ in range(20):
            listener = EventStream(address)
            stack.callback(listener.close)
            assert listener.status == 200
        began = time.monotonic()
        assert serving.stop() == 0
        assert time.monotonic() - began < time_limit(5 + TOLERANCE)
    assert has_ended(pid)
    wait_until(lambda: is_refused(address), TIMEOUT)  # its last threads may live a moment longer


# -- ports


@pytest.mark.slow
def test_a_port_that_is_taken_at_the_start(running: DaemonProcess) -> None:
    """The daemon exits with code 2 and says what to do, before it touches any feed."""
    running.site.write("a.md")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        running.site.settings["server"] = {"port": taken.getsockname()[1]}
        running.start(wait=False, serve=True)
        assert running.process.wait(TIMEOUT) == 2
    words = running.log_file.read_text()
    assert f"127.0.0.1:{running.site.settings['server']['port']}: " in words
    assert "stop what listens there, or take another port: `server.port`, or --port" in words
    assert running.site.slugs() == set()


@pytest.mark.slow
def test_a_port_that_is_taken_at_a_reload(serving: DaemonProcess) -> None:
    """It is reported, the old address is served, even if its server dies; the new one is used once it is free."""
    old = serving.address
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        reload(serving, port=port)
        wait_until(lambda: f"127.0.0.1:{port}" in serving.status()["problems"].get("server", ""), TIMEOUT)
        assert fetch(old, "/healthz").status == 503
        assert is_served(old)
        os.kill(server_of(serving), signal.SIGKILL)
        assert is_served(old)
        assert serving.address == old
    new = f"http://127.0.0.1:{port}/"
    wait_until(lambda: is_served(new), TIMEOUT)
    wait_until(lambda: "server" not in serving.status()["problems"], TIMEOUT)
    assert serving.address == new
    wait_until(lambda: is_refused(old), TIMEOUT)


@pytest.mark.slow
def test_another_host_with_the_same_port(serving: DaemonProcess) -> None:
    """The new address overlaps the old one, so our server ends first."""
    port = host_and_port(serving.address)[1]
    reload(serving, host="localhost")
    wait_until(lambda: len(serving.lines("config reloaded")) == 1, TIMEOUT)
    wait_until(lambda: is_served(f"http://127.0.0.1:{port}/"), TIMEOUT)
    assert "server" not in serving.status()["problems"]
    assert serving.lines("not served") == []


@pytest.mark.slow
def test_a_host_that_is_not_ours(serving: DaemonProcess) -> None:
    """A wrong host is reported with advice, and the old address is served although the port is the same."""
    old = serving.address
    reload(serving, host="192.0.2.1")
    wait_until(lambda: "correct `server.host`" in serving.status()["problems"].get("server", ""), TIMEOUT)
    wait_until(lambda: is_served(old), TIMEOUT)
    reload(serving, host="127.0.0.1")
    wait_until(lambda: "server" not in serving.status()["problems"], TIMEOUT)
    assert is_served(old)


@pytest.mark.slow
def test_a_host_that_is_not_ours_costs_nobody_an_answer(serving: DaemonProcess) -> None:
    """Retries neither restart the healthy server nor close its connections."""
    pid, listener = server_of(serving), EventStream(serving.address)
    reload(serving, host="192.0.2.1")
    wait_until(lambda: "correct `server.host`" in serving.status()["problems"].get("server", ""), TIMEOUT)
    time.sleep(2.5 * ADDRESS_RETRY)
    assert server_of(serving) == pid
    serving.site.write("b.md")
    assert "all" in listener.next()
    listener.close()


@pytest.mark.slow
def test_an_overlapping_address_that_another_has_too_is_tried_at_a_reload_alone(serving: DaemonProcess) -> None:
    """Our server would have to end for each try, so it is not tried every two seconds."""
    old, port = serving.address, host_and_port(serving.address)[1]
    with socket.socket() as taken:
        taken.bind(("127.0.0.2", port))
        taken.listen()
        reload(serving, host="0.0.0.0")
        wait_until(lambda: "then reload" in serving.status()["problems"].get("server", ""), TIMEOUT)
        wait_until(lambda: is_served(old) and len(serving.children()) == 1, TIMEOUT)
        pid = server_of(serving)
        time.sleep(2.5 * ADDRESS_RETRY)
        assert (server_of(serving), len(serving.lines("not served"))) == (pid, 1)
    reload(serving)
    wait_until(lambda: is_served(f"http://127.0.0.2:{port}/"), TIMEOUT)
    wait_until(lambda: "server" not in serving.status()["problems"], TIMEOUT)


# -- reloads


@pytest.mark.slow
def test_a_reload_refuses_nobody(serving: DaemonProcess) -> None:
    """If the address stays, every new connection is answered across several reloads."""
    with hammered(serving.address) as faults:
        for number in range(4):
            before = server_of(serving)
            reload(serving, connections=1_000 + number)
            wait_until(lambda before=before: before not in serving.children() and len(serving.children()) == 1, TIMEOUT)
    assert faults == []
    assert serving.status()["problems"] == {}


@pytest.mark.slow
def test_a_token_can_be_set_changed_and_removed(serving: DaemonProcess) -> None:
    """The trigger works with the current token only, and is missing without one."""
    secret = serving.site.root / "token"
    secret.write_text(TOKEN)

    def trigger(token: str = TOKEN) -> int:
        try:
            return fetch(serving.address, "/-/trigger", "POST", authorization=f"Bearer {token}").status
        except RemoteDisconnected:  # a server that is just leaving may owe an answer that takes longer than a feed
            return 0

    assert trigger() == 404
    reload(serving, token="../token")
    wait_until(lambda: trigger() == 200, TIMEOUT)
    secret.write_text(TOKEN[::-1])
    assert (trigger(), trigger(TOKEN[::-1])) == (401, 200)
    reload(serving, token="")
    wait_until(lambda: trigger() == 404, TIMEOUT)


@pytest.mark.slow
def test_another_port_is_used(serving: DaemonProcess) -> None:
    """The feeds are served at the new port, and the old one is closed."""
    old, port = serving.address, free_port()
    reload(serving, port=port)
    wait_until(lambda: is_served(f"http://127.0.0.1:{port}/"), TIMEOUT)
    wait_until(lambda: is_refused(old), TIMEOUT)


@pytest.mark.slow
def test_serving_can_be_switched_off_and_on(serving: DaemonProcess) -> None:
    """It needs no restart of the daemon."""
    address = serving.address
    reload(serving, enabled=False)
    wait_until(lambda: is_refused(address) and serving.children() == [], TIMEOUT)
    assert (serving.address, serving.status()["problems"]) == ("", {})
    reload(serving, enabled=True)
    wait_until(lambda: is_served(address), TIMEOUT)


# -- deaths


@pytest.mark.slow
def test_a_killed_server_is_restarted(serving: DaemonProcess) -> None:
    """Connections meanwhile are served; the problem is reported until the new server runs."""
    address, pid = serving.address, server_of(serving)
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: has_ended(pid), TIMEOUT)
    assert fetch(address, "/all/rss.xml").status == 200
    assert "died or stopped responding" in serving.lines("not served")[0]["reason"]
    assert server_of(serving) != pid
    wait_until(lambda: serving.status()["problems"] == {}, TIMEOUT)
    assert fetch(address, "/healthz").status == 200


@pytest.mark.slow
def test_a_dead_server_is_in_the_status(serving: DaemonProcess) -> None:
    """G11: the status reports it from the next self-check until it is restarted."""
    os.kill(server_of(serving), signal.SIGKILL)
    wait_until(lambda: "server" in serving.status()["problems"])
    wait_until(lambda: "server" not in serving.status()["problems"], TIMEOUT)


@pytest.mark.slow
def test_turns_go_on_without_a_server(serving: DaemonProcess) -> None:
    """Feeds are written without a server, and the new one serves them."""
    os.kill(server_of(serving), signal.SIGKILL)
    serving.site.write("b.md", title="Written meanwhile")
    serving.wait_for_title("Written meanwhile")
    wait_until(lambda: b"Written meanwhile" in fetch(serving.address, "/all/rss.xml").body, TIMEOUT)


@pytest.fixture
def held(site) -> Iterator[Callable[..., ServerProcess]]:
    """Return a function that starts server processes without a daemon."""
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


@pytest.mark.slow
def test_a_server_that_hangs_is_replaced(held: Callable[..., ServerProcess]) -> None:
    """A server that was suspended sends no heartbeat: it is killed, and another one uses the same socket."""
    server = held(silence=3)
    wait_until(lambda: is_served(server.address), TIMEOUT)
    pid = server.pid
    assert pid
    os.kill(pid, signal.SIGSTOP)
    said = set()
    wait_until(lambda: said.add(server.check()) or (server.pid not in {None, pid} and has_ended(pid)), TIMEOUT)
    assert any("stopped responding" in words for words in said)
    assert is_served(server.address)
    assert server.check() == ""


def test_many_changed_feeds_arrive_complete(held: Callable[..., ServerProcess]) -> None:
    """Thousands of changed feeds right after the start arrive in complete lines."""
    server = held()
    slugs = [f"{number:04}-{'x' * 59}" for number in range(1_000)]
    server.notify_changed(slugs)
    listener = EventStream(server.address)
    wait_until(lambda: server.check() == "", TIMEOUT)
    server.notify_changed(slugs)
    received = listener.next()
    listener.close()
    assert received == slugs


@pytest.mark.slow
def test_the_server_ends_with_a_daemon_that_is_killed(serving: DaemonProcess) -> None:
    """No server remains, and the port is free for the next start."""
    address, pid = serving.address, server_of(serving)
    serving.process.kill()
    serving.process.wait(TIMEOUT)
    wait_until(lambda: has_ended(pid), TIMEOUT)
    wait_until(lambda: is_refused(address), TIMEOUT)  # its last threads may live a moment longer
    serving.start(serve=True)
    assert is_served(address)


@pytest.mark.slow
def test_a_start_right_after_a_kill_waits_for_the_port(serving: DaemonProcess) -> None:
    """A client stuck in a download keeps the killed daemon's server, and so the port, for a second or two."""
    request = b"GET /all/rss.xml HTTP/1.1\r\nHost: x\r\n\r\n"
    serving.site.write("long.md", "Some words. " * 4_000, title="Long")
    serving.wait_for_title("Long")
    with connect(serving.address, receive=4_096) as stuck:
        stuck.sendall(request * 500)
        pid = server_of(serving)
        wait_until(lambda: not is_silent(stuck, 0) and is_at_rest(pid), TIMEOUT, what="the server goes on sending")
        serving.process.kill()
        serving.process.wait(TIMEOUT)
        assert not has_ended(pid)
        serving.start(serve=True)
    assert is_served(serving.address)
    assert serving.status()["problems"] == {}


@pytest.mark.slow
def test_modules_in_the_folder_of_the_site_are_not_run(running: DaemonProcess) -> None:
    """A site may contain files of any name; the server imports what the daemon imported."""
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
    wait_until(running.is_ready, TIMEOUT)
    wait_until(lambda: is_served(running.address), TIMEOUT)
    assert running.status()["problems"] == {}
    assert running.stop() == 0

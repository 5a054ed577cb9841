"""The control socket is private, and no client can harm it."""

from __future__ import annotations

import os
import socket
import stat
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.site_folder import SiteFolder, as_another_user

from aggregator import AggregatorError
from aggregator.service import control
from aggregator.service.control import ControlServer, Reply, Request, ask

ASKED = Request(do="status")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ControlServer]:
    """Return a server that answers with the requested feeds."""
    made = ControlServer(str(tmp_path), lambda request: Reply(value=list(request.feeds)))
    made.start()
    yield made
    made.stop()


def send(state: Path, *pieces: bytes, end: bool = True) -> bytes:
    """Send `pieces` to the socket and return the answer."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(10)
        client.connect(str(state / "control.sock"))
        for piece in pieces:
            client.sendall(piece)
        if end:
            client.shutdown(socket.SHUT_WR)
        return client.makefile("rb").read()


def test_only_its_owner_may_open_it(server: ControlServer, tmp_path: Path) -> None:
    """Its mode is 0600, whatever the umask."""
    assert stat.S_IMODE(os.stat(tmp_path / "control.sock").st_mode) == 0o600
    assert server.is_alive()


def test_an_answer_comes_back(server: ControlServer, tmp_path: Path) -> None:
    """A request for two feeds is answered with both."""
    assert ask(str(tmp_path), Request(do="trigger", feeds=("a", "b"))) == ["a", "b"]


def test_without_a_daemon_ask_returns_none(tmp_path: Path) -> None:
    """`ask` returns None without a socket or a state folder, and for the socket of a dead daemon."""
    assert ask(str(tmp_path), ASKED) is None
    assert ask(str(tmp_path / "nowhere"), ASKED) is None
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "control.sock"))
    assert ask(str(tmp_path), ASKED) is None


def test_a_socket_of_a_dead_daemon_is_replaced(tmp_path: Path) -> None:
    """A new server listens in its place, and removes it at the end."""
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "control.sock"))
    server = ControlServer(str(tmp_path), lambda _: Reply(value="new"))
    server.start()
    assert ask(str(tmp_path), ASKED) == "new"
    server.stop()
    server.stop()
    assert not (tmp_path / "control.sock").exists()


def test_a_socket_that_cannot_be_made_is_reported_with_its_real_path(tmp_path: Path) -> None:
    """The error has the real path, not the short one that is passed to the system."""
    (tmp_path / "control.sock").mkdir()
    server = ControlServer(str(tmp_path), lambda _: Reply())
    with pytest.raises(IsADirectoryError) as caught:
        server.start()
    server.stop()
    assert caught.value.filename == f"{tmp_path}/control.sock"


@pytest.mark.parametrize(
    "said",
    [
        b"", b"\n", b"hello\n", b"[]\n", b"{}\n", b'{"do": "explode"}\n', b'{"do": "trigger", "feeds": "a"}\n', b"\xff\xfe\n",
        b'{"do": "st\xff"}\n', b'{"do": "trigger", "feeds": ["\xff"]}\n', b'{"x":' + b"[" * 900_000, b"{" * 3_000_000, b"\x00" * 70_000,
    ],
    ids=lambda said: repr(said[:24]),
)  # fmt: skip
def test_an_invalid_request_does_no_harm(server: ControlServer, tmp_path: Path, said: bytes) -> None:
    """Malformed, oversized, deeply nested and binary requests get an error, and the next client is served."""
    try:
        answer = send(tmp_path, said)
    except (ConnectionResetError, BrokenPipeError):
        answer = b"invalid request"  # it closes the connection before the end of a request that is too long
    assert b"invalid request" in answer
    assert ask(str(tmp_path), ASKED) == []


def dribble(connection: socket.socket, *, until: float) -> None:
    """Send a byte at a time."""
    while time.monotonic() < until:
        connection.sendall(b" ")
        time.sleep(0.05)


def test_slow_and_silent_clients_are_disconnected(
    server: ControlServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The time limit is for the whole request, however often a client sends a byte; others are served meanwhile."""
    monkeypatch.setattr(control, "PATIENCE", 0.5)
    began = time.monotonic()
    silent = threading.Thread(target=send, args=(tmp_path,), kwargs={"end": False})
    silent.start()
    assert ask(str(tmp_path), ASKED) == []
    with socket.socket(socket.AF_UNIX) as slow:
        slow.connect(str(tmp_path / "control.sock"))
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            dribble(slow, until=began + 5)
    silent.join(60)
    assert not silent.is_alive()
    assert server.is_alive()


def test_a_client_that_goes_away_does_no_harm(server: ControlServer, tmp_path: Path) -> None:
    """Clients that disconnect before the answer do not disturb others."""
    for _ in range(20):
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(tmp_path / "control.sock"))
            client.sendall(b'{"do": "status"}\n')
    assert ask(str(tmp_path), ASKED) == []


def test_more_clients_than_are_served_at_once_are_all_answered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """60 clients connect at once while five are served: the others wait."""
    monkeypatch.setattr(control, "MOST_CLIENTS", 5)

    def slowly(request: Request) -> Reply:
        time.sleep(0.005)
        return Reply(value=request.feeds[0])

    server = ControlServer(str(tmp_path), slowly)
    server.start()
    answers: list[str] = []
    requests = [Request(do="trigger", feeds=(str(number),)) for number in range(60)]
    clients = [threading.Thread(target=lambda one=one: answers.append(ask(str(tmp_path), one))) for one in requests]
    for client in clients:
        client.start()
    for client in clients:
        client.join(60)
    server.stop()
    assert sorted(answers, key=int) == [str(number) for number in range(60)]


def test_a_refusal_is_raised_with_its_message(tmp_path: Path) -> None:
    """`error` of the reply becomes the exception's message; a connection that ends without a reply is an error, too."""
    server = ControlServer(str(tmp_path), lambda _: Reply(error="no such feed: x"))
    server.start()
    with pytest.raises(AggregatorError, match="no such feed: x"):
        ask(str(tmp_path), ASKED)
    server.stop()
    with socket.socket(socket.AF_UNIX) as rude:
        rude.bind(str(tmp_path / "control.sock"))
        rude.listen()

        def hang_up() -> None:
            rude.accept()[0].close()

        threading.Thread(target=hang_up).start()
        with pytest.raises(AggregatorError, match=r"ended before it answered|does not answer"):
            ask(str(tmp_path), ASKED)


def test_a_folder_of_another_user_is_reported_as_that(site: SiteFolder) -> None:
    """Without permission for the state folder, the error says so instead of blaming the daemon."""
    site.write("a.md")
    site.build()
    private = site.root / "private"
    private.mkdir(mode=0o700)
    error = as_another_user(site, lambda: ask(str(private), ASKED))
    assert f"{private}: Permission denied (run this as the user who owns it)" in error


def test_a_missing_answer_is_an_error(tmp_path: Path) -> None:
    """If the daemon hangs, `ask` times out."""
    released = threading.Event()
    server = ControlServer(str(tmp_path), lambda _: Reply(value=released.wait(60)))
    server.start()
    with pytest.raises(AggregatorError, match="does not answer"):
        ask(str(tmp_path), ASKED, timeout=0.2)
    released.set()
    server.stop()


def test_a_large_answer_is_complete(tmp_path: Path) -> None:
    """A reply of 5 MB is complete."""
    server = ControlServer(str(tmp_path), lambda _: Reply(value="x" * 5_000_000))
    server.start()
    assert len(ask(str(tmp_path), ASKED)) == 5_000_000
    server.stop()


def test_a_state_folder_may_lie_deep(tmp_path: Path) -> None:
    """The path of the state folder may be longer than the 107 bytes of unix(7)."""
    deep = tmp_path.joinpath(*["folder-with-a-long-name"] * 8)
    deep.mkdir(parents=True)
    server = ControlServer(str(deep), lambda _: Reply(value="deep"))
    server.start()
    assert ask(str(deep), ASKED) == "deep"
    server.stop()

"""The listening socket: errors of the system become messages that say what helps."""

from __future__ import annotations

import resource
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from aggregator.service.http.listening import CannotListenError, address_of, listen


@contextmanager
def no_more_files() -> Iterator[None]:
    """Allow this process no further open files."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_too_many_open_files_are_reported(host: str) -> None:
    """A socket that cannot be made raises CannotListenError."""
    with no_more_files(), pytest.raises(CannotListenError, match=r"Too many open files \(raise the limit") as caught:
        listen(host, 0)
    assert not caught.value.taken


def test_a_port_in_use_is_distinguished() -> None:
    """It is `taken`; an address of another host is not."""
    with listen("127.0.0.1", 0) as ours:
        assert address_of(ours) == f"http://127.0.0.1:{ours.getsockname()[1]}/"
        with pytest.raises(CannotListenError, match="stop what listens there") as caught:
            listen("127.0.0.1", ours.getsockname()[1])
    assert caught.value.taken
    with pytest.raises(CannotListenError, match=r"correct `server\.host`") as caught:
        listen("192.0.2.1", 0)
    assert not caught.value.taken


def test_an_unsupported_address_family_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    """`ipv6.disable=1`: the socket cannot be made, and the message names the address."""

    class Refused(socket.socket):
        def __init__(self, *_: object) -> None:
            raise OSError(97, "Address family not supported by protocol")

    monkeypatch.setattr(socket, "socket", Refused)
    with pytest.raises(CannotListenError, match=r"\[::1\]:8080: .* not supported .*correct `server\.host`"):
        listen("::1", 8080)

"""The listening socket: what the system refuses is said with what helps, and nothing else."""

from __future__ import annotations

import resource
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from aggregator.service.http.listening import CannotListenError, address_of, listen


@contextmanager
def no_more_files() -> Iterator[None]:
    """Let this process open nothing."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_too_many_open_files_are_no_crash(host: str) -> None:
    """A socket that cannot even be made is an address that cannot be listened at, for now."""
    with no_more_files(), pytest.raises(CannotListenError, match=r"Too many open files \(raise the limit") as caught:
        listen(host, 0)
    assert not caught.value.taken


def test_a_port_that_somebody_has_is_told_apart() -> None:
    """It is `taken`; a host that is not ours is not."""
    with listen("127.0.0.1", 0) as ours:
        assert address_of(ours) == f"http://127.0.0.1:{ours.getsockname()[1]}/"
        with pytest.raises(CannotListenError, match="stop what listens there") as caught:
            listen("127.0.0.1", ours.getsockname()[1])
    assert caught.value.taken
    with pytest.raises(CannotListenError, match=r"correct `server\.host`") as caught:
        listen("192.0.2.1", 0)
    assert not caught.value.taken


def test_a_family_that_the_system_does_not_know_is_no_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    """`ipv6.disable=1`: the socket cannot be made, which is said of the address."""

    class Refused(socket.socket):
        def __init__(self, *_: object) -> None:
            raise OSError(97, "Address family not supported by protocol")

    monkeypatch.setattr(socket, "socket", Refused)
    with pytest.raises(CannotListenError, match=r"\[::1\]:8080: .* not supported .*correct `server\.host`"):
        listen("::1", 8080)

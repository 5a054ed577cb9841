"""Telling systemd how we do (sd_notify(3)); writes to the socket that systemd names, if it does.

The protocol is one datagram; the library for it has had no release since 2017.
"""

from __future__ import annotations

import os
import socket
from contextlib import suppress


class Supervisor:
    """Sends `READY=1`, `STATUS=` and the like to `address` (systemd's `NOTIFY_SOCKET`); "" sends nothing."""

    def __init__(self, address: str, *, watchdog_usec: str = "") -> None:
        self._address = address
        self.watchdog_seconds = int(watchdog_usec) / 1_000_000 if watchdog_usec.isdigit() else 0.0
        """How often systemd wants to hear from us, 0 for never."""

    @classmethod
    def of_environment(cls) -> Supervisor:
        """Make the one that the environment names, and hide it from children."""
        pid = os.environ.pop("WATCHDOG_PID", "")
        usec = os.environ.pop("WATCHDOG_USEC", "")
        return cls(os.environ.pop("NOTIFY_SOCKET", ""), watchdog_usec=usec if pid in {"", str(os.getpid())} else "")

    def tell(self, **values: str) -> None:
        """Send `KEY=value` lines; who does not listen is no reason to fail."""
        if not self._address:
            return
        message = "\n".join(f"{key}={value}".replace("\n", " ") for key, value in values.items())
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as speaker:
            # A supervisor that does not read must not hold up the feeds; that we are ready must not get lost lightly.
            speaker.settimeout(1.0 if "READY" in values else 0.0)
            speaker.connect(address)
            speaker.sendall(message.encode(errors="replace"))

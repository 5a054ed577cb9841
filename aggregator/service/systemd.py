"""Notifications to systemd (sd_notify(3)). Writes to the socket in `NOTIFY_SOCKET`, if it is set.

Own code, since the protocol is one datagram and the library for it has had no release since 2017.
"""

from __future__ import annotations

import os
import socket
from contextlib import suppress


class SystemdNotifier:
    """Sends `READY=1`, `STATUS=` and the like to `address` (systemd's `NOTIFY_SOCKET`); "" sends nothing."""

    def __init__(self, address: str, *, watchdog_usec: str = "") -> None:
        self._address = address
        self.watchdog_seconds = int(watchdog_usec) / 1_000_000 if watchdog_usec.isdigit() else 0.0
        """How often systemd expects `WATCHDOG=1`, in seconds; 0 for never."""

    @classmethod
    def from_environment(cls) -> SystemdNotifier:
        """Return the notifier that the environment describes, and remove its variables so that no child has them."""
        pid = os.environ.pop("WATCHDOG_PID", "")
        usec = os.environ.pop("WATCHDOG_USEC", "")
        return cls(os.environ.pop("NOTIFY_SOCKET", ""), watchdog_usec=usec if pid in {"", str(os.getpid())} else "")

    def notify(self, **values: str) -> None:
        """Send `KEY=value` lines; errors are ignored."""
        if not self._address:
            return
        message = "\n".join(f"{key}={value}".replace("\n", " ") for key, value in values.items())
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
            # A supervisor that does not read must not delay the feeds, but READY should not be lost easily.
            sender.settimeout(1.0 if "READY" in values else 0.0)
            sender.connect(address)
            sender.sendall(message.encode(errors="replace"))

"""The process that collects: takes a config, and asks its sources until it is stopped.

It reads the config as a line from its standard input, and ends when that ends, even if the daemon was killed. To its
standard output it writes a line `.` a second as a sign of life, and the reason if it cannot collect. What it collects
are seeds on the disk, which the daemon notices as it notices any other.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from contextlib import suppress
from functools import partial
from typing import cast

import msgspec

from aggregator.collector import polling
from aggregator.collector.database import Busy, Unusable
from aggregator.config.settings import Config
from aggregator.service.logs import Format, log
from aggregator.service.logs import start as start_log
from aggregator.site.clock import clock
from aggregator.site.sources import settings_of

HEARTBEAT = 1.0
ALIVE, FAILED = b".", b"!"

PREDECESSOR = 5.0
"""How long, in seconds, the collector of a daemon that was killed may still collect."""


def main() -> None:
    """Collect for the daemon; the argument is the log format."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGUSR1):
        signal.signal(number, signal.SIG_IGN)  # a terminal sends them to all its processes; the daemon handles them
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    start_log(cast("Format", sys.argv[1]))
    config = msgspec.json.decode(sys.stdin.buffer.readline(), type=Config)
    for work in (partial(_wait_for_end_of_daemon, stop), partial(_beat, stop)):
        threading.Thread(target=work, daemon=True).start()
    os._exit(collect(config, stop))  # also ends threads that still wait for a server


def collect(config: Config, stop: threading.Event) -> int:
    """Collect until `stop` is set, and return the exit code."""
    patience = time.monotonic() + PREDECESSOR
    while True:
        try:
            polling.run(settings_of(config), now=clock, stop=stop, told=_tell)
        except Busy as error:
            if time.monotonic() < patience and not stop.wait(0.1):
                continue
            return 0 if stop.is_set() else _failed(error)
        except (Unusable, OSError) as error:
            return _failed(error)
        return 0


def _failed(error: Exception) -> int:
    _say(FAILED + msgspec.json.encode(str(error)))
    log("cannot collect", logging.ERROR, reason=str(error))
    return 1


def _tell(url: str, sentence: str) -> None:
    log("source", people=f"· {url}: {sentence}", url=url, what=sentence)


def _beat(stop: threading.Event) -> None:
    while not stop.wait(HEARTBEAT):
        _say(ALIVE)


def _wait_for_end_of_daemon(stop: threading.Event) -> None:
    sys.stdin.buffer.read()
    stop.set()


def _say(line: bytes) -> None:
    with suppress(OSError):
        os.write(1, line + b"\n")


if __name__ == "__main__":
    main()

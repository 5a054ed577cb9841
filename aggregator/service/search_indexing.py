"""The process that makes the files of a static search anew: takes a `Task`, writes them, says what failed, and ends.

It reads the task as a line of JSON from its standard input, and ends when that ends, even if the daemon was killed. It
yields to whatever else wants the processor. To its standard output it writes one line: a `SearchUpdate` as JSON.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from contextlib import suppress

import msgspec

from aggregator.config.settings import Config
from aggregator.index.database import DAMAGED
from aggregator.index.index import opened_read_only
from aggregator.model.errors import AggregatorError, reason_with_path
from aggregator.model.search_files import SearchUpdate
from aggregator.publisher.destination import open_destination
from aggregator.site.catalog import Catalog
from aggregator.site.clock import clock
from aggregator.site.static_search import StaticSearch

NICENESS = 19


class Task(msgspec.Struct, frozen=True):
    """For which site the files are made, and whether those of somebody else are replaced."""

    config: Config
    adopt: bool


def main() -> None:
    """Make the files for the daemon."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGUSR1):
        signal.signal(number, signal.SIG_IGN)  # a terminal sends them to all its processes; the daemon handles them
    os.nice(NICENESS)
    task = msgspec.json.decode(sys.stdin.buffer.readline(), type=Task)
    threading.Thread(target=_end_with_daemon, daemon=True).start()
    with suppress(OSError):
        os.write(1, msgspec.json.encode(update(task)) + b"\n")
    os._exit(0)  # also ends the thread that waits for the daemon


def update(task: Task) -> SearchUpdate:
    """Make the files anew if what is searched has changed; see `StaticSearch.update`."""
    config = task.config
    try:
        with opened_read_only(config.state) as index:
            if index is None:
                return SearchUpdate(is_outdated=True)
            writer = open_destination(config.feeds)  # not prepared: that would remove the daemon's temporary files
            try:
                writer.begin(clock(), relist=True)
                return StaticSearch(Catalog(config, index), writer).update(moment=clock, adopt=task.adopt)
            finally:
                writer.close()
    except OSError as error:
        return SearchUpdate((reason_with_path(error),))
    except (AggregatorError, *DAMAGED) as error:
        return SearchUpdate((str(error),))


def _end_with_daemon() -> None:
    sys.stdin.buffer.read()
    os.killpg(0, signal.SIGKILL)  # with pagefind: the daemon starts this as a group of its own


if __name__ == "__main__":
    main()

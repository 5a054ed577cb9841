"""Writes what is rendered, in groups; in a large turn one group is written while the next is rendered.

A daemon writes the first few as each is rendered: somebody may wait for an edit, and few feeds show it. Then it writes
one by one, so that a message waits for two or three.

Starts threads. Which files are written, and how, is the writer's business.
"""

from __future__ import annotations

import resource
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Protocol, TypeVar

from aggregator.model.errors import PublishError
from aggregator.model.feeds import Document
from aggregator.site.progress import Progress
from aggregator.site.stopwatch import Stopwatch

if TYPE_CHECKING:
    from concurrent.futures import Future

    from aggregator.publisher.destination import Destination, Published

TOGETHER = 8
AHEAD, AHEAD_ALONE = 3, 2
"""How many groups are being written while the next one is rendered; of one each, for whom somebody may wait."""

FEW_FILES = 128
"""If this process may have fewer files open, only one group is written at a time."""

TICK = 0.5
"""How often, in seconds, a turn that waits for a slow disk calls `Progress.wait`."""


class Rendered(Protocol):
    """A feed or an archive page in all its formats."""

    @property
    def documents(self) -> tuple[Document, ...]:
        """Its documents."""


One = TypeVar("One", bound=Rendered)


def write_in_groups(
    renderings: Iterator[One], writer: Destination, watch: Stopwatch, progress: Progress
) -> Iterator[tuple[list[One], Published]]:
    """Write what is rendered, and return each group with the result; `watch` measures the wait.

    If `progress` raises, groups that are not begun are not written.
    """
    ended = False

    def write(group: list[One]) -> Published:
        return writer.publish(document for rendering in group if not ended for document in rendering.documents)

    for one in islice(renderings, TOGETHER) if progress.is_time_limited else ():
        with watch.of("write"):
            result = write([one])
        yield [one], result
    together, ahead = (1, AHEAD_ALONE) if progress.is_time_limited else (TOGETHER, AHEAD)
    group = list(islice(renderings, together))
    if len(group) < together:
        if group:
            with watch.of("write"):
                result = write(group)
            yield group, result
        return
    from concurrent.futures import ThreadPoolExecutor, wait  # noqa: PLC0415 - 10 ms, and most turns write few documents

    if 0 <= resource.getrlimit(resource.RLIMIT_NOFILE)[0] < FEW_FILES:
        ahead = 1
    waiting: deque[tuple[list[One], Future[Published]]] = deque()
    with ThreadPoolExecutor(ahead) as pool:
        try:
            while group or waiting:
                if group:
                    waiting.append((group, pool.submit(write, group)))
                group = list(islice(renderings, together))
                while waiting and (len(waiting) > ahead or not group):
                    done, future = waiting.popleft()
                    with watch.of("write"):
                        while not wait([future], TICK).done:
                            progress.wait()
                        result = future.result()
                    progress.tick()
                    yield done, result
        finally:
            ended = True


def identity_on_disk(writer: Destination, names: Iterable[str]) -> bytes | None:
    """Return the identity of published files, which changes if somebody changes one; None if one is missing."""
    stamps = [writer.file_identity(name) for name in names]
    return "\n".join(stamp for stamp in stamps if stamp).encode() if all(stamps) else None


def is_missing(writer: Destination, names: Iterable[str]) -> bool:
    """Return whether none of these documents is on disk."""
    try:
        return all(writer.read_start(name) is None for name in names)
    except PublishError:  # whoever writes it says what is wrong
        return False

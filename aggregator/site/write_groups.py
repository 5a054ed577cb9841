"""What was rendered to the writer, in groups: an edit is one, of a whole site each is written while the next is made.

Starts threads; which files are written, and how, is the writer's business.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Protocol, TypeVar

from aggregator.model.feeds import Document
from aggregator.site.stopwatch import Stopwatch

if TYPE_CHECKING:
    from concurrent.futures import Future

    from aggregator.publisher.destination import Destination, Published

TOGETHER = 8
AHEAD = 3
"""How many groups are on their way to the disk while the next one is rendered."""

TICK = 0.5
"""How often, in seconds, the wait for a slow disk says that we live."""


class Rendered(Protocol):
    """A feed or a page of an archive in all its formats."""

    @property
    def documents(self) -> tuple[Document, ...]:
        """Its documents."""


One = TypeVar("One", bound=Rendered)


def write_in_groups(
    renderings: Iterator[One], writer: Destination, watch: Stopwatch, *, alive: Callable[[], object] = bool
) -> Iterator[tuple[list[One], Published]]:
    """Write what is rendered, a group at a time, and give each group with what became of it; `watch` times the wait.

    `alive` is called while a disk is waited for; where it raises, what is not begun is not written.
    """
    ended = False

    def write(group: list[One]) -> Published:
        return writer.publish(document for rendering in group if not ended for document in rendering.documents)

    group = list(islice(renderings, TOGETHER))
    if len(group) < TOGETHER:
        if group:
            with watch.of("write"):
                result = write(group)
            yield group, result
        return
    from concurrent.futures import ThreadPoolExecutor, wait  # noqa: PLC0415 - 10 ms, and most turns write few documents

    waiting: deque[tuple[list[One], Future[Published]]] = deque()
    with ThreadPoolExecutor(AHEAD) as pool:
        try:
            while group or waiting:
                if group:
                    waiting.append((group, pool.submit(write, group)))
                group = list(islice(renderings, TOGETHER))
                while waiting and (len(waiting) > AHEAD or not group):
                    done, future = waiting.popleft()
                    with watch.of("write"):
                        while not wait([future], TICK).done:
                            alive()
                        result = future.result()
                    yield done, result
        finally:
            ended = True

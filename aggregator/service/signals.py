"""The signals of a daemon in, what it does about them out; sets the handlers of this process."""

from __future__ import annotations

import signal
from collections.abc import Callable

_ENDS = (signal.SIGTERM, signal.SIGINT)


def handle(*, stop: Callable[[], object], reload: Callable[[], object], regenerate: Callable[[], object]) -> None:
    """Stop on SIGTERM and SIGINT (at once on the second), reload on SIGHUP, regenerate on SIGUSR1."""

    def on_stop(_number: int, _frame: object) -> None:
        for again in _ENDS:
            signal.signal(again, signal.SIG_DFL)
        stop()

    for number in _ENDS:
        signal.signal(number, on_stop)
    signal.signal(signal.SIGHUP, lambda *_: reload())
    signal.signal(signal.SIGUSR1, lambda *_: regenerate())

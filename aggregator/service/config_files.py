"""The config's files as they change: whether they have, and what they say now. Reads them, changes nothing."""

from __future__ import annotations

import os
import time

from aggregator.config.loading import load_config
from aggregator.config.settings import Config
from aggregator.model.errors import ConfigError
from aggregator.service.inbox import TICK
from aggregator.watcher.seeds import seeds_in

SETTLE = 0.2
"""How long, in seconds, the files must stay as they are before they are read: somebody may be writing."""

_Stamp = tuple[tuple[str, tuple[int, ...] | None], ...]


class ConfigFiles:
    """Watches the config file and its topic files by looking at them now and then."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._taken = self._seen = _stamp_of(config)
        self._since = 0.0

    def have_changed(self) -> bool:
        """Say whether they differ from what was last loaded, and have been so for a moment."""
        seen = _stamp_of(self._config)
        if seen != self._seen:
            self._seen, self._since = seen, time.monotonic()
        return seen != self._taken and time.monotonic() - self._since >= SETTLE

    @property
    def patience(self) -> float:
        """How long, in seconds, to wait before looking again."""
        return TICK if self._seen == self._taken else SETTLE

    def load(self) -> Config:
        """Read them, and remember what was read, right or wrong.

        Raises:
            ConfigError: with every problem in them.
        """
        self._taken = self._seen = _stamp_of(self._config)  # before reading: what changes meanwhile is read again
        config = load_config(self._config.path)
        if config.seeds != self._config.seeds and not seeds_in(config.seeds).is_there():
            raise ConfigError([f"{config.seeds}: the seeds folder is not there (make it, or correct `seeds`)"])
        if config.topic_settings.folder != self._config.topic_settings.folder:
            self._taken = self._seen = (self._taken[0], *_stamp_of(config)[1:])
        self._config = config
        return config


def _stamp_of(config: Config) -> _Stamp:
    """Give what tells that the files have not changed."""
    try:
        with os.scandir(config.topic_settings.folder) as entries:
            names = sorted(entry.path for entry in entries if entry.name.endswith((".yaml", ".yml")))
    except OSError:
        names = []
    return tuple((path, _stamp(path)) for path in (config.path, *names))


def _stamp(path: str) -> tuple[int, ...] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns

"""Notices changes of the config file, the topic files and the lists of sources, and loads them. Reads these files."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress

from aggregator.config.loading import load_config, source_files
from aggregator.config.settings import Config
from aggregator.model.errors import ConfigError
from aggregator.service.inbox import CHECK_INTERVAL
from aggregator.watcher.seeds import seeds_in

SETTLE = 0.2
"""How long, in seconds, the files must stay unchanged before they are read: somebody may be writing."""

_Identities = tuple[tuple[str, tuple[int, ...] | None], ...]


class ConfigFiles:
    """Compares the config file, its topic files and its lists of sources with what was loaded last."""

    def __init__(self, config: Config, adjust: Callable[[Config], Config] = lambda config: config) -> None:
        """Take the config as it was loaded; `adjust` changes each that is loaded, as the command line wants it."""
        self._config = config
        self._adjust = adjust
        self._loaded = self._seen = _identities(config)
        self._changed_at = 0.0

    def have_changed(self) -> bool:
        """Return whether the files differ from what was loaded last, and have not changed for a moment."""
        seen = _identities(self._config)
        if seen != self._seen:
            self._seen, self._changed_at = seen, time.monotonic()
        return seen != self._loaded and time.monotonic() - self._changed_at >= SETTLE

    @property
    def patience(self) -> float:
        """How long, in seconds, to wait before the next check."""
        return CHECK_INTERVAL if self._seen == self._loaded else SETTLE

    def load(self) -> Config:
        """Load the files and remember their state, valid or not.

        Raises:
            ConfigError: if they are not valid, with every problem in them.
        """
        self._loaded = self._seen = _identities(self._config)  # before reading: a later change is read again
        config = self._adjust(load_config(self._config.path))
        known = {root.folder for root in self._config.seeds}
        new = [root for root in config.seeds if root.folder not in known]
        if missing := seeds_in(new).missing():
            what = "the seeds folder does not exist (create it, or correct `seeds`)"
            raise ConfigError([f"{root.folder}: {what}" for root in missing])
        if _beside(config) != _beside(self._config):
            self._loaded = self._seen = (self._loaded[0], *_identities(config)[1:])
        self._config = config
        return config


def _beside(config: Config) -> tuple[str, str]:
    """Return where the topic files and the lists of sources lie."""
    return config.topic_settings.folder, config.sources.list if config.sources is not None else ""


def _identities(config: Config) -> _Identities:
    """Return the path and the file identity of the config file, then of each topic file and list of sources."""
    try:
        with os.scandir(config.topic_settings.folder) as entries:
            names = sorted(entry.path for entry in entries if entry.name.endswith((".yaml", ".yml")))
    except OSError:
        names = []
    lists = []
    if config.sources is not None:
        with suppress(ConfigError):
            lists = source_files(config.sources.list)
    return tuple((path, _identity(path)) for path in (config.path, *names, *lists))


def _identity(path: str) -> tuple[int, ...] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns

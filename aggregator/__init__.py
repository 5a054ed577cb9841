"""Turns a folder of seeds (Markdown files with YAML front matter) into RSS, Atom and JSON feeds.

    from aggregator import build, load_config

    turn = build(load_config("config/aggregator.yaml"))
    print(turn.items, "items,", len(turn.written), "documents written")

The names in `__all__` are public; everything else may change with any version.
"""

from __future__ import annotations

from aggregator.config.loading import load_config
from aggregator.config.settings import Config
from aggregator.model.errors import AggregatorError, ClusterError, ConfigError, FolderError, LockedError, PublishError
from aggregator.model.reports import FeedReport, Problem, Turn
from aggregator.model.version import VERSION as __version__  # noqa: N811 - the usual name of this attribute
from aggregator.site.build import build

__all__ = [
    "AggregatorError",
    "ClusterError",
    "Config",
    "ConfigError",
    "FeedReport",
    "FolderError",
    "LockedError",
    "Problem",
    "PublishError",
    "Turn",
    "__version__",
    "build",
    "load_config",
]

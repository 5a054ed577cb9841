"""Turns a folder of seeds (Markdown files with YAML front matter) into RSS, Atom and JSON feeds.

    from aggregator import build, load_config

    turn = build(load_config("config/aggregator.yaml"))
    print(turn.items, "items,", len(turn.written), "documents written")

The names in `__all__` are public; everything else may change with any version.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from aggregator.model.version import VERSION as __version__  # noqa: N811 - the usual name of this attribute

if TYPE_CHECKING:
    from aggregator.config.loading import load_config
    from aggregator.config.settings import Config
    from aggregator.model.errors import (
        AggregatorError,
        ClusterError,
        ConfigError,
        FolderError,
        LockedError,
        PublishError,
    )
    from aggregator.model.reports import FeedReport, Problem, Turn
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

_MODULES = {
    "Config": "config.settings", "build": "site.build", "load_config": "config.loading",
    **dict.fromkeys(("FeedReport", "Problem", "Turn"), "model.reports"),
}  # fmt: skip


if not TYPE_CHECKING:  # to which any name would be one of these

    def __getattr__(name: str) -> Any:
        """Load what is asked for: the modules behind `build` take 0.1 s, which most commands can do without."""
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        found = getattr(import_module(f"{__name__}.{_MODULES.get(name, 'model.errors')}"), name)
        globals()[name] = found
        return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

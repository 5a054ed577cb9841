"""The commands: their arguments, options, output and exit codes."""

from aggregator.cli.commands import main

__all__ = ["main"]

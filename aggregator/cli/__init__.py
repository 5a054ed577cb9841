"""The commands: their words, options, output and exit codes."""

from aggregator.cli.commands import main

__all__ = ["main"]

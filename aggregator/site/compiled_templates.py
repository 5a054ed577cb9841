"""Compiled templates, kept in a `__pycache__` beside them as Python does with modules. Touches that folder."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from functools import cache

from jinja2 import FileSystemBytecodeCache
from jinja2.bccache import Bucket

from aggregator.renderer import layout


class CompiledTemplates(FileSystemBytecodeCache):
    """Keeps compiled templates in a folder, if Python may write such files: to compile all takes 0.1 s."""

    def load_bytecode(self, bucket: Bucket) -> None:
        """Load a template that was kept, if there is any and the folder can be read."""
        with suppress(OSError):
            super().load_bytecode(bucket)

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep a template, or do without if the folder cannot be written."""
        if not sys.dont_write_bytecode:
            with suppress(OSError):
                os.makedirs(self.directory, exist_ok=True)
                super().dump_bytecode(bucket)


@cache
def keep_compiled_templates() -> None:
    """Let this process take templates from the folder, and keep there what it compiles."""
    folder = os.path.join(os.path.dirname(layout.__file__), "templates", "__pycache__")
    layout.keep_compiled(CompiledTemplates(folder))

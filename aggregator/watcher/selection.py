"""Which files below a root are seeds: by the globs of its dialect and of the config. Pure."""

from __future__ import annotations

from collections.abc import Container

from aggregator.model.dialect_files import LANGUAGES, files_of
from aggregator.model.globs import Globs
from aggregator.model.seed_roots import NATIVE, SeedRoot

SUFFIXES = (".md", ".markdown")
"""How the names of seeds of our own dialect end."""

BUNDLE_FILES = ("index.md", "index.markdown", "index.mdown", "index.mkd", "index.html", "index.htm")
"""The files that make a folder a bundle, the first that is there."""


class Selection:
    """The files and folders that a walk over a root takes; all paths are below the root, without its prefix.

    Make one by `selection_of`.
    """

    def __init__(self, root: SeedRoot) -> None:
        include, ignore, self.has_bundles = files_of(root)
        self._dialect = root.dialect
        self._by_default = Globs(files_of(SeedRoot(folder=root.folder, dialect=root.dialect)).include)
        # What the config says is tried first, as explanations name it.
        self._include, self._ignore = Globs(include), Globs((*root.ignore, *ignore))
        self._own_include, self._own_ignore = root.include, root.ignore
        self._is_of_pages = root.dialect == "jekyll" and not root.folder.rstrip("/").rpartition("/")[2].startswith("_")

    def takes(self, path: str) -> bool:
        """Return whether the file `path` is a seed if the folders above it are entered."""
        if self._ignore.match_file(path):
            return False
        return self._include.match_file(path) or (bool(self._own_include) and self._is_in_included_folder(path))

    def _is_in_included_folder(self, path: str) -> bool:
        return self._by_default.match_file(path) and any(map(self._include.match_folder, _folders_above(path)))

    def enters(self, path: str) -> bool:
        """Return whether the folder `path` is entered if those above it are."""
        return not self._ignore.match_folder(path)

    def selects(self, path: str, *, is_folder: bool = False) -> bool:
        """Return whether a file is a seed, or a folder entered, by all parts of its path but for bundles."""
        if any(part.startswith(".") for part in path.split("/")) or not all(map(self.enters, _folders_above(path))):
            return False
        return self.enters(path) if is_folder else self.takes(path)

    def bundle_file(self, names: Container[str]) -> str:
        """Return the file that is the seed of the bundle in a folder with these files, "" if it is no bundle."""
        return next((name for name in BUNDLE_FILES if name in names), "") if self.has_bundles else ""

    def is_bundle_file(self, name: str) -> bool:
        """Return whether a file of this name makes its folder a bundle."""
        return self.has_bundles and name in BUNDLE_FILES

    def why_not(self, path: str, prefix: str) -> str:
        """Return why the file `path` is no seed, with a hint in parentheses; "" if it is one.

        Messages name paths with `prefix`, that of the root.
        """
        for folder in _folders_above(path):
            if glob := self._ignore.first(folder, is_folder=True):
                return self._ignored(f"{prefix}{folder}", glob)
        if glob := self._ignore.first(path, is_folder=False):
            return self._ignored(f"{prefix}{path}", glob)
        return "" if self.takes(path) else self._not_included(path)

    def _ignored(self, path: str, glob: str) -> str:
        if glob in self._own_ignore:
            return f"{path} is ignored (it matches `{glob}` in `ignore`)"
        return f"{path} is ignored (it matches `{glob}`, which the dialect {self._dialect} ignores)"

    def _not_included(self, path: str) -> str:
        if self._own_include:
            return f"it matches nothing in `include` (add it: {', '.join(self._own_include)})"
        if self.is_page(path):
            return "pages of Jekyll are no posts (move it into a folder `_posts`, or set `include`)"
        if self._dialect == "jekyll":
            return "posts are named `YEAR-MONTH-DAY-title.md` (rename it, or set `include`)"
        name = path.rpartition("/")[2]
        suffixes = ", ".join(
            dict.fromkeys(f".{one.rpartition('.')[2]}" for one in files_of(_bare(self._dialect)).include)
        )
        return f"seeds of the dialect {self._dialect} end in {suffixes} (rename {name}, or set `include`)"

    def language_of(self, path: str) -> str:
        """Return the language of a file that its program would read and we do not, "" if it is in none such."""
        _, dot, ending = path.rpartition("/")[2].rpartition(".")
        found = LANGUAGES.get(self._dialect, {}).get(f".{ending.lower()}", "") if dot else ""
        return "" if not found or self.takes(path) or self.is_page(path) else found

    def is_page(self, path: str) -> bool:
        """Return whether a file that is no seed is a page of its program, which nobody expects to be one."""
        above = path.split("/")[:-1]
        return self._is_of_pages and not self._own_include and not any(one.startswith("_") for one in above)

    def ignores(self, path: str) -> bool:
        """Return whether the file `path`, in a folder that is entered, is ignored."""
        return self._ignore.match_file(path)


def selection_of(root: SeedRoot) -> Selection | None:
    """Return what is a seed below a root, None if our own suffixes alone decide that."""
    if root.dialect == NATIVE and not (root.include or root.ignore):
        return None
    return Selection(root)


def _bare(dialect: str) -> SeedRoot:
    return SeedRoot(folder="", dialect=dialect)


def _folders_above(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts))]

"""Modules as they lie on disk, none of which is imported to look at it."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
from functools import cached_property
from typing import TYPE_CHECKING

import attrs

from brainplug.runtime.imports import Definitions, definitions_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from importlib.machinery import ModuleSpec
    from pathlib import Path

COMPILED = {".pyc", ".pyo"}


@attrs.define(eq=False)
class Source:
    """A module found on disk, not imported.

    Attributes:
        name: in full.
        path: its file.
    """

    name: str
    path: Path

    @cached_property
    def package(self) -> str:
        """The package that its relative imports start from."""
        return self.name if self.path.stem == "__init__" else self.name.rpartition(".")[0]

    @cached_property
    def content(self) -> bytes:
        """What the file holds."""
        return self.path.read_bytes()

    @cached_property
    def digest(self) -> str:
        """Short hash of the file."""
        return short_hash(self.content)

    @cached_property
    def tree(self) -> ast.Module:
        """The syntax; a file that is no Python, such as a compiled one, has none."""
        try:
            return ast.parse(self.content)
        except (SyntaxError, ValueError):
            return ast.Module(body=[], type_ignores=[])

    @cached_property
    def definitions(self) -> Definitions:
        """The names that it defines at its top."""
        return definitions_of(self.tree, self.package)

    def text_of(self, node: ast.stmt) -> bytes:
        """Return the lines of a statement, its decorators too."""
        # The line of a definition is that of `def`, below its decorators.
        decorators = getattr(node, "decorator_list", [])
        first = min([node.lineno, *(each.lineno for each in decorators)])
        return b"\n".join(self.content.splitlines()[first - 1 : node.end_lineno])


def short_hash(content: bytes) -> str:
    """Return enough of the SHA-256 to tell versions of one file apart."""
    return hashlib.sha256(content).hexdigest()[:16]


def find_top(name: str) -> ModuleSpec | None:
    """Find a top-level module as Python does; nothing is imported for that."""
    try:
        return importlib.util.find_spec(name)
    except ValueError:  # it was made by hand and says nothing of itself
        return None


def data_files(folder: Path) -> Iterator[Path]:
    """Give the files of a folder that are no Python, those of folders in it without Python too."""
    for path in sorted(folder.iterdir()):
        if path.name.startswith((".", "__pycache__")) or path.name == "py.typed":
            continue
        if path.is_dir():
            if not any(path.rglob("*.py")):
                yield from data_files(path)
        elif path.suffix not in {".py", *COMPILED}:
            yield path

"""Which code a piece of work depends on, worked out from the source by `ast`.

What runs imports modules, and these import others: all of them decide the result, those imported
inside a function too, and those that hold constants only. Nothing is imported to find them. What is
imported for annotations alone, under `TYPE_CHECKING`, never runs and does not count; neither do
libraries, whose versions a run records.

Two grains. As a rule a module counts as a whole. Within one package, which the caller chooses, each
module counts name by name: a function, what it uses by name, and what it uses of an argument whose
class is of that package, so that nine functions of one file do not depend on each other.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import json
import os
import sys
from contextlib import suppress
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from brainplug.plugin_sources import tell_module
from brainplug.runtime.files import write_text
from brainplug.runtime.imports import (
    Definitions,
    Imported,
    Uses,
    attributes,
    attributes_of_arguments,
    definitions_of,
    uses_of,
)
from brainplug.runtime.notes import read_note, sealed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from importlib.machinery import ModuleSpec

ENGINE = __name__.partition(".")[0]
"""Our own package. What its `__init__` imports is for plugins; the engine names modules itself."""

MOST_REMEMBERED = 5000
"""Files whose imports are remembered; far more than an installation has."""

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

    @property
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


@attrs.define(eq=False)
class SourceTree:
    """The source that closures are made of; each file is read once.

    Attributes:
        roots: folder that holds a package or module of this name; others are found as Python does.
        memo: file in which imports are remembered by the content of a module, since parsing all
            takes as long as a command may.
        siblings: top-level modules that belong together with those a closure starts from.
    """

    roots: Mapping[str, Path] = attrs.field(factory=dict)
    memo: Path | None = None
    siblings: frozenset[str] = frozenset()
    _sources: dict[str, Source | None] = attrs.field(factory=dict, init=False)
    _uses: dict[str, Uses] = attrs.field(factory=dict, init=False)
    _data: dict[str, dict[str, str]] = attrs.field(factory=dict, init=False)
    _homes: dict[str, set[Path]] = attrs.field(factory=dict, init=False)

    def closure(self, starts: Iterable[object], *, by_name: str = "") -> dict[str, str]:
        """Return all code that some objects depend on, each file or name with its hash.

        Args:
            starts: functions, classes, and objects of classes; what these are told by is where
                they are defined.
            by_name: package whose modules count name by name.
        """
        known = len(self._remembered)
        search = Search(self, by_name)
        for start in starts:
            search.begin(start)
        search.go_on()
        if self.memo is not None and len(self._remembered) != known:
            self._remember()
        return dict(sorted(search.found.items()))

    def find(self, name: str) -> Source | None:
        """Find a module."""
        if name not in self._sources:
            path = self._locate(name)
            self._sources[name] = None if path is None else Source(name, path)
        return self._sources[name]

    def _locate(self, name: str) -> Path | None:
        top, *rest = name.split(".")
        for folder in self._folders(top) if rest else ():
            place = os.path.join(folder, *rest)  # noqa: PTH118 (a Path for each try is slow)
            for path in (f"{place}/__init__.py", f"{place}.py"):
                if os.path.isfile(path):  # noqa: PTH113
                    return Path(path)
        return None if rest else self._locate_top(top)

    def _locate_top(self, top: str) -> Path | None:
        if top in self.roots:
            paths = (self.roots[top] / top / "__init__.py", self.roots[top] / f"{top}.py")
            return next((path for path in paths if path.is_file()), None)
        spec = find_top(top)
        path = Path(spec.origin) if spec is not None and spec.origin else None
        return path if path is not None and path.is_file() else None

    def _folders(self, top: str) -> list[Path]:
        """Return the folders that a top-level package is spread over."""
        if top in self.roots:
            return [self.roots[top] / top]
        spec = find_top(top)
        return [Path(folder) for folder in (spec and spec.submodule_search_locations) or ()]

    def modules_of(self, top: str) -> list[str]:
        """Return all modules of a top-level package."""
        return [
            ".".join((top, *path.relative_to(folder).with_suffix("").parts)).removesuffix(
                ".__init__"
            )
            for folder in self._folders(top)
            for path in sorted(folder.rglob("*.py"))
        ]

    def homes_of(self, top: str) -> set[Path]:
        """Return the folder that a top-level module lies in, unless packages are installed there.

        What lies beside a plugin's source, as in a checkout, is its author's own; what lies beside
        an installed one may be any library.
        """
        if top not in self._homes:
            path = None if top in sys.stdlib_module_names else self._locate_top(top)
            home = path and (path.parents[1] if path.stem == "__init__" else path.parent)
            installed = home and ("site-packages" in home.parts or any(home.glob("*.dist-info")))
            self._homes[top] = {home} if home and not installed else set()
        return self._homes[top]

    def uses(self, source: Source) -> Uses:
        """Return what a module uses, remembered by its content."""
        # With the package, since relative imports in equal files mean other modules.
        key = f"{source.package} {source.digest}"
        if key not in self._uses:
            known = self._remembered.get(key)
            if known is None:
                uses = uses_of(source.tree.body, source.package)
                self._remembered[key] = [
                    [[each.module, each.name] for each in uses.imports],
                    uses.by_made_up_name,
                ]
            else:
                imports, made_up = known
                uses = Uses(tuple(Imported(*each) for each in imports), frozenset(), made_up)
            self._uses[key] = uses
        return self._uses[key]

    @cached_property
    def _remembered(self) -> dict[str, Any]:
        known = self.memo and read_note(self.memo)  # a damaged one would hide an import
        return known if known and len(known) < MOST_REMEMBERED else {}

    def _remember(self) -> None:
        assert self.memo is not None
        with suppress(OSError):  # a full disk, or one that cannot be written, only costs time
            write_text(self.memo, json.dumps(sealed(self._remembered)))

    def data_beside(self, source: Source) -> dict[str, str]:
        """Return the files of a module's packages that are no Python, by name, with their hashes.

        Those of folders that are no packages too, such as `lab/data/`.
        """
        found: dict[str, str] = {}
        package, folder = source.package, source.path.parent
        while package:
            if package not in self._data:
                self._data[package] = {
                    f"{package}/{path.relative_to(folder)}": short_hash(path.read_bytes())
                    for path in data_files(folder)
                }
            found |= self._data[package]
            package, folder = package.rpartition(".")[0], folder.parent
        return found


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


class Search:
    """A walk over code from where it starts.

    Args:
        tree: the source.
        by_name: package whose modules count name by name.
    """

    def __init__(self, tree: SourceTree, by_name: str) -> None:
        self.tree = tree
        self.by_name = by_name
        self.tops = {ENGINE, *tree.siblings}
        self.homes: set[Path] = set()
        self.found: dict[str, str] = {}
        self.todo: list[Imported] = []
        self.seen: set[Imported] = set()

    def begin(self, start: object) -> None:
        """Start from a function, a class, or the class of an object."""
        while isinstance(start, partial):
            start = start.func
        defined = start if hasattr(start, "__qualname__") else type(start)
        module, name = defined.__module__, defined.__qualname__.partition(".")[0]
        top = module.partition(".")[0]
        self.tops.add(top)
        if top != ENGINE:
            self.homes |= self.tree.homes_of(top)
        if self.tree.find(module) is None:
            self.found[tell_module(module)] = "missing"
        self.todo.append(Imported(module, name if self.counts_by_name(module) else None))

    def go_on(self) -> None:
        """Follow what was found until nothing is new."""
        while self.todo:
            found = self.todo.pop()
            if found in self.seen or not self.is_followed(found.module):
                continue
            self.seen.add(found)
            if found.name is None or found.name == "*":
                self.take_module(found.module)
            # `from package import module` reads like that of a name; only the disk tells them
            # apart.
            elif "." not in found.name and self.tree.find(f"{found.module}.{found.name}"):
                self.todo.append(Imported(f"{found.module}.{found.name}"))
            elif self.counts_by_name(found.module):
                owner, _, member = found.name.rpartition(".")
                if owner:
                    self.take_member(found.module, owner, member)
                else:
                    self.take_name(found.module, member)
            else:
                self.todo.append(Imported(found.module))

    def counts_by_name(self, module: str) -> bool:
        """Whether a module counts name by name."""
        return bool(self.by_name) and f"{module}.".startswith(f"{self.by_name}.")

    def is_followed(self, module: str) -> bool:
        """Whether a module is ours, or of the plugins that the walk began with; no library is."""
        top = module.partition(".")[0]
        if top not in self.tops and self.tree.homes_of(top) & self.homes:
            self.tops.add(top)
        return top in self.tops

    def take_module(self, module: str) -> None:
        """Count a module as a whole, with the data beside it, and go on to what it imports."""
        source = self.tree.find(module)
        if source is None:
            return
        self.found[tell_module(module)] = source.digest
        self.found |= self.tree.data_beside(source)
        uses = self.tree.uses(source)
        self.todo += uses.imports
        top, *_ = parts = module.split(".")
        if top == ENGINE:
            return
        # Python runs every package on the way to a module, and a stranger's may hold its codes.
        self.todo += [Imported(".".join(parts[:end])) for end in range(1, len(parts))]
        # Only running it tells which module that is, so any of the package may be.
        if uses.by_made_up_name:
            self.todo += map(Imported, self.tree.modules_of(top))

    def take_name(self, module: str, name: str) -> None:
        """Count what a name stands for, and go on to what that uses."""
        source = self.tree.find(module)
        if source is None:
            return
        known = source.definitions
        self.todo += known.aliases.get(name, ())
        nodes = known.nodes.get(name, [])
        if not nodes:
            return
        self.found[f"{module}.{name}"] = short_hash(b"\n".join(map(source.text_of, nodes)))
        # What a module does as it is imported, such as a registration, may change what any of its
        # names does.
        if known.effects:
            text = b"\n".join(map(source.text_of, known.effects))
            self.found[f"{module} as it is imported"] = short_hash(text)
        self.take_uses(source, [*nodes, *known.effects])

    def take_uses(self, source: Source, nodes: Sequence[ast.stmt]) -> None:
        """Go on to what pieces of a module use: by name, and of the arguments they are given."""
        known = source.definitions
        uses = uses_of(nodes, source.package)
        self.todo += uses.imports
        self.todo += [
            Imported(source.name, each)
            for each in sorted(uses.names)
            if each in known.nodes or each in known.aliases
        ]
        for node in nodes:
            for kind, attribute in attributes_of_arguments(node):
                here = [Imported(source.name, kind)] if kind in known.nodes else []
                for home in (*here, *known.aliases.get(kind, ()), *known.annotations.get(kind, ())):
                    if home.name and self.counts_by_name(home.module):
                        self.todo.append(Imported(home.module, f"{home.name}.{attribute}"))

    def take_member(self, module: str, owner: str, name: str) -> None:
        """Count a method that is called of an argument, or the class of a field of it.

        A field whose class is imported for its annotation alone says nothing of what is in it.
        """
        source = self.tree.find(module)
        member = source.definitions.members(owner).get(name) if source else None
        if source is None or member is None:
            return
        if isinstance(member, ast.AnnAssign):
            kind = member.annotation.id if isinstance(member.annotation, ast.Name) else ""
            self.todo += source.definitions.aliases.get(kind, ())
            return
        self.found[f"{module}.{owner}.{name}"] = short_hash(source.text_of(member))
        self.take_uses(source, [member])
        self.todo += [
            Imported(module, f"{owner}.{each}")
            for holder, each in sorted(attributes(member))
            if holder == "self"
        ]

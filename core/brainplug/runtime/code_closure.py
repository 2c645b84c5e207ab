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
    Imported,
    attributes,
    attributes_of_arguments,
    uses_of,
)
from brainplug.runtime.notes import read_note, sealed
from brainplug.runtime.sources import Source, data_files, find_top, short_hash

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

ENGINE = __name__.partition(".")[0]
"""Our own package. What its `__init__` imports is for plugins; the engine names modules itself."""

MOST_REMEMBERED = 20_000
"""Pieces of code that are remembered; far more than an installation has."""


@attrs.frozen
class Piece:
    """A module, or what a name stands for in it.

    Attributes:
        hashes: of the code that counts, by its name.
        uses: what it uses, wherever that is.
        by_made_up_name: it also imports modules whose names are put together as it runs.
    """

    hashes: Mapping[str, str]
    uses: tuple[Imported, ...]
    by_made_up_name: bool = False


@attrs.define(eq=False)
class SourceTree:
    """The source that closures are made of; each file is read once.

    Attributes:
        roots: folder that holds a package or module of this name; others are found as Python does.
        memo: file in which pieces are remembered by the content of their module, since parsing all
            takes as long as a command may.
        siblings: top-level modules that belong together with those a closure starts from.
    """

    roots: Mapping[str, Path] = attrs.field(factory=dict)
    memo: Path | None = None
    siblings: frozenset[str] = frozenset()
    _sources: dict[str, Source | None] = attrs.field(factory=dict, init=False)
    _pieces: dict[str, Piece] = attrs.field(factory=dict, init=False)
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

    def piece(self, source: Source, name: str, look: Callable[[], Piece]) -> Piece:
        """Return a piece of a module, remembered by the module's content.

        Args:
            source: the module.
            name: tells the piece from others of the module.
            look: makes it.
        """
        # With the package, since relative imports in equal files mean other modules.
        key = f"{source.name} {source.package} {source.digest} {name}"
        if key not in self._pieces:
            known = self._remembered.get(key)
            if known is None:
                made = look()
                uses = [[each.module, each.name] for each in made.uses]
                self._remembered[key] = [dict(made.hashes), uses, made.by_made_up_name]
            else:
                hashes, uses, by_made_up_name = known
                made = Piece(hashes, tuple(Imported(*each) for each in uses), by_made_up_name)
            self._pieces[key] = made
        return self._pieces[key]

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
            if found in self.seen:
                continue
            self.seen.add(found)
            if not self.is_followed(found.module):
                continue
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
        self.found |= self.tree.data_beside(source)
        piece = self.take(source, "", partial(look_at_module, source))
        top, *_ = parts = module.split(".")
        if top == ENGINE:
            return
        # Python runs every package on the way to a module, and a stranger's may hold its codes.
        self.todo += [Imported(".".join(parts[:end])) for end in range(1, len(parts))]
        # Only running it tells which module that is, so any of the package may be.
        if piece.by_made_up_name:
            self.todo += map(Imported, self.tree.modules_of(top))

    def take(self, source: Source, name: str, look: Callable[[], Piece]) -> Piece:
        """Count a piece of a module, and go on to what it uses."""
        piece = self.tree.piece(source, name, look)
        self.found |= piece.hashes
        self.todo += piece.uses
        return piece

    def take_name(self, module: str, name: str) -> None:
        """Count what a name stands for, and go on to what that uses."""
        source = self.tree.find(module)
        if source is not None:
            self.take(source, f"{self.by_name}:{name}", partial(self.look_at_name, source, name))

    def take_member(self, module: str, owner: str, name: str) -> None:
        """Count a method that is called of an argument, or the class of a field of it."""
        source = self.tree.find(module)
        if source is not None:
            look = partial(self.look_at_member, source, owner, name)
            self.take(source, f"{self.by_name}:{owner}.{name}", look)

    def look_at_name(self, source: Source, name: str) -> Piece:
        """Return what a name stands for in a module."""
        known, module = source.definitions, source.name
        aliases = known.aliases.get(name, [])
        nodes = known.nodes.get(name, [])
        if not nodes:
            return Piece({}, tuple(aliases))
        hashes = {f"{module}.{name}": short_hash(b"\n".join(map(source.text_of, nodes)))}
        # What a module does as it is imported, such as a registration, may change what any of its
        # names does.
        if known.effects:
            text = b"\n".join(map(source.text_of, known.effects))
            hashes[f"{module} as it is imported"] = short_hash(text)
        return Piece(hashes, (*aliases, *self.used_by(source, [*nodes, *known.effects])))

    def look_at_member(self, source: Source, owner: str, name: str) -> Piece:
        """Return a method or field of a class.

        A field whose class is imported for its annotation alone says nothing of what is in it.
        """
        member = source.definitions.members(owner).get(name)
        if member is None:
            return Piece({}, ())
        if isinstance(member, ast.AnnAssign):
            kind = member.annotation.id if isinstance(member.annotation, ast.Name) else ""
            return Piece({}, tuple(source.definitions.aliases.get(kind, ())))
        own = (
            Imported(source.name, f"{owner}.{each}")
            for holder, each in sorted(attributes(member))
            if holder == "self"
        )
        hashes = {f"{source.name}.{owner}.{name}": short_hash(source.text_of(member))}
        return Piece(hashes, (*self.used_by(source, [member]), *own))

    def used_by(self, source: Source, nodes: Sequence[ast.stmt]) -> Iterator[Imported]:
        """Give what pieces of a module use: by name, and of the arguments they are given."""
        known = source.definitions
        uses = uses_of(nodes, source.package)
        yield from uses.imports
        for each in sorted(uses.names):
            if each in known.nodes or each in known.aliases:
                yield Imported(source.name, each)
        for node in nodes:
            for kind, attribute in attributes_of_arguments(node):
                here = [Imported(source.name, kind)] if kind in known.nodes else []
                for home in (*here, *known.aliases.get(kind, ()), *known.annotations.get(kind, ())):
                    if home.name and self.counts_by_name(home.module):
                        yield Imported(home.module, f"{home.name}.{attribute}")


def look_at_module(source: Source) -> Piece:
    """Return a module as a whole."""
    uses = uses_of(source.tree.body, source.package)
    return Piece({tell_module(source.name): source.digest}, uses.imports, uses.by_made_up_name)

"""Where plugins come from: an installed package, or one Python file that a recipe names.

A package is found by its entry point; a file is run for one reason alone, that a recipe says
`plugins = ["my_study.py"]`. It is imported under a name of its own, so that it neither hides nor is
hidden by an installed module, and from the very bytes that are hashed.
"""

from __future__ import annotations

import ast
import difflib
import hashlib
import importlib.util
import pkgutil
import re
import sys
import traceback
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from brainplug.errors import DataError, PluginError, suggestion

if TYPE_CHECKING:
    from collections.abc import Callable
    from importlib import metadata
    from importlib.metadata import EntryPoint
    from types import ModuleType

HASH = "sha256:"
"""Begins the version of a plugin file."""

PREFIX = "brainplug_file_"
"""Begins the names of modules that are made of such files."""

ROOMS = ("brainplug", "brainplug.api", "brainplug.model", "brainplug.testing", "brainplug.toolkit")
"""Packages of ours that a plugin may import from."""

SUMS = "SHA256SUMS"
"""File of a run folder's copies that holds their hashes, as `sha256sum --check` reads it."""


@attrs.frozen
class Distribution:
    """An installed distribution: what `pip` calls a package. Or a plugin file."""

    name: str
    version: str = ""

    def __str__(self) -> str:
        """Say name and version; of a plugin file, whose version is its hash, the name alone.

        >>> str(Distribution("brainplug", "0.1.0")), str(Distribution("lab.py", "sha256:3f"))
        ('brainplug 0.1.0', 'lab.py')
        """
        version = "" if self.version.startswith(HASH) else self.version
        return f"{self.name} {version}".strip()


@attrs.frozen
class Source:
    """Where a part comes from.

    Attributes:
        entry_point: name of the entry point its plugin is registered under, or of its file.
        distribution: the distribution that declares this entry point.
    """

    entry_point: str
    distribution: Distribution


def source_of(entry: EntryPoint) -> Source:
    """Say which distribution declares an entry point."""
    return Source(entry.name, owner_of(entry.dist) if entry.dist else Distribution("unknown"))


@lru_cache(maxsize=64)  # a distribution reads all its metadata anew for every question
def owner_of(installed: metadata.Distribution) -> Distribution:
    """Return name and version of an installed distribution."""
    return Distribution(installed.name, installed.version)


def failure_of(source: Source, cause: str, error: BaseException | None = None) -> PluginError:
    """Make the error that is remembered for a plugin."""
    failure = PluginError(source.entry_point, str(source.distribution), cause)
    failure.__cause__ = error
    return failure


def idle_hint(source: Source) -> str:
    """Say what a plugin that offers nothing lacks."""
    functions = "functions such as brainplug_metrics, each below @hookimpl and yielding parts"
    if source.distribution.version.startswith(HASH):
        return f"write {functions}, in this file"
    return f"let its entry point name the module that has {functions}"


def returning(plugin: object) -> Callable[[], object]:
    """Return what returns a plugin; a lambda made in a loop would see the last one only."""
    return lambda: plugin


@attrs.frozen(kw_only=True)
class PluginFile:
    """A plugin file that has been imported.

    Attributes:
        path: where it lies.
        content: what it held.
        module: what it defines.
    """

    path: Path
    content: bytes = attrs.field(repr=False)
    module: ModuleType

    @property
    def sha256(self) -> str:
        """Hash of the content, hexadecimal."""
        return hashlib.sha256(self.content).hexdigest()

    def __str__(self) -> str:
        """Name file and hash, for messages and the log."""
        return f"{self.path.name}, sha256 {self.sha256[:16]}"


def source_of_file(file: PluginFile) -> Source:
    """Say that a plugin comes from a file."""
    return Source(file.path.name, Distribution(file.path.name, f"{HASH}{file.sha256}"))


def import_file(path: Path) -> PluginFile:
    """Import a plugin file; one of the same place and content is imported once.

    Args:
        path: absolute.

    Raises:
        DataError: it is no Python file, is not there, is not what its hash beside it says, or
            raises something; says in which line.
    """
    content = read_file(path)
    digest = hashlib.sha256(content).hexdigest()
    refuse_changed(path, digest)
    # By place too: a copy may read what lies beside it, and the first may be gone by now.
    mark = hashlib.sha256(f"{digest} {path}".encode()).hexdigest()[:12]
    stem = re.sub(r"\W", "_", path.stem)
    name = f"{PREFIX}{stem}_{mark}"
    if name not in sys.modules:
        refuse_hidden(path, content)
        execute(name, path, content)
    return PluginFile(path=path, content=content, module=sys.modules[name])


def read_file(path: Path) -> bytes:
    """Return what a plugin file holds.

    Raises:
        DataError: it is no Python file, or is not there.
    """
    if path.suffix != ".py":
        raise DataError(expected="a Python file, which ends in .py", found=path.name)
    if not path.is_file():
        came = "a folder" if path.is_dir() else "no such file"
        near = [each.name for each in path.parent.glob("*.py")] if path.parent.is_dir() else []
        hint = suggestion(path.name, near) if near else "the path is relative to the recipe"
        raise DataError(came, where=path, expected="a Python file", hint=hint)
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(
            f"{error.strerror}", where=path, expected="a Python file that can be read"
        ) from error


def refuse_changed(path: Path, digest: str) -> None:
    """Refuse a copy in a run folder that is not what the run was made with.

    Raises:
        DataError: its hash is another than the one that lies beside it.
    """
    listed = path.with_name(SUMS)
    if not listed.is_file():
        return
    lines = listed.read_text(encoding="utf-8", errors="replace").splitlines()
    known = {name: told for told, _, name in (line.partition("  ") for line in lines)}
    if known.get(path.name, digest) != digest:
        raise DataError(
            f"another, of sha256 {digest[:16]}",
            where=path,
            expected=f"the file that this run was made with, of sha256 {known[path.name][:16]}",
            found=digest,
            hint="put it back, or run the recipe again with your own file",
        )


def execute(name: str, path: Path, content: bytes) -> None:
    """Run a file as a module of this name; nothing of it stays when it fails.

    Raises:
        DataError: it raises something.
    """
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    # attrs looks annotations up in the module that a class names.
    sys.modules[name] = module
    try:
        # No bytecode is written beside the recipe, nor read: it goes by time and size alone.
        exec(compile(content, str(path), "exec"), module.__dict__)  # noqa: S102 (named by a recipe)
    # A script that was named by mistake may end Python as it is imported.
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        came = " ".join(f"{type(error).__name__}: {plain_message(error)}".split()).removesuffix(":")
        raise DataError(
            f"importing it raised {came}",
            where=(path.name, *line_of(error, path)),
            hint=hint_for(error),
        ) from error


def refuse_hidden(path: Path, content: bytes) -> None:
    """Refuse two hook functions of one name, of which Python would keep the last in silence.

    Raises:
        DataError: there are two; says in which lines.
    """
    lines: dict[str, list[int]] = {}
    try:
        body = ast.parse(content).body
    except (SyntaxError, ValueError):  # told with its line when it is run
        return
    for each in body:
        if isinstance(each, ast.FunctionDef) and each.name.startswith("brainplug_"):
            lines.setdefault(each.name, []).append(each.lineno)
    for name, places in lines.items():
        if len(places) > 1:
            raise DataError(
                f"{len(places)}, in lines {' and '.join(map(str, places))}",
                where=path.name,
                expected=f"one function {name}",
                hint="yield all parts of a role from one function; Python keeps the last alone",
            )


def plain_message(error: BaseException) -> str:
    """Return what an error says, without the place that a syntax error repeats."""
    return error.msg if isinstance(error, SyntaxError) else str(error)


def hint_for(error: BaseException) -> str:
    """Say what to do about an error of a file."""
    if isinstance(error, ImportError) and (meant := meant_of_ours(error)):
        return meant
    if isinstance(error, ModuleNotFoundError):
        return (
            "a plugin file stands alone: install what it imports, or make it a package with "
            "`brainplug new`"
        )
    return "correct it; --verbose shows where it was"


def meant_of_ours(error: ImportError) -> str:
    """Say which module or name of brainplug was likely meant, nothing where none of ours was.

    >>> meant_of_ours(ModuleNotFoundError(name="brainplug.apy"))
    "did you mean 'brainplug.api'?"
    >>> meant_of_ours(ModuleNotFoundError(name="brianplug"))
    "did you mean 'brainplug'?"
    >>> meant_of_ours(ModuleNotFoundError(name="a_library_of_others"))
    ''
    """
    name = error.name or ""
    if name.partition(".")[0] != "brainplug":
        return suggestion(name, ["brainplug"]) if is_near(name, "brainplug") else ""
    if isinstance(error, ModuleNotFoundError):
        parent = name.rpartition(".")[0]
        paths = getattr(sys.modules.get(parent), "__path__", ())
        below = pkgutil.iter_modules(paths, f"{parent}.")
        return suggestion(name, ROOMS if name.count(".") == 1 else [each.name for each in below])
    asked, module = re.search(r"name '(\w+)'", error.msg), sys.modules.get(name)
    names = getattr(module, "__all__", None) or vars(module or object)
    return suggestion(asked[1], [each for each in names if each[0] != "_"]) if asked else ""


def is_near(name: str, other: str) -> bool:
    """Tell whether a name is likely another one that was misspelt."""
    return bool(difflib.get_close_matches(name, [other], cutoff=0.85))


def line_of(error: BaseException, path: Path) -> tuple[str, ...]:
    """Say which line of a file an error comes from, nothing where none is known."""
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return (f"line {error.lineno}",)
    frames = traceback.walk_tb(error.__traceback__)
    lines = [line for frame, line in frames if frame.f_code.co_filename == str(path)]
    return (f"line {lines[-1]}",) if lines else ()


def is_of_file(module: str) -> bool:
    """Whether a module was made of a plugin file."""
    return module.startswith(PREFIX)


def tell_module(module: str) -> str:
    """Name a module for a reader: by its file, where it was made of a plugin file.

    >>> tell_module("brainplug_plugins.metrics.mae")
    'brainplug_plugins.metrics.mae'
    """
    made = sys.modules.get(module) if is_of_file(module) else None
    return Path(str(made.__file__)).name if made is not None else module

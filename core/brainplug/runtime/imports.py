"""What one Python file imports and defines, read from its syntax."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, NamedTuple

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ANNOTATIONS = ("annotation", "returns")
"""Fields of arguments and functions that never run."""

DYNAMIC = ("import_module", "__import__")
"""Functions that import a module by its name."""


class Imported(NamedTuple):
    """One name that an import statement asks for; a tuple, since a search compares many.

    Attributes:
        module: that is imported, in full.
        name: taken from it; None where the module itself is meant, `*` for all.
    """

    module: str
    name: str | None = None


@attrs.frozen
class Uses:
    """What a piece of code uses.

    Attributes:
        imports: by statements, and by `import_module` of a name that is written out.
        names: looked up, wherever they are defined.
        by_made_up_name: it also imports modules whose names are put together as it runs.
    """

    imports: tuple[Imported, ...]
    names: frozenset[str]
    by_made_up_name: bool


def uses_of(nodes: Iterable[ast.AST], package: str) -> Uses:
    """Return what pieces of code use when they run.

    Args:
        nodes: statements.
        package: that relative imports start from.

    >>> source = "if READS: from lab.reader import read"
    >>> uses_of(ast.parse(source).body, "lab").imports
    (Imported(module='lab.reader', name='read'),)
    """
    imports: list[Imported] = []
    names: set[str] = set()
    made_up = False
    for node in walk_running(nodes):
        if isinstance(node, ast.Import | ast.ImportFrom):
            imports += imported_by(node, package)
        elif isinstance(node, ast.Name):
            names.add(node.id)
        elif isinstance(node, ast.Call) and called(node) in DYNAMIC:
            name = node.args[0] if node.args else None
            if isinstance(name, ast.Constant) and isinstance(name.value, str):
                imports.append(Imported(resolve(name.value, package)))
            else:
                made_up = True
    return Uses(tuple(dict.fromkeys(imports)), frozenset(names), made_up)


def walk_running(nodes: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """Give every node below some that can run: not annotations, nor what type checkers see."""
    for node in nodes:
        yield node
        for field, value in ast.iter_fields(node):
            # The annotation of a class's field does run: attrs and cattrs read the type from it.
            if field in ANNOTATIONS and not isinstance(node, ast.AnnAssign):
                continue
            if isinstance(node, ast.If) and field == "body" and is_for_checkers(node.test):
                continue
            below = value if isinstance(value, list) else [value]
            yield from walk_running(each for each in below if isinstance(each, ast.AST))


def is_for_checkers(test: ast.expr) -> bool:
    """Whether a condition holds for type checkers only."""
    name = test.id if isinstance(test, ast.Name) else getattr(test, "attr", None)
    return name == "TYPE_CHECKING"


def called(node: ast.Call) -> str | None:
    """Return the last name of what is called."""
    return getattr(node.func, "attr", None) or getattr(node.func, "id", None)


def imported_by(node: ast.Import | ast.ImportFrom, package: str) -> list[Imported]:
    """Return what a statement asks for, relative names in full."""
    if isinstance(node, ast.Import):
        return [Imported(alias.name) for alias in node.names]
    module = resolve("." * node.level + (node.module or ""), package)
    return [Imported(module, alias.name) for alias in node.names]


def resolve(name: str, package: str) -> str:
    """Return the full name of a module.

    >>> resolve("..codes", "lab.readers"), resolve(".", "lab"), resolve("os", "lab")
    ('lab.codes', 'lab', 'os')
    """
    level = len(name) - len(name.lstrip("."))
    if not level:
        return name
    base = package.split(".")[: len(package.split(".")) - level + 1]
    return ".".join([*base, name[level:]] if name[level:] else base)


@attrs.frozen
class Definitions:
    """The names of a module, and what it does besides as it is imported.

    Attributes:
        nodes: statements that define each name; several where it is defined again.
        aliases: what each imported name stands for.
        annotations: the same of names that are imported for annotations alone.
        effects: statements that define nothing, such as a registration.
    """

    nodes: dict[str, list[ast.stmt]]
    aliases: dict[str, list[Imported]]
    annotations: dict[str, list[Imported]]
    effects: list[ast.stmt]

    def members(self, name: str) -> dict[str, ast.stmt]:
        """Return the methods and fields of a class."""
        bodies = [node.body for node in self.nodes.get(name, ()) if isinstance(node, ast.ClassDef)]
        return {member: node for body in bodies for node in body for member in names_defined(node)}


def definitions_of(tree: ast.Module, package: str) -> Definitions:
    """Return the names that a module defines at its top."""
    found = Definitions({}, {}, {}, [])
    for node, for_checkers in top_statements(tree.body):
        if isinstance(node, ast.Import | ast.ImportFrom):
            aliases = found.annotations if for_checkers else found.aliases
            for alias, imported in zip(node.names, imported_by(node, package), strict=True):
                # `import a.b` makes the name `a`.
                plain = alias.name.partition(".")[0] if isinstance(node, ast.Import) else alias.name
                aliases.setdefault(alias.asname or plain, []).append(imported)
            continue
        if for_checkers:
            continue
        names = names_defined(node)
        for name in names:
            found.nodes.setdefault(name, []).append(node)
        if not names and not is_text(node):
            found.effects.append(node)
    return found


def top_statements(
    body: Iterable[ast.stmt], *, for_checkers: bool = False
) -> Iterator[tuple[ast.stmt, bool]]:
    """Give the statements of a module, those within `if` and `try` too.

    With each, whether type checkers alone see it.
    """
    for node in body:
        if isinstance(node, ast.If):
            seen = for_checkers or is_for_checkers(node.test)
            yield from top_statements(node.body, for_checkers=seen)
            yield from top_statements(node.orelse, for_checkers=for_checkers)
        elif isinstance(node, ast.Try):
            # Which of the branches runs depends on the machine, so all of them count.
            handlers = [each for handler in node.handlers for each in handler.body]
            whole = [*node.body, *handlers, *node.orelse, *node.finalbody]
            yield from top_statements(whole, for_checkers=for_checkers)
        else:
            yield node, for_checkers


def names_defined(node: ast.stmt) -> list[str]:
    """Return the names that a statement defines."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [node.name]
    if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        parts = [each for target in targets for each in ast.walk(target)]
        return [
            each.id
            for each in parts
            # `table[key] = 1` holds two names and defines neither.
            if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)
        ]
    return []


def is_text(node: ast.stmt) -> bool:
    """Whether a statement is a docstring."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def attributes_of_arguments(node: ast.AST) -> list[tuple[str, str]]:
    """Return what a function takes of its arguments, with the annotation of each, a plain name.

    >>> source = "def run(bag: Bag): return bag.load(bag.files)"
    >>> attributes_of_arguments(ast.parse(source).body[0])
    [('Bag', 'files'), ('Bag', 'load')]
    """
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return []
    arguments = (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)
    types = {
        each.arg: each.annotation.id for each in arguments if isinstance(each.annotation, ast.Name)
    }
    return sorted(
        {(types[name], attribute) for name, attribute in attributes(node) if name in types}
    )


def attributes(node: ast.AST) -> set[tuple[str, str]]:
    """Return each name whose attribute is looked up, with that attribute."""
    return {
        (each.value.id, each.attr)
        for each in ast.walk(node)
        if isinstance(each, ast.Attribute) and isinstance(each.value, ast.Name)
    }

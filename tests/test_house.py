"""Files and functions stay short enough to be read in one sitting."""

from __future__ import annotations

import ast
from pathlib import Path

import grimp
import numpy as np
import scipy.sparse.csgraph

ROOT = Path(__file__).parents[1]
SOURCES = sorted([*(ROOT / "core").rglob("*.py"), *(ROOT / "plugins").rglob("*.py")])


def length(node) -> int:
    """Count the lines of a function's body without its docstring."""
    body = node.body[1:] if ast.get_docstring(node) else node.body
    return body[-1].end_lineno - body[0].lineno + 1 if body else 0


def test_no_file_is_longer_than_400_lines():
    """The limit of the conventions, over the whole of core and plugins."""
    assert len(SOURCES) > 50
    assert [] == [path.name for path in SOURCES if len(path.read_text().splitlines()) > 400]


def test_no_function_is_longer_than_50_lines():
    """The same for functions."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    long = [
        f"{path.name}:{node.name}"
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, kinds) and length(node) > 50
    ]

    assert [] == long


def import_graph():
    """Read who imports whom, annotations and imports inside functions counted."""
    return grimp.build_graph("brainplug", "brainplug_plugins", exclude_type_checking_imports=False)


def test_no_module_imports_itself_by_way_of_others():
    """No circle, counting annotations; a circle would be a component of more than one module."""
    graph = import_graph()
    modules = sorted(graph.modules)
    assert len(modules) > 150
    index = {module: number for number, module in enumerate(modules)}
    edges = [
        (index[module], index[imported])
        for module in modules
        for imported in graph.find_modules_directly_imported_by(module)
    ]
    rows, columns = zip(*edges, strict=True)
    matrix = scipy.sparse.coo_matrix(
        (np.ones(len(edges)), (rows, columns)), shape=(len(modules), len(modules))
    )

    _, component = scipy.sparse.csgraph.connected_components(matrix, connection="strong")
    circles = [
        [module for module in modules if component[index[module]] == number]
        for number, count in enumerate(np.bincount(component))
        if count > 1
    ]

    assert [] == circles


def test_the_engine_has_few_modules_beside_its_folders():
    """What is no stage and no room is one of at most eight modules."""
    loose = [path.name for path in (ROOT / "core" / "brainplug").glob("*.py")]

    assert {"__init__.py", "errors.py", "registry.py"} <= set(loose)
    assert len(loose) <= 8


def test_only_the_runner_knows_the_workspace():
    """Every other function takes what it needs."""
    core = ROOT / "core" / "brainplug"
    naming = [
        path.relative_to(core).parts[0]
        for path in core.rglob("*.py")
        if "Workspace" in path.read_text(encoding="utf-8")
    ]

    assert {"run"} == set(naming)


def test_tests_mirror_the_engine():
    """A folder of tests is called like the folder it tests, so that both are found by one guess."""
    folders = {path.name for path in (ROOT / "tests").iterdir() if list(path.glob("test_*.py"))}
    rooms = {path.name for path in (ROOT / "core" / "brainplug").iterdir() if path.is_dir()}

    assert len(folders) > 10
    assert folders - rooms <= {"plugins", "typing", "siege"}

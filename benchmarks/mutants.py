"""Change a module in one small way after the other, and see whether a test notices.

    python benchmarks/mutants.py                           # audit, design and evaluation: hours
    python benchmarks/mutants.py evaluation/aggregate.py   # one module, in minutes
    python benchmarks/mutants.py design --most 40          # 40 changes of a folder, drawn at random

A change swaps a comparison, an operator, `and` with `or`, a truth value, adds one to a number or
turns a condition round. Each is made in a copy of the checkout, and the tests named in `TESTS` run
there until one fails. A change that none notices is printed: it is a hole in the tests, or makes no
difference. Each of them is worth a look; the share that was noticed is no goal by itself.
"""

from __future__ import annotations

import ast
import copy
import importlib
import os
import random
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from results import make_parser, write_results

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
ENGINE = Path("core/brainplug")
TESTS = {
    "audit": ("tests/audit", "tests/test_known_mistakes.py", "tests/run/test_byte_stability.py"),
    "design": ("tests/design", "tests/plugins/splits", "tests/plugins/pairings"),
    "evaluation": ("tests/evaluation", "tests/plugins/metrics"),
}
"""Tests that run for a folder, besides its doctests; those that notice most come first."""

NEEDED = ("core", "plugins", "tests", "recipes", "pyproject.toml")
HEAVY = ("pandas", "pyarrow", "pytest", "scipy.stats", "sklearn.linear_model")
"""Imported once; each change is tried in a fork of this process."""

HANG_S = 1800
SWAPS: dict[type, type] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.And: ast.Or,
    ast.Or: ast.And,
}
SKIPPED = ("annotation", "returns", "decorator_list")


class Mutant(NamedTuple):
    """A module with one change."""

    path: Path
    line: int
    before: str
    after: str
    text: str


def find_places(node: ast.AST) -> Iterator[ast.AST]:
    """Yield every node that computes something; annotations and decorators do not."""
    if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        return
    yield node
    for name, value in ast.iter_fields(node):
        if name in SKIPPED:
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from find_places(child)


def change(node: ast.AST) -> bool:
    """Change a node in place; return whether there was something to change."""
    if isinstance(node, ast.Compare) and type(node.ops[0]) in SWAPS:
        node.ops[0] = SWAPS[type(node.ops[0])]()
    elif isinstance(node, ast.BinOp | ast.AugAssign | ast.BoolOp) and type(node.op) in SWAPS:
        node.op = SWAPS[type(node.op)]()
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        node.value = not node.value
    elif isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        node.value += 1
    elif isinstance(node, ast.If | ast.IfExp | ast.While):
        node.test = ast.UnaryOp(ast.Not(), node.test)
    else:
        return False
    return True


def make_mutants(path: Path) -> Iterator[Mutant]:
    """Yield a module with every change that can be made, one at a time."""
    whole = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    for number, place in enumerate(find_places(whole)):
        changed = copy.deepcopy(whole)
        node = next(each for each in enumerate(find_places(changed)) if each[0] == number)[1]
        if not change(node):
            continue
        before, after = (ast.unparse(each).partition("\n")[0] for each in (place, node))
        yield Mutant(path, getattr(place, "lineno", 0), before, after, ast.unparse(changed))


def is_noticed(home: Path, folder: str, *, aloud: bool = False) -> bool:
    """Run the tests of a folder in a fork of this process; return whether one failed."""
    assert "brainplug" not in sys.modules  # or the fork would test what is there already
    child = os.fork()
    if child == 0:
        signal.alarm(HANG_S)  # a change that never ends is noticed, too
        os.chdir(home)
        sys.path[:0] = [str(home / "core"), str(home / "plugins")]
        if not aloud:
            silence = os.open(os.devnull, os.O_WRONLY)
            os.dup2(silence, 1)
            os.dup2(silence, 2)
        os._exit(ask_pytest(home, folder))
    _, status = os.waitpid(child, 0)
    return status != 0


def ask_pytest(home: Path, folder: str) -> int:
    """Return 0 where all tests pass."""
    import pytest

    options = ["-x", "-q", "-p", "no:cacheprovider", "-p", "no:randomly", "-p", "no:xdist"]
    options += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]  # pytest is imported before
    chosen = [name for name in TESTS[folder] if (home / name).exists()]
    return int(pytest.main([*options, *chosen, str(ENGINE / folder)]))


def find_modules(names: list[str]) -> list[Path]:
    """Return modules below the engine, given as files or folders."""
    found = []
    for name in names:
        place = ROOT / ENGINE / name
        found += sorted(place.glob("*.py")) if place.is_dir() else [place]
    return [path.relative_to(ROOT) for path in found if path.name != "__init__.py"]


def try_mutant(home: Path, mutant: Mutant) -> bool:
    """Return whether a change is noticed; undo it."""
    target = home / mutant.path
    whole = target.read_bytes()
    target.write_text(mutant.text, encoding="utf-8")
    noticed = is_noticed(home, mutant.path.parts[2])
    target.write_bytes(whole)
    if not noticed:
        place = f"{mutant.path}:{mutant.line}"
        print(f"{place}: {mutant.before}  ->  {mutant.after}", flush=True)
    return noticed


def main() -> None:
    """Read the command line, try all changes, and print the share that was noticed."""
    parser = make_parser(__doc__)
    parser.add_argument("modules", nargs="*", default=list(TESTS), help="files or folders")
    parser.add_argument("--most", type=int, help="try so many changes only, drawn at random")
    parser.add_argument("--seed", type=int, default=0, help="of that draw")
    given = parser.parse_args()
    sys.dont_write_bytecode = True  # a changed module may be as old and as long as it was
    for name in HEAVY:
        importlib.import_module(name)
    mutants = [each for path in find_modules(given.modules) for each in make_mutants(path)]
    if given.most is not None and given.most < len(mutants):
        mutants = random.Random(given.seed).sample(mutants, given.most)  # noqa: S311
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        for each in NEEDED:
            copied = shutil.copytree if (ROOT / each).is_dir() else shutil.copy
            copied(ROOT / each, home / each)
        for folder in {mutant.path.parts[2] for mutant in mutants}:
            if is_noticed(home, folder, aloud=True):
                sys.exit(f"the tests of {folder} fail as it is")
        noticed = [try_mutant(home, mutant) for mutant in mutants]
    print(f"{sum(noticed)} of {len(mutants)} changes noticed")
    rows = [
        {**mutant._asdict(), "path": str(mutant.path), "noticed": found, "text": None}
        for mutant, found in zip(mutants, noticed, strict=True)
    ]
    write_results(given.json, rows)


if __name__ == "__main__":
    main()

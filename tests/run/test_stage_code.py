"""Which stages an edit redoes: exactly those that see it, for every module of ours."""

from __future__ import annotations

import ast
import dis
import importlib
import inspect
import re
import shutil
import types
from pathlib import Path

import attrs
import grimp
import pytest
from rich.console import Console

from brainplug.recipe.load import read_recipe
from brainplug.recipe.tables import TaskFiles
from brainplug.registry import load_registry
from brainplug.run import context
from brainplug.run.context import Workspace
from brainplug.run.learning_stages import make_stages
from brainplug.run.task_stages import adopt_stage
from brainplug.runtime.code_closure import SourceTree

ROOT = Path(__file__).parents[2]
HOMES = {"brainplug": "core", "brainplug_plugins": "plugins"}
RUN = "brainplug.run."
CACHED = Workspace.__getattr__.__defaults__[0]
"""Functions of the cached properties of a workspace, which attrs puts out of sight."""


@pytest.fixture
def stages(write_recipe, tmp_path):
    """Every stage of a run by its name; `adopt` is that of finished task files."""
    registry = load_registry()
    workspace = Workspace.open(
        read_recipe(write_recipe(), registry).recipe,
        registry=registry,
        folder=tmp_path / "run",
        console=Console(quiet=True),
    )
    files = TaskFiles(train=(tmp_path,), val=(tmp_path,), test=(tmp_path,))
    finished = attrs.evolve(workspace, recipe=attrs.evolve(workspace.recipe, tasks=files))
    found = {stage.name: stage for stage in make_stages(workspace)}
    return found | {"adopt": adopt_stage(finished)}


@pytest.fixture
def copy(tmp_path):
    """A copy of our source that can be edited."""
    for name, home in HOMES.items():
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / home / name, tmp_path / home / name, ignore=ignore)
    return tmp_path


class NotingTree(SourceTree):
    """Source that notes which modules were looked for."""

    looked: set[str]

    def find(self, name):
        self.looked.add(name)
        return super().find(name)


def closures(stages, copy, known=None, edited=""):
    """Return the code of each stage in a copy; what is known of other modules is not read again."""
    tree = NotingTree(roots={name: copy / home for name, home in HOMES.items()})
    tree.looked = set()
    if known is not None:
        tree._sources.update(known._sources)
        tree._sources.pop(edited, None)
        tree._pieces.update(known._pieces)  # by content
    return {name: stage.closure(tree) for name, stage in stages.items()}, tree


def module_path(copy, module) -> Path:
    place = (copy / HOMES[module.partition(".")[0]]).joinpath(*module.split("."))
    return place / "__init__.py" if place.is_dir() else place.with_name(f"{place.name}.py")


def edits(path) -> list[tuple[str, str]]:
    """Return names of functions of a module, each with the module's text when that is edited.

    Without functions, an edit at its end.
    """
    lines = path.read_text().splitlines()
    found = []
    for function in filter(is_function, ast.parse("\n".join(lines)).body):
        last = function.body[-1]
        added = f"{' ' * last.col_offset}pass"
        edited = [*lines[: last.lineno - 1], added, *lines[last.lineno - 1 :], ""]
        found.append((function.name, "\n".join(edited)))
    return found or [("", "\n".join([*lines, "EDITED = True", ""]))]


def is_function(node) -> bool:
    return isinstance(node, ast.FunctionDef)


class Seen:
    """What a function uses when it runs, read from its bytecode; module by module from grimp."""

    def __init__(self, graph) -> None:
        self.graph = graph
        self.functions: set[tuple[str, str]] = set()
        self.modules: set[str] = set()

    def start(self, stage) -> None:
        """Start from the function of a stage, and from the classes of what it is handed."""
        self.visit(stage.run.func)
        for used in stage.uses:
            self.modules.add((used if isinstance(used, type) else type(used)).__module__)
            if isinstance(used, types.FunctionType):
                self.modules.add(used.__module__)
        self.modules = {name for name in self.modules if name in self.graph.modules}
        for name in sorted(self.modules):
            self.modules |= self.graph.find_upstream_modules(name)
        assert not [name for name in self.modules if name.startswith(RUN)]

    def visit(self, function) -> None:
        """Note a function of the run's own, and what it uses; note the module of any other."""
        function = inspect.unwrap(function)
        module = function.__module__
        if not module.startswith(RUN):
            self.modules.add(module)
            return
        if (module, function.__qualname__) in self.functions:
            return
        self.functions.add((module, function.__qualname__))
        for code in codes(function.__code__):
            steps = list(dis.get_instructions(code))
            for before, step in zip([None, *steps], steps, strict=False):
                self.take(step, before, function.__globals__, module)

    def take(self, step, before, names, module) -> None:
        """Note what one instruction looks up, where the one before loaded a workspace, of that."""
        if step.opname == "IMPORT_NAME":
            self.modules.add(step.argval)
        elif step.opname in {"LOAD_GLOBAL", "LOAD_NAME"} and step.argval in names:
            self.take_value(step.argval, names[step.argval], module)
        elif step.opname in {"LOAD_ATTR", "LOAD_METHOD"} and before.argval in {"workspace", "self"}:
            self.take_member(step.argval)

    def take_value(self, name, value, module) -> None:
        """Note where a name of a module comes from."""
        if isinstance(value, types.ModuleType):
            self.modules.add(value.__name__)
            return
        if getattr(value, "__module__", "").startswith(RUN):
            members = vars(value).values() if isinstance(value, type) else [value]
            for member in members:
                if isinstance(member, types.FunctionType) and member.__module__.startswith(RUN):
                    self.visit(member)
            return
        for imported in self.graph.find_modules_directly_imported_by(module):
            other = importlib.import_module(imported)
            home = getattr(value, "__module__", None)
            if getattr(other, name, None) is value and (home == imported or assigns(other, name)):
                self.modules.add(imported)

    def take_member(self, name) -> None:
        """Note what a workspace does or holds under a name."""
        member = CACHED.get(name) or vars(Workspace).get(name)
        if isinstance(member, property):
            member = member.fget
        if isinstance(member, types.FunctionType):
            self.visit(member)
        kind = getattr(context, Workspace.__annotations__.get(name, ""), None)
        if isinstance(kind, type):
            self.modules.add(kind.__module__)


def assigns(module, name) -> bool:
    """Tell whether a constant is given its value in a module, not only imported there."""
    return bool(re.search(rf"^{name}\b[^=\n]*=", Path(module.__file__).read_text(), re.MULTILINE))


def codes(code):
    """Give the code of a function and of those within it."""
    yield code
    for each in code.co_consts:
        if isinstance(each, types.CodeType):
            yield from codes(each)


def expected(seen, module, function) -> bool:
    """Tell whether a stage sees the edit of a function."""
    if module.startswith(RUN):
        return (module, function) in seen.functions
    # Python runs every package on the way to a module; of the engine they hold no code.
    packages = {
        name.rsplit(".", cut)[0]
        for name in seen.modules
        if name.startswith("brainplug_plugins")
        for cut in range(name.count(".") + 1)
    }
    return module in seen.modules | packages


def test_an_edit_of_any_module_redoes_the_stages_that_see_it(stages, copy):
    """One function of every module is edited in turn; grimp says who imports it.

    Of the modules of the run itself, which count function by function, every one is.
    """
    graph = grimp.build_graph(
        "brainplug", "brainplug_plugins", exclude_type_checking_imports=True, cache_dir=None
    )
    seen = {name: Seen(graph) for name in stages}
    for name, stage in stages.items():
        seen[name].start(stage)
    before, tree = closures(stages, copy)
    looked = {}
    for name, stage in stages.items():
        looked[name] = closures({name: stage}, copy, tree)[1].looked
    wrong = {}

    for module in sorted(graph.modules):
        path = module_path(copy, module)
        text = path.read_bytes()
        for function, edited in edits(path)[: None if module.startswith(RUN) else 1]:
            path.write_text(edited)
            # What a search never looks for cannot change what it finds.
            searched = {name: stage for name, stage in stages.items() if module in looked[name]}
            after, _ = closures(searched, copy, tree, module)
            redone = {name for name in after if before[name] != after[name]}
            should = {name for name in stages if expected(seen[name], module, function)}
            if redone != should:
                wrong[module, function] = {"redone": redone, "should be": should}
        path.write_bytes(text)

    assert len(graph.modules) > 100
    assert {} == wrong


LEARNT = {
    "volumes",
    "baselines",
    "training",
    "answers",
    "interventions",
    "metrics",
    "report",
}

EDITS = [
    ("report/sentence.py", "'better' if", "'greater' if", {"report"}),
    ("report/templates/page.html.j2", "<header>", "<header >", {"report"}),
    (
        "run/task_stages.py",
        "for study, rows in pairs.gr",
        "for study, rows in  pairs.gr",
        {"dialogues"},
    ),
    (
        "recipe/tables.py",
        "FIELD_OF_VIEW_MM = 240.0",
        "FIELD_OF_VIEW_MM = 250.0",
        {"cohort", "adopt", *LEARNT},
    ),
]


@pytest.mark.parametrize(("name", "old", "new", "redone"), EDITS)
def test_edits_that_went_unnoticed_redo_the_stages_that_see_them(
    stages, copy, name, old, new, redone
):
    """A sentence of the page, its template, the order of tasks, and a constant of the grid."""
    before, _ = closures(stages, copy)
    path = copy / "core" / "brainplug" / name
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))

    after, _ = closures(stages, copy)

    assert redone == {stage for stage in stages if before[stage] != after[stage]}


def test_an_edit_of_what_a_prompt_is_handed_redoes_the_dialogues(stages, copy):
    """A case comes as an argument; its method decides the wording."""
    before, _ = closures(stages, copy)
    path = copy / "core" / "brainplug" / "api" / "records.py"
    assert "def choose(" in path.read_text()
    path.write_text(path.read_text().replace("def choose(", "def choose( "))

    after, _ = closures(stages, copy)

    assert before["dialogues"] != after["dialogues"]

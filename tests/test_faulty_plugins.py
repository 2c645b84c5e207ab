"""Parts of strangers, each with one fault: a message names the package, and nothing else breaks."""

from __future__ import annotations

import re
import sys

import pytest

from brainplug.cli.main import main
from brainplug.errors import PluginError, RecipeError
from brainplug.recipe.load import read_recipe
from brainplug.registry import load_registry
from test_third_party import install

PACKAGE = "brainplug-faulty 0.1.0"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """One distribution of faulty parts, installed into a folder."""
    folder = tmp_path_factory.mktemp("site")
    install(["faulty"], folder)
    return folder


@pytest.fixture(autouse=True)
def _installed(site, monkeypatch):
    """Let this process see the distribution, and forget it afterwards."""
    monkeypatch.syspath_prepend(str(site))
    yield
    for name in [name for name in sys.modules if name.startswith("brainplug_faulty")]:
        del sys.modules[name]


@pytest.fixture
def recipe_with(write_recipe):
    """Give the writer of a small recipe, one table of which names another part."""

    def write(table, use, more=""):
        path = write_recipe(epochs=1)
        text = path.read_text()
        if table == "evaluation":
            text += f'metrics = ["{use}"]\n'
        elif table in ("cohort", "prompt"):  # whose options are those of one part
            text = re.sub(rf"\[{table}\]\n[^\[]*", f'[{table}]\nuse = "{use}"\n', text)
        else:
            text = re.sub(rf'(\[{table}\]\nuse = )"[^"]*"', rf'\1"{use}"', text)
        for old, new in [each.split(" -> ") for each in more.split("\n") if each]:
            text = text.replace(old, new)
        path.write_text(text)
        return path

    return write


def test_faulty_parts_that_no_recipe_names_break_nothing(write_recipe, capsys):
    """A recipe of other parts is checked as ever; only what was not loaded is a warning."""
    assert 0 == main(["check", str(write_recipe())])

    told = capsys.readouterr().err.splitlines()
    assert all(PACKAGE in line for line in told)
    assert ["'dataclassy'", "'forgotten'", "'nothing'"] == sorted(line.split()[3] for line in told)
    assert "brainplug_metrics is not called; put @hookimpl above it" in "".join(told)


SHAPES = {
    "kindless": ("evaluation", ["kind: 'categorical' or 'numerical'"]),
    "scor": ("evaluation", ["score(predictions)", "'scor'", "did you mean 'score'?"]),
    "greedy": ("evaluation", ["abilities", "'Repeats'", "ScoresResamples"]),
    "dataclassy": ("evaluation", ["@attrs.frozen(kw_only=True)"]),
    "forgotten": ("evaluation", ["put @hookimpl above it"]),
    "sourceless": ("cohort", ["sources()"]),
    "unbuildable": ("cohort", ["AttributeError", "'folder'"]),
    "speechless": ("prompt", ["dialogue(case)"]),
    "aimless": ("split", ["assign(cohort, *, seed)"]),
    "seedless": ("split", ["assign(cohort)", "cannot be called as assign(cohort, *, seed)"]),
    "planless": ("model", ["plan(shape)"]),
}
"""Part -> table that names it, and what the message says; refused when the recipe is read."""


@pytest.mark.parametrize("part", SHAPES)
def test_a_part_of_the_wrong_shape_is_refused_when_a_recipe_names_it(part, recipe_with):
    """What is missing is named, with part, package and what to do, before any data is read."""
    table, words = SHAPES[part]
    path = recipe_with(table, part, "fractions = { train = 0.5, val = 0.25, test = 0.25 } -> ")
    if table == "model":
        path.write_text(re.sub(r"(\[model\]\nuse = [^\n]*\n)[^\[]*", r"\1", path.read_text()))

    with pytest.raises(RecipeError) as caught:
        read_recipe(path, load_registry())

    (problem,) = caught.value.problems
    assert problem.startswith(table)
    for each in (repr(part), PACKAGE, *words):
        assert each in problem


LAWS = {
    "misreading": ("target", "", ["say(", "'male'", "parse reads as 'female'"]),
    "voiceless": ("target", "", ["fit", "Answers", "say(value)"]),
    "off-by-one": ("target", '"sex" -> "age"', ["parse reads as"]),
    "raising": ("evaluation", "", ["score", "AttributeError", "'nothing'", "--verbose"]),
    "wordy": ("evaluation", "", ["score", "must return float", "str 'very good'"]),
    "unreadable": ("cohort", "", ["load", "PermissionError", "/lab/people.csv", "--verbose"]),
    "empty": ("cohort", "", ["load", "must return CohortTable", "returned nothing"]),
    "breaking": ("prompt", "", ["dialogue", "IndexError", "--verbose"]),
    "telling": ("prompt", "", ["the query's value before the answer"]),
}
"""Part -> table that names it, changes to the recipe, and what the message says."""


@pytest.mark.parametrize("part", LAWS)
def test_a_part_that_breaks_a_law_is_told_of_at_check(part, recipe_with, capsys):
    """`check` ends with one line that names part, package, method and what to do."""
    table, more, words = LAWS[part]

    assert 1 == main(["check", str(recipe_with(table, part, more))])

    error = capsys.readouterr().err.partition("brainplug: error: ")[2]
    assert "Traceback" not in error
    assert "make room" not in error
    for each in (repr(part), PACKAGE, *words):
        assert each in error


def test_a_helper_method_called_runs_makes_no_cross_validation(recipe_with, capsys):
    """An ability counts where it is declared."""
    assert 0 == main(["check", str(recipe_with("split", "helped"))])

    assert "runs: first" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("table", "part", "words"),
    [
        ("evaluation", "late", ["score of the metric raised KeyError: 'no such subject'"]),
        ("model", "tired", ["give_up", "OSError", "No space left on device"]),
    ],
)
def test_a_part_that_raises_in_the_middle_of_a_training(
    recipe_with, tmp_path, capsys, table, part, words
):
    """The run ends with one line that names the package; the log says the same."""
    path = recipe_with(table, part)

    assert 1 == main(["run", str(path), "--output", str(tmp_path / "run")])

    error = capsys.readouterr().err.partition("brainplug: error: ")[2]
    assert 1 == len(error.splitlines())
    assert "make room" not in error
    for each in (PACKAGE, *words):
        assert each in error
    assert "training begins" in (tmp_path / "run" / "log.txt").read_text()


def test_verbose_shows_where_a_part_raised(recipe_with, capsys):
    """The traceback of what the plugin did is there for its author."""
    path = recipe_with("evaluation", "raising")

    assert 1 == main(["check", str(path), "--verbose"])

    error = capsys.readouterr().err
    assert "return predictions.nothing" in error
    assert "brainplug: error: " in error


def test_an_error_of_a_part_holds_its_facts():
    """Programs read part, role, package, method and cause from the error."""
    metric = load_registry().make_metric("raising")

    with pytest.raises(PluginError) as caught:
        metric.score(None)

    error = caught.value
    assert ("raising", "metrics", PACKAGE) == (error.plugin, error.role, error.distribution)
    assert error.method == "score"
    assert isinstance(error.__cause__, AttributeError)


def test_what_is_no_exception_is_the_parts_fault_too(tmp_path, write_recipe, capsys):
    """A plugin may raise anything; nothing of Python's own is printed."""
    (tmp_path / "bad.py").write_text("raise BaseException('odd')\n")
    recipe = write_recipe()
    recipe.write_text('plugins = ["bad.py"]\n' + recipe.read_text())

    assert 1 == main(["check", str(recipe)])

    printed = capsys.readouterr().err
    assert "plugin 'bad.py': <module> raised BaseException: odd (bad.py, line 1)" in printed
    assert "Traceback" not in printed

"""One Python file beside a recipe, whose parts the recipe uses."""

from __future__ import annotations

import shutil

import pytest

import brainplug
from brainplug.cli.main import main
from brainplug.errors import DataError, RecipeError
from brainplug.plugin_sources import import_file
from brainplug.recipe.load import read_recipe
from brainplug.registry import blame, load_registry
from brainplug.run.ledger import Ledger
from brainplug.runtime.files import read_json
from brainplug.testing import make_study

REGISTRY = load_registry()

METRIC = '''"""A metric of our own."""

import attrs
import numpy as np

from brainplug import Part, hookimpl


@attrs.frozen(kw_only=True)
class Options:
    """Options of `hits`."""


class Hits:
    """Share of people who are said right."""

    kind, higher_is_better, unit = "categorical", True, ""

    def __init__(self, options): ...

    def score(self, predictions):
        return float(np.mean(predictions.truth == predictions.predicted))


@hookimpl
def brainplug_metrics():
    yield Part("hits", Options, Hits)
'''

SPLIT = '''"""A split of our own."""

import attrs

from brainplug import Part, hookimpl
from brainplug.api.records import POOLS


@attrs.frozen(kw_only=True)
class Options:
    """Options of `numbered`."""


class Numbered:
    """Puts every sixth family in one pool, by its number."""

    def __init__(self, options): ...

    def assign(self, cohort, *, seed):
        return cohort["family"].map(lambda family: POOLS[int(family[1:]) % 6])


@hookimpl
def brainplug_splits():
    yield Part("numbered", Options, Numbered)
'''

LISTED = """
[cohort]
use = "table"
table = "study/people.csv"
images = "study/scans"
subject = "id"
family = "family"
[target]
use = "categorical"
column = "sex"
labels = { female = "female", male = "male" }
[split]
use = "numbered"
[pairing]
use = "independent"
references_per_query = 2
[prompt]
use = "comparison"
[images]
scans = "listed"
"""
"""A study whose scans are not looked at, which saves seconds."""


@pytest.fixture
def recipe_with(write_recipe):
    """Give the writer of a small recipe that names files, with what they hold."""

    def write(named='["ours.py"]', **files):
        path = write_recipe(epochs=1)
        text = path.read_text().replace("[evaluation]", '[evaluation]\nmetrics = ["hits"]')
        path.write_text(f"plugins = {named}\n{text}")
        for name, content in (files or {"ours": METRIC}).items():
            (path.parent / f"{name}.py").write_text(content)
        return path

    return write


def problems(path):
    """Return why a recipe is refused."""
    with pytest.raises(RecipeError) as caught:
        read_recipe(path, REGISTRY)
    return caught.value.problems


def test_a_file_that_a_recipe_names_offers_its_parts(recipe_with):
    """Relative to the recipe; the registry that was given has them not."""
    file = read_recipe(recipe_with(), REGISTRY)

    assert "hits" == file.recipe.evaluation.metrics[0].use
    assert "hits" in file.registry.metrics
    assert "hits" not in REGISTRY.metrics
    assert "ours.py" == str(file.registry.distribution("metrics", "hits"))


def test_a_file_is_run_only_when_the_recipe_names_it(recipe_with):
    """It may lie beside the recipe as long as it likes."""
    path = recipe_with("[]", ours="raise SystemExit('this was run')")

    (problem,) = problems(path)

    assert "unknown metric: 'hits'" in problem


def test_a_changed_file_is_read_anew_and_none_is_imported_twice(tmp_path):
    """In a notebook that is how one writes a plugin; the older one stays what it was."""
    path = tmp_path / "ours.py"
    path.write_text(METRIC)
    first = import_file(path)
    again = import_file(path)
    path.write_text(METRIC.replace("Share of", "How many"))
    second = import_file(path)

    assert first.module is again.module
    assert "Share of people who are said right." == first.module.Hits.__doc__
    assert "How many people who are said right." == second.module.Hits.__doc__
    assert not (tmp_path / "__pycache__").exists()


BROKEN = {
    "raises": ("x = 1\ny = nothing\n", ["ours.py: line 2", "NameError", "nothing", "correct it"]),
    "syntax": ("x = 1\ndef broken(:\n", ["ours.py: line 2", "SyntaxError"]),
    "exits": ("import sys\nsys.exit(3)\n", ["ours.py: line 2", "SystemExit: 3"]),
    "lone": ("import beside_me\n", ["line 1", "beside_me", "stands alone", "brainplug new"]),
    "room": ("from brainplug.modell import Part\n", ["did you mean 'brainplug.model'?"]),
    "name": ("from brainplug import DataErorr\n", ["did you mean 'DataError'?"]),
    "module": ("import brainplug.api.recods\n", ["did you mean 'brainplug.api.records'?"]),
    "idle": ("x = 1\n", ["plugin 'ours.py'", "offers no part", "yielding parts, in this file"]),
    "typo": (METRIC.replace("brainplug_metrics", "brainplug_metrix"), ["'brainplug_metrics'?"]),
    "bare": (METRIC.replace("@hookimpl\n", ""), ["put @hookimpl above it"]),
    "clash": (METRIC.replace('"hits"', '"mae"'), ["'mae'", "brainplug 0", "ours.py", "one name"]),
    "hidden": (METRIC + METRIC[METRIC.index("@hookimpl") :], ["one function", "keeps the last"]),
    "shape": (METRIC.replace("@attrs.frozen(kw_only=True)\n", ""), ["@attrs.frozen"]),
}
"""What is wrong with a file, and what the message says."""


@pytest.mark.parametrize("fault", BROKEN)
def test_what_is_wrong_with_a_file_is_one_line(fault, recipe_with):
    """With file, line and what to do; it is told alone, since all else follows from it."""
    content, words = BROKEN[fault]

    (problem,) = problems(recipe_with(ours=content))

    assert problem.startswith("plugins")
    for each in words:
        assert each in problem


NAMED = {
    '"ours.py"': ["an array", '["my_study.py"]'],
    '["our.py"]': ["no such file", "did you mean 'ours.py'?"],
    '["ours.txt"]': [".py", "ours.txt"],
    "[3]": ["plugins[0]", "3"],
    '["ours.py", "./ours.py"]': ["different names", "'ours.py'", "2 times"],
}
"""How a recipe names files, and what the message says."""


@pytest.mark.parametrize("named", NAMED)
def test_what_is_no_list_of_python_files_is_refused(named, recipe_with):
    """Each with its place in the recipe, before any is used."""
    (problem,) = problems(recipe_with(named))

    for each in NAMED[named]:
        assert each in problem


@pytest.mark.parametrize("table", ["cohort", "evaluation"])
def test_files_that_are_named_below_a_table_are_told_alone(recipe_with, table):
    """Parts that are unknown for want of the files follow from that."""
    path = recipe_with(ours=METRIC)
    named, _, rest = path.read_text().partition("\n")
    assert named.startswith("plugins")
    path.write_text(rest.replace(f"[{table}]", f"[{table}]\n{named}"))

    (problem,) = problems(path)

    assert problem.startswith(f"{table}.plugins: stands below a table; move it above all")


def test_no_traceback_is_shown_unless_it_is_asked_for(recipe_with, capsys):
    """A mistake in one's own file is a mistake of the user, not of brainplug."""
    path = recipe_with(ours=METRIC.replace("import numpy", "import nump"))

    assert 1 == main(["check", str(path)])
    assert "Traceback" not in capsys.readouterr().err
    assert 1 == main(["check", str(path), "--verbose"])
    assert "Traceback" in capsys.readouterr().err


def test_an_exception_of_a_part_names_file_and_line(recipe_with):
    """The line that raised, as a traceback would."""
    file = read_recipe(recipe_with(ours=METRIC.replace("np.mean", "np.man")), REGISTRY)

    with pytest.raises(brainplug.PluginError, match=r"\(ours.py, line 22\); correct it"):
        file.recipe.evaluation.metrics[0].make().score(brainplug.Predictions(truth=1, predicted=1))


def test_an_exception_within_the_network_of_a_file_is_not_ours(tmp_path):
    """What others call of it is told with file and line too."""
    (tmp_path / "ours.py").write_text("def forward():\n    return 1 / 0\n")
    module = import_file(tmp_path / "ours.py").module

    with pytest.raises(ZeroDivisionError) as caught:
        module.forward()

    assert "'ours.py': forward raised ZeroDivisionError: " in str(blame(caught.value))
    assert "(ours.py, line 2)" in str(blame(caught.value))


def split_people(path, capsys):
    """Do a run up to the split; return its folder and what it said."""
    folder = path.parent / "run"
    assert 0 == main(["run", str(path), "--output", str(folder), "--until", "split"])
    return folder, " ".join(capsys.readouterr().out.split())


def test_a_run_keeps_the_file_and_redoes_what_depends_on_it(recipe_with, capsys):
    """The run says what is run; the copy has its hash, and serves when the file is gone."""
    path = recipe_with('["ours.py", "halves.py"]', ours=METRIC, halves=SPLIT)
    make_study(path.parent / "study", subjects=48, layout="table")
    start, grid = path.read_text().split("[cohort]")[0], path.read_text().split("[images]")[1]
    path.write_text(start + LISTED + grid)
    folder, told = split_people(path, capsys)
    assert "halves.py, sha256" in told
    assert "offers split strategy 'numbered'" in told
    kept = {each.name for each in folder.glob("plugins/*")}
    assert {"SHA256SUMS", "ours.py", "halves.py"} == kept
    assert METRIC == (folder / "plugins" / "ours.py").read_text()
    assert "sha256:" in read_json(folder / "record.json")["plugins"]["halves.py"]

    (path.parent / "ours.py").write_text(METRIC.replace("Share of", "How many"))
    (path.parent / "halves.py").write_text(SPLIT.replace("[int(", "[5 * int("))
    before = Ledger(folder).read()
    _, told = split_people(path, capsys)
    after = Ledger(folder).read()
    assert ["split"] == [name for name in after if before[name]["key"] != after[name]["key"]]
    assert "code changed: halves.py" in told

    # As when the folder is opened elsewhere.
    moved = folder.rename(path.parent / "elsewhere")
    for each in path.parent.glob("*.py"):
        each.unlink()
    registry = brainplug.open_run(moved).registry
    assert "hits" in registry.metrics
    assert moved / "plugins" / "halves.py" == registry.files[1].path
    (moved / "plugins" / "halves.py").write_text(SPLIT)
    with pytest.raises(RecipeError, match="the file that this run was made with"):
        _ = brainplug.open_run(moved).registry
    shutil.rmtree(moved / "plugins")
    with pytest.raises(RecipeError, match="no such file"):
        _ = brainplug.open_run(moved).registry


def test_a_folder_is_no_plugin_file(tmp_path):
    """Not even one that is called as if it were."""
    (tmp_path / "ours.py").mkdir()

    with pytest.raises(DataError, match="a folder"):
        import_file(tmp_path / "ours.py")

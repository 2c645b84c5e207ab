"""brainplug from Python: check, run, and what a notebook shows."""

from __future__ import annotations

import ast
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

import brainplug
from brainplug.run.log import log
from brainplug.run.progress import in_notebook, showing
from brainplug.runtime.terminal import Terminal

NOTEBOOK = Path(__file__).parents[2] / "docs" / "notebook.ipynb"


def cells(kind):
    """Return the sources of the notebook's cells of a kind."""
    found = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in found if cell["cell_type"] == kind]


def run_cell(source, names):
    """Run a cell as IPython does; return what its last line is worth, None where that is none."""
    tree = ast.parse(source)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, str(NOTEBOOK), "exec"), names)
    if last is None:
        return None
    return eval(compile(ast.Expression(last.value), str(NOTEBOOK), "eval"), names)


def test_the_notebook_runs(tmp_path, monkeypatch, capsys):
    """Every cell, in order; each table that it shows is one and is not empty."""
    monkeypatch.chdir(tmp_path)
    names = {}

    shown = [run_cell(cell, names) for cell in cells("code")]

    tables = [each for each in shown if isinstance(each, pd.DataFrame)]
    assert 4 == len(tables)
    assert all(len(table) for table in tables)
    run, checked = names["run"], names["checked"]
    assert run.files.report.is_file()
    assert {"model", "majority"} <= set(run.metrics["system"])
    assert 60 == len(run.cohort)
    assert 1 == checked.recipe["training"]["epochs"]
    assert checked.recipe["training"]["learning_rate"] in shown
    assert "usable scans" in checked.told
    assert "usable scans" in capsys.readouterr().out


def test_a_notebook_is_left_without_what_it_showed():
    """No output goes stale, and no path of a machine is in it."""
    found = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]

    assert all(not cell.get("outputs") for cell in found)
    assert any("brainplug.open_run" in cell for cell in cells("code"))


def test_a_quiet_check_tells_and_prints_nothing(write_recipe, capsys):
    """What is told is in the result either way."""
    checked = brainplug.check(write_recipe(), quiet=True)

    assert "usable scans" in str(checked)
    assert {"studies", "pools", "tasks", "steps", "notes", "warnings"} <= set(checked.facts)
    assert json.loads(json.dumps(checked.facts)) == checked.facts
    assert "simulated" == checked.recipe["cohort"]["use"]
    assert "" == capsys.readouterr().out


def test_mistakes_are_raised_with_their_facts(tmp_path):
    """As the command tells them, all at once."""
    (tmp_path / "bad.toml").write_text("seed = 'x'\n[cohort]\nuse = 'nowhere'\n")

    with pytest.raises(brainplug.RecipeError) as caught:
        brainplug.run(tmp_path / "bad.toml", quiet=True)

    assert len(caught.value.problems) > 1
    with pytest.raises(brainplug.RecipeError, match="demo"):
        brainplug.check("no-such-recipe")


def test_a_process_of_several_is_sent_to_the_command(monkeypatch, write_recipe):
    """Each would do the whole run, in one folder."""
    for name, value in {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "2"}.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(brainplug.RunError, match="torchrun"):
        brainplug.run(write_recipe())


@pytest.fixture
def cell(monkeypatch):
    """Give what a cell of a notebook shows, as IPython would show it."""
    shown = []

    def display(text, *, display_id):
        assert display_id
        shown.append(text)
        return SimpleNamespace(update=shown.append)

    module = SimpleNamespace(display=display, Pretty=str)
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(display=module))
    monkeypatch.setitem(sys.modules, "IPython.display", module)
    return shown


def test_a_notebook_shows_one_line_that_goes(cell, tmp_path):
    """Seldom enough not to slow the work; the last state always; nothing is left."""
    times = iter([0.0, 0.1, 1.0, 1.0, 1.1, 1.1])

    with in_notebook("scan", lambda: next(times)) as draw:
        draw(1, 4, "")
        draw(2, 4, "3 s left")
        draw(4, 4, "")

    assert ["scan …", "", "2 of 4, 3 s left", "4 of 4"] == [
        cell[0],
        cell[-1],
        cell[1].rpartition("░ ")[2],
        cell[2].rpartition("█ ")[2],
    ]
    assert 4 == len(cell)

    console = Terminal(force_jupyter=True)
    with showing("scan", console=console, log=lambda line: log(tmp_path, line), say=print) as told:
        told(1, 1)
    assert "scan ██████████████████████████████ 1 of 1" == cell[-2]

"""Several runs side by side: paired where they share people, and said where not."""

from __future__ import annotations

import json
import shutil

import pandas as pd
import pytest

import brainplug
from brainplug.cli.main import main
from brainplug.errors import DataError, RunError
from brainplug.evaluation.comparison import System
from brainplug.run.comparing import compare_runs, whose_scans
from finished import copy_run, edit_answers


@pytest.fixture(scope="module")
def right(sex_run, tmp_path_factory):
    """A copy of the run of labels in which every answer is right, by another recipe."""
    folder = copy_run(sex_run, tmp_path_factory.mktemp("runs") / "right")
    edit_answers(folder, lambda row: row | {"prediction": row["truth"]})
    recipe = (folder / "recipe.toml").read_text()
    assert "learning_rate = 0.001" in recipe
    recipe = recipe.replace("learning_rate = 0.001", "learning_rate = 0.01")
    (folder / "recipe.toml").write_text(recipe)
    return folder


@pytest.fixture(scope="module")
def others(sex_run, tmp_path_factory):
    """A copy of the run whose people are others."""
    return copy_run(sex_run, tmp_path_factory.mktemp("runs") / "others", sub="two")


def compare(*folders):
    return compare_runs({folder.name: brainplug.open_run(folder) for folder in folders})


def test_runs_of_the_same_people_are_paired(sex_run, right):
    """The difference is that of their scores, on all people; only what differs is told."""
    found = compare(right, sex_run)

    ours, theirs = (dict(run.metrics) for run in found.runs)
    assert 1.0 == ours["accuracy"].value
    for each in found.differences:
        gap = ours[each.metric].value - theirs[each.metric].value
        assert pytest.approx(gap) == each.difference.value
        assert each.paired
        assert found.runs[0].people == each.shared
    assert ["training.learning_rate"] == [each.key for each in found.recipe]
    assert {"right": 0.01, "run": 0.001} == dict(found.recipe[0].by_run)
    assert () == found.notes


def test_runs_of_other_people_are_not_paired(right, others):
    """Nobody is shared, so there is no paired test, and the reader is told."""
    found = compare(right, others)

    assert all(not each.paired and each.shared == 0 for each in found.differences)
    assert all(each.difference.p_value is None for each in found.differences)
    assert any("share 0 of" in note for note in found.notes)


def test_ids_that_name_other_scans_are_told(sex_run, right, tmp_path):
    """Two studies may both have a sub-01."""
    other = copy_run(right, tmp_path / "other")
    volumes = json.loads((other / "volumes.json").read_text())
    volumes["content"] = {path: f"other {each}" for path, each in volumes["content"].items()}
    (other / "volumes.json").write_text(json.dumps(volumes))

    found = compare(sex_run, other)

    assert any("have other scans of" in note for note in found.notes)


def test_folds_are_taken_together(sex_run, others, tmp_path):
    """The people of all folds are scored at once; with seeds they would count twice."""
    for name, run in {"fold-1": sex_run, "fold-2": others}.items():
        copy_run(run, tmp_path / "cv" / "runs" / name)
    (tmp_path / "cv" / "runs.json").write_text('["fold-1", "fold-2"]')
    shutil.copy(sex_run / "recipe.toml", tmp_path / "cv")

    found = compare(tmp_path / "cv", sex_run)

    assert 2 * found.runs[1].people == found.runs[0].people
    assert any("cv is 2 runs" in note for note in found.notes)
    assert {found.runs[1].people} == {each.shared for each in found.differences}

    shutil.rmtree(tmp_path / "cv" / "runs" / "fold-2")
    copy_run(sex_run, tmp_path / "cv" / "runs" / "fold-2")
    with pytest.raises(RunError, match="people are in the test split of several of them"):
        compare(tmp_path / "cv", sex_run)


def test_a_locked_test_has_validation_compared(sex_run, right, tmp_path):
    """Where one run was not tested, all are compared on validation, and that is said."""
    locked = copy_run(right, tmp_path / "locked")
    metrics = json.loads((locked / "metrics.json").read_text())
    del metrics["splits"]["test"]
    (locked / "metrics.json").write_text(json.dumps(metrics))

    found = compare(sex_run, locked)

    assert "val" == found.split
    assert any("The test was not opened in locked" in note for note in found.notes)


def test_runs_of_other_targets_are_refused(sex_run, bmi_run):
    """A label and a number have no difference."""
    with pytest.raises(DataError, match="a run with the same target: name 'sex'"):
        compare_runs({"a": brainplug.open_run(sex_run), "b": brainplug.open_run(bmi_run)})
    with pytest.raises(RunError, match="expected two runs or more"):
        compare(sex_run)


def test_the_command_prints_and_writes(sex_run, right, tmp_path, capsys):
    """A table for readers, JSON and CSV for programs, all of the same numbers."""
    assert 0 == main(["compare", str(right), str(sex_run), "--csv", str(tmp_path / "c.csv")])
    printed = capsys.readouterr().out
    assert "learning_rate" in printed
    assert 0 == main(["compare", str(right), str(sex_run), "--json"])

    found = json.loads(capsys.readouterr().out)

    table = pd.read_csv(tmp_path / "c.csv")
    gaps = table[table["what"] == "difference"]
    wanted = [each["difference"]["value"] for each in found["differences"]]
    assert pytest.approx(wanted) == gaps["value"].tolist()
    assert {"right", "run"} == set(table.loc[table["what"] == "score", "run"])
    assert 1 == main(["compare", str(right), f"{right}/"])
    assert "each run once" in capsys.readouterr().err


@pytest.mark.parametrize(("subjects", "what"), [("abcd", "people"), ("aabb", "predictions")])
def test_what_runs_share_is_named_for_what_it_is(subjects, what):
    """A person whose value differs between visits has a prediction for each."""
    rows = [("S", subject, float(place), "") for place, subject in enumerate(subjects)]
    people = pd.DataFrame(rows, columns=["study", "subject", "truth", "content"])
    one, other = (
        System(name=name, people=rows, labels=(), train_mean=1.0)
        for name, rows in (("one", people), ("other", people.iloc[1:]))
    )

    (told,) = whose_scans(one, other)

    assert f"one and other share 3 of 4 and 3 {what} (by" in told

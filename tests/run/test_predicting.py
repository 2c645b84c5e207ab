"""Scans of a user's own, read by the model of a finished run."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tomllib
from io import StringIO

import attrs
import numpy as np
import pandas as pd
import pytest
import tomli_w
from rich.console import Console

import brainplug
from brainplug.cli.main import main
from brainplug.cli.predict import make_table
from brainplug.errors import DataError, RunError, ScanError
from brainplug.evaluation.conformal import Band
from brainplug.inference.predicted import PairAnswer, Prediction, PredictionTable
from brainplug.run.predicting import with_band
from brainplug.runtime.files import read_json, write_json
from finished import copy_run


@pytest.fixture(scope="module")
def moved(bmi_run, tmp_path_factory):
    """A run that was moved, whose study's tables, metrics and first weights are not there."""
    folder = tmp_path_factory.mktemp("moved") / "elsewhere"
    shutil.copytree(bmi_run, folder, ignore=shutil.ignore_patterns("checkpoints"))
    recipe = (folder / "recipe.toml").read_text()
    lacking = tomllib.loads(recipe.replace('use = "simulated"', 'use = "not-here"'))
    lacking["evaluation"]["metrics"] = ["not-here"]  # which nobody needs who predicts
    (folder / "recipe.toml").write_text(tomli_w.dumps(lacking))
    # What so small a model says freely cannot be read, so that it would be no prediction.
    scores = read_json(folder / "metrics.json")
    scores["readouts"]["headline"] = "expected"
    write_json(folder / "metrics.json", scores)
    return brainplug.open_run(folder)


def scans(run, pool: str) -> pd.DataFrame:
    """Return the scans of a pool of a run's split."""
    split = pd.read_csv(run.folder / "split.csv", dtype=str)
    return run.cohort.merge(split[split["pool"] == pool], on="subject")


def beside(run, subject: str) -> list[tuple[str, float]]:
    """Return the references that a person of the run was asked beside."""
    own = run.answers[run.answers["subject"] == subject]
    shown = [name for names in own["references"] for name in names]
    told = run.cohort.set_index("subject").loc[shown]
    return list(zip(told["image"], told["target"], strict=True))


def expected(run, split: str) -> pd.DataFrame:
    """Return what the model expects of each person of a split, and how often it was asked."""
    rows = run.answers[run.answers["split"] == split]
    grouped = rows.groupby("subject")
    return pd.DataFrame(
        {
            "truth": grouped["truth"].first(),
            "value": grouped["expected"].median(),
            "asked": grouped["task_id"].count(),
        }
    )


def test_a_query_is_read_as_the_run_read_it(moved):
    """Beside its references of the run, a test person gets the run's own prediction again."""
    person = scans(moved, "test_query").iloc[0]
    wanted = expected(moved, "test").loc[person["subject"]]

    found = moved.predict(beside(moved, person["subject"]), [person["image"]])

    assert 1 == len(found)
    assert pytest.approx(wanted["value"], abs=1e-5) == found["prediction"][0]
    assert wanted["asked"] == found["answers"][0]
    assert "the run was made from this very scan" in found["warnings"][0]


def test_a_number_comes_with_the_errors_of_validation(moved):
    """The interval is the prediction, give or take an error of validation; it says what it is."""
    person = scans(moved, "test_query").iloc[0]
    val = expected(moved, "val")
    errors = np.sort((val["value"] - val["truth"]).abs())
    rank = int(np.ceil((len(errors) + 1) * 0.8))

    found = moved.predict(beside(moved, person["subject"]), [person["image"]], coverage=0.8)

    assert pytest.approx(errors[rank - 1]) == found["high"][0] - found["prediction"][0]
    assert pytest.approx(errors[rank - 1]) == found["prediction"][0] - found["low"][0]
    assert "at least 80% of people on average" in found.attrs["notes"][0]
    assert f"{len(errors)} validation people" in found.attrs["notes"][0]
    assert not [note for note in found.attrs["notes"] if "times each" in note]

    few = moved.predict(beside(moved, person["subject"])[:1], [person["image"]], coverage=0.8)
    assert [note for note in few.attrs["notes"] if "asked 2 times each" in note]


def test_an_unreadable_query_does_not_end_the_rest(sex_run, tmp_path, capsys):
    """It has its reason in the table, the others their answers, and the exit code is 1."""
    run = brainplug.open_run(sex_run)
    told, asked = scans(run, "test_reference"), scans(run, "test_query")
    (tmp_path / "broken.nii.gz").write_text("no scan")
    references = [f"{row.image}={row.target.upper()}" for row in told.iloc[:2].itertuples()]
    queries = [str(tmp_path / "broken.nii.gz"), *asked["image"].iloc[:2]]
    command = ["predict", str(sex_run), "--reference", *references, "--query", *queries]

    assert 1 == main([*command, "--format", "json"])

    found = json.loads(capsys.readouterr().out)
    assert [bool(each["error"]) for each in found["predictions"]] == [True, False, False]
    assert "unreadable file" in found["predictions"][0]["error"]
    for each in found["predictions"][1:]:
        assert each["prediction"] in {"female", "male"}
        shown = [answer["references"][0]["scan"] for answer in each["answers"]]
        assert list(told["image"].iloc[:2]) == shown

    assert 0 == main([*command[:-3], *queries[1:], "--output", str(tmp_path / "p.csv")])
    assert queries[1:] == list(pd.read_csv(tmp_path / "p.csv")["query"])


def test_values_that_are_none_of_the_target_are_refused(sex_run, moved):
    """A label that the run has not names those it has; a word is no number."""
    with pytest.raises(DataError, match="one of 'female', 'male', found 'M'"):
        brainplug.open_run(sex_run).predict([("a.nii.gz", "M")], ["b.nii.gz"])
    with pytest.raises(DataError, match="expected a number, found 'heavy'"):
        moved.predict([("a.nii.gz", "heavy")], ["b.nii.gz"])


def test_a_comparison_needs_references_that_can_be_read(moved, tmp_path):
    """Without any, and with one that is not there, nothing is predicted."""
    with pytest.raises(DataError, match=r"scans whose BMI_sds is known, found 0"):
        moved.predict([], ["b.nii.gz"])
    with pytest.raises(ScanError, match="file missing"):
        moved.predict([(tmp_path / "none.nii.gz", 1.0)], ["b.nii.gz"])


def test_a_run_of_several_names_them(sex_run, tmp_path):
    """One fold is opened by its folder or by its name; the whole has no model."""
    copy_run(sex_run, tmp_path / "cv" / "runs" / "fold-1")
    (tmp_path / "cv" / "runs.json").write_text('["fold-1", "fold-2"]')
    shutil.copy(sex_run / "recipe.toml", tmp_path / "cv")

    run = brainplug.open_run(tmp_path / "cv")

    assert ["fold-1"] == list(run.runs)
    assert len(run.runs["fold-1"].predictions)
    with pytest.raises(RunError, match=r"open one of them: .*fold-1"):
        run.predict([("a.nii.gz", "male")], ["b.nii.gz"])


def test_what_is_no_run_or_not_finished_is_told(sex_run, tmp_path):
    """A folder without a recipe, and a run that was stopped before its answers."""
    with pytest.raises(RunError, match=r"expected a run folder.*no recipe.toml in it"):
        brainplug.open_run(tmp_path)
    copy_run(sex_run, tmp_path / "stopped")
    (tmp_path / "stopped" / "answers.jsonl").unlink()

    with pytest.raises(RunError, match="no answers; its last finished stage is 'report'"):
        _ = brainplug.open_run(tmp_path / "stopped").answers


def test_the_door_is_light():
    """Neither the package nor the opening of a run imports torch or pandas."""
    code = (
        "import sys, brainplug; brainplug.open_run, brainplug.run; "
        "print([name for name in ('torch', 'pandas', 'numpy') if name in sys.modules])"
    )

    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "[]" == found.stdout.strip()


@pytest.mark.parametrize(("mass", "told"), [(0.9, True), (0.49, False), (None, True)])
def test_probabilities_are_refused_where_little_mass_is_on_the_labels(mass, told):
    """Below a half they are not told, and why; the answer itself is."""
    chances = {"female": 0.9, "male": 0.1}
    found = Prediction(query="q", prediction="female", probabilities=chances, mass=mass)

    kept = with_band(found, None, [])

    assert "female" == kept.prediction
    assert told == (kept.probabilities is not None)
    assert told != any("only 0.49 of its probability" in each for each in kept.warnings)


def test_answers_that_were_not_read_are_counted():
    """Some of them are a warning; without any there is no prediction and no interval."""
    answer = PairAnswer(references=(), text="", prediction=None, probabilities=None, mass=None)
    band = Band(coverage=0.9, people=20, radius=2.0)
    some = Prediction(query="q", prediction=4.0, unread=1, answers=(answer, answer))

    assert (2.0, 6.0) == (with_band(some, band, []).low, with_band(some, band, []).high)
    assert ("1 of 2 answers could not be read",) == with_band(some, band, []).warnings
    none = with_band(attrs.evolve(some, prediction=None, unread=2), band, [])
    assert (None, None, ("no answer could be read",)) == (none.low, none.high, none.warnings)


def test_a_run_of_finished_tasks_asks_in_their_words(sex_run, tmp_path):
    """Without a prompt of its own, the wording is that of its tasks, and answers are the same."""
    folder = tmp_path / "adopted"
    shutil.copytree(sex_run, folder, ignore=shutil.ignore_patterns("checkpoints"))
    recipe = tomllib.loads((folder / "recipe.toml").read_text())
    for made in ("cohort", "split", "pairing", "prompt"):
        del recipe[made]
    recipe["tasks"] = {split: ["/not/here.json"] for split in ("train", "val", "test")}
    (folder / "recipe.toml").write_text(tomli_w.dumps(recipe))
    run, adopted = brainplug.open_run(sex_run), brainplug.open_run(folder)
    told, asked = scans(run, "test_reference").iloc[:2], scans(run, "test_query").iloc[:3]
    references = list(zip(told["image"], told["target"], strict=True))

    wanted, found = (each.predict(references, list(asked["image"])) for each in (run, adopted))

    pd.testing.assert_frame_equal(wanted, found)
    assert found["mass"].notna().all()


def test_a_run_is_a_few_tables(sex_run, moved):
    """Answers, predictions, scores and people, each as the file of the run has them."""
    run = brainplug.open_run(sex_run)

    assert len(run.answers) == len((sex_run / "answers.jsonl").read_text().splitlines())
    assert set(run.answers["subject"]) == set(run.predictions["subject"])
    assert set(run.predictions["truth"]) == {"female", "male"}
    assert moved.predictions["truth"].dtype == float
    assert set(run.predictions["subject"]) < set(run.cohort["subject"])
    first = run.metrics.query("split == 'test' and system == 'model'").iloc[0]
    told = run.result.splits["test"].metrics["balanced-accuracy"]
    assert ("balanced-accuracy", told.value) == (first["metric"], first["value"])
    assert "sex" == run.recipe["target"]["column"]
    assert {} == run.runs


def test_a_prediction_is_never_cut_where_there_is_little_room():
    """What has no room is named below; the answer itself stands whole."""
    labels = ("right-handed", "left-handed", "ambidextrous")
    asked = Prediction(
        query="/scans/sub-0001_T1w.nii.gz",
        prediction="right-handed",
        probabilities=dict.fromkeys(labels, 1 / 3),
        mass=0.9,
        answers=(),
    )
    found = PredictionTable(
        run="run",
        target="hand",
        kind="categorical",
        labels=labels,
        unit="",
        references=(),
        notes=(),
        predictions=(asked,),
    )
    console = Console(width=80, file=StringIO())

    console.print(make_table(found, console.width))

    shown = console.file.getvalue()
    assert "right-handed" in shown.split("p(right-handed)")[1]
    assert "…" not in shown
    assert "no room for" in shown
    assert "p(ambidextrous)" in shown

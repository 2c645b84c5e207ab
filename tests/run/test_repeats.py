"""Several runs of one recipe: each in its own folder, one failure stops no other, all summed up."""

from __future__ import annotations

import pandas as pd
import pytest

from brainplug.cli.main import main
from brainplug.runtime.files import read_json


@pytest.fixture
def folds(write_recipe):
    """A recipe of four folds of 160 simulated people."""
    recipe = write_recipe(epochs=1)
    text = recipe.read_text()
    fractions = "fractions = { train = 0.5, val = 0.25, test = 0.25 }"
    assert fractions in text
    recipe.write_text(
        text.replace(fractions, "folds = 4").replace("subjects = 60", "subjects = 160")
    )
    return recipe


def run(command, recipe, folder, *more):
    return main([command, str(recipe), "--output", str(folder), *more])


def test_everybody_is_asked_in_one_fold(folds, tmp_path):
    """Each fold is a run folder of its own, and the test queries of all are the cohort."""
    assert 0 == run("prepare", folds, tmp_path / "run")

    homes = [tmp_path / "run" / "runs" / f"fold-{number}" for number in (1, 2, 3, 4)]
    tested = [
        set(split.loc[split["pool"] == "test_query", "subject"])
        for split in (pd.read_csv(home / "split.csv", dtype=str) for home in homes)
    ]
    cohort = pd.read_parquet(tmp_path / "run" / "cohort.parquet")
    assert set(cohort["subject"]) == set.union(*tested)
    assert len(cohort) == sum(map(len, tested))
    assert all((home / "recipe.toml").read_text().count("fold = ") == 1 for home in homes)


def test_the_cohort_is_read_once_for_all(folds, tmp_path, capsys):
    """The runs take the cohort from the first stage, and do not read the scans again."""
    run("prepare", folds, tmp_path / "run")

    printed = capsys.readouterr().out
    assert 1 == printed.count("cohort     done")
    assert 4 == printed.count("cohort     as before")


@pytest.mark.slow
def test_scores_of_all_runs_are_summed_up(folds, tmp_path):
    """`summary.json` has each run's scores, and their mean and standard deviation."""
    assert 0 == run("run", folds, tmp_path / "run")

    summary = read_json(tmp_path / "run" / "summary.json")
    scores = [
        read_json(tmp_path / "run" / "runs" / name / "metrics.json")["splits"]["test"]["metrics"]
        for name in summary["runs"]
    ]
    values = pd.Series([score["balanced-accuracy"]["value"] for score in scores])
    assert ["fold-1", "fold-2", "fold-3", "fold-4"] == list(summary["runs"])
    assert values.mean() == pytest.approx(summary["mean"]["balanced-accuracy"])
    assert values.std() == pytest.approx(summary["sd"]["balanced-accuracy"])


def test_a_run_that_fails_stops_no_other(folds, tmp_path, capsys, monkeypatch):
    """The others are done; the error names the run and its cause."""
    from brainplug.errors import DataError
    from brainplug.run import task_stages

    whole = task_stages.split_cohort

    def split(strategy, cohort, **more):
        if strategy.options.fold == 2:
            raise DataError("made to fail")
        return whole(strategy, cohort, **more)

    monkeypatch.setattr(task_stages, "split_cohort", split)

    assert 1 == run("prepare", folds, tmp_path / "run")

    assert "1 of 4 runs could not be done: fold-2: made to fail" in capsys.readouterr().err
    for name in ("fold-1", "fold-3", "fold-4"):
        assert 3 == len(list((tmp_path / "run" / "runs" / name / "tasks").iterdir()))


def test_runs_of_an_earlier_recipe_are_not_exported(folds, tmp_path):
    """Fewer folds than before: task files of folds that are no more are left out."""
    run("prepare", folds, tmp_path / "run")
    folds.write_text(folds.read_text().replace("folds = 4", "folds = 4\nfold = 2"))

    assert 0 == run("prepare", folds, tmp_path / "run", "--format", "llava")

    exported = list((tmp_path / "run").rglob("*_llava.json"))
    assert 3 == len(exported)
    assert {tmp_path / "run" / "exports"} == {path.parent for path in exported}


def test_sites_are_left_out_each(write_recipe, tmp_path):
    """`each = true` makes one run a site, in which no scan of it is trained on."""
    recipe = write_recipe()
    text = recipe.read_text().replace(
        'use = "family"', 'use = "site"\neach = true\nval_fraction = 0.4'
    )
    text = text.replace("fractions = { train = 0.5, val = 0.25, test = 0.25 }", "")
    recipe.write_text(text.replace("subjects = 60", "subjects = 150"))

    assert 0 == run("prepare", recipe, tmp_path / "run")

    homes = sorted((tmp_path / "run" / "runs").iterdir())
    cohort = pd.read_parquet(tmp_path / "run" / "cohort.parquet")
    assert [f"site-{site}" for site in sorted(cohort["site"].unique())] == [h.name for h in homes]
    for home in homes:
        pools = pd.read_csv(home / "split.csv", dtype=str).set_index("subject")["pool"]
        here = cohort.loc[cohort["site"] == home.name.removeprefix("site-"), "subject"]
        assert pools[here].str.startswith("test").all()

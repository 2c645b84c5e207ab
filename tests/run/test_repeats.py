"""Several runs of one recipe: each in its own folder, one failure stops no other, all summed up."""

from __future__ import annotations

import re

import pandas as pd
import pytest

from brainplug.cli.main import main
from brainplug.evaluation.pooled_records import Summary
from brainplug.run.evaluating import find_lost
from brainplug.run.starting_over import forget
from brainplug.runtime.files import read_json, write_json
from brainplug.runtime.records import write_record
from brainplug.runtime.run_folder import RunFolder

ALSO = """
[[evaluation.also]]
name = "OTHER"
use = "simulated"
subjects = 14
resolution_mm = 8
seed = 2
ids = "other"
"""


SCORED = 'answer = "score"'
"""After one epoch nothing that is said can be read."""


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


def make_fewer(folds, old, new):
    """Leave three folds of fewer people, which are trained in less time, and change one more."""
    text = folds.read_text().replace("folds = 4", "folds = 3")
    folds.write_text(text.replace("subjects = 160", "subjects = 84").replace(old, new))


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
    assert 1 == printed.count(" scans usable ")
    assert 4 == printed.count("cohort         as before")


@pytest.mark.slow
def test_scores_of_all_runs_are_summed_up(folds, tmp_path):
    """`summary.json` has each run's scores, mean and spread; there is one page of all people."""
    make_fewer(folds, "[evaluation]\n", f"[evaluation]\n{SCORED}\n")
    folds.write_text(folds.read_text() + ALSO)

    assert 0 == run("run", folds, tmp_path / "run")

    summary = read_json(tmp_path / "run" / "summary.json")
    scores = [
        read_json(tmp_path / "run" / "runs" / name / "metrics.json")["splits"]["test"]["metrics"]
        for name in summary["runs"]
    ]
    values = pd.Series([score["balanced-accuracy"]["value"] for score in scores])
    assert ["fold-1", "fold-2", "fold-3"] == list(summary["runs"])
    assert values.mean() == pytest.approx(summary["mean"]["balanced-accuracy"])
    assert values.std() == pytest.approx(summary["sd"]["balanced-accuracy"])
    whole = read_json(tmp_path / "run" / "metrics.json")
    people = pd.read_parquet(tmp_path / "run" / "cohort.parquet")["subject"].nunique()
    assert people == whole["splits"]["test"]["counts"]["subjects"]
    assert summary == whole["runs"]
    page = (tmp_path / "run" / "report.html").read_text()
    assert f"In {people} held-out people" in page
    # Fourteen people of another study, whom the models of all three folds read.
    assert (14, 84) == (
        whole["external"]["OTHER"]["counts"]["subjects"],
        whole["external"]["OTHER"]["counts"]["tasks"],
    )
    # Other tests open them too, and the cache is that of all.
    assert f"The test people of this target ({people}) were opened " in page
    assert "The people of OTHER (14) were opened once" in page


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


def test_a_run_that_failed_is_told_again_when_the_page_is_made_anew(tmp_path):
    """With its cause where that was told; one with older scores stays out of the whole."""
    files = RunFolder(tmp_path)
    names = ["fold-1", "fold-2", "fold-3"]
    write_json(files.run_list, names)
    for name in ("fold-1", "fold-2"):
        write_json(files.of_run(name).metrics, {})
    summary = Summary(runs={}, mean={}, sd={}, failed={"fold-2": "no memory"})
    write_record(files.summary, summary)

    assert {"fold-2": "no memory", "fold-3": "it has no scores"} == find_lost(
        files, names, keep=True
    )
    assert {"fold-3": "it has no scores"} == find_lost(files, names, keep=False)


def test_runs_of_an_earlier_recipe_are_not_exported(folds, tmp_path):
    """Fewer folds than before: task files of folds that are no more are left out."""
    run("prepare", folds, tmp_path / "run")
    folds.write_text(folds.read_text().replace("folds = 4", "folds = 4\nfold = 2"))

    assert 0 == run("prepare", folds, tmp_path / "run", "--format", "llava")

    exported = list((tmp_path / "run").rglob("*_llava.json"))
    assert 3 == len(exported)
    assert {tmp_path / "run" / "exports"} == {path.parent for path in exported}


def test_runs_of_an_earlier_recipe_are_put_aside_and_come_back(folds, tmp_path, capsys):
    """One run lies not beside several of another recipe; with that, theirs are as before."""
    text, folder = folds.read_text(), tmp_path / "run"
    run("prepare", folds, folder)
    folds.write_text(text.replace("folds = 4", "folds = 4\nfold = 2"))
    run("prepare", folds, folder)
    assert not (folder / "runs").exists()
    assert 4 == len(list((folder / "stale" / "runs").iterdir()))
    capsys.readouterr()

    folds.write_text(text)
    assert 0 == run("prepare", folds, folder)

    printed = capsys.readouterr().out
    assert 4 == printed.count("dialogues      as before")
    assert not re.findall(r"^[a-z-]+ +.*  [0-9.]+ s$", printed, re.MULTILINE)
    assert not (folder / "tasks").exists()
    assert (folder / "stale" / "tasks").is_dir()


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


def seeded(write_recipe, line: str):
    """A recipe whose `[training]` has one more line."""
    recipe = write_recipe(epochs=1)
    recipe.write_text(recipe.read_text().replace("[training]\n", f"[training]\n{line}\n"))
    return recipe


def test_seeds_are_trainings_on_one_split(write_recipe, tmp_path, capsys):
    """Tables are the same to the byte, weights differ; `summary.json` sums up all seeds.

    What is made of all stands while nothing changes, is put aside for a single run, and comes back.
    """
    recipe, folder = seeded(write_recipe, "seeds = [1, 2]"), tmp_path / "run"

    assert 0 == run("run", recipe, folder, "--until", "metrics")

    first, second = (folder / "runs" / f"seed-{seed}" for seed in (1, 2))
    for name in ("split.csv", "pairs.parquet", "audit.json", "volumes.json"):
        assert (folder / name).read_bytes() == (first / name).read_bytes()
        assert (folder / name).read_bytes() == (second / name).read_bytes()
    losses = [
        [row["loss"] for row in read_json(home / "training.json")["history"] if "loss" in row]
        for home in (first, second)
    ]
    assert losses[0] != losses[1]
    assert ["seed-1", "seed-2"] == list(read_json(folder / "summary.json")["runs"])
    assert not (folder / "model").exists()
    whole, own = (read_json(home / "metrics.json") for home in (folder, first))
    assert whole["interventions"]["effects"].keys() == own["interventions"]["effects"].keys()
    beside = [found["splits"]["val"]["baselines"].keys() for found in (whole, own)]
    assert beside[0] == beside[1]
    assert {found["kind"] for found in own["splits"]["val"]["baselines"].values()} > {"rule"}
    told = pd.read_csv(folder / "predictions.csv", dtype=str)
    assert {"seed-1", "seed-2"} == set(told["run"])
    assert 2 == told.groupby(["subject", "split"])["run"].nunique().min()

    text, of_all = recipe.read_text(), {"metrics.json", "predictions.csv", "summary.json"}
    recipe.write_text(text.replace("seeds = [1, 2]", ""))
    assert 0 == run("run", recipe, folder, "--until", "volumes")
    assert of_all <= {path.name for path in (folder / "stale").iterdir()}
    recipe.write_text(text)
    capsys.readouterr()
    assert 0 == run("run", recipe, folder, "--until", "metrics")
    assert "metrics        as before, back from stale/" in capsys.readouterr().out
    assert not (folder / "stale").exists()


def test_the_seed_of_training_moves_nobody(write_recipe, tmp_path, capsys):
    """Without it the recipe's seed draws the weights; another one trains anew, and that only."""
    recipe, folder = write_recipe(epochs=1), tmp_path / "run"
    assert 0 == run("run", recipe, folder, "--until", "training")
    losses = read_json(folder / "training.json")["history"]
    split = (folder / "split.csv").read_bytes()
    capsys.readouterr()

    same = seeded(write_recipe, "seed = 7")
    assert 0 == run("run", same, folder, "--until", "training")
    assert "training       as before" in capsys.readouterr().out
    assert losses == read_json(folder / "training.json")["history"]

    assert 0 == run("run", seeded(write_recipe, "seed = 8"), folder, "--until", "training")
    printed = capsys.readouterr().out
    assert all(f"{name:<13}  as before" in printed for name in ("split", "pairs", "dialogues"))
    assert losses != read_json(folder / "training.json")["history"]
    assert split == (folder / "split.csv").read_bytes()


def test_seeds_within_folds_are_summed_up_together(folds, tmp_path):
    """Each seed of each fold is a run; the summary counts all of them."""
    make_fewer(folds, "[training]\n", "[training]\nseeds = [1, 2]\n")
    folds.write_text(folds.read_text().replace("[evaluation]\n", f"[evaluation]\n{SCORED}\n"))

    assert 0 == run("run", folds, tmp_path / "run", "--until", "metrics")

    expected = [f"fold-{fold}/seed-{seed}" for fold in (1, 2, 3) for seed in (1, 2)]
    assert expected == list(read_json(tmp_path / "run" / "summary.json")["runs"])


@pytest.mark.parametrize("line", ["seed = 1\nseeds = [1]", "seeds = [2, 2]"])
def test_seeds_that_contradict_each_other_are_refused(write_recipe, tmp_path, capsys, line):
    """One of them would be ignored, or trained twice."""
    assert 1 == run("run", seeded(write_recipe, line), tmp_path / "run")

    assert "seeds" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_fewer_folds_leave_no_others_beside_them(folds, tmp_path, capsys):
    """What the recipe no longer has lies in `runs/stale/`, and comes back with it."""
    run("prepare", folds, tmp_path / "run")
    text = folds.read_text()
    folds.write_text(text.replace("folds = 4", "folds = 3"))
    capsys.readouterr()

    assert 0 == run("prepare", folds, tmp_path / "run")

    runs = tmp_path / "run" / "runs"
    assert ["fold-1", "fold-2", "fold-3", "stale"] == sorted(path.name for path in runs.iterdir())
    assert "fold-4: not among the runs of the recipe" in capsys.readouterr().out

    folds.write_text(text)
    assert 0 == run("prepare", folds, tmp_path / "run")
    assert (runs / "fold-4" / "split.csv").is_file()
    assert not (runs / "stale" / "fold-4").exists()


def test_starting_over_reaches_runs_in_runs(tmp_path):
    """Seeds within folds, and what lies in `stale/`, are forgotten too; weights are kept aside."""
    files = RunFolder(tmp_path)
    homes = [files, files.of_run("fold-1"), files.of_run("fold-1").of_run("seed-1")]
    homes.append(RunFolder(files.stale / "runs" / "fold-9"))
    for home in homes:
        write_json(home.ledger, {})
        write_json(home.record, {})
    write_json(homes[2].model / "config.json", {})

    forget(files)

    assert not [home for home in homes if home.ledger.exists() or home.record.exists()]
    assert 1 == len(list(homes[2].path.glob("checkpoints.before-fresh-*/model")))

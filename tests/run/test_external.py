"""A study that is tested only: named after a run was finished, and scored apart."""

from __future__ import annotations

import shutil

import nibabel
import numpy as np
import pandas as pd
import pytest

from brainplug.cli.main import main
from brainplug.cohort.build import StudyParts
from brainplug.errors import RecipeError
from brainplug.evaluation.openings import read_external_openings
from brainplug.recipe.load import read_recipe, recipe_text
from brainplug.registry import load_registry
from brainplug.run.asked_columns import columns_asked
from brainplug.run.check_external import read_headers_of
from brainplug.runtime.files import read_json
from brainplug.runtime.run_folder import RunFolder
from brainplug.tasks.read import read_tasks
from brainplug.testing import make_study
from brainplug.toolkit.wide import WIDE

ALSO = """
[[evaluation.also]]
name = "OTHER"
use = "simulated"
subjects = 12
resolution_mm = 8
seed = 2
{more}
"""


@pytest.fixture
def again(sex_run, tmp_path):
    """A copy of a finished run, and a function that runs its recipe with more in it."""
    shutil.copytree(sex_run, tmp_path / "run")
    recipe = tmp_path / "more.toml"
    text = (sex_run.parent / "sex.toml").read_text()

    def run(more: str, *, locked: bool = False) -> int:
        opened = "test = true"
        assert opened in text
        recipe.write_text((text.replace(opened, "test = false") if locked else text) + more)
        return main(["run", str(recipe), "--output", str(tmp_path / "run")])

    return run


def test_it_is_scored_apart_and_nothing_is_learnt_from_it(again, tmp_path, capsys):
    """Training and test stay as they are; the study has scores, rules and tasks of its own."""
    before = read_json(tmp_path / "run" / "stages.json")

    # People of no other test, since openings are counted for all of them.
    assert 0 == again(ALSO.format(more='ids = "other"').replace("subjects = 12", "subjects = 13"))

    after = read_json(tmp_path / "run" / "stages.json")
    for stage in ("cohort", "split", "dialogues", "training", "answers"):
        assert before[stage]["key"] == after[stage]["key"]
    metrics = read_json(tmp_path / "run" / "metrics.json")
    scored = metrics["external"]["OTHER"]
    cohort = pd.read_parquet(tmp_path / "run" / "external" / "cohort.parquet")
    assert cohort["subject"].nunique() == scored["counts"]["subjects"]
    assert cohort["subject"].str.startswith("OTHER:").all()
    assert "majority" in scored["baselines"]
    (tasks,) = (tmp_path / "run" / "external" / "tasks").glob("OTHER_*.json")
    shown = {name for task in read_tasks(tasks) for name in task.references}
    split = pd.read_csv(tmp_path / "run" / "split.csv").set_index("subject")["pool"]
    assert {"train_reference"} == set(split[list(shown)])
    printed = " ".join(capsys.readouterr().out.split())
    assert "External validation: in" in printed
    opened = read_external_openings(RunFolder(tmp_path / "run"), metrics["external"])["OTHER"]
    assert (1, scored["counts"]["subjects"]) == (opened.count, opened.people)
    assert f"The people of OTHER ({opened.people}) were opened once" in printed

    assert 0 == again("")
    assert {} == read_json(tmp_path / "run" / "metrics.json")["external"]
    assert not (tmp_path / "run" / "external").exists()
    assert (tmp_path / "run" / "stale" / "external.jsonl").exists()


def test_a_locked_test_locks_it_too(again, tmp_path):
    """It is a test, and is asked when the test is opened."""
    assert 0 == again(ALSO.format(more='ids = "other"'), locked=True)

    assert not (tmp_path / "run" / "external").exists()
    assert {} == read_json(tmp_path / "run" / "metrics.json")["external"]


def test_ids_that_are_trained_on_stop_it(again, capsys):
    """Both studies have a sub-0001, so the recipe must say whether that is one person."""
    assert 1 == again(ALSO.format(more=""))

    assert 'say ids = "other"' in capsys.readouterr().err


TABLE = """
[[evaluation.also]]
name = "OTHER"
use = "table"
table = "{folder}/people.csv"
images = "{folder}/T1"
subject = "id"
ids = "other"
{more}
"""


def export_again(image, to):
    """Write a scan as another program would: other type, scale, origin and header text."""
    affine = image.affine.copy()
    affine[:3, 3] += (7.3, -4.1, 11.7)
    copy = nibabel.Nifti1Image(np.asarray(image.dataobj, dtype=np.float64) * 3.7, affine)
    copy.header["descrip"] = b"exported again"
    nibabel.save(copy, to)


def export(scans, folder, names="abcdefgh"):
    """Write a study of exported scans; return its text in a recipe."""
    (folder / "T1").mkdir(parents=True)
    for name, scan in zip(names, scans, strict=True):
        export_again(nibabel.load(scan), folder / "T1" / f"{name}.nii.gz")
    rows = [f"{name},{('female', 'male')[number % 2]}" for number, name in enumerate(names)]
    (folder / "people.csv").write_text("\n".join(["id,sex", *rows]) + "\n")


def scans_of(run, *pools):
    cohort = pd.read_parquet(run / "cohort.parquet")
    split = pd.read_csv(run / "split.csv").set_index("subject")["pool"]
    return cohort.loc[cohort["subject"].map(split).isin(pools), "image"].tolist()


def test_a_trained_scan_is_known_whatever_its_file_says(again, sex_run, tmp_path, capsys):
    """Under another id, of another type, scale and origin (fault 8); of a test scan nothing is."""
    tested, (taught, *_) = scans_of(sex_run, "test_query"), scans_of(sex_run, "train_reference")
    export([*tested[:3], taught], tmp_path / "other", "abcd")

    assert 1 == again(TABLE.format(folder=tmp_path / "other", more=""))

    told = " ".join(capsys.readouterr().err.split())
    assert "scans of OTHER are, by content, in train or validation of the run" in told
    assert "example 'd'" in told
    assert "'a'" not in told


def test_a_scan_that_is_asked_and_shown_is_refused(again, sex_run, tmp_path, capsys):
    """A study's own people as references: one scan under all its ids would tell the answer."""
    (tested, *_) = scans_of(sex_run, "test_query")
    export([tested] * 8, tmp_path / "other")

    assert 1 == again(TABLE.format(folder=tmp_path / "other", more="shown = 0.5"))

    told = " ".join(capsys.readouterr().err.split())
    assert "scans under different ids in two pools have the same content" in told


def test_check_says_who_would_be_asked(sex_run, tmp_path, capsys):
    """People and tasks, before anything is trained; and what a run would stop at."""
    recipe = tmp_path / "more.toml"
    text = (sex_run.parent / "sex.toml").read_text()
    recipe.write_text(text + ALSO.format(more='ids = "other"'))
    assert 0 == main(["check", str(recipe)])
    assert "external OTHER: 12 people in 24 tasks" in " ".join(capsys.readouterr().out.split())

    recipe.write_text(text + ALSO.format(more=""))
    assert 1 == main(["check", str(recipe)])


def test_of_a_wide_table_what_the_recipe_names_is_read(write_recipe, tmp_path):
    """As of a study that is trained on; and the stage knows which columns those were."""
    folder = make_study(tmp_path / "other", 4, layout="table")
    (folder / "scans").rename(folder / "T1")
    people = pd.read_csv(folder / "people.csv", dtype=str)
    more = pd.DataFrame({f"x{number}": ["7"] * 4 for number in range(WIDE + 1)})
    people.join(more).to_csv(folder / "people.csv", index=False)
    path = write_recipe()
    path.write_text(path.read_text() + TABLE.format(folder=folder, more=""))
    recipe = read_recipe(path, load_registry()).recipe

    found = read_headers_of(recipe, recipe.evaluation.also[0])

    assert {"family", "site", "target"} <= set(found.columns)
    assert not {name for name in found.columns if name.startswith("x")}
    loader = recipe.evaluation.also[0].loader.make()
    (parts,) = [StudyParts(loader=loader, head=recipe.target.make())]
    assert columns_asked(recipe, [parts]) is not None


def test_it_is_read_and_written_as_a_recipe_has_it(sex_run, tmp_path):
    """The resolved recipe is an equal one; a name of its own is asked for."""
    registry, path = load_registry(), tmp_path / "more.toml"
    text = (sex_run.parent / "sex.toml").read_text()
    target = '[evaluation.also.target]\ncolumn = "sex"\n'
    path.write_text(text + ALSO.format(more="shown = 0.25") + target)
    recipe = read_recipe(path, registry).recipe
    (study,) = recipe.evaluation.also
    assert study.target is not None
    assert ("OTHER", 0.25, "sex") == (study.name, study.shown, study.target.options.column)

    path.write_text(recipe_text(recipe))
    assert recipe == read_recipe(path, registry).recipe

    path.write_text(text + (ALSO.format(more="") * 2))
    with pytest.raises(RecipeError, match=r"also\[1\]\.name: expected a name of its own"):
        read_recipe(path, registry)

"""Several studies in one recipe: told apart, split as each alone, in one vocabulary."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from brainplug.cli.main import main
from brainplug.errors import RecipeError
from brainplug.recipe.load import read_recipe, recipe_text
from brainplug.recipe.tables import Study
from brainplug.registry import load_registry
from brainplug.runtime.files import read_json
from brainplug.tasks.read import read_tasks
from brainplug.training.stage import make_mixture
from small import GRID, LEARNING

REGISTRY = load_registry()

DESIGN = """
seed = 3
{studies}
[target]
use = "categorical"
column = "sex"
labels = {{ 1 = "male", 2 = "female" }}
[split]
use = "family"
fractions = {{ train = 0.4, val = 0.3, test = 0.3 }}
[pairing]
use = "independent"
references_per_query = 2
[prompt]
use = "comparison"
"""

STUDY = """
[{table}]
{name}
use = "table"
table = "{folder}/table.csv"
images = "{folder}/T1"
subject = "id"
family = "family"
{more}
"""


def write_study(folder, num, *, codes=("1", "2"), column="sex"):
    """Write a table of people called 000, 001, … and an empty file for each."""
    (folder / "T1").mkdir(parents=True)
    rows = [f"{i:03d},{codes[i % 7 % 2]},f{i // 2}" for i in range(num)]
    (folder / "table.csv").write_text(f"id,{column},family\n" + "\n".join(rows))
    for i in range(num):
        (folder / "T1" / f"{i:03d}.nii.gz").touch()


def study_table(folder, *, name=None, several=True, more=""):
    return STUDY.format(
        table="[cohort]" if several else "cohort",
        name=f'name = "{name}"' if name else "",
        folder=folder,
        more=more,
    )


def write_recipe(path, *studies, scans="listed"):
    design = DESIGN.format(studies="\n".join(studies))
    grid = GRID + f'scans = "{scans}"\n'
    path.write_text(design + grid + LEARNING.format(epochs=1))
    return path


def prepare(recipe, folder):
    assert 0 == main(["prepare", str(recipe), "--output", str(folder)])
    return folder


@pytest.fixture
def two(tmp_path):
    """Two studies whose people bear the same ids, and whose codes mean opposite things."""
    write_study(tmp_path / "one", 120)
    write_study(tmp_path / "two", 90, codes=("0", "1"), column="gender")
    other = 'target = { column = "gender", labels = { 0 = "female", 1 = "male" } }'
    return write_recipe(
        tmp_path / "two.toml",
        study_table("one", name="ONE"),
        study_table("two", name="TWO", more=other),
    )


def test_people_of_two_studies_are_told_apart(two, tmp_path):
    """Equal ids are different people, in every file; each study has its own task files."""
    run = prepare(two, tmp_path / "run")

    cohort = pd.read_parquet(run / "cohort.parquet")
    assert 210 == len(cohort) == cohort["subject"].nunique() == cohort["scan"].nunique()
    assert {"ONE:000", "TWO:000"} <= set(cohort["subject"])
    assert {"ONE:f0", "TWO:f0"} <= set(cohort["family"])
    assert [
        f"{study}_sex_comparison_tasks_{split}.json"
        for study in ("ONE", "TWO")
        for split in ("test", "train", "val")
    ] == sorted(path.name for path in (run / "tasks").iterdir())
    for task in read_tasks(run / "tasks" / "TWO_sex_comparison_tasks_train.json"):
        assert all(person.startswith("TWO:") for person in (task.subject, *task.references))


def test_codes_are_brought_to_one_vocabulary(two, tmp_path):
    """D13: 0 and 1 mean what each study's own table says, whatever they mean in another."""
    run = prepare(two, tmp_path / "run")

    cohort = pd.read_parquet(run / "cohort.parquet").set_index("subject")["target"]
    assert "male" == cohort["ONE:000"]  # 1
    assert "female" == cohort["TWO:000"]  # 0
    assert "female" == cohort["ONE:001"]  # 2
    assert "male" == cohort["TWO:001"]  # 1


def test_a_second_study_moves_nobody_of_the_first(two, tmp_path):
    """People are split as in their study alone, under one name or none."""
    alone = write_recipe(tmp_path / "one.toml", study_table("one", several=False))

    both = pd.read_csv(prepare(two, tmp_path / "both") / "split.csv", dtype=str)
    single = pd.read_csv(prepare(alone, tmp_path / "single") / "split.csv", dtype=str)

    mine = both[both["subject"].str.startswith("ONE:")]
    assert dict(zip(single["subject"], single["pool"], strict=True)) == dict(
        zip(mine["subject"].str.removeprefix("ONE:"), mine["pool"], strict=True)
    )


def test_every_row_of_every_study_is_accounted_for(two, tmp_path):
    """Counts of each study add up, and exclusions say whose they are (promise 3)."""
    (tmp_path / "two" / "T1" / "005.nii.gz").unlink()

    run = prepare(two, tmp_path / "run")

    studies = read_json(run / "cohort.json")["studies"]
    assert {"ONE": 120, "TWO": 89} == {each["study"]: each["flow"][-1][1] for each in studies}
    exclusions = pd.read_csv(run / "exclusions.csv", dtype=str)
    assert [("TWO:005", "no image")] == list(
        zip(exclusions["subject"], exclusions["reason"], strict=True)
    )


def test_one_image_in_two_studies_is_found(tmp_path, make_scan):
    """The same scan under ids of two studies stops the run, naming both (a frequent leak)."""
    for number, name in enumerate(("one", "two")):
        write_study(tmp_path / name, 60)
        for i in range(60):
            make_scan(tmp_path / name / "T1" / f"{i:03d}.nii.gz", seed=i + 100 * number)
    copied = (tmp_path / "one" / "T1" / "000.nii.gz").read_bytes()
    for i in range(20):  # ten families, of which some lie in another pool
        (tmp_path / "two" / "T1" / f"{i:03d}.nii.gz").write_bytes(copied)
    recipe = write_recipe(
        tmp_path / "r.toml",
        study_table("one", name="ONE"),
        study_table("two", name="TWO"),
        scans="headers",
    )

    assert 1 == main(["prepare", str(recipe), "--output", str(tmp_path / "run")])

    text = (tmp_path / "run" / "log.txt").read_text()
    assert "have the same content" in text
    assert "ONE:000" in text


@pytest.mark.parametrize(
    ("tables", "problem"),
    [
        (["", ""], "cohort[0].name: missing key"),
        (['name = "A"', 'name = "A"'], "cohort[1].name: expected a name of its own: 'A'"),
        (['name = "A"\nweight = 1', 'name = "B"'], "cohort: expected a weight for every study"),
        (['name = "A"\nweight = 0', 'name = "B"'], "cohort[0].weight"),
        (['name = "A B"', 'name = "B"'], "cohort[0].name"),
        (
            ['name = "A"\ntarget = { labls = { 1 = "a", 2 = "b" } }', 'name = "B"'],
            "cohort[0].target.labls: unknown key",
        ),
        (
            ['name = "A"\ntarget = { use = "numerical", labels = {} }', 'name = "B"'],
            "cohort[0].target",
        ),
        (['name = "A"\nsubjct = "x"', 'name = "B"'], "cohort[0].subjct: unknown key"),
    ],
)
def test_mistakes_of_studies_are_told_at_their_place(tmp_path, tables, problem):
    """Names, weights, changed targets and loader keys are each checked where they stand."""
    studies = [study_table("one", more=more) for more in tables]
    recipe = write_recipe(tmp_path / "r.toml", *studies)

    with pytest.raises(RecipeError) as caught:
        read_recipe(recipe, REGISTRY)

    assert any(line.startswith(problem) for line in caught.value.problems), caught.value.problems


def test_a_recipe_of_studies_reads_back_equal(two, tmp_path):
    """The resolved recipe, with each study's target filled in, structures to an equal one."""
    recipe = read_recipe(two, REGISTRY).recipe
    (tmp_path / "again.toml").write_text(recipe_text(recipe))

    assert recipe == read_recipe(tmp_path / "again.toml", REGISTRY).recipe


def test_weights_decide_the_mixture():
    """Weights share an epoch out by study; without them nothing is changed."""
    subjects = ["A:1", "B:1", "A:2"]
    loader = None

    def studies(*weights):
        return tuple(
            Study(loader=loader, name=name, weight=weight)
            for name, weight in zip("AB", weights, strict=True)
        )

    mixture = make_mixture(studies(1.0, 3.0), subjects)

    assert {"A": [0, 2], "B": [1]} == mixture.groups
    assert {"A": 1.0, "B": 3.0} == mixture.weights
    assert make_mixture(studies(None, None), subjects) is None


@pytest.mark.slow
def test_studies_are_evaluated_each_and_together(tmp_path):
    """A run over two weighted studies scores all subjects, and those of each study."""
    studies = [
        f'[[cohort]]\nname = "{name}"\nweight = {weight}\nuse = "simulated"\nsubjects = 60\n'
        f"resolution_mm = 8\nseed = {seed}"
        for name, weight, seed in (("A", 1, 1), ("B", 2, 2))
    ]
    recipe = write_recipe(tmp_path / "r.toml", *studies, scans="all")

    assert 0 == main(["run", str(recipe), "--output", str(tmp_path / "run")])

    metrics = read_json(tmp_path / "run" / "metrics.json")
    whole = metrics["splits"]["test"]["counts"]["subjects"]
    tested = {name: found["test"]["counts"] for name, found in metrics["studies"].items()}
    parts = {name: counts["subjects"] for name, counts in tested.items()}
    assert {"A", "B"} == set(parts)
    assert whole == sum(parts.values())
    answers = [
        json.loads(line) for line in (tmp_path / "run" / "answers.jsonl").read_text().splitlines()
    ]
    assert parts["A"] == len(
        {row["subject"] for row in answers if row["split"] == "test" and row["subject"][0] == "A"}
    )
    page = (tmp_path / "run" / "report.html").read_text()
    assert "from A and B" in page
    assert "<h3>A</h3>" in page

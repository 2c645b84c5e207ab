"""Arms beside a training, and the lock before its test: one small run, evaluated step by step."""

from __future__ import annotations

import json
import re
import shutil
from typing import TYPE_CHECKING

import attrs
import pandas as pd
import pytest

from brainplug.cli.main import main
from brainplug.errors import RunError
from brainplug.evaluation.arms import ArmFacts, ArmList
from brainplug.evaluation.openings import read_openings
from brainplug.evaluation.records import (
    EXPECTED,
    SAID,
    Intervals,
    Metrics,
    Readouts,
    Target,
    TrainingValues,
)
from brainplug.recipe.evidence_table import QUERY_ALONE, SHUFFLED
from brainplug.registry import load_registry
from brainplug.run.arms import find_alone, shuffle_values
from brainplug.run.pooled_stages import read_arms
from brainplug.runtime.files import read_json
from brainplug.runtime.records import to_json, write_record
from brainplug.runtime.run_folder import RunFolder
from brainplug.tasks.answers import AnswerRow, read_answers
from brainplug.tasks.read import read_tasks
from finished import SCORED
from shared import cache_of
from small import DESIGN, GRID, LEARNING

if TYPE_CHECKING:
    from pathlib import Path

ARMS = ("query-alone", "shuffled-labels")


def people_of(files, split):
    return {task.subject for task in read_files(files, split)}


def read_files(files, split):
    return [task for path in files.tasks.glob(f"*_{split}.json") for task in read_tasks(path)]


def losses(folder):
    return [row["loss"] for row in read_json(folder / "training.json")["history"] if "loss" in row]


@pytest.fixture
def prompts():
    """Give a registry of prompts by these names, each of which needs no reference."""
    registry = load_registry()
    part, source = registry.prompts["classification"], registry.sources["prompts", "classification"]

    def of(*names):
        sources = {("prompts", name): source for name in names}
        return attrs.evolve(registry, prompts=dict.fromkeys(names, part), sources=sources)

    return of


@pytest.mark.parametrize(
    ("names", "chosen"),
    [(("a-lab", "classification", "z-lab"), "classification"), (("a-lab",), "a-lab")],
)
def test_an_arm_without_references_has_the_named_prompt(prompts, names, chosen):
    """Whatever comes first in the alphabet; or the only one."""
    assert chosen == find_alone(prompts(*names), "prompts").use


def test_of_several_prompts_none_is_taken_by_its_name(prompts):
    """Without the named one, which of them is meant is not guessed."""
    with pytest.raises(RunError, match="'a-lab', 'z-lab'") as caught:
        find_alone(prompts("a-lab", "z-lab"), "prompts")

    assert ("a-lab", "z-lab") == caught.value.found


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Give a folder with a recipe that locks its test, and its finished run."""
    folder = tmp_path_factory.mktemp("lock")
    design = DESIGN.format(head="categorical", column="sex", more="")
    text = design + GRID + LEARNING.format(epochs=2) + SCORED
    (folder / "small.toml").write_text(
        text.replace("arms = []", f"arms = {json.dumps(ARMS)}").replace("test = true\n", "")
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BRAINPLUG_CACHE", cache_of(tmp_path_factory))
        assert 0 == main(["run", str(folder / "small.toml"), "--output", str(folder / "run")])
    return folder


@pytest.fixture
def run(place, tmp_path) -> Path:
    """Give a copy of the finished run, as one that was moved."""
    shutil.copytree(place / "run", tmp_path / "moved")
    return tmp_path / "moved"


def test_a_locked_test_is_not_answered(place):
    """Validation is shown, the page says so, and no arm was asked the test either."""
    files = RunFolder(place / "run")

    for home in (files, *map(files.of_arm, ARMS)):
        assert {"val"} == {row.split for row in read_answers(home.answers)}
    metrics = read_json(files.metrics)
    assert ["val"] == list(metrics["splits"])
    assert "the test was not opened" in files.report.read_text()
    assert read_openings(files, "val") is None


def test_arms_are_trainings_of_their_own_on_the_same_people(place):
    """As many steps, the same seed, cohort, split and people; scored beside the main run."""
    files = RunFolder(place / "run")
    steps = read_json(files.training)["phases"][0]["steps"]
    told = read_json(files.arm_list)["arms"]

    assert set(ARMS) == set(told)
    for arm in ARMS:
        home = files.of_arm(arm)
        assert (steps, steps) == (told[arm]["steps"], told[arm]["main_steps"])
        phase = read_json(home.training)["phases"][0]
        assert (steps, 7) == (phase["steps"], phase["seed"])
        assert (home.model / "config.json").is_file()
        assert told[arm]["first_loss"] == losses(home.path)[0] > losses(home.path)[-1]
        scores = read_json(files.metrics)["arms"][arm]
        assert (
            scores["splits"]["val"].keys()
            == read_json(files.metrics)["splits"]["val"]["metrics"].keys()
        )
        assert arm == scores["difference"]["val"]["balanced-accuracy"]["against"]
        assert people_of(home, "val") == people_of(files, "val")
        assert people_of(home, "test") == people_of(files, "test")


def test_the_query_alone_learns_of_all_and_sees_no_reference(place):
    """Whom the main training shows as references is asked there; words are those of the recipe."""
    files = RunFolder(place / "run")
    home = files.of_arm("query-alone")
    alone = read_files(home, "train")
    main_run = read_files(files, "train")
    shown = {person for task in main_run for person in task.references}

    assert {()} == {task.references for task in alone}
    assert len(alone) == len({task.subject for task in alone})
    assert people_of(home, "train") >= people_of(files, "train") | shown
    assert {"And this?"} == {task.prompt for task in alone}


def test_shuffled_labels_are_one_value_a_person_and_only_in_training(place):
    """The values are those of the study, in other places; who validates and is tested keeps his."""
    files = RunFolder(place / "run")
    home = files.of_arm("shuffled-labels")
    before, after = (
        pd.read_parquet(each.cohort).set_index("subject")["target"] for each in (files, home)
    )
    split = pd.read_csv(files.split).set_index("subject")["pool"]
    trained = split.index[split.str.startswith("train")].intersection(before.index)
    others = before.index.difference(trained)

    assert sorted(before[trained]) == sorted(after[trained])
    assert before[trained].tolist() != after[trained].tolist()
    assert before[others].tolist() == after[others].tolist()
    for task in read_files(home, "train"):
        told = [task.truth, *task.reference_values]
        assert told == [after[person] for person in (task.subject, *task.references)]
        assert f"It is {task.truth}." == task.turns[-1].content[0]


def test_the_test_is_opened_on_request_and_counted(run, place, tmp_path, capsys, monkeypatch):
    """Nothing is trained for it; asking again opens nothing, another model on the people does."""
    monkeypatch.setenv("BRAINPLUG_CACHE", str(tmp_path / "cache"))  # a machine of its own
    files = RunFolder(run)
    kept = [row for row in read_answers(files.answers) if row.split == "val"]

    assert 0 == main(["evaluate", str(run), "--test"])

    printed = capsys.readouterr().out
    assert not re.findall("^training .* s$", printed, re.MULTILINE)
    rows = read_answers(files.answers)
    assert kept == [row for row in rows if row.split == "val"]
    assert people_of(files, "test") == {row.subject for row in rows if row.split == "test"}
    metrics = read_json(files.metrics)
    assert {"val", "test"} == set(metrics["splits"])
    assert {"val", "test"} == set(metrics["arms"]["query-alone"]["difference"])
    said = " ".join(printed.split())
    assert "; references add " in said
    assert "were opened once on this machine" in said

    assert 0 == main(["evaluate", str(run)])
    assert 0 == main(["evaluate", str(run), "--test"])
    assert 1 == read_openings(files, "test").count

    # Another folder does not evade it, nor does another recipe on the same people.
    other = tmp_path / "other"
    shutil.copytree(place / "run", other)
    text = (other / "recipe.toml").read_text()
    recipe = text.replace('answer = "score"', 'answer = "both"').replace("test = false", "")
    recipe = re.sub("arms = \\[[^]]*\\]", "arms = []\ntest = true", recipe)
    (tmp_path / "changed.toml").write_text(recipe)
    assert 0 == main(["run", str(tmp_path / "changed.toml"), "--output", str(other)])
    assert 2 == read_openings(RunFolder(other), "test").count
    (line, _) = next((tmp_path / "cache" / "openings").glob("*.jsonl")).read_text().splitlines()
    assert {"when", "run", "within", "made", "brainplug", "crc32"} == set(json.loads(line))


def test_a_training_anew_locks_the_test_again(run, place, capsys):
    """What was opened is the model that was there; a recipe that learns otherwise is not."""
    assert 0 == main(["evaluate", str(run), "--test"])
    text = (place / "small.toml").read_text()
    recipe = text.replace("learning_rate = 1e-3", "learning_rate = 2e-3")
    recipe = re.sub("arms = \\[[^]]*\\]", "arms = []", recipe)
    (run.parent / "again.toml").write_text(recipe)

    assert 0 == main(["run", str(run.parent / "again.toml"), "--output", str(run)])

    assert ["val"] == list(read_json(run / "metrics.json")["splits"])
    assert {"val"} == {row.split for row in read_answers(run / "answers.jsonl")}
    assert "was not opened" in " ".join(capsys.readouterr().out.split())
    assert "not among the arms" in (run / "arms" / "stale" / "README.txt").read_text()


def test_the_page_is_made_anew_from_the_folder(run, capsys):
    """`report` needs no training, and says what it found where there is no run."""
    # Times and versions stand behind it.
    page = (run / "report.html").read_text().partition("Cite and run again</h2>")[0]
    (run / "report.html").write_text("spoiled")

    assert 0 == main(["report", str(run)])
    assert (run / "report.html").read_text().startswith(page)
    assert "training" not in capsys.readouterr().out

    (run / "metrics.json").unlink()
    assert 1 == main(["report", str(run)])
    assert "expected the scores of a run" in capsys.readouterr().err
    for command in ("report", "evaluate"):
        assert 1 == main([command, str(run / "tasks")])
        assert "expected a run folder" in capsys.readouterr().err
    (run / "training.json").unlink()
    assert 1 == main(["evaluate", str(run)])
    assert "expected a finished training" in capsys.readouterr().err


def test_shuffled_labels_keep_the_classes_of_each_role():
    """Of 12 who are asked 3 are of the smaller class, of 6 who are shown 2: before and after."""
    asked, shown = ["few"] * 3 + ["many"] * 9, ["few"] * 2 + ["many"] * 4
    people = [f"p{number:02}" for number in range(20)]
    cohort = pd.DataFrame({"study": "S", "subject": people, "target": [*asked, *shown, "few", "x"]})
    pools = ["train_query"] * 12 + ["train_reference"] * 6 + ["test_query"] * 2
    split = pd.DataFrame({"subject": people, "pool": pools})

    drawn = [shuffle_values(cohort, split, seed=seed) for seed in range(5)]

    assert all(set(people[:18]) == set(values) for values in drawn)
    assert {3} == {sum(values[each] == "few" for each in people[:12]) for values in drawn}
    assert {2} == {sum(values[each] == "few" for each in people[12:18]) for values in drawn}
    assert len({tuple(values.items()) for values in drawn}) > 1


def answer(place) -> AnswerRow:
    """Say 40, which is right, and expect 50."""
    return AnswerRow(
        split="val",
        task_id=f"t{place}",
        subject=f"p{place}",
        references=(),
        reference_values=(),
        truth=40.0,
        answer_text="40",
        prediction=40.0,
        expected=50.0,
    )


def test_an_arm_is_read_as_the_main_run_is(tmp_path):
    """What an arm's own validation would choose is not asked: the same read-out, or no comparison.

    The arm says what is right and expects nonsense; the main run is read by what it expects.
    """
    main = Metrics(
        target=Target(name="age", kind="numerical", labels=(), unit="years"),
        selected=None,
        intervals=Intervals(samples=200, unit="subjects", confidence=0.95),
        train=TrainingValues(n=2),
        splits={},
        candidates=None,
        studies={},
        readouts=Readouts(headline=EXPECTED, validation={}, other={}, mass={}),
    )
    home = RunFolder(tmp_path)
    arm = home.of_arm(QUERY_ALONE).answers
    arm.parent.mkdir(parents=True)
    arm.write_text("".join(json.dumps(to_json(answer(place))) + "\n" for place in range(3)))
    arms = {QUERY_ALONE: ArmFacts(steps=9, main_steps=9), SHUFFLED: ArmFacts(failed="no memory")}
    write_record(home.arm_list, ArmList(arms=arms))

    found = read_arms(home, main)

    assert [50.0] * 3 == [row.prediction for row in found[QUERY_ALONE][1]]
    assert [] == found[SHUFFLED][1]
    said = attrs.evolve(main, readouts=attrs.evolve(main.readouts, headline=SAID))
    assert [40.0] * 3 == [row.prediction for row in read_arms(home, said)[QUERY_ALONE][1]]

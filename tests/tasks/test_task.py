"""Task files: worded, written, read back, and refused where they are not sound."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from brainplug.api.records import Image, Turn
from brainplug.errors import DataError
from brainplug.tasks.build import TaskMaker
from brainplug.tasks.read import read_tasks
from brainplug.tasks.task import task_file, write_tasks
from brainplug_plugins.heads.categorical import Categorical, CategoricalOptions
from brainplug_plugins.heads.numerical import Numerical, NumericalOptions
from brainplug_plugins.prompts.comparison import Comparison, ComparisonOptions

COHORT = pd.DataFrame(
    {
        "scan": ["a", "b", "c"],
        "subject": ["a", "b", "c"],
        "image": ["/x/a.nii", "/x/b.nii", "/x/c.nii"],
        "target": ["female", "male", "male"],
    }
)
PAIRS = pd.DataFrame({"task_id": ["t-1", "t-2"], "query": ["a", "b"], "references": [["b"], ["c"]]})


def make_tasks(template=None, cohort=COHORT, head=None):
    head = head or Categorical(CategoricalOptions(column="sex"))
    maker = TaskMaker(
        head=head,
        answers=head.fit(cohort["target"]),
        template=template or Comparison(ComparisonOptions()),
        seed=1,
    )
    return list(maker.make(PAIRS, maker.show(cohort)))


def test_a_task_file_has_the_known_form(tmp_path):
    """Keys, metadata and counts are those of the format; what is read back is what was made."""
    tasks = make_tasks()
    path = tmp_path / task_file("ABCD", "sex", "train")

    assert write_tasks(path, tasks) == 2

    row = json.loads(path.read_text())[0]
    assert path.name == "ABCD_sex_comparison_tasks_train.json"
    assert row["subject_ids"] == ["b", "a"]
    assert {"subject_id": "a", "subject_label": "female", "reference_id": "b"}.items() <= row[
        "metadata"
    ].items()
    assert row["metadata"]["comparison_type"] == "different_sex"
    assert [t["role"] for t in row["conversations"]] == ["user", "assistant", "user", "assistant"]
    assert tasks == read_tasks(path)


def test_numbers_are_exact_in_the_file(tmp_path):
    """D24: metadata holds the value unrounded, the sentence the value as said."""
    cohort = COHORT.assign(target=[-1.2345, 0.5, 2.25])
    head = Numerical(NumericalOptions(column="BMI_sds", precision=1))
    path = tmp_path / "tasks.json"

    write_tasks(path, make_tasks(cohort=cohort, head=head))

    row = json.loads(path.read_text())[0]
    assert row["metadata"]["subject_value"] == -1.2345
    assert "-1.2" in row["conversations"][-1]["content"][0]["text"]


@pytest.mark.parametrize("suffix", [".json", ".jsonl"])
def test_repeated_ids_of_older_files_are_read(tmp_path, suffix):
    """E16: files of older tools repeat `task_id`."""
    rows = [task.to_json() | {"task_id": "same"} for task in make_tasks()]
    path = tmp_path / f"old{suffix}"
    lines = "\n".join(map(json.dumps, rows))
    path.write_text(lines if suffix == ".jsonl" else json.dumps(rows))

    assert [task.task_id for task in read_tasks(path)] == ["same", "same"]


def test_a_task_that_lacks_a_scan_is_refused_by_name(tmp_path):
    """D29: images, image parts and subjects must agree."""
    row = make_tasks()[0].to_json()
    row["images"] = row["images"][:1]
    path = tmp_path / "bad.json"
    path.write_text(json.dumps([row]))

    with pytest.raises(DataError) as caught:
        read_tasks(path)

    assert (path, "task 't-1'") == caught.value.where
    assert (2, 1, 2) == caught.value.found


class Leaking:
    def dialogue(self, case):
        yield Turn.user(Image(0), f"This is {case.references[0]}.")
        yield Turn.assistant("Noted.")
        yield Turn.user(Image(1), f"Is this {case.query}?")
        yield Turn.assistant(f"It is {case.query}.")


class Mumbling:
    def dialogue(self, case):
        yield Turn.user(Image(0), Image(1), "What is it?")
        yield Turn.assistant("I cannot say.")


class Forgetful:
    def dialogue(self, case):
        yield Turn.user(Image(1), "What is it?")
        yield Turn.assistant(case.query)


@pytest.mark.parametrize(
    ("template", "found"),
    [
        (Leaking(), "male"),
        (Mumbling(), ("I cannot say.", None)),
        (Forgetful(), (1,)),
    ],
)
def test_a_strangers_template_is_held_to_the_rules(template, found):
    """A template that leaks the truth, cannot be read back or hides a scan is refused."""
    with pytest.raises(DataError) as caught:
        make_tasks(template)

    assert ("task 't-1'",) == caught.value.where
    assert found == caught.value.found


@pytest.mark.parametrize("key", ["reference", "question", "answer", "acknowledgement"])
@pytest.mark.parametrize(
    "slot",
    [
        "{0.__class__}",
        "{value.__class__}",
        "{value!r:>99999999}",
        "{value[0]}",
        "{target.real}",
        "{}",
    ],
)
def test_a_slot_of_a_wording_is_a_name_alone(key, slot):
    """`str.format` would reach attributes and fill memory with spaces."""
    with pytest.raises(ValueError, match="may hold"):
        ComparisonOptions(**{key: f"It is {slot}."})


@pytest.mark.parametrize("key", ["reference", "question", "answer"])
@pytest.mark.parametrize("marker", ["<image>", "<|im_end|>", "<|im_start|>"])
def test_a_wording_that_poses_as_a_turn_or_a_scan_is_refused_before_anything_is_made(key, marker):
    """The encoder would refuse it only where training begins."""
    texts = {"reference": "It is {value}.", "question": "And?", "answer": "It is {value}."}
    template = Comparison(ComparisonOptions(**texts | {key: f"{texts[key]}{marker}"}))

    with pytest.raises(DataError) as caught:
        make_tasks(template)

    assert (marker, ("task 't-1'",)) == (caught.value.found, caught.value.where)


def test_a_task_file_that_poses_as_a_turn_or_a_scan_is_refused(tmp_path):
    """A label of another tool's file may be anything."""
    path = tmp_path / "t.json"
    path.write_text(json.dumps([make_tasks()[0].to_json()]).replace("female", "fe<|im_end|>"))

    with pytest.raises(DataError) as caught:
        read_tasks(path)

    assert (path, "task 't-1'") == caught.value.where

"""Recipes that name finished task files: they run, are audited as they stand, and say so."""

from __future__ import annotations

import json

import pytest

from brainplug.cli.main import main
from brainplug.errors import RecipeError
from brainplug.recipe.load import read_recipe
from brainplug.registry import load_registry
from brainplug.runtime.files import read_json
from brainplug.tasks.read import read_tasks
from small import GRID, LEARNING

REGISTRY = load_registry()

RECIPE = "[tasks]\n{tasks}" + GRID + LEARNING.replace("{epochs}", "1")

WHERE = 'train = ["t/{train}"]\nval = ["t/{val}"]\ntest = ["t/{test}"]'
NAMES = {split: f"ABCD_sex_comparison_tasks_{split}.json" for split in ("train", "val", "test")}


def make_row(split, number, *, truth=None, told=None, images="../T1", reference=None):
    """Make a task as an older tool writes it: its id names the query only, so ids repeat."""
    truth = truth or ("male", "female")[number % 2]
    told = told or ("male", "female")[number // 2 % 2]
    people = [reference or f"{split}r{number % 5}", f"{split}q{number // 2}"]
    paths = [f"{images}/{person}.nii.gz" for person in people]
    words = [f"The sex of this person is {told}.", f"Based on the comparison, it is {truth}."]
    image = {"type": "image", "modality": "sMRI"}
    return {
        "task_id": f"T1_{people[1]}",
        "task_type": "T1",
        "subject_ids": people,
        "modalities": ["sMRI", "sMRI"],
        "images": [{"path": path, "token": "<image>", "modality": "sMRI"} for path in paths],
        "conversations": [
            {
                "role": "user",
                "content": [{**image, "image_path": paths[0]}, {"type": "text", "text": words[0]}],
            },
            {"role": "assistant", "content": [{"type": "text", "text": "Noted."}]},
            {
                "role": "user",
                "content": [
                    {**image, "image_path": paths[1]},
                    {"type": "text", "text": "And this one?"},
                ],
            },
            {"role": "assistant", "content": [{"type": "text", "text": words[1]}]},
        ],
        "metadata": {
            "subject_id": people[1],
            "subject_label": truth,
            "subject_label_numeric": int(truth == "female"),
            "reference_id": people[0],
            "reference_label": told,
            "reference_label_numeric": int(told == "female"),
            "comparison_type": "same_sex" if truth == told else "different_sex",
            "task": "sex_classification_via_comparison",
            "target_name": "sex",
            "task_type": "categorical",
        },
    }


def make_rows(split, num=16, **how):
    """Two tasks a query, both of one label; labels of queries and references alternate."""
    return [
        make_row(split, number, truth=("male", "female")[number // 2 % 2], **how)
        | {"subject_ids": [f"{split}r{number % 4}", f"{split}q{number // 2}"]}
        for number in range(num)
    ]


def settle(rows):
    """Give every person one label and one image, as a sound file has."""
    for row in rows:
        reference, query = row["subject_ids"]
        told = ("male", "female")[int(reference[-1]) % 2]
        row["metadata"] |= {"reference_id": reference, "reference_label": told}
        row["metadata"]["reference_label_numeric"] = int(told == "female")
        row["images"][0]["path"] = f"../T1/{reference}.nii.gz"
        row["images"][1]["path"] = f"../T1/{query}.nii.gz"
        row["conversations"][0]["content"][0]["image_path"] = row["images"][0]["path"]
        row["conversations"][2]["content"][0]["image_path"] = row["images"][1]["path"]
        row["conversations"][0]["content"][1]["text"] = f"The sex of this person is {told}."
    return rows


@pytest.fixture
def old(tmp_path, make_scan):
    """Task files of an older tool, their scans, and a recipe that names them."""
    (tmp_path / "t").mkdir()
    seed = 0
    for split, name in NAMES.items():
        rows = settle(make_rows(split))
        (tmp_path / "t" / name).write_text(json.dumps(rows, indent=2))
        for person in sorted({person for row in rows for person in row["subject_ids"]}):
            seed += 1
            make_scan(tmp_path / "T1" / f"{person}.nii.gz", seed=seed)
    recipe = tmp_path / "r.toml"
    recipe.write_text(RECIPE.format(tasks=WHERE.format(**NAMES)))
    return recipe


def edit(folder, split, change):
    """Change the rows of a task file."""
    path = folder / "t" / NAMES[split]
    rows = json.loads(path.read_text())
    change(rows)
    path.write_text(json.dumps(rows))


def prepare(recipe, folder):
    assert 0 == main(["prepare", str(recipe), "--output", str(folder)])
    return read_json(folder / "audit.json")


def find(audit, words):
    return [found for found in audit["findings"] if words in found["what"]]


def test_files_of_an_older_tool_run_to_the_report(old, tmp_path):
    """E16: repeated ids, relative paths and indented arrays run; answers are one a task."""
    assert 0 == main(["run", str(old), "--output", str(tmp_path / "run")])

    tasks = read_tasks(tmp_path / "run" / "tasks" / NAMES["test"])
    assert 16 == len(tasks) == len({task.task_id for task in tasks})
    assert all(image.is_file() for task in tasks for image in task.images)
    metrics = read_json(tmp_path / "run" / "metrics.json")
    assert 8 == metrics["splits"]["test"]["counts"]["subjects"]
    assert 16 == metrics["splits"]["test"]["counts"]["tasks"]
    page = (tmp_path / "run" / "report.html").read_text()
    assert "Training, validation and test were those of finished task files." in page


def test_repeated_ids_are_told(old, tmp_path):
    """The audit names the ids that stood more than once."""
    audit = prepare(old, tmp_path / "run")

    (found,) = find(audit, "stand more than once")
    assert ("note", 24) == (found["kind"], found["count"])


def test_a_leak_in_the_files_is_printed_and_not_hidden(old, tmp_path, capsys):
    """A person in train and test is found, named on the terminal, and the run goes on."""

    def share(rows):
        rows[0]["subject_ids"][1] = "trainr0"
        rows[0]["metadata"]["subject_id"] = "trainr0"

    edit(tmp_path, "test", share)

    audit = prepare(old, tmp_path / "run")

    (found,) = find(audit, "subjects are in two pools")
    assert ("leak", ["trainr0"]) == (found["kind"], found["examples"])
    assert 1 == audit["split"]["checks"]["subjects in two pools"]
    assert "trainr0" in capsys.readouterr().out


def test_changed_scans_are_audited_again(old, tmp_path):
    """Scans that have become copies of one another are found on the next call."""
    assert not find(prepare(old, tmp_path / "run"), "the same content")
    copied = (tmp_path / "T1" / "trainr0.nii.gz").read_bytes()
    (tmp_path / "T1" / "testq0.nii.gz").write_bytes(copied)

    assert find(prepare(old, tmp_path / "run"), "the same content")


def test_anchors_of_the_files_are_no_leak(old, tmp_path):
    """Training references that others are compared with, too, are told as such."""

    def share(rows):
        for row in rows:
            row["subject_ids"][0] = row["subject_ids"][0].replace("test", "train")
            for image in row["images"]:
                image["path"] = image["path"].replace("testr", "trainr")

    edit(tmp_path, "test", share)

    audit = prepare(old, tmp_path / "run")

    assert not find(audit, "two pools")
    (found,) = find(audit, "training references are shown in other splits")
    assert 4 == found["count"]


def test_files_of_the_runs_own_folder_are_left_alone(old, tmp_path, capsys):
    """Files that lie where their copies would go are refused, and not deleted."""
    prepare(old, tmp_path / "run")
    old.write_text(RECIPE.format(tasks=WHERE.format(**NAMES).replace("t/", "run/tasks/")))

    assert 1 == main(["prepare", str(old), "--output", str(tmp_path / "run")])

    assert "outside the run's own folder" in capsys.readouterr().err
    assert 3 == len(list((tmp_path / "run" / "tasks").glob("*.json")))


def test_a_shortcut_in_the_files_is_told(old, tmp_path):
    """D1: references that give the label away are found in files of others, too."""

    def give_away(rows):
        for row in rows:
            facts = row["metadata"]
            other = {"male": "female", "female": "male"}[facts["subject_label"]]
            facts["reference_label"] = other
            row["conversations"][0]["content"][1]["text"] = f"The sex of this person is {other}."

    for split in NAMES:
        edit(tmp_path, split, give_away)

    audit = prepare(old, tmp_path / "run")

    assert find(audit, "says the opposite")
    assert 1.0 == audit["words"]["baselines"]["test"]["say the opposite"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda rows: rows[3]["conversations"][-1]["content"][0].update(text="Hard to say."),
            "do not say the value",
        ),
        (
            lambda rows: rows[3]["subject_ids"].__setitem__(0, rows[3]["subject_ids"][1]),
            "its own reference",
        ),
        (lambda rows: rows[3]["metadata"].update(subject_label="male"), "two different values"),
    ],
)
def test_oddities_of_the_files_are_told(old, tmp_path, change, words):
    """Unreadable answers, a person beside itself, and contradicting labels."""
    edit(tmp_path, "train", change)

    assert find(prepare(old, tmp_path / "run"), words)


def test_a_folder_is_searched_by_split(old, tmp_path):
    """A folder stands for the files of the split in it, `.json` and `.jsonl`."""
    path = tmp_path / "t" / NAMES["val"]
    rows = json.loads(path.read_text())
    path.with_suffix(".jsonl").write_text("\n".join(map(json.dumps, rows)))
    path.unlink()
    old.write_text(RECIPE.format(tasks=WHERE.format(train="", val="", test="")))

    prepare(old, tmp_path / "run")

    assert [16, 16, 16] == [
        len(read_tasks(tmp_path / "run" / "tasks" / NAMES[split])) for split in NAMES
    ]


def test_several_cohorts_keep_equal_ids_apart(old, tmp_path):
    """Lists of files of two cohorts: the same id is somebody else in each."""
    for name in NAMES.values():
        text = (tmp_path / "t" / name).read_text()
        (tmp_path / "t" / name.replace("ABCD", "UKB")).write_text(text)
    lists = "\n".join(
        f'{split} = ["t/{name}", "t/{name.replace("ABCD", "UKB")}"]'
        for split, name in NAMES.items()
    )
    old.write_text(RECIPE.format(tasks=lists))

    audit = prepare(old, tmp_path / "run")

    tasks = read_tasks(tmp_path / "run" / "tasks" / NAMES["test"].replace("ABCD", "UKB"))
    assert all(task.subject.startswith("UKB:") for task in tasks)
    assert 0 == audit["split"]["checks"]["subjects in two pools"]
    assert 16 == audit["split"]["pools"]["test_query"]["subjects"]


def test_moved_images_are_found(old, tmp_path):
    """`tasks.moved` says where images of absolute paths are now."""

    def move(rows):
        for row in rows:
            for image in row["images"]:
                image["path"] = image["path"].replace("../T1", "/gone/T1")

    for split in NAMES:
        edit(tmp_path, split, move)
    old.write_text(old.read_text().replace("[images]", 'moved = { "/gone" = "." }\n[images]'))

    prepare(old, tmp_path / "run")

    tasks = read_tasks(tmp_path / "run" / "tasks" / NAMES["train"])
    assert all(image.is_file() for task in tasks for image in task.images)


def test_check_says_what_is_missing(old, tmp_path, capsys):
    """`check` counts tasks and scans, and names a scan that is not there."""
    (tmp_path / "T1" / "trainr0.nii.gz").unlink()

    assert 0 == main(["check", str(old)])

    printed = " ".join(capsys.readouterr().out.split())
    assert "48 finished tasks show 36 scans" in printed
    assert "scans are not there; say in tasks.moved where they are now (1: " in printed


@pytest.mark.parametrize("command", ["check", "prepare"])
@pytest.mark.parametrize(
    ("target", "words"),
    [
        ('use = "numerical"\ncolumn = "sex"', "the categorical target 'sex'"),
        ('use = "categorical"\ncolumn = "gender"', "found the categorical 'gender'"),
    ],
)
def test_a_target_that_is_not_the_files_is_refused(old, tmp_path, capsys, command, target, words):
    """`[target]` beside finished files must be theirs, in kind and name."""
    old.write_text(old.read_text() + f"[target]\n{target}\n")
    more = ["--output", str(tmp_path / "run")] if command == "prepare" else []

    assert 1 == main([command, str(old), *more])

    assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda rows: rows[3]["metadata"].update(subject_label=None), "a label or value for each"),
        (lambda rows: rows[3]["metadata"].update(subject_id="x"), "the query last in subject_ids"),
        (lambda rows: rows[3]["conversations"].pop(), "T1_valq1"),
    ],
)
def test_unsound_tasks_are_refused_by_file_and_task(old, tmp_path, capsys, change, words):
    """A missing label, a query that is not the last, a dialogue without an answer."""
    edit(tmp_path, "val", change)

    assert 1 == main(["prepare", str(old), "--output", str(tmp_path / "run")])

    told = capsys.readouterr().err
    assert words in told
    assert NAMES["val"] in told


def test_a_file_named_twice_is_read_once(old, tmp_path):
    """By itself and in its folder: its tasks are not doubled."""
    named = f'val = ["t/{NAMES["val"]}", "t/"]'
    old.write_text(old.read_text().replace(f'val = ["t/{NAMES["val"]}"]', named))

    prepare(old, tmp_path / "run")

    assert 16 == len(read_tasks(tmp_path / "run" / "tasks" / NAMES["val"]))


def test_a_second_target_is_refused(old, tmp_path, capsys):
    """A run has one target; a file of another is named."""
    edit(tmp_path, "val", lambda rows: rows[0]["metadata"].update(target_name="diagnosis"))

    assert 1 == main(["prepare", str(old), "--output", str(tmp_path / "run")])

    assert "'diagnosis'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('[tasks]\ntrain = ["a"]\nval = ["b"]', "tasks.test: missing key"),
        ('[tasks]\ntrain = []\nval = ["b"]\ntest = ["c"]', "tasks.train"),
        (
            '[tasks]\ntrain = ["a"]\nval = ["b"]\ntest = ["c"]\n[split]\nuse = "family"',
            "split: cannot stand beside [tasks]",
        ),
        ("seed = 1", "cohort: missing key"),
    ],
)
def test_mistakes_of_the_table_are_told(tmp_path, text, problem):
    """What is missing, empty, or made by the files already."""
    (tmp_path / "r.toml").write_text(f'{text}\n[model]\nuse = "tiny"\n[images]\nshape=[8,8,8]')

    with pytest.raises(RecipeError) as caught:
        read_recipe(tmp_path / "r.toml", REGISTRY)

    assert any(line.startswith(problem) for line in caught.value.problems), caught.value.problems


def test_metrics_of_another_kind_are_refused(old, tmp_path, capsys):
    """The files settle the kind of the target, and metrics must fit it."""
    old.write_text(old.read_text().replace("bootstrap", 'metrics = ["mae"]\nbootstrap'))

    assert 1 == main(["check", str(old)])

    assert "categorical target, 'sex'" in capsys.readouterr().err

"""Old YAML settings as a recipe: what is taken over, what is named, what is never shown."""

from __future__ import annotations

import json
import math
import os
import tomllib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from brainplug.cli.legacy_yaml import recipe_from_yaml
from brainplug.errors import DataError

OLD = """\
wandb:
    API_KEY: "0123456789abcdef0123456789abcdef01234567"
    project: "comparison"

seed: 4321

dataset:
    target_col: "sex"
    train_json:
        - "./data/ABCD_sex_comparison_tasks_train.json"
        - "./data/UKB_sex_comparison_tasks_train.json"
    val_json:
        - "./data/ABCD_sex_comparison_tasks_val.json"
        - "./data/UKB_sex_comparison_tasks_val.json"
    test_json:
        - "./data/ABCD_sex_comparison_tasks_test.json"
        - "./data/UKB_sex_comparison_tasks_test.json"
    img_size: [96, 112, 96]

model:
    hf_name: "llava-hf/llava-interleave-qwen-7b-hf"
    patch_size: [8, 8, 16]

trainer:
    max_epochs: 25
    learning_rate: 2e-4
    warmup_steps: 250
    weight_decay: 0.05
    per_device_batch_size: 2
    gradient_accumulation_steps: 8
    gradient_checkpointing: True
    logging_steps: 1
"""

SCHEDULES = "'linear' or 'cosine' or 'constant_with_warmup'"
ELSEWHERE = "OmegaConf takes this one from elsewhere"
TAG = "tag:yaml.org,2002:python/object/apply:os.system"


def read(folder, text):
    path = folder / "old.yaml"
    path.write_text(text, encoding="utf-8")
    return recipe_from_yaml(path)


def read_recipe(folder, text):
    return tomllib.loads(read(folder, text).text)


def fault_of(folder, text):
    with pytest.raises(DataError) as caught:
        read(folder, text)
    return str(caught.value).replace(f"{folder / 'old.yaml'}: ", "")


def test_every_setting_has_its_place_in_the_recipe(tmp_path):
    """The known settings become the keys of a recipe of task files, with the old model's choices.

    The old tool named no schedule to transformers, so it had the linear one.
    """
    expected = {
        "seed": 4321,
        "tasks": {
            split: [
                f"./data/ABCD_sex_comparison_tasks_{split}.json",
                f"./data/UKB_sex_comparison_tasks_{split}.json",
            ]
            for split in ("train", "val", "test")
        },
        "images": {"shape": [96, 112, 96]},
        "model": {
            "use": "llava-interleave",
            "weights": "llava-hf/llava-interleave-qwen-7b-hf",
            "patch": [8, 8, 16],
            "train": ["patch-embedding"],
        },
        "training": {
            "epochs": 25,
            "learning_rate": 2e-4,
            "warmup_steps": 250,
            "schedule": "linear",
            "weight_decay": 0.05,
            "batch_size": 2,
            "accumulation": 8,
            "gradient_checkpointing": True,
        },
    }
    assert expected == read_recipe(tmp_path, OLD)


def test_the_training_keys_are_those_of_a_recipe(tmp_path):
    """Each key of `[tasks]`, `[images]` and `[training]` is declared in the recipe's models."""
    import attrs

    from brainplug.recipe.tables import Images, TaskFiles, Training

    recipe = read_recipe(tmp_path, OLD)

    for table, model in (("tasks", TaskFiles), ("images", Images), ("training", Training)):
        assert set(recipe[table]) <= set(attrs.fields_dict(model))


def test_what_is_left_out_is_named(tmp_path):
    """Every key without a counterpart is in the notes, and the notes are comments of the recipe."""
    imported = read(tmp_path, OLD)

    assert [
        "wandb.API_KEY",
        "wandb.project",
        "dataset.target_col",
        "trainer.logging_steps",
    ] == [note.split(": left out; ")[0] for note in imported.notes]
    comments = [line.removeprefix("# ") for line in imported.text.splitlines() if line[:1] == "#"]
    assert set(imported.notes) <= set(comments)


def test_a_secret_is_named_and_never_shown(tmp_path):
    """The key of an account is left out of text and notes, with the advice to revoke it."""
    imported = read(tmp_path, OLD)

    assert "0123456789abcdef" not in imported.text + "".join(imported.notes)
    assert "revoke it" in imported.notes[0]


@pytest.mark.parametrize(
    "line",
    [
        "wandb_key: s3cr3t-value",
        "hub: {token: s3cr3t-value}",
        "login: {PASSWORD: [s3cr3t-value]}",
        "wandb: {api-key: {value: s3cr3t-value}}",
        "anything: hf_s3cr3t-valueAAAAAAAAAAAA",
        "notes: my s3cr3t-value",
    ],
)
def test_no_value_of_an_unknown_key_is_shown(tmp_path, line):
    """Wherever a secret hides, it cannot come out, since only values of known settings do."""
    imported = read(tmp_path, f"{OLD}\n{line.replace('wandb:', 'wandb2:')}\n")

    assert "s3cr3t-value" not in imported.text + "".join(imported.notes)


@pytest.mark.parametrize("value", ['""', "null", '"YOUR_API_KEY"', '"${oc.env:WANDB_KEY}"'])
def test_a_placeholder_need_not_be_revoked(tmp_path, value):
    """Where no secret was written, none is to be revoked."""
    (note,) = [note for note in read(tmp_path, f"API_KEY: {value}").notes if "API_KEY" in note]

    assert "API_KEY: left out; a secret has no place in a recipe" == note


@pytest.mark.parametrize(
    ("line", "table", "key", "expected"),
    [
        ("seed: '7'", None, "seed", 7),
        ("img_size: 120", "images", "shape", [120, 120, 120]),
        ("dataset: {img_size: ['96', 96.0, 96]}", "images", "shape", [96, 96, 96]),
        ("dataset: {T1: {img_size: [80, 80, 80]}}", "images", "shape", [80, 80, 80]),
        ("model: {sMRI: {patch_size: 16}}", "model", "patch", [16, 16, 16]),
        ("model: me/my-llava", "model", "weights", "me/my-llava"),
        ("train_json: one.json", "tasks", "train", ["one.json"]),
        ("trainer: {eval_json_path: v.jsonl}", "tasks", "val", ["v.jsonl"]),
        ("trainer: {learning_rate: 5e-5}", "training", "learning_rate", 5e-5),
        ("trainer: {lr: 1}", "training", "learning_rate", 1.0),
        ("trainer: {warmup_steps: 5e2}", "training", "warmup_steps", 500),
        ("trainer: {lr_scheduler_type: cosine}", "training", "schedule", "cosine"),
        ("trainer: {gradient_checkpointing: no}", "training", "gradient_checkpointing", False),
        ("trainer: {gradient_checkpointing: 'True'}", "training", "gradient_checkpointing", True),
    ],
)
def test_values_are_read_as_their_key_asks(tmp_path, line, table, key, expected):
    """Numbers that YAML takes for text, one for all axes, and texts for lists are understood."""
    recipe = read_recipe(tmp_path, line)

    value = recipe[key] if table is None else recipe[table][key]
    assert (type(expected), expected) == (type(value), value)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("trainer: {max_epochs: many}", "trainer.max_epochs: expected an integer: 'many'"),
        ("trainer: {max_epochs: 1.5}", "trainer.max_epochs: expected an integer: 1.5"),
        ("trainer: {max_epochs: true}", "trainer.max_epochs: expected an integer: True"),
        ("trainer: {learning_rate: .inf}", "trainer.learning_rate: expected a number: inf"),
        ("trainer: {learning_rate: [1]}", "trainer.learning_rate: expected a number: [1]"),
        (
            "trainer: {gradient_checkpointing: 1}",
            "trainer.gradient_checkpointing: expected true or false: 1",
        ),
        ("dataset: {img_size: [1, x, 3]}", "dataset.img_size[1]: expected an integer: 'x'"),
        (
            "dataset: {img_size: [96, 96, 96, 24]}",
            "dataset.img_size: expected an integer or 3 integers: [96, 96, 96, 24]",
        ),
        ("dataset: {train_json: [a.json, 3]}", "dataset.train_json[1]: expected text: 3"),
        ("dataset: {train_json: ''}", "dataset.train_json: expected text: ''"),
        (
            "trainer: {lr_scheduler: polynomial}",
            f"trainer.lr_scheduler: expected {SCHEDULES}: 'polynomial'",
        ),
        (
            "dataset: {train_json: ['${root}/a.json']}",
            f"dataset.train_json: expected the value itself: '${{root}}/a.json'; {ELSEWHERE}",
        ),
        (
            "model:\n  hf_name: ???",
            f"model.hf_name: expected the value itself: '???'; {ELSEWHERE}",
        ),
    ],
)
def test_a_wrong_value_is_told_at_its_key(tmp_path, line, expected):
    """The message names the key, what was expected and what was given."""
    assert expected == fault_of(tmp_path, line)


def test_all_wrong_values_are_told_at_once(tmp_path):
    """A file with two faults is refused once, with a line for each."""
    text = "trainer: {max_epochs: many, lr: fast}"

    assert [
        "trainer.max_epochs: expected an integer: 'many'",
        "trainer.lr: expected a number: 'fast'",
    ] == fault_of(tmp_path, text).splitlines()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: [1, 2", "not YAML: expected ',' or ']', but got '<stream end>', at line 1, column 9"),
        ("a: 1\n b: 2", "not YAML: mapping values are not allowed here, at line 2, column 3"),
        (
            f"a: !<{TAG}> [ls]",
            f"not YAML: could not determine a constructor for the tag '{TAG}', at line 1, column 4",
        ),
        ("a: 1\n---\nb: 2", "not YAML: but found another document, at line 2, column 1"),
        ("a: \x07", "not YAML: special characters are not allowed, at character 4"),
        ("a: 2024-13-45", "not YAML: a date, time or number that cannot be"),
        (
            "a: &a {b: *a}",
            "expected settings of at most 20,000 keys and values, found one without end",
        ),
        ("a: " + "[" * 5000, "expected a few sections, found one without end"),
        ("[1, 2]", "expected keys and values, found a sequence"),
        ("", "expected keys and values, found nothing"),
        (
            "a: 1\ntrainer:\n  lr: 1\n  x: 2\n  lr: 3",
            "trainer.lr: expected once, found at line 3 and at line 5; delete one",
        ),
    ],
)
def test_bad_yaml_is_told_with_its_place(tmp_path, text, expected):
    """Whatever is wrong with the file, the user reads a sentence with a place in it."""
    assert expected == fault_of(tmp_path, text)


def test_a_fault_does_not_quote_the_line(tmp_path):
    """The line of a fault may hold a secret, so only its place is told."""
    assert "s3cr3t" not in fault_of(tmp_path, "wandb: {API_KEY: s3cr3t}: [")


def test_a_file_that_is_not_there_or_not_text_is_refused(tmp_path):
    """Both are told as a sentence that begins with the file."""
    (tmp_path / "latin.yaml").write_bytes("a: é".encode("latin-1"))

    for name, what in (
        ("none.yaml", "cannot be read: No such file or directory"),
        ("latin.yaml", "not YAML, which is UTF-8: unexpected end of data"),
    ):
        with pytest.raises(DataError) as caught:
            recipe_from_yaml(tmp_path / name)
        assert ((tmp_path / name,), what) == (caught.value.where, caught.value.what)


def test_of_two_keys_for_one_setting_the_outer_is_used(tmp_path):
    """The other is named in a note that says which key was used, wherever it stands."""
    text = "dataset:\n  T1: {img_size: 80}\n  img_size: 96\n  sMRI: {img_size: 64}"

    imported = read(tmp_path, text)

    assert [96, 96, 96] == tomllib.loads(imported.text)["images"]["shape"]
    assert [
        "dataset.T1.img_size: left out; dataset.img_size sets the same",
        "dataset.sMRI.img_size: left out; dataset.img_size sets the same",
    ] == [note for note in imported.notes if "img_size" in note]


def test_the_size_of_another_kind_of_scan_is_not_taken(tmp_path):
    """Sizes of functional scans are left out, not taken for those of T1 scans."""
    imported = read(tmp_path, "dataset: {rsfMRI: {img_size: [96, 96, 96, 24]}}")

    assert "images" not in tomllib.loads(imported.text)
    assert "dataset.rsfMRI.img_size: left out; brainplug shows T1-weighted scans" in imported.notes


def test_an_empty_setting_is_named(tmp_path):
    """A key without a value leaves brainplug's default, and says so."""
    imported = read(tmp_path, "trainer: {max_epochs: }")

    assert "epochs" not in tomllib.loads(imported.text)["training"]
    assert "trainer.max_epochs: left out; it is empty" in imported.notes


@pytest.mark.parametrize("line", ["seed: 1", "train_json: []"])
def test_missing_task_files_leave_a_place_to_fill(tmp_path, line):
    """A YAML of the tools that made pairs themselves names no task file: each split is noted."""
    imported = read(tmp_path, line)

    assert {"train": [], "val": [], "test": []} == tomllib.loads(imported.text)["tasks"]
    assert (
        "tasks.train: the YAML names no file; name at least one",
        "tasks.val: the YAML names no file; name at least one",
        "tasks.test: the YAML names no file; name at least one",
    ) == imported.notes[:3]


def test_lists_of_unequal_length_are_noted(tmp_path):
    """The old tool read as many files of each list as the shortest has; brainplug reads all."""
    imported = read(tmp_path, "train_json: [a, b]\nval_json: [c]\ntest_json: [d]")

    (note,) = imported.notes
    assert note.startswith("tasks: 2 of train, 1 of val, 1 of test; the old tool left out")
    assert ["a", "b"] == tomllib.loads(imported.text)["tasks"]["train"]


def test_a_model_of_another_architecture_is_noted(tmp_path):
    """Weights that cannot be loaded as LLaVA are kept, and pointed at."""
    imported = read(tmp_path, "model: {hf_name: Salesforce/blip2-flan-t5-xl}")

    assert "Salesforce/blip2-flan-t5-xl" == tomllib.loads(imported.text)["model"]["weights"]
    assert any("must be of the LLaVA architecture" in note for note in imported.notes)


def test_a_key_cannot_break_out_of_its_comment(tmp_path):
    """Line ends and control characters in a key are escaped, so the recipe stays TOML."""
    imported = read(tmp_path, r'"a\nseed = 9\x7f\u2028": 1')

    assert "seed" not in tomllib.loads(imported.text)
    assert all(note.isprintable() for note in imported.notes)


SIMPLE = st.none() | st.booleans() | st.integers() | st.floats() | st.text("aé\"\\\n$'#=[] ")
KEYS = st.sampled_from(
    ["dataset", "T1", "train_json", "img_size", "hf_name", "lr", "seed", "x y", "#", "model"]
)


@settings(
    max_examples=100,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    data=st.dictionaries(
        KEYS,
        st.recursive(
            SIMPLE,
            lambda each: st.lists(each, max_size=3) | st.dictionaries(KEYS, each, max_size=3),
            max_leaves=6,
        ),
        min_size=1,
    )
)
def test_any_yaml_becomes_toml_or_a_sentence(tmp_path, data):
    """Whatever a file holds, the recipe parses and every unknown key is named, or it is refused."""
    import yaml

    try:
        imported = read(tmp_path, yaml.safe_dump(data, allow_unicode=True))
    except DataError:
        return  # what the sentences say is proven above

    recipe = tomllib.loads(imported.text)
    assert recipe["model"]["use"] == "llava-interleave"
    assert math.isfinite(recipe["training"].get("learning_rate", 0.0))
    if "#" in data and not isinstance(data["#"], dict):
        assert any(note.startswith('"#": left out') for note in imported.notes)


SECTION, LIST = "a{0}: &a{0} {{x: *a{1}, y: *a{1}}}\n", "a{0}: &a{0} [*a{1}, *a{1}]\n"


@pytest.mark.parametrize("twice", [SECTION, LIST])
def test_aliases_that_repeat_each_other_are_refused(tmp_path, twice):
    """A thousand letters would be read for years."""
    text = "a0: &a0 1\n" + "".join(twice.format(n, n - 1) for n in range(1, 50)) + "seed: *a49\n"

    assert fault_of(tmp_path, text).startswith("expected settings of at most 20,000 keys and")


ODD_FILES = {
    "a pipe": (os.mkfifo, "expected a file, found a pipe or a device"),
    "a link to a device": (
        lambda path: path.symlink_to("/dev/zero"),
        "expected a file, found a pipe or a device",
    ),
    "a link to itself": (lambda path: path.symlink_to(path), "cannot be read: Too many levels"),
    "a folder": (lambda path: path.mkdir(), "cannot be read: Is a directory"),
    "a large file": (
        lambda path: (path.touch(), os.truncate(path, 1 << 40)),
        "expected settings of at most 1,048,576 bytes, found 1,099,511,627,776",
    ),
    "UTF-16": (
        lambda path: path.write_text("seed: 1", encoding="utf-16"),
        "not YAML, which is UTF-8",
    ),
    "Latin-1": (lambda path: path.write_bytes(b"a: M\xfcller"), "not YAML, which is UTF-8"),
    "zeroed": (lambda path: path.write_bytes(bytes(90)), "not YAML: special characters"),
    "an object": (
        lambda path: path.write_text("seed: !!python/name:os.system ''"),
        "not YAML: could not determine a constructor",
    ),
}


@pytest.mark.parametrize("how", ODD_FILES)
def test_what_is_no_file_of_settings_ends_with_a_message(tmp_path, how):
    """It is not waited for, and not read without an end."""
    make, told = ODD_FILES[how]
    path = tmp_path / "old.yaml"
    make(path)

    with pytest.raises(DataError) as caught:
        recipe_from_yaml(path)

    assert str(caught.value).startswith(f"{path}: {told}")


def test_a_byte_order_mark_is_no_letter_of_a_key(tmp_path):
    """Editors on Windows put it first; JSON, which is YAML too, may have one."""
    assert 3 == read_recipe(tmp_path, '\ufeff{"seed": 3}')["seed"]


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "-rf", "a b.json", "é.json"])
def test_names_of_task_files_are_taken_over_as_they_are(tmp_path, name):
    """They are the user's own, and nothing is read by them here."""
    text = json.dumps({"train_json": [name]})

    assert [name] == read_recipe(tmp_path, text)["tasks"]["train"]

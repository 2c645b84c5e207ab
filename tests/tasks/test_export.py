"""Task files in the forms of other trainers."""

from __future__ import annotations

import json
from pathlib import Path

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from brainplug.api.records import Image, Turn
from brainplug.errors import DataError
from brainplug.tasks.export import FORMATS, MARKERS, export_tasks
from brainplug.tasks.task import Task, write_tasks

ONE = Task(
    task_id="sex-1",
    kind="categorical",
    target="sex",
    subject="q",
    truth="male",
    references=("r",),
    reference_values=("female",),
    images=(Path("/scans/r.nii.gz"), Path("/scans/q.nii.gz")),
    turns=(
        Turn.user(Image(0), "A scan of a female."),
        Turn.assistant("I see."),
        Turn.user(Image(1), "And this?"),
        Turn.assistant("It is male."),
    ),
    codes=(1, 2),
)

TWO = Task(
    task_id="age-1",
    kind="numerical",
    target="age",
    subject="q",
    truth=8.25,
    references=("r", "s"),
    reference_values=(9.5, 10.0),
    images=(Path("r.nii"), Path("s.nii"), Path("q.nii")),
    turns=(
        Turn.user("Alter: 9,5 Jahre, ", Image(0), "見て"),
        Turn.assistant("Ja."),
        Turn.user(Image(1), "10 Jahre"),
        Turn.assistant("Ja."),
        Turn.user(Image(2), "Wie alt?"),
        Turn.assistant("8,25 Jahre"),
    ),
)


def export(folder, tasks, name):
    source = folder / "ABCD_sex_comparison_tasks_train.json"
    write_tasks(source, tasks)
    return export_tasks(source, [name])


def read_rows(path):
    text = path.read_text(encoding="utf-8")
    return json.loads(text) if path.suffix == ".json" else [*map(json.loads, text.splitlines())]


def test_llava_is_an_array_of_the_interleave_form(tmp_path):
    """Speakers are human and gpt, an image is a marker where it stands, and metadata says more."""
    (path,) = export(tmp_path, [ONE], "llava")

    expected = {
        "id": "sex-1",
        "sample_id": "sex-1",
        "image": ["/scans/r.nii.gz", "/scans/q.nii.gz"],
        "conversations": [
            {"from": "human", "value": "<image>A scan of a female."},
            {"from": "gpt", "value": "I see."},
            {"from": "human", "value": "<image>And this?"},
            {"from": "gpt", "value": "It is male."},
        ],
        "metadata": {
            "dataset": "sex_classification_via_comparison",
            "question_type": "open-ended",
            **ONE.metadata(),
        },
    }
    assert path.name == "ABCD_sex_comparison_tasks_train_llava.json"
    assert [expected] == read_rows(path)


def test_messages_hold_text_with_markers(tmp_path):
    """One row a line: messages of role and text, and the images in the markers' order."""
    path, _ = export(tmp_path, [TWO, ONE], "messages")

    first = {
        "id": "age-1",
        "messages": [
            {"role": "user", "content": "Alter: 9,5 Jahre, <image>見て"},
            {"role": "assistant", "content": "Ja."},
            {"role": "user", "content": "<image>10 Jahre"},
            {"role": "assistant", "content": "Ja."},
            {"role": "user", "content": "<image>Wie alt?"},
            {"role": "assistant", "content": "8,25 Jahre"},
        ],
        "images": ["r.nii", "s.nii", "q.nii"],
    }
    assert path.name == "ABCD_sex_comparison_tasks_train_messages.jsonl"
    assert first == read_rows(path)[0]
    assert ["age-1", "sex-1"] == [row["id"] for row in read_rows(path)]


def test_trl_parts_a_prompt_from_the_last_answer(tmp_path):
    """Contents are lists of parts, and only the last answer is the completion TRL learns."""
    (path,) = export(tmp_path, [ONE], "trl")

    expected = {
        "id": "sex-1",
        "prompt": [
            {
                "role": "user",
                "content": [{"type": "image"}, {"type": "text", "text": "A scan of a female."}],
            },
            {"role": "assistant", "content": [{"type": "text", "text": "I see."}]},
            {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "And this?"}]},
        ],
        "completion": [{"role": "assistant", "content": [{"type": "text", "text": "It is male."}]}],
        "images": ["/scans/r.nii.gz", "/scans/q.nii.gz"],
    }
    assert path.name == "ABCD_sex_comparison_tasks_train_trl.jsonl"
    assert [expected] == read_rows(path)


def test_llama_factory_is_told_of_messages(tmp_path):
    """`dataset_info.json` names the file, its columns and tags, and keeps what it named before."""
    (tmp_path / "dataset_info.json").write_text('{"other": {"file_name": "o.json"}}')

    path, info = export(tmp_path, [ONE], "messages")

    listed = json.loads(info.read_text())
    assert {"other", "ABCD_sex_comparison_tasks_train"} == set(listed)
    entry = listed["ABCD_sex_comparison_tasks_train"]
    assert path.name == entry["file_name"]
    assert {"messages": "messages", "images": "images"} == entry["columns"]
    row = read_rows(path)[0]
    tags = entry["tags"]
    assert [tags["user_tag"], tags["assistant_tag"]] * 2 == [
        message[tags["role_tag"]] for message in row[entry["columns"]["messages"]]
    ]


def test_a_dataset_info_that_is_something_else_is_left_alone(tmp_path):
    """A file that is no list of datasets is not written over."""
    info = tmp_path / "dataset_info.json"
    info.write_text("[1]")

    with pytest.raises(DataError) as caught:
        export(tmp_path, [ONE], "messages")

    assert ((info,), [1]) == (caught.value.where, caught.value.found)

    assert info.read_text() == "[1]"


TEXTS = st.text('a<imge> é見\n\r\u2028\x00"\\,[]', max_size=12).filter(
    lambda text: not any(marker in text for marker in MARKERS)
)


@st.composite
def tasks(draw):
    """Draw dialogues with any number of references and any order of text and image."""
    count = draw(st.integers(1, 5))
    turns = []
    for index in range(count):
        shown = [draw(TEXTS), Image(index), draw(TEXTS)]
        turns += [Turn.user(*shown), Turn.assistant(draw(TEXTS))]
    return Task(
        task_id=draw(TEXTS),
        kind="numerical",
        target="age",
        subject="q",
        truth=draw(st.floats(allow_nan=False, allow_infinity=False)),
        references=tuple(f"r{index}" for index in range(count - 1)),
        reference_values=tuple(map(float, range(count - 1))),
        images=tuple(Path(f"{index}.nii") for index in range(count)),
        turns=tuple(turns),
    )


@settings(
    max_examples=50,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(made=st.lists(tasks(), max_size=4))
def test_every_form_tells_the_same_dialogue(tmp_path, made):
    """Whatever the texts, each form has as many markers as images, and its parts in their order."""
    source = tmp_path / "made.json"
    write_tasks(source, made)

    llava, messages, trl, _ = export_tasks(source, ["llava", "messages", "trl"])

    for task, flat, said, parts in zip(
        made, read_rows(llava), split_lines(messages), split_lines(trl), strict=True
    ):
        wanted = [
            "".join("<image>" if isinstance(part, Image) else part for part in turn.content)
            for turn in task.turns
        ]
        contents = [message["content"] for message in parts["prompt"] + parts["completion"]]
        joined = ["".join(part.get("text", "<image>") for part in content) for content in contents]
        assert wanted == [turn["value"] for turn in flat["conversations"]]
        assert wanted == [message["content"] for message in said["messages"]]
        assert wanted == joined
        assert len(task.images) == len(said["images"]) == "".join(wanted).count("<image>")
        assert flat["image"] == said["images"] == parts["images"] == [*map(str, task.images)]


def split_lines(path):
    """Read rows as JSON-lines readers do: only a line feed ends a line."""
    return [json.loads(line) for line in path.read_bytes().split(b"\n") if line]


def test_an_old_file_of_lines_is_exported(tmp_path):
    """A `.jsonl` task file gives the rows its `.json` form gives."""
    lines = tmp_path / "lines.jsonl"
    lines.write_text("".join(json.dumps(task.to_json()) + "\n" for task in (ONE, TWO)))
    array = tmp_path / "array.json"
    write_tasks(array, [ONE, TWO])

    (from_lines,) = export_tasks(lines, ["llava"])
    (from_array,) = export_tasks(array, ["llava"])

    assert from_lines.read_bytes() == from_array.read_bytes()


def test_exporting_twice_changes_nothing(tmp_path):
    """The second export writes the same bytes, and nothing else is left in the folder."""
    source = tmp_path / "some.json"
    write_tasks(source, [ONE, TWO])
    contents = []

    for _ in range(2):
        export_tasks(source, FORMATS)
        contents.append({path.name: path.read_bytes() for path in tmp_path.iterdir()})

    assert contents[0] == contents[1]
    assert {
        "some.json",
        "some_llava.json",
        "some_messages.jsonl",
        "some_trl.jsonl",
        "dataset_info.json",
    } == set(contents[0])


def test_a_folder_may_be_named(tmp_path):
    """With a folder, nothing is written beside the source."""
    source = tmp_path / "tasks" / "some.json"
    write_tasks(source, [ONE])

    written = export_tasks(source, ["messages"], folder=tmp_path / "exports")

    assert {tmp_path / "exports"} == {path.parent for path in written}
    assert [source] == [*source.parent.iterdir()]


def test_an_unknown_format_is_refused_before_anything_is_written(tmp_path):
    """The message lists the formats there are."""
    with pytest.raises(DataError) as caught:
        export_tasks(tmp_path / "some.json", ["llava", "parquet"])

    assert "parquet" == caught.value.found

    assert [] == [*tmp_path.iterdir()]


@pytest.mark.parametrize("marker", MARKERS)
def test_a_marker_in_a_text_is_refused(tmp_path, marker):
    """A text that other trainers would fill with an image names its task and leaves no file."""
    bad = attrs.evolve(ONE, task_id="bad", turns=(*ONE.turns[:3], Turn.assistant(f"a {marker}")))

    with pytest.raises(DataError) as caught:
        export(tmp_path, [ONE, bad], "llava")

    assert "task 'bad'" == caught.value.where[1]
    assert marker == caught.value.found

    assert ["ABCD_sex_comparison_tasks_train.json"] == [path.name for path in tmp_path.iterdir()]


def test_turns_that_do_not_alternate_are_refused(tmp_path):
    """LLaVA-NeXT would cut a first turn of the assistant, LLaMA-Factory would skip the task."""
    bad = attrs.evolve(ONE, turns=(Turn.assistant("Hello."), *ONE.turns))

    with pytest.raises(DataError) as caught:
        export(tmp_path, [bad], "messages")

    assert "task 'sex-1'" == caught.value.where[1]
    assert "assistant" == caught.value.found[0]


def test_a_file_that_is_no_task_file_is_refused(tmp_path):
    """Broken JSON is told with the file's name, and an export that stood before stays."""
    source = tmp_path / "some.json"
    write_tasks(source, [ONE])
    (path,) = export_tasks(source, ["llava"])
    before = path.read_bytes()
    source.write_text("[{")

    with pytest.raises(DataError) as caught:
        export_tasks(source, ["llava"])

    assert (source,) == caught.value.where

    assert before == path.read_bytes()

"""Task files are read one task at a time, however they are laid out, and refused when broken."""

from __future__ import annotations

import json
from pathlib import Path

import attrs
import orjson
import pytest

from brainplug.api.records import Image, Turn
from brainplug.errors import DataError
from brainplug.tasks.read import iterate_glances, iterate_tasks, read_tasks
from brainplug.tasks.task import Task, write_tasks


def make_task(number: int, *values, kind: str = "categorical") -> Task:
    """Make a task whose query has the first of the values, its references the others."""
    truth, *told = values
    turns = []
    for place, value in enumerate(told):
        turns += [Turn.user(Image(place), f'One é of "{value}".'), Turn.assistant("Noted.")]
    return Task(
        task_id=f"t-{number}",
        kind=kind,
        target="sex",
        subject=f"q{number}",
        truth=truth,
        references=tuple(f"r{number}{place}" for place in range(len(told))),
        reference_values=tuple(told),
        images=tuple(Path(f"/x/{number}-{place}.nii") for place in range(len(values))),
        turns=(*turns, Turn.user(Image(len(told)), "And this?"), Turn.assistant(f"It is {truth}.")),
        codes=tuple(map("ab".index, values)) if kind == "categorical" else (),
    )


CATEGORICAL = [make_task(1, "a", "b"), make_task(2, "b", "b", "a"), make_task(3, "a", "a")]
NUMERICAL = [
    make_task(1, -1.25, 0.5, kind="numerical"),
    make_task(2, 1e-7, -0.0, 3.0, kind="numerical"),
]


def one_a_line(rows) -> str:
    return "[\n" + ",\n".join(map(json.dumps, rows)) + "\n]\n"


LAYOUTS = {
    "one a line": (".json", one_a_line),
    "one a line, CRLF": (".json", lambda rows: one_a_line(rows).replace("\n", "\r\n")),
    "indented": (".json", lambda rows: json.dumps(rows, indent=2)),
    "indented, CRLF": (".json", lambda rows: json.dumps(rows, indent=2).replace("\n", "\r\n")),
    "closed in the last row": (".json", lambda rows: one_a_line(rows).replace("\n]\n", "]")),
    "not indented, but broken": (".json", lambda rows: json.dumps(rows, indent=0)),
    "one line": (".json", json.dumps),
    "one line without escapes": (".json", lambda rows: json.dumps(rows, ensure_ascii=False)),
    "jsonl": (".jsonl", lambda rows: "\n".join(map(json.dumps, rows))),
    "jsonl, blank lines": (".jsonl", lambda rows: "\n \n".join(["", *map(json.dumps, rows), ""])),
    "jsonl, CRLF": (".jsonl", lambda rows: "\r\n".join([*map(json.dumps, rows), ""])),
}


def write(folder: Path, text: str, suffix: str = ".json") -> Path:
    path = folder / f"LAB_sex_comparison_tasks_train{suffix}"
    path.write_bytes(text.encode())
    return path


@pytest.mark.parametrize("tasks", [CATEGORICAL, NUMERICAL], ids=["categorical", "numerical"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_the_same_tasks(tmp_path, layout, tasks):
    """Line ends, indents and blank lines change nothing."""
    suffix, lay_out = LAYOUTS[layout]
    path = write(tmp_path, lay_out([task.to_json() for task in tasks]), suffix)

    assert tasks == read_tasks(path)


@pytest.mark.parametrize("tasks", [CATEGORICAL, NUMERICAL], ids=["categorical", "numerical"])
@pytest.mark.parametrize("layout", ["one a line", "indented", "jsonl"])
def test_glances_are_the_tasks_without_their_scans(tmp_path, layout, tasks):
    """What the audit sees of a task is what training sees of it."""
    suffix, lay_out = LAYOUTS[layout]
    path = write(tmp_path, lay_out([task.to_json() for task in tasks]), suffix)

    for task, glance in zip(read_tasks(path), iterate_glances(path), strict=True):
        for name in set(glance._fields) - {"answer"}:
            assert getattr(task, name) == getattr(glance, name)
        assert task.turns[-1].content == (glance.answer,)


def test_what_is_written_is_read(tmp_path):
    """Our own files come back equal, and are given task by task."""
    path = tmp_path / "tasks.json"

    assert 3 == write_tasks(path, CATEGORICAL)

    assert CATEGORICAL == list(iterate_tasks(path))


@pytest.mark.parametrize("text", ["[]", "[\n]\n", "[\n\n]"])
def test_an_empty_array_has_no_tasks(tmp_path, text):
    """No task is no fault of the reader."""
    assert [] == read_tasks(write(tmp_path, text))


@pytest.mark.parametrize("layout", ["one a line", "jsonl"])
def test_reading_is_lazy(tmp_path, layout):
    """The first tasks of a file whose last row is broken are given before it is reached."""
    suffix, lay_out = LAYOUTS[layout]
    rows = [task.to_json() for task in CATEGORICAL]
    broken = lay_out(rows).replace('"task_id": "t-3"', '"task_id": t-3')
    tasks = iterate_tasks(write(tmp_path, broken, suffix))

    assert CATEGORICAL[:2] == [next(tasks), next(tasks)]
    with pytest.raises(DataError) as caught:
        next(tasks)

    assert "JSONDecodeError" == caught.value.found


def test_reading_holds_one_row_at_a_time(tmp_path):
    """A file of two hundred rows of 100 kB is read in far less memory than it takes on disk."""
    import tracemalloc

    task = make_task(1, "a", "b")
    long = attrs.evolve(task, turns=(Turn.user("x" * 100_000), *task.turns))
    path = tmp_path / "large.json"
    write_tasks(path, (long for _ in range(200)))

    tracemalloc.start()
    assert 200 == sum(1 for _ in iterate_tasks(path))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert path.stat().st_size > 20e6
    assert peak < 4e6


BROKEN = {
    "not JSON": "subject,sex\na,1\n",
    "empty": "",
    "binary": "\0\1",
    "unclosed": "[",
    "an object": json.dumps(CATEGORICAL[0].to_json(), indent=2),
    "an object in one line": json.dumps(CATEGORICAL[0].to_json()),
    "a number": "3",
    "words": '["t-1"]',
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
def test_what_is_no_array_of_tasks_is_refused(tmp_path, text):
    """The file is named, never a traceback of the parser."""
    path = write(tmp_path, text)

    with pytest.raises(DataError) as caught:
        read_tasks(path)

    assert path == caught.value.where[0]


def test_a_missing_file_is_refused(tmp_path):
    """The path is in the message."""
    with pytest.raises(DataError) as caught:
        read_tasks(tmp_path / "nobody.json")

    assert (tmp_path / "nobody.json",) == caught.value.where
    assert "FileNotFoundError" == caught.value.found


@pytest.mark.parametrize("read", [iterate_tasks, iterate_glances])
@pytest.mark.parametrize("key", ["subject_ids", "images", "conversations", "metadata"])
def test_a_missing_key_is_named_with_its_task(tmp_path, key, read):
    """Which task, and which key."""
    rows = [task.to_json() for task in CATEGORICAL]
    del rows[1][key]

    with pytest.raises(DataError) as caught:
        list(read(write(tmp_path, one_a_line(rows))))

    assert "task 't-2'" == caught.value.where[1]
    assert (key,) == caught.value.found


@pytest.mark.parametrize("read", [iterate_tasks, iterate_glances])
@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("images", (3, 2, 3)),
        ("subject_ids", (3, 3, 2)),
        ("conversations", (2, 3, 3)),
    ],
)
def test_uneven_counts_are_refused_by_name(tmp_path, name, found, read):
    """D29: a task whose scans cannot be told apart is refused, whichever part lacks one."""
    rows = [task.to_json() for task in CATEGORICAL]
    del rows[1][name][0]

    with pytest.raises(DataError) as caught:
        list(read(write(tmp_path, one_a_line(rows))))

    assert "task 't-2'" == caught.value.where[1]
    assert found == caught.value.found


@pytest.mark.parametrize("read", [iterate_tasks, iterate_glances])
@pytest.mark.parametrize(
    "change",
    [
        {"metadata": {"task_type": "categorical", "target_name": "sex"}},
        {"metadata": None},
        {"conversations": [{"role": "user", "content": "just words"}]},
        {"subject_ids": 7},
    ],
)
def test_a_row_of_another_form_is_refused_by_name(tmp_path, change, read):
    """Metadata without labels, turns without parts and the like name the task."""
    rows = [task.to_json() for task in CATEGORICAL]
    rows[1] |= change

    with pytest.raises(DataError) as caught:
        list(read(write(tmp_path, one_a_line(rows))))

    assert "task 't-2'" == caught.value.where[1]


@pytest.mark.parametrize("read", [iterate_tasks, iterate_glances])
@pytest.mark.parametrize("value", ["NaN", "Infinity", "null", '"unknown"'])
def test_a_value_that_is_no_number_is_refused(tmp_path, value, read):
    """What Python writes for a missing number does not become a value of the target."""
    text = one_a_line([task.to_json() for task in NUMERICAL])
    assert '"subject_value": -1.25' in text
    path = write(tmp_path, text.replace('"subject_value": -1.25', f'"subject_value": {value}'))

    with pytest.raises(DataError) as caught:
        list(read(path))

    assert path == caught.value.where[0]


@pytest.mark.parametrize("layout", ["one a line", "indented", "one line", "jsonl"])
@pytest.mark.parametrize("lost", [40, 400])
def test_a_file_cut_within_a_row_is_refused(tmp_path, layout, lost):
    """A disk that was full, or a download that stopped, does not pass for a shorter file."""
    suffix, lay_out = LAYOUTS[layout]
    text = lay_out([task.to_json() for task in CATEGORICAL])

    with pytest.raises(DataError) as caught:
        read_tasks(write(tmp_path, text[:-lost], suffix))

    assert "JSONDecodeError" == caught.value.found


@pytest.mark.parametrize("end", ["", "\n", ",\n"])
def test_a_file_cut_between_rows_is_refused(tmp_path, end):
    """Without its closing bracket a file of one task a line is not whole."""
    rows = [json.dumps(task.to_json()) for task in CATEGORICAL]
    path = write(tmp_path, "[\n" + ",\n".join(rows[:2]) + end)

    with pytest.raises(DataError) as caught:
        read_tasks(path)

    assert path == caught.value.where[0]


def test_orjson_and_json_agree_on_our_files(tmp_path):
    """Our files are plain JSON to any other reader, with numbers to the last digit."""
    path = tmp_path / "tasks.json"
    write_tasks(path, NUMERICAL)

    rows = json.loads(path.read_text(encoding="utf-8"))

    assert orjson.loads(path.read_bytes()) == rows == [task.to_json() for task in NUMERICAL]


ODD = {
    "nested without end": "[" * 100_000,
    "thousands of digits": "9" * 5000,
    "half a letter": '"\\ud800"',
    "no number": "NaN",
}


@pytest.mark.parametrize("what", ODD)
@pytest.mark.parametrize("layout", ["one a line", "indented", "one line", "jsonl"])
def test_json_that_no_tool_writes_is_refused(tmp_path, what, layout):
    """Each would end a later step, or the program; the message names the file."""
    suffix, lay_out = LAYOUTS[layout]
    rows = [task.to_json() for task in CATEGORICAL]
    rows[1]["task_id"] = "@"
    path = write(tmp_path, lay_out(rows).replace('"@"', ODD[what]), suffix)

    with pytest.raises(DataError, match="cannot be read as a task file"):
        read_tasks(path)

"""Changed tasks are put to the model as they are, and a stopped run of them goes on."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import attrs
import numpy as np
import pytest

from brainplug.api.records import Image, Turn
from brainplug.inference import interventions as stage
from brainplug.inference.interventions import load_changed, plan_changes, write_interventions
from brainplug.inference.partial import KeptAnswers
from brainplug.runtime.ranks import Ranks
from brainplug.tasks.answers import AnswerRow
from brainplug.tasks.intervention_rows import InterventionRow, read_interventions
from brainplug.tasks.interventions import INTERVENTIONS
from brainplug.tasks.more_references import MORE
from brainplug.tasks.shown_scans import ChangedScan
from small import make_task

VOLUMES = {
    name: np.arange(60, dtype=np.float16).reshape(3, 4, 5) + number
    for number, name in enumerate("ab")
}


def load(path):
    return VOLUMES[path.name]


def test_scans_that_are_no_files():
    """Background all over; or every voxel of the scan, somewhere else; any other is the file's."""
    blank, mixed = ChangedScan("blank", Path("/x/a")), ChangedScan("shuffled", Path("/x/b"), seed=5)
    scans = {each.path: each for each in (blank, mixed)}

    empty = load_changed(scans, load, blank.path)
    shuffled = load_changed(scans, load, mixed.path)

    assert not empty.any()
    assert ((3, 4, 5), np.float16) == (empty.shape, empty.dtype)
    assert sorted(VOLUMES["b"].ravel()) == sorted(shuffled.ravel())
    assert ((3, 4, 5), np.float16) == (shuffled.shape, shuffled.dtype)
    assert np.mean(shuffled != VOLUMES["b"]) > 0.8
    assert (shuffled == load_changed(scans, load, mixed.path)).all()
    assert VOLUMES["a"] is load_changed(scans, load, Path("/x/a"))
    other = attrs.evolve(mixed, seed=6)
    assert (load_changed({other.path: other}, load, other.path) != shuffled).any()


@contextmanager
def progress(_what):
    yield lambda *_args: None


def make_session():
    """As little of a session as the stage needs; `x` and `y` are men, `z` a woman."""
    tasks = [make_task("1", ["x"], "z", "female"), make_task("2", ["y"], "x")]
    tasks += [make_task("3", ["x"], "y")]
    told = Turn.user(Image(0), "This is male.")
    tasks = [attrs.evolve(task, turns=(told, *task.turns[1:])) for task in tasks]
    return SimpleNamespace(
        tasks={"val": tasks, "train": tasks},
        recipe=SimpleNamespace(seed=1),
        answers=SimpleNamespace(labels=("male", "female")),
        ranks=Ranks(),
        load=load,
        progress=progress,
        answer_settings=lambda _bundle: Settings(load),
    )


@attrs.frozen
class Settings:
    load: object


@pytest.fixture
def asked(monkeypatch):
    """A model that says `male` to all; gives the tasks that it is asked, by the call."""
    calls = []

    def answer(_bundle, tasks, settings, *, split, done):
        calls.append(list(tasks))
        done(len(tasks))
        return [
            AnswerRow(
                split=split,
                task_id=task.task_id,
                subject=task.subject,
                references=task.references,
                reference_values=task.reference_values,
                truth=task.truth,
                answer_text="It is male.",
                prediction="male",
            )
            for task in tasks
        ]

    monkeypatch.setattr(stage, "all_answers", answer)
    monkeypatch.setattr(stage, "open_bundle", lambda *_args: None)
    return calls


def test_every_intervention_that_can_be_made_is_asked(asked, tmp_path):
    """Rows say what was changed, whom the scans show, and what was told; ids are the tasks' own."""
    session = make_session()
    plan = plan_changes(session, "val", {})
    kept = KeptAnswers(tmp_path / "part", "key", InterventionRow)

    write_interventions(session, plan, model=tmp_path, kept=kept, to=tmp_path / "rows")

    rows = read_interventions(tmp_path / "rows")
    # All references are men: nobody of another sex can take their place.
    wanted = {*INTERVENTIONS, MORE} - {"reference-other"}
    assert wanted == {row.intervention for row in rows}
    assert {"1", "2", "3"} == {row.answer.task_id for row in rows if row.intervention != MORE}
    (row,) = [
        each for each in rows if (each.intervention, each.answer.task_id) == ("word-changed", "1")
    ]
    assert (("x", "z"), ("male", "female")) == (row.people, row.values)
    assert (("female",), "female") == (row.answer.reference_values, row.answer.truth)
    ids = [task.task_id for call in asked for task in call]
    assert len(ids) == len(set(ids)) == len(rows)
    assert not (tmp_path / "part").exists()


def test_a_stopped_stage_asks_for_the_rest_only(asked, tmp_path, monkeypatch):
    """What was answered before the stop is in the file, and is not asked again."""
    session, plan = make_session(), plan_changes(make_session(), "val", {})
    kept = KeptAnswers(tmp_path / "part", "key", InterventionRow)
    first = [each.row(row) for each, row in zip(plan.changed, rows_of(plan), strict=True)][:4]
    kept.read()
    kept.add(first)

    write_interventions(session, plan, model=tmp_path, kept=kept, to=tmp_path / "rows")

    rows = read_interventions(tmp_path / "rows")
    assert first == rows[:4]
    assert len(plan.changed) == len(rows) == 4 + sum(map(len, asked))


def rows_of(plan):
    """Rows such as a model that says nothing gives."""
    return [
        AnswerRow(
            split="val",
            task_id=each.task.task_id,
            subject=each.task.subject,
            references=each.task.references,
            reference_values=each.task.reference_values,
            truth=each.task.truth,
            answer_text="",
            prediction=None,
        )
        for each in plan.changed
    ]

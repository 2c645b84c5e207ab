"""Finished tasks without their references, or with values of others."""

from __future__ import annotations

import attrs
import pytest

from brainplug.api.records import Image
from brainplug.errors import DataError
from brainplug.tasks.arm_tasks import with_values, without_references
from brainplug.tasks.task import check_turns
from brainplug_plugins.heads.categorical import ClassAnswers
from small import make_task

ANSWERS = ClassAnswers(("female", "male"))


@pytest.fixture
def task():
    """A task of two references that tells their values, of which one stands in the other."""
    made = make_task("t", ["a", "b"], "x", truth="female")
    turns = list(made.turns)
    for place, value in ((0, "male"), (2, "female")):
        turns[place] = attrs.evolve(turns[place], content=(Image(place // 2), f"This is {value}."))
    return attrs.evolve(
        made, turns=tuple(turns), reference_values=("male", "female"), codes=(0, 1, 0)
    )


def test_a_query_alone_keeps_its_question_and_answer(task):
    """Its scan is the only one, and nothing of a reference is left."""
    alone = without_references(task)

    check_turns(alone)
    assert task.turns[-1] == alone.turns[-1]
    assert (Image(0), "And this?") == alone.turns[0].content
    assert (task.images[-1:], (), (0,)) == (alone.images, alone.references, alone.codes)


def test_values_of_others_are_said_throughout(task):
    """Each person has one value, in the words of references and in the answer."""
    shuffled = with_values(task, {"a": "female", "b": "male", "x": "male"}, ANSWERS)

    said = [turn.content[-1] for turn in shuffled.turns]
    assert ["This is female.", "Noted.", "This is male.", "Noted.", "And this?", "It is male."] == (
        said
    )
    assert ("male", ("female", "male")) == (shuffled.truth, shuffled.reference_values)
    assert (1, 0, 1) == shuffled.codes


def test_answers_that_compare_are_refused(task):
    """A difference to a reference means nothing without it, nor with values of others."""
    relative = attrs.evolve(task, relative=True)

    with pytest.raises(DataError, match="states the value alone"):
        without_references(relative)
    with pytest.raises(DataError, match="states the value alone"):
        with_values(relative, dict.fromkeys("abx", "male"), ANSWERS)

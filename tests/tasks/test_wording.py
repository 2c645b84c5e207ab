"""The wording of finished tasks, for scans that are not in them."""

from __future__ import annotations

import attrs
import pytest

from brainplug.api.records import Case, Image, Turn
from brainplug.errors import DataError
from brainplug.registry import load_registry
from brainplug.tasks.wording import find_wording
from small import make_number_task, make_task


@pytest.fixture(scope="module")
def answers():
    import pandas as pd

    head = load_registry().build(
        "heads", "categorical", column="sex", labels={"1": "male", "2": "female"}
    )
    return head.fit(pd.Series(["male", "female"]))


def worded(truth, told, reference="The sex of this person is {}, as {} was told."):
    """Word a task with one reference."""
    task = make_task("t", ["a"], "x", truth)
    first = Turn.user(Image(0), reference.format(told, told))
    return attrs.evolve(task, reference_values=(told,), turns=(first, *task.turns[1:]))


def test_other_values_are_said_in_the_same_words(answers):
    """A value is put wherever the reference's was said, and in the answer."""
    wording = find_wording([worded("male", "female"), worded("female", "male")], answers)

    said = wording.dialogue(Case(target="sex", references=("male",), query="female"))

    assert worded("female", "male").turns == said


def test_several_wordings_are_refused(answers):
    """Which of them a scan would be asked in, nobody could tell."""
    with pytest.raises(DataError, match="one wording for all tasks"):
        find_wording([worded("male", "female"), worded("male", "male", "It is {}, {}.")], answers)


def test_a_value_that_is_not_said_is_refused(answers):
    """An older tool may have said M where the label is male."""
    with pytest.raises(DataError, match="the words 'male' where its value is told"):
        find_wording([worded("male", "male", "The sex is M.")], answers)


def test_numbers_are_said_as_the_run_says_them():
    """With the decimals and the unit of the head."""
    import pandas as pd

    head = load_registry().build("heads", "numerical", column="age", unit="years", precision=1)
    task = make_number_task(20.25, "It is 20.2 years.")
    shown = Turn.user(Image(0), "This one is 30.0 years.")
    task = attrs.evolve(task, turns=(shown, *task.turns[1:]))

    wording = find_wording([task], head.fit(pd.Series([20.25, 31.0])))

    said = wording.dialogue(Case(target="age", references=("1.0 years",), query="2.0 years"))
    assert "This one is 1.0 years." == said[0].content[1]
    assert ("It is 2.0 years.",) == said[-1].content

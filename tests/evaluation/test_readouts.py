"""Numbers read off a model in two ways, of which validation chooses the headline."""

from __future__ import annotations

import json

import attrs
import pytest
from rich.console import Console

from brainplug.evaluation.records import Metrics
from brainplug.evaluation.stage import Scoring, score
from brainplug.recipe.tables import Evaluation
from brainplug.report.headline import headline
from brainplug.report.sentence import further_sentences
from brainplug.runtime.records import from_json, to_json
from brainplug.tasks.answers import AnswerRow, read_answers
from brainplug_plugins.heads.numerical import NumberAnswers, Numerical, NumericalOptions
from brainplug_plugins.metrics.mae import Mae, MaeOptions
from small import make_number_task

TRUTHS = [20.0, 35.0, 50.0, 65.0, 80.0, 41.0]


def make_tasks(split: str):
    """Ask six people for their ages."""
    return [
        attrs.evolve(
            make_number_task(truth, f"It is {truth:.0f}.", query=f"{split}-{place}"),
            task_id=f"{split}-{place}",
        )
        for place, truth in enumerate(TRUTHS)
    ]


TASKS = {split: make_tasks(split) for split in ("train", "val", "test")}


def answer(split: str, *, said: float | None, expected: float | None) -> list[AnswerRow]:
    """Answer all tasks of a split with these errors; None says nothing that can be read."""
    return [
        AnswerRow(
            split=split,
            task_id=task.task_id,
            subject=task.subject,
            references=task.references,
            reference_values=task.reference_values,
            truth=task.truth,
            answer_text="hm" if said is None else f"It is {task.truth + said:.0f}.",
            prediction=None if said is None else task.truth + said,
            expected=None if expected is None else task.truth + expected,
            mass=None if expected is None else 0.9,
        )
        for task in TASKS[split]
    ]


def scored(rows, mode="both") -> Metrics:
    """Score answers as a run does."""
    return score(
        rows,
        TASKS,
        Scoring(
            head=Numerical(NumericalOptions(column="age", unit="years")),
            answers=NumberAnswers(precision=0, unit="years"),
            metrics={"mae": Mae(MaeOptions())},
            evaluation=Evaluation(bootstrap=100, answer=mode),
            seed=1,
        ),
        people=None,
    )


@pytest.mark.parametrize(
    ("val", "test", "chosen"),
    [((4.0, 3.0), (1.0, 5.0), "expected"), ((2.0, 3.0), (9.0, 1.0), "said")],
    ids=["expected", "said"],
)
def test_validation_alone_chooses_the_headline(val, test, chosen):
    """The read-out with the lower error on validation is reported, whatever the test says."""
    rows = answer("val", said=val[0], expected=val[1])
    rows += answer("test", said=test[0], expected=test[1])

    found = scored(rows)

    own, other = test[::-1] if chosen == "expected" else test
    assert chosen == found.readouts.headline
    assert {"said": val[0], "expected": val[1]} == found.readouts.validation
    assert pytest.approx(own) == found.splits["test"].metrics["mae"].value
    assert pytest.approx(other) == found.readouts.other["test"]["mae"].value
    assert pytest.approx(own) == found.splits["test"].scatter[0][1] - TRUTHS[0]
    assert {"val": 0.9, "test": 0.9} == pytest.approx(found.readouts.mass)


def test_what_cannot_be_read_stays_counted():
    """Words that state no number are told, although the expected value is the headline."""
    rows = answer("val", said=None, expected=3.0) + answer("test", said=None, expected=2.0)

    found = scored(rows)

    assert "expected" == found.readouts.headline
    assert pytest.approx(2.0) == found.splits["test"].metrics["mae"].value
    assert 6 == found.splits["test"].counts.unparsed_tasks
    assert "6 of 6 answers could not be read; the expected value is told" in " ".join(
        further_sentences(found)
    )


def test_the_page_and_the_terminal_say_which_and_why():
    """Both scores, and the validation numbers that chose."""
    rows = answer("val", said=4.0, expected=3.0) + answer("test", said=1.0, expected=5.0)
    found = scored(rows)
    console = Console(width=160, record=True, quiet=False, file=None)

    with console.capture() as shown:
        console.print(headline(found))

    assert (
        "The model's answer is the expected value of all numbers that may be said, chosen on the "
        "validation subjects, whose mean absolute error was 3.00 by it and 4.00 by the number that "
        "is said; by that one mean absolute error was 1.00"
    ) in " ".join(further_sentences(found))
    assert "model, by the number that is said" in shown.get()


def test_a_model_that_hardly_says_numbers_is_told():
    """An expected value of a thousandth of the probability is no answer to rely on."""
    rows = answer("val", said=4.0, expected=3.0) + answer("test", said=1.0, expected=5.0)

    found = scored([attrs.evolve(row, mass=0.001) for row in rows])

    assert "on which it puts less than 1% of its probability, chosen on" in " ".join(
        further_sentences(found)
    )


def test_an_expected_value_alone_is_the_headline():
    """With `score` the words only state it, rounded."""
    rows = answer("val", said=4.0, expected=4.4) + answer("test", said=4.0, expected=4.4)

    found = scored(rows, "score")

    assert "expected" == found.readouts.headline
    assert {} == found.readouts.other
    assert pytest.approx(4.4) == found.splits["test"].metrics["mae"].value


def test_without_expected_values_all_is_as_before(tmp_path):
    """Answers of an earlier version, or of a head that lists no numbers, are scored as said."""
    rows = answer("val", said=4.0, expected=None) + answer("test", said=1.0, expected=None)
    old = [
        {k: v for k, v in attrs.asdict(row).items() if k not in ("expected", "mass")}
        for row in rows
    ]
    path = tmp_path / "answers.jsonl"
    path.write_text("".join(f"{json.dumps(row)}\n" for row in old))

    found = scored(read_answers(path))

    assert found.readouts is None
    assert pytest.approx(1.0) == found.splits["test"].metrics["mae"].value
    assert found == from_json(to_json(found), Metrics, source="metrics.json")

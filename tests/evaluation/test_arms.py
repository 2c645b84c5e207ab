"""What trainings beside the main one are worth, and how openings are counted: rows made by hand."""

from __future__ import annotations

import attrs
import numpy as np
import pytest

from brainplug.errors import DataError
from brainplug.evaluation.arms import (
    ArmFacts,
    Pairing,
    count_steps,
    judge_shuffled,
    score_arm,
)
from brainplug.evaluation.bootstrap import BootstrapPlan
from brainplug.evaluation.describe import TargetFacts
from brainplug.evaluation.history import PhaseFacts, TrainingHistory
from brainplug.evaluation.openings import Opening, count_openings
from brainplug.evaluation.records import Difference
from brainplug.recipe.evidence_table import QUERY_ALONE, SHUFFLED
from brainplug.report.arms import show_gap
from brainplug.tasks.answers import AnswerRow
from brainplug_plugins.metrics.balanced_accuracy import BalancedAccuracy, BalancedAccuracyOptions
from brainplug_plugins.metrics.mae import Mae, MaeOptions

LABELS = ("female", "male")
FACTS = ArmFacts(steps=9, main_steps=9, first_loss=2.0, last_loss=0.5)
CLASSES = Pairing(
    facts=TargetFacts(name="sex", kind="categorical", labels=LABELS, train_values=LABELS),
    metrics={"balanced-accuracy": BalancedAccuracy(BalancedAccuracyOptions())},
    plan=BootstrapPlan(samples=200, confidence=0.95, seed=1),
)
NUMBERS = attrs.evolve(
    CLASSES,
    facts=TargetFacts(name="age", kind="numerical", train_values=(30.0, 50.0), unit="years"),
    metrics={"mae": Mae(MaeOptions())},
)


def answer(place, truth, said, split="test") -> AnswerRow:
    return AnswerRow(
        split=split,
        task_id=f"t{place}",
        subject=f"p{place}",
        references=(),
        reference_values=(),
        truth=truth,
        answer_text="",
        prediction=said,
    )


def answers(right, people=80):
    """Answer for people of both labels in turn; whether each is right is drawn."""
    rng = np.random.default_rng(int(100 * right))
    truths = [LABELS[place % 2] for place in range(people)]
    said = [truth if rng.random() < right else LABELS[1 - LABELS.index(truth)] for truth in truths]
    return [answer(place, *each) for place, each in enumerate(zip(truths, said, strict=True))]


@pytest.mark.parametrize(
    ("alone", "verdict"),
    [(0.55, "references help"), (0.95, "no benefit of references was shown")],
)
def test_what_references_add_is_the_difference_on_the_same_people(alone, verdict):
    """A query alone that does worse shows a benefit, one that does as well shows none."""
    ours, theirs = answers(0.95), answers(alone)

    scored = score_arm(QUERY_ALONE, FACTS, theirs, ours, CLASSES)

    gap = scored.difference["test"]["balanced-accuracy"]
    own, main = (np.mean([row.prediction == row.truth for row in rows]) for rows in (theirs, ours))
    assert pytest.approx(main - own) == gap.value
    assert pytest.approx(own) == scored.splits["test"]["balanced-accuracy"].value
    assert verdict == scored.verdict
    assert (verdict == "references help") is gap.clear


def test_a_lower_error_is_a_benefit_too():
    """The sign of an error is turned: less is better."""
    people = [(place, 40.0 + place % 7) for place in range(40)]
    ours = [answer(place, truth, truth + 1 + place % 2) for place, truth in people]
    theirs = [answer(place, truth, truth + 4 + place % 3) for place, truth in people]

    scored = score_arm(QUERY_ALONE, FACTS, theirs, ours, NUMBERS)

    assert scored.difference["test"]["mae"].value < 0
    assert "references help" == scored.verdict
    assert show_gap(scored.difference["test"]["mae"], sign=-1).startswith("3.")


@pytest.mark.parametrize(
    ("right", "facts", "verdict"),
    [
        (0.5, FACTS, "it cannot be told from chance on people it never saw"),
        (0.9, FACTS, "cannot teach: look for a leak before anything else"),
        (0.5, attrs.evolve(FACTS, last_loss=2.1), "its training loss did not fall"),
        (0.5, attrs.evolve(FACTS, first_loss=None), "its training loss did not fall"),
    ],
)
def test_values_drawn_at_random_must_be_learnt_and_teach_nothing(right, facts, verdict):
    """Better than chance on people it never saw is a leak; a loss that stays shows nothing."""
    scored = score_arm(SHUFFLED, facts, answers(right), answers(0.9), CLASSES)

    assert verdict in scored.verdict


def test_a_little_better_than_chance_may_be_luck_of_the_draw():
    """The test over people knows nothing of other draws of values."""
    little = Difference(
        against="constant",
        value=0.1,
        low=0.01,
        high=0.19,
        reason="",
        p_value=0.03,
        clear=True,
        higher_is_better=True,
    )

    found = judge_shuffled(FACTS, little, chose=False)

    assert "draw again with another seed" in found
    assert "p = 0.030" in found


def test_validation_people_who_chose_the_weights_show_no_leak():
    """The best of many checkpoints on them may look better than chance by luck alone."""
    theirs, ours = (
        [attrs.evolve(row, split="val") for row in answers(right)] for right in (0.9, 0.95)
    )

    scored = score_arm(SHUFFLED, FACTS, theirs, ours, CLASSES)

    assert "who also chose its weights" in scored.verdict
    assert "look for a leak" not in scored.verdict


def test_an_arm_that_says_nothing_has_no_score():
    """Silence is no score and no difference, and the reason says whose."""
    silent = [attrs.evolve(row, prediction=None) for row in answers(0.9)]

    scored = score_arm(QUERY_ALONE, FACTS, silent, answers(0.9), CLASSES)

    assert scored.splits["test"]["balanced-accuracy"].value is None
    assert "no answer of the query-alone could be read" in scored.verdict


def test_other_people_are_refused():
    """A difference of people who are not the same would be none."""
    with pytest.raises(DataError, match="same 80 people"):
        score_arm(QUERY_ALONE, FACTS, answers(0.9, people=79), answers(0.9), CLASSES)


def test_steps_of_an_older_training_are_those_it_logged():
    """Where a phase does not say, its last row does."""
    facts = PhaseFacts(phase=1, seed=1, settings={}, parameters={}, selected=None)
    history = TrainingHistory(
        history=({"phase": 1, "step": 5}, {"phase": 1, "step": 8}, {"phase": 2, "step": 3}),
        selected=None,
        phases=(facts, attrs.evolve(facts, phase=2, steps=4)),
    )

    assert [8, 4] == count_steps(history)


def opened(when, run="a", within="", made="m"):
    return Opening(when=when, run=run, within=within, made=made, brainplug="1")


def test_a_look_is_a_run_folder_and_a_model():
    """Asking again is none; a model anew is one; all seeds of a run folder are one together."""
    lines = [
        opened("2026-01-01", within="seed-1"),
        opened("2026-01-02", within="seed-2", made="n"),
        opened("2026-01-03", within="seed-1"),
        opened("2026-01-04", within="seed-2", made="o"),
        opened("2026-01-05", run="b"),
    ]

    found = count_openings(lines, people=7)

    assert (7, 3) == (found.people, found.count)
    assert ("2026-01-01", "2026-01-04", "2026-01-05") == found.dates

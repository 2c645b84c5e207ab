"""What interventions show, in words and as a picture."""

from __future__ import annotations

from unittest.mock import Mock

import attrs
import pytest

from brainplug.evaluation.bootstrap import Estimate
from brainplug.evaluation.intervention_records import (
    Dose,
    Doses,
    Effect,
    Expected,
    Interventions,
    Verdict,
)
from brainplug.evaluation.numbers_in_words import MINUS
from brainplug.report.dependence_figure import draw_dependence, draw_model, reach_of
from brainplug.report.intervention_words import intervention_rows, interventions_in_words


def at(value, reach=0.1):
    return Estimate(value=value, low=value - reach, high=value + reach)


def effect(changed=None, moved=None, follows=None):
    return Effect(
        people=40,
        tasks=80,
        unread=(0, 0),
        changed=changed,
        moved=moved,
        moved_sd=moved,
        follows=follows,
        before=0.9,
        after=0.5,
        score_change=at(-0.4),
        clear=True,
        right_before=0.9,
        right_after=0.5,
        expected={
            "uses": Expected(words="", changed=1.0),
            "ignores": Expected(words="", changed=0.0),
            "copies": Expected(words=""),
        },
    )


def found(kind="uses", **more):
    made = Interventions(
        split="test",
        metric="balanced-accuracy",
        higher_is_better=True,
        unit="",
        effects={
            "query-other": effect(at(0.8)),
            "word-changed": effect(at(0.5), follows=at(0.7)),
            "reference-other": effect(at(0.3)),
        },
        copied=at(0.5),
        verdict=Verdict(kind=kind, why="because"),
        doses=Doses(
            people=30,
            doses=(Dose(references=1, score=at(0.7)), Dose(references=2, score=at(0.8))),
            gain=at(0.1, 0.05),
            clear=True,
            reason="most people may meet fewer than 4 references",
        ),
    )
    return attrs.evolve(made, **more)


def test_the_sentences_say_what_changed_and_what_that_shows():
    """Changes with intervals, the verdict, and what more references do."""
    changes, verdict, doses = interventions_in_words(found())

    assert (
        "40 people were asked again with one thing changed: asked about another person, 80% (70 to "
        "90) get another answer; told another value of the references, 50% (40 to 60) get another "
        "answer; beside scans of people of another value than is told, 30% (20 to 40) get another "
        "answer."
    ) == changes
    assert "So the model uses its references: because." == verdict
    assert (
        "Answers taken together over 1 and 2 references have a balanced accuracy of 0.70 (0.60 to "
        "0.80) and 0.80 (0.70 to 0.90) (30 people); the most against the fewest: 0.10 (0.05 to "
        "0.15), a clear difference; most people may meet fewer than 4 references."
    ) == doses


@pytest.mark.parametrize("kind", ["ignores", "copies", None])
def test_no_benefit_is_claimed_of_any_other_model(kind):
    """Only a model that uses its references is better for them by this."""
    assert "no benefit of references was shown" in interventions_in_words(found(kind))[1]


def test_numbers_are_told_in_slopes_and_standard_deviations():
    """What is taken over of a difference, and how far other scans move the answer."""
    effects = {
        "query-other": effect(moved=at(1.5), follows=at(0.9)),
        "word-changed": effect(moved=at(0.02, 0.01), follows=at(0.004, 0.001)),
        "reference-other": effect(moved=at(0.2)),
    }

    (first, *_) = interventions_in_words(found(effects=effects))

    assert (
        "asked about another person, answers take over 0.90 (0.80 to 1.00) of the difference; told "
        "another value of the references, answers take over 0.00 (0.00 to 0.01) of the difference; "
        "beside scans of people of another value than is told, answers move by 0.20 (0.10 to 0.30) "
        "SD."
    ) == first.partition("changed: ")[2]


def test_the_table_puts_what_would_be_expected_beside_what_was():
    """Of models that use, ignore or copy; a guess where nobody could say."""
    rows = intervention_rows(found())

    change = f"{MINUS}0.40 ({MINUS}0.50 to {MINUS}0.30)"
    assert ("80% (70 to 90)", change, "100%", "0%", "a guess") == rows[0][1:]


def test_without_references_nothing_is_said_of_them():
    """A model that is shown none has no verdict."""
    alone = found(verdict=None, doses=None, effects={"query-other": effect(at(0.8))})

    (only,) = interventions_in_words(alone)

    assert "references" not in only


def test_what_is_better_is_drawn_upwards():
    """A smaller error is higher; where no benefit was measured a band stands for the model."""
    axis, unknown = Mock(), Mock()

    draw_model(axis, at(0.5), at(-0.3), sign=-1)
    draw_model(unknown, at(0.5), None, sign=-1)

    across, upwards, point = (call.args for call in axis.plot.call_args_list)
    assert ([0.4, 0.6], [0.3, 0.3]) == across
    assert ([0.5, 0.5], pytest.approx([0.4, 0.2])) == upwards
    assert (0.5, 0.3, "o") == point
    assert [] == unknown.plot.call_args_list
    assert [(0.4, 0.6)] == [call.args for call in unknown.axvspan.call_args_list]


def test_the_figure_says_what_it_shows():
    """A reader who does not see it is told both numbers, and what was not measured."""
    more = {"metric": "balanced-accuracy", "higher_is_better": True, "numerical": False}

    known = draw_dependence(at(0.5), at(0.3), **more)
    unknown = draw_dependence(at(0.5), None, **more)

    said = "Dependence on references 0.50 (0.40 to 0.60), from 0 to 1; benefit in balanced accuracy"
    assert f"{said}: references add 0.30 (0.20 to 0.40)." in known
    assert f"{said}: not measured." in unknown
    assert all(word in known for word in ("ignores", "copies", "uses", "benefit: balanced"))
    assert pytest.approx(0.46) == reach_of(at(0.3))

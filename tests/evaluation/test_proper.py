"""Proper scores of answers."""

from __future__ import annotations

import math

import pytest

from brainplug.evaluation.proper import expected_error, log_loss, proper_scores
from brainplug.tasks.answers import AnswerRow


def make_row(subject, truth, *, right=None, expected=None) -> AnswerRow:
    """Make an answer with the probability of the right label, or an expected value."""
    labels = {"a": "b", "b": "a"}
    chances = None if right is None else {truth: right, labels[truth]: 1 - right}
    return AnswerRow(
        split="val",
        task_id=f"{subject} {right} {expected}",
        subject=subject,
        references=(),
        reference_values=(),
        truth=truth,
        answer_text="",
        prediction=None,
        probabilities=chances,
        expected=expected,
    )


def test_log_loss_is_the_mean_over_people():
    """Somebody with two references counts once."""
    rows = [make_row("x", "a", right=0.5), make_row("x", "a", right=0.25)]
    rows.append(make_row("y", "b", right=1.0))

    assert pytest.approx(1.5 * math.log(2) / 2) == log_loss(rows)
    assert {"log-loss": log_loss(rows)} == proper_scores(rows)


def test_a_certain_mistake_costs_much_and_not_everything():
    """A probability of nought has a finite price."""
    assert pytest.approx(12 * math.log(10)) == log_loss([make_row("x", "a", right=0.0)])


def test_the_error_of_the_expected_value_is_the_mean_over_people():
    """Somebody with two references counts once."""
    rows = [make_row("x", 30.0, expected=33.0), make_row("x", 30.0, expected=29.0)]
    rows.append(make_row("y", 50.0, expected=50.5))

    assert pytest.approx((2.0 + 0.5) / 2) == expected_error(rows)
    assert {"expected-error": expected_error(rows)} == proper_scores(rows)


def test_what_was_not_asked_for_has_no_score():
    """Answers without probabilities or expected values have none, and neither has nobody."""
    assert {"log-loss": None} == proper_scores([make_row("x", "a")])
    assert {"expected-error": None} == proper_scores([make_row("x", 1.0)])
    assert log_loss([]) is None

"""Rules that see no scan: ties are shared, votes rank people, a constant is known."""

import pytest

from brainplug.evaluation.bootstrap import BootstrapPlan
from brainplug.evaluation.describe import TargetFacts
from brainplug.evaluation.rules import Rule
from brainplug.evaluation.score import score_split
from brainplug.evaluation.stage import rule_rows
from brainplug.tasks.answers import AnswerRow
from brainplug.tasks.baselines import MAJORITY, OPPOSITE, REPEAT, RULES
from brainplug.tasks.read import Glance
from brainplug_plugins.metrics.accuracy import Accuracy, AccuracyOptions
from brainplug_plugins.metrics.auroc import Auroc, AurocOptions
from brainplug_plugins.metrics.balanced_accuracy import BalancedAccuracy, BalancedAccuracyOptions
from brainplug_plugins.metrics.calibration_error import CalibrationError, CalibrationErrorOptions

SEX = ("female", "male")
METRICS = {
    "balanced-accuracy": BalancedAccuracy(BalancedAccuracyOptions()),
    "accuracy": Accuracy(AccuracyOptions()),
    "auroc": Auroc(AurocOptions()),
    "calibration-error": CalibrationError(CalibrationErrorOptions()),
}
PLAN = BootstrapPlan(samples=200, confidence=0.95, seed=7)
FACTS = TargetFacts(name="sex", kind="categorical", labels=SEX, train_values=SEX)


def ask(people, references):
    """Tasks of so many people of either sex, each beside references of the given sexes."""
    return [
        Glance(f"t{n}-{i}", "categorical", "", f"s{n:02}", SEX[n % 2], ("r",), (told,), "", "")
        for n in range(people)
        for i, told in enumerate(references)
    ]


def rules_of(tasks):
    """The rules, as a run has them answer."""
    asked = [("test", task) for task in tasks]
    return {
        name: Rule(about=name, answers=rule_rows(name, asked, tasks))
        for name in (REPEAT, OPPOSITE, MAJORITY)
    }


def rows_of(tasks, said):
    """The answers of a model."""
    return [
        AnswerRow(
            task_id=task.task_id,
            split="test",
            subject=task.subject,
            references=task.references,
            reference_values=task.reference_values,
            truth=task.truth,
            answer_text="",
            prediction=said(task),
        )
        for task in tasks
    ]


def scores(references, *, people=30, said=lambda task: task.truth):
    """Score a model and the rules on tasks with these references."""
    tasks = ask(people, references)
    return score_split(
        rows_of(tasks, said), FACTS, metrics=METRICS, plan=PLAN, rules=rules_of(tasks)
    )


def test_tied_votes_are_shared():
    """Beside two references that differ, repeating and opposing are each right by half counts."""
    found = scores(("female", "male"), people=31)  # 16 women and 15 men
    values = {
        name: (rule.metrics["accuracy"].value, rule.metrics["balanced-accuracy"].value)
        for name, rule in found.baselines.items()
    }
    assert values[REPEAT] == values[OPPOSITE] == (0.5, 0.5)
    # The majority, which does not tie, is told apart from them.
    assert values[MAJORITY] == pytest.approx((16 / 31, 0.5))


def test_rules_of_unbalanced_references_are_not_one_constant():
    """With three references of which two are alike, what is repeated is not what is opposed."""
    found = scores(("female", "male", "female"), people=31)
    repeated, opposed = (
        found.baselines[name].metrics["accuracy"].value for name in (REPEAT, OPPOSITE)
    )
    assert (repeated, opposed) == pytest.approx((16 / 31, 15 / 31))


@pytest.mark.parametrize("name", [REPEAT, OPPOSITE, MAJORITY])
def test_rules_have_an_area_by_their_votes(name):
    """The share of votes ranks people; one vote for all is 0.5, and no probability."""
    rule = scores(("female", "male")).baselines[name].metrics
    area = rule["auroc"]
    assert (area.value, area.low, area.high) == (0.5, 0.5, 0.5)
    assert rule["calibration-error"].value is None


def test_votes_that_tell_have_an_area_too():
    """References of the person's own sex let "repeat" rank everybody, by two votes of three."""
    tasks = [
        Glance(f"t{n}-{i}", "categorical", "", f"s{n:02}", SEX[n % 2], ("r",), (told,), "", "")
        for n in range(20)
        for i, told in enumerate((SEX[n % 2], SEX[n % 2], SEX[1 - n % 2]))
    ]
    found = score_split(
        rows_of(tasks, lambda task: task.truth),
        FACTS,
        metrics=METRICS,
        plan=PLAN,
        rules=rules_of(tasks),
    )
    repeated, opposed = (found.baselines[name].metrics["auroc"] for name in (REPEAT, OPPOSITE))
    assert (repeated.value, opposed.value) == (1.0, 0.0)
    assert repeated.low < 1.0


def test_model_is_compared_with_shared_ties_person_by_person():
    """A rule at one half is no error of its own: the gap is as sure as the model's score."""
    found = scores(
        ("female", "male"), said=lambda task: "male" if task.subject > "s22" else task.truth
    )
    score, gap = found.metrics["balanced-accuracy"], found.difference["balanced-accuracy"]
    assert gap.value == pytest.approx(score.value - 0.5)
    assert (gap.low, gap.high) == pytest.approx((score.low - 0.5, score.high - 0.5), abs=0.03)
    assert gap.clear


def test_every_rule_of_labels_is_scored():
    """No rule of labels is left out of what these tests look at, but the reader of words."""
    assert set(RULES["categorical"]) - {REPEAT, OPPOSITE, MAJORITY} == {"text only"}

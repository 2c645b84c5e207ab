"""Aggregation over references, intervals by family, comparison with rules, JSON."""

import json
import random

import attrs
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from brainplug.api.roles import ScoresResamples
from brainplug.errors import DataError
from brainplug.evaluation import bootstrap
from brainplug.evaluation.aggregate import aggregate, copying, make_predictions
from brainplug.evaluation.bootstrap import BootstrapPlan, draw_resamples
from brainplug.evaluation.describe import TargetFacts, forms_in_words
from brainplug.evaluation.records import Metrics, TrainingValues
from brainplug.evaluation.relatives import cluster_names
from brainplug.evaluation.rules import Rule
from brainplug.evaluation.score import score_run, score_split
from brainplug.report.headline import headline
from brainplug.runtime.records import from_json, to_json
from brainplug.tasks.answers import AnswerRow
from brainplug_plugins.metrics.accuracy import Accuracy, AccuracyOptions
from brainplug_plugins.metrics.auroc import Auroc, AurocOptions
from brainplug_plugins.metrics.balanced_accuracy import BalancedAccuracy, BalancedAccuracyOptions
from brainplug_plugins.metrics.macro_f1 import MacroF1, MacroF1Options
from brainplug_plugins.metrics.mae import Mae, MaeOptions
from brainplug_plugins.metrics.pearson_r import PearsonR, PearsonROptions
from brainplug_plugins.metrics.r2 import R2, R2Options

SEX = ("female", "male")
CATEGORICAL = {
    "balanced-accuracy": BalancedAccuracy(BalancedAccuracyOptions()),
    "accuracy": Accuracy(AccuracyOptions()),
    "macro-f1": MacroF1(MacroF1Options()),
    "auroc": Auroc(AurocOptions()),
}
NUMERICAL = {"mae": Mae(MaeOptions()), "r2": R2(R2Options())}
PLAN = BootstrapPlan(samples=400, confidence=0.95, seed=7)


def row(subject, truth, parsed, *, reference=None, chances=None, split="test"):
    """One row of answers.jsonl."""
    return AnswerRow(
        task_id=f"{subject}-{reference}",
        split=split,
        subject=subject,
        references=() if reference is None else ("someone",),
        reference_values=() if reference is None else (reference,),
        truth=truth,
        answer_text="" if parsed is None else str(parsed),
        prediction=parsed,
        probabilities=None if chances is None else dict(zip(SEX, chances, strict=True)),
    )


def sex_answers(subjects, *, right=0.8, seed=1, split="test"):
    """Three answers a subject, right with a given probability."""
    rng = np.random.default_rng(seed)
    rows = []
    for i in range(subjects):
        truth = SEX[i % 2]
        other = SEX[1 - i % 2]
        for reference in ("female", "male", "female"):
            parsed = truth if rng.random() < right else other
            chance = 0.7 if parsed == "male" else 0.3
            rows.append(
                row(
                    f"s{i:04}",
                    truth,
                    parsed,
                    reference=reference,
                    chances=(1 - chance, chance),
                    split=split,
                )
            )
    return rows


def sex_facts(people=None):
    """A sex target learnt from four subjects."""
    return TargetFacts(
        name="sex",
        kind="categorical",
        labels=SEX,
        train_values=("male", "female", "male", "male"),
        people=people,
    )


def constant(answers, value):
    """The rule that always says one value."""
    return Rule(
        about=f"always {value}",
        answers=[attrs.evolve(each, prediction=value, probabilities=None) for each in answers],
    )


def scored(answers, *, rules=None, people=None, metrics=None, plan=PLAN):
    """Score the test split of a sex target."""
    return score_split(
        answers,
        sex_facts(people),
        metrics=metrics or CATEGORICAL,
        plan=plan,
        rules=rules or {},
    )


# aggregation ----------------------------------------------------------------------------------


def test_vote_of_the_readable_answers():
    """Two against one decide; what cannot be read does not vote."""
    answers = [row("a", "male", value) for value in ("male", "female", "female", None)]
    assert aggregate(answers, "categorical", SEX, None)["prediction"].tolist() == ["female"]


def test_tied_vote_goes_to_the_more_probable_label():
    """Where answers are split evenly, the summed candidate probabilities decide."""
    answers = [
        row("a", "female", "female", chances=(0.55, 0.45)),
        row("a", "female", "male", chances=(0.1, 0.9)),
    ]
    assert aggregate(answers, "categorical", SEX, None)["prediction"].tolist() == ["male"]


@given(answers=st.lists(st.sampled_from(["female", "male", None]), min_size=1, max_size=6))
def test_vote_does_not_know_the_truth(answers):
    """The prediction is the same whatever the truth is, ties included."""
    predictions = {
        aggregate([row("a", truth, said) for said in answers], "categorical", SEX, None)[
            "prediction"
        ].iloc[0]
        for truth in SEX
    }
    assert len(predictions) == 1


def test_nothing_readable_is_no_prediction():
    """A subject none of whose answers can be read has no prediction, which is wrong."""
    frame = aggregate([row("a", "male", None)] * 2, "categorical", SEX, None)
    assert frame["prediction"].tolist() == [None]


def test_answer_outside_the_labels_is_refused():
    """A parsed label that the head does not know is a mistake, not a class."""
    with pytest.raises(DataError) as caught:
        aggregate([row("a", "male", "other")], "categorical", SEX, None)

    assert (("subject 'a'",), "other") == (caught.value.where, caught.value.found)


def test_median_of_numbers():
    """Numerical answers are aggregated by their median."""
    answers = [row("a", 3.0, value) for value in (2.0, 9.0, 4.0)]
    assert aggregate(answers, "numerical", (), 5.0)["prediction"].tolist() == [4.0]


NUMBERS = st.floats(-50, 50).map(lambda number: round(number, 3))


@given(
    people=st.lists(
        st.tuples(NUMBERS, st.lists(st.tuples(NUMBERS, st.booleans()), min_size=1, max_size=4)),
        min_size=3,
        max_size=8,
        unique_by=lambda person: person[0],
    ),
    mean=NUMBERS,
)
def test_silence_never_helps(people, mean):
    """Whatever is left unsaid within the values there are, no score is better for it."""
    low, high = (end([mean, *(truth for truth, _said in people)]) for end in (min, max))
    spoken, silent = [], []
    for number, (truth, said) in enumerate(people):
        for value, mute in said:
            spoken.append(row(f"s{number}", truth, float(np.clip(value, low, high))))
            silent.append(attrs.evolve(spoken[-1], prediction=None) if mute else spoken[-1])

    before, after = (
        make_predictions(aggregate(answers, "numerical", (), mean), (), mean)
        for answers in (spoken, silent)
    )

    for metric in (*NUMERICAL.values(), PearsonR(PearsonROptions())):
        scores = [metric.score(before), metric.score(after)]
        if np.isfinite(scores).all():
            gained = scores[1] - scores[0] if metric.higher_is_better else scores[0] - scores[1]
            assert gained <= 1e-6 * max(1.0, abs(scores[0]))


def test_predictions_of_numbers_do_not_know_the_truth():
    """What was not read is the training mean, or the median of what was, whatever the truth is."""
    for truth in (-30.0, 30.0):
        answers = [row("a", truth, None), row("b", truth, 4.0), row("b", truth, None)]
        assert aggregate(answers, "numerical", (), 5.0)["prediction"].tolist() == [5.0, 4.0]


def test_silence_of_a_weak_model_is_no_skill():
    """A model that is silent where it errs by more than 0.8 scores worse than one that speaks."""
    rng = np.random.default_rng(11)
    truths = rng.normal(size=60).tolist()
    said = [float(np.clip(value, min(truths), max(truths))) for value in rng.normal(size=60)]
    pairs = list(zip(truths, said, strict=True))
    spoken = [row(f"s{i:02}", truth, value) for i, (truth, value) in enumerate(pairs)]
    silent = [
        attrs.evolve(each, prediction=None if abs(each.truth - each.prediction) > 0.8 else value)
        for each, value in zip(spoken, said, strict=True)
    ]
    metrics = {**NUMERICAL, "pearson-r": PearsonR(PearsonROptions())}
    facts = TargetFacts(name="z", kind="numerical", train_values=(-0.1, 0.1))

    before, after = (
        score_split(answers, facts, metrics=metrics, plan=PLAN, rules={})
        for answers in (spoken, silent)
    )

    assert before.metrics["mae"].value < after.metrics["mae"].value
    assert before.metrics["r2"].value > after.metrics["r2"].value
    assert before.metrics["pearson-r"].value > after.metrics["pearson-r"].value
    assert after.counts.unparsed_subjects == sum(each.prediction is None for each in silent) > 20
    unread = [pair for pair, each in zip(after.scatter, silent, strict=True) if not each.prediction]
    assert {value for _truth, value in unread} == {0.0}


def test_aggregation_does_not_depend_on_the_order_of_answers():
    """Shuffled rows give the same frame."""
    answers = sex_answers(20)
    shuffled = random.Random(3).sample(answers, len(answers))
    pd.testing.assert_frame_equal(
        aggregate(answers, "categorical", SEX, None), aggregate(shuffled, "categorical", SEX, None)
    )


def test_scans_of_one_subject_with_different_truths_are_scored_apart():
    """A child scanned at 9 and at 11 is two rows, which the bootstrap draws together."""
    answers = [row("a", 9.0, 9.5), row("a", 11.0, 10.5), row("b", 10.0, 10.0)]
    frame = aggregate(answers, "numerical", (), 10.0)
    assert list(zip(frame["subject"], frame["truth"], strict=True)) == [
        ("a", 9.0),
        ("a", 11.0),
        ("b", 10.0),
    ]
    counts = draw_resamples(cluster_names(frame["subject"], None), PLAN).counts
    assert (counts[:, 0] == counts[:, 1]).all()


# agreement ------------------------------------------------------------------------------------


def test_copying_model_is_told_from_a_reading_one():
    """A model that repeats the reference has a copy rate of 1 and flips with it."""
    copied = [
        row("a", "male", value, reference=value) for value in ("male", "female", "male", "female")
    ]
    counts = scored(copied).counts
    expected = {
        "copy_rate": 1.0,
        "copy_rate_if_right": 0.5,
        "flip_rate": 4 / 6,
        "changed_subjects": 1,
    }
    assert expected == pytest.approx({name: getattr(counts, name) for name in expected})


@pytest.mark.parametrize("pull", [0.0, 0.5, 1.0])
def test_reference_pull_is_the_slope_within_subjects(pull):
    """How far numerical answers follow the reference is read off within subjects."""
    answers = [
        row(f"s{i}", 10.0 + i, 10.0 + i + pull * (shown - 20), reference=shown)
        for i in range(5)
        for shown in (18.0, 20.0, 25.0)
    ]
    assert pull == pytest.approx(copying(answers).pull)


def test_numerical_copies_are_found_though_answers_are_rounded():
    """A reference of 23.456 that is repeated as 23.5 is a copy."""
    answers = [row("a", 30.0, 23.5, reference=23.456), row("b", 30.0, 29.9, reference=23.456)]
    assert copying(answers).rate == 0.5


# intervals ------------------------------------------------------------------------------------


def test_families_are_drawn_whole():
    """Members of a family are in a sample equally often; others are drawn for themselves."""
    people = pd.DataFrame({"subject": ["a", "b", "c"], "family": ["f", "f", pd.NA]})
    counts = draw_resamples(cluster_names(pd.Series(["a", "b", "c"]), people), PLAN).counts
    assert (counts[:, 0] == counts[:, 1]).all()
    assert (counts[:, 0] + counts[:, 2] == 2).all()


def test_interval_is_wider_when_answers_come_in_families():
    """Twins who are right or wrong together count for less than two people."""
    answers = [
        row(f"s{i:03}", SEX[i % 2], SEX[i % 2] if (i // 4) % 2 else SEX[1 - i % 2])
        for i in range(80)
    ]
    subjects = [f"s{i:03}" for i in range(80)]
    people = pd.DataFrame({"subject": subjects, "family": [str(i // 4) for i in range(80)]})
    alone, together = (
        scored(answers, people=known).metrics["accuracy"] for known in (None, people)
    )
    assert together.high - together.low > 1.5 * (alone.high - alone.low)


def test_metric_without_the_quick_way_gets_the_same_interval():
    """A stranger's metric with `score` alone is scored sample by sample."""

    class Slow:
        kind, higher_is_better, unit = "categorical", True, ""

        def score(self, predictions):
            return float(np.mean(predictions.truth == predictions.predicted))

    class Quick(Slow):
        abilities = (ScoresResamples,)

        def score_resamples(self, predictions, counts):
            return CATEGORICAL["accuracy"].score_resamples(predictions, counts)

    found = scored(sex_answers(30), metrics={"slow": Slow(), "quick": Quick()})
    quick, slow = (attrs.asdict(found.metrics[name]) for name in ("quick", "slow"))
    assert quick == pytest.approx(slow)
    assert quick["method"] == "BCa bootstrap of families"


def test_undefined_metric_is_null_with_a_reason():
    """Without probabilities AUROC is null, never 0.0."""
    found = scored([row("a", "male", "male"), row("b", "female", "male")]).metrics["auroc"]
    assert found.value is None
    assert found.reason.startswith("not defined")


# rules ----------------------------------------------------------------------------------------


def test_difference_is_paired():
    """Of a rule that answers as the model does it is exactly zero, whatever each score's error."""
    answers = sex_answers(40)
    same = Rule(about="the model itself", answers=answers)
    found = scored(answers, rules={"same": same})
    gap, score = found.difference["accuracy"], found.metrics["accuracy"]
    assert (gap.value, gap.against, gap.p_value) == (0.0, "same", 1.0)
    assert gap.low < 0.0 < gap.high
    assert gap.high - gap.low < 0.85 * (score.high - score.low)


def test_paired_test_is_mcnemars_for_accuracy():
    """For independent subjects the permutation test gives the exact binomial's p value."""
    truth = ["male"] * 30
    model = [row(f"s{i:02}", "male", "male" if i < 24 else "female") for i in range(len(truth))]
    rule = Rule(
        about="",
        answers=[row(f"s{i:02}", "male", "male" if i >= 16 else "female") for i in range(30)],
    )
    plan = attrs.evolve(PLAN, samples=4000)
    found = scored(model, rules={"rule": rule}, plan=plan).difference["accuracy"]
    # 22 discordant subjects, 16 for the model: 2 * P(X >= 16), X ~ Binomial(22, 1/2)
    assert found.p_value == pytest.approx(0.0525, abs=0.01)


def test_best_rule_is_the_one_compared_with():
    """The model stands against the strongest rule for each metric."""
    answers = sex_answers(40, right=0.9)
    rules = {
        "weak": constant(answers, None),
        "strong": Rule(about="better", answers=sex_answers(40, right=0.7, seed=4)),
    }
    found = scored(answers, rules=rules).difference["accuracy"]
    assert found.against == "strong"
    assert found.low > 0


def test_rule_over_other_subjects_is_refused():
    """A comparison on different people is no comparison."""
    with pytest.raises(DataError) as caught:
        scored(sex_answers(10), rules={"other": constant(sex_answers(9), "male")})

    assert (("the rule 'always male'",), 9) == (caught.value.where, caught.value.found)


# whole ----------------------------------------------------------------------------------------


def numerical_run():
    """Metrics of a numerical target with sites, an unread answer and the train-mean rule."""
    rng = np.random.default_rng(5)
    truths = rng.normal(50, 10, 60)
    answers = [
        row(f"s{i:02}", float(t), round(float(t + rng.normal(0, 4)), 1), reference=shown, split=s)
        for i, t in enumerate(truths)
        for s in [("val", "test")[i % 2]]
        for shown in (40.0, 60.0)
    ]
    answers[0] = attrs.evolve(answers[0], prediction=None)
    people = pd.DataFrame(
        {
            "subject": [f"s{i:02}" for i in range(60)],
            "family": pd.NA,
            "site": ["A" if i < 30 else "B" if i < 58 else "C" for i in range(60)],
        }
    )
    facts = TargetFacts(
        name="age", kind="numerical", unit="years", train_values=(45.0, 50.0, 55.0), people=people
    )
    rules = {"train mean": constant(answers, 50.0)}
    return score_run(answers, facts, metrics=NUMERICAL, plan=PLAN, rules=rules)


def test_run_is_json_without_nan():
    """The whole is what `metrics.json` can hold."""
    metrics = numerical_run()
    text = json.dumps(to_json(metrics), allow_nan=False)
    assert metrics == from_json(json.loads(text), Metrics, source="metrics.json")
    assert metrics.train == TrainingValues(n=3, mean=50.0, sd=5.0, median=50.0)
    assert metrics.intervals.unit == "subjects"


def test_sites_with_few_subjects_are_counted_not_scored():
    """A site of one subject has no line of its own."""
    found = numerical_run().splits["test"]
    assert {site: x.subjects for site, x in found.by_site.items()} == {"A": 15, "B": 14}
    assert found.sites_too_small == 1


def test_unread_answers_are_counted():
    """One unread answer of one validation subject is told."""
    found = numerical_run().splits["val"]
    names = ("unparsed_tasks", "unparsed_subjects", "partly_unparsed_subjects")
    assert [getattr(found.counts, name) for name in names] == [1, 0, 1]


def test_confusion_has_a_column_for_unread_answers():
    """Every subject is in the matrix, those without an answer too."""
    answers = [row("a", "male", "male"), row("b", "male", None), row("c", "female", "male")]
    confusion = scored(answers).confusion
    assert confusion.matrix == ((0, 1, 0), (0, 1, 1))
    assert confusion.columns == ("female", "male", "unparsed")


def test_calibration_compares_what_is_said_with_what_is():
    """All probabilities of 0.7 or 0.3 fall into two bins."""
    found = scored(sex_answers(200, right=1.0)).calibration
    pairs = [(each.mean_probability, each.observed) for each in found.bins]
    assert pytest.approx([number for pair in pairs for number in pair]) == [0.3, 0.0, 0.7, 1.0]
    assert pytest.approx((found.expected_error, found.brier)) == (0.3, 0.18)


def test_no_sample_is_scored_by_itself(monkeypatch):
    """Shipped metrics take all samples at once, so 2000 of them cost no loop over subjects."""
    monkeypatch.setattr(bootstrap, "score_sample", None)
    rules = {str(i): Rule(about="", answers=sex_answers(50, seed=i)) for i in range(5)}
    found = scored(sex_answers(50), rules=rules, plan=attrs.evolve(PLAN, samples=2000))
    assert CATEGORICAL.keys() == found.metrics.keys()
    assert all(each.low < each.high for each in found.metrics.values())


def test_forms_and_mass_of_answers_are_counted():
    """Answers worded as in training, those of strange words, and what candidates hold."""
    answers = [
        attrs.evolve(row("a", "male", "male"), form="trained", mass=0.9),
        attrs.evolve(row("b", "male", "male"), form="loose", mass=0.6),
        attrs.evolve(row("c", "female", None), form="strange", mass=0.3),
    ]

    counts = scored(answers).counts

    assert (1, 1, 1) == (counts.trained_form, counts.strange, counts.unparsed_tasks)
    assert pytest.approx(0.6) == counts.mass
    assert (
        "Answers that can be read hold 0.60 of the probability; 1 of 3 answers are worded as in "
        "training, and 1 has words that no training answer has and is not read."
    ) == forms_in_words(counts)
    assert "" == forms_in_words(scored([row("a", "male", "male")]).counts)


def test_nothing_readable_is_said_instead_of_a_score():
    """A table of 0.00 would look like a score; what needs no words stands."""
    answers = [
        row("a", "male", None, chances=(0.2, 0.8)),
        row("b", "female", None, chances=(0.9, 0.1)),
    ]
    run = score_run(answers, sex_facts(), metrics=CATEGORICAL, plan=PLAN, rules={})
    console = Console(width=160)

    with console.capture() as captured:
        console.print(headline(run))

    (line,) = [line for line in captured.get().splitlines() if "model" in line]
    assert "all 2 answers unreadable" in line
    assert "0.00" not in line
    assert "1.00" in line  # the area under the ROC is that of the probabilities

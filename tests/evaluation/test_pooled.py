"""Several runs scored as one: everybody of all folds once, and of all seeds together."""

import json

import attrs
import numpy as np
import pandas as pd
import pytest

from brainplug.evaluation.arms import ArmFacts, Pairing, score_arm
from brainplug.evaluation.bootstrap import BootstrapPlan
from brainplug.evaluation.describe import TargetFacts
from brainplug.evaluation.external import ExternalAnswers
from brainplug.evaluation.pooled import Pooling, pool
from brainplug.evaluation.pooled_external import pool_external
from brainplug.evaluation.pooled_records import runs_in_words, scales_in_words
from brainplug.evaluation.records import Metrics
from brainplug.evaluation.score import Rule, score_run
from brainplug.evaluation.several_runs import OneRun
from brainplug.runtime.records import from_json, to_json
from brainplug.tasks.answers import AnswerRow
from brainplug_plugins.metrics.accuracy import Accuracy, AccuracyOptions
from brainplug_plugins.metrics.auroc import Auroc, AurocOptions
from brainplug_plugins.metrics.mae import Mae, MaeOptions
from small import make_task

SEX = ("female", "male")
METRICS = {"accuracy": Accuracy(AccuracyOptions()), "auroc": Auroc(AurocOptions())}
PLAN = BootstrapPlan(samples=100, confidence=0.95, seed=1)


def row(subject, truth, said, chance=0.5):
    return AnswerRow(
        task_id=subject,
        split="test",
        subject=subject,
        references=(),
        reference_values=(),
        truth=truth,
        answer_text=str(said),
        prediction=said,
        probabilities=None if isinstance(truth, float) else {"female": 1 - chance, "male": chance},
    )


def people(count, **columns):
    frame = pd.DataFrame({"subject": [f"s{number}" for number in range(count)]})
    frame = frame.assign(scan=frame["subject"], study="S", family=None, site=None)
    return frame.assign(**columns)


def make_run(rows, trained, *, majority="female", metrics=METRICS, values=None):
    """One run with its own scores and one rule."""
    numerical = isinstance(rows[0].truth, float)
    train = values or dict.fromkeys(trained, 50.0 if numerical else majority)
    facts = TargetFacts(
        name="target",
        kind="numerical" if numerical else "categorical",
        labels=() if numerical else SEX,
        train_values=tuple(train.values()),
    )
    answers = [attrs.evolve(each, prediction=majority, probabilities=None) for each in rows]
    rules = {} if numerical else {"majority": Rule(about="the commonest", answers=answers)}
    return OneRun(
        metrics=score_run(rows, facts, metrics=metrics, plan=PLAN, rules=rules),
        rows=rows,
        rules=rules,
        train=train,
        trained=frozenset(trained),
    )


def half(numbers, wrong=()):
    """Everybody of some numbers, right but for a few; the even are female."""
    rows = []
    for number in numbers:
        truth = SEX[number % 2]
        said = SEX[1 - number % 2] if number in wrong else truth
        rows.append(row(f"s{number}", truth, said, chance=0.8 if said == "male" else 0.2))
    return rows


def two_folds(**more):
    """Forty people, twenty in each of two folds, of which one goes wrong five times."""
    first, second = range(20), range(20, 40)
    runs = {
        "fold-1": make_run(half(first), [f"s{n}" for n in second]),
        "fold-2": make_run(half(second, (21, 23, 25, 27, 29)), [f"s{n}" for n in first]),
    }
    return pool(runs, Pooling(metrics=METRICS, plan=PLAN, people=people(40), **more))


def test_people_of_all_folds_are_scored_together():
    """The score is of all forty, with an interval; each fold's and their mean stand beside it."""
    found = two_folds()

    test = found.splits["test"]
    assert 35 / 40 == pytest.approx(test.metrics["accuracy"].value)
    assert test.metrics["accuracy"].low < 35 / 40 < test.metrics["accuracy"].high
    assert (40, 40, 40) == (test.counts.subjects, test.counts.tasks, found.runs.people)
    assert [1.0, 0.75] == [each.metrics["accuracy"] for each in found.runs.runs.values()]
    assert 0.875 == pytest.approx(found.runs.mean["accuracy"])
    assert ((20, 0, 0), (5, 15, 0)) == test.confusion.matrix
    assert (40, "subjects") == (found.train.n, found.intervals.unit)


def test_rules_are_pooled_as_each_fold_fitted_them():
    """A fold's majority may be another than that of the next."""
    runs = {
        "fold-1": make_run(half(range(10)), ["s10"], majority="female"),
        "fold-2": make_run(half(range(10, 20)), ["s0"], majority="male"),
    }

    found = pool(runs, Pooling(metrics=METRICS, plan=PLAN, people=people(20)))

    rule = found.splits["test"].baselines["majority"].metrics["accuracy"]
    assert 0.5 == pytest.approx(rule.value)
    assert "majority" == found.splits["test"].difference["accuracy"].against


def test_folds_on_other_scales_lower_the_pooled_area_alone():
    """Each fold ranks its people without error; their scales do not meet."""
    rows = [
        [row(f"s{n}", SEX[n % 2], SEX[n % 2], base + 0.1 * (n % 2)) for n in numbers]
        for base, numbers in ((0.1, range(20)), (0.8, range(20, 40)))
    ]
    runs = {f"fold-{n}": make_run(each, ["s0"]) for n, each in enumerate(rows, 1)}

    found = pool(runs, Pooling(metrics=METRICS, plan=PLAN, people=people(40)))

    pooled = found.splits["test"].metrics["auroc"]
    assert 1.0 == pytest.approx(found.runs.mean["auroc"])
    assert 0.75 == pytest.approx(pooled.value)
    assert found.runs.mean_low["auroc"] > pooled.value
    said = scales_in_words(found.runs, "auroc", "AUROC", (pooled.value, pooled.high))
    assert said.startswith("The mean AUROC of the runs, 1.00, is above that of all people, 0.75")
    right = found.splits["test"].metrics["accuracy"]
    assert "" == scales_in_words(found.runs, "accuracy", "it", (right.value, right.high))


def test_people_of_several_seeds_count_once():
    """Counts and matrix are of people; the score is over all seeds, its interval over people."""
    seeds = {
        "seed-1": make_run(half(range(40)), ["t"]),
        "seed-2": make_run(half(range(40), range(0, 40, 2)), ["t"]),
        "seed-3": make_run(half(range(40), range(0, 40, 2)), ["t"]),
    }

    found = pool(seeds, Pooling(metrics=METRICS, plan=PLAN, people=people(40)))

    test = found.splits["test"]
    assert (40, 120, 40) == (test.counts.subjects, test.counts.tasks, test.clusters)
    assert 2 / 3 == pytest.approx(test.metrics["accuracy"].value)
    assert ((0, 20, 0), (0, 20, 0)) == test.confusion.matrix
    assert (3, 40) == (found.runs.trainings, found.runs.repeated)
    assert "3 runs with 3 trainings of 40 people" in runs_in_words(found.runs)


def test_people_whom_no_seed_could_read_count_once():
    """Four of forty, in each of three seeds, are four people and not twelve."""
    unread = [attrs.evolve(each, prediction=None) for each in half(range(4))]
    seeds = {f"seed-{n}": make_run([*unread, *half(range(4, 40))], ["t"]) for n in range(3)}

    found = pool(seeds, Pooling(metrics=METRICS, plan=PLAN, people=people(40)))

    counts = found.splits["test"].counts
    assert (40, 4, 12) == (counts.subjects, counts.unparsed_subjects, counts.unparsed_tasks)


def test_seeds_that_differ_make_the_interval_wider():
    """It allows for other seeds besides other people; seeds alike add nothing."""
    everybody = Pooling(metrics=METRICS, plan=PLAN, people=people(40))
    alike = [(1, 5, 9, 13)] * 3
    differ = [(), (1, 5, 9, 13), tuple(range(1, 24, 2))]

    wide, narrow = (
        pool(
            {f"seed-{n}": make_run(half(range(40), w), ["t"]) for n, w in enumerate(seeds)},
            everybody,
        )
        .splits["test"]
        .metrics["accuracy"]
        for seeds in (differ, alike)
    )

    assert 0.9 == pytest.approx(narrow.value)
    assert (1 + 0.9 + 0.7) / 3 == pytest.approx(wide.value)
    assert wide.high - wide.low > 2 * (narrow.high - narrow.low)
    assert "seeds" in wide.method


def test_seeds_of_folds_are_one_training_each():
    """The mean is over trainings, each of all folds."""
    runs = {
        f"fold-{fold}/seed-{seed}": make_run(half(numbers, (0,) if seed == 1 else ()), ["t"])
        for fold, numbers in ((1, range(20)), (2, range(20, 40)))
        for seed in (1, 2)
    }

    found = pool(runs, Pooling(metrics=METRICS, plan=PLAN, people=people(40)))

    assert (1 + 39 / 40) / 2 == pytest.approx(found.splits["test"].metrics["accuracy"].value)
    assert (2, 4) == (found.runs.trainings, len(found.runs.runs))


def with_arm(run, rows, **facts):
    arm = ArmFacts(steps=6, main_steps=6, first_loss=2.0, last_loss=1.0, **facts)
    return attrs.evolve(run, arms={"query-alone": (arm, rows)})


def test_arms_are_pooled_on_the_same_people():
    """What references add is told of everybody; losses are means, steps those of all runs."""
    halves = range(20), range(20, 40)
    runs = {
        f"fold-{fold}": with_arm(make_run(half(n), ["t"]), half(n, n[::2]))
        for fold, n in enumerate(halves, 1)
    }

    arm = pool(runs, Pooling(metrics=METRICS, plan=PLAN, people=people(40))).arms["query-alone"]

    assert 0.5 == pytest.approx(arm.splits["test"]["accuracy"].value)
    gap = arm.difference["test"]["accuracy"]
    assert (0.5, True) == (pytest.approx(gap.value), gap.clear)
    assert (12, 2.0) == (arm.steps, arm.first_loss)
    assert "references help" == arm.verdict


def test_ranks_of_an_arm_are_compared_within_folds():
    """The main run ranks each fold without error, on two scales; the arm's errors are on one.

    Over all people the arm would rank better, which no reference is to blame for.
    """
    runs = {}
    for base, numbers, wrong in ((0.1, range(20), (1, 2, 7)), (0.8, range(20, 40), (21, 24, 29))):
        said = [row(f"s{n}", SEX[n % 2], SEX[n % 2], base + 0.1 * (n % 2)) for n in numbers]
        run, arm = make_run(said, ["t"]), half(numbers, wrong)
        facts = TargetFacts(name="sex", kind="categorical", labels=SEX, train_values=SEX)
        own = Pairing(facts=facts, metrics=METRICS, plan=PLAN)
        scored = {"query-alone": score_arm("query-alone", ArmFacts(), arm, said, own)}
        metrics = attrs.evolve(run.metrics, arms=scored)
        runs[f"fold-{base}"] = attrs.evolve(with_arm(run, arm), metrics=metrics)

    arm = pool(runs, Pooling(metrics=METRICS, plan=PLAN, people=people(40))).arms["query-alone"]

    gap = arm.difference["test"]["auroc"]
    arms = [each.metrics.arms["query-alone"].difference["test"]["auroc"] for each in runs.values()]
    assert gap.value == pytest.approx(np.mean([each.value for each in arms]))
    assert gap.low < gap.value < gap.high
    assert gap.value > 0 > 0.75 - arm.splits["test"]["auroc"].value
    assert "mean over runs" in gap.method


def test_an_arm_that_failed_in_one_fold_is_told_with_it():
    """Its other folds are of fewer people than the main run."""
    runs = {
        "fold-1": with_arm(make_run(half(range(20)), ["t"]), half(range(20))),
        "fold-2": with_arm(make_run(half(range(20, 40)), ["t"]), [], failed="no memory"),
    }

    arm = pool(runs, Pooling(metrics=METRICS, plan=PLAN, people=people(40))).arms["query-alone"]

    assert "fold-2: no memory" == arm.failed
    assert {} == arm.splits


def external(wrong=()):
    """Twenty people of one study and ten of another, as one run's model read them."""
    rows = half(range(100, 130), wrong)
    asked = [make_task(each.subject, ["r"], each.subject, each.truth) for each in rows]
    train = [make_task(f"t{n}", ["r"], f"t{n}", SEX[n % 2]) for n in range(4)]
    studies = ["OUT"] * 20 + ["FAR"] * 10
    members = pd.DataFrame({"subject": [each.subject for each in rows], "study": studies})
    members = members.assign(scan=members["subject"], family=None, site=None)
    return ExternalAnswers(rows=rows, tasks=asked, train=train, people=members)


def test_an_external_study_is_read_by_the_models_of_all_folds():
    """Everybody counts once; the score is the mean over models, each study by itself."""
    runs = {f"fold-{n}": make_run(half(range(20 * n, 20 * n + 20)), ["t"]) for n in (0, 1)}
    given = {"fold-0": external(), "fold-1": external(wrong=range(100, 108))}

    found = pool_external(runs, given, Pooling(metrics=METRICS, plan=PLAN, people=people(40)))

    assert {"OUT", "FAR"} == set(found)
    score = found["OUT"].metrics["accuracy"]
    assert (1 + 12 / 20) / 2 == pytest.approx(score.value)
    assert score.low < score.value < score.high
    assert "seeds" in score.method
    assert (20, 40) == (found["OUT"].counts.subjects, found["OUT"].counts.tasks)
    assert 20 == sum(map(sum, found["OUT"].confusion.matrix))
    assert 0.5 == pytest.approx(found["OUT"].baselines["majority"].metrics["accuracy"].value)
    assert 1.0 == pytest.approx(found["FAR"].metrics["accuracy"].value)


def test_without_external_answers_there_are_no_external_scores():
    """A locked test, or a recipe that names no study, has none."""
    runs = {"fold-0": make_run(half(range(20)), ["t"])}

    assert {} == pool_external(runs, {}, Pooling(metrics=METRICS, plan=PLAN, people=people(20)))


def test_relatives_stay_relatives_in_every_seed():
    """Families, not people times seeds, are independent."""
    families = [f"F{number // 4}" for number in range(40)]
    runs = {f"seed-{seed}": make_run(half(range(40), (1, 5)), ["t"]) for seed in (1, 2)}

    found = pool(runs, Pooling(metrics=METRICS, plan=PLAN, people=people(40, family=families)))

    assert (10, "families") == (found.splits["test"].clusters, found.intervals.unit)


def test_sites_left_out_are_named():
    """Everybody's site was new to the model that read them."""
    sites = ["A"] * 20 + ["B"] * 20

    left_out = two_folds_of(sites)
    mixed = two_folds_of(["A", "B"] * 20)

    assert left_out.runs.unseen_sites
    assert 40 == left_out.splits["test"].subgroups["site"].unseen
    assert "Leave-site-out: 2 runs of 40 people" in runs_in_words(left_out.runs)
    assert not mixed.runs.unseen_sites
    assert 0 == mixed.splits["test"].subgroups["site"].unseen


def two_folds_of(sites):
    first, second = range(20), range(20, 40)
    runs = {
        "one": make_run(half(first), [f"s{n}" for n in second]),
        "two": make_run(half(second), [f"s{n}" for n in first]),
    }
    return pool(runs, Pooling(metrics=METRICS, plan=PLAN, people=people(40, site=sites)))


def test_a_run_that_failed_is_named():
    """Its people are missing, and the sentence says so."""
    found = two_folds(failed={"fold-3": "made to fail"})

    said = runs_in_words(found.runs)
    assert {"fold-3": "made to fail"} == found.runs.failed
    assert "1 of 3 runs could not be done" in said
    assert said.endswith("missing here: fold-3.")


def test_a_label_that_one_fold_never_saw_has_no_chance_there():
    """Its probabilities are filled up with 0."""

    def three(rows):
        return [
            attrs.evolve(
                each, probabilities={"a": 0.6, "b": 0.3, "c": 0.1} if wide else {"a": 0.7, "b": 0.3}
            )
            for each, wide in rows
        ]

    def run(rows, labels):
        facts = TargetFacts(name="t", kind="categorical", labels=labels, train_values=labels)
        own = score_run(rows, facts, metrics=METRICS, plan=PLAN, rules={})
        return OneRun(metrics=own, rows=rows, rules={}, train={}, trained=frozenset())

    wide = three([(row(f"s{n}", "abc"[n % 3], "a"), True) for n in range(6)])
    narrow = three([(row(f"s{n}", "ab"[n % 2], "a"), False) for n in range(6, 10)])

    found = pool(
        {"fold-1": run(narrow, ("a", "b")), "fold-2": run(wide, ("a", "b", "c"))},
        Pooling(metrics=METRICS, plan=PLAN, people=people(10)),
    )

    assert ("a", "b", "c") == found.target.labels
    assert 10 == found.splits["test"].calibration.people


def test_a_fold_that_says_nothing_has_no_score_and_counts_as_wrong():
    """Its 0 is not shown; in the mean it stands, and where all are silent there is no mean."""
    mute = [attrs.evolve(each, prediction=None) for each in half(range(20))]
    spoken = make_run(half(range(20, 40)), ["s0"])
    both = {"fold-1": make_run(mute, ["s30"]), "fold-2": spoken}
    pooling = Pooling(metrics=METRICS, plan=PLAN, people=people(40))

    summary = pool(both, pooling).runs
    nothing = pool({"fold-1": both["fold-1"]}, pooling).runs

    assert [None, 1.0] == [each.metrics["accuracy"] for each in summary.runs.values()]
    assert 0.5 == summary.mean["accuracy"]
    assert (None, 1.0) == (nothing.mean["accuracy"], nothing.mean["auroc"])


def test_numbers_of_all_folds_are_pooled():
    """Errors of everybody, against everybody's truth."""
    metrics = {"mae": Mae(MaeOptions())}
    rng = np.random.default_rng(0)
    rows = [row(f"s{n}", float(20 + n), float(20 + n + rng.normal())) for n in range(40)]
    runs = {
        "fold-1": make_run(rows[:20], ["s30", "s31"], metrics=metrics),
        "fold-2": make_run(rows[20:], ["s0", "s1"], metrics=metrics),
    }

    found = pool(runs, Pooling(metrics=metrics, plan=PLAN, people=people(40)))

    errors = [abs(each.prediction - each.truth) for each in rows]
    assert np.mean(errors) == pytest.approx(found.splits["test"].metrics["mae"].value)
    assert 40 == len(found.splits["test"].scatter)
    assert 50.0 == found.train.mean


def test_pooled_scores_survive_json():
    """They are a `metrics.json` as any other."""
    found = two_folds()

    text = json.dumps(to_json(found), allow_nan=False)

    assert found == from_json(json.loads(text), Metrics, source="metrics.json")
    assert from_json(json.loads(text) | {"runs": None}, Metrics, source="x").runs is None

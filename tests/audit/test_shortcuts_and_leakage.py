"""Rules that see no scan, and the audit that refuses what they can exploit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from brainplug.api.records import POOLS, Image, Turn
from brainplug.audit.balance import describe_split
from brainplug.audit.leakage import find_leaks, find_relatives, find_task_leaks
from brainplug.audit.shortcuts import audit_words, information, measure_dependence, score_rule
from brainplug.design.split import pool_scans
from brainplug.errors import DataError, LeakageError
from brainplug.evaluation.bootstrap import BootstrapPlan
from brainplug.evaluation.describe import TargetFacts
from brainplug.evaluation.rules import Rule
from brainplug.evaluation.score import score_split
from brainplug.evaluation.stage import rule_rows
from brainplug.findings import refuse_findings
from brainplug.tasks.baselines import (
    MAJORITY,
    MEAN,
    MIRROR,
    OPPOSITE,
    REPEAT,
    TEXT,
    rule_predictions,
)
from brainplug.tasks.read import Glance
from brainplug.tasks.task import Task
from brainplug_plugins.heads.categorical import Categorical, CategoricalOptions
from brainplug_plugins.heads.numerical import Numerical, NumericalOptions
from brainplug_plugins.metrics.accuracy import Accuracy, AccuracyOptions

SAME = {"train": "train", "val": "val", "test": "test"}


def make_task(query: str, truth, reference: str, told, number: int = 0) -> Task:
    kind = "categorical" if isinstance(truth, str) else "numerical"
    return Task(
        task_id=f"{query}-{reference}-{number}",
        kind=kind,
        target="sex",
        subject=query,
        truth=truth,
        references=(reference,),
        reference_values=(told,),
        images=(Path("r.nii"), Path("q.nii")),
        turns=(
            Turn.user(Image(0), f"This is {told}."),
            Turn.assistant("Noted."),
            Turn.user(Image(1), "And this?"),
            Turn.assistant(f"It is {truth}."),
        ),
        codes=(0, 1) if kind == "categorical" else (),
    )


def draw_tasks(labels, *, split="train", num=120, same=None, seed=0) -> list[Task]:
    """Pair each query with three references; `same` of them share its label, None draws them."""
    rng = np.random.default_rng(seed)
    tasks = []
    for query in range(num):
        truth = labels[rng.integers(len(labels))]
        for k in range(3):
            others = [label for label in labels if label != truth]
            told = labels[rng.integers(len(labels))]
            if same is not None:
                told = truth if k < same else others[rng.integers(len(others))]
            tasks.append(make_task(f"{split}q{query}", truth, f"{split}r{k}{told}", told, k))
    return tasks


def make_split(tasks_by_split) -> pd.DataFrame:
    rows = set()
    for split, tasks in tasks_by_split.items():
        rows |= {(task.subject, f"{split}_query") for task in tasks}
        rows |= {(person, f"{split}_reference") for task in tasks for person in task.references}
    return pd.DataFrame(sorted(rows), columns=["subject", "pool"])


def fit(labels):
    head = Categorical(CategoricalOptions(column="sex"))
    return head.fit(pd.Series(list(labels) * 2, dtype="str"))


def audit(labels, **options):
    tasks = {
        split: draw_tasks(labels, split=split, num=num, **options)
        for split, num in (("train", 120), ("val", 30), ("test", 30))
    }
    measured, findings = audit_words(tasks, fit(labels))
    refuse_findings(findings, allow_shortcut=False)
    return measured, findings


def test_one_same_to_two_different_is_refused():
    """D1: 'say the opposite' scores two thirds, so the pairing is refused by name."""
    with pytest.raises(DataError) as caught:
        audit(("female", "male"), same=1)

    assert "a rule that says the opposite needs no scan" in caught.value.found[0]


@pytest.mark.parametrize("count", [3, 10])
def test_half_the_pairs_alike_is_refused_for_many_classes(count):
    """D2, D3: copying beats chance where same-label pairs are over-represented."""
    with pytest.raises(DataError) as caught:
        audit(tuple(f"class {letter}" for letter in "abcdefghij"[:count]), same=2)

    assert "a rule that repeats the reference needs no scan" in caught.value.found[0]


@pytest.mark.parametrize("count", [2, 3, 10])
def test_independent_draws_pass(count):
    """References drawn without regard to the query are at chance, and the audit says so."""
    measured, findings = audit(tuple(f"class {letter}" for letter in "abcdefghij"[:count]))

    assert [] == findings
    assert abs(measured.dependence.z) < 3.29


def test_a_shortcut_may_be_allowed():
    """`allow_shortcut` goes on and keeps the warning."""
    tasks = {
        split: draw_tasks(("a", "b"), split=split, same=1) for split in ("train", "val", "test")
    }

    _, findings = audit_words(tasks, fit(("a", "b")))
    refuse_findings(findings, allow_shortcut=True)

    assert any("gives away" in finding.what for finding in findings)
    assert any("says the opposite" in finding.what and "%" in finding.what for finding in findings)


def shared_pools(families: list[str | None]) -> pd.DataFrame:
    """Put three people into one shared pool of training."""
    people = [f"p{number}" for number in range(3)]
    cohort = pd.DataFrame({"subject": people, "scan": people, "family": families}, dtype="str")
    return pool_scans(cohort, pd.DataFrame({"subject": people, "pool": "train"}))


def test_people_of_a_shared_pool_may_meet():
    """Queries and references of one shared pool are no leak, of two splits they are."""
    tasks = {"train": [make_task("p0", "a", "p1", "b")], "val": [], "test": []}
    pooled = shared_pools([None] * 3)

    assert [] == find_leaks(pooled)
    assert [] == find_task_leaks(tasks, SAME, pooled)
    assert [] == find_relatives(tasks, pooled)
    moved = pooled.assign(pool=["train", "val", "val"])
    (leak,) = find_task_leaks(tasks, SAME, moved)
    assert ("p1",) == leak.members


@pytest.mark.parametrize(
    ("reference", "families", "images"),
    [
        ("p0", [None] * 3, [None] * 3),
        ("p1", ["f", "f", None], [None] * 3),
        ("p1", [None] * 3, ["one", "one", None]),
    ],
    ids=["itself", "a relative", "a copy"],
)
def test_a_task_that_shows_kin_is_a_leak(reference, families, images):
    """The files are searched for queries that meet themselves, relatives or their own image."""
    tasks = {"train": [make_task("p0", "a", reference, "b"), make_task("p2", "a", "p0", "b")]}
    pooled = shared_pools(families).assign(same_image=pd.Series(images, dtype="str"))

    (leak,) = find_relatives({**tasks, "val": [], "test": []}, pooled)

    assert ("leak", ("p0",)) == (leak.kind, leak.members)


def test_shared_pools_are_described_whole():
    """The audit counts a shared pool once, by the name of its split."""
    found = describe_split(shared_pools([None] * 3).assign(target=["a", "b", "a"], site="s"))

    assert ["train", "val_query", "val_reference"] == list(found.pools)[:3]
    assert 3 == found.pools["train"].subjects
    assert {"a": 2, "b": 1} == found.balance["target"]["train"].counts


def test_a_reference_from_another_pool_is_a_leak():
    """Promise 1 is asserted again from the files."""
    tasks = {split: draw_tasks(("a", "b"), split=split) for split in ("train", "val", "test")}
    split = make_split(tasks)
    split.loc[split["subject"] == "testr0a", "pool"] = "train_query"

    findings = find_task_leaks(tasks, SAME, split)

    assert ["leak"] == [finding.kind for finding in findings]
    with pytest.raises(LeakageError) as caught:
        refuse_findings(findings, allow_shortcut=True)

    assert ("testr0a",) == caught.value.members


def test_a_family_in_two_splits_is_a_leak():
    """D17: siblings in train and test stop the run."""
    subjects = [f"s{i}" for i in range(6)]
    cohort = make_cohort(subjects, family=["f1", "f2", "f3", "f4", "f1", "f6"])

    findings = find_leaks(pool_scans(cohort, pd.DataFrame({"subject": subjects, "pool": POOLS})))

    with pytest.raises(LeakageError) as caught:
        refuse_findings(findings, allow_shortcut=True)

    assert ("f1",) == caught.value.members


def test_a_family_in_query_and_reference_pools_is_a_leak():
    """Promise 1 holds for all six pools, not only for train, val and test."""
    subjects = [f"s{i}" for i in range(6)]
    cohort = make_cohort(subjects, family=["f1", "f1", "f3", "f4", "f5", "f6"])

    findings = find_leaks(pool_scans(cohort, pd.DataFrame({"subject": subjects, "pool": POOLS})))

    assert [("f1",)] == [finding.members for finding in findings]
    assert "query and reference pools" in findings[0].what


def make_cohort(subjects, **columns):
    """Make a cohort frame of one scan a subject."""
    frame = pd.DataFrame({"subject": subjects, "scan": subjects, "site": pd.NA, "family": pd.NA})
    return frame.assign(target="a", **columns)


@pytest.mark.parametrize(
    ("pool", "kind"),
    [("test_query", "leak"), ("train_reference", "leak"), ("train_query", "note")],
)
def test_one_image_under_two_ids_is_found(pool, kind):
    """A copy in another pool stops the run and names the rows; one in the same pool is told."""
    subjects = ["a", "b", "c"]
    cohort = make_cohort(subjects, same_image=["a", "a", None])
    split = pd.DataFrame({"subject": subjects, "pool": ["train_query", pool, "val_query"]})

    findings = find_leaks(pool_scans(cohort, split))

    assert [(kind, ("a", "b"))] == [(finding.kind, finding.members) for finding in findings]


def test_information_is_freed_of_its_bias():
    """Independent labels give about 0 bits after Miller's correction, dependent ones many."""
    labels = tuple(f"class {letter}" for letter in "abcdefghij")
    honest = [information(draw_tasks(labels, num=40, seed=seed), fit(labels)) for seed in range(20)]
    copied = draw_tasks(labels, num=40, same=3)

    corrected = np.array([found.corrected for found in honest])
    assert all(found.plug_in > 0.2 for found in honest)
    assert abs(corrected.mean()) < 0.1
    assert information(copied, fit(labels)).corrected > 2.0


def test_a_class_of_one_pool_alone_is_as_far_as_can_be():
    """An infinite difference is not hidden as undefined."""
    subjects = [f"s{i}" for i in range(12)]
    cohort = make_cohort(subjects, site=["own"] * 2 + ["others"] * 10)
    pools = ["test_query"] * 2 + list(POOLS[:4]) * 2 + ["test_reference"] * 2
    split = pd.DataFrame({"subject": subjects, "pool": pools})

    found = describe_split(pool_scans(cohort, split)).balance["site"]

    assert 99.0 == found["test_query"].standardised_difference


def test_studies_that_differ_are_no_shortcut_within_each():
    """Of two studies a reference tells which it is, a note; within each it tells nothing."""
    tasks = {}
    studies = {}
    for split, num in (("train", 80), ("val", 30), ("test", 30)):
        rng = np.random.default_rng(num)
        tasks[split] = []
        for number in range(num):
            study, centre = ("A", 10.0) if number % 2 else ("B", 60.0)
            studies[f"{split}{number}"] = study
            truth, told = centre + rng.normal(size=2)
            tasks[split].append(make_task(f"{split}{number}", truth, f"{study}r", told))
    answers = Numerical(NumericalOptions(column="age")).fit(pd.Series([10.0, 20.0, 60.0, 61.0]))

    together = audit_words(tasks, answers)[1]
    apart = audit_words(tasks, answers, studies)[1]

    assert "shortcut" in {finding.kind for finding in together}
    assert [("note", "studies differ")] == [(f.kind, f.what[:14]) for f in apart]


def test_the_text_reader_learns_from_all_where_a_sample_lacks_a_class(monkeypatch):
    """One case among many tasks that the sample passes over is no crash."""
    monkeypatch.setattr("brainplug.tasks.baselines.TEXT_SAMPLE", 10)
    train = [make_task(f"q{i}", "healthy", "r", "healthy", i) for i in range(60)]
    train[7] = make_task("q7", "ill", "r", "healthy", 7)

    assert ["healthy"] == rule_predictions(TEXT, train[:1], train)


def test_pools_are_compared_by_standardised_differences():
    """Against the definition: difference of means over the root of the mean of the variances."""
    rng = np.random.default_rng(3)
    subjects = [f"s{i}" for i in range(60)]
    cohort = make_cohort(subjects, age=rng.normal(10, 1, 60).round(3).astype(str))
    cohort["sex"] = np.where(rng.uniform(size=60) < 0.4, "F", "M")
    split = pd.DataFrame({"subject": subjects, "pool": list(POOLS) * 10})

    found = describe_split(pool_scans(cohort, split)).balance

    inside = np.array([pool == "val_query" for pool in split["pool"]])
    for name, values in (
        ("age", cohort["age"].astype(float)),
        ("sex", (cohort["sex"] == "F").astype(float)),
    ):
        here, others = values[inside], values[~inside]
        expected = (here.mean() - others.mean()) / np.sqrt((here.var() + others.var()) / 2)
        told = found[name]["val_query"].standardised_difference
        assert told == pytest.approx(expected if name == "age" else abs(expected), abs=1e-4)
    assert {"F", "M"} == set(found["sex"]["val_query"].counts)


def test_numbers_that_follow_the_reference_are_refused():
    """A numerical reference that tells of the query is found like a label."""
    rng = np.random.default_rng(1)
    values = rng.normal(size=200)
    honest = [make_task(f"q{i}", float(v), "r", float(rng.normal())) for i, v in enumerate(values)]
    leaking = [
        make_task(f"q{i}", float(v), "r", float(v + rng.normal())) for i, v in enumerate(values)
    ]

    assert not measure_dependence(honest).beats_chance
    assert measure_dependence(leaking).beats_chance


def test_rules_answer_as_they_say():
    """Each rule on three tasks whose answers can be seen."""
    train = [
        make_task("t1", "a", "r", "b"),
        make_task("t2", "a", "r", "a"),
        make_task("t3", "b", "r", "a"),
    ]
    numbers = [make_task("n1", 1.0, "r", 0.0), make_task("n2", 3.0, "r", 5.0)]

    assert rule_predictions(REPEAT, train, train) == ["b", "a", "a"]
    assert rule_predictions(OPPOSITE, train, train) == ["a", "b", "b"]
    assert rule_predictions(MAJORITY, train, train) == ["a", "a", "a"]
    assert rule_predictions(MEAN, numbers, numbers) == [2.0, 2.0]
    assert rule_predictions(MIRROR, numbers, numbers) == [4.0, -1.0]


def test_negative_numbers_keep_their_sign():
    """D6, D24: a z-score is said and read back with its sign; zero has none."""
    answers = Numerical(NumericalOptions(column="BMI_sds")).fit(pd.Series([-1.25, 0.5, 2.0]))

    assert answers.say(-1.25) == "-1.25"
    assert answers.parse("Based on the comparison, the BMI_sds is -1.25.") == -1.25
    assert answers.say(-0.001) == "0.00"


def test_digits_of_the_target_name_are_no_answer():
    """D10: `p21001_bmi` does not answer 21001."""
    answers = Numerical(NumericalOptions(column="p21001_bmi")).fit(pd.Series([20.5, 31.2]))

    assert answers.parse("The p21001_bmi is 24.1.") == 24.1
    assert answers.parse("The p21001_bmi is unknown.") is None


def test_labels_inside_labels_are_told_apart():
    """D11: the longest label wins, and two labels are no answer."""
    labels = ("mild dementia", "mild cognitive impairment", "impairment")
    answers = fit(labels)

    assert answers.parse("It is mild cognitive impairment.") == "mild cognitive impairment"
    assert answers.parse("mild dementia or impairment") is None
    assert answers.parse("nothing") is None


def test_audit_and_scores_tell_the_same_of_a_rule():
    """A rule is scored over people, by its vote, ties in equal shares, as in `metrics.json`."""
    sexes = ("female", "male")
    tasks = [
        Glance(f"t{n}-{i}", "categorical", "", f"s{n}", sexes[n % 2], ("r",), (told,), "", "")
        for n in range(9)
        for i, told in enumerate(("female", "male") if n % 3 else ("male", "male"))
    ]
    said = rule_predictions(REPEAT, tasks, tasks)
    rule = Rule(about="", answers=rule_rows(REPEAT, [("test", task) for task in tasks], tasks))
    facts = TargetFacts(name="sex", kind="categorical", labels=sexes, train_values=sexes)
    scores = score_split(
        rule.answers,
        facts,
        metrics={"accuracy": Accuracy(AccuracyOptions())},
        plan=BootstrapPlan(samples=100, confidence=0.95, seed=1),
        rules={REPEAT: rule},
    )
    assert score_rule(tasks, said) == pytest.approx(
        scores.baselines[REPEAT].metrics["accuracy"].value, abs=1e-4
    )

"""Baselines beside the model: a scanner detector is called one, and the strongest is named."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from brainplug.baselines.records import (
    BaselineFacts,
    Baselines,
    BaselinesRecord,
    ProbeFacts,
)
from brainplug.evaluation.beside import (
    Measures,
    Rivals,
    baseline_rules,
    set_beside,
    strongest_in_words,
)
from brainplug.evaluation.bootstrap import BootstrapPlan
from brainplug.evaluation.describe import TargetFacts
from brainplug.evaluation.places import probe_in_words
from brainplug.evaluation.records import Metrics
from brainplug.evaluation.score import score_run
from brainplug.runtime.records import from_json, to_json
from brainplug.tasks.answers import AnswerRow
from brainplug_plugins.metrics.balanced_accuracy import BalancedAccuracy, BalancedAccuracyOptions

METRICS = {"balanced-accuracy": BalancedAccuracy(BalancedAccuracyOptions())}
PLAN = BootstrapPlan(samples=200, confidence=0.95, seed=0)
LABELS = ("a", "b")
KINDS = {
    "site majority": "site",
    "weak": "image",
    "strong": "image",
    "nearest reference": "reference",
}


def two_sites(size=50) -> pd.DataFrame:
    """Make people of two sites, of whom 80 and 20 % are `a`, in validation and test (fault 4)."""
    rows = [
        (split, f"{split}{site}{number}", site, "a" if (number % 5 > 0) == (site == "x") else "b")
        for split in ("val", "test")
        for site in "xy"
        for number in range(size)
    ]
    return pd.DataFrame(rows, columns=["split", "subject", "site", "truth"])


def say(people, right, seed=0) -> list[str]:
    """Say the truth to a share of people."""
    rng = np.random.default_rng(seed)
    other = people["truth"].map({"a": "b", "b": "a"})
    return people["truth"].where(rng.random(len(people)) < right, other).tolist()


def detect(people) -> list[str]:
    """Say what most of a site are."""
    return people["site"].map({"x": "a", "y": "b"}).tolist()


def answers_of(people, said) -> list[AnswerRow]:
    return [
        AnswerRow(
            task_id=row.subject,
            split=row.split,
            subject=row.subject,
            references=(),
            reference_values=(),
            truth=row.truth,
            answer_text="",
            prediction=value,
        )
        for row, value in zip(people.itertuples(), said, strict=True)
    ]


def make_baselines(people, said, probe=None) -> Baselines:
    """Make what the stage would have left, from what each baseline says."""
    frame = pd.concat(
        [
            people.assign(baseline=name, prediction=values, probabilities=None)
            for name, values in said.items()
        ]
    )
    known = people.assign(head_size=np.linspace(1400, 1600, len(people)))
    if probe is not None:
        known = known.assign(scanned_at=known["site"], read_from_scan=probe)
    return Baselines(
        record=BaselinesRecord(
            people=100,
            scans=100,
            baselines={name: BaselineFacts(kind=KINDS[name], about=f"the {name}") for name in said},
            unknown={},
            confounds={},
            notes=(),
            probe=None if probe is None else ProbeFacts(of="site", places=2, left_out=0),
            probe_reason="no site is known",
        ),
        said=frame,
        covariates=known,
    )


def score(people, model, baselines) -> Metrics:
    facts = TargetFacts(
        name="sex", kind="categorical", labels=LABELS, train_values=("a", "b"), people=None
    )
    rules = baseline_rules(baselines, LABELS)
    rows = answers_of(people, model)
    scored = score_run(rows, facts, metrics=METRICS, plan=PLAN, rules=rules)
    return set_beside(
        scored,
        rows,
        facts,
        measures=Measures(metrics=METRICS, plan=PLAN),
        rivals=Rivals(rules=rules, baselines=baselines),
    )


@pytest.fixture(scope="module")
def detector() -> Metrics:
    """The scores of a model that says each site's majority, beside baselines."""
    people = two_sites()
    said = {
        "site majority": detect(people),
        "weak": say(people, 0.6),
        "strong": say(people, 0.9, seed=1),
    }
    return score(people, detect(people), make_baselines(people, said, people["site"].tolist()))


def test_a_scanner_detector_does_not_beat_what_sees_no_scan(detector):
    """It reached 0.8, and so does whoever knows the site (fault 4)."""
    test = detector.splits["test"]

    assert test.metrics["balanced-accuracy"].value == pytest.approx(0.8)
    assert test.difference["balanced-accuracy"].against == "site majority"
    assert test.difference["balanced-accuracy"].value == 0
    assert not test.difference["balanced-accuracy"].clear


def test_the_strongest_image_baseline_is_named_where_it_wins(detector):
    """It is the best of them on the very people that are scored, which favours it."""
    test = detector.splits["test"]
    found = test.image_difference["balanced-accuracy"]
    other = test.baselines["strong"].metrics["balanced-accuracy"].value

    assert found.against == "strong"
    assert detector.splits["val"].image_difference["balanced-accuracy"].against == "strong"
    assert found.value == pytest.approx(0.8 - other)
    words = strongest_in_words(found, other, "the strong")
    assert f"The strong reached {other:.2f}: the model is" in words
    assert "better," not in words.replace("not better,", "")


def test_a_probe_tells_that_scans_give_the_site_away(detector):
    """Whoever reads the site off every scan is at 1, where chance is a half."""
    probe = detector.splits["test"].confounding.probe

    assert (probe.n, probe.chance, probe.score.value) == (100, 0.5, 1.0)
    assert "linear reader tells the site off a scan" in probe_in_words(probe)


def test_scores_are_read_back_as_they_were_written(detector):
    """With everything that stands beside them."""
    assert detector == from_json(to_json(detector), Metrics, source="metrics.json")


def test_kinds_stand_with_the_scores(detector):
    """A reader of the table can tell what each baseline looks at."""
    kinds = {name: each.kind for name, each in detector.splits["test"].baselines.items()}

    assert kinds == {"site majority": "site", "weak": "image", "strong": "image"}


def test_a_model_may_beat_all_readers_of_scans():
    """Without validation people too."""
    people = two_sites()[lambda each: each["split"] == "test"]
    said = {"weak": say(people, 0.6), "strong": say(people, 0.9, seed=1)}

    test = score(people, say(people, 0.99), make_baselines(people, said)).splits["test"]

    found = test.image_difference["balanced-accuracy"]
    assert found.against == "strong"
    assert found.value > 0
    assert test.confounding.probe is None
    assert test.confounding.unknown["probe"] == "no site is known"


def test_without_image_baselines_none_is_named():
    """A recipe may ask for none."""
    people = two_sites()
    test = score(people, detect(people), make_baselines(people, {"site majority": detect(people)}))

    assert test.splits["test"].image_difference == {}

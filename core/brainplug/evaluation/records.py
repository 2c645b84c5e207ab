"""The records of `metrics.json`: what the answers of a run are worth."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from brainplug.api.records import TargetKind
from brainplug.baselines.records import BaselineKind
from brainplug.evaluation.confounding import Confounding
from brainplug.evaluation.intervention_records import Interventions
from brainplug.evaluation.pooled_records import Summary
from brainplug.evaluation.subgroup_records import Grouping


@attrs.frozen(kw_only=True)
class ReportedScore:
    """A metric's score of one system, with its interval.

    Attributes:
        value: None where the score is not defined.
        low: lower end of the interval, None where there is none.
        high: upper end.
        reason: why something is None, else empty.
        higher_is_better: direction of the metric.
        unit: of the score, may be empty.
        method: how the interval was found, in words.
    """

    value: float | None
    low: float | None
    high: float | None
    reason: str
    higher_is_better: bool
    unit: str
    method: str = ""


@attrs.frozen(kw_only=True)
class Difference:
    """The model's score less that of the best baseline, on the same subjects.

    Attributes:
        against: the baseline; None where none has this score.
        value: the difference.
        low: lower end of its interval, None where there is none.
        high: upper end.
        reason: why something is None, else empty.
        p_value: of the paired permutation test, None where the score is not defined.
        clear: whether the difference is clear of zero.
        higher_is_better: direction of the metric.
        method: how the interval was found, in words.
    """

    against: str | None
    value: float | None
    low: float | None
    high: float | None
    reason: str
    p_value: float | None
    clear: bool
    higher_is_better: bool
    method: str = ""


@attrs.frozen(kw_only=True)
class BaselineScores:
    """A rule or a baseline: what it does, what it looks at, and its scores."""

    about: str
    metrics: Mapping[str, ReportedScore]
    kind: BaselineKind = "rule"


@attrs.frozen(kw_only=True)
class Confusion:
    """Truth (rows) against prediction (columns, the last for answers that could not be read)."""

    labels: tuple[str, ...]
    columns: tuple[str, ...]
    matrix: tuple[tuple[int, ...], ...]


@attrs.frozen(kw_only=True)
class SiteScores:
    """The scores of one site with enough subjects."""

    subjects: int
    metrics: Mapping[str, float | None]


@attrs.frozen(kw_only=True)
class CalibrationBin:
    """Answers whose stated probability lies from `low` to `high`."""

    low: float
    high: float
    n: int
    mean_probability: float
    observed: float


@attrs.frozen(kw_only=True)
class Measured:
    """A quantity with its interval.

    Attributes:
        value: None where it is not defined.
        low: lower end of the interval, None where there is none.
        high: upper end.
        reason: why something is None, else empty.
    """

    value: float | None = None
    low: float | None = None
    high: float | None = None
    reason: str = ""


@attrs.frozen(kw_only=True)
class Calibration:
    """Stated probabilities against what was observed.

    Attributes:
        of: which probability, in words.
        bins: the curve; empty bins are left out, and all of them where people are too few for one.
        expected_error: mean distance of stated and observed, weighted by bin.
        brier: mean squared distance over all labels, from 0 to 2.
        people: whose probabilities they are; None in older files.
        brier_score: `brier` with its interval.
        log_loss: mean negative log probability of the truth.
        slope: of the observed log odds on the stated ones; 1 is best, below is overconfident.
        intercept: observed log odds less the stated ones; 0 is best, below is too high a
            probability stated.
    """

    of: str
    bins: tuple[CalibrationBin, ...]
    expected_error: float
    brier: float
    people: int | None = None
    brier_score: Measured | None = None
    log_loss: Measured | None = None
    slope: Measured | None = None
    intercept: Measured | None = None


@attrs.frozen(kw_only=True)
class NumberBias:
    """Errors of predicted numbers against the truth; nothing is corrected for them.

    Attributes:
        people: that were asked.
        mean: prediction less truth, on average.
        slope: of that error on the truth; 0 is best, and -1 one number for everybody, which is what
            regression to the mean comes to.
    """

    people: int
    mean: Measured
    slope: Measured


@attrs.frozen(kw_only=True)
class AnswerCounts:
    """How many answers there are, how many could be read, and how they follow the reference.

    Of several seeds, counts of people are means over them, rounded up.

    Attributes:
        subjects: people asked.
        tasks: dialogues asked.
        unparsed_tasks: answers that could not be read.
        unparsed_subjects: people none of whose answers could be read.
        partly_unparsed_subjects: people some of whose answers could not be read.
        flip_rate: share of the pairs of one person's answers that differ, mean over people; both
            scan and word of the reference differ between the two.
        spread: mean absolute difference of such pairs, numerical only.
        copy_rate: share of the readable answers that repeat a reference's value.
        copy_rate_if_right: the same share, had every answer been right.
        reference_pull: slope of answer on reference within people, numerical only.
        changed_subjects: people not all of whose readable answers are alike; None where nobody has
            two.
        trained_form: answers worded as training answers are; None where that was not looked at.
        strange: answers with words that no training answer has, which are not read.
        mass: mean probability that lies on the candidate answers, or on the numbers that may be
            said, once the words that they all begin with are said; None where that was not asked
            for.
    """

    subjects: int
    tasks: int
    unparsed_tasks: int
    unparsed_subjects: int
    partly_unparsed_subjects: int
    flip_rate: float | None
    spread: float | None
    copy_rate: float | None
    copy_rate_if_right: float | None
    reference_pull: float | None
    changed_subjects: int | None = None
    trained_form: int | None = None
    strange: int | None = None
    mass: float | None = None


@attrs.frozen(kw_only=True)
class SplitScores:
    """What the answers to one split are worth.

    Attributes:
        counts: of answers, of those that were said where the model spoke.
        clusters: independent families or people.
        metrics: the model's scores, the headline first.
        baselines: scores of rules and baselines, by name.
        difference: the model less the best of what sees no scan (rules and the site's majority),
            by metric.
        confusion: categorical targets only.
        scatter: truth and prediction of each person, numerical targets only.
        by_site: sites with enough people.
        sites_too_small: how many have not.
        calibration: None without probabilities.
        bias: numerical targets only.
        subgroups: scores by site, sex, age and the like, by what people are grouped by.
        image_difference: the model less the strongest image baseline, by metric; empty without
            any.
        confounding: what the model knows beyond confounds; None where baselines were not made.
    """

    counts: AnswerCounts
    clusters: int
    metrics: Mapping[str, ReportedScore]
    baselines: Mapping[str, BaselineScores]
    difference: Mapping[str, Difference]
    confusion: Confusion | None
    scatter: tuple[tuple[float, float], ...] | None
    by_site: Mapping[str, SiteScores]
    sites_too_small: int
    calibration: Calibration | None
    bias: NumberBias | None = None
    subgroups: Mapping[str, Grouping] = attrs.field(factory=dict)
    image_difference: Mapping[str, Difference] = attrs.field(factory=dict)
    confounding: Confounding | None = None


@attrs.frozen(kw_only=True)
class Target:
    """The target of a run."""

    name: str
    kind: TargetKind
    labels: tuple[str, ...]
    unit: str


@attrs.frozen(kw_only=True)
class Intervals:
    """How intervals were made: bootstrap samples of `unit`s, and their coverage."""

    samples: int
    unit: str
    confidence: float


@attrs.frozen(kw_only=True)
class TrainingValues:
    """What a guess without any image would rest on.

    Attributes:
        n: training people.
        counts: of each label, categorical targets only.
        mean: of the values, numerical targets only.
        sd: None with one person.
        median: numerical targets only.
    """

    n: int
    counts: Mapping[str, int] | None = None
    mean: float | None = None
    sd: float | None = None
    median: float | None = None


@attrs.frozen(kw_only=True)
class SelectedCheckpoint:
    """The checkpoint that is kept, and the validation score that chose it.

    Attributes:
        phase: in which it was reached.
        metric: name of the score; `last` where none chose.
        value: the score; None of the last step.
        step: optimiser steps until then.
    """

    phase: int
    metric: str
    value: float | None
    step: int


@attrs.frozen(kw_only=True)
class CandidateScores:
    """The most probable candidate answers, scored beside what was said freely.

    Attributes:
        splits: their scores.
        agreement: share of answers in which both state the same.
    """

    splits: Mapping[str, Mapping[str, ReportedScore]]
    agreement: Mapping[str, float]


@attrs.frozen(kw_only=True)
class ArmScores:
    """A training beside the main one, and what the main one gains over it on the same people.

    Attributes:
        steps: optimiser steps of all its phases.
        main_steps: those of the main training.
        first_loss: the loss that was logged first, None where none was.
        last_loss: the loss that was logged last.
        notes: what else there is to say of it.
        failed: why it has no scores; empty where it has.
        splits: its scores, by split.
        difference: the main run's scores less its own, on the same people, by split.
        verdict: what it says of the main run, in a sentence.
    """

    steps: int
    main_steps: int
    first_loss: float | None
    last_loss: float | None
    notes: tuple[str, ...] = ()
    failed: str = ""
    splits: Mapping[str, Mapping[str, ReportedScore]] = attrs.field(factory=dict)
    difference: Mapping[str, Mapping[str, Difference]] = attrs.field(factory=dict)
    verdict: str = ""


SAID, EXPECTED = "said", "expected"
"""The read-outs of a number: what is said freely, and the mean of all that may be said."""


@attrs.frozen(kw_only=True)
class Readouts:
    """How numbers were read off the model.

    Attributes:
        headline: the read-out of all scores, `said` or `expected`.
        validation: mean absolute error of each on the validation subjects, which chose; None
            without any.
        other: scores of the other read-out by split; empty where there was none.
        mass: mean probability on numbers that can be read, by split.
    """

    headline: str
    validation: Mapping[str, float | None]
    other: Mapping[str, Mapping[str, ReportedScore]]
    mass: Mapping[str, float]


@attrs.frozen(kw_only=True)
class Metrics:
    """All of `metrics.json`.

    Attributes:
        target: what was asked for.
        selected: the checkpoint; None where no validation gave a score.
        intervals: how they were made.
        train: the training values.
        splits: validation and test.
        candidates: None where words or candidates alone were asked for.
        studies: the splits of each study, where there are several.
        readouts: of numbers; None where no expected value was asked for.
        external: scores of studies that were tested only, by name.
        runs: the runs that these scores are pooled from; None of a single one.
        interventions: what the answers depend on; None where nobody was asked again.
        arms: trainings beside the main one, by name.
    """

    target: Target
    selected: SelectedCheckpoint | None
    intervals: Intervals
    train: TrainingValues
    splits: Mapping[str, SplitScores]
    candidates: CandidateScores | None
    studies: Mapping[str, Mapping[str, SplitScores]]
    readouts: Readouts | None = None
    external: Mapping[str, SplitScores] = attrs.field(factory=dict)
    runs: Summary | None = None
    interventions: Interventions | None = None
    arms: Mapping[str, ArmScores] = attrs.field(factory=dict)

"""Whether a score is more than a reading of the group that people are of.

A model that tells the scanner, and says what most people scanned there are, scores well over all
and no better than chance among the people of one scanner. So each grouping is asked for the score
within its groups, beside that of all, on the same people.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import numpy as np

from brainplug.api.roles import ScoresResamples, able
from brainplug.evaluation.bootstrap import draw_resamples, resampled_scores
from brainplug.evaluation.subgroup_records import Gain, Grouping, Verdict, WithinGroups

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jaxtyping import Bool, Float, Int

    from brainplug.api.records import Predictions
    from brainplug.api.roles import Metric
    from brainplug.evaluation.bootstrap import BootstrapPlan, Resamples

FEWEST_OF_A_CLASS, FEWEST_NUMBERS = 2, 5
"""People of each of two classes, or with a number, by which a group enters the score within."""

FEWEST_WITHIN = 10
"""People in such groups by which a score within groups is told at all."""

SLOW_SAMPLES = 200
"""Bootstrap samples of a metric that must be scored sample by sample."""


@attrs.frozen(kw_only=True, eq=False)
class Scored:
    """Predictions that are looked at by group.

    Attributes:
        metric: the headline's.
        name: of it.
        predictions: one a person.
        subjects: whose they are.
        clusters: name of the family of each.
        plan: how intervals are made.
    """

    metric: Metric
    name: str
    predictions: Predictions
    subjects: Sequence[str]
    clusters: Sequence[str]
    plan: BootstrapPlan


def count_people(scored: Scored, inside: Bool[np.ndarray, " n"]) -> int:
    """Count people; one whose truth differs between scans has two rows."""
    return len({name for name, here in zip(scored.subjects, inside, strict=True) if here})


def score_within(
    scored: Scored, members: Sequence[Bool[np.ndarray, " n"]]
) -> tuple[WithinGroups | None, str]:
    """Compare the score of all with that within groups, each with what one answer would score.

    All is bootstrapped over families together: the gain of all people, the gain within groups and
    by how much they differ.

    Args:
        scored: what is looked at.
        members: who is in each group.

    Returns:
        The comparison, or None and why there is none.
    """
    fit = [inside for inside in members if tells(scored.predictions.take(np.flatnonzero(inside)))]
    people = int(sum(inside.sum() for inside in fit))
    if not fit:
        what = "people of two classes" if scored.predictions.labels else "numbers that vary"
        return None, f"no group has {what}, so the score cannot be told from a reading of the group"
    if people < FEWEST_WITHIN:
        return None, f"{people} people in groups that could tell are too few"
    resamples = draw_for(scored)
    together = gain_of(scored, [np.logical_or.reduce(fit)], resamples)
    apart = gain_of(scored, fit, resamples)
    if together is None or apart is None:
        return None, "the score is not defined within groups"
    overall, each_overall = together
    within, each_within = apart
    low, high = ends(each_overall - each_within, scored.plan.confidence)
    found = WithinGroups(
        people=count_people(scored, np.logical_or.reduce(fit)),
        groups=len(fit),
        overall=overall,
        within=within,
        drop_value=overall.value - within.value,
        drop_low=low,
        drop_high=high,
        verdict="open",
    )
    return attrs.evolve(found, verdict=judge(found)), ""


def tells(predictions: Predictions) -> bool:
    """Tell whether a group can say something: two classes of two people each, or five numbers."""
    if predictions.labels:
        counts = [int((predictions.truth == label).sum()) for label in predictions.labels]
        return sum(count >= FEWEST_OF_A_CLASS for count in counts) >= 2
    truth = predictions.truth.astype(float)
    return len(truth) >= FEWEST_NUMBERS and len(set(truth)) > 1


def draw_for(scored: Scored) -> Resamples:
    """Draw bootstrap samples of families."""
    samples = scored.plan.samples
    if not able(scored.metric, ScoresResamples):
        samples = min(samples, SLOW_SAMPLES)
    return draw_resamples(scored.clusters, attrs.evolve(scored.plan, samples=samples))


def gain_of(
    scored: Scored, members: Sequence[Bool[np.ndarray, " n"]], resamples: Resamples
) -> tuple[Gain, Float[np.ndarray, " samples"]] | None:
    """Return what a model adds to one answer a group, over groups weighted by their people.

    Args:
        scored: what is looked at.
        members: who is in each group; all people as one group give the overall gain.
        resamples: of all people.

    Returns:
        The gain, and that of each sample; None where no group has a score.
    """
    sign = 1 if scored.metric.higher_is_better else -1
    rows = []
    for inside in members:
        own = scored.predictions.take(np.flatnonzero(inside))
        alike = best_constant(scored.metric, own)
        score, constant = scored.metric.score(own), score_constant(scored.metric, alike)
        if not np.isfinite(score):
            continue
        counts = resamples.counts[:, inside]
        samples = resampled_scores(scored.metric, own, counts)
        reached = np.nan_to_num(resampled_scores(scored.metric, alike, counts))
        rows.append((int(inside.sum()), score, constant, sign * (samples - reached), counts))
    if not rows:
        return None
    sizes = np.array([row[0] for row in rows], dtype=float)
    score, constant = (float(sizes @ [row[i] for row in rows] / sizes.sum()) for i in (1, 2))
    gains = pool_samples(np.array([row[3] for row in rows]), [row[4] for row in rows])
    low, high = ends(gains, scored.plan.confidence)
    gain = Gain(score=score, constant=constant, value=sign * (score - constant), low=low, high=high)
    return gain, gains


def pool_samples(
    gains: Float[np.ndarray, "g samples"], counts: Sequence[Int[np.ndarray, "samples m"]]
) -> Float[np.ndarray, " samples"]:
    """Return the gain of each sample over its groups, those left out that lack a class there."""
    drawn = np.array([each.sum(axis=1) for each in counts], dtype=float)
    drawn[~np.isfinite(gains)] = 0
    total = drawn.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((drawn * np.nan_to_num(gains)).sum(axis=0) / total)


def best_constant(metric: Metric, own: Predictions) -> Predictions:
    """Return the best single answer to people, as if it were given to each of them.

    That is the commonest class, stated with the classes' shares; of numbers the mean or the median,
    whichever scores better. It knows the truths, which favours it.
    """
    size = len(own.truth)
    if own.labels:
        shares = np.array([(own.truth == label).mean() for label in own.labels])
        said = np.full(size, own.labels[int(shares.argmax())], dtype=object)
        chances = None if own.probabilities is None else np.tile(shares, (size, 1))
        return attrs.evolve(own, predicted=said, probabilities=chances)
    truth = own.truth.astype(float)
    said_numbers = [np.full(size, float(middle)) for middle in (np.mean(truth), np.median(truth))]
    tried = [attrs.evolve(own, predicted=each, possible=None) for each in said_numbers]
    sign = 1 if metric.higher_is_better else -1
    return max(tried, key=lambda each: sign * score_constant(metric, each))


def score_constant(metric: Metric, alike: Predictions) -> float:
    """Score one answer for all; a correlation has none, which counts as 0."""
    found = metric.score(alike)
    return float(found) if np.isfinite(found) else 0.0


def ends(
    samples: Float[np.ndarray, " samples"], confidence: float
) -> tuple[float | None, float | None]:
    """Return the percentile interval of samples, None where they do not differ."""
    defined = samples[np.isfinite(samples)]
    if len(defined) < len(samples) / 2 or np.ptp(defined) < 1e-12:
        return None, None
    tail = (1 - confidence) / 2
    low, high = np.quantile(defined, [tail, 1 - tail])
    return float(low), float(high)


def judge(found: WithinGroups) -> Verdict:
    """Say what the comparison comes to, by intervals alone.

    `reads the group`: better than one answer for all, no better than one answer a group, and the
    difference of the two is clear of zero. `helped by the group`: better than either, and clearly
    less so within groups. `holds within`: better than one answer a group. `open`: none of these.
    """
    overall = is_above(found.overall.value, found.overall.low)
    within = is_above(found.within.value, found.within.low)
    dropped = is_above(found.drop_value, found.drop_low)
    if within:
        return "helped by the group" if dropped else "holds within"
    return "reads the group" if overall and dropped else "open"


def is_above(value: float, low: float | None) -> bool:
    """Tell whether a gain is clear of zero; one that no sample changes is as sure as it gets."""
    return value > 1e-9 if low is None else low > 0


def within_in_words(by: str, grouping: Grouping, metric: str) -> str:
    """Say in a sentence what a grouping means for the score.

    Args:
        by: what people are grouped by.
        grouping: the record.
        metric: name of the metric as it is written in a sentence.
    """
    noun = "age band" if by == "age" else by
    found = grouping.within
    if found is None:
        return f"By {noun}: {grouping.reason}."
    facts = (
        f"{metric} is {show(found.overall.score)} over all and {show(found.within.score)} among "
        f"people of one {noun}, where one answer a {noun} reaches {show(found.within.constant)} "
        f"(gain {show(found.within.value)}{bracketed(found.within.low, found.within.high)}; "
        f"{found.people} people in {found.groups} groups)"
    )
    detector = "scanner" if by in ("site", "scanner") else noun
    return {
        "reads the group": f"This is what a {detector} detector scores: {facts}.",
        "helped by the group": f"Part of the score is a reading of the {noun}: {facts}.",
        "holds within": f"The score holds within each {noun}: {facts}.",
        "open": f"Whether the score is more than a reading of the {noun} is open: {facts}.",
    }[found.verdict]


def show(value: float) -> str:
    """Write a number in a sentence.

    >>> show(-0.001), show(0.784), show(123.4)
    ('0.00', '0.78', '123')
    """
    text = f"{value:.{0 if abs(value) >= 100 else 2}f}"
    return text.replace("-", "\u2212") if float(text) else text.replace("-", "")


def bracketed(low: float | None, high: float | None) -> str:
    """Write the ends of an interval after a value."""
    return "" if low is None or high is None else f", {show(low)} to {show(high)}"

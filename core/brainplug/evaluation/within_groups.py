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
from brainplug.evaluation.accelerated import accelerated
from brainplug.evaluation.bootstrap import draw_resamples, resampled_scores
from brainplug.evaluation.jackknife import without_each
from brainplug.evaluation.numbers_in_words import bracketed, show, with_article
from brainplug.evaluation.subgroup_records import Gain, Grouping, Verdict, WithinGroups

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jaxtyping import Bool, Float, Int

    from brainplug.api.records import Predictions
    from brainplug.api.roles import Metric
    from brainplug.evaluation.bootstrap import BootstrapPlan, Estimate, Resamples

FEWEST_OF_A_CLASS, FEWEST_NUMBERS = 2, 5
"""People of each of two classes, or with a number, by which a group enters the score within."""

FEWEST_WITHIN = 10
"""People in such groups by which a score within groups is told at all."""

ROUNDING, TINY = 1e-12, 1e-6
"""What two ways to sum the same gain may differ by, and the size of scores with a tiny unit."""

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
    everybody = [np.logical_or.reduce(fit)]
    overall, within = gain_of(scored, everybody), gain_of(scored, fit)
    if overall is None or within is None:
        return None, "the score is not defined within groups"
    drop = estimate(
        overall.gain.value - within.gain.value,
        overall.samples - within.samples,
        overall.moved - within.moved,
        scored.plan.confidence,
        unit=max(unit_of(overall.gain), unit_of(within.gain)),
    )
    found = WithinGroups(
        people=count_people(scored, everybody[0]),
        groups=len(fit),
        overall=overall.gain,
        within=within.gain,
        drop_value=overall.gain.value - within.gain.value,
        drop_low=drop.low,
        drop_high=drop.high,
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


@attrs.frozen(kw_only=True, eq=False)
class Gained:
    """What a model adds to one answer a group.

    Attributes:
        gain: with its interval.
        samples: that of each bootstrap sample.
        moved: by how much each family moves it.
    """

    gain: Gain
    samples: Float[np.ndarray, " samples"]
    moved: Float[np.ndarray, " families"]


def gain_of(scored: Scored, members: Sequence[Bool[np.ndarray, " n"]]) -> Gained | None:
    """Return what a model adds to one answer a group, over groups weighted by their people.

    Its interval is the bootstrap's of families, the bias corrected and the skew, as of any score
    that is made of nothing simpler.

    Args:
        scored: what is looked at.
        members: who is in each group; all people as one group give the overall gain.

    Returns:
        None where no group has a score.
    """
    groups = [group for inside in members if (group := read_group(scored, inside)) is not None]
    if not groups:
        return None
    sizes = np.array([group.inside.sum() for group in groups], dtype=float)
    score, constant = (
        float(sizes @ [getattr(group, name) for group in groups] / sizes.sum())
        for name in ("score", "constant")
    )
    sign = 1 if scored.metric.higher_is_better else -1
    value = sign * (score - constant)
    resamples = draw_for(scored)
    samples = sample_gains(scored, groups, resamples.counts)
    left = sample_gains(scored, groups, without_each(resamples.members))
    moved = np.nan_to_num(value - left)
    gain = Gain(score=score, constant=constant, value=value, low=None, high=None)
    found = estimate(value, samples, moved, scored.plan.confidence, unit=unit_of(gain))
    gain = attrs.evolve(gain, low=found.low, high=found.high)
    return Gained(gain=gain, samples=samples, moved=moved)


@attrs.frozen(kw_only=True, eq=False)
class Group:
    """People of one group who have a score.

    Attributes:
        inside: who they are.
        own: what was said of them.
        alike: the best single answer, said of each of them.
        score: of what was said.
        constant: of the single answer.
    """

    inside: Bool[np.ndarray, " n"]
    own: Predictions
    alike: Predictions
    score: float
    constant: float


def read_group(scored: Scored, inside: Bool[np.ndarray, " n"]) -> Group | None:
    """Score a group, None where its score is not defined."""
    own = scored.predictions.take(np.flatnonzero(inside))
    score = float(scored.metric.score(own))
    if not np.isfinite(score):
        return None
    alike = best_constant(scored.metric, own)
    constant = score_constant(scored.metric, alike)
    return Group(inside=inside, own=own, alike=alike, score=score, constant=constant)


def sample_gains(
    scored: Scored, groups: Sequence[Group], counts: Int[np.ndarray, "samples n"]
) -> Float[np.ndarray, " samples"]:
    """Return the gain of each sample over its groups, those left out that lack a class there."""
    sign = 1 if scored.metric.higher_is_better else -1
    total, weights = np.zeros(len(counts)), np.zeros(len(counts))
    for group in groups:
        drawn = counts[:, group.inside]
        scores = resampled_scores(scored.metric, group.own, drawn)
        reached = np.nan_to_num(resampled_scores(scored.metric, group.alike, drawn))
        people = np.where(np.isfinite(scores), drawn.sum(axis=1), 0)
        total += people * np.nan_to_num(sign * (scores - reached))
        weights += people
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(total / weights)


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


def estimate(
    value: float,
    samples: Float[np.ndarray, " samples"],
    moved: Float[np.ndarray, " families"],
    confidence: float,
    *,
    unit: float,
) -> Estimate:
    """Return a gain with its interval; a rounding of what does not differ is no spread."""
    moved = moved / unit
    rounded = np.where(np.abs(moved) <= ROUNDING, 0.0, moved)
    found = accelerated(value / unit, np.round(samples / unit, 12), rounded, confidence)
    if found.low is None or found.high is None:
        return attrs.evolve(found, value=value)
    return attrs.evolve(found, value=value, low=found.low * unit, high=found.high * unit)


def unit_of(gain: Gain) -> float:
    """Return what gains are counted in where rounding is looked for: 1, or the size of tiny scores.

    >>> unit_of(Gain(score=2e-15, constant=-1e-15, value=3e-15, low=None, high=None))
    2e-15
    """
    size = max(abs(gain.score), abs(gain.constant))
    return size if 0 < size < TINY else 1.0


def judge(found: WithinGroups) -> Verdict:
    """Say what the comparison comes to, by intervals alone.

    `reads the group`: better than one answer for all, no better than one answer a group, and the
    difference of the two is clear of zero. `helped by the group`: better than either, and clearly
    less so within groups. `holds within`: better than one answer a group. `open`: none of these.
    """
    unit = max(unit_of(found.overall), unit_of(found.within))
    overall = is_above(found.overall.value / unit, found.overall.low)
    within = is_above(found.within.value / unit, found.within.low)
    dropped = is_above(found.drop_value / unit, found.drop_low)
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
        f"people of one {noun}, where one answer for {with_article(noun)} reaches "
        f"{show(found.within.constant)} (gain {show(found.within.value)}"
        f"{bracketed(found.within.low, found.within.high)}; "
        f"{found.people} people in {found.groups} groups)"
    )
    detector = "scanner" if by in ("site", "scanner") else noun
    return {
        "reads the group": f"This is what a {detector} detector scores: {facts}.",
        "helped by the group": f"Part of the score is a reading of the {noun}: {facts}.",
        "holds within": f"The score holds within each {noun}: {facts}.",
        "open": f"Whether the score is more than a reading of the {noun} is open: {facts}.",
    }[found.verdict]

"""Runs beside each other: their scores, and the differences between them on the people they share.

A difference is paired where the runs predict the same people: what makes a person hard for both
cancels out. Where they share too few, the two scores are taken as independent.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import combinations
from typing import TYPE_CHECKING, Any

import attrs
import pandas as pd

from brainplug.evaluation.aggregate import make_predictions
from brainplug.evaluation.differences import difference
from brainplug.evaluation.intervals import interval
from brainplug.evaluation.records import Difference, ReportedScore

if TYPE_CHECKING:
    from collections.abc import Sequence

    from brainplug.api.records import Predictions
    from brainplug.api.roles import Metric
    from brainplug.evaluation.bootstrap import BootstrapPlan

PERSON = ["study", "subject", "truth"]
"""What must be alike for two predictions to be of the same: the truth too, which may differ between
two scans of one person, or between two readings of a table."""

ENOUGH = 0.5
"""Share of the smaller test set that both runs must have for a paired comparison."""


@attrs.frozen(kw_only=True, eq=False)
class System:
    """What one run predicts.

    Attributes:
        name: as the user calls the run.
        people: `study`, `subject`, `truth`, `prediction`, `probabilities`, `cluster` and `content`
            (hash of the scan, empty where it is not known); a row a person.
        labels: the classes, empty for a number.
        train_mean: of the training values of a number.
    """

    name: str
    people: pd.DataFrame
    labels: tuple[str, ...]
    train_mean: float | None

    def predictions(self, people: pd.DataFrame | None = None) -> Predictions:
        """Return what a metric scores, of all people or of some."""
        chosen = self.people if people is None else people
        return make_predictions(chosen, self.labels, self.train_mean)


@attrs.frozen(kw_only=True)
class ComparedRun:
    """The scores of one run.

    Attributes:
        name: as the user calls it.
        people: how many it was scored on.
        metrics: with intervals, the headline first.
    """

    name: str
    people: int
    metrics: Mapping[str, ReportedScore]


@attrs.frozen(kw_only=True)
class RunDifference:
    """One run less another, by one metric.

    Attributes:
        run: the first.
        against: the second.
        metric: name of the metric.
        shared: people that both predict, with the same truth.
        paired: whether the difference is of these people alone; else it is of all, as independent.
        difference: the first's score less the second's.
        p_adjusted: the p value by Holm's correction for all differences by this metric.
    """

    run: str
    against: str
    metric: str
    shared: int
    paired: bool
    difference: Difference
    p_adjusted: float | None = None


@attrs.frozen(kw_only=True)
class RecipeDifference:
    """A key that is not the same in all recipes, and its value in each; None where it lacks."""

    key: str
    by_run: Mapping[str, Any]


@attrs.frozen(kw_only=True)
class Comparison:
    """Several runs beside each other.

    Attributes:
        target: what all were asked for.
        split: whose people are compared.
        confidence: of the intervals.
        runs: with their scores.
        differences: of each pair of runs by each metric that both have.
        recipe: keys in which they differ.
        notes: what a reader must know.
    """

    target: str
    split: str
    confidence: float
    runs: tuple[ComparedRun, ...]
    differences: tuple[RunDifference, ...]
    recipe: tuple[RecipeDifference, ...]
    notes: tuple[str, ...]


def score_system(
    system: System, metrics: Mapping[str, Metric], plan: BootstrapPlan, unit: str
) -> ComparedRun:
    """Score one run by every metric.

    Args:
        system: what it predicts.
        metrics: by name.
        plan: how intervals are made.
        unit: of the target.
    """
    predictions, clusters = system.predictions(), system.people["cluster"].tolist()
    return ComparedRun(
        name=system.name,
        people=int(system.people["subject"].nunique()),
        metrics={
            name: ReportedScore(
                **attrs.asdict(interval(metric, predictions, clusters, plan)),
                higher_is_better=metric.higher_is_better,
                unit=unit if metric.unit == "target" else metric.unit,
            )
            for name, metric in metrics.items()
        },
    )


def compare_systems(
    systems: Sequence[System],
    metrics: Mapping[str, Metric],
    plan: BootstrapPlan,
    scores: Mapping[str, ComparedRun],
) -> list[RunDifference]:
    """Compare every pair of runs by every metric, and correct p values for their number.

    Args:
        systems: the runs.
        metrics: that all of them have.
        plan: how intervals and tests are made.
        scores: of each run by its name.
    """
    found = []
    for name, metric in metrics.items():
        pairs = [
            subtract(name, metric, (one, other), plan=plan, scores=scores)
            for one, other in combinations(systems, 2)
        ]
        adjusted = holm([pair.difference.p_value for pair in pairs])
        found += [attrs.evolve(pair, p_adjusted=p) for pair, p in zip(pairs, adjusted, strict=True)]
    return found


def subtract(
    name: str,
    metric: Metric,
    systems: tuple[System, System],
    *,
    plan: BootstrapPlan,
    scores: Mapping[str, ComparedRun],
) -> RunDifference:
    """Subtract the second run from the first, paired where they share enough people."""
    one, other = systems
    both = share(one, other)
    paired = len(both) >= 2 and len(both) >= ENOUGH * min(len(one.people), len(other.people))
    if paired:
        ours, theirs = (of_people(each, both) for each in systems)
        clusters = ours["cluster"].tolist()
        found = difference(metric, one.predictions(ours), other.predictions(theirs), clusters, plan)
    else:
        first, second = (scores[each.name].metrics[name] for each in systems)
        found = independent_difference(first, second)
    return RunDifference(
        run=one.name,
        against=other.name,
        metric=name,
        shared=len(both),
        paired=paired,
        difference=attrs.evolve(found, against=other.name),
    )


def share(one: System, other: System) -> pd.MultiIndex:
    """Return the people of whom both runs predict the same truth, sorted."""
    first, second = (pd.MultiIndex.from_frame(each.people[PERSON]) for each in (one, other))
    return first.intersection(second).sort_values()


def of_people(system: System, chosen: pd.MultiIndex) -> pd.DataFrame:
    """Return the rows of some people in their order."""
    return system.people.set_index(PERSON, drop=False).loc[chosen].reset_index(drop=True)


def independent_difference(one: ReportedScore, other: ReportedScore) -> Difference:
    """Subtract two scores of different people; their intervals are joined by MOVER.

    Zou & Donner 2008, Statistics in Medicine 27, 1693: the distance from each score to the end of
    its own interval, on the side that matters, is squared and added.
    """
    value = low = high = None
    reason = one.reason or other.reason
    if one.value is not None and other.value is not None:
        value = one.value - other.value
        ends = (one.low, one.high, other.low, other.high)
        if None not in ends:
            assert one.low is not None
            assert one.high is not None
            assert other.low is not None
            assert other.high is not None
            low = value - math.hypot(one.value - one.low, other.high - other.value)
            high = value + math.hypot(one.high - one.value, other.value - other.low)
    return Difference(
        against=None,
        value=value,
        low=low,
        high=high,
        reason=reason,
        p_value=None,
        clear=low is not None and high is not None and not low <= 0 <= high,
        higher_is_better=one.higher_is_better,
    )


def holm(values: Sequence[float | None]) -> list[float | None]:
    """Correct p values for their number (Holm 1979); those that are not defined do not count.

    >>> holm([0.01, 0.04, None, 0.03])
    [0.03, 0.06, None, 0.06]
    """
    known = sorted((value, place) for place, value in enumerate(values) if value is not None)
    found: list[float | None] = [None] * len(values)
    highest = 0.0
    for rank, (value, place) in enumerate(known):
        # Never below that of a smaller one.
        highest = max(highest, min(1.0, value * (len(known) - rank)))
        found[place] = highest
    return found


def recipe_differences(recipes: Mapping[str, Mapping[str, Any]]) -> list[RecipeDifference]:
    """Return the keys in which the resolved recipes of several runs differ.

    >>> recipes = {"a": {"seed": 1, "model": {"use": "tiny"}}, "b": {"seed": 2, "model": {}}}
    >>> [(each.key, dict(each.by_run)) for each in recipe_differences(recipes)]
    [('seed', {'a': 1, 'b': 2}), ('model.use', {'a': 'tiny', 'b': None})]
    """
    flat = {name: dict(flatten(recipe)) for name, recipe in recipes.items()}
    keys = dict.fromkeys(key for each in flat.values() for key in each)
    rows = [
        RecipeDifference(key=key, by_run={name: each.get(key) for name, each in flat.items()})
        for key in keys
    ]
    return [row for row in rows if len({repr(each) for each in row.by_run.values()}) > 1]


def flatten(table: Mapping[str, Any], place: str = "") -> Sequence[tuple[str, Any]]:
    """Return the values of tables within tables by their dotted keys."""
    found: list[tuple[str, Any]] = []
    for key, each in table.items():
        name = f"{place}.{key}" if place else key
        if isinstance(each, dict):
            found += flatten(each, name)
        elif isinstance(each, list) and each and all(isinstance(one, dict) for one in each):
            for number, one in enumerate(each):
                found += flatten(one, f"{name}[{number}]")
        else:
            found.append((name, each))
    return found


def tidy_rows(comparison: Comparison) -> pd.DataFrame:
    """Return a row for each score and each difference, as a CSV file has them."""
    scores = [
        {"what": "score", "run": run.name, "metric": name, "people": run.people}
        | {key: getattr(score, key) for key in ("value", "low", "high")}
        for run in comparison.runs
        for name, score in run.metrics.items()
    ]
    differences = [
        {"what": "difference", "run": each.run, "against": each.against, "metric": each.metric}
        | {key: getattr(each.difference, key) for key in ("value", "low", "high")}
        | {"people": each.shared, "paired": each.paired}
        | {"p": each.difference.p_value, "p_holm": each.p_adjusted}
        for each in comparison.differences
    ]
    columns = ["what", "run", "against", "split", "metric", "people", "paired"]
    columns += ["value", "low", "high", "p", "p_holm"]
    frame = pd.DataFrame([*scores, *differences]).assign(split=comparison.split)
    return frame.reindex(columns=columns)

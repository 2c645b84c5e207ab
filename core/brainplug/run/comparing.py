"""`brainplug compare`: what several runs predict of their people, read back from their folders."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import pandas as pd

from brainplug.errors import DataError, RunError, show
from brainplug.evaluation.aggregate import aggregate
from brainplug.evaluation.bootstrap import BootstrapPlan
from brainplug.evaluation.comparison import (
    PERSON,
    Comparison,
    System,
    compare_systems,
    of_people,
    recipe_differences,
    score_system,
    share,
)
from brainplug.evaluation.readouts import headline_rows
from brainplug.evaluation.relatives import cluster_names
from brainplug.recipe.metrics import metric_label
from brainplug.run.lacking_plugins import naming_lacking
from brainplug.run.read_back import RunParts
from brainplug.runtime.files import read_json
from brainplug.tasks.answers import read_answers

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from brainplug.api.roles import Metric
    from brainplug.evaluation.records import Target
    from brainplug.run.opened import Run


def compare_runs(runs: Mapping[str, Run]) -> Comparison:
    """Put runs beside each other.

    Args:
        runs: by the name that each is to have; at least two.

    Raises:
        DataError: they are of other targets, or have no metric in common.
        RunError: one has no scores, or repeats its people.
    """
    if len(runs) < 2:
        raise RunError(where="compare", expected="two runs or more", found=len(runs))
    parts = {name: list(single_runs(run)) for name, run in runs.items()}
    target = common_target({name: own[0].result.target for name, own in parts.items()})
    everyone = [run for own in parts.values() for run in own]
    split = "test" if all("test" in run.result.splits for run in everyone) else "val"
    systems = [read_system(name, own, split) for name, own in parts.items()]
    metrics = common_metrics([own[0] for own in parts.values()])
    first = parts[next(iter(parts))][0]
    plan = make_plan(first)
    scores = {each.name: score_system(each, metrics, plan, target.unit) for each in systems}
    found = compare_systems(systems, metrics, plan, scores)
    return Comparison(
        target=target.name,
        split=split,
        confidence=plan.confidence,
        runs=tuple(scores.values()),
        differences=tuple(found),
        recipe=tuple(recipe_differences({name: run.recipe for name, run in runs.items()})),
        notes=tuple(notes(parts, systems, split, metrics)),
    )


def single_runs(run: Run) -> Iterator[Run]:
    """Give the runs that one consists of, or itself."""
    if not run.runs:
        yield run
    for inner in run.runs.values():
        yield from single_runs(inner)


def common_target(targets: Mapping[str, Target]) -> Target:
    """Return the target of all runs.

    Raises:
        DataError: they differ in kind, labels or unit.
    """
    first, *others = targets.items()
    for name, target in others:
        for what in ("name", "kind", "labels", "unit"):
            one, other = getattr(first[1], what), getattr(target, what)
            if one != other:
                raise DataError(
                    where=name,
                    expected=f"a run with the same target: {what} {show(one)}, as of {first[0]}",
                    found=other,
                )
    return first[1]


def read_system(name: str, runs: Sequence[Run], split: str) -> System:
    """Return what a run predicts of a split; of several, such as folds, of all their people.

    Raises:
        RunError: several of them predict the same people.
    """
    people = pd.concat([read_people(run, split) for run in runs], ignore_index=True)
    repeated = people[people.duplicated(PERSON)]
    if len(repeated):
        raise RunError(
            f"{repeated['subject'].nunique()} people are in the {split} split of several of them, "
            "as with several seeds",
            where=name,
            expected="runs that share no people, such as folds",
            found=tuple(repeated["subject"].head().tolist()),
            hint=f"compare one of {show([str(run.folder) for run in runs])}",
        )
    means = [run.result.train.mean for run in runs if run.result.train.mean is not None]
    return System(
        name=name,
        people=people,
        labels=tuple(runs[0].result.target.labels),
        train_mean=sum(means) / len(means) if means else None,
    )


def read_people(run: Run, split: str) -> pd.DataFrame:
    """Return one prediction a person of a split, as `System` holds them."""
    metrics = run.result
    rows = headline_rows(read_answers(run.find(run.files.answers, "answers")), metrics)
    own = [row for row in rows if row.split == split]
    frame = aggregate(own, metrics.target.kind, metrics.target.labels, metrics.train.mean)
    cohort = run.cohort.drop_duplicates("subject").set_index("subject")
    known = read_json(run.files.volumes)["content"] if run.files.volumes.is_file() else {}
    return frame.assign(
        study=frame["subject"].map(cohort["study"]),
        cluster=cluster_names(frame["subject"], run.cohort),
        content=frame["subject"].map(cohort["image"]).map(known).fillna(""),
    )


def common_metrics(runs: Sequence[Run]) -> dict[str, Metric]:
    """Build the metrics that all runs report, in the order of the first one.

    Raises:
        DataError: there is none.
    """
    reported = [list(next(iter(run.result.splits.values())).metrics) for run in runs]
    names = [name for name in reported[0] if all(name in each for each in reported)]
    if not names:
        raise DataError(
            where="compare",
            expected="runs with a metric in common",
            found=tuple(", ".join(each) for each in reported),
        )
    parts = RunParts(files=runs[0].files, registry=runs[0].registry)
    with naming_lacking(parts.files, parts.registry):
        own = {metric_label(each): each for each in parts.evaluation.metrics}
        return {
            name: own[name].make() if name in own else parts.registry.make_metric(name)
            for name in names
        }


def make_plan(run: Run) -> BootstrapPlan:
    """Return how intervals are made: as in a run."""
    evaluation = RunParts(files=run.files, registry=run.registry).evaluation
    return BootstrapPlan(
        samples=evaluation.bootstrap, confidence=evaluation.confidence, seed=run.recipe["seed"]
    )


def notes(
    parts: Mapping[str, Sequence[Run]],
    systems: Sequence[System],
    split: str,
    metrics: Mapping[str, Metric],
) -> Iterator[str]:
    """Say what a reader of the comparison must know."""
    if split == "val":
        lacking = [
            name
            for name, own in parts.items()
            if any("test" not in run.result.splits for run in own)
        ]
        yield (
            f"The test was not opened in {', '.join(lacking)}, so validation people are compared; "
            "they may have chosen what each run keeps."
        )
    for name, own in parts.items():
        if len(own) > 1:
            yield f"{name} is {len(own)} runs; their {split} people are taken together."
    for name, own in parts.items():
        lost = set(next(iter(own[0].result.splits.values())).metrics) - set(metrics)
        if lost:
            yield f"{', '.join(sorted(lost))} of {name} is not reported by all and left out."
    for one, other in combinations(systems, 2):
        yield from whose_scans(one, other)


def whose_scans(one: System, other: System) -> Iterator[str]:
    """Say where two runs were scored on other people, or know the same ids by other scans."""
    names, both = f"{one.name} and {other.name}", share(one, other)
    several = any(each.people.duplicated(["study", "subject"]).any() for each in (one, other))
    what = "predictions" if several else "people"  # a value of each visit is predicted by itself
    if not len(one.people) == len(both) == len(other.people):
        yield (
            f"{names} share {len(both)} of {len(one.people)} and {len(other.people)} {what} (by "
            "study, id and truth)."
        )
    ours, theirs = (of_people(each, both)["content"] for each in (one, other))
    # The same person may well have been preprocessed in two ways, so that is told and not refused.
    if strange := int((ours != theirs).sum()):
        yield (
            f"{names} have other scans of {strange} of the {len(both)} {what} they share: if these "
            "are not the same people, their pairing means nothing."
        )

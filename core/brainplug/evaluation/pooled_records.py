"""The records of several runs of one recipe: each run's scores, and what was pooled."""

from __future__ import annotations

from collections.abc import Mapping

import attrs


@attrs.frozen(kw_only=True)
class RunScores:
    """The scores of one of several runs."""

    subjects: int
    metrics: Mapping[str, float | None]


@attrs.frozen(kw_only=True)
class Summary:
    """The scores of several runs: `summary.json`, and `runs` of their common `metrics.json`.

    Attributes:
        split: whose scores they are: those of validation while the test of any is unopened.
        runs: by name.
        mean: of each metric over runs.
        mean_low: lower end of its interval, where all runs have one and share no people.
        mean_high: upper end.
        sd: standard deviation of each metric over runs.
        people: distinct people in all runs; None in older files.
        repeated: people who are in several runs, as in each seed.
        trainings: whole passes over the people, such as seeds; 1 for folds.
        unseen_sites: whether everybody's site was left out of the training that read them.
        failed: why runs that are not among these could not be done, by name.
    """

    runs: Mapping[str, RunScores]
    mean: Mapping[str, float | None]
    sd: Mapping[str, float | None]
    split: str = "test"
    mean_low: Mapping[str, float | None] = attrs.field(factory=dict)
    mean_high: Mapping[str, float | None] = attrs.field(factory=dict)
    people: int | None = None
    repeated: int = 0
    trainings: int = 1
    unseen_sites: bool = False
    failed: Mapping[str, str] = attrs.field(factory=dict)


def runs_in_words(summary: Summary) -> str:
    """Say in a sentence or two what several runs are, and how they were put together."""
    count = len(summary.runs)
    people = "" if summary.people is None else f" of {summary.people:,} people"
    sentences = [describe_runs(summary, count, people)]
    if summary.failed:
        names = ", ".join(summary.failed)
        lost = len(summary.failed)
        sentences.append(
            f"{lost} of {lost + count} runs could not be done, and the people of these are "
            f"missing here: {names}."
        )
    return " ".join(sentences)


def describe_runs(summary: Summary, count: int, people: str) -> str:
    """Say what the runs are."""
    if summary.trainings > 1:
        return (
            f"{count} runs with {summary.trainings} trainings{people}: a score is the mean over "
            "trainings, and its interval allows for other people and other trainings."
        )
    if summary.unseen_sites:
        return (
            f"Leave-site-out: {count} runs{people}, each person read by a model that was trained "
            "on other sites; scores are of all these people together."
        )
    if summary.repeated:
        return (
            f"{count} runs{people}, {summary.repeated:,} of them in several; a score is of all "
            "their predictions, and its interval takes those of one person together."
        )
    return (
        f"{count} runs{people}, each person read once, by a model that was trained without them; "
        "scores are of all these people together."
    )


def scales_in_words(
    summary: Summary, name: str, metric: str, pooled: tuple[float | None, float | None]
) -> str:
    """Say that runs put people on different scales, where their own mean is above what is pooled.

    Args:
        summary: of the runs.
        name: of the metric.
        metric: as it is written in a sentence.
        pooled: the score of all people, and the upper end of its interval.
    """
    mean, (value, high) = summary.mean.get(name), pooled
    if mean is None or value is None or high is None or mean <= high:
        return ""
    return (
        f"The mean {metric} of the runs, {mean:.2f}, is above that of all people, {value:.2f}: "
        "each run ranks its own people better than it places them among those of the others."
    )

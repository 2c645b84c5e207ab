"""What `check` says of the people who will be asked: how many of each class, and what they show."""

from __future__ import annotations

from typing import TYPE_CHECKING

from brainplug.api.records import asked_pools
from brainplug.evaluation.power import POWER, independent, smallest_gain, smallest_recall
from brainplug.evaluation.relatives import cluster_names

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

    from brainplug.api.records import Split
    from brainplug.api.roles import Answers

WORDS: dict[Split, str] = {"val": "validation", "test": "test"}
"""The splits that are asked, in words."""


def foresee(pooled: pd.DataFrame, answers: Answers, *, confidence: float) -> Iterator[str]:
    """Yield a sentence for each split that is asked: its people, and the smallest gain they show.

    Args:
        pooled: scans with `subject`, `family`, `target` and `pool`.
        answers: of the target, fixed by the training scans.
        confidence: coverage of the intervals.
    """
    for split, words in WORDS.items():
        people = asked_people(pooled, split)
        if not len(people):
            continue
        if answers.labels:
            yield foresee_labels(people, answers.labels, words, confidence)
        else:
            spread = float(asked_people(pooled, "train")["target"].astype(float).std())
            unit = getattr(answers, "unit", "")
            yield foresee_numbers(people, f"{spread:.3g} {unit}".strip(), words, confidence)


def asked_people(pooled: pd.DataFrame, split: Split) -> pd.DataFrame:
    """Return the queries of a split, one row a person and value."""
    asked = pooled[pooled["pool"].isin(asked_pools(split))]
    return asked.drop_duplicates(["subject", "target"])


def foresee_labels(
    people: pd.DataFrame, labels: tuple[str, ...], words: str, confidence: float
) -> str:
    """Say how many people are of each class, and which balanced accuracy could be told."""
    classes = {label: people[people["target"] == label] for label in labels}
    counted = ", ".join(f"{len(each)} {label}" for label, each in classes.items())
    lacking = [label for label, each in classes.items() if not len(each)]
    opening = f"asked in {words}: {counted}"
    if lacking:
        return (
            f"{opening}; nobody is {' or '.join(lacking)}, so balanced accuracy and AUROC are not "
            "defined there"
        )
    sizes = [independent(cluster_names(each["subject"], people)) for each in classes.values()]
    least = smallest_recall(sizes, confidence)
    if least is None:
        return f"{opening}; too few to tell any balanced accuracy from chance"
    return (
        f"{opening}; the smallest balanced accuracy that they would tell from chance "
        f"({1 / len(labels):.2f}) is {least:.2f} (at {confidence:.0%}, in {POWER:.0%} of such "
        "studies)"
    )


def foresee_numbers(people: pd.DataFrame, spread: str, words: str, confidence: float) -> str:
    """Say how many people there are, and which gain in mean absolute error could be told."""
    least = smallest_gain(independent(cluster_names(people["subject"], people)), confidence)
    opening = f"asked in {words}: {people['subject'].nunique()} people"
    if least is None:
        return f"{opening}; too few to tell any model from the training mean"
    return (
        f"{opening}; the smallest gain in mean absolute error over the training mean that they "
        f"would tell is {least:.2f} standard deviations (of {spread}; at {confidence:.0%}, in "
        f"{POWER:.0%} of such studies)"
    )

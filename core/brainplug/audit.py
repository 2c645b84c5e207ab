"""The audit: nobody in two pools, pools alike, and nothing to be read off the words alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from brainplug.errors import DataError, LeakageError
from brainplug.rules import TEXT, rule_predictions, rules_for
from brainplug.types import POOLS, SPLITS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jaxtyping import Float

    from brainplug.dialogue import Task
    from brainplug.parts import Answers
    from brainplug.types import Split

BEYOND_CHANCE = 3.29
"""Standard errors from chance that no honest pairing reaches: 1 in 1,000 on both sides."""

MOST_CLASSES = 12
"""A column of the study with at most this many values is compared class by class."""


def audit_split(cohort: pd.DataFrame, split: pd.DataFrame) -> dict[str, Any]:
    """Check and describe the pools.

    Args:
        cohort: the cohort frame.
        split: `subject` and `pool`, as written.

    Raises:
        LeakageError: a subject is in two pools, or a family in two of train, val and test.
    """
    twice = split.loc[split["subject"].duplicated(), "subject"].unique()
    if len(twice):
        raise LeakageError("subjects are in two pools", twice)
    pooled = cohort.merge(split, on="subject", how="left", validate="many_to_one")
    part = pooled["pool"].str.partition("_")[0]
    families = pooled.assign(part=part).dropna(subset="family").groupby("family")["part"].nunique()
    apart = families[families > 1].index
    if len(apart):
        raise LeakageError(
            'families are in two of train, val and test; set use = "family" in [split]', apart
        )
    return {
        "checks": {
            "subjects in two pools": 0,
            "families in two of train, val and test": 0,
            "families known": len(families),
        },
        "pools": {pool: describe_pool(pooled[pooled["pool"] == pool]) for pool in POOLS},
        "balance": {
            column: balance(pooled, column)
            for column in ("target", "age", "sex", "site")
            if column in pooled.columns
        },
    }


def describe_pool(scans: pd.DataFrame) -> dict[str, int]:
    """Count scans, subjects and families of a pool."""
    return {
        "scans": len(scans),
        "subjects": int(scans["subject"].nunique()),
        "families": int(scans["family"].nunique()),
    }


def balance(pooled: pd.DataFrame, column: str) -> dict[str, Any]:
    """Compare a column between pools: mean and SD, or counts of classes.

    The standardised difference is that of a pool's mean from all other scans, in pooled SD; for
    classes, the largest among them.
    """
    numbers = pd.to_numeric(pooled[column], errors="coerce")
    is_number = numbers.notna().sum() == pooled[column].notna().sum() and (
        numbers.nunique() > MOST_CLASSES
    )
    return {
        pool: describe_numbers(numbers, pooled["pool"] == pool)
        if is_number
        else describe_classes(pooled[column], pooled["pool"] == pool)
        for pool in POOLS
    }


def describe_numbers(values: pd.Series, inside: pd.Series) -> dict[str, Any]:
    """Describe a pool's numbers."""
    here = values[inside].dropna()
    return {
        "n": len(here),
        "mean": plain(here.mean()),
        "sd": plain(here.std()),
        "standardised_difference": standardised_difference(here, values[~inside].dropna()),
    }


def describe_classes(values: pd.Series, inside: pd.Series) -> dict[str, Any]:
    """Describe a pool's classes."""
    here, others = values[inside].dropna(), values[~inside].dropna()
    differences = [
        standardised_difference((here == label).astype(float), (others == label).astype(float))
        for label in values.dropna().unique()
    ]
    known = [abs(difference) for difference in differences if difference is not None]
    return {
        "n": len(here),
        "counts": {
            str(label): int(count) for label, count in here.value_counts().sort_index().items()
        },
        "standardised_difference": max(known, default=None),
    }


def standardised_difference(here: pd.Series, others: pd.Series) -> float | None:
    """Return the difference of means in pooled SD, None where it is not defined."""
    spread = float(np.sqrt((here.var() + others.var()) / 2))
    return plain((here.mean() - others.mean()) / spread) if spread > 0 else None


def plain(value: float) -> float | None:
    """Return a rounded float, None for NaN."""
    return round(float(value), 4) if np.isfinite(value) else None


def audit_tasks(
    tasks: Mapping[Split, Sequence[Task]],
    split: pd.DataFrame,
    answers: Answers,
    *,
    allow_shortcut: bool,
) -> dict[str, Any]:
    """Check and describe task files as they were read back.

    Raises:
        LeakageError: a task shows somebody of another pool than its place asks for.
        DataError: a rule that sees no scan beats chance, and `allow_shortcut` is off.
    """
    check_pools(tasks, split)
    every = [task for name in SPLITS for task in tasks[name]]
    dependence = measure_dependence(every)
    text = measure_text(tasks)
    warnings = [found["sentence"] for found in (dependence, text) if found["beats_chance"]]
    if warnings and not allow_shortcut:
        raise DataError(
            "; ".join(warnings) + "; choose another pairing or wording, or set "
            "allow_shortcut = true in [audit] to go on all the same"
        )
    return {
        "mutual_information_bits": {name: information(tasks[name], answers) for name in SPLITS},
        "dependence": dependence,
        "text_only": text,
        "rules": {name: score_rules(tasks[name], tasks["train"]) for name in SPLITS},
        "warnings": warnings,
    }


def check_pools(tasks: Mapping[Split, Sequence[Task]], split: pd.DataFrame) -> None:
    """Assert from the files that queries and references come from their own pools."""
    pools = dict(zip(split["subject"], split["pool"], strict=True))
    for name in SPLITS:
        wrong = {task.subject for task in tasks[name] if pools.get(task.subject) != f"{name}_query"}
        wrong |= {
            person
            for task in tasks[name]
            for person in task.references
            if pools.get(person) != f"{name}_reference"
        }
        if wrong:
            raise LeakageError(f"the {name} tasks show subjects of other pools", sorted(wrong))


def measure_dependence(tasks: Sequence[Task]) -> dict[str, Any]:
    """Test whether a reference's value tells of the query's, beyond how common values are.

    For each query the mean agreement over its tasks is compared with the agreement expected of
    independent draws; queries are the units, so several references of one are not counted twice.
    """
    paired = [task for task in tasks if task.references]
    if not paired:
        return {"z": None, "beats_chance": False, "sentence": "no task shows a reference"}
    excess = (number_excess if paired[0].kind == "numerical" else label_excess)(paired)
    by_query = pd.Series(excess).groupby([task.subject for task in paired]).mean()
    # With few tasks equal excesses come by chance; no error is taken for smaller than that.
    floor = 0.5 / np.sqrt(len(paired))
    error = (
        max(float(by_query.std(ddof=1) / np.sqrt(len(by_query))), floor)
        if len(by_query) > 1
        else 1.0
    )
    z = float(by_query.mean()) / error
    return {
        "z": round(z, 3),
        "excess_agreement": round(float(by_query.mean()), 4),
        "beats_chance": bool(abs(z) > BEYOND_CHANCE),
        "sentence": (
            "the reference's value gives away the query's: they agree "
            f"{abs(float(by_query.mean())):.3f} {'more' if z > 0 else 'less'} than by chance "
            f"({abs(z):.1f} standard errors), so a rule that "
            f"{'repeats the reference' if z > 0 else 'says the opposite'} needs no scan"
        ),
    }


def label_excess(tasks: Sequence[Task]) -> Float[np.ndarray, " n"]:
    """Return for each task the share of references with its label, less what is expected."""
    told = pd.Series([value for task in tasks for value in task.reference_values])
    shares = told.value_counts(normalize=True)
    return np.array(
        [
            float(np.mean([value == task.truth for value in task.reference_values]))
            - float(shares.get(task.truth, 0.0))
            for task in tasks
        ]
    )


def number_excess(tasks: Sequence[Task]) -> Float[np.ndarray, " n"]:
    """Return for each task the product of standardised query and reference values, halved.

    Halved, since values that vary as labels do then have the same standard error.
    """
    truth = np.array([float(task.truth) for task in tasks])
    told = np.array([np.mean([float(value) for value in task.reference_values]) for task in tasks])
    spread = truth.std() * told.std()
    return (truth - truth.mean()) * (told - told.mean()) / (2 * spread) if spread else truth * 0.0


def measure_text(tasks: Mapping[Split, Sequence[Task]]) -> dict[str, Any]:
    """Test whether a linear reader of the words, fitted on train, beats chance on the others."""
    asked = [*tasks["val"], *tasks["test"]]
    said = rule_predictions(TEXT, asked, tasks["train"])
    if asked[0].kind == "numerical":
        centre = float(np.mean([float(task.truth) for task in tasks["train"]]))
        gain = [
            abs(float(task.truth) - centre) - abs(float(task.truth) - float(value))
            for task, value in zip(asked, said, strict=True)
        ]
    else:
        labels = pd.Series([task.truth for task in asked])
        chance = pd.Series(said).value_counts(normalize=True)
        gain = [
            float(value == truth) - float(chance.get(truth, 0.0))
            for truth, value in zip(labels, said, strict=True)
        ]
    by_query = pd.Series(gain).groupby([task.subject for task in asked]).mean()
    spread = float(by_query.std(ddof=1) / np.sqrt(len(by_query))) if len(by_query) > 1 else 0.0
    z = float(by_query.mean()) / spread if spread > 0 else 0.0
    return {
        "z": round(z, 3),
        "gain": round(float(by_query.mean()), 4),
        "beats_chance": bool(z > BEYOND_CHANCE and len(by_query) >= 10),
        "sentence": "a classifier that reads only the words of the dialogue beats chance "
        f"({z:.1f} standard errors)",
    }


def information(tasks: Sequence[Task], answers: Answers) -> dict[str, float]:
    """Return the mutual information of reference and query stratum, in bits.

    The plug-in estimate is too high by about (r-1)(c-1) / (2 n ln 2) for independent values of r
    and c strata (Miller, 1955); that is taken off for `corrected`.
    """
    pairs = [(task.truth, value) for task in tasks for value in task.reference_values]
    if not pairs:
        return {"plug_in": 0.0, "corrected": 0.0}
    truth, told = (answers.strata(pd.Series(column)) for column in zip(*pairs, strict=True))
    joint = pd.crosstab(truth, told, normalize=True).to_numpy()
    expected = joint.sum(1, keepdims=True) * joint.sum(0, keepdims=True)
    seen = joint > 0
    bits = float((joint[seen] * np.log2(joint[seen] / expected[seen])).sum())
    bias = (joint.shape[0] - 1) * (joint.shape[1] - 1) / (2 * len(pairs) * np.log(2))
    return {"plug_in": round(bits, 5), "corrected": round(bits - bias, 5)}


def score_rules(tasks: Sequence[Task], train: Sequence[Task]) -> dict[str, float | None]:
    """Return each rule's accuracy, or mean absolute error, over the tasks of a split."""
    scores: dict[str, float | None] = {}
    for rule in rules_for(tasks):
        said = rule_predictions(rule, tasks, train)
        hits = [
            abs(float(task.truth) - float(value))
            if task.kind == "numerical"
            else float(task.truth == value)
            for task, value in zip(tasks, said, strict=True)
        ]
        scores[rule] = plain(float(np.mean(hits)))
    return scores

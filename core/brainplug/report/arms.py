"""What trainings beside the main one say of it, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from brainplug.evaluation.arms import references_add
from brainplug.recipe.evidence_table import QUERY_ALONE
from brainplug.report.wording import metric_name, show_number

if TYPE_CHECKING:
    from collections.abc import Iterator

    from brainplug.evaluation.records import ArmScores, Difference, Metrics


def references_add_in_words(metrics: Metrics, split: str) -> str:
    """Say what references add to the headline score; nothing where that was not measured.

    Args:
        metrics: of the run.
        split: whose people are shown.
    """
    gap = references_add(metrics, split)
    if gap is None or gap.value is None:
        return ""
    name = next(iter(metrics.splits[split].metrics))
    if gap.higher_is_better:
        return f"references add {show_gap(gap)} {metric_name(name)}"
    unit = metrics.splits[split].metrics[name].unit
    verb, sign = ("raise", 1) if gap.value > 0 and gap.clear else ("lower", -1)
    told = show_gap(gap, sign=sign, unit=f" {unit}" if unit else "")
    return f"references {verb} the {metric_name(name)} of {metrics.target.name} by {told}"


def show_gap(gap: Difference, sign: int = 1, unit: str = "") -> str:
    """Write a difference with its interval, turned where less is better."""
    assert gap.value is not None
    told = f"{show_number(sign * gap.value)}{unit}"
    if gap.low is None or gap.high is None:
        return f"{told} (no interval: {gap.reason})"
    low, high = sorted((sign * gap.low, sign * gap.high))
    return f"{told} ({show_number(low)} to {show_number(high)})"


def arms_in_words(metrics: Metrics, split: str, *, individual: bool = True) -> Iterator[str]:
    """Say of each arm what it was and what it shows, a sentence or two each.

    Args:
        metrics: of the run.
        split: whose people are shown.
        individual: whether an error is told, which may name files and people.
    """
    for name, arm in metrics.arms.items():
        if arm.failed:
            why = arm.failed if individual else "why is in metrics.json of the run folder"
            yield f"The arm {name} has no result: {why}"
            continue
        told = references_add_in_words(metrics, split) if name == QUERY_ALONE else ""
        opening = f"{told[0].upper()}{told[1:]}: " if told else f"Arm {name}: "
        yield f"{opening}{arm.verdict} ({describe_arm(arm, split)})."
        yield from arm.notes


def describe_arm(arm: ArmScores, split: str) -> str:
    """Say how long an arm learnt, how its loss went, and its headline score."""
    told = [f"{arm.steps:,} optimiser steps, the main training {arm.main_steps:,}"]
    if arm.first_loss is not None and arm.last_loss is not None:
        told.append(f"loss {show_number(arm.first_loss)} to {show_number(arm.last_loss)}")
    scores = arm.splits.get(split, {})
    for name, score in [*scores.items()][:1]:
        known = score.low is not None and score.high is not None
        ends = f", {show_number(score.low)} to {show_number(score.high)}" if known else ""
        told.append(f"{metric_name(name)} {show_number(score.value)}{ends}")
    return "; ".join(told)

"""What the terminal says of a stage that was just done: one fact, read back from its files.

What knows trainings and scores is imported where a stage has made some: `prepare` has none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import pandas as pd

from brainplug.audit.records import Audit
from brainplug.errors import BrainplugError
from brainplug.report.wording import count_of, join_words, metric_name, show_estimate, show_number
from brainplug.runtime.files import read_json
from brainplug.runtime.records import read_record
from brainplug.tasks.study_facts import CohortFacts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from brainplug.runtime.run_folder import RunFolder

REASONS = 3
"""Reasons of exclusion that are named; of the others the rows are counted."""


def fact_of(stage: str, files: RunFolder) -> str:
    """Say in a few words what a stage that is done has made; nothing where that is not known."""
    if stage not in FACTS:
        return ""
    try:
        return FACTS[stage](files)
    # What cannot be read back is for the stage that needs it to refuse; a line ends no run.
    except (BrainplugError, OSError, LookupError, TypeError, ValueError):
        return ""


def cohort_fact(files: RunFolder) -> str:
    """Count usable scans, and what the others lack.

    >>> lost_in_words({"no target": 8, "no image": 5})
    ' (8 no target, 5 no image)'
    >>> lost_in_words({})
    ''
    """
    studies = read_record(files.facts, CohortFacts).studies
    rows = sum(study.flow[0][1] for study in studies)
    usable = sum(study.flow[-1][1] for study in studies)
    lost: dict[str, int] = {}
    for study in studies:
        for reason, count in study.flow[1:-1]:
            lost[reason] = lost.get(reason, 0) - count
    of = f" of {len(studies)} studies" if len(studies) > 1 else ""
    return f"{usable:,} of {rows:,} scans{of} usable{lost_in_words(lost)}"


def lost_in_words(lost: Mapping[str, int]) -> str:
    """Say why rows were lost, the most frequent reason first."""
    ranked = sorted(lost.items(), key=lambda each: -each[1])
    told = [f"{count:,} {reason}" for reason, count in ranked[:REASONS]]
    if others := sum(count for _, count in ranked[REASONS:]):
        told.append(f"{others:,} for other reasons")
    return f" ({', '.join(told)})" if told else ""


def split_fact(files: RunFolder) -> str:
    """Say how many are asked in each split, and how many there are."""
    counts: Mapping[str, tuple[int, int]] = read_json(files.split_notes)["asked"]
    people = sum(there for _, there in counts.values())
    asked = sum(asked for asked, _ in counts.values())
    shown = ", ".join(f"{name} {asked:,}" for name, (asked, _) in counts.items())
    who = count_of(people, "person", "people")
    return f"{who}: {shown}" if asked == people else f"{asked:,} of {who} are asked: {shown}"


def pairs_fact(files: RunFolder) -> str:
    """Count comparisons by split."""
    counts = pd.read_parquet(files.pairs, columns=["split"])["split"].value_counts()
    shown = (f"{name} {int(counts.get(name, 0)):,}" for name in ("train", "val", "test"))
    return f"{count_of(int(counts.sum()), 'comparison')}: {', '.join(shown)}"


def dialogues_fact(files: RunFolder) -> str:
    """Count files, and say what the audit found."""
    findings = read_record(files.audit, Audit).findings
    kinds = {kind: sum(each.kind == kind for each in findings) for kind in ("leak", "shortcut")}
    found = [count_of(count, kind) for kind, count in kinds.items() if count]
    told = join_words(found) if found else "no leak, no shortcut"
    return f"{count_of(len(list(files.tasks.glob('*.json*'))), 'task file')}; audit: {told}"


def volumes_fact(files: RunFolder) -> str:
    """Count the scans on the common grid."""
    return f"{count_of(read_json(files.volumes)['scans'], 'scan')} on the common grid"


def baselines_fact(files: RunFolder) -> str:
    """Name the readers that were taught."""
    from brainplug.baselines.records import BaselinesRecord

    names = list(read_record(files.baselines, BaselinesRecord).baselines)
    return (
        f"{count_of(len(names), 'reader')} without a language model" if names else "none asked for"
    )


def training_fact(files: RunFolder) -> str:
    """Say how long was trained, and which weights are kept."""
    from brainplug.evaluation.history import TrainingHistory

    history = read_record(files.training, TrainingHistory)
    steps = [phase.steps for phase in history.phases]
    told = f"{sum(each or 0 for each in steps):,} steps" if all(steps) else "done"
    chosen = history.selected
    if chosen is None or chosen.value is None:
        return f"{told}, the last weights are kept"
    score = f"validation {metric_name(chosen.metric)} {show_number(chosen.value)}"
    return f"{told}, those of step {chosen.step:,} are kept ({score})"


def answers_fact(files: RunFolder) -> str:
    """Count answers, people, and what could not be read."""
    return count_answers(files.answers)


def external_fact(files: RunFolder) -> str:
    """Count the answers of external studies."""
    return count_answers(files.external_answers)


def count_answers(path: Path) -> str:
    """Count the answers of a file."""
    rows: list[dict[str, Any]] = [orjson.loads(line) for line in path.read_bytes().splitlines()]
    people = len({row["subject"] for row in rows})
    unread = sum(row["prediction"] is None for row in rows)
    told = f"{count_of(len(rows), 'answer')} about {count_of(people, 'person', 'people')}"
    return told + (f", {unread:,} cannot be read" if unread else "")


def interventions_fact(files: RunFolder) -> str:
    """Count what was asked with one thing changed."""
    with files.interventions.open("rb") as file:
        count = sum(1 for _ in file)
    return f"{count_of(count, 'answer')} with one thing changed" if count else "none asked for"


def arms_fact(files: RunFolder) -> str:
    """Name the trainings beside the main one, and those that failed."""
    from brainplug.evaluation.arms import ArmList

    arms = read_record(files.arm_list, ArmList).arms
    told = [f"{name} (failed)" if arm.failed else name for name, arm in arms.items()]
    return f"trained beside it: {', '.join(told)}" if told else "none asked for"


def metrics_fact(files: RunFolder) -> str:
    """Say the headline score."""
    from brainplug.evaluation.records import Metrics
    from brainplug.report.sentence import SPLIT_NAMES, own_scores, shown_split

    metrics = read_record(files.metrics, Metrics)
    split = shown_split(metrics.splits)
    name, score = next(iter(own_scores(metrics.splits[split], metrics).items()))
    if score.value is None:
        return f"no score: {score.reason}"
    unit = f" {score.unit}" if score.unit else ""
    return f"{SPLIT_NAMES[split]} {metric_name(name)} {show_estimate(score)}{unit}"


def report_fact(files: RunFolder) -> str:
    """Say how large the page is."""
    return f"one page, {files.report.stat().st_size / 1e6:.1f} MB"


FACTS: Mapping[str, Callable[[RunFolder], str]] = {
    "cohort": cohort_fact,
    "split": split_fact,
    "pairs": pairs_fact,
    "dialogues": dialogues_fact,
    "volumes": volumes_fact,
    "baselines": baselines_fact,
    "training": training_fact,
    "answers": answers_fact,
    "interventions": interventions_fact,
    "external-answers": external_fact,
    "arms": arms_fact,
    "metrics": metrics_fact,
    "report": report_fact,
}
"""Stage -> what it says of itself."""

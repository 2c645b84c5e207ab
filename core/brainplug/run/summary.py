"""What a run came to, for programs: `brainplug run --json`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs

from brainplug.evaluation.records import Metrics, ReportedScore
from brainplug.report.sentence import claim, shown_split
from brainplug.run.ending import read_setting
from brainplug.runtime.files import read_json
from brainplug.runtime.records import read_record
from brainplug.runtime.run_folder import RunFolder

if TYPE_CHECKING:
    from pathlib import Path


@attrs.frozen(kw_only=True)
class RunSummary:
    """A run in a few facts; all of its scores are in `metrics.json`.

    Attributes:
        folder: the run folder.
        stages: seconds of each stage that is done.
        sentence: the result, None before there is one.
        split: whose people the scores are of.
        scores: of the model, by metric.
        report: the page, None before there is one.
    """

    folder: str
    stages: Mapping[str, float]
    sentence: str | None = None
    split: str | None = None
    scores: Mapping[str, ReportedScore] = attrs.field(factory=dict)
    report: str | None = None


def summarise(folder: Path) -> RunSummary:
    """Read what a run came to."""
    files = RunFolder(folder)
    ledger: dict[str, dict[str, Any]] = read_json(files.ledger) if files.ledger.is_file() else {}
    done = {name: each for name, each in ledger.items() if "key" in each}
    facts: dict[str, Any] = {
        "folder": str(folder),
        "stages": {name: each.get("seconds", 0.0) for name, each in done.items()},
        "report": str(files.report) if files.report.is_file() else None,
    }
    if not files.metrics.is_file():
        return RunSummary(**facts)
    metrics = read_record(files.metrics, Metrics)
    split = shown_split(metrics.splits)
    return RunSummary(
        **facts,
        sentence=claim(metrics, read_setting(files, metrics)),
        split=split,
        scores=metrics.splits[split].metrics,
    )

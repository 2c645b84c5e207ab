"""The page itself: facts of a run folder, made safe to share, set by a Jinja2 template."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
import pandas as pd

from brainplug.api.records import SPLITS, Image, asked_pools
from brainplug.audit.records import Audit
from brainplug.evaluation.history import TrainingHistory
from brainplug.evaluation.records import EXPECTED, Metrics
from brainplug.recipe.metrics import LAST
from brainplug.report.figures import (
    draw_confusion,
    draw_history,
    draw_scatter,
    draw_scores,
    draw_slices,
)
from brainplug.report.headline import (
    SPLIT_NAMES,
    claim,
    metric_name,
    other_readout,
    show_estimate,
    shown_split,
)
from brainplug.runtime.files import read_json, write_text
from brainplug.runtime.records import read_record
from brainplug.tasks.answers import read_answers
from brainplug.tasks.read import read_tasks
from brainplug.tasks.study_facts import CohortFacts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from brainplug.api.records import TargetKind
    from brainplug.evaluation.records import (
        Intervals,
        ReportedScore,
        SelectedCheckpoint,
        SplitScores,
    )
    from brainplug.recipe.tables import Recipe
    from brainplug.runtime.run_folder import RunFolder
    from brainplug.tasks.task import Task

SMALLEST_GROUP = 5
"""Pictures and counts of fewer people are not shown on a page that may be shared."""

HIDDEN = "…"


@attrs.frozen(kw_only=True, eq=False)
class Sources:
    """What the page is made from.

    Attributes:
        recipe: of the run.
        files: of the run folder.
        kind: of the target.
        load: returns the preprocessed volume of a scan file.
    """

    recipe: Recipe
    files: RunFolder
    kind: TargetKind
    load: Callable[[Path], np.ndarray]


def write_report(sources: Sources) -> None:
    """Write `report.html` from the files of the run folder."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        # Names, notes and answers come from outside, and may hold what HTML reads as a tag.
        autoescape=True,
    )
    environment.filters["number"] = show_value
    page = environment.get_template("page.html.j2").render(**collect_facts(sources))
    write_text(sources.files.report, page)


def show_value(value: Any) -> str:
    """Write a number as one reads it, n/a where there is none."""
    if value is None:
        return "n/a"
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def collect_facts(sources: Sources) -> dict[str, Any]:
    """Return what the template shows."""
    files = sources.files
    metrics, audit = read_record(files.metrics, Metrics), read_record(files.audit, Audit)
    training = read_record(files.training, TrainingHistory)
    split, individual = shown_split(metrics.splits), sources.recipe.report.individual
    test = metrics.splits[split]
    selected = metrics.selected
    chosen_by = next(iter(test.metrics))
    if selected is not None and selected.metric != LAST:
        chosen_by = selected.metric
    studies = read_record(files.facts, CohortFacts).studies
    paths = sorted(files.tasks.glob(f"*_{split}.json"))
    tasks = [task for path in paths for task in read_tasks(path)]
    return {
        "metrics": metrics,
        "audit": audit,
        "training": training,
        "studies": studies,
        "title": f"{metrics.target.name} from {' and '.join(each.study for each in studies)}",
        "claim": claim(metrics),
        "individual": individual,
        "test": test,
        "shown": SPLIT_NAMES[split],
        "notes": [
            without_paths(note, individual=individual) for study in studies for note in study.notes
        ],
        "by_study": {
            study: (splits[split].counts.subjects, score_rows(splits[split]))
            for study, splits in metrics.studies.items()
            if split in splits
        },
        "metric_names": {name: metric_name(name) for name in test.metrics},
        "systems": score_rows(test, other_readout(metrics, split)),
        "scores": [draw_scores(test, name) for name in test.metrics],
        "history": draw_history(training.history, chosen_by),
        "predictions": draw_predictions(test, metrics, individual=individual),
        "examples": make_examples(sources, tasks),
        "averages": [] if individual else draw_averages(sources),
        "record": read_provenance(sources),
        "recipe": read_recipe_text(sources, individual=individual),
        "splits": SPLITS,
        "split_notes": read_split_notes(sources),
        "checklist": make_checklist(sources, metrics, audit, training),
    }


def score_rows(
    split: SplitScores, others: Sequence[tuple[str, Mapping[str, ReportedScore]]] = ()
) -> list[tuple[str, list[str]]]:
    """Return the model, other read-outs of it, and every rule with their scores in words."""
    systems = [("model", split.metrics), *others]
    systems += [(name, baseline.metrics) for name, baseline in split.baselines.items()]
    return [(name, [show_estimate(score) for score in scores.values()]) for name, scores in systems]


def draw_predictions(test: SplitScores, metrics: Metrics, *, individual: bool) -> str:
    """Draw the confusion matrix, or predicted against true values."""
    if test.confusion is not None:
        return draw_confusion(test.confusion)
    return draw_scatter(test.scatter or (), metrics.train.mean, single=individual)


def make_examples(sources: Sources, tasks: Sequence[Task]) -> list[dict[str, Any]]:
    """Return a few dialogues with what the model said; scans only on an individual page."""
    individual = sources.recipe.report.individual
    said = {row.task_id: row.answer_text for row in read_answers(sources.files.answers)}
    step = max(1, len(tasks) // max(1, sources.recipe.report.examples))
    chosen = tasks[::step][: sources.recipe.report.examples]
    return [
        {
            # A task's id holds that of the query's scan.
            "id": task.task_id if individual else None,
            "turns": [
                (turn.role, [show_part(sources, task, part) for part in turn.content])
                # The last turn is the answer, which is shown as the truth.
                for turn in task.turns[:-1]
            ],
            "truth": task.truth if isinstance(task.truth, str) else show_value(task.truth),
            "said": said[task.task_id],
        }
        for task in chosen
    ]


def show_part(sources: Sources, task: Task, part: str | Image) -> dict[str, str]:
    """Return a piece of a turn: text, or a scan as a picture where that is allowed."""
    if isinstance(part, str):
        return {"text": part}
    name = "query scan" if part.index == len(task.images) - 1 else "reference scan"
    if not sources.recipe.report.individual:
        return {"scan": name}
    volume = sources.load(task.images[part.index])
    return {"scan": name, "picture": draw_slices(np.asarray(volume, dtype=float))}


def draw_averages(sources: Sources) -> list[tuple[str, int, str]]:
    """Return the mean training scan of each class, or of the lowest and highest fifth."""
    cohort = pd.read_parquet(sources.files.cohort)
    # A subject may well be called NA, or 007.
    split = pd.read_csv(sources.files.split, dtype="str", keep_default_na=False)
    training = set(split.loc[split["pool"].str.startswith("train"), "subject"])
    scans = cohort[cohort["subject"].isin(training)]
    groups = group_scans(scans, sources.kind)
    return [
        (name, len(paths), draw_slices(mean_volume(sources.load, paths)))
        for name, paths in groups
        if len(paths) >= SMALLEST_GROUP
    ]


def group_scans(scans: pd.DataFrame, kind: str, most: int = 40) -> list[tuple[str, list[Path]]]:
    """Return groups of scans to average, at most `most` of each."""
    if kind == "categorical":
        parts = [(str(label), part) for label, part in scans.groupby("target")]
    else:
        low, high = scans["target"].quantile([0.2, 0.8])
        parts = [
            ("lowest fifth", scans[scans["target"] <= low]),
            ("highest fifth", scans[scans["target"] >= high]),
        ]
    return [(name, [Path(image) for image in part["image"][:most]]) for name, part in parts]


def mean_volume(load: Callable[[Path], np.ndarray], paths: Sequence[Path]) -> np.ndarray:
    """Return the mean of several volumes."""
    total = sum(load(path).astype(np.float32) for path in paths)
    return np.asarray(total) / len(paths)


def read_provenance(sources: Sources) -> dict[str, Any]:
    """Return versions, seed, hardware and times, as far as the run has come."""
    path = sources.files.record
    return dict(read_json(path)) if path.exists() else {}


def read_split_notes(sources: Sources) -> list[str]:
    """Return who is asked and what the split says of itself; finished task files have no split."""
    if sources.recipe.tasks is not None:
        return []
    return list(read_json(sources.files.split_notes)["notes"])


def read_recipe_text(sources: Sources, *, individual: bool) -> str:
    """Return the resolved recipe; on a page to share, paths are cut to their last name."""
    text = sources.files.recipe.read_text(encoding="utf-8")
    return without_paths(text, individual=individual)


def without_paths(text: str, *, individual: bool) -> str:
    """Cut absolute paths to their last name, unless the page is for the owner of the data."""
    # A slash after a letter or a dot is amid a relative path or between two words.
    return text if individual else re.sub(r"(?<![\w.])/(?:[^/\s\"']+/)+", f"{HIDDEN}/", text)


def make_checklist(
    sources: Sources, metrics: Metrics, audit: Audit, training: TrainingHistory
) -> list[tuple[str, str]]:
    """Return reporting items that follow from the run, after TRIPOD+AI and CLAIM."""
    pools = audit.split.pools
    asked = sum(pools[name].subjects for name in asked_pools("test") if name in pools)
    studies = read_record(sources.files.facts, CohortFacts).studies
    rows, usable = (sum(study.flow[step][1] for study in studies) for step in (0, -1))
    split = sources.recipe.split
    return [
        ("Participants", f"{rows} rows read, {usable} usable scans"),
        ("Missing data", "rows without a target or a readable scan are left out, by reason, above"),
        (
            "Split",
            f"{split.use}, salted by seed {sources.recipe.seed}"
            if split
            else "as the finished task files have it",
        ),
        (
            "Sample size",
            f"{metrics.train.n} training and {asked} test queries",
        ),
        ("Model", f"{sources.recipe.model.use}; {count_weights(training)} weights learn"),
        ("Selection", describe_selection(metrics.selected)),
        ("Outcome", describe_outcome(metrics)),
        ("Uncertainty", describe_intervals(metrics.intervals)),
    ]


def count_weights(training: TrainingHistory) -> str:
    """Say how many weights learn in each phase."""
    totals = [
        sum(part.learns + part.adapters for part in phase.parameters.values())
        for phase in training.phases
    ]
    return ", then ".join(f"{total:,}" for total in totals)


def describe_selection(selected: SelectedCheckpoint | None) -> str:
    """Say how the checkpoint was chosen."""
    if selected is None:
        return "last weights; no validation gave a score"
    if selected.metric == LAST:
        return f"none: the last weights, step {selected.step}"
    name = metric_name(selected.metric)
    phase = f" of phase {selected.phase}" if selected.phase > 1 else ""
    return f"best {name} on the validation subjects, step {selected.step}{phase}"


def describe_outcome(metrics: Metrics) -> str:
    """Say how an answer was read."""
    if metrics.readouts and metrics.readouts.headline == EXPECTED:
        return "expected value of all numbers that may be said, by their probabilities"
    return "free greedy answers, read by rule; an unread answer counts as wrong"


def describe_intervals(intervals: Intervals) -> str:
    """Say how intervals were made."""
    return (
        f"{intervals.confidence:.0%} percentile bootstrap over {intervals.unit}, "
        f"{intervals.samples} samples"
    )

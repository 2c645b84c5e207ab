"""The last stages of a run: what the answers are worth, and the page."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import attrs

from brainplug.api.guard import behind
from brainplug.recipe.load import resolve
from brainplug.run.ledger import Stage
from brainplug.run.task_stages import all_task_files, fit_answers, read_all_tasks, read_cohort

if TYPE_CHECKING:
    from brainplug.run.context import Workspace


def metrics_stage(workspace: Workspace) -> Stage:
    """What the answers are worth, beside the rules that see no scan."""
    evaluation = workspace.recipe.evaluation
    return Stage(
        name="metrics",
        settings=workspace.settings("seed", "target")
        | {
            "evaluation": {
                "metrics": list(workspace.metrics),
                "bootstrap": evaluation.bootstrap,
                "confidence": evaluation.confidence,
                "answer": evaluation.answer,
            }
        },
        reads=lambda: [
            *all_task_files(workspace),
            workspace.files.answers,
            workspace.files.cohort,
            workspace.files.split,
            workspace.files.training,
        ],
        writes=(workspace.files.metrics,),
        uses=(
            *workspace.parts("target"),
            *(behind(workspace.head), evaluation),
            *workspace.metric_parts(*workspace.metrics),
        ),
        run=partial(run_metrics, workspace),
    )


def run_metrics(workspace: Workspace) -> None:
    """Score the answers."""
    from brainplug.evaluation.history import TrainingHistory
    from brainplug.evaluation.stage import Scoring, score
    from brainplug.runtime.records import read_record, write_record
    from brainplug.tasks.answers import read_answers

    recipe = workspace.recipe
    metrics = score(
        read_answers(workspace.files.answers),
        read_all_tasks(workspace),
        Scoring(
            head=workspace.head,
            answers=fit_answers(workspace),
            metrics=workspace.metrics,
            evaluation=recipe.evaluation,
            seed=recipe.seed,
        ),
        people=read_cohort(workspace, "subject", "family", "site", "study"),
    )
    training = read_record(workspace.files.training, TrainingHistory)
    write_record(workspace.files.metrics, attrs.evolve(metrics, selected=training.selected))


def report_stage(workspace: Workspace) -> Stage:
    """The page; it shows the whole recipe."""
    return Stage(
        name="report",
        settings=resolve(workspace.recipe),
        reads=lambda: [
            *all_task_files(workspace),
            workspace.files.cohort,
            workspace.files.facts,
            workspace.files.exclusions,
            workspace.files.split,
            workspace.files.audit,
            workspace.files.training,
            workspace.files.answers,
            workspace.files.metrics,
            *([] if workspace.recipe.tasks else [workspace.files.split_notes]),
        ],
        writes=(workspace.files.report,),
        uses=(workspace.recipe,),
        run=partial(run_report, workspace),
    )


def run_report(workspace: Workspace) -> None:
    """Write the page."""
    from brainplug.report import Sources, write_report

    write_report(
        Sources(
            recipe=workspace.recipe,
            files=workspace.files,
            kind=workspace.head.kind,
            load=workspace.load_volume,
        )
    )

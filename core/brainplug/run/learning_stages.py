"""The nine stages of a run: what each is made from, and what it writes.

    cohort → split → pairs → dialogues → volumes → training → answers → metrics → report

The first four are those of `preparation`. From the dialogues on, a stage reads the task files only,
so that finished task files can take the place of everything before them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from brainplug.api.laws import hold_metrics, hold_sources
from brainplug.api.roles import ReadsFiles, able
from brainplug.errors import DataError
from brainplug.imaging.cache import content_hash, fill_cache
from brainplug.recipe.metrics import metric_label
from brainplug.recipe.phases import plan_phases
from brainplug.run.arithmetic import settle, settled
from brainplug.run.ledger import Stage, make_key
from brainplug.run.task_stages import (
    DESIGN_STAGES,
    adopt_stage,
    all_task_files,
    fit_answers,
    read_all_tasks,
    read_cohort,
)
from brainplug.runtime.files import read_json, write_json
from brainplug.tasks.read import iterate_tasks

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

    from brainplug.evaluation.records import Metrics
    from brainplug.inference.session import ModelSession
    from brainplug.run.context import Workspace


def make_stages(workspace: Workspace) -> list[Stage]:
    """Return the stages of a run in their order; none is begun."""
    first = DESIGN_STAGES if workspace.recipe.tasks is None else (adopt_stage,)
    return [make(workspace) for make in (*first, *STAGE_MAKERS)]


def volumes_stage(workspace: Workspace) -> Stage:
    """Every scan that a task shows, as an array on the common grid."""
    return Stage(
        name="volumes",
        settings=workspace.settings("images"),
        reads=lambda: all_task_files(workspace),
        facts=lambda: hash_scans(workspace),
        writes=(workspace.files.volumes,),
        code=("brainplug.imaging.cache", "brainplug.imaging.scan", "brainplug.imaging.resample"),
        run=lambda: run_volumes(workspace),
    )


def scans_of_tasks(workspace: Workspace) -> list[Path]:
    """Return the scan files that any task shows, each once."""
    paths = all_task_files(workspace)
    return sorted(
        {image for path in paths for task in iterate_tasks(path) for image in task.images}
    )


def hash_scans(workspace: Workspace) -> dict[str, str]:
    """Return the content hash of every scan; files that have not changed are not read again."""
    memo = workspace.cache / "hashes"
    return {
        str(scan): content_hash(scan, memo) if scan.is_file() else "missing"
        for scan in scans_of_tasks(workspace)
    }


def run_volumes(workspace: Workspace) -> None:
    """Fill the cache; a scan that fails here was not read by the cohort stage."""
    scans = scans_of_tasks(workspace)
    grid = workspace.recipe.images.grid
    with workspace.progress("preparing volumes") as report:
        refused = fill_cache(scans, grid=grid, cache=workspace.cache, progress=report)
    if refused:
        first = next(iter(refused.values()))
        raise DataError(
            f"{len(refused)} scans of the tasks cannot be read, for example {first}",
            found=tuple(map(str, refused)),
            hint='set scans = "all" in [images], so that they are left out before references are '
            "drawn",
        )
    write_json(workspace.files.volumes, {"scans": len(scans), "content": hash_scans(workspace)})


def training_stage(workspace: Workspace) -> Stage:
    """The model, trained."""
    return Stage(
        name="training",
        settings=learning_settings(workspace) | {"phases": phase_settings(workspace)},
        reads=lambda: [*all_task_files(workspace), workspace.files.volumes],
        facts=lambda: {
            "model": hash_model(workspace),
            "arithmetic": settle(workspace.recipe.speed.onednn, workspace.files),
        },
        writes=(workspace.files.model, workspace.files.training),
        code=(
            "brainplug.imaging.augment",
            "brainplug.training.stage",
            "brainplug.model",
            "brainplug.training",
            "brainplug.evaluation.aggregate",
            "brainplug.inference",
            *workspace.modules("model", "target", "metrics"),
        ),
        run=lambda: run_training(workspace),
        on_every_rank=True,
    )


def learning_settings(workspace: Workspace) -> dict[str, Any]:
    """Return the settings that every phase of the training depends on; each has others besides.

    Of the evaluation those that decide which checkpoint is chosen.
    """
    evaluation = workspace.recipe.evaluation
    return workspace.settings("images", "augmentation", "model", "target") | {
        "training.seed": workspace.recipe.training_seed,
        "evaluation": [
            [*map(metric_label, evaluation.metrics)],
            evaluation.answer,
            evaluation.max_new_tokens,
        ],
        "weights": {study.name: study.weight for study in workspace.recipe.cohort},
    }


def phase_settings(workspace: Workspace) -> list[dict[str, Any]]:
    """Return the settings of each phase of the training."""
    phases = plan_phases(workspace.recipe.training, workspace.backbone)
    return [phase.settings() for phase in phases]


def hash_model(workspace: Workspace) -> dict[str, str]:
    """Return the content hash of the files that the model is loaded from, if it is from files."""
    backbone, memo = workspace.backbone, workspace.cache / "hashes"
    files = backbone.sources() if able(backbone, ReadsFiles) else ()
    return {file.name: content_hash(file, memo) for file in files}


def run_training(workspace: Workspace) -> None:
    """Train from the last whole checkpoint; keep the weights of the best validation."""
    from brainplug.training.stage import Folders, Selection, train_model

    hold_metrics(workspace.metrics, fit_answers(workspace).labels)
    hold_sources(workspace.backbone)
    stage = training_stage(workspace)
    common = attrs.evolve(stage, settings=learning_settings(workspace))
    name = workspace.selecting
    train_model(
        open_session(settled(workspace)),
        workspace.backbone,
        selection=Selection(name=name, metric=workspace.metrics[name]),
        folders=Folders(
            checkpoints=workspace.files.checkpoints,
            model=workspace.files.model,
            history=workspace.files.training,
        ),
        made_from=make_key(common),
    )


def open_session(workspace: Workspace) -> ModelSession:
    """Return what training and answering share."""
    from brainplug.inference.session import ModelSession

    recipe = workspace.recipe
    return ModelSession(
        recipe=recipe,
        kind=workspace.head.kind,
        tasks=read_all_tasks(workspace),
        answers=fit_answers(workspace),
        plan=workspace.backbone.plan(recipe.images.shape),
        load=workspace.load_volume,
        ranks=workspace.ranks,
        show=workspace.console.print,
        progress=workspace.progress,
    )


def answers_stage(workspace: Workspace) -> Stage:
    """What the model says to every validation and test task."""
    return Stage(
        name="answers",
        settings=workspace.settings("images", "target", "evaluation"),
        reads=lambda: [
            *all_task_files(workspace),
            workspace.files.volumes,
            workspace.files.training,
            *sorted(workspace.files.model.glob("*.safetensors")),  # one file, or many
        ],
        facts=lambda: {"arithmetic": settle(workspace.recipe.speed.onednn, workspace.files)},
        writes=(workspace.files.answers,),
        code=(
            "brainplug.inference",
            "brainplug.model",
            *workspace.modules("target"),
        ),
        run=lambda: run_answers(workspace),
        on_every_rank=True,
    )


def run_answers(workspace: Workspace) -> None:
    """Let the model speak, from where it was stopped."""
    from brainplug.inference.partial import KeptAnswers
    from brainplug.inference.stage import write_answers

    key = make_key(answers_stage(workspace))
    write_answers(
        open_session(settled(workspace)),
        model=workspace.files.model,
        kept=KeptAnswers(workspace.files.partial_answers, key),
        to=workspace.files.answers,
    )


def metrics_stage(workspace: Workspace) -> Stage:
    """What the answers are worth, beside the rules that see no scan."""
    return Stage(
        name="metrics",
        settings=workspace.settings("seed", "target", "evaluation"),
        reads=lambda: [
            *all_task_files(workspace),
            workspace.files.answers,
            workspace.files.cohort,
            workspace.files.training,
        ],
        writes=(workspace.files.metrics,),
        code=(
            "brainplug.evaluation",
            "brainplug.tasks.baselines",
            *workspace.modules("target", "metrics"),
        ),
        run=lambda: run_metrics(workspace),
    )


def run_metrics(workspace: Workspace) -> None:
    """Score the answers and show the result."""
    from brainplug.evaluation.records import SelectedCheckpoint
    from brainplug.evaluation.stage import Scoring, score
    from brainplug.runtime.records import from_json, write_record
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
    selected = read_json(workspace.files.training)["selected"]
    if selected is not None:
        chosen = from_json(selected, SelectedCheckpoint, source=str(workspace.files.training))
        metrics = attrs.evolve(metrics, selected=chosen)
    write_record(workspace.files.metrics, metrics)
    show_result(workspace.console, metrics)


def show_result(console: Console, metrics: Metrics) -> None:
    """Show the scores beside the baselines', of all and of each study."""
    from brainplug.report.headline import candidates_in_words, headline

    console.print(headline(metrics))
    if metrics.candidates:
        console.print(candidates_in_words(metrics))
    for study in metrics.studies:
        console.print(headline(metrics, of=study))


def report_stage(workspace: Workspace) -> Stage:
    """The page."""
    return Stage(
        name="report",
        settings=workspace.settings("report"),
        reads=lambda: [
            *all_task_files(workspace),
            workspace.files.cohort,
            workspace.files.facts,
            workspace.files.exclusions,
            workspace.files.audit,
            workspace.files.training,
            workspace.files.answers,
            workspace.files.metrics,
            *([] if workspace.recipe.tasks else [workspace.files.split_notes]),
        ],
        writes=(workspace.files.report,),
        code=("brainplug.report",),
        run=lambda: run_report(workspace),
    )


def run_report(workspace: Workspace) -> None:
    """Write the page and say where it lies."""
    from brainplug.report import Sources, write_report

    write_report(
        Sources(
            recipe=workspace.recipe,
            files=workspace.files,
            kind=workspace.head.kind,
            load=workspace.load_volume,
        )
    )
    workspace.console.print(f"report: [bold]{workspace.files.report}[/bold]")


STAGE_MAKERS = (
    volumes_stage,
    training_stage,
    answers_stage,
    metrics_stage,
    report_stage,
)

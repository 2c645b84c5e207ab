"""The nine stages of a run: what each is made from, and what it writes.

    cohort → split → pairs → dialogues → volumes → training → answers → metrics → report

From the dialogues on, a stage reads the task files only, so that finished task files can take
the place of everything before them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from brainplug.audit import audit_split, audit_tasks
from brainplug.cohort import collect
from brainplug.dialogue import Task, TaskMaker, task_file, write_tasks
from brainplug.errors import DataError
from brainplug.files import read_json, write_csv, write_json, write_parquet
from brainplug.pairing import make_pairs
from brainplug.parts import Prepares
from brainplug.split import add_pools, split_cohort
from brainplug.stages import Stage
from brainplug.task_reader import read_tasks
from brainplug.types import SPLITS, Split
from brainplug.volume import content_hash, fill_cache

if TYPE_CHECKING:
    from pathlib import Path

    from brainplug.parts import Answers
    from brainplug.workspace import Workspace

COHORT, FACTS, EXCLUSIONS = "cohort.parquet", "cohort.json", "exclusions.csv"
SPLIT, AUDIT, PAIRS = "split.csv", "audit.json", "pairs.parquet"
TASKS, SHORTCUTS, VOLUMES = "tasks", "shortcuts.json", "volumes.json"
CHECKPOINTS, MODEL, TRAINING = "checkpoints", "model", "training.json"
ANSWERS, METRICS, REPORT = "answers.jsonl", "metrics.json", "report.html"


def make_stages(workspace: Workspace) -> list[Stage]:
    """Return the stages of a run in their order; none is begun."""
    return [make(workspace) for make in STAGE_MAKERS]


def cohort_stage(workspace: Workspace) -> Stage:
    """Who is in the study, and who is not and why."""
    return Stage(
        name="cohort",
        settings=workspace.settings("cohort", "target", "images", "audit"),
        reads=workspace.loader.sources,
        writes=tuple(map(workspace.path, (COHORT, FACTS, EXCLUSIONS))),
        code=(
            "brainplug.cohort",
            "brainplug.scan",
            "brainplug.space",
            *workspace.modules("cohort", "target"),
        ),
        run=lambda: run_cohort(workspace),
    )


def run_cohort(workspace: Workspace) -> None:
    """Read the study; write the usable scans, the exclusions, and the counts."""
    recipe = workspace.recipe
    if isinstance(workspace.loader, Prepares):
        with workspace.progress("writing the study") as report:
            workspace.loader.prepare(report)
    with workspace.progress("reading scans") as report:
        cohort = collect(
            workspace.loader,
            workspace.head,
            images=recipe.images,
            audit=recipe.audit,
            cache=workspace.cache,
            progress=report,
        )
    write_csv(workspace.path(EXCLUSIONS), cohort.exclusions)
    write_json(workspace.path(FACTS), cohort.facts())
    write_parquet(workspace.path(COHORT), cohort.frame)


def split_stage(workspace: Workspace) -> Stage:
    """Who is in which pool."""
    return Stage(
        name="split",
        settings=workspace.settings("seed", "split"),
        reads=lambda: [workspace.path(COHORT)],
        writes=tuple(map(workspace.path, (SPLIT, AUDIT))),
        code=("brainplug.split", "brainplug.audit", *workspace.modules("split")),
        run=lambda: run_split(workspace),
    )


def run_split(workspace: Workspace) -> None:
    """Put subjects into pools and audit the result as it was written."""
    cohort = pd.read_parquet(workspace.path(COHORT))
    split = split_cohort(workspace.strategy, cohort, seed=workspace.recipe.seed)
    write_csv(workspace.path(SPLIT), split)
    write_json(workspace.path(AUDIT), audit_split(cohort, read_split(workspace)))


def read_split(workspace: Workspace) -> pd.DataFrame:
    """Read the pools back; ids are text."""
    return pd.read_csv(workspace.path(SPLIT), dtype="str", keep_default_na=False)


def pairs_stage(workspace: Workspace) -> Stage:
    """Which references each query is compared with."""
    return Stage(
        name="pairs",
        settings=workspace.settings("seed", "pairing", "target"),
        reads=lambda: map(workspace.path, (COHORT, SPLIT)),
        writes=(workspace.path(PAIRS),),
        code=("brainplug.pairing", *workspace.modules("pairing", "target")),
        run=lambda: run_pairs(workspace),
    )


def run_pairs(workspace: Workspace) -> None:
    """Draw the references of every query."""
    pooled = read_pooled(workspace)
    pairs = make_pairs(
        workspace.pairing, pooled, fit_answers(workspace, pooled), seed=workspace.recipe.seed
    )
    write_parquet(workspace.path(PAIRS), pairs)


def read_pooled(workspace: Workspace) -> pd.DataFrame:
    """Read the cohort with the pool of each scan."""
    return add_pools(pd.read_parquet(workspace.path(COHORT)), read_split(workspace))


def fit_answers(workspace: Workspace, pooled: pd.DataFrame) -> Answers:
    """Fix labels and precision from the training scans alone."""
    training = pooled["pool"].isin(["train_query", "train_reference"])
    return workspace.head.fit(pooled.loc[training, "target"])


def dialogues_stage(workspace: Workspace) -> Stage:
    """The task files, audited as they were written."""
    return Stage(
        name="dialogues",
        settings=workspace.settings("seed", "prompt", "target", "audit"),
        reads=lambda: map(workspace.path, (COHORT, FACTS, SPLIT, PAIRS)),
        writes=(workspace.path(TASKS), workspace.path(SHORTCUTS)),
        code=(
            "brainplug.dialogue",
            "brainplug.audit",
            "brainplug.rules",
            *workspace.modules("prompt", "target"),
        ),
        run=lambda: run_dialogues(workspace),
    )


def task_paths(workspace: Workspace) -> dict[Split, Path]:
    """Return the task file of each split."""
    study = read_json(workspace.path(FACTS))["study"]
    return {
        split: workspace.path(TASKS) / task_file(study, workspace.head.target, split)
        for split in SPLITS
    }


def read_all_tasks(workspace: Workspace) -> dict[Split, list[Task]]:
    """Read the tasks of every split."""
    return {split: read_tasks(path) for split, path in task_paths(workspace).items()}


def run_dialogues(workspace: Workspace) -> None:
    """Word every pair, write the task files, read them back and audit them."""
    pooled = read_pooled(workspace)
    answers = fit_answers(workspace, pooled)
    pairs = pd.read_parquet(workspace.path(PAIRS))
    maker = TaskMaker(
        head=workspace.head,
        answers=answers,
        template=workspace.template,
        seed=workspace.recipe.seed,
    )
    for split, path in task_paths(workspace).items():
        write_tasks(path, maker.make(pairs[pairs["split"] == split], pooled))
    found = audit_tasks(
        read_all_tasks(workspace),
        read_split(workspace),
        answers,
        allow_shortcut=workspace.recipe.audit.allow_shortcut,
    )
    write_json(workspace.path(SHORTCUTS), found)


def volumes_stage(workspace: Workspace) -> Stage:
    """Every scan that a task shows, as an array on the common grid."""
    return Stage(
        name="volumes",
        settings=workspace.settings("images"),
        reads=lambda: [workspace.path(TASKS), *scans_of_tasks(workspace)],
        writes=(workspace.path(VOLUMES),),
        code=("brainplug.volume", "brainplug.scan", "brainplug.space"),
        run=lambda: run_volumes(workspace),
    )


def scans_of_tasks(workspace: Workspace) -> list[Path]:
    """Return the scan files that any task shows, each once."""
    tasks = [task for found in read_all_tasks(workspace).values() for task in found]
    return sorted({image for task in tasks for image in task.images})


def run_volumes(workspace: Workspace) -> None:
    """Fill the cache; a scan that fails here was not read by the cohort stage."""
    scans = scans_of_tasks(workspace)
    grid = workspace.recipe.images.grid
    with workspace.progress("preparing volumes") as report:
        refused = fill_cache(scans, grid=grid, cache=workspace.cache, progress=report)
    if refused:
        first = next(iter(refused.values()))
        raise DataError(
            f"{len(refused)} scans of the tasks cannot be read, for example {first}; "
            'set scans = "all" in [images], so that they are left out before references are drawn'
        )
    memo = workspace.cache / "hashes"
    hashes = {str(scan): content_hash(scan, memo) for scan in scans}
    write_json(workspace.path(VOLUMES), {"scans": len(scans), "content": hashes})


def training_stage(workspace: Workspace) -> Stage:
    """The model, trained."""
    return Stage(
        name="training",
        settings=workspace.settings("seed", "images", "model", "training", "evaluation", "target"),
        reads=lambda: map(workspace.path, (TASKS, VOLUMES)),
        writes=tuple(map(workspace.path, (MODEL, TRAINING))),
        code=("brainplug.model", "brainplug.training", *workspace.modules("model", "target")),
        run=lambda: run_training(workspace),
    )


def run_training(workspace: Workspace) -> None:
    """Train from the last whole checkpoint; keep the weights of the best validation."""
    from brainplug.learning import Folders, train_model

    train_model(
        workspace,
        read_all_tasks(workspace),
        fit_answers(workspace, read_pooled(workspace)),
        folders=Folders(
            checkpoints=workspace.path(CHECKPOINTS),
            model=workspace.path(MODEL),
            story=workspace.path(TRAINING),
        ),
    )


def answers_stage(workspace: Workspace) -> Stage:
    """What the model says to every validation and test task."""
    return Stage(
        name="answers",
        settings=workspace.settings("images", "target", "evaluation"),
        reads=lambda: map(workspace.path, (TASKS, VOLUMES, TRAINING, f"{MODEL}/model.safetensors")),
        writes=(workspace.path(ANSWERS),),
        code=("brainplug.evaluation.answer", "brainplug.model", *workspace.modules("target")),
        run=lambda: run_answers(workspace),
    )


def run_answers(workspace: Workspace) -> None:
    """Let the model speak."""
    from brainplug.learning import write_answers

    write_answers(
        workspace,
        read_all_tasks(workspace),
        fit_answers(workspace, read_pooled(workspace)),
        model=workspace.path(MODEL),
        path=workspace.path(ANSWERS),
    )


def metrics_stage(workspace: Workspace) -> Stage:
    """What the answers are worth, beside the rules that see no scan."""
    return Stage(
        name="metrics",
        settings=workspace.settings("seed", "target", "evaluation"),
        reads=lambda: map(workspace.path, (TASKS, ANSWERS, COHORT, TRAINING)),
        writes=(workspace.path(METRICS),),
        code=("brainplug.evaluation", "brainplug.scoring", "brainplug.rules"),
        run=lambda: run_metrics(workspace),
    )


def run_metrics(workspace: Workspace) -> None:
    """Score the answers and show the result."""
    from brainplug.evaluation.headline import headline
    from brainplug.scoring import read_answers, score

    pooled = read_pooled(workspace)
    metrics = score(
        workspace,
        read_answers(workspace.path(ANSWERS)),
        read_all_tasks(workspace),
        answers=fit_answers(workspace, pooled),
        people=pooled[["subject", "family", "site"]],
    )
    metrics["selected"] = read_json(workspace.path(TRAINING))["selected"]
    write_json(workspace.path(METRICS), metrics)
    workspace.console.print(headline(metrics))


def report_stage(workspace: Workspace) -> Stage:
    """The page."""
    return Stage(
        name="report",
        settings=workspace.settings("report"),
        reads=lambda: map(
            workspace.path,
            (COHORT, FACTS, EXCLUSIONS, AUDIT, SHORTCUTS, TASKS, TRAINING, ANSWERS, METRICS),
        ),
        writes=(workspace.path(REPORT),),
        code=("brainplug.report",),
        run=lambda: run_report(workspace),
    )


def run_report(workspace: Workspace) -> None:
    """Write the page and say where it lies."""
    from brainplug.report import write_report

    write_report(workspace)
    workspace.console.print(f"report: [bold]{workspace.path(REPORT)}[/bold]")


STAGE_MAKERS = (
    cohort_stage,
    split_stage,
    pairs_stage,
    dialogues_stage,
    volumes_stage,
    training_stage,
    answers_stage,
    metrics_stage,
    report_stage,
)

"""The stages that look at scans alone: volumes, and what simpler readers make of them."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import TYPE_CHECKING

from brainplug.api.guard import behind
from brainplug.audit.leakage import find_likeness
from brainplug.cohort.copies import find_copies
from brainplug.design.split import pool_scans
from brainplug.errors import SHOWN, DataError, show
from brainplug.findings import refuse_findings
from brainplug.imaging.cache import content_hash, fill_cache
from brainplug.run.ledger import Stage
from brainplug.run.log import log
from brainplug.run.measuring import measure_training
from brainplug.run.task_stages import (
    all_task_files,
    fit_answers,
    read_all_tasks,
    read_cohort,
    read_split,
)
from brainplug.runtime.files import write_json
from brainplug.runtime.records import to_json, write_record
from brainplug.tasks.read import iterate_tasks

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from brainplug.errors import ScanError
    from brainplug.findings import Finding
    from brainplug.run.context import Workspace

LIKELIEST = ("accuracy",)
"""Headlines for which the likeliest class is the best answer; others count classes alike."""


def volumes_stage(workspace: Workspace) -> Stage:
    """Every scan that a task shows, as an array on the common grid."""
    return Stage(
        name="volumes",
        settings={"images": workspace.grid()},
        reads=lambda: [
            *all_task_files(workspace),
            workspace.files.cohort,
            workspace.files.split,
        ],
        facts=lambda: {
            "scans": hash_scans(workspace),
            "images": {"scans": workspace.recipe.images.scans},
        },
        writes=(workspace.files.volumes, workspace.files.copies, workspace.files.familiar),
        uses=(workspace.recipe.images,),
        run=partial(run_volumes, workspace),
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
    return {str(scan): hash_scan(scan, memo) for scan in scans_of_tasks(workspace)}


def hash_scan(scan: Path, memo: Path) -> str:
    """Return the content hash of a scan; that it cannot be read is told where volumes are made."""
    try:
        return content_hash(scan, memo) if scan.is_file() else "missing"
    except OSError:
        return "unreadable"


def run_volumes(workspace: Workspace) -> None:
    """Fill the cache; a scan that fails here was not read by the cohort stage."""
    scans = scans_of_tasks(workspace)
    grid = workspace.recipe.images.grid
    with workspace.progress("volumes: scan") as report:
        refused = fill_cache(scans, grid=grid, cache=workspace.cache, progress=report)
    if refused:
        refuse_unread(workspace, refused)
    settle_copies(workspace, scans)
    write_record(workspace.files.familiar, measure_training(workspace))
    write_json(workspace.files.volumes, {"scans": len(scans), "content": hash_scans(workspace)})


def refuse_unread(workspace: Workspace, refused: Mapping[Path, ScanError]) -> None:
    """Refuse scans that cannot be read and that tasks show already; all are named, with why.

    Raises:
        DataError: always.
    """
    lines = list(map(str, refused.values()))
    for line in lines:
        log(workspace.files.path, f"cannot be read: {line}")
    more = [f"{len(lines) - SHOWN} more, all of them in log.txt"] if len(lines) > SHOWN else []
    reasons = Counter(error.reason for error in refused.values())
    hint = (
        "mend them, or leave the tasks that name them out of the task files"
        if workspace.recipe.tasks is not None
        else 'set scans = "all" in [images]: the same command then reads all scans first, leaves '
        "these out with their reasons, and draws references among the others"
    )
    raise DataError(
        "\n  ".join((f"{len(lines)}, {show(dict(reasons))}", *lines[:SHOWN], *more)),
        where=(workspace.files.tasks, "scans that cannot be read"),
        found=tuple(map(str, refused)),
        hint=hint,
    )


def settle_copies(workspace: Workspace, scans: Sequence[Path]) -> None:
    """Look for copies among volumes where the cohort stage could not, and write what is found.

    Raises:
        LeakageError: people in two pools have one scan; of task files that other tools made this
            is told only.
    """
    images, adopted = workspace.recipe.images, workspace.recipe.tasks is not None
    findings: list[Finding] = []
    if adopted or images.scans != "all":
        shown = read_cohort(workspace, "scan", "subject", "image")
        shown = shown[shown["image"].isin(list(map(str, scans)))].reset_index(drop=True)
        with workspace.progress("volumes: comparing scan") as report:
            found = find_copies(shown, grid=images.grid, cache=workspace.cache, progress=report)
        found = found.dropna(axis="columns", how="all")
        findings = find_likeness(pool_scans(shown.join(found), read_split(workspace)))
    write_json(workspace.files.copies, to_json([finding.told() for finding in findings]))
    for finding in findings:
        workspace.tell(f"{finding.what}: {show(finding.members)}")
    if not adopted:
        refuse_findings(findings, allow_shortcut=True)


def baselines_stage(workspace: Workspace) -> Stage:
    """What simpler readers make of the people that the model is asked about."""
    recipe, files = workspace.recipe, workspace.files
    return Stage(
        name="baselines",
        settings=workspace.settings("target")
        | {
            "images": workspace.grid(),
            "evidence": {
                "baselines": list(recipe.evidence.baselines),
                "confounds": recipe.evidence.confounds,
            },
            "evaluation": {"headline": workspace.headline},
            "training": {"seed": recipe.training_seed},
        },
        reads=lambda: [*all_task_files(workspace), files.cohort, files.split, files.volumes],
        facts=lambda: {"evaluated": list(workspace.evaluated)},
        writes=(files.baselines, files.baseline_answers, files.covariates),
        uses=(*workspace.parts("target"), behind(workspace.head), recipe),
        run=partial(run_baselines, workspace),
    )


def run_baselines(workspace: Workspace) -> None:
    """Teach them all training people, and ask them whom the model is asked about."""
    from brainplug.baselines.stage import Plan, make_baselines

    recipe, files = workspace.recipe, workspace.files
    made = make_baselines(
        read_cohort(workspace),
        read_split(workspace),
        read_all_tasks(workspace),
        workspace.evaluated,
        plan=Plan(
            chosen=recipe.evidence.baselines,
            declared=recipe.evidence.confounds,
            target=workspace.head.column,
            labels=tuple(fit_answers(workspace).labels),
            by_share=workspace.headline not in LIKELIEST,
            seed=recipe.training_seed,
            grid=recipe.images.grid,
            cache=workspace.cache,
            load=workspace.load_volume,
            progress=workspace.progress,
        ),
    )
    for note in made.record.notes:
        workspace.tell(note)
    made.write(files.baselines, files.baseline_answers, files.covariates)

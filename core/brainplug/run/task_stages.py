"""The stages that make task files or take finished ones over; `brainplug prepare` stops there.

cohort → split → pairs → dialogues
"""

from __future__ import annotations

import shutil
from functools import partial
from typing import TYPE_CHECKING, Any

import attrs
import pandas as pd

from brainplug.api import laws
from brainplug.api.guard import behind
from brainplug.api.records import SPLITS, Split
from brainplug.api.roles import Prepares, ReadsFiles, able
from brainplug.audit.balance import describe_split
from brainplug.audit.console import audit_tables, finding_lines
from brainplug.audit.crowds import find_crowds, naming_crowds
from brainplug.audit.leakage import find_leaks, find_relatives, find_task_leaks
from brainplug.audit.records import Audit
from brainplug.audit.shortcuts import audit_words
from brainplug.audit.split_leaks import naming_split, refuse_leaks
from brainplug.cohort.build import gather
from brainplug.cohort.duplicates import find_same_images
from brainplug.design.pairs import make_pairs, reference_split
from brainplug.design.split import (
    add_pools,
    count_asked,
    load_split,
    pool_scans,
    split_cohort,
    tell_split,
    training_values,
)
from brainplug.errors import BrainplugError
from brainplug.findings import refuse_findings
from brainplug.run.asked_columns import column_names, columns_asked
from brainplug.run.ledger import Stage
from brainplug.runtime.files import read_json, write_csv, write_json, write_parquet
from brainplug.runtime.records import write_record
from brainplug.tasks.adopt import (
    adopt_tasks,
    find_unread,
    list_sources,
    peek_target,
    states_of_images,
)
from brainplug.tasks.build import TaskMaker
from brainplug.tasks.read import iterate_glances, iterate_tasks
from brainplug.tasks.task import Task, task_file, write_rows
from brainplug.toolkit.tables import stack_exclusions
from brainplug.toolkit.wide import asking

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from brainplug.api.roles import Answers, SplitStrategy
    from brainplug.findings import Finding
    from brainplug.run.context import Workspace
    from brainplug.tasks.read import Glance


def cohort_stage(workspace: Workspace) -> Stage:
    """Who is in the study, and who is not and why."""
    recipe, studies = workspace.recipe, workspace.studies
    return Stage(
        name="cohort",
        settings=cohort_settings(workspace),
        reads=lambda: [path for study in studies for path in study.loader.sources()],
        writes=(workspace.files.cohort, workspace.files.facts, workspace.files.exclusions),
        uses=(
            *workspace.parts("cohort", "target"),
            *(behind(part) for study in studies for part in (study.loader, study.head)),
            *(recipe.images, recipe.audit),
        ),
        facts=lambda: columns_asked(workspace.recipe, workspace.studies),
        run=partial(run_cohort, workspace),
    )


def cohort_settings(workspace: Workspace) -> dict[str, Any]:
    """Return the keys that decide who is in the study.

    The weight of a study is for its training; the grid decides only where scans are read whole.
    """
    images, audit = workspace.recipe.images, workspace.recipe.audit
    tables = workspace.settings("cohort", "target")
    found = tables["cohort"]
    studies = [
        {key: each for key, each in study.items() if key != "weight"}
        for study in (found if isinstance(found, list) else [found])
    ]
    return {
        "cohort": studies if isinstance(found, list) else studies[0],
        "target": tables["target"],
        "images": {"scans": images.scans, "max_gib": images.max_gib}
        | (workspace.grid() if images.scans == "all" else {}),
        "audit": {"join_loss": audit.join_loss, "duplicates": audit.duplicates},
    }


def run_cohort(workspace: Workspace) -> None:
    """Read the studies; write the usable scans, the exclusions, and the counts."""
    recipe, studies = workspace.recipe, workspace.studies
    for study in studies:
        if able(study.loader, Prepares):
            with workspace.progress("cohort: writing scan") as report:
                study.loader.prepare(report)
    names = column_names(recipe)
    with workspace.progress("cohort: reading scan") as report, asking(names):
        cohort = gather(
            studies,
            images=recipe.images,
            audit=recipe.audit,
            cache=workspace.cache,
            progress=report,
        )
    workspace.detail(*(line for name in cohort.tables for line in cohort.spare(name)))
    write_csv(workspace.files.exclusions, cohort.exclusions)
    write_record(workspace.files.facts, cohort.facts())
    write_parquet(workspace.files.cohort, cohort.frame)


def split_stage(workspace: Workspace) -> Stage:
    """Who is in which pool."""
    return Stage(
        name="split",
        settings=workspace.settings("seed", "split"),
        reads=lambda: [workspace.files.cohort, *files_of(workspace.strategy)],
        facts=lambda: workspace.asked,
        writes=(workspace.files.split, workspace.files.split_notes),
        uses=(*workspace.parts("split"), behind(workspace.strategy)),
        run=partial(run_split, workspace),
    )


def files_of(strategy: SplitStrategy) -> tuple[Path, ...]:
    """Return the files a strategy reads besides the cohort, such as a saved split."""
    return strategy.sources() if able(strategy, ReadsFiles) else ()


def run_split(workspace: Workspace) -> None:
    """Put subjects into pools, and make sure from the file that the pools are apart."""
    cohort, seed = read_cohort(workspace), workspace.recipe.seed
    strategy, asked = workspace.strategy, workspace.asked
    with naming_crowds(cohort):
        split = split_cohort(strategy, cohort, seed=seed, **asked)
    notes = tell_split(strategy, cohort, split, **asked)
    write_json(workspace.files.split_notes, {"asked": count_asked(split), "notes": notes})
    write_csv(workspace.files.split, split)
    workspace.detail(*notes)
    refuse_leaks(strategy, pool_scans(cohort, read_split(workspace)))


def read_cohort(workspace: Workspace, *columns: str) -> pd.DataFrame:
    """Read the cohort frame back, whole or some columns."""
    return pd.read_parquet(workspace.files.cohort, columns=list(columns) or None)


def read_split(workspace: Workspace) -> pd.DataFrame:
    """Read the pools back; ids are text."""
    return load_split(workspace.files.split)


def pairs_stage(workspace: Workspace) -> Stage:
    """Which references each query is compared with."""
    return Stage(
        name="pairs",
        settings=workspace.settings("seed", "pairing", "target"),
        reads=lambda: (workspace.files.cohort, workspace.files.split),
        writes=(workspace.files.pairs, workspace.files.pair_notes),
        uses=(
            *workspace.parts("pairing", "target"),
            behind(workspace.pairing),
            behind(workspace.head),
        ),
        run=partial(run_pairs, workspace),
    )


def run_pairs(workspace: Workspace) -> None:
    """Draw the references of every query."""
    pooled = add_pools(read_cohort(workspace), read_split(workspace))
    with naming_split(workspace.strategy):
        answers = fit_answers(workspace)
    pairs, notes = make_pairs(workspace.pairing, pooled, answers, seed=workspace.recipe.seed)
    write_json(workspace.files.pair_notes, {"notes": list(notes)})
    write_parquet(workspace.files.pairs, pairs)


def fit_answers(workspace: Workspace) -> Answers:
    """Fix labels and precision from the training scans alone."""
    cohort = read_cohort(workspace, "subject", "target")
    return laws.fit_answers(workspace.head, training_values(cohort, read_split(workspace)))


def dialogues_stage(workspace: Workspace) -> Stage:
    """The task files, audited as they were written."""
    audit, pairing = workspace.recipe.audit, workspace.pairing
    return Stage(
        name="dialogues",
        settings=workspace.settings("seed", "prompt", "target")
        | {"audit": {"allow_shortcut": audit.allow_shortcut}},
        reads=lambda: (
            workspace.files.cohort,
            workspace.files.split,
            workspace.files.pairs,
            workspace.files.pair_notes,
        ),
        facts=lambda: {"references": {name: reference_split(pairing, name) for name in SPLITS}},
        writes=(workspace.files.tasks, workspace.files.audit),
        uses=(
            *workspace.parts("prompt", "target"),
            behind(workspace.template),
            behind(workspace.head),
        ),
        run=partial(run_dialogues, workspace),
    )


def task_paths(workspace: Workspace) -> dict[Split, list[Path]]:
    """Return the task files of each split, one a study that has tasks there."""
    folder = workspace.files.tasks
    return {split: sorted(folder.glob(f"*_comparison_tasks_{split}.json")) for split in SPLITS}


def all_task_files(workspace: Workspace) -> list[Path]:
    """Return the task files of all splits."""
    return [path for paths in task_paths(workspace).values() for path in paths]


def read_all_tasks(workspace: Workspace) -> dict[Split, list[Task]]:
    """Read the tasks of every split."""
    return {
        split: [task for path in paths for task in iterate_tasks(path)]
        for split, paths in task_paths(workspace).items()
    }


def read_glances(workspace: Workspace) -> dict[Split, list[Glance]]:
    """Read what the audit sees of the tasks of every split."""
    return {
        split: [glance for path in paths for glance in iterate_glances(path)]
        for split, paths in task_paths(workspace).items()
    }


def run_dialogues(workspace: Workspace) -> None:
    """Word every pair, write the task files, read them back and audit them."""
    answers = fit_answers(workspace)
    maker = TaskMaker(
        head=workspace.head,
        answers=answers,
        template=workspace.template,
        seed=workspace.recipe.seed,
    )
    folder = empty_tasks(workspace)
    scans = maker.show(read_cohort(workspace, "scan", "subject", "image", "target"))
    pairs = pd.read_parquet(workspace.files.pairs)
    for study, rows in pairs.groupby("study"):
        for name in SPLITS:
            path = folder / task_file(str(study), workspace.head.target, name)
            chosen = rows[rows["split"] == name]
            if len(chosen):
                write_rows(path, maker.rows(chosen, scans))
    del pairs, scans
    glances, split = read_glances(workspace), read_split(workspace)
    allowed = {name: reference_split(workspace.pairing, name) for name in SPLITS}
    pooled = pool_scans(read_cohort(workspace), split)
    settle_audit(
        workspace,
        Evidence(
            answers=answers,
            pooled=pooled,
            glances=glances,
            found=[
                *find_task_leaks(glances, allowed, split),
                *find_relatives(glances, pooled),
                *find_crowds(pooled),
            ],
            notes=read_json(workspace.files.pair_notes)["notes"],
        ),
    )


def empty_tasks(workspace: Workspace) -> Path:
    """Return the folder of task files, without earlier ones and what was made of them."""
    for folder in (workspace.files.tasks, workspace.files.exports):
        shutil.rmtree(folder, ignore_errors=True)
    return workspace.files.tasks


@attrs.frozen(kw_only=True, eq=False)
class Evidence:
    """What the audit looks at, read back from the files.

    Attributes:
        answers: names strata.
        pooled: the cohort with the pool of each scan.
        glances: the tasks of each split.
        found: what was found already.
        notes: what the pairing says of its pairs.
    """

    answers: Answers
    pooled: pd.DataFrame
    glances: Mapping[Split, Sequence[Glance]]
    found: Iterable[Finding]
    notes: Sequence[str] = ()

    def studies(self) -> dict[str, str] | None:
        """Return the study of each subject, None where there is one only."""
        if self.pooled["study"].nunique() < 2:
            return None
        columns = (self.pooled[name].tolist() for name in ("subject", "study"))
        return dict(zip(*columns, strict=True))


def settle_audit(workspace: Workspace, evidence: Evidence) -> None:
    """Write and show the audit; stop on what breaks a promise, unless others made the files.

    Raises:
        LeakageError: pools are not apart.
        DataError: a rule that sees no scan beats chance.
    """
    words, shortcuts = audit_words(evidence.glances, evidence.answers, evidence.studies())
    findings = [*find_leaks(evidence.pooled), *evidence.found, *shortcuts]
    audit = Audit(
        split=describe_split(evidence.pooled),
        words=words,
        notes=tuple(evidence.notes),
        findings=tuple(finding.told() for finding in findings),
    )
    write_record(workspace.files.audit, audit)
    workspace.detail(*audit_tables(audit))
    for line in finding_lines(audit.findings):
        workspace.console.print(line)
    if workspace.recipe.tasks is not None:
        return
    try:
        refuse_findings(findings, allow_shortcut=workspace.recipe.audit.allow_shortcut)
    except BrainplugError:
        # What breaks a promise must not lie about to be trained on.
        shutil.rmtree(workspace.files.tasks)
        raise


def adopt_stage(workspace: Workspace) -> Stage:
    """Finished task files, copied and audited as they stand."""
    files = workspace.recipe.tasks
    assert files is not None
    return Stage(
        name="dialogues",
        settings=workspace.settings("tasks", "target"),
        reads=lambda: [source.path for source in list_sources(files)],
        facts=lambda: {"images": states_of_images(list_sources(files), files.moved)},
        writes=(
            workspace.files.tasks,
            workspace.files.cohort,
            workspace.files.facts,
            workspace.files.exclusions,
            workspace.files.split,
            workspace.files.audit,
        ),
        uses=(*workspace.parts("target"), behind(workspace.head), files),
        run=partial(run_adopt, workspace),
    )


def run_adopt(workspace: Workspace) -> None:
    """Copy finished task files, and write what the stages before them would have."""
    files = workspace.recipe.tasks
    assert files is not None
    sources = list_sources(files)
    folder = empty_tasks(workspace)
    adopted = adopt_tasks(sources, folder, target=peek_target(files), files=files)
    cohort = adopted.cohort()
    write_parquet(workspace.files.cohort, cohort)
    write_csv(workspace.files.split, adopted.split())
    write_csv(workspace.files.exclusions, stack_exclusions([]))
    write_record(workspace.files.facts, adopted.facts(sources))
    glances = read_glances(workspace)
    every = [task for split in SPLITS for task in glances[split]]
    answers = fit_answers(workspace)
    adopted.unread = find_unread(every, answers)
    same = find_same_images(cohort, workspace.cache / "hashes")
    pooled = pool_scans(cohort.assign(same_image=same), read_split(workspace))
    settle_audit(
        workspace,
        Evidence(answers=answers, pooled=pooled, glances=glances, found=adopted.findings()),
    )


DESIGN_STAGES = (cohort_stage, split_stage, pairs_stage, dialogues_stage)
"""Stages that make task files; a recipe of finished ones has `adopt_stage` in their place."""

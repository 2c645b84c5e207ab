"""Studies that are tested only, for an external validation: their tasks, and what is answered.

They come after all that is learnt and chosen, so that naming one changes nothing of a finished run.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import pandas as pd

from brainplug.api.guard import behind
from brainplug.api.roles import Prepares, able
from brainplug.audit.leakage import find_likeness
from brainplug.cohort.build import StudyParts, gather
from brainplug.cohort.copies import NEAR, SAME, find_copies
from brainplug.design.external import (
    choose_people,
    find_lookalikes,
    pair_external,
    pool_external,
    refuse_known_people,
    refuse_known_scans,
    who_taught,
)
from brainplug.design.split import pool_scans
from brainplug.errors import show
from brainplug.findings import refuse_findings
from brainplug.imaging.cache import fill_cache
from brainplug.run.arithmetic import settled
from brainplug.run.asked_columns import column_names, columns_asked
from brainplug.run.asking import asking_facts, asking_settings, open_session
from brainplug.run.ledger import Stage
from brainplug.run.openings import record_external_openings
from brainplug.run.task_stages import (
    all_task_files,
    fit_answers,
    read_all_tasks,
    read_cohort,
    read_split,
)
from brainplug.runtime.files import kept_folder, write_csv, write_json, write_parquet
from brainplug.runtime.records import to_json, write_record
from brainplug.tasks.build import TaskMaker
from brainplug.tasks.read import iterate_tasks
from brainplug.tasks.study_facts import CohortFacts
from brainplug.tasks.task import task_file, write_rows
from brainplug.toolkit.study_ids import mark
from brainplug.toolkit.tables import stack_exclusions
from brainplug.toolkit.wide import asking

if TYPE_CHECKING:
    from brainplug.cohort.build import Cohort
    from brainplug.evaluation.external import ExternalAnswers
    from brainplug.findings import Finding
    from brainplug.recipe.tables import ExternalStudy
    from brainplug.run.context import Workspace
    from brainplug.runtime.run_folder import RunFolder
    from brainplug.tasks.task import Task, Tasks


def tests_others(workspace: Workspace) -> bool:
    """Whether external studies are tested: the recipe names some, and the test is open."""
    return bool(workspace.recipe.evaluation.also) and "test" in workspace.evaluated


def external_stages(workspace: Workspace) -> list[Stage]:
    """Return the stages of external studies, where there are any to be tested."""
    makers = (external_stage, external_answers_stage) if tests_others(workspace) else ()
    return [make(workspace) for make in makers]


def external_stage(workspace: Workspace) -> Stage:
    """Who is in the external studies, beside whom they are asked, and in which words."""
    studies = make_studies(workspace)
    return Stage(
        name="external",
        settings=external_settings(workspace),
        reads=lambda: [
            workspace.files.cohort,
            workspace.files.split,
            *(path for study in studies for path in study.loader.sources()),
        ],
        facts=lambda: columns_asked(workspace.recipe, studies),
        writes=(workspace.files.external,),
        uses=(
            *workspace.parts("evaluation", "pairing", "prompt", "target"),
            *(behind(part) for study in studies for part in (study.loader, study.head)),
            *(behind(workspace.pairing), behind(workspace.template), behind(workspace.head)),
            *(workspace.recipe.images, workspace.recipe.audit),
        ),
        run=partial(run_external, workspace),
    )


def external_settings(workspace: Workspace) -> dict[str, Any]:
    """Return the keys that decide who is asked, and how."""
    tables, audit = workspace.settings("evaluation"), workspace.recipe.audit
    return workspace.settings("seed", "pairing", "prompt", "target") | {
        "evaluation": {"also": tables["evaluation"]["also"]},
        "images": {**workspace.grid(), "max_gib": workspace.recipe.images.max_gib},
        "audit": {"join_loss": audit.join_loss, "duplicates": audit.duplicates},
    }


def make_studies(workspace: Workspace) -> tuple[StudyParts, ...]:
    """Build the loader and the head of each external study."""
    recipe = workspace.recipe
    assert recipe.target
    return tuple(
        StudyParts(
            name=study.name,
            loader=study.loader.make(),
            head=(study.target or recipe.target).make(),
        )
        for study in recipe.evaluation.also
    )


def run_external(workspace: Workspace) -> None:
    """Read the studies, and make their tasks, once it is sure that nobody in them is known."""
    own, seen = workspace.files.of_external, own_scans(workspace)
    empty_folder(own.path)
    cohorts: list[Cohort] = []
    findings: list[Finding] = []
    for study, parts in zip(workspace.recipe.evaluation.also, make_studies(workspace), strict=True):
        cohort = read_study(workspace, parts)
        findings += find_known(workspace, cohort, seen, study)
        marked = attrs.evolve(
            cohort,
            frame=mark(cohort.frame, study.name),
            exclusions=mark(cohort.exclusions, study.name),
        )
        findings += write_study_tasks(workspace, marked, seen, study)
        cohorts.append(marked)
    write_json(own.copies, to_json([finding.told() for finding in findings]))
    write_csv(own.exclusions, stack_exclusions([each.exclusions for each in cohorts]))
    facts = [fact for each in cohorts for fact in each.facts().studies]
    write_record(own.facts, CohortFacts(studies=tuple(facts)))
    write_parquet(own.cohort, pd.concat([each.frame for each in cohorts], ignore_index=True))


def own_scans(workspace: Workspace) -> pd.DataFrame:
    """Return the run's own scans with their pools."""
    return pool_scans(read_cohort(workspace), read_split(workspace))


def read_study(workspace: Workspace, parts: StudyParts) -> Cohort:
    """Read one study; every scan is read whole, since nothing is drawn anew without it later."""
    recipe = workspace.recipe
    if able(parts.loader, Prepares):
        with workspace.progress("external: writing scan") as report:
            parts.loader.prepare(report)
    with workspace.progress("external: reading scan") as report, asking(column_names(recipe)):
        return gather(
            [parts],
            images=attrs.evolve(recipe.images, scans="all"),
            audit=recipe.audit,
            cache=workspace.cache,
            progress=report,
        )


def find_known(
    workspace: Workspace, cohort: Cohort, seen: pd.DataFrame, study: ExternalStudy
) -> list[Finding]:
    """Refuse a study with people or scans that the model was made with; tell of scans that look so.

    Volumes are compared as the model sees them, since files of two studies hardly ever have one
    header, type and origin.

    Raises:
        LeakageError: it has some.
    """
    if study.ids == "same":
        refuse_known_people(cohort.frame, seen, study.name)
    known = readable(workspace, who_taught(seen))
    columns = ["scan", "subject", "image"]
    both = pd.concat([known[columns], mark(cohort.frame, study.name)[columns]], ignore_index=True)
    with workspace.progress("external: comparing scan") as report:
        found = find_copies(
            both, grid=workspace.recipe.images.grid, cache=workspace.cache, progress=report
        )
    refuse_known_scans(cohort.frame, known, found[SAME], study.name)
    return tell(workspace, find_lookalikes(cohort.frame, known, found[NEAR], study.name))


def readable(workspace: Workspace, scans: pd.DataFrame) -> pd.DataFrame:
    """Return the scans that can be read: of one that cannot, no model has seen anything."""
    images = [Path(image) for image in scans["image"]]
    with workspace.progress("external: reading scan") as report:
        refused = fill_cache(
            images, grid=workspace.recipe.images.grid, cache=workspace.cache, progress=report
        )
    return scans[~scans["image"].isin(list(map(str, refused)))].reset_index(drop=True)


def tell(workspace: Workspace, findings: list[Finding]) -> list[Finding]:
    """Say what was found, and return it."""
    for finding in findings:
        workspace.tell(f"{finding.what}: {show(finding.members)}")
    return findings


def write_study_tasks(
    workspace: Workspace, cohort: Cohort, seen: pd.DataFrame, study: ExternalStudy
) -> list[Finding]:
    """Choose references and word the dialogues of one study; return what is to be told of it.

    Raises:
        LeakageError: people who are asked have a scan that is shown.
    """
    answers, recipe = fit_answers(workspace), workspace.recipe
    asked, shown = choose_people(
        cohort.frame, seen, shown=study.shown, salt=f"{recipe.seed}/{study.name}"
    )
    pairs, scans = pair_external(workspace.pairing, asked, shown, answers=answers, seed=recipe.seed)
    # Scans of the run itself were compared with those of the study before.
    own = shown if study.shown is not None else shown.iloc[:0]
    alike = tell(workspace, find_likeness(pool_external(asked, own, pool="test_reference")))
    refuse_findings(alike, allow_shortcut=True)
    maker = TaskMaker(
        head=workspace.head, answers=answers, template=workspace.template, seed=recipe.seed
    )
    path = workspace.files.of_external.tasks / task_file(study.name, workspace.head.target, "test")
    write_rows(path, maker.rows(pairs, maker.show(scans)))
    return alike


def empty_folder(folder: Path) -> None:
    """Make a folder anew."""
    import shutil

    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


def external_answers_stage(workspace: Workspace) -> Stage:
    """What the model says to people of external studies."""
    own = workspace.files.of_external
    return Stage(
        name="external-answers",
        settings=asking_settings(workspace),
        reads=lambda: [*all_task_files(workspace), *external_files(own), own.cohort],
        facts=lambda: asking_facts(workspace),
        writes=(workspace.files.external_answers,),
        uses=(*workspace.parts("target"), behind(workspace.head), workspace.recipe),
        run=partial(run_external_answers, workspace),
        on_every_rank=True,
        goes_on_without=(),
    )


def external_files(own: RunFolder) -> list[Path]:
    """Return the task files of the external studies."""
    return sorted(own.tasks.glob("*_comparison_tasks_test.json"))


def external_tasks(workspace: Workspace) -> list[Task]:
    """Read the tasks of the external studies."""
    paths = external_files(workspace.files.of_external)
    return [task for path in paths for task in iterate_tasks(path)]


def read_external_answers(workspace: Workspace) -> ExternalAnswers:
    """Read back what was asked of the external studies, and answered."""
    from brainplug.evaluation.external import ExternalAnswers
    from brainplug.tasks.answers import read_answers

    return ExternalAnswers(
        rows=read_answers(workspace.files.external_answers),
        tasks=external_tasks(workspace),
        train=read_all_tasks(workspace)["train"],
        people=pd.read_parquet(workspace.files.of_external.cohort),
    )


def external_reads(workspace: Workspace) -> list[Path]:
    """Return the files that the scores of external studies are made from, where there are any."""
    own = workspace.files.of_external
    if not tests_others(workspace):
        return []
    return [*external_files(own), own.cohort, workspace.files.external_answers]


def run_external_answers(workspace: Workspace, key: str) -> None:
    """Let the model speak, from where it was stopped."""
    from brainplug.inference.partial import KeptAnswers
    from brainplug.inference.stage import write_answers
    from brainplug.tasks.answers import AnswerRow

    workspace.ranks.on_main_process(lambda: note_external_openings(workspace))
    session = open_session(settled(workspace), workspace.plan)
    tasks: Tasks = {"train": session.tasks["train"], "val": [], "test": external_tasks(workspace)}
    write_answers(
        attrs.evolve(session, tasks=tasks),
        splits=("test",),
        model=workspace.files.model,
        kept=KeptAnswers(workspace.files.partial_external, key, AnswerRow),
        to=workspace.files.external_answers,
    )


def note_external_openings(workspace: Workspace) -> None:
    """Write down that external people are asked, each study by itself."""
    cohort = pd.read_parquet(workspace.files.of_external.cohort, columns=["subject", "study"])
    studies = dict(zip(cohort["subject"].tolist(), cohort["study"].tolist(), strict=True))
    asked = sorted({task.subject for task in external_tasks(workspace)})
    evaluation, parts = workspace.recipe.evaluation, make_studies(workspace)
    record_external_openings(
        workspace.files,
        kept_folder(),
        targets={
            study.name: part.head.column for study, part in zip(evaluation.also, parts, strict=True)
        },
        how=(evaluation.answer, evaluation.max_new_tokens),
        people=[(studies[subject], subject) for subject in asked],
    )

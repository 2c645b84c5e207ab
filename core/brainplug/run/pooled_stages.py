"""The last stages of several runs of one recipe: the scores of all their people, and one page.

They are stages of the folder that holds the runs, by the names of a single run's; so what one left
there never passes for what the other left.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import attrs

from brainplug.api.guard import behind
from brainplug.recipe.load import resolve
from brainplug.run.external_stages import external_reads, read_external_answers, tests_others
from brainplug.run.ledger import Stage
from brainplug.run.repeats import list_runs
from brainplug.run.result_stages import arm_homes, run_report, tell_trackers
from brainplug.run.task_stages import all_task_files, read_all_tasks, read_cohort

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    import pandas as pd

    from brainplug.evaluation.arms import ArmFacts
    from brainplug.evaluation.records import Metrics
    from brainplug.evaluation.several_runs import OneRun
    from brainplug.run.context import Workspace
    from brainplug.runtime.run_folder import RunFolder
    from brainplug.tasks.answers import AnswerRow


def pooled_stages(workspace: Workspace, failed: Mapping[str, str]) -> list[Stage]:
    """Return the stages that come after all runs.

    Args:
        workspace: of the folder that holds the runs.
        failed: why runs could not be done, by name.
    """
    return [pooled_metrics_stage(workspace, failed), pooled_report_stage(workspace)]


def pooled_metrics_stage(workspace: Workspace, failed: Mapping[str, str]) -> Stage:
    """What the answers of all runs together are worth."""
    evaluation, files = workspace.recipe.evaluation, workspace.files
    return Stage(
        name="metrics",
        settings=workspace.settings("seed", "target")
        | {
            "evaluation": {
                "metrics": list(workspace.metrics),
                "bootstrap": evaluation.bootstrap,
                "confidence": evaluation.confidence,
                "subgroups": evaluation.subgroups,
            }
        },
        reads=lambda: [files.run_list, files.cohort, *read_of_runs(workspace, failed)],
        facts=lambda: {"failed": dict(failed)},
        writes=(files.metrics, files.predictions, files.summary),
        uses=(
            *workspace.parts("target"),
            *(behind(workspace.head), evaluation),
            *workspace.metric_parts(*workspace.metrics),
        ),
        run=partial(run_pooled_metrics, workspace, failed),
    )


def read_of_runs(workspace: Workspace, failed: Mapping[str, str]) -> Iterator[Path]:
    """Give the files of each run that are pooled."""
    for home in list_runs(workspace.files, failed).values():
        own = attrs.evolve(workspace, files=home)
        yield from (*all_task_files(own), home.answers, home.metrics)
        yield from (home.baselines, home.baseline_answers, home.covariates, home.interventions)
        yield from (home.arm_list, *(arm.answers for arm in arm_homes(own)))
        yield from external_reads(own)


def run_pooled_metrics(workspace: Workspace, failed: Mapping[str, str]) -> None:
    """Score the people of all runs together."""
    from brainplug.evaluation.bootstrap import BootstrapPlan
    from brainplug.evaluation.pooled import Pooling, pool
    from brainplug.evaluation.pooled_external import pool_external
    from brainplug.evaluation.predictions_table import join_predictions, write_predictions
    from brainplug.runtime.records import write_record

    files, evaluation = workspace.files, workspace.recipe.evaluation
    people = read_cohort(workspace)
    homes = list_runs(files, failed)
    runs = {name: read_run(workspace, home) for name, home in homes.items()}
    plan = BootstrapPlan(
        samples=evaluation.bootstrap,
        confidence=evaluation.confidence,
        seed=workspace.recipe.seed,
    )
    pooling = Pooling(
        metrics=workspace.metrics,
        plan=plan,
        people=people,
        subgroups=evaluation.subgroups,
        failed=failed,
    )
    given = {
        name: read_external_answers(own)
        for name, home in homes.items()
        if tests_others(own := attrs.evolve(workspace, files=home))
    }
    metrics = attrs.evolve(pool(runs, pooling), external=pool_external(runs, given, pooling))
    tables = {name: list_run(run, homes[name], people) for name, run in runs.items()}
    write_predictions(files.predictions, join_predictions(tables))
    write_record(files.summary, metrics.runs)
    write_record(files.metrics, metrics)
    tell_trackers(workspace, metrics)


def read_run(workspace: Workspace, home: RunFolder) -> OneRun:
    """Read back one of several runs."""
    from brainplug.baselines.records import Baselines
    from brainplug.evaluation.beside import baseline_rules
    from brainplug.evaluation.interventions import read_as_headline
    from brainplug.evaluation.readouts import headline_rows
    from brainplug.evaluation.records import Metrics
    from brainplug.evaluation.several_runs import OneRun
    from brainplug.evaluation.stage import rules_of, trained_on
    from brainplug.runtime.records import read_record
    from brainplug.tasks.answers import read_answers
    from brainplug.tasks.intervention_rows import read_interventions

    metrics = read_record(home.metrics, Metrics)
    rows = headline_rows(read_answers(home.answers), metrics)
    own = attrs.evolve(workspace, files=home)
    tasks = read_all_tasks(own)
    baselines = Baselines.read(home.baselines, home.baseline_answers, home.covariates)
    rules = rules_of(tasks, {row.split for row in rows})
    return OneRun(
        metrics=metrics,
        rows=rows,
        rules=rules | baseline_rules(baselines, metrics.target.labels),
        baselines=baselines,
        arms=read_arms(home, metrics),
        changed=read_as_headline(read_interventions(home.interventions), metrics),
        train={task.subject: task.truth for task in tasks["train"]},
        trained=frozenset(trained_on(tasks["train"], read_cohort(workspace, "scan", "subject"))),
    )


def read_arms(home: RunFolder, metrics: Metrics) -> dict[str, tuple[ArmFacts, list[AnswerRow]]]:
    """Read back the arms of one run, by its read-out; one that failed has no answers."""
    from brainplug.evaluation.arms import ArmList
    from brainplug.evaluation.readouts import headline_rows
    from brainplug.runtime.records import read_record
    from brainplug.tasks.answers import read_answers

    return {
        name: (
            facts,
            headline_rows([] if facts.failed else read_answers(home.of_arm(name).answers), metrics),
        )
        for name, facts in read_record(home.arm_list, ArmList).arms.items()
    }


def list_run(run: OneRun, home: RunFolder, people: pd.DataFrame) -> pd.DataFrame:
    """Return what one run predicts for each person, by its own read-out and training people."""
    from brainplug.evaluation.describe import TargetFacts
    from brainplug.evaluation.predictions_table import list_predictions
    from brainplug.tasks.answers import read_answers

    target = run.metrics.target
    facts = TargetFacts(
        name=target.name,
        kind=target.kind,
        labels=target.labels,
        unit=target.unit,
        train_values=tuple(run.train.values()),
        people=people,
    )
    return list_predictions(run.rows, read_answers(home.answers), facts)


def pooled_report_stage(workspace: Workspace) -> Stage:
    """The page of all runs together."""
    files = workspace.files
    return Stage(
        name="report",
        settings=resolve(workspace.recipe),
        reads=lambda: [
            *(files.cohort, files.facts, files.exclusions, files.metrics),
            *(home.test_lock for home in list_runs(files).values()),
        ],
        writes=(files.report,),
        uses=(workspace.recipe,),
        run=partial(run_report, workspace),
    )

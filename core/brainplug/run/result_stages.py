"""The last stages of a run: what the answers are worth, and the page."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import attrs

from brainplug.api.guard import behind
from brainplug.recipe.load import resolve
from brainplug.run.arms import choose_arms
from brainplug.run.external_stages import external_reads, read_external_answers, tests_others
from brainplug.run.ledger import Stage
from brainplug.run.task_stages import all_task_files, fit_answers, read_all_tasks, read_cohort
from brainplug.runtime.curves import Curves
from brainplug.tasks.read import iterate_tasks

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from brainplug.api.records import Image, Turn
    from brainplug.evaluation.describe import TargetFacts
    from brainplug.evaluation.records import ArmScores, Metrics, SplitScores
    from brainplug.evaluation.stage import Scoring
    from brainplug.run.context import Workspace
    from brainplug.runtime.run_folder import RunFolder
    from brainplug.tasks.answers import AnswerRow


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
                "subgroups": evaluation.subgroups,
            }
        },
        reads=lambda: [
            *all_task_files(workspace),
            workspace.files.answers,
            workspace.files.interventions,
            workspace.files.cohort,
            workspace.files.split,
            workspace.files.training,
            *external_reads(workspace),
            workspace.files.baselines,
            workspace.files.baseline_answers,
            workspace.files.covariates,
            workspace.files.arm_list,
            *(home.answers for home in arm_homes(workspace)),
        ],
        writes=(workspace.files.metrics, workspace.files.predictions),
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
    from brainplug.evaluation.interventions import read_as_headline, score_interventions
    from brainplug.evaluation.predictions_table import list_predictions, write_predictions
    from brainplug.evaluation.readouts import headline_rows
    from brainplug.evaluation.stage import score
    from brainplug.runtime.records import read_record, write_record
    from brainplug.tasks.answers import read_answers
    from brainplug.tasks.intervention_rows import read_interventions

    files = workspace.files
    rows, tasks, people = (
        read_answers(files.answers),
        read_all_tasks(workspace),
        read_cohort(workspace),
    )
    scoring = make_scoring(workspace)
    metrics = score(rows, tasks, scoring, people=people)
    facts, told = scoring.facts(tasks["train"], people), headline_rows(rows, metrics)
    table = list_predictions(told, rows, facts)
    write_predictions(files.predictions, table)
    training = read_record(files.training, TrainingHistory)
    changed = read_as_headline(read_interventions(files.interventions), metrics)
    interventions = score_interventions(changed, told, scoring.measure(facts))
    whole = attrs.evolve(
        metrics,
        selected=training.selected,
        interventions=interventions,
        external=score_others(workspace, scoring, metrics) if tests_others(workspace) else {},
        arms=score_arms(workspace, metrics, facts),
    )
    write_record(files.metrics, whole)
    tell_trackers(workspace, whole)


def tell_trackers(workspace: Workspace, metrics: Metrics) -> None:
    """Send the model's scores to where its curves went, if they went anywhere."""
    curves = Curves.of(workspace.recipe.training.report_to, workspace.files)
    if not curves.trackers:
        return
    from brainplug.training.trackers import send_scores

    scores = {
        f"{split}/{name}": score.value
        for split, scored in metrics.splits.items()
        for name, score in scored.metrics.items()
        if score.value is not None
    }
    step = metrics.selected.step if metrics.selected else 0
    for line in send_scores(curves, scores, step=step):
        workspace.tell(line)


def score_others(
    workspace: Workspace, scoring: Scoring, metrics: Metrics
) -> Mapping[str, SplitScores]:
    """Score the external studies."""
    from brainplug.evaluation.external import score_external

    return score_external(read_external_answers(workspace), scoring, metrics)


def arm_homes(workspace: Workspace) -> list[RunFolder]:
    """Return the folders of the arms of a run."""
    arms = choose_arms(workspace.recipe, workspace.plan)
    return [workspace.files.of_arm(arm) for arm in arms]


def score_arms(workspace: Workspace, metrics: Metrics, facts: TargetFacts) -> dict[str, ArmScores]:
    """Score the arms of a run beside it, on the same people and by the same read-out.

    Args:
        workspace: of the run.
        metrics: of the run.
        facts: what scoring must know besides.
    """
    from brainplug.evaluation.arms import ArmList, Pairing, score_arm
    from brainplug.evaluation.bootstrap import BootstrapPlan
    from brainplug.evaluation.readouts import headline_rows
    from brainplug.evaluation.records import ArmScores
    from brainplug.runtime.records import read_record
    from brainplug.tasks.answers import read_answers

    evaluation = workspace.recipe.evaluation
    plan = BootstrapPlan(
        samples=evaluation.bootstrap, confidence=evaluation.confidence, seed=workspace.recipe.seed
    )
    pairing = Pairing(facts=facts, metrics=workspace.metrics, plan=plan)

    def read(files: RunFolder) -> list[AnswerRow]:
        return headline_rows(read_answers(files.answers), metrics)

    main, files = read(workspace.files), workspace.files
    return {
        name: ArmScores(**attrs.asdict(arm, recurse=False))
        if arm.failed
        else score_arm(name, arm, read(files.of_arm(name)), main, pairing)
        for name, arm in read_record(files.arm_list, ArmList).arms.items()
    }


def make_scoring(workspace: Workspace) -> Scoring:
    """Return how the answers of a run are scored."""
    from brainplug.baselines.records import Baselines
    from brainplug.evaluation.stage import Scoring

    files = workspace.files
    return Scoring(
        head=workspace.head,
        answers=fit_answers(workspace),
        metrics=workspace.metrics,
        evaluation=workspace.recipe.evaluation,
        seed=workspace.recipe.seed,
        baselines=Baselines.read(files.baselines, files.baseline_answers, files.covariates),
    )


def report_stage(workspace: Workspace) -> Stage:
    """The page, which shows the whole recipe, and the card of the model."""
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
            workspace.files.test_lock,
            *([] if workspace.recipe.tasks else [workspace.files.split_notes]),
        ],
        writes=(workspace.files.report, workspace.files.card),
        uses=(*workspace.parts("target"), behind(workspace.head), workspace.recipe),
        run=partial(run_report, workspace),
    )


def run_report(workspace: Workspace) -> None:
    """Write the page, and the card beside the weights if they are there."""
    from brainplug.report.card import write_card
    from brainplug.report.facts import Sources
    from brainplug.report.page import write_report

    sources = Sources(
        recipe=workspace.recipe,
        files=workspace.files,
        kind=workspace.head.kind,
        load=workspace.load_volume,
    )
    write_report(sources)
    if workspace.files.model.is_dir():
        write_card(sources, example_dialogue(workspace))


def example_dialogue(workspace: Workspace) -> Sequence[Turn] | None:
    """Return a training dialogue that tells nobody's number; None where it tells one elsewhere.

    A number is exchanged for the mean of all training people. Labels are those of very many.
    """
    from brainplug.evaluation.records import Metrics
    from brainplug.evaluation.small_cells import is_few
    from brainplug.runtime.records import read_record

    task = next(iterate_tasks(all_task_files(workspace)[0]))
    answers = fit_answers(workspace)
    if answers.labels:
        return task.turns
    train = read_record(workspace.files.metrics, Metrics).train
    if train.mean is None or is_few(train.n):
        return None
    told = {answers.say(value): answers.say(train.mean) for value in task.reference_values}
    turns = tuple(
        attrs.evolve(turn, content=tuple(exchange(piece, told) for piece in turn.content))
        for turn in task.turns
    )
    return None if told and turns == task.turns else turns


def exchange(piece: str | Image, told: Mapping[str, str]) -> str | Image:
    """Return a piece of a turn in which some words are others."""
    if isinstance(piece, str):
        for word, other in told.items():
            piece = piece.replace(word, other)
    return piece

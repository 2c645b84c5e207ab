"""The stages of a run: what each is made from, and what it writes.

    cohort → split → pairs → dialogues → volumes → baselines → training → answers → interventions →
    arms → metrics → report

Behind the answers come those to external studies, where a recipe names some; see `external_stages`.
The first four are those of `task_stages`. From the dialogues on, a stage reads the task files only,
so that finished task files can take the place of everything before them.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import attrs
from rich.text import Text

from brainplug.api.guard import behind
from brainplug.api.laws import hold_sources
from brainplug.api.metric_laws import hold_metrics
from brainplug.api.roles import ReadsFiles, able
from brainplug.imaging.cache import content_hash
from brainplug.recipe.metrics import EXPECTED_ERROR
from brainplug.recipe.phases import plan_phases
from brainplug.run.arithmetic import settle, settled
from brainplug.run.arms import arms_stage
from brainplug.run.asking import asking_facts, asking_settings, open_session
from brainplug.run.choosing import few_validate, find_selecting
from brainplug.run.external_stages import external_stages
from brainplug.run.intervention_stage import interventions_stage
from brainplug.run.ledger import MadeFrom, Recalled, Stage, fault_of, hash_path, hash_reads
from brainplug.run.openings import record_opening
from brainplug.run.result_stages import metrics_stage, report_stage
from brainplug.run.scan_stages import baselines_stage, volumes_stage
from brainplug.run.task_stages import (
    DESIGN_STAGES,
    adopt_stage,
    all_task_files,
    fit_answers,
    read_cohort,
    task_paths,
)
from brainplug.runtime.curves import Curves
from brainplug.runtime.files import kept_folder
from brainplug.tasks.read import iterate_tasks
from brainplug.training.aside import TrainingHome, make_room, mend_notes
from brainplug.training.phases import phase_keys

if TYPE_CHECKING:
    from brainplug.run.context import Workspace
    from brainplug.runtime.run_folder import RunFolder


def make_stages(workspace: Workspace) -> list[Stage]:
    """Return the stages of a run in their order; none is begun."""
    first = DESIGN_STAGES if workspace.recipe.tasks is None else (adopt_stage,)
    found = [make(workspace) for make in (*first, *STAGE_MAKERS)]
    names = [stage.name for stage in found]
    # Behind the answers, so that all that is chosen is chosen before.
    place = names.index("interventions") + 1
    return [*found[:place], *external_stages(workspace), *found[place:]]


def training_stage(workspace: Workspace) -> Stage:
    """The model, trained."""
    home = training_home(workspace.files)
    return Stage(
        name="training",
        settings=learning_settings(workspace) | {"training": phase_settings(workspace)},
        reads=lambda: [*all_task_files(workspace), workspace.files.volumes],
        facts=lambda: {
            "model": hash_model(workspace),
            "arithmetic": settle(workspace.recipe.speed.onednn, workspace.files),
            "selecting": settle_selecting(workspace),
        },
        writes=home.results,
        uses=(
            *workspace.parts("model", "target"),
            *(behind(workspace.backbone), behind(workspace.head), workspace.recipe),
            *workspace.metric_parts(workspace.selecting),
        ),
        run=partial(run_training, workspace),
        on_every_rank=True,
        goes_on_without=("training",),  # each phase adds its own
        recall=partial(recall_training, workspace),
        tend=partial(tend_training, workspace),
        put_aside=lambda entry: home.put_aside(entry).name,
    )


def learning_settings(workspace: Workspace) -> dict[str, Any]:
    """Return the keys that every phase of the training depends on; each has others besides.

    Of the evaluation those that decide which checkpoint is chosen.
    """
    recipe, evaluation = workspace.recipe, workspace.recipe.evaluation
    weights = {study.name: study.weight for study in recipe.cohort}
    return {
        **workspace.settings("augmentation", "model", "target"),
        "images": workspace.grid(),
        "evaluation": {
            "answer": evaluation.answer,
            "max_new_tokens": evaluation.max_new_tokens,
        },
        "training.seed": recipe.training_seed,
        "training.select_by": workspace.selecting,
        "cohort.weight": weights if len(weights) > 1 else None,
    }


def phase_settings(workspace: Workspace) -> dict[str, Any]:
    """Return the settings of the phases, by the keys of the recipe."""
    training = workspace.recipe.training
    phases = [phase.settings() for phase in plan_phases(training, workspace.backbone)]
    if training.phase:
        return {"phase": phases}
    (only,) = phases
    # They are model.train, and always the dialogues.
    return {key: each for key, each in only.items() if key not in {"train", "use"}}


def training_home(files: RunFolder) -> TrainingHome:
    """Return where the run keeps its training."""
    return TrainingHome(
        checkpoints=files.checkpoints,
        model=files.model,
        history=files.training,
        curves=files.curves,
    )


def recall_training(workspace: Workspace, made: MadeFrom, entry: dict[str, Any]) -> Recalled:
    """Put aside what is of another training, bring back what is of this one."""
    home, keys = training_home(workspace.files), keys_of_phases(workspace, made)
    known = entry.get("made_from") == made.to_json()
    whole, lines = make_room(home, keys, key=made.key, entry=entry, known=known)
    return Recalled(entry=whole, lines=tuple(lines))


def tend_training(workspace: Workspace, made: MadeFrom) -> list[str]:
    """Mend the notes of the phases of a training that is done; say which."""
    keys = keys_of_phases(workspace, made)
    return mend_notes(training_home(workspace.files), keys, known=True)


def keys_of_phases(workspace: Workspace, made: MadeFrom) -> list[str]:
    """Return the keys of the phases of a training that is made from this."""
    phases = plan_phases(workspace.recipe.training, workspace.backbone)
    return phase_keys(made.without("training").key, phases)


def hash_model(workspace: Workspace) -> dict[str, str]:
    """Return the content hash of the files that the model is loaded from, if it is from files."""
    backbone, memo = workspace.backbone, workspace.cache / "hashes"
    hold_sources(backbone)  # before a missing file is taken for a fault of the disk
    files = backbone.sources() if able(backbone, ReadsFiles) else ()
    return hash_reads(
        files, lambda path: content_hash(path, memo) if path.is_file() else hash_path(path)
    )


def settle_selecting(workspace: Workspace) -> str:
    """Return the name of what chooses the checkpoint.

    Raises:
        DataError: the recipe names the error of the expected value, and there is none.
    """
    paths = all_task_files(workspace)
    if workspace.selecting != EXPECTED_ERROR or not paths:
        return workspace.selecting
    task = next(iterate_tasks(paths[0]))
    return find_selecting(workspace.recipe, workspace.metrics, fit_answers(workspace), task)


def run_training(workspace: Workspace, key: str) -> None:
    """Train from the last whole checkpoint; keep the weights of the best validation."""
    from brainplug.training.stage import Selection, train_model

    hold_metrics(workspace.metrics, fit_answers(workspace).labels)
    name, metrics = settle_selecting(workspace), workspace.metrics
    told = dict.fromkeys((workspace.headline, *([name] if name in metrics else [])))
    session = attrs.evolve(
        open_session(settled(workspace), workspace.plan),
        curves=Curves.of(workspace.recipe.training.report_to, workspace.files),
    )
    for note in few_validate(name, len({task.subject for task in session.tasks["val"]})):
        workspace.console.print(Text(note, style="yellow"))
    train_model(
        session,
        workspace.backbone,
        selection=Selection(
            name=name, metrics={each: metrics[each] for each in told}, proper=workspace.proper
        ),
        folders=training_home(workspace.files),
        made_from=key,
    )


def answers_stage(workspace: Workspace) -> Stage:
    """What the model says to every validation task, and to every test task once that is opened."""
    return Stage(
        name="answers",
        settings=asking_settings(workspace) | {"evidence": {"answered": workspace.evaluated}},
        reads=lambda: [
            *all_task_files(workspace),
            workspace.files.volumes,
            workspace.files.training,
        ],
        facts=lambda: asking_facts(workspace),
        writes=(workspace.files.answers,),
        uses=(*workspace.parts("target"), behind(workspace.head), workspace.recipe),
        run=partial(run_answers, workspace),
        on_every_rank=True,
        goes_on_without=("evidence",),
        recall=partial(recall_answers, workspace),
    )


def recall_answers(workspace: Workspace, made: MadeFrom, entry: dict[str, Any]) -> Recalled:
    """Keep what was answered where only another split is asked now."""
    from brainplug.inference.partial import KeptAnswers
    from brainplug.tasks.answers import AnswerRow

    answers, done = workspace.files.answers, entry.get("last", entry)
    told = done.get("written", {}).get(answers.name)
    if not answers.is_file() or "made_from" not in done or (told and fault_of(answers, told)):
        return Recalled()
    before = MadeFrom(**done["made_from"]).without("evidence")
    if before.key == made.without("evidence").key:
        KeptAnswers(workspace.files.partial_answers, before.key, AnswerRow).go_on_from(answers)
    return Recalled()


def note_opening(workspace: Workspace) -> None:
    """Write down that the test is asked."""
    evaluation = workspace.recipe.evaluation
    record_opening(
        workspace.files,
        kept_folder(),
        target=workspace.head.column,
        how=(evaluation.answer, evaluation.max_new_tokens),
        people=find_tested(workspace),
    )


def find_tested(workspace: Workspace) -> list[tuple[str, str]]:
    """Return study and subject of everybody whom the test asks."""
    cohort = read_cohort(workspace, "subject", "study")
    studies = dict(zip(cohort["subject"].tolist(), cohort["study"].tolist(), strict=True))
    tested = {
        task.subject for path in task_paths(workspace)["test"] for task in iterate_tasks(path)
    }
    return [(studies[subject], subject) for subject in sorted(tested)]


def run_answers(workspace: Workspace, key: str) -> None:
    """Let the model speak, from where it was stopped."""
    from brainplug.inference.partial import KeptAnswers
    from brainplug.inference.stage import write_answers
    from brainplug.tasks.answers import AnswerRow

    if "test" in workspace.evaluated:
        workspace.ranks.on_main_process(lambda: note_opening(workspace))
    write_answers(
        open_session(settled(workspace), workspace.plan),
        splits=workspace.evaluated,
        model=workspace.files.model,
        kept=KeptAnswers(workspace.files.partial_answers, key, AnswerRow),
        to=workspace.files.answers,
    )


STAGE_MAKERS = (
    volumes_stage,
    baselines_stage,
    training_stage,
    answers_stage,
    interventions_stage,
    arms_stage,
    metrics_stage,
    report_stage,
)

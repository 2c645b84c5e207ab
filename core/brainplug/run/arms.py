"""Trainings beside the main one: which there are, what each is given, and what came of them.

An arm lies in `arms/NAME/` of the run folder and is a run of its own from the pairs on, with the
cohort and the split of the main run, its seed and as many optimiser steps.
"""

from __future__ import annotations

import shutil
from functools import partial
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from brainplug.api.dialogue_laws import alone_faults
from brainplug.api.laws import hold
from brainplug.api.roles import ShowsNone, WordsAlone, able
from brainplug.design.split import ask_everybody
from brainplug.errors import DataError, RunError
from brainplug.recipe.evidence_table import ALONE, QUERY_ALONE, SHUFFLED, Evidence
from brainplug.recipe.tables import Chosen
from brainplug.run.choosing import LARGE
from brainplug.run.context import Workspace
from brainplug.run.ledger import Stage
from brainplug.run.task_stages import fit_answers, read_cohort, read_split, task_paths
from brainplug.runtime.files import read_json, write_csv, write_json, write_parquet
from brainplug.runtime.records import read_record, write_record
from brainplug.tasks.arm_tasks import with_values, without_references
from brainplug.tasks.read import iterate_tasks
from brainplug.tasks.task import write_tasks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import pandas as pd

    from brainplug.api.records import ModelPlan, TargetValue
    from brainplug.evaluation.history import TrainingHistory
    from brainplug.recipe.tables import Recipe
    from brainplug.recipe.training_tables import Training
    from brainplug.registry import Registry
    from brainplug.runtime.run_folder import RunFolder
    from brainplug.tasks.task import Task

    Change = Callable[[Task], Task]


def choose_arms(recipe: Recipe, plan: ModelPlan) -> tuple[str, ...]:
    """Return the arms of a recipe: those it names, or those that the model can afford."""
    small = 0 < plan.num_parameters < LARGE
    usual = (QUERY_ALONE, SHUFFLED) if small else (QUERY_ALONE,)
    named = usual if recipe.evidence.arms is None else recipe.evidence.arms
    # Beside a run without references, one without references is the same again.
    alone = recipe.pairing is not None and able(recipe.pairing.make(), ShowsNone)
    return tuple(arm for arm in named if not (alone and arm == QUERY_ALONE))


def arm_recipe(recipe: Recipe, arm: str, registry: Registry, *, test: bool) -> Recipe:
    """Return the recipe of an arm, but for the length of its training."""
    evidence = Evidence(arms=(), test=test)
    changed = attrs.evolve(recipe, evidence=evidence)
    if arm != QUERY_ALONE or recipe.tasks is not None:
        return changed
    assert recipe.prompt
    prompt = recipe.prompt
    if not able(prompt.make(), WordsAlone):
        prompt = find_alone(registry, "prompts")
    return attrs.evolve(changed, pairing=find_alone(registry, "pairings"), prompt=prompt)


def hold_alone(recipe: Recipe, plan: ModelPlan) -> None:
    """Hold what an arm without references is worded by to its laws, before anything is trained.

    Raises:
        PluginError: `alone` of the prompt template gives no template for queries by themselves.
    """
    if recipe.prompt is None or QUERY_ALONE not in choose_arms(recipe, plan):
        return
    template: Any = recipe.prompt.make()
    if able(template, WordsAlone):
        hold(template, alone_faults(template))


def find_alone(registry: Registry, role: str) -> Chosen[Any]:
    """Return the part of a role that stands for "without references", with its defaults.

    That is the one named in `ALONE`; where it is not installed, the only one that shows none.

    Raises:
        RunError: no plugin offers one, or several do and none is the named one.
    """
    parts = registry.parts(role)
    found = [name for name in parts if ShowsNone in getattr(parts[name].make, "abilities", ())]
    named = [name for name in found if name == ALONE[role]] or found
    if len(named) == 1:
        name, part = named[0], parts[named[0]]
        return Chosen(
            use=name, options=part.options(), part=part, origin=registry.origin(role, name)
        )
    raise RunError(
        ", ".join(map(repr, found)) or "none",
        where=role,
        expected=f"the part {ALONE[role]!r}, or one alone that shows no reference, for the arm "
        f"{QUERY_ALONE!r}",
        found=tuple(found),
        hint="install brainplug whole, or leave that arm out of arms in [evidence]",
    )


def with_steps(training: Training, main: TrainingHistory) -> Training:
    """Return a training of as many steps as another took, in each phase, validated as often."""
    from brainplug.evaluation.arms import count_steps

    steps = count_steps(main)
    whole = attrs.evolve(training, steps_per_validation=main.phases[-1].every, patience=None)
    if not training.phase:
        return attrs.evolve(whole, steps=steps[0])
    phases = tuple(
        attrs.evolve(phase, steps=count) for phase, count in zip(training.phase, steps, strict=True)
    )
    return attrs.evolve(whole, phase=phases)


def arm_stages(recipe: Recipe) -> tuple[str, ...]:
    """Return the stages that an arm does itself; all before are those of the main run."""
    own = ("volumes", "training", "answers")
    return own if recipe.tasks is not None else ("pairs", "dialogues", *own)


def open_arm(workspace: Workspace, arm: str) -> Workspace:
    """Give an arm what it begins from; return its workspace.

    Raises:
        DataError: the tasks cannot be changed as the arm asks for.
    """
    from brainplug.evaluation.history import TrainingHistory

    files, own = workspace.files, workspace.files.of_arm(arm)
    recipe = arm_recipe(
        workspace.recipe, arm, workspace.registry, test="test" in workspace.evaluated
    )
    main = read_record(files.training, TrainingHistory)
    recipe = attrs.evolve(recipe, training=with_steps(recipe.training, main))
    for path in (files.cohort, files.facts, files.exclusions, files.split, files.split_notes):
        if path.is_file():
            shutil.copy2(path, own.path / path.name)
    finished = workspace.recipe.tasks is not None
    notes = (change_tasks if finished else change_people)(workspace, arm)
    write_json(own.arm, {"arm": arm, "notes": notes})
    return Workspace.open(
        recipe,
        registry=workspace.registry,
        folder=own.path,
        console=workspace.console,
        within=True,
        ranks=workspace.ranks,
    )


def change_people(workspace: Workspace, arm: str) -> list[str]:
    """Write the cohort or the split of an arm where it is another; return what there is to say."""
    own, split = workspace.files.of_arm(arm), read_split(workspace)
    if arm == QUERY_ALONE:
        # Whom the main run shows as references in training, this one asks.
        write_csv(own.split, ask_everybody(split, ("train",)))
        assert workspace.recipe.prompt
        if able(workspace.template, WordsAlone):
            return []
        used = workspace.recipe.prompt.use
        other = find_alone(workspace.registry, "prompts").use
        return [f"The prompt {used!r} cannot word a query alone; {other!r} words the arm's."]
    cohort = read_cohort(workspace)
    values = shuffle_values(cohort, split, seed=workspace.recipe.seed)
    trained = cohort["subject"].map(values)
    target = trained.where(trained.notna(), cohort["target"]).astype(cohort["target"].dtype)
    write_parquet(own.cohort, cohort.assign(target=target))
    return []


def shuffle_values(
    cohort: pd.DataFrame, split: pd.DataFrame, *, seed: int
) -> dict[str, TargetValue]:
    """Return for each training person the value of another one, drawn within study and role.

    So those who are asked have as many of each class as in the main run, and so have those who are
    shown. Whoever was scanned several times has one value for all.

    Args:
        cohort: `study`, `subject` and `target`, a row a scan.
        split: `subject` and `pool`.
        seed: of the draw.
    """
    trains = split[split["pool"].str.startswith("train")]
    people = cohort.drop_duplicates("subject").merge(trains[["subject", "pool"]], on="subject")
    people = people.sort_values("subject")
    values: dict[str, TargetValue] = {}
    for number, (_, members) in enumerate(people.groupby(["study", "pool"], sort=True)):
        drawn = np.random.default_rng([seed, number]).permutation(len(members))
        given = members["target"].to_numpy()[drawn].tolist()
        values |= dict(zip(members["subject"].tolist(), given, strict=True))
    return values


def change_tasks(workspace: Workspace, arm: str) -> list[str]:
    """Write finished tasks as an arm asks them; return what there is to say.

    Raises:
        DataError: they cannot be changed so.
    """
    own = workspace.files.of_arm(arm)
    shown = (task for path in task_paths(workspace)["train"] for task in iterate_tasks(path))
    if arm == QUERY_ALONE and not any(task.references for task in shown):
        raise DataError(
            "none",
            where="the training tasks",
            expected=f"references that the arm {QUERY_ALONE!r} could leave out",
            hint="leave it out of arms in [evidence]",
        )
    shutil.rmtree(own.tasks, ignore_errors=True)
    for split, paths in task_paths(workspace).items():
        change = change_of(workspace, arm, trained=split == "train")
        for path in paths:
            tasks = once_each(map(change, iterate_tasks(path)))
            write_tasks(own.tasks / path.name, tasks)
    if arm != QUERY_ALONE:
        return []
    return ["Its question is that of the task files, whatever it says of a reference."]


def change_of(workspace: Workspace, arm: str, *, trained: bool) -> Change:
    """Return what makes an arm's task of one of the main run."""
    if arm == QUERY_ALONE:
        return without_references
    if not trained:
        return lambda task: task
    values = shuffle_values(
        read_cohort(workspace), read_split(workspace), seed=workspace.recipe.seed
    )
    return partial(with_values, values=values, answers=fit_answers(workspace))


def once_each(tasks: Iterable[Task]) -> Iterator[Task]:
    """Give tasks; of those that show the same scans to the same end, the first."""
    seen = set()
    for task in tasks:
        if (task.subject, task.images) not in seen:
            seen.add((task.subject, task.images))
            yield task


def arms_stage(workspace: Workspace) -> Stage:
    """What came of the arms, which are runs of their own."""
    files = workspace.files
    arms = choose_arms(workspace.recipe, workspace.plan)
    homes = [files.of_arm(arm) for arm in arms]
    return Stage(
        name="arms",
        settings={"evidence": {"arms": arms}},
        reads=lambda: [
            files.training,
            *(path for home in homes for path in (home.arm, home.training, home.answers)),
        ],
        writes=(files.arm_list,),
        run=partial(run_arms, workspace, arms),
    )


def run_arms(workspace: Workspace, arms: tuple[str, ...]) -> None:
    """Gather what the arms tell of themselves."""
    from brainplug.evaluation.arms import ArmFacts, ArmList
    from brainplug.evaluation.history import TrainingHistory

    files = workspace.files
    main = read_record(files.training, TrainingHistory)
    found: dict[str, ArmFacts] = {}
    for arm in arms:
        home = files.of_arm(arm)
        told = read_json(home.arm)
        if told.get("failed"):
            found[arm] = ArmFacts(failed=told["failed"])
            continue
        history = read_record(home.training, TrainingHistory)
        found[arm] = ArmFacts.of(history, main, told["notes"])
    write_record(files.arm_list, ArmList(arms=found))


def note_failure(files: RunFolder, arm: str, error: Exception) -> None:
    """Write down that an arm could not be done, so that the main run tells it."""
    home = files.of_arm(arm)
    told = read_json(home.arm) if home.arm.is_file() else {"arm": arm, "notes": []}
    write_json(home.arm, {**told, "failed": str(error)})

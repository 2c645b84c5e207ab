"""The training stage: the model learns, phase by phase.

Imported by the run when it comes to them, since torch takes seconds to load.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import attrs
import numpy as np

from brainplug.api.laws import count_faults, hold
from brainplug.errors import DataError
from brainplug.evaluation.history import PhaseFacts, PhaseHistory, TrainingHistory, WeightCounts
from brainplug.imaging.augment import Augmenter
from brainplug.model.bundle import ModelBundle, bundle_faults, load_bundle
from brainplug.model.llava import train_only
from brainplug.model.lora import Count, add_adapters, count_weights, merge_adapters
from brainplug.model.processor_file import write_processor
from brainplug.recipe.phases import plan_phases
from brainplug.runtime.curves import Curves
from brainplug.runtime.quiet import quieten
from brainplug.runtime.records import write_record
from brainplug.runtime.terminal import make_table
from brainplug.training.checkpoints import writing
from brainplug.training.job import TrainingJob
from brainplug.training.mixture import Mixture
from brainplug.training.phases import copy_whole, open_folders
from brainplug.training.scan_values import make_values
from brainplug.training.soft_numbers import SoftNumbers
from brainplug.training.standardise import fit_standardisation
from brainplug.training.trainer import train

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from rich.table import Table

    from brainplug.api.roles import Metric, ModelBackbone
    from brainplug.inference.session import ModelSession
    from brainplug.recipe.phases import PhasePlan
    from brainplug.recipe.tables import Recipe, Study
    from brainplug.training.aside import TrainingHome
    from brainplug.training.job import TrainingResult
    from brainplug.training.phases import PhaseFolder
    from brainplug.training.scan_values import ScanValues


@attrs.frozen(kw_only=True)
class Selection:
    """What chooses the checkpoint that is kept.

    Attributes:
        name: of the metric, as the recipe has it, or of a proper score, or `last`.
        metrics: score what is said to the validation tasks, besides the proper score.
        proper: the score that settles ties; None where candidates are not looked at.
    """

    name: str
    metrics: Mapping[str, Metric]
    proper: str | None

    @property
    def higher_is_better(self) -> bool:
        """Direction of the score; of proper ones less is better."""
        return self.name in self.metrics and self.metrics[self.name].higher_is_better


def train_model(
    session: ModelSession,
    backbone: ModelBackbone,
    *,
    selection: Selection,
    folders: TrainingHome,
    made_from: str,
) -> None:
    """Let the model learn, phase by phase, and write it with the history of its training.

    A phase that is done is not repeated, and one that was stopped goes on from its last whole
    checkpoint. Those of other trainings have been put aside.

    Args:
        session: the tasks, and how the model takes them.
        backbone: builds the model.
        selection: chooses the checkpoint.
        folders: where is written.
        made_from: key of all that every phase depends on.
    """
    quieten()
    recipe, ranks = session.recipe, session.ranks
    for line in session.curves.where() if session.curves else ():
        session.tell(line)
    phases = plan_phases(recipe.training, backbone)
    kept = ranks.on_main_process(lambda: open_folders(folders.checkpoints, made_from, phases))
    begin = partial(build_model, backbone, recipe.images.shape, seed=recipe.training_seed)
    for phase, folder in zip(phases, kept, strict=True):
        if ranks.on_main_process(folder.is_done):
            session.tell(f"{phase.title} as before")
            ranks.on_main_process(folder.clear)
        else:
            if fault := ranks.on_main_process(folder.fault):
                session.tell(f"{phase.title}: trained again, its model is damaged: {fault}")
            train_phase(session, phase, folder, selection=selection, begin=begin)
        # From disk, for a phase that was trained just now as well: a run that was stopped between
        # two phases then begins the second from the same bytes.
        begin = partial(load_bundle, folder.model)
    finish = partial(
        write_processor, grid=recipe.images.grid, tokens_per_image=session.plan.tokens_per_image
    )
    ranks.on_main_process(lambda: copy_whole(kept[-1].model, folders.model, finish))
    history = TrainingHistory.of([folder.read_history() for folder in kept])
    ranks.on_main_process(lambda: write_record(folders.history, history))


def train_phase(
    session: ModelSession,
    phase: PhasePlan,
    folder: PhaseFolder,
    *,
    selection: Selection,
    begin: Callable[[], ModelBundle],
) -> None:
    """Train the parts and adapters of a phase; leave the model, adapters merged, and the history.

    Args:
        session: the tasks, and how the model takes them.
        phase: what learns, and how.
        folder: where it is kept.
        selection: chooses the checkpoint.
        begin: makes the model; nobody else holds it, so that the next phase finds its memory free.

    Raises:
        DataError: the model lacks layers that adapters are asked for; and see `soften`.
    """
    # numpy takes seeds of 32 bits only, and the Trainer seeds it too.
    bundle, seed = begin(), (session.recipe.training_seed + phase.number - 1) % 2**32
    if phase.number == 1:  # later ones begin from a model that has been fitted
        fit_standardisation(bundle, session)
    # Ahead of the adapters, which leave to learn what learns by then.
    train_only(bundle.model, phase.parts)
    if phase.options.lora:
        add_adapters(bundle.model, phase.options.lora, seed=seed)
    counts = count_weights(bundle.model)
    session.show(parts_table(counts, title=f"{phase.title}: weights"))
    values = learnt_values(session, phase)
    with session.progress(f"{phase.title}: step") as report:
        job = TrainingJob(
            tasks=session.tasks["train"],
            encoder=session.encoder(bundle),
            context_length=session.plan.context_length,
            load=session.load,
            options=phase.options,
            validate=lambda trained: session.validate(trained, selection.metrics),
            select_by=selection.name,
            proper=selection.proper,
            mixture=mix(session, values if phase.use == "warm-up" else None),
            higher_is_better=selection.higher_is_better,
            augmenter=make_augmenter(session.recipe, phase.number - 1),
            speed=session.recipe.speed,
            say=session.answers.say,
            soft=soften(session, phase, bundle),
            values=values,
            warm_up=phase.use == "warm-up",
            seed=seed,
            folder=folder.path,
            curves=session.curves or Curves(),
            ranks=session.ranks,
            progress=lambda now: report(now.step, now.steps, now.known),
            tell=lambda line: session.tell(f"{phase.title}: {line}"),
        )
        result = train(bundle, job)
    merge_adapters(result.bundle.model)
    history = tell_phase(phase, seed, counts, result)
    save = writing(folder.path)(result.bundle.save)
    session.ranks.on_main_process(lambda: folder.finish(save, history))


def tell_phase(
    phase: PhasePlan, seed: int, counts: Mapping[str, Count], result: TrainingResult
) -> PhaseHistory:
    """Return what a phase tells of itself."""
    return PhaseHistory(
        facts=PhaseFacts(
            phase=phase.number,
            seed=seed,
            settings=phase.settings(),
            parameters={
                part: WeightCounts(**attrs.asdict(count)) for part, count in counts.items()
            },
            selected=result.selected and attrs.evolve(result.selected, phase=phase.number),
            steps=result.steps,
            every=result.every,
        ),
        history=tuple(result.history),
    )


def build_model(backbone: ModelBackbone, shape: tuple[int, int, int], *, seed: int) -> ModelBundle:
    """Let a model part build, and hold what it built to its plan before anything is trained.

    Raises:
        PluginError: it is no model, has another number of tokens a scan than was planned, or
            counts fewer tokens of a text than it makes.
    """
    bundle = backbone.build(shape, seed=seed)
    hold(backbone, bundle_faults(bundle, backbone.plan(shape)))
    built: ModelBundle = bundle
    hold(backbone, count_faults(backbone, built.tokenizer))
    return built


def soften(session: ModelSession, phase: PhasePlan, bundle: ModelBundle) -> SoftNumbers | None:
    """Return what draws numbers near the true ones in a phase, None where the true ones are learnt.

    Raises:
        DataError: it is asked for, and what answers may state is no list of numbers.
    """
    share = phase.options.soft_numbers
    if not share or phase.use == "warm-up":
        return None
    trees = session.number_trees(session.encoder(bundle))
    tasks = session.tasks["train"]
    if trees is None or trees.of(tasks[0]) is None:
        raise DataError(
            where="training.soft_numbers",
            expected="answers that state one number of those that the head lists",
            found=share,
            hint="leave it out, or let answers state {value} and use a numerical head",
        )
    truths = {task.images[-1]: float(task.truth) for task in tasks}
    sd = share * float(np.std(list(truths.values())))
    return SoftNumbers(trees=trees, sd=sd, seed=session.recipe.training_seed)


def learnt_values(session: ModelSession, phase: PhasePlan) -> ScanValues | None:
    """Return what a plain head learns in a phase, None where it has none."""
    if not phase.options.auxiliary:
        return None
    return make_values(session.tasks["train"], session.answers.labels)


def mix(session: ModelSession, scans: ScanValues | None) -> Mixture | None:
    """Return how the studies of a run are mixed: their tasks, or in a warm-up their scans."""
    tasks = session.tasks["train"]
    subjects = scans.subjects.values() if scans else [task.subject for task in tasks]
    return make_mixture(session.recipe.cohort, subjects)


def make_mixture(studies: Sequence[Study], subjects: Iterable[str]) -> Mixture | None:
    """Return how studies are mixed by their weights; None mixes them in proportion to size.

    Args:
        studies: with their weights.
        subjects: whom each task, or each scan of a warm-up, is about.
    """
    weights = {study.name: study.weight for study in studies}
    if len(weights) < 2 or None in weights.values():
        return None
    groups: dict[str, list[int]] = {}
    # Of several studies, ids of people begin with the study's name and a colon.
    for index, subject in enumerate(subjects):
        groups.setdefault(subject.partition(":")[0], []).append(index)
    return Mixture(
        groups=groups,
        weights={str(name): float(weight) for name, weight in weights.items() if weight},
    )


def make_augmenter(recipe: Recipe, phase: int) -> Augmenter | None:
    """Return what changes the scans of a phase at random, if the recipe asks for it."""
    if not recipe.augmentation.active:
        return None
    return Augmenter(
        options=recipe.augmentation, grid=recipe.images.grid, seed=recipe.training_seed, phase=phase
    )


def parts_table(counts: Mapping[str, Count], *, title: str) -> Table:
    """Show how many weights of each part learn, and how."""
    rows = {**counts, "all": sum(counts.values(), start=Count())}
    table = make_table("part of the model", "learn", "in adapters", "frozen", title=title)
    for part, count in rows.items():
        numbers = (count.learns, count.adapters, count.frozen)
        if part == "all":
            table.add_section()
        table.add_row(part, *(f"{number:,}" for number in numbers))
    return table

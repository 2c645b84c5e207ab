"""The trainings of a recipe, one after another, with every setting filled in."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal

import attrs

from brainplug.api.guard import name_of
from brainplug.api.records import MODEL_PARTS
from brainplug.errors import suggestion
from brainplug.recipe.options import plain
from brainplug.recipe.strict import Keys, Problem, path_of
from brainplug.recipe.training_tables import FILLED, TOWER, Phase, Training

if TYPE_CHECKING:
    from collections.abc import Iterator

    from brainplug.api.roles import ModelBackbone

IRRELEVANT = (
    "phase",
    "seed",
    "seeds",
    "select_by",
    "save_minutes",
    "report_to",
    "deepspeed",
    "gradient_checkpointing",
    "threads",
)
"""Keys of `[training]` that are filled in, that all phases share, or that change nothing of what is
learnt but by rounding. The metric that selects counts by its name, whichever key it is from."""


@attrs.frozen(kw_only=True)
class PhasePlan:
    """One training of a recipe, with every setting filled in.

    Attributes:
        number: from 1.
        num_phases: how many there are.
        use: what is learnt from.
        keys: the recipe table of this phase alone.
        parts: parts of the model that learn.
        parts_from: the recipe key that names them.
        options: its settings, as if it were the only training; `lora` is its own.
        lora_from: the recipe table of its adapters.
    """

    number: int
    num_phases: int
    use: Literal["dialogues", "warm-up"]
    keys: Keys
    parts: tuple[str, ...]
    parts_from: Keys
    options: Training
    lora_from: Keys

    @property
    def title(self) -> str:
        """The phase in words."""
        if self.num_phases == 1:
            return "training"
        told = ", a warm-up" if self.use == "warm-up" else ""
        return f"phase {self.number} of {self.num_phases}{told}"

    def settings(self) -> dict[str, Any]:
        """Return, JSON-ready, all settings of the phase that change what is learnt."""
        told = {key: each for key, each in plain(self.options).items() if key not in IRRELEVANT}
        return {**told, "train": list(self.parts), "use": self.use}


def plan_phases(training: Training, backbone: ModelBackbone) -> list[PhasePlan]:
    """Return the trainings of a recipe in their order; one where it names no phase."""
    tables = training.phase or (Phase(),)
    plans = []
    for index, (table, phase) in enumerate(zip(tables, training.phases(), strict=True)):
        keys: Keys = ("training", "phase", index) if training.phase else ("training",)
        filled: dict[str, Any] = {name: getattr(phase, name) for name in FILLED}
        plan = PhasePlan(
            number=index + 1,
            num_phases=len(tables),
            use=phase.use,
            keys=keys,
            parts=tuple(backbone.train) if phase.train is None else phase.train,
            parts_from=("model", "train") if phase.train is None else (*keys, "train"),
            options=attrs.evolve(training, phase=(), **filled),
            lora_from=(*(keys if table.lora else ("training",)), "lora"),
        )
        plans.append(plan)
    return plans


def check_phases(training: Training, backbone: ModelBackbone) -> Iterator[Problem]:
    """Find phases in which nothing learns, and adapters on weights that learn anyway."""
    plans = plan_phases(training, backbone)
    yield from check_warm_ups(training)
    for plan in plans:
        lora = plan.options.lora
        if lora is None and not plan.parts:
            hint = f"name a part, or give adapters in {path_of(plan.lora_from)}"
            yield plan.parts_from, f"nothing learns in {plan.title}: []; {hint}"
        unknown = [part for part in plan.parts if part not in MODEL_PARTS]
        if unknown:
            # A model of somebody's may name parts by itself, whatever the recipe says.
            whose = f"expected of {', '.join(map(repr, MODEL_PARTS))} for {plan.title}"
            hint = f"train of the model {name_of(backbone)}; {suggestion(unknown[0], MODEL_PARTS)}"
            yield plan.parts_from, f"{whose}: {unknown[0]!r} in {hint}"
            continue
        both = [part for part in lora.parts if part in plan.parts] if lora else []
        if both:
            named = f"{', '.join(map(repr, both))}, which {path_of(plan.parts_from)} names"
            problem = f"expected parts that do not learn whole: {named} for {plan.title}"
            yield (*plan.lora_from, "parts"), f"{problem}; leave them out there or here"
        yield from check_auxiliary(plan)
        yield from check_rates(plan, training)
    adapted = [plan.lora_from for plan in plans if plan.options.lora]
    # Looked for, not imported: PEFT imports torch.
    if adapted and find_spec("peft") is None:
        yield adapted[0], "adapters need the package peft: pip install peft"


def check_auxiliary(plan: PhasePlan) -> Iterator[Problem]:
    """Find a plain head that no part of the model could learn from."""
    lora = plan.options.lora
    learns = {*plan.parts, *(lora.parts if lora else ())}
    if plan.use == "dialogues" and plan.options.auxiliary and not learns & set(TOWER):
        named = " nor ".join(map(repr, TOWER))
        problem = f"neither {named} learns in {plan.title}, so a plain head teaches nothing"
        hint = f"name one in {path_of(plan.parts_from)}, or set auxiliary = 0 here"
        yield (*plan.keys, "auxiliary"), f"{problem}: {plan.options.auxiliary}; {hint}"


def check_warm_ups(training: Training) -> Iterator[Problem]:
    """Find warm-ups of what takes no part in them, and one that nothing follows."""
    for index, phase in enumerate(training.phase):
        if phase.use != "warm-up":
            continue
        keys: Keys = ("training", "phase", index)
        others = [part for part in phase.train or () if part not in TOWER]
        if others or phase.train == ():
            wanted = " and ".join(map(repr, TOWER))
            yield (*keys, "train"), f"expected of {wanted}, a warm-up's: {list(phase.train or ())}"
        if phase.lora:
            yield (*keys, "lora"), "a warm-up teaches whole parts; leave its adapters out"
        if phase.auxiliary is not None:
            problem = "a warm-up has nothing but its plain head; leave its weight out"
            yield (*keys, "auxiliary"), f"{problem}: {phase.auxiliary}"
        if index == len(training.phase) - 1:
            problem = "a warm-up teaches no answers: expected a phase of dialogues behind it"
            yield (*keys, "use"), f"{problem}: 'warm-up'"


def check_rates(plan: PhasePlan, training: Training) -> Iterator[Problem]:
    """Find factors of the learning rate of parts that do not learn in their only phase."""
    index = plan.number - 1
    if training.phase and training.phase[index].rates is None:
        return  # those of all phases, of which each takes what it needs
    lora = plan.options.lora
    learns = {*plan.parts, *(lora.parts if lora else ())}
    idle = [part for part in plan.options.rates if part not in learns]
    if idle:
        problem = f"{', '.join(map(repr, idle))} does not learn in {plan.title}"
        yield (*plan.keys, "rates"), f"{problem}; leave it out, or name it in train"

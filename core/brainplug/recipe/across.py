"""What is wrong between tables of a recipe that are each valid by themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from brainplug.api.laws import plan_faults
from brainplug.api.roles import ShowsNone, WordsAlone, able
from brainplug.errors import BrainplugError
from brainplug.recipe.deepspeed import check_deepspeed
from brainplug.recipe.metrics import check_metrics
from brainplug.recipe.phases import check_phases
from brainplug.recipe.requirements import check_needs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from brainplug.recipe.strict import Problem
    from brainplug.recipe.tables import Recipe
    from brainplug.registry import Registry


def check_across(recipe: Recipe, registry: Registry) -> Iterator[Problem]:
    """Find what is wrong between tables that are each valid by themselves."""
    yield from check_metrics(recipe, registry)
    # Without `[target]`, finished task files say the kind, and they are not read here.
    kind = recipe.target.make().kind if recipe.target else None
    backbone = recipe.model.make()
    if kind == "numerical" and recipe.evaluation.answer == "score":
        problem = "a numerical target has no candidate answers: expected 'generate' or 'both'"
        yield ("evaluation", "answer"), f"{problem}: 'score'"
    yield from check_studies(recipe)
    yield from check_references(recipe, registry)
    yield from check_phases(recipe.training, backbone)
    yield from check_needs(recipe.training)
    yield from check_deepspeed(recipe.training)
    try:
        plan = backbone.plan(recipe.images.shape)
        for fault in plan_faults(plan):
            yield ("model", "use"), f"{recipe.model.use!r} {fault}"
    except BrainplugError as error:
        # Its place is the key already, where the model names it too.
        yield ("images", "shape"), str(error).removeprefix("images.shape: ")


def check_references(recipe: Recipe, registry: Registry) -> Iterator[Problem]:
    """Find a prompt that words references where none are shown, or none where there are some."""
    if recipe.pairing is None or recipe.prompt is None:
        return
    pairing, prompt = recipe.pairing, recipe.prompt
    template = prompt.make()
    none = able(pairing.make(), ShowsNone)
    if none and not (able(template, ShowsNone) or able(template, WordsAlone)):
        fit = [
            name
            for name, part in registry.parts("prompts").items()
            if {ShowsNone, WordsAlone} & {*getattr(part.make, "abilities", ())}
        ]
        problem = f"cannot word a query alone, and pairing.use = {pairing.use!r} shows no reference"
        yield ("prompt", "use"), f"{prompt.use!r} {problem}; name {' or '.join(map(repr, fit))}"
    if able(template, ShowsNone) and not none:
        problem = f"words no reference, and pairing.use = {pairing.use!r} shows some"
        hint = "name another template, or a pairing without references, such as 'alone'"
        yield ("prompt", "use"), f"{prompt.use!r} {problem}; {hint}"


def check_studies(recipe: Recipe) -> Iterator[Problem]:
    """Find what is wrong between several studies, those that are tested only too."""
    weighted = [study.weight is not None for study in recipe.cohort]
    if any(weighted) and not all(weighted):
        yield ("cohort",), "expected a weight for every study or for none"
    for index, study in enumerate(recipe.cohort):
        if study.target and recipe.target and study.target.use != recipe.target.use:
            place = ("cohort",) if len(recipe.cohort) == 1 else ("cohort", index)
            yield (
                (*place, "target", "use"),
                f"expected {recipe.target.use!r}, as target.use is: {study.target.use!r}",
            )
    yield from check_external(recipe)


def check_external(recipe: Recipe) -> Iterator[Problem]:
    """Find what is wrong with studies that are tested only."""
    taken = {(study.name or "").casefold() for study in recipe.cohort}
    for index, study in enumerate(recipe.evaluation.also):
        place = ("evaluation", "also", index)
        if recipe.tasks is not None:
            yield (
                place,
                "cannot stand beside [tasks]: its dialogues are made by [prompt]; delete it",
            )
        if study.name.casefold() in taken:
            yield (*place, "name"), f"expected a name of its own: {study.name!r}"
        taken.add(study.name.casefold())
        if study.target and recipe.target and study.target.use != recipe.target.use:
            yield (
                (*place, "target", "use"),
                f"expected {recipe.target.use!r}, as target.use is: {study.target.use!r}",
            )

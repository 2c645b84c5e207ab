"""What the metrics of a recipe are called, each of them once."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import attrs

from brainplug.errors import BrainplugError
from brainplug.recipe.options import default_in_words, in_toml
from brainplug.toolkit.codes import key_in_toml

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from brainplug.api.records import TargetKind
    from brainplug.api.roles import Metric
    from brainplug.recipe.strict import Problem
    from brainplug.recipe.tables import Chosen, Recipe
    from brainplug.registry import Registry


LOG_LOSS, EXPECTED_ERROR, LAST = "log-loss", "expected-error", "last"

PROPER: dict[str, TargetKind] = {LOG_LOSS: "categorical", EXPECTED_ERROR: "numerical"}
"""Scores of validations that are no metrics: the mean negative log probability of the right
candidate, and the mean error of the expected value. Each by the kind of target it is of."""


def is_metric(select_by: str) -> bool:
    """Tell whether what chooses the checkpoint is a metric: neither a proper score nor the last."""
    return select_by not in (*PROPER, LAST)


def proper_score(kind: TargetKind, answer: str) -> str | None:
    """Return the proper score of validations, None where no candidate answer is looked at.

    Args:
        kind: of the target.
        answer: `evaluation.answer` of the recipe.
    """
    return None if answer == "generate" else next(name for name in PROPER if PROPER[name] == kind)


def metric_label(metric: Chosen[Metric]) -> str:
    """Return the name a metric is scored under: its part's, with the options that were changed.

    So two of one part differ in name, and neither is renamed when the other comes or goes.
    """
    # Compared as they are written, since a default may be a factory that makes it anew.
    changed = [
        f"{key_in_toml(field.alias)} = {written}"
        for field in attrs.fields(type(metric.options))
        if field.init
        and (written := in_toml(getattr(metric.options, field.name))) != default_in_words(field)
    ]
    return f"{metric.use} ({', '.join(changed)})" if changed else metric.use


def selecting_label(select_by: str, metrics: Sequence[Chosen[Metric]]) -> str:
    """Return the name under which the metric that chooses the checkpoint is scored.

    Args:
        select_by: as the recipe has it: such a name, or that of a part.
        metrics: those that are reported.
    """
    found = labels_of(select_by, metrics)
    return found[0] if len(found) == 1 else select_by


def labels_of(name: str, metrics: Sequence[Chosen[Metric]]) -> list[str]:
    """Return the reported metrics that a name means: the one it is of, or all of that part."""
    labels = {metric_label(each): each.use for each in metrics}
    return [name] if name in labels else [label for label, use in labels.items() if use == name]


def check_metrics(recipe: Recipe, registry: Registry) -> Iterator[Problem]:
    """Find metrics that are named twice, cannot be made, or are for another kind of target."""
    kind = recipe.target.make().kind if recipe.target else None
    place = ("evaluation", "metrics")
    seen: set[str] = set()
    for index, chosen in enumerate(recipe.evaluation.metrics):
        name = metric_label(chosen)
        if name in seen:
            yield (*place, index), f"named twice: {name!r}"
        seen.add(name)
        yield from check_kind((*place, index), name, chosen.make(), kind, registry)
    if recipe.training.soft_numbers and kind == "categorical":
        hint = "leave it out; classes have no order"
        yield ("training", "soft_numbers"), f"expected a numerical target; {hint}"
    select_by, reported = recipe.training.select_by, recipe.evaluation.metrics
    if select_by is not None and not is_metric(select_by):
        yield from check_proper(recipe, select_by, kind)
        return
    if select_by is None or selecting_label(select_by, reported) in seen:
        return
    place = ("training", "select_by")
    several = labels_of(select_by, reported)
    if several:
        yield place, f"expected one of {', '.join(map(repr, several))}: {select_by!r}"
        return
    try:
        metric = registry.make_metric(select_by)
    except BrainplugError as error:
        yield place, str(error)
        return
    yield from check_kind(place, select_by, metric, kind, registry)


def check_proper(recipe: Recipe, select_by: str, kind: TargetKind | None) -> Iterator[Problem]:
    """Ask a selection by a proper score, or by none, for what it needs."""
    place = ("training", "select_by")
    if select_by == LAST:
        if recipe.training.patience is not None:
            hint = "leave patience out, or name a score that says which weights are better"
            yield ("training", "patience"), f'not with select_by = "{LAST}"; {hint}'
        return
    if kind not in (None, PROPER[select_by]):
        fitting = next(name for name in PROPER if PROPER[name] == kind)
        yield place, f"expected {fitting!r}, or a metric, for a {kind} target: {select_by!r}"
    if recipe.evaluation.answer == "generate":
        hint = 'set evaluation.answer = "both"'
        yield place, f"{select_by!r} needs the candidate answers, which are not looked at; {hint}"


def check_kind(
    keys: tuple[str | int, ...],
    name: str,
    metric: Metric,
    kind: TargetKind | None,
    registry: Registry,
) -> Iterator[Problem]:
    """Ask for a metric of the kind of the target, where the recipe says it."""
    if kind is not None and metric.kind != kind:
        fitting = ", ".join(map(repr, find_metrics(kind, registry)))
        problem = f"expected a metric of a {kind} target, as target.use is: {name!r}"
        yield keys, f"{problem}; fitting are {fitting}"


def find_metrics(kind: TargetKind, registry: Registry) -> list[str]:
    """Return the names of the metrics of a kind; one that cannot be built was not asked for."""
    found = []
    for name in registry.metrics:
        with suppress(BrainplugError):
            if registry.make_metric(name).kind == kind:
                found.append(name)
    return found

"""One run's recipe, parts and folder, and the names of the files in it."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import attrs

from brainplug.api.guard import behind
from brainplug.api.roles import AsksAll, UsesTraining, able
from brainplug.cohort.build import StudyParts
from brainplug.errors import DataError
from brainplug.imaging.cache import load_volume
from brainplug.recipe.load import resolve
from brainplug.recipe.metrics import metric_label, selecting_label
from brainplug.runtime.files import cache_folder
from brainplug.runtime.ranks import ALONE, Ranks
from brainplug.runtime.run_folder import RunFolder
from brainplug.tasks.adopt import peek_target

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console

    from brainplug.api.records import Volume
    from brainplug.api.roles import (
        Metric,
        ModelBackbone,
        Pairing,
        PromptTemplate,
        SplitStrategy,
        TaskHead,
    )
    from brainplug.recipe.tables import Chosen, Recipe
    from brainplug.registry import Registry


ROLES = {
    "target": "heads",
    "split": "splits",
    "pairing": "pairings",
    "prompt": "prompts",
    "model": "models",
}
"""Recipe table that names a part -> role of that part."""


@attrs.frozen(kw_only=True, eq=False)
class Design:
    """The parts that make task files; a recipe of finished ones has none."""

    studies: tuple[StudyParts, ...]
    strategy: SplitStrategy
    pairing: Pairing
    template: PromptTemplate

    @classmethod
    def of(cls, recipe: Recipe) -> Design:
        """Build the parts."""
        assert recipe.target
        assert recipe.split
        assert recipe.pairing
        assert recipe.prompt
        strategy, pairing = recipe.split.make(), recipe.pairing.make()
        if able(pairing, UsesTraining) and able(strategy, AsksAll):
            strategy = strategy.ask_all()
        return cls(
            studies=tuple(
                StudyParts(
                    name=study.name,
                    loader=study.loader.make(),
                    head=(study.target or recipe.target).make(),
                )
                for study in recipe.cohort
            ),
            strategy=strategy,
            pairing=pairing,
            template=recipe.prompt.make(),
        )

    @property
    def asks_all(self) -> bool:
        """Whether all references are training scans, so that validation and test need none."""
        return able(self.pairing, UsesTraining)


@attrs.frozen(kw_only=True, eq=False)
class Workspace:
    """What every stage of a run works with."""

    recipe: Recipe
    registry: Registry
    files: RunFolder
    cache: Path
    console: Console
    head: TaskHead
    backbone: ModelBackbone
    metrics: dict[str, Metric]
    ranks: Ranks = ALONE

    @classmethod
    def open(
        cls,
        recipe: Recipe,
        *,
        registry: Registry,
        folder: Path,
        console: Console,
        ranks: Ranks = ALONE,
    ) -> Workspace:
        """Build the parts a recipe names."""
        head = make_head(recipe, registry)
        return cls(
            recipe=recipe,
            registry=registry,
            files=RunFolder(folder),
            cache=cache_folder(),
            console=console,
            head=head,
            backbone=recipe.model.make(),
            metrics=make_metrics(recipe, registry, head),
            ranks=ranks,
        )

    @cached_property
    def design(self) -> Design:
        """The parts that make task files."""
        return Design.of(self.recipe)

    @property
    def selecting(self) -> str:
        """Name of the metric that chooses the checkpoint."""
        select_by = self.recipe.training.select_by
        if select_by is None:
            return next(iter(self.metrics))
        return selecting_label(select_by, self.recipe.evaluation.metrics)

    def load_volume(self, path: Path) -> Volume:
        """Return a scan on the common grid, from the cache where it is there."""
        return load_volume(path, self.recipe.images.grid, self.cache)

    def settings(self, *sections: str) -> dict[str, Any]:
        """Return sections of the recipe, JSON-ready; None for one it has not."""
        resolved = resolve(self.recipe)
        return {name: resolved.get(name) for name in sections}

    def chosen(self, *sections: str) -> list[tuple[str, Chosen[Any]]]:
        """Return the parts that sections name, each with its role."""
        found = [(ROLES[name], getattr(self.recipe, name)) for name in sections if name in ROLES]
        if "cohort" in sections:
            found += [("cohorts", study.loader) for study in self.recipe.cohort]
        return [(role, part) for role, part in found if part is not None]

    def modules(self, *sections: str) -> tuple[str, ...]:
        """Return the modules of the parts that sections name, with those they are made of.

        Args:
            sections: of the recipe; `metrics` means all that are scored.
        """
        named = [part.part.make.__module__ for _, part in self.chosen(*sections)]
        if "target" in sections:  # finished task files choose the head without a table
            named.append(type(behind(self.head)).__module__)
        if "metrics" in sections:
            named += [type(behind(metric)).__module__ for metric in self.metrics.values()]
        return tuple(dict.fromkeys(each for name in named for each in with_helpers(name)))

    def distributions(self) -> dict[str, str]:
        """Return the version of each distribution the recipe's parts come from."""
        found = [
            self.registry.distribution(role, part.use)
            for role, part in self.chosen("cohort", *ROLES)
        ]
        return {distribution.name: distribution.version for distribution in found}

    @contextmanager
    def progress(self, what: str) -> Iterator[Callable[[int, int], None]]:
        """Show a bar while a stage works; gives `report(done, total)`."""
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

        bar = Progress(
            "{task.description}",
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=self.console,
            transient=True,
        )
        with bar:
            task = bar.add_task(what, total=None)
            yield lambda done, total: bar.update(task, completed=done, total=total)


def with_helpers(name: str) -> list[str]:
    """Return a loaded module, and those of its own package that it takes names from."""
    package, found = name.partition(".")[0], [name]
    for each in found:
        values = vars(sys.modules[each]).values() if each in sys.modules else ()
        homes = (
            value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None)
            for value in values
        )
        found += dict.fromkeys(
            home
            for home in homes
            if isinstance(home, str) and home.partition(".")[0] == package and home not in found
        )
    return found


def make_head(recipe: Recipe, registry: Registry) -> TaskHead:
    """Build the head of `[target]`, or the one that finished task files are made for."""
    if recipe.tasks is None:
        assert recipe.target is not None
        return recipe.target.make()
    kind, target = peek_target(recipe.tasks)
    if recipe.target is not None:
        return fit_for_files(recipe.target.make(), kind, target)
    head: TaskHead = registry.build("heads", kind, column=target)
    return head


def fit_for_files(head: TaskHead, kind: str, target: str) -> TaskHead:
    """Return a head that a recipe gives finished task files.

    Raises:
        DataError: it is for another kind of target, or for another target.
    """
    if head.kind != kind or target not in (head.target, head.column):
        raise DataError(
            f"the {head.kind} {head.target!r}",
            where="[target]",
            expected=f"the {kind} target {target!r} of the task files",
            found=(head.kind, head.target),
            hint="correct it or leave it out",
        )
    return head


def make_metrics(recipe: Recipe, registry: Registry, head: TaskHead) -> dict[str, Metric]:
    """Build the metrics of a recipe, or those of the head.

    Raises:
        DataError: a metric is for another kind of target, which finished task files settle.
    """
    chosen, select_by = recipe.evaluation.metrics, recipe.training.select_by
    made = {metric_label(each): each.make() for each in chosen}
    names = [] if chosen else [*head.metrics]
    if select_by and selecting_label(select_by, chosen) not in made:
        names.append(select_by)
    made |= {name: registry.make_metric(name) for name in names}
    unfit = [name for name, metric in made.items() if metric.kind != head.kind]
    if unfit:
        raise DataError(
            where="the task files",
            expected=f"metrics for their {head.kind} target, {head.target!r}",
            found=tuple(unfit),
        )
    return made

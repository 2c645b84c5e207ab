"""One run's recipe, parts and folder, and the names of the files in it."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from brainplug.structure import resolve
from brainplug.volume import cache_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console

    from brainplug.parts import (
        CohortLoader,
        Metric,
        ModelBackbone,
        Pairing,
        PromptTemplate,
        SplitStrategy,
        TaskHead,
    )
    from brainplug.recipe import Recipe
    from brainplug.registry import Registry

ROLES = {
    "cohort": "cohorts",
    "target": "heads",
    "split": "splits",
    "pairing": "pairings",
    "prompt": "prompts",
    "model": "models",
}
"""Recipe table that names a part -> role of that part."""


@attrs.frozen(kw_only=True, eq=False)
class Workspace:
    """What every stage of a run works with."""

    recipe: Recipe
    registry: Registry
    folder: Path
    cache: Path
    console: Console
    loader: CohortLoader
    head: TaskHead
    strategy: SplitStrategy
    pairing: Pairing
    template: PromptTemplate
    backbone: ModelBackbone
    metrics: dict[str, Metric]

    @classmethod
    def open(
        cls, recipe: Recipe, *, registry: Registry, folder: Path, console: Console
    ) -> Workspace:
        """Build the parts a recipe names."""
        head = recipe.target.make()
        return cls(
            recipe=recipe,
            registry=registry,
            folder=folder,
            cache=cache_folder(),
            console=console,
            loader=recipe.cohort.make(),
            head=head,
            strategy=recipe.split.make(),
            pairing=recipe.pairing.make(),
            template=recipe.prompt.make(),
            backbone=recipe.model.make(),
            metrics={
                name: registry.make_metric(name)
                for name in recipe.evaluation.metrics or head.metrics
            },
        )

    def path(self, name: str) -> Path:
        """Return a file of the run folder."""
        return self.folder / name

    def settings(self, *sections: str) -> dict[str, Any]:
        """Return sections of the recipe, JSON-ready."""
        resolved = resolve(self.recipe)
        return {name: resolved[name] for name in sections}

    def modules(self, *sections: str) -> tuple[str, ...]:
        """Return the modules of the parts that sections name."""
        return tuple(getattr(self.recipe, name).part.make.__module__ for name in sections)

    def distributions(self) -> dict[str, str]:
        """Return the version of each distribution the recipe's parts come from."""
        found = [
            self.registry.distribution(role, getattr(self.recipe, name).use)
            for name, role in ROLES.items()
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

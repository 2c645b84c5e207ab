"""One run's recipe, parts and folder."""

from __future__ import annotations

import time
from contextlib import nullcontext
from functools import cached_property, partial
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from brainplug.api.guard import Guard, behind, origin_of
from brainplug.api.records import EVALUATED
from brainplug.api.roles import AsksAll, ShowsNone, UsesTraining, WordsAlone, able
from brainplug.cohort.build import StudyParts
from brainplug.errors import DataError
from brainplug.imaging.cache import load_volume
from brainplug.recipe.load import resolve
from brainplug.recipe.metrics import is_metric, metric_label, proper_score, selecting_label
from brainplug.run.choosing import name_selecting
from brainplug.run.log import log
from brainplug.run.openings import is_open
from brainplug.run.own_metrics import check_own_metrics
from brainplug.run.progress import showing
from brainplug.runtime.code_closure import ENGINE, SourceTree
from brainplug.runtime.files import cache_folder
from brainplug.runtime.ranks import ALONE, Ranks
from brainplug.runtime.run_folder import RunFolder
from brainplug.runtime.terminal import Terminal
from brainplug.tasks.adopt import peek_target

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from rich.console import Console, RenderableType

    from brainplug.api.records import ModelPlan, Split, Volume
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
        assert recipe.pairing
        assert recipe.prompt
        pairing = recipe.pairing.make()
        return cls(
            studies=make_studies(recipe),
            strategy=make_strategy(recipe, pairing),
            pairing=pairing,
            template=make_template(recipe, pairing),
        )

    @property
    def asked(self) -> dict[str, bool]:
        """What the pairing means for who is asked; see `who_is_asked`."""
        return who_is_asked(self.pairing)


def who_is_asked(pairing: Pairing) -> dict[str, bool]:
    """Return what a pairing means for who is asked.

    `asks_all`: all references are training scans, so that validation and test need none.
    `shows_none`: there are no references, so that everybody is asked.
    """
    return {"asks_all": able(pairing, UsesTraining), "shows_none": able(pairing, ShowsNone)}


def make_strategy(recipe: Recipe, pairing: Pairing) -> SplitStrategy:
    """Build the split; where no pool has references of its own, it may ask everybody."""
    assert recipe.split
    strategy = recipe.split.make()
    all_asked = any(who_is_asked(pairing).values())
    return strategy.ask_all() if all_asked and able(strategy, AsksAll) else strategy


def make_template(recipe: Recipe, pairing: Pairing) -> PromptTemplate:
    """Build the prompt template; where no reference is shown, it words queries by themselves."""
    assert recipe.prompt
    template = recipe.prompt.make()
    if able(pairing, ShowsNone) and able(template, WordsAlone):
        return template.alone()
    return recipe.prompt.make()


def make_studies(recipe: Recipe) -> tuple[StudyParts, ...]:
    """Build the loader of each study, and the head that reads its target."""
    assert recipe.target
    return tuple(
        StudyParts(
            name=study.name,
            loader=study.loader.make(),
            head=(study.target or recipe.target).make(),
        )
        for study in recipe.cohort
    )


@attrs.frozen(kw_only=True, eq=False)
class Workspace:
    """What every stage of a run works with.

    Attributes:
        recipe: what is done.
        registry: parts and observers.
        files: the run folder.
        cache: folder of what runs share.
        console: where progress and results are shown.
        head: of the target.
        backbone: builds the model.
        metrics: by name, the headline first.
        ranks: those that the first one leads.
        within: whether another run speaks for this one, as for a fold or an arm.
        begun: when it was opened, by a clock of seconds.
    """

    recipe: Recipe
    registry: Registry
    files: RunFolder
    cache: Path
    console: Console
    head: TaskHead
    backbone: ModelBackbone
    metrics: dict[str, Metric]
    ranks: Ranks = ALONE
    within: bool = False
    begun: float = attrs.field(factory=time.monotonic)

    @classmethod
    def open(  # noqa: PLR0913 - one keyword for each thing that is shared
        cls,
        recipe: Recipe,
        *,
        registry: Registry,
        folder: Path,
        console: Console,
        ranks: Ranks = ALONE,
        within: bool = False,
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
            within=within,
        )

    # One part a property: a stage depends on the code of those that it asks for.
    @cached_property
    def studies(self) -> tuple[StudyParts, ...]:
        """The studies that scans come from."""
        return make_studies(self.recipe)

    @cached_property
    def strategy(self) -> SplitStrategy:
        """What puts people in pools."""
        return make_strategy(self.recipe, self.pairing)

    @property
    def asked(self) -> dict[str, bool]:
        """What the pairing means for who is asked; see `who_is_asked`."""
        return who_is_asked(self.pairing)

    @cached_property
    def pairing(self) -> Pairing:
        """What chooses references."""
        assert self.recipe.pairing
        return self.recipe.pairing.make()

    @cached_property
    def template(self) -> PromptTemplate:
        """What words a comparison."""
        return make_template(self.recipe, self.pairing)

    @cached_property
    def plan(self) -> ModelPlan:
        """What the model is for scans of the common grid."""
        return self.backbone.plan(self.recipe.images.shape)

    @cached_property
    def code(self) -> SourceTree:
        """The source that stages depend on: ours, and that of the plugins of the recipe."""
        names = {name for name in self.distributions() if name != ENGINE}
        return SourceTree(
            memo=self.cache / "imports.json",
            siblings=frozenset(top for name in names for top in top_modules(name)),
        )

    @property
    def evaluated(self) -> tuple[Split, ...]:
        """Splits whose tasks the model answers: with the test only where that was asked for."""
        return EVALUATED if self.recipe.evidence.test or is_open(self.files) else ("val",)

    @property
    def selecting(self) -> str:
        """Name of what chooses the checkpoint: a metric, a proper score, or `last`."""
        return name_selecting(self.recipe, self.head.kind, self.metrics)

    @property
    def proper(self) -> str | None:
        """Name of the proper score of validations; None where no candidates are looked at."""
        return proper_score(self.head.kind, self.recipe.evaluation.answer)

    @property
    def headline(self) -> str:
        """Name of the metric that is reported first."""
        return next(iter(self.metrics))

    def load_volume(self, path: Path) -> Volume:
        """Return a scan on the common grid, from the cache where it is there."""
        return load_volume(path, self.recipe.images.grid, self.cache, tell=self.tell)

    def settings(self, *sections: str) -> dict[str, Any]:
        """Return sections of the recipe, JSON-ready; None for one it has not."""
        resolved = resolve(self.recipe)
        return {name: resolved.get(name) for name in sections}

    def grid(self) -> dict[str, Any]:
        """Return the grid of all scans, JSON-ready, by the keys of `[images]`."""
        grid = self.recipe.images.grid
        return {"shape": list(grid.shape), "spacing_mm": list(grid.spacing_mm)}

    def metric_parts(self, *labels: str) -> tuple[object, ...]:
        """Return what some metrics are made by and made of."""
        chosen = {metric_label(each): each.part.make for each in self.recipe.evaluation.metrics}
        made = [chosen[label] for label in labels if label in chosen]
        known = [label for label in labels if label in self.metrics]
        return (*made, *(behind(self.metrics[label]) for label in known))

    def chosen(self, *sections: str) -> list[tuple[str, Chosen[Any]]]:
        """Return the parts that sections name, each with its role."""
        found = [(ROLES[name], getattr(self.recipe, name)) for name in sections if name in ROLES]
        if "cohort" in sections:
            found += [("cohorts", study.loader) for study in self.recipe.cohort]
        if "evaluation" in sections:
            found += [("cohorts", study.loader) for study in self.recipe.evaluation.also]
        return [(role, part) for role, part in found if part is not None]

    def parts(self, *sections: str) -> tuple[object, ...]:
        """Return what the parts of some sections are made by and made of, whose code decides."""
        found: list[object] = [Guard]  # stands before each of them
        for _, chosen in self.chosen(*sections):
            found += [chosen.part.make, chosen.part.options]
        return tuple(found)

    def distributions(self) -> dict[str, str]:
        """Return the version of each distribution the recipe's parts come from."""
        found = [
            self.registry.distribution(role, part.use)
            for role, part in self.chosen("cohort", "evaluation", *ROLES)
        ]
        origins = map(origin_of, (self.head, *self.metrics.values()))
        found += [self.registry.distribution(each.role, each.part) for each in origins if each]
        return {distribution.name: distribution.version for distribution in found}

    def tell(self, line: str) -> None:
        """Say something once, on the terminal and in `log.txt`; only the first rank does."""
        if self.ranks.is_main_process:
            self.console.print(line, style="dim", markup=False, highlight=False, soft_wrap=True)
            log(self.files.path, line)

    @property
    def verbose(self) -> bool:
        """Whether everything is shown that a run says of itself."""
        return isinstance(self.console, Terminal) and self.console.verbose

    def detail(self, *shown: RenderableType) -> None:
        """Show what only `--verbose` asks for; lines of it are in `log.txt` in either case."""
        if not self.ranks.is_main_process:
            return
        for each in shown:
            if self.verbose:
                style = "dim" if isinstance(each, str) else None
                self.console.print(each, style=style, highlight=False)
            if isinstance(each, str):
                log(self.files.path, each)

    def progress(self, what: str) -> AbstractContextManager[Callable[..., None]]:
        """Show how far a stage is while it works; gives `report(done, total, said="")`."""
        if not self.ranks.is_main_process:
            return nullcontext(lambda *_: None)
        write = partial(log, self.files.path)
        return showing(what, console=self.console, log=write, say=self.tell)


def top_modules(distribution: str) -> set[str]:
    """Return the top-level modules that a distribution installs."""
    try:
        files = metadata.files(distribution) or ()
    except metadata.PackageNotFoundError:  # handed over by a program
        return set()
    tops = {file.parts[0].removesuffix(".py") for file in files if file.suffix == ".py"}
    return {top for top in tops if top.isidentifier()}


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
        PluginError: one that the head names is, or is unknown.
    """
    chosen, select_by = recipe.evaluation.metrics, recipe.training.select_by
    made = {metric_label(each): each.make() for each in chosen}
    names = [] if chosen else [*head.metrics]
    if select_by and is_metric(select_by) and selecting_label(select_by, chosen) not in made:
        names.append(select_by)
    if not chosen:
        check_own_metrics(head, registry)
    made |= {name: registry.make_metric(name) for name in names}
    unfit = [name for name, metric in made.items() if metric.kind != head.kind]
    if unfit:
        raise DataError(
            where="the task files",
            expected=f"metrics for their {head.kind} target, {head.target!r}",
            found=tuple(unfit),
        )
    return made

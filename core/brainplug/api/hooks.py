"""The markers and every hook a plugin can implement.

One entry point group, `brainplug`. A hook of the first kind is called once, when plugins are
loaded; it takes no arguments and yields `Part` records. The last three observe a run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from brainplug.api.roles import (
        CohortLoader,
        Metric,
        ModelBackbone,
        Pairing,
        Part,
        PromptTemplate,
        SplitStrategy,
        TaskHead,
    )

PROJECT = "brainplug"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def brainplug_cohorts() -> Iterable[Part[CohortLoader]]:  # type: ignore[empty-body]
    """Offer cohort loaders: how a study's table and scans are read.

    Called once, when plugins are loaded. Returns parts whose behaviour has `load` and `sources`.

    Example:
        >>> import attrs
        >>> from brainplug.api.hooks import hookimpl
        >>> from brainplug.api.roles import Part
        >>> @attrs.frozen(kw_only=True)
        ... class Options:
        ...     '''Options of `lab`.'''
        >>> class Lab:
        ...     '''Scans of our own laboratory.'''
        ...     def __init__(self, options): ...
        ...     def load(self): ...
        ...     def sources(self): return ()
        >>> class Plugin:
        ...     @hookimpl
        ...     def brainplug_cohorts(self):
        ...         yield Part("lab", Options, Lab)
        >>> [part.summary for part in Plugin().brainplug_cohorts()]
        ['Scans of our own laboratory.']
    """


@hookspec
def brainplug_splits() -> Iterable[Part[SplitStrategy]]:  # type: ignore[empty-body]
    """Offer split strategies: which subject goes into which pool.

    Called once, when plugins are loaded. Returns parts whose behaviour has `assign`.

    Example:
        >>> import attrs, pandas
        >>> from brainplug.api.hooks import hookimpl
        >>> from brainplug.api.roles import Part
        >>> @attrs.frozen(kw_only=True)
        ... class Options:
        ...     '''Options of `declared`.'''
        >>> class Declared:
        ...     '''Takes the pool from a column named pool.'''
        ...     def __init__(self, options): ...
        ...     def assign(self, cohort, *, seed): return cohort["pool"]
        >>> class Plugin:
        ...     @hookimpl
        ...     def brainplug_splits(self):
        ...         yield Part("declared", Options, Declared)
        >>> part = next(Plugin().brainplug_splits())
        >>> list(part.make(Options()).assign(pandas.DataFrame({"pool": ["test_query"]}), seed=1))
        ['test_query']
    """


@hookspec
def brainplug_pairings() -> Iterable[Part[Pairing]]:  # type: ignore[empty-body]
    """Offer pairings: which references a query scan is compared with.

    Called once, when plugins are loaded. Returns parts whose behaviour has `pair`.

    Example:
        >>> import attrs, pandas
        >>> from brainplug.api.hooks import hookimpl
        >>> from brainplug.api.roles import Part
        >>> @attrs.frozen(kw_only=True)
        ... class Options:
        ...     '''Options of `first`.'''
        >>> class First:
        ...     '''Compares every query with the first reference.'''
        ...     def __init__(self, options): ...
        ...     def pair(self, queries, references, *, seed):
        ...         chosen = [(references.index[0],)] * len(queries)
        ...         return pandas.DataFrame({"query": queries.index, "references": chosen})
        >>> class Plugin:
        ...     @hookimpl
        ...     def brainplug_pairings(self):
        ...         yield Part("first", Options, First)
        >>> pairing = next(Plugin().brainplug_pairings()).make(Options())
        >>> scans = pandas.DataFrame(index=["a", "b"])
        >>> pairing.pair(scans, scans, seed=1)["references"].tolist()
        [('a',), ('a',)]
    """


@hookspec
def brainplug_prompts() -> Iterable[Part[PromptTemplate]]:  # type: ignore[empty-body]
    """Offer prompt templates: how a comparison is worded.

    Called once, when plugins are loaded. Returns parts whose behaviour has `dialogue`.

    Example:
        >>> import attrs
        >>> from brainplug.api.hooks import hookimpl
        >>> from brainplug.api.roles import Part
        >>> from brainplug.api.records import Case, Image, Turn
        >>> @attrs.frozen(kw_only=True)
        ... class Options:
        ...     '''Options of `terse`.'''
        >>> class Terse:
        ...     '''Says as little as possible.'''
        ...     def __init__(self, options): ...
        ...     def dialogue(self, case):
        ...         yield Turn.user(Image(0), f"This is {case.references[0]}.")
        ...         yield Turn.assistant("Yes.")
        ...         yield Turn.user(Image(1), "And this?")
        ...         yield Turn.assistant(case.query)
        >>> class Plugin:
        ...     @hookimpl
        ...     def brainplug_prompts(self):
        ...         yield Part("terse", Options, Terse)
        >>> terse = next(Plugin().brainplug_prompts()).make(Options())
        >>> case = Case(target="sex", references=("male",), query="female")
        >>> list(terse.dialogue(case))[-1].content
        ('female',)
    """


@hookspec
def brainplug_heads() -> Iterable[Part[TaskHead]]:  # type: ignore[empty-body]
    """Offer task heads: how values of one kind of target are read, said and parsed.

    Called once, when plugins are loaded. Returns parts whose behaviour has `read` and `fit`.

    Example:
        >>> import attrs
        >>> from brainplug.api.hooks import hookimpl
        >>> from brainplug.api.roles import Part, about
        >>> @attrs.frozen(kw_only=True)
        ... class Options:
        ...     '''Options of `yes-no`.'''
        ...     column: str = attrs.field(metadata=about("column of the cohort table"))
        >>> class YesNo:
        ...     '''A question with the answers yes and no.'''
        ...     kind = "categorical"
        ...     metrics = ("accuracy",)
        ...     def __init__(self, options): self.column = self.target = options.column
        ...     def read(self, raw, *, codes, missing): ...
        ...     def fit(self, values): ...
        >>> class Plugin:
        ...     @hookimpl
        ...     def brainplug_heads(self):
        ...         yield Part("yes-no", Options, YesNo)
        >>> next(Plugin().brainplug_heads()).make(Options(column="smoker")).target
        'smoker'
    """


@hookspec
def brainplug_metrics() -> Iterable[Part[Metric]]:  # type: ignore[empty-body]
    """Offer metrics: one number from truths and predictions, one a subject.

    Called once, when plugins are loaded. Returns parts whose behaviour has `score`.

    Example:
        >>> import attrs, numpy
        >>> from brainplug.api.hooks import hookimpl
        >>> from brainplug.api.roles import Part
        >>> from brainplug.api.records import Predictions
        >>> @attrs.frozen(kw_only=True)
        ... class Options:
        ...     '''Options of `median-error`.'''
        >>> class MedianError:
        ...     '''Median absolute error.'''
        ...     kind, higher_is_better, unit = "numerical", False, "target"
        ...     def __init__(self, options): ...
        ...     def score(self, predictions):
        ...         return float(numpy.median(abs(predictions.truth - predictions.predicted)))
        >>> class Plugin:
        ...     @hookimpl
        ...     def brainplug_metrics(self):
        ...         yield Part("median-error", Options, MedianError)
        >>> metric = next(Plugin().brainplug_metrics()).make(Options())
        >>> metric.score(Predictions(truth=numpy.array([1.0]), predicted=numpy.array([3.0])))
        2.0
    """


@hookspec
def brainplug_models() -> Iterable[Part[ModelBackbone]]:  # type: ignore[empty-body]
    """Offer models: how a LLaVA-style model and its tokenizer are built or loaded.

    Called once, when plugins are loaded. Returns parts whose behaviour has `train`, `plan`,
    `count_tokens` and `build`; torch is imported inside `build` only.

    Example:
        >>> import attrs
        >>> from brainplug.api.hooks import hookimpl
        >>> from brainplug.api.roles import Part
        >>> from brainplug.api.records import ModelPlan
        >>> @attrs.frozen(kw_only=True)
        ... class Options:
        ...     '''Options of `mine`.'''
        >>> class Mine:
        ...     '''The model of our own laboratory.'''
        ...     train = ("projector",)
        ...     def __init__(self, options): ...
        ...     def plan(self, shape):
        ...         return ModelPlan(tokens_per_image=8, num_parameters=0, context_length=512)
        ...     def count_tokens(self, text): return len(text)
        ...     def build(self, shape, *, seed): ...
        >>> class Plugin:
        ...     @hookimpl
        ...     def brainplug_models(self):
        ...         yield Part("mine", Options, Mine)
        >>> next(Plugin().brainplug_models()).make(Options()).plan((16, 16, 16)).tokens_per_image
        8
    """


@hookspec
def brainplug_before_run(recipe: Any, folder: Path) -> None:
    """Observe that a run is about to start its first stage.

    Called by `brainplug run` after the recipe was checked and the run folder locked.

    Args:
        recipe: the recipe with every default, a `brainplug.recipe.tables.Recipe`.
        folder: the run folder.

    Example:
        >>> from brainplug.api.hooks import hookimpl
        >>> class Plugin:
        ...     @hookimpl
        ...     def brainplug_before_run(self, recipe, folder):
        ...         print("running in", folder)
        >>> Plugin().brainplug_before_run(recipe=None, folder="runs/demo")
        running in runs/demo
    """


@hookspec
def brainplug_after_run(recipe: Any, folder: Path) -> None:
    """Observe that a run has ended well.

    Called after the last stage asked for has written its files, before the folder is unlocked.

    Args:
        recipe: the recipe with every default, a `brainplug.recipe.tables.Recipe`.
        folder: the run folder.

    Example:
        >>> from brainplug.api.hooks import hookimpl
        >>> class Plugin:
        ...     @hookimpl
        ...     def brainplug_after_run(self, folder):
        ...         print("see", folder)
        >>> Plugin().brainplug_after_run(folder="runs/demo")
        see runs/demo
    """


@hookspec
def brainplug_on_run_error(recipe: Any, folder: Path, error: BaseException) -> None:
    """Observe that a run was stopped, by an error or by the user.

    Called before the error goes on to the caller; what a stage had finished is kept.

    Args:
        recipe: the recipe with every default, a `brainplug.recipe.tables.Recipe`.
        folder: the run folder.
        error: what stopped the run.

    Example:
        >>> from brainplug.api.hooks import hookimpl
        >>> class Plugin:
        ...     @hookimpl
        ...     def brainplug_on_run_error(self, error):
        ...         print("stopped by", type(error).__name__)
        >>> Plugin().brainplug_on_run_error(error=KeyboardInterrupt())
        stopped by KeyboardInterrupt
    """

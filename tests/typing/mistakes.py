"""Mistakes that a type checker must find; each is named in the line where it shows."""

from collections.abc import Iterable
from pathlib import Path

import attrs
import pandas as pd

import brainplug
from brainplug import Case, Part, Predictions, Turn, hookimpl
from brainplug.api.records import TargetKind
from brainplug.api.roles import CohortLoader, Metric, PromptTemplate, SplitStrategy

WANTED = brainplug.Loader  # error: attr-defined


@attrs.frozen(kw_only=True)
class Options:
    """Options of all of them; they have none."""


class Nameless:
    """A metric with `scor` for `score`."""

    kind: TargetKind = "numerical"
    higher_is_better = False
    unit = ""

    def __init__(self, options: Options) -> None: ...

    def scor(self, predictions: Predictions) -> float:
        return float(predictions.train_men)  # error: attr-defined


class Wordy:
    """A template that returns a list of texts."""

    def __init__(self, options: Options) -> None: ...

    def dialogue(self, case: Case) -> list[str]:
        Turn("system", (case.target,))  # error: arg-type
        return [case.query]


class Seedless:
    """A split without a seed."""

    def __init__(self, options: Options) -> None: ...

    def assign(self, cohort: pd.DataFrame) -> pd.Series:
        return cohort["site"]


class Sourceless:
    """A loader that loads a data frame."""

    def __init__(self, options: Options) -> None: ...

    def load(self) -> pd.DataFrame:
        return pd.DataFrame()

    def sources(self) -> tuple[Path, ...]:
        return ()


@hookimpl
def brainplug_metrics() -> Iterable[Part[Metric]]:
    """Offer a metric that cannot score."""
    yield Part("nameless", Options, Nameless)  # error: arg-type


@hookimpl
def brainplug_prompts() -> Iterable[Part[PromptTemplate]]:
    """Offer a template that words nothing."""
    yield Part("wordy", Options, Wordy)  # error: arg-type


@hookimpl
def brainplug_splits() -> Iterable[Part[SplitStrategy]]:
    """Offer a split that takes no seed."""
    yield Part("seedless", Options, Seedless)  # error: arg-type


@hookimpl
def brainplug_cohorts() -> Iterable[Part[CohortLoader]]:
    """Offer a loader of the wrong thing."""
    yield Part("sourceless", Options, Sourceless)  # error: arg-type

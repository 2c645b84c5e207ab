"""Metrics with one fault each."""
import dataclasses

import attrs

from brainplug import Part, hookimpl


@attrs.frozen(kw_only=True)
class Options:
    """Options of none of these."""


@dataclasses.dataclass(frozen=True)
class DataclassOptions:
    """Options by another library."""


class Sound:
    """Share of right answers."""

    kind, higher_is_better, unit = "categorical", True, ""

    def __init__(self, options): ...

    def score(self, predictions):
        return float((predictions.truth == predictions.predicted).mean())


class Kindless:
    """A metric that does not say which kind of target it is for."""

    higher_is_better, unit = True, ""

    def __init__(self, options): ...

    def score(self, predictions):
        return 0.0


class Scor:
    """A metric with `scor` for `score`."""

    kind, higher_is_better, unit = "categorical", True, ""

    def __init__(self, options): ...

    def scor(self, predictions):
        return 0.0


class Raising(Sound):
    """A metric that raises as soon as it is asked for a score."""

    def score(self, predictions):
        return predictions.nothing


class Wordy(Sound):
    """A metric that returns words."""

    def score(self, predictions):
        return "very good"


class Late(Sound):
    """A metric that raises at scores of a run, not at those of made-up people."""

    def score(self, predictions):
        if len(predictions.truth) not in (1, 5, 6, 11, 12):
            raise KeyError("no such subject")
        return super().score(predictions)


class Greedy(Sound):
    """A metric that declares what metrics cannot have."""

    abilities = ("Repeats",)


@hookimpl
def brainplug_metrics():
    for kind in (Sound, Kindless, Scor, Raising, Wordy, Late, Greedy):
        yield Part(kind.__name__.lower(), Options, kind)
    yield Part("dataclassy", DataclassOptions, Sound)

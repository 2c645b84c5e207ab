"""Heads that misread what they say."""
from brainplug import Part, hookimpl
from brainplug_plugins.heads.categorical import Categorical, CategoricalOptions
from brainplug_plugins.heads.numerical import Numerical, NumericalOptions


class Twisted:
    """Answers of another head, one of them misread."""

    def __init__(self, answers):
        self.answers = answers
        self.labels = answers.labels
        self.say, self.code, self.strata = answers.say, answers.code, answers.strata

    def parse(self, text):
        value = self.answers.parse(text)
        if value is None:
            return None
        return self.labels[0] if self.labels else value + 1


class Misreading(Categorical):
    """Classes, each read as the first."""

    def fit(self, values):
        return Twisted(super().fit(values))


class OffByOne(Numerical):
    """Numbers, each read as the next."""

    def fit(self, values):
        return Twisted(super().fit(values))


class Voiceless(Categorical):
    """Classes whose answers are no answers."""

    def fit(self, values):
        return object()


@hookimpl
def brainplug_heads():
    yield Part("misreading", CategoricalOptions, Misreading)
    yield Part("voiceless", CategoricalOptions, Voiceless)
    yield Part("off-by-one", NumericalOptions, OffByOne)

"""What an author is told of an exception in words of pandas, numpy and attrs."""

from __future__ import annotations

import attrs
import numpy as np
import pandas as pd
import pytest

from brainplug.api.guard import Origin, build, guard
from brainplug.api.raised import hint_for
from brainplug.api.records import Case, Predictions
from brainplug.api.roles import Part
from brainplug.design.split import LIKENESS, as_study_alone
from brainplug.errors import PluginError
from brainplug.testing import make_people
from brainplug.toolkit.tables import get_column

PEOPLE = make_people(4)
CASE = Case(target="sex", references=("male",), query="female", difference="", seed=1)
SCORED = Predictions(truth=np.array(["b", "a"]), predicted=np.array(["a", "a"]), labels=("a", "b"))

WORK = {
    "a withheld column": ("splits", lambda: PEOPLE.drop(columns="target")["target"], "UsesTarget"),
    "several of them": ("splits", lambda: PEOPLE[["subject", "value"]], "UsesTarget"),
    "one grouped by": ("splits", lambda: PEOPLE.groupby("stratum"), "UsesTarget"),
    "one of a group": ("splits", lambda: PEOPLE.groupby("family")["value"], "UsesTarget"),
    "an attribute": ("pairings", lambda: PEOPLE.rename(columns={"target": "v"}).target, "'value'"),
    "one of a row": ("pairings", lambda: next(PEOPLE.itertuples()).pool, "one pool each"),
    "one by words": ("splits", lambda: PEOPLE.query("stratum == 'a'"), "UsesTarget"),
    "one of ours to ask": (
        "splits",
        lambda: get_column(PEOPLE, "value", option="column", source="it"),
        "UsesTarget",
    ),
    "another column of a study": ("heads", lambda: PEOPLE["sex"].rename("x")["age"], "alone"),
    "a field of a case": ("prompts", lambda: CASE.label, "known are 'difference', 'query'"),
    "a misspelt field": ("metrics", lambda: SCORED.predictd, "did you mean 'predicted'?"),
    "no probabilities": ("metrics", lambda: SCORED.probabilities[0], "may be None"),
    "a sort in place": ("metrics", SCORED.truth.sort, "copy it first"),
    "a value put in": ("metrics", lambda: SCORED.predicted.__setitem__(0, "b"), "copy it first"),
    "a field set anew": ("prompts", lambda: setattr(CASE, "query", "x"), "attrs.evolve"),
}


@pytest.mark.parametrize("name", WORK)
def test_an_author_is_told_what_holds_in_place_of_what_was_tried(name):
    """Columns that a role is not given, fields that there are, and what may not be written to."""
    role, work, words = WORK[name]

    with pytest.raises(Exception) as caught:  # noqa: PT011 (each its own)
        work()

    assert words in hint_for(caught.value, role)


def test_a_misspelt_column_is_told_from_those_given():
    """The nearest one is named; what is no column of theirs is left alone."""
    assert "did you mean 'family'?" in hint_for(KeyError("famly"), "splits", (PEOPLE,))
    assert "" == hint_for(KeyError("nothing like it"), "splits", (PEOPLE,))
    assert "" == hint_for(AttributeError("x", name="target", obj=object()), "splits")


@pytest.mark.parametrize("column", ["target", "scan", *LIKENESS])
def test_every_column_that_a_split_is_not_shown_has_a_word_for_it(column):
    """What is hidden and what is told of it are one list."""
    everything = PEOPLE.assign(scan="s", **dict.fromkeys(LIKENESS, "c"))

    assert column not in as_study_alone(everything, "made-up").columns
    assert hint_for(KeyError(column), "splits")


@attrs.define
class Metric:
    """Sorts what it is lent, two calls deep in its own file."""

    kind, higher_is_better, unit = "categorical", True, ""

    def score(self, predictions):
        return self.inner(predictions)

    def inner(self, predictions):
        return pd.Series(predictions.truth).map(lambda _: predictions.truth.sort()).mean()


def test_the_deepest_line_of_the_authors_file_is_named():
    """Not where it was entered, and not the library that it called."""
    metric = guard(Metric(), Origin("metrics", "mine", "mine.py"))
    line = Metric.inner.__code__.co_firstlineno + 1

    with pytest.raises(PluginError) as caught:
        metric.score(SCORED)

    assert (
        "score of the metric changes what it was given: ValueError: sort array is read-only "
        f"(test_raised.py, line {line}); copy it first" in str(caught.value)
    )


class Unmade:
    """A metric that takes no options."""


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (Unmade, "making of the metric raised TypeError: .* "),
        (type("Scores", (Metric,), {"scores": 1, "score": None}), "correct .*Scores"),
    ],
)
def test_a_part_that_cannot_be_made_is_told_with_the_line_of_its_class(kind, words):
    """Nothing of it ran; what has no source has no line."""
    part = Part("mine", attrs.make_class("Options", {}, frozen=True), lambda _options: kind())
    made = attrs.evolve(part, make=kind)
    line = r"\(test_raised.py, line \d+\)" if kind is Unmade else ""

    with pytest.raises(PluginError, match=words + line):
        build(made if kind is Unmade else part, None, Origin("metrics", "mine", "mine.py"))

"""Behaviours as the engine holds them: what they raise and return names part and package."""

from __future__ import annotations

import pickle

import attrs
import pandas as pd
import pytest

from brainplug.api.guard import Origin, behind, build, guard, judging, name_of, origin_of
from brainplug.api.records import POOLS, Image, Turn
from brainplug.api.roles import AsksAll, Fixed, Part, able
from brainplug.design.pairs import make_pairs
from brainplug.design.split import split_cohort
from brainplug.errors import BrainplugError, DataError, PluginError
from brainplug.registry import load_registry
from brainplug.testing import make_people

SPLIT = Origin("splits", "lab", "brainplug-lab 1.2")
PROMPT = Origin("prompts", "lab", "brainplug-lab 1.2")
PAIRING = Origin("pairings", "lab", "brainplug-lab 1.2")
METRIC = Origin("metrics", "lab", "brainplug-lab 1.2")
COHORT = Origin("cohorts", "lab", "brainplug-lab 1.2")
REGISTRY = load_registry()


@attrs.frozen(kw_only=True)
class Options:
    """Options of the parts below."""


class Raising:
    """A split strategy that raises what it is told to."""

    def __init__(self, error=None):
        self.error = error

    def assign(self, cohort, *, seed):
        raise self.error

    @property
    def broken(self):
        raise AttributeError("of another thing")


@pytest.mark.parametrize("error", [KeyError("id"), OSError(5, "Input error"), StopIteration()])
def test_what_a_method_raises_names_part_package_and_method(error):
    """The facts are attributes, and the text says what to do."""
    with pytest.raises(PluginError) as caught:
        guard(Raising(error), SPLIT).assign(None, seed=1)

    failure = caught.value
    assert ("lab", "brainplug-lab 1.2") == (failure.plugin, failure.distribution)
    assert ("splits", "assign") == (failure.role, failure.method)
    assert error is failure.__cause__
    assert type(error).__name__ in str(failure)
    assert "tell its authors" in str(failure)


@pytest.mark.parametrize("error", [DataError("say it better"), KeyboardInterrupt(), MemoryError()])
def test_what_is_meant_for_the_user_or_the_process_goes_through(error):
    """A plugin's own words to the user, a stop by the user, and an exhausted machine."""
    with pytest.raises(type(error)) as caught:
        guard(Raising(error), SPLIT).assign(None, seed=1)

    assert error is caught.value


class Yielding:
    """A prompt template that yields its turns."""

    def __init__(self, options=None): ...

    abilities = (Fixed,)
    fixed = True

    def dialogue(self, case):
        yield Turn.user(Image(0), case)
        if case == "bad":
            raise IndexError("out of words")
        yield Turn.assistant(case)


def test_a_generator_is_taken_under_guard():
    """What it yields becomes the tuple of its role; what it raises between two turns is told."""
    template = guard(Yielding(), PROMPT)

    assert (Turn.user(Image(0), "a"), Turn.assistant("a")) == template.dialogue("a")
    with pytest.raises(PluginError, match="dialogue of the prompt template raised IndexError"):
        template.dialogue("bad")


def test_a_guard_looks_like_what_is_behind_it():
    """Attributes, abilities, names and pickles are those of the behaviour."""
    behaviour = Yielding()
    template = guard(behaviour, PROMPT)

    assert template.fixed
    assert able(template, Fixed)
    assert behind(template) is behaviour
    assert behind(behaviour) is behaviour
    assert PROMPT == origin_of(template)
    assert "'lab' of brainplug-lab 1.2" == name_of(template)
    assert name_of(behaviour).endswith("Yielding")
    assert PROMPT == origin_of(pickle.loads(pickle.dumps(guard(range(3), PROMPT))))
    with pytest.raises(AttributeError):
        template.runs  # noqa: B018
    with pytest.raises(PluginError, match="broken"):
        guard(Raising(), SPLIT).broken  # noqa: B018


class Returning:
    """Stands for any role; each method returns what it was made with."""

    def __init__(self, result):
        self.result = result

    def score(self, predictions):
        return self.result

    def load(self):
        return self.result

    def sources(self):
        return self.result


@pytest.mark.parametrize(
    ("origin", "method", "result", "words"),
    [
        (METRIC, "score", None, "score of the metric must return float, returned nothing"),
        (METRIC, "score", True, "returned bool True"),
        (COHORT, "load", pd.DataFrame(), "must return CohortTable, returned DataFrame of 0 x 0"),
        (
            METRIC,
            "score",
            pd.Series([1.0], index=["p1"]),
            "returned Series of 1 (test_guard.py, line ",
        ),
        (COHORT, "sources", "people.csv", "must return tuple[Path, ...], returned str"),
        (COHORT, "sources", ["people.csv"], "returned tuple ('people.csv',)"),
    ],
)
def test_what_a_method_returns_is_of_the_type_its_role_says(origin, method, result, words):
    """Another type is refused where it comes from, not where it is used."""
    given = (None,) if method == "score" else ()

    with pytest.raises(PluginError) as caught:
        getattr(guard(Returning(result), origin), method)(*given)

    assert words in str(caught.value)
    assert method == caught.value.method


class Asking:
    """A split strategy that makes another."""

    abilities = (AsksAll,)

    def __init__(self, options=None, error=None):
        self.error = error

    def assign(self, cohort, *, seed):
        raise self.error

    def ask_all(self):
        return Asking(error=ValueError("asked"))


def test_what_a_behaviour_makes_is_guarded_as_its_own():
    """The strategy that `ask_all` returns has the abilities of a strategy, and its guard."""
    strategy = build(Part("lab", Options, Asking), Options(), SPLIT).ask_all()

    assert able(strategy, AsksAll)
    with pytest.raises(PluginError, match="ValueError: asked"):
        strategy.assign(None, seed=1)


class Odd:
    """A split strategy and a pairing that return what they were made with."""

    def __init__(self, result):
        self.result = result

    def assign(self, cohort, *, seed):
        return self.result(cohort)

    def pair(self, queries, references, *, seed):
        return self.result(queries)


@pytest.mark.parametrize(
    "result",
    [
        lambda cohort: pd.Series("nowhere", index=cohort.index, dtype="str"),
        lambda cohort: pd.Series([["train"]] * len(cohort), index=cohort.index),
        lambda cohort: cohort["subject"].iloc[:3],
        lambda cohort: pd.Series(range(len(cohort)), index=cohort.index),
    ],
)
def test_a_split_of_the_wrong_kind_names_its_package(result):
    """Unknown pools, things that are no pools, and too few of them."""
    with pytest.raises(BrainplugError) as caught:
        split_cohort(guard(Odd(result), SPLIT), make_people(), seed=1)

    assert "split strategy 'lab' of brainplug-lab 1.2" in str(caught.value) or (
        "'lab' of brainplug-lab 1.2: assign" in str(caught.value)
    )


@pytest.mark.parametrize(
    "result",
    [
        lambda queries: pd.DataFrame({"query": queries.index}),
        lambda queries: pd.DataFrame({"query": queries.index, "references": 7}),
        lambda queries: pd.DataFrame({"query": queries.index, "references": "nobody"}),
        lambda queries: pd.DataFrame({"query": [[]], "references": [()]}),
    ],
)
def test_pairs_of_the_wrong_kind_name_their_package(result):
    """A missing column, numbers, texts and lists in the place of tuples of scans."""
    people = make_people(60)
    people["pool"] = [POOLS[place % 6] for place in range(len(people))]
    answers = REGISTRY.build("heads", "categorical", column="x").fit(people["target"])

    with pytest.raises(BrainplugError) as caught:
        make_pairs(guard(Odd(result), PAIRING), people, answers, seed=1)

    assert "'lab' of brainplug-lab 1.2" in str(caught.value)


def test_what_is_wrong_with_a_result_is_told_once():
    """The part is named once, and what to do; a bug of ours is none of its."""
    named = guard(Odd(None), SPLIT)
    told = "the split strategy 'lab' of brainplug-lab 1.2: it is odd; tell its authors, or name"

    with pytest.raises(DataError) as caught, judging(named, "assign"), judging(named, "assign"):
        raise DataError("it is odd")
    assert f"{told} another part" == str(caught.value)
    with pytest.raises(KeyError), judging(Odd(None), "assign"):
        raise KeyError("ours")

"""The laws that a signature cannot say."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import attrs
import numpy as np
import pandas as pd
import pytest

from brainplug.api import dialogue_laws, laws
from brainplug.api.guard import Origin, build
from brainplug.api.part_faults import find_defect
from brainplug.api.records import Image, TargetColumn, Turn
from brainplug.api.roles import Fixed, Part, SaysNumbers
from brainplug.errors import PluginError
from brainplug.registry import load_registry
from brainplug.testing import make_case
from brainplug_plugins.heads.numerical import Numerical, NumericalOptions

REGISTRY = load_registry()
HANDS = pd.Series(["left", "right", "left"])
AGES = pd.Series([20.25, 31.5, 80.0])


@attrs.define
class Twisted:
    """Answers of a head of ours, one method of which is another."""

    answers: object
    changed: dict

    def __getattr__(self, name):
        return self.changed.get(name) or getattr(self.answers, name)


@pytest.mark.parametrize(
    ("head", "values", "changed", "words"),
    [
        ("categorical", HANDS, {"parse": lambda _: "left"}, "which parse reads as 'left'"),
        ("categorical", HANDS, {"say": lambda _: "a hand"}, "say('left') is 'a hand'"),
        ("categorical", HANDS, {"labels": ("left",)}, "labels lack 'right'"),
        ("categorical", HANDS, {"strata": lambda each: each[:1]}, "strata returns no text"),
        ("numerical", AGES, {"parse": lambda _: 17.0}, "which parse reads as 17.0"),
        ("numerical", AGES, {"parse": lambda _: None}, "which parse reads as None"),
        ("numerical", AGES, {"say": lambda each: f"{each - 1:.2f}"}, "say(20.25) is '19.25'"),
        (
            "numerical",
            AGES,
            {"say": lambda _: "old", "parse": lambda text: 40.0 if text else None},
            "say(20.25) and say(80.0), the smallest and the largest value, are both 'old'",
        ),
    ],
)
def test_answers_are_read_back_as_they_were_said(head, values, changed, words):
    """A label comes back itself, a number as it was said; sound answers break nothing."""
    answers = REGISTRY.build("heads", head, column="x").fit(values)

    assert [] == list(laws.answer_faults(answers, values))
    assert words in "".join(laws.answer_faults(Twisted(answers, changed), values))


def test_a_head_that_misreads_is_refused_by_name():
    """Where a head is fitted its answers are held to their laws."""

    class Head:
        def fit(self, values):
            sound = REGISTRY.build("heads", "categorical", column="x").fit(values)
            return Twisted(sound, {"parse": lambda _: "left"})

    with pytest.raises(PluginError, match="Head' of this program: breaks a law"):
        laws.fit_answers(Head(), HANDS)


@pytest.mark.parametrize(
    ("kind", "values", "told"),
    [
        ("numerical", [1 + 2j, 3], "real numbers, NA where there is none; they are complex128"),
        ("numerical", [True, False], "they are bool"),
        ("numerical", ["1", "2"], "they are"),
        ("numerical", [1.0, 1e300], "a value is"),
        ("numerical", [1.0, np.inf], "numbers of at most 1e+100"),
        ("categorical", [1.0, 2.0], "values must be text, labels as they are said; one is 1.0"),
    ],
)
def test_values_are_of_the_heads_kind(kind, values, told):
    """What no number or label can be made of is told of `read`, not of what comes after it."""
    column = TargetColumn(values=pd.Series(values), reasons=pd.Series(["", ""]))

    (fault,) = laws.column_faults(pd.Series(["a", "b"]), column, kind)

    assert told in fault


def test_rows_without_a_value_have_a_reason():
    """A column that a head read loses no row silently."""
    raw = pd.Series(["1", "?"], index=[4, 9])
    values, reasons = pd.Series([1.0, np.nan], index=[4, 9]), pd.Series(["", ""], index=[4, 9])

    (mute,) = laws.column_faults(raw, TargetColumn(values=values, reasons=reasons), "numerical")
    short = TargetColumn(values=values[:1], reasons=reasons)
    (index,) = laws.column_faults(raw, short, "numerical")
    told = TargetColumn(values=values, reasons=reasons + "odd")
    (both,) = laws.column_faults(raw, told, "numerical")

    assert "neither a value nor a reason: 1, for example '?'" in mute
    assert "a value and a reason why there is none: 1, for example '1'" in both
    assert "the index of the 2 rows" in index


@pytest.mark.parametrize("count", [lambda _: -5, lambda text: 100 - len(text)])
def test_tokens_are_counted(count):
    """A text has one at least, and a longer one no fewer."""
    assert 1 == len(list(laws.counting_faults(SimpleNamespace(count_tokens=count))))
    assert [] == list(laws.counting_faults(SimpleNamespace(count_tokens=len)))


@pytest.mark.parametrize("target", ["", " ", "age\nin years", "../age", "/age", "a/./b"])
def test_a_target_is_in_words(target):
    """It stands in sentences and in names of files."""
    assert 1 == len(list(laws.head_faults(SimpleNamespace(target=target))))
    assert [] == list(laws.head_faults(SimpleNamespace(target="weight in kg/m2")))


def options_with(**fields):
    return attrs.make_class("Options", fields, frozen=True, kw_only=True)


DEFAULTS = {
    "a text for a number": ({"size": attrs.field(type=int, default="3")}, "'3', expected int"),
    "nothing": ({"size": attrs.field(type=str, default=None)}, "None, expected str"),
    "a list of all": ({"names": attrs.field(type=list[str], default=[])}, "use factory=list"),
    "another word": (
        {"way": attrs.field(type=Literal["a", "b"], default="c")},
        "'c', expected 'a' or 'b'",
    ),
    "sound": (
        {
            "share": attrs.field(type=float, default=1),
            "file": attrs.field(type=Path | None, default=None),
            "shape": attrs.field(type=tuple[int, int, int], default=(1, 1, 1)),
            "names": attrs.field(type=Mapping[str, str], factory=dict),
            "any": attrs.field(type=Any, default=b""),
            "turned": attrs.field(type=Path, default="a", converter=Path),
        },
        None,
    ),
}


@pytest.mark.parametrize("name", DEFAULTS)
def test_defaults_of_options_are_of_their_type(name):
    """A part whose defaults a recipe could not give is not offered."""
    fields, words = DEFAULTS[name]
    found = find_defect(Part("lot", options_with(**fields), Template))

    assert (words is None) if found is None else words in found


class Template:
    """Words a case with a function."""

    abilities = (Fixed,)
    fixed = True

    def __init__(self, word):
        self.dialogue = word


def sound(case):
    shown = [Image(place) for place in range(len(case.references) + 1)]
    return Turn.user(*shown, *case.references), Turn.assistant(f"It is {case.query}.")


@pytest.mark.parametrize(
    ("word", "words"),
    [
        (sound, ""),
        (
            lambda case: (sound(case)[0], Turn("assistant", f"It is {case.query}.")),
            "content of a turn as a tuple of texts and Images, got 'It is second value.'; write Tu",
        ),
        (
            lambda case: (Turn.user(*map(Image, (0.0, 1.0, 2.0))), sound(case)[1]),
            "one holds Image(index=0.0)",
        ),
        (
            lambda case: (Turn.user(*sound(case)[0].content, "a\0b"), sound(case)[1]),
            "the text 'a\\x00b' holds a control character",
        ),
        (lambda case: sound(case)[:1], "expected to end with user and assistant"),
        (lambda case: (sound(case)[0], Turn.assistant(Image(0))), "the answer shows a scan"),
        (lambda case: (Turn.user("?"), sound(case)[1]), "expected each of 3 scans once"),
        (lambda case: (sound(case)[0], Turn.assistant("Yes.")), "the answer does not say"),
        (
            lambda case: (Turn.user(*sound(case)[0].content, case.query), sound(case)[1]),
            "says the query's value before the answer",
        ),
        (
            lambda case: (Turn.user(*sound(case)[0].content, str(case.seed)), sound(case)[1]),
            "fixed is true, and its wording depends on more",
        ),
        (
            lambda case: (
                sound(case)[0],
                Turn.assistant("Yes, "[case.query != "no" :], case.query),
            ),
            "fixed is true, and its wording depends on more",
        ),
    ],
)
def test_a_template_keeps_the_rules_of_a_dialogue(word, words):
    """Each broken rule is said in words; a sound template breaks none."""
    found = list(dialogue_laws.template_faults(Template(word), [(make_case(2), "another")]))

    assert words in "".join(found)
    assert bool(words) == bool(found)


def test_sources_are_there(tmp_path):
    """A loader that names a file that is not there reads another, or none."""

    class Loader:
        def sources(self):
            return (tmp_path, tmp_path / "people.csv")

    (fault,) = laws.source_faults(Loader())

    assert f"{tmp_path / 'people.csv'}, which is not there" in fault


def test_sources_do_not_depend_on_the_folder_that_one_is_in(tmp_path, monkeypatch):
    """A relative path that happens to be there from here is another one elsewhere."""
    monkeypatch.chdir(tmp_path)
    Path("people.csv").touch()

    (fault,) = laws.source_faults(SimpleNamespace(sources=lambda: (Path("people.csv"),)))

    assert "names people.csv, which depends on the folder" in fault


class Listing:
    """Answers that list numbers as they are told."""

    abilities = (SaysNumbers,)
    labels = ()

    def __init__(self, spoken):
        self.listed = spoken

    def say(self, value):
        return f"{value:.1f}"

    def parse(self, text):
        return float(text) if text else None

    def spoken(self):
        return self.listed


@pytest.mark.parametrize(
    ("spoken", "words"),
    [
        (((1.0, 1.0), (2.0, 2.4)), ""),
        (((1.0, 1.0), (0.5, 0.5)), "not ascending"),
        (((1.0, 1.5), (1.5, 2.0)), "not ascending"),
        (((2.0, 1.0),), "the lower one first"),
        (((1.0, float("inf")),), "say(inf) is 'inf'"),
    ],
)
def test_numbers_that_may_be_said_are_in_order_and_read_back(spoken, words):
    """Each stretch comes behind the last, with ends that answers can state."""
    faults = list(laws.spoken_faults(Listing(spoken)))

    assert bool(words) == bool(faults)
    assert words in "".join(faults)


def test_an_ability_of_answers_is_held_to_like_that_of_a_part():
    """Answers that declare what they have not are refused, and so is what they list wrongly."""
    answers = Numerical(NumericalOptions(column="age")).fit(AGES)
    plain = {name: getattr(answers, name) for name in ("say", "parse", "code", "strata")}
    silent = SimpleNamespace(abilities=(SaysNumbers,), labels=(), **plain)
    talking = SimpleNamespace(**vars(silent), spoken=lambda: ("one", "two"))

    class Head(Numerical):
        def fit(self, values):
            return silent if values is AGES else talking

    part = Part("silent", NumericalOptions, Head)
    head = build(part, NumericalOptions(column="age"), Origin("heads", "silent", "lab 1.0"))

    with pytest.raises(PluginError, match="a set of answers that is SaysNumbers has spoken"):
        head.fit(AGES)
    with pytest.raises(PluginError, match="spoken of the task head must return tuple"):
        head.fit(AGES + 1).spoken()

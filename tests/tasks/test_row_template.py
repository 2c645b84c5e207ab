"""Rows filled in from a skeleton are, to the byte, those of tasks worded one by one."""

from __future__ import annotations

from pathlib import Path

import orjson
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainplug.api.records import Image, Turn
from brainplug.api.roles import Fixed, able
from brainplug.errors import DataError
from brainplug.tasks.build import TaskMaker
from brainplug_plugins.heads.categorical import Categorical, CategoricalOptions
from brainplug_plugins.heads.numerical import Numerical, NumericalOptions
from brainplug_plugins.prompts.comparison import Comparison, ComparisonOptions

AWKWARD = "a0 é\"'\\%b{}$<\t\n\N{MINUS SIGN}\N{BRAIN}"
ODD_NUMBERS = [-0.0, 0.0, 1e-7, -1e-7, 1e22, -2.0, 3.0, 0.1 + 0.2]

SEX = Categorical(CategoricalOptions(column="sex"))

awkward = st.text(st.sampled_from(AWKWARD) | st.characters(exclude_categories=["Cs"]), max_size=6)
inside_names = awkward.map(lambda text: text.replace("/", "").replace("\0", ""))


@st.composite
def targets(draw):
    """Draw a head, and the values of at least four scans."""
    name = draw(st.sampled_from(["sex", 'a "q" {x}', "100 % b\\b", "BMI_é"]))
    kind = draw(st.sampled_from(["labels", "floats", "integers"]))
    if kind == "labels":
        letters = "pqrs"[: draw(st.integers(2, 4))]
        labels = [" ".join(f"{letter}{draw(awkward)}{letter}".split()) for letter in letters]
        values = labels + draw(st.lists(st.sampled_from(labels), min_size=2, max_size=3))
        return Categorical(CategoricalOptions(column=name)), pd.Series(values, dtype="str")
    head = Numerical(NumericalOptions(column=name, unit=draw(st.sampled_from(["", "%", "kg/m²"]))))
    if kind == "integers":
        whole = draw(st.lists(st.integers(-(10**12), 10**12), min_size=2, max_size=4))
        return head, pd.Series([-1, 2, *whole], dtype="int64")
    any_float = st.sampled_from(ODD_NUMBERS) | st.floats(-1e9, 1e9)
    parts = draw(st.lists(any_float, min_size=2, max_size=4))
    return head, pd.Series([-1.25, 2.5, *parts])


@st.composite
def cohorts(draw, values):
    """Draw who has these values, and where their scans lie."""
    scans = [f"s{place}" for place in range(len(values))]
    subjects = [f"{draw(awkward)}{scan}" for scan in scans]
    images = [str(Path(f"/x/{draw(inside_names)}/{scan}.nii")) for scan in scans]
    columns = {"scan": scans, "subject": subjects, "image": images}
    return pd.DataFrame(columns).assign(target=values.to_numpy())


@st.composite
def pairings(draw, scans):
    """Draw tasks of one to three references."""
    shown = [draw(st.permutations(scans))[: draw(st.integers(2, 4))] for _ in range(6)]
    return pd.DataFrame(
        {
            "task_id": [f"{draw(awkward)}-{place}" for place in range(len(shown))],
            "query": [names[-1] for names in shown],
            "references": [names[:-1] for names in shown],
        }
    )


@st.composite
def wordings(draw):
    """Draw a fixed wording with slots said several times, and braces, quotes and percents."""

    def text(*slots, last=()):
        plain = st.sampled_from(["{{", "}}", "{{value}}", "%", "%b", '"', "\\", "é", "\n", "x"])
        drawn = draw(st.lists(st.sampled_from(["-", *slots]) | plain, max_size=6))
        return " ".join(["so", *drawn, *last])

    return ComparisonOptions(
        reference=text("{value}", "{target}", last=["{value}"]),
        acknowledgement=text("{value}", "{target}"),
        question=text("{target}"),
        answer=text(last=["{value}"]),
    )


def make_maker(head, cohort, template):
    return TaskMaker(head=head, answers=head.fit(cohort["target"]), template=template, seed=3)


def one_by_one(maker, cohort, pairs) -> list[bytes]:
    """Return the rows of tasks that are worded one by one."""
    return [orjson.dumps(task.to_json()) for task in maker.make(pairs, maker.show(cohort))]


def make_sexes(*labels: str):
    """Make a cohort of these labels, and pairs of each scan with the one before it."""
    scans = [f"s{place:02d}" for place in range(len(labels))]
    images = [f"/x/{scan}.nii" for scan in scans]
    cohort = pd.DataFrame({"scan": scans, "subject": scans, "image": images, "target": labels})
    references = [[scan] for scan in scans[-1:] + scans[:-1]]
    pairs = pd.DataFrame({"task_id": scans, "query": scans, "references": references})
    return cohort, pairs


@given(data=st.data())
def test_filled_rows_are_those_of_worded_tasks(data):
    """Whatever ids, paths, labels, numbers and wordings hold, both ways write the same bytes."""
    head, values = data.draw(targets())
    cohort = data.draw(cohorts(values))
    pairs = data.draw(pairings(cohort["scan"].tolist()))
    maker = make_maker(head, cohort, Comparison(data.draw(wordings())))

    rows = list(maker.rows(pairs, maker.show(cohort)))

    assert one_by_one(maker, cohort, pairs) == rows


def test_a_fixed_wording_is_worded_once():
    """Of a hundred tasks the first is worded three times to check it, and once as a skeleton."""
    cohort, pairs = make_sexes(*["female", "male", "male", "female"] * 25)

    class Counting(Comparison):
        asked = 0

        def dialogue(self, case):
            self.asked += 1
            return super().dialogue(case)

    template = Counting(ComparisonOptions())
    maker = make_maker(SEX, cohort, template)

    assert 100 == len(list(maker.rows(pairs, maker.show(cohort))))

    # Five of them for the laws, with either sex in each place.
    assert 9 == template.asked


def test_what_is_called_fixed_is_held_to_its_own_words():
    """A template that words one label otherwise is refused."""
    cohort, pairs = make_sexes("female", "female", "female", "male")

    class Gallant(Comparison):
        def dialogue(self, case):
            *before, last = super().dialogue(case)
            yield from before
            yield last if case.query == "female" else Turn.assistant(f"A {case.query}, then.")

    maker = make_maker(SEX, cohort, Gallant(ComparisonOptions()))

    with pytest.raises(DataError, match="depends on more than the place of each value"):
        list(maker.rows(pairs, maker.show(cohort)))


def test_several_phrasings_are_drawn_for_each_task():
    """A template whose wording varies is asked for every task, with the same bytes."""
    cohort, pairs = make_sexes(*["female", "male", "male", "female"] * 5)
    template = Comparison(ComparisonOptions(question=("Which {target}?", "And 100 % {target}?")))
    maker = make_maker(SEX, cohort, template)

    rows = list(maker.rows(pairs, maker.show(cohort)))

    assert one_by_one(maker, cohort, pairs) == rows
    assert 0 < sum(b"100 %" in row for row in rows) < 20


class Stranger:
    """A template that says nothing of being fixed, and words old and new scans in its own way."""

    def dialogue(self, case):
        shout = case.references[0].upper()
        yield Turn.user(Image(0), f"{{{shout}}} it was, {case.seed}.")
        yield Turn.user(Image(1), "And now?")
        yield Turn.assistant(f"Now it is {case.query}.")


def test_a_strangers_template_is_asked_for_every_task():
    """What is not declared as fixed is never filled in."""
    cohort, pairs = make_sexes("female", "male", "male", "female")
    maker = make_maker(SEX, cohort, Stranger())

    rows = list(maker.rows(pairs, maker.show(cohort)))

    assert not able(maker.template, Fixed)
    assert one_by_one(maker, cohort, pairs) == rows
    assert [b"{MALE}" in row or b"{FEMALE}" in row for row in rows] == [True] * 4


def test_each_label_must_be_read_back_in_the_fixed_wording():
    """An answer that can be read for one label only is refused at the first task of the other."""
    cohort, pairs = make_sexes("female", "female", "female", "male")
    maker = make_maker(SEX, cohort, Comparison(ComparisonOptions(answer="{value} or female")))
    rows = maker.rows(pairs, maker.show(cohort))

    assert 3 == len([next(rows) for _ in range(3)])
    with pytest.raises(DataError) as caught:
        next(rows)

    assert ("task 's03'",) == caught.value.where
    assert ("male or female", None) == caught.value.found


def test_each_number_must_be_read_back_in_the_fixed_wording():
    """The same for numbers: of 10 and 12 only the first is what `10 or …` says."""
    cohort, pairs = make_sexes("x", "x", "x")
    cohort["target"] = [10.0, 10.0, 12.0]
    head = Numerical(NumericalOptions(column="age"))
    maker = make_maker(head, cohort, Comparison(ComparisonOptions(answer="10 or {value}")))
    rows = maker.rows(pairs, maker.show(cohort))

    assert 2 == len([next(rows) for _ in range(2)])
    with pytest.raises(DataError) as caught:
        next(rows)

    assert ("task 's02'",) == caught.value.where
    assert ("10 or 12", None) == caught.value.found


def test_each_number_of_references_is_checked():
    """Tasks of one and of two references are worded and checked apart, in one go."""
    cohort, pairs = make_sexes("female", "male", "male")
    pairs["references"] = [["s01"], ["s02", "s00"], ["s00"]]
    maker = make_maker(SEX, cohort, Comparison(ComparisonOptions()))

    rows = [orjson.loads(row) for row in maker.rows(pairs, maker.show(cohort))]

    assert [2, 3, 2] == [len(row["images"]) for row in rows]
    assert ["different_sex", "mixed_sex", "different_sex"] == [
        row["metadata"]["comparison_type"] for row in rows
    ]

"""Other values told of references: by where a dialogue tells them, not by what looks like them."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest

from brainplug.api.records import Image, Turn
from brainplug.tasks.rewording import Wordings
from brainplug.tasks.task import Task


def make(task_id, *turns, truth="male", told=("male",), kind="categorical", **more):
    """A dialogue of one line a turn; `@` stands for the next scan."""
    index, made = 0, []
    for number, line in enumerate(turns):
        parts = []
        for piece in line.replace("@", "\n@\n").split("\n"):
            if piece == "@":
                parts.append(Image(index))
                index += 1
            elif piece:
                parts.append(piece)
        made.append(Turn("assistant" if number % 2 else "user", tuple(parts)))
    people = tuple(f"{task_id}-{place}" for place in range(index))
    return Task(
        task_id=task_id,
        kind=kind,
        target="sex",
        subject=people[-1],
        truth=truth,
        references=people[:-1],
        reference_values=told,
        images=tuple(map(Path, people)),
        turns=tuple(made),
        **more,
    )


def simple(told, said=None, **more):
    """One reference, one question."""
    text = f"@A male-like brain scan, male or female? It is {said or told}."
    return make(f"t-{told}", text, "Noted.", "@And this?", "It is male.", told=(told,), **more)


def texts(task):
    """All words before the answer, turn by turn."""
    return ["".join(part for part in turn.content if isinstance(part, str)) for turn in task.turns]


def test_only_the_place_that_tells_the_value_is_changed():
    """The same label elsewhere in the text stays, since it stays when the value is another."""
    tasks = [simple("male"), simple("female")]

    found = Wordings.of(tasks).reword(tasks[0], ["female"])

    assert "A male-like brain scan, male or female? It is female." == texts(found)[0]
    assert texts(tasks[0])[1:] == texts(found)[1:]
    assert ("female",) == found.reference_values
    assert ("male", tasks[0].images) == (found.truth, found.images)


def test_each_reference_is_told_its_own_value():
    """Of two references of different classes; the reply that repeats a value is changed, too."""

    def two(task_id, first, second):
        return make(
            task_id,
            f"@This is {first}.",
            f"So it is {first}.",
            f"@This is {second}.",
            f"So it is {second}.",
            "@And this?",
            "It is male.",
            told=(first, second),
        )

    tasks = [two("a", "male", "female"), two("b", "female", "male")]

    found = Wordings.of(tasks).reword(tasks[0], ["female", "male"])

    assert texts(tasks[1]) == texts(found)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("@ is male. @ is female. @ And this?", "@ is female. @ is male. @ And this?"),
        ("Male: @ Female: @ And this: @", "Female: @ Male: @ And this: @"),
    ],
)
def test_several_scans_of_one_turn_keep_their_words(before, after):
    """Words behind a scan are its own; in a turn that begins with words, those before it."""
    tasks = [
        make("a", before, "It is male.", told=("male", "female")),
        make("a", after, "It is male.", told=("female", "male")),
    ]

    found = Wordings.of(tasks).reword(tasks[0], ["female", "male"])

    assert tasks[1].turns == found.turns


@pytest.mark.parametrize(
    ("told", "text", "other", "wanted"),
    [
        (24.83, "T1 scan 3, of BMI 24.8 kg.", 30.06, "T1 scan 3, of BMI 30.1 kg."),
        (-0.52, "T1 scan 3, of BMI -0.5 kg.", 0.52, "T1 scan 3, of BMI 0.5 kg."),
        (3.0, "T1 scan 3, of BMI 3.0 kg.", 2.0, "T1 scan 3, of BMI 2.0 kg."),
        (0.52, "T1 scan 3, of BMI 0.5 kg.", -0.04, "T1 scan 3, of BMI 0.0 kg."),
    ],
)
def test_a_number_is_told_with_the_decimals_it_had(told, text, other, wanted):
    """Rounded as it was; a number that means something else stays."""
    tasks = [
        make(f"t{value}", f"@{said}", "Noted.", "@?", "5.", told=(value,), kind="numerical")
        for value, said in ((told, text), (7.25, "T1 scan 3, of BMI 7.2 kg."))
    ]

    found = Wordings.of(tasks).reword(tasks[0], [other])

    assert wanted == texts(found)[0]
    assert (other,) == found.reference_values


def test_a_label_keeps_the_case_it_is_said_in():
    """At the beginning of a sentence a label is written large."""
    tasks = [
        make(told, f"@{told.capitalize()}.", "Noted.", "@?", "Male.", told=(told,))
        for told in ("male", "female")
    ]

    assert "Female." == texts(Wordings.of(tasks).reword(tasks[0], ["female"]))[0]


def test_a_dialogue_that_tells_no_value_cannot_tell_another():
    """A finished task whose reference is shown without a word."""
    task = make("t", "@Here is a scan.", "Noted.", "@?", "It is male.")

    assert Wordings.of([task]).reword(task, ["female"]) is None


def test_a_likeness_is_to_what_is_told_now():
    """The answer's candidates are made from it; the query's own label stays."""
    task = attrs.evolve(
        simple("male"),
        likeness_words=("the same as", "different from"),
        turns=(*simple("male").turns[:-1], Turn.assistant("It is the same as that, male.")),
    )

    found = Wordings.of([task, simple("female")]).reword(task, ["female"])

    assert "It is different from that, male." == texts(found)[-1]

"""Each intervention changes one thing of a task, and nothing else."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import attrs
import numpy as np
import pytest

from brainplug.api.records import Image, Turn
from brainplug.tasks.interventions import INTERVENTIONS, Changes, Spread, choose_tasks, spread_of
from brainplug.tasks.more_references import DOSES, ask_more
from brainplug.tasks.rewording import Wordings
from brainplug.tasks.shown_scans import Pool
from brainplug.tasks.task import Task

SEX = {"a": "male", "b": "female", "c": "male", "d": "female", "e": "male", "f": "female"}
AGE = {"a": 20.0, "b": 30.0, "c": 40.0, "d": 50.0, "e": 60.0, "f": 70.0}


def ask(query, *references, values=SEX):
    """One dialogue; a scan is named as whom it shows."""
    turns = []
    for place, person in enumerate(references):
        turns += [
            Turn.user(Image(place), f"This is {values[person]}."),
            Turn.assistant("Noted."),
        ]
    turns += [
        Turn.user(Image(len(references)), "And this?"),
        Turn.assistant(f"It is {values[query]}."),
    ]
    numerical = values is AGE
    return Task(
        task_id=f"{query}-{''.join(references)}",
        kind="numerical" if numerical else "categorical",
        target="age" if numerical else "sex",
        subject=query,
        truth=values[query],
        references=references,
        reference_values=tuple(values[person] for person in references),
        images=tuple(Path(f"/scans/{person}.nii") for person in (*references, query)),
        turns=tuple(turns),
    )


def changes(tasks, *, families=None, seed=3):
    """What changes these tasks."""
    numerical = tasks[0].kind == "numerical"
    return Changes(
        pool=Pool(tasks=tasks, families=families or {}),
        wordings=Wordings.of(tasks),
        labels=() if numerical else ("male", "female"),
        spread=Spread(mean=45.0, sd=17.0, low=20.0, high=70.0) if numerical else None,
        seed=seed,
    )


TASKS = [ask("a", "b"), ask("c", "d"), ask("b", "e"), ask("d", "f"), ask("e", "a"), ask("f", "c")]
AGES = [ask(*"ab", values=AGE), ask(*"cd", values=AGE), ask(*"ef", values=AGE)]
AGES += [ask(*"ba", values=AGE), ask(*"dc", values=AGE), ask(*"fe", values=AGE)]


def kept(task, changed, *names):
    """Tell whether all fields but some are as they were."""
    fields = {field.name for field in attrs.fields(Task)} - set(names)
    return all(getattr(task, name) == getattr(changed.task, name) for name in fields)


def shown(changed):
    """Whom the scans show, and with which values."""
    return [scan.subject for scan in changed.shown], [scan.value for scan in changed.shown]


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.task_id)
def test_another_query_is_of_another_class_and_in_no_other_place(task):
    """Its scan takes the query's place; who is asked about by name, and the truth, stay."""
    found = changes(TASKS).make("query-other", task)

    people, values = shown(found)
    assert kept(task, found, "images")
    assert task.images[0] == found.task.images[0]
    assert Path(f"/scans/{people[-1]}.nii") == found.task.images[-1]
    assert people[-1] not in {task.subject, *task.references}
    assert SEX[people[-1]] == values[-1] != task.truth
    assert [*task.references] == people[:-1]


def test_another_query_of_a_number_is_far():
    """It is drawn from the half of the others that is farthest."""
    found = {shown(changes(AGES, seed=s).make("query-other", AGES[0]))[0][-1] for s in range(30)}

    assert {"e", "f"} == found  # of c, d, e and f beside 20


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.task_id)
def test_reference_scans_of_others_keep_what_is_told(task):
    """Somebody alike, or somebody of the other class; the word is the old one."""
    made = changes(TASKS)
    alike, other = made.make("reference-alike", task), made.make("reference-other", task)

    for found in (alike, other):
        assert kept(task, found, "images")
        assert task.images[-1] == found.task.images[-1]
        assert shown(found)[0][0] not in {task.subject, *task.references}
    (told,) = task.reference_values
    assert told == shown(alike)[1][0] != shown(other)[1][0]
    assert Path(f"/scans/{shown(other)[0][0]}.nii") == other.task.images[0]


def test_the_nearest_and_a_far_number_take_a_reference_s_place():
    """Beside 30: 40 is the nearest of the others, 60 and 70 are the farther half."""
    nearest = shown(changes(AGES).make("reference-alike", AGES[0]))
    far = {shown(changes(AGES, seed=s).make("reference-other", AGES[0]))[1][0] for s in range(30)}

    assert (["c", "a"], [40.0, 20.0]) == nearest
    assert {60.0, 70.0} == far


def test_scans_that_show_nobody():
    """An empty query, an empty reference, and a query whose voxels are shuffled."""
    task, made = TASKS[0], changes(TASKS)
    blank, shuffled = made.make("query-blank", task), made.make("query-shuffled", task)
    reference = made.make("reference-blank", task)

    assert (["b", None], ["female", None]) == shown(blank) == shown(shuffled)
    assert ([None, "a"], [None, "male"]) == shown(reference)
    assert all(kept(task, found, "images") for found in (blank, shuffled, reference))
    assert blank.task.images[-1] == reference.task.images[0] == blank.scan.path
    assert shuffled.scan.path == shuffled.task.images[-1] != blank.scan.path
    assert task.images[0] == blank.task.images[0] == shuffled.task.images[0]
    assert Path("/scans/a.nii") == shuffled.scan.of
    other = made.make("query-shuffled", TASKS[1])
    assert other.scan.path != shuffled.scan.path
    assert other.scan.seed != shuffled.scan.seed


def test_the_query_as_its_own_reference():
    """All scans are the query's, and the old word is told."""
    task = ask("a", "b", "c")

    found = changes([task, *TASKS]).make("reference-query", task)

    assert (["a"] * 3, ["male"] * 3) == shown(found)
    assert (Path("/scans/a.nii"),) * 3 == found.task.images
    assert kept(task, found, "images")


def test_another_word_is_told_and_scans_stay():
    """Of two classes the other one; of several references each is told the other one."""
    task = ask("a", "b", "c")

    found = changes([task, *TASKS]).make("word-changed", task)

    assert ("male", "female") == found.task.reference_values
    assert ["This is male.", "This is female."] == [
        turn.content[1] for turn in found.task.turns[:4:2]
    ]
    assert kept(task, found, "turns", "reference_values")
    assert task.turns[4:] == found.task.turns[4:]
    assert (["b", "c", "a"], ["female", "male", "male"]) == shown(found)


def test_another_number_is_told_one_standard_deviation_off():
    """Both ways by lot, unless that leaves the training values: from 20 up, from 70 down."""
    moved = {
        value: {
            changes(AGES, seed=seed).make("word-changed", task).task.reference_values[0] - value
            for seed in range(20)
        }
        for task in AGES
        for value in task.reference_values
    }

    both = {-17.0, 17.0}
    assert {20: {17}, 30: {17}, 40: both, 50: both, 60: {-17}, 70: {-17}} == moved
    assert spread_of(AGES) == Spread(mean=45.0, sd=np.std([*AGE.values()]), low=20.0, high=70.0)


def test_nobody_meets_relatives():
    """With all others in the family of a reference or the query, nobody is left to show."""
    families = dict.fromkeys("cdef", "1") | {"b": "1"}
    made = changes(TASKS, families=families)

    assert None is made.make("query-other", TASKS[0])
    assert None is made.make("reference-other", TASKS[0])
    assert (
        "e"
        == shown(changes(TASKS, families={"c": "9", "a": "9"}).make("reference-other", TASKS[0]))[
            0
        ][0]
    )


def test_scans_come_from_the_group_that_tasks_connect():
    """Two sites whose people do not meet: others are of the own one, if it has anybody who fits."""
    sites = [ask(*"ab"), ask(*"bc"), ask(*"ca"), ask(*"de"), ask(*"ef"), ask(*"fd")]
    made = [changes(sites, seed=seed) for seed in range(20)]

    query = {shown(each.make("query-other", sites[1]))[0][-1] for each in made}
    reference = {shown(each.make("reference-other", sites[1]))[0][0] for each in made}

    assert {"a"} == query  # not e, who is male as well
    assert {"d", "f"} == reference  # b, the only woman of the own site, is asked about


def test_without_references_only_the_query_is_changed():
    """What is told of nobody cannot be changed."""
    tasks = [ask("a"), ask("b")]
    made = changes(tasks)

    able = [name for name in INTERVENTIONS if made.make(name, tasks[0]) is not None]

    assert ["query-other", "query-blank", "query-shuffled"] == able


def test_people_are_drawn_first_and_then_their_tasks():
    """Few people are asked several times, of many each once; other files, the same people."""
    tasks = [
        attrs.evolve(ask("a", "b"), subject=f"s{n}", task_id=f"{n}-{again}")
        for n in range(6)
        for again in range(4)
    ]

    every = [len(choose_tasks(tasks, 1, most)) for most in (100, 24, 12, 6, 3)]
    some = choose_tasks(tasks, 1, 3)

    assert [24, 24, 12, 6, 3] == every
    assert len({task.subject for task in some}) == 3
    assert some == choose_tasks(tasks[::-1], 1, 3)
    assert some != choose_tasks(tasks, 2, 3)


def test_more_references_are_new_ones_of_both_classes_in_turn():
    """Up to eight tasks a person, nobody met twice, no relatives, true words."""
    people = {f"{label[0]}{n}": label for n in range(8) for label in ("male", "female")}
    names = sorted(people)
    tasks = [
        ask(one, other, values=people)
        for one, other in zip(names, names[1:] + names[:1], strict=True)
    ]
    families = {"f0": "1", "f1": "1"}

    found = list(ask_more(changes(tasks, families=families)))

    own = {task.subject: [*task.references] for task in tasks}
    met = {person: list(first) for person, first in own.items()}
    for changed in found:
        (reference, query), values = shown(changed)
        met[query].append(reference)
        assert [people[reference], people[query]] == values
        assert f"This is {people[reference]}." == changed.task.turns[0].content[1]
        assert (reference,) == changed.task.references
        assert Path(f"/scans/{reference}.nii") == changed.task.images[0]
    assert {DOSES[-1]} == {len(each) for each in met.values()}
    assert all(len(set(each)) == 8 for each in met.values())
    assert all(person not in each for person, each in met.items())
    assert "f1" not in met["f0"][1:]
    counts = [Counter(people[each] for each in references) for references in met.values()]
    assert all(count["male"] == 4 for count in counts)
    assert len({changed.task.task_id for changed in found}) == len(found)


def test_there_are_no_more_references_than_there_are():
    """Of three people each meets the two others at most."""
    tasks = [ask(*"ab"), ask(*"bc"), ask(*"ca")]

    found = [changed.task.task_id for changed in ask_more(changes(tasks))]

    assert ["a-b+0", "b-c+0", "c-a+0"] == sorted(found)

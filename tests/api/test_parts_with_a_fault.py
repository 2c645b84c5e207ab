"""Parts of ours with a method of another's: what is broken is found before a training."""

from __future__ import annotations

import itertools
import sys
from types import SimpleNamespace

import attrs
import pandas as pd
import pytest

from brainplug.api.contracts import find_faults
from brainplug.api.dialogue_laws import alone_faults, make_cases, template_faults
from brainplug.api.guard import Origin, build, name_of
from brainplug.api.laws import fit_answers
from brainplug.api.records import POOLS, Image, Turn
from brainplug.api.roles import Part, Prepares, Speaks
from brainplug.audit.split_leaks import naming_split, refuse_leaks
from brainplug.cohort.contract import find_bad_codes
from brainplug.design.pairs import make_pairs
from brainplug.design.split import pool_scans, split_cohort
from brainplug.errors import DataError, LeakageError, PluginError
from brainplug.model.bundle import bundle_faults
from brainplug.recipe.phases import check_phases
from brainplug.recipe.training_tables import Training
from brainplug.registry import load_registry
from brainplug.tasks.build import TaskMaker
from brainplug.testing import check_part, make_people, tiny_model

REGISTRY = load_registry()
COUNT = itertools.count()


def changed(role, name, **methods) -> Part:
    """Make a part of ours that has some methods of another's."""
    part = REGISTRY.parts(role)[name]
    return Part("mine", part.options, type("Mine", (part.make,), methods))


def made(role, name, options=None, **methods):
    part = changed(role, name, **methods)
    return build(part, part.options(**(options or {})), Origin(role, "mine", "mine.py"))


def reworded(change):
    """Make a template that changes the turns of ours."""
    whole = REGISTRY.parts("prompts")["comparison"].make
    return lambda self, case: tuple(change(list(whole.dialogue(self, case))))


DIALOGUES = {
    "a number": (lambda turns: [Turn.user(Image(0), 3), *turns[1:]], "one holds 3"),
    "a state": (
        lambda turns: [*turns[:-1], Turn.assistant(f"{next(COUNT)}", *turns[-1].content)],
        "words one task otherwise when it is asked again",
    ),
    "silence": (
        lambda turns: [Turn.user("Hi"), Turn.assistant(" "), *turns],
        "a turn of the dialogue is empty",
    ),
}


@pytest.mark.parametrize("name", DIALOGUES)
def test_a_wording_that_cannot_be_a_dialogue_is_a_fault(name):
    """Texts and scans, no turn empty, by the case alone."""
    change, words = DIALOGUES[name]
    template = made("prompts", "comparison", dialogue=reworded(change), fixed=False)

    assert words in "; ".join(template_faults(template, make_cases((1,))))


@pytest.mark.parametrize("name", DIALOGUES)
def test_tasks_that_a_template_words_wrongly_name_its_file_and_what_to_do(name):
    """In a run and in check, for which the task is the place."""
    head, people = REGISTRY.build("heads", "categorical", column="sex"), make_people(12)
    template = made("prompts", "comparison", dialogue=reworded(DIALOGUES[name][0]), fixed=False)
    maker = TaskMaker(head=head, answers=head.fit(people["target"]), template=template, seed=1)
    one, two = people["scan"].head(2)
    pairs = pd.DataFrame({"task_id": ["train-1"], "query": [one], "references": [[two]]})

    with pytest.raises(DataError) as caught:
        list(maker.make(pairs, maker.show(people)))

    assert str(caught.value).startswith("task 'train-1': ")
    told = "; the prompt template 'mine' of mine.py words it so; correct it, or name another part"
    assert str(caught.value).endswith(told)


def test_abilities_that_are_no_tuple_are_told_with_one_of_the_role():
    """What is declared is shown, and a role that has none names none."""
    asked = (("cohorts", Prepares), ("heads", [Prepares]))
    told = [list(find_faults(SimpleNamespace(abilities=given), role))[-1] for role, given in asked]

    assert told == [
        "abilities: expected a tuple such as (Prepares,), got the class Prepares",
        "abilities: expected a tuple, got list",
    ]


def test_alone_must_give_a_template_without_references():
    """What an arm without references is worded by is looked at before it is needed."""
    template = made("prompts", "comparison", alone=lambda self: self)

    assert list(alone_faults(template)) == ["alone: expected a template that declares ShowsNone"]


@attrs.define
class Twin:
    """Answers of ours, one method of which is another."""

    answers: object
    twisted: dict

    def __getattr__(self, name):
        return self.twisted.get(name) or getattr(self.answers, name)


ANSWERS = {
    "equal codes": ({"code": lambda _value: 1}, "code gives two labels one number"),
    "no code": ({"code": lambda _value: float("nan")}, "expected a number"),
    "a guess": (
        {"parse": lambda text: next((name for name in ("a", "b") if name in text.split()), None)},
        "which states two labels, as 'a'",
    ),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_answers_that_mix_up_labels_are_a_fault(name):
    """Two labels have two numbers, and both together state none."""
    twisted, words = ANSWERS[name]
    whole = REGISTRY.parts("heads")["categorical"].make
    head = made(
        "heads",
        "categorical",
        {"column": "sex"},
        fit=lambda self, values: Twin(whole.fit(self, values), twisted),
    )

    with pytest.raises(PluginError, match=words):
        fit_answers(head, make_people(12)["target"])


def of_pairs(change):
    """Make a pairing that changes the pairs of ours."""
    whole = REGISTRY.parts("pairings")["independent"].make

    def pair(self, queries, references, *, seed):
        return change(
            queries, lambda more=0: whole.pair(self, queries, references, seed=seed + more)
        )

    return pair


def change_table(table, give):
    given = give()
    table["site"] = "here"
    return given


PAIRS = {
    "no seed": (lambda _queries, give: give(next(COUNT)), "when it was asked again"),
    "one task twice": (
        lambda _queries, give: give().loc[lambda pairs: [*pairs.index, pairs.index[0]]],
        "is one task twice",
    ),
    "no reference": (
        lambda _queries, give: give().assign(references=lambda pairs: [()] * len(pairs)),
        "the ability ShowsNone",
    ),
    "references without an order": (
        lambda _queries, give: give().assign(references=lambda all_: all_["references"].map(set)),
        "a list of scans in each row.* found the set .*write a list or a tuple",
    ),
    "references once only": (
        lambda _queries, give: give().assign(references=lambda all_: all_["references"].map(iter)),
        "a list of scans in each row.* found the (list|tuple)_iterator",
    ),
    "a list of lists": (
        lambda _queries, give: give().assign(
            references=lambda all_: all_["references"].map(lambda told: [list(told)])
        ),
        "column 'references': expected the name of a scan, as in the index, found the list",
    ),
    "a query in a list": (
        lambda _queries, give: give().assign(query=lambda all_: all_["query"].map(lambda q: [q])),
        "column 'query': expected the name of a scan",
    ),
    "a column twice": (
        lambda _queries, give: give().loc[:, ["query", "references", "references"]],
        "column 'references': expected one such column, found it stands 2 times",
    ),
    "a changed table": (change_table, "pair changed the table that it was given .column 'site'"),
}


@pytest.mark.parametrize("name", PAIRS)
def test_pairs_that_a_run_cannot_build_on_are_refused(name):
    """By the seed alone, each task once, with references, and on tables left as they are."""
    change, words = PAIRS[name]
    people = make_people(60)
    people["pool"] = [POOLS[index % 6] for index in range(60)]
    head = REGISTRY.build("heads", "categorical", column="sex")
    pairing = made("pairings", "independent", pair=of_pairs(change))

    with pytest.raises((DataError, PluginError), match=words) as caught:
        make_pairs(pairing, people, head.fit(people["target"]), seed=1)

    assert "'mine' of mine.py" in str(caught.value)


def test_what_a_pairing_says_of_its_pairs_changes_none():
    """They were checked already."""
    head, people = REGISTRY.build("heads", "categorical", column="sex"), make_people(60)
    people["pool"] = [POOLS[index % 6] for index in range(60)]

    def notes(self, pairs, queries, references):
        pairs["query"] = "nobody"
        return ()

    pairing = made("pairings", "independent", notes=notes, abilities=(Speaks,))

    with pytest.raises(PluginError, match=r"notes changed the table .*'query'"):
        make_pairs(pairing, people, head.fit(people["target"]), seed=1)


@pytest.mark.parametrize("split", ["train", "test"])
def test_a_pairing_is_held_to_its_laws_wherever_there_are_people(split):
    """Also where nobody validates, as in a study that is tested only."""
    change, words = PAIRS["no seed"]
    people = make_people(60)
    people["pool"] = [f"{split}_{('query', 'reference')[index % 2]}" for index in range(60)]
    head = REGISTRY.build("heads", "categorical", column="sex")
    pairing = made("pairings", "independent", pair=of_pairs(change))

    with pytest.raises(DataError, match=words) as caught:
        make_pairs(pairing, people, head.fit(people["target"]), seed=1)

    assert str(caught.value).endswith("correct it, or name another part")


SPLITS = {
    "parts families": (
        lambda people: people["subject"].map(lambda name: POOLS[int(name[1:]) % 6]),
        r"families are in .*family_groups",
    ),
    "leaves pools empty": (
        lambda people: people["subject"].map(lambda _: "train"),
        "no subject is in val, test .*`assign` must put somebody into each",
    ),
    "parts a person": (
        lambda people: people["session"].map({"1": "train"}).fillna("test"),
        "subjects are put into two pools.*all rows of one belong together",
    ),
}


@pytest.mark.parametrize("name", SPLITS)
def test_a_split_of_others_whose_pools_cannot_be_used_is_named(name):
    """With what its author does, not with the options of ours."""
    assign, words = SPLITS[name]
    strategy = made("splits", "subject", assign=lambda _self, people, *, seed: assign(people))
    visits = [make_people(60).assign(session=visit) for visit in ("1", "2")]
    people = pd.concat(visits, ignore_index=True)
    people["scan"] = people["subject"] + "_" + people["session"]

    with pytest.raises((DataError, LeakageError), match=words) as caught:
        refuse_leaks(strategy, pool_scans(people, split_cohort(strategy, people, seed=1)))

    assert str(caught.value).startswith("the split strategy 'mine' of mine.py: ")
    assert str(caught.value).endswith("correct it, or name another part")


@pytest.mark.parametrize("ours", [True, False])
def test_who_trains_is_said_to_be_the_choice_of_a_split_of_others(ours):
    """Where a head finds too little in them; of ours the recipe says it."""
    strategy = REGISTRY.build("splits", "subject") if ours else made("splits", "subject")

    with pytest.raises(DataError) as caught, naming_split(strategy):
        raise DataError("one label alone")

    told = "who trains and who is tested is the choice of the split strategy 'mine' of mine.py"
    assert [told] * (not ours) == getattr(caught.value, "__notes__", [])


def test_a_split_of_ours_whose_pools_cannot_be_used_is_told_of_options():
    """It is the recipe that is changed."""
    part = REGISTRY.parts("splits")["subject"]
    ours = build(part, part.options(), Origin("splits", "subject", "brainplug 9.9"))
    people = make_people(60)
    people["family"] = "one"

    with pytest.raises(DataError, match=r"^no subject is in .*; use more subjects, other fraction"):
        split_cohort(ours, people.head(2), seed=1)
    with pytest.raises(LeakageError, match=r'^families are in .*; set use = "family" in \[split\]'):
        refuse_leaks(ours, pool_scans(people, split_cohort(ours, people, seed=1)))


def test_a_split_that_changes_its_table_is_told_so():
    """The message names the part, its file and the column, and nobody else sees the change."""
    whole = REGISTRY.parts("splits")["subject"].make

    def assign(self, cohort, *, seed):
        cohort["family"] = "f"
        return whole.assign(self, cohort, seed=seed)

    strategy, people = made("splits", "subject", assign=assign), make_people(60)

    with pytest.raises(PluginError, match=r"mine\.py: assign changed .*column 'family'"):
        split_cohort(strategy, people, seed=1)

    assert people.equals(make_people(60))


@pytest.mark.parametrize("codes", [{"sex": {1: "male"}}, {"1": "male"}])
def test_codes_of_another_shape_are_the_loaders_fault(codes):
    """Not of the head that would be given them."""
    assert "its codes" in (find_bad_codes(SimpleNamespace(codes=codes)) or "")
    assert find_bad_codes(SimpleNamespace(codes={"sex": {"1": "male"}})) is None


def test_a_part_that_ends_python_is_told_of():
    """`sys.exit` in a method is the part's fault, and ends nothing as if it were done."""
    metric = made("metrics", "accuracy", score=lambda _self, _predictions: sys.exit())

    with pytest.raises(PluginError, match=r"mine\.py: score .* SystemExit \(test"):
        metric.score(None)


def test_a_class_of_a_plugin_file_is_named_as_its_author_did():
    """The module's name is of our making."""
    kind = type("Twins", (), {"__module__": "brainplug_file_bad_4a72"})

    assert "Twins" == name_of(kind())


def test_a_part_of_the_model_that_is_unknown_is_refused_with_the_recipe():
    """The misspelt name is told, not what follows from it."""
    backbone = made("models", "tiny")
    backbone.train = ("projecter",)

    problems = [problem for _, problem in check_phases(Training(auxiliary=1.0), backbone)]

    assert len(problems) == 1
    assert (
        "'projecter' in train of the model 'mine' of mine.py; did you mean 'projector'?"
        in (problems[0])
    )


def test_a_model_that_is_not_the_planned_one_is_a_fault():
    """Before it is trained, with both numbers."""
    plan = SimpleNamespace(tokens_per_image=16)

    assert ["plan says 16 tokens a scan, the model that is built 8"] == list(
        bundle_faults(tiny_model(), plan)
    )
    assert ["build must return a ModelBundle, returned nothing"] == list(bundle_faults(None, plan))


def test_a_model_that_builds_nothing_fails_the_check_of_its_author():
    """The kit ends with an assertion, as for every other fault."""
    part = changed("models", "tiny", build=lambda _self, _shape, *, seed: seed and None)

    with pytest.raises(AssertionError, match="build"):
        check_part(part, "models")

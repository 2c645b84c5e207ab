"""The tree of all numbers that an answer may state."""

from __future__ import annotations

import attrs
import numpy as np
import pandas as pd
import pytest

from brainplug.model import make_byte_tokenizer
from brainplug.tasks.chat import ChatEncoder
from brainplug.tasks.token_tree import NumberTrees, cut_answers, grow_tree
from brainplug_plugins.heads.numerical import NumberAnswers, Numerical, NumericalOptions
from small import make_number_task

ENCODER = ChatEncoder(make_byte_tokenizer(), 8)


def trees_for(low: float, high: float, precision: int = 0, **more) -> NumberTrees:
    """Make the trees of answers with numbers between bounds."""
    answers = NumberAnswers(precision=precision, bounds=(low, high), **more)
    return NumberTrees(answers, ENCODER, answers.spoken())


def fit(values) -> NumberAnswers:
    """Fit the shipped head."""
    return Numerical(NumericalOptions(column="bmi")).fit(values)


def text_to(tree, node: int) -> str:
    """Return what is said on the way to a node."""
    tokens = []
    while node:
        tokens.append(int(tree.tokens[node]))
        node = int(tree.parents[node])
    return ENCODER.tokenizer.decode(tokens[::-1])


def test_a_leaf_is_where_the_number_is_told():
    """A number that begins another needs the token behind it, the others do not."""
    tree = trees_for(9, 12, unit="years").of(make_number_task(11.0, "It is 11 years."))

    paths = [text_to(tree, leaf) for leaf in tree.leaves]
    assert ["It is 9", "It is 10", "It is 11", "It is 12"] == paths
    tree = trees_for(1, 11, unit="years").of(make_number_task(1.0, "It is 1 years."))
    assert ["It is 1 ", "It is 10"] == [text_to(tree, tree.leaves[place]) for place in (0, 9)]


def test_numbers_that_begin_alike_are_one_leaf_in_their_middle():
    """Where thousands of numbers could be said, the last digits are left open."""
    trees = trees_for(-1.0, 2.0, precision=3, fine=0.02)
    tree = trees.of(make_number_task(0.5, "It is 0.500."))

    found = {
        text_to(tree, leaf): value for leaf, value in zip(tree.leaves, tree.numbers, strict=True)
    }

    assert 302 == len(found)
    assert pytest.approx(1.235 - 0.0005) == found["It is 1.23"]
    assert pytest.approx(-1.235 + 0.0005 + 1.0) == found["It is -0.23"]
    assert pytest.approx(0.0045) == found["It is 0.00"]
    assert pytest.approx(-0.005) == found["It is -0.00"]


@pytest.mark.parametrize("scale", [1e-4, 0.03, 1.0, 250.0], ids=str)
@pytest.mark.parametrize("shift", [0.0, 30.0], ids=str)
def test_every_training_value_is_said_to_within_a_fiftieth_of_a_deviation(scale, shift):
    """The numbers cover the training range without gaps, and each value has one leaf near it."""
    values = pd.Series(np.random.default_rng(3).normal(shift, 1.0, size=200) * scale)
    answers = fit(values)
    trees = NumberTrees(answers, ENCODER, answers.spoken())

    tree = trees.of(make_number_task(values[0], f"It is {answers.say(values[0])}."))

    assert tree is not None
    assert (np.diff(tree.numbers) > 0).all()
    for value in values:
        path = tree.walk(ENCODER.answer(f"It is {answers.say(value)}."))
        (leaf,) = np.flatnonzero(tree.leaves == path[-1])
        assert abs(tree.numbers[leaf] - value) < 0.021 * values.std()


def test_large_numbers_are_told_apart_where_none_is_ten_times_another():
    """Volumes in mm³ begin apart, whether of six digits or of seven; a lesion's load does not."""
    rng = np.random.default_rng(5)
    brain, lesion = rng.normal(1.1e6, 1e5, size=300).round(), rng.exponential(1e4, size=300).round()
    answers = [fit(pd.Series(each)) for each in (brain, lesion)]

    tree = NumberTrees(answers[0], ENCODER, answers[0].spoken()).of(
        make_number_task(brain[0], f"It is {brain[0]:.0f}.")
    )

    # Those at the ends are cut by the bounds, and so told in more digits.
    assert {len("It is 999"), len("It is 1000")} == {
        len(text_to(tree, leaf)) for leaf in tree.leaves[1:-1]
    }
    assert () == answers[1].spoken()


def test_what_is_under_a_node_is_what_goes_through_it():
    """Weights of leaves add up at every node, and its leaves are those whose path it is on."""
    tree = trees_for(1, 120).of(make_number_task(30.0, "It is 30."))
    weights = np.random.default_rng(1).random(len(tree.leaves))

    sums = tree.gather(weights)

    for node in range(len(tree.tokens)):
        assert sums[node] == pytest.approx(weights[tree.leaves_under(node)].sum())
    assert text_to(tree, tree.fork) == "It is "


def test_answers_worded_alike_share_one_tree():
    """A tree is made once a wording, whatever the number."""
    trees = trees_for(1, 120)

    one, other = (trees.of(make_number_task(n, f"It is {n:.0f}.")) for n in (30.0, 47.0))

    assert one is other
    assert one is not trees.of(make_number_task(30.0, "The age is 30."))


@pytest.mark.parametrize("text", ["It is 31.", "30 or 30."])
def test_an_answer_that_states_its_number_otherwise_has_no_tree(text):
    """Where the number is not there once, nothing can be put in its place."""
    assert trees_for(1, 120).of(make_number_task(30.0, text)) is None


def test_a_sequence_that_begins_another_is_refused():
    """Nobody could tell which of them is meant."""
    with pytest.raises(ValueError, match="none begins another"):
        grow_tree([[1, 2], [1, 2, 3]], [1.0, 2.0])
    with pytest.raises(ValueError, match="none begins another"):
        grow_tree([[1, 2], [1, 2]], [1.0, 2.0])


def test_a_number_that_no_token_sets_apart_ends_with_its_answer():
    """Answers of nothing but the number are told apart by their end marker."""
    whole = [([1, 99], [1, 99]), ([1, 2, 99], [1, 2, 99])]

    assert [(1, 99), (1, 2)] == cut_answers(whole)


def test_a_difference_is_no_number_to_put_others_in_place_of():
    """That an answer's difference looks like the number itself means nothing."""
    task = attrs.evolve(make_number_task(30.0, "It is 30 more."), relative=True)

    assert trees_for(1, 120).of(task) is None

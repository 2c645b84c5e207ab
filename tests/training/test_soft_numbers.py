"""Numbers near the true one are learnt in its place, each token as their distribution has it."""

from __future__ import annotations

import attrs
import numpy as np
import pandas as pd
import pytest
import torch

from brainplug.api.laws import spoken_numbers
from brainplug.api.records import Turn
from brainplug.errors import RecipeError
from brainplug.model import make_byte_tokenizer
from brainplug.recipe.load import read_recipe
from brainplug.registry import load_registry
from brainplug.tasks.chat import ChatEncoder
from brainplug.tasks.token_tree import NumberTrees
from brainplug.training.soft_numbers import SoftNumbers, near, soft_tokens
from brainplug_plugins.heads.numerical import Numerical, NumericalOptions
from small import make_task
from teaching import TASKS, teach

ANSWERS = Numerical(NumericalOptions(column="age", unit="years", precision=0)).fit(
    pd.Series(np.arange(20.0, 80.0))
)
ENCODER = ChatEncoder(make_byte_tokenizer(), 8)
TREES = NumberTrees(ANSWERS, ENCODER, spoken_numbers(ANSWERS))


def ask(task_id, age):
    """Ask for an age."""
    task = make_task(task_id, ["a"], "b")
    turns = (*task.turns[:-1], Turn.assistant(f"It is {ANSWERS.say(age)}."))
    return attrs.evolve(task, kind="numerical", truth=age, turns=turns)


def said(task):
    """Return the number that a task's answer states."""
    return ANSWERS.parse(ENCODER.text_of(task.turns[-1]))


def test_draws_are_spread_around_the_truth():
    """Two thousand draws have the mean of the truth, and the deviation that is asked for."""
    soft = SoftNumbers(trees=TREES, sd=4.0, seed=1)

    drawn = [said(soft.soften(ask(f"t{number}", 50.0), 0)[0]) for number in range(2000)]

    assert abs(np.mean(drawn) - 50) < 0.4
    assert abs(np.std(drawn) - 4) < 0.3


def test_a_draw_follows_from_seed_epoch_and_task():
    """The same place gives the same number, and another epoch, seed or task others."""
    soft = SoftNumbers(trees=TREES, sd=10.0, seed=1)
    tasks = [ask(f"t{number}", 50.0) for number in range(40)]

    def draw(strategy, epoch, asked=tasks):
        return [said(strategy.soften(task, epoch)[0]) for task in asked]

    first = draw(soft, 3)

    assert first == draw(soft, 3)
    assert first != draw(soft, 4)
    assert first != draw(attrs.evolve(soft, seed=2), 3)
    assert len(set(first)) > 10


def test_the_mean_over_draws_is_the_cross_entropy_of_the_distribution():
    """For a model of any next-token chances; weighted by what is drawn, over all that may be."""
    tree = TREES.of(ask("t", 50.0))
    weights = near(tree, 50.0, 4.0)
    rng = np.random.default_rng(0)
    chances = {node: rng.dirichlet(np.ones(len(ways))) for node, ways in enumerate(tree.children)}
    log = np.zeros(len(tree.tokens))
    for node, ways in enumerate(tree.children):
        for way, chance in zip(ways.values(), chances[node], strict=True):
            log[way] = log[node] + np.log(chance)
    soft = SoftNumbers(trees=TREES, sd=4.0, seed=1)

    # Each number is drawn as often as its weight has it, and its tokens are learnt softly.
    expected = 0.0
    for leaf, weight in enumerate(weights):
        if weight < 1e-12:
            continue
        task = attrs.evolve(ask("t", 50.0), turns=ask("t", tree.numbers[leaf]).turns)
        answer = ENCODER.answer(ENCODER.text_of(task.turns[-1]))
        for place, ids, shares in soft_tokens(tree, answer, weights):
            node = ([0, *tree.walk(answer)])[place]
            ways = tree.children[node]
            assert ids == tuple(ways)
            expected -= weight * float(np.dot(shares, np.log(chances[node])))

    assert soft.soften(ask("t", 50.0), 0)[1]
    np.testing.assert_allclose(expected, -(weights * log[tree.leaves]).sum(), rtol=1e-9)


def test_an_answer_that_states_no_number_of_a_tree_is_learnt_as_it_is():
    """A task that states its number twice has no tree."""
    soft = SoftNumbers(trees=TREES, sd=4.0, seed=1)
    task = ask("t", 50.0)
    twice = attrs.evolve(
        task, turns=(*task.turns[:-1], Turn.assistant("50 years, I say 50 years."))
    )

    assert (twice, ()) == soft.soften(twice, 0)


def test_a_stopped_training_goes_on_with_the_draws_it_would_have_had(tmp_path):
    """Stopped after an epoch and resumed, it ends as one that was not, to the bit."""
    ages = [ask(task.task_id, 30.0 + number) for number, task in enumerate(TASKS)]
    tasks = [
        attrs.evolve(task, turns=age.turns, truth=age.truth, kind="numerical")
        for task, age in zip(TASKS, ages, strict=True)
    ]
    soft = SoftNumbers(trees=TREES, sd=8.0, seed=1)
    given = {"tasks": tasks, "schedule": "constant_with_warmup"}
    scores = [0.5, 0.6]
    whole = teach(tmp_path / "whole", epochs=2, soft=soft, scores=scores, **given)
    plain = teach(tmp_path / "plain", epochs=2, scores=scores, **given)

    teach(tmp_path / "stopped", epochs=1, soft=soft, **given)
    found = teach(tmp_path / "stopped", epochs=2, soft=soft, scores=[0.9], **given)

    learnt = "model.vision_tower.embeddings.projection.weight"
    weights = [each.bundle.model.state_dict() for each in (whole, found, plain)]
    for name, each in weights[1].items():
        assert torch.equal(weights[0][name], each), name
    assert not torch.equal(weights[0][learnt], weights[2][learnt])


def test_soft_classes_are_refused(write_recipe):
    """Classes have no order; the error names the key."""
    path = write_recipe()
    text = path.read_text().replace("[training]", "[training]\nsoft_numbers = 0.2")
    path.write_text(text)

    with pytest.raises(RecipeError, match="soft_numbers"):
        read_recipe(path, load_registry())

"""Queries by themselves: no reference is drawn, worded, kept aside or grouped by."""

from __future__ import annotations

import pandas as pd
import pytest

from brainplug.api.roles import ShowsNone, able
from brainplug.cli.main import main
from brainplug.design.split import ask_everybody
from brainplug.inference.answer import batches_of_groups
from brainplug.inference.partial import cut_tasks
from brainplug.recipe.load import read_recipe
from brainplug.registry import load_registry
from brainplug.tasks.read import read_tasks
from brainplug_plugins.prompts.comparison import Comparison, ComparisonOptions
from small import make_task


@pytest.fixture
def alone(write_recipe):
    """A small recipe whose pairing shows no reference."""

    def write(prompt: str = "") -> object:
        path = write_recipe()
        text = path.read_text().replace(
            'use = "independent"\nreferences_per_query = 2', 'use = "alone"'
        )
        if prompt:
            start, end = text.index("[prompt]"), text.index("\n[images]")
            text = f"{text[:start]}[prompt]\n{prompt}\n{text[end:]}"
        path.write_text(text)
        return path

    return write


def test_everybody_is_asked_once_and_by_themselves(alone, tmp_path):
    """No scan is kept as a reference, in training neither; every audit copes."""
    assert 0 == main(["prepare", str(alone()), "--output", str(tmp_path / "run")])

    split = pd.read_csv(tmp_path / "run" / "split.csv")
    assert {"train", "val", "test"} == set(split["pool"])
    assert "no references: asked are all" in (tmp_path / "run" / "log.txt").read_text()
    for name in ("train", "val", "test"):
        tasks = read_tasks(next((tmp_path / "run" / "tasks").glob(f"*_{name}.json")))
        assert set(split.loc[split["pool"] == name, "subject"]) == {each.subject for each in tasks}
        assert len(tasks) == len({each.images for each in tasks})
        assert {()} == {each.references for each in tasks}
        assert {2} == {len(each.turns) for each in tasks}
    # The words that `small` gives the comparison, without those of its references.
    assert "And this?" == tasks[0].prompt


def test_a_comparison_words_a_query_alone_in_its_own_words():
    """Words of the user's own stay; those that speak of a reference by default do not."""
    own = Comparison(ComparisonOptions(question="And this?", answer="It is {value}.")).alone()
    usual = Comparison(ComparisonOptions()).alone()
    compares = Comparison(ComparisonOptions(answer="{difference} than the reference")).alone()

    assert ((("And this?",), ("It is {value}.",))) == (own.question, own.answer)
    assert own.fixed
    assert able(own, ShowsNone)
    for template in (usual, compares):
        assert ("The {target} is {value}.",) == template.answer
    assert not any("reference" in text for text in (*usual.question, *usual.answer))


def test_prompt_and_pairing_must_agree_on_references(alone, tmp_path, capsys):
    """A template without references is refused where some are shown, and the other way round."""
    recipe = alone('use = "classification"')
    assert able(read_recipe(recipe, load_registry()).recipe.prompt.make(), ShowsNone)

    recipe.write_text(recipe.read_text().replace('use = "alone"', 'use = "independent"'))

    assert 1 == main(["check", str(recipe)])
    assert "prompt.use: 'classification' words no reference" in capsys.readouterr().err


def test_queries_alone_wait_for_nobody():
    """They begin alike, with nothing; they are shared out and written down one by one still."""
    tasks = [make_task(f"t{place}", [], f"q{place}") for place in range(600)]

    class Settings:
        class speed:  # noqa: N801
            share_references = True

        class ranks:  # noqa: N801
            rank, world_size = 1, 2

        batch_size = 16

    answered = [each for batch in batches_of_groups(tasks, Settings) for each in batch]

    assert [[place] for place in range(1, 600, 2)] == answered
    assert [512, 88] == [len(piece) for piece in cut_tasks(tasks)]


def test_pools_become_whole():
    """Halves of a split are one pool where nobody is a reference."""
    split = pd.DataFrame(
        {"subject": list("abc"), "pool": ["train_query", "train_reference", "val"]}
    )

    assert ["train", "train", "val"] == ask_everybody(split, ("train",))["pool"].tolist()

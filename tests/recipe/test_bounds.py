"""A recipe of any size ends in an answer: in bounded time, and in a text that one reads."""

from __future__ import annotations

import pytest

from brainplug.checkpoint.tensors import layers_of
from brainplug.errors import DataError, RecipeError
from brainplug.recipe.strict import read_toml
from brainplug.toolkit.hashed_pools import DrawOptions
from brainplug_plugins.models.tiny import TinyOptions
from brainplug_plugins.splits.stratified import StratifiedOptions


def refusal(tmp_path, text) -> str:
    (tmp_path / "r.toml").write_text(text)
    with pytest.raises(RecipeError) as caught:
        read_toml(tmp_path / "r.toml", "r.toml")
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a = 1\nseed = " + "9" * 5000, "digits at line 2"),
        ("seed = " + "9" * 4000, "seed: expected an integer of 64 bits"),
        ("[images]\nshape = [8, 9223372036854775808]", "images.shape[1]: expected an integer"),
        ("x = " + "[" * 5000 + "]" * 5000, "nested more than 32 deep"),
        ("x = " + "{a=" * 3000 + "1" + "}" * 3000, "nested more than 32 deep"),
        ("[" + ".".join(["a"] * 3000) + "]", "a.a: nested more than 32 deep"),
        ("x = " + "[" * 40 + "]" * 40, "nested more than 32 deep"),
        ("# " + "x" * (1 << 20), "expected at most 1,048,576 bytes"),
    ],
)
def test_what_no_recipe_needs_is_refused_with_its_place(tmp_path, text, told):
    """Thousands of digits, of brackets and of letters."""
    assert told in refusal(tmp_path, text)


def test_texts_of_errors_have_an_end():
    """A name of a million letters is cut in the middle, and of many problems the first are told."""
    long = DataError("x" * 1_000_000, where="t.csv", hint="set cohort.table")
    many = RecipeError("r.toml", [f"k{number}: unknown key" for number in range(50_000)])

    assert len(str(long)) < 10_000
    assert str(long).startswith("t.csv: ")
    assert str(long).endswith("set cohort.table")
    assert 41 == len(str(many).splitlines())
    assert str(many).endswith("r.toml: and 49,960 more problems")
    assert 50_000 == len(many.problems)


@pytest.mark.parametrize(
    ("make", "key"),
    [
        (lambda: TinyOptions(vision_layers=10**9), "vision_layers"),
        (lambda: TinyOptions(language_layers=2**63 - 1), "language_layers"),
        (lambda: TinyOptions(heads=10**12, hidden_size=4096), "heads"),
        (lambda: TinyOptions(context_length=10**15), "context_length"),
        (lambda: DrawOptions(folds=2**31), "folds"),
        (lambda: StratifiedOptions(folds=2**31), "folds"),
    ],
)
def test_what_is_listed_one_by_one_has_a_bound(make, key):
    """Layers and folds by the billion would be written out by `check`, for ever."""
    with pytest.raises(ValueError, match=f"'{key}' must be <= "):
        make()


def test_a_model_of_ones_own_has_a_bound_too():
    """Whatever its options allow."""
    with pytest.raises(DataError, match="at most 1,000"):
        layers_of({"num_hidden_layers": 10**9})

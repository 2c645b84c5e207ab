"""A recipe of any size ends in an answer: in bounded time, and in a text that one reads."""

from __future__ import annotations

import pytest

from brainplug.errors import DataError, RecipeError
from brainplug.recipe.strict import read_toml


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

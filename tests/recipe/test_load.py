"""Recipes: every mistake told at its own path in one pass, and a round trip through TOML."""

from __future__ import annotations

import tomllib
from pathlib import Path

import attrs
import pytest
import tomli_w
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from brainplug.errors import DataError, RecipeError
from brainplug.recipe.load import find_recipe, read_recipe, recipe_text
from brainplug.registry import load_registry

REGISTRY = load_registry()
RECIPES = Path(__file__).parents[2] / "recipes"
DEMO = tomllib.loads((RECIPES / "demo.toml").read_text())
TABLES = [None, *(name for name, value in DEMO.items() if isinstance(value, dict))]
QUICK = settings(
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def read(tmp_path, text):
    path = tmp_path / "recipe.toml"
    path.write_text(text)
    return read_recipe(path, REGISTRY).recipe


def problems(tmp_path, text):
    with pytest.raises(RecipeError) as caught:
        read(tmp_path, text)
    return caught.value.problems


def test_five_mistakes_are_five_lines(tmp_path):
    """An unknown key, a wrong type, a bad value, an unknown part and a bad slot at once."""
    text = (RECIPES / "demo.toml").read_text()
    for right, wrong in (
        ("epochs = 5", "epocs = 8"),
        ("batch_size = 16", 'batch_size = "16"'),
        ("warmup_steps = 20", "warmup_steps = -1"),
        ('use = "independent"', 'use = "independant"'),
        ('question = "And this one?"', 'question = "And {valu}?"'),
    ):
        assert right in text
        text = text.replace(right, wrong)

    found = "\n".join(problems(tmp_path, text))

    assert 5 == len(found.splitlines())
    for words in (
        "training.epocs: unknown key",
        "did you mean 'epochs'",
        "training.batch_size: expected an integer",
        "training.warmup_steps",
        "pairing.use: unknown pairing: 'independant'; did you mean 'independent'?",
        "prompt.question",
    ):
        assert words in found


@pytest.mark.parametrize(
    ("planned", "told"),
    [
        (DataError("(9, 9, 9)", where="images.shape", expected="more"), "images.shape: expected m"),
        ({"context_length": -5}, "model.use: 'tiny' plans context_length=-5; expe"),
        ({"num_parameters": 10**30}, "expected at most 1,000,000,000,000,000"),
        ({"tokens_per_image": 0}, "expected numbers above 0"),
    ],
)
def test_a_model_that_no_grid_fits_is_told_once(tmp_path, monkeypatch, planned, told):
    """The place stands before it once, and a plan of nothing is the model's own fault."""
    tiny = REGISTRY.parts("models")["tiny"].make
    plan = tiny.plan

    def other(self, shape):
        if isinstance(planned, dict):
            return attrs.evolve(plan(self, shape), **planned)
        raise planned

    monkeypatch.setattr(tiny, "plan", other)

    (found,) = problems(tmp_path, (RECIPES / "demo.toml").read_text())

    assert told in found
    assert "images.shape: images.shape" not in found


@QUICK
@given(
    table=st.sampled_from(TABLES),
    key=st.from_regex(r"[a-z]{3,12}_x", fullmatch=True),
    value=st.one_of(st.integers(-9, 9), st.booleans(), st.text("abc", max_size=4)),
)
def test_any_unknown_key_is_told_at_its_own_path(tmp_path, table, key, value):
    """Wherever it stands, a key nobody knows is one problem at its path."""
    data = tomllib.loads((RECIPES / "demo.toml").read_text())
    (data if table is None else data[table])[key] = value

    found = problems(tmp_path, tomli_w.dumps(data))

    path = key if table is None else f"{table}.{key}"
    assert [path] == [line.partition(":")[0] for line in found]


@QUICK
@given(
    seed=st.integers(0, 2**31),
    epochs=st.integers(1, 500),
    rate=st.floats(1e-9, 1, allow_nan=False),
    shape=st.tuples(*[st.integers(4, 512)] * 3),
)
def test_a_resolved_recipe_reads_as_an_equal_one(tmp_path, seed, epochs, rate, shape):
    """Written with every default and read again a recipe is the same."""
    data = tomllib.loads((RECIPES / "demo.toml").read_text()) | {"seed": seed}
    data["training"] |= {"epochs": epochs, "learning_rate": rate}
    data["images"]["shape"] = [16 * max(1, size // 16) for size in shape]
    recipe = read(tmp_path, tomli_w.dumps(data))

    assert recipe == read(tmp_path, recipe_text(recipe))


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("learning_rate = 1e-3", "learning_rate = inf", "finite"),
        ("shape = [32, 32, 32]", "shape = [32, 32]", "images.shape"),
        ("shape = [32, 32, 32]", "shape = [32, 32, 30]", "images"),
        ("test = 0.15 }", "test = 0.25 }", "sum to 1"),
        ('["balanced-accuracy"', '["balanced-acuracy"', "evaluation.metrics[0]"),
        ('["balanced-accuracy"', '["mae"', "evaluation.metrics[0]"),
    ],
)
def test_values_that_cannot_be_are_refused(tmp_path, old, new, words):
    """Each of these would fail late, or quietly do something else."""
    text = (RECIPES / "demo.toml").read_text()
    assert old in text

    assert words in "\n".join(problems(tmp_path, text.replace(old, new)))


def test_broken_toml_names_its_line(tmp_path):
    """Wrong syntax is told with its line."""
    assert "line 2" in "\n".join(problems(tmp_path, "seed = 1\nseed 2\n"))


def test_a_shipped_recipe_is_found_by_name():
    """`brainplug run demo` needs no path."""
    assert "demo.toml" == find_recipe("demo").name


def test_an_unknown_recipe_lists_the_shipped_ones():
    """Neither a file nor a name."""
    with pytest.raises(RecipeError, match="demo"):
        find_recipe("no-such-recipe")

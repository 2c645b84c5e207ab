"""`--set table.key=value`: keys of a recipe changed for one run."""

from __future__ import annotations

import pytest

from brainplug.errors import RecipeError
from brainplug.recipe.changes import with_changes
from brainplug.recipe.load import read_recipe, recipe_text
from brainplug.registry import load_registry

DATA = {"seed": 1, "training": {"epochs": 9}, "cohort": [{"name": "A"}, {"name": "B"}]}


@pytest.mark.parametrize(
    ("change", "path", "value"),
    [
        ("seed=7", ("seed",), 7),
        ("training.epochs = 3", ("training", "epochs"), 3),
        ("training.learning_rate=1e-4", ("training", "learning_rate"), 1e-4),
        ("model.use=tiny", ("model", "use"), "tiny"),
        ('model.use="tiny"', ("model", "use"), "tiny"),
        ("images.shape=[8, 8, 8]", ("images", "shape"), [8, 8, 8]),
        ('target.labels."not known"="?"', ("target", "labels", "not known"), "?"),
        ("evidence.test=true", ("evidence", "test"), True),
        ("cohort.1.name=C", ("cohort", 1, "name"), "C"),
        ("prompt.answer=비교 결과 {value}입니다.", ("prompt", "answer"), None),
    ],
)
def test_a_value_is_written_as_toml_writes_it(change, path, value):
    """Text needs no quotes, which a shell takes away; what looks like structure needs them."""
    if value is None:
        with pytest.raises(RecipeError, match="put quotes around the whole"):
            with_changes(DATA, [change], "r.toml")
        return
    found = with_changes(DATA, [change], "r.toml")
    for key in path:
        found = found[key]

    assert value == found
    assert type(value) is type(found)
    assert {"epochs": 9} == DATA["training"]


@pytest.mark.parametrize("change", ["seed", "=3", "a b=3", "training.=3", "x=[1", "x="])
def test_what_is_no_change_is_refused(change):
    """With the form that was expected."""
    with pytest.raises(RecipeError, match=r"expected --set table\.key=value"):
        with_changes(DATA, [change], "r.toml")


@pytest.mark.parametrize("change", ["seed.x=3", "cohort.2.name=C", "cohort.name=C"])
def test_a_way_through_what_is_no_table_is_refused(change):
    """Instead of replacing what is there."""
    with pytest.raises(RecipeError, match="expected a table that holds"):
        with_changes(DATA, [change], "r.toml")


def test_a_change_is_recorded_in_the_recipe_of_the_run(write_recipe):
    """The resolved recipe has the changed value, and reads back as the same."""
    path, registry = write_recipe(), load_registry()

    changed = read_recipe(path, registry, changes=["training.epochs=5", "seed=8"]).recipe

    assert (5, 8) == (changed.training.epochs, changed.seed)
    assert "epochs = 5" in recipe_text(changed)


def test_a_shipped_recipe_begins_where_the_user_is(tmp_path):
    """Its paths are looked for there, and a message calls it by its name."""
    from brainplug.recipe.load import find_recipe

    found = read_recipe(find_recipe("bids-sex"), load_registry(), base=tmp_path).recipe
    assert tmp_path / "study" == found.cohort[0].loader.options.root

    with pytest.raises(RecipeError, match=r"^bids-sex with --set sed=3: sed: unknown key"):
        read_recipe(find_recipe("bids-sex"), load_registry(), source="bids-sex", changes=["sed=3"])

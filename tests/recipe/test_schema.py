"""The JSON Schema of recipes that editors use."""

from __future__ import annotations

import copy
import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from brainplug.cli.main import main
from brainplug.cli.opening import open_registry
from brainplug.recipe.schema import recipe_schema

RECIPES = sorted((Path(__file__).parents[2] / "recipes").glob("*.toml"))
MISTAKES: dict[str, tuple[tuple[str, ...], Any]] = {
    "typo in a key": (("training", "epoch"), 3),
    "typo in a table": (("trainings",), {}),
    "wrong type": (("training", "epochs"), "3"),
    "unknown use": (("split", "use"), "famly"),
    "key of another part": (("split", "references_per_query"), 4),
    "unknown metric": (("evaluation", "metrics"), ["acuracy"]),
    "wrong length": (("images", "shape"), [4, 4]),
    "none of the listed values": (("images", "scans"), "some"),
    "below its range": (("training", "epochs"), 0),
    "above its range": (("images", "spacing_mm"), 51),
    "at an end that is left out": (("training", "learning_rate"), 0),
    "an item out of range": (("images", "shape"), [4, 4, 3]),
    "range of a part": (("pairing", "references_per_query"), 0),
    "an empty text": (("target", "column"), ""),
    "no such tracker": (("training", "report_to"), ["tensorbord"]),
    "an array in the place of a table": (("cohort",), "abcd"),
}


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    """The schema of the installed parts."""
    return recipe_schema(open_registry())


@pytest.fixture(scope="module")
def validator(schema: dict[str, Any]) -> Any:
    """A validator of it, where the package is installed."""
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.Draft7Validator.check_schema(schema)
    return jsonschema.Draft7Validator(schema)


def test_every_split_is_a_choice_with_its_own_keys(schema: dict[str, Any]) -> None:
    """Each installed part is a choice of its table, and refuses the keys of others."""
    choices = schema["properties"]["split"]["anyOf"]
    named = [each["properties"]["use"]["enum"][0] for each in choices]
    assert named == list(open_registry().parts("splits"))
    assert not any(each["additionalProperties"] for each in choices)


def test_a_key_has_its_meaning_unit_and_default(schema: dict[str, Any]) -> None:
    """What the recipe's tables say of a key stands in the schema."""
    shape = schema["properties"]["images"]["properties"]["shape"]
    assert shape["description"] == "voxels along right, anterior, superior [voxels]"
    assert shape["default"] == [120, 120, 120]


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_shipped_recipes_are_valid(path: Path, validator: Any) -> None:
    """The schema refuses no shipped recipe."""
    validator.validate(tomllib.loads(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_are_not(mistake: str, validator: Any) -> None:
    """The schema refuses what the reader refuses."""
    text = next(each for each in RECIPES if each.stem == "abcd-sex").read_text(encoding="utf-8")
    recipe = copy.deepcopy(tomllib.loads(text))
    (*tables, key), value = MISTAKES[mistake]
    place = recipe
    for each in tables:
        place = place.setdefault(each, {})
    place[key] = value
    assert not validator.is_valid(recipe)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("imagse", "T1/"),
        ("use", "ukbb"),
        ("weight", 0),
        ("name", None),
        ("references_per_query", 2),
    ],
)
def test_mistakes_in_one_of_several_studies_are_not(key: str, value: Any, validator: Any) -> None:
    """A typo, an unknown loader, a weight out of range, no name, a key of another table."""
    path = next(each for each in RECIPES if each.stem == "abcd-ukb-sex")
    recipe = tomllib.loads(path.read_text(encoding="utf-8"))
    study = recipe["cohort"][1]
    recipe["cohort"][1] = {name: each for name, each in study.items() if name != key}
    if value is not None:
        recipe["cohort"][1][key] = value
    assert not validator.is_valid(recipe)


@pytest.mark.parametrize("table", ["model", "cohort", "target"])
def test_a_table_is_missing(table: str, validator: Any) -> None:
    """A recipe without a table that it needs is refused."""
    text = next(each for each in RECIPES if each.stem == "abcd-sex").read_text(encoding="utf-8")
    recipe = tomllib.loads(text)
    del recipe[table]
    assert not validator.is_valid(recipe)


def test_the_command_writes_it(
    tmp_path: Path, schema: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """`--output` writes the schema to a file, and says where."""
    file = tmp_path / "brainplug.schema.json"
    assert not main(["schema", "--output", str(file)])
    assert json.loads(file.read_text(encoding="utf-8")) == json.loads(json.dumps(schema))
    assert str(file) in capsys.readouterr().out

"""From the text of a recipe to a `Recipe`, and back to text with every default."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args, get_origin

import attrs
import tomli_w

import brainplug
from brainplug.errors import BrainplugError, RecipeError
from brainplug.options import is_table, plain
from brainplug.parts import (
    CohortLoader,
    ModelBackbone,
    Pairing,
    PromptTemplate,
    SplitStrategy,
    TaskHead,
)
from brainplug.recipe import Chosen, Recipe, RecipeFile
from brainplug.toml import (
    Problem,
    ProblemsError,
    read_toml,
    refused,
    strict_converter,
    text_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cattrs import Converter

    from brainplug.registry import Registry

ROLE_OF: dict[Any, str] = {
    CohortLoader: "cohorts",
    TaskHead: "heads",
    SplitStrategy: "splits",
    Pairing: "pairings",
    PromptTemplate: "prompts",
    ModelBackbone: "models",
}
"""Protocol of a chosen part -> the role it is looked up in."""


def find_recipe(name_or_path: Path | str) -> Path:
    """Find a recipe file by its path, or a shipped recipe by its name.

    Raises:
        RecipeError: it is neither; lists the shipped recipes.
    """
    path = Path(name_or_path).expanduser()
    if path.is_file():
        return path
    shipped = {each.stem: each for each in sorted(shipped_folder().rglob("*.toml"))}
    if str(name_or_path) in shipped:
        return shipped[str(name_or_path)]
    names = ", ".join(map(repr, shipped)) or "none"
    problem = f"expected the path of a recipe or the name of a shipped one; shipped: {names}"
    raise RecipeError(str(name_or_path), [problem])


def shipped_folder() -> Path:
    """Return the folder of shipped recipes: in the package, or in the repository beside it."""
    package = Path(brainplug.__file__).parent
    installed = package / "recipes"
    return installed if installed.is_dir() else package.parents[1] / "recipes"


def read_recipe(path: Path | str, registry: Registry) -> RecipeFile:
    """Read a recipe and check everything that can be known without reading a study.

    Raises:
        RecipeError: holds every problem found.
    """
    source = str(path)
    path = Path(path).absolute()
    data = read_toml(path, source)
    try:
        recipe: Recipe = recipe_converter(registry, path.parent).structure(data, Recipe)
    except ProblemsError as error:
        raise RecipeError(source, error.lines()) from None
    across = ProblemsError(check_across(recipe, registry))
    if across.problems:
        raise RecipeError(source, across.lines())
    return RecipeFile(path=path, recipe=recipe)


def recipe_converter(registry: Registry, base: Path) -> Converter:
    """Make the converter of recipes.

    Args:
        registry: where the names after `use` are looked up.
        base: folder that the recipe's relative paths start from.
    """
    converter = strict_converter(base)

    def structure(value: Any, expected: Any) -> Chosen[Any]:
        (protocol,) = get_args(expected)
        return structure_chosen(converter, value, registry=registry, role=ROLE_OF[protocol])

    # cattrs asks the hooks registered last first, so this one comes before that of plain tables.
    converter.register_structure_hook_func(is_chosen, structure)
    return converter


def is_chosen(expected: Any) -> bool:
    """Whether a type is a table that names its plugin."""
    return is_table(expected) and get_origin(expected) is Chosen


def structure_chosen(
    converter: Converter, value: Any, *, registry: Registry, role: str
) -> Chosen[Any]:
    """Look up `use`, then structure the other keys as that part's own options.

    The behaviour is built once, so that a wording or a mapping it refuses is found with all the
    other problems and not in the middle of a run.
    """
    if not isinstance(value, dict):
        raise refused("a table with the key 'use'", value)
    known = ", ".join(map(repr, registry.parts(role)))
    use = value.get("use")
    if not isinstance(use, str):
        given = "missing key" if use is None else f"expected text: {use!r}"
        raise ProblemsError([(("use",), f"{given}; known are {known}")])
    try:
        part = registry.get(role, use)
    except BrainplugError as error:
        raise ProblemsError([(("use",), str(error))]) from None
    others = {key: each for key, each in value.items() if key != "use"}
    chosen: Chosen[Any] = Chosen(
        use=use, options=converter.structure(others, part.options), part=part
    )
    try:
        chosen.make()
    except (ValueError, BrainplugError) as error:
        raise ProblemsError([((), text_of(error))]) from None
    return chosen


def check_across(recipe: Recipe, registry: Registry) -> Iterator[Problem]:
    """Find what is wrong between tables that are each valid by themselves."""
    named: list[tuple[tuple[str | int, ...], str]] = [
        (("evaluation", "metrics", index), name)
        for index, name in enumerate(recipe.evaluation.metrics)
    ]
    if recipe.training.select_by is not None:
        named.append((("training", "select_by"), recipe.training.select_by))
    kind = recipe.target.make().kind
    for keys, name in named:
        try:
            metric = registry.make_metric(name)
        except BrainplugError as error:
            yield keys, str(error)
            continue
        if metric.kind != kind:
            fitting = [each for each in registry.metrics if registry.make_metric(each).kind == kind]
            problem = f"expected a metric of a {kind} target, as target.use is: {name!r}"
            yield keys, f"{problem}; fitting are {', '.join(map(repr, fitting))}"
    try:
        recipe.model.make().plan(recipe.images.shape)
    except BrainplugError as error:
        yield ("images", "shape"), str(error)


def resolve(recipe: Recipe) -> dict[str, Any]:
    """Write a recipe as TOML data with every default; keys without a value are left out."""
    tables = {field.name: getattr(recipe, field.name) for field in attrs.fields(Recipe)}
    return {
        key: {"use": table.use, **plain(table.options)}
        if isinstance(table, Chosen)
        else plain(table)
        for key, table in tables.items()
    }


def recipe_text(recipe: Recipe) -> str:
    """Write a recipe as TOML; read again it is an equal recipe."""
    return tomli_w.dumps(resolve(recipe))

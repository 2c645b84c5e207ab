"""Recipes on disk: found by path or name, read with every mistake told, and written resolved."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tomli_w

from brainplug.errors import RecipeError
from brainplug.recipe import Recipe, RecipeFile
from brainplug.registry import suggestion
from brainplug.structure import Problems, Step, as_table, recipe_converter

if TYPE_CHECKING:
    from collections.abc import Iterable

    from brainplug.registry import Registry

BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


def find_recipe(name: str) -> Path:
    """Return the file of a recipe: a path, or the name of a shipped one such as `demo`.

    Raises:
        RecipeError: there is neither.
    """
    path = Path(name)
    if path.is_file():
        return path.absolute()
    shipped = {file.stem: file for file in shipped_recipes()}
    if name in shipped:
        return shipped[name]
    raise RecipeError(name, [f"no such file, and no shipped recipe; {suggestion(name, shipped)}"])


def shipped_recipes() -> list[Path]:
    """Return the recipes that came with brainplug, from the wheel or from the checkout."""
    package = Path(__file__).parent
    folders = (package / "recipes", package.parents[1] / "recipes")
    found = next((folder for folder in folders if folder.is_dir()), None)
    return sorted(found.glob("*.toml")) if found else []


def read_recipe(path: Path | str, registry: Registry) -> RecipeFile:
    """Read a recipe and build nothing but its options.

    Raises:
        RecipeError: with every problem found.
    """
    file = Path(path).absolute()
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(str(path), [f"cannot be read: {error}"]) from error
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(str(path), [f"not TOML: {error}"]) from error
    try:
        recipe = recipe_converter(registry, file.parent).structure(table, Recipe)
    except Problems as found:
        lines = [f"{show_path(steps)}: {text}" for steps, text in found.items]
        raise RecipeError(str(path), lines) from None
    problems = list(check_metrics(recipe, registry))
    if problems:
        raise RecipeError(str(path), problems)
    return RecipeFile(path=file, recipe=recipe)


def check_metrics(recipe: Recipe, registry: Registry) -> Iterable[str]:
    """Say which metrics do not exist, do not fit the target, or are selected by but not reported."""
    kind = recipe.target.make().kind
    known = registry.metrics
    fitting = [name for name in known if registry.make_metric(name).kind == kind]
    chosen = [(f"evaluation.metrics[{i}]", name) for i, name in enumerate(recipe.evaluation.metrics)]
    if recipe.training.select_by is not None:
        chosen.append(("training.select_by", recipe.training.select_by))
    for path, name in chosen:
        if name not in known:
            yield f"{path}: no such metric: {name!r}; {suggestion(name, fitting)}"
        elif name not in fitting:
            yield (
                f"{path}: not for a {kind} target (target.use is {recipe.target.use!r}): {name!r}; "
                f"one of {', '.join(fitting)}"
            )


def show_path(steps: Iterable[Step]) -> str:
    """Write a path as TOML does.

    >>> show_path(("images", "shape", 1)), show_path(("target", "labels", "a b"))
    ('images.shape[1]', 'target.labels."a b"')
    """
    text = ""
    for step in steps:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            key = step if BARE_KEY.fullmatch(step) else f'"{step}"'
            text += f".{key}" if text else key
    return text or "recipe"


def recipe_text(recipe: Recipe) -> str:
    """Return the recipe as TOML with every default; read again it gives an equal recipe."""
    table: dict[str, Any] = as_table(recipe)
    return tomli_w.dumps(table)

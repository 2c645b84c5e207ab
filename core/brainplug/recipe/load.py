"""From the text of a recipe to a `Recipe`, and back to text with every default."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, get_args, get_origin

import attrs
import tomli_w

from brainplug.api.contracts import CONTRACTS
from brainplug.api.roles import Metric
from brainplug.errors import BrainplugError, PluginError, RecipeError, suggestion
from brainplug.recipe.across import check_across
from brainplug.recipe.changes import with_changes
from brainplug.recipe.options import is_table, plain
from brainplug.recipe.plugin_files import KEY, add_plugin_files, find_misplaced
from brainplug.recipe.shipped import shipped_recipes
from brainplug.recipe.strict import (
    Problem,
    ProblemsError,
    read_toml,
    refused,
    strict_converter,
    structure_fields,
    structure_sequence,
    text_of,
    validate,
)
from brainplug.recipe.tables import (
    Chosen,
    Evaluation,
    ExternalStudy,
    Recipe,
    RecipeFile,
    Study,
)
from brainplug.runtime.homes import expanded

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from cattrs import Converter

    from brainplug.api.guard import Origin
    from brainplug.registry import Registry

AnyStudy = TypeVar("AnyStudy", Study, ExternalStudy)

ROLE_OF: dict[Any, str] = {contract.protocol: role for role, contract in CONTRACTS.items()}
"""Protocol of a chosen part -> the role it is looked up in."""

MADE_FROM = ("cohort", "target", "split", "pairing", "prompt")
"""Tables that task files are made from."""


def find_recipe(name_or_path: Path | str) -> Path:
    """Find a recipe file by its path, or a shipped recipe by its name.

    Raises:
        RecipeError: it is neither; lists the shipped recipes.
    """
    path = expanded(name_or_path)
    if path.is_file():
        return path
    shipped = shipped_recipes()
    if str(name_or_path) in shipped:
        return shipped[str(name_or_path)]
    told = suggestion(str(name_or_path), shipped)
    problem = f"expected the path of a recipe or the name of a shipped one; {told}"
    raise RecipeError(str(name_or_path), [problem])


def read_recipe(
    path: Path | str,
    registry: Registry,
    *,
    changes: Iterable[str] = (),
    base: Path | None = None,
    source: str = "",
) -> RecipeFile:
    """Read a recipe and check everything that can be known without reading a study.

    Args:
        path: of the recipe.
        registry: where the names after `use` are looked up.
        changes: keys that have another value than in the file, each `table.key=value`.
        base: folder that relative paths start from, where that is not the recipe's own.
        source: how the recipe is called in messages, where that is not its path.

    Raises:
        RecipeError: holds every problem found.
    """
    source = source or str(path)
    # Not resolved: relative paths begin where the recipe is seen, wherever a link may lead.
    path = Path(path).absolute()
    changes = tuple(changes)
    data = share_target(with_changes(read_toml(path, source), changes, source))
    source += f" with --set {' --set '.join(changes)}" if changes else ""
    registry = add_plugin_files(data, base or path.parent, source=source, registry=registry)
    lacking = ProblemsError(check_tables(data))
    try:
        recipe: Recipe = recipe_converter(registry, base or path.parent).structure(data, Recipe)
    except ProblemsError as error:
        # Parts of files that were not imported are all unknown, which follows and is not told.
        misplaced = ProblemsError(find_misplaced(data))
        told = misplaced if misplaced.problems else error
        raise RecipeError(source, [*lacking.lines(), *told.lines()]) from error
    # Missing tables have a default of None, so that the recipe was made all the same.
    if lacking.problems:
        raise RecipeError(source, lacking.lines())
    across = ProblemsError(check_across(recipe, registry))
    if across.problems:
        raise RecipeError(source, across.lines())
    return RecipeFile(path=path, recipe=recipe, registry=registry)


def share_target(data: dict[str, Any]) -> dict[str, Any]:
    """Fill each study's own `target` with the keys of `[target]` that it does not change."""
    shared, evaluation = data.get("target"), data.get("evaluation")
    if not isinstance(shared, dict):
        return data
    if "cohort" in data:
        data = {**data, "cohort": fill_targets(data["cohort"], shared)}
    if isinstance(evaluation, dict) and "also" in evaluation:
        also = fill_targets(evaluation["also"], shared)
        data = {**data, "evaluation": {**evaluation, "also": also}}
    return data


def fill_targets(studies: Any, shared: dict[str, Any]) -> Any:
    """Fill the `target` of one study or of several; what is no table is refused later."""
    if isinstance(studies, list):
        return [fill_targets(study, shared) for study in studies]
    if not isinstance(studies, dict) or not isinstance(studies.get("target"), dict):
        return studies
    return {**studies, "target": {**shared, **studies["target"]}}


def check_tables(data: dict[str, Any]) -> Iterator[Problem]:
    """Find tables that are missing, or stand beside finished task files that replace them."""
    for name in MADE_FROM:
        about = attrs.fields_dict(Recipe)[name].metadata["about"]
        if "tasks" not in data and name not in data:
            yield (name,), f"missing key; expected a table, {about}, or finished files in [tasks]"
        if "tasks" in data and name in data and name != "target":
            yield (name,), "cannot stand beside [tasks], whose files were made by it; delete one"


def recipe_converter(registry: Registry, base: Path) -> Converter:
    """Make the converter of recipes.

    Args:
        registry: where the names after `use` are looked up.
        base: folder that the recipe's relative paths start from.
    """
    converter = strict_converter(base)

    def structure_part(value: Any, expected: Any) -> Chosen[Any]:
        (protocol,) = get_args(expected)
        structure = structure_metric if protocol is Metric else structure_chosen
        return structure(converter, value, registry=registry, role=ROLE_OF[protocol])

    # cattrs asks the hooks registered last first, so these come before those of plain tables.
    converter.register_structure_hook_func(is_chosen, structure_part)
    converter.register_structure_hook_func(
        lambda expected: expected == tuple[Study, ...],
        lambda value, _: structure_studies(converter, value),
    )
    converter.register_structure_hook(
        ExternalStudy, lambda value, _: structure_study(converter, value, ExternalStudy)
    )
    converter.register_structure_hook_func(
        lambda expected: expected == tuple[Chosen[Metric], ...],
        lambda value, expected: structure_metrics(converter, value, expected),
    )
    return converter


def structure_studies(converter: Converter, value: Any) -> tuple[Study, ...]:
    """Accept one `[cohort]` table, or several `[[cohort]]`."""
    if isinstance(value, dict):
        return (structure_study(converter, value, Study),)
    if not isinstance(value, list) or not value:
        raise refused("a table, or several as [[cohort]]", value)
    studies, problems = [], list[Problem]()
    for index, table in enumerate(value):
        try:
            studies.append(structure_study(converter, table, Study))
        except ProblemsError as error:
            problems.extend(error.under(index))
    problems.extend(check_study_names(value))
    if problems:
        raise ProblemsError(problems)
    return tuple(studies)


def check_study_names(tables: list[Any]) -> Iterator[Problem]:
    """Ask for a name of its own for each of several studies."""
    names = [table.get("name") if isinstance(table, dict) else None for table in tables]
    # Names of files: `A` and `a` are one on some systems.
    folded = [str(name).casefold() for name in names]
    for index, name in enumerate(names):
        if len(names) > 1 and name is None:
            yield (index, "name"), "missing key; each of several studies needs a name"
        elif isinstance(name, str) and name.casefold() in folded[:index]:
            yield (index, "name"), f"expected a name of its own: {name!r}"


def structure_study(converter: Converter, value: Any, expected: type[AnyStudy]) -> AnyStudy:
    """Part the keys of a study from those of its loader, and structure both."""
    if not isinstance(value, dict):
        raise refused("a table with the key 'use'", value)
    fields = {field.name: field for field in attrs.fields(attrs.resolve_types(expected))}
    loader_field = fields.pop("loader")
    given, problems = structure_fields(
        converter, {key: each for key, each in value.items() if key in fields}, fields
    )
    problems += validate(given, fields)
    try:
        # What `[cohort]` itself does not know is its loader's, whose unknown keys are refused
        # there.
        given["loader"] = converter.structure(
            {key: each for key, each in value.items() if key not in fields}, loader_field.type
        )
    except ProblemsError as error:
        problems += error.problems
    if problems:
        raise ProblemsError(problems)
    return expected(**given)


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
        use=use,
        options=converter.structure(others, part.options),
        part=part,
        origin=registry.origin(role, use),
    )
    try:
        chosen.make()
    except BrainplugError as error:
        told = refusal_of(error, chosen.origin)
        raise ProblemsError([((), line) for line in told.splitlines()]) from error
    return chosen


def structure_metrics(converter: Converter, value: Any, expected: Any) -> Any:
    """Accept an array of names and tables."""
    if not isinstance(value, list):
        raise refused("an array of names of metrics, or of tables", value)
    return structure_sequence(converter, value, expected)


def structure_metric(
    converter: Converter, value: Any, *, registry: Registry, role: str
) -> Chosen[Any]:
    """Accept the name of a metric alone, which stands for its table without options."""
    if not isinstance(value, str | dict):
        raise refused("a table with the key 'use', or a name", value)
    if isinstance(value, dict):
        return structure_chosen(converter, value, registry=registry, role=role)
    try:
        return structure_chosen(converter, {"use": value}, registry=registry, role=role)
    except ProblemsError as error:  # there is no key 'use' to point at
        raise ProblemsError(
            [(() if keys == ("use",) else keys, text) for keys, text in error.problems]
        ) from error


def refusal_of(error: BrainplugError, origin: Origin) -> str:
    """Say why a part was not built; a `ValueError` is how a part refuses what the user gave it."""
    cause = error.__cause__
    if isinstance(error, PluginError) and isinstance(cause, ValueError):
        return f"{text_of(cause)} (says the {origin})"
    return str(error)


def resolve(recipe: Recipe) -> dict[str, Any]:
    """Write a recipe as TOML data with every default; keys without a value are left out."""
    tables = {field.name: getattr(recipe, field.name) for field in attrs.fields(Recipe)}
    resolved = {
        key: resolve_table(table)
        for key, table in tables.items()
        if table is not None and table != ()
    }
    # The copies that a run folder holds beside its recipe.
    if recipe.plugins:
        resolved[KEY] = [f"{KEY}/{path.name}" for path in recipe.plugins]
    # One study is written as a person writes it.
    if len(recipe.cohort) == 1:
        resolved["cohort"] = resolved["cohort"][0]
    return resolved


def resolve_table(table: Any) -> Any:
    """Write a table of a recipe as TOML data; a chosen part as `use` and its options."""
    if isinstance(table, Chosen):
        return {"use": table.use, **plain(table.options)}
    if isinstance(table, Study | ExternalStudy):
        names = [field.name for field in attrs.fields(type(table)) if field.name != "loader"]
        own = {name: getattr(table, name) for name in names}
        return resolve_table(table.loader) | {
            key: resolve_table(value) for key, value in own.items() if value is not None
        }
    if isinstance(table, Evaluation):
        metrics = [resolve_metric(each) for each in table.metrics]
        shown = plain(attrs.evolve(table, metrics=(), also=()))
        return {**shown, "metrics": metrics, "also": resolve_table(table.also)}
    if isinstance(table, tuple):
        return [resolve_table(each) for each in table]
    return plain(table)


def resolve_metric(metric: Chosen[Metric]) -> Any:
    """Write a metric as its name, or as a table where it has options."""
    table = resolve_table(metric)
    return table if len(table) > 1 else metric.use


def recipe_text(recipe: Recipe) -> str:
    """Write a recipe as TOML; read again it is an equal recipe."""
    return tomli_w.dumps(resolve(recipe))

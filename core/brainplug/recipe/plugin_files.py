"""`plugins = ["my_study.py"]` of a recipe: imports the files, adds their parts to the others."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from brainplug.errors import DataError, RecipeError
from brainplug.plugin_sources import import_file
from brainplug.recipe.strict import Keys, Problem, ProblemsError, shown, structure_path

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from brainplug.plugin_sources import PluginFile
    from brainplug.registry import Registry

KEY = "plugins"
"""Of a recipe; and the folder of the copies in a run folder."""


def add_plugin_files(
    data: dict[str, Any], base: Path, *, source: str, registry: Registry
) -> Registry:
    """Return the parts there are with those of the files that a recipe names.

    Args:
        data: the recipe, as TOML has it.
        base: folder that its relative paths start from.
        source: the recipe as the user named it.
        registry: of installed plugins.

    Raises:
        RecipeError: a file cannot be used; all else would follow from that, and is not told.
    """
    if KEY not in data:
        return registry
    try:
        files = import_files(data[KEY], base)
    except ProblemsError as error:
        cause = error.__cause__ or error
        raise RecipeError(source, ProblemsError(error.under(KEY)).lines()) from cause
    known = {str(failure) for failure in registry.failures}
    whole = registry.with_files(files)
    told = [str(failure) for failure in whole.failures if str(failure) not in known]
    if told:
        raise RecipeError(source, [f"{KEY}: {each}" for each in told])
    return whole


def find_misplaced(value: object, path: Keys = ()) -> Iterator[Problem]:
    """Find `plugins = [….py]` below a table, of which it is then a key.

    >>> list(find_misplaced({"cohort": {"use": "lab", "plugins": ["lab.py"]}}))
    [(('cohort', 'plugins'), 'stands below a table; move it above all tables, as with `seed`')]
    """
    if isinstance(value, list):
        value = dict(enumerate(value))
    if not isinstance(value, dict):
        return
    for key, each in value.items():
        files = each if isinstance(each, list) else [each]
        named = [isinstance(file, str) and file.endswith(".py") for file in files]
        if path and key == KEY and named and all(named):
            yield (*path, key), "stands below a table; move it above all tables, as with `seed`"
        else:
            yield from find_misplaced(each, (*path, key))


def import_files(named: Any, base: Path) -> list[PluginFile]:
    """Import the files that `plugins` lists.

    Raises:
        ProblemsError: it is no list of Python files, or one cannot be imported.
    """
    if not isinstance(named, list):
        hint = f"; write [{shown(named)}]" if isinstance(named, str) else ""
        told = f'expected an array of Python files such as ["my_study.py"]: {shown(named)}{hint}'
        raise ProblemsError([((), told)])
    files: list[PluginFile] = []
    problems: list[Problem] = []
    cause: BaseException | None = None
    for place, value in enumerate(named):
        try:
            files.append(import_file(structure_path(value, base)))
        except ProblemsError as error:
            problems += error.under(place)
        except DataError as error:
            problems.append(((place,), str(error)))
            cause = cause or error.__cause__
    # Copies of both would lie in one folder.
    counts = Counter(file.path.name.casefold() for file in files)
    problems += [
        ((), f"expected files of different names: {name!r} is named {count} times")
        for name, count in counts.items()
        if count > 1
    ]
    if problems:
        raise ProblemsError(problems) from cause
    return files

"""What `brainplug plugins` shows: every part, or each option of one, as declared.

All is shown as `Text`: a square bracket is TOML here, and would be markup in a plain string.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

import attrs
from rich.table import Table
from rich.text import Text

from brainplug.errors import BrainplugError, suggestion
from brainplug.recipe.options import is_table, options_of
from brainplug.registry import ROLES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType

    from brainplug.registry import Registry

TABLE_OF = {
    "cohorts": "cohort",
    "heads": "target",
    "splits": "split",
    "pairings": "pairing",
    "prompts": "prompt",
    "models": "model",
}
"""Role -> the recipe table whose `use` names its parts; metrics are named in a list."""


def list_parts(registry: Registry) -> Iterator[RenderableType]:
    """Show every part by role and name; then every plugin that failed."""
    table = make_table("role", "name", "from", "what it does")
    for role, words in ROLES.items():
        for name, part in registry.parts(role).items():
            source = str(registry.distribution(role, name))
            table.add_row(*map(Text, (words, name, source, part.summary)))
    yield table
    if registry.failures:
        failed = make_table("failed", "from", "cause")
        for failure in registry.failures:
            failed.add_row(*map(Text, (failure.plugin, failure.distribution, failure.cause)))
        yield failed


def show_part(registry: Registry, name: str) -> Iterator[RenderableType]:
    """Show the options of the part of this name, in each role that has one.

    Raises:
        PluginError: the plugin of this name failed to load.
        BrainplugError: nothing has this name.
    """
    roles = [role for role in ROLES if name in registry.parts(role)]
    if not roles:
        raise unknown_part(registry, name)
    for role in roles:
        part = registry.parts(role)[name]
        yield Text(f"{name}: {ROLES[role]} of {registry.distribution(role, name)}")
        yield Text(part.summary)
        place = f'use = "{name}"' if role in TABLE_OF else f'metrics = ["{name}"]'
        yield Text(f"\n[{TABLE_OF.get(role, 'evaluation')}]\n{place}")
        yield option_table(part.options)


def show_recipe() -> Iterator[RenderableType]:
    """Show the keys of a recipe that belong to no plugin."""
    from brainplug.recipe.tables import Recipe, Study

    for option in options_of(Recipe):
        if "." not in option.key and option.expects != "a table":
            yield Text(f"{option.key} = {option.default}: {option.about}")
    yield Text("\n[cohort], or several [[cohort]]: beside the keys of its loader")
    yield option_table(Study, without="loader")
    for field in attrs.fields(attrs.resolve_types(Recipe)):
        for table in get_args(field.type) or (field.type,):
            if is_table(table) and isinstance(table, type) and table is not Study:
                yield Text(f"\n[{field.alias}]: {field.metadata['about']}")
                yield option_table(table)


def unknown_part(registry: Registry, name: str) -> BrainplugError:
    """Make the error of a name no part has; a plugin that failed says its own cause."""
    for failure in registry.failures:
        if failure.plugin == name:
            return failure
    known = {each for role in ROLES for each in registry.parts(role)}
    return BrainplugError(f"no plugin offers {name!r}; {suggestion(name, known)}")


def option_table(options: type[Any], without: str = "") -> RenderableType:
    """Show each key of an options class with its type, default, unit and meaning."""
    rows = [row for row in options_of(options) if row.key != without]
    if not rows:
        return Text("no options")
    table = make_table("key", "expects", "default", "unit", "what it is")
    for row in rows:
        table.add_row(*map(Text, (row.key, row.expects, row.default, row.unit, row.about)))
    return table


def make_table(*columns: str) -> Table:
    """Make an empty table; names and keys are never broken, since they are copied."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(column, no_wrap=column in {"name", "key"}, overflow="fold")
    return table

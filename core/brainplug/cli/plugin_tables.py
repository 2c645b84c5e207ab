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

OURS = "brainplug"
"""The package whose parts need no word of where they are from."""


def list_parts(registry: Registry, *, broken: bool) -> Iterator[RenderableType]:
    """Show every part on a line, by role; then every plugin that failed.

    Args:
        registry: of all parts.
        broken: whether lines that are too long are broken, beside the names.
    """
    width = max((len(name) for role in ROLES for name in registry.parts(role)), default=0)
    for role, words in ROLES.items():
        parts = registry.parts(role)
        if not parts:
            continue
        table = f"[{TABLE_OF.get(role, 'evaluation')}]"
        yield Text.assemble((f"{words} ", "bold"), (table, "dim"))
        shown = Table.grid(padding=(0, 2, 0, 0))
        for name, part in parts.items():
            origin = registry.distribution(role, name)
            source = "" if origin.name == OURS else f" ({origin})"
            if not broken:
                yield Text(f"  {name:<{width}}  {part.summary}{source}")
            shown.add_row(Text(f"  {name:<{width}}"), Text(f"{part.summary}{source}"))
        if broken:
            yield shown
    yield Text()
    yield Text("brainplug plugins NAME shows the options of one", style="dim")
    for failure in registry.failures:
        yield Text(str(failure), style="red")


def part_facts(registry: Registry, name: str | None = None) -> Iterator[dict[str, Any]]:
    """Give every part, or those of one name, with their options; and the plugins that failed.

    Raises:
        BrainplugError: nothing has this name.
    """
    if name and not any(name in registry.parts(role) for role in ROLES):
        raise unknown_part(registry, name)
    for role, words in ROLES.items():
        for each, part in registry.parts(role).items():
            if name in {None, each}:
                origin = registry.distribution(role, each)
                yield {
                    "role": role,
                    "role_in_words": words,
                    "table": TABLE_OF.get(role, "evaluation"),
                    "name": each,
                    "from": origin.name,
                    "version": origin.version,
                    "about": part.summary,
                    "options": [attrs.asdict(option) for option in options_of(part.options)],
                }
    for failure in () if name else registry.failures:
        yield {
            "failed": failure.plugin,
            "from": failure.distribution,
            "cause": failure.cause,
        }


def recipe_facts() -> list[dict[str, Any]]:
    """Return the keys of a recipe that belong to no plugin."""
    from brainplug.recipe.tables import Recipe

    return [attrs.asdict(option) for option in options_of(Recipe)]


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
    return BrainplugError(
        f"no installed plugin offers {name!r}; {suggestion(name, known)}; what plugin files offer, "
        "`brainplug check` of their recipe tells"
    )


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

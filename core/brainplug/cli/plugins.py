"""`brainplug plugins`: every part, or the options of one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from brainplug.cli.opening import make_console, open_registry
from brainplug.cli.parser import add_command

if TYPE_CHECKING:
    import argparse

    from brainplug.cli.parser import Commands


def add_plugins(commands: Commands) -> None:
    """Describe `plugins`."""
    plugins = add_command(
        commands,
        "plugins",
        "list the parts, or the options of one",
        examples=(
            "brainplug plugins",
            "brainplug plugins bids",
            "brainplug plugins --recipe",
            "brainplug plugins --json",
        ),
    )
    which = plugins.add_mutually_exclusive_group()
    which.add_argument("name", nargs="?", help="name of a part whose options are shown")
    which.add_argument("--recipe", action="store_true", help="show the keys that are no plugin's")
    plugins.add_argument("--json", action="store_true", help="print everything as JSON instead")
    plugins.set_defaults(command=plugins_command)


def plugins_command(given: argparse.Namespace) -> None:
    """Do `brainplug plugins`."""
    from brainplug.cli.plugin_tables import (
        list_parts,
        part_facts,
        recipe_facts,
        show_part,
        show_recipe,
    )

    registry = open_registry()
    if given.json:
        facts = recipe_facts() if given.recipe else list(part_facts(registry, given.name))
        print(json.dumps(facts, indent=2, ensure_ascii=False))
        return
    console = make_console()
    if given.recipe:
        shown = show_recipe()
    elif given.name:
        shown = show_part(registry, given.name)
    else:
        shown = list_parts(registry, broken=console.is_terminal)
    for each in shown:
        # In a pipe nothing is cut.
        console.print(each, soft_wrap=not (console.is_terminal or given.name or given.recipe))

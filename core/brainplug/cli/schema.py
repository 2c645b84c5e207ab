"""`brainplug schema`: what an editor needs to complete and check recipes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from brainplug.cli.opening import open_registry
from brainplug.cli.parser import add_command
from brainplug.errors import DataError
from brainplug.runtime.homes import expanded

if TYPE_CHECKING:
    import argparse

    from brainplug.cli.parser import Commands


def add_schema(commands: Commands) -> None:
    """Describe `schema`."""
    schema = add_command(
        commands,
        "schema",
        "write a JSON Schema of recipes, for editors",
        examples=("brainplug schema --output brainplug.schema.json",),
    )
    schema.add_argument(
        "--output", type=expanded, metavar="FILE", help="write it here, not on screen"
    )
    schema.set_defaults(command=schema_command)


def make_schema() -> str:
    """Return the schema of the installed parts as it is written."""
    from brainplug.recipe.schema import recipe_schema

    return json.dumps(recipe_schema(open_registry()), indent=2, ensure_ascii=False) + "\n"


def schema_command(given: argparse.Namespace) -> None:
    """Do `brainplug schema`."""
    text = make_schema()
    if given.output is None:
        print(text, end="")
        return
    try:
        given.output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise DataError(
            "the schema cannot be written",
            where=str(given.output),
            expected="a file in a folder that is there",
            found=error.strerror or str(error),
            hint="name another file with --output",
        ) from None
    print(f"schema  {given.output}")

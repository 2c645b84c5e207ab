"""`brainplug init`: the recipes that come with brainplug, and one begun from one's own table."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from brainplug.cli.parser import add_command
from brainplug.cli.schema import make_schema
from brainplug.runtime.homes import expanded

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from brainplug.cli.parser import Commands

EXAMPLES = (
    "brainplug init                                 the recipes that come with brainplug",
    "brainplug init abcd-sex                        writes abcd-sex.toml here",
    "brainplug init --from people.csv --images T1/  proposes people.toml from your own table",
    "brainplug init --from study/participants.tsv   of a BIDS folder, which holds its images",
)

SUFFIX = ".toml"

SCHEMA = "brainplug.schema.json"
"""What editors complete and check a recipe with, beside it."""


def add_init(commands: Commands) -> None:
    """Describe `init`."""
    init = add_command(
        commands, "init", "begin a recipe: a shipped one, or from your own table", examples=EXAMPLES
    )
    init.add_argument(
        "recipe", nargs="?", metavar="RECIPE", help="name of a shipped recipe; without it all told"
    )
    init.add_argument(
        "--from", dest="table", type=Path, metavar="TABLE", help="table of the people, or visits"
    )
    init.add_argument(
        "--images", type=Path, metavar="DIR", help="folder of the images of the table's people"
    )
    init.add_argument("--sheet", metavar="NAME", help="of a workbook with several that hold data")
    init.add_argument(
        "--output",
        type=Path,
        metavar="FILE",
        help="the recipe to write (default: here, named after RECIPE or TABLE)",
    )
    init.set_defaults(command=init_command)


def init_command(given: argparse.Namespace) -> None:
    """Do `brainplug init`."""
    check_together(given)
    from brainplug.cli.opening import make_console

    console = make_console()
    if given.table is not None:
        lines = propose(given)
    elif given.recipe is not None:
        lines = copy_shipped(given.recipe, given.output)
    else:
        lines = list_shipped(console.width if console.is_terminal else 0)
    for line in lines:
        console.print(line, soft_wrap=True, markup=False, highlight=False)


def check_together(given: argparse.Namespace) -> None:
    """Refuse options that say nothing together.

    Raises:
        BrainplugError: says which, and what to write.
    """
    from brainplug.errors import BrainplugError

    if given.table is None:
        for name in ("images", "sheet"):
            if getattr(given, name) is not None:
                raise BrainplugError(
                    where=f"--{name}", expected="a table as well", hint="write --from TABLE"
                )
        if given.output is not None and given.recipe is None:
            raise BrainplugError(
                where="--output",
                expected="what is to be written",
                hint="name a shipped recipe, or write --from TABLE; `brainplug init` lists recipes",
            )
    elif given.recipe is not None:
        raise BrainplugError(
            where="RECIPE",
            expected="a shipped recipe or --from, not both",
            found=given.recipe,
            hint="leave one of them out",
        )


def list_shipped(room: int) -> Iterator[str]:
    """Say of each shipped recipe what it is, a line each.

    Args:
        room: columns, where lines that are too long are broken beside the names; else 0.
    """
    import textwrap

    from brainplug.recipe.shipped import about_recipe, shipped_recipes

    recipes = shipped_recipes()
    width = max(map(len, recipes), default=0)
    for name, path in recipes.items():
        about = about_recipe(path.read_text(encoding="utf-8"))
        first, *more = textwrap.wrap(about, max(20, room - width - 2)) if room else [about]
        yield f"{name:<{width}}  {first}"
        yield from (f"{'':<{width}}  {line}" for line in more)
    yield ""
    yield "brainplug init RECIPE writes one here; brainplug init --from TABLE --images DIR begins"
    yield "from your own data."


def copy_shipped(name: str, output: Path | None) -> Iterator[str]:
    """Write a shipped recipe beside the user's data; give what to say.

    Raises:
        RunError: no recipe has the name, or there is something where it would be written.
    """
    from brainplug.errors import RunError, suggestion
    from brainplug.recipe.shipped import shipped_recipes

    recipes = shipped_recipes()
    if name not in recipes:
        raise RunError(f"no shipped recipe {name!r}; {suggestion(name, recipes)}")
    path = free_place(output, name)
    schema = write_recipe(path, recipes[name].read_text(encoding="utf-8"))
    yield f"{path}: relative paths in it begin in {path.absolute().parent}"
    yield schema
    yield from next_commands(path)


def propose(given: argparse.Namespace) -> Iterator[str]:
    """Write a recipe that is begun from a table; give what to say."""
    from brainplug.cli.init_table import propose_recipe

    path = free_place(given.output, given.table.stem or "recipe")
    proposal = propose_recipe(
        given.table, given.images, sheet=given.sheet, home=path.absolute().parent
    )
    schema = write_recipe(path, proposal.text)
    yield str(path)
    yield schema
    yield from proposal.facts
    yield "to state, at the places marked STATE: " + "; ".join(proposal.to_state)
    yield from next_commands(path)


def free_place(output: Path | None, name: str) -> Path:
    """Return where a recipe may be written.

    Raises:
        RunError: something is there; nothing is overwritten.
    """
    from brainplug.errors import RunError

    path = Path(f"{name}{SUFFIX}") if output is None else expanded(output)
    if path.is_dir():
        raise RunError(
            "a folder",
            where=path,
            expected="the file of a recipe",
            hint=f"write --output {shlex.quote(str(path / f'{name}{SUFFIX}'))}",
        )
    if path.exists() or path.is_symlink():
        raise RunError(
            "something is there already, and nothing is overwritten",
            where=path,
            expected="a place of its own",
            hint="choose another --output, or move it away",
        )
    return path


def write_recipe(path: Path, text: str) -> str:
    """Write a recipe, and what editors check it with; say where the latter is.

    Both lie in one folder, which is made if it is missing.
    """
    from brainplug.runtime.files import write_text

    path.absolute().parent.mkdir(parents=True, exist_ok=True)
    schema = path.with_name(SCHEMA)
    there = schema.exists()
    if not there:
        write_text(schema.absolute(), make_schema())
    write_text(path.absolute(), f"#:schema ./{SCHEMA}\n{text}")
    renew = f"; left as it was, brainplug schema --output {shlex.quote(str(schema))} renews it"
    return f"{schema}: for editors that check TOML by a schema{renew if there else ''}"


def next_commands(path: Path) -> Iterator[str]:
    """Say what to do next."""
    told = shlex.quote(str(path))
    yield f"next: brainplug check {told}"
    yield f"then: brainplug run {told}"

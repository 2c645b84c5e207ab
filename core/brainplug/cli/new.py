"""`brainplug new ROLE NAME`: a small package with one working part and a test, or a single file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from brainplug.cli.parser import add_command
from brainplug.runtime.homes import expanded

if TYPE_CHECKING:
    import argparse

    from brainplug.cli.new_files import Begun
    from brainplug.cli.parser import Commands

ROLES = ("cohort", "split", "pairing", "prompt", "head", "metric", "model")
"""What a part can be, as a recipe's author says it."""

LONGEST_NAME = 30

EXAMPLES = (
    "brainplug new metric my-score                     a package, in brainplug-my-score/",
    "brainplug new cohort my-study --table people.csv  begun from your own columns",
    "brainplug new prompt my-words --file              my_words.py, to lie beside a recipe",
)

PAGES = "docs/roles/ has a page for each role: what it is given, what it must return."


def add_new(commands: Commands) -> None:
    """Describe `new`."""
    about = "begin a plugin of your own: one working part and its test"
    new = add_command(commands, "new", about, examples=EXAMPLES)
    new.description = f"{new.description}\n\n{PAGES}"
    new.add_argument("role", metavar="ROLE", help=", ".join(ROLES))
    new.add_argument("name", metavar="NAME", help="as a recipe will name it, such as my-score")
    new.add_argument(
        "--output",
        type=expanded,
        default=Path(),
        metavar="DIR",
        help="where it goes (default: here)",
    )
    new.add_argument("--file", action="store_true", help="one file for beside a recipe, no package")
    new.add_argument(
        "--table", type=Path, metavar="TABLE", help="of a cohort: begin from the columns of a table"
    )
    new.set_defaults(command=new_command)


def new_command(given: argparse.Namespace) -> None:
    """Do `brainplug new`."""
    from brainplug.cli.new_files import begin, write_all
    from brainplug.cli.opening import make_console
    from brainplug.errors import BrainplugError

    role, name = check_role(given.role), check_name(given.name, given.role)
    if given.table is not None and role != "cohort":
        raise BrainplugError(
            where="--table", expected="the role cohort, which reads tables", found=role
        )
    if given.file:
        check_file_name(name, given.output)
    begun: Begun = begin(role, name, table=given.table, alone=given.file, folder=given.output)
    console = make_console()
    for path in write_all(begun, given.output):
        console.print(str(path), soft_wrap=True, markup=False, highlight=False)
    for line in begun.next_steps(given.output):
        console.print(line, soft_wrap=True, markup=False, highlight=False)


def check_role(role: str) -> str:
    """Return a role.

    Raises:
        BrainplugError: it is none; says which is near.

    >>> check_role("metric")
    'metric'
    """
    from brainplug.errors import BrainplugError, suggestion

    if role not in ROLES:
        near = suggestion(role, ROLES)
        known = f"roles are {', '.join(ROLES)}"
        told = f"{near} {known}" if near.startswith("did") else known
        raise BrainplugError(f"unknown role {role!r}; {told}")
    return role


def check_name(name: str, role: str) -> str:
    """Return the name of a part that nobody has yet.

    Raises:
        BrainplugError: it is no name of a part, or an installed part of the role has it.
    """
    from brainplug.api.part_faults import PART_NAME
    from brainplug.errors import BrainplugError
    from brainplug.registry import ROLES as WORDS
    from brainplug.registry import load_registry

    if not PART_NAME.fullmatch(name) or len(name) > LONGEST_NAME:
        near = "-".join(re.findall("[a-z0-9]+", name.lower()))[:LONGEST_NAME].strip("-")
        raise BrainplugError(
            where="NAME",
            expected=f"at most {LONGEST_NAME} lower case letters, digits and single hyphens",
            found=name,
            hint=f"did you mean {near!r}?" if near else "such as my-score",
        )
    registry, roles = load_registry(), f"{role}s"
    if name in registry.parts(roles):
        raise BrainplugError(
            f"{name!r}, a {WORDS[roles]} of {registry.distribution(roles, name)}",
            where="NAME",
            expected="a name that no part has yet",
            found=name,
            hint=f"of two parts with one name a recipe gets neither; such as my-{name}",
        )
    return name


def check_file_name(name: str, folder: Path) -> None:
    """Refuse a file that nobody could import, or that would hide a library beside it.

    Raises:
        BrainplugError: the name is a word of Python, or that of a library that is here.

    >>> check_file_name("my-score", Path())
    """
    import keyword
    from importlib.util import find_spec

    from brainplug.errors import BrainplugError

    module, here = name.replace("-", "_"), folder.absolute()
    if not module.isidentifier() or keyword.iskeyword(module):
        why = "no name that Python can import"
    elif (spec := find_spec(module)) and spec.origin and here != Path(spec.origin).parent:
        why = "the name of a library, which scripts in that folder would no longer find"
    else:
        return
    raise BrainplugError(
        f"{name!r}: {module}.py has {why}",
        where="NAME",
        expected="with --file, a name that a file of Python can have",
        found=name,
        hint=f"such as my-{name}",
    )

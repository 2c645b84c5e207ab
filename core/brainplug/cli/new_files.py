"""The files that `brainplug new` writes: those of `brainplug.examples`, under other names."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from brainplug.cli.new_examples import as_strangers, read_example
from brainplug.errors import RunError
from brainplug.runtime.files import write_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

EXAMPLES: Mapping[str, str] = {
    "cohort": "lab",
    "split": "by-year",
    "pairing": "drawn",
    "prompt": "reading-room",
    "head": "yes-no",
    "metric": "median-error",
    "model": "small",
}
"""Role -> name of the part in its example."""

IN_RECIPE: Mapping[str, str] = {
    "cohort": '[cohort]\nuse = "NAME"\ntable = "people.csv"\nimages = "scans/"',
    "split": '[split]\nuse = "NAME"\ncolumn = "year"\nval_from = 2015\ntest_from = 2018',
    "pairing": '[pairing]\nuse = "NAME"\nreferences_per_query = 2',
    "prompt": '[prompt]\nuse = "NAME"',
    "head": '[target]\nuse = "NAME"\ncolumn = "smoker"\nyes = "1"\nno = "0"',
    "metric": '[evaluation]\nmetrics = ["NAME"]',
    "model": '[model]\nuse = "NAME"\npatch = [8, 8, 8]',
}
"""Role -> what a recipe says to use the example's part."""

PROJECT = """[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "{package}"
version = "0.1.0"
description = "The {role} {name} for brainplug"
readme = "README.md"
requires-python = ">=3.11"
dependencies = ["brainplug"]

[project.optional-dependencies]
test = ["pytest"]

[project.entry-points.brainplug]
{name} = "{module}"

[tool.hatch.build.targets.wheel]
only-include = ["{module}.py"]

[tool.ruff]
src = ["."]

[tool.pytest.ini_options]
pythonpath = ["."]
testpaths = ["tests"]
"""

README = """# {package}

The {role} `{name}` for [brainplug](https://pypi.org/project/brainplug/).

    pip install --editable '.[test]'
    pytest
    brainplug plugins {name}

In a recipe:

```toml
{recipe}
```

`{module}.py` is the part, `tests/` holds it to what its role asks. The page of the role in
brainplug's documentation, `docs/roles/{role}.md`, says what it is given and what it must return.
{more}"""


@attrs.frozen(kw_only=True)
class Begun:
    """A plugin that is begun.

    Attributes:
        role: what it is.
        name: of its part.
        files: path below the folder it is written to -> text.
        home: the folder it makes there; empty where it is a single file.
        recipe: what a recipe says to use it.
        to_state: what its author has still to say, in words.
    """

    role: str
    name: str
    files: Mapping[str, str]
    home: str
    recipe: str
    to_state: tuple[str, ...] = ()

    def next_steps(self, folder: Path) -> Iterator[str]:
        """Say what to do next."""
        if self.to_state:
            yield f"to state, at the places marked STATE: {'; '.join(self.to_state)}"
        if self.home:
            place = folder / self.home
            yield f"next: pip install --editable '{place}[test]', then pytest {place}"
        else:
            (file,) = self.files
            yield f'next: plugins = ["{file}"] at the top of a recipe beside it, and'
        yield self.recipe


def begin(
    role: str,
    name: str,
    *,
    table: Path | None = None,
    alone: bool = False,
    folder: Path | None = None,
) -> Begun:
    """Make the files of a plugin.

    Args:
        role: one of `EXAMPLES`.
        name: of the part.
        table: of a cohort, whose columns it begins from.
        alone: one file for beside a recipe, in place of a package.
        folder: where a single file goes, and the recipe beside it.

    Raises:
        DataError: the table cannot be read.
    """
    module = name.replace("-", "_") if alone else f"brainplug_{name.replace('-', '_')}"
    recipe, to_state = IN_RECIPE[role].replace("NAME", name), tuple[str, ...]()
    if table is None:
        code, check = example(role, name), example(f"{role}_check", name, of=role, module=module)
    else:
        from brainplug.cli.new_table import begin_from, quote

        code, check, to_state = begin_from(table, name, module)
        place = quote(from_recipe(table, folder if alone else None))
        recipe = recipe.replace('"people.csv"', place)
        recipe = recipe.replace('"scans/"', '"…"  # STATE the folder of the scans')
        to_state = (*to_state, "images, the folder of the scans, in the recipe")
    if alone:
        return Begun(
            role=role,
            name=name,
            files={f"{module}.py": code},
            home="",
            recipe=recipe,
            to_state=to_state,
        )
    package = f"brainplug-{name}"
    more = "\nStill to be stated, at the places marked STATE:\n\n" * bool(to_state)
    more += "".join(f"- {each}\n" for each in to_state)
    words = {"role": role, "name": name, "package": package, "module": module}
    files = {
        "pyproject.toml": PROJECT.format(**words),
        "README.md": README.format(**words, recipe=recipe, more=more),
        f"{module}.py": code,
        f"tests/test_{name.replace('-', '_')}.py": check,
    }
    return Begun(role=role, name=name, files=files, home=package, recipe=recipe, to_state=to_state)


def from_recipe(table: Path, folder: Path | None) -> str:
    """Write the path of a table as a recipe in a folder names it; without one, as it is given.

    >>> from_recipe(Path("study/people.csv"), Path("study")), from_recipe(Path("a/b.csv"), None)
    ('people.csv', 'a/b.csv')
    """
    if folder is None or table.is_absolute():
        return table.as_posix()
    return Path(os.path.relpath(table, folder)).as_posix()


def example(file: str, name: str, *, of: str = "", module: str = "") -> str:
    """Return an example under another name.

    Args:
        file: module of `brainplug.examples`.
        name: of the part.
        of: role that the file tests; empty where it is the part itself.
        module: that the part will be in, where the file is a test.
    """
    text = read_example(file)
    known = EXAMPLES[of or file]
    for mark in ('"', "`"):
        text = text.replace(f"{mark}{known}{mark}", f"{mark}{name}{mark}")
    text = text.replace(f'"{known.upper()}"', f'"{name.upper()}"')  # the study of a cohort
    return as_strangers(text, of, module) if of else as_strangers(text)


def write_all(begun: Begun, folder: Path) -> Iterator[Path]:
    """Write the files; give the path of each.

    Raises:
        RunError: something is there already; nothing is written then.
    """
    paths = {folder / begun.home / name: text for name, text in begun.files.items()}
    there = [path for path in paths if path.exists()]
    home = folder / begun.home
    if begun.home and home.exists() and (not home.is_dir() or any(home.iterdir())):
        there.append(home)
    if there:
        raise RunError(
            "something is there already, and nothing is overwritten",
            where=there[-1],
            expected="a place of its own",
            hint="choose another name or --output, or move it away",
        )
    for path, text in paths.items():
        write_text(path, text)
        yield path

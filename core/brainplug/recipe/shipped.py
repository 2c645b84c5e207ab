"""The recipes that come with brainplug; found without anything heavy."""

from __future__ import annotations

from pathlib import Path

from brainplug.runtime.homes import expanded


def shipped_folder() -> Path:
    """Return the folder of shipped recipes: in the package, or in the repository beside it."""
    package = Path(__file__).parents[1]
    installed = package / "recipes"
    return installed if installed.is_dir() else package.parents[1] / "recipes"


def shipped_recipes() -> dict[str, Path]:
    """Return the file of each shipped recipe by its name."""
    return {path.stem: path for path in sorted(shipped_folder().glob("*.toml"))}


def shipped_names() -> list[str]:
    """Return the names of the shipped recipes."""
    return list(shipped_recipes())


def is_named(given: str) -> bool:
    """Tell whether a recipe is given by the name of one that comes with brainplug."""
    return not expanded(given).is_file() and given in shipped_recipes()


def about_recipe(text: str) -> str:
    r"""Return what the first comment of a recipe says it is for, as one line.

    >>> about_recipe("# Sex from\n# ABCD. Copy it.\n\n# More.\nseed = 1\n")
    'Sex from ABCD.'
    """
    lines = []
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        if not line.startswith("#:"):  # a word to editors
            lines.append(line.removeprefix("#").strip())
    return " ".join(lines).partition(". ")[0].rstrip(".") + "."

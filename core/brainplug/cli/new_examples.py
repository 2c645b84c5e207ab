"""The text of `brainplug.examples`, as it reads in a package of somebody else."""

from __future__ import annotations

import re
import sys
from importlib import resources


def read_example(name: str) -> str:
    """Return a module of `brainplug.examples` as text."""
    return resources.files("brainplug.examples").joinpath(f"{name}.py").read_text("utf-8")


def as_strangers(text: str, example: str = "", module: str = "") -> str:
    """Import brainplug like any other library, and the part from its own module.

    Args:
        text: of an example.
        example: module of `brainplug.examples` that is imported as `plugin`.
        module: that takes its place.
    """
    lines = text.replace(f"from brainplug.examples import {example} as plugin\n", "").split("\n")
    first = next(place for place, line in enumerate(lines) if line.startswith("from brainplug"))
    # Ours stand apart in our own tree.
    if re.match("import|from", lines[first - 2]) and not is_standard(lines[first - 2]):
        del lines[first - 1]
    text = "\n".join(lines)
    if not module:
        return text
    head, end, rest = text.partition("\n\n\n")
    return f"{head}\n\nimport {module} as plugin{end}{rest}"


def is_standard(line: str) -> bool:
    """Whether an import is of the standard library.

    >>> is_standard("from pathlib import Path"), is_standard("import attrs")
    (True, False)
    """
    return line.split()[1].partition(".")[0] in sys.stdlib_module_names

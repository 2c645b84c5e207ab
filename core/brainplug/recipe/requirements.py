"""What a recipe's `[training]` needs that is not installed with brainplug itself."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from brainplug.recipe.strict import Problem
    from brainplug.recipe.training_tables import Training


def check_needs(options: Training) -> Iterator[Problem]:
    """Find what is named but not installed; nothing is imported.

    A package is that of the extra by its own name; DeepSpeed's extra is `gpu`.
    """
    wanted: list[tuple[tuple[str | int, ...], str, str]] = [
        (("training", "report_to", index), tracker, tracker)
        for index, tracker in enumerate(options.report_to)
    ]
    if options.deepspeed is not None:
        wanted.append((("training", "deepspeed"), "deepspeed", "gpu"))
    for keys, package, extra in wanted:
        if find_spec(package) is None:
            offer = f"pip install 'brainplug[{extra}]', or leave it out"
            yield keys, f"needs {package}, which is not installed; {offer}"

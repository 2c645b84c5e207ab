"""What a recipe's `[training]` needs that is not installed with brainplug itself."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from brainplug.recipe.strict import Problem
    from brainplug.recipe.training_tables import Training

NO_DEEPSPEED = (
    "training.deepspeed needs deepspeed, which is not installed here; where this is to train: "
    "pip install 'brainplug[gpu]', or on one GPU or a CPU leave the key out"
)


def check_needs(options: Training) -> Iterator[Problem]:
    """Find trackers that are named but not installed; nothing is imported.

    Each is in the extra by its own name.
    """
    for index, tracker in enumerate(options.report_to):
        if find_spec(tracker) is None:
            offer = f"pip install 'brainplug[{tracker}]', or leave it out"
            keys = ("training", "report_to", index)
            yield keys, f"needs {tracker}, which is not installed; {offer}"


def lacks_deepspeed(options: Training) -> bool:
    """Tell whether DeepSpeed is asked for and not installed.

    That is no mistake of the recipe, which may be checked and prepared on another machine.
    """
    return options.deepspeed is not None and find_spec("deepspeed") is None

"""What a run needs that is not installed with brainplug itself, and which extra brings it."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from brainplug.recipe.tables import STAGES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from brainplug.recipe.strict import Problem
    from brainplug.recipe.training_tables import Training

NO_DEEPSPEED = (
    "training.deepspeed needs deepspeed, which is not installed here; where this is to train: "
    "pip install 'brainplug[gpu]', or on one GPU or a CPU leave the key out"
)

NO_MATPLOTLIB = (
    "the page of a run needs matplotlib, which is not installed here; "
    "pip install 'brainplug[report]', or end before it with --until metrics"
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


def lacks_matplotlib() -> bool:
    """Tell whether what draws the figures of the page is not installed.

    That is no mistake of the recipe either: a page can be made elsewhere from the run folder.
    """
    return find_spec("matplotlib") is None


def trains(until: str) -> bool:
    """Whether a run up to and with a stage trains."""
    return until in STAGES[STAGES.index("training") :]


def find_lack(options: Training, until: str) -> str:
    """Say what a run lacks here; nothing where it can come to its end.

    Args:
        options: of its training.
        until: the last stage that is wanted.
    """
    if trains(until) and lacks_deepspeed(options):
        return NO_DEEPSPEED
    return NO_MATPLOTLIB if until == "report" and lacks_matplotlib() else ""

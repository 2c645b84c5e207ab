"""Which arithmetic a run computes with: settled once by rank 0, and kept in its record.

Sums in another order are other bits. So all ranks, and a run that goes on after it was stopped,
compute as the run began, whatever the processor they find themselves on would suggest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import attrs

from brainplug.runtime.notes import read_known, write_note

if TYPE_CHECKING:
    from brainplug.run.context import Workspace
    from brainplug.runtime.run_folder import RunFolder

RECIPE = "the recipe"
FROM_LEDGER = "stages.json, since record.json was damaged"


def settled(workspace: Workspace) -> Workspace:
    """Return a run whose `[speed]` leaves no arithmetic open; all ranks call this together."""
    recipe = workspace.recipe
    found = workspace.ranks.on_main_process(lambda: settle(recipe.speed.onednn, workspace.files))
    speed = attrs.evolve(recipe.speed, onednn=found["onednn"])
    return attrs.evolve(workspace, recipe=attrs.evolve(recipe, speed=speed))


def settle(onednn: Literal["auto"] | bool, files: RunFolder) -> dict[str, bool]:
    """Return the arithmetic of a run; written into its record before anything is computed by it.

    Args:
        onednn: what the recipe says.
        files: of the run folder.
    """
    kept = read_arithmetic(files)
    found: dict[str, Any]
    if onednn != "auto":
        found = {"onednn": onednn, "from": RECIPE}
    elif kept is None or kept["from"] == RECIPE:
        from brainplug.model.kernels import onednn_suits

        use, reason = onednn_suits()
        found = {"onednn": use, "from": reason}
    else:
        found = kept
    if found != kept:
        write_note(files.record, read_record(files) | {"arithmetic": found})
    return {"onednn": found["onednn"]}


def read_arithmetic(files: RunFolder) -> dict[str, Any] | None:
    """Return what a run folder's record says of the arithmetic, None before it was settled."""
    return read_record(files).get("arithmetic")


def read_record(files: RunFolder) -> dict[str, Any]:
    """Return the record of a run folder, empty where there is none yet.

    Raises:
        RunError: it is damaged.
    """
    return read_known(files.record)

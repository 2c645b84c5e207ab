"""Where curves are sent: which trackers, under which name, and where one looks at them.

    curves/phase-1/       events for tensorboard; the run of a tracker and what it was told
    curves/scores/        events with the scores of the last evaluation
    curves/wandb/         what wandb keeps

They lie outside `checkpoints/`, which may be deleted. Light; what sends them is in
`brainplug.training.trackers`.
"""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from brainplug.runtime.homes import expanded
from brainplug.runtime.run_folder import RunFolder

if TYPE_CHECKING:
    from collections.abc import Iterator

PROJECT = "brainplug"
"""Of wandb and trackio, unless the environment names another."""

SCORES = "scores"
"""What the last evaluation gave, beside the curves of the phases."""


@attrs.frozen(kw_only=True)
class Curves:
    """Where the curves of one run go.

    Attributes:
        trackers: as the recipe names them.
        folder: of the run folder's curves.
        run: name of the run; that of a fold or an arm begins with the name of the whole run.
    """

    trackers: tuple[str, ...] = ()
    folder: Path = Path("curves")
    run: str = ""

    @classmethod
    def of(cls, trackers: tuple[str, ...], files: RunFolder) -> Curves:
        """Return where those of a run go."""
        return cls(trackers=trackers, folder=files.curves, run=name_run(files.path))

    def events(self, part: str) -> Path:
        """Return the folder of tensorboard's events for a phase, or for the scores."""
        return self.events_home / part

    @property
    def events_home(self) -> Path:
        """The folder that tensorboard is pointed to; the environment may name one for all runs."""
        named = os.environ.get("TENSORBOARD_LOGGING_DIR")
        return expanded(named) / self.run if named else self.folder

    @property
    def is_own(self) -> bool:
        """Whether tensorboard's events lie in the run folder, and so are of this run alone."""
        return self.events_home == self.folder

    def name(self, phase: str) -> str:
        """Name what a tracker lists as a run: this one and the phase."""
        return f"{self.run}/{phase}"

    def where(self) -> Iterator[str]:
        """Say for each tracker where one looks, a line each."""
        for tracker in self.trackers:
            yield f"curves in {tracker}: {LOOK[tracker](self)}"


def look_at_tensorboard(curves: Curves) -> str:
    """Say how tensorboard is started."""
    return f"tensorboard --logdir {shlex.quote(shorten(curves.events_home))}"


def look_at_wandb(curves: Curves) -> str:
    """Say which runs of which project they are, and where they are kept without a network."""
    project = os.environ.get("WANDB_PROJECT", PROJECT)
    told = f"runs {curves.run}/… of project {project}"
    if os.environ.get("WANDB_MODE") != "offline":
        return told
    folder = Path(os.environ.get("WANDB_DIR", curves.folder)) / "wandb"
    return f"wandb sync {shlex.quote(shorten(folder))}/offline-run-* sends {told}"


def look_at_trackio(curves: Curves) -> str:
    """Say how trackio is started."""
    return f"trackio show --project {PROJECT}; runs {curves.run}/…"


LOOK = {
    "tensorboard": look_at_tensorboard,
    "wandb": look_at_wandb,
    "trackio": look_at_trackio,
}
"""What is said of each tracker."""


def name_run(folder: Path) -> str:
    """Name a run by its folder: a fold or an arm after the run that it belongs to.

    >>> name_run(Path("/study/runs/sex"))
    'sex'
    """
    above = folder.parent.parent
    within = folder.parent.name in {"runs", "arms"}
    if within and RunFolder(above).ledger.is_file():
        return f"{name_run(above)}/{folder.name}"
    return folder.name


def shorten(path: Path) -> str:
    """Write a path from the current folder where it lies below."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)

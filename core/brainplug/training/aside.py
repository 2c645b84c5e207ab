"""Trainings that no longer fit the recipe: put aside whole, and brought back where they fit again.

    checkpoints.before-20260131-174502/phase-1/…     as they lay in checkpoints/
    checkpoints.before-20260131-174502/model/        the weights that were chosen
    checkpoints.before-20260131-174502/training.json how they came about
    checkpoints.before-20260131-174502/curves/       what trackers were sent
    checkpoints.before-20260131-174502/stage.json    what the training was made from

Weights take days; nothing here deletes any. What `--fresh` puts aside is called
`checkpoints.before-fresh-…` and is never brought back, since the user asked to start over.
Light, so that a run whose training is done needs no torch.
"""

from __future__ import annotations

import os
import shutil
import time
from typing import TYPE_CHECKING, Any

import attrs

from brainplug.runtime.notes import read_note, write_note
from brainplug.training.phases import HISTORY, MADE_FROM, PhaseFolder, key_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

STAGE = "stage.json"
FRESH = "fresh-"


@attrs.frozen(kw_only=True)
class TrainingHome:
    """Where a run keeps its training.

    Attributes:
        checkpoints: folder of the phases.
        model: folder of the chosen weights.
        history: file that tells of the training.
        curves: folder of what trackers were sent.
    """

    checkpoints: Path
    model: Path
    history: Path
    curves: Path

    @property
    def results(self) -> tuple[Path, Path]:
        """What a finished training leaves beside its checkpoints."""
        return self.model, self.history

    def is_of(self, keys: Sequence[str], folder: Path | None = None) -> bool:
        """Tell whether every phase in a folder is one of a training; an empty folder is of any."""
        folder = folder or self.checkpoints
        wanted = {f"phase-{number}": key for number, key in enumerate(keys, 1)}
        found = [path for path in folder.glob("phase-*") if path.is_dir()]
        return all(key_of(path) == wanted.get(path.name) for path in found)

    def fits(self, keys: Sequence[str]) -> bool:
        """Tell whether what lies here is of a training, or nothing does.

        A model without checkpoints, which may be deleted, does not tell what it is of; a move that
        was stopped halfway is ended by putting all of it aside.
        """
        halfway = (self.checkpoints / STAGE).exists()
        alone = self.model.exists() and not any(self.checkpoints.glob("phase-*"))
        return self.is_of(keys) and not halfway and not alone

    def earlier(self) -> list[Path]:
        """Return the trainings put aside that may be brought back, the newest first."""
        name = f"{self.checkpoints.name}.before-"
        found = sorted(self.checkpoints.parent.glob(f"{name}[0-9]*"), reverse=True)
        return [path for path in found if path.is_dir()]

    def has_weights(self) -> bool:
        """Tell whether anything that was learnt lies here."""
        left = [*self.checkpoints.glob("phase-*/checkpoint-*"), *self.checkpoints.glob("*/model")]
        return bool(left) or self.model.exists()

    def put_aside(self, entry: dict[str, Any], *, fresh: bool = False) -> Path:
        """Move all of a training into one folder beside, and return that.

        Everything is first moved together, so that a crash leaves no half that looks whole.

        Args:
            entry: of the ledger for it.
            fresh: the user starts over, and does not want it back.
        """
        # It may have been deleted, as it may be once there is a model, which is to be kept all the
        # same.
        self.checkpoints.mkdir(exist_ok=True)
        if not (self.checkpoints / STAGE).exists():  # of a move that was stopped: it knows better
            write_note(self.checkpoints / STAGE, entry)
        for path in (*self.results, self.curves):
            if path.exists():
                path.rename(self.checkpoints / path.name)
        # `earlier` looks for a digit behind `before-`, so it never finds those of `--fresh`.
        stamp = f"{FRESH if fresh else ''}{time.strftime('%Y%m%d-%H%M%S')}"
        target = self.checkpoints.with_name(f"{self.checkpoints.name}.before-{stamp}")
        number = 2
        while target.exists():
            target = target.with_name(f"{self.checkpoints.name}.before-{stamp}-{number}")
            number += 1
        return self.checkpoints.rename(target)

    def bring_back(self, folder: Path) -> dict[str, Any]:
        """Move a training back to its place; return the ledger's entry for it."""
        shutil.rmtree(self.checkpoints, ignore_errors=True)  # holds no weights by now
        folder.rename(self.checkpoints)
        for path in (*self.results, self.curves):
            if (self.checkpoints / path.name).exists():
                shutil.rmtree(path, ignore_errors=True)  # curves of what holds no weights
                (self.checkpoints / path.name).rename(path)
        entry = read_note(self.checkpoints / STAGE) or {}  # a damaged one knows of none
        # Last: as long as this file lies here, `fits` knows of a move that was stopped halfway.
        (self.checkpoints / STAGE).unlink()
        return entry

    def find(self, keys: Sequence[str], key: str) -> Path | None:
        """Find the training put aside that is made from the same: a finished one, or the farthest.

        Args:
            keys: of its phases.
            key: of the stage.
        """
        # One that is finished comes before a newer one that is not.
        known = [path for path in self.earlier() if (path / STAGE).is_file()]
        for path in known:
            whole = all((path / each.name).exists() for each in self.results)
            if whole and (read_note(path / STAGE) or {}).get("key") == key:
                return path
        fitting = [path for path in known if self.is_of(keys, path) and any(path.glob("phase-*"))]
        return max(fitting, key=progress_of, default=None)

    def keep_phases(self, keys: Sequence[str]) -> Path | None:
        """Take over the first phases of another training that are these too.

        Files are linked, not copied, where the disk can: a finished phase is never written again.

        Returns:
            The training they are of, None where no other has any.
        """
        counts = {path: count_phases(keys, path) for path in self.earlier()}
        # Of equals the newest, which `earlier` gives first.
        best = max(counts, key=lambda path: counts[path], default=None)
        if best is None or not counts[best]:
            return None
        for number in range(1, counts[best] + 1):
            name = f"phase-{number}"
            shutil.copytree(best / name, self.checkpoints / name, copy_function=link)
            told = best / self.curves.name / name
            if told.is_dir():
                target = self.curves / name
                shutil.copytree(told, target, copy_function=link, dirs_exist_ok=True)
        return best


def count_phases(keys: Sequence[str], folder: Path) -> int:
    """Count the first phases in a folder that are done and have these keys."""
    for index, key in enumerate(keys):
        phase = PhaseFolder(path=folder / f"phase-{index + 1}", key=key)
        if key_of(phase.path) != key or not phase.is_done():
            return index
    return len(keys)


def mend_notes(home: TrainingHome, keys: Sequence[str], *, known: bool) -> list[str]:
    """Make damaged notes and models of phases again, from what else tells it; say which.

    Args:
        home: where the training is kept.
        keys: of its phases.
        known: whether what lies there is of this training, whatever its notes say.
    """
    told = []
    for number, key in enumerate(keys, 1):
        phase = PhaseFolder(path=home.checkpoints / f"phase-{number}", key=key)
        place = f"{home.checkpoints.name}/{phase.path.name}"
        if phase.path.is_dir():
            told += [
                f"{place}/{name} was damaged, and is made again" for name in phase.mend(known=known)
            ]
        if phase.history.is_file() and phase.key in {key, key_of(phase.path)}:
            told += [f"{place}/model: {line}" for line in phase.mend_model(home.model)]
    return told


def make_room(
    home: TrainingHome,
    keys: Sequence[str],
    *,
    key: str,
    entry: dict[str, Any],
    known: bool = False,
) -> tuple[dict[str, Any] | None, list[str]]:
    """Make a training's home ready for one: put aside what is of another, bring back what is of it.

    Args:
        home: where the training is kept.
        keys: of the phases of the training to come.
        key: of all that it is made from.
        entry: of the ledger for the one that lies there.
        known: whether that one is this training, as the ledger has it.

    Returns:
        The ledger's entry of a training that was brought back whole, and what the user is told.
    """
    lines = mend_notes(home, keys, known=known)
    if not home.fits(keys):
        if home.has_weights():
            unknown = [path for path in home.checkpoints.glob("phase-*") if key_of(path) is None]
            lines += [f"{path.name}/{MADE_FROM} cannot be read" for path in sorted(unknown)]
            aside = home.put_aside(entry)
            lines.append(f"the training so far is kept in {aside.name}/")
        else:
            shutil.rmtree(home.checkpoints, ignore_errors=True)
    # What still lies here is of this training, which goes on from there.
    if any(home.checkpoints.glob("phase-*")):
        return None, lines
    found = home.find(keys, key)
    if found is None:
        other = home.keep_phases(keys)
        return None, [*lines, f"first phases as in {other.name}/"] if other else lines
    back = home.bring_back(found)
    whole = back.get("key") == key and all(path.exists() for path in home.results)
    return back if whole else None, [*lines, f"brought back from {found.name}/"]


def progress_of(folder: Path) -> tuple[int, int]:
    """Tell how far a training came: phases that are done, then steps of the one under way."""
    steps = [int(path.name.rpartition("-")[2]) for path in folder.glob("phase-*/checkpoint-*")]
    return len(list(folder.glob(f"phase-*/{HISTORY}"))), max(steps, default=0)


def link(source: str, target: str) -> None:
    """Give a file a second name, or copy it where the disk has no links."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)

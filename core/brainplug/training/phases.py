"""Trainings one after another: what each is, and the folder it goes on from.

    checkpoints/phase-1/made-from.json   key of all that the phase depends on
    checkpoints/phase-1/checkpoint-…     while it runs
    checkpoints/phase-1/model/           what it leaves to the next phase
    checkpoints/phase-1/story.json       written last: the phase is done

A phase depends on those before it and on none after, so that a change of the last one keeps the
others. What is of another training is put aside before, in `aside`. Light, so that `check` can use
it.
"""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import attrs

from brainplug.runtime.files import hash_text, read_json, write_json

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from brainplug.recipe.phases import PhasePlan


FEATURES = "features"
"""Folder of a phase with the features of a frozen tower."""


@attrs.frozen(kw_only=True)
class PhaseFolder:
    """Where a phase keeps what it can go on from, and what it leaves.

    Attributes:
        path: the folder.
        key: of all that the phase depends on.
    """

    path: Path
    key: str

    @property
    def model(self) -> Path:
        """The model folder that the next phase begins from."""
        return self.path / "model"

    @property
    def story(self) -> Path:
        """What the phase tells of itself; there when it is done."""
        return self.path / "story.json"

    @property
    def made_from(self) -> Path:
        """The key that the folder was begun with."""
        return self.path / "made-from.json"

    def open(self) -> None:
        """Make the folder, if it is not there."""
        if not self.made_from.exists():
            write_json(self.made_from, self.key)

    def is_done(self) -> bool:
        """Tell whether the phase ended, and what it left is there."""
        return self.story.exists() and self.model.is_dir()

    def read_history(self) -> dict[str, Any]:
        """Return what a phase that is done tells of itself."""
        return dict(read_json(self.story))

    def finish(self, save: Callable[[Path], None], story: dict[str, Any]) -> None:
        """Keep the model and the story, then delete checkpoints and features, which nothing needs.

        Args:
            save: writes the model into a folder.
            story: JSON-ready.
        """
        shutil.rmtree(self.model, ignore_errors=True)  # of a phase that was killed as it ended
        save(self.model)
        write_json(self.story, story)
        for passed in (*self.path.glob("checkpoint-*"), *self.path.glob(FEATURES)):
            shutil.rmtree(passed)


def phase_keys(made_from: str, phases: Sequence[PhasePlan]) -> list[str]:
    """Return the key of each phase, which is that of all that it and those before it depend on.

    Args:
        made_from: key of all that every phase depends on.
        phases: with what each depends on besides.
    """
    keys = []
    for phase in phases:
        made_from = hash_text(made_from + json.dumps(phase.settings(), sort_keys=True))
        keys.append(made_from)
    return keys


def open_folders(folder: Path, made_from: str, phases: Sequence[PhasePlan]) -> list[PhaseFolder]:
    """Make the folders of all phases ready; none of another training lies there by now.

    Args:
        folder: the checkpoints of the run.
        made_from: key of all that every phase depends on.
        phases: with what each depends on besides.
    """
    keys = phase_keys(made_from, phases)
    folders = [
        PhaseFolder(path=folder / f"phase-{phase.number}", key=key)
        for phase, key in zip(phases, keys, strict=True)
    ]
    for each in folders:
        each.open()
    return folders


def join_histories(stories: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the story of a whole training: all rows, each with its phase, and what was chosen.

    The checkpoint that was chosen in the last phase is that of the run.

    >>> story = {"phase": 1, "selected": None, "history": [{"step": 2, "loss": 0.5}]}
    >>> join_histories([story])["history"]
    [{'phase': 1, 'step': 2, 'loss': 0.5}]
    """
    *_, last = stories
    return {
        "history": [
            {"phase": story["phase"], **row} for story in stories for row in story["history"]
        ],
        "selected": last["selected"] and {"phase": last["phase"], **last["selected"]},
        "phases": [
            {key: told for key, told in story.items() if key != "history"} for story in stories
        ],
    }


def copy_whole(source: Path, target: Path) -> None:
    """Put a copy of a folder in the place of another; a crash leaves no half of one there."""
    temporary = target.with_name(f".{target.name}.new")
    shutil.rmtree(temporary, ignore_errors=True)
    shutil.copytree(source, temporary)
    shutil.rmtree(target, ignore_errors=True)
    temporary.rename(target)

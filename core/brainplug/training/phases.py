"""The folders of trainings one after another.

    checkpoints/phase-1/made-from.json   key of all that the phase depends on
    checkpoints/phase-1/checkpoint-…     while it runs
    checkpoints/phase-1/model/           what it leaves to the next phase
    checkpoints/phase-1/model.json       lists its files, and tells key and history
    checkpoints/phase-1/history.json     the same, written last: the phase is done

The last two are one note written twice, so that no damaged file of a few kilobytes costs a training
of days; each is made again from the other, and `made-from.json` from either.
A phase depends on those before it and on none after, so that a change of the last one keeps the
others. What is of another training is put aside before, in `aside`. Light, so that a run whose
training is done needs no torch.
"""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import attrs

from brainplug.runtime.files import hash_text, replacing
from brainplug.runtime.notes import read_note, unsealed, write_note
from brainplug.runtime.records import from_json, to_json
from brainplug.training.marks import find_fault, find_faults, list_files

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from brainplug.evaluation.history import PhaseHistory
    from brainplug.recipe.phases import PhasePlan


MADE_FROM = "made-from.json"
"""The key that a phase was begun with."""

HISTORY = "history.json"
"""What a phase tells of itself and of its model, written last."""

MODEL_FILES = "model.json"
"""The same, written before; of an earlier brainplug a list of the model's files alone."""

AT_ONCE = 1 << 28
"""Bytes of a file that are read at every start of a finished run; weights may have gigabytes."""

ELSEWHERE = (
    "nothing else here holds it, so where the phase is needed again it is trained again; "
    "a copy of the run folder brought back spares that"
)

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
    def history(self) -> Path:
        """What the phase tells of itself; there when it is done."""
        return self.path / HISTORY

    @property
    def made_from(self) -> Path:
        """The key that the folder was begun with."""
        return self.path / MADE_FROM

    def open(self) -> None:
        """Make the folder, if it is not there."""
        if not self.made_from.exists():
            write_note(self.made_from, {"key": self.key})

    def is_done(self) -> bool:
        """Tell whether the phase ended, and what it left is there as it was left."""
        return self.history.exists() and self.model.is_dir() and not self.fault()

    def fault(self) -> str:
        """Say what of a phase that ended is damaged, nothing where nothing is."""
        if not self.history.exists():
            return ""
        note = self.note()
        if note is None:
            return f"{HISTORY} cannot be read"
        if "files" in note:
            return find_fault(self.model, note["files"])
        # An earlier brainplug listed the files apart, or not at all.
        listed = self.path / MODEL_FILES
        files = read_note(listed) if listed.exists() else {}
        return f"{MODEL_FILES} cannot be read" if files is None else find_fault(self.model, files)

    def note(self) -> dict[str, Any] | None:
        """Return what the phase said when it ended, of which there are two copies."""
        found = (read_note(self.path / name) for name in (HISTORY, MODEL_FILES))
        return next((note for note in found if note and "history" in note), None)

    def mend(self, *, known: bool) -> list[str]:
        """Make damaged notes again from what else tells the same; return their names.

        Args:
            known: whether the folder is that of this phase, whatever its notes say.
        """
        note, mended = self.note() or {}, []
        key = note.get("key") or (self.key if known else None)
        if key_of(self.path) is None and key is not None:
            write_note(self.made_from, {"key": key})
            mended.append(MADE_FROM)
        for name in (MODEL_FILES, HISTORY) if "files" in note else ():
            # Where it is missing the phase was killed as it ended, and ends again.
            if (self.path / name).exists() and read_note(self.path / name) is None:
                write_note(self.path / name, note)
                mended.append(name)
        return mended

    def mend_model(self, trained: Path) -> list[str]:
        """Make damaged files of the model again where the trained one has the same; say which.

        Args:
            trained: model folder of the run, a copy of the last phase's and some more.
        """
        told, files = [], (self.note() or {}).get("files", {})
        if not self.model.is_dir():  # deleted, to make room
            return []
        for name, fault in find_faults(self.model, files, read=self.is_read).items():
            if find_fault(trained, {name: files[name]}):
                told.append(f"{fault}; {ELSEWHERE}")
                continue
            with replacing(self.model / name) as temporary:
                shutil.copyfile(trained / name, temporary)
            told.append(f"{fault}: made again from {trained.name}/")
        return told

    def is_read(self, path: Path) -> bool:
        """Tell whether a start of a finished run looks at a file's content: at once, or touched."""
        state = path.stat()
        return state.st_size <= AT_ONCE or state.st_mtime > self.history.stat().st_mtime

    def read_history(self) -> PhaseHistory:
        """Return what a phase that is done tells of itself.

        Raises:
            RunError: nothing is to be read.
        """
        from brainplug.evaluation.history import PhaseHistory  # every class of scores with it

        note = self.note() or {}
        told = {name: note[name] for name in note.keys() & {"facts", "history"}}
        return from_json(told, PhaseHistory, source=str(self.history))

    def finish(self, save: Callable[[Path], None], history: PhaseHistory) -> None:
        """Keep model and history, then delete checkpoints and features, which nothing needs.

        Args:
            save: writes the model into a folder.
            history: what is told of the phase.
        """
        # Of a phase that was killed as it ended, or is damaged; the history ahead of the model, so
        # that no half of one counts as done.
        self.history.unlink(missing_ok=True)
        shutil.rmtree(self.model, ignore_errors=True)
        (self.path / MODEL_FILES).unlink(missing_ok=True)
        save(self.model)
        note = {"key": self.key, "files": list_files(self.model), **to_json(history)}
        write_note(self.path / MODEL_FILES, note)
        # Before the checkpoints go: without a history the phase would be done again, from what is
        # still there.
        write_note(self.history, note)
        self.clear()

    def clear(self) -> None:
        """Delete what a phase that is done needs no more; a kill may have left some of it."""
        for passed in (*self.path.glob("*checkpoint-*"), *self.path.glob(FEATURES)):
            shutil.rmtree(passed)


def key_of(phase: Path) -> str | None:
    """Return the key that the folder of a phase was begun with, None where it does not tell."""
    try:
        found = json.loads((phase / MADE_FROM).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):  # damaged: of no training that is known
        return None
    if isinstance(found, str):  # of an earlier brainplug
        return found
    key = (unsealed(found) or {}).get("key")
    return key if isinstance(key, str) else None


def phase_keys(made_from: str, phases: Sequence[PhasePlan]) -> list[str]:
    """Return the key of each phase, which is that of all that it and those before it depend on.

    Args:
        made_from: key of all that every phase depends on.
        phases: with what each depends on besides.
    """
    keys = []
    for phase in phases:
        # Sorted, so that fields may change places in their class without a training anew.
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


def copy_whole(source: Path, target: Path, finish: Callable[[Path], None]) -> None:
    """Put a copy of a folder in the place of another; a crash leaves no half of one there.

    Args:
        source: is left as it is.
        target: what lies there is replaced.
        finish: adds to the copy before it comes to its place.
    """
    # Beside the target, so that the last step is a rename on one disk.
    temporary = target.with_name(f".{target.name}.new")
    shutil.rmtree(temporary, ignore_errors=True)
    shutil.copytree(source, temporary)
    finish(temporary)
    shutil.rmtree(target, ignore_errors=True)
    temporary.rename(target)

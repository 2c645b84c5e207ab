"""What a training goes on from: the newest whole checkpoint, if these ranks can.

A checkpoint says, in the file that marks it as whole, how many ranks wrote it, how DeepSpeed
shared its state out, which step was the best by then, and what its files are.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from contextlib import contextmanager
from traceback import walk_tb
from typing import TYPE_CHECKING, Any

import attrs
from transformers.trainer import OPTIMIZER_NAME, TRAINER_STATE_NAME
from transformers.trainer_utils import PREFIX_CHECKPOINT_DIR

from brainplug.errors import RunError, first_line
from brainplug.model.plain_head import without_head
from brainplug.runtime.files import read_json
from brainplug.runtime.notes import read_note, write_note
from brainplug.training.marks import find_fault, list_files

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from pathlib import Path
    from types import FrameType

    from transformers import TrainerState

    from brainplug.training.job import TrainingJob

COMPLETE = "complete.json"
"""Marks a checkpoint whose every file was written, and lists them."""

PREFIX = f"{PREFIX_CHECKPOINT_DIR}-"

LITTLE = 1 << 20
"""Bytes below which a disk on which writing fails is full; the next file is larger."""

READERS = frozenset(
    {"_load_from_checkpoint", "_load_optimizer_and_scheduler", "_load_rng_state", "load_from_json"}
)
"""Functions of transformers that read a checkpoint."""

DAMAGED = "damaged-"
"""Begins the name of a checkpoint that nothing can go on from."""


@attrs.frozen(kw_only=True)
class Start:
    """Where a training begins.

    Attributes:
        checkpoint: what it goes on from, None for the beginning.
        world: ranks that the batches were shared out to evenly when the training was begun.
        accumulation: batches of a rank in an optimiser step, so that steps stay what they were.
        universal: the checkpoint's state was made independent of the number of ranks.
    """

    checkpoint: Path | None
    world: int
    accumulation: int
    universal: bool = False

    @property
    def step(self) -> int:
        """Optimiser steps that were taken by then."""
        return int(self.checkpoint.name.rpartition("-")[2]) if self.checkpoint else 0


def find_start(job: TrainingJob) -> Start:
    """Find what a training goes on from; half-written checkpoints are deleted.

    Raises:
        RunError: other ranks wrote it than can go on from it.
    """
    ranks, options = job.ranks, job.options
    checkpoint = ranks.on_main_process(lambda: find_checkpoint(job.folder, job.tell))
    if checkpoint is None:
        return Start(checkpoint=None, world=ranks.world_size, accumulation=options.accumulation)
    written = read_json(checkpoint / COMPLETE)
    if written["deepspeed"] != str(options.deepspeed):
        raise RunError(
            f"it was written with training.deepspeed {written['deepspeed']}, this run has "
            f"{options.deepspeed}",
            where=checkpoint,
            found=(written["deepspeed"], str(options.deepspeed)),
            hint="name the same, or start over with --fresh",
        )
    # An optimiser step takes this many batches; fewer ranks take more of them each.
    steps = written["world"] * written["accumulation"]
    if written["world"] % ranks.world_size:
        raise RunError(
            f"it was written by {written['world']} ranks; {ranks.world_size} cannot take the same "
            "optimiser steps",
            where=checkpoint,
            found=(written["world"], ranks.world_size),
            hint="go on with as many, or with a number that divides it, or start over with --fresh",
        )
    universal = bool(options.deepspeed) and written["world"] != ranks.world_size
    if universal:
        ranks.on_main_process(lambda: make_universal(checkpoint))
    return Start(
        checkpoint=checkpoint,
        world=written["world"],
        accumulation=steps // ranks.world_size,
        universal=universal,
    )


def find_checkpoint(folder: Path, tell: Callable[[str], None] = lambda _line: None) -> Path | None:
    """Return the newest whole checkpoint; half-written ones are deleted, damaged ones put aside.

    Args:
        folder: of the checkpoints.
        tell: takes which are damaged, and what is gone on from instead.
    """
    whole, damaged = [], []
    for path in folder.glob(f"{PREFIX}*"):
        if not (path / COMPLETE).exists():
            shutil.rmtree(path)
        elif fault := fault_of(path):
            damaged.append(path)
            tell(f"{path.name} is damaged: {fault}")
        else:
            whole.append(path)
    usable = [path for path in whole if has_best(path, whole, damaged)]
    found = max(usable, key=step_of, default=None)
    later = [path for path in whole if found is None or step_of(path) > step_of(found)]
    for path in (*damaged, *later):
        put_aside(path)
    if damaged or later:
        tell(f"falls back to {found.name}" if found else "begins anew, without a checkpoint")
    return found


def fault_of(checkpoint: Path) -> str:
    """Say how a checkpoint differs from what its mark tells, nothing where it does not."""
    mark = read_note(checkpoint / COMPLETE)
    if mark is None or not {"world", "accumulation", "deepspeed"} <= mark.keys():
        return f"{COMPLETE} cannot be read"
    if "files" in mark:
        return find_fault(checkpoint, mark["files"])
    # An earlier brainplug listed none, and a kill amid deletion left its mark.
    needed = [TRAINER_STATE_NAME, *([OPTIMIZER_NAME] if mark["deepspeed"] == "None" else [])]
    return next((f"{name} is missing" for name in needed if not (checkpoint / name).exists()), "")


def has_best(checkpoint: Path, whole: Collection[Path], damaged: Collection[Path]) -> bool:
    """Tell whether the best so far is known to a checkpoint and still there, or comes again.

    Without it the last weights would be kept in its place. It comes again where a later one,
    now damaged, was followed by better: that is trained once more.
    """
    best = best_of(checkpoint)
    if best is None or checkpoint.with_name(f"{PREFIX}{best}") in whole:
        return True
    later = (best_of(path) or 0 for path in damaged if step_of(path) > step_of(checkpoint))
    return any(step > step_of(checkpoint) for step in later)


def best_of(checkpoint: Path) -> int | None:
    """Return the step of the best validation by the time of a checkpoint."""
    found = read_note(checkpoint / COMPLETE) or {}
    if "best" not in found:
        found = {"best": (read_note(checkpoint / TRAINER_STATE_NAME) or {}).get("best_global_step")}
    best = found["best"]
    return best if isinstance(best, int) else None


def step_of(checkpoint: Path) -> int:
    """Return the step of a checkpoint; as text checkpoint-9 comes after checkpoint-10."""
    return int(checkpoint.name.rpartition("-")[2])


def put_aside(checkpoint: Path) -> None:
    """Take a checkpoint that nothing can go on from out of the way; nothing deletes weights."""
    target = checkpoint.with_name(f"{DAMAGED}{checkpoint.name}")
    shutil.rmtree(target, ignore_errors=True)
    checkpoint.rename(target)


def mark_whole(job: TrainingJob, start: Start, step: int, best: int | None) -> None:
    """Mark a checkpoint as whole once every rank has written its part; then delete passed ones.

    Args:
        job: the training.
        start: how batches are shared out.
        step: of the checkpoint.
        best: step of the best validation so far.
    """
    # First, so that no rank still writes its part; and again, so that none goes on before the mark
    # is there.
    job.ranks.wait_for_everyone()
    if job.ranks.is_main_process:
        checkpoint = job.folder / f"{PREFIX}{step}"
        facts: dict[str, Any] = {
            "world": job.ranks.world_size,
            "accumulation": start.accumulation,
            "deepspeed": str(job.options.deepspeed),
            "best": best,
            "files": list_files(checkpoint),
        }
        write_note(checkpoint / COMPLETE, facts)
        delete_passed(job.folder, step, best)
    job.ranks.wait_for_everyone()


def delete_passed(folder: Path, step: int, best: int | None) -> None:
    """Delete all checkpoints but the latest and the best; where they are one, the one before too.

    Only once the latest is marked, and each loses its mark before anything else, so that a kill
    never leaves a torso that counts as whole.
    """
    passed = sorted(
        (path for path in folder.glob(f"{PREFIX}*") if step_of(path) not in {step, best}),
        key=step_of,
    )
    for path in passed if best not in {step, None} else passed[:-1]:
        (path / COMPLETE).unlink(missing_ok=True)
        shutil.rmtree(path)


def best_checkpoint(folder: Path, best: int | None) -> str | None:
    """Return the path of the best checkpoint, where it lies now; the folder may have been moved."""
    path = folder / f"{PREFIX}{best}"
    return str(path) if best is not None and path.is_dir() else None


def refuse_lost_best(job: TrainingJob, state: TrainerState) -> None:
    """Refuse to keep the last weights in the place of the best.

    Raises:
        RunError: the checkpoint of the best validation is not there.
    """
    if state.best_global_step is not None and state.best_model_checkpoint is None:
        raise RunError(
            f"{PREFIX}{state.best_global_step}, that of the best validation, is not there any more",
            where=job.folder,
            found=state.best_global_step,
            hint="start over with --fresh",
        )


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Say which folder weights cannot be written to; torch and safetensors do not.

    Raises:
        RunError: the block could not write.
    """
    from safetensors import SafetensorError

    try:
        yield
    except (OSError, RuntimeError, SafetensorError) as error:
        # torch has no error of its own for a file it cannot write; any other stays what it is.
        if isinstance(error, RuntimeError) and not of_torch_files(error):
            raise
        # torch tells how far it came, and not why it came no further.
        left = shutil.disk_usage(folder).free if folder.is_dir() else LITTLE
        full = f"the disk is full, {left:,} bytes are left" if left < LITTLE else ""
        raise RunError(
            f"weights cannot be written: {full or error}",
            where=folder,
            found=str(error),
            hint="make room or give access there; the same command goes on from the checkpoint "
            "before",
        ) from error


@contextmanager
def reading(checkpoint: Path | None) -> Iterator[None]:
    """Say which checkpoint transformers cannot read, whatever it raises.

    Damage is found beforehand by the checkpoint's mark; what passes that was changed on purpose.
    Pickles in it are read by torch without the code that they could run, and refused where they
    hold some.

    Args:
        checkpoint: that is gone on from in the block; None where there is none.

    Raises:
        RunError: the checkpoint could not be read.
    """
    try:
        yield
    except Exception as error:
        inner = [frame for frame, _ in walk_tb(error.__traceback__)]
        if checkpoint is None or not any(map(reads_checkpoints, inner)):
            raise
        raise RunError(
            f"it cannot be read: {first_line(error)}",
            where=checkpoint,
            found=str(error),
            hint="it is not what was written; start over with --fresh",
        ) from error


def reads_checkpoints(frame: FrameType) -> bool:
    """Tell whether a frame is where transformers reads a checkpoint."""
    module = str(frame.f_globals.get("__name__"))
    return frame.f_code.co_name in READERS and module.startswith("transformers.")


def of_torch_files(error: Exception) -> bool:
    """Tell whether an error comes from where torch writes and reads files."""
    frames = walk_tb(error.__traceback__)
    return any(frame.f_globals.get("__name__") == "torch.serialization" for frame, _ in frames)


def load_weights(model: Any, checkpoint: Path) -> None:
    """Read the weights that a checkpoint holds whole, beside the state of its ranks.

    Those of a plain head are passed over.

    Raises:
        RunError: they do not fit the model.
    """
    from safetensors.torch import load_file

    state: dict[str, Any] = {}
    for file in sorted(checkpoint.glob("*.safetensors")):
        state |= without_head(load_file(file))
    refuse_misfit(model, model.load_state_dict(state, strict=False), checkpoint)


def refuse_misfit(model: Any, found: Any, folder: Path) -> None:
    """Refuse weights that lack some of the model's, or have others; tied ones may be missing."""
    tied = set(model.all_tied_weights_keys)
    missing = [name for name in found.missing_keys if name not in tied]
    if missing or found.unexpected_keys:
        raise RunError(
            f"a checkpoint does not fit the model: missing {missing[:3]}, left over "
            f"{found.unexpected_keys[:3]}",
            where=folder,
            found=(tuple(missing), tuple(found.unexpected_keys)),
            hint="start over with --fresh",
        )


def make_universal(checkpoint: Path) -> None:
    """Let DeepSpeed rewrite a checkpoint so that any number of ranks can read it.

    Raises:
        RunError: DeepSpeed could not.
    """
    # The rewritten one, which may be there from an earlier try, does not end in a digit.
    (state,) = checkpoint.glob("global_step*[0-9]")
    target = state.with_name(f"{state.name}_universal")
    if not (checkpoint / "latest_universal").exists():
        command = [
            *(sys.executable, "-P", "-m", "deepspeed.checkpoint.ds_to_universal"),
            *("--input_folder", str(state), "--output_folder", str(target)),
            *("--num_extract_workers", "1", "--num_merge_workers", "1", "--inject_missing_state"),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise RunError(
                f"DeepSpeed cannot rewrite it for another number of ranks: {last}",
                where=checkpoint,
                found=last,
                hint="go on with as many ranks as wrote it, or start over with --fresh",
            )
        # DeepSpeed looks for this name. Written last: rewriting that was stopped is begun anew.
        (checkpoint / "latest_universal").write_text(target.name, encoding="ascii")

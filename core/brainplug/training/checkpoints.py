"""What a training goes on from: the newest whole checkpoint, if these ranks can.

A checkpoint says, in the file that marks it as whole, how many ranks wrote it and how DeepSpeed
shared its state out.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import attrs

from brainplug.errors import RunError
from brainplug.model.plain_head import without_head
from brainplug.runtime.files import read_json, write_json

if TYPE_CHECKING:
    from pathlib import Path

    from brainplug.training.job import TrainingJob

COMPLETE = "complete.json"
"""Marks a checkpoint whose every file was written."""


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


def find_start(job: TrainingJob) -> Start:
    """Find what a training goes on from; half-written checkpoints are deleted.

    Raises:
        RunError: other ranks wrote it than can go on from it.
    """
    ranks, options = job.ranks, job.options
    checkpoint = ranks.on_main_process(lambda: find_checkpoint(job.folder))
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


def find_checkpoint(folder: Path) -> Path | None:
    """Return the newest whole checkpoint; half-written ones are deleted."""
    whole = []
    for path in folder.glob("checkpoint-*"):
        if (path / COMPLETE).exists():
            whole.append(path)
        else:
            shutil.rmtree(path)
    # By number, since as text checkpoint-9 comes after checkpoint-10.
    return max(whole, key=lambda path: int(path.name.rpartition("-")[2]), default=None)


def mark_whole(job: TrainingJob, start: Start, step: int) -> None:
    """Mark a checkpoint as whole once every rank has written its part."""
    # First, so that no rank still writes its part; and again, so that none goes on before the mark
    # is there.
    job.ranks.wait_for_everyone()
    if job.ranks.is_main_process:
        facts: dict[str, Any] = {
            "world": job.ranks.world_size,
            "accumulation": start.accumulation,
            "deepspeed": str(job.options.deepspeed),
        }
        write_json(job.folder / f"checkpoint-{step}" / COMPLETE, facts)
    job.ranks.wait_for_everyone()


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
            *(sys.executable, "-m", "deepspeed.checkpoint.ds_to_universal"),
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

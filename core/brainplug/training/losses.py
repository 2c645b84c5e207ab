"""Losses since they were last told: kept with a checkpoint, so that a history goes on unbroken.

The Trainer forgets them, and a training that was stopped would tell the mean of fewer steps.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from transformers import TrainerCallback

from brainplug.runtime.files import read_json, write_json

if TYPE_CHECKING:
    from transformers import TrainerControl, TrainerState, TrainingArguments


class RecallLosses(TrainerCallback):
    """Gives a trainer the losses that a checkpoint was left with.

    Args:
        trainer: that goes on.
        checkpoint: what it goes on from, None for the beginning.
    """

    def __init__(self, trainer: Any, checkpoint: Path | None) -> None:
        self.trainer = trainer
        self.checkpoint = checkpoint

    def on_train_begin(
        self,
        args: TrainingArguments,
        _state: TrainerState,
        _control: TrainerControl,
        **_kwargs: Any,
    ) -> None:
        """Recall the sums, which the Trainer has just set to nothing."""
        path = self.checkpoint and losses_file(self.checkpoint, args.process_index)
        if path is None or not path.is_file():  # of other ranks, or of an earlier brainplug
            return
        kept = read_json(path)
        self.trainer._tr_loss = torch.tensor(kept["loss"], device=args.device)  # noqa: SLF001
        self.trainer._globalstep_last_logged = kept["since"]  # noqa: SLF001
        self.trainer.tally.sums = kept["beside"] and torch.tensor(
            kept["beside"], device=args.device
        )


def keep_losses(trainer: Any) -> None:
    """Write the sums into the checkpoint that a trainer has just written, those of this rank."""
    folder = Path(str(trainer.args.output_dir)) / f"checkpoint-{trainer.state.global_step}"
    sums = trainer.tally.sums
    kept = {
        "loss": trainer._tr_loss.item(),  # noqa: SLF001
        "since": trainer._globalstep_last_logged,  # noqa: SLF001
        "beside": None if sums is None else sums.tolist(),
    }
    write_json(losses_file(folder, trainer.args.process_index), kept)


def losses_file(checkpoint: Path, rank: int) -> Path:
    """Return where a rank keeps its sums."""
    return checkpoint / f"losses-{rank}.json"

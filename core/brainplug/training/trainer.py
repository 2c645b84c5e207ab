"""Training on transformers' Trainer: loss on the last answer, checkpoint by what is said."""

from __future__ import annotations

import math
import shutil
import time
from typing import TYPE_CHECKING, Any

import attrs
import torch
from transformers import Trainer, TrainerCallback, TrainingArguments
from transformers.trainer_callback import PrinterCallback, ProgressCallback
from transformers.trainer_utils import set_seed

from brainplug.errors import RunError
from brainplug.training.batches import Collator, TaskDataset
from brainplug.training.mixture import MixtureSampler
from brainplug.training.schedule import make_schedule

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import numpy as np
    from transformers import TrainerControl, TrainerState

    from brainplug.dialogue import Task
    from brainplug.learning_options import Training
    from brainplug.model.bundle import ModelBundle
    from brainplug.model.chat import ChatEncoder

COMPLETE = "complete"
"""Marks a checkpoint whose every file was written."""


@attrs.frozen(kw_only=True)
class Mixture:
    """How groups of tasks are mixed.

    Attributes:
        groups: indices of the tasks of each group.
        weights: share of each group in an epoch, beside the others'.
    """

    groups: Mapping[str, Sequence[int]]
    weights: Mapping[str, float]


@attrs.frozen(kw_only=True)
class TrainingJob:
    """All a training needs besides the model.

    Attributes:
        tasks: the training dialogues.
        encoder: turns them into ids.
        context_length: most tokens the model takes.
        load: returns the preprocessed volume of a scan file.
        options: the recipe's `[training]`.
        validate: scores the model on the validation queries by what it says freely.
        select_by: name of the score that chooses the checkpoint.
        higher_is_better: its direction.
        mixture: group of each task and weight of each group; None shows every task once an epoch.
        seed: of data order and dropout.
        folder: where checkpoints go.
        progress: told of every optimiser step: `(step, steps, loss)`.
    """

    tasks: Sequence[Task]
    encoder: ChatEncoder
    context_length: int
    load: Callable[[Path], np.ndarray]
    options: Training
    validate: Callable[[ModelBundle], dict[str, float | None]]
    select_by: str
    higher_is_better: bool
    mixture: Mixture | None = None
    seed: int
    folder: Path
    progress: Callable[[int, int, float | None], None]


@attrs.frozen(kw_only=True)
class TrainingResult:
    """What a training leaves besides the weights.

    Attributes:
        history: log rows: `step`, `epoch` and either `loss` or the validation scores.
        selected: metric, value and step of the chosen checkpoint; None where no validation
            gave a score, and the last weights are kept.
    """

    history: list[dict[str, Any]]
    selected: dict[str, Any] | None


class ComparisonTrainer(Trainer):
    """Trainer that validates by free answers and keeps checkpoints it can read back whole."""

    def __init__(self, bundle: ModelBundle, job: TrainingJob, **kwargs: Any) -> None:
        self.bundle = bundle
        self.job = job
        super().__init__(model=bundle.model, **kwargs)

    def training_step(self, *args: Any, **kwargs: Any) -> torch.Tensor:
        """Take the gradient of one batch; stop on a loss that is not finite, before the step."""
        loss = super().training_step(*args, **kwargs)
        if not torch.isfinite(loss):
            raise RunError(
                f"the loss became {loss.item()} at step {self.state.global_step}; "
                "lower training.learning_rate or lengthen training.warmup_steps"
            )
        return loss

    def evaluate(self, *_args: Any, **_kwargs: Any) -> dict[str, float]:
        """Let the model answer the validation tasks, in place of a loss on given answers."""
        worst = -math.inf if self.job.higher_is_better else math.inf
        self.model.eval()
        scores = self.job.validate(self.bundle)
        self.model.train()
        known = {f"eval_{name}": value for name, value in scores.items() if value is not None}
        self.log(dict(known))
        metrics = {**known, "eval_selected": known.get(f"eval_{self.job.select_by}", worst)}
        self.control: TrainerControl = self.callback_handler.on_evaluate(
            self.args, self.state, self.control, metrics
        )
        return metrics

    def _get_train_sampler(self, *args: Any, **kwargs: Any) -> Any:
        if self.job.mixture is None:
            return super()._get_train_sampler(*args, **kwargs)
        sampler = MixtureSampler(self.job.mixture.groups, self.job.mixture.weights, self.job.seed)
        self.add_callback(TellEpoch(sampler))
        return sampler

    def _save(
        self, output_dir: str | None = None, state_dict: dict[str, Any] | None = None
    ) -> None:
        # The hub's key names would not be recognised by the Trainer's own load_state_dict.
        self.model.save_pretrained(output_dir, state_dict=state_dict, save_original_format=False)

    def _issue_warnings_after_load(self, load_result: Any) -> None:
        tied = set(self.model.all_tied_weights_keys)
        missing = [name for name in load_result.missing_keys if name not in tied]
        if missing or load_result.unexpected_keys:
            raise RunError(
                f"{self.job.folder}: a checkpoint does not fit the model: missing {missing[:3]}, "
                f"left over {load_result.unexpected_keys[:3]}; start over with --fresh"
            )


class TellEpoch(TrainerCallback):
    """Tells the mixture which epoch begins.

    The Trainer does too, but does not reach it when a run on several devices goes on amid an epoch.
    """

    def __init__(self, sampler: MixtureSampler) -> None:
        self.sampler = sampler

    def on_epoch_begin(
        self, _args: Any, state: TrainerState, _control: TrainerControl, **_kwargs: Any
    ) -> None:
        """Set the epoch; amid one, `state.epoch` is a fraction beyond it."""
        self.sampler.set_epoch(int(state.epoch or 0))


class Watch(TrainerCallback):
    """Tells of progress, and has a checkpoint written when the last one is old."""

    def __init__(self, job: TrainingJob) -> None:
        self.job = job
        self.loss: float | None = None
        self.last_save = time.monotonic()

    def on_log(
        self, _args: Any, _state: TrainerState, _control: TrainerControl, **kwargs: Any
    ) -> None:
        """Remember the latest loss."""
        self.loss = (kwargs.get("logs") or {}).get("loss", self.loss)

    def on_step_end(
        self, _args: Any, state: TrainerState, control: TrainerControl, **_kwargs: Any
    ) -> TrainerControl:
        """Report the step; ask for a checkpoint after `training.save_minutes`."""
        self.job.progress(state.global_step, state.max_steps, self.loss)
        if time.monotonic() - self.last_save > 60 * self.job.options.save_minutes:
            control.should_save = True
        return control

    def on_save(
        self, _args: Any, state: TrainerState, _control: TrainerControl, **_kwargs: Any
    ) -> None:
        """Mark the checkpoint as whole."""
        self.last_save = time.monotonic()
        (self.job.folder / f"checkpoint-{state.global_step}" / COMPLETE).touch()


def train(bundle: ModelBundle, job: TrainingJob) -> TrainingResult:
    """Train the model in place, from the last whole checkpoint if there is one.

    On return the model holds the weights of the best validation.

    Raises:
        RunError: the loss became infinite or NaN.
    """
    set_seed(job.seed)
    dataset = TaskDataset(job.tasks, job.encoder, job.context_length)
    trainer = ComparisonTrainer(
        bundle,
        job,
        args=make_arguments(job, len(dataset)),
        train_dataset=dataset,
        eval_dataset=dataset,  # the Trainer asks for one; `evaluate` answers the validation tasks
        data_collator=Collator(job.load, bundle.tokenizer.pad_token_id),
        callbacks=[Watch(job)],
    )
    trainer.remove_callback(ProgressCallback)
    trainer.remove_callback(PrinterCallback)
    trainer.train(resume_from_checkpoint=find_checkpoint(job.folder))
    bundle.model.eval()
    return TrainingResult(
        history=[row for row in trainer.state.log_history if "train_runtime" not in row],
        selected=describe_selected(trainer),
    )


def describe_selected(trainer: ComparisonTrainer) -> dict[str, Any] | None:
    """Say which checkpoint was chosen, or None where no validation gave a score."""
    if trainer.state.best_global_step is None:
        return None
    return {
        "metric": trainer.job.select_by,
        "value": trainer.state.best_metric,
        "step": trainer.state.best_global_step,
    }


def make_arguments(job: TrainingJob, num_tasks: int) -> TrainingArguments:
    """Say the recipe's settings in transformers' words."""
    options = job.options
    every = make_schedule(options, num_tasks).every
    return TrainingArguments(
        output_dir=str(job.folder),
        num_train_epochs=options.epochs,
        learning_rate=options.learning_rate,
        warmup_steps=options.warmup_steps,
        lr_scheduler_type=options.schedule,
        weight_decay=options.weight_decay,
        adam_beta2=options.adam_beta2,
        max_grad_norm=options.max_grad_norm,
        per_device_train_batch_size=options.batch_size,
        gradient_accumulation_steps=options.accumulation,
        activation_checkpointing=options.gradient_checkpointing,
        eval_strategy="steps",
        eval_steps=every,
        save_strategy="steps",
        save_steps=every,
        save_total_limit=2,
        load_best_model_at_end=True,
        metric_for_best_model="selected",
        greater_is_better=job.higher_is_better,
        logging_steps=min(10, every),
        logging_nan_inf_filter=False,
        remove_unused_columns=False,
        label_names=["labels"],
        disable_tqdm=True,
        report_to=[],
        dataloader_pin_memory=torch.cuda.is_available(),
        seed=job.seed,
        data_seed=job.seed,
    )


def find_checkpoint(folder: Path) -> str | None:
    """Return the newest whole checkpoint; half-written ones are deleted."""
    whole = []
    for path in folder.glob("checkpoint-*"):
        if (path / COMPLETE).exists():
            whole.append(path)
        else:
            shutil.rmtree(path)
    newest = max(whole, key=lambda path: int(path.name.rpartition("-")[2]), default=None)
    return str(newest) if newest else None

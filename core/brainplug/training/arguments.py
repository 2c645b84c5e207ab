"""The recipe's settings in the words of transformers and DeepSpeed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from transformers import TrainingArguments

from brainplug.recipe.metrics import LAST
from brainplug.training.deepspeed import make_deepspeed
from brainplug.training.schedule import make_schedule

if TYPE_CHECKING:
    from collections.abc import Mapping

    from brainplug.training.checkpoints import Start
    from brainplug.training.job import TrainingJob


def make_arguments(
    job: TrainingJob, start: Start, *, steps_per_epoch: int, named: Mapping[str, str]
) -> TrainingArguments:
    """Say a training's settings in transformers' words.

    Args:
        job: the training.
        start: what it goes on from.
        steps_per_epoch: optimiser steps of an epoch.
        named: arguments that name it to trackers.

    Raises:
        RunError: the warm-up would never end.
    """
    options = job.options
    schedule = make_schedule(options, steps_per_epoch=steps_per_epoch)
    chooses = job.select_by != LAST and not job.warm_up
    return TrainingArguments(
        output_dir=str(job.folder),
        num_train_epochs=options.epochs,
        max_steps=options.steps or -1,
        learning_rate=options.learning_rate,
        warmup_steps=options.warmup_steps,
        lr_scheduler_type=options.schedule,
        weight_decay=options.weight_decay,
        adam_beta2=options.adam_beta2,
        max_grad_norm=options.max_grad_norm,
        # The plan makes the batches; DeepSpeed works out its own sizes from this.
        per_device_train_batch_size=options.batch_size,
        gradient_accumulation_steps=start.accumulation,
        eval_strategy="steps" if schedule.every and not job.warm_up else "no",
        eval_steps=schedule.every,
        # Where nothing is chosen, `Watch` alone asks for checkpoints.
        save_strategy="steps" if chooses else "no",
        # `load_best_model_at_end` asks for a checkpoint at each validation.
        save_steps=schedule.every or schedule.steps,
        # `Watch` deletes passed checkpoints, once a later one is marked as whole.
        save_total_limit=None,
        load_best_model_at_end=chooses,
        metric_for_best_model="selected" if chooses else None,
        greater_is_better=job.higher_is_better if chooses else None,
        logging_steps=min(10, schedule.every or schedule.steps),
        # transformers would show the mean of earlier losses in the place of one that is not finite.
        logging_nan_inf_filter=False,
        remove_unused_columns=False,
        disable_tqdm=True,
        log_level="error",
        log_level_replica="error",
        # Every weight that learns gets a gradient (see `train_only`), so DDP need not search the
        # graph at each step.
        ddp_find_unused_parameters=False,
        report_to=[],  # `trackers` adds its own
        dataloader_pin_memory=False,
        use_cpu=not torch.cuda.is_available(),
        seed=job.seed,
        data_seed=job.seed,
        **named,
        **precision_and_deepspeed(job, start),
    )


def precision_and_deepspeed(job: TrainingJob, start: Start) -> dict[str, Any]:
    """Return the arguments for number format and DeepSpeed, which takes the format over."""
    options = job.options
    if options.deepspeed is None:
        return {"bf16": options.precision == "bfloat16"}
    settings = make_deepspeed(options, cpu=not torch.cuda.is_available())
    assert settings is not None
    if start.universal:
        settings = {**settings, "checkpoint": {"load_universal": True}}
    return {"deepspeed": settings}

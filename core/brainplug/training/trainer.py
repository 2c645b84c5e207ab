"""Training on transformers' Trainer: loss on the last answer, checkpoint by what is said."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import torch
from torch.utils.data import DataLoader
from transformers import Trainer, TrainerCallback
from transformers.trainer_callback import PrinterCallback, ProgressCallback
from transformers.trainer_utils import set_seed

from brainplug.errors import RunError
from brainplug.model import llava
from brainplug.model.packing import Beside, Tally, Ways
from brainplug.model.plain_head import attach_head, throw_head_away
from brainplug.recipe.metrics import LAST
from brainplug.training.arguments import make_arguments
from brainplug.training.batches import make_collator, make_dataset, make_plan
from brainplug.training.checkpoints import (
    best_checkpoint,
    find_start,
    load_weights,
    mark_whole,
    reading,
    refuse_lost_best,
    refuse_misfit,
    writing,
)
from brainplug.training.deepspeed import mend_universal
from brainplug.training.job import TrainingJob, TrainingProgress, TrainingResult
from brainplug.training.losses import RecallLosses, keep_losses
from brainplug.training.not_finite import hint_for_loss
from brainplug.training.selection import Patience, describe_selected, order_of
from brainplug.training.trackers import Tracking
from brainplug.training.weight_groups import group_weights
from brainplug.training.zero3 import forget_deepspeed, whole_bundle

if TYPE_CHECKING:
    from transformers import TrainerControl, TrainerState, TrainingArguments

    from brainplug.model.bundle import ModelBundle
    from brainplug.training.batch_sampler import BatchPlan
    from brainplug.training.checkpoints import Start


class ComparisonTrainer(Trainer):
    """Trainer of packed dialogues that validates by free answers.

    It keeps checkpoints it can read back whole.

    Args:
        bundle: the model.
        job: what it learns.
        plan: the batches of this rank.
        mend: DeepSpeed reads a checkpoint that was rewritten for another number of ranks.
    """

    # It is divided by the answer tokens of the whole step; divided by the accumulation again it
    # would be too small.
    loss_is_scaled_for_ga = True

    optimizer: Any

    def __init__(
        self, bundle: ModelBundle, job: TrainingJob, plan: BatchPlan, *, mend: bool, **kwargs: Any
    ) -> None:
        self.bundle = bundle
        self.job = job
        self.plan = plan
        self.mend = mend
        self.ways = choose_ways(bundle, job)
        self.order = order_of(job)
        self.tally = Tally()
        super().__init__(model=bundle.model, **kwargs)

    def get_train_dataloader(self) -> DataLoader[Any]:
        """Return the batches of this rank; the plan has shared them out already."""
        return DataLoader(
            self.train_dataset, batch_sampler=self.plan, collate_fn=self.data_collator
        )

    def create_optimizer(self, model: Any = None) -> torch.optim.Optimizer:
        """Make transformers' optimiser, with a group of weights for each rate the recipe names."""
        if self.job.options.rates and self.optimizer is None:
            model = self.model if model is None else model
            decayed = self.get_decay_parameter_names(model)
            make, settings = self.get_optimizer_cls_and_kwargs(self.args, model)
            self.optimizer = make(group_weights(model, self.job.options, decayed), **settings)
        made: torch.optim.Optimizer = super().create_optimizer(model)
        self.made_groups = [(group["lr"], group["weight_decay"]) for group in made.param_groups]
        return made

    def _get_num_items_in_batch(self, batch_samples: list[Any], device: torch.device) -> Any:
        """Return the weight of all answer tokens of a step, and how many scans are learnt."""
        batches = [sample["batch"] for sample in batch_samples]
        own = [sum(each.weight for each in batches), sum(each.num_values for each in batches)]
        return self.accelerator.reduce(torch.tensor(own, device=device), reduction="sum")

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], *_args: Any, **kwargs: Any
    ) -> torch.Tensor:
        """Return a rank's share of the mean loss over the answer tokens of the step."""
        num_items, num_scans = kwargs["num_items_in_batch"]
        weight = self.job.options.auxiliary if self.job.values else 0.0
        beside = Beside(weight=weight, num_scans=num_scans, tally=self.tally)
        loss = model(batch=inputs["batch"], num_items=num_items, ways=self.ways, beside=beside)
        return loss * self.accelerator.num_processes  # ranks take the mean of their gradients

    def training_step(self, *args: Any, **kwargs: Any) -> torch.Tensor:
        """Take the gradient of one batch; stop on a loss that is not finite, before the step."""
        if self.mend:
            mend_universal(self.model_wrapped.optimizer, self.made_groups)
            self.mend = False
        loss = super().training_step(*args, **kwargs)
        if not torch.isfinite(loss):
            raise RunError(
                f"the loss became {loss.item()} at step {self.state.global_step}",
                found=(loss.item(), self.state.global_step),
                hint=hint_for_loss(self.bundle.model, self.state.global_step),
            )
        return loss

    def log(self, logs: dict[str, float], *args: Any, **kwargs: Any) -> None:
        """Tell the losses of telling tokens and of the head beside the one that is learnt from."""
        if "loss" in logs:
            sums = self.accelerator.reduce(self.tally.take(self.args.device), reduction="sum")
            told = zip(Tally.names, sums.tolist(), strict=True)
            logs |= {name: total / count for name, (total, count) in told if count}
        super().log(logs, *args, **kwargs)

    def evaluate(self, *_args: Any, **_kwargs: Any) -> dict[str, float]:
        """Let the model answer the validation tasks, in place of a loss on given answers."""
        worst = -math.inf if self.job.higher_is_better else math.inf
        self.model.eval()
        scores = self.job.validate(whole_bundle(self.bundle, self.job.options))
        self.model.train()
        # The Trainer looks for a score at every validation; one that is not defined here is the
        # worst.
        known = {f"eval_{name}": value for name, value in scores.items() if value is not None}
        self.log(dict(known))
        metrics = {**known, "eval_selected": known.get(f"eval_{self.job.select_by}", worst)}
        self.control: TrainerControl = self.callback_handler.on_evaluate(
            self.args, self.state, self.control, metrics
        )
        return metrics

    def _determine_best_metric(self, metrics: dict[str, float], trial: Any = None) -> bool:  # noqa: ARG002
        """Remember a validation that is at least as good as the best: the later of equals."""
        rank = self.order.rank(metrics)
        if self.job.select_by == LAST or math.isinf(rank[0]) or rank < self.order.best(self.state):
            return False
        self.state.best_metric = metrics["eval_selected"]
        self.state.best_global_step = self.state.global_step
        return True

    def _save_checkpoint(self, *args: Any, **kwargs: Any) -> None:
        with writing(self.job.folder):
            super()._save_checkpoint(*args, **kwargs)
            keep_losses(self)

    def _save(
        self, output_dir: str | None = None, state_dict: dict[str, Any] | None = None
    ) -> None:
        # The hub's key names would not be recognised by the Trainer's own load_state_dict.
        self.model.save_pretrained(output_dir, state_dict=state_dict, save_original_format=False)

    def _load_best_model(self) -> None:
        # DeepSpeed's own state may be that of other ranks; `train` reads the plain weights instead.
        if not self.is_deepspeed_enabled:
            super()._load_best_model()

    def _issue_warnings_after_load(self, load_result: Any) -> None:
        refuse_misfit(self.model, load_result, self.job.folder)


def choose_ways(bundle: ModelBundle, job: TrainingJob) -> Ways:
    """Choose how losses are computed: as the recipe says, where the model allows it."""
    shared_out = job.options.is_zero3 and job.ranks.world_size > 1
    frozen = not llava.language_learns(bundle.model)
    # In turns, gradients are taken within the forward pass, where those of a language model would
    # miss what scales and reduces them later. ZeRO-3 gathers weights at each call, which all ranks
    # must make equally often, whatever their batches hold.
    in_turns = job.speed.in_turns and frozen and not job.options.is_zero3
    return Ways(
        rows=not job.speed.pack,
        in_turns=in_turns and job.speed.pack and bundle.model.device.type == "cpu",
        answers_only=job.speed.answer_logits,
        scans_at_once=shared_out,
    )


class TellEpoch(TrainerCallback):
    """Tells the plan which epoch begins.

    The Trainer does too, but does not reach it when a run goes on amid an epoch.
    """

    def __init__(self, plan: BatchPlan) -> None:
        self.plan = plan

    def on_epoch_begin(
        self, _args: Any, state: TrainerState, _control: TrainerControl, **_kwargs: Any
    ) -> None:
        """Set the epoch; amid one, `state.epoch` is a fraction beyond it."""
        self.plan.set_epoch(int(state.epoch or 0))


class Watch(TrainerCallback):
    """Tells of progress, and has a checkpoint written when the last one is old."""

    def __init__(self, job: TrainingJob, start: Start) -> None:
        self.job = job
        self.start = start
        self.progress = TrainingProgress(step=0, steps=0, metric=job.select_by)
        self.last_save = time.monotonic()

    def on_train_begin(
        self, _args: Any, state: TrainerState, _control: TrainerControl, **_kwargs: Any
    ) -> None:
        """Tell where a training that was stopped goes on, and recall what was known by then."""
        # The Trainer remembers a path, which may be that of another folder by now.
        state.best_model_checkpoint = best_checkpoint(self.job.folder, state.best_global_step)
        for row in state.log_history:
            self.remember(row)
        if state.global_step:
            self.job.tell(f"goes on from step {state.global_step:,} of {state.max_steps:,}")

    def on_log(
        self, _args: Any, _state: TrainerState, _control: TrainerControl, **kwargs: Any
    ) -> None:
        """Remember the latest loss, or the latest score."""
        self.remember(kwargs.get("logs") or {})

    def remember(self, row: dict[str, Any]) -> None:
        """Remember what a row of the history tells."""
        found = {
            "loss": row.get("loss"),
            "telling": row.get("loss_telling"),
            "score": row.get(f"eval_{self.job.select_by}"),
        }
        known = {name: each for name, each in found.items() if each is not None}
        self.progress = attrs.evolve(self.progress, **known)

    def report(self, state: TrainerState) -> None:
        """Tell how far it is."""
        self.progress = attrs.evolve(self.progress, step=state.global_step, steps=state.max_steps)
        self.job.progress(self.progress)

    def on_step_end(
        self, _args: Any, state: TrainerState, control: TrainerControl, **_kwargs: Any
    ) -> TrainerControl:
        """Report the step; ask for a checkpoint after `training.save_minutes`."""
        self.report(state)
        # Clocks of ranks differ, and a checkpoint is written by all of them or none.
        old = time.monotonic() - self.last_save > 60 * self.job.options.save_minutes
        if self.job.ranks.broadcast(old):
            control.should_save = True
        return control

    def on_save(
        self, _args: Any, state: TrainerState, _control: TrainerControl, **_kwargs: Any
    ) -> None:
        """Mark the checkpoint as whole."""
        self.last_save = time.monotonic()
        mark_whole(self.job, self.start, state.global_step, state.best_global_step)


def train(bundle: ModelBundle, job: TrainingJob) -> TrainingResult:
    """Train the model, from the last whole checkpoint if there is one.

    Raises:
        RunError: the loss became infinite or NaN, a checkpoint was written by other ranks than
            can go on from it, or the warm-up would never end.
        DataError: a dialogue is longer than the model takes.
    """
    set_seed(job.seed)
    llava.choose_kernels(bundle.model, onednn=job.speed.onednn)
    if job.values is not None:
        attach_head(bundle.model, job.values.num_labels)
    start = find_start(job)
    plan = make_plan(job, start)
    tracking = begin_tracking(job, start)
    arguments = make_arguments(
        job,
        start,
        steps_per_epoch=-(-len(plan) // start.accumulation),
        named=tracking.named() if tracking else {},
    )
    trainer = make_trainer(bundle, job, arguments=arguments, plan=plan, start=start)
    for tells in tracking.callbacks() if tracking else ():
        trainer.add_callback(tells)
    ways = trainer.ways
    again = job.options.gradient_checkpointing
    # In turns one branch at a time is kept, so there is little left to gain by computing it twice.
    llava.recompute(bundle.model, tower=again, language=again and not ways.in_turns)
    with reading(start.checkpoint):
        trainer.train(resume_from_checkpoint=start.checkpoint and str(start.checkpoint))
    refuse_lost_best(job, trainer.state)
    throw_head_away(bundle.model)
    whole = whole_bundle(bundle, job.options)
    if job.options.deepspeed and trainer.state.best_model_checkpoint:
        load_weights(whole.model, Path(trainer.state.best_model_checkpoint))
        # Rank 0 goes on to delete the checkpoints, which a slower rank may still be reading.
        job.ranks.wait_for_everyone()
    forget_deepspeed()
    llava.recompute(whole.model, tower=False, language=False)
    whole.model.eval()
    return TrainingResult(
        bundle=whole,
        history=list_logged(trainer.state),
        selected=describe_selected(job, trainer.state),
        steps=trainer.state.global_step,
        every=int(arguments.eval_steps) if arguments.do_eval and arguments.eval_steps else None,
    )


def begin_tracking(job: TrainingJob, start: Start) -> Tracking | None:
    """Open the phase to trackers; the first rank alone tells them."""
    if not (job.curves.trackers and job.ranks.is_main_process):
        return None
    return Tracking.begin(job.curves, job.folder.name, step=start.step)


def list_logged(state: TrainerState) -> list[dict[str, Any]]:
    """Return what was logged, the keys of each row in order.

    In order they are read back from a checkpoint too, so that a training that was stopped ends as
    one that was not, to the byte.
    """
    rows = [row for row in state.log_history if "train_runtime" not in row]
    return [dict(sorted(row.items())) for row in rows]


def make_trainer(
    bundle: ModelBundle,
    job: TrainingJob,
    *,
    arguments: TrainingArguments,
    plan: BatchPlan,
    start: Start,
) -> ComparisonTrainer:
    """Put the trainer together."""
    dataset = make_dataset(job, plan)
    collator = make_collator(bundle, job, plan)
    callbacks: list[TrainerCallback] = [TellEpoch(plan), Watch(job, start)]
    if job.options.patience and not job.warm_up:
        callbacks.append(Patience(job.options.patience, order_of(job)))
    trainer = ComparisonTrainer(
        bundle,
        job,
        plan,
        mend=start.universal,
        args=arguments,
        train_dataset=dataset,
        eval_dataset=dataset,  # the Trainer asks for one; `evaluate` answers the validation tasks
        data_collator=collator.show if job.warm_up else collator,
        callbacks=callbacks,
    )
    trainer.add_callback(RecallLosses(trainer, start.checkpoint))
    # Progress is told by `Watch`; these would print a dict at each log.
    trainer.remove_callback(ProgressCallback)
    trainer.remove_callback(PrinterCallback)
    return trainer

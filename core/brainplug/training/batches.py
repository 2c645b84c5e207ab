"""What the batches of a training are made of, and who is in which."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from brainplug.model import llava
from brainplug.model.features import FeatureStore
from brainplug.training.batch_sampler import BatchPlan, Limits
from brainplug.training.collate import Collator, Grouping, TaskDataset
from brainplug.training.phases import FEATURES

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence, Sized

    from brainplug.model.bundle import ModelBundle
    from brainplug.training.checkpoints import Start
    from brainplug.training.job import TrainingJob


def make_dataset(job: TrainingJob, plan: BatchPlan) -> Sized:
    """Return what is learnt from: dialogues, or in a warm-up the files of scans."""
    if job.warm_up:
        assert job.values is not None
        return list(job.values.of_file)
    return TaskDataset(
        job.tasks,
        job.encoder,
        job.context_length,
        say=job.say,
        soft=job.soft,
        epoch=lambda: plan.epoch,
    )


def make_collator(bundle: ModelBundle, job: TrainingJob, plan: BatchPlan) -> Collator:
    """Make what turns dialogues into batches: with volumes, or with features kept on disk."""
    grouping = Grouping(
        references=job.speed.share_references and job.speed.pack,
        scans=job.speed.share_scans,
        telling_weight=job.options.telling_weight,
    )
    augmenter = job.augmenter
    values = None if job.values is None else job.values.of_file
    if augmenter is not None:
        return Collator(
            grouping,
            lambda file: augmenter.volume(
                job.load(file), str(file), epoch=plan.epoch, step=plan.step
            ),
            values=values,
        )
    # Under ZeRO-3 all ranks must call the tower together, and a store calls it for scans of one
    # rank only.
    keep = job.speed.cache_features and not llava.tower_learns(bundle.model)
    if not keep or job.options.is_zero3:
        return Collator(grouping, job.load, values=values)
    lower = torch.bfloat16 if job.options.precision == "bfloat16" else torch.float32
    store = FeatureStore(
        model=bundle.model, load=job.load, folder=job.folder / FEATURES, precision=lower
    )
    return Collator(grouping, job.load, features=store.get, values=values)


def make_plan(job: TrainingJob, start: Start) -> BatchPlan:
    """Plan the batches of this rank, after every dialogue was encoded once and measured."""
    if job.warm_up:
        # Scans share nothing with each other.
        assert job.values is not None
        alone = [(place, place) for place in range(len(job.values.of_file))]
        return place_batches(job, start, alone, Limits(tasks=job.options.batch_size))
    dataset = TaskDataset(job.tasks, job.encoder, job.context_length, say=job.say)
    prefix = branch = 0
    for index, task in enumerate(job.tasks):
        encoded = dataset[index].encoded
        own = len(encoded.prompt) - encoded.num_shared + len(encoded.answer)
        prefix = max(prefix, encoded.num_shared)
        branch = max(branch, own + (job.soft.slack(task) if job.soft else 0))
    keys = [(task.beginning, (task.images[-1], task.subject)) for task in job.tasks]
    limits = Limits(
        tasks=job.options.batch_size,
        tokens=job.options.batch_tokens,
        prefix=prefix,
        branch=branch,
    )
    return place_batches(job, start, keys, limits)


def place_batches(
    job: TrainingJob, start: Start, keys: Sequence[tuple[Hashable, Hashable]], limits: Limits
) -> BatchPlan:
    """Plan the batches of this rank, by what their members share and what a batch may hold."""
    return BatchPlan(
        keys,
        limits,
        seed=job.seed,
        rank=job.ranks.rank,
        world=job.ranks.world_size,
        evenly=start.world,
        mixture=job.mixture,
    )

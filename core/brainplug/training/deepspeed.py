"""What DeepSpeed is told: its presets, a file of the user's own, and what it asks for to run.

Nothing heavy is imported before it is needed, since `brainplug check` reads a recipe with this.
"""

from __future__ import annotations

import os
import warnings
from typing import TYPE_CHECKING, Any

from brainplug.errors import RunError
from brainplug.recipe.deepspeed import check_file, number_format, read_settings
from brainplug.runtime.ranks import Ranks, connect

if TYPE_CHECKING:
    from collections.abc import Sequence

    from brainplug.recipe.training_tables import Training

BUCKET = 50_000_000
"""Numbers sent at once, some 200 MB: a fraction of a model of a billion weights."""


def make_deepspeed(options: Training, *, cpu: bool) -> dict[str, Any] | None:
    """Return what `TrainingArguments` takes as `deepspeed`; None where the recipe has none of it.

    There is no optimiser in it: transformers' own AdamW is used then, whose weight decay passes
    over biases and norms, and DeepSpeed compiles nothing. Number formats are those of autocast, as
    without DeepSpeed: weights stay float32 and frozen ones are saved as they were read.

    Args:
        options: the recipe's `[training]`.
        cpu: there is no GPU.

    Raises:
        RunError: the user's file cannot be used.
    """
    if options.deepspeed is None:
        return None
    if not isinstance(options.deepspeed, str):
        # It was looked at with the recipe, but may have been changed since.
        problems = list(check_file(options.deepspeed, options))
        if problems:
            raise RunError("; ".join(problems), found=tuple(problems))
        own = read_settings(options.deepspeed)
        return own if number_format(own) else own | make_formats(options)
    return {
        "zero_optimization": make_stage(options.deepspeed, cpu=cpu),
        "zero_force_ds_cpu_optimizer": False,  # torch's AdamW may work on the CPU
        "gradient_clipping": "auto",
        "gradient_accumulation_steps": "auto",
        "train_batch_size": "auto",
        "train_micro_batch_size_per_gpu": "auto",
        # Its own lines would run through the progress bar.
        "steps_per_print": 2**31,
        **make_formats(options),
    }


def make_formats(options: Training) -> dict[str, Any]:
    """Return the settings of number formats: autocast, or plain float32."""
    return {
        "bf16": {"enabled": False},
        "fp16": {"enabled": False},
        "torch_autocast": {"enabled": options.precision == "bfloat16", "dtype": "bfloat16"},
    }


def make_stage(preset: str, *, cpu: bool) -> dict[str, Any]:
    """Return how optimiser state (1), gradients too (2) or weights too (3) are shared out."""
    stage = int(preset.removeprefix("zero")[0])
    shared = {
        "stage": stage,
        # Overlapping needs streams, which only a GPU has.
        "overlap_comm": not cpu,
        "contiguous_gradients": True,
        "reduce_bucket_size": BUCKET,
    }
    if stage < 3:
        return {**shared, "allgather_partitions": True, "allgather_bucket_size": BUCKET}
    on_cpu = {"device": "cpu", "pin_memory": not cpu}
    return {
        **shared,
        "stage3_prefetch_bucket_size": BUCKET,
        "stage3_param_persistence_threshold": 100_000,
        "stage3_gather_16bit_weights_on_model_save": True,  # in the format they have, float32
        **(
            {"offload_optimizer": on_cpu, "offload_param": on_cpu}
            if preset == "zero3-offload"
            else {}
        ),
    }


def prepare_deepspeed(ranks: Ranks) -> None:
    """Give DeepSpeed what it looks for before a training, and keep its remarks off the terminal.

    A single process is made a group of one; otherwise DeepSpeed would look for MPI. On the CPU its
    own way of sharing memory, which it would compile for a minute, is left for gloo.
    """
    import torch

    if ranks.world_size == 1:
        alone = {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "localhost"}
        os.environ.update({**alone, "MASTER_PORT": "0"})
        os.environ.setdefault("OMP_NUM_THREADS", str(torch.get_num_threads()))  # as it is
    connect(ranks)
    warnings.filterwarnings("ignore", category=FutureWarning, module=r"torch\.distributed")
    import deepspeed.ops

    if not torch.cuda.is_available():
        deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False


def mend_universal(optimizer: Any, made: Sequence[tuple[float, float]]) -> None:
    """Put right what DeepSpeed's ZeRO-3 leaves wrong after reading a universal checkpoint.

    It gives all parts of the state one and the same count of steps, which then counts each step
    several times, and the learning rate and weight decay of the first group of weights to all.

    Args:
        optimizer: the engine's, around transformers' AdamW; another stage's is left as it is.
        made: learning rate and weight decay that each group was made with.
    """
    inner = optimizer.optimizer
    for state in inner.state.values():
        if "step" in state:
            state["step"] = state["step"].clone()
    # Rates have followed the schedule since, all by the same factor.
    passed = inner.param_groups[0]["lr"] / made[0][0]
    for group, (rate, decay) in zip(inner.param_groups, made, strict=False):
        group["lr"], group["weight_decay"] = rate * passed, decay

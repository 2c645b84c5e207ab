"""The recipe tables that say how a model learns: `[training]`, its phases, and `[speed]`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import attrs
from attrs.validators import (
    and_,
    deep_iterable,
    deep_mapping,
    ge,
    gt,
    in_,
    le,
    lt,
    min_len,
    optional,
)

from brainplug.api.records import MODEL_PARTS
from brainplug.api.roles import about

ATTENTION_LAYERS = ("q_proj", "k_proj", "v_proj", "o_proj", "out_proj")
"""Linear layers of the attention of tower and language model, as transformers names them."""

TOWER = ("patch-embedding", "vision-tower")
"""Parts that make features of a scan."""

RATES = deep_mapping(in_(MODEL_PARTS), gt(0))

FILLED = (
    "epochs",
    "steps",
    "learning_rate",
    "warmup_steps",
    "weight_decay",
    "rates",
    "batch_size",
    "accumulation",
    "auxiliary",
    "lora",
)
"""Keys of a phase that are those of `[training]` where it does not name them."""

TRACKERS = ("tensorboard", "wandb", "trackio")


@attrs.frozen(kw_only=True)
class Lora:
    """`[training.lora]`: low-rank adapters on linear layers of frozen parts, merged at the end.

    Source: Hu et al. 2021, arXiv:2106.09685; made by PEFT.
    """

    parts: tuple[str, ...] = attrs.field(
        default=("language-model",),
        validator=[min_len(1), deep_iterable(in_(MODEL_PARTS[1:]))],
        metadata=about("parts that get adapters"),
    )
    rank: int = attrs.field(default=16, validator=ge(1), metadata=about("rank of an adapter"))
    alpha: float = attrs.field(
        default=32.0, validator=gt(0), metadata=about("an adapter counts alpha / rank times")
    )
    dropout: float = attrs.field(
        default=0.0,
        validator=and_(ge(0), lt(1)),
        metadata=about("share of an adapter's inputs left out while it learns"),
    )
    targets: tuple[str, ...] = attrs.field(
        default=ATTENTION_LAYERS,
        validator=min_len(1),
        metadata=about("names of the linear layers that get an adapter, such as q_proj"),
    )


@attrs.frozen(kw_only=True)
class Phase:
    """`[[training.phase]]`: a training of its own, from where the last one ended.

    What it does not name is as in `[training]`.
    """

    use: Literal["dialogues", "warm-up"] = attrs.field(
        default="dialogues",
        metadata=about(
            "what is learnt from: the dialogues; or, in a 'warm-up' of the tower, single training "
            "scans, each once an epoch, whose value a plain head predicts"
        ),
    )
    train: tuple[str, ...] | None = attrs.field(
        default=None,
        validator=optional(deep_iterable(in_(MODEL_PARTS))),  # type: ignore[arg-type]  # attrs's own stub
        metadata=about(
            "parts that learn in this phase; without it those of [model], and in a warm-up patch "
            "embedding and tower"
        ),
    )
    lora: Lora | None = attrs.field(
        default=None, metadata=about("adapters that learn in this phase, besides the parts")
    )
    epochs: int | None = attrs.field(
        default=None, validator=optional(ge(1)), metadata=about("passes over the training tasks")
    )
    steps: int | None = attrs.field(
        default=None,
        validator=optional(ge(1)),
        metadata=about("optimiser steps in all, in place of epochs"),
    )
    learning_rate: float | None = attrs.field(
        default=None, validator=optional(gt(0)), metadata=about("peak learning rate of AdamW")
    )
    warmup_steps: int | None = attrs.field(
        default=None,
        validator=optional(ge(0)),
        metadata=about("optimiser steps of linear warm-up"),
    )
    weight_decay: float | None = attrs.field(
        default=None, validator=optional(ge(0)), metadata=about("weight decay of AdamW")
    )
    rates: Mapping[str, float] | None = attrs.field(
        default=None,
        validator=optional(RATES),  # type: ignore[arg-type]  # attrs's own stub
        metadata=about("factors of the learning rate, by part of the model"),
    )
    batch_size: int | None = attrs.field(
        default=None,
        validator=optional(ge(1)),
        metadata=about("most dialogues, or scans of a warm-up, a device and step"),
    )
    accumulation: int | None = attrs.field(
        default=None,
        validator=optional(ge(1)),
        metadata=about("steps whose gradients are added up"),
    )
    auxiliary: float | None = attrs.field(
        default=None,
        validator=optional(ge(0)),
        metadata=about("weight of a plain head's loss beside that of the answers"),
    )


@attrs.frozen(kw_only=True)
class Training:
    """`[training]`: how the model learns. Loss is taken on the last answer only."""

    seed: int | None = attrs.field(
        default=None,
        # What numpy and torch both take as a seed.
        validator=optional(and_(ge(0), lt(2**32))),
        metadata=about(
            "draws weights and the order of tasks; without it the recipe's seed, which also salts "
            "split and pairs"
        ),
    )
    seeds: tuple[int, ...] = attrs.field(
        default=(),
        validator=deep_iterable(and_(ge(0), lt(2**32))),
        metadata=about("a training for each of these seeds, on the one split; not beside seed"),
    )
    epochs: int = attrs.field(
        default=50, validator=ge(1), metadata=about("passes over the training tasks")
    )
    steps: int | None = attrs.field(
        default=None,
        validator=optional(ge(1)),
        metadata=about(
            "optimiser steps in all, in place of epochs; the last pass may be cut short"
        ),
    )
    learning_rate: float = attrs.field(
        default=5e-5, validator=gt(0), metadata=about("peak learning rate of AdamW")
    )
    warmup_steps: int = attrs.field(
        default=500, validator=ge(0), metadata=about("optimiser steps of linear warm-up")
    )
    schedule: Literal["linear", "cosine", "constant_with_warmup"] = attrs.field(
        default="cosine", metadata=about("course of the learning rate after warm-up")
    )
    weight_decay: float = attrs.field(
        default=0.01, validator=ge(0), metadata=about("weight decay of AdamW")
    )
    rates: Mapping[str, float] = attrs.field(
        factory=dict,
        validator=RATES,
        metadata=about(
            "factors of the learning rate, by part of the model; of a part without one it is 1"
        ),
    )
    adam_beta2: float = attrs.field(
        default=0.999,
        validator=and_(gt(0), lt(1)),
        metadata=about("memory of AdamW's second moment; 0.95 suits a model trained from nothing"),
    )
    max_grad_norm: float = attrs.field(
        default=1.0, validator=gt(0), metadata=about("gradients are clipped to this norm")
    )
    batch_size: int = attrs.field(
        default=1, validator=ge(1), metadata=about("most dialogues a device and step")
    )
    batch_tokens: int | None = attrs.field(
        default=None,
        validator=optional(ge(1)),
        metadata=about(
            "most tokens a device and step, reference turns that are shared counted once",
            unit="tokens",
        ),
    )
    accumulation: int = attrs.field(
        default=4, validator=ge(1), metadata=about("steps whose gradients are added up")
    )
    precision: Literal["float32", "bfloat16"] = attrs.field(
        default="float32", metadata=about("number format of activations and matrix products")
    )
    threads: int | None = attrs.field(
        default=None,
        validator=optional(ge(1)),
        metadata=about(
            "threads of each process that trains or answers; without it one for every 2 million "
            "weights of the model, at most as many as there are cores for it"
        ),
    )
    gradient_checkpointing: bool = attrs.field(
        default=False, metadata=about("recompute activations to save memory")
    )
    deepspeed: Literal["zero1", "zero2", "zero3", "zero3-offload"] | Path | None = attrs.field(
        default=None,
        metadata=about(
            "how DeepSpeed shares the training out, or a DeepSpeed JSON file of one's own; "
            "without it several devices each hold the whole model"
        ),
    )
    lora: Lora | None = attrs.field(
        default=None, metadata=about("adapters that learn, besides the parts that [model] names")
    )
    phase: tuple[Phase, ...] = attrs.field(
        default=(), metadata=about("trainings one after another, as [[training.phase]]")
    )
    auxiliary: float = attrs.field(
        default=0.0,
        validator=ge(0),
        metadata=about(
            "weight of the loss of a plain head that learns the value of every scan a batch shows "
            "beside the dialogues, and is thrown away with the phase; 0 is without"
        ),
    )
    telling_weight: float = attrs.field(
        default=1.0,
        validator=gt(0),
        metadata=about(
            "how much a token of an answer that tells the value counts in the loss; one that "
            "only words it counts 1"
        ),
    )
    soft_numbers: float = attrs.field(
        default=0.0,
        validator=and_(ge(0), le(2)),
        metadata=about(
            "standard deviation of the numbers that are learnt in place of a true one, drawn anew "
            "each epoch, as a share of that of the training values; 0 is the true one alone"
        ),
    )
    epochs_per_validation: int | None = attrs.field(
        default=None,
        validator=optional(ge(1)),
        metadata=about(
            "epochs between two validations; each writes a checkpoint, if it may be chosen; not "
            'set means 1, and with select_by = "last" no validation',
            unit="epochs",
        ),
    )
    steps_per_validation: int | None = attrs.field(
        default=None,
        validator=optional(ge(1)),
        metadata=about("optimiser steps between two validations, in place of epochs"),
    )
    patience: int | None = attrs.field(
        default=None,
        validator=optional(ge(1)),
        metadata=about("validations without a better score after which training ends"),
    )
    save_minutes: float = attrs.field(
        default=15.0,
        validator=gt(0),
        metadata=about("most work lost when a run is stopped", unit="minutes"),
    )
    select_by: str | None = attrs.field(
        default=None,
        metadata=about(
            "what on the validation subjects chooses the checkpoint: 'log-loss' of the right "
            "candidate (labels), 'expected-error' of the expected value (numbers), a metric, named "
            "as its scores are, or 'last': the last weights are kept; without it the first or "
            "second of these, or where candidates are not looked at the first of "
            "evaluation.metrics; ties go to the better log-loss or expected-error, then to the "
            "later step"
        ),
    )
    report_to: tuple[str, ...] = attrs.field(
        default=(),
        validator=deep_iterable(in_(TRACKERS)),
        metadata=about(
            "where curves are also sent: 'tensorboard', 'wandb', 'trackio'; "
            "their keys are read from the environment only"
        ),
    )

    def __attrs_post_init__(self) -> None:
        """Refuse seeds of which one would be ignored."""
        if self.seeds and self.seed is not None:
            raise ValueError(f"seed and seeds exclude each other: {self.seed}, {list(self.seeds)}")
        if len(set(self.seeds)) < len(self.seeds):
            raise ValueError(f"seeds: expected different numbers: {list(self.seeds)}")

    @property
    def is_zero3(self) -> bool:
        """Whether DeepSpeed shares the weights themselves out."""
        if isinstance(self.deepspeed, Path):
            stage = json.loads(self.deepspeed.read_text(encoding="utf-8"))
            return bool(stage.get("zero_optimization", {}).get("stage") == 3)
        return (self.deepspeed or "").startswith("zero3")

    def phases(self) -> tuple[Phase, ...]:
        """Return the phases with every key filled in; one where the recipe names none.

        >>> training = Training(epochs=3, phase=(Phase(), Phase(epochs=1)))
        >>> [phase.epochs for phase in training.phases()]
        [3, 1]
        """
        return tuple(map(self.fill, self.phase or (Phase(),)))

    def fill(self, phase: Phase) -> Phase:
        """Return a phase with the keys filled in that it has of `[training]`."""
        # None is what it does not name; no warm-up and no weight decay are choices of the phase.
        missing = [name for name in FILLED if getattr(phase, name) is None]
        given = {name: getattr(self, name) for name in missing}
        if phase.epochs is not None and phase.steps is None:
            given["steps"] = None  # the phase says by itself how long it is
        if phase.use == "warm-up":
            # No language model takes part, and the head is all there is to learn from.
            alone = {"train": phase.train or TOWER, "lora": phase.lora, "auxiliary": 1.0}
            return attrs.evolve(phase, **(given | alone))
        return attrs.evolve(phase, **given)


@attrs.frozen(kw_only=True)
class Speed:
    """`[speed]`: ways to do the same work in less time; each gives equal results to rounding."""

    pack: bool = attrs.field(
        default=True, metadata=about("dialogues follow each other in one row, without padding")
    )
    share_references: bool = attrs.field(
        default=True,
        metadata=about(
            "the turns that dialogues begin with alike are computed once for all; needs pack"
        ),
    )
    share_scans: bool = attrs.field(
        default=True,
        metadata=about("a scan is encoded once a batch, however many dialogues show it"),
    )
    answer_logits: bool = attrs.field(
        default=True,
        metadata=about("words are predicted for the answer only, not for the whole dialogue"),
    )
    in_turns: bool = attrs.field(
        default=True,
        metadata=about(
            "on a CPU, where the language model does not learn, the activations of one dialogue "
            "are kept at a time"
        ),
    )
    cache_features: bool = attrs.field(
        default=True,
        metadata=about(
            "where neither patches nor tower learn, a scan is encoded once and its features kept"
        ),
    )
    check_candidates: bool = attrs.field(
        default=True,
        metadata=about(
            "candidate answers are put to the model at once; words are generated one by one only "
            "where it would say something else"
        ),
    )
    onednn: Literal["auto"] | bool = attrs.field(
        default="auto",
        metadata=about(
            "on a CPU, matrix products of frozen layers by oneDNN; 'auto' where PyTorch's BLAS is "
            "Intel's and the processor is not, settled when a run begins to train"
        ),
    )

"""A short training of a small model on tasks that a whole file of tests shares."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from brainplug.model import llava
from brainplug.model.lora import add_adapters
from brainplug.recipe.training_tables import Speed, Training
from brainplug.runtime.curves import Curves
from brainplug.tasks.chat import ChatEncoder
from brainplug.training.job import TrainingJob
from brainplug.training.trainer import train
from brainplug_plugins.models.tiny import Tiny, TinyOptions
from small import make_task

if TYPE_CHECKING:
    from pathlib import Path

SHAPE = (8, 8, 8)
PLAIN = Speed(
    pack=False,
    share_references=False,
    share_scans=False,
    answer_logits=False,
    in_turns=False,
    cache_features=False,
    onednn=False,
)


TASKS = [
    make_task(f"{b}{q}{r}", [f"r{b}{r}"], f"q{b}{q}", ("male", "female")[q % 2])
    for b in range(4)
    for r in range(3)
    for q in range(3)
]


def volume(path: Path) -> np.ndarray:
    rng = np.random.default_rng(sum(map(ord, str(path))))
    return rng.normal(size=SHAPE).astype("float16")


def build_small():
    """Build the model that `teach` trains."""
    options = TinyOptions(
        hidden_size=32, heads=2, vision_layers=1, patch=(4, 4, 4), stem="linear", standardise="none"
    )
    return Tiny(options).build(SHAPE, seed=1)


def teach(
    folder,
    *,
    speed=None,
    parts=("patch-embedding",),
    lora=None,
    scores=None,
    proper=None,
    values=None,
    told=lambda _now: None,
    warm_up=False,
    soft=None,
    curves=None,
    tasks=TASKS,
    **options,
):
    """Train the tiny model on four blocks of three references and three queries."""
    bundle = build_small()
    llava.train_only(bundle.model, parts)
    if lora is not None:
        add_adapters(bundle.model, lora, seed=1)
    scored, losses = iter(scores or ()), iter(proper or ())
    given = {"epochs": 5, "warmup_steps": 2, "learning_rate": 1e-3, "batch_size": 9} | options
    job = TrainingJob(
        tasks=tasks,
        encoder=ChatEncoder(bundle.tokenizer, 8),
        context_length=4096,
        load=volume,
        options=Training(**({"accumulation": 1} | given), lora=lora),
        speed=speed or Speed(),
        validate=lambda _bundle: {"accuracy": next(scored, 0.5), "log-loss": next(losses, None)},
        select_by=given.get("select_by", "accuracy"),
        proper="log-loss",
        higher_is_better=True,
        values=values,
        soft=soft,
        warm_up=warm_up,
        seed=11,
        folder=folder,
        curves=curves or Curves(),
        progress=told,
        tell=told,
    )
    return train(bundle, job)

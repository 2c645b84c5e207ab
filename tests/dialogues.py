"""Dialogues of one small model, with the loss of a batch of them and its gradient."""

from __future__ import annotations

import attrs
import numpy as np
import torch

from brainplug.api.records import Image, Turn
from brainplug.model import llava
from brainplug.tasks.chat import ChatEncoder
from brainplug.tasks.encode import Item
from brainplug.training.collate import Collator, Grouping
from brainplug_plugins.models.tiny import Tiny, TinyOptions

SHAPE = (8, 8, 8)


OPTIONS = TinyOptions(hidden_size=16, heads=2, vision_layers=2, language_layers=2, patch=(4, 4, 4))


PARTS = ("patch-embedding", "vision-tower", "projector", "language-model")


VOLUMES = {
    name: np.random.default_rng(number).normal(size=SHAPE).astype("float32")
    for number, name in enumerate("abcxyz")
}


def make_bundle(train=PARTS, dtype=torch.float64, **options):
    bundle = Tiny(attrs.evolve(OPTIONS, train=train, **options)).build(SHAPE, seed=3)
    bundle.model.to(dtype).train()
    llava.choose_kernels(bundle.model, onednn=False)
    return bundle


def dialogue(bundle, references, query, answer="It is b."):
    """Encode a dialogue of any number of references."""
    turns = []
    for number, name in enumerate(references):
        turns += [Turn.user(Image(number), f"This is {name}."), Turn.assistant("Noted.")]
    turns += [Turn.user(Image(len(references)), "And this?"), Turn.assistant(answer)]
    return Item(ChatEncoder(bundle.tokenizer, 8).encode(turns), (*references, query))


def make_items(bundle):
    """Two references with three and two queries, two shared by both, answers of two lengths."""
    pairs = [("a", "x"), ("a", "y"), ("a", "z"), ("b", "x"), ("b", "y")]
    return [
        dialogue(bundle, [reference], query, "It is b." if query == "x" else "It is longer.")
        for reference, query in pairs
    ]


def batch_loss(bundle, items, ways, *, grouping=None):
    batch = Collator(grouping or Grouping(), VOLUMES.__getitem__)(items)["batch"]
    batch = attrs.evolve(
        batch, volumes=tuple(each.to(bundle.model.dtype) for each in batch.volumes)
    )
    return bundle.model(batch=batch, num_items=len(batch.answers), ways=ways)


def gradients(bundle, loss):
    bundle.model.zero_grad()
    loss.backward()
    return {
        name: each.grad.clone()
        for name, each in bundle.model.named_parameters()
        if each.grad is not None
    }

"""Weights in groups for the optimiser: by part of the model, and by whether they decay."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from brainplug.model.llava import part_of
from brainplug.model.plain_head import PREFIX

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from torch import nn

    from brainplug.recipe.training_tables import Training


def group_weights(
    model: nn.Module, options: Training, decayed: Collection[str]
) -> list[dict[str, Any]]:
    """Return the weights that learn in groups with a learning rate and a weight decay each.

    Args:
        model: the model, with a plain head or without.
        options: of the training; its `rates` are looked at.
        decayed: names of the weights that decay, which biases and norms do not.
    """
    groups: dict[tuple[float, float], list[Any]] = {}
    for name, weight in model.named_parameters():
        if weight.requires_grad:
            decay = options.weight_decay if name in decayed else 0.0
            groups.setdefault((rate_factor(name, options.rates), decay), []).append(weight)
    return [
        {"params": weights, "lr": options.learning_rate * factor, "weight_decay": decay}
        for (factor, decay), weights in groups.items()
    ]


def rate_factor(name: str, rates: Mapping[str, float]) -> float:
    """Return the factor of a weight's learning rate; a plain head, which is new, has none.

    >>> rate_factor("model.vision_tower.embeddings.projection.weight", {"patch-embedding": 0.3})
    0.3
    >>> rate_factor("plain_head.linear.weight", {"language-model": 0.3})
    1.0
    """
    return 1.0 if PREFIX in name else rates.get(part_of(name), 1.0)

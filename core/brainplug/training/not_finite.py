"""What is to blame where a loss is not finite: the steps that were taken, or what was built."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import nn


def hint_for_loss(model: nn.Module, step: int) -> str:
    """Say what to do about a loss that is not finite.

    Args:
        model: as it stands.
        step: how many steps were taken before; none of these can have spoilt the first loss.
    """
    weights = dict(model.named_parameters())
    half = next((name for name, each in weights.items() if each.dtype == torch.float16), "")
    if half:
        return (
            f"the model has weights of float16, such as {half}, whose numbers end at 65504; "
            "let the model part build float32"
        )
    if step:
        return "lower training.learning_rate or lengthen training.warmup_steps"
    lost = [name for name, each in weights.items() if not torch.isfinite(each).all()]
    if lost:
        return (
            f"no step was taken yet: {len(lost)} of {len(weights)} weights were not finite as the "
            f"model was built, such as {lost[0]}; correct the model part or the weights it loads"
        )
    return "no step was taken yet: look at the model part and its precision, not at training"

"""A plain head beside the dialogues: it reads a scan's value off what the tower makes of the scan.

It is there while a phase trains and thrown away with it; no saved model has one.

Axes: S scans, P tokens of a scan, D width of the tower.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn.functional import cross_entropy, mse_loss

from brainplug.model import llava

if TYPE_CHECKING:
    from transformers import LlavaForConditionalGeneration

PREFIX = "plain_head."
"""What the names of its weights begin with in a model that has one."""

DROPOUT = 0.3
"""Share of the tower's features left out, since there are many more of them than people."""


class PlainHead(nn.Module):
    """Predicts the class of a scan, or a number, from all features of all its tokens.

    Args:
        width: features of a scan.
        num_labels: classes there are; 0 for a number.
    """

    def __init__(self, width: int, num_labels: int) -> None:
        super().__init__()
        self.num_labels = num_labels
        self.dropout = nn.Dropout(DROPOUT)
        self.linear = nn.Linear(width, num_labels or 1)

    def forward(self, features: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        """Return the summed loss over the scans whose value is known.

        Args:
            features: `(S, P, D)` from the tower.
            values: `(S,)` number of the class, or the standardised number; NaN where none is to be
                learnt.
        """
        known = ~values.isnan()
        # All are predicted: the head then has a gradient, if of zero, in every batch of every rank.
        said = self.linear(self.dropout(features.flatten(1)))[known]
        said = said.to(torch.promote_types(said.dtype, torch.float32))
        if self.num_labels:
            return cross_entropy(said, values[known].long(), reduction="sum")
        return mse_loss(said[:, 0], values[known].to(said.dtype), reduction="sum")


def attach_head(model: LlavaForConditionalGeneration, num_labels: int) -> None:
    """Give a model a head that learns; it is drawn by torch's own generator."""
    width = model.tokens_per_image * llava.feature_width(model)
    model.plain_head = PlainHead(width, num_labels).to(model.device, model.dtype)


def throw_head_away(model: LlavaForConditionalGeneration) -> None:
    """Leave the model as it was before it was given a head, but for what was learnt."""
    model.plain_head = None


def without_head(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return the weights of a model without those of its head."""
    return {name: each for name, each in state.items() if not name.startswith(PREFIX)}

"""The model itself: LLaVA over volumes, with the loss of dialogues that share turns."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any

from transformers import LlavaConfig, LlavaForConditionalGeneration
from transformers.conversion_mapping import (
    get_checkpoint_conversion_mapping,
    register_checkpoint_conversion_mapping,
)

from brainplug.checkpoint.entry import ScanEntry
from brainplug.model.llava import install_patches
from brainplug.model.losses import loss_of
from brainplug.model.patches import count_patches

if TYPE_CHECKING:
    from brainplug.model.packing import Batch
    from brainplug.model.plain_head import PlainHead


class Llava3d(LlavaForConditionalGeneration):
    """A LLaVA model whose vision tower takes 3-D scans.

    Called with `batch` it returns the loss of dialogues (see `losses`); otherwise it is what
    transformers makes of it. `from_pretrained` takes what the constructor takes.

    Args:
        config: an ordinary LLaVA config.
        shape: voxels of a scan.
        patch: voxels of a patch.
        entry: standardisation and stem; without it plain patches of scans as they are.
    """

    def __init__(
        self,
        config: LlavaConfig,
        shape: tuple[int, int, int],
        patch: tuple[int, int, int],
        entry: ScanEntry | None = None,
    ) -> None:
        super().__init__(config)
        self.entry = entry or ScanEntry()
        install_patches(self, shape, patch, self.entry)
        self.tokens_per_image = count_patches(shape, patch)
        self.plain_head: PlainHead | None = None  # of a phase of training, see `plain_head`

    @wraps(LlavaForConditionalGeneration.forward)  # whose signature `generate` looks at
    def forward(self, *args: Any, batch: Batch | None = None, **kwargs: Any) -> Any:
        """Return the summed loss of a batch over `num_items`, or transformers' own output."""
        if batch is None:
            return super().forward(*args, **kwargs)
        return loss_of(self, batch.to(self.device), **kwargs)


# On disk weights have the names they have in any Llava; transformers sees to that for its own
# classes only.
register_checkpoint_conversion_mapping(
    Llava3d.__name__, get_checkpoint_conversion_mapping("llava"), overwrite=True
)

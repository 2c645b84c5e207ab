"""The model itself: LLaVA over volumes, with the loss of dialogues that share turns."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any

from transformers import (
    AutoConfig,
    AutoModelForImageTextToText,
    LlavaConfig,
    LlavaForConditionalGeneration,
)
from transformers.conversion_mapping import (
    get_checkpoint_conversion_mapping,
    register_checkpoint_conversion_mapping,
)

from brainplug.checkpoint.entry import ScanEntry
from brainplug.checkpoint.tensors import MODEL_TYPE
from brainplug.errors import DataError
from brainplug.model.llava import install_patches
from brainplug.model.losses import loss_of
from brainplug.model.patches import count_patches

if TYPE_CHECKING:
    from brainplug.model.packing import Batch
    from brainplug.model.plain_head import PlainHead


class Llava3dConfig(LlavaConfig):
    """The config of a LLaVA model whose vision tower takes 3-D scans.

    Attributes:
        scan_shape: voxels of a scan along right, anterior, superior.
        scan_patch: voxels of a patch along the same axes.
        scan_entry: standardisation and stem, as `ScanEntry.facts` tells them; None for plain
            patches of scans as they are.
    """

    model_type = MODEL_TYPE

    scan_shape: tuple[int, ...] | list[int] | None = None
    scan_patch: tuple[int, ...] | list[int] | None = None
    scan_entry: dict[str, Any] | None = None

    @classmethod
    def of(
        cls,
        config: LlavaConfig,
        shape: tuple[int, int, int],
        patch: tuple[int, int, int],
        entry: ScanEntry | None = None,
    ) -> Llava3dConfig:
        """Return a config as of an ordinary LLaVA model, for scans.

        Args:
            config: is left as it is.
            shape: voxels of a scan.
            patch: voxels of a patch.
            entry: standardisation and stem; without it plain patches of scans as they are.

        Raises:
            DataError: an axis of the grid is not a multiple of the patch.
        """
        told = {key: each for key, each in config.to_dict().items() if key != "model_type"}
        told |= {
            "image_seq_length": count_patches(shape, patch),
            "scan_shape": list(shape),
            "scan_patch": list(patch),
            "scan_entry": (entry or ScanEntry()).facts(),
        }
        return cls.from_dict(told)


class Llava3d(LlavaForConditionalGeneration):
    """A LLaVA model whose vision tower takes 3-D scans.

    Called with `batch` it returns the loss of dialogues (see `losses`); otherwise it is what
    transformers makes of it, so that transformers' own `generate` speaks with it.

    Args:
        config: says grid, patch and how scans enter the tower.

    Raises:
        DataError: it does not.
    """

    config_class = Llava3dConfig

    def __init__(self, config: Llava3dConfig) -> None:
        super().__init__(config)
        if config.scan_shape is None or config.scan_patch is None:
            raise DataError(
                "none",
                where="config.json",
                expected="scan_shape and scan_patch",
                hint="make the config with Llava3dConfig.of",
            )
        (i, j, k), (di, dj, dk) = config.scan_shape, config.scan_patch
        shape, patch = (i, j, k), (di, dj, dk)
        self.entry = ScanEntry.of({"entry": config.scan_entry or {}}, "config.json")
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
AutoConfig.register(MODEL_TYPE, Llava3dConfig, exist_ok=True)
AutoModelForImageTextToText.register(Llava3dConfig, Llava3d, exist_ok=True)

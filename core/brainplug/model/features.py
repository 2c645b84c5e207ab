"""Tower features of scans, kept on disk while neither patches nor tower learn.

Axes: P patches of a scan, D width of the tower.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import attrs
import numpy as np
import torch

from brainplug.imaging.volume_file import read_whole, write_volume
from brainplug.model import llava
from brainplug.runtime.files import replacing

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from transformers import LlavaForConditionalGeneration


@attrs.frozen(kw_only=True)
class FeatureStore:
    """Features by scan file, each computed once; written whole or not at all.

    Attributes:
        model: whose tower sees.
        load: returns a scan's volume.
        folder: where features are kept; must be a new one for every other tower.
        precision: number format of the tower's matrix products.
    """

    model: LlavaForConditionalGeneration
    load: Callable[[Path], np.ndarray]
    folder: Path
    precision: torch.dtype = torch.float32

    def get(self, file: Path) -> torch.Tensor:
        """Return the `(P, D)` float32 features of a scan, computed first where they lack.

        They are read in every epoch, so a file that the disk has damaged is written anew.
        """
        place = self.place(file)
        found = read_whole(place)
        if found is None:
            found = self.compute(file)
            with replacing(place) as temporary, temporary.open("wb") as opened:
                write_volume(opened, found)
        return torch.from_numpy(found)

    def compute(self, file: Path) -> np.ndarray:
        """Let the tower see a scan."""
        volume = torch.from_numpy(self.load(file)).float()[None, None]
        device = self.model.device
        lower = self.precision != torch.float32
        with torch.no_grad(), torch.autocast(device.type, self.precision, enabled=lower):
            features = llava.encode_images(self.model, volume.to(device))[0]
        # numpy has no bfloat16.
        return features.float().cpu().numpy()

    def place(self, file: Path) -> Path:
        """Return where a scan's features are kept."""
        # On Linux a path may hold bytes that are no UTF-8. Two letters of the hash spread a
        # biobank's scans over 256 folders, as one of many thousand files is slow on shared disks.
        name = hashlib.sha256(str(file).encode("utf-8", "surrogateescape")).hexdigest()
        return self.folder / name[:2] / f"{name[2:]}.npy"

"""Imported beside transformers, it lets the Auto classes open a model that brainplug trained.

import brainplug.model.auto
from transformers import AutoModelForImageTextToText, AutoProcessor

model = AutoModelForImageTextToText.from_pretrained("runs/demo/model")
processor = AutoProcessor.from_pretrained("runs/demo/model")
"""

from __future__ import annotations

from transformers import AutoProcessor

from brainplug.model.llava3d import Llava3d, Llava3dConfig
from brainplug.model.processor import ScanProcessor

__all__ = ["Llava3d", "Llava3dConfig", "ScanProcessor"]

AutoProcessor.register(Llava3dConfig, ScanProcessor, exist_ok=True)

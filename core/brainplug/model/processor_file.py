"""What lies beside a trained model so that transformers' `AutoProcessor` opens it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from brainplug.checkpoint.chat_template import QWEN_TEMPLATE
from brainplug.checkpoint.processor import PROCESSOR
from brainplug.runtime.files import write_json, write_text

if TYPE_CHECKING:
    from pathlib import Path

    from brainplug.api.records import Grid

PROCESSOR_CLASS = "ScanProcessor"
"""Name of the class in `brainplug.model.processor`."""

TEMPLATE_FILE = "chat_template.jinja"


def write_processor(folder: Path, grid: Grid, *, tokens_per_image: int) -> None:
    """Write how scans and dialogues come to a model, beside its weights.

    Args:
        folder: of the model.
        grid: that scans are brought to.
        tokens_per_image: tokens of a scan.
    """
    facts = {
        "processor_class": PROCESSOR_CLASS,
        "shape": list(grid.shape),
        "spacing_mm": list(grid.spacing_mm),
        "tokens_per_image": tokens_per_image,
    }
    write_json(folder / PROCESSOR, facts)
    write_text(folder / TEMPLATE_FILE, QWEN_TEMPLATE)

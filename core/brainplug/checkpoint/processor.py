"""Whether a checkpoint's processor files agree with its config on what a picture is.

A scan is no picture, and the processor is not used. But one that contradicts the config says that
the files are of two models, and then nobody knows which tower the weights are of.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from brainplug.checkpoint.tensors import count_positions, read_object
from brainplug.errors import DataError
from brainplug.tasks.chat import IMAGE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

PROCESSOR, PICTURES = "processor_config.json", "preprocessor_config.json"
COUNTS = ("image_seq_length", "image_seq_len", "num_image_tokens")
"""Keys under which a processor may state the number of tokens of a picture."""


def check_processor(folder: Path, config: Mapping[str, Any]) -> list[str]:
    """Return a line for each contradiction, its file and key."""
    try:
        processor, pictures = (
            read_object(folder / name) if (folder / name).is_file() else {}
            for name in (PROCESSOR, PICTURES)
        )
    except DataError as error:
        return [str(error)]
    vision, nested = config["vision_config"], processor.get("image_processor")
    lines = [f"{folder / PROCESSOR}: {line}" for line in check_tokens(processor, vision)]
    lines += [f"{folder / PICTURES}: {line}" for line in check_pictures(pictures, vision)]
    if isinstance(nested, dict):
        found = check_pictures(nested, vision)
        lines += [f"{folder / PROCESSOR}: image_processor.{line}" for line in found]
    return lines


def check_tokens(processor: Mapping[str, Any], vision: Mapping[str, Any]) -> Iterator[str]:
    """Look whether a processor gives a picture as many tokens as the tower gives it patches."""
    positions = count_positions(vision)
    grid = f"the tower's {positions} patches of a picture"
    marker, edge = processor.get("image_token", IMAGE), processor.get("patch_size")
    if marker not in (IMAGE, None):
        yield f"image_token: expected {IMAGE!r}, got {marker!r}"
    if edge not in (None, vision["patch_size"]):
        yield f"patch_size: expected {vision['patch_size']} by config.json, got {edge!r}"
    # transformers adds class tokens to the run and "default" takes one off: SigLIP has none, so the
    # two must cancel out.
    more = processor.get("num_additional_image_tokens") or 0
    fewer = processor.get("vision_feature_select_strategy") == "default"
    if more != fewer:
        yield (
            "num_additional_image_tokens, vision_feature_select_strategy: expected tokens for "
            f"{grid}, got {positions} + {more!r} - {int(fewer)}"
        )
    for key in COUNTS:
        if processor.get(key) not in (None, positions):
            yield f"{key}: expected {grid}, got {processor[key]!r}"


def check_pictures(pictures: Mapping[str, Any], vision: Mapping[str, Any]) -> Iterator[str]:
    """Look whether pictures are brought to the tower's size, whole."""
    if pictures.get("image_grid_pinpoints"):
        yield "image_grid_pinpoints: a picture is cut into several; a scan is one"
    # The crop comes after the resizing, so it is its size that the tower sees.
    key = "crop_size" if pictures.get("do_center_crop") else "size"
    size = pictures.get(key)
    edges = size.values() if isinstance(size, dict) else [size]
    if any(edge not in (None, vision["image_size"]) for edge in edges):
        yield f"{key}: expected {vision['image_size']} by config.json, got {size!r}"
    positions = count_positions(vision)
    for each in COUNTS:
        if pictures.get(each) not in (None, positions):
            yield f"{each}: expected the tower's {positions} patches, got {pictures[each]!r}"

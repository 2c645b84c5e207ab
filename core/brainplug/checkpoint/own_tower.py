"""Weights of one's own that a vision tower begins from, compared with it before it is built.

Without torch. Names are those below the tower: `embeddings.projection.weight`,
`embeddings.stem.stages.0.convolution.weight`, `encoder.layers.0.self_attn.q_proj.weight`, … A file
of a whole model is good as well, as brainplug writes it: what is not the tower's is passed over.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from brainplug.checkpoint.entry import entry_weights
from brainplug.checkpoint.tensors import (
    PATCHES,
    Weight,
    find_weights,
    plain_name,
    read_table,
    some,
    tower_weights,
)
from brainplug.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from typing import Any

    from brainplug.checkpoint.entry import ScanEntry, Triple
    from brainplug.checkpoint.tensors import Names

TOWER = "vision_tower."

FITTED = "embeddings.standardisation."
"""What names begin with that is fitted to the scans of each training, never taken from a file."""

UNSEEN = ("post_layernorm.", "head.")
"""What names begin with that no feature depends on; it may be missing."""


def find_tower(path: Path) -> tuple[Path, ...]:
    """Return the safetensors files of a tower: one that is named, or those of a model's folder.

    Raises:
        DataError: there are none.
    """
    if path.is_dir():
        return find_weights(path)
    if not path.is_file():
        raise DataError(
            "missing",
            where=path,
            expected="a .safetensors file for model.tower_weights, or the folder of a model",
        )
    return (path,)


def read_tower(path: Path) -> dict[str, Weight]:
    """Return the tensors of a tower by their names below it.

    Raises:
        DataError: a file is missing, cut short or no safetensors file.
    """
    held = {
        plain_name(name): Weight(file, name, shape)
        for file in find_tower(path)
        for name, shape in read_table(file)
    }
    within = {name: each for name, each in held.items() if name.startswith(TOWER)}
    below = {name.removeprefix(TOWER): each for name, each in (within or held).items()}
    return {name: each for name, each in below.items() if not name.startswith(FITTED)}


@attrs.frozen(kw_only=True)
class TowerPlan:
    """What a vision tower is going to be.

    Attributes:
        vision: `vision_config` with its defaults filled in.
        entry: how scans enter it.
        patch: voxels of a patch.
        tokens: of a scan.
    """

    vision: Mapping[str, Any]
    entry: ScanEntry
    patch: Triple
    tokens: int

    def weights(self) -> Names:
        """Return name and shape of every weight, with what stands in the place of 2-D patches."""
        kept = {
            name: shape
            for name, shape in tower_weights(self.vision).items()
            if not name.startswith(PATCHES)
        }
        width = int(self.vision["hidden_size"])
        return kept | entry_weights(self.entry, self.patch, tokens=self.tokens, width=width)


def check_tower(path: Path, plan: TowerPlan) -> dict[str, Weight]:
    """Return the tensors that a tower begins from, by their names below it.

    Raises:
        DataError: some are missing, left over or of other shapes; names them.
    """
    found = read_tower(path)
    expected = {name.removeprefix(TOWER): shape for name, shape in plan.weights().items()}
    lines = list(compare_tower(expected, found))
    if lines:
        raise DataError(
            "; ".join(lines),
            where=path,
            found=tuple(lines),
            hint="model.tower_weights must be of the tower that [model] describes: patch, grid, "
            "stem, widths and layers",
        )
    return found


def compare_tower(expected: Names, found: Mapping[str, Weight]) -> Iterator[str]:
    """Give a line for each way in which weights are not those of the tower."""
    missing = sorted(name for name in expected.keys() - found.keys() if not name.startswith(UNSEEN))
    over = sorted(found.keys() - expected.keys())
    wrong = [
        f"{name!r} is {found[name].shape}, expected {expected[name]}"
        for name in sorted(expected.keys() & found.keys())
        if expected[name] != found[name].shape
    ]
    if missing:
        yield f"the weights lack what the tower has: {some(missing)}"
    if over:
        yield f"the weights hold what the tower has no place for: {some(over)}"
    if wrong:
        yield f"the weights are of other shapes, {len(wrong)} in all: {', '.join(wrong[:3])}"

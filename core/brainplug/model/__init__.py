"""LLaVA-style models on 3-D scans, and what a model of one's own is made from.

Without torch, for `plan`: `LlavaDesign` (a network as a `config.json` describes it), `ScanEntry`
(how scans enter its tower), `BYTE_TOKENS`. With it, inside `build`: `make_byte_tokenizer`,
`load_bundle` (a folder that a run wrote), `train_only`, and what `build` returns, a `ModelBundle`.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from brainplug.checkpoint.entry import ScanEntry
    from brainplug.model.bundle import ModelBundle, load_bundle
    from brainplug.model.design import BYTE_TOKENS, MARKERS, LlavaDesign, make_byte_tokenizer
    from brainplug.model.llava import train_only

__all__ = [
    "BYTE_TOKENS",
    "MARKERS",
    "LlavaDesign",
    "ModelBundle",
    "ScanEntry",
    "load_bundle",
    "make_byte_tokenizer",
    "train_only",
]

if not TYPE_CHECKING:
    _HOMES = {
        "ScanEntry": "brainplug.checkpoint.entry",
        "ModelBundle": "brainplug.model.bundle",
        "load_bundle": "brainplug.model.bundle",
        "train_only": "brainplug.model.llava",
    }

    def __getattr__(name: str) -> object:
        """Import what a name stands for when it is first asked for; most of it needs torch."""
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(_HOMES.get(name, "brainplug.model.design")), name)

"""All that a run imports on its way, imported at once: by what `warm` forks, and by the workers."""

from __future__ import annotations

import importlib
import os
import pkgutil
from unittest import mock

import torch

import brainplug
import brainplug_plugins

LAZY = (
    "deepspeed",
    "matplotlib.backends.backend_svg",
    "matplotlib.pyplot",
    "nibabel",
    "nilearn.datasets",
    "nilearn.image",
    "peft",
    "pyarrow.dataset",
    "pyarrow.parquet",
    "scipy.ndimage",
    "sklearn.model_selection",
)
"""What our modules import inside of functions."""

# Without a GPU DeepSpeed guesses as it is imported, and prints that it did.
accelerator = {} if torch.cuda.is_available() else {"DS_ACCELERATOR": "cpu"}
with mock.patch.dict(os.environ, accelerator):
    for name in LAZY:
        importlib.import_module(name)
    for package in (brainplug, brainplug_plugins):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not found.name.endswith("__main__"):
                importlib.import_module(found.name)

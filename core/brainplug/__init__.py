"""brainplug: can a vision-language model read an attribute off a brain MRI beside a reference?"""

from brainplug.errors import (
    BrainplugError,
    DataError,
    LeakageError,
    PluginError,
    RecipeError,
    RunError,
    ScanError,
)
from brainplug.hooks import hookimpl
from brainplug.parts import Part, about
from brainplug.types import Case, CohortTable, Image, JoinReport, Predictions, TargetColumn, Turn

__all__ = [
    "BrainplugError",
    "Case",
    "CohortTable",
    "DataError",
    "Image",
    "JoinReport",
    "LeakageError",
    "Part",
    "PluginError",
    "Predictions",
    "RecipeError",
    "RunError",
    "ScanError",
    "TargetColumn",
    "Turn",
    "about",
    "hookimpl",
]

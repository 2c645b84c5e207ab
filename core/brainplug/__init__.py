"""brainplug: can a vision-language model read an attribute off a brain MRI beside a reference?

For users:

    run(recipe)        do what is not done yet of a recipe; gives the `Run`
    check(recipe)      what `brainplug check` prints, and as facts; nothing is trained
    open_run(folder)   a run folder that is there, with its tables

For authors of plugins: `Part`, `about`, `hookimpl`, the records that parts are given and return,
and the errors; `brainplug.api`, `brainplug.toolkit` and `brainplug.testing` hold the rest.
"""

from typing import TYPE_CHECKING

from brainplug.api.hooks import hookimpl
from brainplug.api.roles import Part, about
from brainplug.errors import (
    BrainplugError,
    DataError,
    LeakageError,
    PluginError,
    RecipeError,
    RunError,
    ScanError,
)

if TYPE_CHECKING:
    from brainplug.api.records import (
        Case,
        CohortTable,
        Image,
        JoinReport,
        Predictions,
        TargetColumn,
        Turn,
    )
    from brainplug.run.opened import Run, open_run
    from brainplug.run.program import Checked, check, run

__all__ = [
    "BrainplugError",
    "Case",
    "Checked",
    "CohortTable",
    "DataError",
    "Image",
    "JoinReport",
    "LeakageError",
    "Part",
    "PluginError",
    "Predictions",
    "RecipeError",
    "Run",
    "RunError",
    "ScanError",
    "TargetColumn",
    "Turn",
    "about",
    "check",
    "hookimpl",
    "open_run",
    "run",
]

if not TYPE_CHECKING:  # a type checker must know every name, and refuse all others

    def __getattr__(name: str) -> object:
        """Import what is heavy when first asked for; `brainplug --help` has no use for pandas."""
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        if name == "run":  # the package itself, which can be called
            from importlib import import_module

            return import_module("brainplug.run")
        if name in {"Run", "open_run"}:
            from brainplug.run import opened

            return getattr(opened, name)
        if name in {"Checked", "check"}:
            from brainplug.run import program

            return getattr(program, name)
        from brainplug.api import records

        return getattr(records, name)

    def __dir__() -> list[str]:
        """Name what is heavy too, so that a notebook can complete it."""
        return sorted({*globals(), *__all__})

"""The run: stages, ledger, lock, log and provenance; `brainplug.run(recipe)` does one.

Besides the package of the engine that does it, `brainplug.run` is what a program calls, as
`brainplug.run("recipe.toml")`: see `brainplug.run.program.run` for what it takes and returns.
"""

import sys
from types import ModuleType
from typing import Any


class _Run(ModuleType):
    """A module that can be called, since a package and a function share the name."""

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        """Do `brainplug.run.program.run`."""
        from brainplug.run.program import run

        return run(*arguments, **keywords)


sys.modules[__name__].__class__ = _Run

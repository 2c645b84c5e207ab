"""Packages that a run had and that are not here, told where their parts are looked for."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from brainplug.errors import BrainplugError, PluginError, RecipeError
from brainplug.plugin_sources import Distribution
from brainplug.runtime.files import read_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from brainplug.registry import Registry
    from brainplug.runtime.run_folder import RunFolder


@contextmanager
def naming_lacking(files: RunFolder, registry: Registry) -> Iterator[None]:
    """Add to what fails the packages that the run had and that are not here.

    Raises:
        BrainplugError: what failed, with them.
    """
    try:
        yield
    except RecipeError as error:
        told = tell_lacking(files, registry)
        if not told:
            raise
        raise RecipeError(error.source, [*error.problems, told]) from error
    except PluginError:
        raise  # it is there, and says itself what is wrong
    except BrainplugError as error:
        told = tell_lacking(files, registry)
        if not told:
            raise
        raise BrainplugError(f"{error}; {told}") from error


def tell_lacking(files: RunFolder, registry: Registry) -> str:
    """Say which packages a run had that are not here; empty where all are."""
    had = read_json(files.record).get("plugins", {}) if files.record.is_file() else {}
    here = {source.distribution.name for source in registry.sources.values()}
    gone = [str(Distribution(name, had[name])) for name in had if name not in here]
    if not gone:
        return ""
    return f"the run had {', '.join(gone)}, which offers nothing here; install it"

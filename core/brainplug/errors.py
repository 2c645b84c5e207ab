"""Every exception brainplug raises on purpose.

    BrainplugError              shown to the user as text, exit code 1
    ├── RecipeError             a recipe cannot be used; holds every problem found
    ├── PluginError             a plugin failed to load, or clashes with another
    ├── DataError               a table, an image folder or a task file is not as declared
    │   └── ScanError           one scan cannot be read; becomes an exclusion
    ├── LeakageError            a subject or a family stands in two pools
    └── RunError                a run cannot start or go on

All hold data as attributes; the text is made from them. Anything else that escapes is a bug.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class BrainplugError(Exception):
    """Root of all errors meant for the user."""


class RecipeError(BrainplugError):
    """A recipe cannot be used.

    Args:
        source: the recipe as the user named it.
        problems: one line each, `path: what is wrong: what was given; hint`.
    """

    def __init__(self, source: str, problems: Iterable[str]) -> None:
        """Keep the problems apart from the text made of them."""
        self.source = source
        self.problems = tuple(problems)
        super().__init__("\n".join(f"{source}: {problem}" for problem in self.problems))


class PluginError(BrainplugError):
    """A plugin failed to load, or two plugins offer one name.

    Args:
        plugin: name of the entry point or of the part.
        distribution: installed distribution(s) it comes from.
        cause: what went wrong, in words.
    """

    def __init__(self, plugin: str, distribution: str, cause: str) -> None:
        """Keep plugin, distribution and cause as attributes."""
        self.plugin = plugin
        self.distribution = distribution
        self.cause = cause
        super().__init__(f"plugin {plugin!r} of {distribution}: {cause}")


class DataError(BrainplugError):
    """A table, an image folder or a task file is not as declared."""


class ScanError(DataError):
    """One scan cannot be used.

    Args:
        path: file of the scan.
        reason: short and the same for every scan that fails in this way.
        detail: what exactly was found.
    """

    def __init__(self, path: str, reason: str, detail: str = "") -> None:
        """Keep the reason apart, since exclusions are counted by it."""
        self.path = path
        self.reason = reason
        self.detail = detail
        super().__init__(f"{path}: {reason}" + (f": {detail}" if detail else ""))


class LeakageError(BrainplugError):
    """A subject or a family stands in two pools that must not meet.

    Args:
        message: which rule is broken.
        members: the subjects or families concerned.
    """

    def __init__(self, message: str, members: Iterable[str]) -> None:
        """Keep the members as data; the text shows the first five."""
        self.members = tuple(members)
        shown = ", ".join(repr(member) for member in self.members[:5])
        super().__init__(f"{message}: {len(self.members)} found, for example {shown}")


class RunError(BrainplugError):
    """A run cannot start or go on."""


def suggestion(name: str, known: Iterable[str]) -> str:
    """Suggest the nearest known name, or list them all.

    >>> suggestion("epocs", ["epochs", "schedule"])
    "did you mean 'epochs'?"
    >>> suggestion("x", ["epochs", "schedule"])
    "known are 'epochs', 'schedule'"
    """
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1)
    if near:
        return f"did you mean {near[0]!r}?"
    return f"known are {', '.join(map(repr, names))}" if names else "none is known"

"""What a command begins with: the plugins, and a terminal to speak to."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from brainplug.registry import Registry


def open_registry(*, warn: bool = True) -> Registry:
    """Load the plugins and warn of those that failed."""
    from brainplug.registry import load_registry

    registry = load_registry()
    for failure in registry.failures if warn else ():
        print(f"brainplug: warning: {failure}", file=sys.stderr)
    return registry


def make_console(*, quiet: bool = False, verbose: bool = False, stderr: bool = False) -> Console:
    """Make the terminal that progress and results are shown on."""
    from brainplug.runtime.terminal import Terminal

    return Terminal(quiet=quiet, verbose=verbose, stderr=stderr)

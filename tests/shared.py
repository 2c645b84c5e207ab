"""What several tests prepare in common, made once for all processes of the suite."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from filelock import FileLock

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest


def home_of(factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the whole suite, of whose processes each has one in it."""
    base = factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


def cache_of(factory: pytest.TempPathFactory) -> str:
    """Return the cache that all tests share, so that scans are made once."""
    return str(home_of(factory) / "brainplug-cache")


def make_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """Return a folder of the whole suite, made by the first test that asks; none may change it."""
    home = home_of(factory)
    with FileLock(home / f"{name}.lock"):
        if not (home / f"{name}.made").exists():
            shutil.rmtree(home / name, ignore_errors=True)
            make(home / name)
            (home / f"{name}.made").touch()
    return home / name

"""Fixtures that several tests share: small made-up studies on disk, and no network."""

from __future__ import annotations

import gc
import importlib
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from brainplug.testing import write_scan
from finished import bmi_run, sex_run
from made_up_pools import labels, make_tasks, pool
from shared import cache_of
from small import DESIGN, GRID, LEARNING

__all__ = ["bmi_run", "labels", "make_tasks", "pool", "sex_run"]  # fixtures

os.environ["HF_HUB_OFFLINE"] = "1"

settings.register_profile("any-speed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any-speed")

collect_ignore = ["third_party", "two_ranks", "typing/mistakes.py"]
"""What `test_third_party.py` installs, `test_ranks.py` puts in a path, and mypy is to refuse."""

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what is slow, so that no process ends long after the other."""
    items.sort(key=lambda item: not item.get_closest_marker("slow"))


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """Keep what is loaded out of the search for garbage, which every training asks for.

    A process of many tests first loads what most of them need.
    """
    if "PYTEST_XDIST_WORKER" in os.environ:
        importlib.import_module("imported")
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep tests out of the user's cache."""
    monkeypatch.setenv("BRAINPLUG_CACHE", cache_of(tmp_path_factory))


@pytest.fixture
def shared_data() -> Path:
    """Give the folder of real data beside the repository, or skip."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the folder of real data is not beside this checkout")
    return SHARED_DATA


@pytest.fixture
def make_scan():
    """Give the writer of scans."""
    return write_scan


@pytest.fixture
def write_recipe(tmp_path: Path):
    """Give a writer of small runnable recipes."""

    def write(head: str = "categorical", column: str = "sex", epochs: int = 2) -> Path:
        path = tmp_path / "small.toml"
        path.write_text(
            DESIGN.format(head=head, column=column, more="bins = 2" if head == "numerical" else "")
            + GRID
            + LEARNING.format(epochs=epochs)
        )
        return path

    return write

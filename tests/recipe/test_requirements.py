"""What is not installed is told before anything is computed, with the extra that brings it."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from brainplug.errors import DataError, RunError
from brainplug.recipe import requirements
from brainplug.recipe.requirements import NO_DEEPSPEED, NO_MATPLOTLIB, find_lack
from brainplug.recipe.training_tables import Training
from brainplug.report import page
from brainplug.toolkit import workbooks

ROOT = Path(__file__).parents[2]


@pytest.fixture
def lacking(monkeypatch):
    """Let packages seem not to be installed."""

    def take_away(*names):
        monkeypatch.setattr(requirements, "find_spec", lambda name: name not in names or None)
        monkeypatch.setattr(workbooks, "find_spec", lambda name: name not in names or None)

    return take_away


def test_a_run_that_ends_with_a_page_needs_what_draws_it(lacking):
    """One that ends before it does not."""
    lacking("matplotlib")

    assert NO_MATPLOTLIB == find_lack(Training(epochs=1), "report")
    assert not find_lack(Training(epochs=1), "metrics")


def test_what_trains_is_told_before_what_draws(lacking):
    """A run lacks one thing after the other; to prepare tasks needs neither."""
    lacking("matplotlib", "deepspeed")
    options = Training(epochs=1, deepspeed="zero2")

    assert NO_DEEPSPEED == find_lack(options, "report")
    assert not find_lack(options, "dialogues")


def test_a_page_names_the_extra_that_draws_it(lacking):
    """`brainplug report` says so too."""
    lacking("matplotlib")

    with pytest.raises(RunError, match=r"brainplug\[report\]"):
        page.render(None)


def test_a_workbook_names_the_extra_that_reads_it(lacking, tmp_path):
    """A table that is .xlsx needs openpyxl, CSV does not."""
    lacking("openpyxl")

    with pytest.raises(DataError, match=r"brainplug\[excel\]"):
        workbooks.read_sheet(tmp_path / "people.xlsx", None, lambda _: None)


def test_every_extra_that_is_named_exists():
    """Messages offer extras that pip knows."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    text = "".join(path.read_text() for path in (ROOT / "core").rglob("*.py"))
    text += "".join(path.read_text() for path in (ROOT / "plugins").rglob("*.py"))
    offered = {"report", "excel", "demo", "gpu"}

    assert all(f"brainplug[{name}]" in text for name in offered)
    assert offered <= project["optional-dependencies"].keys()

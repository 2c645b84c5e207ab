"""A simulated study draws its scans from a template that an extra brings."""

from __future__ import annotations

import pytest

from brainplug.errors import DataError
from brainplug_plugins.cohorts import simulated
from brainplug_plugins.simulation.design import SimulatedOptions


@pytest.fixture
def study(tmp_path):
    """Two people, in a folder of their own."""
    options = SimulatedOptions(subjects=2, resolution_mm=8.0, folder=tmp_path / "study")
    return simulated.Simulated(options)


@pytest.fixture
def take_away(monkeypatch):
    """Give what makes nilearn a package that is not installed."""
    return lambda: monkeypatch.setattr(simulated, "find_spec", lambda _name: None)


def test_without_the_extra_the_study_says_how_to_get_it(study, take_away):
    """`check` reads the table, so it is told there, before any scan is drawn."""
    take_away()

    for ask in (study.load, lambda: study.prepare(lambda _done, _all: None)):
        with pytest.raises(DataError) as refused:
            ask()
        assert "pip install 'brainplug[demo]'" in refused.value.hint
    assert not list(study.folder.rglob("*.nii.gz"))


def test_a_finished_study_needs_no_template(study, take_away):
    """Scans that are there are taken as they are."""
    study.prepare(lambda _done, _all: None)
    take_away()

    study.prepare(lambda _done, _all: None)

    assert not study.load().images_pending

"""A simulated study draws its scans from a template that an extra brings."""

from __future__ import annotations

import hashlib
import json

import attrs
import numpy as np
import pytest

from brainplug.api.records import Grid
from brainplug.errors import DataError
from brainplug.imaging.resample import normalise, resample
from brainplug.imaging.scan import Scan
from brainplug_plugins.cohorts import simulated
from brainplug_plugins.simulation import anatomy, truth
from brainplug_plugins.simulation.design import SimulatedOptions
from brainplug_plugins.simulation.people import draw_person


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
    assert study.load().simulated


RELATIVE = SimulatedOptions(subjects=4000, sites=1000, sex_effect=4.65, needs_reference=True)


@pytest.fixture(scope="module")
def drawn():
    """Sex (male is True) and the contrast of thousands of people, one row a site."""
    people = sorted(
        (draw_person(RELATIVE, number) for number in range(RELATIVE.subjects)),
        key=lambda person: person.site,
    )
    male = np.array([person.sex == "1" for person in people])
    contrast = np.array([person.scores["sides"] for person in people])
    return male.reshape(-1, 4), contrast.reshape(-1, 4)


class TestStudyThatNeedsReferences:
    """With `needs_reference` sex is told by a contrast to which each site adds its own."""

    def test_the_truth_states_what_a_reader_of_one_scan_reaches(self, drawn):
        """On thousands of people it is right as often as was worked out from the densities."""
        male, contrast = drawn

        reached = balanced_accuracy(male, contrast > 0)

        assert reached == pytest.approx(truth.accuracy_alone(RELATIVE), abs=0.03)
        assert reached == pytest.approx(0.65, abs=0.03)

    @pytest.mark.parametrize("references", [1, 2])
    def test_the_truth_states_what_a_reader_with_references_reaches(self, drawn, references):
        """The likelihoods over offsets drawn at random give what the integrals say."""
        male, contrast = drawn
        # Families are neighbours, so the first and the last two of a site are never related.
        query, known = contrast[:, :1], contrast[:, 2 : 2 + references]
        effect = RELATIVE.sex_effect
        told = known - np.where(male[:, 2 : 2 + references], effect / 2, -effect / 2)
        offsets = np.random.default_rng(1).uniform(-7.75, 7.75, size=(1, 4000))
        fits = -(((told[:, :, None] - offsets[None]) ** 2).sum(axis=1)) / 2
        as_male, as_female = (
            np.exp(fits - (query - moved - offsets) ** 2 / 2).mean(axis=1)
            for moved in (effect / 2, -effect / 2)
        )

        reached = balanced_accuracy(male[:, 0], as_male > as_female)

        expected = truth.accuracy_beside(RELATIVE, references)
        assert reached == pytest.approx(expected, abs=0.02)
        assert expected > 0.95

    def test_sex_shows_in_nothing_but_that_contrast(self):
        """Without any effect of sex all other scores are the same, head size and shape too."""
        without = attrs.evolve(RELATIVE, sex_effect=0.0)

        for number in range(20):
            scores, same = (
                {**draw_person(options, number).scores, "sides": None}
                for options in (RELATIVE, without)
            )
            assert scores == same

    def test_people_of_other_sex_and_equal_scores_have_the_same_scan(self):
        """What is in a scan of sex is in the scores."""
        options = SimulatedOptions(subjects=8, sites=2, resolution_mm=8.0, needs_reference=True)
        person, body = draw_person(options, 1), anatomy.make_anatomy(8.0)
        other = attrs.evolve(person, sex="2" if person.sex == "1" else "1")

        voxels, affine = anatomy.make_image(body, options, person)
        same, same_affine = anatomy.make_image(body, options, other)

        assert np.array_equal(voxels, same)
        assert np.array_equal(affine, same_affine)

    def test_the_contrast_is_left_by_the_normalisation(self):
        """In a run's volumes the halves of the head differ as the scores say."""
        options = attrs.evolve(RELATIVE, subjects=24, sites=6, resolution_mm=8.0)
        body, grid = anatomy.make_anatomy(8.0), Grid(shape=(16, 16, 16), spacing_mm=(12.0,) * 3)
        people = [draw_person(options, number) for number in range(24)]
        contrasts = []
        for person in people:
            voxels, affine = anatomy.make_image(body, options, person)
            # Axes that run backwards are turned, as reading a scan does.
            for axis in np.flatnonzero(np.diag(affine)[:3] < 0):
                voxels = np.flip(voxels, axis)
                affine[:3, 3] += affine[:3, axis] * (voxels.shape[axis] - 1)
                affine[:3, axis] *= -1
            scan = Scan(voxels=voxels.astype(np.float32), affine=affine)
            volume = normalise(resample(scan, grid)).astype(float)
            contrasts.append(np.log(volume[9:].sum() / volume[:7].sum()))

        scores = [person.scores["sides"] for person in people]
        assert np.corrcoef(contrasts, scores)[0, 1] > 0.97

    def test_all_sites_have_as_many_people(self):
        """A site with fewer would lack references, by which of its people could be told."""
        options = attrs.evolve(RELATIVE, subjects=40, sites=5, family_share=1.0)
        sites = [draw_person(options, number).site for number in range(40)]

        assert np.bincount(sites).tolist() == [8] * 5
        assert sites[::2] == sites[1::2]

    def test_too_few_people_for_so_many_sites_are_refused(self):
        """The error names both numbers."""
        with pytest.raises(DataError) as refused:
            SimulatedOptions(subjects=30, sites=10, needs_reference=True)

        assert "subjects = 30 at sites = 10" in str(refused.value)


def balanced_accuracy(male, said):
    """Return the mean of the shares that are right among men and among women."""
    return (said[male].mean() + (~said[~male]).mean()) / 2


def test_studies_of_before_are_the_same():
    """Name of the folder, truth and people of a study without the option are those recorded."""
    options = SimulatedOptions()
    people = [draw_person(options, number) for number in range(50)]
    texts = (json.dumps(truth.describe(options)), repr(people))

    assert simulated._fingerprint(options) == "131283a11348b714"
    assert [hashlib.sha256(text.encode()).hexdigest()[:16] for text in texts] == [
        "5e42e1af04084b0e",
        "e58dce35467536bc",
    ]

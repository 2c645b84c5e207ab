"""The sentence that is quoted, and the table of the terminal."""

from __future__ import annotations

import attrs
import pytest
from rich.console import Console

from brainplug.evaluation.pooled_records import Summary
from brainplug.evaluation.records import BaselineScores, Difference
from brainplug.report.headline import headline, show_result
from brainplug.report.sentence import Setting, claim
from brainplug.tasks.study_facts import StudyFacts
from pages import Study, make_folder


@pytest.fixture(scope="module")
def metrics(tmp_path_factory):
    """Give the scores of a made-up study."""
    return make_folder(tmp_path_factory.mktemp("sentence") / "run", Study()).metrics


def with_difference(metrics, low, high):
    """Let the model differ from a rule by so much."""
    test = metrics.splits["test"]
    gap = Difference(
        against="majority",
        value=(low + high) / 2,
        low=low,
        high=high,
        reason="",
        p_value=0.04,
        clear=low > 0 or high < 0,
        higher_is_better=True,
    )
    test = attrs.evolve(test, difference={"balanced-accuracy": gap})
    return attrs.evolve(metrics, splits={"test": test})


@pytest.mark.parametrize(
    ("ends", "said"),
    [
        ((0.1, 0.3), "it did better than the best rule"),
        ((-0.3, -0.1), "it did worse than the best rule"),
        ((-0.1, 0.3), "it cannot be told from the best rule"),
    ],
)
def test_the_verdict_is_that_of_the_interval(metrics, ends, said):
    """Better and worse are said only where the interval leaves out zero."""
    assert said in claim(with_difference(metrics, *ends))


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ([True], "people of a simulated study, the model"),
        ([False], "people of A (real scans), the model"),
        ([None], "people of A, the model"),
        ([False, True], "people of A and B, partly simulated, the model"),
        ([False, False], "people of A and B (real scans), the model"),
    ],
)
def test_made_up_people_are_never_called_real(metrics, told, said):
    """Nor is anything said of people of whom nobody says."""
    studies = [
        StudyFacts(study=name, flow=(("rows", 1),), join=None, notes=(), simulated=each)
        for name, each in zip("AB", told, strict=False)
    ]

    assert said in claim(metrics, Setting.of(studies))


def test_ranks_within_runs_stand_beside_those_of_all(metrics):
    """Folds on scales of their own are told in the sentence itself, where they matter."""
    (name, score), *_ = metrics.splits["test"].metrics.items()

    def of_runs(mean):
        return Summary(runs={}, mean={name: mean}, sd={name: 0.0})

    apart = attrs.evolve(metrics, runs=of_runs(1.0))
    alike = attrs.evolve(metrics, runs=of_runs(score.value))
    assert score.high < 1.0
    assert ", and 1.00 on average among the people of one run" in claim(apart)
    assert "on average" not in claim(alike)


def test_the_terminal_says_the_sentence_and_fits_80_columns(metrics):
    """The same sentence as the page; every system in lines of at most 80."""
    console = Console(width=80)
    setting = Setting(studies=("A",), simulated=True, references=1)

    with console.capture() as shown:
        for each in show_result(metrics, setting):
            console.print(each)

    assert claim(metrics, setting) in " ".join(shown.get().split())
    assert all(name in shown.get() for name in ("model", "majority", "text only"))
    assert max(map(len, shown.get().splitlines())) <= 80


def test_a_silent_model_is_told_in_the_table(tmp_path):
    """Its 0.00 is no score."""
    silent = make_folder(tmp_path / "run", Study(unread=80)).metrics
    console = Console(width=80)

    with console.capture() as shown:
        console.print(headline(silent))

    assert "all 80 answers unreadable" in shown.get()
    (row,) = [line for line in shown.get().splitlines() if line.startswith(" model")]
    assert "0.00" not in row


def test_the_strongest_reader_of_images_is_the_rival(metrics):
    """It is named by what it is, and a model that is not better is said not to be told from it."""
    test = metrics.splits["test"]
    ridge = BaselineScores(
        about="a logistic regression on 20 components", metrics=test.metrics, kind="image"
    )
    told = with_difference(metrics, 0.1, 0.3).splits["test"]
    gap = attrs.evolve(
        told.difference["balanced-accuracy"], against="components", value=0.0, low=-0.1, high=0.1
    )
    told = attrs.evolve(
        told,
        baselines={**told.baselines, "components": ridge},
        image_difference={"balanced-accuracy": attrs.evolve(gap, clear=False)},
    )

    said = claim(attrs.evolve(metrics, splits={"test": told}))

    rival = "the strongest baseline that sees the images, a logistic regression on 20 components"
    assert f"it cannot be told from {rival} (0." in said
    assert "best rule" not in said

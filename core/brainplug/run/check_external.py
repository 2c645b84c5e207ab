"""What `brainplug check` tells of studies that are tested only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from brainplug.cohort.build import StudyParts
from brainplug.design.external import choose_people, pair_external, refuse_known_people
from brainplug.run.asked_columns import gather_headers
from brainplug.toolkit.study_ids import mark

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from brainplug.api.roles import Answers, Pairing
    from brainplug.recipe.tables import ExternalStudy, Recipe


def check_external(
    recipe: Recipe,
    pairing: Pairing,
    pooled: pd.DataFrame,
    answers: Answers,
    *,
    say: Callable[[str], None],
) -> None:
    """Read each external study's table and headers, and say who would be asked.

    Args:
        recipe: of the run.
        pairing: of the run.
        pooled: the run's own scans with their `pool`.
        answers: of the target.
        say: takes a sentence for each.

    Raises:
        BrainplugError: what the run would stop at.
    """
    for study in recipe.evaluation.also:
        cohort = read_headers_of(recipe, study)
        if study.ids == "same":
            refuse_known_people(cohort, pooled, study.name)
        frame = mark(cohort, study.name)
        asked, shown = choose_people(
            frame, pooled, shown=study.shown, salt=f"{recipe.seed}/{study.name}"
        )
        pairs, _ = pair_external(pairing, asked, shown, answers=answers, seed=recipe.seed)
        beside = "the run's training references" if study.shown is None else "people of its own"
        told = "scans are compared by content in the run"
        if not recipe.evidence.test:
            told = "asked once the test is opened"
        say(
            f"external {study.name}: {asked['subject'].nunique()} people in {len(pairs)} tasks, "
            f"beside {beside}; {told}"
        )


def read_headers_of(recipe: Recipe, study: ExternalStudy) -> pd.DataFrame:
    """Return the scans of a study that a run would use, as far as headers tell."""
    assert recipe.target
    parts = StudyParts(
        name=study.name,
        loader=study.loader.make(),
        head=(study.target or recipe.target).make(),
    )
    return gather_headers(recipe, [parts]).frame

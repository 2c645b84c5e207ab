"""The folds of a cross-validation, as options of split strategies."""

from __future__ import annotations

from typing import Any

import attrs
from attrs.validators import and_, ge, gt, le, lt, optional

from brainplug.api.roles import about

MOST_FOLDS = 1000
"""Each is a training of its own, and all are listed."""


def folds_option() -> Any:
    """Make the option `folds` of a split strategy."""
    return attrs.field(
        default=None,
        validator=optional(and_(ge(3), le(MOST_FOLDS))),
        metadata=about(
            "number of folds of a cross-validation: in each run all of one fold are asked, the "
            "next one gives the references of test and validation (with shared pools or anchors "
            "none has to), the others train and validate; not together with fractions"
        ),
    )


def fold_option() -> Any:
    """Make the option `fold` of a split strategy."""
    return attrs.field(
        default=None,
        validator=optional(ge(1)),
        metadata=about("the one fold to test, from 1; not set means one run for each fold"),
    )


def validation_option() -> Any:
    """Make the option `validation` of a split strategy."""
    return attrs.field(
        default=None,
        validator=optional(and_(gt(0), lt(0.5))),
        metadata=about(
            "with folds: share of the people outside the tested fold who are asked in validation; "
            "not set means as many as a fold has, with halves as half of one; a small share suits "
            "trainings that no validation chooses"
        ),
    )


def check_validation(validation: float | None, folds: int | None) -> None:
    """Refuse a share of validation where there are no folds.

    Raises:
        ValueError: says what to set instead.
    """
    if validation is not None and folds is None:
        raise ValueError(
            "validation is a share of the people outside a tested fold; without folds set "
            f"fractions: validation = {validation:g}"
        )


def share_of_validation(validation: float | None, *, folds: int, whole: bool) -> float:
    """Return the share of the folds which train and validate that is asked in validation.

    Args:
        validation: share of the people outside the tested fold, as the recipe has it.
        folds: how many there are.
        whole: whether no fold is spent on references.

    >>> share_of_validation(None, folds=5, whole=True)
    0.25
    >>> share_of_validation(0.25, folds=4, whole=False)
    0.375
    """
    if whole:
        return 1 / (folds - 1) if validation is None else validation
    # Half a fold's worth, as many as the references it gets, out of the folds - 2 that neither
    # test nor give references; there is at least one of these (`folds_option`).
    return 0.5 / (folds - 2) if validation is None else validation * (folds - 1) / (folds - 2)


def check_fractions(folds: int | None) -> None:
    """Refuse folds beside fractions.

    Raises:
        ValueError: says what folds do.
    """
    if folds is not None:
        raise ValueError(
            "folds and fractions exclude each other: with folds, one fold is tested, one "
            "gives the references, and the others train and validate; leave one of the two out"
        )


def check_fold(fold: int | None, folds: int | None) -> None:
    """Refuse a fold that there is not.

    Raises:
        ValueError: names fold and folds.
    """
    if fold is not None and folds is None:
        raise ValueError(f"fold needs folds, the number of folds: fold = {fold}")
    if fold is not None and folds is not None and fold > folds:
        raise ValueError(f"fold must be 1 to folds: fold = {fold}, folds = {folds}")


def list_folds(fold: int | None, folds: int | None) -> dict[str, int]:
    """Return the fold of each run of a cross-validation by its name; none where one is chosen.

    >>> list_folds(None, 3)
    {'fold-1': 1, 'fold-2': 2, 'fold-3': 3}
    """
    if folds is None or fold is not None:
        return {}
    return {f"fold-{number}": number for number in range(1, folds + 1)}

"""What is true of a simulated study, for whoever wants to know how well a model could do."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Any

import attrs

from brainplug_plugins.simulation.anatomy import SIBLING_SHARE, draw_site
from brainplug_plugins.simulation.design import (
    AGE_MEAN,
    AGE_SD,
    EFFECTS,
    VERSION,
    Driver,
    SimulatedOptions,
)


def describe(options: SimulatedOptions) -> dict[str, Any]:
    """Return options, generating equations, scanners and the scores an ideal reader reaches."""
    return {
        "generator": VERSION,
        "options": attrs.asdict(options, filter=attrs.filters.exclude("folder")),
        "table": {
            "sex": "1 male, 2 female, each with probability 0.5, independent of all else",
            "age": f"normal, mean {AGE_MEAN:g}, SD {AGE_SD:g} years",
            "BMI_sds": "standard normal; its effects on the images are made up",
        },
        "score": "strength * attribute + standard normal draw; attribute is +0.5 (male) or -0.5 "
        "(female), the z-score of age, or the BMI z-score",
        "effects": {
            name: {
                "driver": effect.driver,
                "strength": options.strength(effect.driver),
                "equation": effect.equation,
            }
            for name, effect in EFFECTS.items()
        },
        "random_deformation": {
            "sd_mm": options.deformation_mm,
            "variance_shared_by_siblings": SIBLING_SHARE,
        },
        "sites": {
            f"site-{number + 1}": attrs.asdict(draw_site(options.seed, number))
            for number in range(options.sites)
        },
        "ideal_reader": {
            "meaning": "a reader that knows every score without error; no model does better "
            "in the long run",
            "sex": ideal_sex(options),
            "age": ideal_value(options, "age", sd=AGE_SD),
            "BMI_sds": ideal_value(options, "bmi", sd=1.0),
        },
    }


def ideal_sex(options: SimulatedOptions) -> dict[str, float]:
    """Return the balanced accuracy of a reader that knows the scores.

    Scores are independent with equal d, so together they part the sexes by d times the square
    root of their number, and the best reader is right with probability Phi(that / 2).
    """
    distance = options.sex_effect * math.sqrt(_count("sex"))
    return {"cohens_d": distance, "balanced_accuracy": NormalDist().cdf(distance / 2)}


def ideal_value(options: SimulatedOptions, driver: Driver, *, sd: float) -> dict[str, float]:
    """Return R2 and mean absolute error of a reader that knows the scores.

    With k scores of strength e the best reader leaves the share 1 / (1 + k e^2) of the variance,
    and what is left is normal, with a mean absolute value of sqrt(2 / pi) of its SD.
    """
    left = 1 / (1 + _count(driver) * options.strength(driver) ** 2)
    return {"r2": 1 - left, "mae": sd * math.sqrt(left) * math.sqrt(2 / math.pi)}


def _count(driver: Driver) -> int:
    return sum(effect.driver == driver for effect in EFFECTS.values())

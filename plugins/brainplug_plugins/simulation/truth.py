"""What is true of a simulated study, for whoever wants to know how well a model could do."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Any

import attrs
import numpy as np

from brainplug_plugins.simulation.anatomy import SIBLING_SHARE, draw_site
from brainplug_plugins.simulation.design import (
    AGE_MEAN,
    AGE_SD,
    EFFECTS,
    OFFSET,
    Driver,
    SimulatedOptions,
)
from brainplug_plugins.simulation.people import offset_of


def describe(options: SimulatedOptions) -> dict[str, Any]:
    """Return options, generating equations, scanners and the scores an ideal reader reaches."""
    return {
        "generator": options.version,
        "options": options.stated(),
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
                "strength": options.strength(name),
                "equation": effect.equation,
            }
            for name, effect in options.effects.items()
        },
        "random_deformation": {
            "sd_mm": options.deformation_mm,
            "variance_shared_by_siblings": SIBLING_SHARE,
        },
        "sites": {
            f"site-{number + 1}": describe_site(options, number) for number in range(options.sites)
        },
        "ideal_reader": {
            "meaning": "a reader that knows every score without error; no model does better "
            "in the long run",
            "sex": ideal_relative_sex(options) if options.needs_reference else ideal_sex(options),
            "age": ideal_value(options, "age", sd=AGE_SD),
            "BMI_sds": ideal_value(options, "bmi", sd=1.0),
        },
    }


def describe_site(options: SimulatedOptions, number: int) -> dict[str, Any]:
    """Return what is true of a scanner, its offset where there is one."""
    facts = attrs.asdict(draw_site(options.seed, number))
    return facts | ({"offset": offset_of(options, number)} if options.needs_reference else {})


def ideal_sex(options: SimulatedOptions) -> dict[str, float]:
    """Return the balanced accuracy of a reader that knows the scores.

    Scores are independent with equal d, so together they part the sexes by d times the square
    root of their number, and the best reader is right with probability Phi(that / 2).
    """
    distance = options.sex_effect * math.sqrt(_count("sex"))
    return {"cohens_d": distance, "balanced_accuracy": NormalDist().cdf(distance / 2)}


def ideal_relative_sex(options: SimulatedOptions) -> dict[str, Any]:
    """Return the balanced accuracies of readers of the one contrast that sex moves.

    A reader of one scan sees the score with its site's offset, a reader with references those of
    as many others of the site besides, and is told their sex.
    """
    counts = (1, 2, 4)
    return {
        "cohens_d_within_site": options.sex_effect,
        "offset": "of each site, added to the score of `sides`; uniform between minus and plus "
        f"{OFFSET * options.sex_effect:g}",
        "balanced_accuracy_alone": accuracy_alone(options),
        "balanced_accuracy_with_references": {
            str(count): accuracy_beside(options, count) for count in counts
        },
    }


def accuracy_alone(options: SimulatedOptions) -> float:
    """Return how often the best reader of one scan is right.

    Of a sum of a uniform offset and a normal draw, the likelihood ratio of two means rises with
    the sum, so by symmetry the best reader parts the sexes at 0. What it is right with is the mean
    over offsets u of Phi(d / 2 + u), and x Phi(x) + phi(x) is an integral of Phi.
    """
    normal = NormalDist()
    half, widest = options.sex_effect / 2, OFFSET * options.sex_effect
    if widest == 0:
        return 0.5

    def integral(x: float) -> float:
        return x * normal.cdf(x) + normal.pdf(x)

    return (integral(half + widest) - integral(half - widest)) / (2 * widest)


def accuracy_beside(options: SimulatedOptions, references: int) -> float:
    """Return how often the best reader is right that sees references of the site, too.

    Told their sex, it takes its effect from the references' scores, whose mean r has the variance
    1 / references about the site's offset. With v the variance of the query's score q about r, and
    w that of the offset about what q and r together say of it, the density of both is, for a query
    whose score sex moves by m,

        N(q - m - r; 0, v) * P(|offset| < widest | (q - m) and r) / (2 widest)

    and half of the larger one of m = +d/2 and m = -d/2, summed over all q and r, is what is asked.
    """
    from scipy.special import ndtr

    half, widest = options.sex_effect / 2, OFFSET * options.sex_effect
    if widest == 0:
        return 0.5
    apart = 1 + 1 / references
    # Eight standard deviations beyond all that either density holds, in steps of a twentieth.
    grid = np.arange(-widest - half - 8, widest + half + 8, 0.05)
    query, told = grid[:, None], grid[None, :]
    densities = []
    for moved in (-half, half):
        middle = (query - moved + references * told) / (1 + references)
        bounds = [(side - middle) * math.sqrt(1 + references) for side in (-widest, widest)]
        inside = ndtr(bounds[1]) - ndtr(bounds[0])
        spread = np.exp(-((query - moved - told) ** 2) / (2 * apart))
        densities.append(spread / math.sqrt(2 * math.pi * apart) * inside / (2 * widest))
    return float(np.maximum(*densities).sum() * 0.05**2 / 2)


def ideal_value(options: SimulatedOptions, driver: Driver, *, sd: float) -> dict[str, float]:
    """Return R2 and mean absolute error of a reader that knows the scores.

    With k scores of strength e the best reader leaves the share 1 / (1 + k e^2) of the variance,
    and what is left is normal, with a mean absolute value of sqrt(2 / pi) of its SD.
    """
    left = 1 / (1 + _count(driver) * options.effect_of(driver) ** 2)
    return {"r2": 1 - left, "mae": sd * math.sqrt(left) * math.sqrt(2 / math.pi)}


def _count(driver: Driver) -> int:
    return sum(effect.driver == driver for effect in EFFECTS.values())

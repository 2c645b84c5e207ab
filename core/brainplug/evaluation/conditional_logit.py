"""A logistic model of few scores, whose estimates are finite where one score tells everything.

The likelihood is penalised by Jeffreys' prior: Firth 1993, Biometrika 80:27; its ratio is tested as
in Heinze and Schemper 2002, Statistics in Medicine 21:2409.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Float, Int


FLOOR = 1e-6
"""Far below the information of any person, and above the rounding of sums of some thousand."""


def make_design(*scores: Float[np.ndarray, "n classes"]) -> Float[np.ndarray, "n classes weights"]:
    """Return what the utility of each class is made of: one constant a class but the first, scores.

    Args:
        scores: each `(n, classes)`; one weight for all classes.
    """
    size, classes = scores[0].shape
    constants = np.broadcast_to(np.eye(classes)[:, 1:], (size, classes, classes - 1))
    return np.concatenate([constants, *(score[..., None] for score in scores)], axis=2)


def fit(
    design: Float[np.ndarray, "n classes weights"],
    truth: Int[np.ndarray, " n"],
    *,
    without: int | None = None,
) -> tuple[Float[np.ndarray, " weights"], float]:
    """Return the weights that are most likely, and their penalised log likelihood.

    Args:
        design: as `make_design` gives it.
        truth: number of the class of each.
        without: number of a weight that stays 0; the penalty is that of the whole model still.
    """
    from scipy.optimize import minimize

    free = [number for number in range(design.shape[2]) if number != without]

    def loss(some: Float[np.ndarray, " free"]) -> float:
        weights = np.zeros(design.shape[2])
        weights[free] = some
        return -penalised_likelihood(design, truth, weights) / len(truth)

    found = minimize(loss, np.zeros(len(free)), method="BFGS")
    weights = np.zeros(design.shape[2])
    weights[free] = found.x
    return weights, -float(found.fun) * len(truth)


def penalised_likelihood(
    design: Float[np.ndarray, "n classes weights"],
    truth: Int[np.ndarray, " n"],
    weights: Float[np.ndarray, " weights"],
) -> float:
    """Return log likelihood and half the log determinant of the information."""
    chances = predict(design, weights)
    likelihood = np.log(np.maximum(chances[np.arange(len(truth)), truth], 1e-300)).sum()
    means = np.einsum("nc,ncw->nw", chances, design)
    information = np.einsum("nc,ncw,ncv->wv", chances, design, design) - means.T @ means
    # Two scores that are one have no information of their difference, and neither do weights so
    # large that nothing is left to learn: both must be far from best, and not a fault.
    determinant = np.linalg.slogdet(information + FLOOR * np.eye(len(weights)))[1]
    return float(likelihood + 0.5 * determinant - FLOOR * (weights**2).sum())


def predict(
    design: Float[np.ndarray, "n classes weights"], weights: Float[np.ndarray, " weights"]
) -> Float[np.ndarray, "n classes"]:
    """Return the probability of each class."""
    utilities = design @ weights
    utilities -= utilities.max(axis=1, keepdims=True)
    likely = np.exp(utilities)
    chances: Float[np.ndarray, "n classes"] = likely / likely.sum(axis=1, keepdims=True)
    return chances

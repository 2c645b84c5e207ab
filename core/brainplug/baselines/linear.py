"""Linear readers of a few features: ridge for numbers, logistic regression for classes."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from brainplug.baselines.records import Said

if TYPE_CHECKING:
    from jaxtyping import Float

    from brainplug.baselines.exam import Exam

RIDGE_PENALTIES = tuple(10.0**power for power in range(-2, 6))
INVERSE_PENALTIES = (0.001, 0.01, 0.1, 1.0, 10.0)
"""Of the logistic regression; the best is chosen by training people alone."""

USUAL_INVERSE_PENALTY = 0.1
"""Where a class has too few people to choose by."""

PARTS = 5
"""Parts of the training people by which a penalty is chosen."""


def read_linearly(
    exam: Exam, learn: Float[np.ndarray, "n c"], asked: Float[np.ndarray, "m c"]
) -> Said:
    """Fit a penalised linear model to standardised features, and ask it.

    Args:
        exam: values of those who teach.
        learn: their features.
        asked: the same features of those who are asked.
    """
    first = first_scans(exam)
    if not exam.labels:
        return Said(predictions=fit_ridge(learn, exam.truths.astype(float)).predict(asked))
    truths = exam.truths.astype(str)
    chances = np.zeros((len(asked), len(exam.labels)))
    present = sorted(set(truths))
    columns = [exam.labels.index(label) for label in present]
    if len(present) == 1:
        chances[:, columns] = 1.0
    else:
        model = fit_logistic(learn, truths, first, exam.seed)
        chances[:, columns] = model.predict_proba(asked)
    return decide(exam, chances)


def first_scans(exam: Exam) -> np.ndarray:
    """Mark one scan of each who teaches: others of the same person would choose for themselves."""
    return ~exam.learn.frame["subject"].duplicated().to_numpy()


def fit_ridge(features: Float[np.ndarray, "n c"], values: Float[np.ndarray, " n"]) -> Any:
    """Fit a ridge regression, its penalty by leaving one out."""
    from sklearn.linear_model import RidgeCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), RidgeCV(RIDGE_PENALTIES)).fit(features, values)


def fit_logistic(
    features: Float[np.ndarray, "n c"], labels: np.ndarray, first: np.ndarray, seed: int
) -> Any:
    """Fit a logistic regression, its penalty by the likelihood of parts of the people.

    Args:
        features: of every scan.
        labels: of every scan.
        first: marks one scan a person.
        seed: of the parts.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV, StratifiedKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(
        StandardScaler(), LogisticRegression(C=USUAL_INVERSE_PENALTY, max_iter=5000)
    )
    counts = np.unique(labels[first], return_counts=True)[1]
    if len(counts) > 1 and counts.min() >= PARTS:
        search = GridSearchCV(
            model,
            {"logisticregression__C": INVERSE_PENALTIES},
            scoring="neg_log_loss",
            cv=StratifiedKFold(PARTS, shuffle=True, random_state=seed),
            refit=False,
        )
        search.fit(features[first], labels[first])
        model.set_params(**search.best_params_)
    with warnings.catch_warnings():
        # Features that are many and alike, such as one column a scanner, settle slowly; what is
        # left to gain after 5,000 steps changes nobody's answer.
        warnings.simplefilter("ignore")
        return model.fit(features, labels)


def decide(exam: Exam, chances: Float[np.ndarray, "m labels"]) -> Said:
    """Say a class for each who is asked, by probabilities of the classes."""
    labels = np.array(exam.labels, dtype=object)
    weighed = chances / class_shares(exam) if exam.by_share else chances
    return Said(predictions=labels[weighed.argmax(axis=1)], probabilities=chances)


def class_shares(exam: Exam) -> Float[np.ndarray, " labels"]:
    """Return the share of each class among the training scans; 1 for a class that has none."""
    shares = np.array([(exam.truths == label).mean() for label in exam.labels])
    return np.where(shares > 0, shares, 1.0)

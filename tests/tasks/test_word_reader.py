"""The reader of words: what scikit-learn's ridge regression is, without importing it."""

from __future__ import annotations

import numpy as np
import pytest

from brainplug.tasks.word_reader import fit_words


@pytest.mark.parametrize(("prompts", "words"), [(300, 5), (60, 20), (20, 90)])
def test_it_is_ridge_regression_with_the_penalty_that_leave_one_out_prefers(prompts, words):
    """With repeated wordings, weights, several targets, more words than wordings or fewer."""
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.linear_model import RidgeCV

    rng = np.random.default_rng(prompts)
    names = [f"word-{number}" for number in range(words)]
    said = [" ".join(rng.choice(names, 2)) for _ in range(prompts)]
    told = np.array([[each.count("word-1"), each.count("word-3")] for each in said])
    targets, weights = told + rng.normal(size=(prompts, 2)), rng.integers(1, 5, prompts) * 1.0

    reader = fit_words(said, targets, weights)

    counter = CountVectorizer(analyzer=str.split)
    counts = counter.fit_transform(said)
    known = RidgeCV((0.1, 1.0, 10.0, 100.0, 1000.0)).fit(counts, targets, sample_weight=weights)
    asked = [*said[:5], "word-1 never-seen", ""]
    assert known.alpha_ == reader.penalty
    assert reader.read(asked) == pytest.approx(known.predict(counter.transform(asked)), abs=1e-9)

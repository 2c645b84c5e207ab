"""The small network learns what is plain to see, and says the same again."""

from __future__ import annotations

import numpy as np

from brainplug.baselines.small_cnn import read_by_cnn
from exams import make_exam, make_side


def load(path) -> np.ndarray:
    """Return a volume that is bright on the right for odd people, on the left for even ones."""
    number = int(path.name.split(".")[0])
    volume = np.random.default_rng(number).uniform(0, 0.1, (8, 8, 8))
    volume[4 * (number % 2) : 4 * (number % 2) + 4] += 0.6
    return volume.astype(np.float16)


def test_classes_are_read_and_read_again():
    """From 24 people in thirty passes; twice the same to the bit."""
    exam = make_exam(make_side(["a", "b"] * 12), make_side(["a", "b", "a", "b"]))

    first, second = (read_by_cnn(exam, load, epochs=30) for _ in range(2))

    assert first.predictions.tolist() == ["a", "b", "a", "b"]
    np.testing.assert_array_equal(first.probabilities, second.probabilities)


def test_a_number_is_read():
    """In its own unit."""
    exam = make_exam(make_side([20.0, 60.0] * 12), make_side([20.0, 60.0]), labels=())

    low, high = read_by_cnn(exam, load, epochs=30).predictions

    assert low < 40 < high

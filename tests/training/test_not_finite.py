"""What is told of a loss that is not finite."""

import pytest
import torch

from brainplug.training.not_finite import hint_for_loss


def built(value, dtype=torch.float32):
    """Return a model of one layer whose bias begins with this number."""
    model = torch.nn.Linear(2, 2)
    with torch.no_grad():
        model.bias[0] = value
    return model.to(dtype)


@pytest.mark.parametrize(
    ("model", "step", "words"),
    [
        (built(0.0), 3, "lower training.learning_rate"),
        (built(float("nan")), 3, "lower training.learning_rate"),
        (
            built(float("nan")),
            0,
            "1 of 2 weights were not finite as the model was built",
        ),
        (built(0.0), 0, "no step was taken yet: look at the model part"),
        (built(0.0, torch.float16), 4, "float16, such as weight"),
    ],
)
def test_the_learning_rate_is_blamed_only_where_steps_were_taken(model, step, words):
    """Before the first step no rate can have spoilt anything; half precision ends at 65504."""
    assert words in hint_for_loss(model, step)

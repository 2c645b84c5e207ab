"""A training with a plain head beside the dialogues."""

from __future__ import annotations

import attrs
import numpy as np
import pytest
import torch
from safetensors import safe_open

from brainplug.recipe.phases import check_phases
from brainplug.recipe.training_tables import Lora, Phase, Training
from brainplug.training.scan_values import make_values
from brainplug.training.trainer import ComparisonTrainer
from small import make_task
from teaching import PLAIN, TASKS, teach

VALUES = make_values(TASKS, ("male", "female"))


def test_each_scan_has_one_value():
    """Queries and references, a reference's as it is said, a query's as it is asked."""
    tasks = [make_task("t0", ["a"], "x"), make_task("t1", ["x"], "b", "female")]

    found = make_values(tasks, ("female", "male"))

    assert {"a": 1.0, "x": 1.0, "b": 0.0} == {str(key): each for key, each in found.of_file.items()}
    assert {name: name for name in "axb"} == {
        str(key): each for key, each in found.subjects.items()
    }


def test_numbers_are_standardised_over_the_scans():
    """Mean 0 and standard deviation 1, however many dialogues show a scan."""
    tasks = [
        attrs.evolve(make_task(name, ["r"], name, truth), reference_values=(30.0,))
        for name, truth in (("a", 10.0), ("b", 20.0))
    ]

    found = make_values(tasks, ())

    assert 0 == found.num_labels
    assert {"a": -1.2247449, "b": 0.0, "r": 1.2247449} == pytest.approx(
        {str(key): each for key, each in found.of_file.items()}
    )


def test_numbers_that_are_all_the_same_stay_finite():
    """Nothing can be learnt of them; nothing breaks either."""
    task = attrs.evolve(make_task("t", ["r"], "a", 3.0), reference_values=(3.0,))

    assert {0.0} == set(make_values([task], ()).of_file.values())


@pytest.fixture
def losses(monkeypatch) -> list[float]:
    """Write down the loss of every step."""
    seen: list[float] = []
    step = ComparisonTrainer.training_step

    def note(self, *args, **kwargs):
        for each in self.model.plain_head.modules():
            each.p = 0.0  # drawn scan by scan, so that it would differ with their order
        loss = step(self, *args, **kwargs)
        seen.append(float(loss))
        return loss

    monkeypatch.setattr(ComparisonTrainer, "training_step", note)
    return seen


def test_every_lever_and_the_plain_way_lose_as_much_with_a_head(tmp_path, losses):
    """Packed, in turns and with shared scans as in rows: each scan counts once."""
    given = {"values": VALUES, "auxiliary": 1.0, "epochs": 2}
    teach(tmp_path / "plain", speed=PLAIN, **given)
    plain = losses.copy()
    losses.clear()

    found = teach(tmp_path / "levers", **given)

    assert 8 == len(plain)
    np.testing.assert_allclose(losses, plain, rtol=2e-4)
    assert found.bundle.model.plain_head is None


def test_the_head_changes_what_the_tower_learns_and_is_gone_after(tmp_path):
    """The model has the tensors of one that never had a head, the tower's with other numbers."""
    without = teach(tmp_path / "without", epochs=1).bundle.model.state_dict()

    beside = teach(tmp_path / "beside", epochs=1, values=VALUES, auxiliary=1.0)

    found = beside.bundle.model.state_dict()
    assert without.keys() == found.keys()
    different = {name for name, each in found.items() if not torch.equal(each, without[name])}
    assert different
    assert all(".embeddings." in name for name in different)


def test_accumulated_batches_weigh_the_scans_of_the_whole_step(tmp_path, losses):
    """A step cut into four batches that show other scans each loses as much as one."""
    given = {
        "values": VALUES,
        "auxiliary": 1.0,
        "epochs": 1,
        "warmup_steps": 0,
        "learning_rate": 1e-9,
    }
    teach(tmp_path / "whole", batch_size=36, **given)
    whole = sum(losses)
    losses.clear()

    teach(tmp_path / "parts", batch_size=9, accumulation=4, **given)

    assert 4 == len(losses)
    assert whole == pytest.approx(sum(losses), rel=1e-3)


def test_a_checkpoint_holds_the_head_so_that_a_stopped_training_goes_on(tmp_path):
    """Stopped after an epoch and resumed, it ends as one that was not, to the bit."""
    given = {"values": VALUES, "auxiliary": 1.0, "schedule": "constant_with_warmup"}
    scores = [0.5, 0.6]
    whole = teach(tmp_path / "whole", epochs=2, scores=scores, **given).bundle.model.state_dict()

    teach(tmp_path / "stopped", epochs=1, **given)
    (last,) = (tmp_path / "stopped").glob("checkpoint-4")
    with safe_open(last / "model.safetensors", "pt") as weights:
        assert {"plain_head.linear.weight", "plain_head.linear.bias"} < set(weights.keys())
    found = teach(tmp_path / "stopped", epochs=2, scores=[0.9], **given).bundle.model.state_dict()

    assert whole.keys() == found.keys()
    for name, each in found.items():
        assert torch.equal(whole[name], each), name


class Frozen:
    """Parts that learn by default."""

    train = ("projector",)


@pytest.mark.parametrize(
    ("training", "wanted"),
    [
        (Training(auxiliary=0.5), [("training", "auxiliary")]),
        (Training(auxiliary=0.5, lora=Lora(parts=("vision-tower",))), []),
        (
            Training(auxiliary=0.5, phase=(Phase(train=("patch-embedding",)), Phase())),
            [("training", "phase", 1, "auxiliary")],
        ),
        (
            Training(
                auxiliary=0.5, phase=(Phase(train=("patch-embedding",)), Phase(auxiliary=0.0))
            ),
            [],
        ),
        (Training(phase=(Phase(auxiliary=1.0),)), [("training", "phase", 0, "auxiliary")]),
    ],
)
def test_a_head_from_which_no_tower_learns_is_refused(training, wanted, monkeypatch):
    """The key of the phase is named, and what to do."""
    monkeypatch.setattr("brainplug.recipe.phases.find_spec", lambda _name: True)

    problems = list(check_phases(training, Frozen()))

    assert wanted == [keys for keys, _ in problems]
    assert all("set auxiliary = 0 here" in text for _, text in problems)


def test_the_history_tells_the_losses_beside_the_mean(tmp_path):
    """That of telling tokens in every row of a loss; the head's where there is one."""
    without = teach(tmp_path / "without", epochs=1).history
    beside = teach(tmp_path / "beside", epochs=1, values=VALUES, auxiliary=0.5).history

    (plain,), (found,) = ([row for row in rows if "loss" in row] for rows in (without, beside))
    assert "loss_auxiliary" not in plain
    assert 0 < plain["loss_telling"] != plain["loss"]
    # The loss is that of the answers and the weighted one of the head.
    assert found["loss"] - 0.5 * found["loss_auxiliary"] == pytest.approx(plain["loss"], rel=0.01)


def test_what_tells_may_count_more(tmp_path):
    """A mean by weights: with a large one the loss is that of the telling tokens."""
    given = {"epochs": 1, "batch_size": 36, "warmup_steps": 0}

    (row, *_) = teach(tmp_path, telling_weight=1e6, **given).history

    assert row["loss"] == pytest.approx(row["loss_telling"], rel=1e-4)

"""Learning rates of the parts of a model."""

from __future__ import annotations

import pytest
import torch

from brainplug.recipe.deepspeed import check_deepspeed
from brainplug.recipe.phases import check_phases, plan_phases
from brainplug.recipe.training_tables import Lora, Phase, Training
from brainplug.training import trainer
from brainplug.training.scan_values import make_values
from brainplug_plugins.models.tiny import Tiny, TinyOptions
from teaching import TASKS, build_small, teach

PARTS = ("patch-embedding", "vision-tower", "projector")


@pytest.fixture
def made(monkeypatch) -> list[trainer.ComparisonTrainer]:
    """Keep every trainer that is put together."""
    kept, make = [], trainer.make_trainer

    def note(*args, **kwargs):
        kept.append(make(*args, **kwargs))
        return kept[-1]

    monkeypatch.setattr(trainer, "make_trainer", note)
    return kept


def rates_by_name(found) -> dict[str, tuple[float, float]]:
    """Return the peak rate and the decay of each weight that learns."""
    names = {id(each): name for name, each in found.model.named_parameters()}
    return {
        names[id(weight)]: (group["initial_lr"], group["weight_decay"])
        for group in found.optimizer.param_groups
        for weight in group["params"]
        if id(weight) in names
    }


def test_each_part_has_its_rate_and_biases_and_norms_no_decay(tmp_path, made):
    """Factors of the learning rate; a part without one, and the head, have the whole."""
    rates = {"patch-embedding": 0.3, "vision-tower": 0.1}
    head = {"values": make_values(TASKS, ("male", "female")), "auxiliary": 1.0}
    plain = {"parts": PARTS, "epochs": 1, "weight_decay": 0.5, "learning_rate": 1e-2}
    teach(tmp_path / "plain", **plain)
    without = rates_by_name(made[0])

    teach(tmp_path / "rates", rates=rates, **plain, **head)

    found = rates_by_name(made[1])
    assert without.keys() == found.keys()
    for name, (rate, decay) in found.items():
        tower = "vision_tower." in name
        factor = (0.3 if ".embeddings." in name else 0.1) if tower else 1.0
        assert rate == pytest.approx(1e-2 * factor), name
        assert decay == without[name][1]
    assert {0.5, 0.0} == {decay for _, decay in found.values()}
    # The head, which is gone by now.
    shapes = {(2, 256): 0.5, (2,): 0.0}
    others = [
        (tuple(weight.shape), group["initial_lr"], group["weight_decay"])
        for group in made[1].optimizer.param_groups
        for weight in group["params"]
        if id(weight) not in set(map(id, made[1].model.parameters()))
    ]
    assert [(shape, 1e-2, decay) for shape, decay in shapes.items()] == sorted(others, reverse=True)


def test_a_smaller_rate_moves_the_part_less(tmp_path):
    """The first step of AdamW is as long as its rate."""
    start = build_small()
    given = {"epochs": 1, "batch_size": 36, "warmup_steps": 0, "weight_decay": 0.0}
    name = "model.vision_tower.embeddings.projection.weight"
    before = start.model.state_dict()[name].clone()

    def move(folder, **more):
        found = teach(tmp_path / folder, **given, **more).bundle.model.state_dict()
        return (found[name] - before).abs().max()

    whole, part = move("whole"), move("part", rates={"patch-embedding": 0.25})

    torch.testing.assert_close(part, whole * 0.25, rtol=1e-3, atol=0)


def test_a_training_with_rates_goes_on_as_it_began(tmp_path):
    """Optimiser state finds its groups again, to the bit."""
    given = {"rates": {"vision-tower": 0.5}, "schedule": "constant_with_warmup", "parts": PARTS}
    scores = [0.5, 0.6]
    whole = teach(tmp_path / "whole", epochs=2, scores=scores, **given).bundle.model.state_dict()
    teach(tmp_path / "stopped", epochs=1, **given)

    found = teach(tmp_path / "stopped", epochs=2, scores=[0.9], **given).bundle.model.state_dict()

    for name, each in found.items():
        assert torch.equal(whole[name], each), name


def test_rates_of_a_phase_are_its_own():
    """What it does not name is as in `[training]`."""
    training = Training(
        rates={"projector": 0.5}, phase=(Phase(), Phase(rates={"vision-tower": 0.1}))
    )

    found = [plan.options.rates for plan in plan_phases(training, Tiny(TinyOptions()))]

    assert [{"projector": 0.5}, {"vision-tower": 0.1}] == found


@pytest.mark.parametrize(
    ("training", "wanted"),
    [
        (Training(rates={"projector": 0.5}), [("training", "rates")]),
        (Training(rates={"patch-embedding": 0.5}), []),
        (Training(rates={"language-model": 0.5}, lora=Lora()), []),
        (Training(rates={"projector": 0.5}, phase=(Phase(), Phase(train=("projector",)))), []),
        (
            Training(phase=(Phase(rates={"projector": 0.5}),)),
            [("training", "phase", 0, "rates")],
        ),
    ],
)
def test_a_rate_of_what_does_not_learn_is_refused(training, wanted, monkeypatch):
    """Where only one phase could follow it."""
    monkeypatch.setattr("brainplug.recipe.phases.find_spec", lambda _name: True)
    backbone = Tiny(TinyOptions(train=("patch-embedding",)))

    assert wanted == [keys for keys, _ in check_phases(training, backbone)]


@pytest.mark.parametrize("rates", [{"tower": 1.0}, {"projector": 0.0}])
def test_rates_are_of_parts_and_positive(rates):
    """A part frozen is one that is not named in `train`."""
    with pytest.raises(ValueError, match="must be"):
        Training(rates=rates)


def test_a_deepspeed_file_with_an_optimiser_of_its_own_knows_no_rates(tmp_path):
    """Our own optimiser follows them under DeepSpeed as without it."""
    file = tmp_path / "own.json"
    file.write_text('{"optimizer": {"type": "AdamW", "params": {"lr": "auto"}}}')

    found = list(check_deepspeed(Training(deepspeed=file, rates={"patch-embedding": 0.5})))

    assert [("training", "deepspeed")] == [keys for keys, _ in found]
    assert "knows nothing of training.rates" in found[0][1]
    assert [] == list(check_deepspeed(Training(deepspeed=file)))

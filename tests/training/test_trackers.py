"""Curves sent to trackers: under which name, where one looks, and never twice."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace

import pytest
from transformers import TrainingArguments
from transformers.integrations import integration_utils

from brainplug.errors import RunError
from brainplug.runtime.curves import Curves, name_run
from brainplug.runtime.files import write_json
from brainplug.training.trackers import Tracking, send_scores


@pytest.fixture
def curves(tmp_path, monkeypatch):
    """Give the curves of a run that all trackers are told of."""
    for name in ("TENSORBOARD_LOGGING_DIR", "WANDB_MODE", "WANDB_DIR", "WANDB_PROJECT"):
        monkeypatch.delenv(name, raising=False)

    def of(*trackers):
        return Curves(trackers=trackers, folder=tmp_path / "sex" / "curves", run="sex")

    return of


def tell(tracking, steps):
    """Log as a Trainer does that goes on from some step: each step to all trackers."""
    arguments = TrainingArguments(output_dir="unused", report_to=[], **tracking.named())
    state = SimpleNamespace(is_world_process_zero=True, is_hyper_param_search=False)
    vars(state).update(trial_name=None, global_step=tracking.step, logging_steps=10)
    callbacks = tracking.callbacks()
    for each in callbacks:
        each.on_train_begin(arguments, state, None, model=None)
    for step in steps:
        state.global_step = step
        for each in callbacks:
            each.on_log(arguments, state, None, logs={"loss": 1.0 / step}, model=None)
    for each in callbacks:
        each.on_train_end(arguments, state, None, model=None)


def read_events(folder):
    """Return the steps of each curve, as tensorboard shows them."""
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder))
    events.Reload()
    return {name: [each.step for each in events.Scalars(name)] for name in events.Tags()["scalars"]}


@pytest.mark.parametrize(
    ("folder", "name"),
    [("runs/sex", "sex"), ("runs/sex/runs/fold-1", "sex/fold-1"), ("sex/arms/alone", "sex/alone")],
)
def test_a_fold_or_an_arm_is_named_after_its_run(tmp_path, folder, name):
    """The folder that holds it is known by its stages; `runs/` alone makes no run."""
    whole = tmp_path / folder.partition("sex")[0] / "sex"
    write_json(whole / "stages.json", {})

    assert name == name_run(tmp_path / folder)


def test_where_to_look_is_told_for_each_tracker(curves, monkeypatch):
    """With the command, and the run's name."""
    found = curves("tensorboard", "wandb", "trackio")
    monkeypatch.chdir(found.folder.parents[1].resolve())
    told = list(found.where())

    assert "curves in tensorboard: tensorboard --logdir sex/curves" == told[0]
    assert "curves in wandb: runs sex/… of project brainplug" == told[1]
    assert told[2].startswith("curves in trackio: trackio show --project brainplug")

    monkeypatch.setenv("WANDB_MODE", "offline")
    assert "wandb sync sex/curves/wandb/offline-run-*" in list(found.where())[1]


def test_a_training_that_goes_on_leaves_one_curve(curves):
    """What was told beyond the checkpoint is told again; a training anew begins the curve anew."""
    own = curves("tensorboard")
    tell(Tracking.begin(own, "phase-1", step=0), [10, 20, 30, 40])
    tell(Tracking.begin(own, "phase-1", step=20), [30, 40, 50])
    assert {"train/loss": [10, 20, 30, 40, 50]} == read_events(own.events("phase-1"))

    tell(Tracking.begin(own, "phase-1", step=0), [10])
    assert {"train/loss": [10]} == read_events(own.events("phase-1"))


def test_scores_lie_beside_the_curves_once(curves):
    """Those of an evaluation anew take the place of the earlier ones."""
    own = curves("tensorboard")
    for score in (0.5, 0.75):
        assert [] == list(send_scores(own, {"test/auroc": score}, step=120))

    assert {"test/auroc": [120]} == read_events(own.events("scores"))


@pytest.fixture
def wandb(monkeypatch):
    """Stand in for wandb; give what it is asked for."""
    asked = SimpleNamespace(runs=[], rows=[], summary={})

    def init(**given):
        module.run = SimpleNamespace(
            summary=asked.summary, _label=lambda **_: None, finish=module.finish
        )
        asked.runs.append(given)
        return module.run

    module = ModuleType("wandb")
    vars(module).update(
        run=None,
        init=init,
        log=asked.rows.append,
        config=SimpleNamespace(update=lambda *_, **__: None),
        finish=lambda: setattr(module, "run", None),
    )
    faults = ModuleType("wandb.sdk.lib.config_util")
    faults.ConfigError = ValueError
    for name, each in {"wandb": module, "wandb.sdk.lib.config_util": faults}.items():
        monkeypatch.setitem(sys.modules, name, each)
    for name in ("wandb.sdk", "wandb.sdk.lib"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setattr(integration_utils, "is_wandb_available", lambda: True)
    asked.module = module
    return asked


def test_wandb_is_told_the_name_and_nothing_twice(curves, wandb):
    """A training that goes on and its scores go to one run; one that begins anew has another."""
    own = curves("wandb")
    tell(Tracking.begin(own, "phase-1", step=0), [10, 20, 30])
    tell(Tracking.begin(own, "phase-1", step=10), [20, 30, 40])
    assert [] == list(send_scores(own, {"test/auroc": 0.75}, step=40))
    tell(Tracking.begin(own, "phase-1", step=0), [10])

    assert {"sex/phase-1"} == {each["name"] for each in wandb.runs}
    assert {str(own.folder)} == {each["dir"] for each in wandb.runs}
    first, *same, anew = [each["id"] for each in wandb.runs]
    assert [first, first] == same
    assert anew != first
    assert [10, 20, 30, 40, 10] == [row["train/global_step"] for row in wandb.rows]
    assert {"test/auroc": 0.75} == wandb.summary


def test_several_trackers_are_told_each_step(curves, wandb, monkeypatch):
    """What one was told the other does not know."""
    told = []
    module = ModuleType("trackio")
    vars(module).update(
        init=lambda **_: None,
        log=told.append,
        finish=lambda: None,
        config=SimpleNamespace(update=lambda *_, **__: None),
        context_vars=SimpleNamespace(current_space_id=SimpleNamespace(get=lambda: None)),
    )
    monkeypatch.setitem(sys.modules, "trackio", module)
    monkeypatch.setattr(integration_utils, "is_trackio_available", lambda: True)

    tell(Tracking.begin(curves("wandb", "trackio"), "phase-1", step=0), [10, 20])

    steps = [[row["train/global_step"] for row in rows] for rows in (wandb.rows, told)]
    assert [[10, 20], [10, 20]] == steps


def test_a_tracker_that_cannot_begin_is_named(curves, wandb):
    """A training says so before it begins; scores that cannot be sent end nothing."""

    def refuse(**_given):
        raise ValueError("no key")

    wandb.module.init = refuse
    own = curves("wandb")

    with pytest.raises(RunError, match="wandb cannot begin: ValueError: no key"):
        tell(Tracking.begin(own, "phase-1", step=0), [])
    (line,) = send_scores(own, {}, step=0)
    assert "scores were not sent to wandb" in line

"""Curves sent to trackers while a model learns, once each, however often a training goes on.

transformers' own callbacks send them. Here they are told under which name, and kept from telling
again what a training that was stopped has told already: its steps since the last checkpoint are
taken again, to the same end.
"""

from __future__ import annotations

import os
import shutil
import uuid
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
from transformers.integrations import TensorBoardCallback, TrackioCallback, WandbCallback

from brainplug.errors import RunError, first_line
from brainplug.runtime.curves import PROJECT, SCORES
from brainplug.runtime.notes import read_note, write_note

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from transformers import TrainerCallback, TrainerState, TrainingArguments

    from brainplug.runtime.curves import Curves

TOLD = "tracker.json"
"""Names the run of trackers that a phase goes to, and the last step that each was told of."""


class Diary:
    """What trackers were told of a phase.

    Args:
        folder: of the phase's curves.
        step: that the training goes on from, 0 for one that begins.
    """

    def __init__(self, folder: Path, step: int) -> None:
        self.file = folder / TOLD
        known = read_note(self.file) if step else None
        self.facts: dict[str, Any] = known or {"id": uuid.uuid4().hex[:8]}

    @property
    def id(self) -> str:
        """Name of the tracker's run; a training that begins anew has another."""
        return str(self.facts["id"])

    def is_new(self, tracker: str, logs: Mapping[str, Any], step: int) -> bool:
        """Tell whether a tracker knows no losses, or scores, of a step; note that it does now."""
        scores = any(name.startswith("eval_") for name in logs)
        kind = f"{'scores' if scores else 'losses'} in {tracker}"
        if step <= self.facts.get(kind, -1):
            return False
        self.facts[kind] = step
        self.write()
        return True

    def write(self) -> None:
        """Keep it."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        write_note(self.file, self.facts)


class TellsTensorBoard(TensorBoardCallback):
    """Writes events; what a stopped training wrote beyond its checkpoint, tensorboard forgets.

    Args:
        folder: of the events.
        step: that the training goes on from.
    """

    def __init__(self, folder: Path, step: int) -> None:
        super().__init__()
        self.folder = folder
        self.purge_step = step + 1 if step else 0

    def _init_summary_writer(self, _args: Any) -> None:
        self.tb_writer = self._SummaryWriter(str(self.folder), purge_step=self.purge_step)


class TellsWandb(WandbCallback):
    """Sends to a run of wandb that has the name of this one, and goes on with it.

    Args:
        diary: of the phase.
        curves: of the run.
        name: of the run and the phase.
    """

    def __init__(self, diary: Diary, curves: Curves, name: str) -> None:
        super().__init__()
        self.diary, self.curves, self.name = diary, curves, name

    def setup(
        self, args: TrainingArguments, state: TrainerState, model: Any, **kwargs: Any
    ) -> None:
        """Begin the run, or go on with it, ahead of transformers, which takes it then."""
        if state.is_world_process_zero:
            begin_wandb(self.diary, self.curves, self.name)
        super().setup(args, state, model, **kwargs)

    def on_log(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Send what was not sent yet."""
        logs, step = kwargs["logs"], state.global_step
        if not state.is_world_process_zero or self.diary.is_new("wandb", logs, step):
            super().on_log(args, state, control, **kwargs)

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """End the run, so that the next phase has one of its own."""
        super().on_train_end(args, state, control, **kwargs)
        if state.is_world_process_zero:
            self._wandb.finish()


class TellsTrackio(TrackioCallback):
    """Sends to a run of trackio that has the name of this one, and goes on with it.

    Args:
        diary: of the phase.
    """

    def __init__(self, diary: Diary) -> None:
        super().__init__()
        self.diary = diary

    def setup(
        self, args: TrainingArguments, state: TrainerState, model: Any, **kwargs: Any
    ) -> None:
        """Begin the run, or go on with it."""
        with beginning("trackio"):
            super().setup(args, state, model, **kwargs)

    def on_log(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Send what was not sent yet."""
        logs, step = kwargs["logs"], state.global_step
        if not state.is_world_process_zero or self.diary.is_new("trackio", logs, step):
            super().on_log(args, state, control, **kwargs)


def begin_wandb(diary: Diary, curves: Curves, name: str) -> Any:
    """Begin the run of wandb that a diary names, or go on with it."""
    import wandb

    diary.write()
    folder = os.environ.get("WANDB_DIR", str(curves.folder))
    Path(folder).mkdir(parents=True, exist_ok=True)
    with beginning("wandb"):
        return wandb.init(
            project=os.environ.get("WANDB_PROJECT", PROJECT),
            name=name,
            group=curves.run,
            id=os.environ.get("WANDB_RUN_ID", diary.id),
            resume="allow",
            dir=folder,
        )


@contextmanager
def beginning(tracker: str) -> Iterator[None]:
    """Say what to do when a tracker cannot begin.

    Raises:
        RunError: it cannot, for example for lack of a key or of a network.
    """
    try:
        yield
    except Exception as error:
        raise RunError(
            f"{tracker} cannot begin: {type(error).__name__}: {first_line(error)}",
            where="training.report_to",
            hint=f"see its documentation, or leave {tracker!r} out; nothing is lost",
        ) from error


@attrs.frozen(kw_only=True)
class Tracking:
    """A phase of a training as trackers know it.

    Attributes:
        curves: of the run.
        phase: its name.
        step: that it goes on from, 0 where it begins.
        diary: what was told.
    """

    curves: Curves
    phase: str
    step: int
    diary: Diary

    @classmethod
    def begin(cls, curves: Curves, phase: str, *, step: int) -> Tracking:
        """Open a phase; curves of one that begins are begun anew."""
        folder = curves.folder / phase
        if not step:
            shutil.rmtree(folder, ignore_errors=True)
        return cls(curves=curves, phase=phase, step=step, diary=Diary(folder, step))

    def callbacks(self) -> list[TrainerCallback]:
        """Return what tells the trackers."""
        name = self.curves.name(self.phase)
        makers: dict[str, Callable[[], TrainerCallback]] = {
            "tensorboard": lambda: TellsTensorBoard(self.curves.events(self.phase), self.step),
            "wandb": lambda: TellsWandb(self.diary, self.curves, name),
            "trackio": lambda: TellsTrackio(self.diary),
        }
        return [makers[tracker]() for tracker in self.curves.trackers]

    def named(self) -> dict[str, str]:
        """Return transformers' arguments that name the run.

        trackio knows runs by their names alone, so that one that begins anew has another.
        """
        name = self.curves.name(self.phase)
        own = f"{name}-{self.diary.id}" if "trackio" in self.curves.trackers else name
        return {"run_name": own, "project": PROJECT} if self.curves.trackers else {}


def send_scores(curves: Curves, scores: Mapping[str, float], *, step: int) -> Iterator[str]:
    """Send the scores of an evaluation; give what could not be sent, which loses nothing.

    Args:
        curves: of the run.
        scores: by split and metric, such as `test/auroc`.
        step: of the checkpoint that was evaluated.
    """
    for tracker in curves.trackers:
        try:
            SENDERS[tracker](curves, scores, step)
        except Exception as error:  # noqa: BLE001 - a network or a key of others
            yield f"scores were not sent to {tracker}: {type(error).__name__}: {first_line(error)}"


def send_to_tensorboard(curves: Curves, scores: Mapping[str, float], step: int) -> None:
    """Write the scores as events, in the place of those of an earlier evaluation."""
    from torch.utils.tensorboard import SummaryWriter

    folder = curves.events(SCORES)
    for before in folder.glob("events.out.tfevents.*") if curves.is_own else ():
        before.unlink()
    with SummaryWriter(str(folder), purge_step=0) as writer:
        for name, score in scores.items():
            writer.add_scalar(name, score, step)


def send_to_wandb(curves: Curves, scores: Mapping[str, float], _step: int) -> None:
    """Put the scores into the summary of the last phase's run, where they are replaced."""
    phase = last_phase(curves)
    run = begin_wandb(phase.diary, curves, curves.name(phase.phase))
    run.summary.update(dict(scores))
    run.finish()


def send_to_trackio(curves: Curves, scores: Mapping[str, float], step: int) -> None:
    """Tell the last phase's run the scores, which it then has beside those told before."""
    import trackio

    trackio.init(project=PROJECT, name=last_phase(curves).named()["run_name"], resume="allow")
    trackio.log({**scores, "train/global_step": step})
    trackio.finish()


SENDERS = {
    "tensorboard": send_to_tensorboard,
    "wandb": send_to_wandb,
    "trackio": send_to_trackio,
}
"""How scores are sent to each tracker."""


def last_phase(curves: Curves) -> Tracking:
    """Return the phase whose model is evaluated, as trackers know it.

    Several runs that are scored together have no phase of their own, but the scores.
    """
    found = [path.name for path in curves.folder.glob("phase-*") if (path / TOLD).is_file()]
    last = max(found, key=lambda name: int(name.rpartition("-")[2]), default=SCORES)
    return Tracking.begin(curves, last, step=1)

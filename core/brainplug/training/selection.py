"""Which validation is the best: by the score that selects, then by a proper one, then the latest.

A metric of few people often ties, and a tie is where a checkpoint that is luckier than another is
taken for a better one. A proper score, such as the log loss of the right answer, hardly ever ties,
and a later step has learnt more.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import attrs
from transformers import EarlyStoppingCallback

from brainplug.evaluation.records import SelectedCheckpoint
from brainplug.recipe.metrics import LAST

if TYPE_CHECKING:
    from collections.abc import Mapping

    from transformers import TrainerControl, TrainerState, TrainingArguments

    from brainplug.training.job import TrainingJob


@attrs.frozen(kw_only=True)
class Order:
    """The order of validations.

    Attributes:
        select_by: the score that selects.
        higher_is_better: its direction.
        proper: the score that settles ties, of which less is better; None settles none.
    """

    select_by: str
    higher_is_better: bool
    proper: str | None = None

    def rank(self, row: Mapping[str, Any]) -> tuple[float, float]:
        """Return what orders a validation; infinitely low where its score is not defined.

        >>> order = Order(select_by="mae", higher_is_better=False, proper="expected-error")
        >>> order.rank({"eval_mae": 3.0, "eval_expected-error": 2.5}), order.rank({})
        ((-3.0, -2.5), (-inf, -inf))
        """
        value, proper = row.get(f"eval_{self.select_by}"), row.get(f"eval_{self.proper}")
        sign = 1 if self.higher_is_better else -1
        return (
            -math.inf if value is None else sign * float(value),
            -math.inf if proper is None else -float(proper),
        )

    def best(self, state: TrainerState) -> tuple[float, float]:
        """Return the rank of the best validation so far, from the log, which checkpoints keep."""
        rows = [
            row
            for row in state.log_history
            if row["step"] == state.best_global_step and f"eval_{self.select_by}" in row
        ]
        return self.rank(rows[-1] if rows else {})


class Patience(EarlyStoppingCallback):
    """Ends a training after some validations of which none was better than the best before.

    Args:
        patience: how many.
        order: says what is better; one that is as good as the best is not.
    """

    def __init__(self, patience: int, order: Order | None = None) -> None:
        super().__init__(patience)
        self.order = order
        self.early_stopping_patience_counter: int = 0

    def on_evaluate(
        self,
        _args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        metrics: Mapping[str, Any],
        **_kwargs: Any,
    ) -> None:
        """Count a validation; the best before it is still that of the state."""
        assert self.order is not None
        better = self.order.rank(metrics) > self.order.best(state)
        self.early_stopping_patience_counter = (
            0 if better else self.early_stopping_patience_counter + 1
        )
        if self.early_stopping_patience_counter >= self.early_stopping_patience:
            control.should_training_stop = True


def order_of(job: TrainingJob) -> Order:
    """Return the order of a training's validations."""
    return Order(select_by=job.select_by, higher_is_better=job.higher_is_better, proper=job.proper)


def describe_selected(job: TrainingJob, state: TrainerState) -> SelectedCheckpoint | None:
    """Say which checkpoint was chosen, or None where no validation gave a score.

    A training knows of no other phase, so it is that of phase 1.
    """
    if job.select_by == LAST:
        return SelectedCheckpoint(phase=1, metric=LAST, value=None, step=state.global_step)
    if state.best_global_step is None or state.best_metric is None:
        return None
    return SelectedCheckpoint(
        phase=1,
        metric=job.select_by,
        value=float(state.best_metric),
        step=state.best_global_step,
    )

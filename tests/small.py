"""What small runnable recipes have in common, and tasks that need no recipe."""

from __future__ import annotations

from pathlib import Path

import attrs

from brainplug.api.records import Image, Turn
from brainplug.tasks.task import Task

GRID = """
[images]
shape = [16, 16, 16]
spacing_mm = 12.0
"""

LEARNING = """
[model]
use = "tiny"
hidden_size = 16
heads = 2
vision_layers = 1
language_layers = 1
[training]
epochs = {epochs}
learning_rate = 1e-3
warmup_steps = 1
batch_size = 8
accumulation = 1
[evidence]
arms = []
baselines = ["site"]  # what reads scans takes a second a run
test = true
[evaluation]
bootstrap = 100
"""

DESIGN = """
seed = 7
[cohort]
use = "simulated"
subjects = 60
resolution_mm = 8
sex_effect = 4.0
broken = 2
[target]
use = "{head}"
column = "{column}"
{more}
[split]
use = "family"
fractions = {{ train = 0.5, val = 0.25, test = 0.25 }}
[pairing]
use = "independent"
references_per_query = 2
[prompt]
use = "comparison"
reference = "This is {{value}}."
acknowledgement = "Noted."
question = "And this?"
answer = "It is {{value}}."
"""


def make_task(task_id, references, query, truth="male", question="And this?") -> Task:
    """Ask for a query beside any number of references; scans are named as their people."""
    turns = []
    for place, name in enumerate(references):
        turns += [Turn.user(Image(place), f"This is {name}."), Turn.assistant("Noted.")]
    turns += [Turn.user(Image(len(references)), question), Turn.assistant(f"It is {truth}.")]
    return Task(
        task_id=task_id,
        kind="categorical",
        target="sex",
        subject=query,
        truth=truth,
        references=tuple(references),
        reference_values=("male",) * len(references),
        images=tuple(map(Path, (*references, query))),
        turns=tuple(turns),
        codes=(1,) * (len(references) + 1),
    )


def make_number_task(truth: float, text: str, query: str = "x", references=("a",)) -> Task:
    """Ask for a number, which the answer states as told."""
    task = make_task("n", references, query)
    return attrs.evolve(
        task,
        kind="numerical",
        target="age",
        truth=truth,
        reference_values=(30.0,) * len(references),
        turns=(*task.turns[:-1], Turn.assistant(text)),
        codes=(),
    )


def task_of(place: int) -> Task:
    """Make a task of the study that its place is in; all show the same two scans."""
    study = "LARGE" if place < 9 else "SMALL"
    return attrs.evolve(make_task(f"t{place}", ["r"], "q"), subject=f"{study}:{place}")


TASKS = [
    make_task("t0", ["a"], "x"),
    make_task("t1", ["b"], "x", "female"),
    make_task("t2", ["a"], "y"),
    make_task("t3", ["a"], "z", question="What is it here?"),
    make_task("t4", ["b", "c"], "y"),
    make_task("t5", [], "y"),
]

"""Whether a model uses its references: trainings with and without, and answers beside wrong ones.

    python benchmarks/reference.py                     # recipes/demo-reference.toml, ten minutes
    python benchmarks/reference.py --recipe mine.toml  # another recipe of a `simulated` study
    python benchmarks/reference.py --json out.json     # also as JSON, with machine and commit

Three trainings on the same people, of which only the pairing differs:

    of the site   the recipe's own pairing, `within = ["site"]`
    anywhere      the same, references from any site
    the same      `anchors`: everybody is shown the same few scans, so that only the query tells

The first model answers the test once more with each reference exchanged for a scan of another site
whose label is the same, so every word stays. An ideal reader's scores are those of the study's own
`truth.json`; each stands for one answer, while a subject's answers are put to the vote.
"""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
from results import make_parser, write_results
from rich.console import Console
from runs import run_recipe

from brainplug.evaluation.aggregate import aggregate
from brainplug.inference.answer import all_answers
from brainplug.model.bundle import load_bundle
from brainplug.recipe.load import read_recipe
from brainplug.registry import load_registry
from brainplug.run.arithmetic import settled
from brainplug.run.asking import open_session
from brainplug.run.context import Workspace
from brainplug.run.task_stages import read_cohort
from brainplug.tasks.answers import AnswerRow, read_answers

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from brainplug.tasks.task import Task

RECIPE = Path(__file__).parents[1] / "recipes" / "demo-reference.toml"
OWN, ANYWHERE, SAME = "of the site", "anywhere", "the same"


def pairings(own: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the pairing of each training."""
    anywhere = {key: value for key, value in own.items() if key != "within"}
    # As many dialogues, so as many steps.
    return {
        OWN: own,
        ANYWHERE: anywhere,
        SAME: {"use": "anchors", "anchors": own["references_per_query"]},
    }


def train(recipe: Path, folder: Path, pairing: dict[str, Any]) -> Path:
    """Run a recipe with another pairing, and return its run folder."""
    wanted = tomllib.loads(recipe.read_text(encoding="utf-8")) | {"pairing": pairing}
    return run_recipe(wanted, folder)


def open_run(run: Path) -> Workspace:
    """Open a finished run."""
    registry = load_registry()
    recipe = read_recipe(run / "recipe.toml", registry).recipe
    return Workspace.open(recipe, registry=registry, folder=run, console=Console(quiet=True))


def exchange(tasks: Sequence[Task], cohort: pd.DataFrame, seed: int) -> list[Task]:
    """Show each reference's words with a scan of another site, whose label is the same."""
    rng = np.random.default_rng(seed)
    tested = cohort[cohort["subject"].isin({task.subject for task in tasks})]
    sites = tested.set_index("subject")["site"]
    exchanged = []
    for task in tasks:
        elsewhere = tested[tested["site"] != sites[task.subject]]
        images = [
            Path(rng.choice(elsewhere.loc[elsewhere["target"] == value, "image"].to_numpy()))
            for value in task.reference_values
        ]
        exchanged.append(attrs.evolve(task, images=(*images, task.images[-1])))
    return exchanged


def answer_exchanged(workspace: Workspace) -> list[AnswerRow]:
    """Let a trained model answer its test beside references of other sites."""
    session = open_session(settled(workspace), workspace.plan)
    tasks = exchange(session.tasks["test"], read_cohort(workspace), workspace.recipe.seed)
    bundle = load_bundle(workspace.files.model)
    return all_answers(bundle, tasks, session.answer_settings(bundle), split="test")


def score(
    trained: str, shown: str, rows: Sequence[AnswerRow], labels: Sequence[str]
) -> dict[str, Any]:
    """Return balanced accuracies over subjects and over single answers."""
    frame = aggregate(rows, "categorical", labels, None)
    single = [row.prediction == row.truth for row in rows]
    return {
        "trained": trained,
        "shown": shown,
        "subjects": len(frame),
        "balanced_accuracy": balanced(frame["prediction"] == frame["truth"], frame["truth"]),
        "of_single_answers": balanced(single, [row.truth for row in rows]),
    }


def balanced(right: Any, truths: Any) -> float:
    """Return the mean over classes of the share that is right."""
    right, truths = np.asarray(right, dtype=float), np.asarray(truths)
    return float(np.mean([right[truths == truth].mean() for truth in np.unique(truths)]))


def tested(run: Path) -> list[AnswerRow]:
    """Return the answers of a run to its test."""
    return [row for row in read_answers(run / "answers.jsonl") if row.split == "test"]


def ideal(workspace: Workspace) -> dict[str, Any]:
    """Return what the study's truth says of an ideal reader."""
    study: Any = workspace.studies[0].loader
    found: dict[str, Any] = json.loads((study.folder / "truth.json").read_text(encoding="utf-8"))
    return dict(found["ideal_reader"]["sex"])


def main() -> None:
    """Train, exchange and print."""
    parser = make_parser(__doc__)
    parser.add_argument("--recipe", type=Path, default=RECIPE, help="of a `simulated` study")
    parser.add_argument("--folder", type=Path, default=Path("runs/reference"), help="of the runs")
    given = parser.parse_args()
    own = tomllib.loads(given.recipe.read_text(encoding="utf-8"))["pairing"]
    runs = {
        name: train(given.recipe, given.folder / name.replace(" ", "-"), pairing)
        for name, pairing in pairings(own).items()
    }
    workspace = open_run(runs[OWN])
    labels = sorted({str(row.truth) for row in tested(runs[OWN])})
    rows = [score(name, name, tested(run), labels) for name, run in runs.items()]
    rows.insert(1, score(OWN, "of another site", answer_exchanged(workspace), labels))
    print(f"\n{'trained':14}{'answers':17}{'subjects':>9}{'a subject':>11}{'an answer':>11}")
    for row in rows:
        print(
            f"{row['trained']:14}{row['shown']:17}{row['subjects']:9}"
            f"{row['balanced_accuracy']:11.3f}{row['of_single_answers']:11.3f}"
        )
    print(f"an ideal reader: {ideal(workspace)}")
    write_results(given.json, [*rows, ideal(workspace)])


if __name__ == "__main__":
    main()

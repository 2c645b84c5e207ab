"""What the model reads off scans, beside simple readers on the same folds.

    python benchmarks/learning.py mine.toml --seeds 1 2 3   # such as recipes/small-study.toml
    python benchmarks/learning.py mine.toml --without augmentation training.auxiliary
    python benchmarks/learning.py mine.toml --json out.json   # with machine and commit

A recipe with folds is run once for each training seed. The readers learn from the very volumes that
the model sees, of all people that a fold does not test (those that validate are the readers' too),
and are asked for the people it tests:

    train mean             a number without any scan
    head size              the count of voxels above a tenth of the head's median
    30 components, linear  principal components, then ridge or logistic regression
    small 3-D CNN          four stages of convolution, batch norm and pooling, 20 epochs

Printed for each: AUROC and balanced accuracy, or mean absolute error and r, pooled over the folds,
as mean over seeds with the least and the greatest. `--without` runs the recipe again with one key
back at its default each time, which says what that part gives.
"""

from __future__ import annotations

import itertools
import json
import time
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
import pandas as pd
import torch
from results import make_parser, write_results
from runs import run_recipe
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import balanced_accuracy_score, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from brainplug.imaging.cache import make_volume
from brainplug.recipe.load import read_recipe
from brainplug.registry import load_registry
from brainplug.tasks.answers import read_answers

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Reader = Callable[["Fold", int], np.ndarray]

WIDTHS = (1, 16, 32, 48, 64)


@attrs.frozen(kw_only=True, eq=False)
class Fold:
    """The people of a fold, as readers see them.

    Attributes:
        volumes: `(n, i, j, k)` of all people.
        truths: what is read, as numbers; of two classes 0 and 1.
        learn: places of those who are not tested.
        asked: places of those who are.
        numbers: whether the target is a number.
    """

    volumes: np.ndarray
    truths: np.ndarray
    learn: np.ndarray
    asked: np.ndarray
    numbers: bool


def head_size(fold: Fold, _seed: int) -> np.ndarray:
    """Read the target off the size of the head alone."""
    # A head's median is 0.5.
    size = (fold.volumes > 0.05).sum(axis=(1, 2, 3))[:, None].astype(float)
    return linear(fold, size)


def components(fold: Fold, _seed: int) -> np.ndarray:
    """Read it off 30 principal components."""
    flat = fold.volumes.reshape(len(fold.volumes), -1)
    return linear(fold, flat, PCA(min(30, len(fold.learn)), random_state=0))


def train_mean(fold: Fold, _seed: int) -> np.ndarray:
    """Say the mean of those who are not tested."""
    return np.full(len(fold.asked), fold.truths[fold.learn].mean())


def linear(fold: Fold, features: np.ndarray, *steps: Any) -> np.ndarray:
    """Fit a penalised linear model and return what it says."""
    last = Ridge(10.0) if fold.numbers else LogisticRegression(C=0.1, max_iter=3000)
    model = make_pipeline(*steps, StandardScaler(), last)
    model.fit(features[fold.learn], fold.truths[fold.learn])
    asked = features[fold.asked]
    return model.predict(asked) if fold.numbers else model.predict_proba(asked)[:, 1]


def small_cnn(fold: Fold, seed: int) -> np.ndarray:
    """Train a small CNN for 20 epochs with a batch of 16; returns probabilities of a class."""
    torch.manual_seed(seed)
    net = make_cnn()
    wanted = fold.truths[fold.learn]
    mean, sd = (wanted.mean(), wanted.std()) if fold.numbers else (0.0, 1.0)
    scans = torch.tensor(fold.volumes, dtype=torch.float32)[:, None]
    values = torch.tensor((fold.truths - mean) / sd, dtype=torch.float32)
    net(scans[:2])
    batches = -(-len(fold.learn) // 16)
    steps = 20 * batches
    optimiser = torch.optim.AdamW(net.parameters(), 1e-3, weight_decay=1e-2, betas=(0.9, 0.95))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda i: min(1, (i + 1) / 20) * 0.5 * (1 + np.cos(np.pi * i / steps))
    )
    functional = torch.nn.functional
    loss_of = functional.mse_loss if fold.numbers else functional.binary_cross_entropy_with_logits
    rng = np.random.default_rng(seed)
    for _ in range(20):
        for part in np.array_split(rng.permutation(fold.learn), batches):
            optimiser.zero_grad()
            loss_of(net(scans[part])[:, 0], values[part]).backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimiser.step()
            schedule.step()
    net.eval()
    with torch.no_grad():
        said = net(scans[fold.asked])[:, 0]
    return (said * sd + mean if fold.numbers else said.sigmoid()).numpy()


def make_cnn() -> torch.nn.Sequential:
    """Make the network; its last layer takes what comes."""
    layers: list[torch.nn.Module] = []
    for number, (into, out) in enumerate(itertools.pairwise(WIDTHS)):
        stride = 1 if number else 2
        layers += [
            torch.nn.Conv3d(into, out, 3, padding=1, stride=stride, bias=False),
            torch.nn.BatchNorm3d(out),
            torch.nn.ReLU(),
            torch.nn.MaxPool3d(2) if number else torch.nn.Identity(),
        ]
    return torch.nn.Sequential(
        *layers, torch.nn.Flatten(), torch.nn.Dropout(0.3), torch.nn.LazyLinear(1)
    )


READERS: dict[str, Reader] = {
    "head size": head_size,
    "30 components, linear": components,
    "small 3-D CNN": small_cnn,
}


def change(recipe: dict[str, Any], key: str, value: Any) -> None:
    """Set a dotted key of a recipe; None takes it out."""
    *tables, last = key.split(".")
    for table in tables:
        recipe = recipe.setdefault(table, {})
    if value is None:
        recipe.pop(last, None)
    else:
        recipe[last] = value


def fold_folders(run_folder: Path) -> list[Path]:
    """Return the folders of the folds; the run itself where there is one split only."""
    names = run_folder / "runs.json"
    if not names.exists():
        return [run_folder]
    return [run_folder / "runs" / each for each in json.loads(names.read_text(encoding="utf-8"))]


def predictions(folder: Path, positive: str | None) -> pd.DataFrame:
    """Return `subject`, `truth` and `said` of a run's test, by the read-out of its headline."""
    said: dict[str, list[float]] = {}
    truths: dict[str, Any] = {}
    metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    chosen = (metrics.get("readouts") or {}).get("headline", "said")
    for row in read_answers(folder / "answers.jsonl"):
        if row.split != "test":
            continue
        truths[row.subject] = row.truth
        if positive is not None:
            said.setdefault(row.subject, []).append((row.probabilities or {})[positive])
        elif chosen == "expected" and row.expected is not None:
            said.setdefault(row.subject, []).append(row.expected)
        elif row.prediction is not None:
            said.setdefault(row.subject, []).append(float(row.prediction))
    means = [float(np.median(said[each])) if each in said else np.nan for each in truths]
    return pd.DataFrame({"subject": list(truths), "truth": list(truths.values()), "said": means})


def read_scans(run_folder: Path, recipe_file: Path) -> tuple[pd.DataFrame, np.ndarray]:
    """Return the cohort of a run, and the volume of each of its rows."""
    recipe = read_recipe(recipe_file, load_registry()).recipe
    cohort = pd.read_parquet(run_folder / "cohort.parquet")
    grid = recipe.images.grid
    volumes = [make_volume(Path(each), grid) for each in cohort["image"]]
    return cohort, np.stack(volumes).astype(np.float32)


def read_simply(
    cohort: pd.DataFrame, volumes: np.ndarray, tested: Sequence[set[str]], seed: int
) -> dict[str, pd.DataFrame]:
    """Let each reader learn and answer in every fold."""
    numbers = pd.api.types.is_numeric_dtype(cohort["target"])
    truths = cohort["target"].to_numpy()
    if not numbers:
        truths = (truths == np.unique(truths.astype(str))[-1]).astype(float)
    readers = ({"train mean": train_mean} if numbers else {}) | READERS
    found: dict[str, list[pd.DataFrame]] = {name: [] for name in readers}
    for people in tested:
        asked = cohort["subject"].isin(people).to_numpy()
        fold = Fold(
            volumes=volumes,
            truths=truths.astype(float),
            learn=np.flatnonzero(~asked),
            asked=np.flatnonzero(asked),
            numbers=numbers,
        )
        for name, reader in readers.items():
            row = {"truth": fold.truths[fold.asked], "said": reader(fold, seed)}
            found[name].append(pd.DataFrame(row))
    return {name: pd.concat(frames) for name, frames in found.items()}


def score(frame: pd.DataFrame, *, numbers: bool) -> tuple[float, float]:
    """Return AUROC and balanced accuracy, or mean absolute error and r."""
    truth, said = frame["truth"].to_numpy(float), frame["said"].to_numpy(float)
    if not numbers:
        accuracy = balanced_accuracy_score(truth, said > 0.5)
        return float(roc_auc_score(truth, said)), float(accuracy)
    related = float(np.corrcoef(truth, said)[0, 1]) if said.std() > 1e-9 else float("nan")
    return float(np.abs(truth - said).mean()), related


def score_model(
    recipe: dict[str, Any], folder: Path, seed: int
) -> tuple[tuple[float, float], list[set[str]], float]:
    """Run a recipe; return its scores, whom each fold tests, and minutes a fold."""
    change(recipe, "training.seed", seed)
    begun = time.monotonic()
    done = run_recipe(recipe, folder)
    folds = fold_folders(done)
    minutes = (time.monotonic() - begun) / 60 / len(folds)
    target = pd.read_parquet(done / "cohort.parquet")["target"]
    numbers = pd.api.types.is_numeric_dtype(target)
    positive = None if numbers else str(np.unique(target.astype(str))[-1])
    frames = [predictions(each, positive) for each in folds]
    whole = pd.concat(frames)
    if positive is not None:
        whole["truth"] = (whole["truth"] == positive).astype(float)
    return score(whole, numbers=numbers), [set(each["subject"]) for each in frames], minutes


def tell(name: str, scores: Sequence[tuple[float, float]], minutes: float | None) -> dict[str, Any]:
    """Print a row of the table, and return it for the file."""
    first, second = (np.array(column) for column in zip(*scores, strict=True))
    spread = f"{first.mean():7.3f} ({first.min():.3f} to {first.max():.3f})"
    spent = "" if minutes is None else f"{minutes:6.1f} min a fold"
    print(f"{name:40}{spread:28}{second.mean():7.3f} {spent}", flush=True)
    return {"reader": name, "scores": [list(each) for each in scores], "minutes": minutes}


def main() -> None:
    """Run, let the readers read, and print."""
    parser = make_parser(__doc__)
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--folder", type=Path, default=Path("runs/learning"), help="of the runs")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1], help="of training")
    parser.add_argument("--without", nargs="*", default=[], help="keys put back to their default")
    given = parser.parse_args()
    wanted = absolute(tomllib.loads(given.recipe.read_text(encoding="utf-8")), given.recipe.parent)
    scores, minutes = [], []
    for seed in given.seeds:
        folder = given.folder / f"seed-{seed}"
        found, tested, spent = score_model(json.loads(json.dumps(wanted)), folder, seed)
        scores.append(found)
        minutes.append(spent)
    cohort, volumes = read_scans(folder / "run", folder / "wanted.toml")
    numbers = pd.api.types.is_numeric_dtype(cohort["target"])
    heads = ("MAE", "r") if numbers else ("AUROC", "balanced accuracy")
    print(f"\n{len(cohort)} people, {len(tested)} folds, seeds {given.seeds}")
    print(f"{'reader':40}{heads[0]:>7}{heads[1]:>28}")
    simple = [read_simply(cohort, volumes, tested, seed) for seed in given.seeds]
    rows = [
        tell(name, [score(each[name], numbers=numbers) for each in simple], None)
        for name in simple[0]
    ]
    rows.append(tell("the recipe", scores, float(np.mean(minutes))))
    for key in given.without:
        less = json.loads(json.dumps(wanted))
        change(less, key, None)
        runs = [
            score_model(json.loads(json.dumps(less)), given.folder / key / f"seed-{seed}", seed)
            for seed in given.seeds
        ]
        told = float(np.mean([spent for _, _, spent in runs]))
        rows.append(tell(f"without {key}", [found for found, _, _ in runs], told))
    write_results(given.json, rows)


def absolute(recipe: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Return a recipe whose cohort's paths are whole, since it is run from elsewhere."""
    for key in ("table", "images", "folder"):
        if key in recipe["cohort"]:
            recipe["cohort"][key] = str((folder / recipe["cohort"][key]).resolve())
    return recipe


if __name__ == "__main__":
    main()

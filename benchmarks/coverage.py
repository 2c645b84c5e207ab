"""How often an interval holds the truth: simulated test sets whose truth is known, and no model.

    python benchmarks/coverage.py                                # all of it, in some ten minutes
    python benchmarks/coverage.py --metrics auroc --sizes 43     # part of it
    python benchmarks/coverage.py --differences                  # of two systems on the same people
    python benchmarks/coverage.py --against 0.5                  # the second of them is this good
    python benchmarks/coverage.py --sets 200 --json out.json     # quicker, and kept

Each line is one kind of test set: how many people, what the score of the whole population is,
which share the smaller class has, and how alike siblings are; people come in families of two, and
the interval is told so, alike or not. An interval of 95 % should hold the truth in 93 to 97 % of
the sets, and miss on either side in 4 % at most; a line that does not is marked, and a line is
`over` where more is held, as it must be near 1, where only few scores are possible.
"""

from __future__ import annotations

import itertools
from math import sqrt
from statistics import NormalDist
from typing import TYPE_CHECKING

import attrs
import numpy as np
import pandas as pd
from results import make_parser, write_results

from brainplug.api.records import Predictions
from brainplug.evaluation.bootstrap import BootstrapPlan
from brainplug.evaluation.differences import find_gap
from brainplug.evaluation.intervals import interval
from brainplug_plugins.metrics.accuracy import Accuracy, AccuracyOptions
from brainplug_plugins.metrics.auroc import Auroc, AurocOptions
from brainplug_plugins.metrics.balanced_accuracy import BalancedAccuracy, BalancedAccuracyOptions
from brainplug_plugins.metrics.macro_f1 import MacroF1, MacroF1Options
from brainplug_plugins.metrics.mae import Mae, MaeOptions
from brainplug_plugins.metrics.pearson_r import PearsonR, PearsonROptions
from brainplug_plugins.metrics.r2 import R2, R2Options
from brainplug_plugins.metrics.rmse import Rmse, RmseOptions

if TYPE_CHECKING:
    import argparse

METRICS = {
    "accuracy": Accuracy(AccuracyOptions()),
    "balanced-accuracy": BalancedAccuracy(BalancedAccuracyOptions()),
    "macro-f1": MacroF1(MacroF1Options()),
    "auroc": Auroc(AurocOptions()),
    "mae": Mae(MaeOptions()),
    "rmse": Rmse(RmseOptions()),
    "r2": R2(R2Options()),
    "pearson-r": PearsonR(PearsonROptions()),
}
ASKED = ("accuracy", "balanced-accuracy", "auroc", "mae", "pearson-r")
SIZES, TRUTHS = (20, 43, 150, 500), (0.5, 0.8, 0.97, 1.0)
MINORITIES, LIKENESSES = (0.5, 0.1), (0.0, 0.5)
COMMON = 0.5
"""How much of their errors two systems have in common."""
PLAN = BootstrapPlan(samples=1000, confidence=0.95, seed=1)
LABELS = ("many", "few")
LEAST, MOST, SIDE = 0.93, 0.97, 0.04
ROUNDING = 1e-9
HALF = 0.5


@attrs.frozen(kw_only=True)
class Case:
    """A kind of test set.

    Attributes:
        people: how many.
        truth: share of right answers, area, or correlation of the whole population.
        minority: share of the smaller class.
        likeness: correlation of siblings.
        against: that of the second of two systems; None where they are equally good.
    """

    people: int
    truth: float
    minority: float
    likeness: float
    against: float | None = None

    @property
    def truths(self) -> tuple[float, float]:
        """Return how good each of two systems is."""
        return self.truth, self.truth if self.against is None else self.against

    @property
    def families(self) -> np.ndarray:
        """Return the family of each person: of two, the last alone where people are odd."""
        return np.arange(self.people) // 2

    @property
    def clusters(self) -> list[str]:
        """Return the families by name."""
        return [f"{number:04}" for number in self.families]

    def draw_classes(self, rng: np.random.Generator) -> np.ndarray:
        """Draw who is of the smaller class: always as many, at random places."""
        few = np.arange(self.people) < max(1, round(self.people * self.minority))
        return rng.permutation(few)

    def draw_alike(self, rng: np.random.Generator) -> np.ndarray:
        """Draw normal values, as alike among siblings as the case has it."""
        shared = rng.normal(size=self.people)[self.families]
        own = rng.normal(size=self.people)
        return sqrt(self.likeness) * shared + sqrt(1 - self.likeness) * own

    def draw_right(self, rng: np.random.Generator, truth: float) -> np.ndarray:
        """Draw who is right: with the case's likeness siblings share one draw."""
        shared = (rng.random(self.people) < truth)[self.families]
        own = rng.random(self.people) < truth
        return np.where((rng.random(self.people) < self.likeness)[self.families], shared, own)


def answer(few: np.ndarray, right: np.ndarray) -> Predictions:
    """Return answers that are right or wrong."""
    names = np.array(LABELS, dtype=object)
    return Predictions(
        truth=names[few.astype(int)],
        predicted=names[np.where(right, few, ~few).astype(int)],
        labels=LABELS,
    )


def draw_labels(case: Case, rng: np.random.Generator, systems: int) -> list[Predictions]:
    """Draw labels, and answers right as often as the case has it, half of them in common."""
    few, first = case.draw_classes(rng), case.draw_right(rng, case.truth)
    drawn = [first]
    for truth in case.truths[1:systems]:
        # What is in common is as often right as the second system is.
        worse = case.draw_right(rng, min(truth / case.truth, 1.0))
        own, common = case.draw_right(rng, truth), first & worse
        if truth > case.truth:
            rest = (truth - case.truth) / (1 - case.truth)
            common = first | case.draw_right(rng, rest)
        drawn.append(np.where(rng.random(case.people) < COMMON, common, own))
    return [answer(few, right) for right in drawn]


def draw_ranks(case: Case, rng: np.random.Generator, systems: int) -> list[Predictions]:
    """Draw labels, and normal heights whose area is the case's, half of the noise in common."""
    few = case.draw_classes(rng)
    found = []
    for truth, noise in zip(case.truths, draw_noise(case, rng, systems), strict=False):
        apart = 50.0 if truth == 1 else sqrt(2) * NormalDist().inv_cdf(truth)
        chance = 1 / (1 + np.exp(-(noise + apart * few) / 5))
        chances = np.stack([1 - chance, chance], axis=1)
        found.append(attrs.evolve(answer(few, chance > HALF), probabilities=chances))
    return found


def draw_numbers(case: Case, rng: np.random.Generator, systems: int) -> list[Predictions]:
    """Draw values, and unbiased predictions whose correlation with them is the case's."""
    truth = case.draw_alike(rng)
    return [
        Predictions(
            truth=truth,
            predicted=known**2 * truth + known * sqrt(1 - known**2) * noise,
            train_mean=0.0,
        )
        for known, noise in zip(case.truths, draw_noise(case, rng, systems), strict=False)
    ]


def draw_noise(case: Case, rng: np.random.Generator, systems: int) -> list[np.ndarray]:
    """Draw the noise of each system, correlated as much as `COMMON` says where there are two."""
    if systems == 1:
        return [case.draw_alike(rng)]
    shared = case.draw_alike(rng)
    return [
        sqrt(COMMON) * shared + sqrt(1 - COMMON) * case.draw_alike(rng)
        for _system in range(systems)
    ]


def draw(name: str, case: Case, rng: np.random.Generator, systems: int = 1) -> list[Predictions]:
    """Draw a test set for a metric, answered by one system or more."""
    if name == "auroc":
        return draw_ranks(case, rng, systems)
    numbers = METRICS[name].kind == "numerical"
    return (draw_numbers if numbers else draw_labels)(case, rng, systems)


def true_score(name: str, case: Case, known: float) -> float:
    """Return the score of the whole population of a system that is so good."""
    if name == "macro-f1":
        # So many of the sample are of each class, always; those said to be of it are more or fewer.
        few = max(1, round(case.people * case.minority)) / case.people
        both = [share * known for share in (few, 1 - few)]
        return float(np.mean([2 * hits / (2 * hits + 1 - known) for hits in both]))
    rest = 1 - known**2
    scores = {"mae": sqrt(2 * rest / np.pi), "rmse": sqrt(rest), "r2": known**2}
    return scores.get(name, known)


def measure(name: str, case: Case, sets: int, *, seed: int = 1, paired: bool = False) -> dict:
    """Return how often the interval of a metric holds the truth.

    Args:
        name: of the metric.
        case: the kind of test set.
        sets: how many are simulated.
        seed: of the draws.
        paired: whether of the difference of two systems.

    Returns:
        `held`, `above` and `below` (shares of the sets: the interval holds the truth, is wholly
        above it, or wholly below), `none` (there is no interval) and `width`.
    """
    rng = np.random.default_rng([seed, case.people, round(100 * case.truth)])
    metric, clusters = METRICS[name], case.clusters
    scores = [true_score(name, case, known) for known in case.truths]
    truth = scores[0] - scores[1] if paired else scores[0]
    ends = np.full((sets, 2), np.nan)
    for row in ends:
        if paired:
            one, other = draw(name, case, rng, systems=2)
            found = find_gap(metric, (one, other), clusters, PLAN)
        else:
            found = interval(metric, draw(name, case, rng)[0], clusters, PLAN)
        if found.low is not None:
            row[:] = found.low, found.high
    low, high = ends[np.isfinite(ends).all(axis=1)].T
    above, below = low > truth + ROUNDING, high < truth - ROUNDING
    return {
        "held": float(np.mean(~above & ~below)) if len(low) else float("nan"),
        "above": float(np.mean(above)) if len(low) else float("nan"),
        "below": float(np.mean(below)) if len(low) else float("nan"),
        "none": 1 - len(low) / sets,
        "width": float(np.mean(high - low)) if len(low) else float("nan"),
    }


def judge(found: dict) -> str:
    """Say what is amiss with a line, empty where nothing is."""
    if found["none"] == 1:
        return "no interval"
    if found["held"] < LEAST:
        return "LOW"
    if max(found["above"], found["below"]) > SIDE:
        return "ONE SIDE"
    if found["none"] > 0:
        return "at times no interval"
    return "over" if found["held"] > MOST else ""


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = make_parser(__doc__)
    parser.add_argument("--metrics", nargs="+", choices=METRICS, default=ASKED)
    parser.add_argument("--sizes", nargs="+", type=int, default=SIZES)
    parser.add_argument("--sets", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--differences", action="store_true", help="of two systems, paired")
    parser.add_argument(
        "--against", type=float, help="how good the second of two systems is; else as the first"
    )
    return parser.parse_args()


def main() -> None:
    """Print the table."""
    given = parse()
    rows = []
    for name, *facts in itertools.product(
        given.metrics, given.sizes, TRUTHS, MINORITIES, LIKENESSES
    ):
        case = Case(
            people=facts[0],
            truth=facts[1],
            minority=facts[2],
            likeness=facts[3],
            against=given.against,
        )
        if METRICS[name].kind == "numerical" and case.minority != MINORITIES[0]:
            continue  # numbers have no classes
        paired = given.differences or given.against is not None
        found = measure(name, case, given.sets, seed=given.seed, paired=paired)
        rows.append({"metric": name, **attrs.asdict(case), **found, "note": judge(found)})
        text = "  ".join(f"{key} {found[key]:.3f}" for key in found)
        print(
            f"{name:17} n {case.people:3}  truth {case.truth:.2f}  minority {case.minority}  "
            f"siblings {case.likeness}  {text}  {rows[-1]['note']}",
            flush=True,
        )
    table = pd.DataFrame(rows)
    table["note"] = table["note"].replace("", "as asked")
    print(pd.crosstab(table["metric"], table["note"]).to_string())
    write_results(given.json, rows)


if __name__ == "__main__":
    main()

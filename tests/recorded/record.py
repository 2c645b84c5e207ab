"""Record what recipes give, for `tests/run/test_recorded.py`.

    python tests/recorded/record.py                   # small, demo and demo-bmi anew, in minutes
    python tests/recorded/record.py small             # one of them
    python tests/recorded/record.py demo --run DIR    # from a finished run of it

Record anew only where a change is meant to change numbers, and say so in CHANGELOG.md. `*-before`
is never recorded anew: it is what the recipes gave before modules were moved.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
RECIPES = HERE.parents[1] / "recipes"
ANEW = ("small", "demo", "demo-bmi")
SHOWN = "demo"
"""The recipe whose result the README shows."""

STUDY = re.compile(rb'"[^"]*/simulated/[0-9a-f]+/')
"""Where a simulated study lies: in the cache of whoever runs it."""


def find_recipe(name: str) -> Path:
    """Return the recipe of a recording: kept beside it, or shipped."""
    kept = HERE / f"{name}.toml"
    return kept if kept.exists() else RECIPES / f"{name}.toml"


def run(name: str, folder: Path, threads: int) -> Path:
    """Run a recipe to its metrics, in a process of as many threads; return the run folder."""
    command = [sys.executable, "-m", "brainplug", "run", str(find_recipe(name))]
    subprocess.run(
        [*command, "--output", str(folder), "--until", "metrics"],
        env=os.environ | {"OMP_NUM_THREADS": str(threads), "HF_HUB_OFFLINE": "1"},
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return folder


def read_facts(folder: Path) -> dict[str, Any]:
    """Return what a run gave: digests of its files, the losses and the scores of the test split."""
    history = json.loads((folder / "training.json").read_text())["history"]
    test = json.loads((folder / "metrics.json").read_text())["splits"]["test"]
    tasks = sorted((folder / "tasks").glob("*.json"))
    return {
        "split": digest((folder / "split.csv").read_bytes()),
        "tasks": {path.name: digest(path.read_bytes()) for path in tasks},
        "losses": [row["loss"] for row in history if "loss" in row],
        "metrics": {name: each["value"] for name, each in test["metrics"].items()},
    }


def write_result(name: str, folder: Path) -> None:
    """Keep what the terminal shows of a run at its end, for the README; numbers of four digits."""
    metrics = json.loads((folder / "metrics.json").read_text())
    test = metrics["splits"]["test"] | {"calibration": None, "confounding": None, "by_site": {}}
    metrics |= {"splits": {"test": test | {"subgroups": {}}}}
    metrics |= {"candidates": None, "interventions": None}
    for arm in metrics["arms"].values():
        arm |= {part: {"test": arm[part]["test"]} for part in ("splits", "difference")}
    text = json.dumps(rounded(metrics), separators=(",", ":"), ensure_ascii=False)
    (HERE / f"{name}-result.json").write_text(text + "\n", encoding="utf-8")


def rounded(value: Any) -> Any:
    """Round each number within."""
    if isinstance(value, dict):
        return {key: rounded(each) for key, each in value.items()}
    if isinstance(value, list):
        return [rounded(each) for each in value]
    return round(value, 4) if isinstance(value, float) else value


def digest(content: bytes) -> str:
    """Return the SHA-256 of a file, wherever the study lies."""
    return hashlib.sha256(STUDY.sub(b'"', content)).hexdigest()


def describe_machine() -> dict[str, str]:
    """Return what decides the last bits of a float."""
    import torch

    from brainplug.run.provenance import find_processor

    return {
        "processor": find_processor(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "torch": metadata.version("torch"),
        "numpy": metadata.version("numpy"),
    }


def record(name: str, finished: Path | None, threads: int) -> None:
    """Write the recording of a recipe."""
    with tempfile.TemporaryDirectory() as folder:
        done = finished or run(name, Path(folder) / "run", threads)
        facts = read_facts(done)
        if name == SHOWN:
            write_result(name, done)
    told = {"machine": describe_machine(), "threads": threads, **facts}
    (HERE / f"{name}.json").write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", default=ANEW, help="recipes; without any, all three")
    parser.add_argument("--run", type=Path, help="a finished run of the recipe, in place of a new")
    parser.add_argument("--threads", type=int, default=1, help="of the process that computes")
    given = parser.parse_args()
    for name in given.names:
        record(name, given.run, given.threads)


if __name__ == "__main__":
    main()

"""From a phenotype table to finished task files: brainplug beside a plain generator.

    python benchmarks/prepare.py                  # 11,868 subjects, both ways, and the ratio
    python benchmarks/prepare.py --grow           # also 50,000 and 500,000 subjects
    python benchmarks/prepare.py --json out.json  # also as JSON, with machine and commit

Both ways are whole processes, as a user starts them: `brainplug prepare`, and a script that
imports numpy and pandas and begins. Starting Python, importing libraries, reading the recipe and
finding the plugins count, and so does what brainplug does besides: it splits by family, checks
everything, writes the files of its stages, and reads the task files back and audits them.

Both read the same ABCD-like table, list the same folder, draw three references a query, and write
the same number of tasks of the same words. The plain way does so as scripts of this field do: a
look-up of each id in the frame for every pair, all tasks in a list, `json.dump(indent=2)`. Scans
are listed and not opened in both.

Seconds are of the processor, user and system, children included, since other work on the machine
counts in those of the clock, which are given too. The ways take turns; each figure is the median
of `--repeats` runs, after one of each that leaves Python's compiled modules behind, as installing
does.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from results import make_parser, write_results

REFERENCES = 3
ABCD = 11_868
TARGETS = ("sex", "BMI_sds")

RECIPE = """
seed = 1234
[cohort]
use = "abcd"
tables = "table.csv"
images = "T1/"
family = "rel_family_id"
site = "site_id_l"
[target]
{target}
[split]
use = "family"
[pairing]
use = "independent"
references_per_query = 3
[prompt]
use = "comparison"
[images]
scans = "listed"
shape = [64, 64, 64]
[model]
use = "tiny"
"""

WORDS = {
    "sex": 'use = "categorical"\ncolumn = "sex"\nlabels = { M = "male", F = "female" }',
    "BMI_sds": 'use = "numerical"\ncolumn = "BMI_sds"\nprecision = 2',
}


class Measured(NamedTuple):
    """Medians of whole processes: seconds of processor and clock, and the largest memory."""

    cpu_s: float
    clock_s: float
    peak_gib: float


def make_study(folder: Path, subjects: int) -> None:
    """Write an ABCD-like table and a folder of empty files named as its scans."""
    rng = np.random.default_rng(1)
    codes = [np.base_repr(36**7 + 104_729 * number, 36)[-8:] for number in range(subjects)]
    table = pd.DataFrame(
        {
            "src_subject_id": [f"NDAR_INV{code}" for code in codes],
            "eventname": "baseline_year_1_arm_1",
            "sex": rng.choice(["M", "F"], subjects),
            "interview_age": rng.integers(107, 134, subjects),
            "site_id_l": [f"site{number:02d}" for number in rng.integers(1, 22, subjects)],
            "rel_family_id": rng.integers(0, int(subjects * 0.83) + 1, subjects),
            "BMI_sds": rng.normal(0.4, 1.1, subjects).round(2),
        }
    )
    images = folder / "T1"
    images.mkdir(parents=True)
    table.to_csv(folder / "table.csv", index=False)
    for code in codes:
        os.close(os.open(images / f"NDARINV{code}_baselineYear1Arm1_T1.nii.gz", os.O_CREAT))
    for target in TARGETS:
        (folder / f"{target}.toml").write_text(RECIPE.format(target=WORDS[target]))


def prepare_plainly(folder: Path, target: str) -> None:
    """Make task files pair by pair."""
    meta = pd.read_csv(folder / "table.csv")
    images = {
        name.partition("_")[0].replace("NDARINV", "NDAR_INV"): str(folder / "T1" / name)
        for name in os.listdir(folder / "T1")  # noqa: PTH208 (as such scripts do)
    }
    meta = meta[meta["src_subject_id"].isin(images)]
    rng = np.random.default_rng(0)
    ids = rng.permutation(meta["src_subject_id"].to_numpy())
    edges = [int(len(ids) * share) for share in (0.70, 0.85)]
    out = folder / "plain"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    for split, members in zip(("train", "val", "test"), np.split(ids, edges), strict=True):
        queries, references = np.split(members, [len(members) // 2])
        tasks = []
        for query in queries:
            for reference in rng.choice(references, REFERENCES, replace=False):
                query_row = meta[meta["src_subject_id"] == query].iloc[0]
                reference_row = meta[meta["src_subject_id"] == reference].iloc[0]
                tasks.append(make_plain_task(query_row, reference_row, images, target))
        path = out / f"ABCD_{target}_comparison_tasks_{split}.json"
        with path.open("w") as file:
            json.dump(tasks, file, indent=2)


def make_plain_task(
    query: pd.Series, reference: pd.Series, images: dict[str, str], target: str
) -> dict[str, object]:
    """Word one pair in the form of the task files."""
    words = {"M": "male", "F": "female"}
    told, truth = (words.get(row[target], row[target]) for row in (reference, query))
    people = [reference["src_subject_id"], query["src_subject_id"]]
    paths = [images[person] for person in people]
    numerical = target != "sex"
    facts = (
        {"subject_value": float(truth), "reference_value": float(told)}
        if numerical
        else {
            "subject_label": truth,
            "subject_label_numeric": int(truth == "male"),
            "reference_label": told,
            "reference_label_numeric": int(told == "male"),
            "comparison_type": f"{'same' if told == truth else 'different'}_{target}",
        }
    )
    image = {"type": "image", "modality": "sMRI"}
    return {
        "task_id": f"{people[1]}_{people[0]}",
        "task_type": "T1",
        "subject_ids": people,
        "modalities": ["sMRI", "sMRI"],
        "images": [{"path": p, "token": "<image>", "modality": "sMRI"} for p in paths],
        "conversations": [
            {
                "role": "user",
                "content": [
                    {**image, "image_path": paths[0]},
                    {
                        "type": "text",
                        "text": "This is a reference T1-weighted brain MRI. "
                        f"The {target} of the person in this scan is {told}.",
                    },
                ],
            },
            {
                "role": "assistant",
                "content": [
                    {"type": "text", "text": "Understood. I will use this scan as a reference."}
                ],
            },
            {
                "role": "user",
                "content": [
                    {**image, "image_path": paths[1]},
                    {
                        "type": "text",
                        "text": "This is a T1-weighted brain MRI of another person. Compare it "
                        f"with the reference. What is the {target} of this person?",
                    },
                ],
            },
            {
                "role": "assistant",
                "content": [
                    {
                        "type": "text",
                        "text": f"Based on the comparison, the {target} is {truth}.",
                    }
                ],
            },
        ],
        "metadata": {
            "subject_id": people[1],
            "reference_id": people[0],
            **facts,
            "task": f"{target}_{'regression' if numerical else 'classification'}_via_comparison",
            "target_name": target,
            "task_type": "numerical" if numerical else "categorical",
        },
    }


def commands(folder: Path, target: str) -> dict[str, list[str]]:
    """Return what is measured: both ways, and what a user waits for before."""
    recipe, out = str(folder / f"{target}.toml"), str(folder / "brainplug")
    brainplug = [sys.executable, "-m", "brainplug"]
    return {
        "plain": [sys.executable, __file__, "--plain", str(folder), target],
        "brainplug": [*brainplug, "prepare", recipe, "--output", out],
        "check": [*brainplug, "check", recipe],
        "help": [*brainplug, "--help"],
    }


def measure(command: list[str], folder: Path) -> Measured:
    """Run a whole process from where nothing is prepared yet.

    Raises:
        SystemExit: it failed.
    """
    shutil.rmtree(folder / "brainplug", ignore_errors=True)
    begun, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    # As an installation, which compiles modules; a machine may forbid it to checkouts.
    own = {name: each for name, each in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=own)  # noqa: S603
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    clock, after = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Measured(cpu, clock, used.ru_maxrss / 2**20)


def take_turns(ways: dict[str, list[str]], folder: Path, repeats: int) -> dict[str, Measured]:
    """Measure ways one after the other, again and again; return their medians."""
    for command in ways.values():
        measure(command, folder)
    found = [
        {name: measure(command, folder) for name, command in ways.items()} for _ in range(repeats)
    ]
    return {
        name: Measured(*(median(each) for each in zip(*(run[name] for run in found), strict=True)))
        for name in ways
    }


def count_tasks(folder: Path) -> dict[str, int]:
    """Count the tasks that each way has written."""
    written = {"plain": folder / "plain", "brainplug": folder / "brainplug" / "tasks"}
    return {
        way: sum(path.read_bytes().count(b'"task_id"') for path in where.glob("*.json"))
        for way, where in written.items()
    }


def compare(repeats: int) -> list[dict[str, Any]]:
    """Print both ways side by side for an ABCD-like study; return what was measured."""
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_study(folder, ABCD)
        for target in TARGETS:
            ways = commands(folder, target)
            both = {name: ways[name] for name in ("plain", "brainplug")}
            found = take_turns(both, folder, repeats)
            tasks = count_tasks(folder)
            door = take_turns({name: ways[name] for name in ("check", "help")}, folder, repeats)
            ratio = found["plain"].cpu_s / found["brainplug"].cpu_s
            print(f"{ABCD:,} subjects, {target}: {ratio:.1f} times the plain way", flush=True)
            for way, each in (found | door).items():
                print(f"  {describe(way, each, tasks.get(way))}", flush=True)
                study = {"way": way, "subjects": ABCD, "target": target, "tasks": tasks.get(way)}
                rows.append(study | each._asdict())
    return rows


def describe(way: str, found: Measured, tasks: int | None) -> str:
    """Say what was measured in a line."""
    made = f", {tasks:,} tasks, {1e6 * found.cpu_s / tasks:.0f} µs a task" if tasks else ""
    return (
        f"{way:<10} {found.cpu_s:6.2f} s of the processor, {found.clock_s:6.2f} s of the clock, "
        f"peak {found.peak_gib:.2f} GiB{made}"
    )


def grow(sizes: list[int]) -> list[dict[str, Any]]:
    """Print how time and memory grow with the number of subjects; return what was measured."""
    rows = []
    for subjects in sizes:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            make_study(folder, subjects)
            for target in TARGETS:
                found = measure(commands(folder, target)["brainplug"], folder)
                tasks = count_tasks(folder)["brainplug"]
                print(
                    f"{subjects:>7,} subjects, {target}: {describe('', found, tasks)}", flush=True
                )
                rows.append(
                    {"way": "brainplug", "subjects": subjects, "target": target, "tasks": tasks}
                    | found._asdict()
                )
    return rows


def main() -> None:
    """Read the command line."""
    parser = make_parser(__doc__)
    parser.add_argument("--grow", action="store_true", help="also larger studies, brainplug only")
    parser.add_argument("--repeats", type=int, default=5, help="runs whose median counts")
    parser.add_argument("--plain", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.plain:
        folder, target = given.plain
        prepare_plainly(Path(folder), target)
        return
    rows = compare(given.repeats)
    if given.grow:
        rows += grow([ABCD, 50_000, 500_000])
    write_results(given.json, rows)


if __name__ == "__main__":
    main()

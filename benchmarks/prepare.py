"""From a phenotype table to finished task files: brainplug beside a plain generator.

    python benchmarks/prepare.py                  # 11,868 subjects, both ways, and the ratio
    python benchmarks/prepare.py --grow           # also 50,000 and 500,000 subjects
    python benchmarks/prepare.py --json out.json  # also as JSON, with machine and commit

Both ways read the same ABCD-like table, list the same folder, draw three references a query, and
write the same number of tasks of the same words. The plain way does so as scripts of this field
do: a look-up of each id in the frame for every pair, all tasks in a list, `json.dump(indent=2)`.
brainplug also splits by family, checks everything, and writes the files of its stages; that counts.
Two times are given for it: until the task files are finished, and until they are read back and
audited, which the plain way does not do. Scans are listed and not opened in both. Every measurement
is a process of its own, so that its peak memory is its own; libraries are imported, and the recipe
read, before the clock starts; of `--repeats` runs the fastest counts.
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
[model]
use = "tiny"
"""

WORDS = {
    "sex": 'use = "categorical"\ncolumn = "sex"\nlabels = { M = "male", F = "female" }',
    "BMI_sds": 'use = "numerical"\ncolumn = "BMI_sds"\nprecision = 2',
}


class Measured(NamedTuple):
    """Seconds until the task files are finished, and audited; how many tasks."""

    finished: float
    audited: float | None
    tasks: int


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


def prepare_plainly(folder: Path, target: str) -> Measured:
    """Make task files pair by pair."""
    start = time.perf_counter()
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
    count = 0
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
        count += len(tasks)
    return Measured(finished=time.perf_counter() - start, audited=None, tasks=count)


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


def prepare_with_brainplug(folder: Path, target: str) -> Measured:
    """Do `brainplug prepare`."""
    from rich.console import Console

    from brainplug.recipe.load import read_recipe
    from brainplug.registry import load_registry
    from brainplug.run.runner import run_recipe

    registry = load_registry()
    file = read_recipe(folder / f"{target}.toml", registry)
    out = folder / "brainplug"
    shutil.rmtree(out, ignore_errors=True)
    start = time.time()
    with Path(os.devnull).open("w") as nowhere:
        run_recipe(
            file,
            registry=registry,
            folder=out,
            until="dialogues",
            console=Console(file=nowhere),
        )
    audited = time.time() - start
    files = list((out / "tasks").glob("*.json"))
    return Measured(
        finished=max(path.stat().st_mtime for path in files) - start,
        audited=audited,
        tasks=sum(path.read_bytes().count(b'{"task_id"') for path in files),
    )


WAYS = {"plain": prepare_plainly, "brainplug": prepare_with_brainplug}


def measure(way: str, folder: Path, target: str, repeats: int) -> None:
    """Print seconds, peak memory and tasks of one way, as JSON; run in a process of its own."""
    import sklearn.feature_extraction.text
    import sklearn.linear_model  # noqa: F401 (imports are not what is measured)

    if way == "brainplug":
        with tempfile.TemporaryDirectory() as small:
            make_study(Path(small), 400)
            prepare_with_brainplug(Path(small), target)
    found = [WAYS[way](folder, target) for _ in range(repeats)]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(json.dumps({**min(found)._asdict(), "peak_gib": peak}))


def ask(way: str, folder: Path, target: str, repeats: int) -> dict[str, float]:
    """Measure one way in a process of its own."""
    command = [sys.executable, __file__, "--one", way, str(folder), target, str(repeats)]
    ran = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)  # noqa: S603
    found: dict[str, float] = json.loads(ran.stdout)
    return found


def compare(repeats: int) -> list[dict[str, Any]]:
    """Print both ways side by side for an ABCD-like study; return what was measured."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        make_study(Path(folder), ABCD)
        for target in TARGETS:
            ours = ask("brainplug", Path(folder), target, repeats)
            plain = ask("plain", Path(folder), target, max(1, repeats // 3))
            print(
                f"{ABCD:,} subjects, {target}: plain {plain['finished']:.2f} s for "
                f"{plain['tasks']:,} tasks; brainplug {ours['finished']:.3f} s for "
                f"{ours['tasks']:,}, {plain['finished'] / ours['finished']:.1f} times faster; "
                f"with the audit {ours['audited']:.3f} s, "
                f"{plain['finished'] / ours['audited']:.1f} times faster",
                flush=True,
            )
            study = {"subjects": ABCD, "target": target}
            rows += [{"way": "plain"} | study | plain, {"way": "brainplug"} | study | ours]
    return rows


def grow(sizes: list[int]) -> list[dict[str, Any]]:
    """Print how time and memory grow with the number of subjects; return what was measured."""
    rows = []
    first: dict[str, float] = {}
    for subjects in sizes:
        with tempfile.TemporaryDirectory() as folder:
            make_study(Path(folder), subjects)
            for target in TARGETS:
                ours = ask("brainplug", Path(folder), target, 1)
                per_task = ours["audited"] / ours["tasks"]
                first.setdefault(target, per_task)
                print(
                    f"{subjects:>7,} subjects, {target}: finished in {ours['finished']:.1f} s, "
                    f"audited in {ours['audited']:.1f} s, peak {ours['peak_gib']:.2f} GiB, "
                    f"{ours['tasks']:,} tasks, {1e6 * per_task:.0f} µs a task, "
                    f"{per_task / first[target]:.2f} of the smallest study's",
                    flush=True,
                )
                rows.append({"way": "brainplug", "subjects": subjects, "target": target} | ours)
    return rows


def main() -> None:
    """Read the command line."""
    parser = make_parser(__doc__)
    parser.add_argument("--grow", action="store_true", help="also larger studies, brainplug only")
    parser.add_argument("--repeats", type=int, default=3, help="runs of which the fastest counts")
    parser.add_argument("--one", nargs=4, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        way, folder, target, repeats = given.one
        measure(way, Path(folder), target, int(repeats))
        return
    rows = compare(given.repeats)
    if given.grow:
        rows += grow([ABCD, 50_000, 500_000])
    write_results(given.json, rows)


if __name__ == "__main__":
    main()

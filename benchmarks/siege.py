"""A siege: kills at every write, damaged files, hostile scans, recipes and tables, full disks.

    python benchmarks/siege.py --kills 100 --damage 100 --full 20
    python benchmarks/siege.py --scans 1000 --recipes 1000 --tables 1000

After a kill, and after damage that can be mended, the same command must end as an unbroken run to
the byte, times apart, with no litter. Everything else must end with exit code 0, or with a message:
never with a traceback, and never hang. Kills are not timed: a hook copies run folder and cache
ahead of every write of one run, and each copy is gone on from. Disks are small tmpfs, for which the
siege must be root, and skipped where it is not.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
from besieged import DAMAGES, attempt, damage, differences, files_below, keep_states, put_back
from results import make_parser, write_results

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

RECIPE = """
seed = 7
[cohort]
{cohort}
[target]
use = "categorical"
column = "sex"
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
[images]
shape = [16, 16, 16]
spacing_mm = 12.0
[model]
use = "tiny"
hidden_size = 16
heads = 2
vision_layers = 1
language_layers = 1
[training]
epochs = 2
learning_rate = 1e-3
warmup_steps = 1
batch_size = 8
accumulation = 1
save_minutes = 1e-9
[evidence]
arms = []
baselines = ["site"]
test = true
[evaluation]
bootstrap = 100
answer = "score"
"""

SIMULATED = """
use = "simulated"
subjects = 40
resolution_mm = 8
"""

TABLE = """
use = "table"
table = "{study}/people.csv"
images = "{study}/scans"
subject = "id"
"""

ODD = (
    *("", "0", "-1", "1e999", "nan", "true", "[]", "{}", "'", '"""', "9" * 5000, "[" * 3000),
    *("\\u0000", "\ufeff", "\x1b[2J", "../../x", "~nobody", "/dev/zero", "{0.__class__}", "[/b]"),
    *("$\\frac$", "\udcff", "\uff11\uff12", "a" * 100_000, "=cmd()", "\r", "\t", ";", ",,,", '"'),
)
"""Put in the place of a piece of a recipe or a table."""


@attrs.frozen
class Siege:
    """Where all is tried.

    Attributes:
        place: folder of everything.
        rng: chooses what is tried.
    """

    place: Path
    rng: random.Random

    @property
    def roots(self) -> tuple[Path, Path]:
        """Run folder and cache, which a command writes to."""
        return self.place / "run", self.place / "cache"

    @property
    def command(self) -> tuple[object, ...]:
        """What is besieged."""
        return "run", self.place / "small.toml", "--output", self.roots[0]

    @property
    def states(self) -> list[Path]:
        """What kills at each write would leave, in their order."""
        return sorted((self.place / "states").iterdir())

    @property
    def whole(self) -> Path:
        """Copy of the unbroken run."""
        return self.place / "whole"

    def prepare(self) -> None:
        """Make the unbroken run, and all states on its way."""
        (self.place / "small.toml").write_text(RECIPE.format(cohort=SIMULATED))
        for each in (*self.roots, self.place / "states"):
            each.mkdir()
        done = attempt(
            self.command, limit_s=3600, hook=keep_states(self.roots, self.place / "states")
        )
        if done.code != 0:
            raise SystemExit(done.text)
        for root in self.roots:
            shutil.copytree(root, self.whole / root.name)

    def ends_whole(self) -> str:
        """Run the command again; say how it does not end as the unbroken run did."""
        done = attempt(self.command)
        if done.fault or done.code:
            return done.fault or done.text.strip()[-300:]
        return "; ".join(differences(self.roots[0], self.whole / "run")[:4])

    def kills(self, count: int) -> Iterator[tuple[str, str]]:
        """Go on from what kills leave."""
        states = self.states
        for state in self.rng.sample(states, min(count, len(states))):
            put_back(self.roots, state)
            yield f"state {state.name} of {len(states)}", self.ends_whole()

    def damages(self, count: int) -> Iterator[tuple[str, str]]:
        """Damage a file, of the finished run or of one that was killed."""
        for number in range(count):
            state = self.whole if number % 2 else self.rng.choice(self.states)
            put_back(self.roots, state)
            files = [path for root in self.roots if root.exists() for path in files_below(root)]
            # Made-up scans are data: a damaged one is another study.
            files = [path for path in files if "simulated" not in path.parts]
            if not files:
                continue
            path, how = self.rng.choice(files), self.rng.choice(DAMAGES)
            damage(path, how, self.rng)
            what = f"{path.relative_to(self.place)} {how} in {state.name}"
            done = attempt(self.command)
            if done.code == 1 and path.name in done.text and "delete" in done.text:
                path.unlink()  # as the message says
                done = attempt(self.command)
            apart = differences(self.roots[0], self.whole / "run") if not done.code else []
            yield what, done.fault or "; ".join(apart[:4])

    def study(self) -> Path:
        """Write a study of a table and scans."""
        from brainplug.testing import make_study

        folder = self.place / "study"
        shutil.rmtree(folder, ignore_errors=True)
        make_study(folder, 24, layout="table")
        table = RECIPE.format(cohort=TABLE.format(study=folder))
        (self.place / "table.toml").write_text(table)
        return folder

    def fresh(self) -> None:
        """Delete run folder and cache."""
        for root in self.roots:
            shutil.rmtree(root, ignore_errors=True)

    def scans(self, count: int) -> Iterator[tuple[str, str]]:
        """Damage scans, twelve of a study at once; everybody is accounted for."""
        for _ in range(-(-count // 12)):
            scans = files_below(self.study() / "scans")[:12]
            for path in scans:
                mutate_scan(path, self.rng)
            self.fresh()
            told = ("run", self.place / "table.toml", "--output", self.roots[0])
            done = attempt((*told, "--until", "volumes"))
            fault = done.fault or ("" if done.code else self.unaccounted())
            for path in scans:
                yield f"scan {path.name}", fault

    def unaccounted(self) -> str:
        """Say who of the study's people is neither in the cohort nor excluded."""
        import pandas as pd

        kept = pd.read_parquet(self.roots[0] / "cohort.parquet")["subject"]
        left = pd.read_csv(self.roots[0] / "exclusions.csv", dtype=str)["subject"]
        asked = pd.read_csv(self.place / "study" / "people.csv", dtype=str).iloc[:, 0]
        lost = sorted(set(asked) - set(kept) - set(left))
        return f"lost without a word: {lost[:3]}" if lost else ""

    def recipes(self, count: int) -> Iterator[tuple[str, str]]:
        """Check recipes with pieces changed."""
        self.study()
        text, path = (self.place / "table.toml").read_text(), self.place / "odd.toml"
        for number in range(count):
            path.write_bytes(mutate(text, self.rng))
            yield f"recipe {number}", attempt(("check", path), limit_s=60).fault

    def tables(self, count: int) -> Iterator[tuple[str, str]]:
        """Prepare tasks of tables with pieces changed."""
        path = self.study() / "people.csv"
        text = path.read_text()
        for number in range(count):
            path.write_bytes(mutate(text, self.rng))
            self.fresh()
            told = ("prepare", self.place / "table.toml", "--output", self.roots[0])
            yield f"table {number}", attempt(told, limit_s=60).fault

    def full(self, count: int) -> Iterator[tuple[str, str]]:
        """Let the disk of run folder or cache be full at some size, and then have room."""
        for _ in range(count):
            self.fresh()
            disk = self.rng.choice(self.roots)
            disk.mkdir()
            needed = sum(path.stat().st_size for path in files_below(self.whole / disk.name))
            size = self.rng.randrange(8, 3 * needed >> 11)  # kB, up to half as much again
            mount("mount", "-t", "tmpfs", "-o", f"size={size}k", "siege", disk)
            try:
                done = attempt(self.command)
                fault = done.fault
                mount("mount", "-o", "remount,size=1g", disk)
                yield f"{disk.name} of {size} kB", fault or self.ends_whole()
            finally:
                mount("umount", "-l", disk)


def mount(*command: object) -> None:
    """Make, change or take away a small disk."""
    subprocess.run(list(map(str, command)), check=True)  # noqa: S603 - a fixed command


def mutate(text: str, rng: random.Random) -> bytes:
    """Change some pieces of a text."""
    for _ in range(rng.choice((1, 1, 2, 4))):
        start = rng.randrange(len(text))
        end = min(len(text), start + rng.choice((0, 1, 3, 12, 60)))
        lines = text.splitlines(keepends=True)
        pieces = (*ODD, rng.choice(lines), text[end : end + 40])
        text = text[:start] + rng.choice(pieces) + text[end:]
    if rng.random() < 0.1:
        return text.encode("utf-16", "surrogatepass")
    return text.encode("utf-8", "surrogateescape")


def mutate_scan(path: Path, rng: random.Random) -> None:
    """Change bytes of a scan's header, or damage the file."""
    import gzip

    if rng.random() < 0.3:
        damage(path, rng.choice(DAMAGES), rng)
        return
    content = bytearray(gzip.decompress(path.read_bytes()))
    for _ in range(rng.choice((1, 2, 4))):
        place = rng.randrange(0, 352, 2)
        content[place : place + 2] = rng.choice(
            (b"\0\0", b"\xff\xff", b"\xff\x7f", rng.randbytes(2))
        )
    path.write_bytes(gzip.compress(bytes(content), 1))


def besiege(kind: str, tries: Iterator[tuple[str, str]]) -> dict[str, Any]:
    """Try all of a kind; print what failed as it does, and how far it is."""
    counts: Counter[bool] = Counter()
    failures = []
    for what, fault in tries:
        counts[not fault] += 1
        if fault:
            failures.append({"what": what, "fault": fault})
            print(f"  {kind}: {what}: {fault[:300]}", flush=True)
        if not sum(counts.values()) % 25:
            print(f"  {kind}: {sum(counts.values())} tried, {counts[False]} failed", flush=True)
    tried = sum(counts.values())
    print(f"{kind:<8} tried {tried}, passed {counts[True]}, failed {counts[False]}", flush=True)
    return {"kind": kind, "tried": tried, "failures": failures}


def load_all() -> None:
    """Import what commands import, so that children need not."""
    import matplotlib.figure
    import transformers

    import brainplug.run.runner
    import brainplug.training.stage

    del matplotlib, transformers, brainplug


def main() -> None:
    """Besiege, kind by kind."""
    parser = make_parser(__doc__)
    kinds = ("kills", "damage", "scans", "recipes", "tables", "full")
    for kind in kinds:
        parser.add_argument(f"--{kind}", type=int, default=0, help="how many are tried")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    load_all()
    with tempfile.TemporaryDirectory() as place:
        os.environ |= {"SIEGE": place, "BRAINPLUG_CACHE": f"{place}/cache"}
        siege = Siege(Path(place), random.Random(given.seed))  # noqa: S311 - nothing is secret
        if given.kills or given.damage or given.full:
            siege.prepare()
            print(f"an unbroken run has {len(siege.states)} states that a kill can leave")
        ways: dict[str, Callable[[int], Iterator[tuple[str, str]]]] = {
            **{kind: getattr(siege, kind) for kind in kinds if kind != "damage"},
            "damage": siege.damages,
        }
        if given.full and os.geteuid():
            print("full     skipped: only root may mount a small disk")
            ways.pop("full")
        rows = [
            besiege(kind, ways[kind](getattr(given, kind)))
            for kind in kinds
            if kind in ways and getattr(given, kind)
        ]
    write_results(given.json, rows)


if __name__ == "__main__":
    main()

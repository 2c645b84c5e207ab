"""What a run writes down about itself: versions, seed, hardware and times."""

from __future__ import annotations

import os
import platform
import subprocess
from contextlib import suppress
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from brainplug.evaluation.openings import read_lock
from brainplug.run.arithmetic import read_arithmetic
from brainplug.runtime.notes import write_note

if TYPE_CHECKING:
    from brainplug.run.context import Workspace
    from brainplug.run.ledger import Ledger

LIBRARIES = (
    "accelerate",
    "attrs",
    "cattrs",
    "nibabel",
    "numpy",
    "pandas",
    "scikit-learn",
    "scipy",
    "torch",
    "transformers",
)
OPTIONAL = ("deepspeed", "nilearn", "peft")
"""Libraries that a result may depend on where they are installed."""


def make_record(
    *,
    seeds: dict[str, int],
    distributions: dict[str, str],
    stages: dict[str, Any],
    arithmetic: dict[str, Any] | None = None,
    processes: int = 1,
) -> dict[str, Any]:
    """Return the JSON-ready record of a run.

    Args:
        seeds: `seed`, which salts split and pairs, and `training_seed`, which draws weights and the
            order of tasks.
        distributions: version of each distribution that a part of the recipe comes from.
        stages: the ledger's entries.
        arithmetic: what training and answers compute by, once that is settled.
        processes: ranks of the run.
    """
    return {
        "brainplug": metadata.version("brainplug"),
        "commit": find_commit(),
        **seeds,
        "plugins": distributions,
        "libraries": library_versions(),
        "python": platform.python_version(),
        "hardware": describe_hardware() | {"processes": processes},
        "stages": stages,
    } | ({} if arithmetic is None else {"arithmetic": arithmetic})


def write_provenance(workspace: Workspace, ledger: Ledger) -> None:
    """Write down versions, seed, hardware and the times of the stages done so far.

    What is known of the test stands there a second time, since nothing else could tell it again.
    """
    unrecorded = {"made_from", "last", "written"}
    record = make_record(
        seeds={"seed": workspace.recipe.seed, "training_seed": workspace.recipe.training_seed},
        distributions=workspace.distributions(),
        stages={
            name: {key: each for key, each in entry.items() if key not in unrecorded}
            for name, entry in ledger.read().items()
        },
        arithmetic=read_arithmetic(workspace.files),
        processes=workspace.ranks.world_size,
    )
    lock = read_lock(workspace.files)
    write_note(workspace.files.record, record | ({"test": lock} if lock else {}))


@cache  # asked for after every stage
def library_versions() -> dict[str, str]:
    """Return the versions of the libraries a result may depend on."""
    versions = {name: metadata.version(name) for name in LIBRARIES}
    for name in OPTIONAL:
        with suppress(metadata.PackageNotFoundError):
            versions[name] = metadata.version(name)
    return versions


def describe_hardware() -> dict[str, Any]:
    """Return processor, cores and memory; the GPU where torch is already in use."""
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "system": platform.system(),
        "machine": platform.machine(),
        "processor": find_processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(pages / 2**30, 1),
        "accelerators": find_accelerators(),
    }


def find_processor(facts: Path = Path("/proc/cpuinfo")) -> str:
    """Return the name of the processor; the platform's, where no such file tells it."""
    lines = (
        facts.read_text(encoding="utf-8", errors="replace").splitlines() if facts.exists() else []
    )
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor()


def find_accelerators() -> list[str]:
    """Return the names of the GPUs torch sees; torch is not imported for that."""
    import sys

    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available():
        return []
    return [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]


@cache
def find_commit() -> str | None:
    """Return the commit of the checkout the code runs from, None outside a checkout."""
    asked = subprocess.run(  # noqa: S603 - a fixed command
        ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
    )
    return asked.stdout.strip() or None if asked.returncode == 0 else None

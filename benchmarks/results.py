"""Results of a benchmark as JSON, beside the machine, the commit and the versions that gave them.

    python benchmarks/prepare.py --json results.json

The file holds `benchmark`, `arguments`, `rows` (one a measurement, in seconds and GiB), `commit`
(with `changed`, true where the checkout differs from it), `machine` (processor, cores, memory, load
as the measurements ended), `libraries` and `finished`, the time in UTC.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def make_parser(about: str | None) -> argparse.ArgumentParser:
    """Return a parser that knows `--json`."""
    parser = argparse.ArgumentParser(description=(about or "").partition("\n")[0])
    parser.add_argument("--json", type=Path, help="also write the results to this file")
    return parser


def write_results(path: Path | None, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write the rows of a benchmark, if a file is wanted."""
    from brainplug.run.provenance import describe_hardware, find_commit, library_versions

    if path is None:
        return
    found = {
        "benchmark": Path(sys.argv[0]).stem,
        "arguments": sys.argv[1:],
        "rows": list(rows),
        "commit": find_commit(),
        "changed": is_changed(),
        "machine": describe_hardware() | {"load": os.getloadavg()},
        "libraries": library_versions() | {"python": platform.python_version()},
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def is_changed() -> bool:
    """Whether the checkout differs from its commit."""
    command = ["git", "-C", str(Path(__file__).parent), "status", "--porcelain"]
    told = subprocess.run(command, capture_output=True, check=False)  # noqa: S603 - a fixed command
    return bool(told.stdout)

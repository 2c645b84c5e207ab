"""What a benchmark measured is kept with where and by what it was measured."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from brainplug.run.provenance import find_commit, find_processor

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


def test_results_name_machine_and_commit(tmp_path, monkeypatch):
    """Figures without machine, commit and versions can be compared with no other."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    monkeypatch.setattr(sys, "argv", ["benchmarks/prepare.py", "--json", "out.json"])
    import results

    results.write_results(tmp_path / "out.json", [{"way": "plain", "finished": 1.5}])

    found = json.loads((tmp_path / "out.json").read_text())
    assert [{"way": "plain", "finished": 1.5}] == found["rows"]
    assert "prepare" == found["benchmark"]
    assert ["--json", "out.json"] == found["arguments"]
    assert find_commit() == found["commit"]
    assert found["machine"]["processor"] == find_processor()
    assert found["machine"]["cores"] >= 1
    assert {"python", "torch", "numpy"} <= found["libraries"].keys()


def test_every_benchmark_can_write_them():
    """Each program takes `--json` and writes what it measured."""
    programs = sorted(
        path for path in BENCHMARKS.glob("*.py") if "def main" in path.read_text(encoding="utf-8")
    )

    assert len(programs) >= 3
    for path in programs:
        text = path.read_text(encoding="utf-8")
        assert "make_parser(__doc__)" in text
        assert "write_results(given.json" in text

"""The wheel carries what a user without a clone needs."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_wheel_holds_recipes_and_runs_without_a_clone(tmp_path):
    """`brainplug check demo` works from any folder with nothing but the wheel."""
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "-o", str(tmp_path)]
    subprocess.run([*build, str(ROOT)], check=True, capture_output=True)
    wheel = next(tmp_path.glob("*.whl"))
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")

    ran = subprocess.run(
        [sys.executable, "-m", "brainplug", "check", "demo"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "site")},
        capture_output=True,
        text=True,
        check=False,
    )

    shipped = {path.name for path in (tmp_path / "site" / "brainplug" / "recipes").iterdir()}
    assert {path.name for path in (ROOT / "recipes").iterdir()} == shipped
    assert 0 == ran.returncode, ran.stderr
    assert "optimiser steps" in ran.stdout

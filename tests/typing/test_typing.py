"""What the author of a plugin is told by a type checker: nothing where all is right."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
SNIPPETS = sorted(path for path in HERE.glob("*.py") if path != Path(__file__))


def wanted(path: Path) -> list[str]:
    """Return `file:line: code` of the lines of a snippet that say they are wrong."""
    return [
        f"{path.name}:{number}: {code}"
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        for code in re.findall(r"# error: ([a-z-]+)", line)
    ]


def test_mypy_finds_the_mistakes_of_plugins_and_nothing_else():
    """One snippet a role passes `mypy --strict` as it is; each mistake of another is found."""
    pytest.importorskip("mypy")
    mistakes = wanted(HERE / "mistakes.py")
    assert {"cohort", "split", "pairing", "prompt", "head", "metric", "model", "mistakes"} == {
        path.stem for path in SNIPPETS
    }
    assert len(mistakes) >= 7

    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", *map(str, SNIPPETS)],
        cwd=HERE.parents[1],
        capture_output=True,
        text=True,
        check=False,
    )

    found = re.findall(r"^\S*?(\w+\.py:\d+): error: .*\[([a-z-]+)\]$", done.stdout, re.MULTILINE)
    assert mistakes == [f"{place}: {code}" for place, code in found], done.stdout + done.stderr

"""Numbers that were recorded once: a change that is to change none is held to them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import warm
from processes import finish
from recorded.record import describe_machine, find_recipe, read_facts, run

RECORDED = Path(__file__).parents[1] / "recorded"
LONG = sorted(path.stem for path in RECORDED.glob("*.json") if path.stem != "small")
NAMES = ["small", *(pytest.param(name, marks=pytest.mark.full) for name in LONG)]


def compute(name: str, folder: Path, threads: int) -> Path:
    """Run a recipe as `record.py` does, in a process that has imported already if it may."""
    if threads != 1:
        return run(name, folder, threads)
    command = ["run", str(find_recipe(name)), "--output", str(folder), "--until", "metrics"]
    process = warm.start(command, folder.with_suffix(".printed"))
    printed, _ = finish(process)
    assert 0 == process.returncode, printed
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_gives_what_was_recorded(name, tmp_path):
    """Files are equal to the byte; losses to the last bit on a machine of that kind."""
    wanted = json.loads((RECORDED / f"{name}.json").read_text())

    found = read_facts(compute(name, tmp_path / "run", wanted["threads"]))

    assert wanted["split"] == found["split"]
    assert wanted["tasks"] == found["tasks"]
    here = wanted["machine"] == describe_machine()
    losses = wanted["losses"]
    assert found["losses"] == (losses if here else pytest.approx(losses, rel=1e-6))
    # A formula may be summed in another order; a person more or less shows in the second digit.
    assert found["metrics"] == pytest.approx(wanted["metrics"], rel=1e-12 if here else 1e-6)


def test_the_demos_of_before_are_recorded():
    """The recipes are kept beside what they gave."""
    for name in ("demo-before", "demo-bmi-before"):
        assert name in LONG
        assert (RECORDED / f"{name}.toml").exists()

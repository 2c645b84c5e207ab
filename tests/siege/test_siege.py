"""A small siege: a run outlives kills between writes, and odd recipes end with a message.

The large one is `benchmarks/siege.py`, made by hand.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from brainplug.cli.main import main

if TYPE_CHECKING:
    from types import ModuleType

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"

KEEPS_STATES = f"""
import sys
from itertools import count
from pathlib import Path
sys.path.insert(0, {str(BENCHMARKS)!r})
import besieged
from brainplug.cli.main import main

recipe, *folders, states = map(Path, sys.argv[1:])
copy, writes = besieged.copy_roots, count()
besieged.copy_roots = lambda roots, to: next(writes) % 5 or copy(roots, to)  # all take long
besieged.keep_states(folders, states)()
sys.exit(main(["prepare", str(recipe), "--output", str(folders[0])]))
"""


@pytest.fixture
def besieged(monkeypatch) -> ModuleType:
    """Give what the large siege is made with."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import besieged

    return besieged


def test_a_run_goes_on_from_whatever_a_kill_leaves(write_recipe, tmp_path, besieged, monkeypatch):
    """At writes all along the way, of run folder and cache; and nothing is left lying about."""
    recipe, roots, states = write_recipe(), (tmp_path / "run", tmp_path / "cache"), tmp_path / "st"
    text = recipe.read_text().replace("subjects = 60", "subjects = 32")
    design = 'use = "independent"\nreferences_per_query = 2'
    recipe.write_text(text.replace(design, 'use = "anchors"'))  # of so few there is one of each
    for folder in (*roots, states):
        folder.mkdir()
    monkeypatch.setenv("BRAINPLUG_CACHE", str(roots[1]))
    command = [sys.executable, "-c", KEEPS_STATES, *map(str, (recipe, *roots, states))]
    subprocess.run(command, check=True, capture_output=True, env=os.environ)
    shutil.copytree(roots[0], tmp_path / "whole")
    kept = sorted(states.iterdir())
    assert len(kept) > 40

    for state in kept[len(kept) // 2 :: len(kept) // 6]:  # earlier ones simulate for long
        besieged.put_back(roots, state)
        assert 0 == main(["prepare", str(recipe), "--output", str(roots[0])]), state
        assert [] == besieged.differences(roots[0], tmp_path / "whole"), state


def test_whoever_reaps_a_child_learns_how_it_ended(besieged, monkeypatch, tmp_path):
    """However early it ends: a failure that counts as 0 would pass for a success."""
    monkeypatch.setenv("SIEGE", str(tmp_path))
    wait = os.waitpid
    monkeypatch.setattr(os, "waitpid", lambda child, _flags: wait(child, 0))

    done = besieged.attempt(("check", tmp_path / "missing.toml"))

    assert (1, "") == (done.code, done.fault), done.text


def test_a_mutated_text_may_hold_anything(besieged, monkeypatch, tmp_path, write_recipe, capsys):
    """A recipe with pieces changed is checked or refused with a message, without a traceback."""
    import siege

    del besieged
    text, rng = write_recipe().read_text(), random.Random(5)
    codes = set()
    for number in range(12):
        (tmp_path / "odd.toml").write_bytes(siege.mutate(text, rng))
        codes.add(main(["check", str(tmp_path / "odd.toml")]))
        told = capsys.readouterr()
        assert "Traceback" not in told.err, number
    assert codes <= {0, 1}
    assert 1 in codes

"""What a notebook completes after `brainplug.`."""

from __future__ import annotations

import subprocess
import sys

import brainplug


def test_all_that_is_offered_is_listed_without_importing_it():
    """`dir` names check, run and open_run, and brings no pandas along; `help` begins with them."""
    code = "import sys, brainplug; print(*dir(brainplug)); print('pandas' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    listed, heavy = ran.stdout.splitlines()

    assert set(brainplug.__all__) <= set(listed.split())
    assert "False" == heavy
    assert brainplug.__doc__ is not None
    for name in ("run", "check", "open_run"):
        assert f"    {name}(" in brainplug.__doc__
        assert callable(getattr(brainplug, name))

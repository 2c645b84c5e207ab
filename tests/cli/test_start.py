"""How a process begins and ends that was started for one command."""

from __future__ import annotations

import gc
import sys
from types import ModuleType

import pytest

from brainplug.cli import main as cli


@pytest.mark.parametrize("learns", [False, True])
def test_what_a_process_holds_at_its_end_is_not_looked_through(monkeypatch, learns):
    """Unless a network was loaded, which may hold devices; the exit code is that of `main`."""
    frozen = []
    with monkeypatch.context() as patch:
        patch.setattr(cli, "main", lambda: 3)
        patch.setattr(gc, "freeze", lambda: frozen.append(True))
        patch.delitem(sys.modules, "torch", raising=False)
        if learns:
            patch.setitem(sys.modules, "torch", ModuleType("torch"))
        code = cli.start()

    assert 3 == code
    assert ([] if learns else [True]) == frozen


def test_the_version_is_told_when_asked_for(capsys):
    """And is that of the installed distribution."""
    from importlib.metadata import version

    with pytest.raises(SystemExit) as ended:
        cli.main(["--version"])

    assert not ended.value.code
    assert f"brainplug {version('brainplug')}\n" == capsys.readouterr().out

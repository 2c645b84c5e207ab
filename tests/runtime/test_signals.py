"""SIGTERM and SIGHUP end a command as Ctrl-C does: one line on the screen, one in the log."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from brainplug.runtime.signals import Stopped, stopping, unheard
from brainplug.runtime.workers import in_processes
from processes import finish, wait_until

WAITS = """
import signal, sys, time
from pathlib import Path
from brainplug.cli.main import main
from brainplug.run import runner

def wait(workspace, until):
    (workspace.files.path / "begun").touch()
    time.sleep(1000)

# Tests that run in the background, or under nohup, hand on that these are ignored.
signal.signal(signal.SIGHUP, signal.SIG_DFL)
signal.signal(signal.SIGINT, signal.default_int_handler)
runner.do_stages = wait
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize(
    ("number", "code", "by"),
    [("SIGINT", 130, "Ctrl-C"), ("SIGTERM", 143, "SIGTERM"), ("SIGHUP", 129, "SIGHUP")],
)
def test_a_signal_ends_a_run_with_a_message(tmp_path, write_recipe, number, code, by):
    """On the screen and in `log.txt`; the run folder is free, and nothing is printed besides."""
    folder = tmp_path / "run"
    process = subprocess.Popen(
        [sys.executable, "-c", WAITS, "run", str(write_recipe()), "--output", str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    wait_until((folder / "begun").exists, process)

    process.send_signal(getattr(signal, number))
    _, complained = finish(process)

    assert code == process.returncode
    named = "" if number == "SIGINT" else f" by {by}"
    assert f"brainplug: stopped{named}; the same command goes on from here\n" == complained
    assert (folder / "log.txt").read_text().endswith(f"stopped by {by}\n")
    assert not list(folder.glob("*holder*"))


def test_a_second_signal_is_not_held_up():
    """What tidies up after the first may hang; and afterwards all is as before."""
    with pytest.raises(Stopped), stopping():
        os.kill(os.getpid(), signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_what_is_ignored_stays_so(monkeypatch):
    """`nohup` has SIGHUP ignored, so that a run outlives its terminal."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stopping():
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
            assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
    finally:
        signal.signal(signal.SIGHUP, before)


def blocked(_shared, _item) -> set[int]:
    return {int(number) for number in signal.pthread_sigmask(signal.SIG_BLOCK, ())}


def test_workers_never_hear_of_ctrl_c():
    """Not even while they import, when they would print a traceback; the parent hears it."""
    found = [masked for _, masked in in_processes(blocked, None, range(24), workers=2)]

    assert all({signal.SIGINT, signal.SIGHUP} <= masked for masked in found)
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())


def test_a_signal_in_the_meantime_is_not_lost():
    """It stops this process, at once or when the block has ended."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt), unheard():
            os.kill(os.getpid(), signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)

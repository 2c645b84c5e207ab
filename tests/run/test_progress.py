"""How far a stage is, told in lines at most every 30 s, and on a terminal by a bar."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from brainplug.cli.main import main
from brainplug.run import progress
from brainplug.run.progress import Teller, showing


class Clock:
    """A clock that is put forward by hand."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_line_comes_every_30_seconds_with_the_time_left_by_own_steps():
    """The 350 steps of an earlier process took this one no time, and do not count."""
    clock, lines = Clock(), []
    teller = Teller(what="training: step", say=lines.append, clock=clock)

    for step in range(351, 401):
        clock.now += 2
        teller.report(step, 1400, "loss 0.4")

    assert lines == [
        "training: step 365 of 1,400, loss 0.4, 34 min left",
        "training: step 380 of 1,400, loss 0.4, 34 min left",
        "training: step 395 of 1,400, loss 0.4, 34 min left",
    ]


def test_work_that_is_soon_over_needs_no_line():
    """A stage of seconds says that it is done, and no more."""
    clock, lines = Clock(), []
    teller = Teller(what="volumes: scan", say=lines.append, clock=clock)

    for scan in range(1, 30):
        clock.now += 1
        teller.report(scan, 29)

    assert [] == lines


@pytest.mark.parametrize("terminal", [True, False])
def test_a_terminal_shows_a_bar_and_the_log_has_lines_all_the_same(terminal, monkeypatch):
    """In a pipe the lines are printed; beside a bar they go to the log only."""
    monkeypatch.setattr(progress, "EVERY_S", 0.0)
    screen, log, said = io.StringIO(), [], []
    console = Console(file=screen, force_terminal=terminal, width=120)

    with showing("training: step", console=console, log=log.append, say=said.append) as report:
        report(1, 9, "loss [0.4]")
        report(2, 9, "loss [0.4]")

    line = "training: step 2 of 9, loss [0.4], 0 s left"
    assert line == (log if terminal else said)[-1]
    assert [] == (said if terminal else log)
    shown = screen.getvalue()
    assert terminal is ("2/9" in shown and "loss [0.4], 0 s left" in shown)


def test_a_run_tells_of_each_stage_in_its_log(write_recipe, tmp_path, monkeypatch, capsys):
    """Step, loss and last validation score, in the pipe and in `log.txt`."""
    monkeypatch.setattr(progress, "EVERY_S", 0.0)
    folder = tmp_path / "run"

    assert 0 == main(["run", str(write_recipe()), "--output", str(folder), "--until", "answers"])

    for text in (capsys.readouterr().out, (folder / "log.txt").read_text()):
        assert "cohort: reading scan 1 of 60" in text
        assert "training: step 2 of " in text
        assert ", validation log-loss " in text
        assert "answers: " in text

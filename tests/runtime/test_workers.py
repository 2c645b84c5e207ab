"""Work in several processes: all of it, once, and on as many threads as processes."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from brainplug.errors import RunError
from brainplug.runtime import workers
from brainplug.runtime.workers import THREADS, in_processes, seldom_collected, uncollected

ITEMS = list(range(30))


def add(shared: int, item: int) -> int:
    return shared + item


def read_environment(names: tuple[str, ...], _item: int) -> tuple[str | None, ...]:
    return tuple(os.environ.get(name) for name in names)


def own_number(_shared: None, _item: int) -> int:
    return os.getpid()


def end(_shared: None, item: int) -> int:
    if item == 20:
        os._exit(3)
    return item


@pytest.mark.parametrize("processes", [1, 2])
def test_each_item_is_worked_on_once(processes):
    """One process or two: the same results, each beside its item."""
    done = list(in_processes(add, 100, ITEMS, workers=processes))

    assert [(item, 100 + item) for item in ITEMS] == sorted(done)


def test_few_items_are_worked_on_here():
    """Starting a process costs more than a dozen items."""
    assert {os.getpid()} == {number for _, number in in_processes(own_number, None, range(12))}


def test_what_is_soon_done_is_done_here():
    """Many items that take no time, as what lies in a cache, start no process."""
    assert {os.getpid()} == {number for _, number in in_processes(own_number, None, range(5000))}


def test_what_takes_long_is_shared_out(monkeypatch):
    """Once more is left than is soon done; each item is done once, here or elsewhere."""
    monkeypatch.setattr(workers, "SOON_S", 0.0)
    monkeypatch.setattr(workers, "available_cores", lambda: 2)

    done = dict(in_processes(own_number, None, ITEMS))

    assert ITEMS == sorted(done)
    assert {os.getpid()} < set(done.values())


def test_a_script_that_guards_nothing_is_not_begun_anew(tmp_path):
    """A script of two lines needs no `if __name__ == "__main__"`."""
    script = tmp_path / "own.py"
    script.write_text(
        "print('begun')\n"
        "from tests.runtime.test_workers import ITEMS, add, in_processes\n"
        "print(sum(done for _, done in in_processes(add, 1, ITEMS, workers=2)))\n"
    )

    done = subprocess.run(
        [sys.executable, str(script)],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        check=True,
        capture_output=True,
        text=True,
    )

    assert f"begun\n{sum(ITEMS) + len(ITEMS)}\n" == done.stdout


def test_a_process_that_ends_is_an_error_that_says_what_to_do():
    """A process killed for lack of memory does not leave the others waiting."""
    with pytest.raises(RunError) as caught:
        list(in_processes(end, None, ITEMS, workers=2))

    assert 2 == caught.value.found


def test_a_process_has_one_thread_of_linear_algebra(monkeypatch):
    """Unless the user says otherwise, and the own environment is left as it was."""
    for name in THREADS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "5")

    seen = {found for _, found in in_processes(read_environment, THREADS, ITEMS, workers=2)}

    assert {("5", "1", "1")} == seen
    assert ["5", None, None] == [os.environ.get(name) for name in THREADS]


SLEEPERS = """
import os, time
from brainplug.runtime.workers import in_processes

def sleep_long(_shared, item):
    time.sleep(600 if item else 0)
    return os.getpid()

if __name__ == "__main__":
    for _, number in in_processes(sleep_long, None, range(30), workers=2):
        print(number, flush=True)
"""


@pytest.fixture
def at_work(tmp_path):
    """Start a program that has two processes at work; give it, and the number of one of them."""
    script = tmp_path / "sleepers.py"
    script.write_text(SLEEPERS)
    process = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True)
    yield process, int(process.stdout.readline())
    process.kill()
    process.communicate()


def wait_for_the_end(number: int) -> bool:
    """Wait, for half a minute at most, until a process is gone; tell whether it is."""
    status = Path(f"/proc/{number}/stat")
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if not status.exists() or status.read_text().rpartition(")")[2].split()[0] == "Z":
            return True
        time.sleep(0.05)
    return False


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="asks /proc who is alive")
def test_no_process_outlives_its_parent(at_work):
    """After `kill -9` a process that is in the middle of its work ends too."""
    process, worker = at_work
    assert Path(f"/proc/{worker}").exists()

    process.kill()

    assert wait_for_the_end(worker)


def test_the_search_for_garbage_goes_on_as_before():
    """Whether it was paused within another pause, or only made rarer."""
    usual = gc.get_threshold()

    with seldom_collected(), uncollected():
        with uncollected():
            assert not gc.isenabled()
        assert not gc.isenabled()
        assert usual[0] < gc.get_threshold()[0]

    assert gc.isenabled()
    assert usual == gc.get_threshold()

"""Work in several processes: all of it, once, and on as many threads as processes."""

from __future__ import annotations

import os

import pytest

from brainplug.errors import RunError
from brainplug.runtime.workers import THREADS, in_processes

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


@pytest.mark.parametrize("workers", [1, 2])
def test_each_item_is_worked_on_once(workers):
    """One process or two: the same results, each beside its item."""
    done = list(in_processes(add, 100, ITEMS, workers=workers))

    assert [(item, 100 + item) for item in ITEMS] == sorted(done)


def test_few_items_are_worked_on_here():
    """Starting a process costs more than a dozen items."""
    assert {os.getpid()} == {number for _, number in in_processes(own_number, None, range(12))}


def test_a_process_that_ends_is_an_error_that_says_what_to_do():
    """A process killed for lack of memory does not leave the others waiting."""
    with pytest.raises(RunError, match="one of 2 worker processes ended"):
        list(in_processes(end, None, ITEMS, workers=2))


def test_a_process_has_one_thread_of_linear_algebra(monkeypatch):
    """Unless the user says otherwise, and the own environment is left as it was."""
    for name in THREADS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "5")

    seen = {found for _, found in in_processes(read_environment, THREADS, ITEMS, workers=2)}

    assert {("5", "1", "1")} == seen
    assert ["5", None, None] == [os.environ.get(name) for name in THREADS]

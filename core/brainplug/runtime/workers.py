"""Work shared out over processes, one item at a time, that stops at once when it is told to."""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import sys
import threading
import time
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from brainplug.errors import RunError
from brainplug.runtime.signals import unheard

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

Shared = TypeVar("Shared")
Item = TypeVar("Item")
Result = TypeVar("Result")

FEW = 12
"""Items a further process must have to do to be worth the second its start takes."""

SOON_S = 4.0
"""Seconds of work that are not shared out: every process that starts imports for a second or two,
and what is in a cache already is done before that."""

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""What libraries of linear algebra read, when they are imported, on how many threads to start."""

SELDOM = 50_000
"""New objects after which Python looks for cycles; by itself it does so after some hundreds."""

_shared: list[Any] = []


def in_processes(
    function: Callable[[Shared, Item], Result],
    shared: Shared,
    items: Sequence[Item],
    *,
    workers: int | None = None,
) -> Iterator[tuple[Item, Result]]:
    """Yield each item with `function(shared, item)`, in the order in which they are done.

    Args:
        function: a function of a module, since other processes import it by name.
        shared: what every call needs; sent once to each process.
        items: small things that can be pickled.
        workers: most processes. Without it as many as there are cores to use, once there is more
            left than is soon done here. A single process does the work here.

    Raises:
        RunError: a process was killed from outside, most often for lack of memory.
    """
    count = min(workers or available_cores(), -(-len(items) // FEW))
    done, since = 0, 0.0
    while done < len(items) and (count <= 1 or (not workers and _soon(done, since, len(items)))):
        yield items[done], function(shared, items[done])
        done += 1
        since = since or time.monotonic()  # the first item imports what all need
    if done < len(items):
        yield from _shared_out(function, shared, items[done:], count)


def _soon(done: int, since: float, total: int) -> bool:
    """Tell whether the rest takes little time here, going by the items after the first."""
    if done < 2:
        return True
    return (time.monotonic() - since) / (done - 1) * (total - done) < SOON_S


def _shared_out(
    function: Callable[[Shared, Item], Result],
    shared: Shared,
    items: Sequence[Item],
    count: int,
) -> Iterator[tuple[Item, Result]]:
    """Yield each item with its result, from as many processes."""
    # A fork would copy locks that threads of torch or of the BLAS hold, and wait for them for ever.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(count, context, initializer=_start, initargs=(shared,))
    try:
        # With "spawn" the pool starts a process when a call comes, and the libraries in it read the
        # environment then.
        with one_thread_each():
            yield from _in_turn(pool, function, items, at_once=2 * count)
    except BrokenProcessPool as error:
        raise RunError(
            f"one of {count} worker processes ended before its work was done, most often for "
            "lack of memory",
            found=count,
            hint="start again, what is done is kept",
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def uncollected() -> Iterator[None]:
    """Pause the search for cyclic garbage, of which work on tables makes none.

    It would look through millions of tuples of a biobank over and over, in vain.
    """
    paused = not gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if not paused:
            gc.enable()


@contextmanager
def seldom_collected() -> Iterator[None]:
    """Let the search for cyclic garbage wait for more of it than Python does by itself.

    Modules and tables are a million objects, through which it would look a hundred times.
    """
    usual = gc.get_threshold()
    gc.set_threshold(SELDOM)
    try:
        yield
    finally:
        gc.set_threshold(*usual)


def available_cores() -> int:
    """Count the cores this process may use, which a cluster often limits."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def one_thread_each() -> Iterator[None]:
    """Let processes that start now, and libraries that load now, use one thread of linear algebra.

    Where the user has not said how many. Otherwise each process would start as many as there are
    cores: thousands on a large machine.
    """
    added = [name for name in THREADS if name not in os.environ]
    os.environ.update(dict.fromkeys(added, "1"))
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)


def _in_turn(
    pool: ProcessPoolExecutor,
    function: Callable[[Any, Item], Result],
    items: Sequence[Item],
    *,
    at_once: int,
) -> Iterator[tuple[Item, Result]]:
    """Keep few calls under way, so that little is left to finish when the run is stopped."""
    waiting = iter(items)
    running: dict[Future[Result], Item] = {}
    while True:
        for item in islice(waiting, at_once - len(running)):
            # What all share went over once, at the start of each process; here only the item does.
            with unheard(), _without_script(function):  # the first calls start the processes
                future = pool.submit(_call, function, item)
            running[future] = item
        if not running:
            return
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            yield running.pop(future), future.result()


@contextmanager
def _without_script(function: Callable[..., Any]) -> Iterator[None]:
    """Let processes that start now not import the script that Python was started with.

    They would begin all it does anew, unless it guards that by `if __name__ == "__main__"`. Only
    where the function is the script's own is that needed.
    """
    script = vars(sys.modules["__main__"])
    known: dict[str, Any] = {}
    if function.__module__ != "__main__":
        known |= {name: script[name] for name in ("__file__", "__spec__") if name in script}
        script.pop("__file__", None)
        script["__spec__"] = None
    try:
        yield
    finally:
        script.update(known)


def _start(shared: object) -> None:
    """Prepare a process: the parent alone hears Ctrl-C, and none outlives the parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _shared[:] = [shared]
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: Any) -> None:
    """End this process when its parent is gone, even by `kill -9`."""
    parent.join()
    # `sys.exit` would end this thread only.
    os._exit(1)


def _call(function: Callable[[Any, Item], Result], item: Item) -> Result:
    """Call the function with what this process was given at its start."""
    return function(_shared[0], item)

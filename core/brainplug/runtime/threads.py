"""How many threads a process computes on, and how they wait: from facts, never from a clock.

A small model is computed in pieces too short to share: handing them out costs more than it saves,
and on a busy machine each piece waits for the one thread that another program holds up.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, MutableMapping

WEIGHTS_A_THREAD = 2_000_000
"""Weights of a model for which a further thread is taken; a rule of thumb."""

VARIABLE = "OMP_NUM_THREADS"

SAID = (VARIABLE, "MKL_NUM_THREADS")
"""Variables by which a user says how many threads torch has."""

WAITING = {"OMP_WAIT_POLICY": "PASSIVE", "KMP_BLOCKTIME": "0"}
"""What GNU's OpenMP, and Intel's, reads once when it is loaded: a thread that waits sleeps."""


def wait_passively(environ: MutableMapping[str, str]) -> None:
    """Let threads that are started later sleep while they wait, unless the user says how they wait.

    By default they spin, which takes the cores from whoever else computes on the machine, and from
    the thread that they wait for.

    Args:
        environ: of this process, before torch is imported; processes it starts inherit it.

    >>> environ = {"OMP_WAIT_POLICY": "ACTIVE"}
    >>> wait_passively(environ)
    >>> environ
    {'OMP_WAIT_POLICY': 'ACTIVE'}
    """
    if not any(name in environ for name in (*WAITING, "GOMP_SPINCOUNT")):
        environ.update(WAITING)


@attrs.frozen(kw_only=True)
class Threads:
    """How many threads a process computes on.

    Attributes:
        count: how many.
        reason: the fact it follows from, in words.
    """

    count: int
    reason: str

    @property
    def sentence(self) -> str:
        """The choice in words.

        >>> Threads(count=1, reason="the model has 0.6 million weights").sentence
        '1 thread: the model has 0.6 million weights'
        """
        return f"{self.count} thread{'s' if self.count > 1 else ''}: {self.reason}"


def choose_threads(
    wanted: int | None, num_parameters: int, *, most: int, environ: Mapping[str, str]
) -> Threads:
    """Choose the threads of a process that trains or answers.

    Args:
        wanted: what the recipe says.
        num_parameters: weights of the model, 0 where they are not known.
        most: threads that torch has by itself: as many as cores, or as the environment says.
        environ: of this process.

    >>> choose_threads(None, 866_000_000, most=16, environ={"LOCAL_WORLD_SIZE": "8"}).sentence
    '2 threads: the model has 866 million weights, and 8 processes share 16 cores'
    """
    if wanted is not None:
        return Threads(count=wanted, reason="threads in [training] says so")
    said = next((name for name in SAID if name in environ), None)
    if said is not None:
        return Threads(count=most, reason=f"{said} in the environment says so")
    from brainplug.runtime.ranks import read_number

    processes = max(1, read_number(environ, "LOCAL_WORLD_SIZE", 1))
    shared = f", and {processes} processes share {most} cores" if processes > 1 else ""
    share = max(1, most // processes)
    if not num_parameters:
        reason = "how many weights the model has is not known yet"
        return Threads(count=share, reason=reason + shared)
    count = min(share, max(1, num_parameters // WEIGHTS_A_THREAD))
    reason = f"the model has {num_parameters / 1e6:.3g} million weights"
    return Threads(count=count, reason=reason + (shared if count == share else ""))


@contextmanager
def computing_on(threads: Threads) -> Iterator[None]:
    """Let torch compute on so many threads; afterwards on as many as before."""
    import torch

    before, said = torch.get_num_threads(), os.environ.get(VARIABLE)
    # accelerate and DeepSpeed would choose for themselves where nobody has said.
    os.environ[VARIABLE] = str(threads.count)
    # Setting the number that holds already is not without effect: MKL then no longer decides.
    if threads.count != before:
        torch.set_num_threads(threads.count)
    try:
        yield
    finally:
        if threads.count != before:
            torch.set_num_threads(before)
        if said is None:
            os.environ.pop(VARIABLE, None)
        else:
            os.environ[VARIABLE] = said

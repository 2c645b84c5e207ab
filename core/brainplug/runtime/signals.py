"""Signals that end a command as Ctrl-C does: with a message, and what is done kept."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ENDING = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))
"""Sent by schedulers and `kill`, and by a terminal that is closed; Windows has no SIGHUP."""


class Stopped(KeyboardInterrupt):
    """The process was told to end by a signal.

    Args:
        number: of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@contextmanager
def stopping() -> Iterator[None]:
    """Raise `Stopped` where a signal would end the process at once.

    A signal that is ignored, as under `nohup`, or that a program around us handles, is left alone;
    a second one ends the process.
    """
    ours = [number for number in ENDING if signal.getsignal(number) is signal.SIG_DFL]
    if threading.current_thread() is not threading.main_thread():
        ours = []  # Python lets no other thread
    for number in ours:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)


def stop(number: int, _frame: object) -> None:
    """Stop, once.

    Raises:
        Stopped: always.
    """
    signal.signal(number, signal.SIG_DFL)
    raise Stopped(number)


def name_of(error: KeyboardInterrupt) -> str:
    """Say what stopped a command.

    >>> name_of(KeyboardInterrupt()), name_of(Stopped(signal.SIGTERM))
    ('Ctrl-C', 'SIGTERM')
    """
    return signal.Signals(error.number).name if isinstance(error, Stopped) else "Ctrl-C"


def exit_code(error: KeyboardInterrupt) -> int:
    """Return the exit code, as shells report an end by a signal.

    >>> exit_code(KeyboardInterrupt()), exit_code(Stopped(signal.SIGTERM))
    (130, 143)
    """
    return 128 + (error.number if isinstance(error, Stopped) else signal.SIGINT)


@contextmanager
def unheard() -> Iterator[None]:
    """Let processes that are started now never hear of Ctrl-C or a closed terminal.

    A terminal tells all of a group, and one that is still importing would print a traceback. Here
    the signal comes when the block has ended. Processes inherit what is blocked.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    quiet = {signal.SIGINT, *ENDING} - {signal.SIGTERM}  # by which a pool ends its processes
    before = signal.pthread_sigmask(signal.SIG_BLOCK, quiet)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)

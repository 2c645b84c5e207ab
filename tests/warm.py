"""Processes that have imported all that a run needs: forked from one that did so once.

A process of its own imports for seconds before it trains for one. What killed runs and ranks show
is the same; that a user's command starts them is shown in `runtime/test_ranks.py`.
"""

from __future__ import annotations

import importlib.util
import multiprocessing
import os
import signal
import socket
import sys
from multiprocessing import forkserver
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from unittest import mock

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess

HERE = Path(__file__).parent

SERVER = {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(HERE)}
"""What the process that imports must find in its environment; one thread, as they share a core."""


class Job(NamedTuple):
    """What a process is to do."""

    arguments: list[str]
    first: Path | None


class Warm:
    """A process that runs a command of `brainplug`; has what tests use of `subprocess.Popen`."""

    def __init__(self, process: BaseProcess, printed: Path) -> None:
        self.process = process
        self.printed = printed
        self.pid = process.pid

    @property
    def returncode(self) -> int | None:
        """Exit code, or None while it runs."""
        return self.process.exitcode

    def poll(self) -> int | None:
        """Return the exit code, or None while it runs."""
        return self.process.exitcode

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """Wait; return what it printed on either stream."""
        self.process.join(timeout)
        assert self.process.exitcode is not None, f"no end within {timeout} s"
        return self.printed.read_text(), ""


def start(
    arguments: list[str], printed: Path, *, ranks: int = 1, first: Path | None = None
) -> Warm:
    """Start `brainplug` with these arguments in a session of its own, as one rank or several.

    Args:
        arguments: of the command.
        printed: a file for what it prints.
        ranks: how many processes do it together; the first that fails ends the others.
        first: a script that each of them runs before.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["imported"])
    with mock.patch.dict(os.environ, SERVER):
        forkserver.ensure_running()
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    job = Job(arguments, first)
    process = context.Process(target=work, args=(job, environment, printed, ranks))
    process.start()
    return Warm(process, printed)


def work(job: Job, environment: dict[str, str], printed: Path, ranks: int) -> None:
    """Do a job in this process, or as the parent of its ranks."""
    os.setsid()
    stream = os.open(printed, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND)
    os.dup2(stream, 1)
    os.dup2(stream, 2)
    os.environ.clear()
    os.environ.update(environment)
    sys.exit(do(job) if ranks == 1 else do_on_ranks(job, ranks))


def do(job: Job) -> int:
    """Run a command as the program of that name does."""
    from brainplug.cli.main import main

    if job.first:
        spec = importlib.util.spec_from_file_location(job.first.stem, job.first)
        spec.loader.exec_module(importlib.util.module_from_spec(spec))
    return main(job.arguments)


def do_on_ranks(job: Job, ranks: int) -> int:
    """Fork the ranks in the environment that torchrun gives; return the first exit code but 0."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    told = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": str(ranks)}
    started = [fork(job, told, rank) for rank in range(ranks)]
    while started:
        ended, status = os.wait()
        started.remove(ended)
        if status:
            for each in started:
                os.kill(each, signal.SIGTERM)
            return os.waitstatus_to_exitcode(status)
    return 0


def fork(job: Job, told: dict[str, str], rank: int) -> int:
    """Start one rank; return its number."""
    child = os.fork()
    if not child:
        os.environ.update(told | {"RANK": str(rank), "LOCAL_RANK": str(rank)})
        code = 1
        try:
            code = do(job)
        finally:
            sys.stdout.flush()
            os._exit(code)
    return child

"""`brainplug run --devices N`: one process a device, through torchrun."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
from itertools import takewhile
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from brainplug.errors import RunError
from brainplug.runtime.ranks import LAUNCHED
from brainplug.runtime.workers import available_cores

if TYPE_CHECKING:
    from collections.abc import Sequence


def launch(devices: int, arguments: Sequence[str]) -> int:
    """Start `brainplug` with these arguments once a device, and wait for all.

    Returns:
        The exit code: 0, or that of the process which failed first and said why.

    Raises:
        RunError: a process was ended from outside.
        KeyboardInterrupt: all were stopped.
    """
    from torch.distributed.elastic.multiprocessing import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

    os.environ[LAUNCHED] = "1"
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, available_cores() // devices)))
    logging.disable(logging.CRITICAL)  # torchrun repeats on ten lines what a rank says in one
    try:
        run_torchrun(devices, arguments)
    except ChildFailedError as error:
        rank, failure = error.get_first_failure()
        if failure.exitcode > 0:
            return failure.exitcode
        raise RunError(
            f"process {rank} of {devices} was ended by {signal.Signals(-failure.exitcode).name}, "
            "most often for lack of memory; the same command goes on from here"
        ) from None
    except SignalException as error:
        if error.sigval == signal.SIGINT:
            raise KeyboardInterrupt from None
        return 128 + error.sigval
    finally:
        del os.environ[LAUNCHED]
    return 0


def run_torchrun(devices: int, arguments: Sequence[str]) -> None:
    """Do what `torchrun --standalone` does, in this process."""
    import torch.distributed.run as torchrun

    with TemporaryDirectory() as logs:
        options = ["--standalone", "--local-addr=127.0.0.1", f"--log-dir={logs}"]
        command = [*options, f"--nproc-per-node={devices}", "-m", "brainplug", *arguments]
        torchrun.run(torchrun.parse_args(command))


def check_devices(devices: int) -> None:
    """Refuse more processes than there are GPUs; without any, they share the CPU.

    Raises:
        RunError: there are GPUs, but fewer.
    """
    gpus = count_gpus()
    if 0 < gpus < devices:
        raise RunError(
            f"--devices {devices}: expected at most one process a GPU, of which "
            f"{gpus} can be seen here"
        )


def count_gpus() -> int:
    """Count the GPUs that the driver lists and `CUDA_VISIBLE_DEVICES` lets be seen.

    torch, which takes seconds to import, is not asked; each process does that once more.
    """
    try:
        listed = subprocess.run(
            ["nvidia-smi", "-L"],  # noqa: S607 - where the driver put it
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        return 0
    found = sum(line.startswith("GPU ") for line in listed.splitlines())
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    return found if chosen is None else len(list(takewhile(is_device, chosen.split(","))))


def is_device(name: str) -> bool:
    """Whether an entry of `CUDA_VISIBLE_DEVICES` names a device; the list ends where one does not.

    >>> [is_device(name) for name in ("3", "GPU-5f2c", "-1", "")]
    [True, True, False, False]
    """
    return bool(name.strip()) and not name.strip().startswith("-")

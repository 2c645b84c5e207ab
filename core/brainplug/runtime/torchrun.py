"""`brainplug run --devices N`: one process a device, through torchrun."""

from __future__ import annotations

import logging
import os
import signal
import sys
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from uuid import uuid4

from brainplug.errors import RunError
from brainplug.runtime.ranks import LAUNCHED
from brainplug.runtime.signals import Stopped

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
    logging.disable(logging.CRITICAL)  # torchrun repeats on ten lines what a rank says in one
    try:
        start_ranks(devices, arguments)
    except ChildFailedError as error:
        rank, failure = error.get_first_failure()
        # Below 0 is the signal that ended it, and a process ended by a signal has said nothing.
        if failure.exitcode > 0:
            return failure.exitcode
        raise RunError(
            f"process {rank} of {devices} was ended by {signal.Signals(-failure.exitcode).name}, "
            "most often for lack of memory",
            found=(rank, -failure.exitcode),
            hint="the same command goes on from here",
        ) from None
    except SignalException as error:
        if error.sigval == signal.SIGINT:
            raise KeyboardInterrupt from None
        raise Stopped(error.sigval) from None
    finally:
        del os.environ[LAUNCHED]
    return 0


def start_ranks(devices: int, arguments: Sequence[str]) -> None:
    """Start one process a device on this machine, as `torchrun --standalone` does."""
    from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    with TemporaryDirectory() as logs:
        config = LaunchConfig(
            min_nodes=1,
            max_nodes=1,
            nproc_per_node=devices,
            run_id=uuid4().hex,
            rdzv_backend="c10d",
            # Any free port, so that runs on one machine do not meet.
            rdzv_endpoint="localhost:0",
            local_addr="127.0.0.1",  # a laptop's own name may lead nowhere
            max_restarts=0,
            logs_specs=DefaultLogsSpecs(log_dir=logs),
        )
        elastic_launch(config, sys.executable)("-P", "-u", "-m", "brainplug", *arguments)


def check_devices(devices: int) -> None:
    """Refuse more processes than there are GPUs; without any, they share the CPU.

    Raises:
        RunError: there are GPUs, but fewer.
    """
    import torch

    gpus = torch.cuda.device_count()  # those that CUDA_VISIBLE_DEVICES shows; none is touched
    if 0 < gpus < devices:
        raise RunError(
            f"{gpus} GPUs here",
            where=f"--devices {devices}",
            expected="at most one process a GPU",
            found=gpus,
        )

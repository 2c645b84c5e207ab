"""The processes of one run: which of them this is, and how they agree.

A run on several devices is one process a device, a rank, started by `brainplug run --devices N` or
by torchrun. Rank 0 runs the recipe as if it were alone; the others wait in a loop, and are called
for the stages that all do together. Within such a stage all go through the same calls of `Ranks` in
the same order. A run of one process passes through them without torch. Names are accelerate's.
"""

from __future__ import annotations

import atexit
import os
import platform
import sys
import threading
import time
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import attrs

from brainplug.errors import BrainplugError, RunError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

Value = TypeVar("Value")
Row = TypeVar("Row")

PATIENCE = timedelta(days=30)
"""How long a rank waits for others: rank 0 may read scans for days before all train."""

GRACE_S = 5.0
"""Seconds in which torchrun ends the others, when one that failed has said why and ended."""

NEEDED = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")
"""What torchrun says in the environment."""

LAUNCHED = "BRAINPLUG_LAUNCHED"
"""Set in the environment of ranks whose launcher is ours, and tells of a Ctrl-C itself."""


class RankError(BrainplugError):
    """This rank failed at what all do together; none of them can go on."""


class ToldError(BrainplugError):
    """Rank 0 failed and says why itself; nothing is left to say here."""


@attrs.frozen(kw_only=True)
class Ranks:
    """This process among those of the run; by default the only one.

    Attributes:
        rank: number of this process, from 0.
        world_size: number of processes, on all nodes.
        local_rank: number of this process on its node, which is that of its GPU.
    """

    rank: int = 0
    world_size: int = 1
    local_rank: int = 0

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Ranks:
        """Read what torchrun says in the environment.

        >>> Ranks.of({"RANK": "3", "LOCAL_RANK": "1", "WORLD_SIZE": "4"})
        Ranks(rank=3, world_size=4, local_rank=1)
        >>> Ranks.of({})
        Ranks(rank=0, world_size=1, local_rank=0)
        >>> Ranks.of({"WORLD_SIZE": ""})
        Ranks(rank=0, world_size=1, local_rank=0)

        Raises:
            RunError: something else than a number stands there.
        """
        world = read_number(environ, "WORLD_SIZE", 1)
        if world <= 1:
            return cls()
        rank, local = (read_number(environ, name, 0) for name in ("RANK", "LOCAL_RANK"))
        return cls(rank=rank, world_size=world, local_rank=local)

    @property
    def is_main_process(self) -> bool:
        """Whether this is the rank that decides, writes and speaks."""
        return self.rank == 0

    @property
    def place(self) -> str:
        """What an error message begins with: where it happened, unless it was on rank 0."""
        return "" if self.is_main_process else f"rank {self.rank} on {platform.node()}: "

    def join(self) -> None:
        """Connect with the other ranks, once; accelerate and DeepSpeed use that connection.

        Raises:
            RunError: torchrun did not say where the others are, or a GPU is missing.
        """
        if self.world_size == 1:
            return
        missing = [name for name in NEEDED if name not in os.environ]
        if missing:
            raise RunError(
                f"WORLD_SIZE is {self.world_size}, so this is one of several processes, but the "
                f"environment lacks {', '.join(missing)}",
                found=tuple(missing),
                hint="start it with torchrun, or unset WORLD_SIZE",
            )
        end_with_parent()
        connect(self)

    def broadcast(self, value: Value) -> Value:
        """Return what rank 0 gives, which can be pickled; what the others give is not looked at."""
        if self.world_size == 1:
            return value
        from torch.distributed import broadcast_object_list

        # What the others hold need not even be something that can be pickled.
        box = [value if self.is_main_process else None]
        broadcast_object_list(box, src=0)
        shared: Value = box[0]  # type: ignore[assignment]
        return shared

    def gather(self, rows: Sequence[Row]) -> list[list[Row]]:
        """Return the rows of every rank in the order of ranks; an empty list but on rank 0."""
        if self.world_size == 1:
            return [list(rows)]
        from torch.distributed import gather_object

        found: list[list[Row]] | None = [[]] * self.world_size if self.is_main_process else None
        gather_object(list(rows), found, dst=0)
        return found or []

    def wait_for_everyone(self) -> None:
        """Return when every rank has come here."""
        if self.world_size == 1:
            return
        import torch
        from torch.distributed import all_reduce

        all_reduce(torch.zeros(1))  # on the CPU, where waiting takes no GPU

    def on_main_process(self, work: Callable[[], Value]) -> Value:
        """Let rank 0 do a piece of work while the others wait; return its result to all.

        Raises:
            ToldError: rank 0 failed; there the error itself is raised.
        """
        if self.world_size == 1:
            return work()
        if not self.is_main_process:
            # A list says whether there is a result; the result itself may be None.
            made: list[Value] = self.broadcast([])
            if not made:
                raise ToldError("rank 0 failed and says why")
            return made[0]
        try:
            result = work()
        # Another error is a bug: this process ends with its traceback, and torchrun ends those that
        # wait.
        except BrainplugError:
            self.broadcast([])
            raise
        self.broadcast([result])
        return result

    def together(self, work: Callable[[], Value]) -> Value:
        """Let all ranks do a piece of work; return when every one of them is done.

        Raises:
            RankError: it failed on this rank, and the others cannot end it without.
        """
        if self.world_size == 1:
            return work()
        result = must(work)
        self.wait_for_everyone()
        return result

    def call(self, request: object) -> None:
        """Ask the other ranks, from rank 0, for a piece of work that all do together.

        Args:
            request: what they are told; can be pickled.
        """
        self.broadcast(("work", request))

    def requests(self) -> Iterator[Any]:
        """Give what rank 0 asks of the others, until it has ended.

        Raises:
            ToldError: rank 0 failed, and says why.
        """
        while True:
            word, request = self.broadcast(("", None))
            if word != "work":
                break
            yield request
        if word == "failed":
            raise ToldError("rank 0 failed and says why")

    @contextmanager
    def leading(self) -> Iterator[None]:
        """Let the other ranks go when the block, which is rank 0's, has ended.

        Where ranks are no longer in step, or what ended the block is no error of ours, nothing is
        told: torchrun ends the others when this process has.
        """
        try:
            yield
        except RankError:
            raise
        except BrainplugError:
            self.broadcast(("failed", None))
            raise
        self.broadcast(("done", None))

    def tells(self, error: BaseException) -> bool:
        """Say whether it is for this rank to tell of an error; asked once, before it ends.

        Of several ranks that fail, the first tells. One whose work broke because another ended is
        itself ended by torchrun in the meantime.
        """
        if self.world_size == 1:
            return True
        expected = isinstance(error, BrainplugError | OSError)
        if isinstance(error, ToldError) or not expected:
            time.sleep(GRACE_S)
        return not isinstance(error, ToldError) and is_first_failure(self)

    def leave(self, code: int) -> int:
        """End this process where it is one of several; return the exit code where it is not.

        Python's own way out can abort, when a thread of gloo that still holds a tensor asks for an
        interpreter that is being taken down, and can wait for ever for a rank that is gone.
        """
        if self.world_size == 1:
            return code
        # After a failure such a function may wait for a rank that is gone.
        if code == 0:
            atexit._run_exitfuncs()  # noqa: SLF001 - trackers of experiments finish there
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


ALONE = Ranks()
"""A run of one process."""


def read_number(environ: Mapping[str, str], name: str, default: int) -> int:
    """Read a number from the environment, where an empty value stands for none.

    Raises:
        RunError: it is something else.
    """
    text = environ.get(name, "").strip()
    if not text:
        return default
    # No machine has a billion processes.
    if not text.isascii() or not text.isdecimal() or len(text) > 9:
        raise RunError(
            f"{text[:80]!r}",
            where=f"the environment's {name}",
            expected="a number, as torchrun sets it",
            found=text,
            hint=f"unset {name}",
        )
    return int(text)


def must(work: Callable[[], Value]) -> Value:
    """Do a piece of work that the other ranks depend on.

    Raises:
        RankError: it failed.
    """
    try:
        return work()
    except BrainplugError as error:
        failure = RankError(str(error))
        for note in getattr(error, "__notes__", ()):
            failure.add_note(note)
        raise failure from error


def is_first_failure(ranks: Ranks) -> bool:
    """Say whether no rank has failed before, by a count that torchrun keeps for all."""
    if any(name not in os.environ for name in NEEDED):
        return True
    from torch.distributed import TCPStore  # type: ignore[attr-defined]

    # torchrun keeps its store when it starts ranks anew, and failures of before must not count.
    key = f"brainplug/failures/{os.environ.get('TORCHELASTIC_RESTART_COUNT', '0')}"
    try:
        store = TCPStore(
            os.environ["MASTER_ADDR"],
            int(os.environ["MASTER_PORT"]),
            wait_for_workers=False,
            # The store may be gone already, and all that is left to do here is to end.
            timeout=timedelta(seconds=5),
        )
        return store.add(key, 1) == 1
    except RuntimeError:  # without torchrun rank 0 keeps the count, which is gone with it
        return ranks.is_main_process


def connect(ranks: Ranks) -> None:
    """Make torch's process group; one of a single process too, which DeepSpeed asks for.

    Raises:
        RunError: there is no GPU for this rank.
    """
    import torch
    from torch import distributed

    if distributed.is_initialized():
        return
    name_accelerator()
    gpus = torch.cuda.device_count()
    if gpus:
        if ranks.local_rank >= gpus:
            raise RunError(
                f"{gpus} for {ranks.local_rank + 1} or more",
                where=platform.node(),
                expected="a GPU for each process",
                found=gpus,
                hint="start as many as there are GPUs",
            )
        torch.cuda.set_device(ranks.local_rank)
    # Rows and requests travel over gloo, so that waiting for rank 0, maybe for days, keeps no GPU
    # busy.
    backend = "cpu:gloo,cuda:nccl" if gpus else "gloo"
    if ranks.world_size > 1:
        distributed.init_process_group(backend, timeout=PATIENCE)
    else:
        # A store in memory: a process by itself opens no port that another run might hold.
        store = distributed.HashStore()  # type: ignore[attr-defined]
        distributed.init_process_group(backend, store=store, rank=0, world_size=1)


def name_accelerator() -> None:
    """Tell DeepSpeed, which accelerate imports where it is installed, that there is no GPU.

    Otherwise it guesses, and prints that it did.
    """
    import torch

    if not torch.cuda.is_available():
        os.environ.setdefault("DS_ACCELERATOR", "cpu")


def end_with_parent() -> None:
    """End this process when the one that started it is gone, even by `kill -9`."""
    parent = os.getppid()

    def watch() -> None:
        # A process whose parent is gone is adopted by another; no signal tells of it on every
        # system.
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, name="watch", daemon=True).start()

"""What a siege is made with: commands in children, states that kills would leave, comparisons."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import signal
import sys
import time
import traceback
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterable, Sequence

DAMAGES = ("emptied", "cut", "zeroed", "random", "one bit")

TIMES = {"log.txt", "record.json", ".lock", "test.json"}
"""Files that tell when; of the ledger the keys are compared, and of times nothing."""

KEPT = "checkpoints.before-"

AFTER_OPENING = {"metrics", "report"}

EVENTS = {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.link", "os.truncate"}
"""What Python tells an audit hook of, before it changes a folder; besides opening for writing."""


@attrs.frozen
class Outcome:
    """What became of a command.

    Attributes:
        code: of its exit; None where it had to be killed.
        text: all that it printed.
        seconds: it took.
    """

    code: int | None
    text: str
    seconds: float

    @property
    def fault(self) -> str:
        """Say what no command may do, nothing where it did not."""
        if self.code is None:
            return f"did not end within {self.seconds:.0f} s"
        if "Traceback (most recent call last)" in self.text:
            return "traceback: " + (self.text.strip().splitlines() or [""])[-1]
        if self.code not in {0, 1, 2}:
            return f"exit code {self.code}"
        if self.code and "brainplug: error" not in self.text:
            return "failed without a message"
        return ""


def attempt(
    arguments: Sequence[object], *, limit_s: float = 300, hook: Callable[[], None] | None = None
) -> Outcome:
    """Run a command in a child that has all modules loaded already.

    Args:
        arguments: of `brainplug`.
        limit_s: seconds after which it counts as hanging.
        hook: called in the child, before.
    """
    begun, told = time.monotonic(), Path(os.environ["SIEGE"]) / "told"
    child = os.fork()
    if not child:
        work_as_child(list(map(str, arguments)), told, hook)
    done = 0
    while not done:
        if time.monotonic() - begun > limit_s:
            os.killpg(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return Outcome(None, told.read_text(errors="replace"), limit_s)
        time.sleep(0.02)
        # Only here: who reaps a child is the one who learns how it ended.
        done, status = os.waitpid(child, os.WNOHANG)
    code = os.waitstatus_to_exitcode(status)
    return Outcome(code, told.read_text(errors="replace"), time.monotonic() - begun)


def work_as_child(arguments: list[str], told: Path, hook: Callable[[], None] | None) -> None:
    """Run the command, with all that is printed going to a file; never returns."""
    code = 70
    try:
        os.setsid()
        file = os.open(told, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        for number in (1, 2):
            os.dup2(file, number)
        sys.stdout, sys.stderr = (io.TextIOWrapper(open(n, "wb", 0)) for n in (1, 2))  # noqa: SIM115,PTH123
        from brainplug.cli.main import main

        if hook is not None:
            hook()
        code = main(arguments)
    except SystemExit as error:
        code = int(error.code or 0)
    except BaseException:  # noqa: BLE001 - what escapes is what is sought
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def keep_states(roots: Sequence[Path], into: Path) -> Callable[[], None]:
    """Return a hook that copies folders ahead of every change of theirs, as a kill leaves them.

    Args:
        roots: folders that the command writes to.
        into: gets a folder for each state that differs from all before.
    """
    seen: set[int] = set()
    copying = [False]
    begins = tuple(map(str, roots))

    def note(event: str, arguments: tuple[Any, ...]) -> None:
        if copying[0] or not (event in EVENTS or (event == "open" and is_write(arguments))):
            return
        if not any(str(each).startswith(begins) or each == -1 for each in arguments[:2]):
            return
        copying[0] = True
        try:
            mark = digest(roots)
            if mark not in seen:
                seen.add(mark)
                copy_roots(roots, into / f"{len(seen):05}")
        finally:
            copying[0] = False

    return lambda: sys.addaudithook(note)


def is_write(arguments: tuple[Any, ...]) -> bool:
    """Tell whether a file is opened for writing."""
    return bool(arguments[2] & (os.O_WRONLY | os.O_RDWR))


def files_below(root: Path) -> list[Path]:
    """Return the files at and below a folder."""
    return sorted(path for path in root.rglob("*") if path.is_file())


def digest(roots: Iterable[Path]) -> int:
    """Return a number that tells states of folders apart, by names, lengths and times."""
    lines = []
    for root in roots:
        for path in files_below(root):
            try:
                state = path.stat()
            except FileNotFoundError:  # deleted in the meantime by another thread
                continue
            lines.append(f"{path}\0{state.st_size}\0{state.st_mtime_ns}")
    return zlib.crc32("\n".join(lines).encode("utf-8", "surrogateescape"))


def copy_roots(roots: Sequence[Path], to: Path) -> None:
    """Copy folders beside each other."""
    for root in roots:
        if root.exists():
            shutil.copytree(root, to / root.name, dirs_exist_ok=True)


def put_back(roots: Sequence[Path], state: Path) -> None:
    """Let folders be as they were copied."""
    for root in roots:
        shutil.rmtree(root, ignore_errors=True)
        if (state / root.name).exists():
            shutil.copytree(state / root.name, root)


def damage(path: Path, how: str, rng: random.Random) -> None:
    """Damage a file."""
    content = bytearray(path.read_bytes())
    if how == "emptied":
        content.clear()
    elif how == "cut":
        del content[rng.randrange(len(content) + 1) :]
    elif how == "zeroed":
        content = bytearray(len(content))
    elif how == "random":
        content = bytearray(rng.randbytes(len(content)))
    elif content:
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    path.write_bytes(content)


def differences(found: Path, wanted: Path) -> list[str]:
    """Say in what a run folder differs from another, times apart: files, bytes, litter."""
    told = []
    names = [
        {str(path.relative_to(each)) for path in files_below(each)} for each in (found, wanted)
    ]
    told += [f"{name} is missing" for name in sorted(names[1] - names[0] - TIMES)]
    # A training of which a damaged note no longer tells what it is of is kept, and the run says so.
    more = sorted(name for name in names[0] - names[1] - TIMES if not name.startswith(KEPT))
    told += [f"{name} is litter" for name in more]
    for name in sorted((names[0] & names[1]) - TIMES):
        if Path(name).name in TIMES:
            continue
        pair = [plain(each / name) for each in (found, wanted)]
        if pair[0] != pair[1]:
            told.append(f"{name} differs")
    return told


def plain(path: Path) -> object:
    """Return what a file holds, without times, and without how often the test was opened."""
    content = path.read_bytes()
    if path.name == "stages.json":
        # Metrics and page are made from the times of openings too.
        entries = json.loads(content).items()
        return {name: each.get("key") for name, each in entries if name not in AFTER_OPENING}
    if path.name == "report.html":
        content = re.sub(rb"(?s)Seconds:.*?</|were opened.*?</", b"</", content)
    return content

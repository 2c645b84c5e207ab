"""Results that no longer belong to the tasks and settings of their run folder: moved out of sight.

A report beside tasks that it was not made from would be believed. So whatever does not fit any
more lies in `stale/`, with a page that says why; it is taken back where it fits again.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from brainplug.run.changes import plain_facts, say_changes, shorten
from brainplug.run.ledger import hash_reads
from brainplug.runtime.files import write_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from brainplug.run.ledger import Ledger, Stage
    from brainplug.runtime.code_closure import SourceTree

STALE, README = "stale", "README.txt"

HEADING = """\
What lies here was made from something else than what lies in the run folder now.
Do not report it together with that. `brainplug run` makes it anew, or takes it back
where the recipe and the data are again what it was made from.
"""


def put_aside(folder: Path, paths: Iterable[Path], reason: str) -> list[str]:
    """Move results of a run folder into `stale/`; return the names of those that were there."""
    moved = []
    for path in paths:
        if not path.exists():
            continue
        target = folder / STALE / path.name
        target.parent.mkdir(exist_ok=True)
        remove(target)
        path.rename(target)
        moved.append(path.name)
    if moved:
        reasons = read_reasons(folder) | dict.fromkeys(moved, reason)
        write_reasons(folder, reasons)
    return moved


def take_back(folder: Path, paths: Sequence[Path]) -> bool:
    """Move results back from `stale/`, all or none; tell whether they were there."""
    lacking = [path for path in paths if not path.exists()]
    sources = [folder / STALE / path.name for path in lacking]
    if not lacking or not all(source.exists() for source in sources):
        return False
    for source, path in zip(sources, lacking, strict=True):
        source.rename(path)
    write_reasons(folder, read_reasons(folder))
    return True


def drop(folder: Path, paths: Iterable[Path]) -> None:
    """Delete from `stale/` what has been made anew."""
    if (folder / STALE).is_dir():
        for path in paths:
            remove(folder / STALE / path.name)
        write_reasons(folder, read_reasons(folder))


def remove(path: Path) -> None:
    """Delete a file or a folder, if it is there."""
    if path.is_dir() and not path.is_symlink():  # what a link leads to is somebody else's
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def read_reasons(folder: Path) -> dict[str, str]:
    """Return why each thing in `stale/` lies there, from its page."""
    path = folder / STALE / README
    text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    lines = text.splitlines()
    said = dict(line[2:].split(": ", 1) for line in lines if line.startswith("- ") and ": " in line)
    return {name: why for name, why in said.items() if (folder / STALE / name).exists()}


def write_reasons(folder: Path, reasons: dict[str, str]) -> None:
    """Write the page of `stale/`; an empty folder goes."""
    if reasons:
        lines = "".join(f"- {name}: {why}\n" for name, why in sorted(reasons.items()))
        write_text(folder / STALE / README, f"{HEADING}\n{lines}")
    elif (folder / STALE).is_dir():
        remove(folder / STALE)


def mark_stale(
    ledger: Ledger, stages: Iterable[Stage], code: SourceTree, *, reason: str = ""
) -> list[str]:
    """Put aside what stages left that does not fit what lies in the folder now.

    Facts outside the folder are not looked at, such as the content of scans: that can take hours,
    and is done when the run goes on.

    Args:
        ledger: of the run folder.
        stages: that were not come to, in their order; what one loses, the next one misses.
        code: the source.
        reason: why none fits; without it each is looked at.

    Returns:
        For each stage that lost something its name and why.
    """
    told = []
    for stage in stages:
        if not ledger.standing(stage):
            continue
        why = reason or shorten(why_stale(ledger, stage, code))
        if why:
            told.append(f"{stage.name}: {why}; now in {put_stage_aside(ledger, stage, why)}/")
    return told


def why_stale(ledger: Ledger, stage: Stage, code: SourceTree) -> list[str]:
    """Say why the results of a stage do not fit; nothing where they do."""
    entry = ledger.entry(stage)
    entry = entry.get("last", entry)  # of one that was begun since, its files are those of before
    if "key" not in entry or "made_from" not in entry:
        return ["not made from what lies in the folder now"]
    current = {
        "settings": plain_facts(stage.settings),
        "reads": plain_facts(hash_reads(stage.reads())),
        "code": stage.closure(code),
    }
    return say_changes(entry["made_from"], current)


def put_stage_aside(ledger: Ledger, stage: Stage, reason: str) -> str:
    """Put aside the results of a stage; return the folder they went to."""
    if stage.put_aside is not None:
        return stage.put_aside(ledger.entry(stage))
    put_aside(ledger.folder, ledger.standing(stage), reason)
    return STALE

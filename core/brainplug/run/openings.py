"""The test lock: test tasks are answered on request, and each opening is written down.

A run folder holds in `test.json` which of its trainings may be asked. The openings themselves lie
in a folder of the user, which is no cache, under a digest of the people and the target, so that
another run folder, recipe or seed on the same people is counted with them.
"""

from __future__ import annotations

import errno
import json
import os
import uuid
from importlib import metadata
from typing import TYPE_CHECKING

import attrs

from brainplug.evaluation.openings import Opening, Openings, count_openings, read_lock
from brainplug.run.ledger import now
from brainplug.runtime.files import cache_folder, hash_text, into_cache, read_json, write_text
from brainplug.runtime.notes import sealed, unsealed, write_note
from brainplug.runtime.records import to_json
from brainplug.runtime.run_folder import RunFolder

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from pathlib import Path

FOLDER = "openings"

README = """\
Lists of how often the test people of a target were asked on this machine: a line an opening, no
id of anybody. A report tells the number. Nothing can make these lists again: when you make room,
keep this folder.
"""

LEDGER_HINT = "the same `brainplug run` makes it again"

WITHIN = ("runs", "arms")
"""Folders of a run folder that hold other runs."""


def trained(files: RunFolder) -> str:
    """Return what tells the training of a run folder from any other, empty before its end."""
    # Read as it is: all that answers would else depend on the code of the ledger.
    entries = read_json(files.ledger, LEDGER_HINT) if files.ledger.is_file() else {}
    entry = unsealed(entries.get("training", {})) or {}
    return f"{entry['key']} {entry.get('finished', '')}" if "key" in entry else ""


def is_open(files: RunFolder) -> bool:
    """Tell whether the test was opened for the training that lies in a run folder."""
    made = trained(files)
    return bool(made) and made in read_lock(files).get("opened", ())


def open_test(files: RunFolder) -> None:
    """Allow the training that lies in a run folder to be asked the test."""
    lock = read_lock(files)
    opened = [*lock.get("opened", ()), trained(files)]
    write_note(files.test_lock, {**lock, "opened": list(dict.fromkeys(opened))})


def number_of(files: RunFolder) -> str:
    """Return the number of a run folder, which it keeps wherever it is moved."""
    lock = read_lock(files)
    if "run" not in lock:
        lock = {"run": uuid.uuid4().hex, **lock}
        write_note(files.test_lock, lock)
    return str(lock["run"])


def home_of(files: RunFolder) -> tuple[RunFolder, str]:
    """Return the outermost run folder that a run lies in, and its name within that."""
    names, folder = list[str](), files.path
    while folder.parent.name in WITHIN:
        outer = folder.parent.parent
        if not RunFolder(outer).ledger.is_file():
            break
        names.insert(0, folder.name)
        folder = outer
    return RunFolder(folder), "/".join(names)


def record_opening(
    files: RunFolder, cache: Path, *, target: str, how: object, people: Iterable[tuple[str, str]]
) -> None:
    """Write down that the test is asked now, and in the run folder how often it was.

    An arm is asked with its main run, and is no opening of its own.

    Args:
        files: of the run folder.
        cache: `kept_folder()`, which holds the lists.
        target: column of the target.
        how: settings by which the model is asked.
        people: study and subject of everybody who is asked.

    Raises:
        RunError: the user's cache cannot be written, and so the test stays closed.
    """
    if files.arm.is_file():
        return
    asked = group_people(people)
    counts = add_opening(files, cache, dict.fromkeys(asked, target), how=how, asked=asked)
    everybody = sum(map(len, asked.values()))
    found = attrs.evolve(max(counts.values(), key=lambda each: each.count), people=everybody)
    write_note(files.test_lock, {**read_lock(files), "openings": to_json(found)})


def record_external_openings(
    files: RunFolder,
    cache: Path,
    *,
    targets: Mapping[str, str],
    how: object,
    people: Iterable[tuple[str, str]],
) -> None:
    """Write down that people of external studies are asked now, and how often each study was.

    Args:
        files: of the run folder.
        cache: `kept_folder()`, which holds the lists.
        targets: study -> column of the target there.
        how: settings by which the model is asked.
        people: study and subject of everybody who is asked.

    Raises:
        RunError: the user's cache cannot be written, and so the test stays closed.
    """
    if files.arm.is_file():
        return
    counts = add_opening(files, cache, targets, how=how, asked=group_people(people))
    write_note(files.test_lock, {**read_lock(files), "external": to_json(counts)})


def add_opening(
    files: RunFolder,
    cache: Path,
    targets: Mapping[str, str],
    *,
    how: object,
    asked: Mapping[str, Collection[str]],
) -> dict[str, Openings]:
    """Add one opening to the list of the people of each study; return how often each was opened.

    Args:
        files: of the run folder.
        cache: `kept_folder()`, which holds the lists.
        targets: study -> column of the target.
        how: settings by which the model is asked.
        asked: study -> ids of its people who are asked.

    Raises:
        RunError: the user's cache cannot be written.
    """
    home, within = home_of(files)
    line = Opening(
        when=now(),
        run=number_of(home),
        within=within,
        made=hash_text(f"{trained(files)} {how}")[:16],
        brainplug=metadata.version("brainplug"),
    )
    paths = {
        study: cache / FOLDER / f"{digest(study, targets[study], members)}.jsonl"
        for study, members in asked.items()
    }
    with into_cache(cache / FOLDER):
        explain(cache / FOLDER)
        for path in paths.values():
            take_over(path)
            add_line(path, line)
    return {
        study: count_openings(read_lines(path), len(asked[study])) for study, path in paths.items()
    }


def explain(folder: Path) -> None:
    """Say in the folder of the lists what they are, to whoever makes room there."""
    if not (folder / "README.txt").exists():
        write_text(folder / "README.txt", README)


def take_over(path: Path) -> None:
    """Bring a list to its place from the cache, where an earlier brainplug kept it."""
    earlier = cache_folder() / FOLDER / path.name
    if earlier.is_file() and not path.exists():
        write_text(path, earlier.read_text(encoding="utf-8", errors="replace"))


def group_people(people: Iterable[tuple[str, str]]) -> dict[str, set[str]]:
    """Return the ids of the people of each study, as the study has them."""
    found: dict[str, set[str]] = {}
    for study, subject in people:
        found.setdefault(study, set()).add(subject.removeprefix(f"{study}:"))
    return found


def digest(study: str, target: str, people: Iterable[str]) -> str:
    """Return one name for some people and a target, in whatever order they come."""
    return hash_text(json.dumps([study, target, sorted(people)]))[:32]


def add_line(path: Path, line: Opening) -> None:
    """Add an opening at the end of its list, whole or not at all, unless it is there."""
    known = {(each.run, each.within, each.made) for each in read_lines(path)}
    if (line.run, line.within, line.made) in known:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    text = (json.dumps(sealed(attrs.asdict(line)), ensure_ascii=False) + "\n").encode()
    # One write at the end of a file, which no other process can cut in two.
    handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o666)
    try:
        size = os.fstat(handle).st_size
        if size and os.pread(handle, 1, size - 1) != b"\n":  # a damaged end
            text = b"\n" + text
        if os.write(handle, text) < len(text):
            os.ftruncate(handle, size)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        os.fsync(handle)
    finally:
        os.close(handle)


def read_lines(path: Path) -> list[Opening]:
    """Return the openings of a list, in their order.

    A damaged line was one too, nobody knows of what, and counts by itself.
    """
    if not path.is_file():
        return []
    found = []
    lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
    for number, text in enumerate(lines, 1):
        try:
            found.append(Opening(**(unsealed(json.loads(text)) or {})))
        except (ValueError, TypeError):
            if text.strip():
                unknown = f"damaged line {number}"
                found.append(Opening(when="", run=unknown, within="", made="", brainplug=""))
    return found

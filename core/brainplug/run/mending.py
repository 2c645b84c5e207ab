"""Damaged files by which a run folder knows itself: made again from each other.

    stages.json   what each stage was made from; its times and keys stand in record.json too
    record.json   versions, hardware, arithmetic; the last stands in stages.json too
    test.json     how often the test was opened; stands in record.json too

What the stages themselves leave is looked after by the ledger.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from brainplug.errors import RunError
from brainplug.run.arithmetic import FROM_LEDGER
from brainplug.run.ledger import Ledger
from brainplug.runtime.notes import read_note, write_note

if TYPE_CHECKING:
    from collections.abc import Iterator

    from brainplug.runtime.run_folder import RunFolder

OPENINGS_LOST = (
    "bring it back from a copy of the run folder; or delete it: then this folder no longer knows "
    "that its test was opened, asks it only where the recipe says test = true or `brainplug "
    "evaluate --test` opens it, and counts as another folder in the list of openings, by "
    "which its test people were opened once more"
)


def mend(files: RunFolder) -> Iterator[str]:
    """Make damaged files of a run folder again; say which, and from what.

    Args:
        files: of a folder that is held.

    Raises:
        RunError: nothing else tells how often the test was opened.
    """
    record = read_note(files.record)
    yield from mend_ledger(files, record or {})
    if record is None and files.record.is_file():
        yield from mend_record(files)
    yield from mend_lock(files)


def mend_ledger(files: RunFolder, record: dict[str, Any]) -> Iterator[str]:
    """Take damaged entries of the ledger from the record; a stage that has none is done again."""
    ledger = Ledger(files.path)
    entries, damaged = ledger.read_whole()
    if not damaged:
        return
    known = record.get("stages", {})
    found = {name: known[name] for name in known if name not in entries and "key" in known[name]}
    # In the order in which the stages were done.
    order = [*known, *(name for name in entries if name not in known)]
    whole = entries | found
    ledger.write({name: whole[name] for name in order if name in whole})
    lost = ", ".join(name for name in damaged if name and name not in found)
    told = f"{files.record.name} tells of {', '.join(found)}" if found else "nothing else tells it"
    again = f"; done again is {lost or 'what that does not tell of'}" if lost or not found else ""
    yield f"{files.ledger.name} was damaged, and is made again: {told}{again}"


def mend_record(files: RunFolder) -> Iterator[str]:
    """Keep of a damaged record what the ledger knows; all else is written after the next stage."""
    entries = Ledger(files.path).read()
    found = (entry.get("made_from", {}).get("facts") for entry in entries.values())
    facts = (each for each in found if isinstance(each, dict))
    settled = [each["arithmetic"] for each in facts if "arithmetic" in each]
    # Sums in another order are other bits, so it is not settled anew where that is known.
    kept = {"arithmetic": {**settled[0], "from": FROM_LEDGER}} if settled else {}
    write_note(files.record, kept)
    yield f"{files.record.name} was damaged, and is made again"


def mend_lock(files: RunFolder) -> Iterator[str]:
    """Take what the folder remembers of its test from the record, where that note is damaged.

    Raises:
        RunError: the record does not tell it.
    """
    if read_note(files.test_lock) is not None or not files.test_lock.is_file():
        return
    record = read_note(files.record) or {}
    if "test" not in record:
        raise RunError(
            "something else",
            where=files.test_lock,
            expected="what this folder remembers of its test",
            hint=OPENINGS_LOST,
        )
    write_note(files.test_lock, record["test"])
    yield f"{files.test_lock.name} was damaged, and is made again from {files.record.name}"

"""`--fresh`: what was made is forgotten; what was learnt, and how often it was asked, is kept."""

from __future__ import annotations

from brainplug.run.learning_stages import training_home
from brainplug.run.ledger import Ledger
from brainplug.run.mending import mend_lock
from brainplug.runtime.run_folder import RunFolder


def forget(files: RunFolder) -> list[str]:
    """Delete ledgers and records; put trainings aside, of runs in runs and of stale ones too.

    How often the test was opened stays known, and is mended before the record goes, which tells it.

    Returns:
        What was mended.

    Raises:
        RunError: it is known nowhere.
    """
    homes = {files.path, *(path.parent for path in files.path.rglob(files.ledger.name))}
    folders = [RunFolder(path) for path in sorted(homes)]
    mended = [line for folder in folders for line in mend_lock(folder)]
    for folder in folders:
        home = training_home(folder)
        if home.has_weights():
            entries, _ = Ledger(folder.path).read_whole()
            home.put_aside(entries.get("training", {}), fresh=True)
        folder.ledger.unlink(missing_ok=True)
        folder.record.unlink(missing_ok=True)
    return mended

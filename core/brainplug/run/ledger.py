"""Which stages of a run are done: a ledger of what each was made from.

A stage is redone when its recipe section, the content of a file it reads, or its code has changed,
and only then. The ledger is written after the stage's files, so that a run killed between the two
does the stage again.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from brainplug.runtime.files import hash_text, read_json, walk_once, write_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

LEDGER = "stages.json"


def no_facts() -> None:
    """Say that a stage depends on nothing but its settings, files and code."""


@attrs.frozen(kw_only=True)
class Stage:
    """One arrow of the run.

    Attributes:
        name: as `--until` names it.
        settings: JSON-ready part of the recipe that the stage depends on.
        reads: files it is made from, in the run folder or outside.
        facts: what else it depends on, JSON-ready; asked for when the key is made.
        writes: files and folders it leaves in the run folder.
        code: modules whose source decides its result.
        run: makes the files; each is written whole or not at all.
        on_every_rank: all ranks of a run do it together, not the first one alone.
    """

    name: str
    settings: Any
    reads: Callable[[], Iterable[Path]]
    facts: Callable[[], Any] = no_facts
    writes: tuple[Path, ...]
    code: tuple[str, ...]
    run: Callable[[], None]
    on_every_rank: bool = False


@attrs.frozen
class Ledger:
    """Remembers, in the run folder, what each finished stage was made from."""

    folder: Path

    def is_done(self, stage: Stage, key: str) -> bool:
        """Tell whether the stage's files stand and nothing it depends on has changed."""
        entry = self.read().get(stage.name, {})
        left = [*stage.writes, *(self.folder / name for name in entry.get("files", ()))]
        return entry.get("key") == key and all(path.exists() for path in left)

    def note(self, stage: Stage, key: str, seconds: float) -> None:
        """Remember that a stage is done, and from what: the key it had when it began."""
        folders = [path for path in stage.writes if path.is_dir()]
        files = [str(file.relative_to(self.folder)) for path in folders for file in path.iterdir()]
        entry = {
            "key": key,
            "seconds": round(seconds, 2),
            "finished": now(),
            "files": sorted(files),
        }
        write_json(self.folder / LEDGER, {**self.read(), stage.name: entry})

    def forget(self, stage: Stage) -> None:
        """Forget a stage before it is done again."""
        entries = self.read()
        if entries.pop(stage.name, None) is not None:
            write_json(self.folder / LEDGER, entries)

    def read(self) -> dict[str, Any]:
        """Return the entries; seconds of work and time of the end for each stage."""
        path = self.folder / LEDGER
        return dict(read_json(path)) if path.exists() else {}


def now() -> str:
    """Return the time as text, to the second, with its zone."""
    return time.strftime("%Y-%m-%dT%H:%M:%S%z")


def make_key(stage: Stage) -> str:
    """Return a hash of all a stage depends on; a file that is missing counts as such."""
    facts = {
        "settings": stage.settings,
        "facts": stage.facts(),
        "reads": [[path.name, hash_path(path)] for path in stage.reads()],
        "code": [[name, hash_module(name)] for name in stage.code],
    }
    return hash_text(json.dumps(facts, sort_keys=True, default=str))


def hash_path(path: Path) -> str:
    """Return a hash of a file's content, or of a folder's listing with sizes and times."""
    if path.is_dir():
        return hash_folder(path)
    if not path.is_file():
        return "missing"
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def hash_folder(folder: Path) -> str:
    """Return a hash of names, sizes and times of the files below a folder."""
    start = len(str(folder)) + 1
    lines = []
    for place, names in walk_once(folder):
        for name in names:
            path = f"{place}/{name}"
            try:
                state = os.stat(path)  # noqa: PTH116 (a Path for each of a million is slow)
            except FileNotFoundError:  # a link to nothing
                continue
            lines.append(f"{path[start:]}\0{state.st_size}\0{state.st_mtime_ns}")
    return hash_text("\n".join(sorted(lines)))


def hash_module(name: str) -> str:
    """Return a hash of a module's source; of all files, templates too, where it is a package."""
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        return "missing"
    origin = Path(spec.origin)
    if origin.name != "__init__.py":
        return hash_path(origin)
    found = (path for path in origin.parent.rglob("*") if path.is_file())
    sources = sorted(path for path in found if path.suffix not in {".pyc", ".pyo"})
    return hash_text("".join(hash_path(source) for source in sources))

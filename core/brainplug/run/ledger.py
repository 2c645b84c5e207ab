"""Which stages of a run are done: a ledger of what each was made from.

A stage is redone when a recipe key it uses, the content of a file it reads, or its code has
changed, and only then. Which code that is, is worked out from the source. The ledger keeps the
facts and not only their hash, so that a run can say why it does a stage again. It is written after
the stage's files, so that a run killed between the two does the stage again.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from brainplug.errors import RunError
from brainplug.run.changes import MISSING, plain_facts, say_changes
from brainplug.runtime.files import hash_text, walk_once, write_json
from brainplug.runtime.notes import sealed, unsealed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from brainplug.runtime.code_closure import SourceTree

LEDGER = "stages.json"

READ_AT_ONCE = 1 << 28
"""Bytes up to which content is compared; that of larger files, such as weights, where length is the
same and the time of the last write another."""

STAGES_PACKAGE = __name__.rpartition(".")[0]
"""Holds the functions of all stages; its code counts function by function, all other by module."""


def no_facts() -> None:
    """Say that a stage depends on nothing but its settings, files and code."""


@attrs.define(eq=False)
class MadeFrom:
    """All that a stage depends on, JSON-ready.

    Attributes:
        settings: keys of the recipe.
        reads: hash of each file by its name.
        facts: what else.
        code: hash of each module, or function, by its name.
    """

    settings: Any
    reads: Any
    facts: Any
    code: dict[str, str]

    @cached_property
    def key(self) -> str:
        """One hash of all."""
        return hash_text(json.dumps(self.to_json(), sort_keys=True))

    def to_json(self) -> dict[str, Any]:
        """Return the facts by group."""
        return {
            "settings": self.settings,
            "reads": self.reads,
            "facts": self.facts,
            "code": self.code,
        }

    def without(self, *sections: str) -> MadeFrom:
        """Return the same without some sections of the settings."""
        kept = {name: each for name, each in self.settings.items() if name not in sections}
        return attrs.evolve(self, settings=kept)


@attrs.frozen
class Recalled:
    """What became of the files that an earlier making of a stage left.

    Attributes:
        entry: of the ledger for it, where what was brought back is whole; None has it done again.
        lines: what the user is told.
    """

    entry: dict[str, Any] | None = None
    lines: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class Stage:
    """One arrow of the run.

    Attributes:
        name: as `--until` names it.
        settings: JSON-ready keys of the recipe that the stage uses, by their tables.
        reads: files it is made from, in the run folder or outside.
        facts: what else it depends on, JSON-ready; asked for when the key is made.
        writes: files and folders it leaves in the run folder.
        uses: objects that are handed to it, such as parts; their code counts too.
        run: makes the files; each is written whole or not at all. A function, or a `partial` of it.
        on_every_rank: all ranks of a run do it together, not the first one alone.
        goes_on_without: `run` takes a key, to know what of a stopped attempt it can go on from: of
            all it is made from without these sections of the settings. None: it takes none.
        recall: brings back what an earlier run made from the same, and puts aside what does not
            fit and is too dear to lose.
        tend: mends what a stage that is done left besides its files, and says what.
        put_aside: puts aside what it left; without it that is moved with other stale results.
    """

    name: str
    settings: Any
    reads: Callable[[], Iterable[Path]]
    facts: Callable[[], Any] = no_facts
    writes: tuple[Path, ...]
    uses: tuple[object, ...] = ()
    run: Callable[..., None]
    on_every_rank: bool = False
    goes_on_without: tuple[str, ...] | None = None
    recall: Callable[[MadeFrom, dict[str, Any]], Recalled] | None = None
    tend: Callable[[MadeFrom], Iterable[str]] | None = None
    put_aside: Callable[[dict[str, Any]], str] | None = None

    def made_from(self, code: SourceTree) -> MadeFrom:
        """Return all that the stage depends on by now; a missing file counts as such."""
        return MadeFrom(
            settings=plain_facts(self.settings),
            reads=plain_facts(hash_reads(self.reads())),
            facts=plain_facts(self.facts()),
            code=self.closure(code),
        )

    def work(self, made: MadeFrom) -> Callable[[], None]:
        """Return what is called to make the files."""
        if self.goes_on_without is None:
            return self.run
        return partial(self.run, made.without(*self.goes_on_without).key)

    def closure(self, code: SourceTree) -> dict[str, str]:
        """Return all code that decides the result."""
        return code.closure([self.run, *self.uses], by_name=STAGES_PACKAGE)


@attrs.frozen
class Ledger:
    """Remembers, in the run folder, what each finished stage was made from."""

    folder: Path

    def is_done(self, stage: Stage, key: str) -> bool:
        """Tell whether the stage's files stand as written and nothing it depends on has changed."""
        entry = self.entry(stage)
        return entry.get("key") == key and not self.missing(stage) and not self.damaged(stage)

    def standing(self, stage: Stage) -> list[Path]:
        """Return what a stage left that is there, without what an unfinished attempt has left.

        That belongs to the attempt, such as the audit that refused the tasks.
        """
        begun = self.entry(stage).get("begun")
        found = [path for path in stage.writes if path.exists()]
        return [path for path in found if begun is None or path.stat().st_mtime < begun]

    def done_entry(self, stage: Stage, key: str, aside: Path) -> dict[str, Any] | None:
        """Return what is remembered of a stage that was once done from the same.

        Of a stage that was begun since, only where the attempt wrote none of its files: each is
        whole or as it was, but two may be of different makings.

        Args:
            stage: the stage.
            key: of all it is made from.
            aside: folder that earlier results may have been put in.
        """
        entry = self.entry(stage)
        known = [entry]
        if "last" in entry and (len(stage.writes) == 1 or self.untouched(stage, aside)):
            known.append(entry["last"])
        return next((each for each in known if each.get("key") == key), None)

    def untouched(self, stage: Stage, aside: Path) -> bool:
        """Tell whether all that a stage left is a file from before it was begun again."""
        begun = self.entry(stage).get("begun")
        places = [path if path.exists() else aside / path.name for path in stage.writes]
        return begun is not None and all(
            path.is_file() and path.stat().st_mtime < begun for path in places
        )

    def missing(self, stage: Stage) -> list[Path]:
        """Return what the stage left and is no more there."""
        files = (self.folder / name for name in self.entry(stage).get("files", ()))
        return [path for path in (*stage.writes, *files) if not path.exists()]

    def damaged(self, stage: Stage) -> list[str]:
        """Say which files of a stage are not as it left them: their length, or their content."""
        written = self.entry(stage).get("written", {})
        faults = ((name, fault_of(self.folder / name, told)) for name, told in written.items())
        return [f"{name} {fault}" for name, fault in faults if fault]

    def causes(self, stage: Stage, made: MadeFrom) -> list[str]:
        """Say why a stage is done again; nothing of one that was never begun."""
        entry = self.entry(stage)
        if not entry:
            return []
        if "made_from" not in entry:
            return ["it was done by an earlier brainplug"]
        changed = say_changes(entry["made_from"], made.to_json())
        if "key" not in entry:
            return ["it was stopped before its end", *changed]
        lost = [f"{path.relative_to(self.folder)} is missing" for path in self.missing(stage)]
        return changed or lost or self.damaged(stage)

    def begin(self, stage: Stage, made: MadeFrom) -> None:
        """Remember that a stage is begun, and from what, so that it counts as undone till its end.

        What it was done from last is kept: its files are still there.
        """
        entry = self.entry(stage)
        last = entry if "key" in entry else entry.get("last")
        begun = {"begun": time.time(), "made_from": made.to_json()}
        self.put(stage, begun | ({"last": last} if last else {}))

    def note(self, stage: Stage, made: MadeFrom, seconds: float) -> None:
        """Remember that a stage is done, and from what."""
        entry = {
            "key": made.key,
            "seconds": round(seconds, 2),
            "finished": now(),
            "files": self.files_in(stage),
            "written": self.written(stage),
            "made_from": made.to_json(),
        }
        self.put(stage, entry)

    def files_in(self, stage: Stage) -> list[str]:
        """Return the names of the files in the folders that a stage writes."""
        folders = [path for path in stage.writes if path.is_dir()]
        return sorted(self.name_of(file) for path in folders for file in path.iterdir())

    def written(self, stage: Stage) -> dict[str, list[Any]]:
        """Return length and hash of each file that a stage has written, by its name."""
        names = (*self.files_in(stage), *map(self.name_of, stage.writes))
        return {
            name: state_of(self.folder / name) for name in names if (self.folder / name).is_file()
        }

    def name_of(self, path: Path) -> str:
        """Return how the ledger names a file."""
        return str(path.relative_to(self.folder))

    def entry(self, stage: Stage) -> dict[str, Any]:
        """Return what is remembered of a stage."""
        return dict(self.read().get(stage.name, {}))

    def put(self, stage: Stage, entry: dict[str, Any]) -> None:
        """Remember something of a stage."""
        self.write({**self.read(), stage.name: entry})

    def renew(self, stage: Stage, made: MadeFrom) -> None:
        """Complete the entry of a stage that is done, of which only the key is remembered.

        Times of large files whose content has been looked at are taken as they are now.
        """
        entry = self.entry(stage)
        if "made_from" in entry:
            told = {"written": at_times(self.folder, entry.get("written", {}))}
        else:
            told = {"made_from": made.to_json(), "written": self.written(stage)}
        if entry | told != entry:
            self.put(stage, entry | told)

    def forget(self, name: str) -> None:
        """Remember nothing of a stage, so that it is done again, as if for the first time."""
        entries = self.read()
        if entries.pop(name, None) is not None:
            self.write(entries)

    def read(self) -> dict[str, Any]:
        """Return the entries; seconds of work and time of the end for each stage.

        Damaged ones are left out: a run has told of them before it comes here.

        Raises:
            RunError: none can be read.
        """
        entries, damaged = self.read_whole()
        if "" in damaged:
            raise RunError(
                "something else",
                where=self.folder / LEDGER,
                expected="the stages of a run",
                hint="the same `brainplug run` makes it again",
            )
        return entries

    def read_whole(self) -> tuple[dict[str, Any], list[str]]:
        """Return the entries that are as they were written, and the names of those that are not.

        Where nothing can be read, that is one without a name.
        """
        path = self.folder / LEDGER
        try:
            found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        except ValueError:  # also text that is not UTF-8
            found = None
        if not isinstance(found, dict):
            return {}, [""]
        entries = {name: unsealed(entry) for name, entry in found.items()}
        whole = {name: entry for name, entry in entries.items() if entry is not None}
        return whole, [name for name in entries if name not in whole]

    def write(self, entries: Mapping[str, Mapping[str, Any]]) -> None:
        """Write all entries, each with its checksum."""
        sealed_ones = {name: sealed(entry) for name, entry in entries.items()}
        write_json(self.folder / LEDGER, sealed_ones)


def state_of(path: Path) -> list[Any]:
    """Return the length of a file and the hash of its content; of a large one the time besides."""
    state = path.stat()
    times = [state.st_mtime_ns] if state.st_size > READ_AT_ONCE else []
    return [state.st_size, hash_path(path), *times]


def fault_of(path: Path, told: Sequence[Any]) -> str:
    """Say how a file differs from what `state_of` said of it; nothing where it does not."""
    size, digest, *times = told
    found = path.stat().st_size if path.is_file() else 0
    if found != size:
        return f"is damaged, {found:,} bytes in place of {size:,}"
    # An earlier brainplug kept no hash of a large file.
    known = digest is None or times == [path.stat().st_mtime_ns]
    return (
        ""
        if known or hash_path(path) == digest
        else ("is damaged, its content is not what was written")
    )


def at_times(folder: Path, written: Mapping[str, list[Any]]) -> dict[str, list[Any]]:
    """Return what `state_of` said of the files in a folder, with the times that they have now.

    A copy has others, and would be read at each start.
    """
    return {
        name: [*told[:2], (folder / name).stat().st_mtime_ns] if len(told) > 2 else told
        for name, told in written.items()
    }


def now() -> str:
    """Return the time as text, to the second, with its zone."""
    return time.strftime("%Y-%m-%dT%H:%M:%S%z")


def hash_reads(
    paths: Iterable[Path], hash_one: Callable[[Path], str] | None = None
) -> dict[str, str]:
    """Return the hash of each file by its name; of several with one name the later are numbered.

    Args:
        paths: files, or folders.
        hash_one: `hash_path`, unless there is a quicker way.
    """
    found: dict[str, str] = {}
    for path in paths:
        name, number = path.name, 2
        while name in found:
            name, number = f"{path.name} ({number})", number + 1
        found[name] = (hash_one or hash_path)(path)
    return found


def hash_path(path: Path) -> str:
    """Return a hash of a file's content, or of a folder's listing with sizes and times."""
    if path.is_dir():
        return hash_folder(path)
    if not path.is_file():
        return MISSING
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
            except OSError:  # a link to nothing, or to itself, or into a folder that is closed
                continue
            lines.append(f"{path[start:]}\0{state.st_size}\0{state.st_mtime_ns}")
    return hash_text("\n".join(sorted(lines)))

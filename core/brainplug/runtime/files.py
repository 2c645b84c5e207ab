"""Files written whole or not at all."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from brainplug.errors import RunError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    import pandas as pd


TEMPORARY = re.compile(r"\.(?P<name>.+)\.[a-z0-9_]{8}(?P<suffix>(\.[^.]*)?)")
"""Name of a file that `replacing` writes."""

CACHED = ("hashes", "openings", "simulated", "sketches", "volumes")
"""Folders of the cache."""

SWEPT = ".swept"
"""In the cache; its time tells when it was last rid of what killed writes left."""

SWEEP_S = 86_400.0
DEAD_S = 86_400.0
"""Seconds without a write after which a file in the cache has no writer; each takes moments."""


@contextmanager
def replacing(path: Path, *, mode: int | None = None) -> Iterator[Path]:
    """Give a temporary path beside `path` that takes its place when the block ends well.

    The file is flushed to disk before it is renamed, so that a crash leaves the old file or the
    new one. Nothing is left behind when the block fails.

    Args:
        path: what is written.
        mode: who may read and write it; without it as the user's files are.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # Beside the file, since a rename replaces in one step on one file system only; with its suffix,
    # by which some writers choose the format.
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=path.suffix)
    os.close(handle)
    temporary = Path(name)
    try:
        with naming(path):
            yield temporary
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())
            # `mkstemp` lets nobody but the owner read, and run folders are shared.
            temporary.chmod(0o666 & ~current_umask() if mode is None else mode)
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Let an error of the block name the file it writes, which a full disk does not say."""
    try:
        yield
    except OSError as error:
        if error.strerror is None:  # of a library that gives a sentence alone, as numpy does
            raise OSError(errno.EIO, str(error), str(path)) from error
        error.filename = error.filename or str(path)
        raise


def walk_once(
    folder: Path, pass_over: Callable[[str, str], bool] = lambda _place, _name: False
) -> Iterator[tuple[str, list[str]]]:
    """Give each folder at and below one, with the names of its files, in one pass.

    Links to folders are followed, each folder once.

    Args:
        folder: where to start.
        pass_over: whether a folder, by the path it lies in and its name, is not entered.
    """
    seen: set[tuple[int, int]] = set()
    for place, folders, names in os.walk(folder, followlinks=True):
        # A link may lead back to a folder above; device and inode tell folders apart, whatever the
        # path.
        try:
            state = os.stat(place)  # noqa: PTH116 (a Path for each of a million is slow)
        except OSError:  # gone since it was listed, as folders of processes are
            folders.clear()
            continue
        if (state.st_dev, state.st_ino) in seen:
            folders.clear()
            continue
        seen.add((state.st_dev, state.st_ino))
        folders[:] = sorted(name for name in folders if not pass_over(place, name))
        yield place, names


def delete_half_written(folder: Path, names: Collection[str]) -> None:
    """Delete what killed writes left of one's own in a folder that nobody else writes to.

    The folder may be one that holds other things as well, such as a home that was named by mistake.

    Args:
        folder: where to look.
        names: of one's own files in it, and of one's own folders, in which all is one's own; links
            lead to somebody else's.
    """
    with suppress(FileNotFoundError):
        for path in folder.iterdir():
            found = TEMPORARY.fullmatch(path.name)
            if found and found["name"] in names and not path.is_dir():
                path.unlink(missing_ok=True)
            elif path.name in names and path.is_dir() and not path.is_symlink():
                for below in half_written(path):
                    below.unlink(missing_ok=True)


def half_written(folder: Path) -> Iterator[Path]:
    """Give the files at and below a folder that writes under way, or killed ones, have there."""
    for place, _, names in os.walk(folder):  # not through links, which lead out
        for name in names:
            found = TEMPORARY.fullmatch(name)
            if found and Path(found["name"]).suffix == found["suffix"]:
                yield Path(place, name)


def sweep_cache(cache: Path) -> None:
    """Delete what killed writes left in the cache, at most once in `SWEEP_S`.

    Other processes, of other machines too, may write there now: only what nobody has written to
    for `DEAD_S` goes, by the clock of the disk itself. Whatever cannot be deleted stays.
    """
    mark = cache / SWEPT
    with suppress(OSError):
        if mark.exists() and abs(time.time() - mark.stat().st_mtime) < SWEEP_S:
            return
        cache.mkdir(parents=True, exist_ok=True)
        mark.touch()  # its time is that of the disk, as those of all files there are
        now = mark.stat().st_mtime
        # Its own folders: somebody may have named one that holds other things as well.
        for folder in filter(Path.is_dir, (cache / name for name in CACHED)):
            for path in half_written(folder):
                with suppress(OSError):
                    if now - path.stat().st_mtime > DEAD_S:
                        path.unlink()


def current_umask() -> int:
    """Return the process's umask, which can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically, in UTF-8 with Unix line ends."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


@contextmanager
def into_cache(place: Path | None = None) -> Iterator[None]:
    """Say that it is the cache that cannot be written, lest a scan be blamed for it.

    Args:
        place: what is to be written; a full disk does not say.

    Raises:
        RunError: the block could not write.
    """
    try:
        yield
    except OSError as error:
        raise RunError(
            f"the cache cannot be written: {error.strerror or error}",
            where=error.filename2 or error.filename or place,
            found=error.errno,
            hint="free space there, or name another folder in BRAINPLUG_CACHE",
        ) from error


def write_json(path: Path, data: Any) -> None:
    """Write JSON atomically; NaN and infinity are refused, since JSON has none."""
    write_text(path, json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path, hint: str = "delete it, and the same command makes it anew") -> Any:
    """Read a JSON file.

    Args:
        path: the file.
        hint: what to do where it is damaged.

    Raises:
        RunError: it holds something else, since it was cut or edited.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:  # also text that is not UTF-8
        raise RunError(
            f"other content ({error})",
            where=path,
            expected="JSON",
            hint=hint,
        ) from error


def write_csv(path: Path, frame: pd.DataFrame) -> None:
    """Write a table as CSV atomically, without the index."""
    write_text(path, frame.to_csv(index=False, lineterminator="\n"))


def write_parquet(path: Path, frame: pd.DataFrame) -> None:
    """Write a table as parquet atomically, without the index."""
    with replacing(path) as temporary:
        frame.to_parquet(temporary, index=False)


def hash_text(text: str) -> str:
    """Return the SHA-256 of a text."""
    # Names of files are bytes and need not be UTF-8.
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def cache_folder() -> Path:
    """Return the folder shared by runs: `$BRAINPLUG_CACHE`, or the user's cache folder.

    Raises:
        RunError: there is no such place.
    """
    return find_shared("cache")


def kept_folder() -> Path:
    """Return the folder of what runs share and nobody can make again.

    It is `$BRAINPLUG_CACHE` too, or else no cache: those are cleared now and then.

    Raises:
        RunError: there is no such place.
    """
    return find_shared("state")


def find_shared(kind: str) -> Path:
    """Return a folder shared by runs: `$BRAINPLUG_CACHE`, or the user's own of this kind.

    Raises:
        RunError: there is no such place.
    """
    chosen = os.environ.get("BRAINPLUG_CACHE")
    try:
        if chosen:
            return Path(chosen).expanduser().absolute()
        from platformdirs import PlatformDirs

        found = Path(getattr(PlatformDirs("brainplug"), f"user_{kind}_dir"))
    except (RuntimeError, KeyError, OSError) as error:
        # `~name` of nobody, or a user number without a name and a home, as containers have.
        raise no_cache(f"{chosen!r}: {error}" if chosen else f"no home folder: {error}") from error
    if not found.is_absolute():  # a `~` that leads nowhere is left as it is
        raise no_cache(f"no home folder: {found}")
    return found


def no_cache(found: str) -> RunError:
    """Make the error that says that there is no place for a cache."""
    return RunError(
        found,
        where="BRAINPLUG_CACHE",
        expected="a folder for the cache",
        found=found,
        hint="set BRAINPLUG_CACHE to a folder that can be written",
    )

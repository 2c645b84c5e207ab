"""`brainplug export RUN --model out.zip`: a trained model to be passed on, and how it came about.

    model/        weights, config, tokenizer, processor, and the card README.md
    recipe.toml   the recipe with every default, without folders and without ids
    SHA256SUMS    hash of each file, as `sha256sum --check` reads them

No row of a table and no path is in it. The same run gives the same bytes.
"""

from __future__ import annotations

import hashlib
import re
import zipfile
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING, Any

import attrs

from brainplug.checkpoint.locate import WANTED
from brainplug.errors import RunError
from brainplug.report.paths import without_paths
from brainplug.report.sharing import HIDDEN
from brainplug.runtime.files import replacing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from brainplug.run.opened import Run
    from brainplug.runtime.run_folder import RunFolder

SUMS = "SHA256SUMS"

LONG_ID = 4
"""Letters from which an id is looked for within a text as well; `2` may mean anything there."""

WORD = re.compile(r"[\w.:-]*\w")

BLOCK = 1 << 20


@attrs.frozen(kw_only=True)
class Archive:
    """What an archive holds.

    Attributes:
        path: of the archive.
        names: of the files in it, in order.
        left_out: files of the model folder that are none of a model's.
    """

    path: Path
    names: tuple[str, ...]
    left_out: tuple[str, ...]


def export_model(run: Run, to: Path) -> Archive:
    """Write the model of a finished run into an archive.

    Args:
        run: with its model and card.
        to: the archive, which must not be there yet.

    Raises:
        RunError: there is such a file, its name does not end in .zip, or the run is not finished.
    """
    import tomli_w

    check_target(to)
    model = run.find(run.files.model, "trained model")
    run.find(run.files.card, "model card, which is written with the report")
    kept, left_out = part_files(model)
    recipe = tomli_w.dumps(without_people(run.recipe, known_ids(run.files)))
    texts = {"recipe.toml": recipe.encode()}
    sums = {f"model/{path.name}": hash_file(path) for path in kept}
    sums |= {name: hashlib.sha256(text).hexdigest() for name, text in texts.items()}
    texts[SUMS] = "".join(f"{digest}  {name}\n" for name, digest in sums.items()).encode()
    with replacing(to) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for path in kept:
            with archive.open(member(f"model/{path.name}"), "w", force_zip64=True) as file:
                for block in blocks(path):
                    file.write(block)
        for name, text in texts.items():
            archive.writestr(member(name), text)
    return Archive(path=to, names=(*sums, SUMS), left_out=tuple(left_out))


def check_target(to: Path) -> None:
    """Refuse a name that is no archive's, or is taken.

    Raises:
        RunError: it is.
    """
    if to.suffix.lower() != ".zip":
        raise RunError(where="--model", expected="a file that ends in .zip", found=str(to))
    if to.exists():
        raise RunError(
            "it is there already", where=to, expected="a new file", hint="choose another name"
        )


def part_files(model: Path) -> tuple[list[Path], list[str]]:
    """Return the files of a model folder that belong to a model, and the names of all others."""
    wanted = [*WANTED, "README.md"]
    found = sorted(model.iterdir(), key=lambda path: path.name)
    kept = [
        path
        for path in found
        if path.is_file() and any(fnmatch(path.name, pattern) for pattern in wanted)
    ]
    return kept, [path.name for path in found if path not in kept]


def member(name: str) -> zipfile.ZipInfo:
    """Describe a file of an archive, without a time and without whoever wrote it."""
    told = zipfile.ZipInfo(name)  # of 1 January 1980
    # Weights hardly shrink, and how they do changes with the version of zlib.
    told.compress_type = zipfile.ZIP_STORED
    told.create_system = 3  # Unix, on whichever system
    told.external_attr = 0o644 << 16
    return told


def blocks(path: Path) -> Iterator[bytes]:
    """Give the content of a file, piece by piece."""
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            yield block


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def known_ids(files: RunFolder) -> frozenset[str]:
    """Return the ids of all people and families that a run knows of, those left out too."""
    import pandas as pd

    found: set[str] = set()
    if files.cohort.is_file():
        table = pd.read_parquet(files.cohort)
        for column in ("subject", "family"):
            found |= set(table[column].dropna().astype(str)) if column in table else set()
    if files.exclusions.is_file():
        lost = pd.read_csv(files.exclusions, dtype="str", keep_default_na=False)
        found |= set(lost["subject"]) if "subject" in lost else set()
    # Of several studies, ids begin with the study's name and a colon.
    return frozenset({*found, *(each.partition(":")[2] for each in found)} - {""})


def without_people(value: Any, ids: frozenset[str], *, listed: bool = False) -> Any:
    """Return part of a recipe without folders and without ids of people.

    Args:
        value: as TOML has it.
        ids: of people and families.
        listed: whether it stands in a list, where a number may be an id.

    >>> without_people({"root": "/data/x", "leave_out": ["s1", 7]}, frozenset({"s1", "7"}))
    {'root': '…/x', 'leave_out': ['…', '…']}
    """
    if isinstance(value, dict):
        return {clean(key, ids): without_people(each, ids) for key, each in value.items()}
    if isinstance(value, list):
        return [without_people(each, ids, listed=True) for each in value]
    if isinstance(value, str):
        return clean(value, ids)
    return HIDDEN if listed and str(value) in ids else value


def clean(text: str, ids: frozenset[str]) -> str:
    r"""Return a text of a recipe without folders and ids.

    >>> clean("C:\\\\study\\\\t.csv", frozenset()), clean("all but sub-01!", frozenset({"sub-01"}))
    ('…/t.csv', 'all but …!')
    """
    if PurePosixPath(text).is_absolute() or PureWindowsPath(text).drive or text.startswith("~"):
        text = f"{HIDDEN}/{PureWindowsPath(text).name}"  # which parts at either slash
    if text in ids:
        return HIDDEN
    long = {each for each in ids if len(each) >= LONG_ID}
    told = WORD.sub(lambda word: HIDDEN if word[0] in long else word[0], text)
    return without_paths(told, individual=False)

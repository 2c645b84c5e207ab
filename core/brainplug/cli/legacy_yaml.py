"""A recipe of old YAML settings: `brainplug import OLD.yaml`.

The settings are those of the comparison-task trainers of this field: `seed`, and sections
`dataset`, `model` and `trainer` with keys such as `train_json`, `img_size`, `hf_name` and
`max_epochs`. The same keys are also read without sections, and from the section of a modality
(`T1`, `sMRI`) within one.

Every key is taken over or named in a note. The value of a key that is not taken over is never
shown: such files are known to hold the keys of accounts.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

import attrs

from brainplug.cli.legacy_reading import printable, read_leaves
from brainplug.errors import DataError
from brainplug.recipe.options import as_toml
from brainplug.recipe.strict import ProblemsError, path_of, refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from brainplug.recipe.strict import Keys

WEIGHTS = "llava-hf/llava-interleave-qwen-0.5b-hf"
SCHEDULES = ("linear", "cosine", "constant_with_warmup")
SECTIONS = {"dataset", "data", "model", "trainer", "training", "T1", "sMRI"}
OTHER_SCANS = {"fMRI", "rsfMRI", "dMRI", "FA"}

SECRET_KEY = re.compile(
    r"(api|access|auth|private|secret|wandb|hf)[_-]?key|secret|passw|credential|(^|[_-])token$",
    re.IGNORECASE,
)
SECRET_VALUE = re.compile(r"[0-9a-fA-F]{32,}|(hf|ghp|sk|wandb|glpat)[_-]\S{16,}")
NO_SECRET = re.compile(r"\s*|your.*|<.*>|x+|.*\$\{.*", re.IGNORECASE)
"""What stands where a secret would be: nothing, a placeholder, or a look-up."""

REASONS = {
    "target_col": "each task file names its target itself",
    "task_type": "each task file says of what kind its target is",
    **dict.fromkeys(("train_size", "val_size", "test_size"), "the task files are split already"),
    **dict.fromkeys(
        ("target", "study_sample", "meta_dir", "img_dir"),
        "finished task files have no use for it; [cohort] and [target] make new ones",
    ),
    **dict.fromkeys(("ckpt_dir", "output_dir"), "brainplug run --output names the folder"),
    "resume_training": "brainplug run always goes on where it was stopped",
}
"""Why a key has no counterpart, where there is more to say."""

HEADER = """\
# A recipe of the settings in {name}. Keys that are not here have brainplug's defaults.
# Paths are as they were. The old tool began them at the folder it was started in; brainplug
# begins them at the folder of this recipe: save it there, or change the paths.
"""


@attrs.frozen(kw_only=True)
class ImportedRecipe:
    """What became of old settings.

    Attributes:
        text: the recipe as TOML, the notes at its end as comments.
        notes: a sentence for each key that was not taken over, and for what else to look at.
    """

    text: str
    notes: tuple[str, ...]


def recipe_from_yaml(path: Path) -> ImportedRecipe:
    """Read old YAML settings and write an equivalent recipe.

    Raises:
        DataError: the file is no YAML of keys and values, has a key twice, or a value is not what
            its key asks for; names each such key.
    """
    leaves = read_leaves(path)
    chosen = choose(leaves)
    values, problems = read_values(leaves, chosen)
    if problems:
        raise DataError(
            "\n".join(f"{path}: {printable(problem)}" for problem in problems),
            found=tuple(problems),
        )
    left = [(keys, value) for keys, value in leaves if keys not in chosen.values()]
    out = (f"{path_of(keys)}: left out; {why_not(keys, value, chosen)}" for keys, value in left)
    notes = tuple(map(printable, (*look_across(values), *out)))
    return ImportedRecipe(text=write_recipe(path.name, values, notes), notes=notes)


def real(value: Any) -> float:
    """Read a finite number; `5e-5` is text to YAML, which wants `5.0e-5`."""
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise refused("a number", value)
    return number


def integer(value: Any) -> int:
    """Read an integer."""
    if type(value) is int:
        return value
    try:
        number = real(value)
    except ProblemsError:
        raise refused("an integer", value) from None
    if not number.is_integer():
        raise refused("an integer", value)
    return int(number)


def switch(value: Any) -> bool:
    """Read true or false."""
    said = str(value).lower()
    if said not in {"true", "false"}:
        raise refused("true or false", value)
    return said == "true"


def text(value: Any) -> str:
    """Read text."""
    if not isinstance(value, str) or not value or not value.isprintable():
        raise refused("text", value)
    return value


def schedule(value: Any) -> str:
    """Read the name of a schedule brainplug has."""
    if value not in SCHEDULES:
        raise refused(" or ".join(map(repr, SCHEDULES)), value)
    return str(value)


def texts(value: Any) -> list[str]:
    """Read one text or a list of them."""
    return items(text, value) if isinstance(value, list) else [text(value)]


def triple(value: Any) -> list[int]:
    """Read three integers, or one for all three axes."""
    if isinstance(value, list) and len(value) == 3:
        return items(integer, value)
    if isinstance(value, list):
        raise refused("an integer or 3 integers", value)
    return [integer(value)] * 3


def items(read: Callable[[Any], Any], values: list[Any]) -> list[Any]:
    """Read the items of a list; a problem is told at its index."""
    done, problems = [], list[tuple[Any, str]]()
    for index, value in enumerate(values):
        try:
            done.append(read(value))
        except ProblemsError as error:
            problems.extend(error.under(index))
    if problems:
        raise ProblemsError(problems)
    return done


@attrs.frozen
class Setting:
    """An old setting that a recipe has too.

    Attributes:
        table: of the recipe; empty for the top.
        key: in that table.
        read: makes the recipe's value of the old one, or raises `ProblemsError`.
        names: keys it had in old files.
    """

    table: str
    key: str
    read: Callable[[Any], Any]
    names: tuple[str, ...]

    @property
    def place(self) -> tuple[str, str]:
        """Table and key."""
        return self.table, self.key


SETTINGS = (
    Setting("", "seed", integer, ("seed",)),
    Setting("tasks", "train", texts, ("train_json", "train_json_path")),
    Setting("tasks", "val", texts, ("val_json", "val_json_path", "eval_json", "eval_json_path")),
    Setting("tasks", "test", texts, ("test_json", "test_json_path")),
    Setting("images", "shape", triple, ("img_size", "image_size")),
    Setting(
        "model", "weights", text, ("hf_name", "base_model", "model_name", "model_name_or_path")
    ),
    Setting("model", "patch", triple, ("patch_size",)),
    Setting("training", "epochs", integer, ("max_epochs", "num_train_epochs", "epochs")),
    Setting("training", "learning_rate", real, ("learning_rate", "lr")),
    Setting("training", "warmup_steps", integer, ("warmup_steps", "num_warmup_steps")),
    Setting("training", "schedule", schedule, ("lr_scheduler_type", "lr_scheduler", "schedule")),
    Setting("training", "weight_decay", real, ("weight_decay",)),
    Setting(
        "training",
        "batch_size",
        integer,
        ("per_device_batch_size", "per_device_train_batch_size", "batch_size"),
    ),
    Setting("training", "accumulation", integer, ("gradient_accumulation_steps", "accumulation")),
    Setting("training", "gradient_checkpointing", switch, ("gradient_checkpointing",)),
)

OWN: dict[tuple[str, str], tuple[Any, str]] = {
    **{("tasks", split): ([], "the YAML names no file") for split in ("train", "val", "test")},
    ("model", "use"): ("llava-interleave", ""),
    ("model", "weights"): (WEIGHTS, "not in the YAML; what the old tool loaded"),
    ("model", "train"): (["patch-embedding"], "everything else stayed frozen"),
    ("training", "schedule"): ("linear", "not in the YAML; what the old tool got by default"),
}
"""What a recipe needs beside the settings, or where one of them is missing, and why."""

BY_NAME = {name: setting for setting in SETTINGS for name in setting.names}

Values = dict[tuple[str, str], Any]
"""Values of a recipe by table and key."""


def find_setting(keys: Keys) -> Setting | None:
    """Find the setting that a key of an old file stands for."""
    *sections, name = map(str, keys)
    if keys == ("model",):
        return BY_NAME["base_model"]
    return BY_NAME.get(name) if SECTIONS.issuperset(sections) else None


def choose(leaves: Sequence[tuple[Keys, Any]]) -> dict[Setting, Keys]:
    """Choose the key of each setting: of several the outermost, of several of these the first."""
    found = [(find_setting(keys), keys) for keys, value in leaves if value not in (None, [])]
    found.sort(key=lambda each: len(each[1]))
    return {setting: keys for setting, keys in reversed(found) if setting}


def read_values(
    leaves: Iterable[tuple[Keys, Any]], chosen: dict[Setting, Keys]
) -> tuple[Values, list[str]]:
    """Read the settings; a problem is a line `path: what was expected: what was given`."""
    values: Values = {}
    problems = []
    for keys, value in leaves:
        setting = find_setting(keys)
        if setting is None or chosen.get(setting) != keys:
            continue
        try:
            values[setting.place] = setting.read(filled_in(value))
        except ProblemsError as error:
            problems += [f"{path_of((*keys, *inner))}: {text}" for inner, text in error.problems]
    return values, problems


def filled_in(value: Any) -> Any:
    """Refuse a value that OmegaConf takes from elsewhere."""
    for each in value if isinstance(value, list) else [value]:
        if isinstance(each, str) and ("${" in each or each == "???"):
            raise refused("the value itself", each, "OmegaConf takes this one from elsewhere")
    return value


def why_not(keys: Keys, value: Any, chosen: dict[Setting, Keys]) -> str:
    """Say why a key is left out."""
    setting, name = find_setting(keys), str(keys[-1])
    if setting is not None:
        return "it is empty" if value in (None, []) else f"{path_of(chosen[setting])} sets the same"
    if is_secret(keys, value):
        known = value is None or NO_SECRET.fullmatch(str(value))
        return "a secret has no place in a recipe" + (
            "" if known else "; revoke it if others could ever read the YAML"
        )
    if OTHER_SCANS.intersection(keys):
        return "brainplug shows T1-weighted scans"
    return REASONS.get(name, "brainplug has no such setting")


def is_secret(keys: Keys, value: Any) -> bool:
    """Tell whether a value looks like the key of an account, by its name or by itself."""
    named = any(SECRET_KEY.search(str(key)) for key in keys)
    return named or (isinstance(value, str) and bool(SECRET_VALUE.fullmatch(value.strip())))


def look_across(values: Values) -> Iterator[str]:
    """Note what the settings together do not say, or say otherwise than before."""
    counts = {key: len(value) for (table, key), value in values.items() if table == "tasks"}
    for split in ("train", "val", "test"):
        if split not in counts:
            yield f"tasks.{split}: the YAML names no file; name at least one"
    if len(set(counts.values())) > 1:
        listed = ", ".join(f"{count} of {split}" for split, count in counts.items())
        yield (
            f"tasks: {listed}; the old tool left out what is beyond the shortest list, brainplug "
            "reads all"
        )
    weights = values.get(("model", "weights"), WEIGHTS)
    if "llava" not in weights.lower():
        yield f"model.weights: {weights!r} must be of the LLaVA architecture, for llava-interleave"


def write_recipe(name: str, values: Values, notes: Iterable[str]) -> str:
    """Write the recipe as a person would, with the notes at its end."""
    lines = [HEADER.format(name=printable(name))]
    places = dict.fromkeys([("model", "use"), *(each.place for each in SETTINGS), *OWN])
    for table in dict.fromkeys(setting.table for setting in SETTINGS):
        keys = [key for each, key in places if each == table]
        written = [write_key((table, key), values) for key in keys]
        body = [line for line in written if line]
        lines += [f"[{table}]"] * bool(table and body) + body + [""] * bool(body)
    comments = [f"# {note}" for note in notes]
    return "\n".join(
        [*lines, *(["# Left out, or to be looked at:", *comments, ""] if comments else [])]
    )


def write_key(place: tuple[str, str], values: Values) -> str:
    """Write one key on one line, several texts on lines of their own; nothing without a value."""
    value, why = (values[place], "") if place in values else OWN.get(place, (None, ""))
    if value is None:
        return ""
    if isinstance(value, list) and len(value) > 1 and isinstance(value[0], str):
        inner = "".join(f"    {as_toml(each)},\n" for each in value)
        return f"{place[1]} = [\n{inner}]"
    return f"{place[1]} = {as_toml(value)}" + (f"  # {why}" if why else "")

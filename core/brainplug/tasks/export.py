"""Task files in the forms that other trainers read.

| format | file | read by |
| --- | --- | --- |
| `llava` | JSON array | LLaVA-NeXT's trainer (`id`) and its interleave evaluation (`sample_id`) |
| `messages` | JSON lines | ms-swift, and LLaMA-Factory, which finds it in `dataset_info.json` |
| `trl` | JSON lines | TRL's SFTTrainer |

TRL has a form of its own, since it puts every image before the first text of a dialogue unless the
content is a list of parts, which LLaMA-Factory does not read. It is `prompt` and `completion`
rather than `messages`, because only then does TRL learn the last answer alone, as brainplug does.
The same is had with `--loss_scale last_round` in ms-swift and `mask_history: true` in
LLaMA-Factory; LLaVA-NeXT always learns every answer, and moves the image of a turn with one image
before its text.

Images stay paths of NIfTI files. All of these trainers open flat pictures, so each needs a reader
and a patch embedding for scans of its own.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from itertools import chain, cycle, repeat
from typing import TYPE_CHECKING, Any

import attrs
import orjson

from brainplug.api.records import Image
from brainplug.errors import DataError, RunError, show
from brainplug.runtime.files import read_json, replacing, write_json
from brainplug.tasks.read import iterate_tasks
from brainplug.tasks.task import IMAGE_TOKEN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from brainplug.api.records import Turn
    from brainplug.tasks.task import Task

MARKERS = (IMAGE_TOKEN, "<video>", "<audio>", "<|im_start|>", "<|im_end|>")
"""What one of the trainers would take for more than text."""

DATASET_INFO = "dataset_info.json"
"""The file in which LLaMA-Factory looks its datasets up."""

SPEAKERS = {"user": "human", "assistant": "gpt"}


@attrs.frozen(kw_only=True)
class Exporter:
    """A form in which other trainers read tasks.

    Attributes:
        about: who reads it.
        suffix: `.json` for an array, `.jsonl` for a row a line.
        row: says a task in this form.
        listed: whether LLaMA-Factory's `dataset_info.json` is to name the file.
    """

    about: str
    suffix: str
    row: Callable[[Task], dict[str, Any]]
    listed: bool = False


def export_tasks(source: Path, formats: Iterable[str], *, folder: Path | None = None) -> list[Path]:
    """Write a task file again as `<stem>_<format>.json` or `.jsonl`; return the files written.

    The source is read once, a task at a time, for all formats. Every file is written whole or not
    at all, and is the same each time.

    Args:
        source: a task file of brainplug or of an older tool.
        formats: keys of `FORMATS`.
        folder: where to write; without it beside the source.

    Raises:
        DataError: a format is not known, the source is no task file, or one of its dialogues would
            be read wrongly by the other trainers.
    """
    folder = folder or source.parent
    chosen = {name: get_exporter(name) for name in formats}
    targets = {folder / f"{source.stem}_{name}{to.suffix}": to for name, to in chosen.items()}
    with ExitStack() as stack:
        writers = [stack.enter_context(open_rows(*target)) for target in targets.items()]
        for task in iterate_tasks(source) if writers else ():
            check_dialogue(task, source)
            for write in writers:
                write(task)
    listed = [path for path, to in targets.items() if to.listed]
    return [*targets, *(list_dataset(source.stem, path) for path in listed)]


def get_exporter(name: str) -> Exporter:
    """Return the exporter of a format.

    Raises:
        DataError: there is none of this name.
    """
    if name not in FORMATS:
        raise DataError(expected=f"a format of {show(tuple(FORMATS))}", found=name)
    return FORMATS[name]


def check_dialogue(task: Task, source: Path) -> None:
    """Refuse a dialogue that another trainer would skip, cut or fill with more images.

    Raises:
        DataError: user and assistant do not take turns, or a text holds a marker.
    """
    roles = [turn.role for turn in task.turns]
    if any(role != due for role, due in zip(roles, cycle(SPEAKERS), strict=False)):
        raise DataError(
            where=(source, f"task {task.task_id!r}"),
            expected="user and assistant in turns, the user first, as other trainers do",
            found=tuple(roles),
            hint="reword the prompt",
        )
    text = "\n".join(part for turn in task.turns for part in turn.content if isinstance(part, str))
    found = [marker for marker in MARKERS if marker in text]
    if found:
        raise DataError(
            f"the marker {found[0]!r}, which other trainers take for more than text",
            where=(source, f"task {task.task_id!r}"),
            expected="plain text",
            found=found[0],
            hint="reword the prompt or the label",
        )


@contextmanager
def open_rows(path: Path, exporter: Exporter) -> Iterator[Callable[[Task], object]]:
    """Give a function that adds a task to a file, which stands when the block ends well."""
    array = exporter.suffix == ".json"
    before = chain((b"\n",), repeat(b",\n")) if array else repeat(b"")
    after = b"" if array else b"\n"
    with replacing(path) as temporary, temporary.open("wb", buffering=1 << 20) as file:
        file.write(b"[" if array else b"")
        yield lambda task: file.write(next(before) + orjson.dumps(exporter.row(task)) + after)
        file.write(b"\n]\n" if array else b"")


def list_dataset(name: str, path: Path) -> Path:
    """Name a file of `messages` in the `dataset_info.json` beside it; return that file.

    What else is named there stays.

    Raises:
        DataError: there is such a file, but it is not LLaMA-Factory's.
    """
    info = path.parent / DATASET_INFO
    try:
        known = read_json(info) if info.exists() else {}
    except RunError as error:
        raise DataError(
            f"another file: {error.what}", where=info, expected="JSON", hint="move it away"
        ) from error
    if not isinstance(known, dict):
        raise DataError(
            type(known).__name__, where=info, expected="an object", found=known, hint="move it away"
        )
    # Sorted, so that it does not matter which file was exported first.
    write_json(info, dict(sorted({**known, name: describe_dataset(path.name)}.items())))
    return info


def describe_dataset(file: str) -> dict[str, Any]:
    """Describe a file of `messages` to LLaMA-Factory."""
    return {
        "file_name": file,
        "formatting": "sharegpt",
        "columns": {"messages": "messages", "images": "images"},
        "tags": {
            "role_tag": "role",
            "content_tag": "content",
            "user_tag": "user",
            "assistant_tag": "assistant",
            "system_tag": "system",
        },
    }


def llava_row(task: Task) -> dict[str, Any]:
    """Say a task as LLaVA-NeXT's interleave data does."""
    facts = task.metadata()
    return {
        "id": task.task_id,
        "sample_id": task.task_id,
        "image": list(map(str, task.images)),
        "conversations": [
            {"from": SPEAKERS[turn.role], "value": marked_text(turn)} for turn in task.turns
        ],
        "metadata": {"dataset": facts["task"], "question_type": "open-ended", **facts},
    }


def messages_row(task: Task) -> dict[str, Any]:
    """Say a task as messages of text, with a marker where an image stands."""
    return {
        "id": task.task_id,
        "messages": [{"role": turn.role, "content": marked_text(turn)} for turn in task.turns],
        "images": list(map(str, task.images)),
    }


def trl_row(task: Task) -> dict[str, Any]:
    """Say a task as TRL's prompt and completion, whose contents are lists of parts."""
    *given, answer = task.turns
    return {
        "id": task.task_id,
        "prompt": messages_of_parts(given),
        "completion": messages_of_parts([answer]),
        "images": list(map(str, task.images)),
    }


def marked_text(turn: Turn) -> str:
    """Return the text of a turn, with a marker where an image stands."""
    return "".join(IMAGE_TOKEN if isinstance(part, Image) else part for part in turn.content)


def messages_of_parts(turns: Sequence[Turn]) -> list[dict[str, Any]]:
    """Return turns as messages whose contents are lists of parts; images are filled in by TRL."""
    return [
        {
            "role": turn.role,
            "content": [
                {"type": "image"} if isinstance(part, Image) else {"type": "text", "text": part}
                for part in turn.content
            ],
        }
        for turn in turns
    ]


FORMATS: Mapping[str, Exporter] = {
    "llava": Exporter(about="LLaVA-NeXT's interleave JSON", suffix=".json", row=llava_row),
    "messages": Exporter(
        about="messages for ms-swift and LLaMA-Factory",
        suffix=".jsonl",
        row=messages_row,
        listed=True,
    ),
    "trl": Exporter(about="prompt and completion for TRL", suffix=".jsonl", row=trl_row),
}
"""The forms tasks can be exported to, by the name that `--format` takes."""

"""Whether a checkpoint's chat template writes dialogues in the form they are trained in.

Without torch: jinja2 renders templates, in its sandbox, as transformers does; in a process of
their own, which is ended where it takes too long.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from functools import cache
from typing import TYPE_CHECKING, Any

from brainplug.api.records import Image, Turn
from brainplug.checkpoint import render_template
from brainplug.checkpoint.tensors import read_object
from brainplug.errors import DataError
from brainplug.tasks.chat import END, IMAGE, START, ChatEncoder

if TYPE_CHECKING:
    from pathlib import Path

    from transformers import PreTrainedTokenizerBase

PLACES = ("chat_template.json", "processor_config.json", "tokenizer_config.json")
"""JSON files that may hold a template, after `chat_template.jinja`, first found first."""

DIALOGUE = (Turn.user(Image(0), "Q"), Turn.assistant("A"), Turn.user(Image(1), "R"))
"""What is rendered: two turns of the user, an answer between them, and the next answer's header."""

LONGEST = 1 << 20
"""Bytes that a chat template may have."""

MARKERS = (START, END, IMAGE)
FIRST_LETTER = 0xE000
"""Of Unicode's private use; markers are written as letters from here on."""

GENERATION = re.compile(r"\{%[-+]?\s*(?:end)?generation\s*[-+]?%\}")
"""Tags that tell transformers which words are the model's; jinja2 does not know them."""

SYSTEM = re.compile(rf"^\s*{re.escape(START)}\s*system\s.*?{re.escape(END)}", re.DOTALL)

QWEN_TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' }}"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}"
    "{% for piece in message['content'] %}"
    "{{ '<image>' if piece['type'] == 'image' else piece['text'] }}"
    "{% endfor %}{% endif %}{{ '<|im_end|>\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
"""The form of `brainplug.tasks.chat` as a template; saved with a model, so that others ask alike.

An image is one marker here; whoever encodes the text repeats it for each of the image's tokens.
"""


class Letters:
    """A tokenizer whose tokens are letters, so that encoded dialogues can be read."""

    def encode(self, text: str, *, add_special_tokens: bool) -> list[int]:  # noqa: ARG002
        """Return the letters of a text."""
        return [ord(letter) for letter in text]

    def convert_tokens_to_ids(self, marker: str) -> int:
        """Return the letter that stands for a marker."""
        return FIRST_LETTER + MARKERS.index(marker)


def find_template(folder: Path) -> tuple[str, str] | None:
    """Return the name of the file that holds the chat template, and the template.

    Raises:
        DataError: it is not text.
    """
    own = folder / "chat_template.jinja"
    if own.is_file():
        if own.stat().st_size > LONGEST:
            raise DataError("far more", where=own, expected=f"a template of {LONGEST:,} bytes")
        return own.name, own.read_text(encoding="utf-8", errors="replace")
    for name in PLACES:
        held = read_object(folder / name) if (folder / name).is_file() else {}
        template = held.get("chat_template")
        if isinstance(template, list):  # several by name
            named = [each for each in template if isinstance(each, dict)]
            template = {each.get("name"): each.get("template") for each in named}.get("default")
        if template is not None and not isinstance(template, str):
            raise DataError(
                f"{template!r:.80}",
                where=(folder / name, "chat_template"),
                expected="text",
                found=template,
            )
        if template is not None:
            return name, template
    return None


def own_form() -> str:
    """Write `DIALOGUE` as `brainplug.tasks.chat` does."""
    tokenizer: PreTrainedTokenizerBase = Letters()
    encoder = ChatEncoder(tokenizer, 1)
    letters = [letter for turn in DIALOGUE for letter in encoder.turn(turn)]
    text = "".join(map(chr, letters + encoder.header("assistant")))
    for index, marker in enumerate(MARKERS):
        text = text.replace(chr(FIRST_LETTER + index), marker)
    return text


@cache
def renderings(template: str) -> tuple[str | None, str | None, str]:
    """Render `DIALOGUE` by a chat template, its turns as pieces, some of them images, and as text.

    Returns:
        Both texts, None for one that failed, and the first fault.
    """
    dialogues = [[message_of(turn, images=each) for turn in DIALOGUE] for each in (True, False)]
    asked = {"template": GENERATION.sub("", template), "dialogues": dialogues, "end": END}
    try:
        done = subprocess.run(  # noqa: S603 - our own file, by the Python that runs this
            [sys.executable, "-I", render_template.__file__],
            input=json.dumps(asked),
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=2 * render_template.SECONDS + 20,
            check=True,
        )
        told = json.loads(done.stdout)
    except (subprocess.SubprocessError, ValueError):
        limits = f"{render_template.SECONDS} s and {render_template.BYTES >> 20} MiB"
        return None, None, f"a template that takes more than {limits}, or ends its process"
    faults = [each["fault"] for each in told if "fault" in each]
    pieces, words = (each.get("text") for each in told)
    return pieces, words, next(iter(faults), "")


def message_of(turn: Turn, *, images: bool) -> dict[str, Any]:
    """Write a turn as chat templates take it."""
    words = "".join(piece for piece in turn.content if isinstance(piece, str))
    pieces = [
        {"type": "image"} if isinstance(piece, Image) else {"type": "text", "text": piece}
        for piece in turn.content
    ]
    return {"role": turn.role, "content": pieces if images else words}


def compare_template(template: str) -> str:
    """Compare a chat template with the form dialogues are trained in, whatever its white space.

    A system turn that the template adds is passed over too, and images where it takes none.

    Returns:
        The first turn that is otherwise than in training; empty where none is.

    Raises:
        ValueError: another form is rendered, or none; says both.
    """
    expected = own_form()
    # Older templates join text only and fail on a list of pieces.
    pieces, words, fault = renderings(template)
    for text, wanted in ((pieces, expected), (words, expected.replace(IMAGE, ""))):
        # Qwen2's own template adds a system turn, which training does without.
        if text is not None and squeeze(SYSTEM.sub("", text)) == squeeze(wanted):
            return first_difference(text, wanted)
    got = fault if pieces is None else f"{pieces[:2000]!r}"
    raise ValueError(f"expected {expected!r}, got {got}")


def first_difference(text: str, wanted: str) -> str:
    """Show the first turn in which two renderings differ; nothing where they do not."""
    turns = zip(text.split(END), wanted.split(END), strict=False)
    return next((f"{one!r}, in training {two!r}" for one, two in turns if one != two), "")


def squeeze(text: str) -> str:
    """Take out all white space."""
    return "".join(text.split())

"""Whether a checkpoint's chat template writes dialogues in the form they are trained in.

Without torch: templates are rendered by jinja2, in its sandbox, as transformers does.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from brainplug.api.records import Image, Turn
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


def render(template: str, *, images: bool) -> str:
    """Render `DIALOGUE` by a chat template.

    Args:
        template: in jinja2's language.
        images: whether a turn is given as pieces, some of them images, or as text only.

    Raises:
        jinja2.TemplateError: the template cannot be rendered; or any other exception of Python,
            for a template may do whatever its sandbox lets it do.
    """
    from jinja2.exceptions import TemplateError
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    def raise_exception(message: str) -> None:
        raise TemplateError(message)

    # A template is a program from the hub. The options are those of transformers, since they decide
    # on line breaks.
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
    )
    environment.globals["raise_exception"] = raise_exception
    return environment.from_string(GENERATION.sub("", template)).render(
        messages=[message_of(turn, images=images) for turn in DIALOGUE],
        add_generation_prompt=True,
        bos_token="",
        eos_token=END,
    )


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
    expected, faults = own_form(), []
    # Older templates join text only and fail on a list of pieces.
    for images in (True, False):
        wanted = expected if images else expected.replace(IMAGE, "")
        try:
            text = render(template, images=images)
        except Exception as error:  # noqa: BLE001 - a template can raise anything
            faults.append(f"{type(error).__name__}: {' '.join(str(error).split())}")
            continue
        # Qwen2's own template adds a system turn, which training does without.
        if squeeze(SYSTEM.sub("", text)) == squeeze(wanted):
            return first_difference(text, wanted)
        faults.append(repr(text))
    raise ValueError(f"expected {expected!r}, got {faults[0]}")


def first_difference(text: str, wanted: str) -> str:
    """Show the first turn in which two renderings differ; nothing where they do not."""
    turns = zip(text.split(END), wanted.split(END), strict=False)
    return next((f"{one!r}, in training {two!r}" for one, two in turns if one != two), "")


def squeeze(text: str) -> str:
    """Take out all white space."""
    return "".join(text.split())

r"""Dialogues as token ids, in the Qwen chat form.

    <|im_start|>user\n … <|im_end|>\n

An image becomes its run of image tokens, where the turn shows it. Markers are inserted as ids, so
that no text of a recipe or a table can pose as one.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import attrs

from brainplug.api.records import Image
from brainplug.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from transformers import PreTrainedTokenizerBase

    from brainplug.api.records import Turn

START, END, IMAGE = "<|im_start|>", "<|im_end|>", "<image>"


def refuse_markers(text: str, where: object = ()) -> None:
    """Refuse a text that poses as another turn or scan.

    Args:
        text: of a dialogue.
        where: it comes from.

    Raises:
        DataError: it holds a chat marker.
    """
    for marker in (START, END, IMAGE):
        if marker in text:
            raise DataError(
                f"the text {text!r} holds the chat marker {marker!r}",
                where=where,
                found=marker,
                hint="reword it",
            )


@functools.lru_cache(maxsize=65536)
def encode_text(tokenizer: PreTrainedTokenizerBase, text: str) -> tuple[int, ...]:
    """Encode plain text; the wordings of a study come again in every task.

    Raises:
        DataError: the text holds a chat marker.
    """
    refuse_markers(text)
    # Some tokenizers add a token that begins a text, which would stand before every piece here.
    return tuple(tokenizer.encode(text, add_special_tokens=False))


@functools.lru_cache(maxsize=64)
def marker_id(tokenizer: PreTrainedTokenizerBase, marker: str) -> int:
    """Return the id of a marker."""
    return int(tokenizer.convert_tokens_to_ids(marker))


@attrs.frozen
class Encoded:
    """A dialogue as ids.

    Attributes:
        prompt: everything the model is given, up to and with the header of the last answer.
        answer: the last answer with its end marker; the only tokens that are learnt.
        num_shared: how many tokens of the prompt come before the last question: the reference
            turns, with which other dialogues may begin too.
    """

    prompt: list[int]
    answer: list[int]
    num_shared: int = 0


@attrs.frozen
class ChatEncoder:
    """Turns dialogues into ids for one tokenizer and one size of scan.

    Attributes:
        tokenizer: has the three markers as single tokens.
        tokens_per_image: length of an image's run.
    """

    tokenizer: PreTrainedTokenizerBase
    tokens_per_image: int

    def encode(self, turns: Sequence[Turn]) -> Encoded:
        """Encode a dialogue that ends with the assistant's answer."""
        *before, question, last = turns
        shared = [token for turn in before for token in self.turn(turn)]
        prompt = shared + self.turn(question) + self.header("assistant")
        return Encoded(prompt, self.answer(self.text_of(last)), len(shared))

    def answer(self, text: str) -> list[int]:
        """Encode an answer with its end marker."""
        # Without the line break behind a whole turn: generation stops at the marker.
        return [*self.text(text), self.marker(END)]

    def turn(self, turn: Turn) -> list[int]:
        """Encode a whole turn with header and end."""
        ids = self.header(turn.role)
        for piece in turn.content:
            ids += self.image() if isinstance(piece, Image) else self.text(piece)
        return [*ids, self.marker(END), *self.text("\n")]

    def header(self, role: str) -> list[int]:
        """Encode the marker that opens a turn."""
        return [self.marker(START), *self.text(f"{role}\n")]

    def image(self) -> list[int]:
        """Return the run of tokens that one scan takes."""
        return [self.marker(IMAGE)] * self.tokens_per_image

    def text(self, text: str) -> list[int]:
        """Encode plain text; a marker written out in it is refused.

        Raises:
            DataError: the text holds a chat marker.
        """
        return list(encode_text(self.tokenizer, text))

    def marker(self, marker: str) -> int:
        """Return the id of a marker."""
        return marker_id(self.tokenizer, marker)

    @staticmethod
    def text_of(turn: Turn) -> str:
        """Return the text of a turn that shows no image."""
        return "".join(piece for piece in turn.content if isinstance(piece, str))

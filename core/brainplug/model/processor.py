"""From scan files and a dialogue to what a trained model takes, for transformers' `AutoProcessor`.

Scans are read, resampled and normalised as in training, and dialogues become the same tokens.

Axes: N scans, I J K voxels, T tokens.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from transformers import BatchFeature, ProcessorMixin

from brainplug.api.records import Grid, Image, Turn
from brainplug.errors import DataError
from brainplug.imaging.cache import make_volume
from brainplug.tasks.chat import IMAGE, ChatEncoder

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from transformers import PreTrainedTokenizerBase

    Scan = str | Path | np.ndarray
    Message = Mapping[str, Any]

SCAN_KEYS = ("image", "path", "url", "image_path")
"""Where a piece of a message may name its scan: as in transformers, and as in task files."""


class ScanProcessor(ProcessorMixin):
    """Reads scans and words dialogues for a model of brainplug.

    Args:
        tokenizer: of the model.
        shape: voxels of the grid that scans are brought to: right, anterior, superior.
        spacing_mm: edges of a voxel, in mm.
        tokens_per_image: tokens of a scan.
        chat_template: form of a dialogue.
    """

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        shape: Sequence[int] = (),
        spacing_mm: Sequence[float] = (),
        tokens_per_image: int = 0,
        chat_template: str | None = None,
    ) -> None:
        self.shape = list(shape)
        self.spacing_mm = list(spacing_mm)
        self.tokens_per_image = tokens_per_image
        super().__init__(tokenizer, chat_template=chat_template)

    @property
    def grid(self) -> Grid:
        """The grid that scans are brought to."""
        (i, j, k), (di, dj, dk) = self.shape, self.spacing_mm
        return Grid(shape=(i, j, k), spacing_mm=(di, dj, dk))

    @property
    def encoder(self) -> ChatEncoder:
        """What makes tokens of dialogues, as in training."""
        return ChatEncoder(self.tokenizer, self.tokens_per_image)

    def __call__(
        self,
        images: Scan | Sequence[Scan] | None = None,
        text: str | None = None,
        **_kwargs: Any,
    ) -> BatchFeature:
        """Read scans, and encode a dialogue that `apply_chat_template` has written.

        Args:
            images: files of scans, or arrays that lie on the grid and are normalised already.
            text: of one dialogue, `<image>` wherever a scan is shown.

        Returns:
            `input_ids` and `attention_mask` `(1, T)`, `pixel_values` `(N, 1, I, J, K)`; tensors.

        Raises:
            ScanError: a scan cannot be used.
            DataError: an array is not of the grid's shape, or the text shows another number of
                scans than there are.
        """
        found: dict[str, torch.Tensor] = {}
        scans = [images] if isinstance(images, str | Path | np.ndarray) else list(images or ())
        if text is not None:
            shown = text.count(IMAGE)
            if shown != len(scans):
                raise DataError(
                    where="text", expected=f"{len(scans)} times {IMAGE}, one a scan", found=shown
                )
            run = text.replace(IMAGE, IMAGE * self.tokens_per_image)
            found |= as_row(self.tokenizer.encode(run, add_special_tokens=False))
        if scans:
            found["pixel_values"] = self.read(scans)
        return BatchFeature(found)

    def read(self, scans: Sequence[Scan]) -> torch.Tensor:
        """Return scans on the grid, `(N, 1, I, J, K)` float32.

        Raises:
            ScanError: a scan cannot be used.
            DataError: an array is not of the grid's shape.
        """
        return torch.stack([torch.from_numpy(self.read_one(each))[None] for each in scans])

    def read_one(self, scan: Scan) -> np.ndarray:
        """Return one scan on the grid, `(I, J, K)` float32."""
        if not isinstance(scan, np.ndarray):
            scan = make_volume(Path(scan).expanduser(), self.grid)
        if scan.shape != tuple(self.shape):
            raise DataError(
                where="images",
                expected=f"a scan file, or an array of the grid's shape {tuple(self.shape)}",
                found=scan.shape,
            )
        return np.ascontiguousarray(scan, dtype=np.float32)

    def apply_chat_template(
        self,
        conversation: Sequence[Message],
        chat_template: str | None = None,
        *,
        add_generation_prompt: bool = False,
        tokenize: bool = False,
        return_dict: bool = True,
        **_kwargs: Any,
    ) -> Any:
        """Write a dialogue as text, or encode it with its scans.

        Args:
            conversation: messages with `role` and `content`, which is text or a list of pieces,
                `{"type": "text", "text": …}` or `{"type": "image", "image": file or array}`.
            chat_template: another form of the text; tokens have that of training always.
            add_generation_prompt: ends with the header of the answer to come.
            tokenize: returns what the model takes instead of text.
            return_dict: with `tokenize`, everything; else the ids alone.

        Raises:
            ScanError: a scan cannot be used.
            DataError: a message is none, or its text holds a chat marker.
        """
        if not tokenize:
            template = chat_template or self.chat_template
            return self.tokenizer.apply_chat_template(
                conversation,
                chat_template=template,
                tokenize=False,
                add_generation_prompt=add_generation_prompt,
            )
        scans: list[Scan] = []
        ids: list[int] = []
        for message in conversation:
            turn, shown = read_message(message, len(scans))
            ids += self.encoder.turn(turn)
            scans += shown
        if add_generation_prompt:
            ids += self.encoder.header("assistant")
        found = as_row(ids)
        if not return_dict:
            return found["input_ids"]
        return BatchFeature(found | ({"pixel_values": self.read(scans)} if scans else {}))


def as_row(ids: Sequence[int]) -> dict[str, torch.Tensor]:
    """Return ids as the one row of a batch."""
    row = torch.tensor([list(ids)])
    return {"input_ids": row, "attention_mask": torch.ones_like(row)}


def read_message(message: Message, number: int) -> tuple[Turn, list[Scan]]:
    """Return a message as a turn, and the scans it shows.

    Args:
        message: as chat templates take it.
        number: of scans that are shown before it.

    Raises:
        DataError: it is none.
    """
    role, content = message.get("role"), message.get("content")
    if role not in ("user", "assistant"):
        raise DataError(where="a message's role", expected="'user' or 'assistant'", found=role)
    pieces: list[str | Image] = []
    scans: list[Scan] = []
    for piece in [{"type": "text", "text": content}] if isinstance(content, str) else content or ():
        if piece.get("type") == "text":
            pieces.append(str(piece["text"]))
            continue
        held = [piece[key] for key in SCAN_KEYS if key in piece]
        if piece.get("type") != "image" or not held:
            raise DataError(
                where="a message's content",
                expected='{"type": "text", "text": …} or {"type": "image", "image": file or array}',
                found=piece,
            )
        pieces.append(Image(number + len(scans)))
        scans.append(held[0])
    return Turn(role, tuple(pieces)), scans

"""The full-size model on one GPU: seconds and memory of a step, brainplug's way and the plain one.

    python benchmarks/gpu.py                     # some three minutes on a GPU of 80 GB
    python benchmarks/gpu.py --json out.json     # also as JSON, with machine and commit
    python benchmarks/gpu.py --device cpu --size tiny    # the same code, to see that it runs

For each of what may learn (patch embedding, LoRA of the language model, everything), number format
and batch: the median of five steps (loss, gradient, AdamW) after two that warm up, and the most
memory a step held by CUDA's own count, weights and AdamW's moments included. The plain way is one
dialogue a row by transformers' own forward pass, words predicted at every place; to answer,
`generate`. Volumes lie in memory for both, so reading scans is not measured here but by
`benchmarks/volumes.py`. Weights are random, and losses of the ways and formats are printed beside
each other.
"""

from __future__ import annotations

import contextlib
import gc
import time
from statistics import median
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
import torch
from results import make_parser, write_results

from brainplug.inference.answer import all_answers
from brainplug.inference.records import AnswerSettings
from brainplug.model import attention, llava
from brainplug.model.lora import add_adapters
from brainplug.model.packing import Ways
from brainplug.recipe.training_tables import Lora, Speed
from brainplug.tasks.chat import ChatEncoder
from brainplug.tasks.encode import encode_task
from brainplug.training.collate import Collator, Grouping
from model import Numbers, make_bundle, make_task, pairs_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

LEARNS: dict[str, tuple[str, ...]] = {
    "patch embedding": ("patch-embedding",),
    "LoRA": (),
    "everything": ("patch-embedding", "vision-tower", "projector", "language-model"),
}
BATCHES = {"one dialogue": "one", "nine dialogues": "block"}
WORDS = 16


class OnGpu:
    """The model with one choice of what learns.

    Args:
        size: `full` or `tiny`.
        learns: a key of `LEARNS`.
        device: where it computes.
    """

    def __init__(self, size: str, learns: str, device: torch.device) -> None:
        torch.manual_seed(1)
        with torch.device(device):
            self.bundle = make_bundle(size)
        self.model, self.device = self.bundle.model.to(device), device
        llava.train_only(self.model, LEARNS[learns])
        if learns == "LoRA":
            add_adapters(self.model, Lora(), seed=1)
        llava.choose_kernels(self.model, onednn=False)
        self.model.to(device)
        self.encoder = ChatEncoder(self.bundle.tokenizer, self.model.tokens_per_image)
        self.volumes: dict[str, np.ndarray] = {}

    def load(self, path: Path) -> np.ndarray:
        """Return a volume of noise, the same for the same name."""
        draw = np.random.default_rng(sum(path.name.encode()))
        if path.name not in self.volumes:
            self.volumes[path.name] = draw.normal(size=self.bundle.shape).astype("float32")
        return self.volumes[path.name]

    def steps(
        self, design: str, *, plain: bool, lower: bool, checkpointing: bool
    ) -> dict[str, Any]:
        """Take seven steps, and return what the last five cost."""
        tasks = [make_task(number, *pair) for number, pair in enumerate(pairs_of(design))]
        items = [encode_task(task, self.encoder, 32768) for task in tasks]
        count = sum(len(item.encoded.answer) for item in items)
        llava.recompute(self.model, tower=checkpointing, language=checkpointing)
        self.model.train()
        learnt = [each for each in self.model.parameters() if each.requires_grad]
        optimiser = torch.optim.AdamW(learnt, lr=0.0)
        take = self.plainly if plain else self.packed
        seconds, loss = [], 0.0
        for step in range(7):
            if step == 2:
                self.forget_peak()
            start = self.now()
            with torch.autocast(self.device.type, torch.bfloat16, enabled=lower):
                losses = take(items, count)
                for each in losses:
                    each.backward()
                    loss = loss + float(each.detach()) if step == 6 else 0.0
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
            seconds.append(self.now() - start)
        return self.result(seconds[2:], len(tasks)) | {"loss": loss, "first": seconds[0]}

    def packed(self, items: list[Any], count: int) -> Iterator[torch.Tensor]:
        """Yield the loss of all dialogues in one row."""
        batch = Collator(Grouping(), self.load)(items)["batch"].to(self.device)
        yield self.model(batch=batch, num_items=count, ways=Ways())

    def plainly(self, items: list[Any], count: int) -> Iterator[torch.Tensor]:
        """Yield the loss of each dialogue by transformers' own code."""
        from transformers import LlavaForConditionalGeneration

        for item in items:
            ids = torch.tensor([item.encoded.prompt + item.encoded.answer], device=self.device)
            labels = ids.clone()
            labels[:, : len(item.encoded.prompt)] = -100
            out = LlavaForConditionalGeneration.forward(
                self.model,
                input_ids=ids,
                attention_mask=torch.ones_like(ids),
                labels=labels,
                pixel_values=self.scans(item.images),
            )
            yield out.loss * len(item.encoded.answer) / count

    def scans(self, images: Iterable[Path]) -> torch.Tensor:
        """Return the volumes of a dialogue on the device."""
        return torch.from_numpy(np.stack([self.load(each) for each in images])[:, None]).to(
            self.device
        )

    def answers(self, design: str, *, plain: bool, lower: bool) -> dict[str, Any]:
        """Let the model answer each task in `WORDS` tokens, three times, and keep the last two."""
        tasks = [make_task(number, *pair) for number, pair in enumerate(pairs_of(design))]
        self.model.eval()
        llava.recompute(self.model, tower=False, language=False)
        say: Callable[..., None] = self.generate if plain else self.ask
        seconds = []
        for turn in range(3):
            if turn == 1:
                self.forget_peak()
            start = self.now()
            say(tasks, lower=lower)
            seconds.append(self.now() - start)
        return self.result(seconds[1:], len(tasks)) | {"first": seconds[0]}

    def generate(self, tasks: list[Any], *, lower: bool) -> None:
        """Answer by transformers' `generate`, one task after the other."""
        for task in tasks:
            item = encode_task(task, self.encoder, 32768)
            ids = torch.tensor([item.encoded.prompt], device=self.device)
            with torch.autocast(self.device.type, torch.bfloat16, enabled=lower):
                self.model.generate(
                    input_ids=ids,
                    attention_mask=torch.ones_like(ids),
                    pixel_values=self.scans(item.images),
                    do_sample=False,
                    max_new_tokens=WORDS,
                    min_new_tokens=WORDS,
                    pad_token_id=0,
                )

    def ask(self, tasks: list[Any], *, lower: bool) -> None:
        """Answer as a run does."""
        settings = AnswerSettings(
            encoder=self.encoder,
            context_length=32768,
            load=self.load,
            answers=Numbers(),
            batch_size=16,
            max_new_tokens=WORDS,
            mode="generate",
            precision="bfloat16" if lower else "float32",
            speed=Speed(),
        )
        all_answers(self.bundle, tasks, settings, split="test")

    def now(self) -> float:
        """Return the time when all that was asked of the device is done."""
        if self.device.type == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter()

    def forget_peak(self) -> None:
        """Count the most memory from here on."""
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats()

    def result(self, seconds: list[float], dialogues: int) -> dict[str, Any]:
        """Return seconds and the most memory, in GB of 10⁹ bytes."""
        held = torch.cuda.max_memory_allocated() if self.device.type == "cuda" else 0
        return {"seconds": median(seconds), "dialogues": dialogues, "gb": held / 1e9}


@attrs.frozen
class Case:
    """What is measured: what learns, on how many dialogues, in which way and format."""

    learns: str
    batch: str
    plain: bool = False
    lower: bool = True
    checkpointing: bool = False
    answers: bool = False

    def measure(self, on: OnGpu) -> dict[str, Any]:
        """Measure it; a case that does not fit says so."""
        try:
            if self.answers:
                return on.answers(self.batch, plain=self.plain, lower=self.lower)
            return on.steps(
                BATCHES[self.batch],
                plain=self.plain,
                lower=self.lower,
                checkpointing=self.checkpointing,
            )
        except torch.cuda.OutOfMemoryError:
            return {"failed": "out of memory"}
        finally:
            on.model.zero_grad(set_to_none=True)
            gc.collect()
            with contextlib.suppress(AssertionError, RuntimeError):
                torch.cuda.empty_cache()


def cases_of(learns: str) -> list[Case]:
    """Return what is measured of a model."""
    made = [
        Case(learns, batch, lower=lower, plain=plain, checkpointing=checkpointing)
        for lower in (True, False)
        for batch in BATCHES
        for plain in (False, True)
        for checkpointing in (False, True)
        if not (plain and (checkpointing or learns == "everything"))
    ]
    if learns == "patch embedding":
        made += [
            Case(learns, design, plain=plain, answers=True)
            for design in ("pairs", "three anchors")
            for plain in (False, True)
        ]
    return made


def name_of(row: dict[str, Any]) -> str:
    """Return what a row is called."""
    return (
        f"{row['learns']:16}{'answers' if row['answers'] else 'step':8}{row['batch']:15}"
        f"{'bfloat16' if row['lower'] else 'float32':9}{'plain' if row['plain'] else 'ours':6}"
        f"{'recomputed' if row['checkpointing'] else 'kept':11}"
    )


def show(row: dict[str, Any]) -> None:
    """Print one row."""
    name = name_of(row)
    if "failed" in row:
        print(f"{name}{row['failed']}", flush=True)
        return
    each = row["seconds"] / row["dialogues"]
    loss = f"  loss {row['loss']:.5f}" if "loss" in row else ""
    print(
        f"{name}{row['seconds']:9.4f} s {1 / each:8.2f} a second {row['gb']:7.2f} GB "
        f"first {row['first']:6.1f} s{loss}",
        flush=True,
    )


def main() -> None:
    """Read the command line, measure, and print."""
    parser = make_parser(__doc__)
    parser.add_argument("--size", choices=("full", "tiny"), default="full")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--learns", nargs="+", choices=LEARNS, default=list(LEARNS))
    parser.add_argument("--only", nargs="+", default=[], help="words that a row's name holds")
    parser.add_argument("--slices", action="store_true", help="no FlexAttention")
    given = parser.parse_args()
    if given.slices:
        attention.suits_flex = lambda _query: False
    rows = []
    for learns in given.learns:
        on = OnGpu(given.size, learns, torch.device(given.device))
        for case in cases_of(learns):
            if any(word not in name_of(attrs.asdict(case)) for word in given.only):
                continue
            rows.append(attrs.asdict(case) | case.measure(on))
            show(rows[-1])
            write_results(given.json, rows)
        del on
        gc.collect()
    write_results(given.json, rows)


if __name__ == "__main__":
    main()

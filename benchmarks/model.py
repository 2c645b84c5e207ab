"""Training and answering: brainplug's ways beside the plain one, on the CPU, in one run.

    python benchmarks/model.py                    # the full-size architecture; an hour on 2 cores
    python benchmarks/model.py --size tiny        # every lever by itself, in a minute
    python benchmarks/model.py --cases one block  # some cases only
    python benchmarks/model.py --json out.json    # also as JSON, with machine and commit

The model is LLaVA-NeXT-Interleave with Qwen 0.5b in its full size (26 tower layers, 24 language
layers, 1,728 patches a scan) with random weights, or `tiny`. Dialogues are those of the shipped
`comparison` prompt. Every measurement is a process of its own, so its peak memory is its own, and
does whole steps: scans to gradients to AdamW.

The plain way: one dialogue a row, by transformers' own forward pass, words predicted at every
place, scans decompressed and resampled each time; to answer, `generate` from scratch. It takes as
long for each dialogue, so few of them are measured. Losses of the same dialogues are compared, and
so is the gradient. `gradient_checkpointing` is on in all ways, as in recipes of this field:
without it the plain way does not fit in 24 GB.

The floor is what multiply-adds counted from the shapes would take at the rate at which this machine
multiplies square matrices, by PyTorch's BLAS and by oneDNN.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from results import make_parser, write_results

CASES = {
    "plain": {"way": "plain", "design": "group"},
    "one": {"design": "one"},
    "group": {"design": "group"},
    "block": {"design": "block"},
    "lora plain": {"way": "plain", "design": "one", "lora": True},
    "lora": {"design": "group", "lora": True},
    "answers plain": {"way": "plain", "design": "one", "answer": True},
    "answers": {"design": "pairs", "answer": True},
    "answers of anchors": {"design": "three anchors", "answer": True},
    "plain + answer logits": {"design": "one", "only": ["answer_logits"]},
    "plain + pack": {"design": "one", "only": ["pack"]},
    "plain + in turns": {"design": "one", "only": ["pack", "in_turns"]},
    "plain + oneDNN": {"design": "one", "only": ["onednn"]},
    "in turns + shared scans": {"design": "group", "only": ["pack", "in_turns", "share_scans"]},
    "in turns + shared reference": {
        "design": "group",
        "only": ["pack", "in_turns", "share_references"],
    },
    "all but oneDNN": {"design": "group", "without": ["onednn"]},
    "two anchors": {"design": "two anchors"},
    "anchors": {"design": "anchors"},
}
"""What is measured; without `way` by brainplug, with all levers or those named only."""

LEVERS = ("pack", "share_references", "share_scans", "answer_logits", "in_turns", "onednn")


def pairs_of(design: str) -> list[tuple[str, str]]:
    """Return reference and query of each dialogue of a design."""
    if design == "pairs":  # three references a query, without blocks
        return [(f"r{(q + step) % 6}", f"q{q}") for q in range(6) for step in (0, 1, 3)]
    rows, columns = {
        "one": (1, 1),
        "group": (1, 3),
        "block": (3, 3),
        "two anchors": (2, 10),
        "anchors": (10, 10),
        "three anchors": (3, 12),
    }[design]
    return [(f"r{r}", f"q{q}") for r in range(rows) for q in range(columns)]


class Bench:
    """One measurement.

    Args:
        size: `full` or `tiny`.
        case: what is measured.
        folder: where scans lie.
    """

    def __init__(self, size: str, case: dict[str, Any], folder: Path) -> None:
        import torch

        from brainplug.model import llava
        from brainplug.tasks.chat import ChatEncoder

        self.case, self.folder = case, folder
        self.plain = case.get("way") == "plain"
        torch.manual_seed(1)
        self.bundle = make_bundle(size)
        self.model = self.bundle.model
        self.encoder = ChatEncoder(self.bundle.tokenizer, self.model.tokens_per_image)
        if case.get("lora"):
            from brainplug.model.lora import add_adapters
            from brainplug.recipe.training_tables import Lora

            llava.train_only(self.model, ())
            add_adapters(self.model, Lora(), seed=1)
        else:
            llava.train_only(self.model, ["patch-embedding"])
        self.tasks = [
            make_task(number, *pair) for number, pair in enumerate(pairs_of(case["design"]))
        ]

    def load(self, path: Path) -> np.ndarray:
        """Read a scan, from the cache or, the plain way, from its file."""
        from brainplug.imaging.cache import load_volume, make_volume

        file = self.folder / path
        if self.plain:
            return make_volume(file, self.grid).astype("float32")
        return load_volume(file, self.grid, self.folder / "cache")

    @property
    def grid(self) -> Any:
        """The grid of the scans."""
        from brainplug.api.records import Grid

        edge = 240 / self.bundle.shape[0]
        return Grid(shape=self.bundle.shape, spacing_mm=(edge, edge, edge))

    def run(self) -> dict[str, Any]:
        """Measure, and return what is compared."""
        for task in () if self.plain else self.tasks:
            for image in task.images:
                self.load(image)  # the first epoch filled the cache
        if self.case.get("answer"):
            return self.answer()
        return self.step_plainly() if self.plain else self.step()

    def step_plainly(self) -> dict[str, Any]:
        """Take the gradient of each dialogue, one after the other, by transformers' own code."""
        import torch
        from transformers import LlavaForConditionalGeneration

        from brainplug.tasks.encode import encode_task

        items = [encode_task(task, self.encoder, 32768) for task in self.tasks]
        count = sum(len(item.encoded.answer) for item in items)
        self.model.activation_checkpointing_enable({"use_reentrant": False})
        optimiser = self.optimiser()
        start, losses = time.perf_counter(), []
        for item in items:
            ids = torch.tensor([item.encoded.prompt + item.encoded.answer])
            labels = torch.tensor([[-100] * len(item.encoded.prompt) + item.encoded.answer])
            scans = torch.from_numpy(np.stack([self.load(path) for path in item.images])[:, None])
            out = LlavaForConditionalGeneration.forward(
                self.model,
                input_ids=ids,
                attention_mask=torch.ones_like(ids),
                labels=labels,
                pixel_values=scans,
            )
            loss = out.loss * len(item.encoded.answer)
            (loss / count).backward()
            losses.append(float(loss.detach()))
            del out, loss
        gradient = self.gradient()
        optimiser.step()
        return self.result(time.perf_counter() - start, sum(losses) / count, gradient)

    def step(self) -> dict[str, Any]:
        """Take one step of the trainer's own way, with the levers of the case."""
        from brainplug.model import llava
        from brainplug.model.packing import Ways
        from brainplug.recipe.training_tables import Speed
        from brainplug.tasks.encode import encode_task
        from brainplug.training.collate import Collator, Grouping

        levers = self.case.get("only", LEVERS)
        chosen = {n: n in levers and n not in self.case.get("without", ()) for n in LEVERS}
        if chosen["onednn"] and "only" not in self.case:
            chosen["onednn"] = "auto"  # as shipped; a case that names it has it everywhere
        speed = Speed(**chosen)
        llava.choose_kernels(self.model, onednn=speed.onednn)
        lora = bool(self.case.get("lora"))
        llava.recompute(self.model, tower=True, language=lora or not speed.in_turns)
        grouping = Grouping(references=speed.share_references, scans=speed.share_scans)
        features = self.features() if self.case.get("lora") else None
        collate = Collator(grouping, self.load, features)
        items = [encode_task(task, self.encoder, 32768) for task in self.tasks]
        if not speed.pack:  # one dialogue a row and step, but scans of all that share them
            parts = [items] if speed.share_scans else [[item] for item in items]
        else:
            parts = [items]
        optimiser = self.optimiser()
        count = sum(len(item.encoded.answer) for item in items)
        ways = Ways(
            rows=not speed.pack,
            in_turns=speed.in_turns and not self.case.get("lora"),
            answers_only=speed.answer_logits,
        )
        start, total = time.perf_counter(), 0.0
        for part in parts:
            loss = self.model(batch=collate(part)["batch"], num_items=count, ways=ways)
            loss.backward()
            total += float(loss.detach())
        gradient = self.gradient()
        optimiser.step()
        return self.result(time.perf_counter() - start, total, gradient)

    def optimiser(self) -> Any:
        """Return AdamW for all that learns, without a gradient; it changes nothing it is asked."""
        import torch

        self.model.train()
        self.model.zero_grad()
        return torch.optim.AdamW([p for p in self.model.parameters() if p.requires_grad], lr=0.0)

    def features(self) -> Any:
        """Return the way to features that an earlier epoch has kept."""
        from brainplug.model.features import FeatureStore

        store = FeatureStore(
            model=self.model, load=self.load, folder=Path(tempfile.mkdtemp(dir=self.folder))
        )
        for image in {image for task in self.tasks for image in task.images}:
            store.get(image)
        return store.get

    def gradient(self) -> list[float]:
        """Return some entries of the gradient, spread over all that learns."""
        import torch

        grads = [p.grad.flatten() for p in self.model.parameters() if p.grad is not None]
        whole = torch.cat(grads)
        return whole[:: max(1, len(whole) // 2000)].tolist()

    def answer(self) -> dict[str, Any]:
        """Let the model answer every task: sixteen words, since random weights find no end."""
        import torch

        from brainplug.inference.answer import all_answers
        from brainplug.inference.records import AnswerSettings
        from brainplug.recipe.training_tables import Speed
        from brainplug.tasks.encode import encode_task

        self.model.eval()
        start = time.perf_counter()
        if self.plain:
            for task in self.tasks:
                item = encode_task(task, self.encoder, 32768)
                ids = torch.tensor([item.encoded.prompt])
                scans = np.stack([self.load(path) for path in item.images])[:, None]
                self.model.generate(
                    input_ids=ids,
                    attention_mask=torch.ones_like(ids),
                    pixel_values=torch.from_numpy(scans),
                    do_sample=False,
                    max_new_tokens=16,
                    min_new_tokens=16,
                    pad_token_id=0,
                )
        else:
            settings = AnswerSettings(
                encoder=self.encoder,
                context_length=32768,
                load=self.load,
                answers=Numbers(),
                batch_size=16,
                max_new_tokens=16,
                mode="generate",
                precision="float32",
                speed=Speed(),
            )
            all_answers(self.bundle, self.tasks, settings, split="test")
        return self.result(time.perf_counter() - start, 0.0, [])

    def result(self, seconds: float, loss: float, gradient: list[float]) -> dict[str, Any]:
        """Return what the other process is told."""
        return {
            "seconds": seconds,
            "dialogues": len(self.tasks),
            "loss": loss,
            "gradient": gradient,
            "gib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
            "tflop": self.operations() / 1e12,
        }

    def operations(self) -> float:
        """Count the floating-point operations that this case needs at least, from the shapes.

        Of a weight that does not learn the gradient is not counted, scores of attention are made
        once each way, a scan is encoded once, a reference read once for its group.
        """
        from brainplug.tasks.encode import encode_task
        from brainplug.training.collate import Grouping, make_batch

        share = not self.plain
        items = [encode_task(task, self.encoder, 32768) for task in self.tasks]
        batch, files = make_batch(items, Grouping(references=share, scans=share))
        config, patches = self.model.config, self.model.tokens_per_image
        tower, words = config.vision_config, config.text_config
        back = 0 if self.case.get("answer") else 1
        seen = len(files) if not (self.case.get("lora") and share) else 0
        layer = 4 * tower.hidden_size**2 + 2 * tower.hidden_size * tower.intermediate_size
        both = 1 + back * (not self.case.get("lora"))
        total = (
            seen
            * both
            * tower.num_hidden_layers
            * (2 * layer * patches + 4 * patches**2 * tower.hidden_size)
        )
        layer = 4 * words.hidden_size**2 + 3 * words.hidden_size * words.intermediate_size
        for group in batch.groups:
            start = len(group.prefix)
            tokens = start + sum(map(len, group.branches))
            seen_by = start**2 / 2 + sum(len(b) * start + len(b) ** 2 / 2 for b in group.branches)
            total += (
                (1 + back)
                * words.num_hidden_layers
                * (2 * layer * tokens + 4 * seen_by * words.hidden_size)
            )
        predicted = sum(len(i.encoded.prompt + i.encoded.answer) for i in items)
        if share:
            predicted = sum(len(item.encoded.answer) for item in items)
        return float(total + (1 + back) * 2 * predicted * words.hidden_size * words.vocab_size)


class Numbers:
    """Answers without candidates."""

    labels = ()

    def parse(self, _text: str) -> None:
        """Read nothing."""

    def say(self, value: Any) -> str:
        """Say a value."""
        return str(value)


def make_task(number: int, reference: str, query: str) -> Any:
    """Word one dialogue by the shipped prompt."""
    from brainplug.api.records import Case
    from brainplug.tasks.task import Task
    from brainplug_plugins.prompts.comparison import Comparison, ComparisonOptions

    case = Case(target="sex", references=("male",), query="female")
    return Task(
        task_id=str(number),
        kind="categorical",
        target="sex",
        subject=query,
        truth="female",
        references=(reference,),
        reference_values=("male",),
        images=(Path(f"{reference}.nii.gz"), Path(f"{query}.nii.gz")),
        turns=Comparison(ComparisonOptions()).dialogue(case),
        codes=(1, 0),
    )


def make_bundle(size: str) -> Any:
    """Build the model with random weights."""
    import torch
    from transformers import LlavaConfig

    from brainplug.model.bundle import ModelBundle
    from brainplug.model.llava3d import Llava3d, Llava3dConfig
    from brainplug_plugins.models.tiny import Tiny, TinyOptions, make_byte_tokenizer

    if size == "tiny":
        # transformers' own forward pass, the plain way, wants a layer to collect features at.
        return Tiny(TinyOptions(vision_layers=2)).build((64, 64, 64), seed=1)
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
    from hub_format import make_config

    shape, patch = (120, 120, 120), (10, 10, 10)
    config = LlavaConfig.from_dict(make_config("full", tied=True, dtype=torch.float32))
    tokenizer = make_byte_tokenizer()
    config.image_token_id = tokenizer.convert_tokens_to_ids("<image>")
    model = Llava3d(Llava3dConfig.of(config, shape, patch)).to(torch.float32)
    return ModelBundle(model, tokenizer, shape, patch)


def rates() -> dict[str, float]:
    """Return operations a second of large products by the BLAS and by oneDNN."""
    import torch

    from brainplug.model.kernels import multiply_by_onednn

    left, right = torch.randn(2048, 2048), torch.randn(2048, 2048)
    ways = {"BLAS": torch.nn.functional.linear, "oneDNN": multiply_by_onednn}
    return {
        name: 2 * 2048**3 / min(seconds(multiply, left, right) for _ in range(20))
        for name, multiply in ways.items()
    }


def seconds(multiply: Any, left: Any, right: Any) -> float:
    """Time one product."""
    start = time.perf_counter()
    multiply(left, right)
    return time.perf_counter() - start


def make_scans(folder: Path, names: set[str]) -> None:
    """Write the scans that dialogues show."""
    from volumes import write_scan

    for number, name in enumerate(sorted(names)):
        made = write_scan(folder, number)
        made.rename(folder / f"{name}.nii.gz")


def measure(size: str, name: str, folder: Path) -> dict[str, Any]:
    """Measure a case in a process of its own."""
    command = [sys.executable, __file__, "--size", size, "--only", name, "--folder", str(folder)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)  # noqa: S603
    return dict(json.loads(done.stdout.splitlines()[-1]))


def show(
    name: str, found: dict[str, Any], plain: dict[str, Any] | None, rate: dict[str, float]
) -> None:
    """Print one row."""
    each = found["seconds"] / found["dialogues"]
    ratio = "" if plain is None else f"{plain['seconds'] / plain['dialogues'] / each:6.2f} x"
    floors = " ".join(
        f"{found['seconds'] * speed / found['tflop'] / 1e12:5.2f}" for speed in rate.values()
    )
    print(
        f"{name:28}{found['dialogues']:4} dialogues {found['seconds']:8.1f} s "
        f"{1 / each:8.4f} a second {ratio:>10} {found['gib']:6.1f} GiB  "
        f"floor {found['tflop']:6.1f} TFLOP, x {floors}  loss {found['loss']:.6f}",
        flush=True,
    )


def main() -> None:
    """Read the command line, measure, and print."""
    parser = make_parser(__doc__)
    parser.add_argument("--size", choices=("full", "tiny"), default="full")
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--only", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.only:
        bench = Bench(given.size, CASES[given.only], given.folder)
        times = 1 if given.size == "full" else 5  # small steps are measured warm
        print(json.dumps(min((bench.run() for _ in range(times)), key=lambda one: one["seconds"])))
        return
    rate = rates()
    print(", ".join(f"{name} {value / 1e9:.0f} GFLOP/s" for name, value in rate.items()))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["BRAINPLUG_CACHE"] = str(folder / "cache")
        designs = {CASES[case]["design"] for case in given.cases}
        make_scans(folder, {n for design in designs for pair in pairs_of(design) for n in pair})
        found: dict[str, dict[str, Any]] = {}
        for case in given.cases:
            found[case] = measure(given.size, case, folder)
            kind = "answers" if "answers" in case else "lora" if "lora" in case else ""
            plain = found.get(f"{kind} plain".strip())
            show(case, found[case], plain, rate)
        if {"plain", "group"} <= set(found):
            compare(found["plain"], found["group"])
    rows = [{"case": case, **each} for case, each in found.items()]
    for row in rows:
        del row["gradient"]  # thousands of numbers, of use for the comparison only
    write_results(given.json, rows)


def compare(plain: dict[str, Any], ours: dict[str, Any]) -> None:
    """Print how far loss and gradient of the same dialogues differ."""
    wanted, got = np.array(plain["gradient"]), np.array(ours["gradient"])
    off = np.abs(wanted - got).max() / np.abs(wanted).max()
    print(
        f"the same three dialogues: losses differ by {abs(plain['loss'] - ours['loss']):.1e}, "
        f"gradients by {off:.1e} of the largest entry"
    )


if __name__ == "__main__":
    main()

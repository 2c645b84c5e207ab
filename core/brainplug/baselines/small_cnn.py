"""A small 3-D convolutional network, trained from scratch on the training people."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from brainplug.baselines.linear import decide
from brainplug.baselines.records import Said
from brainplug.imaging.sketch import average_blocks

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from brainplug.api.records import Volume
    from brainplug.baselines.exam import Exam

WIDTHS = (1, 16, 32, 48, 64)
EPOCHS, BATCH, WARMUP_STEPS = 20, 16, 20

MOST_VOXELS = 48
"""Along an axis; a finer volume is averaged in blocks, since the network is a small one."""


MOST_HELD = 4000
"""Coarse volumes held, a quarter of a megabyte each."""


@attrs.frozen(kw_only=True, eq=False)
class Scans:
    """Scans read from the cache as they are needed; as many are held as a gigabyte takes.

    Attributes:
        load: returns the volume of a scan.
        images: of those who teach, then of those who are asked.
        held: coarse volumes by number.
    """

    load: Callable[[Path], Volume]
    images: Sequence[Path]
    held: dict[int, np.ndarray] = attrs.field(factory=dict)

    def take(self, rows: np.ndarray) -> Any:
        """Return a batch as a tensor `(n, 1, i, j, k)`."""
        import torch

        voxels = [self.read(int(row)).astype(np.float32) for row in rows]
        return torch.from_numpy(np.stack(voxels))[:, None]

    def read(self, row: int) -> np.ndarray:
        """Return one coarse volume, float16."""
        if row in self.held:
            return self.held[row]
        volume = average_blocks(self.load(self.images[row]), MOST_VOXELS)
        if len(self.held) < MOST_HELD:
            self.held[row] = volume
        return volume


def read_by_cnn(exam: Exam, load: Callable[[Path], Volume], epochs: int = EPOCHS) -> Said:
    """Train the network and ask it.

    Four stages of convolution, batch norm and pooling, as in the smallest of the networks that
    brain age is read by (Peng et al. 2021, Medical Image Analysis 68:101871), on the CPU.

    Args:
        exam: who teaches and who is asked.
        load: returns the volume of a scan.
        epochs: passes over those who teach.
    """
    import torch

    scans = Scans(load=load, images=[*exam.learn.frame["image"], *exam.asked.frame["image"]])
    taught = np.arange(len(exam.learn.frame))
    asked = np.arange(len(taught), len(scans.images))
    truths = exam.truths
    if exam.labels:
        wanted = torch.tensor([exam.labels.index(label) for label in truths])
        mean, spread = 0.0, 1.0
    else:
        numbers = truths.astype(float)
        mean, spread = float(numbers.mean()), float(numbers.std()) or 1.0
        wanted = torch.tensor((numbers - mean) / spread, dtype=torch.float32)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(exam.seed)
        net = make_cnn(len(exam.labels) or 1)
        train(net, scans, taught, wanted, course=Course(epochs=epochs, seed=exam.seed))
    said = ask(net, scans, asked, len(exam.labels) or 1)
    if not exam.labels:
        return Said(predictions=said[:, 0] * spread + mean)
    return decide(exam, said)


def make_cnn(outputs: int) -> Any:
    """Make the network; its last layer takes what comes."""
    import torch

    layers: list[Any] = []
    for number, (into, out) in enumerate(itertools.pairwise(WIDTHS)):
        layers += [
            torch.nn.Conv3d(into, out, 3, padding=1, stride=1 if number else 2, bias=False),
            torch.nn.BatchNorm3d(out),
            torch.nn.ReLU(),
            # Rounded up, so that a small grid is never pooled to nothing.
            torch.nn.MaxPool3d(2, ceil_mode=True) if number else torch.nn.Identity(),
        ]
    return torch.nn.Sequential(
        *layers,
        torch.nn.AdaptiveAvgPool3d(2),
        torch.nn.Flatten(),
        torch.nn.Dropout(0.3),
        torch.nn.Linear(8 * WIDTHS[-1], outputs),
    )


@attrs.frozen(kw_only=True)
class Course:
    """How long the network is taught, and what draws its batches."""

    epochs: int
    seed: int


def train(net: Any, scans: Scans, taught: np.ndarray, wanted: Any, *, course: Course) -> None:
    """Train with AdamW, a short warm-up and a cosine."""
    import torch

    epochs = course.epochs
    batches = max(1, len(taught) // BATCH)
    steps = epochs * batches
    optimiser = torch.optim.AdamW(net.parameters(), 1e-3, weight_decay=1e-2, betas=(0.9, 0.95))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser,
        lambda step: min(1.0, (step + 1) / WARMUP_STEPS) * 0.5 * (1 + np.cos(np.pi * step / steps)),
    )
    rng = np.random.default_rng(course.seed)
    net.train()
    for _ in range(epochs):
        for rows in np.array_split(rng.permutation(taught), batches):
            optimiser.zero_grad()
            loss_of(net(scans.take(rows)), wanted[rows]).backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimiser.step()
            schedule.step()


def loss_of(outputs: Any, wanted: Any) -> Any:
    """Return the cross entropy of classes, or the squared error of a number."""
    from torch.nn import functional

    if outputs.shape[1] > 1:
        return functional.cross_entropy(outputs, wanted)
    return functional.mse_loss(outputs[:, 0], wanted)


def ask(net: Any, scans: Scans, asked: np.ndarray, outputs: int) -> np.ndarray:
    """Return probabilities of the classes, or the standardised number, `(n, outputs)`."""
    import torch

    net.eval()
    found = [np.zeros((0, outputs))]
    with torch.no_grad():
        for start in range(0, len(asked), BATCH):
            said = net(scans.take(asked[start : start + BATCH]))
            found.append((said.softmax(dim=1) if outputs > 1 else said).numpy())
    return np.concatenate(found).astype(float)

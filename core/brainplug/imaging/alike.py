"""Which scans are copies of one another, or look as if they were, whatever their files hold.

Heads are alike in that they are heads, and those of one scanner are alike in that. So coarse copies
are compared less the mean head and less the components that scans differ in most (site, head size,
contrast), which leaves what is a person's own. Measured on 121 whole heads of one scanner and on 72
skull-stripped ones of another study, alone, in parts and together, on a grid of 2 mm:

- Different people: at most 0.78 in one study, 0.75 in both together, 0.81 in random parts of one.
  Where a few are of another kind than the rest, such as two whole heads among twenty skull-stripped
  ones, they can have 0.99 with one another, and are told of in vain.
- The same scan, 12 of each study: written with another type, scale and origin 1.000; with noise of
  5, 10 and 20 % of the SD of intensities in the head at least 0.99, 0.98 and 0.97. On a grid of
  3 mm, or moved by half a voxel, at least 0.97 where skull-stripped; of whole heads one in twelve
  is missed (0.81). With noise as in magnitude images (Rician), whose background is bright, of 5 %
  of the head's median at least 0.93; of 10 %, one in four whole heads is missed (0.75) and no
  skull-stripped one; of 20 %, two in three whole heads (0.37) and one in three others.

Less the mean head alone, no two people had more than 0.992, and a scan rewritten with another type,
origin or scale had 0.99996 and more, also where eight bits are left of its intensities.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import numpy as np

from brainplug.toolkit.components import number_components

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from jaxtyping import Float, Int

    from brainplug.imaging.sketch import Sketch

NEAR = 0.9
"""Correlation, less what scans differ in most, above which two scans look like one."""

SAME = 0.9999
"""Correlation, less the mean head, above which nothing but rounding can differ."""

MOST_COMPONENTS = 10
SCANS_A_COMPONENT = 12
"""Fewer scans to a component, and chance would make one: with 6, people had up to 0.99."""

MOST_LEARNT_FROM = 2000
ROWS_AT_ONCE = 1024


@attrs.frozen(kw_only=True, eq=False)
class Alike:
    """Groups of scans by number; two scans of one number are alike, directly or by others.

    Attributes:
        same: copies.
        near: copies, and scans that look like one.
    """

    same: Int[np.ndarray, " n"]
    near: Int[np.ndarray, " n"]


def find_alike(sketches: Sequence[Sketch], progress: Callable[[int, int], None]) -> Alike:
    """Compare all scans with all others: 10,000 in about a minute, and a few 100 MB.

    Args:
        sketches: of the scans.
        progress: called with scans compared and scans in all.
    """
    size = len(sketches)
    first: dict[str, int] = {}
    pairs = [(first.setdefault(each.content, row), row) for row, each in enumerate(sketches)]
    same, near = [np.array(pairs, dtype=int).reshape(-1, 2)], []
    # Of another grid than the first are none, as all are brought to one.
    coarse = np.stack([sketch.coarse.ravel() for sketch in sketches]) if size else np.zeros((0, 1))
    for done, (links, equal) in compare(coarse):
        near.append(links)
        same.append(links[equal])
        progress(done, size)
    copies, lookalikes = np.concatenate(same), np.concatenate([*same, *near])
    return Alike(
        same=number_components(copies[:, 0], copies[:, 1], size),
        near=number_components(lookalikes[:, 0], lookalikes[:, 1], size),
    )


def compare(
    coarse: Float[np.ndarray, "n d"],
) -> Iterator[tuple[int, tuple[Int[np.ndarray, "links 2"], np.ndarray]]]:
    """Give the pairs that are alike, block by block, with the number of scans compared so far.

    Gives:
        Scans compared; the pairs as two rows, the earlier first; which of them are copies.
    """
    size = len(coarse)
    if size < 2:
        return
    plain, *own = make_directions(coarse)
    for start in range(0, size, ROWS_AT_ONCE):
        stop = min(start + ROWS_AT_ONCE, size)
        found, equal = [], []
        for other in range(0, stop, ROWS_AT_ONCE):
            end = min(other + ROWS_AT_ONCE, size)
            # Each pair once: of a block with itself what lies below the diagonal.
            below = np.tri(stop - start, end - other, start - other - 1, dtype=bool)
            alike = plain[start:stop] @ plain[other:end].T
            copies = (alike >= SAME) & below
            near = [each[start:stop] @ each[other:end].T >= NEAR for each in own]
            rows, columns = np.nonzero(copies | (np.logical_or.reduce(near) & below))
            found.append(np.column_stack([columns + other, rows + start]))
            equal.append(copies[rows, columns])
        yield stop, (np.concatenate(found), np.concatenate(equal))


def make_directions(coarse: Float[np.ndarray, "n d"]) -> list[Float[np.ndarray, "n d"]]:
    """Return scans less the mean head; then less the components that each half of them differs in.

    By halves, since two copies among few scans are a component of their own, which would be taken
    off them: of the half that one of them is not in, they are none. All at unit length, so that
    products are correlations; zeros where nothing is left.
    """
    apart = coarse.astype(np.float32)
    apart -= apart.mean(axis=0)
    scale = float(np.abs(coarse).max())
    drawn = np.random.default_rng(0).permutation(len(apart))
    halves = (drawn[::2], drawn[1::2])
    return [unit(apart, scale), *(unit(take_off(apart, half), scale) for half in halves)]


def take_off(
    apart: Float[np.ndarray, "n d"], rows: Int[np.ndarray, " m"]
) -> Float[np.ndarray, "n d"]:
    """Return scans less the components that some of them differ in most."""
    count = min(MOST_COMPONENTS, len(rows) // SCANS_A_COMPONENT)
    if not count:
        return apart
    from sklearn.decomposition import PCA

    some = np.sort(rows[:MOST_LEARNT_FROM])
    axes = PCA(count, svd_solver="randomized", random_state=0).fit(apart[some]).components_
    own: Float[np.ndarray, "n d"] = apart - (apart @ axes.T) @ axes
    return own


def unit(rows: Float[np.ndarray, "n d"], scale: float) -> Float[np.ndarray, "n d"]:
    """Return rows less their mean, at unit length; zeros for a row of nothing but rounding.

    Args:
        rows: any.
        scale: of what they were made from.
    """
    centred = rows - rows.mean(axis=1, keepdims=True)
    lengths = np.linalg.norm(centred, axis=1, keepdims=True)
    # Half-precision means are exact to a thousandth.
    nothing = lengths <= 1e-3 * scale
    return np.where(nothing, 0, centred / np.maximum(lengths, 1e-12)).astype(np.float32)

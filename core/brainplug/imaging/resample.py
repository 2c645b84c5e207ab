"""Scans brought to the common grid: resampled in millimetres and normalised inside the head."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import numpy as np

if TYPE_CHECKING:
    from brainplug.api.records import Affine, Grid, Volume
    from brainplug.imaging.scan import Scan

HEAD_MEDIAN = 0.5
"""Median of the head's voxels in a normalised volume, whose background is 0."""

HEAD_HEIGHT_MM = 180.0
CLOSE_MM = 0.01
"""What a layer may lie below those that count, by which affines are rounded."""

COARSE_VOXELS = 64
BLUR_REACH = 3.0
"""SDs to which the smoothing filter reaches, to either side."""


@attrs.frozen(kw_only=True, eq=False)
class Head:
    """Where the head of a scan is.

    Attributes:
        centre_mm: of the mass of its mask, in the world.
        sides_mm: its length along each of the scan's axes; its upper 180 mm alone count.
    """

    centre_mm: np.ndarray
    sides_mm: np.ndarray


def resample(scan: Scan, grid: Grid, head: Head | None = None) -> Volume:
    """Bring a scan to the grid in millimetres, with the head in its centre.

    The grid's axes are those of the world (right, anterior, superior), so an oblique scan is
    truly turned, and a millimetre stays a millimetre: nothing is squashed to fit. Values are
    interpolated linearly after the smoothing that a coarser grid needs. Background, and all that
    lies outside the scan, becomes 0.

    The centre is the centre of mass of the head's mask, not of the intensities, which differ by
    scanner, and not the middle of its bounding box, which one stray voxel moves. Only the upper
    180 mm of the head count, since scans reach down the neck by different lengths.

    Args:
        scan: as it was read.
        grid: the common one.
        head: of the scan, where it was looked for already.
    """
    from scipy.ndimage import affine_transform

    background = background_level(scan.voxels)
    head = head or find_head(scan, background)
    # Without a head the middle of the box is as good a guess as any.
    middle = scan.affine @ [*((np.array(scan.voxels.shape) - 1) / 2), 1.0]
    centre = head.centre_mm if head else middle[:3]
    # affine_transform asks where in the scan each voxel of the result lies, not the reverse.
    to_scan = np.linalg.inv(scan.affine) @ _grid_affine(grid, centre)
    # Taken off first, so that what lies outside the scan, which is 0, is background as well.
    smooth = _smoothed(scan, grid) - np.float32(background)
    volume: Volume = affine_transform(
        smooth, to_scan, output_shape=grid.shape, order=1, mode="constant", cval=0.0
    )
    return volume


def normalise(volume: Volume) -> Volume:
    """Scale a resampled volume so that the head's median is 0.5, and blank the background.

    Only voxels inside the head count, so neither the share of background nor its noise matters,
    and the result is the same for every positive scaling of the intensities. Values end between
    0 and 1 (brighter tissue, such as fat, is cut off at 1) as float16.
    """
    inside = head_mask(volume)
    if not inside.any():
        return np.zeros(volume.shape, dtype=np.float16)
    # A percentile, since a single voxel settles the minimum.
    low, median = np.percentile(volume[inside], (1, 50))
    # Only values below the background move the scale: with the darkest tissue at 0, as in a plain
    # stretch from low to high, ventricles could not be told from background.
    low = min(low, 0.0)
    scale = HEAD_MEDIAN / (median - low) if median > low else 0.0
    scaled = np.clip((volume - low) * scale, 0.0, 1.0)
    return np.where(inside, scaled, 0.0).astype(np.float16)


def background_level(voxels: Volume) -> float:
    """Return the level of the background: the median of the six faces of the box."""
    # np.take would copy the whole scan for each face of one whose axes were turned.
    faces = [np.moveaxis(voxels, axis, 0)[side].ravel() for axis in range(3) for side in (0, -1)]
    return float(np.median(np.concatenate(faces)))


def head_mask(volume: Volume) -> np.ndarray:
    """Mark the head in a volume whose background is about 0.

    Otsu's threshold on the square root of the distance from the background, which draws bright
    fat and grey matter together and away from noise; then the largest connected part without
    its holes. Skull-stripped scans and whole heads over noise are treated alike.
    """
    from scipy.ndimage import binary_fill_holes, label

    distance = np.sqrt(np.abs(volume))
    parts, count = label(distance > otsu_threshold(distance))
    if count == 0:
        return np.zeros(volume.shape, dtype=bool)
    sizes = np.bincount(parts.ravel())
    # Label 0 is all that lies below the threshold, and mostly the largest part.
    sizes[0] = 0
    mask: np.ndarray = binary_fill_holes(parts == sizes.argmax())
    return mask


def otsu_threshold(values: np.ndarray) -> float:
    """Return the threshold that best parts the values in two groups (Otsu 1979).

    >>> round(otsu_threshold(np.array([0.0, 0.1, 0.2, 5.0, 5.1, 5.2])), 1)
    2.6
    """
    # A few very bright voxels, as of vessels, would leave all others in the first of the bins.
    top = float(np.percentile(values, 99.5)) or float(values.max())
    counts, edges = np.histogram(np.minimum(values, top), bins=128)
    middles = (edges[:-1] + edges[1:]) / 2
    # The last bin is no split: nothing lies above it, and rounding would make it infinite.
    below, total = np.cumsum(counts)[:-1], values.size
    mass = np.cumsum(counts * middles)
    with np.errstate(divide="ignore", invalid="ignore"):
        between = (mass[-1] * below / total - mass[:-1]) ** 2 / (below * (total - below))
    best = np.flatnonzero(between >= np.nanmax(between) * (1 - 1e-9))
    # A gap between the groups gives a plateau; its middle is the fairest threshold.
    return float(edges[1:-1][best].mean())


def find_head(scan: Scan, background: float | None = None) -> Head | None:
    """Find the head, coarsely; None where nothing stands out from the background.

    Args:
        scan: as it was read.
        background: as `background_level` gives it, which is asked without it.
    """
    # A centre of mass hardly moves when voxels are left out, but the mask is slow to find.
    step = np.array([max(1, size // COARSE_VOXELS) for size in scan.voxels.shape])
    coarse = scan.voxels[:: step[0], :: step[1], :: step[2]]
    if background is None:
        background = background_level(scan.voxels)
    indices = np.argwhere(head_mask(coarse - np.float32(background))) * step
    if len(indices) == 0:
        return None
    axes = scan.affine[:3, :3]
    world = indices @ axes.T + scan.affine[:3, 3]
    # Layers often lie at whole millimetres; in metres, as floats of 32 bits, a bit beside them.
    kept = world[:, 2] >= world[:, 2].max() - HEAD_HEIGHT_MM - CLOSE_MM
    # Both ends count whole: a head of one voxel is as long as that is.
    voxels = np.ptp(indices[kept], axis=0) + step
    return Head(
        centre_mm=world[kept].mean(axis=0), sides_mm=voxels * np.sqrt((axes**2).sum(axis=0))
    )


def _grid_affine(grid: Grid, centre: np.ndarray) -> Affine:
    """Return the affine from grid voxels to world millimetres."""
    affine = np.diag([*grid.spacing_mm, 1.0])
    # The middle of n voxels has the index (n - 1) / 2, counted between centres of voxels.
    affine[:3, 3] = centre - (np.array(grid.shape) - 1) / 2 * grid.spacing_mm
    return affine


def blur_sigmas(scan: Scan, grid: Grid) -> np.ndarray:
    """Return the SD in voxels, along each axis, of the smoothing that a coarser grid needs.

    After Cardoso et al. 2015 (MICCAI).
    """
    axes = scan.affine[:3, :3]
    edges = np.sqrt((axes**2).sum(axis=0))
    # The grid's spacing along the scan's own axes, which may be oblique to it.
    wanted = np.sqrt(((axes / edges * np.array(grid.spacing_mm)[:, None]) ** 2).sum(axis=0))
    # A voxel blurs like a Gaussian whose FWHM is its edge, and variances add: what is lacking is
    # sqrt(wanted^2 - edge^2). The SD of a Gaussian is its FWHM / sqrt(8 ln 2).
    sigmas: np.ndarray = np.sqrt(np.maximum((wanted / edges) ** 2 - 1, 0)) / np.sqrt(8 * np.log(2))
    return sigmas


def _smoothed(scan: Scan, grid: Grid) -> Volume:
    """Smooth away what the grid is too coarse to hold."""
    from scipy.ndimage import gaussian_filter

    sigmas = blur_sigmas(scan, grid)
    if not sigmas.any():
        return scan.voxels
    smooth: Volume = gaussian_filter(scan.voxels, sigmas, mode="nearest", truncate=BLUR_REACH)
    return smooth

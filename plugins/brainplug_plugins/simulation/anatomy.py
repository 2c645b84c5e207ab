"""Images of simulated people: the MNI152 template, smoothly deformed and seen by a scanner.

A voxel at point p of the new image shows the template at p + u(p). The displacement u is the sum
of a random smooth field and of the effects of `design.EFFECTS`; all lengths are millimetres.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import numpy as np

from brainplug_plugins.simulation.people import Person, generator

if TYPE_CHECKING:
    from collections.abc import Mapping

    from brainplug_plugins.simulation.design import SimulatedOptions

MARGIN_MM = 20.0
KNOTS_MM = 40.0
SIBLING_SHARE = 0.5
"""Share of the random deformation's variance that siblings have in common."""

VENTRICLES_MM = (0.0, -15.0, 14.0)
FRONTAL_MM = (0.0, 50.0, 10.0)
DEEP_MM = (0.0, -2.0, -8.0)
MIDDLE_MM = 20.0


@attrs.frozen(kw_only=True, eq=False)
class Anatomy:
    """What all simulated brains are made from.

    Attributes:
        template: intensities of the MNI152 brain, 0 outside, float32.
        origin_mm: world place of the template's first voxel.
        edge_mm: edge of the template's voxels.
        rim: how far a voxel belongs to the outer 8 mm of the brain, 0 to 1.
        deep: how far a voxel belongs to the region of the effect `deep`, 0 to 1.
        sides: -1 on the left to 1 on the right, for the effect `sides`; one value a sagittal slice.
        axes_mm: world coordinates of a scan's voxels along right, anterior, superior.
        centre_mm: centre of the template's brain.
    """

    template: np.ndarray
    origin_mm: np.ndarray
    edge_mm: float
    rim: np.ndarray
    deep: np.ndarray
    sides: np.ndarray
    axes_mm: tuple[np.ndarray, np.ndarray, np.ndarray]
    centre_mm: np.ndarray


@attrs.frozen(kw_only=True)
class Site:
    """A scanner.

    Attributes:
        gain: intensity of white matter.
        gamma: exponent of its contrast.
        noise: SD of the noise as a share of white matter.
        bias: SD of the logarithm of its bias field.
        reversed: True where its files store right and anterior backwards (LPS+).
    """

    gain: float
    gamma: float
    noise: float
    bias: float
    reversed: bool


def make_anatomy(resolution_mm: float) -> Anatomy:
    """Load the template that nilearn ships and derive the regions of the effects."""
    from nilearn.datasets import load_mni152_template
    from scipy.ndimage import distance_transform_edt, gaussian_filter

    edge = 2 if resolution_mm >= 2 else 1
    image = load_mni152_template(resolution=edge)
    values = np.asarray(image.dataobj, dtype=np.float32)
    # White matter, the brightest tissue of a T1-weighted image, becomes about 1.
    values /= np.percentile(values[values > 0], 95)
    brain = values > 0.1
    origin = image.affine[:3, 3]
    places = [origin[axis] + edge * np.arange(size) for axis, size in enumerate(values.shape)]
    inside = np.argwhere(brain)
    low, high = origin + edge * inside.min(axis=0), origin + edge * inside.max(axis=0)
    # The blur that a scan of larger voxels brings.
    blur = np.sqrt(max((resolution_mm / edge) ** 2 - 1, 0)) / np.sqrt(8 * np.log(2))
    depth = distance_transform_edt(brain, sampling=edge)
    rim = gaussian_filter((brain & (depth <= 8)).astype(np.float32), 2 / edge)
    return Anatomy(
        template=gaussian_filter(values, blur) if blur else values,
        origin_mm=origin,
        edge_mm=edge,
        rim=rim,
        deep=_bump(places, DEEP_MM, (40.0, 40.0, 40.0)),
        sides=np.tanh(places[0] / MIDDLE_MM).astype(np.float32)[:, None, None],
        axes_mm=_axes(low - MARGIN_MM, high + MARGIN_MM, resolution_mm),
        centre_mm=(low + high) / 2,
    )


def draw_site(seed: int, number: int) -> Site:
    """Draw a scanner."""
    rng = generator(seed, "site", number)
    return Site(
        gain=float(rng.uniform(100, 400)),
        gamma=float(rng.uniform(0.85, 1.2)),
        noise=float(rng.uniform(0.01, 0.04)),
        bias=float(rng.uniform(0.02, 0.08)),
        reversed=bool(number % 2),
    )


def make_image(
    anatomy: Anatomy, options: SimulatedOptions, person: Person
) -> tuple[np.ndarray, np.ndarray]:
    """Make a person's scan.

    Returns:
        The int16 voxels and their affine to RAS+ millimetres.
    """
    from scipy.ndimage import map_coordinates

    # One stream for all that follows; in another order of the calls the scans would be others.
    rng = generator(options.seed, "image", person.number)
    places = _displaced(anatomy, person.scores, _random_field(anatomy, options, person, rng))
    indices = (places - anatomy.origin_mm[:, None, None, None]) / anatomy.edge_mm
    tissue = anatomy.template * _intensity(anatomy, person.scores)
    warped = map_coordinates(tissue, indices.astype(np.float32), order=1, mode="constant")
    site = draw_site(options.seed, person.site)
    scan = _scanned(anatomy, site, warped, generator(options.seed, "site", person.site), rng)
    return _stored(anatomy, site, scan, rng)


def _displaced(anatomy: Anatomy, scores: Mapping[str, float], random: np.ndarray) -> np.ndarray:
    """Return the place in the template that each voxel of the scan shows."""
    stretch = 0.03 * scores["head_size"] + scores["head_shape"] * np.array([0.02, -0.01, -0.01])
    scaled = [
        # The displacement leads back to the template, so for a larger head it leads inwards.
        centre + (axis - centre) * np.exp(-log_scale)
        for axis, centre, log_scale in zip(anatomy.axes_mm, anatomy.centre_mm, stretch, strict=True)
    ]
    ventricles = 0.8 * scores["ventricles"] * _bump(scaled, VENTRICLES_MM, (22.0, 30.0, 20.0))
    frontal = 1.0 * scores["frontal"] * _bump(scaled, FRONTAL_MM, (45.0, 35.0, 40.0))
    places = random
    for axis, along in enumerate(_open_grid(scaled)):
        # Smooth across the middle, where a plain change of sign would tear the tissue apart.
        outwards = np.tanh((along - VENTRICLES_MM[axis]) / 10)
        places[axis] += along - ventricles * outwards
    # What lies further in front is shown here, so the lobe has moved back.
    places[1] += frontal
    return places


def _intensity(anatomy: Anatomy, scores: Mapping[str, float]) -> np.ndarray:
    """Return the factor by which the effects change the template's intensities."""
    change = -0.05 * np.float32(scores["cortex"]) * anatomy.rim
    change += 0.06 * np.float32(scores["deep"]) * anatomy.deep
    if "sides" in scores:
        change += 0.03 * np.float32(scores["sides"]) * anatomy.sides
    factor: np.ndarray = np.exp(change)
    return factor


def _random_field(
    anatomy: Anatomy, options: SimulatedOptions, person: Person, rng: np.random.Generator
) -> np.ndarray:
    """Return a smooth random displacement, partly the family's, with the SD asked for."""
    bases = [_basis(axis) for axis in anatomy.axes_mm]
    shape = (3, *(basis.shape[1] for basis in bases))
    family = generator(options.seed, "family image", person.family).normal(size=shape)
    own = rng.normal(size=shape)
    # Roots, since it is variances that add up to 1.
    knots = np.sqrt(SIBLING_SHARE) * family + np.sqrt(1 - SIBLING_SHARE) * own
    return options.deformation_mm * np.stack([_spread(field, bases) for field in knots])


def _scanned(
    anatomy: Anatomy,
    site: Site,
    tissue: np.ndarray,
    site_rng: np.random.Generator,
    rng: np.random.Generator,
) -> np.ndarray:
    """Return what the scanner makes of the tissue: contrast, bias field and noise."""
    bases = [_basis(axis, every_mm=2 * KNOTS_MM) for axis in anatomy.axes_mm]
    # From the site's generator, not the person's: a coil's bias field is in all of its scans.
    bias = _spread(site_rng.normal(size=[basis.shape[1] for basis in bases]), bases)
    # The template has no skull, so all around the brain stays 0, as it does after stripping.
    brain = tissue > 0.05
    noise = rng.standard_normal(tissue.shape, dtype=np.float32)
    seen = tissue**site.gamma * np.exp(site.bias * bias) + site.noise * noise
    # Gain differs from scan to scan, as in MRI, whose intensities have no unit.
    scan: np.ndarray = np.where(brain, np.maximum(seen, 0), 0) * site.gain * rng.uniform(0.8, 1.25)
    return scan


def _stored(
    anatomy: Anatomy, site: Site, scan: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return voxels and affine as the scanner stores them, the head lying where it happens to."""
    first = np.array([axis[0] for axis in anatomy.axes_mm])
    edge = anatomy.axes_mm[0][1] - anatomy.axes_mm[0][0]
    affine = np.diag([edge, edge, edge, 1.0])
    affine[:3, 3] = first + rng.normal(0, 5, size=3)
    voxels = np.rint(scan).astype(np.int16)
    # Voxels and affine are turned together, so the head stays in its place in the world; whoever
    # ignores the affine sees left and right swapped.
    if site.reversed:
        voxels = voxels[::-1, ::-1]
        affine[:2, 3] += edge * (np.array(scan.shape[:2]) - 1)
        affine[:2, :2] *= -1
    return voxels, affine


def _axes(
    low: np.ndarray, high: np.ndarray, edge: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    right, front, up = (
        np.arange(start, stop + edge, edge) for start, stop in zip(low, high, strict=True)
    )
    return right, front, up


def _open_grid(axes: list[np.ndarray]) -> list[np.ndarray]:
    """Return the axes shaped so that they broadcast to the volume."""
    return [axes[0][:, None, None], axes[1][None, :, None], axes[2][None, None, :]]


def _bump(
    axes: list[np.ndarray], centre: tuple[float, ...], width: tuple[float, ...]
) -> np.ndarray:
    """Return a Gaussian bump of height 1 over a grid."""
    right, front, up = (
        np.exp(-(((axis - middle) / sigma) ** 2) / 2).astype(np.float32)
        for axis, middle, sigma in zip(axes, centre, width, strict=True)
    )
    return right[:, None, None] * front[None, :, None] * up[None, None, :]


def _basis(axis: np.ndarray, every_mm: float = KNOTS_MM) -> np.ndarray:
    """Return smooth weights of knots along an axis.

    Each row has unit length, so a field made of standard normal knots has an SD of 1 everywhere.
    """
    num_knots = int(np.ceil((axis[-1] - axis[0]) / every_mm)) + 3
    knots = (axis[0] + axis[-1]) / 2 + every_mm * (np.arange(num_knots) - (num_knots - 1) / 2)
    weights = np.exp(-(((axis[:, None] - knots) / (0.6 * every_mm)) ** 2) / 2)
    basis: np.ndarray = weights / np.linalg.norm(weights, axis=1, keepdims=True)
    return basis


def _spread(knots: np.ndarray, bases: list[np.ndarray]) -> np.ndarray:
    """Return the field over the whole grid that belongs to values at the knots."""
    field: np.ndarray = np.einsum("abc,ia,jb,kc->ijk", knots, *bases, optimize=True)
    return field.astype(np.float32)

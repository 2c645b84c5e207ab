"""Simulated scans as bytes of NIfTI files, good ones and ones broken in known ways."""

from __future__ import annotations

import gzip

import numpy as np


def encode(voxels: np.ndarray, affine: np.ndarray, *, fault: str = "") -> bytes:
    """Return the bytes of a gzipped NIfTI file; the same image always gives the same bytes.

    Args:
        voxels: intensities.
        affine: voxel index to RAS+ millimetres.
        fault: one of `people.FAULTS`, or empty for a good file.
    """
    if fault == "zero-byte":
        return b""
    data = _nifti(_spoilt(voxels, fault), affine)
    return data[: len(data) // 2] if fault == "truncated" else data


def _spoilt(voxels: np.ndarray, fault: str) -> np.ndarray:
    if fault == "4-D":
        return np.stack([voxels, voxels], axis=-1)
    if fault == "constant":
        return np.full_like(voxels, 100)
    if fault == "NaN":
        spoilt = voxels.astype(np.float32)
        spoilt[: len(spoilt) // 2] = np.nan
        return spoilt
    return voxels


def _nifti(voxels: np.ndarray, affine: np.ndarray) -> bytes:
    import nibabel

    image = nibabel.Nifti1Image(voxels, affine)
    image.header.set_xyzt_units("mm")
    # Neither the time nor a name goes into the file: caches look at its content.
    return gzip.compress(image.to_bytes(), compresslevel=1, mtime=0)

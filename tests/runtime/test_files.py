"""Files that are written whole or not at all, and what killed writes leave."""

from __future__ import annotations

import errno
import os
import time

import pytest

from brainplug.runtime import files
from brainplug.runtime.files import into_cache, replacing, sweep_cache, write_text

DEAD = ".name.npy.a1b2c3d4.npy"


@pytest.fixture
def cache(tmp_path):
    """A cache with files of different ages, in hours."""
    ages = {
        "volumes/ab/x.npy": 900,
        f"volumes/ab/{DEAD}": 900,
        "volumes/ab/.young.npy.a1b2c3d4.npy": 2,
        "volumes/ab/.name.npy.a1b2c3d4.json": 900,  # no write of ours: the suffix is another
        "hashes/cd/.9f.k3_zx9qa": 30,
        f"of-others/{DEAD}": 900,
    }
    for name, hours in ages.items():
        write_text(tmp_path / name, "x")
        then = time.time() - 3600 * hours
        os.utime(tmp_path / name, (then, then))
    return tmp_path


def names(cache):
    return {path.name for path in cache.rglob("*") if path.is_file()} - {files.SWEPT}


def test_dead_writes_leave_the_cache(cache):
    """Those that nobody has written to for a day; the young, the whole and the foreign stay."""
    before = names(cache)

    sweep_cache(cache)

    assert {".9f.k3_zx9qa"} == before - names(cache)
    assert not (cache / "volumes" / "ab" / DEAD).exists()
    assert (cache / "of-others" / DEAD).exists()


def test_a_cache_is_swept_once_a_day(cache):
    """A walk through half a million files is not asked of every run."""
    sweep_cache(cache)
    old = cache / "volumes" / DEAD
    write_text(old, "x")
    os.utime(old, (0, 0))

    sweep_cache(cache)
    assert old.exists()

    then = time.time() - files.SWEEP_S - 60
    os.utime(cache / files.SWEPT, (then, then))
    sweep_cache(cache)
    assert not old.exists()


def test_a_cache_that_cannot_be_swept_ends_nothing(tmp_path):
    """Such as one that is a file; whoever writes there says so."""
    (tmp_path / "cache").touch()

    sweep_cache(tmp_path / "cache")


def test_a_full_disk_names_the_file(tmp_path):
    """The system does not; of a library that gives no number of the error, its words are told."""
    path = tmp_path / "a.npy"
    with pytest.raises(OSError, match="no room") as caught, replacing(path):
        raise OSError(errno.ENOSPC, "no room")
    assert str(path) == caught.value.filename

    with pytest.raises(files.RunError, match="128 requested and 40 written") as told:  # noqa: SIM117
        with into_cache(path), replacing(path):
            raise OSError("128 requested and 40 written")
    assert (str(path),) == told.value.where

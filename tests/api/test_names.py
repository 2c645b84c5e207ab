"""Names from sites, plugins and run folders that somebody sent: none leads out of its folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from brainplug.api.laws import run_faults
from brainplug.api.names import fault_of_name, is_below
from brainplug.errors import RunError
from brainplug.runtime.run_folder import RunFolder
from brainplug.tasks.task import task_file
from brainplug_plugins.splits.site import SiteOptions, run_names

HERE = RunFolder(Path("run"))

OPTIONS = SiteOptions()

OUTSIDE = ("../../etc/passwd", "/etc/passwd", "..", ".", "", "a/../../b", "a\0b", "a/")

ODD = (*OUTSIDE, "-rf", "~jane", "a\nb", "a\x1b[2Jb", r"C:\x", r"..\x", "con", "a.", "é" * 200)


@pytest.mark.parametrize("name", [*ODD, "stale", "\udce9", 7, None])
def test_a_name_that_is_no_folders_is_told(name):
    """Of a run or an arm, on whichever system the folder is read."""
    assert fault_of_name(name)
    assert 1 == len(list(run_faults({name: OPTIONS})))
    for find in (RunFolder.of_run, RunFolder.of_arm):
        with pytest.raises(RunError, match="names of folders in"):
            find(HERE, name)


@pytest.mark.parametrize("name", ["fold-1", "site-Köln", "seed 3", "a.b", "성별", "x" * 200])
def test_a_plain_name_is_a_folders(name):
    """Letters of any script, and spaces within."""
    assert not fault_of_name(name)
    assert HERE.path / "runs" / name == HERE.of_run(name).path
    assert ["runs: 'A' cannot be the name of a folder: another differs by case alone"] == list(
        run_faults(dict.fromkeys((name, "a", "A"), OPTIONS))
    )


def test_a_run_is_told_by_options_of_its_strategy():
    """Not by a dict of what differs."""
    (fault,) = run_faults({"fold-1": {"fold": 1}})

    assert "'fold-1' is a dict; expected options of the strategy" in fault


@pytest.mark.parametrize("name", OUTSIDE)
def test_a_file_of_a_model_is_in_its_folder(name):
    """Whatever a damaged or made-up list says."""
    assert not is_below(name)
    assert is_below("global_step4/.x/model.safetensors")


@pytest.mark.parametrize("name", ODD)
def test_targets_and_sites_make_names_of_files(name):
    """What cannot be written is left out, and a hash stands for it."""
    file = task_file("ABCD", name, "train")
    assert file == (HERE.path / file).name
    assert len(file.encode()) < 255
    (site,) = run_names([name])
    assert not fault_of_name(site)

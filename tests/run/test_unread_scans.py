"""Scans that turn out to be broken when tasks show them already."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from brainplug.errors import DataError, ScanError
from brainplug.run.scan_stages import refuse_unread
from brainplug.runtime.run_folder import RunFolder


@pytest.mark.parametrize(
    ("tasks", "hint"), [(None, 'set scans = "all" in [images]'), (["a.json"], "leave the tasks")]
)
def test_all_are_named_with_why_and_what_to_do(tmp_path, tasks, hint):
    """One after another would take as many runs; beyond twenty the rest is in log.txt."""
    refused = {
        Path(f"/scans/{number}.nii"): ScanError(
            f"/scans/{number}.nii", "damaged file" if number % 2 else "no head", f"fault {number}"
        )
        for number in range(30)
    }
    workspace = SimpleNamespace(files=RunFolder(tmp_path), recipe=SimpleNamespace(tasks=tasks))

    with pytest.raises(DataError) as caught:
        refuse_unread(workspace, refused)

    told = str(caught.value)
    assert "30, 'no head' 15, 'damaged file' 15" in told
    assert "/scans/19.nii: damaged file: fault 19\n" in told
    assert "10 more, all of them in log.txt" in told
    assert hint in told
    assert 30 == len(caught.value.found)
    assert "/scans/29.nii: damaged file: fault 29" in (tmp_path / "log.txt").read_text()

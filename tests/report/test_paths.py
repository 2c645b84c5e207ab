"""Paths in a text to share, in all the ways that they are written."""

from __future__ import annotations

import pytest

from brainplug.report.paths import without_paths

SECRET = ("jane", "smith", "Lab", "nas", "Study", "users", "host")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("'/mnt/Lab Drive/a b/t.csv' of /home/jane/x", "'…/t.csv' of …/x"),
        ("/mnt/Lab Drive/jane doe/t.csv: expected a table", "…/t.csv: expected a table"),
        (r"C:\users\jane doe\Lab Data\t.csv: no such file", "…/t.csv: no such file"),
        (r'table = "C:\\users\\jane\\t.csv"', 'table = "…/t.csv"'),
        ("C:/users/jane doe/t.csv, line 3", "…/t.csv, line 3"),
        (r"\\nas\share\smith Lab\t.csv is empty", "…/t.csv is empty"),
        ("//nas/share/smith/t.csv", "…/t.csv"),
        ("file:///home/jane/My%20Data/t.csv was read", "…/t.csv was read"),
        ("file:/home/jane/t.csv", "file:…/t.csv"),
        ("smb://nas.smith.org/jane/t.csv", "…/t.csv"),
        ("~/t.csv and ~jane/t.csv", "…/t.csv and …/t.csv"),
        ("see ~/jane Study/data/t.csv: bad", "see …/t.csv: bad"),
        ("${HOME}/t.csv or $HOME/jane/u.csv", "…/t.csv or …/u.csv"),
        (r"%USERPROFILE%\jane\t.csv", "…/t.csv"),
        ("../../smith Lab/t.csv", "…/t.csv"),
        ('  File "/home/jane/a b/z.py", line 3, in f', '  File "…/z.py", line 3, in f'),
        ("\"/home/o'jane/d/t.csv\" and /home/o'jane/t.csv", '"…/t.csv" and …/t.csv'),
        ("path=/home/jane/a.csv;/home/jane/b c/d.csv", "path=…/a.csv;…/d.csv"),
        ("['/nas/b c/d', '/smith/f/g']", "['…/d', '…/g']"),
        ("PosixPath('/home/jane/')", "PosixPath('…/')"),
        (r"D:\smith Lab (old)\jane [2]\t.csv: no", "…/t.csv: no"),
        ("/mnt/Lab (old)/jane [2]/t.csv: no", "…/t.csv: no"),
        ("/mnt/Lab Data/smith, jane/t.csv: no", "…/t.csv: no"),
        ("jane@host.org:/data/t.csv", "…/t.csv"),
        (r"$env:USERPROFILE\jane\t.csv", "…/t.csv"),
        (r"C:jane\t.csv", "…/t.csv"),
        (r"\\?\C:\users\jane\t.csv", "…/t.csv"),
        (r"\\wsl.localhost\Ubuntu\home\jane\t.csv", "…/t.csv"),
        ("at /home/jane.", "at …."),
        (r"HOME is C:\Users\jane", "HOME is …"),
        ("'/Users/jane smith' of jänes, no: /home/jane", "'…' of jänes, no: …"),
    ],
)
def test_folders_are_cut(text, shown):
    """The last name stays, and so does the sentence around it."""
    found = without_paths(text, individual=False)

    assert shown == found
    assert not [name for name in SECRET if name in found]
    assert text == without_paths(text, individual=True)


@pytest.mark.parametrize(
    "text",
    [
        "https://example.org/a/b.md and http://x.org/a",
        "1/2 of T1/sub-01/x.nii.gz; km/h, n/a and / or a / b / c",
        r"a label $\frac{1}{2}$ \alpha",
        "the ratio is 3:1 at 10:30",
        "in T1 (one of 2), a/b and c (d) e/f; x: y, z/w",
        "ask jane@example.org: no",
    ],
)
def test_what_is_no_path_from_outside_stays(text):
    """Addresses of pages, fractions, formulas, and paths below the recipe."""
    assert text == without_paths(text, individual=False)

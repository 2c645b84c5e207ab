"""Paths in a text to share, in all the ways that they are written."""

from __future__ import annotations

import time

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
        ("in ~jane, '~jane' and HOME=~jane", "in …, '…' and HOME=…"),
        ("\uff0fhome\uff0fjane\uff0ft.csv", "…/t.csv"),
        ("C\uff1a\uff3cusers\uff3cjane\uff3ct.csv", "…/t.csv"),
        ("\uff3c\uff3cnas\uff3cjane\uff3ct.csv", "…/t.csv"),
        ("\u2215home\u2044jane\u2215t.csv", "…/t.csv"),
        ("%2Fhome%2fjane%2Ft.csv in file:%2F%2F%2Fhome%2Fjane", "…/t.csv in file:…"),
        ("C%3A%5Cusers%5cjane%5Ct.csv", "…/t.csv"),
        ("file:///home/jane%20smith/t.csv", "…/t.csv"),
        ("file://localhost/home/jane and /export/home/jane", "… and …"),
        ("jane@host.org:data/t.csv", "…/t.csv"),
        (r"$env:APPDATA\t.csv or %APPDATA%\t.csv", "…/t.csv or …/t.csv"),
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
        "and/or, mm/s, 50%/5%, $5/kg, 9:30/10:30, N/A, 5%2 and p%2Fq, %d/%m/%Y",
        "~30 of ~ 30, ~half, ~ten; sex ~ age, y~x, ~N(0,1)",
        "1\u20442, 3 / 4 and a/b, 3 \u2044 4 and either\uff0for, 1\uff05\uff0f2",
    ],
)
def test_what_is_no_path_from_outside_stays(text):
    """Addresses of pages, fractions, formulas, and paths below the recipe."""
    assert text == without_paths(text, individual=False)


@pytest.mark.parametrize(
    "piece", ["/a ", "a b ", "/", "~a", "x-", "a@b:", "C:", "/home ", "%2F", "'/a"]
)
def test_a_long_text_is_soon_looked_through(piece):
    """In time that grows as its length does: a second for a megabyte, not for a page."""
    begun = time.process_time()

    without_paths(piece * 5000, individual=False)

    assert time.process_time() - begun < 3

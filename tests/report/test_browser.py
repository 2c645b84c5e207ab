"""The page in a browser: nothing runs over a telephone's edge."""

from __future__ import annotations

import html
import re
import shutil
import subprocess

import pytest

from pages import Study, page_of

BROWSER = (
    shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
)

LONG = ("control", "an-unbroken-name-of-a-diagnosis-that-is-longer-than-a-telephone-is-wide")

MEASURE = """<!doctype html><body style="margin:0">
{frames}
<script>addEventListener("load", () => {{
  document.title = [...document.querySelectorAll("iframe")].map(each => {{
    const page = each.contentDocument.documentElement;
    const fits = page.scrollWidth <= page.clientWidth;
    return each.width + (fits ? " fits" : " overflows");
  }}).join(", ");
}});</script>"""


@pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed to lay the page out")
def test_no_page_is_wider_than_its_window(tmp_path):
    """At 400 and 1280 pixels, of long names and of numbers."""
    pages = [
        page_of(tmp_path / "labels", Study(labels=LONG, name="A-STUDY-OF-A-LONG-NAME")),
        page_of(tmp_path / "numbers", Study(labels=(), target="age")),
    ]
    frames = "".join(
        f'<iframe width="{width}" height="800" srcdoc="{html.escape(page, quote=True)}"></iframe>'
        for width in (400, 1280)
        for page in pages
    )
    (tmp_path / "frames.html").write_text(MEASURE.format(frames=frames))

    shown = subprocess.run(
        [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=4000",
         f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", f"file://{tmp_path}/frames.html"],
        capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip

    (title,) = re.findall(r"<title>(.*?)</title>", shown.stdout)
    assert "400 fits, 400 fits, 1280 fits, 1280 fits" == title

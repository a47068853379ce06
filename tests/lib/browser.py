"""A real browser, where one is installed: what a page of ours becomes in it."""
import shutil
import subprocess
import tempfile

import pytest
from spantop import SLOWER

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def browse(stage, *arguments):
    """Chromium without a window; skips the test where there is none."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        pytest.skip(f"none of {', '.join(BROWSERS)} is installed")
    # It makes sockets below its folders, and their paths may be 107 bytes long.
    with tempfile.TemporaryDirectory() as short:
        return subprocess.run([browser, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={short}/profile", *arguments],
                              env=stage.environment({"TMPDIR": short}), capture_output=True, text=True, timeout=100 * SLOWER)

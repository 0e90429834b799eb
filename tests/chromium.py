"""The browser under the tests: found here, and nowhere else. ``python -m tests.chromium`` gets one where there is none."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

#: Where Playwright's host can't be reached, that is soon clear.
_PATIENT = os.environ | {"PLAYWRIGHT_DOWNLOAD_CONNECTION_TIMEOUT": "15000", "DEBIAN_FRONTEND": "noninteractive"}
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def chromium() -> str | None:
    """The path of a Chromium: ``DIBS_CHROMIUM``, the system's, or Playwright's own download; ``None`` if there is none."""
    if given := os.environ.get("DIBS_CHROMIUM"):
        return given
    for name in _NAMES:
        if found := shutil.which(name):
            return found
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        own = playwright.chromium.executable_path
    return own if Path(own).exists() else None


def _get() -> bool:
    """Playwright's download where it can be reached, else the system's package."""
    root = [] if os.geteuid() == 0 else ["sudo", "-n"]
    ways = [
        [
            [sys.executable, "-m", "playwright", "install", "chromium"],
            [*root, sys.executable, "-m", "playwright", "install-deps", "chromium"],
        ],
        [
            [*root, "apt-get", "update", "-qq"],
            [*root, "apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium", "fonts-noto-cjk"],
        ],
    ]
    for way in ways:
        try:
            if (
                all(subprocess.run(command, timeout=3600, env=_PATIENT).returncode == 0 for command in way)
                and chromium()
            ):
                return True
        except (OSError, subprocess.TimeoutExpired) as problem:
            print(problem, file=sys.stderr)
    # Its download may run without the libraries that could not be asked for.
    return chromium() is not None


if __name__ == "__main__":
    if chromium() is None and not _get():
        sys.exit(
            "No Chromium could be had, neither by Playwright's download nor by apt-get. "
            "Install one, or name it: DIBS_CHROMIUM=/path/to/chromium"
        )
    print(chromium())

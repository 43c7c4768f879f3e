"""Finds a Chromium for the browser tests, or installs one.

Run as a program it says on standard error what it does, prints the browser's path on standard output, and exits with 1
if there is none, so that the browser tests are never skipped silently.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

NAMES = ("chromium", "google-chrome", "google-chrome-stable", "chromium-browser", "chrome")
MACOS_APPLICATIONS = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
ANSWER_SECONDS = 60
ADVICE = (
    "No Chromium was found and none could be installed. Install Chromium or Google Chrome, "
    "or name one: CHROMIUM=/path/to/chromium make test"
)


class NoBrowserError(Exception):
    """Raised if there is no browser, with what to do about it."""


def installed_browser() -> str | None:
    """Return the path of a Chromium that runs here, or None. Raises NoBrowserError if CHROMIUM names none."""
    named = os.environ.get("CHROMIUM")
    if named:
        path = shutil.which(named)
        if path is None or not runs(path):
            raise NoBrowserError(f"CHROMIUM={named} is not a browser that runs.")
        return path
    return next((path for path in _candidates() if runs(path)), None)


def find_browser() -> str:
    """Return the path of a Chromium, after installing one if need be. Raises NoBrowserError."""
    attempts: list[tuple[str, Callable[[], bool]]] = [
        ("Downloading Playwright's Chromium ...", _download_from_playwright),
        ("Installing Debian's chromium ...", _install_from_debian),
    ]
    path = installed_browser()
    for announcement, attempt in attempts:
        if path is not None:
            break
        _say(announcement)
        if not attempt():
            _say("  That did not work.")
        path = installed_browser()
    if path is None:
        raise NoBrowserError(ADVICE)
    return path


def runs(path: str) -> bool:
    """Tell whether the program starts. Ubuntu's chromium-browser may be a stub that only asks to install a snap."""
    try:
        answer = subprocess.run([path, "--version"], capture_output=True, timeout=ANSWER_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return answer.returncode == 0 and b"Chrom" in answer.stdout


def _candidates() -> Iterator[str]:
    yield from filter(None, map(shutil.which, NAMES))
    yield from (path for path in MACOS_APPLICATIONS if Path(path).exists())
    path = _playwright_path()
    if path is not None and Path(path).exists():
        yield path


def _playwright_path() -> str | None:
    # In a process of its own: Playwright's event loop does not mix with a caller's.
    script = (
        "from playwright.sync_api import sync_playwright\n"
        "with sync_playwright() as playwright: print(playwright.chromium.executable_path)"
    )
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    return answer.stdout.strip() or None


def _download_from_playwright() -> bool:
    return _succeeds(sys.executable, "-m", "playwright", "install", "chromium")


def _install_from_debian() -> bool:
    if shutil.which("apt-get") is None or not hasattr(os, "geteuid") or os.geteuid() != 0:
        _say("  Only root can, and only with apt-get.")
        return False
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    return _succeeds("apt-get", "update", environment=environment) and _succeeds(
        "apt-get", "install", "--yes", "--no-install-recommends", "chromium", environment=environment
    )


def _succeeds(*command: str, environment: dict[str, str] | None = None) -> bool:
    # Standard output carries the path alone.
    return subprocess.run(command, stdout=sys.stderr, env=environment, check=False).returncode == 0


def _say(sentence: str) -> None:
    sys.stderr.write(f"{sentence}\n")
    sys.stderr.flush()


def main() -> int:
    """Print the path of a browser."""
    try:
        path = find_browser()
    except NoBrowserError as error:
        _say(str(error))
        return 1
    _say(f"Browser tests use {path}")
    sys.stdout.write(f"{path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

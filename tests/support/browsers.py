"""The browser of a test process.

Playwright runs once in a process, so tests of every folder share these fixtures. `make test` names the browser in
CHROMIUM. Without one the tests fail: a suite that skips its most important part says nothing.
"""

import os
import shutil
from pathlib import Path

import pytest

# A bound for what normally takes a fraction of it, not an expectation.
PATIENCE_MS = 60_000
# Chromium heeds the last list only, so it has to hold what Playwright switches off too.
_SWITCHED_OFF = [
    # Two pages below the address bar, which no test sees: more than half of the work of opening a window.
    "WebUIOmniboxPopup",
    "WebUIOmniboxAimPopup",
    "AvoidCorsURLLoaderRestartOnRedirect",
    "AvoidUnnecessaryBeforeUnloadCheckSync",
    "DestroyProfileOnBrowserClose",
    "HttpsFirstBalancedModeAutoEnable",
    "HttpsUpgrades",
    "LensOverlay",
    "MediaRouter",
    "NetworkTimeServiceQuerying",
    "OptimizationHints",
    "PaintHolding",
    "PreconnectToSearch",
    "TcpPortRandomizationWin",
    "ThirdPartyStoragePartitioning",
]
# Without a sandbox for machines where everything runs as root; the rest keeps the browser from calling home.
BROWSER_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    f"--disable-features={','.join(_SWITCHED_OFF)}",
]

_SHARED_MEMORY = Path("/dev/shm")
_ENOUGH_BYTES = 1 << 30


def _not_of_playwrights():
    """Return which of Playwright's own flags go: one has the browser's processes share files instead of memory.

    That is for containers with little of it, and costs a tenth of the work of a page.
    """
    has_room = _SHARED_MEMORY.is_dir() and shutil.disk_usage(_SHARED_MEMORY).free >= _ENOUGH_BYTES
    return ["--disable-dev-shm-usage"] if has_room else []


@pytest.fixture(scope="session")
def launch():
    """Start browsers, with flags beside those that all have."""
    path = os.environ.get("CHROMIUM")
    if not path:
        pytest.fail(
            "CHROMIUM names no browser. `make test` finds or installs one, or: CHROMIUM=/path/to/chromium pytest"
        )
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=PATIENCE_MS)
    browsers = []
    with sync_playwright() as playwright:

        def launch(*flags):
            browsers.append(
                playwright.chromium.launch(
                    executable_path=path, args=[*BROWSER_FLAGS, *flags], ignore_default_args=_not_of_playwrights()
                )
            )
            return browsers[-1]

        yield launch
        for browser in browsers:
            browser.close()


@pytest.fixture(scope="session")
def browser(launch):
    return launch()

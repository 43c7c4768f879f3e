"""Makes the picture in the README: the log-in beside the page that it leads to, as a browser shows them.

Run as a program it starts a development server with no accounts, and a browser, and writes docs/images/page.png. Both
halves are of the real page with the real API.
"""

import io
import os
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from tests.browser.development_server import ROOT, DevelopmentServer
from tests.browser.visitor import Visitor
from tests.support.browsers import BROWSER_FLAGS

PICTURE = ROOT / "docs" / "images" / "page.png"

# In the page's own pixels.
LOG_IN_WIDTH = 404
PAGE_WIDTH = 1120
HEIGHT = 1000
SCALE = 2
SIZE = (SCALE * (LOG_IN_WIDTH + PAGE_WIDTH), SCALE * HEIGHT)
"""Of the file, in pixels: more than three for each at the README's width, so that it is sharp on a fine screen."""

COLOURS = 256
"""The page has few, so that this many look the same, and are half the bytes."""
SEPARATOR = (217, 211, 195)


def make_picture(browser, url, path, username="alice"):
    """Sign somebody up, log in elsewhere, and write what the log-in and the page after it look like."""
    settings = {"color_scheme": "light", "reduced_motion": "reduce", "device_scale_factor": SCALE}
    contexts = [browser.new_context(**settings) for _ in range(2)]
    try:
        first, visitor = (Visitor(context, url, username).open() for context in contexts)
        first.sign_up()
        first.is_signed_in()
        photographs = [_photograph_of_the_form(visitor), _photograph_of_the_page(visitor)]
    finally:
        for context in contexts:
            context.close()
    form, page = (Image.open(io.BytesIO(photograph)) for photograph in photographs)
    composed = Image.new("RGB", SIZE)
    composed.paste(form, (0, 0))
    composed.paste(page, (SCALE * LOG_IN_WIDTH, 0))
    composed.paste(SEPARATOR, (SCALE * LOG_IN_WIDTH - 1, 0, SCALE * LOG_IN_WIDTH + 1, SIZE[1]))
    composed.quantize(COLOURS, method=Image.Quantize.MEDIANCUT).save(path, optimize=True)


def _photograph_of_the_form(visitor):
    visitor.page.set_viewport_size({"width": LOG_IN_WIDTH, "height": HEIGHT})
    visitor.log_in(submit=False)
    # A field that has the focus blinks.
    visitor.page.locator("[data-part~=login-password]").blur()
    visitor.sees("[data-part~=passkey-login], [data-part~=passkey-address]")
    visitor.page.evaluate("scrollTo(0, 0)")
    return visitor.page.screenshot()


def _photograph_of_the_page(visitor):
    visitor.page.set_viewport_size({"width": PAGE_WIDTH, "height": HEIGHT})
    visitor.page.click("[data-part~=login-form] [type=submit]")
    visitor.is_signed_in()
    visitor.sees("[data-part~=event-list] li", "in")
    visitor.page.wait_for_load_state("networkidle")
    visitor.page.evaluate("scrollTo(0, 0)")
    return visitor.page.screenshot()


def main():
    """Make the picture that is committed."""
    with tempfile.TemporaryDirectory() as accounts, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=os.environ["CHROMIUM"], args=BROWSER_FLAGS)
        server = DevelopmentServer(Path(accounts))
        try:
            # By its name, at which passkeys work.
            make_picture(browser, server.url.replace("127.0.0.1", "localhost"), PICTURE)
        finally:
            server.stop()
            browser.close()
    sys.stdout.write(f"{PICTURE.relative_to(ROOT)}: {PICTURE.stat().st_size:,} bytes\n")


if __name__ == "__main__":
    main()

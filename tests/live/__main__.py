"""`make smoke URL=…`: what of tests/api/ is safe on a site that others use, and what only such a site has.

Exits with 0 if nothing failed, 1 if something did, 2 if the site cannot be asked, 130 if it was interrupted.
"""

import argparse
import sys
from pathlib import Path

import pytest

from tests.support.live.client import USUAL_LIMITS, LiveSite
from tests.support.live.interruption import INTERRUPTED
from tests.support.live.report import Report
from tests.support.live.site import Site, UnusableSiteError

TESTS = Path(__file__).parents[1]
UNUSABLE = 2


def run(url, *, other_origin=None, api_url=None, say=print, http_port=80, only=("live", "api"), limits=USUAL_LIMITS):
    """Check the site at a URL, say how each check ended, and return the report and an exit code.

    `api_url` is the API's own address, which has to refuse what does not come through the site. `only` names what to
    run below the folder of tests, as pytest does. `limits` are those of this run.

    Raises:
        UnusableSiteError: this is not the URL of a site, or nobody answers there.

    """
    live = LiveSite(Site(url), other_origin, say, limits, Site(api_url) if api_url else None)
    live.http_port = http_port
    live.site.reach()
    report = Report(live, say)
    say(f"Smoke test of {live.site.origin}")
    if not live.site.over_tls:
        say("This machine is asked by http://: what TLS and a distribution do is left out.")
    selected = [str(TESTS / name) for name in only]
    with live.interruption.heeded(), live.shared_account():
        code = pytest.main(["-m", "live_safe", "-s", "-p", "no:cacheprovider", *selected], plugins=[report])
    succeeded = report.close()
    if live.interruption.asked:
        return report, INTERRUPTED
    return report, int(code) or (0 if succeeded else 1)


def _say(line):
    # At once, also into a pipe.
    print(line, flush=True)


def parser():
    parser = argparse.ArgumentParser(prog="python -m tests.live", description=__doc__.splitlines()[0])
    parser.add_argument("url", metavar="URL", help="of the site, without a path: https://example.org")
    parser.add_argument("--origin", help="another origin that LYCHGATE_ALLOWED_ORIGINS lists, to be checked as well")
    parser.add_argument("--api", help="the API's own address, which has to refuse everybody: https://ID.execute-api.…")
    return parser


def main():
    options = parser().parse_args()
    try:
        return run(options.url, other_origin=options.origin, api_url=options.api, say=_say)[1]
    except UnusableSiteError as unusable:
        sys.stderr.write(f"smoke: {unusable}\n")
        return UNUSABLE


if __name__ == "__main__":
    sys.exit(main())

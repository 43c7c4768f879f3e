"""Proves a deployed site from outside, with an account of its own that it deletes again."""

from infra.smoke.report import Say, UnreachableError
from infra.smoke.smoke_test import Target, smoke_test


def run(url: str, say: Say) -> bool:
    """Check the site at a URL, say how each check ended, and return whether nothing failed.

    Raises:
        ValueError: this is not the URL of a site.
        KeyboardInterrupt: it was interrupted; its account has been deleted.

    """
    try:
        return smoke_test(Target(url), say)
    except UnreachableError as unreachable:
        say(f"{unreachable}.")
        return False

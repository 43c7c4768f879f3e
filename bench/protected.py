"""The routes that the benchmark adds, as a site adds its own: the same view behind each kind of check."""

from __future__ import annotations

from chalicelib.api.responses import Answer
from chalicelib.api.routing import Call, Credential, Routes

routes = Routes()


@routes.operation("GET", "/bench/open", credential=Credential.NONE)
def open_to_all(_call: Call) -> Answer[dict[str, str]]:
    """Answer whoever asks."""
    return Answer({"hello": "you"})


@routes.operation("GET", "/bench/feed", credential=Credential.BEARER)
def behind_the_feed(_call: Call) -> Answer[dict[str, str]]:
    """Answer who has an access token whose session is not among the ended ones."""
    return Answer({"hello": "you"})


@routes.operation("GET", "/bench/live", credential=Credential.LIVE)
def live(_call: Call) -> Answer[dict[str, str]]:
    """Answer who has a session."""
    return Answer({"hello": "you"})

"""The routes that browsers call by themselves for sessions that are bound to their device, and the short cookie.

Device Bound Session Credentials (W3C). No script takes part: the browser acts upon the headers of an answer that begins
a session, holds the requests back that need the short cookie, and renews it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, NotRequired, TypedDict
from urllib.parse import urlsplit

from chalicelib.api.cookies import SiteCookie
from chalicelib.api.headers import read_header
from chalicelib.api.refresh_cookie import RefreshCookie
from chalicelib.api.responses import Answer
from chalicelib.api.routing import Call, Credential, Routes, Tag
from chalicelib.api.schemas import Keywords
from chalicelib.errors import (
    DeviceProofRequired,
    InvalidDeviceProof,
    InvalidGrant,
    NotFound,
    OriginRejected,
    ServiceUnavailable,
)

if TYPE_CHECKING:
    from chalice.app import Request

    from chalicelib.accounts.caller import Caller
    from chalicelib.use_cases.device_binding import OnDevice

START = "/auth/device-bound/start"
REFRESH = "/auth/device-bound/refresh"

HELD_BACK = ("/auth/refresh", "/auth/logout")
"""What needs the short cookie: only these requests wait until the browser has renewed it."""

_SKIPS = ("unreachable", "server_error", "quota_exceeded")
"""Why a browser sends a request without the short cookie: the words of ``Secure-Session-Skipped``."""

routes = Routes(Tag.AUTHENTICATION, raises=(ServiceUnavailable,))


class ScopeRule(TypedDict):
    """Which requests wait for the short cookie."""

    type: Annotated[str, Keywords(enum=["include", "exclude"])]
    path: str


class DeviceScope(TypedDict):
    """Where the short cookie is needed."""

    origin: str
    include_site: bool
    scope_specification: list[ScopeRule]


class DeviceCredential(TypedDict):
    """The short cookie."""

    type: Annotated[str, Keywords(enum=["cookie"])]
    name: str
    attributes: str


_Continue = TypedDict("_Continue", {"continue": NotRequired[bool]})
"""A word of Python's own cannot be the name of a class's member."""


class DeviceSession(_Continue):
    """What a browser keeps of a session that is bound to its device, or only that there is nothing more to keep."""

    session_identifier: NotRequired[str]
    refresh_url: NotRequired[str]
    scope: NotRequired[DeviceScope]
    credentials: NotRequired[list[DeviceCredential]]


@routes.operation(
    "POST",
    START,
    credential=Credential.REFRESH_TOKEN,
    headers=("Set-Cookie",),
    raises=(OriginRejected, InvalidGrant, InvalidDeviceProof, NotFound),
)
def bind_to_device(call: Call) -> Answer[DeviceSession]:
    """Bind the session of the refresh cookie to this device.

    Browsers that know Device Bound Session Credentials call this by themselves, after an answer with the header
    `Secure-Session-Registration`. `Secure-Session-Response` has the public key and the signed challenge. The answer
    sets the short cookie. The refresh token is used up, the answer sets its successor too, and each refresh needs both.
    If the session is bound to a key (`DPoP`), the refresh token stays, and refreshes need the short cookie from the
    first one on that has it.
    It is 404 `not_found` where the site has not turned this on.
    """
    if not _is_on(call):
        raise NotFound
    cookie = RefreshCookie(call.lychgate.http)
    refresh_tokens = cookie.values_from_allowed_origin(call.request)
    if len(refresh_tokens) != 1:
        raise InvalidGrant("there is not one refresh cookie")
    proof = _proof(call.request)
    if proof is None:
        raise InvalidDeviceProof("there is none")
    bound = call.use_cases.device_binding.bind(refresh_tokens[0], proof, call.caller, url=_url(call, START))
    answer = _configured(call, bound)
    if bound.refresh_token:
        answer.set_cookies(cookie.holding(bound.refresh_token, bound.refresh_expires_in))
    return answer


@routes.operation(
    "POST",
    REFRESH,
    credential=Credential.REFRESH_TOKEN,
    headers=("Set-Cookie",),
    raises=(InvalidDeviceProof, DeviceProofRequired),
)
def renew_on_device(call: Call) -> Answer[DeviceSession]:
    """Renew the short cookie of a session that is bound to this device.

    Browsers call this by themselves, with the refresh cookie. Without a proof the answer is `device_proof_required`,
    with a challenge in the header `Secure-Session-Challenge`, which the browser signs. A proof is good once: later it
    is answered in the same way. If the session has ended, the answer has `continue`: false, and the browser forgets it.
    Pages of any origin may ask, since none can make a proof, and browsers forget the session after any other 403.
    """
    refresh_tokens = RefreshCookie(call.lychgate.http).values(call.request)
    identifier = read_header(call.request, "sec-secure-session-id")
    renewed = call.use_cases.device_binding.renew(
        refresh_tokens,
        _unquoted(identifier[0]) if identifier else None,
        _proof(call.request),
        url=_url(call, REFRESH),
    )
    if renewed is None:
        return Answer({"continue": False})
    return _configured(call, renewed)


def invite(call: Call, answer: Answer[object], session_id: str) -> None:
    """Ask the browser that gets a new session's cookie to bind the session to its device, if the site wants that."""
    if not _is_on(call):
        return
    challenge = call.use_cases.device_binding.invitation(session_id)
    path = urlsplit(_url(call, START)).path
    answer.headers["Secure-Session-Registration"] = f'(ES256);path="{path}";challenge="{challenge}"'


def caller_on_device(call: Call) -> Caller:
    """Return where a request comes from, with the session whose device the short cookie says that it is from."""
    bound_tokens = _cookie(call).values(call.request)
    if not bound_tokens:
        return call.caller
    return replace(call.caller, device_of=call.use_cases.device_binding.session_of(bound_tokens))


def short_cookie_taken_away(call: Call) -> list[str]:
    """Return the ``Set-Cookie`` values that delete the short cookie, none if the request has none."""
    cookie = _cookie(call)
    return cookie.taken_away(call.request) if cookie.values(call.request) else []


def why_skipped(request: Request) -> str | None:
    """Return why the browser says that it has not renewed the short cookie. None if it does not say."""
    said = ",".join(read_header(request, "secure-session-skipped"))
    return next((word for word in _SKIPS if word in said), None)


def _is_on(call: Call) -> bool:
    """Whether new sessions are bound. Browsers bind none that comes by plain HTTP."""
    return call.lychgate.settings.device_bound and call.lychgate.http.over_https


def _cookie(call: Call) -> SiteCookie:
    return SiteCookie("bound", call.lychgate.http)


def _url(call: Call, path: str) -> str:
    return f"{call.lychgate.verifying.issuer}{path}"


def _proof(request: Request) -> str | None:
    """Return the proof that a request has, None if there is none. Raises InvalidDeviceProof if there are several."""
    proofs = read_header(request, "secure-session-response")
    if len(proofs) > 1:
        raise InvalidDeviceProof("there is more than one")
    return _unquoted(proofs[0]) if proofs else None


def _unquoted(value: str) -> str:
    """Return the string in a header (RFC 9651 section 3.3.3). Chromium leaves the quotes out."""
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] == '"' else value


def _configured(call: Call, on_device: OnDevice) -> Answer[DeviceSession]:
    """Return what a browser is to keep, with the short cookie.

    Of several rules for a request the specification takes the first, and Chromium the last. So what is held back stands
    at both ends.
    """
    cookie = _cookie(call)
    root = urlsplit(call.lychgate.verifying.issuer).path
    held_back: list[ScopeRule] = [{"type": "include", "path": f"{root}{path}"} for path in HELD_BACK]
    answer: Answer[DeviceSession] = Answer(
        {
            "session_identifier": on_device.identifier,
            "refresh_url": f"{root}{REFRESH}",
            "scope": {
                "origin": call.lychgate.http.own_origin,
                "include_site": False,
                "scope_specification": [*held_back, {"type": "exclude", "path": "/"}, *held_back],
            },
            "credentials": [{"type": "cookie", "name": cookie.name, "attributes": cookie.attributes}],
        }
    )
    answer.set_cookies(cookie.holding(on_device.bound_token, on_device.bound_expires_in))
    return answer

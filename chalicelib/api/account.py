"""The routes of a user who is logged in: profile, dashboard, sessions, password, deletion."""

from __future__ import annotations

from dataclasses import dataclass

from chalice import Blueprint, Response

from chalicelib import wiring
from chalicelib.api.boundary import answering, client_of, current_principal
from chalicelib.api.parsing import read_body, read_cookie
from chalicelib.api.responses import event_body, no_content, session_body, user_body
from chalicelib.authorizer import authorizer

blueprint = Blueprint(__name__)


@dataclass(frozen=True)
class NewPasswordBody:
    """What a change of the password takes."""

    current_password: str
    new_password: str


@dataclass(frozen=True)
class PasswordBody:
    """What the deletion of an account takes: the password once more."""

    password: str


@blueprint.route("/me", methods=["GET"], authorizer=authorizer, content_types=[])
@answering
def me() -> Response:
    """Tell the user who they are."""
    principal = current_principal(blueprint.current_request)
    return Response({"user": user_body(wiring.account_service().profile(principal))})


@blueprint.route("/dashboard", methods=["GET"], authorizer=authorizer, content_types=[])
@answering
def dashboard() -> Response:
    """Tell the user what happened to the account."""
    principal = current_principal(blueprint.current_request)
    shown = wiring.account_service().dashboard(principal)
    return Response(
        {
            "user": user_body(shown.user),
            "active_sessions": shown.active_sessions,
            "recent_events": [event_body(event) for event in shown.recent_events],
        }
    )


@blueprint.route("/auth/sessions", methods=["GET"], authorizer=authorizer, content_types=[])
@answering
def sessions() -> Response:
    """List the user's sessions."""
    principal = current_principal(blueprint.current_request)
    listed = wiring.account_service().sessions(principal)
    return Response(
        {"sessions": [session_body(session, current_session_id=principal.session_id) for session in listed]}
    )


@blueprint.route("/auth/sessions/{session_id}", methods=["DELETE"], authorizer=authorizer, content_types=[])
@answering
def end_session(session_id: str) -> Response:
    """End one of the user's sessions."""
    request = blueprint.current_request
    wiring.account_service().end_session(current_principal(request), session_id, client_of(request))
    return no_content()


@blueprint.route("/auth/logout-all", methods=["POST"], authorizer=authorizer, content_types=[])
@answering
def log_out_everywhere() -> Response:
    """End every session of the user."""
    request = blueprint.current_request
    wiring.account_service().log_out_everywhere(current_principal(request), client_of(request))
    return _no_content_without_cookie()


@blueprint.route("/auth/password", methods=["PUT"], authorizer=authorizer, content_types=[])
@answering
def change_password() -> Response:
    """Change the user's password and end the other sessions."""
    request = blueprint.current_request
    principal = current_principal(request)
    body = read_body(request, NewPasswordBody)
    wiring.account_service().change_password(principal, body.current_password, body.new_password, client_of(request))
    return no_content()


@blueprint.route("/auth/delete-account", methods=["POST"], authorizer=authorizer, content_types=[])
@answering
def delete_account() -> Response:
    """Delete the account."""
    request = blueprint.current_request
    principal = current_principal(request)
    body = read_body(request, PasswordBody)
    wiring.account_service().delete_account(principal, body.password, client_of(request))
    return _no_content_without_cookie()


def _no_content_without_cookie() -> Response:
    """Return an empty answer, which takes the refresh cookie away if the request brought it: it is worthless now."""
    settings = wiring.http_settings()
    has_cookie = read_cookie(blueprint.current_request, settings.cookie_name) is not None
    return no_content(clear_cookie=settings if has_cookie else None)

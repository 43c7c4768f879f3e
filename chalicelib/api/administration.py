"""The routes of administrators: who has an account, and what may be done about it.

Each needs the role ``admin``, which is read in the same request, so that a demotion counts at once. What changes
something is fresh, but for the end of a user's sessions, which may be urgent.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import unquote

from chalicelib.api.factors import factors_body
from chalicelib.api.responses import Answer, event_body, no_content, session_body, timestamp, user_body
from chalicelib.api.routing import ADMIN, Call, Credential, Routes, Tag
from chalicelib.errors import Conflict, NotFound, ServiceUnavailable, UsernameTaken

if TYPE_CHECKING:
    from chalicelib.accounts.session import Session
    from chalicelib.api.administration_bodies import (
        ChangedUserBody,
        NewUserAnswerBody,
        NewUserBody,
        PasswordLinkBody,
        ShownUserBody,
        SuppressedBody,
        UserChangesBody,
        UserId,
        UsersBody,
        UsersQuery,
        UsersSessionBody,
    )

routes = Routes(Tag.ADMINISTRATION, raises=(ServiceUnavailable,), types="chalicelib.api.administration_bodies")


@routes.operation("GET", "/admin/users", credential=Credential.LIVE, role=ADMIN)
def list_users(call: Call, query: UsersQuery) -> Answer[UsersBody]:
    """List users, in the order of their usernames.

    A page has at most `limit` of them. It may have fewer although others follow: `next_cursor` alone says whether they
    do. Whoever came or went a moment ago may be missing, or be there still.
    """
    page = call.use_cases.administration.list(prefix=query.username, cursor=query.cursor, limit=query.limit)
    return Answer({"users": [user_body(user) for user in page.users], "next_cursor": page.next_cursor})


@routes.operation(
    "POST",
    "/admin/users",
    credential=Credential.FRESH,
    role=ADMIN,
    status=HTTPStatus.CREATED,
    raises=(UsernameTaken,),
)
def create_user(call: Call, body: NewUserBody) -> Answer[NewUserAnswerBody]:
    """Create an account, with a link that sets its first password.

    Another one is mailed, if there is an address and the site sends mail. Both are good for a day, and one of them is
    used. The mailed one confirms the address too, the one that is answered does not. Without `roles` the account has
    `user`.
    """
    more = {} if body.roles is None else {"roles": body.roles}
    made = call.use_cases.administration.create(body.username, call.user, call.caller, email=body.email, **more)
    return Answer({"user": user_body(made.user), "link": made.link, "expires_in": made.expires_in})


@routes.operation("GET", "/admin/users/{user_id}", credential=Credential.LIVE, role=ADMIN, raises=(NotFound,))
def get_user(call: Call, user_id: UserId) -> Answer[ShownUserBody]:
    """Return a user, with sessions, history and factors."""
    shown = call.use_cases.administration.show(_decoded(user_id))
    suppressed: SuppressedBody | None = None
    if shown.suppressed is not None:
        reason, at = shown.suppressed
        suppressed = {"reason": "complaint" if reason == "complaint" else "bounce", "at": timestamp(at)}
    return Answer(
        {
            "user": user_body(shown.user),
            "sessions": [_session_body(session) for session in shown.sessions],
            "recent_events": [event_body(event) for event in shown.events],
            "factors": factors_body(shown.factors),
            "suppressed": suppressed,
        }
    )


@routes.operation(
    "PATCH", "/admin/users/{user_id}", credential=Credential.FRESH, role=ADMIN, raises=(NotFound, Conflict)
)
def change_user(call: Call, user_id: UserId, body: UserChangesBody) -> Answer[ChangedUserBody]:
    """Give a user other roles, or disable or enable the account.

    Disabling ends all sessions of the user for good. If no active administrator would be left, the answer is
    `conflict`.
    """
    changed = call.use_cases.administration.change(
        _decoded(user_id), call.user, call.caller, roles=body.roles, disabled=body.disabled
    )
    return Answer({"user": user_body(changed)})


@routes.operation(
    "DELETE",
    "/admin/users/{user_id}",
    credential=Credential.FRESH,
    role=ADMIN,
    status=HTTPStatus.NO_CONTENT,
    raises=(NotFound, Conflict),
)
def delete_user(call: Call, user_id: UserId) -> Answer[None]:
    """Delete a user, with sessions, factors and history.

    The username is free then. If no active administrator would be left, the answer is `conflict`.
    """
    call.use_cases.administration.delete(_decoded(user_id), call.user, call.caller)
    return no_content()


@routes.operation(
    "POST",
    "/admin/users/{user_id}/logout-all",
    credential=Credential.LIVE,
    role=ADMIN,
    status=HTTPStatus.NO_CONTENT,
    raises=(NotFound, Conflict),
)
def log_out_user(call: Call, user_id: UserId) -> Answer[None]:
    """End all sessions of a user."""
    call.use_cases.administration.log_out_everywhere(_decoded(user_id), call.user, call.caller)
    return no_content()


@routes.operation(
    "POST",
    "/admin/users/{user_id}/reset-password",
    credential=Credential.FRESH,
    role=ADMIN,
    raises=(NotFound, Conflict),
)
def reset_password_of_user(call: Call, user_id: UserId) -> Answer[PasswordLinkBody]:
    """Return a link with which a user sets a new password. It is mailed to a verified address too.

    It is good for 30 minutes, at `POST /auth/password/reset`. Until then password and sessions stay as they are. If the
    account is disabled, the answer is `conflict`.
    """
    made = call.use_cases.administration.reset_password(_decoded(user_id), call.user, call.caller)
    return Answer({"link": made.link, "expires_in": made.expires_in})


@routes.operation(
    "DELETE",
    "/admin/users/{user_id}/second-factor",
    credential=Credential.FRESH,
    role=ADMIN,
    status=HTTPStatus.NO_CONTENT,
    raises=(NotFound, Conflict),
)
def delete_second_factor_of_user(call: Call, user_id: UserId) -> Answer[None]:
    """Remove a user's authenticator app and recovery codes. The user is told by mail.

    From then on one factor is enough. Passkeys stay. If there is no app, the answer is `not_found`.
    """
    call.use_cases.administration.remove_second_factor(_decoded(user_id), call.user, call.caller)
    return no_content()


def _decoded(user_id: str) -> str:
    """Return an id as it is, whether or not whoever passed the request on has decoded its path. No id has a %."""
    return unquote(user_id)


def _session_body(session: Session) -> UsersSessionBody:
    """Return a session in JSON form, for an administrator, whose own it is only by chance."""
    shown = session_body(session, current_session_id="")
    return {
        "id": shown["id"],
        "created_at": shown["created_at"],
        "last_used_at": shown["last_used_at"],
        "expires_at": shown["expires_at"],
        "ip": shown["ip"],
        "user_agent": shown["user_agent"],
        "bound": shown["bound"],
    }

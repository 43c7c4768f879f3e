"""The routes of the logged-in user about the user."""

from __future__ import annotations

from chalice import Blueprint, Response

from chalicelib import wiring
from chalicelib.api.boundary import answering, current_principal
from chalicelib.api.responses import user_body
from chalicelib.authorizer import authorizer

blueprint = Blueprint(__name__)


@blueprint.route("/me", methods=["GET"], authorizer=authorizer, content_types=[])
@answering
def me() -> Response:
    """Tell the user who they are."""
    principal = current_principal(blueprint.current_request)
    return Response({"user": user_body(wiring.auth_service().profile(principal))})

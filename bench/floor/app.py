"""The floor of the API's function: the libraries, a client for DynamoDB, and a route that does nothing."""

from __future__ import annotations

import bcrypt  # noqa: F401
import boto3
import jwt  # noqa: F401
from chalice import Chalice

app = Chalice(app_name="floor", configure_logs=False)
dynamodb = boto3.client("dynamodb")


@app.route("/health")
def nothing() -> dict[str, str]:
    """Do nothing."""
    return {}

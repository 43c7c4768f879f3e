"""Lychgate's two Lambda handlers, over DynamoDB Local if AWS_ENDPOINT_URL_DYNAMODB is set, else over instant stores.

A protected call is the authorizer's, which API Gateway would keep for five minutes, and then the view of `/me`, which
reads the user. Refresh tokens are good once, and a session is one conditional write and one read.
"""

import itertools
import json
import os
import sys
from contextlib import ExitStack

from worker import PASSWORD, USERNAME, cheap_hash, cheap_verify, repeated, serve

from bench.instant import instant_application
from bench.lambda_events import api_event, authorizer_event
from bench.over_database import PEPPER, lambda_over_database
from chalicelib.credentials.passwords import PasswordHasher
from chalicelib.credentials.peppers import Peppers


class CheapHasher(PasswordHasher):
    """Stands in for bcrypt."""

    def hash(self, password):
        return cheap_hash(password)

    def verify(self, password, password_hash):
        return cheap_verify(password, password_hash or "")

    def needs_rehash(self, password_hash):  # noqa: ARG002 - the hasher's
        return False


def answered(app, event):
    answer = app(event, None)
    if answer["statusCode"] not in {200, 201}:
        raise AssertionError(f"{event['path']} answered {answer['statusCode']}: {answer['body']}")
    return json.loads(answer["body"])


def main() -> None:
    hasher = CheapHasher(peppers=Peppers.of(PEPPER), cost=4)
    # A log-in beyond the fiftieth session would end the oldest, and none of the peers counts.
    accounts = [{"username": USERNAME, "password": PASSWORD}]
    with ExitStack() as stack:
        if "AWS_ENDPOINT_URL_DYNAMODB" in os.environ:
            app = lambda_over_database(hasher)
            accounts = [{**accounts[0], "username": f"{number}-{USERNAME}"} for number in range(50)]
            registered = [answered(app, api_event("POST", "/auth/register", account)) for account in accounts]
            tokens = registered[0]
        else:
            instant = stack.enter_context(instant_application(hasher))
            app = instant.app
            tokens = {"access_token": instant.access_token, "refresh_token": instant.refresh_token}

        authorizer = app.routes["/me"]["GET"].authorizer
        credentials = itertools.cycle(accounts)

        def refresh():
            members = {"refresh_token": tokens["refresh_token"]}
            tokens.update(answered(app, api_event("POST", "/auth/refresh", members)))

        def protected():
            policy = authorizer(authorizer_event(tokens["access_token"]), {})
            answered(app, api_event("GET", "/me", authorizer=policy["context"]))

        serve(
            {
                "log-in": repeated(lambda: answered(app, api_event("POST", "/auth/login", next(credentials)))),
                "refresh": repeated(refresh),
                "protected": repeated(protected),
            }
        )


if __name__ == "__main__":
    sys.exit(main())

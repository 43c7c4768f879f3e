"""What has to be there before `chalice deploy`, and what the stage's configuration and policies are made from."""

from __future__ import annotations

from dataclasses import dataclass

APP_NAME = "lychgate"
"""As in .chalice/config.json: Chalice begins the names of functions and roles with it."""

API_GATEWAY_STAGE = "api"
"""The stage of the REST API, in every Chalice stage: the first part of the path, which the distribution passes on."""


@dataclass(frozen=True)
class Foundation:
    """The resources of one stage, by their names and addresses. Nothing of it is secret."""

    stage: str
    partition: str
    """``aws``, or another such as ``aws-cn``."""
    region: str
    account_id: str
    site_origin: str
    """Scheme and host of the page, such as ``https://d111111abcdef8.cloudfront.net``."""
    users_table: str
    sessions_table: str
    events_table: str
    throttle_table: str
    signing_keys_parameter: str
    """Name of the SSM parameter, with its leading slash."""
    distribution_secret_sha256: str
    """In hex, of what the distribution sends in ``X-Lychgate-Distribution``."""

    @property
    def api_function(self) -> str:
        """The name of the API's Lambda function, as Chalice gives it."""
        return f"{APP_NAME}-{self.stage}"

    @property
    def authorizer_function(self) -> str:
        """The name of the authorizer's Lambda function, as Chalice gives it."""
        return f"{APP_NAME}-{self.stage}-authorizer"

    def arn(self, service: str, resource: str) -> str:
        """Return the ARN of a resource in this account and region."""
        return f"arn:{self.partition}:{service}:{self.region}:{self.account_id}:{resource}"

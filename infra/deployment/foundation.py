"""The resources that must exist before `chalice deploy`. The stage's configuration and policies are made from them."""

from __future__ import annotations

from dataclasses import dataclass

from infra.stages import FUNCTIONS, function_name

APP_NAME = "lychgate"
"""The app_name in .chalice/config.json. The names of functions and roles begin with it."""

API_GATEWAY_STAGE = "api"
"""The stage of the REST API, the same in every Chalice stage. It is the first part of the path."""


@dataclass(frozen=True)
class Foundation:
    """The names and addresses of the resources of one stage. None of them is secret."""

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
    mail_table: str
    mail_stream: str
    """The ARN of the stream of the mail table."""
    signing_keys_parameter: str
    """Name of the SSM parameter, with its leading slash."""
    distribution_secret_sha256: str
    """The SHA-256, in hex, of each secret that the distribution may send, with commas between them."""
    kms_keys: tuple[str, ...] = ()
    """The ARNs of your own KMS keys that encrypt the parameter, now or after this deployment."""
    mail_from: str = ""
    """The sender's address. Empty if the stage sends no mail."""
    mail_identity: str = ""
    """The identity by which SES sends for it: the address, or a domain."""
    ses_region: str = ""
    """The region whose SES sends."""
    configuration_set: str = ""
    """Its configuration set in SES, empty for none."""
    events_stream: str = ""
    """The ARN of the stream of the events table."""
    webhook_url: str = ""
    """The site's endpoint for webhooks. Empty if the stage sends none."""

    @property
    def api_function(self) -> str:
        """The name of the API's Lambda function, as Chalice gives it."""
        return self.functions["api_handler"]

    @property
    def functions(self) -> dict[str, str]:
        """The names of the functions, by Chalice's."""
        return {name: function_name(APP_NAME, self.stage, name) for name in FUNCTIONS}

    @property
    def mail_dead_letters(self) -> str:
        """The name of the queue of what the mailer gave up."""
        return f"{APP_NAME}-{self.stage}-mail-dead-letters"

    @property
    def webhook_secrets_parameter(self) -> str:
        """The name of the SSM parameter with the secrets that sign webhooks, with its leading slash."""
        return f"/{APP_NAME}/{self.stage}/webhook-secrets"

    @property
    def webhook_dead_letters(self) -> str:
        """The name of the queue of events that the endpoint did not take."""
        return f"{APP_NAME}-{self.stage}-webhook-dead-letters"

    @property
    def api_name(self) -> str:
        """The name of the REST API, which its metrics have as a dimension: that of the function behind it."""
        return self.api_function

    @property
    def gateway_logs(self) -> str:
        """The name of the log group with the access log of API Gateway."""
        return f"/aws/apigateway/{self.api_name}"

    def api_address(self, api: str) -> str:
        """Return scheme and host of the API with this id: the address that only the distribution may use."""
        suffix = "amazonaws.com.cn" if self.partition == "aws-cn" else "amazonaws.com"
        return f"https://{api}.execute-api.{self.region}.{suffix}"

    def arn(self, service: str, resource: str) -> str:
        """Return the ARN of a resource in this account and region."""
        return f"arn:{self.partition}:{service}:{self.region}:{self.account_id}:{resource}"

    def ses_arn(self, resource: str) -> str:
        """Return the ARN of a resource of SES, which may be in another region."""
        return f"arn:{self.partition}:ses:{self.ses_region or self.region}:{self.account_id}:{resource}"

"""The resources of one stage: their names, and the objects that read and change them."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from infra.deployment import adoption, indexes
from infra.deployment.dependencies import DEFAULTS, Dependencies
from infra.deployment.errors import DeploymentError
from infra.deployment.foundation import APP_NAME, Foundation
from infra.deployment.mailing import Mailing, mailing, name_of_identity
from infra.deployment.preflight import Place
from infra.deployment.record import Record
from infra.deployment.signing_keys import MANAGED_KEY, SigningKeys
from infra.deployment.site import Site
from infra.deployment.stack import Stack
from infra.deployment.stage_files import StageFiles
from infra.deployment.template import decided
from infra.deployment.webhooks import endpoint
from infra.keys.webhook_secrets import ParameterSecrets
from infra.local.static_site import folders_of

PROTECTED_STAGES = frozenset({"prod"})
"""Stages whose tables are protected from deletion by default."""

_SECRET_BYTES = 32


@dataclass(frozen=True)
class StackParameters:
    """The parameters of a stack: values that are given, and names of those that keep their values."""

    given: Mapping[str, str]
    kept: frozenset[str]


@dataclass(frozen=True)
class Adoption:
    """A template that takes in what exists."""

    template: dict[str, Any]
    sentences: list[str]
    """What is taken in, for the operator."""
    existing: frozenset[str]
    """The logical ids of what exists and outlives a stack."""


class Resources:
    """The resources of one stage. ``mail_from`` is another sender than the stage's files have: see ``StageFiles``."""

    def __init__(
        self,
        stage: str,
        project: Path,
        place: Place,
        dependencies: Dependencies = DEFAULTS,
        *,
        mail_from: str | None = None,
    ) -> None:
        self.stage = stage
        self.project = project
        self.place = place
        self.session = place.session
        self.stack = Stack(self.session.client("cloudformation"), f"{APP_NAME}-{stage}", sleep=dependencies.sleep)
        self.keys = SigningKeys(self.session, self.signing_keys_parameter)
        self.webhook_secrets = ParameterSecrets(self.session.client("ssm"), f"/{APP_NAME}/{stage}/webhook-secrets")
        self.files = StageFiles(project, stage, mail_from)
        self.tags = {"lychgate:stage": stage}
        self._dependencies = dependencies

    @property
    def signing_keys_parameter(self) -> str:
        """The name of the SSM parameter."""
        return f"/{APP_NAME}/{self.stage}/signing-keys"

    @cached_property
    def template(self) -> dict[str, Any]:
        """The template for CloudFormation."""
        return self._dependencies.template(self.stage)

    def tables(self) -> list[str]:
        """Return the names of the tables."""
        return self._names("AWS::DynamoDB::Table", "TableName")

    def log_groups(self) -> list[str]:
        """Return the names of the functions' log groups."""
        return self._names("AWS::Logs::LogGroup", "LogGroupName")

    def bucket_name(self, given: Mapping[str, str]) -> str:
        """Return the name for the site's bucket."""
        usual = f"{APP_NAME}-{self.stage}-{self.place.account_id}-{self.place.region}"
        return given.get("SiteBucketName") or usual

    def variables(self) -> dict[str, str]:
        """Return the variables of the functions, as the stage's files have them."""
        return self.files.variables()

    def mailing(self) -> Mailing:
        """Return how the stage sends mail. Raises DeploymentError."""
        return mailing(self.variables(), self.stage, self.place.region)

    def webhook_url(self) -> str:
        """Return where the stage sends webhooks, "" if nowhere. Raises DeploymentError."""
        return endpoint(self.variables())

    def foundation(self) -> Foundation:
        """Return the resources of the stack. Raises DeploymentError if it has no outputs."""
        outputs = self.stack.outputs()
        if "SiteOrigin" not in outputs:
            raise DeploymentError(f"the stack {self.stack.name} has no outputs. Run `make deploy` again")
        return Foundation(
            stage=self.stage,
            partition=self.place.partition,
            region=self.place.region,
            account_id=self.place.account_id,
            site_origin=outputs["SiteOrigin"],
            users_table=outputs["UsersTable"],
            sessions_table=outputs["SessionsTable"],
            events_table=outputs["EventsTable"],
            throttle_table=outputs["ThrottleTable"],
            mail_table=outputs["MailTable"],
            mail_stream=outputs["MailStream"],
            signing_keys_parameter=self.signing_keys_parameter,
            distribution_secret_sha256=outputs["DistributionSecretSha256"],
            kms_keys=self._own_kms_keys(),
            # A stack of an earlier version has none.
            events_stream=outputs.get("EventsStream", ""),
            webhook_url=self.webhook_url(),
            **self._sending(),
        )

    def kms_key(self) -> str:
        """Return the KMS key for the signing keys, as the stack has it, or the AWS managed one."""
        return self.stack.outputs().get("KmsKeyArn", MANAGED_KEY)

    def record(self, foundation: Foundation) -> Record:
        """Return Chalice's record."""
        return Record(self.session, self.project, foundation)

    def site(self, bucket: str) -> Site:
        """Return the page's files and their bucket."""
        return Site(self.session.client("s3"), bucket, *folders_of(self.project))

    def first_passes(
        self, current: Mapping[str, str], asked: Mapping[str, str], *, new_secret: bool = False
    ) -> list[StackParameters]:
        """Return the parameters of the stack that are known before there is an API, for one update after the other.

        There is more than one where the table of users gets or loses more than one index.
        """
        first = self._first_pass(current, asked, new_secret=new_secret)
        owned = indexes.TABLE in self.stack.resources()
        table = self.template["Resources"][indexes.TABLE]["Properties"]["TableName"]
        existing = None if owned else indexes.found(self.session.client("dynamodb"), table)
        way = indexes.steps(current, asked.get(indexes.PARAMETER, indexes.ALL), existing, owned=owned)
        return [
            StackParameters({**first.given, indexes.PARAMETER: value}, first.kept - {indexes.PARAMETER})
            for value in way
        ]

    def _first_pass(self, current: Mapping[str, str], asked: Mapping[str, str], *, new_secret: bool) -> StackParameters:
        """Return the parameters of the stack that are known before there is an API, but for those of indexes.

        Tables are not protected until the first deployment is complete. Otherwise they would outlive a failed creation.
        """
        given = {"Stage": self.stage, **asked, **self._of_mails(current), "Webhooks": self._webhooks(current)}
        for which in ("First", "Second"):
            if f"{which}DistributionSecret" not in current:
                given |= _new_secret(which)
        if new_secret and current.get("DistributionSends"):
            # The distribution changes to the other secret, which the API takes already, and this one is replaced.
            sent = current["DistributionSends"]
            given |= {"DistributionSends": "Second" if sent == "First" else "First", **_new_secret(sent)}
        if not current.get("RestApiId"):
            given["Protect"] = "false"
        return self._with_kept(given, current)

    def second_pass(self, current: Mapping[str, str], asked: Mapping[str, str], api: str) -> StackParameters | None:
        """Return the parameters with the API's id and what reads streams, None if the stack has all of it already.

        Of a stage that sends no mail it does not matter whether there is a mailer.
        """
        has_mailer = str(bool(current.get("MailFrom"))).lower()
        before = current.get("Webhooks", "off")
        webhooks = "off" if before == "off" else "on"
        is_mapped = has_mailer in {current.get("HasMailer"), "false"} and webhooks == before
        if current.get("RestApiId") == api and is_mapped:
            return None
        given = {"Stage": self.stage, **asked, "RestApiId": api, "HasMailer": has_mailer, "Webhooks": webhooks}
        if not current.get("RestApiId"):
            given.setdefault("Protect", "true" if self.stage in PROTECTED_STAGES else "false")
        return self._with_kept(given, current)

    def adopting(self, parameters: StackParameters, asked: Mapping[str, str]) -> Adoption:
        """Return the template that takes in what exists. Raises DeploymentError if something cannot be taken in.

        ``asked`` are the parameters that the operator has given now.
        """
        values = {**self.stack.parameters(), **parameters.given}
        sends_here = values.get("MailFrom") and not values.get("SesRegion")
        identity = values.get("MailDomain", "") if sends_here else ""
        existing = adoption.look(self.session, self.template, self.stack.resources(), identity)
        adoption.refuse_what_cannot_be_adopted(self.stack.name, self.stage, self.template, existing)
        defaults = {
            name: str(slot["Default"]) for name, slot in self.template["Parameters"].items() if "Default" in slot
        }
        whole = {**defaults, **values}
        template = decided(existing.adopted_into(self.template, whole, asked), whole)
        return Adoption(template, existing.sentences(self.template), existing.logical_ids())

    def _of_mails(self, current: Mapping[str, str]) -> dict[str, str]:
        """Return the parameters of mails that are known before the functions are deployed.

        Where no mail was sent before, the mailer is not there yet, or may not read the stream.
        """
        how = self.mailing()
        given = {
            "MailFrom": how.sender,
            "SesRegion": how.region if how.is_on and how.region != self.place.region else "",
        }
        return given if how.is_on and current.get("MailFrom") else {**given, "HasMailer": "false"}

    def _webhooks(self, current: Mapping[str, str]) -> str:
        """Return what there is of webhooks before the functions are deployed: at first nothing reads the stream."""
        if not self.webhook_url():
            return "off"
        return "on" if current.get("Webhooks") == "on" else "prepared"

    def _sending(self) -> dict[str, str]:
        how = self.mailing()
        if not how.is_on:
            return {}
        return {
            "mail_from": how.sender,
            "mail_identity": name_of_identity(self.session, how, self.stack.parameters().get("MailDomain", "")),
            "ses_region": how.region,
            "configuration_set": how.configuration_set,
        }

    def _with_kept(self, given: Mapping[str, str], current: Mapping[str, str]) -> StackParameters:
        kept = (set(current) & set(self.template["Parameters"])) - set(given)
        return StackParameters(given, frozenset(kept))

    def _own_kms_keys(self) -> tuple[str, ...]:
        """Return the ARNs of keys that encrypt the parameter or are to do so, without the AWS managed one.

        While the key changes, the function has to be able to use both.
        """
        keys = dict.fromkeys([self.kms_key(), self.keys.encryption_key() or ""])
        return tuple(key for key in keys if key.startswith("arn:"))

    def _names(self, kind: str, name: str) -> list[str]:
        resources = self.template["Resources"].values()
        return [resource["Properties"][name] for resource in resources if resource["Type"] == kind]


def _new_secret(which: str) -> dict[str, str]:
    secret = secrets.token_hex(_SECRET_BYTES)
    digest = hashlib.sha256(secret.encode()).hexdigest()
    return {f"{which}DistributionSecret": secret, f"{which}DistributionSecretSha256": digest}

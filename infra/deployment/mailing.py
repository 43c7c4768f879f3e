"""How a stage sends mail: the sender, and what SES knows of it.

Owns the sender's variables in .chalice/config.json as the deployment reads them, which identity SES sends by, and the
records in DNS that it waits for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.accounts.addresses import address_error
from infra.deployment.errors import DeploymentError, code_of

if TYPE_CHECKING:
    import boto3

SENDER = "LYCHGATE_MAIL_FROM"
"""The variable of a stage with its sender. Without it the stage sends no mail."""

HOW_TO_TURN_ON = 'off: `make deploy STAGE={stage} ARGS="--mail-from no-reply@example.org"` turns them on'

_ZONE_OF_SIGNATURES = "dkim.amazonses.com"
_GOOD = "SUCCESS"
_NAMED = re.compile(r"[^<>\r\n]*<(?P<address>[^<>]+)>")


@dataclass(frozen=True)
class Mailing:
    """The sender of a stage, and where SES sends for it."""

    sender: str
    """The address, without a name. Empty if the stage sends no mail."""
    region: str
    """The region whose SES sends."""
    configuration_set: str
    """Its configuration set, empty for none."""

    @property
    def is_on(self) -> bool:
        """Whether the stage sends mail."""
        return bool(self.sender)

    @property
    def domain(self) -> str:
        """The sender's domain."""
        return self.sender.rpartition("@")[2]

    def identities(self) -> list[str]:
        """Return what SES may know the sender by, the closest first: the address, its domain, the domains above it."""
        labels = self.domain.split(".")
        return [self.sender, *(".".join(labels[start:]) for start in range(len(labels) - 1))]


def mailing(variables: Mapping[str, str], stage: str, region: str) -> Mailing:
    """Return how a stage in a region sends mail, by its variables. Raises DeploymentError."""
    said = variables.get(SENDER, "").strip()
    sender = address_of(said) if said else ""
    elsewhere = variables.get("LYCHGATE_SES_REGION") or region
    # The stack makes a configuration set where it is itself.
    made = f"lychgate-{stage}" if elsewhere == region else variables.get("LYCHGATE_SES_CONFIGURATION_SET", "")
    return Mailing(sender, elsewhere, made)


def address_of(sender: str) -> str:
    """Return the address of a sender with or without a name, its domain in lower case. Raises DeploymentError.

    The mailer writes it so as well: the condition of its policy tells upper and lower case apart.
    """
    named = _NAMED.fullmatch(sender)
    address = named["address"] if named else sender
    wrong = address_error(address)
    if wrong is not None:
        raise DeploymentError(f"{SENDER} cannot be {sender!r}: {wrong}")
    local, _, domain = address.rpartition("@")
    return f"{local}@{domain.lower()}"


@dataclass(frozen=True)
class Identity:
    """What SES knows of an identity."""

    name: str
    is_verified: bool
    described: Mapping[str, Any]

    @property
    def envelope_domain(self) -> str:
        """The domain of the envelope's sender, empty for SES's own."""
        return str(self.described.get("MailFromAttributes", {}).get("MailFromDomain", ""))

    def missing_records(self, region: str) -> Iterator[str]:
        """Yield the records that SES has not found in DNS yet, as one writes them into a zone."""
        dkim = self.described.get("DkimAttributes", {})
        if "@" not in self.name and dkim.get("Status") != _GOOD:
            zone = dkim.get("SigningHostedZone") or _ZONE_OF_SIGNATURES
            for token in dkim.get("Tokens", []):
                yield f"{token}._domainkey.{self.name}. CNAME {token}.{zone}."
        envelope = self.described.get("MailFromAttributes", {})
        if envelope.get("MailFromDomain") and envelope.get("MailFromDomainStatus") != _GOOD:
            yield f"{envelope['MailFromDomain']}. MX 10 feedback-smtp.{region}.amazonses.com."
            yield f'{envelope["MailFromDomain"]}. TXT "v=spf1 include:amazonses.com ~all"'


def found_identity(session: boto3.session.Session, how: Mailing) -> Identity | None:
    """Return the identity by which SES sends for the sender, None if it has none. Raises what botocore raises."""
    client: Any = session.client("sesv2", region_name=how.region)
    for name in how.identities():
        try:
            described = client.get_email_identity(EmailIdentity=name)
        except ClientError as error:
            if code_of(error) == "NotFoundException":
                continue
            raise
        return Identity(name, bool(described.get("VerifiedForSendingStatus")), described)
    return None


def name_of_identity(session: boto3.session.Session, how: Mailing, made: str) -> str:
    """Return the name of the identity that the mailer may send by.

    That which SES has; where it has none or may not be asked, that which the stack makes, or else the sender's domain.
    """
    try:
        found = found_identity(session, how)
    except (BotoCoreError, ClientError):
        found = None
    return found.name if found else made or how.domain

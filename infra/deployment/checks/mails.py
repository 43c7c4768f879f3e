"""Checks of what a stage's mails need: a sender, a region with SES, an account that may send, an identity in DNS."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.exceptions import UnknownRegionError

from chalicelib.config.api import ApiSettings
from chalicelib.config.mailer import MailerSettings
from chalicelib.errors import ConfigurationError
from chalicelib.mails.previews import problems
from chalicelib.mails.rendering import Files
from infra.deployment.checks.findings import State
from infra.deployment.mailing import HOW_TO_TURN_ON, SENDER, found_identity

if TYPE_CHECKING:
    from collections.abc import Mapping

    from infra.deployment.mailing import Identity, Mailing
    from infra.deployment.resources import Resources

_GUIDE = "docs/deployment.md, section Mails"
_SET_BY_THE_DEPLOYMENT = (
    "LYCHGATE_SIGNING_KEYS_PARAMETER",
    "LYCHGATE_USERS_TABLE",
    "LYCHGATE_SESSIONS_TABLE",
    "LYCHGATE_EVENTS_TABLE",
    "LYCHGATE_THROTTLE_TABLE",
    "LYCHGATE_MAIL_TABLE",
)
_MADE = {**dict.fromkeys(_SET_BY_THE_DEPLOYMENT, "made"), "LYCHGATE_ISSUER": "https://site.example/api"}
_OF_THE_API = ("LYCHGATE_EMAIL", "LYCHGATE_IDENTIFIER", "LYCHGATE_MAIL")


def sender(resources: Resources, parameters: Mapping[str, str]) -> tuple[State, str]:
    """Look whether the stage's own settings of mails go together, the region has SES, and each mail can be written.

    Asks nobody.
    """
    how = resources.mailing()
    if (wrong := _wrong_setting(resources.variables())) is not None:
        return State.WRONG, f"{wrong}. It is a variable of the stage in .chalice/config.json"
    if not how.is_on:
        return State.OK, HOW_TO_TURN_ON.format(stage=resources.stage)
    session = resources.session
    try:
        partition = session.get_partition_for_region(how.region)
    except UnknownRegionError:
        partition = "aws"
    if how.region not in session.get_available_regions("sesv2", partition):
        return State.WRONG, (
            f"{how.region} has no SES. Name a region near it that has, as LYCHGATE_SES_REGION in the stage's variables"
            f" in .chalice/config.json: {_GUIDE}"
        )
    wrong = _wrong_domain(how, parameters)
    if wrong is None and (broken := _broken_mails(resources)):
        wrong = f"{' '.join(broken)} Such a mail would not be sent: docs/mails.md"
    if wrong is not None:
        return State.WRONG, wrong
    return State.OK, f"from {how.sender}, by SES in {how.region}"


def account(resources: Resources) -> tuple[State, str]:
    """Look what the account may send, and how fast."""
    client: Any = resources.session.client("sesv2", region_name=resources.mailing().region)
    found = client.get_account()
    status = found.get("EnforcementStatus", "HEALTHY")
    if not found.get("SendingEnabled", True) or status == "SHUTDOWN":
        return State.WRONG, (
            f"SES has stopped sending for this account ({status}). Its console names the case that AWS has opened:"
            " docs/operations/incidents.md, section Mails"
        )
    quota = found.get("SendQuota", {})
    allowed = f"{quota.get('Max24HourSend', 0):g} mails a day and {quota.get('MaxSendRate', 0):g} a second"
    if not found.get("ProductionAccessEnabled"):
        return State.OK, (
            f"in the sandbox: {allowed}, and only to addresses that you have verified. Before a launch ask for"
            f" production access: {_GUIDE}"
        )
    reviewed = ". AWS reviews it: look at the console of SES" if status == "PROBATION" else ""
    return State.OK, f"may send {allowed}, {quota.get('SentLast24Hours', 0):g} of them sent in the last day{reviewed}"


def identity(resources: Resources, parameters: Mapping[str, str]) -> tuple[State, str]:
    """Look whether SES may send in the sender's name, and which records in DNS it misses."""
    how = resources.mailing()
    found = found_identity(resources.session, how)
    if found is None:
        if parameters.get("MailDomain"):
            return State.OK, f"the deployment makes {parameters['MailDomain']}, and says which records DNS needs"
        return State.OK, (
            f"SES has none for {how.sender}, so no mail goes out. Let the deployment make one: --parameter"
            f" MailDomain={how.domain}; or verify the address in SES"
        )
    if (left_alone := _foreign_envelope(resources, found, parameters.get("BounceDomain", ""))) is not None:
        return State.OK, left_alone
    records = list(found.missing_records(how.region))
    if found.is_verified and not records:
        return State.OK, f"{found.name} is verified{'' if '@' in found.name else ', its mails are signed (DKIM)'}"
    if not records:
        return State.OK, f"{found.name} is not verified. Open the link in the mail that SES has sent there"
    state = "is verified, but" if found.is_verified else "is not verified yet, so no mail goes out:"
    return State.OK, f"{found.name} {state} SES does not find these records in DNS: {'; '.join(records)}"


def _wrong_setting(variables: Mapping[str, str]) -> str | None:
    """Return what is wrong with the settings of mails, None if nothing is."""
    whole = {**_MADE, **variables}
    try:
        ApiSettings.from_environment(whole)
    except ConfigurationError as error:
        # The others are not this check's.
        if error.variable.startswith(_OF_THE_API):
            return error.reason
    try:
        if whole.get(SENDER, "").strip():
            MailerSettings.from_environment(whole)
    except ConfigurationError as error:
        return error.reason
    return None


def _wrong_domain(how: Mailing, parameters: Mapping[str, str]) -> str | None:
    """Return what is wrong with the domains that the stack is to make, None if nothing is."""
    domain, bounces = parameters.get("MailDomain", ""), parameters.get("BounceDomain", "")
    if domain and domain not in how.identities():
        return (
            f"MailDomain is {domain}, and the sender {how.sender} is not in it. Give MailDomain={how.domain}, or"
            " another --mail-from"
        )
    if bounces and not bounces.endswith(f".{domain}"):
        example = f"bounces.{domain or how.domain}"
        return f"BounceDomain is {bounces}. It has to be a subdomain of MailDomain, such as {example}"
    return None


def _foreign_envelope(resources: Resources, found: Identity, wanted: str) -> str | None:
    """Return what to do for another domain of the envelope where the identity is not the stack's, None otherwise."""
    if not wanted or wanted == found.envelope_domain or resources.stack.outputs().get("MailIdentity"):
        return None
    return (
        f"{found.name} was in SES before this stage, which leaves it as it is: BounceDomain does nothing. `aws sesv2"
        f" put-email-identity-mail-from-attributes --region {resources.mailing().region} --email-identity {found.name}"
        f" --mail-from-domain {wanted}` gives it that domain"
    )


def _broken_mails(resources: Resources) -> list[str]:
    """Return what is wrong with the project's files of mails."""
    look = MailerSettings.from_environment({**_MADE, **resources.variables()}).look
    code = resources.project / "chalicelib"
    return problems(look, Files(ours=code / "mails", sites=code / "site" / "mails"))

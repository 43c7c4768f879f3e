"""What moto's SES lacks: the account with its sandbox, and identities that wait for their records in DNS.

The rules are from the Amazon SES API v2 Reference, GetAccount and GetEmailIdentity.
"""

import json
from unittest import mock

from moto.ses.models import ses_backends
from moto.sesv2.models import NotFoundException
from moto.sesv2.responses import SESV2Response
from moto.sesv2.urls import url_paths

from tests.deployment.recorded_resources import ACCOUNT, REGION

TOKENS = ("one", "two", "three")
DEFAULTS = {"production": False, "sending": True, "enforcement": "HEALTHY", "in DNS": set()}


def patches(ses):
    """Yield context managers that add it.

    ``ses["production"]``: whether the account has left the sandbox. ``ses["sending"]``, ``ses["enforcement"]``: whether
    AWS lets it send. ``ses["in DNS"]``: the identities and the domains of envelopes whose records SES has found.
    """

    def get_account(response):
        quota = (50_000.0, 14.0) if ses["production"] else (200.0, 1.0)
        return json.dumps(
            {
                "EnforcementStatus": ses["enforcement"],
                "ProductionAccessEnabled": ses["production"],
                "SendingEnabled": ses["sending"],
                "SendQuota": {"Max24HourSend": quota[0], "MaxSendRate": quota[1], "SentLast24Hours": 3.0},
            }
        )

    def get_email_identity(response):
        name = response._get_param("EmailIdentity").replace("%40", "@")
        identity = ses_backends[ACCOUNT][REGION].email_identities.get(name)
        if identity is None:
            raise NotFoundException(name)
        status = "SUCCESS" if name in ses["in DNS"] else "PENDING"
        described = {"IdentityType": identity.identity_type, "VerifiedForSendingStatus": status == "SUCCESS"}
        if "@" not in name:
            described["DkimAttributes"] = {"SigningEnabled": True, "Status": status, "Tokens": TOKENS}
        envelope = getattr(identity, "envelope", "")
        if envelope:
            found = "SUCCESS" if envelope in ses["in DNS"] else "PENDING"
            described["MailFromAttributes"] = {"MailFromDomain": envelope, "MailFromDomainStatus": found}
        return json.dumps(described)

    yield mock.patch.dict(url_paths, {"{0}/v2/email/account$": SESV2Response.dispatch})
    yield mock.patch.object(SESV2Response, "get_account", get_account, create=True)
    yield mock.patch.object(SESV2Response, "get_email_identity", get_email_identity)


def verify(name):
    """Make an identity, as somebody does in the console."""
    ses_backends[ACCOUNT][REGION].create_email_identity_v2(name, None, None, None)

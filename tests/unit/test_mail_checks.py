"""What a deployment finds out about a stage's mails, over an SES in memory."""

from types import SimpleNamespace

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from infra.deployment.checks import mails
from infra.deployment.checks.findings import State
from infra.deployment.mailing import mailing, name_of_identity
from tests.support.places import ROOT

SENDER = "no-reply@example.org"
HERE, ELSEWHERE = "eu-central-1", "eu-west-1"
HEALTHY = {
    "EnforcementStatus": "HEALTHY",
    "ProductionAccessEnabled": True,
    "SendingEnabled": True,
    "SendQuota": {"Max24HourSend": 50_000.0, "MaxSendRate": 14.0, "SentLast24Hours": 3.0},
}
SIGNED = {"Status": "SUCCESS", "Tokens": ["one"]}
UNSIGNED = {"Status": "PENDING", "Tokens": ["one"]}


class Session(boto3.session.Session):
    """A session whose SES has one account, with these identities, and remembers in which region it was asked."""

    def __init__(self):
        super().__init__(region_name=HERE)
        self.account = HEALTHY
        self.identities = {}
        self.regions = []

    def client(self, service, region_name=HERE):
        assert service == "sesv2"
        self.regions.append(region_name)
        return SimpleNamespace(get_account=lambda: self.account, get_email_identity=self._identity)

    def _identity(self, EmailIdentity):  # noqa: N803 - as SES has it
        found = self.identities.get(EmailIdentity)
        if isinstance(found, Exception):
            raise found
        if found is None:
            raise ClientError({"Error": {"Code": "NotFoundException"}}, "GetEmailIdentity")
        return found


@pytest.fixture
def session():
    return Session()


@pytest.fixture
def stage(session):
    """Return what makes a stage by its variables, whose stack has these outputs."""

    def stage(outputs=None, region=HERE, **variables):
        whole = {"LYCHGATE_MAIL_FROM": SENDER} | {f"LYCHGATE_{name}": value for name, value in variables.items()}
        return SimpleNamespace(
            stage="prod",
            project=ROOT,
            session=session,
            place=SimpleNamespace(region=region),
            stack=SimpleNamespace(outputs=lambda: outputs or {}),
            variables=lambda: whole,
            mailing=lambda: mailing(whole, "prod", region),
        )

    return stage


class TestSettings:
    def test_the_sender_may_be_in_a_domain_below_that_of_the_identity(self, stage):
        below = stage(MAIL_FROM="no-reply@mail.example.org")
        assert mails.sender(below, {"MailDomain": "example.org"})[0] is State.OK
        assert mails.sender(below, {"MailDomain": "mail.example.org"})[0] is State.OK
        assert mails.sender(below, {"MailDomain": "other.example.org"})[0] is State.WRONG

    def test_the_domain_of_the_envelope_is_below_that_of_the_identity(self, stage):
        for domain, state in (
            ("bounces.example.org", State.OK),
            ("example.org", State.WRONG),
            ("of-another-example.org", State.WRONG),
        ):
            found = mails.sender(stage(), {"MailDomain": "example.org", "BounceDomain": domain})
            assert found[0] is state, found

    def test_what_the_mailer_cannot_start_with_is_wrong(self, stage):
        state, sentence = mails.sender(stage(MAIL_REPLY_TO="nobody"), {})
        assert (state, "must be an address" in sentence) == (State.WRONG, True)
        # Without a sender nothing starts it.
        assert mails.sender(stage(MAIL_FROM=" ", MAIL_REPLY_TO="nobody"), {})[0] is State.OK

    def test_what_is_wrong_with_other_settings_is_not_said_of_mails(self, stage):
        assert mails.sender(stage(PASSWORD_MIN_LENGTH="none"), {})[0] is State.OK

    def test_a_region_that_the_sdk_does_not_know_is_told_to_have_no_ses(self, stage):
        state, sentence = mails.sender(stage(SES_REGION="xx-north-1"), {})
        assert (state, "xx-north-1 has no SES" in sentence) == (State.WRONG, True)

    def test_the_stacks_own_configuration_set_is_used_also_where_its_region_is_named(self, stage):
        mine = {"SES_CONFIGURATION_SET": "mine"}
        assert stage(**mine).mailing().configuration_set == "lychgate-prod"
        assert stage(SES_REGION=HERE, **mine).mailing().configuration_set == "lychgate-prod"
        assert stage(SES_REGION=ELSEWHERE, **mine).mailing().configuration_set == "mine"


class TestAccount:
    @pytest.mark.parametrize("stopped", [{"SendingEnabled": False}, {"EnforcementStatus": "SHUTDOWN"}], ids=str)
    def test_one_that_may_not_send_for_either_reason_is_wrong(self, session, stage, stopped):
        session.account = HEALTHY | stopped
        state, sentence = mails.account(stage())
        assert (state, "SES has stopped sending" in sentence) == (State.WRONG, True)

    def test_that_of_the_region_is_asked_whose_ses_sends(self, session, stage):
        mails.account(stage(SES_REGION=ELSEWHERE))
        mails.identity(stage(SES_REGION=ELSEWHERE), {})
        assert session.regions == [ELSEWHERE, ELSEWHERE]


class TestIdentity:
    def test_an_address_is_verified_by_a_link_and_has_no_signatures_and_no_records(self, session, stage):
        session.identities[SENDER] = {"VerifiedForSendingStatus": False, "DkimAttributes": UNSIGNED}
        assert mails.identity(stage(), {})[1] == (
            f"{SENDER} is not verified. Open the link in the mail that SES has sent there"
        )
        session.identities[SENDER] = {"VerifiedForSendingStatus": True, "DkimAttributes": UNSIGNED}
        assert mails.identity(stage(), {})[1] == f"{SENDER} is verified"

    def test_a_domain_above_the_senders_is_found(self, session, stage):
        session.identities["example.org"] = {"VerifiedForSendingStatus": True, "DkimAttributes": SIGNED}
        said = mails.identity(stage(MAIL_FROM="no-reply@mail.eu.example.org"), {})[1]
        assert said == "example.org is verified, its mails are signed (DKIM)"

    def test_the_records_of_signatures_are_in_the_zone_that_ses_names(self, session, stage):
        dkim = UNSIGNED | {"SigningHostedZone": "dkim.eu-central-2.amazonses.com"}
        session.identities["example.org"] = {"VerifiedForSendingStatus": False, "DkimAttributes": dkim}
        said = mails.identity(stage(), {})[1]
        assert "one._domainkey.example.org. CNAME one.dkim.eu-central-2.amazonses.com." in said

    def test_bounces_go_to_the_region_whose_ses_sends(self, session, stage):
        envelope = {"MailFromDomain": "bounces.example.org", "MailFromDomainStatus": "PENDING"}
        session.identities["example.org"] = {"VerifiedForSendingStatus": True, "MailFromAttributes": envelope}
        said = mails.identity(stage(SES_REGION=ELSEWHERE), {"BounceDomain": "bounces.example.org"})[1]
        assert f"MX 10 feedback-smtp.{ELSEWHERE}.amazonses.com." in said

    def test_only_of_an_identity_that_is_not_the_stacks_is_the_envelope_left_alone(self, session, stage):
        wanted = {"MailDomain": "example.org", "BounceDomain": "bounces.example.org"}
        session.identities["example.org"] = {"VerifiedForSendingStatus": True, "DkimAttributes": SIGNED}
        said = mails.identity(stage(SES_REGION=ELSEWHERE), wanted)[1]
        assert f"--region {ELSEWHERE} --email-identity example.org --mail-from-domain bounces.example.org" in said
        # The deployment will give it that domain.
        said = mails.identity(stage(outputs={"MailIdentity": "example.org"}), wanted)[1]
        assert said == "example.org is verified, its mails are signed (DKIM)"

    @pytest.mark.parametrize(
        "found", [None, EndpointConnectionError(endpoint_url="https://email")], ids=["none", "lost"]
    )
    def test_the_policy_names_that_which_the_stack_makes_where_ses_tells_of_none(self, session, stage, found):
        session.identities["no-reply@mail.example.org"] = found
        how = stage(MAIL_FROM="no-reply@mail.example.org").mailing()
        assert name_of_identity(session, how, "example.org") == "example.org"
        assert name_of_identity(session, how, "") == "mail.example.org"

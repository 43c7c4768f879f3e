"""A stage that sends mail: what is made for it and when, what SES is asked, and what happens without it."""

import json

import boto3
import pytest

from infra.deployment.deployer import deployer_policies
from tests.deployment import ses_here
from tests.deployment.operator_here import account, raising, refusal
from tests.deployment.recorded_resources import ACCOUNT, REGION

SENDER = "no-reply@example.org"
OF_A_STAGE = {
    "MailConfiguration",
    "MailFeedbackDestination",
    "MailFeedbackFailures",
    "MailFeedbackPermission",
    "MailFeedbackPolicy",
    "MailFeedbackSubscription",
    "MailStreamMapping",
}
NEEDS_THE_MAILER = {
    "MailFeedbackFailures",
    "MailFeedbackPermission",
    "MailFeedbackSubscription",
    "MailStreamMapping",
}
OFF = 'off: `make deploy STAGE=prod ARGS="--mail-from no-reply@example.org"` turns them on'


def of_mails(aws):
    return {name for name in aws.all_made() if name.startswith("Mail")}


def queues():
    return [url.rpartition("/")[2] for url in boto3.client("sqs").list_queues().get("QueueUrls", [])]


def variables(operator, function):
    entry = operator.config()["stages"]["prod"]
    return {
        **entry["environment_variables"],
        **entry["lambda_functions"][function].get("environment_variables", {}),
    }


def policy(operator, function):
    return json.loads((operator.project / ".chalice" / f"policy-prod-{function}.json").read_text())


def statements(operator, function):
    return {statement["Sid"]: statement for statement in policy(operator, function)["Statement"]}


def test_a_stage_without_a_sender_has_nothing_of_mails_and_one_line_says_how_to_turn_them_on(operator, aws):
    operator.has_deployed()
    assert operator.below("Mails") == [OFF]
    assert of_mails(aws) == set()
    assert queues() == boto3.client("sns").list_topics()["Topics"] == []
    assert set(statements(operator, "mailer")) == {"Logs"}
    assert "ses:" not in operator.files()["policy-prod-api_handler.json"]
    assert statements(operator, "api_handler")["Mail"]["Action"] == ["dynamodb:GetItem", "dynamodb:UpdateItem"]
    assert operator.deploy("--check") == 0
    assert f"ok      mails: {OFF}" in operator.lines[-3].strip()


def test_a_sender_is_written_down_and_all_that_mails_need_is_made(operator, aws):
    operator.has_deployed("--mail-from", SENDER)

    assert operator.config()["stages"]["prod"]["environment_variables"]["LYCHGATE_MAIL_FROM"] == SENDER
    assert of_mails(aws) == OF_A_STAGE
    assert queues() == ["lychgate-prod-mail-dead-letters"]
    (topic,) = boto3.client("sns").list_topics()["Topics"]
    mapping = aws.properties("MailStreamMapping")
    stream = boto3.client("dynamodb").describe_table(TableName="lychgate-prod-mail")["Table"]["LatestStreamArn"]
    assert (mapping["EventSourceArn"], mapping["FunctionName"]) == (stream, "lychgate-prod-mailer")
    assert mapping["DestinationConfig"]["OnFailure"]["Destination"].endswith(":lychgate-prod-mail-dead-letters")
    (pattern,) = mapping["FilterCriteria"]["Filters"]
    assert json.loads(pattern["Pattern"]) == {
        "eventName": ["INSERT"],
        "dynamodb": {"NewImage": {"kind": {"S": [{"exists": True}]}}},
    }
    assert aws.properties("MailFeedbackSubscription")["TopicArn"] == topic["TopicArn"]
    assert aws.properties("MailFeedbackPermission")["SourceArn"] == topic["TopicArn"]
    assert aws.properties("MailFeedbackDestination")["ConfigurationSetName"] == "lychgate-prod"
    assert aws.properties("MailConfiguration")["DeliveryOptions"] == {"TlsPolicy": "REQUIRE"}


def test_the_second_time_nothing_is_left_to_do(operator, aws):
    operator.has_deployed("--mail-from", SENDER)
    files = operator.files()

    assert operator.deploy() == 0, operator.errors

    for step in ("Foundation", "Configuration", "chalice deploy", "Distribution"):
        assert operator.below(step)[0].startswith("unchanged"), step
    assert operator.files() == files


def test_the_mailer_has_its_settings_and_the_api_the_senders(operator, aws):
    operator.has_deployed("--mail-from", SENDER)
    mailer = variables(operator, "mailer")
    assert mailer["LYCHGATE_MAIL_TABLE"] == "lychgate-prod-mail"
    assert mailer["LYCHGATE_SES_CONFIGURATION_SET"] == "lychgate-prod"
    assert "LYCHGATE_SIGNING_KEYS_PARAMETER" not in mailer
    assert "LYCHGATE_DISTRIBUTION_SECRET_SHA256" not in mailer
    assert variables(operator, "api_handler")["LYCHGATE_MAIL_FROM"] == mailer["LYCHGATE_MAIL_FROM"] == SENDER
    assert mailer["LYCHGATE_ISSUER"].startswith("https://")


def test_the_mailer_sends_as_its_sender_by_its_identity_and_the_api_sends_nothing(operator, aws):
    operator.has_deployed("--mail-from", f"Example <{SENDER}>", "--parameter", "MailDomain=example.org")
    found = statements(operator, "mailer")
    sending = [found["Sender"], found["ConfigurationSet"]]
    assert [each["Resource"].partition(f"{ACCOUNT}:")[2] for each in sending] == [
        "identity/example.org",
        "configuration-set/lychgate-prod",
    ]
    for each in sending:
        assert each["Action"] == ["ses:SendEmail"]
        assert each["Condition"] == {"StringEquals": {"ses:FromAddress": SENDER}}
    api = operator.files()["policy-prod-api_handler.json"]
    assert "ses:" not in api
    assert "stream" not in api
    assert "Mail" in statements(operator, "api_handler")


def test_mails_that_are_turned_on_later_wait_for_a_mailer_that_may_read_them(operator, aws):
    # The mapping is refused while the function's policy is the one without mails.
    operator.has_deployed()
    assert operator.deploy("--mail-from", SENDER) == 0, operator.errors
    assert not any(name in line for name in NEEDS_THE_MAILER for line in operator.below("Foundation"))
    assert {line.split()[1] for line in operator.below("Distribution")} >= NEEDS_THE_MAILER
    assert of_mails(aws) == OF_A_STAGE


def test_mails_are_turned_off_and_on_again(operator, aws):
    operator.has_deployed("--mail-from", SENDER, "--parameter", "MailDomain=example.org")
    assert operator.deploy("--mail-from", "") == 0, operator.errors
    assert of_mails(aws) <= {"MailIdentity"}
    assert boto3.client("sesv2").get_email_identity(EmailIdentity="example.org")
    assert "LYCHGATE_MAIL_FROM" not in variables(operator, "api_handler")
    assert set(statements(operator, "mailer")) == {"Logs"}
    assert operator.below("Mails") == [OFF]

    assert operator.deploy("--mail-from", SENDER) == 0, operator.errors
    assert of_mails(aws) >= OF_A_STAGE


def test_an_interrupted_deployment_goes_on_to_the_mapping(operator, aws, monkeypatch):
    with raising(monkeypatch, "PutObject", KeyboardInterrupt()):
        assert operator.deploy("--mail-from", SENDER) == 130
    assert not of_mails(aws) & NEEDS_THE_MAILER
    aws.failing["MailStreamMapping"] = "Cannot access the stream"
    # The sender is in the file since then.
    assert operator.deploy() == 1
    assert "MailStreamMapping: Cannot access the stream" in operator.errors
    aws.failing.clear()

    assert operator.deploy() == 0, operator.errors
    assert of_mails(aws) == OF_A_STAGE


def test_records_that_dns_lacks_are_named_and_the_deployment_goes_on(operator, aws):
    given = ["--mail-from", SENDER, "--parameter", "MailDomain=example.org"]
    bounces = ["--parameter", "BounceDomain=bounces.example.org"]
    assert operator.deploy(*given, *bounces) == 0, operator.errors

    (identity,) = [line for line in operator.below("Mails") if line.startswith("SES identity: ")]
    assert "example.org is not verified yet" in identity
    for token in ses_here.TOKENS:
        assert f"{token}._domainkey.example.org. CNAME {token}.dkim.amazonses.com." in identity
    assert "bounces.example.org. MX 10 feedback-smtp.us-east-1.amazonses.com." in identity
    assert 'bounces.example.org. TXT "v=spf1 include:amazonses.com ~all"' in identity

    aws.ses["in DNS"] |= {"example.org"}
    assert operator.deploy() == 0, operator.errors
    (identity,) = [line for line in operator.below("Mails") if line.startswith("SES identity: ")]
    assert "example.org is verified, but" in identity
    assert "CNAME" not in identity

    aws.ses["in DNS"] |= {"bounces.example.org"}
    assert operator.deploy() == 0, operator.errors
    assert "SES identity: example.org is verified, its mails are signed (DKIM)" in operator.below("Mails")


def test_an_identity_that_ses_has_already_is_used_as_it_is(operator, aws):
    ses_here.verify("example.org")
    aws.ses["in DNS"] |= {"example.org"}
    assert operator.deploy("--mail-from", SENDER, "--parameter", "MailDomain=example.org") == 0, operator.errors
    assert "the identity example.org exists in SES: it is used as it is" in operator.below("Foundation")
    assert "MailIdentity" not in of_mails(aws)
    assert statements(operator, "mailer")["Sender"]["Resource"].endswith(":identity/example.org")
    assert operator.destroy("--with-data") == 0, operator.errors
    assert boto3.client("sesv2").get_email_identity(EmailIdentity="example.org")["VerifiedForSendingStatus"]


@pytest.mark.parametrize("name", [SENDER, "example.org"])
def test_the_policy_names_the_identity_that_ses_sends_by(operator, aws, name):
    ses_here.verify(name)
    assert operator.deploy("--mail-from", SENDER) == 0, operator.errors
    assert statements(operator, "mailer")["Sender"]["Resource"].endswith(f":identity/{name}")


def test_an_identity_outlives_the_stage_because_its_records_are_in_dns(operator, aws):
    at_first = account()
    given = ["--mail-from", SENDER, "--parameter", "MailDomain=example.org"]
    assert operator.deploy(*given) == 0, operator.errors
    assert operator.destroy("--with-data") == 0, operator.errors
    assert any("This keeps in any case: the identity example.org" in line for line in operator.lines)
    assert {**account(), "roles": []} == {**at_first, "roles": []}
    assert of_mails(aws) <= {"MailIdentity"}
    assert queues() == boto3.client("sns").list_topics()["Topics"] == []
    assert boto3.client("sesv2").get_email_identity(EmailIdentity="example.org")

    assert operator.deploy(*given) == 0, operator.errors
    assert "the identity example.org exists in SES: it is used as it is" in operator.below("Foundation")


def test_a_table_of_mails_that_exists_is_taken_in_and_kept(operator, aws):
    operator.has_deployed("--mail-from", SENDER)
    item = {"mail_id": {"S": "suppressed#1"}}
    boto3.client("dynamodb").put_item(TableName="lychgate-prod-mail", Item=item)
    assert operator.destroy() == 0, operator.errors
    assert operator.deploy() == 0, operator.errors
    assert boto3.client("dynamodb").get_item(TableName="lychgate-prod-mail", Key=item)["Item"] == item
    assert of_mails(aws) == OF_A_STAGE


@pytest.mark.parametrize(
    ("production", "said"),
    [
        (False, "in the sandbox: 200 mails a day and 1 a second, and only to addresses that you have verified"),
        (True, "may send 50000 mails a day and 14 a second, 3 of them sent in the last day"),
    ],
)
def test_the_check_says_what_the_account_may_send(operator, aws, production, said):
    aws.ses["production"] = production
    assert operator.deploy("--check", "--mail-from", SENDER) == 0, operator.lines
    assert any(f"ok      SES: {said}" in line for line in operator.lines)
    assert any(
        "SES identity: SES has none for no-reply@example.org, so no mail goes out. Let the deployment make one:"
        " --parameter MailDomain=example.org" in line
        for line in operator.lines
    )
    assert "prod" not in operator.config()["stages"]


def test_the_check_says_that_aws_has_stopped_the_account_or_looks_at_it(operator, aws):
    aws.ses.update(production=True, enforcement="PROBATION")
    assert operator.deploy("--check", "--mail-from", SENDER) == 0, operator.lines
    assert any("AWS reviews it" in line for line in operator.lines)
    aws.ses.update(sending=False, enforcement="SHUTDOWN")
    assert operator.deploy("--check", "--mail-from", SENDER) == 1
    assert any("WRONG   SES: SES has stopped sending for this account (SHUTDOWN)" in line for line in operator.lines)
    # A deployment may be the remedy.
    assert operator.deploy("--mail-from", SENDER) == 0, operator.errors


def test_a_deployment_that_may_not_ask_ses_says_so_and_goes_on(operator, aws, monkeypatch):
    with (
        raising(monkeypatch, "GetAccount", refusal("GetAccount"), service="sesv2"),
        raising(monkeypatch, "GetEmailIdentity", refusal("GetEmailIdentity")),
    ):
        assert operator.deploy("--mail-from", SENDER) == 0, operator.errors
    said = operator.below("Mails")
    assert any(line.startswith("SES: could not be looked at: permission is missing") for line in said)
    assert any(line.startswith("SES identity: could not be looked at: permission is missing") for line in said)
    assert statements(operator, "mailer")["Sender"]["Resource"].endswith(":identity/example.org")


@pytest.mark.parametrize(
    ("arguments", "advice"),
    [
        (["--mail-from", "nobody"], "LYCHGATE_MAIL_FROM cannot be 'nobody'"),
        (["--mail-from", "a@example.org\r\nBcc: b@example.org"], "LYCHGATE_MAIL_FROM cannot be"),
        (
            ["--mail-from", SENDER, "--parameter", "MailDomain=example.net"],
            "the sender no-reply@example.org is not in it",
        ),
        (
            ["--mail-from", SENDER, "--parameter", "MailDomain=example.org", "--parameter", "BounceDomain=example.net"],
            "It has to be a subdomain of MailDomain",
        ),
        (["--mail-from", SENDER, "--parameter", "MailDomain=Example"], "the parameter MailDomain cannot be 'Example'"),
        (["--parameter", "MailFrom=a@example.org"], "there is no parameter MailFrom"),
    ],
)
def test_what_cannot_be_a_sender_is_refused_before_anything_is_made(operator, aws, arguments, advice):
    assert operator.deploy(*arguments) == 1
    assert advice in operator.errors
    assert account()["stacks"] == []
    assert operator.deploy("--check", *arguments) == 1
    assert advice in operator.log


def test_a_mail_that_could_not_be_written_is_refused_before_anything_is_made(operator, aws):
    """The mailer would find it out at each mail of its kind, and others behind it would wait."""
    folder = operator.project / "chalicelib" / "site" / "mails" / "en"
    folder.mkdir(parents=True)
    (folder / "reset.txt").write_text("Choose a password\n\n$lnik\n")
    assert operator.deploy("--mail-from", SENDER) == 1
    assert "reset.txt" in operator.errors
    assert "lnik" in operator.errors
    assert account()["stacks"] == []
    assert operator.deploy() == 0, "a stage that sends no mail has to do nothing about it"


def test_a_language_that_is_not_complete_a_misspelt_file_and_mistaken_styles_are_refused_too(operator, aws):
    folder = operator.project / "chalicelib" / "site" / "mails"
    (folder / "fr").mkdir(parents=True)
    (folder / "fr" / "footer.txt").write_text("De la part de $sender.\n", "utf-8")
    (folder / "en").mkdir()
    (folder / "en" / "resett.txt").write_text("Choose a password\n", "utf-8")
    (folder / "styles.css").write_text("buttn { color: red }\n", "utf-8")
    assert operator.deploy("--mail-from", SENDER) == 1
    assert "resett.txt is used by no mail. Did you mean en/reset.txt?" in operator.errors
    assert "fr lacks email.html, email.txt, " in operator.errors
    assert "styles.css, line 1: no template uses buttn. Did you mean button?" in operator.errors
    assert account()["stacks"] == []


def test_an_identity_from_before_has_no_other_envelope_and_is_told_how_to_get_it(operator, aws):
    boto3.client("sesv2").create_email_identity(EmailIdentity="example.org")
    given = ["--mail-from", SENDER, "--parameter", "MailDomain=example.org"]
    assert operator.deploy(*given, "--parameter", "BounceDomain=bounces.example.org") == 0, operator.errors
    said = " ".join(operator.below("Mails"))
    assert "example.org was in SES before this stage, which leaves it as it is: BounceDomain does nothing." in said
    assert "--email-identity example.org --mail-from-domain bounces.example.org" in said


@pytest.mark.parametrize(("variable", "value"), [("LYCHGATE_EMAIL", "required"), ("LYCHGATE_IDENTIFIER", "email")])
def test_a_stage_that_asks_for_addresses_without_a_sender_is_refused(operator, aws, variable, value):
    path = operator.project / ".chalice" / "config.json"
    config = operator.config()
    config["stages"]["prod"] = {"environment_variables": {variable: value}}
    path.write_text(json.dumps(config))
    assert operator.deploy() == 1
    assert "LYCHGATE_MAIL_FROM" in operator.errors
    assert operator.deploy("--mail-from", SENDER) == 0, operator.errors


def test_a_region_without_ses_sends_from_another(operator, aws, monkeypatch):
    monkeypatch.setenv("AWS_REGION", "ap-east-1")
    assert operator.deploy("--check", "--mail-from", SENDER) == 1
    assert any("WRONG   mails: ap-east-1 has no SES" in line for line in operator.lines)
    monkeypatch.setenv("AWS_REGION", REGION)
    path = operator.project / ".chalice" / "config.json"
    config = operator.config()
    elsewhere = {"LYCHGATE_SES_REGION": "eu-west-1", "LYCHGATE_SES_CONFIGURATION_SET": "mine"}
    config["stages"]["prod"] = {"environment_variables": elsewhere}
    path.write_text(json.dumps(config))

    assert operator.deploy("--mail-from", SENDER, "--parameter", "MailDomain=example.org") == 0, operator.errors

    # SES is not here, so what belongs to it is the operator's own, there.
    assert of_mails(aws) == {"MailStreamMapping"}
    found = statements(operator, "mailer")
    assert found["Sender"]["Resource"] == f"arn:aws:ses:eu-west-1:{ACCOUNT}:identity/example.org"
    assert found["ConfigurationSet"]["Resource"] == f"arn:aws:ses:eu-west-1:{ACCOUNT}:configuration-set/mine"
    assert variables(operator, "mailer")["LYCHGATE_SES_CONFIGURATION_SET"] == "mine"


def test_a_dry_run_says_what_mails_would_bring_and_writes_nothing(operator, aws):
    files = operator.files()
    given = ["--mail-from", SENDER, "--parameter", "MailDomain=example.org"]
    assert operator.deploy("--dry-run", *given) == 0, operator.errors
    planned = operator.below("Foundation")
    assert {f"Add     {name}" for name in (*OF_A_STAGE, "MailIdentity", "MailDeadLetters", "MailFeedback")} <= {
        line.partition(" (")[0] for line in planned
    }
    assert "SES identity: the deployment makes example.org, and says which records DNS needs" in operator.below("Mails")
    assert (operator.files(), account()["stacks"]) == (files, [])

    assert operator.deploy() == 0, operator.errors
    files = operator.files()
    assert operator.deploy("--dry-run", *given) == 0, operator.errors
    assert "Add     MailConfiguration (AWS::SES::ConfigurationSet)" in operator.below("Foundation")
    assert "written: policy-prod-api_handler.json, policy-prod-mailer.json, config.json" in operator.below(
        "Configuration"
    )
    assert (operator.files(), of_mails(aws)) == (files, set())


def test_only_this_stages_functions_can_be_connected_to_a_stream_by_whoever_deploys():
    documents = deployer_policies("prod", partition="aws", region=REGION, account=ACCOUNT)
    found = [
        statement
        for document in documents.values()
        for statement in document["Statement"]
        if "lambda:CreateEventSourceMapping" in statement["Action"]
    ]
    functions = [f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:lychgate-prod-{name}" for name in ("mailer", "webhooks")]
    assert [each["Condition"] for each in found] == [{"StringEquals": {"lambda:FunctionArn": functions}}]

"""What a deployed stage's entry in .chalice/config.json and its policies say."""

import dataclasses
import json
from fnmatch import fnmatchcase

import pytest

from chalicelib import mailer
from chalicelib.adapters.dynamodb.deliveries import OF_A_USER, OF_AN_ADDRESS
from chalicelib.adapters.dynamodb.mails import suppressed_key
from chalicelib.config.api import ApiSettings
from chalicelib.config.http import HttpSettings
from chalicelib.config.mailer import MailerSettings
from chalicelib.config.verifier import VerifierSettings
from chalicelib.credentials.mail_budgets import budget_key, typed_key
from chalicelib.credentials.second_factors import tries_window
from chalicelib.credentials.throttling import MailRules, ThrottleRules, mails_of_day
from chalicelib.tokens.keys import public_jwks
from infra.deployment.foundation import Foundation
from infra.deployment.limits import USUAL_CONCURRENCY
from infra.deployment.mailing import mailing
from infra.deployment.policies import (
    POLICIES,
    admin_policy,
    api_handler_policy,
    authorizer_policy,
    mailer_policy,
    webhooks_policy,
)
from infra.deployment.stage import configured_concurrency, stage_configuration
from infra.stages import FUNCTIONS

FOUNDATION = Foundation(
    stage="prod",
    partition="aws",
    region="eu-central-1",
    account_id="123456789012",
    site_origin="https://d111111abcdef8.cloudfront.net",
    users_table="lychgate-prod-users",
    sessions_table="lychgate-prod-sessions",
    events_table="lychgate-prod-events",
    throttle_table="lychgate-prod-throttle",
    mail_table="lychgate-prod-mail",
    mail_stream="arn:aws:dynamodb:eu-central-1:123456789012:table/lychgate-prod-mail/stream/2026-01-01T00:00:00.000",
    signing_keys_parameter="/lychgate/prod/signing-keys",
    distribution_secret_sha256="ab" * 32,
)
SENDING = dataclasses.replace(
    FOUNDATION,
    mail_from="no-reply@example.org",
    mail_identity="example.org",
    ses_region="eu-central-1",
    configuration_set="lychgate-prod",
)
TELLING = dataclasses.replace(
    SENDING,
    webhook_url="https://site.example/events",
    events_stream="arn:aws:dynamodb:eu-central-1:123456789012:table/lychgate-prod-events/stream/2026-01-01T00:00:00.000",
)
"""A stage that sends mails and webhooks."""


@pytest.fixture
def public_keys(private_jwks):
    return json.dumps(public_jwks(private_jwks))


def variables_of(entry, function):
    return entry["environment_variables"] | entry["lambda_functions"][function].get("environment_variables", {})


def test_the_api_starts_with_the_settings_of_its_stage(public_keys):
    variables = variables_of(stage_configuration(FOUNDATION, public_keys), "api_handler")
    assert ApiSettings.from_environment(variables).tables.users == "lychgate-prod-users"
    http = HttpSettings.from_environment(variables)
    assert http.allowed_origins == (FOUNDATION.site_origin,)
    assert http.over_https
    assert http.distribution_secrets_sha256 == {"ab" * 32}


def test_the_authorizer_gets_what_verifies_tokens_and_nothing_else(public_keys):
    variables = variables_of(stage_configuration(FOUNDATION, public_keys), "authorizer")
    assert VerifierSettings.from_environment(variables).issuer == "https://d111111abcdef8.cloudfront.net/api"
    assert variables.keys() == {"LYCHGATE_ISSUER", "LYCHGATE_PUBLIC_KEYS"}


def test_writing_it_again_changes_nothing(public_keys):
    once = stage_configuration(FOUNDATION, public_keys)
    assert stage_configuration(FOUNDATION, public_keys, once) == once


def test_what_the_user_added_stays(public_keys):
    entry = stage_configuration(FOUNDATION, public_keys)
    entry["lambda_architecture"] = "x86_64"
    entry["tags"] = {"team": "web"}
    api = entry["lambda_functions"]["api_handler"]
    api["lambda_memory_size"] = 3008
    api["reserved_concurrency"] = 50
    api["environment_variables"]["LYCHGATE_REGISTRATION"] = "closed"
    api["environment_variables"]["LYCHGATE_ALLOWED_ORIGINS"] += ",https://app.example"
    again = stage_configuration(FOUNDATION, public_keys, entry)
    admin = {**entry["lambda_functions"]["admin"], "environment_variables": api["environment_variables"]}
    assert again == {**entry, "lambda_functions": {**entry["lambda_functions"], "admin": admin}}


def test_the_function_of_administrators_has_the_settings_of_the_api(public_keys):
    existing = {"lambda_functions": {"api_handler": {"environment_variables": {"LYCHGATE_SITE_NAME": "Example"}}}}
    entry = stage_configuration(FOUNDATION, public_keys, existing)
    assert variables_of(entry, "admin") == variables_of(entry, "api_handler")
    assert variables_of(entry, "admin")["LYCHGATE_SITE_NAME"] == "Example"


def test_concurrency_is_reserved_where_nothing_is_said_of_it(public_keys):
    existing = {"lambda_functions": {"authorizer": {"reserved_concurrency": None}}}
    reserved = {"api_handler": 100, "authorizer": 50}
    entry = stage_configuration(FOUNDATION, public_keys, existing, reserved)
    assert configured_concurrency(entry) == {"api_handler": 100, "authorizer": None}
    assert configured_concurrency({"reserved_concurrency": 7}) == dict.fromkeys(USUAL_CONCURRENCY, 7)
    assert configured_concurrency({}) == {}


def test_a_key_of_ones_own_may_decrypt_the_one_parameter_and_nothing_else():
    keys = tuple(f"arn:aws:kms:eu-central-1:123456789012:key/{name}" for name in ("new", "old"))
    policy = api_handler_policy(dataclasses.replace(FOUNDATION, kms_keys=keys))
    found = [statement for statement in policy["Statement"] if "kms:Decrypt" in statement["Action"]]
    assert [statement["Resource"] for statement in found] == list(keys)
    parameter = "arn:aws:ssm:eu-central-1:123456789012:parameter/lychgate/prod/signing-keys"
    for statement in found:
        assert statement["Action"] == ["kms:Decrypt"]
        assert statement["Condition"] == {"StringEquals": {"kms:EncryptionContext:PARAMETER_ARN": parameter}}
    assert "kms" not in str(api_handler_policy(FOUNDATION))


def test_it_decrypts_the_secrets_of_webhooks_for_whoever_sends_them_and_nothing_else():
    key = "arn:aws:kms:eu-central-1:123456789012:key/mine"
    statements = webhooks_policy(dataclasses.replace(TELLING, kms_keys=(key,)))["Statement"]
    (found,) = [statement for statement in statements if "kms:Decrypt" in statement["Action"]]
    parameter = "arn:aws:ssm:eu-central-1:123456789012:parameter/lychgate/prod/webhook-secrets"
    assert (found["Action"], found["Resource"]) == (["kms:Decrypt"], key)
    assert found["Condition"] == {"StringEquals": {"kms:EncryptionContext:PARAMETER_ARN": parameter}}


@pytest.mark.parametrize("name", POLICIES)
def test_a_stage_that_is_traced_lets_each_function_send_its_segments(name):
    untraced, traced = POLICIES[name](TELLING), POLICIES[name](TELLING, traced=True)
    (added,) = [each for each in traced["Statement"] if each not in untraced["Statement"]]
    assert added["Action"] == ["xray:PutTelemetryRecords", "xray:PutTraceSegments"]


def test_administrators_put_what_the_feed_tells_and_read_of_mails_which_addresses_get_none():
    found = {each["Sid"]: each for each in admin_policy(SENDING)["Statement"]}
    assert found["Feed"]["Condition"] == {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["#ended"]}}
    assert found["Suppressed"]["Condition"] == {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["suppressed#*"]}}
    of_mails = {sid: each["Action"] for sid, each in found.items() if each["Resource"].endswith(SENDING.mail_table)}
    assert of_mails == {"Mail": ["dynamodb:PutItem"], "Suppressed": ["dynamodb:GetItem"]}
    assert suppressed_key("a@example.org")["mail_id"]["S"].startswith("suppressed#")


def test_a_site_that_moved_is_followed_and_other_origins_stay(public_keys):
    entry = stage_configuration(FOUNDATION, public_keys)
    moved = dataclasses.replace(FOUNDATION, site_origin="https://www.example.org")
    variables = variables_of(stage_configuration(moved, public_keys, entry), "api_handler")
    assert variables["LYCHGATE_ISSUER"] == "https://www.example.org/api"
    assert "https://www.example.org" in variables["LYCHGATE_ALLOWED_ORIGINS"].split(",")


def test_each_function_has_a_policy_of_its_own(public_keys):
    functions = stage_configuration(FOUNDATION, public_keys)["lambda_functions"]
    assert {name: each["iam_policy_file"] for name, each in functions.items()} == {
        name: f"policy-prod-{name}.json" for name in FUNCTIONS
    }


def test_no_policy_names_a_wildcard_for_a_resource_or_an_action():
    for make in POLICIES.values():
        for statement in make(TELLING)["Statement"]:
            assert not any("*" in action for action in statement["Action"])
            if statement["Sid"] == "Streams":  # To list them belongs to no stream.
                continue
            # The streams of one log group have no names that are known before.
            named = statement["Resource"].removesuffix(":*") if statement["Sid"] == "Logs" else statement["Resource"]
            assert "*" not in named
            assert ":eu-central-1:123456789012:" in named


def test_the_authorizer_may_write_its_log_and_nothing_else():
    (statement,) = authorizer_policy(FOUNDATION)["Statement"]
    assert statement["Resource"].endswith(":log-group:/aws/lambda/lychgate-prod-authorizer:*")
    assert statement["Action"] == ["logs:CreateLogStream", "logs:PutLogEvents"]


def test_the_mailer_starts_with_the_settings_of_its_stage(public_keys):
    existing = {"environment_variables": {"LYCHGATE_MAIL_FROM": "Example <no-reply@example.org>"}}
    entry = stage_configuration(SENDING, public_keys, existing)
    settings = MailerSettings.from_environment(variables_of(entry, "mailer"))
    assert (settings.users_table, settings.throttle_table) == ("lychgate-prod-users", "lychgate-prod-throttle")
    assert (settings.mail_table, settings.configuration_set) == ("lychgate-prod-mail", "lychgate-prod")
    assert (settings.sender, settings.look.site_url) == (SENDING.mail_from, FOUNDATION.site_origin)
    assert ApiSettings.from_environment(variables_of(entry, "api_handler")).email == "optional"
    assert entry["lambda_functions"]["mailer"]["lambda_timeout"] == mailer.SECONDS
    assert stage_configuration(SENDING, public_keys, entry) == entry


def test_a_stage_without_a_sender_gives_the_mailer_its_log_and_the_api_no_mail():
    (statement,) = mailer_policy(FOUNDATION)["Statement"]
    assert statement["Resource"].endswith(":log-group:/aws/lambda/lychgate-prod-mailer:*")
    about_mails = [each for each in api_handler_policy(FOUNDATION)["Statement"] if "mail" in json.dumps(each)]
    # An administrator's link is kept in that table too.
    assert [each["Action"] for each in about_mails] == [["dynamodb:GetItem", "dynamodb:UpdateItem"]]


def test_the_mailer_may_read_what_it_reads_of_users_and_no_hash():
    (users,) = [each for each in mailer_policy(SENDING)["Statement"] if each["Sid"] == "Users"]
    condition = users["Condition"]
    allowed = set(condition["ForAllValues:StringEquals"]["dynamodb:Attributes"])
    assert allowed == {*OF_A_USER, *OF_AN_ADDRESS, "username_key"}
    assert not any("hash" in name for name in allowed)
    assert condition["StringEqualsIfExists"] == {"dynamodb:Select": "SPECIFIC_ATTRIBUTES"}


def test_the_counters_of_guesses_are_out_of_the_mailers_reach():
    counters = {
        each["Sid"]: each["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]
        for each in mailer_policy(SENDING)["Statement"]
        if each["Resource"].endswith(SENDING.throttle_table)
    }
    assert counters == {"MailBudgets": ["mail#*"], "MailsOfDays": ["mails#all#*"]}
    assert budget_key("a@example.org", None).startswith("mail#")
    assert mails_of_day(1, 0).key.startswith("mails#all#")


def test_the_api_reads_what_was_typed_and_not_what_addresses_get():
    (typed,) = [each for each in api_handler_policy(SENDING)["Statement"] if each["Sid"] == "TypedAddresses"]
    assert typed["Condition"] == {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["typed#*"]}}
    assert typed_key("a@example.org", b"network").startswith("typed#")


@pytest.mark.parametrize("foundation", [SENDING, FOUNDATION], ids=["with mails", "without"])
def test_the_api_writes_each_of_its_own_counters_and_none_of_what_addresses_get(foundation):
    written = [
        pattern
        for each in api_handler_policy(foundation)["Statement"]
        if each["Resource"].endswith(foundation.throttle_table) and "dynamodb:UpdateItem" in each["Action"]
        for pattern in each["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]
    ]
    rules = ThrottleRules(1, 1, 1, 1, 60, 1, 1)
    keys = [
        rules.address_window_of("203.0.113.7", 0).key,
        rules.registration_window_of("203.0.113.7", 0).key,
        tries_window("u1", None, 0).key,
        "challenge#c1",
    ]
    of_mails = [
        MailRules(1, 1).address_window_of("203.0.113.7", 0).key,
        MailRules(1, 1).day_window_of(0).key,
        typed_key("a@example.org", b"network"),
    ]
    for key in keys:
        assert any(fnmatchcase(key, pattern) for pattern in written), key
    for key in of_mails:
        assert any(fnmatchcase(key, pattern) for pattern in written) is bool(foundation.mail_from), key
    for key in (budget_key("a@example.org", None), budget_key("a@example.org", "u1")):
        assert not any(fnmatchcase(key, pattern) for pattern in written), key


def test_the_mailer_counts_in_the_same_day_as_the_api():
    of_the_api = {"lambda_functions": {"api_handler": {"environment_variables": {"LYCHGATE_MAILS_PER_DAY": "7"}}}}
    entry = stage_configuration(SENDING, "{}", of_the_api)
    mailer = entry["lambda_functions"]["mailer"]["environment_variables"]
    assert mailer["LYCHGATE_MAILS_PER_DAY"] == "7"
    # What the API has no longer, the mailer has no longer.
    del entry["lambda_functions"]["api_handler"]["environment_variables"]["LYCHGATE_MAILS_PER_DAY"]
    again = stage_configuration(SENDING, "{}", entry)
    assert "LYCHGATE_MAILS_PER_DAY" not in again["lambda_functions"]["mailer"]["environment_variables"]


def test_whatever_the_mailer_sends_by_it_sends_as_its_sender():
    sending = [each for each in mailer_policy(SENDING)["Statement"] if each["Action"] == ["ses:SendEmail"]]
    assert len(sending) == 2
    for each in sending:
        assert each["Condition"] == {"StringEquals": {"ses:FromAddress": SENDING.mail_from}}


def test_mails_of_another_region_are_sent_by_what_is_there():
    elsewhere = dataclasses.replace(SENDING, ses_region="eu-west-1", configuration_set="")
    sending = [each for each in mailer_policy(elsewhere)["Statement"] if each["Action"] == ["ses:SendEmail"]]
    assert [each["Resource"] for each in sending] == ["arn:aws:ses:eu-west-1:123456789012:identity/example.org"]


@pytest.mark.parametrize("sender", ["No-Reply@Example.org", "Example <No-Reply@Example.org>"])
def test_the_policy_has_the_sender_as_the_mailer_writes_it(sender):
    how = mailing({"LYCHGATE_MAIL_FROM": sender}, "prod", "eu-central-1")
    settings = MailerSettings.from_environment(
        {
            "LYCHGATE_MAIL_FROM": sender,
            "LYCHGATE_ISSUER": "https://site.example/api",
            **{f"LYCHGATE_{name}_TABLE": name for name in ("USERS", "MAIL", "THROTTLE")},
        }
    )
    assert how.sender == settings.sender == "No-Reply@example.org"
    assert how.identities() == ["No-Reply@example.org", "example.org"]
    assert mailing({}, "prod", "eu-central-1").is_on is False

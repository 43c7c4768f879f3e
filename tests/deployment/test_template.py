"""The template: lint, the page's headers, who may read what, and what nobody may see."""

import fnmatch
import itertools
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

from chalicelib.accounts.mail import MailKind
from chalicelib.api import ended
from chalicelib.api.openapi import ALL_ROUTES
from chalicelib.credentials.mailed import LIFETIMES
from chalicelib.telemetry import log, mails, requests, webhooks
from infra.deployment.errors import DeploymentError
from infra.deployment.template import PAGE_HEADERS, decided, rendered_template, response_headers
from infra.intrinsic_functions import UnsupportedTemplateError, condition_holds, resolved
from infra.operator.undelivered import REPEATED_SECONDS
from infra.tables import TEMPLATE

DOCUMENT = yaml.safe_load(TEMPLATE.read_text())


@pytest.fixture(scope="module")
def rendered():
    return rendered_template("prod")


def distribution(rendered, **parameters):
    """The distribution's configuration with these parameters."""
    config = rendered["Resources"]["Distribution"]["Properties"]["DistributionConfig"]

    def walk(value):
        if isinstance(value, dict) and set(value) == {"Fn::If"}:
            name, then, otherwise = value["Fn::If"]
            given = {"Stage": "prod", **parameters}
            return walk(then if condition_holds(name, rendered, given) else otherwise)
        if isinstance(value, dict):
            walked = {name: walk(each) for name, each in value.items()}
            return {name: each for name, each in walked.items() if each != {"Ref": "AWS::NoValue"}}
        if isinstance(value, list):
            return [each for each in map(walk, value) if each != {"Ref": "AWS::NoValue"}]
        return value

    return walk(config)


@pytest.mark.parametrize("which", ["as it stands", "as it is deployed"])
def test_cfn_lint_has_nothing_to_say(which, tmp_path, rendered):
    path = TEMPLATE
    if which == "as it is deployed":
        path = tmp_path / "template.json"
        path.write_text(json.dumps(rendered))

    linted = subprocess.run(
        [Path(sys.executable).with_name("cfn-lint"), "--include-checks", "I", "--", path],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (linted.stdout, linted.returncode) == ("", 0)


EVERYTHING = {
    **dict.fromkeys(("RestApiId", "DomainName", "CertificateArn", "HostedZoneId", "WebAclArn", "AccessLogBucket"), "a"),
    **dict.fromkeys(("SiteBucketName", "KmsKeyArn", "MailFrom", "MailDomain", "BounceDomain", "FeedbackKeyArn"), "a"),
    "Protect": "true",
    "AlarmEmail": "me@example.org",
    "MonthlyBudget": "20",
    "HasMailer": "true",
}


def sent(rendered, **given):
    """The template that is sent for a stage with these parameters."""
    defaults = {name: str(slot["Default"]) for name, slot in rendered["Parameters"].items() if "Default" in slot}
    return decided(rendered, {**defaults, **given})


@pytest.mark.parametrize("given", [{}, EVERYTHING], ids=["with the defaults", "with everything"])
@pytest.mark.parametrize("stage", ["prod", "s" * 20])
def test_it_is_small_enough_to_be_sent_as_it_is_whatever_the_stage_is_called_and_has(stage, given):
    # CloudFormation quotas: 51,200 bytes of a template that does not come from S3.
    template = sent(rendered_template(stage), **given)
    assert len(json.dumps(template, separators=(",", ":"))) < 51_200
    assert "Fn::If" not in json.dumps(template)


def test_what_is_sent_says_what_the_template_says(rendered):
    given = {"Stage": "prod", "AlarmEmail": "me@example.org", "UserIndexes": "by-id"}
    template = sent(rendered, **given)
    for name, resource in rendered["Resources"].items():
        condition = resource.get("Condition")
        assert template["Resources"][name].get("Condition") == condition
        if condition is not None:
            holds = condition_holds(condition, rendered, given)
            assert condition_holds(condition, template, given) is holds
    assert template["Resources"]["ServerErrorsAlarm"]["Properties"]["AlarmActions"] == [{"Ref": "AlarmTopic"}]
    users = template["Resources"]["UsersTable"]["Properties"]
    assert [index["IndexName"] for index in users["GlobalSecondaryIndexes"]] == ["by-id"]
    assert [each["AttributeName"] for each in users["AttributeDefinitions"]] == ["username_key", "user_id"]
    assert "WebACLId" not in template["Resources"]["Distribution"]["Properties"]["DistributionConfig"]


def _named_in(value):
    """The logical IDs that a value refers to."""
    if isinstance(value, list):
        return {name for each in value for name in _named_in(each)}
    if not isinstance(value, dict):
        return set()
    if set(value) == {"Ref"}:
        return {value["Ref"]}
    if set(value) == {"Fn::GetAtt"}:
        return {value["Fn::GetAtt"][0]}
    if set(value) == {"Fn::Sub"}:
        text, *variables = value["Fn::Sub"] if isinstance(value["Fn::Sub"], list) else [value["Fn::Sub"]]
        return {*re.findall(r"\$\{([^}.]*)", text), *_named_in(variables)}
    return {name for each in value.values() for name in _named_in(each)}


def test_nothing_that_a_stage_has_refers_to_what_it_has_not(rendered):
    choices = {
        "MailFrom": ["", "a@example.org"],
        "SesRegion": ["", "eu-west-1"],
        "HasMailer": ["false", "true"],
        "MailDomain": ["", "example.org"],
        "AlarmEmail": ["", "me@example.org"],
        "Webhooks": ["off", "prepared", "on"],
        "RestApiId": ["", "abc123"],
    }
    for chosen in itertools.product(*choices.values()):
        given = {"Stage": "prod", **dict(zip(choices, chosen, strict=True))}
        template = sent(rendered, **given)
        holds = {name: condition_holds(name, template, given) for name in template["Conditions"]} | {None: True}
        there = {name: each for name, each in template["Resources"].items() if holds[each.get("Condition")]}
        missing = template["Resources"].keys() - there.keys()
        told = {name: each for name, each in template["Outputs"].items() if holds[each.get("Condition")]}
        for name, each in (there | told).items():
            assert not _named_in(each.get("Properties", each)) & missing, (name, given)


def test_the_page_has_the_headers_of_the_one_file_that_has_them(rendered):
    policy = rendered["Resources"]["PageHeaders"]["Properties"]["ResponseHeadersPolicyConfig"]
    security = policy["SecurityHeadersConfig"]
    transport = security["StrictTransportSecurity"]
    assert transport["IncludeSubdomains"] is True
    assert transport["Preload"] is False
    sent = {
        "Content-Security-Policy": security["ContentSecurityPolicy"]["ContentSecurityPolicy"],
        "Strict-Transport-Security": f"max-age={transport['AccessControlMaxAgeSec']}; includeSubDomains",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": security["FrameOptions"]["FrameOption"],
        "Referrer-Policy": security["ReferrerPolicy"]["ReferrerPolicy"],
        **{item["Header"]: item["Value"] for item in policy["CustomHeadersConfig"]["Items"]},
    }
    assert sent == json.loads(PAGE_HEADERS.read_text())
    assert len(security) == 5
    assert all(header["Override"] for header in [*security.values(), *policy["CustomHeadersConfig"]["Items"]])


def test_a_header_that_cannot_be_said_is_an_error():
    with pytest.raises(DeploymentError, match="max-age=forever"):
        response_headers({"Strict-Transport-Security": "max-age=forever"})


def test_the_api_comes_through_unchanged(rendered):
    config = distribution(rendered, RestApiId="abc123")
    kept, behaviour = config["CacheBehaviors"]
    # The first that fits counts.
    assert kept == {
        "PathPattern": "/api/.well-known/revoked.*",
        "TargetOriginId": "api",
        "ViewerProtocolPolicy": "https-only",
        "AllowedMethods": behaviour["AllowedMethods"],
        "Compress": False,
        "CachePolicyId": {"Ref": "EndsCache"},
    }
    assert behaviour == {
        "PathPattern": "/api/*",
        "TargetOriginId": "api",
        "ViewerProtocolPolicy": "https-only",
        "AllowedMethods": ["GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"],
        "Compress": False,
        "CachePolicyId": "4135ea2d-6df8-44a3-9df3-4b5a84be39ad",  # CachingDisabled
        "OriginRequestPolicyId": "b689b0a8-53d0-40ab-baf2-68738e2966ac",  # AllViewerExceptHostHeader
    }
    # An error page would take the place of the API's answers, and a cached error that of the next caller's.
    for response in config["CustomErrorResponses"]:
        assert response == {"ErrorCode": response["ErrorCode"], "ErrorCachingMinTTL": 0}
    # HTTP codes that CloudFront caches whatever the origin says (Developer Guide, "HTTP 4xx and 5xx status codes").
    assert {each["ErrorCode"] for each in config["CustomErrorResponses"]} == {404, 405, 414, 500, 501, 502, 503, 504}
    assert config["Origins"][1]["CustomOriginConfig"]["OriginProtocolPolicy"] == "https-only"


def test_the_feed_of_ended_sessions_is_kept_no_longer_than_it_says_and_for_everybody_alike(rendered):
    policy = rendered["Resources"]["EndsCache"]["Properties"]["CachePolicyConfig"]
    assert (policy["MinTTL"], policy["DefaultTTL"], policy["MaxTTL"]) == (0, 0, ended.ENDS_SECONDS)
    # Nobody makes copies of his own, or has one made for others, by what is sent along.
    assert policy["ParametersInCacheKeyAndForwardedToOrigin"] == {
        "EnableAcceptEncodingGzip": False,
        "CookiesConfig": {"CookieBehavior": "none"},
        "HeadersConfig": {"HeaderBehavior": "whitelist", "Headers": ["Origin"]},
        "QueryStringsConfig": {"QueryStringBehavior": "none"},
    }
    pattern = distribution(rendered, RestApiId="abc123")["CacheBehaviors"][0]["PathPattern"]
    fitting = {
        operation.path
        for routes in ALL_ROUTES
        for operation in routes.operations
        if fnmatch.fnmatchcase(f"/api{operation.path}", pattern)
    }
    assert fitting == {operation.path for operation in ended.routes.operations}


def test_without_an_api_the_distribution_serves_the_page_alone(rendered):
    config = distribution(rendered)
    assert [origin["Id"] for origin in config["Origins"]] == ["site"]
    assert "CacheBehaviors" not in config
    assert "Aliases" not in config
    assert config["DefaultCacheBehavior"]["ViewerProtocolPolicy"] == "redirect-to-https"


def test_a_domain_of_ones_own_takes_no_old_tls(rendered):
    config = distribution(rendered, DomainName="example.org", CertificateArn="arn:aws:acm:us-east-1:1:certificate/x")
    assert config["ViewerCertificate"]["MinimumProtocolVersion"] == "TLSv1.2_2021"
    assert config["Aliases"] == [{"Ref": "DomainName"}]


def test_only_the_distribution_reads_the_bucket_and_only_over_tls(rendered):
    bucket = rendered["Resources"]["SiteBucket"]["Properties"]
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert bucket["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    allow, deny = rendered["Resources"]["SiteBucketPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert allow["Principal"] == {"Service": "cloudfront.amazonaws.com"}
    assert list(allow["Condition"]["StringEquals"]) == ["AWS:SourceArn"]
    assert deny["Effect"] == "Deny"
    assert deny["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    (origin,) = distribution(rendered)["Origins"]
    assert origin["OriginAccessControlId"] == {"Fn::GetAtt": ["SiteAccess", "Id"]}


def test_old_versions_of_the_page_are_kept_for_a_month(rendered):
    bucket = rendered["Resources"]["SiteBucket"]["Properties"]
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    (rule,) = bucket["LifecycleConfiguration"]["Rules"]
    assert (rule["Status"], rule["NoncurrentVersionExpiration"]) == ("Enabled", {"NoncurrentDays": 30})
    # A file that was deleted leaves nothing behind once its versions have expired.
    assert rule["ExpiredObjectDeleteMarker"] is True


@pytest.mark.parametrize(
    ("sends", "secret"), [("First", "FirstDistributionSecret"), ("Second", "SecondDistributionSecret")]
)
def test_the_distribution_sends_one_of_two_secrets_to_the_application_and_to_the_gateway(rendered, sends, secret):
    config = distribution(rendered, RestApiId="abc123", DistributionSends=sends)
    sent = {header["HeaderName"]: header["HeaderValue"] for header in config["Origins"][1]["OriginCustomHeaders"]}
    assert sent == {"X-Lychgate-Distribution": {"Ref": secret}, "X-Api-Key": {"Ref": secret}}


@pytest.mark.parametrize("which", ["First", "Second"])
def test_a_secret_is_in_the_distribution_and_in_its_key_and_shown_nowhere(rendered, which):
    name = f"{which}DistributionSecret"
    assert rendered["Parameters"][name]["NoEcho"] is True
    assert "Default" not in rendered["Parameters"][name]
    assert f'"{name}"' not in json.dumps(rendered["Outputs"])
    users = [logical_id for logical_id, each in rendered["Resources"].items() if f'"{name}"' in json.dumps(each)]
    assert users == ["Distribution", f"{which}DistributionKey"]


@pytest.mark.parametrize("which", ["First", "Second"])
def test_a_key_is_replaced_and_so_its_old_value_is_good_until_the_distribution_sends_the_other(rendered, which):
    # CloudFormation deletes what it replaces in its last phase, and cannot replace what has a name (User Guide, "Update
    # behaviors of stack resources").
    for name, changing in ((f"{which}DistributionKey", "Value"), (f"{which}KeyInPlan", "KeyId")):
        resource = rendered["Resources"][name]
        schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", resource["Type"]).schema
        assert f"/properties/{changing}" in schema["createOnlyProperties"]
        assert "Name" not in resource["Properties"]
        assert not condition_holds(resource["Condition"], rendered, {"Stage": "prod"})


def test_what_outlives_the_stack_has_names_that_stand_fast(rendered):
    # CloudFormation takes in what exists only by such names, and only with such a policy.
    kept = [each for each in rendered["Resources"].values() if each["Type"].endswith(("::Table", "::LogGroup"))]
    assert len(kept) == 11
    for resource in kept:
        assert resource["DeletionPolicy"] == "RetainExceptOnCreate"
        name = resource["Properties"].get("TableName") or resource["Properties"]["LogGroupName"]
        assert "lychgate-prod" in name


def test_alarms_are_off_unless_somebody_is_told(rendered):
    conditions = {"HasAlarms", "HasReuseAlarm", "HasMailAlarms", "HasReputationAlarms", "HasWebhookAlarms"}
    conditional = {name for name, each in rendered["Resources"].items() if each.get("Condition") in conditions}
    alarms = {name for name, each in rendered["Resources"].items() if each["Type"] == "AWS::CloudWatch::Alarm"}
    assert len(alarms) == 24
    assert alarms <= conditional
    given = {"Stage": "prod", "MailFrom": "no-reply@example.org", "Webhooks": "on"}
    for condition in conditions:
        assert not condition_holds(condition, rendered, given)
        assert condition_holds(condition, rendered, {**given, "AlarmEmail": "me@example.org"})
        assert condition_holds(condition, rendered, {**given, "AlarmTopicArn": "arn:aws:sns:us-east-1:1:t"})


def test_one_reuse_can_raise_an_alarm(rendered):
    alarm = rendered["Resources"]["ReuseAlarm"]
    # So 1 is each, and the count of an hour is the sum of what each line adds.
    assert alarm["Properties"]["ComparisonOperator"] == "GreaterThanOrEqualToThreshold"
    assert (alarm["Properties"]["Statistic"], alarm["Properties"]["Period"]) == ("Sum", 3600)
    assert alarm["Properties"]["Threshold"] == {"Ref": "ReuseAlarmThreshold"}
    parameter = rendered["Parameters"]["ReuseAlarmThreshold"]
    assert (parameter["Default"], parameter["MinValue"]) == (5, 0)
    told = {"Stage": "prod", "AlarmEmail": "me@example.org"}
    assert [
        condition_holds(alarm["Condition"], rendered, {**told, "ReuseAlarmThreshold": threshold})
        for threshold in ("0", "1", "5")
    ] == [False, True, True]


@pytest.mark.parametrize(
    ("gateway", "answered", "is_unseen"),
    [
        (3, None, True),  # a gateway that cannot hand requests on
        (3, 3, False),  # the API's own errors
        (300, 290, False),  # the same, ten of them counted in the next period
        (300, 100, True),
    ],
)
def test_the_gateways_own_errors_are_those_that_the_api_did_not_answer(rendered, gateway, answered, is_unseen):
    alarm = rendered["Resources"]["GatewayErrorsAlarm"]["Properties"]
    expression = next(each["Expression"] for each in alarm["Metrics"] if "Expression" in each)
    fill = {"FILL": lambda value, other: other if value is None else value}
    value = eval(expression, {"__builtins__": {}}, {**fill, "gateway": gateway, "answered": answered})
    assert (value > alarm["Threshold"]) is is_unseen
    assert alarm["ComparisonOperator"] == "GreaterThanThreshold"


@pytest.mark.parametrize("name", ["GatewayErrorsAlarm", "TableThrottlesAlarm"])
def test_one_period_alone_raises_no_alarm_where_metrics_race_or_retries_mend(rendered, name):
    alarm = rendered["Resources"][name]["Properties"]
    assert (alarm["DatapointsToAlarm"], alarm["EvaluationPeriods"]) == (2, 3)


def test_alarms_of_the_gateway_are_of_this_stage_alone(rendered):
    dimensions = {
        json.dumps(found)
        for name in ("GatewayErrorsAlarm", "GatewayLatencyAlarm")
        for found in _dimensions_in(rendered["Resources"][name]["Properties"], "AWS/ApiGateway")
    }
    (found,) = dimensions
    assert json.loads(found) == [
        {"Name": "ApiName", "Value": "lychgate-prod"},
        {"Name": "Stage", "Value": "api"},
    ]


def test_a_budget_tells_whom_the_alarms_tell_and_nobody_without_a_limit(rendered):
    budget = rendered["Resources"]["Budget"]

    def is_there(**given):
        return condition_holds(budget["Condition"], rendered, {"Stage": "prod", **given})

    assert not is_there(AlarmEmail="me@example.org")
    assert is_there(AlarmEmail="me@example.org", MonthlyBudget="20")
    assert is_there(AlarmTopicArn="arn:aws:sns:us-east-1:1:t", MonthlyBudget="20")
    assert rendered["Parameters"]["MonthlyBudget"]["Default"] == 0
    assert budget["Properties"]["Budget"]["BudgetLimit"] == {"Amount": {"Ref": "MonthlyBudget"}, "Unit": "USD"}
    for told in budget["Properties"]["NotificationsWithSubscribers"]:
        (subscriber,) = told["Subscribers"]
        for given, whom in (({"AlarmEmail": "me@example.org"}, "EMAIL"), ({"AlarmTopicArn": "arn:aws:sns:x"}, "SNS")):
            found = resolved(subscriber, rendered, {"Stage": "prod", **given}, place="Budget")
            assert found == {"SubscriptionType": whom, "Address": next(iter(given.values()))}


def test_a_budget_without_a_reader_is_refused_and_not_forgotten(rendered):
    rule = rendered["Rules"]["BudgetHasReader"]

    def holds(condition, **given):
        document = {**rendered, "Conditions": {"Asked": condition}}
        return condition_holds("Asked", document, {"Stage": "prod", **given})

    (assertion,) = rule["Assertions"]
    assert holds(rule["RuleCondition"], MonthlyBudget="20")
    assert not holds(rule["RuleCondition"])
    assert not holds(assertion["Assert"])
    assert holds(assertion["Assert"], AlarmEmail="me@example.org")


def test_alarms_watch_metrics_that_there_are(rendered):
    text = json.dumps(rendered["Resources"])
    for name in (
        requests.LOG_INS,
        requests.REFRESHES,
        log.TOKENS_REFUSED_FOR_NOW,
        log.UNUSABLE_HASHES,
        log.UNREADABLE_FEED,
    ):
        assert f'"MetricName": "{name}"' in text
    outcomes = {dimension["Value"] for dimension in _dimensions(rendered) if dimension["Name"] == "outcome"}
    assert outcomes == {"reused", "failed", "not_counted"}
    assert outcomes <= {outcome for _, outcome in requests.COUNTED_EVENTS.values()}
    assert f'"Namespace": "{log.NAMESPACE}"' in text


def _dimensions_in(alarm, namespace):
    for metric in (alarm, *(each["MetricStat"]["Metric"] for each in alarm.get("Metrics", []) if "MetricStat" in each)):
        if metric.get("Namespace") == namespace:
            yield metric["Dimensions"]


def _dimensions(rendered):
    for resource in rendered["Resources"].values():
        if resource["Type"] == "AWS::CloudWatch::Alarm":
            yield from resource["Properties"].get("Dimensions", [])


@pytest.mark.parametrize("stage", ["prod", "a", "a-b-1"])
def test_tables_are_protected_where_it_is_asked_for(stage):
    properties = DOCUMENT["Resources"]["UsersTable"]["Properties"]
    for protect, expected in (("true", True), ("false", False)):
        table = resolved(properties, DOCUMENT, {"Stage": stage, "Protect": protect}, place="UsersTable")
        assert table["DeletionProtectionEnabled"] is expected
        assert table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] is expected
        assert table["TableName"] == f"lychgate-{stage}-users"


@pytest.mark.parametrize(
    ("value", "named"),
    [
        ({"Ref": "AWS::Region"}, "AWS::Region"),
        ({"Ref": "FirstDistributionSecret"}, "FirstDistributionSecret"),
        ({"Fn::GetAtt": ["SiteBucket", "Arn"]}, "Fn::GetAtt"),
        ({"Fn::If": ["NoSuchCondition", 1, 2]}, "NoSuchCondition"),
        ({"Fn::Sub": "${AWS::Partition}"}, "AWS::Partition"),
    ],
)
def test_what_only_aws_knows_is_an_error_that_names_it(value, named):
    with pytest.raises(UnsupportedTemplateError, match=named):
        resolved(value, DOCUMENT, {"Stage": "prod"}, place="here")


def test_what_is_about_mails_is_there_only_with_a_sender(rendered):
    of_mails = {
        name: each["Condition"]
        for name, each in rendered["Resources"].items()
        if name.startswith("Mail") and not name.endswith(("Table", "Logs"))
    }
    assert len(of_mails) == 16
    given = {"Stage": "prod", "AlarmEmail": "me@example.org", "HasMailer": "true", "MailDomain": "example.org"}
    for name, condition in of_mails.items():
        assert not condition_holds(condition, rendered, given), name
        assert condition_holds(condition, rendered, {**given, "MailFrom": "a@example.org"}), name
    for name in ("MailStreamMapping", "MailFeedbackSubscription", "MailFeedbackPermission", "MailFeedbackFailures"):
        without = {**given, "MailFrom": "a@example.org", "HasMailer": "false"}
        assert not condition_holds(of_mails[name], rendered, without), name


def test_what_is_about_webhooks_is_there_only_with_an_endpoint(rendered):
    of_webhooks = {
        name: each["Condition"]
        for name, each in rendered["Resources"].items()
        if name.startswith("Webhook") and not name.endswith("Logs")
    }
    assert len(of_webhooks) == 5
    given = {"Stage": "prod", "AlarmEmail": "me@example.org"}
    for name, condition in of_webhooks.items():
        assert not condition_holds(condition, rendered, given), name
        prepared = condition_holds(condition, rendered, {**given, "Webhooks": "prepared"})
        assert prepared is (name != "WebhookStreamMapping"), name
        assert condition_holds(condition, rendered, {**given, "Webhooks": "on"}), name


def test_an_event_is_sent_or_in_the_queue_before_the_stream_forgets_it(rendered):
    mapping = rendered["Resources"]["WebhookStreamMapping"]["Properties"]
    assert mapping["MaximumRecordAgeInSeconds"] < 24 * 3600
    assert "MaximumRetryAttempts" not in mapping  # as often as that takes
    assert mapping["StartingPosition"] == "TRIM_HORIZON"
    failed = mapping["DestinationConfig"]["OnFailure"]["Destination"]
    assert failed == {"Fn::GetAtt": ["WebhookDeadLetters", "Arn"]}
    queue = rendered["Resources"]["WebhookDeadLetters"]["Properties"]
    assert (queue["SqsManagedSseEnabled"], queue["MessageRetentionPeriod"]) == (True, 14 * 24 * 3600)


def test_only_ses_writes_to_the_topic_of_bounces_for_this_stage_and_over_tls(rendered):
    allow, deny = rendered["Resources"]["MailFeedbackPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert (allow["Effect"], allow["Principal"]) == ("Allow", {"Service": "ses.amazonaws.com"})
    assert allow["Action"] == deny["Action"] == "sns:Publish"
    condition = allow["Condition"]["StringEquals"]
    assert condition["AWS:SourceAccount"] == {"Ref": "AWS::AccountId"}
    assert condition["AWS:SourceArn"]["Fn::Sub"].endswith(":configuration-set/${MailConfiguration}")
    assert (deny["Effect"], deny["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})


def test_mails_that_were_given_up_are_kept_encrypted_for_two_weeks(rendered):
    queue = rendered["Resources"]["MailDeadLetters"]["Properties"]
    assert queue["SqsManagedSseEnabled"] is True
    assert queue["MessageRetentionPeriod"] == 14 * 24 * 3600
    for name in ("MailStreamMapping", "MailFeedbackFailures"):
        failed = rendered["Resources"][name]["Properties"]["DestinationConfig"]["OnFailure"]["Destination"]
        assert failed == {"Fn::GetAtt": ["MailDeadLetters", "Arn"]}


def test_a_mail_is_repeated_for_an_hour_from_wherever_the_stream_begins_and_holds_up_a_part_of_it(rendered):
    mapping = rendered["Resources"]["MailStreamMapping"]["Properties"]
    # Until then an operator's command leaves it alone.
    assert mapping["MaximumRecordAgeInSeconds"] == REPEATED_SECONDS == LIFETIMES[MailKind.REGISTER]
    assert "MaximumRetryAttempts" not in mapping  # as often as that takes
    assert mapping["StartingPosition"] == "TRIM_HORIZON"
    assert mapping["ParallelizationFactor"] > 1
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["BisectBatchOnFunctionError"] is True


def test_ses_tells_of_bounces_and_of_complaints(rendered):
    destination = rendered["Resources"]["MailFeedbackDestination"]["Properties"]
    assert destination["ConfigurationSetName"] == {"Ref": "MailConfiguration"}
    event = destination["EventDestination"]
    assert (event["Enabled"], event["MatchingEventTypes"]) == (True, ["bounce", "complaint"])
    assert event["SnsDestination"] == {"TopicARN": {"Ref": "MailFeedback"}}


def test_a_notice_of_ses_is_tried_three_times(rendered):
    # The first attempt is no retry.
    assert rendered["Resources"]["MailFeedbackFailures"]["Properties"]["MaximumRetryAttempts"] == 2


def test_ses_tells_nobody_of_bounces_by_mail(rendered):
    identity = rendered["Resources"]["MailIdentity"]["Properties"]
    assert identity["FeedbackAttributes"] == {"EmailForwardingEnabled": False}


@pytest.mark.parametrize("key", ["", "arn:aws:kms:us-east-1:123456789012:key/mine"])
def test_the_topic_of_bounces_is_encrypted_by_the_operators_key_where_there_is_one(rendered, key):
    template = sent(rendered, Stage="prod", MailFrom="a@example.org", FeedbackKeyArn=key)
    encrypted_by = {"KmsMasterKeyId": {"Ref": "FeedbackKeyArn"}} if key else {}
    assert template["Resources"]["MailFeedback"]["Properties"] == {
        "TopicName": "lychgate-prod-mail-feedback",
        **encrypted_by,
    }


def test_mails_are_signed_and_go_out_although_the_envelopes_domain_misses_its_records(rendered):
    identity = rendered["Resources"]["MailIdentity"]["Properties"]
    assert identity["DkimAttributes"] == {"SigningEnabled": True}
    _, envelope, without = identity["MailFromAttributes"]["Fn::If"]
    assert envelope == {"MailFromDomain": {"Ref": "BounceDomain"}, "BehaviorOnMxFailure": "USE_DEFAULT_VALUE"}
    assert without == {"Ref": "AWS::NoValue"}


def test_mails_go_to_servers_that_encrypt_and_to_no_address_that_has_bounced(rendered):
    configuration = rendered["Resources"]["MailConfiguration"]["Properties"]
    assert configuration["DeliveryOptions"] == {"TlsPolicy": "REQUIRE"}
    assert configuration["SuppressionOptions"] == {"SuppressedReasons": ["BOUNCE", "COMPLAINT"]}
    identity = rendered["Resources"]["MailIdentity"]
    assert identity["DeletionPolicy"] == "RetainExceptOnCreate"
    assert identity["Properties"]["DkimSigningAttributes"] == {"NextSigningKeyLength": "RSA_2048_BIT"}


API, AUTHORIZER, MAILER, WEBHOOKS = (f"lychgate-prod{of}" for of in ("", "-authorizer", "-mailer", "-webhooks"))
RINGS_AT_ONCE = {
    "Period": 300,
    "EvaluationPeriods": 1,
    "ComparisonOperator": "GreaterThanThreshold",
    "TreatMissingData": "notBreaching",
}
TWO_OF_THREE = {"EvaluationPeriods": 3, "DatapointsToAlarm": 2}


def metric(namespace, name, **dimensions):
    """Return a metric as a template names it."""
    return {
        "Namespace": namespace,
        "MetricName": name,
        "Dimensions": [{"Name": dimension, "Value": value} for dimension, value in dimensions.items()],
    }


def of_lambda(name, function=API):
    return metric("AWS/Lambda", name, FunctionName=function)


def of_gateway(name):
    return metric("AWS/ApiGateway", name, ApiName="lychgate-prod", Stage="api")


def of_table(name, table, **index):
    return metric("AWS/DynamoDB", name, TableName={"Ref": f"{table.capitalize()}Table"}, **index)


def of_index(index):
    return of_table("WriteThrottleEvents", "users", GlobalSecondaryIndexName=index)


def of_queue(name):
    length = "ApproximateNumberOfMessagesVisible"
    return {**metric("AWS/SQS", length, QueueName={"Fn::GetAtt": [name, "QueueName"]}), "Statistic": "Maximum"}


def of_ses(name):
    """Return a rate of the mails of this stage alone. Between two values, which may be hours apart, the state stays."""
    rate = metric("AWS/SES", name, **{"ses:configuration-set": {"Ref": "MailConfiguration"}})
    return {
        **rate,
        "Statistic": "Maximum",
        "Period": 3600,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "TreatMissingData": "ignore",
    }


def of_ours(name, function=API, **dimensions):
    """Return a metric as our log lines have it (``JsonFormatter``)."""
    return metric(log.NAMESPACE, name, function=function, **dimensions)


def computed(expression, **metrics):
    """Return what an alarm computes from the sums of metrics, by their ids."""
    return {"Metrics": {None: expression, **metrics}, "Period": None}


THROTTLED = {
    f"{table}{kind}s": of_table(f"{kind}ThrottleEvents", table)
    for table in ("users", "sessions", "events", "throttle", "mail")
    for kind in ("Read", "Write")
}
OF_5XX = of_ours(requests.REQUESTS, status_class="5xx")
ALARMS = {
    "ServerErrorsAlarm": OF_5XX,
    "ApiCrashesAlarm": of_lambda("Errors"),
    "LatencyAlarm": {
        **of_lambda("Duration"),
        "ExtendedStatistic": "p99",
        "EvaluationPeriods": 3,
        "Threshold": 3_000,
    },
    "GatewayErrorsAlarm": {
        **computed("gateway - 1.1 * FILL(answered, 0)", gateway=of_gateway("5XXError"), answered=OF_5XX),
        **TWO_OF_THREE,
    },
    "GatewayLatencyAlarm": {
        **of_gateway("Latency"),
        "ExtendedStatistic": "p99",
        "EvaluationPeriods": 3,
        "Threshold": 5_000,
    },
    "ApiThrottlesAlarm": of_lambda("Throttles"),
    "AuthorizerThrottlesAlarm": of_lambda("Throttles", AUTHORIZER),
    "AuthorizerErrorsAlarm": computed(
        "errors - FILL(refused, 0)",
        errors=of_lambda("Errors", AUTHORIZER),
        refused=of_ours(log.TOKENS_REFUSED_FOR_NOW, AUTHORIZER),
    ),
    "TableThrottlesAlarm": {
        **computed(" + ".join(f"FILL({name}, 0)" for name in THROTTLED), **THROTTLED),
        **TWO_OF_THREE,
    },
    "IndexThrottlesAlarm": {
        **computed("FILL(byId, 0) + FILL(byName, 0)", byId=of_index("by-id"), byName=of_index("by-name")),
        **TWO_OF_THREE,
    },
    "ReuseAlarm": {
        **of_ours(requests.REFRESHES, outcome="reused"),
        "Period": 3600,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "Threshold": {"Ref": "ReuseAlarmThreshold"},
    },
    "FailedLogInsAlarm": {**of_ours(requests.LOG_INS, outcome="failed"), "Threshold": 100},
    "UncountedLogInsAlarm": of_ours(requests.LOG_INS, outcome="not_counted"),
    "UnusableHashesAlarm": of_ours(log.UNUSABLE_HASHES),
    "UnreadableFeedAlarm": of_ours(log.UNREADABLE_FEED),
    "MailerErrorsAlarm": of_lambda("Errors", MAILER),
    "MailFailuresAlarm": {**of_ours(mails.FAILED, MAILER), **TWO_OF_THREE},
    "MailDelayAlarm": {**of_lambda("IteratorAge", MAILER), "Statistic": "Maximum", "Threshold": 120_000},
    "MailDeadLettersAlarm": of_queue("MailDeadLetters"),
    "MailBouncesAlarm": {**of_ses("Reputation.BounceRate"), "Threshold": 0.04},
    "MailComplaintsAlarm": {**of_ses("Reputation.ComplaintRate"), "Threshold": 0.0008},
    "WebhookRefusalsAlarm": of_ours(webhooks.REFUSED, WEBHOOKS),
    "WebhookDelayAlarm": {**of_lambda("IteratorAge", WEBHOOKS), "Statistic": "Maximum", "Threshold": 900_000},
    "WebhookDeadLettersAlarm": of_queue("WebhookDeadLetters"),
}
"""Of each alarm the metric that rings it, as AWS's services and our log lines name them, and what is not the same for
most: one more than nothing in five minutes rings."""


def test_every_alarm_is_in_the_table(rendered):
    alarms = {name for name, each in rendered["Resources"].items() if each["Type"] == "AWS::CloudWatch::Alarm"}
    assert ALARMS.keys() == alarms


@pytest.mark.parametrize("name", ALARMS)
def test_an_alarm_watches_a_metric_that_there_is_and_rings_when_it_should(rendered, name):
    alarm = {**rendered["Resources"][name]["Properties"]}
    for member in ("AlarmName", "AlarmDescription"):
        assert alarm.pop(member)
    assert alarm.pop("AlarmActions") == [{"Fn::If": ["AlarmsByEmail", {"Ref": "AlarmTopic"}, {"Ref": "AlarmTopicArn"}]}]
    wanted = {**RINGS_AT_ONCE, "Threshold": 0, **ALARMS[name]}
    if "Metrics" in wanted:
        computed, *sums = alarm.pop("Metrics")
        del wanted["Period"]
        (expression, *metrics) = wanted.pop("Metrics").items()
        assert (None, computed["Expression"]) == expression
        assert "ReturnData" not in computed
        for found, (identifier, each) in zip(sums, metrics, strict=True):
            summed_up = {"Metric": each, "Period": 300, "Stat": "Sum"}
            assert found == {"Id": identifier, "ReturnData": False, "MetricStat": summed_up}
    elif "ExtendedStatistic" not in wanted:
        wanted.setdefault("Statistic", "Sum")
    assert alarm == wanted


def test_the_alarms_of_mails_ring_in_time(rendered):
    limits = {name: rendered["Resources"][name]["Properties"]["Threshold"] for name in ALARMS}
    # Milliseconds. A code is good for ten minutes.
    assert 60_000 <= limits["MailDelayAlarm"] <= 1000 * LIFETIMES[MailKind.LOGIN_CODE] / 2
    # SES counts for a configuration set only if it is told to. The alarms of what is not counted never change.
    configuration = rendered["Resources"]["MailConfiguration"]["Properties"]
    assert configuration["ReputationOptions"] == {"ReputationMetricsEnabled": True}
    # AWS reviews an account from these on.
    assert limits["MailBouncesAlarm"] < 0.05
    assert limits["MailComplaintsAlarm"] < 0.001


def test_the_mailers_log_is_forgotten_in_time_as_all_others(rendered):
    groups = [each for each in rendered["Resources"].values() if each["Type"] == "AWS::Logs::LogGroup"]
    names = [each["Properties"]["LogGroupName"] for each in groups]
    assert any("mailer" in str(name) for name in names)
    assert all(each["Properties"]["RetentionInDays"] for each in groups)

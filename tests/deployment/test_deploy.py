"""From nothing to working to nothing, against moto."""

import hashlib
import json

import boto3

from infra.deployment.observation import ACCOUNT_ROLE
from infra.deployment.site import CACHE_CONTROL
from infra.runtime import RUNTIME
from infra.stages import FUNCTIONS, function_name
from tests.deployment.operator_here import account, raising

TABLES = [f"lychgate-prod-{name}" for name in ("events", "mail", "sessions", "throttle", "users")]
FUNCTION_NAMES = {name: function_name("lychgate", "prod", name) for name in FUNCTIONS}
LOGS = ["/aws/apigateway/lychgate-prod", *(f"/aws/lambda/{name}" for name in sorted(FUNCTION_NAMES.values()))]


def headers_to_the_api(aws):
    origins = aws.properties("Distribution")["DistributionConfig"]["Origins"]
    return {header["HeaderName"]: header["HeaderValue"] for header in origins[1]["OriginCustomHeaders"]}


def keys_of_the_plan(aws):
    """The values of the API keys that the usage plan takes, by which of the two they are."""
    return {which: aws.properties(f"{which}DistributionKey")["Value"] for which in ("First", "Second")}


def invalidations(distribution):
    return len(boto3.client("cloudfront").list_invalidations(DistributionId=distribution)["InvalidationList"]["Items"])


def test_goes_from_nothing_to_working_to_nothing(operator, aws):
    operator.begins_from_nothing()
    at_first, files_at_first = account(), operator.files()

    assert operator.deploy() == 0, operator.errors

    made = account()
    (api,), (distribution,) = made["apis"], made["distributions"]
    assert made == {
        "stacks": ["lychgate-prod"],
        "tables": TABLES,
        "buckets": ["lychgate-prod-123456789012-us-east-1"],
        "functions": sorted(FUNCTION_NAMES.values()),
        "roles": [ACCOUNT_ROLE, *(f"lychgate-prod-{name}" for name in sorted(FUNCTIONS))],
        "apis": [api],
        "distributions": [distribution],
        "parameters": ["/lychgate/prod/signing-keys"],
        "logs": LOGS,
    }
    (origin,) = operator.smoked
    assert operator.smoked_apis == [f"https://{api}.execute-api.us-east-1.amazonaws.com"]
    _assert_the_distribution_serves_page_and_api(aws, api)
    _assert_only_the_distribution_reaches_the_api(aws, api)
    _assert_the_gateway_itself_answers_what_is_no_route(api)
    _assert_the_functions_are_configured(operator, aws, origin)
    _assert_the_data_is_protected()
    _assert_the_page_is_in_the_bucket(operator, made["buckets"][0])
    _assert_all_is_tagged(aws, api)

    assert operator.destroy("--with-data") == 0, operator.errors

    # The account's role for logs is nobody's alone: other stages and other APIs write with it too.
    assert account() == {**at_first, "roles": [ACCOUNT_ROLE]}
    assert operator.files() == files_at_first


def _assert_the_distribution_serves_page_and_api(aws, api):
    config = aws.properties("Distribution")["DistributionConfig"]
    assert [origin["Id"] for origin in config["Origins"]] == ["site", "api"]
    assert config["Origins"][1]["DomainName"] == f"{api}.execute-api.us-east-1.amazonaws.com"
    assert [behaviour["PathPattern"] for behaviour in config["CacheBehaviors"]] == [
        "/api/.well-known/revoked.*",
        "/api/*",
    ]
    assert [stage["stageName"] for stage in boto3.client("apigateway").get_stages(restApiId=api)["item"]] == ["api"]
    assert config["DefaultCacheBehavior"]["ResponseHeadersPolicyId"]


def _assert_only_the_distribution_reaches_the_api(aws, api):
    client = boto3.client("apigateway")
    plan = aws.properties("DistributionPlan")
    assert plan["ApiStages"] == [{"ApiId": api, "Stage": "api"}]
    assert {name: int(value) for name, value in plan["Throttle"].items()} == {"RateLimit": 500, "BurstLimit": 1000}
    for which in ("First", "Second"):
        assert aws.properties(f"{which}KeyInPlan") == {
            "KeyId": aws.made(f"{which}DistributionKey").physical_resource_id,
            "KeyType": "API_KEY",
            "UsagePlanId": aws.made("DistributionPlan").physical_resource_id,
        }
    sent = headers_to_the_api(aws)
    assert sent["X-Api-Key"] == sent["X-Lychgate-Distribution"] == keys_of_the_plan(aws)["First"]
    methods = [
        method
        for resource in client.get_resources(restApiId=api, embed=["methods"])["items"]
        for method in resource.get("resourceMethods", {}).values()
    ]
    assert len(methods) > 30
    assert all(method["apiKeyRequired"] for method in methods)
    settings = client.get_stage(restApiId=api, stageName="api")["methodSettings"]["*/*"]
    assert (settings["throttlingRateLimit"], settings["throttlingBurstLimit"]) == (500.0, 1000)


def _assert_the_gateway_itself_answers_what_is_no_route(api):
    client = boto3.client("apigateway")
    resources = {resource["path"]: resource["id"] for resource in client.get_resources(restApiId=api)["items"]}
    for path in ("/", "/{proxy+}"):
        method = client.get_method(restApiId=api, resourceId=resources[path], httpMethod="ANY")
        assert method["authorizationType"] == "NONE"
        assert method["methodIntegration"]["type"] == "MOCK"
        assert method["methodIntegration"]["requestTemplates"] == {"application/json": '{"statusCode": 404}'}


def _assert_the_functions_are_configured(operator, aws, origin):
    client = boto3.client("lambda")
    found = {name: client.get_function_configuration(FunctionName=each) for name, each in FUNCTION_NAMES.items()}
    handler, authorizer, mailer, admin = (found[name] for name in ("api_handler", "authorizer", "mailer", "admin"))
    variables = handler["Environment"]["Variables"]
    assert variables["LYCHGATE_ISSUER"] == authorizer["Environment"]["Variables"]["LYCHGATE_ISSUER"] == f"{origin}/api"
    assert variables["LYCHGATE_ALLOWED_ORIGINS"] == origin
    digests = [hashlib.sha256(secret.encode()).hexdigest() for secret in keys_of_the_plan(aws).values()]
    assert variables["LYCHGATE_DISTRIBUTION_SECRET_SHA256"].split(",") == digests
    assert {
        name: client.get_function_concurrency(FunctionName=each).get("ReservedConcurrentExecutions")
        for name, each in FUNCTION_NAMES.items()
    } == {**dict.fromkeys(FUNCTIONS), "api_handler": 100, "authorizer": 50, "admin": 10}
    assert set(authorizer["Environment"]["Variables"]) == {"LYCHGATE_ISSUER", "LYCHGATE_PUBLIC_KEYS"}
    assert {(each["Runtime"], *each["Architectures"]) for each in found.values()} == {(RUNTIME, "arm64")}
    assert admin["Environment"]["Variables"] == variables
    assert (admin["Handler"], admin["MemorySize"], admin["Timeout"]) == ("app.admin", 512, 29)
    assert (mailer["MemorySize"], mailer["Timeout"]) == (256, 30)
    policy = boto3.client("iam").get_role_policy(
        RoleName="lychgate-prod-api_handler", PolicyName="lychgate-prod-api_handler"
    )
    written = json.loads((operator.project / ".chalice" / "policy-prod-api_handler.json").read_text())
    assert policy["PolicyDocument"] == written


def _assert_the_data_is_protected():
    client = boto3.client("dynamodb")
    for table in TABLES:
        assert client.describe_table(TableName=table)["Table"]["DeletionProtectionEnabled"] is True
        backups = client.describe_continuous_backups(TableName=table)["ContinuousBackupsDescription"]
        assert backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED"
    for group in boto3.client("logs").describe_log_groups()["logGroups"]:
        assert group["retentionInDays"] == 90


def _assert_the_page_is_in_the_bucket(operator, bucket):
    client = boto3.client("s3")
    page = operator.project / "static-site"
    assert client.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    for path in (path for path in page.rglob("*") if path.is_file()):
        found = client.get_object(Bucket=bucket, Key=path.relative_to(page).as_posix())
        assert found["Body"].read() == path.read_bytes()
        assert found["CacheControl"] == CACHE_CONTROL
    wanted = {
        "index.html": "text/html; charset=utf-8",
        "inspector.html": "text/html; charset=utf-8",
        "admin.html": "text/html; charset=utf-8",
        "js/page.js": "text/javascript; charset=utf-8",
        "js/lychgate.d.ts": "text/plain; charset=utf-8",
    }
    assert {name: client.head_object(Bucket=bucket, Key=name)["ContentType"] for name in wanted} == wanted


def _assert_all_is_tagged(aws, api):
    wanted = ("lychgate:stage", "prod")
    assert aws.stack("lychgate-prod").tags.items() >= {wanted}
    assert boto3.client("apigateway").get_rest_api(restApiId=api)["tags"].items() >= {wanted}
    for name in FUNCTION_NAMES.values():
        tags = boto3.client("lambda").list_tags(Resource=f"arn:aws:lambda:us-east-1:123456789012:function:{name}")
        assert tags["Tags"].items() >= {wanted}
    tags = boto3.client("ssm").list_tags_for_resource(
        ResourceType="Parameter", ResourceId="/lychgate/prod/signing-keys"
    )
    assert tags["TagList"] == [dict(zip(("Key", "Value"), wanted, strict=True))]


def test_a_second_deploy_changes_nothing_and_a_change_is_all_that_a_third_does(operator, aws, monkeypatch):
    operator.has_deployed()
    made, files, secret = account(), operator.files(), headers_to_the_api(aws)
    (api,), (distribution,) = made["apis"], made["distributions"]
    deployments = boto3.client("apigateway").get_deployments(restApiId=api)["items"]

    assert operator.deploy() == 0, operator.errors

    for step in ("Foundation", "Signing keys", "Configuration", "chalice deploy", "Site", "Distribution"):
        assert operator.below(step)[0].startswith("unchanged"), step
    assert operator.below("Invalidation") == ["not needed"]
    assert (account(), operator.files(), headers_to_the_api(aws)) == (made, files, secret)
    assert boto3.client("apigateway").get_deployments(restApiId=api)["items"] == deployments
    assert invalidations(distribution) == 1

    (operator.project / "static-site" / "styles.css").write_text("body { color: red }")
    (operator.project / "static-site" / "js/elements/gate.svg").unlink()
    assert operator.deploy() == 0, operator.errors

    assert operator.below("chalice deploy") == ["unchanged"]
    assert operator.below("Site") == ["uploaded styles.css", "deleted js/elements/gate.svg"]
    assert invalidations(distribution) == 2

    (operator.project / "static-site" / "styles.css").write_text("body { color: blue }")
    with raising(monkeypatch, "CreateInvalidation", KeyboardInterrupt()):
        assert operator.deploy() == 130
    assert operator.deploy() == 0, operator.errors
    assert operator.below("Site") == ["unchanged"]
    assert invalidations(distribution) == 3  # what the run before did not come to

    with (operator.project / "chalicelib" / "models.py").open("a") as module:
        module.write("# changed\n")
    assert operator.deploy() == 0, operator.errors

    assert "chalice: Updating lambda function: lychgate-prod" in operator.below("chalice deploy")
    assert operator.below("Foundation") == operator.below("Site") == ["unchanged"]
    assert account() == made
    assert invalidations(distribution) == 3


def test_the_record_of_chalice_is_made_again_where_it_was_lost(operator, aws):
    operator.has_deployed()
    made, record = account(), operator.files()["deployed/prod.json"]
    (operator.project / ".chalice" / "deployed" / "prod.json").unlink()

    assert operator.deploy() == 0, operator.errors

    def by_name(text):
        return sorted(json.loads(text)["resources"], key=lambda resource: resource["name"])

    assert by_name(operator.files()["deployed/prod.json"]) == by_name(record)
    assert account() == made


def test_data_outlives_the_stage_and_is_taken_in_again(operator, aws):
    operator.has_deployed()
    boto3.client("dynamodb").put_item(
        TableName="lychgate-prod-users", Item={"username_key": {"S": "a"}, "user_id": {"S": "u"}}
    )
    keys = boto3.client("ssm").get_parameter(Name="/lychgate/prod/signing-keys", WithDecryption=True)["Parameter"]

    assert operator.destroy() == 0, operator.errors

    left = account()
    assert (left["tables"], left["logs"], left["parameters"]) == (TABLES, LOGS, ["/lychgate/prod/signing-keys"])
    assert left["stacks"] == left["buckets"] == left["functions"] == left["apis"] == left["distributions"] == []

    assert operator.deploy() == 0, operator.errors

    assert boto3.client("dynamodb").scan(TableName="lychgate-prod-users")["Count"] == 1
    again = boto3.client("ssm").get_parameter(Name="/lychgate/prod/signing-keys", WithDecryption=True)["Parameter"]
    assert (again["Value"], again["Version"]) == (keys["Value"], 1)
    # The address of the first site is nobody to trust any longer.
    variables = operator.config()["stages"]["prod"]["lambda_functions"]["api_handler"]["environment_variables"]
    assert variables["LYCHGATE_ALLOWED_ORIGINS"] == operator.smoked[-1] != operator.smoked[0]

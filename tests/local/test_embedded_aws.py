import json
import re
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from infra.local.embedded_aws import NotKeptError
from infra.tables import create_tables, table_definitions, table_names
from tests.local.conftest import ROOT, SECRET_KEY
from tests.support.commands import run_to_end

USERS = "lychgate-dev-users"
MALLORY = json.dumps({"TableName": USERS, "Item": {"username_key": {"S": "mallory"}}}).encode()
PUT = {"X-Amz-Target": "DynamoDB_20120810.PutItem", "Content-Type": "application/x-amz-json-1.0"}


def signed(port, headers, body=b"", *, method="POST", path="/", secret_key=SECRET_KEY):
    """The headers of a request with their signature, as AWS's clients make it."""
    request = AWSRequest(method, f"http://127.0.0.1:{port}{path}", headers, body)
    SigV4Auth(Credentials("any", secret_key), "dynamodb", "us-east-1").add_auth(request)
    return dict(request.headers.items())


def told_of_writes(aws):
    """The operation and the request of each write from now on."""
    told = []

    def keep(operation, body, execute):
        told.append((operation, json.loads(body)))
        return execute()

    aws.keep_writes(keep)
    return told


def test_concurrent_conditional_updates_have_exactly_one_winner(aws, serve, connect):
    create_tables(aws.dynamodb(), "dev")
    port = serve(aws)
    rounds, rivals = 20, 8
    clients = [connect("dynamodb", port) for _ in range(rivals)]

    def try_to_win(client, number):
        try:
            client.update_item(
                TableName="lychgate-dev-users",
                Key={"username_key": {"S": f"round-{number}"}},
                UpdateExpression="SET winner = :true",
                ConditionExpression="attribute_not_exists(winner)",
                ExpressionAttributeValues={":true": {"BOOL": True}},
            )
        except client.exceptions.ConditionalCheckFailedException:
            return 0
        return 1

    with ThreadPoolExecutor(rivals) as threads:
        for number in range(rounds):
            wins = threads.map(lambda client, number=number: try_to_win(client, number), clients)
            assert sum(wins) == 1


@pytest.mark.parametrize(
    "header",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "none"},
        {"Host": "evil.example:8001"},
    ],
)
def test_a_request_that_a_browser_made_changes_nothing(aws, serve, ask, header):
    create_tables(aws.dynamodb(), "dev")
    port = serve(aws)
    headers = signed(port, PUT, MALLORY)

    refused = ask(port, "POST", "/", headers | header, MALLORY)

    assert refused.status == 403
    assert "Access-Control-Allow-Origin" not in refused.headers
    assert aws.dynamodb().scan(TableName="lychgate-dev-users")["Count"] == 0
    assert ask(port, "POST", "/", headers, MALLORY).status == 200, "the same request is good without the header"


def with_another_signature(headers):
    return headers | {"Authorization": re.sub("Signature=.{8}", "Signature=00000000", headers["Authorization"])}


def without_a_signature_of_what_it_does(headers):
    return headers | {"Authorization": headers["Authorization"].replace("x-amz-target", "x-amz-other")}


@pytest.mark.parametrize(
    "change",
    [
        lambda headers: PUT,
        lambda headers: headers | {"Authorization": ""},
        lambda headers: headers | {"Authorization": f"Bearer {SECRET_KEY}"},
        lambda headers: headers | {"X-Amz-Security-Token": SECRET_KEY, "Authorization": "AWS4-HMAC-SHA256"},
        lambda headers: {name: value for name, value in headers.items() if name != "X-Amz-Date"},
        lambda headers: headers | {"X-Amz-Date": "20000101T000000Z"},
        lambda headers: headers | {"X-Amz-Target": "DynamoDB_20120810.DeleteItem"},
        lambda headers: headers | {"Host": "localhost:1"},
        with_another_signature,
        without_a_signature_of_what_it_does,
    ],
)
def test_a_request_that_is_not_signed_with_the_secret_key_of_the_run_touches_nothing(aws, serve, ask, change):
    create_tables(aws.dynamodb(), "dev")
    aws.dynamodb().put_item(TableName=USERS, Item={"username_key": {"S": "alice"}})
    told = told_of_writes(aws)
    port = serve(aws)

    refused = ask(port, "POST", "/", change(signed(port, PUT, MALLORY)), MALLORY)

    assert (refused.status, json.loads(refused.body)["__type"]) == (403, "UnrecognizedClientException")
    assert SECRET_KEY.encode() not in refused.body
    assert aws.dynamodb().scan(TableName=USERS)["Items"] == [{"username_key": {"S": "alice"}}]
    assert told == []


def test_a_signature_is_of_one_body_only(aws, serve, ask):
    create_tables(aws.dynamodb(), "dev")
    port = serve(aws)

    assert ask(port, "POST", "/", signed(port, PUT, b"{}"), MALLORY).status == 403
    assert aws.dynamodb().scan(TableName=USERS)["Count"] == 0


def test_a_signature_for_another_port_is_refused_as_another_program_may_listen_there(aws, serve, ask):
    create_tables(aws.dynamodb(), "dev")
    port, other = serve(aws), 9001
    passed_on = {**signed(other, PUT, MALLORY), "Host": f"127.0.0.1:{other}"}

    assert ask(port, "POST", "/", passed_on, MALLORY).status == 403
    assert aws.dynamodb().scan(TableName=USERS)["Count"] == 0


@pytest.mark.parametrize("secret_key", ["any", f"{SECRET_KEY} ", SECRET_KEY[:-1]])
def test_another_secret_key_is_refused_and_the_error_says_where_the_right_one_is(aws, serve, connect, secret_key):
    client = connect("dynamodb", serve(aws), secret_key)

    with pytest.raises(ClientError, match="the file `credentials` in the database's data directory") as refused:
        client.list_tables()

    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_who_it_is_is_told_to_whoever_has_the_secret_key(aws, serve, ask):
    port = serve(aws)

    assert ask(port, "GET", "/lychgate").status == 403
    told = ask(port, "GET", "/lychgate", signed(port, {}, method="GET", path="/lychgate"))
    assert (told.status, json.loads(told.body)) == (200, {"service": "test"})


def test_nothing_but_dynamodb_and_ssm_can_be_reached(aws, serve, ask):
    create_tables(aws.dynamodb(), "dev")
    port = serve(aws)

    def answer(method, path, headers):
        return ask(port, method, path, signed(port, headers, method=method, path=path)).status

    assert answer("POST", "/moto-api/reset", {}) == 404
    assert answer("GET", "/", {}) == 404
    assert answer("POST", "/", {"X-Amz-Target": "Logs_20140328.DescribeLogGroups"}) == 404

    assert len(table_names(aws.dynamodb())) == len(table_definitions("dev"))


def test_every_region_and_session_sees_the_same_tables(aws, serve, connect):
    create_tables(aws.dynamodb(), "dev")
    client = connect("dynamodb", serve(aws), region="eu-central-1", aws_session_token="of a role")

    assert len(table_names(client)) == len(table_definitions("dev"))


def test_a_secure_string_is_decrypted_only_on_demand(aws, serve, connect):
    client = connect("ssm", serve(aws))
    client.put_parameter(Name="/a/b", Value="secret", Type="SecureString")

    assert client.get_parameter(Name="/a/b", WithDecryption=True)["Parameter"]["Value"] == "secret"
    assert client.get_parameter(Name="/a/b")["Parameter"]["Value"] != "secret"


def test_writes_go_through_whoever_keeps_them_and_reads_do_not(aws):
    client = aws.dynamodb()
    create_tables(client, "dev")
    told = told_of_writes(aws)

    client.scan(TableName="lychgate-dev-users")
    client.get_item(TableName="lychgate-dev-users", Key={"username_key": {"S": "alice"}})
    assert told == []

    client.put_item(TableName="lychgate-dev-users", Item={"username_key": {"S": "alice"}})
    assert told == [("PutItem", {"TableName": USERS, "Item": {"username_key": {"S": "alice"}}})]


def test_a_write_that_could_not_be_kept_is_answered_as_one_that_may_be_tried_again(aws, serve, connect):
    create_tables(aws.dynamodb(), "dev")

    def refuse(operation, body, execute):
        raise NotKeptError("the disk is full")

    aws.keep_writes(refuse)
    client = connect("dynamodb", serve(aws), config=Config(retries={"total_max_attempts": 1}))

    with pytest.raises(ClientError, match="PutItem could not be kept on disk: the disk is full") as refused:
        client.put_item(TableName=USERS, Item={"username_key": {"S": "alice"}})

    assert refused.value.response["Error"]["Code"] == "ServiceUnavailable"
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503
    assert client.scan(TableName=USERS)["Count"] == 0


def test_a_start_reads_nothing_of_moto_for_what_only_a_command_to_machines_needs(aws):
    loaded = "import sys, infra.local.moto_services; print('moto.ssm' in sys.modules, 'moto.ec2' in sys.modules)"
    done = run_to_end([sys.executable, "-c", loaded], ROOT)
    assert done.stdout.split() == ["True", "False"]

    sent = aws.ssm().send_command(DocumentName="AWS-RunShellScript", Targets=[{"Key": "tag:a", "Values": ["b"]}])
    assert sent["Command"]["TargetCount"] == 0

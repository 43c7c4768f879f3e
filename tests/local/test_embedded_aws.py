import json
from concurrent.futures import ThreadPoolExecutor

import boto3
import pytest

from infra.tables import create_tables, table_definitions, table_names


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
    body = json.dumps({"TableName": "lychgate-dev-users", "Item": {"username_key": {"S": "mallory"}}}).encode()
    headers = {"X-Amz-Target": "DynamoDB_20120810.PutItem", "Content-Type": "application/x-amz-json-1.0"}
    port = serve(aws)

    refused = ask(port, "POST", "/", headers | header, body)

    assert refused.status == 403
    assert "Access-Control-Allow-Origin" not in refused.headers
    assert aws.dynamodb().scan(TableName="lychgate-dev-users")["Count"] == 0
    assert ask(port, "POST", "/", headers, body).status == 200, "the same request is good without the header"


def test_nothing_but_dynamodb_and_ssm_can_be_reached(aws, serve, ask):
    create_tables(aws.dynamodb(), "dev")
    port = serve(aws)

    assert ask(port, "POST", "/moto-api/reset").status == 404
    assert ask(port, "GET", "/").status == 404
    assert ask(port, "POST", "/", {"X-Amz-Target": "Logs_20140328.DescribeLogGroups"}).status == 404

    assert len(table_names(aws.dynamodb())) == len(table_definitions("dev"))


def test_every_region_and_account_sees_the_same_tables(aws, serve):
    create_tables(aws.dynamodb(), "dev")
    client = boto3.client(
        "dynamodb",
        region_name="eu-central-1",
        endpoint_url=f"http://127.0.0.1:{serve(aws)}",
        aws_access_key_id="AKIAIOSFODNN7EXAMPLE",
        aws_secret_access_key="other",
    )

    assert len(table_names(client)) == len(table_definitions("dev"))
    client.close()


def test_a_secure_string_is_decrypted_only_on_demand(aws, serve, connect):
    client = connect("ssm", serve(aws))
    client.put_parameter(Name="/a/b", Value="secret", Type="SecureString")

    assert client.get_parameter(Name="/a/b", WithDecryption=True)["Parameter"]["Value"] == "secret"
    assert client.get_parameter(Name="/a/b")["Parameter"]["Value"] != "secret"


def test_writes_are_told_and_reads_are_not(aws):
    client = aws.dynamodb()
    create_tables(client, "dev")
    told = []
    aws.on_write(lambda: told.append("write"))

    client.scan(TableName="lychgate-dev-users")
    client.get_item(TableName="lychgate-dev-users", Key={"username_key": {"S": "alice"}})
    assert told == []

    client.put_item(TableName="lychgate-dev-users", Item={"username_key": {"S": "alice"}})
    assert told == ["write"]
